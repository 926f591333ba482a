//! Reports of failures: written down at once, delivered when there is a network, never on the thread of a handshake.

use super::schedule::{DAY_MS, back_off};
use crate::{
    client::{NetError, PinnedClient},
    store::Store,
};
use serde::{Deserialize, Serialize};
use spki_pinning_core::{
    Engine, Event,
    manifest::Refused,
    report::{App, Report},
    status::ReportsStatus,
};
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What events of the reporter's own connections name as their stack. A failure there is an event, but no report: a report
/// URI that fails its own pins would have no end of them.
pub(super) const STACK: &str = "report";
const FILE: &str = "reports.json";
/// Reports that wait, all together; the oldest go first.
const MAX_REPORTS: usize = 64;
const MAX_BYTES: usize = 1024 * 1024;
/// A file with that, escaped.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// For a whole delivery. Short: the thread has pins to fetch too.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// One report for a host and chain in this time.
const ONCE_IN_MS: i64 = DAY_MS;
const MAX_SEEN: usize = 256;

pub(super) struct Reporter {
    engine: Arc<Engine>,
    store: Option<Store>,
    app: App,
    client: PinnedClient,
    /// From the threads on which things fail. Nobody holds it for long.
    incoming: Mutex<Incoming>,
    /// Of the background thread.
    spool: Mutex<Option<Spool>>,
}

#[derive(Default)]
struct Incoming {
    reports: Vec<Waiting>,
    /// What was reported, and when.
    seen: VecDeque<Seen>,
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Host and chain.
    fingerprint: [u8; 32],
    at: i64,
}

/// A report on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    document: String,
    /// Where it has not been delivered yet.
    to: Vec<String>,
    failures: u32,
    /// When to try next.
    next: i64,
}

#[derive(Default, Serialize, Deserialize)]
struct Spool {
    waiting: Vec<Waiting>,
    seen: VecDeque<Seen>,
    #[serde(skip)]
    delivered: u64,
    #[serde(skip)]
    dropped: u64,
}

impl Reporter {
    pub(super) fn new(engine: Arc<Engine>, store: Option<Store>, app: App, client: PinnedClient) -> Self {
        Self { engine, store, app, client, incoming: Mutex::default(), spool: Mutex::default() }
    }

    /// Takes a failure. Whether there is something to deliver.
    pub(super) fn take(&self, event: &Event, report: &Report<'_>, now_ms: i64) -> bool {
        if event.stack == STACK {
            return false;
        }
        let pins = self.engine.pins();
        let to = &pins.settings().report_uris;
        if to.is_empty() {
            return false;
        }
        let fingerprint = report.fingerprint();
        let mut incoming = self.incoming();
        if incoming.seen.iter().any(|seen| seen.fingerprint == fingerprint && is_recent(seen, now_ms)) {
            return false;
        }
        remember(&mut incoming.seen, Seen { fingerprint, at: now_ms });
        if incoming.reports.len() >= MAX_REPORTS {
            incoming.dropped += 1; // of a flood that comes faster than it is written down
            return false;
        }
        let document = report.document(&self.app);
        incoming.reports.push(Waiting { document, to: to.clone(), failures: 0, next: now_ms });
        true
    }

    /// Writes down what has come, and delivers what is due. When to do so again.
    pub(super) fn run_due(&self, now_ms: i64) -> Option<i64> {
        let pins = self.engine.pins();
        let configured = &pins.settings().report_uris;
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        if configured.is_empty() && spool.is_none() {
            return None; // nothing was ever to be reported
        }
        let spool = spool.get_or_insert_with(|| self.restored(now_ms));
        let mut changed = self.collect(spool);
        changed |= spool.address_to(configured);
        if changed {
            self.store(spool, now_ms);
        }
        if self.deliver(spool, now_ms) {
            self.store(spool, now_ms);
        }
        self.engine.tell_reports(ReportsStatus {
            pending: spool.waiting.len() as u64,
            delivered: spool.delivered,
            dropped: spool.dropped,
        });
        spool.waiting.iter().map(|report| report.next).min()
    }

    /// What an earlier process left. A spool that cannot be read is no reason to stop anything.
    fn restored(&self, now_ms: i64) -> Spool {
        let content = self.store.as_ref().and_then(|store| store.read(FILE, MAX_FILE_BYTES).ok().flatten());
        let mut spool: Spool =
            content.and_then(|content| serde_json::from_slice(&content).ok()).unwrap_or_default();
        // Whoever has written it: the bounds are for all that comes after.
        spool.keep_within_bounds();
        for report in &mut spool.waiting {
            report.next = report.next.min(now_ms.saturating_add(DAY_MS)); // by a clock that was right
        }
        let mut incoming = self.incoming();
        for seen in &spool.seen {
            if is_recent(seen, now_ms) && !incoming.seen.contains(seen) {
                incoming.seen.push_front(seen.clone());
            }
        }
        spool
    }

