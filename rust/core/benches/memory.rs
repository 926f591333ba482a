//! What pins in force take of memory, and what it takes to get them there: bytes that the allocator has given out, for 1,
//! 100 and 10,000 domains with two pins each. A line for each number: domains, bytes in force, bytes at most on the way.

use spki_pinning_core::Engine;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static AT_MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator is the only way to see allocations")]
// SAFETY: every call is passed on to the system's allocator unchanged; `realloc` is the one of the trait, made of these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        AT_MOST.fetch_max(in_use, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// As in the benchmark on the JVM (`Inputs.java`).
fn document(domains: usize) -> String {
    let pins =
        r#"["YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=","r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E="]"#;
    let entries: Vec<_> =
        (0..domains).map(|n| format!(r#""h{n}.example.com":{{"publicKeyHashes":{pins}}}"#)).collect();
    format!("{{{}}}", entries.join(","))
}

fn main() {
    for domains in [1, 100, 10_000] {
        let document = document(domains);
        let engine = Engine::new();
        engine.initialize("{}", 0).expect("a valid configuration"); // what is made once only
        let before = IN_USE.load(Relaxed);
        AT_MOST.store(before, Relaxed);
        engine.initialize(&document, 0).expect("a valid configuration");
        println!("{domains}\t{}\t{}", IN_USE.load(Relaxed) - before, AT_MOST.load(Relaxed) - before);
    }
}
