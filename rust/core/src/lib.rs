//! The decision at the heart of react-native-spki-pinning: may a connection to this host, with this validated
//! certificate chain, go ahead?
//!
//! No I/O, no FFI, no clock: time is a parameter, always in milliseconds since the Unix epoch. The page an auditor
//! wants is [`verdict`]; what an app configures is parsed in [`options`] and compiled into a [`pin_set::PinSet`];
//! [`engine::Engine`] swaps pin sets atomically, keeps events and counts.
//!
//! ```
//! use spki_pinning_core::{Engine, Pin};
//!
//! let engine = Engine::new();
//! let now = 1_767_225_600_000; // 2026-01-01T00:00:00Z
//! engine.initialize(r#"{"example.com": {"publicKeyHashes": [
//!     "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=",
//!     "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg="]}}"#, now)?;
//!
//! let no_certificates: [&[u8]; 0] = [];
//! assert!(engine.evaluate(Some("example.com"), &no_certificates, now).is_blocked());
//! assert!(!engine.evaluate(Some("example.org"), &no_certificates, now).is_blocked());
//! # Ok::<(), spki_pinning_core::ConfigError>(())
//! ```
#![forbid(unsafe_code)]

pub mod answer;
pub mod certificate;
pub mod check;
mod der;
mod distinguished_name;
mod dropped;
mod early;
pub mod engine;
pub mod event;
pub mod expiry;
pub mod host;
mod json;
pub mod manifest;
mod names;
pub mod options;
pub mod pem;
pub mod pin;
pub mod pin_set;
pub mod problem;
mod public_suffix;
pub mod refusal;
pub mod report;
pub mod spki;
pub mod status;
mod steady;
mod sync;
pub mod verdict;
pub mod verification_key;
pub mod watch;

pub use answer::Answer;
pub use engine::{Engine, Initialized};
pub use event::{Event, EventKind, EventSink, Notice};
pub use pin::Pin;
pub use pin_set::{PinSet, Source};
pub use problem::{ConfigError, Problem, Severity};
pub use refusal::Refusal;
pub use report::FailureObserver;
pub use verdict::{Outcome, Reason, Verdict};
