//! What happened, for the app's listeners. The last events are kept: for the first listener, and for who asks later.

use crate::{
    distinguished_name,
    host::MAX_HOST_OCTETS,
    pin::Pin,
    pin_set::Entry,
    problem::cut,
    spki::{self, UnparsableDer},
    sync::{Mutex, MutexGuard, PoisonError},
    verdict::{Judgement, MAX_CERTIFICATE_BYTES, Outcome, Reason, served_pins},
};
use serde::Serialize;
use std::{collections::VecDeque, fmt::Write as _, sync::Arc};

/// How many events are kept; the oldest go first.
pub const MAX_RECENT: usize = 32;

/// What sort of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A connection failed its pins, be it blocked or only reported.
    Failure,
    /// Something to act on before connections fail.
    Warning,
    /// Nothing to act on.
    Info,
}

/// What a bridge has noticed by itself, apart from a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Somebody else has taken a place in a network stack that pinning needs; the bridge has it back.
    HookReplaced,
    /// A response of a pinned host came over a connection that nobody had judged, and was cut off.
    UnverifiedResponse,
    /// A connection was stopped because the configuration that the app carries is not in force: it cannot be read, say.
    ConfigurationNotInForce,
    /// A connection was stopped because the bridge could not have it judged.
    InternalError,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::HookReplaced, Self::UnverifiedResponse, Self::ConfigurationNotInForce, Self::InternalError];

    /// The stable kebab-case name: the event's reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HookReplaced => "hook-replaced",
            Self::UnverifiedResponse => "unverified-response",
            Self::ConfigurationNotInForce => "configuration-not-in-force",
            Self::InternalError => Reason::InternalError.as_str(),
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.as_str() == name)
    }

    /// What sort of event it is. A failure is an enforced one: the bridge has stopped the connection.
    pub const fn kind(self) -> EventKind {
        match self {
            Self::HookReplaced => EventKind::Warning,
            Self::UnverifiedResponse | Self::ConfigurationNotInForce | Self::InternalError => {
                EventKind::Failure
            }
        }
    }
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
    /// A [`Reason`], a [`Notice`] or the code of a warning.
    pub reason: &'static str,
    /// Whether the connection was stopped.
    pub enforced: bool,
    /// Leaf first.
    pub served_pins: Vec<Pin>,
    /// The pins of the domain that governs the host.
    pub expected_pins: Arc<[Pin]>,
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
            server_hostname: cut(host, MAX_HOST_OCTETS).into_owned(),
            message: failure_message(judgement, host, chain),
            reason: judgement.reason.as_str(),
            enforced: judgement.outcome == Outcome::Blocked,
            served_pins: served_pins(chain),
            expected_pins: judgement.entry.map(|entry| entry.pins().clone()).unwrap_or_default(),
            stack: stack.to_owned(),
            timestamp,
        }
    }

    /// `entry` is the one that governs the host, if the notice is about a host.
    pub(crate) fn notice(
        notice: Notice,
        host: Option<&str>,
        entry: Option<&Entry>,
        message: &str,
        stack: &str,
        timestamp: i64,
    ) -> Self {
        Self {
            kind: notice.kind(),
            server_hostname: cut(host.unwrap_or_default(), MAX_HOST_OCTETS).into_owned(),
            message: message.to_owned(),
            reason: notice.as_str(),
            enforced: notice.kind() == EventKind::Failure,
            served_pins: Vec::new(),
            expected_pins: entry.map(|entry| entry.pins().clone()).unwrap_or_default(),
            stack: stack.to_owned(),
            timestamp,
        }
    }

    /// What became of signed pins. `reason` is a code of [`crate::manifest`], or of who gets them.
    pub(crate) fn update(kind: EventKind, reason: &'static str, message: String, timestamp: i64) -> Self {
        Self {
            kind,
            server_hostname: String::new(),
            message,
            reason,
            enforced: false,
            served_pins: Vec::new(),
            expected_pins: Arc::default(),
            stack: String::new(),
            timestamp,
        }
    }

    /// That the pins of a domain are about to expire, or have expired.
    pub(crate) fn expiry(entry: &Entry, timestamp: i64) -> Self {
        let (domain, date) = (entry.domain(), entry.expiration_date().unwrap_or_default());
        let (reason, message) = if entry.is_expired(timestamp) {
            ("pins-expired", format!("The pins of {domain} expired on {date} and protect nothing any more."))
        } else {
            (
                "pins-expiring",
                format!("The pins of {domain} expire on {date}; from that day on they are off."),
            )
        };
        Self {
            kind: EventKind::Warning,
            server_hostname: domain.to_string(),
            message,
            reason,
            enforced: false,
            served_pins: Vec::new(),
            expected_pins: entry.pins().clone(),
            stack: String::new(),
            timestamp,
        }
    }
}

