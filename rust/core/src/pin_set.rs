//! The pins in force: compiled once, immutable, looked up by hash.

use crate::{
    host::suffixes,
    manifest::{Manifest, Refused},
    options::{Configuration, Settings},
    pin::Pin,
    problem::Problem,
    steady::Steady,
    sync::{AtomicBool, Ordering},
};
use rustc_hash::FxBuildHasher;
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// What is configured for one domain.
#[derive(Debug)]
pub struct Entry {
    domain: Arc<str>,
    /// In the order of the configuration, each once. Shared with the events about it.
    pins: Arc<[Pin]>,
    expiration_date: Option<String>,
    expires_at: Option<i64>,
    excluded: Vec<String>,
    excluded_lookup: HashSet<String, FxBuildHasher>,
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
            expiration_date: None,
            expires_at: None,
            excluded: Vec::new(),
            excluded_lookup: HashSet::default(),
            include_subdomains: false,
            report_only: false,
            announced: Default::default(),
        }
    }

    pub(crate) fn set_pins(&mut self, pins: Vec<Pin>) {
        let mut seen = HashSet::new();
        self.pins = pins.into_iter().filter(|pin| seen.insert(*pin)).collect();
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
        self.find(pin).is_some()
    }
    /// The one of the pins that is `pin`. They are a handful, and a comparison takes a nanosecond: nothing is built to look
    /// them up by.
    pub(crate) fn find(&self, pin: &Pin) -> Option<&Pin> {
        self.pins.iter().find(|one| *one == pin)
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

/// Domains and their pins, by name.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    entries: Vec<Entry>,
    /// By a hash that takes words, which is faster than SipHash. Only who writes the configuration chooses the names in it.
    by_domain: HashMap<Arc<str>, usize, FxBuildHasher>,
}

impl Layer {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let by_domain =
            entries.iter().enumerate().map(|(index, entry)| (entry.domain().clone(), index)).collect();
        Self { entries, by_domain }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All that are in it, those that it excludes too.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| {
            std::iter::once(&*entry.domain).chain(entry.excluded.iter().map(String::as_str))
        })
    }

    fn get(&self, domain: &str) -> Option<&Entry> {
        self.by_domain.get(domain).and_then(|index| self.entries.get(*index))
    }
}

/// Who gave a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The app's code, by `initializeSslPinning`.
    #[default]
    Code,
    /// The app's build.
    Embedded,
}

/// A configuration in force, its domains compiled.
#[derive(Debug, Default)]
pub(crate) struct Own {
    layer: Layer,
    pub(crate) settings: Settings,
    pub(crate) source: Source,
    pub(crate) warnings: Vec<Problem>,
}

/// The pins in force: those of a configuration, and over them those of a signed manifest.
///
/// At each name a host goes by, the manifest's entry comes first. One that has expired, excludes the host or does not
/// include subdomains is passed over, and then the app's own counts: so a manifest cannot unpin what the app pins.
#[derive(Debug, Default)]
pub struct PinSet {
    pub(crate) own: Arc<Own>,
    pub(crate) update: Option<Arc<Manifest>>,
    /// Counts the changes of an engine; 0 before the first.
    pub generation: u64,
    /// The time that it was made for: outside of it other pins are live.
    pub(crate) steady: Steady,
}

impl PinSet {
    /// Compiles a configuration.
    pub fn compile(configuration: Configuration, source: Source, generation: u64) -> Self {
        let Configuration { entries, settings, warnings } = configuration;
        let own = Own { layer: Layer::new(entries), settings, source, warnings };
        Self { own: Arc::new(own), update: None, generation, steady: Steady::default() }
    }

    /// Adds to the warnings of a set that nobody else has yet.
    pub(crate) fn warn(&mut self, warnings: impl IntoIterator<Item = Problem>) {
        if let Some(own) = Arc::get_mut(&mut self.own) {
            own.warnings.extend(warnings);
        }
    }

    /// A set that pins nothing.
    pub fn empty(generation: u64) -> Self {
        Self { generation, ..Self::default() }
    }

    /// The same with another manifest, or none.
    pub(crate) fn updated(&self, update: Option<Arc<Manifest>>, generation: u64) -> Self {
        Self { own: self.own.clone(), update, generation, steady: self.steady }
    }

    /// The same for the time around `now_ms`.
    pub(crate) fn at(mut self, now_ms: i64) -> Self {
        let update = self.update.iter().flat_map(|manifest| {
            manifest.entries().iter().filter_map(Entry::expires_at).chain([manifest.expires_at()])
        });
        let ends = self.entries().iter().filter_map(Entry::expires_at).chain(update);
        self.steady = Steady::around(now_ms, ends);
        self
    }

    /// Of the configuration in force.
    pub fn settings(&self) -> &Settings {
        &self.own.settings
    }

    /// The manifest whose pins count, unless it has expired.
    pub fn update(&self, now_ms: i64) -> Option<&Arc<Manifest>> {
        self.update.as_ref().filter(|manifest| !manifest.is_expired(now_ms))
    }

