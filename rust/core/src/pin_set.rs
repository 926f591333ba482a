//! The pins in force: compiled once, immutable, looked up by hash.

use crate::{host::suffixes, options::Configuration, pin::Pin, problem::Problem};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What is configured for one domain.
#[derive(Debug)]
pub struct Entry {
    domain: Arc<str>,
    /// In the order of the configuration, each once. Shared with the events about it.
    pins: Arc<[Pin]>,
    /// The same, sorted.
    lookup: Vec<Pin>,
    expiration_date: Option<String>,
    expires_at: Option<i64>,
    excluded: Vec<String>,
    excluded_lookup: HashSet<String>,
    /// Whether subdomains at any depth are pinned too.
    pub include_subdomains: bool,
    /// Whether a mismatch is only reported.
    pub report_only: bool,
    /// That the pins are about to expire, and that they have.
    announced: [AtomicBool; 2],
}

impl Entry {
    pub(crate) fn new(domain: String) -> Self {
        Self {
            domain: domain.into(),
            pins: Arc::default(),
            lookup: Vec::new(),
            expiration_date: None,
            expires_at: None,
            excluded: Vec::new(),
            excluded_lookup: HashSet::new(),
            include_subdomains: false,
            report_only: false,
            announced: Default::default(),
        }
    }

    pub(crate) fn set_pins(&mut self, pins: Vec<Pin>) {
        let mut seen = HashSet::new();
        self.pins = pins.into_iter().filter(|pin| seen.insert(*pin)).collect();
        self.lookup = self.pins.to_vec();
        self.lookup.sort_unstable();
    }

    pub(crate) fn set_expiry(&mut self, date: &str, expires_at: i64) {
        self.expiration_date = Some(date.to_owned());
        self.expires_at = Some(expires_at);
    }

    /// False if the name is excluded already.
    pub(crate) fn exclude(&mut self, name: String) -> bool {
        let new = self.excluded_lookup.insert(name.clone());
        if new {
            self.excluded.push(name);
        }
        new
    }

    /// The normalised key.
    pub fn domain(&self) -> &Arc<str> {
        &self.domain
    }
    /// The distinct pins in the order of the configuration.
    pub fn pins(&self) -> &Arc<[Pin]> {
        &self.pins
    }
    /// `yyyy-MM-dd` as configured.
    pub fn expiration_date(&self) -> Option<&str> {
        self.expiration_date.as_deref()
    }
    /// When the pins go off, in milliseconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
    /// Normalised names carved out, in the order of the configuration.
    pub fn excluded_subdomains(&self) -> &[String] {
        &self.excluded
    }
    /// Whether one of the pins is `pin`.
    pub fn holds(&self, pin: &Pin) -> bool {
        self.lookup.binary_search(pin).is_ok()
    }
    /// Whether the pins are off at this time.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at.is_some_and(|expires_at| now_ms >= expires_at)
    }
    /// Whether the pins go off within 30 days.
    pub fn is_expiring(&self, now_ms: i64) -> bool {
        !self.is_expired(now_ms)
            && self.expires_at.is_some_and(|end| now_ms >= end - crate::expiry::WARN_BEFORE_MS)
    }
    /// Whether it is to be said now that the pins are about to expire, or that they have: true once for each.
    pub(crate) fn announces(&self, now_ms: i64) -> bool {
        let expired = self.is_expired(now_ms);
        (expired || self.is_expiring(now_ms))
            && !self.announced[usize::from(expired)].swap(true, Ordering::Relaxed)
    }

    /// Whether `host`, which is below this domain, or one of its parents below this domain is carved out.
    fn excludes(&self, host: &str) -> bool {
        !self.excluded_lookup.is_empty()
            && suffixes(host)
                .take_while(|name| name.len() > self.domain.len())
                .any(|name| self.excluded_lookup.contains(name))
    }
}

/// Which configured domain governs a host at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Governing<'a> {
    /// The most specific live entry.
    Entry(&'a Entry),
    /// Only entries whose pins have expired; the most specific of them.
    Expired(&'a Entry),
    /// Only entries that carve this host out; the most specific of them.
    Excluded(&'a Entry),
    /// None at all.
    Nothing,
}

/// All pins of one configuration.
#[derive(Debug, Default)]
pub struct PinSet {
    entries: Vec<Entry>,
    by_domain: HashMap<Arc<str>, usize>,
    /// What the configuration was warned about.
    pub warnings: Vec<Problem>,
    /// Counts the configurations of an engine; 0 before the first.
    pub generation: u64,
}

impl PinSet {
    /// Compiles a configuration.
    pub fn compile(configuration: Configuration, generation: u64) -> Self {
        let Configuration { entries, warnings } = configuration;
        let by_domain =
            entries.iter().enumerate().map(|(index, entry)| (entry.domain().clone(), index)).collect();
        Self { entries, by_domain, warnings, generation }
    }

    /// A set that pins nothing.
    pub fn empty(generation: u64) -> Self {
        Self { generation, ..Self::default() }
    }

    /// The entries in the order of the configuration.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The live entry that is least forgiving: one that blocks, else one that reports.
    pub(crate) fn strictest(&self, now_ms: i64) -> Option<&Entry> {
        let mut live = self.entries.iter().filter(|entry| !entry.is_expired(now_ms));
        let first = live.next()?;
        if first.report_only { live.find(|entry| !entry.report_only).or(Some(first)) } else { Some(first) }
    }

    /// The most specific live entry for a host in its normal form: its own, else the longest parent's with
    /// `includeSubdomains`. An expired entry counts as absent, and so does one that excludes the host.
    ///
    /// One hash look-up for each label of the host, however many domains there are.
    pub(crate) fn governing(&self, host: &str, now_ms: i64) -> Governing<'_> {
        let mut passed_over = Governing::Nothing;
        for name in suffixes(host) {
            let Some(entry) = self.by_domain.get(name).and_then(|index| self.entries.get(*index)) else {
                continue;
            };
            let is_own = name.len() == host.len();
            if !is_own && !entry.include_subdomains {
                continue;
            }
            let absent = if entry.is_expired(now_ms) {
                Governing::Expired(entry)
            } else if !is_own && entry.excludes(host) {
                Governing::Excluded(entry)
            } else {
                return Governing::Entry(entry);
            };
            if matches!(passed_over, Governing::Nothing) {
                passed_over = absent;
            }
        }
        passed_over
    }
}
