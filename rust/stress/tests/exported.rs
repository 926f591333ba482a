//! What the library of apps exports, called from many threads while configurations swap: the C function of Swift, and the
//! scaffolding of uniffi as Kotlin and Swift call it. `SPKI_LIBRARY` says which library: one that a sanitizer watches.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a test fails by panics, and C is called by what its header says"
)]

use spki_pinning_core::{Pin, spki};
use spki_pinning_stress::{certificate, chain, setting};
use std::{
    env,
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem::transmute_copy,
    ptr::{null, null_mut},
    slice,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// `SpkiBytes` of ios/FFI/spki_pinning_check.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes {
    data: *const u8,
    length: usize,
}

impl Bytes {
    const NONE: Self = Self { data: null(), length: 0 };

    fn of(slice: &[u8]) -> Self {
        Self { data: slice.as_ptr(), length: slice.len() }
    }
}

/// uniffi's, by the bindings that its generator writes.
#[repr(C)]
struct RustBuffer {
    capacity: u64,
    length: u64,
    data: *mut u8,
}

#[repr(C)]
struct ForeignBytes {
    length: i32,
    data: *const u8,
}

#[repr(C)]
struct CallStatus {
    code: i8,
    error: RustBuffer,
}

impl CallStatus {
    const fn new() -> Self {
        Self { code: 0, error: RustBuffer { capacity: 0, length: 0, data: null_mut() } }
    }
}

type CheckC = unsafe extern "C" fn(Bytes, *const Bytes, usize, bool, Bytes) -> *mut c_char;
type FreeC = unsafe extern "C" fn(*mut c_char);
type FromBytes = unsafe extern "C" fn(ForeignBytes, &mut CallStatus) -> RustBuffer;
type FreeBuffer = unsafe extern "C" fn(RustBuffer, &mut CallStatus);
type Shared = unsafe extern "C" fn(&mut CallStatus) -> u64;
type Clone = unsafe extern "C" fn(u64, &mut CallStatus) -> u64;
type Drop = unsafe extern "C" fn(u64, &mut CallStatus);
type TextToText = unsafe extern "C" fn(u64, RustBuffer, &mut CallStatus) -> RustBuffer;
type ToText = unsafe extern "C" fn(u64, &mut CallStatus) -> RustBuffer;
type ToNothing = unsafe extern "C" fn(u64, &mut CallStatus);
type CheckUniffi =
    unsafe extern "C" fn(u64, RustBuffer, RustBuffer, i8, RustBuffer, &mut CallStatus) -> RustBuffer;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

struct Library {
    handle: *mut c_void,
}

impl Library {
    fn open() -> Self {
        const NOW: c_int = 2;
        let path = CString::new(env::var("SPKI_LIBRARY").expect("SPKI_LIBRARY names the library")).unwrap();
        // SAFETY: a path that ends with NUL.
        let handle = unsafe { dlopen(path.as_ptr(), NOW) };
        assert!(!handle.is_null(), "{path:?} cannot be loaded");
        Self { handle }
    }

    /// # Safety
    /// `F` is the type of the function.
    unsafe fn function<F>(&self, name: &str) -> F {
        let name = CString::new(name).unwrap();
        // SAFETY: of a library that stays open.
        let address = unsafe { dlsym(self.handle, name.as_ptr()) };
        assert!(!address.is_null(), "the library has no {name:?}");
        assert_eq!(size_of::<F>(), size_of_val(&address));
        // SAFETY: the caller's promise.
        unsafe { transmute_copy(&address) }
    }
}

/// The engine as the bindings of uniffi see it.
struct Engine {
    handle: u64,
    from_bytes: FromBytes,
    free_buffer: FreeBuffer,
    clone: Clone,
    drop: Drop,
    initialize: TextToText,
    disable: ToNothing,
    status: ToText,
    check: CheckUniffi,
}

impl Engine {
    fn of(library: &Library) -> Self {
        // SAFETY: the types are those of the bindings for these names.
        unsafe {
            let method = |name| format!("uniffi_spki_pinning_fn_method_pinningengine_{name}");
            let mut status = CallStatus::new();
            let shared: Shared = library.function("uniffi_spki_pinning_fn_constructor_pinningengine_shared");
            Self {
                handle: shared(&mut status),
                from_bytes: library.function("ffi_spki_pinning_rustbuffer_from_bytes"),
                free_buffer: library.function("ffi_spki_pinning_rustbuffer_free"),
                clone: library.function("uniffi_spki_pinning_fn_clone_pinningengine"),
                drop: library.function("uniffi_spki_pinning_fn_free_pinningengine"),
                initialize: library.function(&method("initialize")),
                disable: library.function(&method("disable")),
                status: library.function(&method("status")),
                check: library.function(&method("check")),
            }
        }
    }

    /// Calls a method as the bindings do: each call takes a handle of its own.
    fn call<T>(&self, method: impl FnOnce(u64, &mut CallStatus) -> T) -> T {
        let mut status = CallStatus::new();
        // SAFETY: the handle lives as long as `self`.
        let handle = unsafe { (self.clone)(self.handle, &mut status) };
        let result = method(handle, &mut status);
        assert_eq!(status.code, 0, "the call has failed");
        result
    }

    fn lower(&self, bytes: &[u8]) -> RustBuffer {
        let foreign = ForeignBytes { length: bytes.len().try_into().unwrap(), data: bytes.as_ptr() };
        // SAFETY: it is copied.
        unsafe { (self.from_bytes)(foreign, &mut CallStatus::new()) }
    }

