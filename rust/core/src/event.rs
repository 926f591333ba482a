//! What happened, for the app's listeners. Events are kept until the first listener comes.

use crate::{
    certificate,
    pin::Pin,
    pin_set::Entry,
    problem::{Problem, excerpt},
    verdict::{Judgement, MAX_CHAIN, Outcome, Reason, served_pins},
};
use serde::Serialize;
use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

/// How many events wait for the first listener; the oldest go first.
pub const MAX_WAITING: usize = 32;

/// What sort of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A connection failed its pins, be it blocked or only reported.
    Failure,
    /// Something to act on before connections fail.
    Warning,
}

/// One event, as JavaScript listeners receive it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Failure or warning.
    pub kind: EventKind,
    /// The host that failed: after redirects, the one that was really contacted.
    pub server_hostname: String,
    /// For a person or a log: host, served and configured pins.
    pub message: String,
    /// A [`Reason`] or the code of a warning.
    pub reason: &'static str,
    /// Whether the connection was stopped.
    pub enforced: bool,
    /// Leaf first.
    pub served_pins: Vec<Pin>,
    /// The pins of the domain that governs the host.
    pub expected_pins: Vec<Pin>,
    /// The network stack the connection belongs to, as its bridge names it: `fetch`, `websocket`, …
    pub stack: String,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// Receives events. Called on the thread on which they happen, which may be one of a TLS handshake: hand over and return.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}

impl Event {
    pub(crate) fn failure<C: AsRef<[u8]>>(
        judgement: &Judgement<'_>,
        host: Option<&str>,
        chain: &[C],
        stack: &str,
        timestamp: i64,
    ) -> Self {
        let host = host.unwrap_or_default();
        Self {
            kind: EventKind::Failure,
            server_hostname: excerpt(host).into_owned(),
            message: failure_message(judgement, host, chain),
            reason: judgement.reason.as_str(),
            enforced: judgement.outcome == Outcome::Blocked,
            served_pins: served_pins(chain),
            expected_pins: judgement.entry.map(|entry| entry.pins().to_vec()).unwrap_or_default(),
            stack: stack.to_owned(),
            timestamp,
        }
    }

    pub(crate) fn expiring(entry: &Entry, timestamp: i64) -> Self {
        let date = entry.expiration_date().unwrap_or_default();
        Self {
            kind: EventKind::Warning,
            server_hostname: entry.domain().to_string(),
            message: format!(
                "The pins of {} expire on {date}; from that day on it is not pinned.",
                entry.domain()
            ),
            reason: "pins-expiring",
            enforced: false,
            served_pins: Vec::new(),
            expected_pins: entry.pins().to_vec(),
            stack: String::new(),
            timestamp,
        }
    }

    pub(crate) fn warning(problem: &Problem, timestamp: i64) -> Self {
        Self {
            kind: EventKind::Warning,
            server_hostname: String::new(),
            message: problem.to_string(),
            reason: problem.code,
            enforced: false,
            served_pins: Vec::new(),
            expected_pins: Vec::new(),
            stack: String::new(),
            timestamp,
        }
    }
}

/// After OkHttp's: the log line alone is enough to mend the configuration.
fn failure_message<C: AsRef<[u8]>>(judgement: &Judgement<'_>, host: &str, chain: &[C]) -> String {
    let host = excerpt(host);
    let mut message = match judgement.reason {
        Reason::NoPinMatched => {
            format!("Certificate pinning failure! No certificate of {host} has a pinned key.")
        }
        Reason::EmptyChain => {
            format!("Certificate pinning failure! {host} is pinned, but there is no certificate.")
        }
        Reason::UnparsableChain => {
            format!(
                "Certificate pinning failure! {host} is pinned, but a certificate of its chain is malformed."
            )
        }
        Reason::ChainTooLarge => {
            format!(
                "Certificate pinning failure! {host} is pinned, but its chain is longer or larger than any real one."
            )
        }
        Reason::MissingHost => {
            "Certificate pinning failure! A connection without a host name, while hosts are pinned."
                .to_owned()
        }
        Reason::ChainNotValidated => {
            format!(
                "Certificate pinning failure! {host} is pinned, but its certificate chain was not validated."
            )
        }
        _ => format!("Certificate pinning failure! {host} could not be checked."),
    };
    if judgement.outcome == Outcome::ReportOnly {
        message.push_str(" Only reported: the domain is report-only.");
    }
    if !chain.is_empty() {
        message.push_str("\n  Validated certificate chain:");
        for certificate in chain.iter().take(MAX_CHAIN) {
            let line = match certificate::describe(certificate.as_ref()) {
                Ok(described) => format!("{}: {}", described.pin, described.subject.unwrap_or_default()),
                Err(_) => "(malformed)".to_owned(),
            };
            let _ = write!(message, "\n    sha256/{line}");
        }
    }
    if let Some(entry) = judgement.entry {
        let _ = write!(message, "\n  Pins configured for {}:", entry.domain());
        entry.pins().iter().for_each(|pin| message.push_str(&format!("\n    sha256/{pin}")));
    }
    message
}

/// Holds events until there is a sink, then passes them on.
#[derive(Default)]
pub(crate) struct EventLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Event>,
    sink: Option<Arc<dyn EventSink>>,
}

impl EventLog {
    pub(crate) fn record(&self, event: Event) {
        let sink = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match state.sink.clone() {
                Some(sink) => sink,
                None => {
                    if state.waiting.len() == MAX_WAITING {
                        state.waiting.pop_front();
                    }
                    state.waiting.push_back(event);
                    return;
                }
            }
        };
        sink.event(&event); // outside the lock: a sink may call the engine
    }

    pub(crate) fn set_sink(&self, sink: Option<Arc<dyn EventSink>>) {
        let waiting = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.sink.clone_from(&sink);
            if sink.is_some() { std::mem::take(&mut state.waiting) } else { VecDeque::new() }
        };
        if let Some(sink) = sink {
            waiting.iter().for_each(|event| sink.event(event));
        }
    }
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EventLog").finish_non_exhaustive()
    }
}