/// Certificates and pins that a message lists at most.
const LISTED: usize = 10;

/// After OkHttp's: the log line alone is enough to mend the configuration.
fn failure_message<C: AsRef<[u8]>>(judgement: &Judgement<'_>, host: &str, chain: &[C]) -> String {
    let host = cut(host, MAX_HOST_OCTETS);
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
            "Certificate pinning failure! A connection without a usable host name, while hosts are pinned."
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
        for certificate in chain.iter().take(LISTED).map(AsRef::as_ref) {
            let small = Some(certificate).filter(|der| der.len() <= MAX_CERTIFICATE_BYTES);
            let line = small.and_then(|der| described(der).ok());
            let line = line.as_deref().unwrap_or("(malformed, or larger than any real one)");
            let _ = write!(message, "\n    {line}");
        }
        write_rest(&mut message, chain.len());
    }
    if let Some(entry) = judgement.entry {
        let _ = write!(message, "\n  Pins configured for {}:", entry.domain());
        for pin in entry.pins().iter().take(LISTED) {
            let _ = write!(message, "\n    sha256/{pin}");
        }
        write_rest(&mut message, entry.pins().len());
    }
    message
}

fn described(certificate: &[u8]) -> Result<String, UnparsableDer> {
    let pin = spki::pin_of_certificate(certificate)?;
    let subject = distinguished_name::to_text(spki::certificate_subject(certificate)?);
    Ok(format!("sha256/{pin}: {}", cut(subject.as_deref().unwrap_or("(a malformed name)"), 200)))
}

fn write_rest(message: &mut String, count: usize) {
    if let Some(rest) = count.checked_sub(LISTED + 1) {
        let _ = write!(message, "\n    and {} more", rest + 1);
    }
}

/// Keeps the last events, and passes each on to a sink once: those of before there was one as soon as there is.
#[derive(Default)]
pub(crate) struct EventLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recent: VecDeque<Event>,
    /// How many of `recent`, from its end, no sink was given yet.
    waiting: usize,
    sink: Option<Arc<dyn EventSink>>,
}

impl EventLog {
    pub(crate) fn record(&self, event: Event) {
        let sink = {
            let mut state = self.state();
            if state.recent.len() == MAX_RECENT {
                state.recent.pop_front();
            }
            state.recent.push_back(event.clone());
            let Some(sink) = state.sink.clone() else {
                state.waiting = (state.waiting + 1).min(MAX_RECENT);
                return;
            };
            sink
        };
        sink.event(&event); // outside the lock: a sink may call the engine
    }

    pub(crate) fn set_sink(&self, sink: Option<Arc<dyn EventSink>>) {
        let waiting: Vec<_> = {
            let mut state = self.state();
            state.sink.clone_from(&sink);
            let count = if sink.is_some() { std::mem::take(&mut state.waiting) } else { 0 };
            state.recent.range(state.recent.len() - count..).cloned().collect()
        };
        if let Some(sink) = sink {
            waiting.iter().for_each(|event| sink.event(event));
        }
    }

    /// Oldest first, whether a sink was given them or not.
    pub(crate) fn recent(&self) -> Vec<Event> {
        self.state().recent.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EventLog").finish_non_exhaustive()
    }
}
