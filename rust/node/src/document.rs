//! Questions about a configuration document, a key of one, a pin of one.

use crate::{now_ms, to_json};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde_json::json;
use spki_pinning_core::{Pin, Severity, check, host, problem::Finding};

/// What is wrong with a configuration: `{"ok", "problems"}`.
#[napi(catch_unwind)]
pub fn check_document(document: String, now: Option<f64>) -> napi::Result<String> {
    to_json(&check::check(&document, now_ms(now)))
}

/// The verdict that a configuration gives for a host and its validated chain (DER, leaf first), or `{"problems"}`.
#[napi(catch_unwind)]
pub fn evaluate_document(
    document: String,
    host: Option<String>,
    chain: Vec<Buffer>,
    now: Option<f64>,
) -> napi::Result<String> {
    match check::evaluate(&document, host.as_deref(), &chain, now_ms(now)) {
        Ok(verdict) => to_json(&verdict),
        Err(error) => to_json(&error),
    }
}

/// A domain key in its normal form: `{"ok": true, "host"}` or `{"ok": false, "problem"}`.
#[napi(catch_unwind)]
pub fn normalize_host(input: String) -> napi::Result<String> {
    match host::normalize(&input) {
        Ok(host) => to_json(&json!({"ok": true, "host": host.name})),
        Err(finding) => refused(finding),
    }
}

/// A pin in its canonical form: `{"ok": true, "pin"}` or `{"ok": false, "problem"}`.
#[napi(catch_unwind)]
pub fn parse_pin(input: String) -> napi::Result<String> {
    match Pin::parse(&input) {
        Ok(pin) => to_json(&json!({"ok": true, "pin": pin})),
        Err(finding) => refused(finding),
    }
}

fn refused(finding: Finding) -> napi::Result<String> {
    to_json(&json!({"ok": false, "problem": finding.at(Severity::Error, "")}))
}
