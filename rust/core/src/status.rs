//! What `getSslPinningStatus()` answers.

use crate::{
    event::Event,
    manifest::Refused,
    pin::Pin,
    pin_set::{Entry, PinSet, Source},
    problem::Problem,
    sync::{AtomicI64, AtomicU64, Ordering},
    verdict::Outcome,
};
use serde::Serialize;

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
    /// Signed pins; none if the configuration has no `updates`.
    pub updates: Option<UpdatesStatus>,
    /// Reports of failures; none if the configuration has no `reportUris`.
    pub reports: Option<ReportsStatus>,
    /// The network stacks of this process that connections can come from.
    pub stacks: Vec<StackStatus>,
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
    /// Where the pins come from.
    pub source: PinSource,
}

/// Where a domain's pins come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PinSource {
    /// The app's code.
    Code,
    /// The app's build.
    Embedded,
    /// A signed manifest.
    Update,
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
    fn new(entry: &Entry, source: PinSource, now_ms: i64) -> Self {
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
            source,
        }
    }
}

/// What there is of signed pins.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdatesStatus {
    /// Of the manifest whose pins are used; none before the first.
    pub version: Option<u64>,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires_at: Option<i64>,
    /// Whether it has ended: the app's own pins count again.
    pub expired: bool,
    /// What became of the last look for a newer one.
    #[serde(flatten)]
    pub last: UpdateCheck,
}

/// What became of the last look for a newer manifest. Times in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCheck {
    /// When.
    pub last_check: Option<i64>,
    /// When the newest manifest was there last, and good.
    pub last_success: Option<i64>,
    /// Why the last look came to nothing, if it did.
    pub error: Option<Refused>,
}

/// What became of reports, since they were first stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportsStatus {
    /// Waiting to be delivered.
    pub pending: u64,
    /// Delivered by this process.
    pub delivered: u64,
    /// Given up by this process: there were too many, or they were refused.
    pub dropped: u64,
}

/// A network stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackStatus {
    /// As in events.
    pub stack: String,
    /// Whether its connections are judged.
    pub hooked: bool,
}

/// What others tell an engine for its status.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) update_check: UpdateCheck,
    pub(crate) reports: ReportsStatus,
    pub(crate) stacks: Vec<StackStatus>,
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
        Self {
            allowed: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            report_only: AtomicU64::new(0),
            last_check: AtomicI64::new(NEVER),
        }
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
    pub(crate) fn new(
        pins: &PinSet,
        counters: &Counters,
        told: &Told,
        recent_events: Vec<Event>,
        now_ms: i64,
    ) -> Self {
        let own_source = match pins.own.source {
            Source::Code => PinSource::Code,
            Source::Embedded => PinSource::Embedded,
        };
        let source = |is_update| if is_update { PinSource::Update } else { own_source };
        let settings = pins.settings();
        let update = pins.update.as_ref();
        Self {
            active: pins.strictest(now_ms).is_some(),
            generation: pins.generation,
            domains: pins
                .effective_entries(now_ms)
                .map(|(entry, is_update)| DomainStatus::new(entry, source(is_update), now_ms))
                .collect(),
            counters: counters.read(),
            warnings: pins.own.warnings.clone(),
            updates: settings.updates.as_ref().map(|_| UpdatesStatus {
                version: update.map(|manifest| manifest.version()),
                expires_at: update.map(|manifest| manifest.expires_at()),
                expired: update.is_some_and(|manifest| manifest.is_expired(now_ms)),
                last: told.update_check.clone(),
            }),
            reports: (!settings.report_uris.is_empty()).then_some(told.reports),
            stacks: told.stacks.clone(),
            recent_events,
        }
    }
}
