//! The engine as a Node add-on. JSON text goes both ways, so that the formats are those of the core and of every other
//! bridge; nothing is decided here.
#![allow(unreachable_pub, reason = "napi's macros export what is `pub`")]
#![cfg_attr(test, allow(dead_code, reason = "but nothing in a test build"))]

mod document;
mod engine;
mod manifest;
mod probe;
mod read;
mod rotation;

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch: `given`, or the clock's.
fn now_ms(given: Option<f64>) -> i64 {
    given.map_or_else(clock_ms, |given| given as i64)
}

fn clock_ms() -> i64 {
    // A clock before 1970 counts as 1970: no pin set has expired then.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// A value that the core or this crate made as JSON.
fn to_json(value: &impl serde::Serialize) -> napi::Result<String> {
    serde_json::to_string(value).map_err(|error| napi::Error::from_reason(error.to_string()))
}
