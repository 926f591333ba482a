//! What a network may do to a connection, at each record of TLS: cut, reset, stall, drip, lose, repeat and change it. Nobody
//! hangs, nothing half is taken for whole, no pin is forgotten, and the next connection works.
//!
//! `SPKI_LONG=1` runs the cases that wait for long timeouts, and those of resumed sessions, too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;
mod faulty;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Most cases wait.
const AT_ONCE: usize = 16;

fn is_long() -> bool {
    std::env::var_os("SPKI_LONG").is_some_and(|value| value == "1")
}

fn in_parallel<T: Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(case);
                }
            });
        }
    });
}
