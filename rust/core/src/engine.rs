//! The engine that a bridge owns: the pins in force behind an atomic swap, events, counters.

use crate::{
    event::{Event, EventKind, EventLog, EventSink, Notice},
    options,
    pin_set::{Entry, PinSet},
    problem::{ConfigError, Problem},
    status::{Counters, Status},
    verdict::{self, Judgement, Outcome, Reason, Verdict, judge, judge_unvalidated, served_pins},
};
use arc_swap::ArcSwap;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
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
/// A check takes no lock, and allocates nothing when the connection is allowed, with three exceptions: a thread's first
/// check, a host in an unusual spelling (IDN not in A-labels, an odd form of an IP address), and the warning, once for
/// each domain, that its pins expire or have expired.
#[derive(Debug, Default)]
pub struct Engine {
    pins: ArcSwap<PinSet>,
    /// Orders the writers, and only them.
    generation: Mutex<u64>,
    counters: Counters,
    events: EventLog,
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
        let configuration = options::parse(document, now_ms)?;
        let warnings = configuration.warnings.clone();
        let generation = self.swap(|generation| PinSet::compile(configuration, generation));
        for entry in self.pins.load().entries() {
            self.announce_expiry(Some(entry), now_ms);
        }
        Ok(Initialized { generation, warnings })
    }

    /// Pins nothing any more.
    pub fn disable(&self) {
        self.swap(PinSet::empty);
    }

    fn swap(&self, next: impl FnOnce(u64) -> PinSet) -> u64 {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        *generation += 1;
        self.pins.store(Arc::new(next(*generation)));
        *generation
    }

    /// The number of the configuration in force; a connection judged under another one has to be judged again.
    pub fn generation(&self) -> u64 {
        self.pins.load().generation
    }

    /// The pins in force.
    pub fn pins(&self) -> Arc<PinSet> {
        self.pins.load_full()
    }

    /// Judges without a trace: no event, no count. The verdict lists the served pins.
    pub fn evaluate<C: AsRef<[u8]>>(&self, host: Option<&str>, chain: &[C], now_ms: i64) -> Verdict {
        let pins = self.pins.load();
        let judgement = guarded(&pins, host, now_ms, || judge(&pins, host, chain, now_ms));
        // The same guard as for the judgement: what cannot be read is not among the served pins.
        let served = catch_unwind(AssertUnwindSafe(|| served_pins(chain))).unwrap_or_default();
        Verdict::new(&judgement, served)
    }

    /// As [`Engine::evaluate`], but only what is to happen: for a question that is asked again and again.
    pub fn outcome<C: AsRef<[u8]>>(&self, host: Option<&str>, chain: &[C], now_ms: i64) -> Outcome {
        let pins = self.pins.load();
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
        let pins = self.pins.load();
        let judgement = guarded(&pins, host, now_ms, || judge(&pins, host, chain, now_ms));
        self.conclude(&judgement, host, chain, stack, now_ms)
    }

    /// Judges a connection whose chain the platform did *not* find valid and that goes on nevertheless.
    pub fn check_unvalidated<C: AsRef<[u8]>>(
        &self,
        host: Option<&str>,
        presented: &[C],
        stack: &str,
        now_ms: i64,
    ) -> Verdict {
        let pins = self.pins.load();
        let judgement = guarded(&pins, host, now_ms, || judge_unvalidated(&pins, host, now_ms));
        self.conclude(&judgement, host, presented, stack, now_ms)
    }

    /// As [`Engine::check_unvalidated`], without a trace.
    pub fn evaluate_unvalidated(&self, host: Option<&str>, now_ms: i64) -> Verdict {
        let pins = self.pins.load();
        let judgement = guarded(&pins, host, now_ms, || judge_unvalidated(&pins, host, now_ms));
        Verdict::new(&judgement, Vec::new())
    }

    fn conclude<C: AsRef<[u8]>>(
        &self,
        judgement: &Judgement<'_>,
        host: Option<&str>,
        chain: &[C],
        stack: &str,
        now_ms: i64,
    ) -> Verdict {
        self.counters.count(judgement.outcome, now_ms);
        self.announce_expiry(judgement.entry, now_ms);
        if judgement.outcome == Outcome::Allowed {
            return Verdict::new(judgement, Vec::new());
        }
        // The same guard as for the judgement: describing a hostile chain must not undo it.
        let no_chain: [&[u8]; 0] = [];
        let event = catch_unwind(AssertUnwindSafe(|| Event::failure(judgement, host, chain, stack, now_ms)))
            .unwrap_or_else(|_| Event::failure(judgement, host, &no_chain, stack, now_ms));
        let verdict = Verdict::new(judgement, event.served_pins.clone());
        self.events.record(event);
        verdict
    }

    fn announce_expiry(&self, entry: Option<&Entry>, now_ms: i64) {
        if let Some(entry) = entry
            && entry.announces(now_ms)
        {
            self.events.record(Event::expiry(entry, now_ms));
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

    /// The state of things at `now_ms`.
    pub fn status(&self, now_ms: i64) -> Status {
        Status::new(&self.pins.load(), &self.counters, self.events.recent(), now_ms)
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
