//! The check of a handshake as a C function, for Swift: uniffi would copy each certificate twice on its way here
//! (`docs/benchmarks.md` has the difference). Everything else of the engine goes through uniffi.
//!
//! Declared for Swift in `ios/FFI/spki_pinning_check.h`.

#![allow(unsafe_code, reason = "C says where memory is and how long it is by pointers")]

use crate::bridge::{self, Connection};
use spki_pinning_core::{engine::MAX_CHAIN, verdict::MAX_CERTIFICATE_BYTES};
use std::{
    ffi::{CString, c_char},
    panic::catch_unwind,
    ptr::null_mut,
    slice,
};

/// Bytes of the caller's, for the time of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SpkiBytes {
    /// Null: there are none.
    data: *const u8,
    length: usize,
}

impl SpkiBytes {
    /// # Safety
    /// `data` is null, or `length` bytes can be read from it for as long as `'a`.
    unsafe fn get<'a>(self) -> Option<&'a [u8]> {
        // SAFETY: the caller's promise; it holds for null as well, which is not looked at.
        (!self.data.is_null()).then(|| unsafe { slice::from_raw_parts(self.data, self.length) })
    }
}

/// As [`crate::api::PinningEngine::check`]. Null: the connection goes ahead. Otherwise why not, as JSON text that the caller
/// gives back to [`spki_pinning_free`].
///
/// `host` and `stack` are UTF-8; a host without bytes is unknown, and so is one that is no text.
///
/// # Safety
/// `chain` points to `count` certificates, or is null. What it, `host` and `stack` point to can be read until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spki_pinning_check(
    host: SpkiBytes,
    chain: *const SpkiBytes,
    count: usize,
    validated: bool,
    stack: SpkiBytes,
) -> *mut c_char {
    let check = || {
        // SAFETY: the caller's promise.
        let (host, stack, chain) = unsafe { (text(host), text(stack), certificates(chain, count)) };
        let connection = Connection { host, chain: &chain, validated };
        bridge::shared().check(connection, stack.unwrap_or_default())
    };
    // The engine has guards of its own. What gets here has failed outside of them, and nothing is known about the host.
    let refusal = catch_unwind(check).unwrap_or_else(|_| Some(r#"{"reason":"internal-error"}"#.to_owned()));
    // JSON escapes a NUL, so that there is none.
    refusal.map_or_else(null_mut, |text| CString::new(text).unwrap_or_default().into_raw())
}

/// Takes back what [`spki_pinning_check`] has answered. Null is nothing.
///
/// # Safety
/// `refusal` is an answer of [`spki_pinning_check`] that was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spki_pinning_free(refusal: *mut c_char) {
    if !refusal.is_null() {
        // SAFETY: the caller's promise: it comes from `into_raw`.
        drop(unsafe { CString::from_raw(refusal) });
    }
}

/// # Safety
/// As [`SpkiBytes::get`].
unsafe fn text<'a>(bytes: SpkiBytes) -> Option<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { bytes.get() }.and_then(|bytes| str::from_utf8(bytes).ok())
}

/// A chain as far as it matters for a verdict. A certificate without bytes is empty, which no certificate is; one that is
/// refused for its length is not copied.
///
/// # Safety
/// `chain` points to `count` values that keep the promise of [`SpkiBytes::get`], or is null.
unsafe fn certificates(chain: *const SpkiBytes, count: usize) -> Vec<Vec<u8>> {
    if chain.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    let chain = unsafe { slice::from_raw_parts(chain, count.min(MAX_CHAIN + 1)) };
    let bounded =
        |bytes: &SpkiBytes| SpkiBytes { length: bytes.length.min(MAX_CERTIFICATE_BYTES + 1), ..*bytes };
    // SAFETY: the caller's promise; fewer bytes than there are can be read too.
    chain.iter().map(|bytes| unsafe { bounded(bytes).get() }.unwrap_or_default().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::{SpkiBytes, spki_pinning_check, spki_pinning_free};
    use crate::bridge;
    use std::{ffi::CStr, ptr::null};

    const NONE: SpkiBytes = SpkiBytes { data: null(), length: 0 };

    fn bytes(slice: &[u8]) -> SpkiBytes {
        SpkiBytes { data: slice.as_ptr(), length: slice.len() }
    }

    fn check(host: SpkiBytes, chain: Option<&[SpkiBytes]>) -> Option<String> {
        let (pointer, count) = chain.map_or((null(), 0), |chain| (chain.as_ptr(), chain.len()));
        // SAFETY: all of it lives in the caller.
        let refusal = unsafe { spki_pinning_check(host, pointer, count, true, bytes(b"test")) };
        // SAFETY: it was not given back yet, and ends with a NUL.
        let text =
            (!refusal.is_null()).then(|| unsafe { CStr::from_ptr(refusal) }.to_str().unwrap().to_owned());
        // SAFETY: as above.
        unsafe { spki_pinning_free(refusal) };
        text
    }

    #[test]
    fn refuses_for_a_pinned_host_what_is_no_chain_and_does_not_touch_others() {
        let document = r#"{"a.test": {"publicKeyHashes": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}"#;
        assert!(
            bridge::shared().initialize(document, spki_pinning_core::Source::Code).contains(r#""ok":true"#)
        );

        let large = vec![0x30; 1 << 20];
        let many = vec![bytes(b"0"); 100];
        let chains: [Option<&[SpkiBytes]>; 6] =
            [None, Some(&[]), Some(&[NONE]), Some(&[bytes(b"no DER")]), Some(&[bytes(&large)]), Some(&many)];
        for chain in chains {
            let refusal = check(bytes(b"a.test"), chain).unwrap();
            assert!(refusal.contains(r#""serverHostname":"a.test""#), "{refusal}");
            assert_eq!(check(bytes(b"b.test"), chain), None);
        }
        for unknown in [NONE, bytes(b""), bytes(b"\xff.test")] {
            assert!(check(unknown, None).is_some(), "while something is pinned, a host has to be known");
        }
        bridge::shared().disable();
        assert_eq!(check(NONE, None), None);
    }
}