    /// The entries of the configuration, in its order.
    pub fn entries(&self) -> &[Entry] {
        self.own.layer.entries()
    }

    /// The entry of a domain that counts at a time.
    pub fn entry(&self, domain: &str, now_ms: i64) -> Option<&Entry> {
        let newer = self.update(now_ms).and_then(|manifest| manifest.layer().get(domain));
        newer.filter(|entry| !entry.is_expired(now_ms)).or_else(|| self.own.layer.get(domain))
    }

    /// What counts at a time: in the order of the configuration, then in that of the manifest. With each, whether it is of
    /// the manifest.
    pub(crate) fn effective_entries(&self, now_ms: i64) -> impl Iterator<Item = (&Entry, bool)> {
        let update = self.update(now_ms).map(|manifest| manifest.layer());
        let own = self.entries().iter().map(move |own| {
            let entry = self.entry(own.domain(), now_ms).unwrap_or(own);
            (entry, !std::ptr::eq(entry, own))
        });
        let added = update.map(Layer::entries).unwrap_or_default().iter();
        own.chain(
            added.filter(|entry| self.own.layer.get(entry.domain()).is_none()).map(|entry| (entry, true)),
        )
    }

    /// All that are in what counts at a time, those that it excludes too; one that is in both layers twice.
    pub(crate) fn names(&self, now_ms: i64) -> impl Iterator<Item = &str> {
        let update = self.update(now_ms).map(|manifest| manifest.layer());
        self.own.layer.names().chain(update.into_iter().flat_map(Layer::names))
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty() && self.update.is_none()
    }

    /// The live entry that is least forgiving: one that blocks, else one that reports.
    pub(crate) fn strictest(&self, now_ms: i64) -> Option<&Entry> {
        let update = self.update(now_ms).map(|manifest| manifest.layer().entries()).unwrap_or_default();
        let mut live = update.iter().chain(self.entries()).filter(|entry| !entry.is_expired(now_ms));
        let first = live.next()?;
        if first.report_only { live.find(|entry| !entry.report_only).or(Some(first)) } else { Some(first) }
    }

    /// The most specific live entry for a host in its normal form: its own, else the longest parent's with
    /// `includeSubdomains`. An expired entry counts as absent, and so does one that excludes the host.
    ///
    /// One hash look-up for each label of the host and each layer, however many domains there are.
    pub(crate) fn governing(&self, host: &str, now_ms: i64) -> Governing<'_> {
        let own = &self.own.layer;
        match self.update(now_ms) {
            Some(manifest) => governing(&[manifest.layer(), own], host, now_ms),
            None => governing(&[own], host, now_ms),
        }
    }

    /// Why a manifest is not taken that would let through what the app itself blocks.
    pub(crate) fn refusal_of(&self, manifest: &Manifest) -> Option<Refused> {
        let domain = self.unpinned_by(manifest)?;
        let message = format!(
            "the manifest makes {domain} report-only, and the app enforces its pins: remove `reportOnly`"
        );
        Some(Refused::new("manifest-unpins", message))
    }

    /// Whether a manifest would let a host through that the app itself blocks: the domain of the manifest's by which.
    ///
    /// Asked of every host that an answer could differ for, at every time that it could change, that of a device whose clock
    /// is far behind included.
    pub(crate) fn unpinned_by(&self, manifest: &Manifest) -> Option<Arc<str>> {
        let (own, over) = (&self.own.layer, manifest.layer());
        if !over.entries.iter().any(|entry| entry.report_only) {
            return None;
        }
        let enforces = |host: &str, now| matches!(governing(&[own], host, now), Governing::Entry(entry) if !entry.report_only);
        let domain_by_which = |host: String| {
            let entries = suffixes(&host).flat_map(|name| [own.get(name), over.get(name)]).flatten();
            let changes = entries.filter_map(Entry::expires_at);
            let times = std::iter::once(i64::MIN).chain(changes).filter(|now| !manifest.is_expired(*now));
            let mut enforced = times.filter(|now| enforces(&host, *now));
            enforced.find_map(|now| match governing(&[over, own], &host, now) {
                Governing::Entry(entry) if entry.report_only => Some(entry.domain.clone()),
                _ => None,
            })
        };
        let names = own.names().chain(over.names());
        // A host of that name, and one below it that nobody has named.
        names.flat_map(|name| [name.to_owned(), format!("*.{name}")]).find_map(domain_by_which)
    }
}

/// `layers`: the first one's entry comes first at each name.
fn governing<'a>(layers: &[&'a Layer], host: &str, now_ms: i64) -> Governing<'a> {
    let mut passed_over = Governing::Nothing;
    for name in suffixes(host) {
        for entry in layers.iter().filter_map(|layer| layer.get(name)) {
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
    }
    passed_over
}

#[cfg(test)]
pub(crate) mod tests;
