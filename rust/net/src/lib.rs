//! TLS with the pins of [`spki_pinning_core`]: rustls validates a server's chain, the core judges the chain that was
//! *validated*, and no byte of a request leaves before that.
//!
//! * [`path`] finds which certificates really are a path from a leaf: what is judged is never merely what a server sent.
//! * [`validate`] is trust: the platform's, or given roots.
//! * [`probe`] makes one handshake and says what it saw.
//! * [`client`] is an HTTP client whose every connection, new, resumed or pooled, is judged by the pins in force.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
pub mod path;
pub mod probe;
pub mod validate;
mod verifier;
