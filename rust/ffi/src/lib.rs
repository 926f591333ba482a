//! The engine of an app: one for the process, whoever asks.
//!
//! Three ways lead to it, and all say the same. [`api`] is the documented one, for Swift and Kotlin, over uniffi. `java`
//! is JNI: what Android's early start and every handshake use, because a call through uniffi's JNA takes twenty times
//! as long as a whole judgement. `c` is one C function, for the handshakes of Swift. Nothing is decided here; `bridge` holds
//! what they have in common.
//!
//! No panic crosses a boundary. A check that panics has refused a host that is pinned, and has not touched another.
//!
//! `rust/net` makes the engine's own connections: for signed pins, reports and `verifySslPinning`. `platform` is how those
//! trust whom the app's platform trusts.

pub mod api;
mod bridge;
#[cfg(not(target_os = "android"))]
pub mod c;
#[cfg(not(any(target_os = "ios", target_os = "tvos", target_os = "visionos")))]
mod java;
#[cfg(target_os = "android")]
mod logging;
mod platform;
#[cfg(any(test, feature = "testing"))]
mod testing;

uniffi::setup_scaffolding!();
