//! What the load tests have in common: a chain, configurations that can be told apart, and how much memory there is.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use spki_pinning_core::{Event, Outcome, Pin, Reason, Verdict};
use std::{env, fs};

/// Before every certificate and date of the vectors has ended: 2026-01-01.
pub const NOW: i64 = 1_767_225_600_000;

/// One certificate of `tests/vectors`: DER and pin.
///
/// # Panics
/// When the vectors have none of that name.
pub fn certificate(name: &str) -> (Vec<u8>, Pin) {
    let all: Value = serde_json::from_str(include_str!("../../../tests/vectors/certificates.json"))
        .expect("certificates.json is JSON");
    let member = |key: &str| all["certificates"][name][key].as_str().expect("it is there").to_owned();
    let der = STANDARD.decode(member("der")).expect("der is base64");
    (der, Pin::parse(&member("pin")).expect("pin is one"))
}

/// Leaf, intermediate, root.
pub fn chain() -> Vec<Vec<u8>> {
    ["leaf", "intermediate", "root"].map(|name| certificate(name).0).to_vec()
}

/// Bytes that this process has in memory (Linux).
///
/// # Panics
/// Elsewhere.
pub fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kilobytes * 1024
}

/// A number out of the environment, or `otherwise`.
///
/// # Panics
/// When it is something else.
pub fn setting(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Configurations that come one after the other, and differ in everything that a verdict tells.
#[derive(Debug)]
pub struct Configurations {
    host: String,
    documents: Vec<Document>,
    pins: [Pin; 3],
}

/// One configuration.
#[derive(Debug)]
pub struct Document {
    /// None: pinning is disabled.
    pub json: Option<String>,
    domain: String,
    /// Which certificate of the chain is pinned; 3: none of them.
    place: usize,
    report_only: bool,
    /// A pin of this configuration alone.
    mark: Pin,
}

/// Labels of the host. With [`PLACES`], which has no divisor in common, it says after how many configurations one comes again.
const DOMAINS: usize = 53;
/// Mostly allowed, as in an app; two that fail, of which one is enforced.
const PLACES: [(usize, bool); 9] =
    [(0, false), (1, false), (2, false), (3, false), (0, true), (1, false), (3, true), (2, true), (0, false)];

impl Default for Configurations {
    fn default() -> Self {
        let labels: Vec<_> = (0..DOMAINS).map(|n| format!("l{n}")).collect();
        let name = |from: usize| format!("{}.test", labels[from..].join("."));
        let pins = ["leaf", "intermediate", "root"].map(|name| certificate(name).1);
        let document = |number: usize| {
            let (place, report_only) = PLACES[number % PLACES.len()];
            let domain = name(number % DOMAINS);
            let mut mark = [0x5a; 32];
            mark[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let mark = Pin(mark);
            let mut listed = vec![mark.to_string()];
            listed.extend(pins.get(place).map(Pin::to_string));
            let pinned =
                json!({"publicKeyHashes": listed, "includeSubdomains": true, "reportOnly": report_only});
            let is_off = number % DOMAINS == DOMAINS - 1;
            let json = (!is_off).then(|| json!({ &domain: pinned }).to_string());
            Document { json, domain, place, report_only, mark }
        };
        Self { host: name(0), documents: (0..DOMAINS * PLACES.len()).map(document).collect(), pins }
    }
}

impl Configurations {
    /// The host whose verdicts tell the configurations apart.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// After so many, they come again.
    pub fn period(&self) -> u64 {
        self.documents.len() as u64
    }

    /// The configuration of a generation. The engine's first is 1; before that nothing is pinned.
    pub fn of(&self, generation: u64) -> &Document {
        &self.documents[usize::try_from(generation % self.period()).unwrap_or_default()]
    }

    /// Whether one of the generations, both included, explains a verdict over [`chain`], all of it.
    pub fn explain(&self, verdict: &Verdict, first: u64, last: u64) -> bool {
        (first..=last.min(first + self.period())).any(|generation| self.is_verdict_of(verdict, generation))
    }

    fn is_verdict_of(&self, verdict: &Verdict, generation: u64) -> bool {
        let document = self.of(generation);
        let told = (verdict.outcome, verdict.reason, verdict.entry.as_deref(), verdict.matched_pin);
        let expected = match self.pins.get(document.place) {
            _ if generation == 0 || document.json.is_none() => {
                (Outcome::Allowed, Reason::NotPinned, None, None)
            }
            Some(pin) => (Outcome::Allowed, Reason::PinMatched, Some(document.domain.as_str()), Some(*pin)),
            None if document.report_only => {
                (Outcome::ReportOnly, Reason::NoPinMatched, Some(document.domain.as_str()), None)
            }
            None => (Outcome::Blocked, Reason::NoPinMatched, Some(document.domain.as_str()), None),
        };
        let served = if expected.0 == Outcome::Allowed { 0 } else { self.pins.len() };
        told == expected && verdict.served_pins.len() == served
    }

    /// Whether everything that a failure tells is of one configuration.
    pub fn is_whole(&self, event: &Event) -> bool {
        let Some(mark) = event.expected_pins.first() else { return false };
        let number = mark.0.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).unwrap_or(u64::MAX);
        let document = self.of(number);
        let listed = format!("Pins configured for {}:\n    sha256/{mark}", document.domain);
        number < self.period()
            && document.mark == *mark
            && event.expected_pins.len() == 1
            && event.enforced != document.report_only
            && event.served_pins == self.pins
            && event.message.contains(&listed)
    }
}