    fn lift(&self, buffer: RustBuffer) -> Vec<u8> {
        let bytes = match buffer.length {
            0 => Vec::new(),
            // SAFETY: so many bytes are there until it is freed.
            length => unsafe { slice::from_raw_parts(buffer.data, length.try_into().unwrap()) }.to_vec(),
        };
        // SAFETY: an answer of the library that was not given back before.
        unsafe { (self.free_buffer)(buffer, &mut CallStatus::new()) };
        bytes
    }

    fn initialize(&self, document: &str) -> String {
        // SAFETY: as the bindings call it; the rest of these too.
        let answer = self.call(|handle, status| unsafe {
            (self.initialize)(handle, self.lower(document.as_bytes()), status)
        });
        String::from_utf8(self.lift(answer)).unwrap()
    }

    fn disable(&self) {
        // SAFETY: see above.
        self.call(|handle, status| unsafe { (self.disable)(handle, status) });
    }

    fn status(&self) -> String {
        // SAFETY: see above.
        let answer = self.call(|handle, status| unsafe { (self.status)(handle, status) });
        String::from_utf8(self.lift(answer)).unwrap()
    }

    fn check(&self, host: &str, chain: &[Vec<u8>]) -> Option<String> {
        let counted = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let host = [&[1], counted(host.as_bytes()).as_slice()].concat();
        let count = u32::try_from(chain.len()).unwrap().to_be_bytes().to_vec();
        let chain =
            [count].into_iter().chain(chain.iter().map(|der| counted(der))).collect::<Vec<_>>().concat();
        // SAFETY: see above.
        let answer = self.call(|handle, status| unsafe {
            let (host, chain) = (self.lower(&host), self.lower(&chain));
            (self.check)(handle, host, chain, 1, self.lower(b"uniffi"), status)
        });
        let bytes = self.lift(answer);
        (bytes[0] == 1).then(|| String::from_utf8(bytes[5..].to_vec()).unwrap())
    }
}

impl std::ops::Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: it came from the constructor, and is given back once.
        unsafe { (self.drop)(self.handle, &mut CallStatus::new()) };
    }
}

// SAFETY: functions, and a handle that uniffi lets any thread use.
unsafe impl Sync for Engine {}

/// The C function with what frees its answer.
struct C {
    check: CheckC,
    free: FreeC,
}

impl C {
    fn check(&self, host: Bytes, chain: &[Bytes]) -> Option<String> {
        // SAFETY: what they point to outlives the call.
        let answer = unsafe { (self.check)(host, chain.as_ptr(), chain.len(), true, Bytes::of(b"c")) };
        if answer.is_null() {
            return None;
        }
        // SAFETY: text that ends with NUL, not given back before.
        unsafe {
            let text = CStr::from_ptr(answer).to_str().unwrap().to_owned();
            (self.free)(answer);
            Some(text)
        }
    }
}

fn document(pins: &[Pin]) -> String {
    let pins: Vec<_> = pins.iter().map(ToString::to_string).collect();
    format!(r#"{{"a.test": {{"publicKeyHashes": {pins:?}, "includeSubdomains": true}}}}"#)
}

#[test]
fn the_library_keeps_its_promises_to_many_threads_while_configurations_swap() {
    let threads = setting("STRESS_THREADS", 8);
    let rounds = setting("STRESS_CHECKS", 500);
    let library = Library::open();
    let engine = Engine::of(&library);
    // SAFETY: the types are those of the header.
    let c = unsafe {
        C { check: library.function("spki_pinning_check"), free: library.function("spki_pinning_free") }
    };
    let (right, other) = (chain(), vec![certificate("other-leaf").0]);
    let pin = |der: &[u8]| spki::pin_of_certificate(der).unwrap();
    // Whichever of them is in force: the right chain is allowed, the other one is not.
    let documents = [0, 1, 2].map(|place| document(&[pin(&right[place]), certificate("ec-p384").1]));
    assert!(engine.initialize(&documents[0]).contains(r#""ok":true"#));
    let done = AtomicBool::new(false);

    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let (engine, c, right, other) = (&engine, &c, &right, &other);
                scope.spawn(move || {
                    let host = format!("h{number}.a.test");
                    for _ in 0..rounds {
                        let pointers: Vec<_> = right.iter().map(|der| Bytes::of(der)).collect();
                        assert_eq!(c.check(Bytes::of(host.as_bytes()), &pointers), None);
                        assert_eq!(engine.check(&host, right), None);
                        let refused = c.check(Bytes::of(host.as_bytes()), &[Bytes::of(&other[0])]).unwrap();
                        assert!(refused.contains("no-pin-matched"), "{refused}");
                        let refused = engine.check(&host, other).unwrap();
                        assert!(refused.contains("no-pin-matched"), "{refused}");
                        assert!(c.check(Bytes::of(host.as_bytes()), &[Bytes::NONE]).is_some());
                        assert!(c.check(Bytes::NONE, &[]).is_some());
                        assert_eq!(c.check(Bytes::of(b"b.test"), &[]), None);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            for document in documents.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                assert!(engine.initialize(document).contains(r#""ok":true"#));
                assert!(engine.status().contains(r#""active":true"#));
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(Result::unwrap);
    });
    engine.disable();
    assert_eq!(engine.check("h0.a.test", &other), None);
    println!("{} calls of each way in, by {threads} threads", threads * rounds);
}
