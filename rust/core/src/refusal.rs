//! What a bridge throws when a connection is stopped.

use crate::{
    host::MAX_HOST_OCTETS,
    pin::Pin,
    pin_set::PinSet,
    verdict::{Reason, Verdict},
};
use serde::Serialize;
use std::{fmt::Write as _, sync::Arc};

/// Why a connection does not go ahead.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// As the connection named it.
    pub server_hostname: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The configured domain that governs the host.
    pub entry: Option<Arc<str>>,
    /// Leaf first.
    pub served_pins: Vec<Pin>,
    /// One line that is enough to mend the configuration.
    pub message: String,
}

/// Pins that a message lists at most.
const LISTED: usize = 10;

impl Refusal {
    /// Of a verdict that blocks; `pins` are those in force.
    pub fn new(host: Option<&str>, verdict: Verdict, pins: &PinSet, now_ms: i64) -> Self {
        let Verdict { reason, entry, served_pins, .. } = verdict;
        let mut message = subject(host, reason);
        message.push_str(": it showed ");
        write_pins(&mut message, &served_pins);
        // Pins may have been changed since: then the entry may be gone, and the message has nothing to say about it.
        if let Some(configured) = entry.as_ref().and_then(|domain| pins.entry(domain, now_ms)) {
            let _ = write!(message, "; pinned for {} are ", configured.domain());
            write_pins(&mut message, configured.pins());
        }
        Self { server_hostname: named(host), reason, entry, served_pins, message }
    }

    /// For when it is not even known whether the host is pinned.
    pub fn internal_error(host: Option<&str>) -> Self {
        let reason = Reason::InternalError;
        let message = subject(host, reason);
        Self { server_hostname: named(host), reason, entry: None, served_pins: Vec::new(), message }
    }
}

/// What can be no host name is cut to the length of one.
fn named(host: Option<&str>) -> Option<String> {
    host.map(|host| host.chars().take(MAX_HOST_OCTETS).collect())
}

fn subject(host: Option<&str>, reason: Reason) -> String {
    let host = named(host);
    let host = host.as_deref().unwrap_or("a connection without a host name");
    format!("SSL pinning refused {host} ({})", reason.as_str())
}

fn write_pins(message: &mut String, pins: &[Pin]) {
    if pins.is_empty() {
        message.push_str("no pin");
    }
    for (index, pin) in pins.iter().take(LISTED).enumerate() {
        let _ = write!(message, "{}sha256/{pin}", if index == 0 { "" } else { ", " });
    }
    if pins.len() > LISTED {
        let _ = write!(message, " and {} more", pins.len() - LISTED);
    }
}