    fn collect(&self, spool: &mut Spool) -> bool {
        let mut incoming = self.incoming();
        let reports = mem::take(&mut incoming.reports);
        spool.dropped += mem::take(&mut incoming.dropped);
        if reports.is_empty() {
            return false;
        }
        spool.seen.clone_from(&incoming.seen);
        drop(incoming);
        spool.waiting.extend(reports);
        spool.keep_within_bounds();
        true
    }

    fn deliver(&self, spool: &mut Spool, now_ms: i64) -> bool {
        let mut changed = false;
        // One that is away is asked once, and not for each report.
        let mut away: Vec<String> = Vec::new();
        for report in &mut spool.waiting {
            // A time further off than any wait is of a clock that was wrong.
            if now_ms < report.next && report.next <= now_ms.saturating_add(2 * DAY_MS) {
                continue;
            }
            changed = true;
            let mut failed = false;
            report.to.retain(|uri| match self.post_unless(&mut away, uri, &report.document) {
                Delivery::Done => {
                    spool.delivered += 1;
                    false
                }
                Delivery::Refused => {
                    spool.dropped += 1;
                    false
                }
                Delivery::Failed => {
                    failed = true;
                    true
                }
            });
            if failed {
                report.failures = report.failures.saturating_add(1);
                report.next = now_ms.saturating_add(back_off(report.failures, DAY_MS));
            }
        }
        spool.waiting.retain(|report| !report.to.is_empty());
        changed
    }

    fn post_unless(&self, away: &mut Vec<String>, uri: &str, document: &str) -> Delivery {
        if away.iter().any(|known| known == uri) {
            return Delivery::Failed;
        }
        let delivery = self.post(uri, document);
        if matches!(delivery, Delivery::Failed) {
            away.push(uri.to_owned());
        }
        delivery
    }

    fn post(&self, uri: &str, document: &str) -> Delivery {
        match self.client.post(uri, "application/json", document.as_bytes()) {
            Ok(response) if response.status().is_success() => Delivery::Done,
            Ok(_) => Delivery::Failed, // it leads on to somewhere else, where nobody has said that reports may go
            Err(NetError::Http(error)) => match *error {
                // What will not be different at another time.
                ureq::Error::StatusCode(status @ 400..=499) if !matches!(status, 404 | 408 | 425 | 429) => {
                    Delivery::Refused
                }
                _ => Delivery::Failed,
            },
            Err(NetError::Pinned { .. }) => Delivery::Failed,
        }
    }

    fn store(&self, spool: &Spool, now_ms: i64) {
        let Some(store) = &self.store else { return };
        let Ok(content) = serde_json::to_vec(spool) else { return };
        if let Err(error) = store.write(FILE, &content) {
            let message = format!(
                "reports cannot be stored ({error}): those that are not delivered are lost when the app ends"
            );
            self.engine.update_refused(&Refused::new("store-unwritable", message), now_ms);
        }
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Delivery {
    Done,
    /// It never will be taken.
    Refused,
    /// Later perhaps.
    Failed,
}

impl Spool {
    /// Keeps to the places that are configured now. Whether something has changed.
    fn address_to(&mut self, configured: &[String]) -> bool {
        let before = self.waiting.iter().map(|report| report.to.len()).sum::<usize>();
        for report in &mut self.waiting {
            report.to = configured.iter().filter(|uri| report.to.contains(uri)).cloned().collect(); // each once
        }
        self.waiting.retain(|report| !report.to.is_empty());
        let after = self.waiting.iter().map(|report| report.to.len()).sum::<usize>();
        self.dropped += (before - after) as u64;
        before != after
    }

    fn keep_within_bounds(&mut self) {
        let too_many = self.waiting.len().saturating_sub(MAX_REPORTS);
        let mut bytes: usize = self.waiting.iter().map(|report| report.document.len()).sum();
        let mut dropped = 0;
        while dropped < too_many || (bytes > MAX_BYTES && dropped < self.waiting.len()) {
            bytes -= self.waiting[dropped].document.len();
            dropped += 1;
        }
        self.waiting.drain(..dropped);
        self.dropped += dropped as u64;
        self.seen.drain(..self.seen.len().saturating_sub(MAX_SEEN));
    }
}

/// Within a day. After a clock was set back it may be that a report is sent twice.
fn is_recent(seen: &Seen, now_ms: i64) -> bool {
    (0..ONCE_IN_MS).contains(&now_ms.saturating_sub(seen.at))
}

fn remember(all: &mut VecDeque<Seen>, seen: Seen) {
    all.retain(|known| known.fingerprint != seen.fingerprint);
    // More than that are there when a spool was read after the first failures.
    while all.len() >= MAX_SEEN {
        all.pop_front();
    }
    all.push_back(seen);
}
