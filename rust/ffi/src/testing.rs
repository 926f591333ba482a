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

/// The validation of certificates that a platform has.
#[cfg(feature = "testing-trust")]
#[uniffi::export]
impl PinningEngine {
    /// Validates what a server has sent, leaf first, for `host` as of today by the roots of a PEM file: the path, or nothing
    /// if there is none.
    pub fn testing_validate(&self, host: &str, sent: Vec<Vec<u8>>, roots: &[u8]) -> Option<Vec<Vec<u8>>> {
        use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
        use spki_pinning_net::validate::{Presented, Roots};

        let sent: Vec<_> = sent.into_iter().map(CertificateDer::from).collect();
        let (leaf, intermediates) = sent.split_first()?;
        let name = ServerName::try_from(host).ok()?;
        let presented =
            Presented { leaf, intermediates, name: &name, ocsp_response: &[], now: UnixTime::now() };
        let validator = Roots::Given(roots.to_vec()).validator().ok()?;
        let path = validator.validate(&presented, &|_| true).ok()?;
        Some(path.into_iter().map(|certificate| certificate.to_vec()).collect())
    }
}
