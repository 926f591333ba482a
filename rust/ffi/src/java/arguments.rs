//! What a native is called with, copied out of Java.
//!
//! Every handshake comes through here, so for a chain the functions of the VM are called directly: the crate jni asks before and
//! after each of them whether an exception is pending. None of those called here throws for what it is given.

#![allow(unsafe_code, reason = "the functions of a Java VM are behind pointers")]

use jni::{
    Env,
    objects::{JByteArray, JObjectArray, JString},
    sys::{JNINativeInterface__1_2, jsize},
};
use spki_pinning_core::{engine::MAX_CHAIN, verdict::MAX_CERTIFICATE_BYTES};

/// A string as Rust has it; none if it is null. Half a surrogate pair becomes U+FFFD. By the crate's own way: the emulator of
/// the tests copies something else by `GetStringRegion`.
pub(super) fn text(env: &Env<'_>, string: &JString<'_>) -> Option<String> {
    string.try_to_string(env).ok()
}

/// A chain as far as it matters for a verdict. A certificate that is null is empty, which no certificate is; one that is
/// refused for its length is not copied; without an array there is no chain.
pub(super) fn certificates(env: &Env<'_>, chain: &JObjectArray<'_, JByteArray<'_>>) -> Vec<Vec<u8>> {
    if chain.is_null() {
        return Vec::new();
    }
    let (raw, chain) = (env.get_raw(), chain.as_raw());
    let functions = functions(env);
    // SAFETY: `raw` is the VM's for this thread, and `chain` an array of it for as long as the borrow.
    let count = unsafe { (functions.GetArrayLength)(raw, chain) };
    let copy = |index: jsize| {
        // SAFETY: as above; there is an element at `index`, and it is an array of bytes or null, by the type of `chain`.
        let certificate = unsafe { (functions.GetObjectArrayElement)(raw, chain, index) };
        if certificate.is_null() {
            return Vec::new();
        }
        // SAFETY: it is an array of bytes, and this reference to it lives until it is deleted below.
        let length = unsafe { (functions.GetArrayLength)(raw, certificate) };
        // One of this length is refused for it alone.
        let copied = length.min(MAX_CERTIFICATE_BYTES as jsize + 1);
        let mut bytes = vec![0; usize::try_from(copied).unwrap_or_default()];
        // SAFETY: the region is inside of the array, `bytes` has just that length, and the reference is not used again.
        unsafe {
            (functions.GetByteArrayRegion)(raw, certificate, 0, copied, bytes.as_mut_ptr().cast());
            (functions.DeleteLocalRef)(raw, certificate);
        }
        bytes
    };
    (0..count.min(MAX_CHAIN as jsize + 1)).map(copy).collect()
}

/// The functions that every VM has.
fn functions<'a>(env: &'a Env<'_>) -> &'a JNINativeInterface__1_2 {
    // SAFETY: an `Env` is of a VM of version 1.2 or newer, and its table lives as long as the VM.
    unsafe { &(**env.get_raw()).v1_2 }
}
