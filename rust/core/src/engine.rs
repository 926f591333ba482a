//! The engine that a bridge owns: the pins in force behind an atomic swap, events, counters.

use crate::{
    dropped,
    early::EarlyHosts,
    event::{Event, EventKind, EventLog, EventSink, Notice},
    manifest::{Manifest, Refused},
    options::{self, Settings},
    pin_set::{Entry, PinSet, Source},
    problem::{ConfigError, Problem},
    report::{Chain, FailureObserver, Report},
    status::{Counters, ReportsStatus, StackStatus, Status, Told, UpdateCheck},
    sync::{ArcSwap, Guard, Mutex, MutexGuard, PoisonError},
    verdict::{self, Judgement, Outcome, Reason, Verdict, judge, judge_unvalidated, served_pins},
    watch::{Watch, Watched},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

/// A configuration that was taken into force.
#[derive(Debug, Clone)]
pub struct Initialized {
    /// Counts the configurations.
    pub generation: u64,
    /// What the developer should know.
    pub warnings: Vec<Problem>,
}

/// Judges connections by the pins in force. One per process; all methods may be called from any thread.
///
/// A check takes no lock, and allocates nothing when the connection is allowed, with five exceptions: a thread's first
/// check, a host in an unusual spelling (IDN not in A-labels, an odd form of an IP address), the warning, once for each
/// domain, that its pins expire or have expired, the first check after such an end, and what comes before the first
/// configuration.
#[derive(Default)]
pub struct Engine {
    pins: ArcSwap<PinSet>,
    /// Orders the writers, and only them.
    generation: Mutex<u64>,
    counters: Counters,
    events: EventLog,
    told: Mutex<Told>,
    observer: OnceLock<Arc<dyn FailureObserver>>,
    watch: Watch,
    early: EarlyHosts,
}

impl Engine {
    /// An engine that pins nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a configuration document into force, for every check that starts from now on.
    ///
    /// # Errors
    /// When the document has errors: all problems are listed, and what was in force stays.
    pub fn initialize(&self, document: &str, now_ms: i64) -> Result<Initialized, ConfigError> {
        self.initialize_from(document, Source::Code, now_ms, |_| None)
    }

    /// As [`Engine::initialize`], and in the same moment what `restore` has of signed pins for the document's settings.
    ///
    /// # Errors
    /// As [`Engine::initialize`].
    pub fn initialize_from(
        &self,
        document: &str,
        source: Source,
        now_ms: i64,
        restore: impl FnOnce(&Settings) -> Option<Arc<Manifest>>,
    ) -> Result<Initialized, ConfigError> {
        let configuration = options::parse(document, now_ms)?;
        let restored = restore(&configuration.settings);
        let mut pins = PinSet::compile(configuration, source, 0);
        pins.warn(self.early.end(&pins, now_ms));
        let mut warnings = pins.own.warnings.clone();
        let (mut refused, mut dropped) = (None, Vec::new());
        let generation = self.swap(|before, generation| {
            // One that was applied while `restore` was looking is newer than what that has found.
            let is_same = before.settings().updates == pins.settings().updates;
            let held = before.update.clone().filter(|_| is_same && pins.settings().updates.is_some());
            let newest = restored.into_iter().chain(held).max_by_key(|manifest| manifest.version());
            let update = newest.filter(|manifest| {
                refused = pins.refusal_of(manifest);
                refused.is_none()
            });
            let mut next = PinSet { update, generation, ..pins };
            dropped = dropped::since(before, &next, now_ms);
            next.warn(dropped.clone());
            next.at(now_ms)
        });
        if let Some(refused) = refused {
            self.update_refused(&refused, now_ms);
        }
        for warning in dropped {
            let message = warning.to_string();
            self.events.record(Event::update(EventKind::Warning, warning.code, message, now_ms));
            warnings.push(warning);
        }
        let pins = self.pins.load();
        for entry in pins.entries() {
            self.announce_expiry(&pins, Some(entry), now_ms);
        }
        Ok(Initialized { generation, warnings })
    }

    /// Takes the pins of a newer manifest into force; `is_current` is asked, with no configuration coming in between, whether
    /// the settings in force are still those that it was verified by.
    ///
    /// # Errors
    /// When they are not, or the manifest would unpin what the app pins.
    pub fn apply_update(
        &self,
        manifest: Arc<Manifest>,
        is_current: impl FnOnce(&Settings) -> bool,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let version = manifest.version();
        let (mut refused, mut is_news) = (None, false);
        self.swap(|pins, generation| {
            refused = if is_current(pins.settings()) {
                pins.refusal_of(&manifest)
            } else {
                let message = "the configuration was replaced while the manifest was on its way: try again";
                Some(Refused::new("configuration-replaced", message))
            };
            is_news = pins.update.as_ref().is_none_or(|newest| newest.version() < version);
            let newest = pins.update.iter().chain(refused.is_none().then_some(&manifest));
            pins.updated(newest.max_by_key(|manifest| manifest.version()).cloned(), generation).at(now_ms)
        });
        if let Some(refused) = refused {
            return Err(refused);
        }
        if is_news {
            let message = format!("The pins of manifest version {version} are in force.");
            self.events.record(Event::update(EventKind::Info, "update-applied", message, now_ms));
        }
        Ok(())
    }

    /// Records that a manifest was not taken, and why.
    pub fn update_refused(&self, refused: &Refused, now_ms: i64) {
        let message = format!("A pin manifest was refused, what was in force stays: {}", refused.message);
        self.events.record(Event::update(EventKind::Warning, refused.code, message, now_ms));
    }

    /// Pins nothing any more.
    pub fn disable(&self) {
        self.swap(|_, generation| PinSet::empty(generation));
    }

    fn swap(&self, next: impl FnOnce(&PinSet, u64) -> PinSet) -> u64 {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        *generation += 1;
        self.pins.store(Arc::new(next(&self.pins.load(), *generation)));
        *generation
    }

    /// The number of the configuration in force.
    pub fn generation(&self) -> u64 {
        self.pins.load().generation
    }

    /// The same at a time: also what ends, or is back because a clock was set, counts. A connection that was judged under
    /// another one has to be judged again.
    pub fn generation_at(&self, now_ms: i64) -> u64 {
        self.pins_at(now_ms).generation
    }

    /// In each judgement, so that none is remembered past a time at which others would have been made.
    fn pins_at(&self, now_ms: i64) -> Guard<Arc<PinSet>> {
        let pins = self.pins.load();
        if pins.steady.contains(now_ms) {
            return pins;
        }
        self.swap(|pins, generation| pins.updated(pins.update.clone(), generation).at(now_ms));
        self.pins.load()
    }

    /// The pins in force.
    pub fn pins(&self) -> Arc<PinSet> {
        self.pins.load_full()
    }

    /// Judges without a trace (but for [`Engine::watch`]): no event, no count. The verdict lists the served pins.
    pub fn evaluate<C: AsRef<[u8]>>(&self, host: Option<&str>, chain: &[C], now_ms: i64) -> Verdict {
        let pins = self.pins_at(now_ms);
        let judgement = guarded(&pins, host, now_ms, || judge(&pins, host, chain, now_ms));
        if !chain.is_empty() {
            // A connection that was counted before is judged again this way. Without a chain it is a question about the host.
            self.watch.note(host, "", &judgement);
        }
        // The same guard as for the judgement: what cannot be read is not among the served pins.
        let served = catch_unwind(AssertUnwindSafe(|| served_pins(chain))).unwrap_or_default();
        Verdict::new(&judgement, served)
    }

    /// As [`Engine::evaluate`], but only what is to happen: for a question that is asked again and again.
    pub fn outcome<C: AsRef<[u8]>>(&self, host: Option<&str>, chain: &[C], now_ms: i64) -> Outcome {
        let pins = self.pins_at(now_ms);
        guarded(&pins, host, now_ms, || judge(&pins, host, chain, now_ms)).outcome
    }

    /// Judges a connection: `chain` is what the platform *validated*, leaf first, in DER. Counts, and records an event if
    /// the pins fail. `stack` names the network stack in events.
    pub fn check<C: AsRef<[u8]>>(
        &self,
        host: Option<&str>,
        chain: &[C],
        stack: &str,
        now_ms: i64,
    ) -> Verdict {
        let pins = self.pins_at(now_ms);
        let judgement = guarded(&pins, host, now_ms, || judge(&pins, host, chain, now_ms));
        self.conclude(&pins, &judgement, host, Chain::Validated(chain), stack, now_ms)
    }

    /// Judges a connection whose chain the platform did *not* find valid and that goes on nevertheless.
    pub fn check_unvalidated<C: AsRef<[u8]>>(
        &self,
        host: Option<&str>,
        presented: &[C],
        stack: &str,
        now_ms: i64,
    ) -> Verdict {
        let pins = self.pins_at(now_ms);
        let judgement = guarded(&pins, host, now_ms, || judge_unvalidated(&pins, host, now_ms));
        self.conclude(&pins, &judgement, host, Chain::Presented(presented), stack, now_ms)
    }

    /// As [`Engine::check_unvalidated`], without a trace.
    pub fn evaluate_unvalidated(&self, host: Option<&str>, now_ms: i64) -> Verdict {
        let pins = self.pins_at(now_ms);
        let judgement = guarded(&pins, host, now_ms, || judge_unvalidated(&pins, host, now_ms));
        Verdict::new(&judgement, Vec::new())
    }

    fn conclude<C: AsRef<[u8]>>(
        &self,
        pins: &PinSet,
        judgement: &Judgement<'_>,
        host: Option<&str>,
        chain: Chain<'_, C>,
        stack: &str,
        now_ms: i64,
    ) -> Verdict {
        self.counters.count(judgement.outcome, now_ms);
        self.watch.note(host, stack, judgement);
        self.early.note(host);
        self.announce_expiry(pins, judgement.entry, now_ms);
        if judgement.outcome == Outcome::Allowed {
            return Verdict::new(judgement, Vec::new());
        }
        // The same guard as for the judgement: describing a hostile chain must not undo it.
        let no_chain: [&[u8]; 0] = [];
        let certificates = chain.certificates();
        let event =
            catch_unwind(AssertUnwindSafe(|| Event::failure(judgement, host, certificates, stack, now_ms)))
                .unwrap_or_else(|_| Event::failure(judgement, host, &no_chain, stack, now_ms));
        let verdict = Verdict::new(judgement, event.served_pins.clone());
        if let Some(observer) = self.observer.get() {
            let report = || observer.failed(&event, &Report::new(&event, judgement, &chain));
            let _ = catch_unwind(AssertUnwindSafe(report)); // a failure that goes unreported is a failure all the same
        }
        self.events.record(event);
        verdict
    }

    fn announce_expiry(&self, pins: &PinSet, entry: Option<&Entry>, now_ms: i64) {
        if let Some(entry) = entry
            && entry.announces(now_ms)
        {
            self.events.record(Event::expiry(entry, now_ms));
        }
        if let Some(manifest) = &pins.update
            && manifest.announces(now_ms)
        {
            let version = manifest.version();
            let (reason, message) = if manifest.is_expired(now_ms) {
                (
                    "update-expired",
                    format!("Manifest version {version} has expired; the app's own pins count again."),
                )
            } else {
                (
                    "update-expiring",
                    format!(
                        "Manifest version {version} expires in less than three days, and there is no newer one."
                    ),
                )
            };
            self.events.record(Event::update(EventKind::Warning, reason, message, now_ms));
        }
    }

    /// Records what a bridge has noticed by itself. A failure counts as a blocked check. `host` is the one that it is about,
    /// if it is about one; `message` is for a person or a log.
    pub fn report(&self, notice: Notice, host: Option<&str>, message: &str, stack: &str, now_ms: i64) {
        if notice.kind() == EventKind::Failure {
            self.counters.count(Outcome::Blocked, now_ms);
        }
        let pins = self.pins.load();
        let entry = host.and_then(|host| judge_unvalidated(&pins, Some(host), now_ms).entry);
        self.events.record(Event::notice(notice, host, entry, message, stack, now_ms));
    }

    /// Where events go from now on. Those that happened while there was no sink come first, at most
    /// [`crate::event::MAX_RECENT`].
    pub fn set_event_sink(&self, sink: Option<Arc<dyn EventSink>>) {
        self.events.set_sink(sink);
    }

    /// Who is told of every failure from now on, for reports. The first one stays.
    pub fn observe_failures(&self, observer: Arc<dyn FailureObserver>) {
        let _ = self.observer.set(observer);
    }

    /// What became of the last look for a newer manifest.
    pub fn tell_update_check(&self, check: UpdateCheck) {
        self.told().update_check = check;
    }

    /// What became of reports.
    pub fn tell_reports(&self, reports: ReportsStatus) {
        self.told().reports = reports;
    }

    /// Whether the connections of a network stack are judged.
    pub fn tell_stack(&self, stack: &str, hooked: bool) {
        let stacks = &mut self.told().stacks;
        if let Some(known) = stacks.iter_mut().find(|known| known.stack == stack) {
            known.hooked = hooked;
        } else if stacks.len() < MAX_STACKS {
            stacks.push(StackStatus { stack: stack.to_owned(), hooked });
        }
    }

    /// From now on, notes which network stacks bring connections to this host. Open connections have to be judged again.
    pub fn watch(&self, host: &str) {
        self.watch.start(host);
        self.swap(|pins, generation| pins.updated(pins.update.clone(), generation));
    }

    /// What was noted since [`Engine::watch`]; nothing is noted any more.
    pub fn watched(&self) -> Vec<Watched> {
        self.watch.end()
    }

    /// The state of things at `now_ms`.
    pub fn status(&self, now_ms: i64) -> Status {
        Status::new(&self.pins.load(), &self.counters, &self.told(), self.events.recent(), now_ms)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More than any app has.
const MAX_STACKS: usize = 32;

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("pins", &self.pins).finish_non_exhaustive()
    }
}

/// A panic in a judgement is a blocked verdict, unless nothing is pinned for the host.
fn guarded<'a>(
    pins: &'a PinSet,
    host: Option<&str>,
    now_ms: i64,
    judge: impl FnOnce() -> Judgement<'a>,
) -> Judgement<'a> {
    let blocked = |entry| Judgement {
        outcome: Outcome::Blocked,
        reason: Reason::InternalError,
        entry,
        matched_pin: None,
    };
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| {
        // Whether the host is pinned at all is asked again, apart from the chain that may have caused this.
        match catch_unwind(AssertUnwindSafe(|| judge_unvalidated(pins, host, now_ms))) {
            Ok(judgement) if judgement.outcome == Outcome::Blocked => blocked(judgement.entry),
            Ok(judgement) => judgement,
            Err(_) => blocked(None),
        }
    })
}

/// The longest chain an engine looks at, for callers that collect one.
pub const MAX_CHAIN: usize = verdict::MAX_CHAIN;
