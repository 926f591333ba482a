//! The decision. Host and validated chain in, verdict out; no other branch about trust is anywhere else.

use crate::{
    host::fold,
    pin::Pin,
    pin_set::{Entry, Governing, PinSet},
    spki,
};
use serde::Serialize;
use std::sync::Arc;

/// The longest chain that is looked at. Real ones have up to five certificates.
pub const MAX_CHAIN: usize = 32;
/// The largest certificate that is looked at, in bytes. Real ones have up to 100 kB (names, post-quantum signatures).
pub const MAX_CERTIFICATE_BYTES: usize = 256 * 1024;

/// What is to happen to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It goes ahead.
    Allowed,
    /// It does not.
    Blocked,
    /// It goes ahead, but would be blocked if the domain were not report-only.
    ReportOnly,
}

/// Why. Stable names, in kebab-case in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A certificate of the chain has a pinned key.
    PinMatched,
    /// No configured domain governs the host.
    NotPinned,
    /// Only domains whose pins have expired govern the host.
    PinExpired,
    /// The host is carved out by `excludedSubdomains`.
    SubdomainExcluded,
    /// No certificate of the chain has a pinned key.
    NoPinMatched,
    /// There is no certificate.
    EmptyChain,
    /// A certificate is not well-formed DER.
    UnparsableChain,
    /// More than [`MAX_CHAIN`] certificates, or one of over [`MAX_CERTIFICATE_BYTES`].
    ChainTooLarge,
    /// The host of the connection is unknown, or longer than any, while pins are in force.
    MissingHost,
    /// The platform did not find the chain valid.
    ChainNotValidated,
    /// The engine failed; a pinned host is not let through because of that.
    InternalError,
}

impl Reason {
    /// The stable kebab-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PinMatched => "pin-matched",
            Self::NotPinned => "not-pinned",
            Self::PinExpired => "pin-expired",
            Self::SubdomainExcluded => "subdomain-excluded",
            Self::NoPinMatched => "no-pin-matched",
            Self::EmptyChain => "empty-chain",
            Self::UnparsableChain => "unparsable-chain",
            Self::ChainTooLarge => "chain-too-large",
            Self::MissingHost => "missing-host",
            Self::ChainNotValidated => "chain-not-validated",
            Self::InternalError => "internal-error",
        }
    }
}

/// A verdict that borrows from the pin set: the form in which a handshake is judged, without allocating.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judgement<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) matched_pin: Option<&'a Pin>,
}

/// Judges a connection to `host` whose *validated* chain, leaf first, is `chain`, at `now_ms`.
pub(crate) fn judge<'a, C: AsRef<[u8]>>(
    pins: &'a PinSet,
    host: Option<&str>,
    chain: &[C],
    now_ms: i64,
) -> Judgement<'a> {
    let judgement = |outcome, reason, entry, matched_pin| Judgement { outcome, reason, entry, matched_pin };
    let allowed = |reason, entry| judgement(Outcome::Allowed, reason, entry, None);
    if pins.is_empty() {
        return allowed(Reason::NotPinned, None);
    }
    let mut buffer = None;
    let Some(host) = host.and_then(|host| fold(host, &mut buffer)) else {
        // Any of them may govern it.
        return match pins.strictest(now_ms) {
            Some(entry) => judgement(refused(entry), Reason::MissingHost, None, None),
            None => allowed(Reason::PinExpired, None),
        };
    };
    let entry = match pins.governing(&host, now_ms) {
        Governing::Entry(entry) => entry,
        Governing::Expired(entry) => return allowed(Reason::PinExpired, Some(entry)),
        Governing::Excluded(entry) => return allowed(Reason::SubdomainExcluded, Some(entry)),
        Governing::Nothing => return allowed(Reason::NotPinned, None),
    };
    match matching_pin(entry, chain) {
        Ok(pin) => judgement(Outcome::Allowed, Reason::PinMatched, Some(entry), Some(pin)),
        Err(reason) => judgement(refused(entry), reason, Some(entry), None),
    }
}

/// The judgement over a chain that the platform did not validate: it can satisfy no pin, whatever it holds.
pub(crate) fn judge_unvalidated<'a>(pins: &'a PinSet, host: Option<&str>, now_ms: i64) -> Judgement<'a> {
    let no_chain: [&[u8]; 0] = [];
    let judgement = judge(pins, host, &no_chain, now_ms);
    let reason = match judgement.reason {
        Reason::EmptyChain => Reason::ChainNotValidated,
        Reason::MissingHost => Reason::MissingHost,
        _ => return judgement,
    };
    // Not even report-only lets a chain through that is not valid TLS to begin with.
    Judgement { outcome: Outcome::Blocked, reason, ..judgement }
}

/// What becomes of a host of `entry` that fails.
fn refused(entry: &Entry) -> Outcome {
    if entry.report_only { Outcome::ReportOnly } else { Outcome::Blocked }
}

/// The first pin of the chain, leaf to root, that the entry holds.
fn matching_pin<'a, C: AsRef<[u8]>>(entry: &'a Entry, chain: &[C]) -> Result<&'a Pin, Reason> {
    if chain.is_empty() {
        return Err(Reason::EmptyChain);
    }
    if chain.len() > MAX_CHAIN
        || chain.iter().any(|certificate| certificate.as_ref().len() > MAX_CERTIFICATE_BYTES)
    {
        return Err(Reason::ChainTooLarge);
    }
    let mut found = None;
    for certificate in chain {
        // Those behind the match are read too: a verdict never depends on whether a broken one stands before or after it.
        let spki = spki::certificate_spki(certificate.as_ref()).map_err(|_| Reason::UnparsableChain)?;
        found = found.or_else(|| entry.find(&spki::pin_of_spki(spki)));
    }
    found.ok_or(Reason::NoPinMatched)
}

/// The pins a server showed, leaf first, as far as its certificates can be read.
pub(crate) fn served_pins<C: AsRef<[u8]>>(chain: &[C]) -> Vec<Pin> {
    let readable =
        chain.iter().take(MAX_CHAIN).map(AsRef::as_ref).filter(|der| der.len() <= MAX_CERTIFICATE_BYTES);
    readable.filter_map(|certificate| spki::pin_of_certificate(certificate).ok()).collect()
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What is to happen.
    #[serde(rename = "verdict")]
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The normalised key of the domain that governs the host.
    pub entry: Option<Arc<str>>,
    /// The pin that was found in the chain.
    pub matched_pin: Option<Pin>,
    /// What the server showed, leaf first. Left empty on an allowed handshake, to which it would only add cost.
    pub served_pins: Vec<Pin>,
}

impl Verdict {
    pub(crate) fn new(judgement: &Judgement<'_>, served_pins: Vec<Pin>) -> Self {
        Self {
            outcome: judgement.outcome,
            reason: judgement.reason,
            entry: judgement.entry.map(|entry| entry.domain().clone()),
            matched_pin: judgement.matched_pin.copied(),
            served_pins,
        }
    }

    /// Whether the connection must not go ahead.
    pub fn is_blocked(&self) -> bool {
        self.outcome == Outcome::Blocked
    }

    /// Why it was decided so.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}
