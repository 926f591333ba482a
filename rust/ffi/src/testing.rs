//! What tests in other languages need and no app gets: a clock that can be set, and panics at will.

#[cfg(feature = "testing")]
use crate::{api::PinningEngine, bridge};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const REAL: i64 = i64::MIN;

/// The hooks of one bridge.
pub(crate) struct Hooks {
    now_ms: AtomicI64,
    panic: AtomicBool,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { now_ms: REAL.into(), panic: false.into() }
    }
}

impl Hooks {
    /// The time for every call from now on; none: the clock's.
    pub(crate) fn set_now_ms(&self, now_ms: Option<i64>) {
        self.now_ms.store(now_ms.unwrap_or(REAL), Ordering::SeqCst);
    }

    /// The next call panics.
    pub(crate) fn panic_in_next_call(&self) {
        self.panic.store(true, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> Option<i64> {
        Some(self.now_ms.load(Ordering::SeqCst)).filter(|now| *now != REAL)
    }

    #[allow(clippy::panic, reason = "that is what it is for")]
    pub(crate) fn panic_if_asked(&self) {
        if self.panic.swap(false, Ordering::SeqCst) {
            panic!("as a test asked for");
        }
    }
}

/// Hooks of the process's engine.
#[cfg(feature = "testing")]
#[uniffi::export]
impl PinningEngine {
    /// The time for every call from now on, in milliseconds since the Unix epoch; none: the clock's.
    pub fn testing_set_now(&self, now_ms: Option<i64>) {
        bridge::shared().hooks.set_now_ms(now_ms);
    }

    /// The next call panics.
    pub fn testing_panic_in_next_call(&self) {
        bridge::shared().hooks.panic_in_next_call();
    }
}
