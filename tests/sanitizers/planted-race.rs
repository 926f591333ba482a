//! A mistake on purpose, in a program or loaded by Node or a JVM: what the thread sanitizer has to find before its silence means
//! anything. Not in an initializer: the loader's lock is held then, which the sanitizer wants for its report.
#![allow(dead_code, reason = "a library has no main")]

use std::{
    ffi::c_void,
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

static mut SHARED: u64 = 0;
static TURNS: AtomicU32 = AtomicU32::new(0);

fn write_from_two_threads() {
    let write = || {
        // In turns, by what orders nothing else: each writes while the other is there.
        for _ in 0..100 {
            // SAFETY: none; this is the mistake.
            unsafe { (&raw mut SHARED).write_volatile(black_box(1)) };
            let turn = TURNS.fetch_add(1, Ordering::Relaxed);
            for _ in 0..1000 {
                if TURNS.load(Ordering::Relaxed) > turn + 1 {
                    break;
                }
                thread::yield_now();
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(write);
        write();
    });
}

/// Called by a JVM; the answer is the version of JNI.
#[unsafe(no_mangle)]
extern "C" fn JNI_OnLoad(_vm: *mut c_void, _: *mut c_void) -> i32 {
    write_from_two_threads();
    0x0001_0006
}

/// Called by Node.
#[unsafe(no_mangle)]
extern "C" fn napi_register_module_v1(_env: *mut c_void, exports: *mut c_void) -> *mut c_void {
    write_from_two_threads();
    exports
}

fn main() {
    write_from_two_threads();
}
