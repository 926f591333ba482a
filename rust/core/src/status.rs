//! What `getSslPinningStatus()` answers.

use crate::{
    event::Event,
    pin::Pin,
    pin_set::{Entry, PinSet},
    problem::Problem,
    verdict::Outcome,
};
use serde::Serialize;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The state of an engine at one time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether the pins of any domain are in force.
    pub active: bool,
    /// Counts the configurations; 0 before the first.
    pub generation: u64,
    /// In the order of the configuration.
    pub domains: Vec<DomainStatus>,
    /// Since the engine was made.
    pub counters: Counts,
    /// Of the configuration in force.
    pub warnings: Vec<Problem>,
    /// The last events, oldest first, at most [`crate::event::MAX_RECENT`]: whether a listener was told of them or not.
    pub recent_events: Vec<Event>,
}

/// One configured domain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainStatus {
    /// The normalised key.
    pub domain: String,
    /// Whether subdomains are pinned too.
    pub include_subdomains: bool,
    /// In the order of the configuration.
    pub pins: Vec<Pin>,
    /// `yyyy-MM-dd`.
    pub expiration_date: Option<String>,
    /// Normalised.
    pub excluded_subdomains: Vec<String>,
    /// Whether a mismatch is only reported.
    pub report_only: bool,
    /// What the pins do now.
    pub state: DomainState,
    /// Where the pins come from: `code`.
    pub source: &'static str,
}

/// What a domain's pins do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DomainState {
    /// A mismatch is blocked.
    Enforced,
    /// A mismatch is only reported.
    ReportOnly,
    /// The pins are off.
    Expired,
    /// Enforced (or report-only), for less than 30 days more.
    Expiring,
}

impl DomainStatus {
    fn new(entry: &Entry, now_ms: i64) -> Self {
        let state = if entry.is_expired(now_ms) {
            DomainState::Expired
        } else if entry.is_expiring(now_ms) {
            DomainState::Expiring
        } else if entry.report_only {
            DomainState::ReportOnly
        } else {
            DomainState::Enforced
        };
        Self {
            domain: entry.domain().to_string(),
            include_subdomains: entry.include_subdomains,
            pins: entry.pins().to_vec(),
            expiration_date: entry.expiration_date().map(str::to_owned),
            excluded_subdomains: entry.excluded_subdomains().to_vec(),
            report_only: entry.report_only,
            state,
            source: "code",
        }
    }
}

/// How many handshakes were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All of them, unpinned hosts included.
    pub checks: u64,
    /// Gone ahead.
    pub allowed: u64,
    /// Stopped.
    pub blocked: u64,
    /// Gone ahead with a report.
    pub report_only: u64,
    /// Milliseconds since the Unix epoch.
    pub last_check: Option<i64>,
}

/// The counters behind [`Counts`].
#[derive(Debug)]
pub(crate) struct Counters {
    allowed: AtomicU64,
    blocked: AtomicU64,
    report_only: AtomicU64,
    last_check: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Default for Counters {
    fn default() -> Self {
        Self { allowed: 0.into(), blocked: 0.into(), report_only: 0.into(), last_check: NEVER.into() }
    }
}

impl Counters {
    pub(crate) fn count(&self, outcome: Outcome, now_ms: i64) {
        let counter = match outcome {
            Outcome::Allowed => &self.allowed,
            Outcome::Blocked => &self.blocked,
            Outcome::ReportOnly => &self.report_only,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.last_check.store(now_ms, Ordering::Relaxed);
    }

    fn read(&self) -> Counts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (allowed, blocked, report_only) =
            (load(&self.allowed), load(&self.blocked), load(&self.report_only));
        let last_check = self.last_check.load(Ordering::Relaxed);
        Counts {
            checks: allowed + blocked + report_only,
            allowed,
            blocked,
            report_only,
            last_check: (last_check != NEVER).then_some(last_check),
        }
    }
}

impl Status {
    pub(crate) fn new(pins: &PinSet, counters: &Counters, recent_events: Vec<Event>, now_ms: i64) -> Self {
        Self {
            active: pins.strictest(now_ms).is_some(),
            generation: pins.generation,
            domains: pins.entries().iter().map(|entry| DomainStatus::new(entry, now_ms)).collect(),
            counters: counters.read(),
            warnings: pins.warnings.clone(),
            recent_events,
        }
    }
}
