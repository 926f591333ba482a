//! TLS with the pins of [`spki_pinning_core`]: rustls validates a server's chain, the core judges the chain that was
//! *validated*, and no byte of a request leaves before that.
//!
//! * [`path`] finds which certificates really are a path from a leaf: what is judged is never merely what a server sent.
//! * [`validate`] is trust: the platform's, or given roots.
//! * `client` (feature) is an HTTP client whose every connection, new, resumed or pooled, is judged by the pins in force.
//! * `background` (feature) gets signed pins and reports failures.
//! * `probe` (feature) makes one handshake and says what it saw.
//!
//! With the feature `platform-verifier` trust may come from the operating system.
#![forbid(unsafe_code)]

#[cfg(feature = "background")]
pub mod background;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "given-roots")]
pub mod path;
#[cfg(feature = "probe")]
pub mod probe;
#[cfg(feature = "background")]
pub mod signature;
#[cfg(feature = "background")]
pub mod store;
pub mod validate;
#[cfg(any(feature = "client", feature = "probe"))]
mod verifier;
