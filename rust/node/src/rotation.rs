//! What about a configuration that is valid will be a problem when keys and authorities change. For the command line: the
//! roots of the web are no part of what apps carry.

use crate::{now_ms, to_json};
use napi_derive::napi;
use serde::Serialize;
use spki_pinning_core::{
    Engine, Pin, PinSet, Severity, check, expiry::DAY_MS, host, pin_set::Entry, problem::Problem, spki,
};
use std::sync::LazyLock;
use x509_parser::{prelude::FromDer as _, prelude::X509Certificate};

/// A root that browsers trust.
struct Root {
    pin: Pin,
    name: String,
    organisation: Option<String>,
    algorithm: String,
    not_before: i64,
    not_after: i64,
}

/// Mozilla's, as the crate webpki-root-certs has them.
static ROOTS: LazyLock<Vec<Root>> =
    LazyLock::new(|| webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| root(der)).collect());

fn root(der: &[u8]) -> Option<Root> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let text = |attribute: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
        attribute.and_then(|attribute| attribute.as_str().ok()).map(str::to_owned)
    };
    let organisation = text(subject.iter_organization().next());
    let name = text(subject.iter_common_name().next())
        .or_else(|| text(subject.iter_organizational_unit().next()))
        .or_else(|| organisation.clone())?;
    let validity = certificate.validity();
    Some(Root {
        pin: spki::pin_of_certificate(der).ok()?,
        name,
        organisation,
        algorithm: certificate.public_key().algorithm.algorithm.to_id_string(),
        not_before: validity.not_before.timestamp() * 1000,
        not_after: validity.not_after.timestamp() * 1000,
    })
}

/// How long before its end a pinned root is a problem: operators move their customers years ahead.
const ROOT_ENDS_SOON_MS: i64 = 2 * 365 * DAY_MS;

/// A finding about a domain.
#[derive(Serialize)]
struct About {
    /// The normalised key.
    domain: String,
    #[serde(flatten)]
    problem: Problem,
}

/// What will be a problem, for a document that is valid: `[{"domain", "severity", "path", "code", "message", "suggestion"}]`,
/// the path relative to the domain.
#[napi(catch_unwind)]
pub fn rotation_problems(document: String, now: Option<f64>) -> napi::Result<String> {
    let now = now_ms(now);
    let engine = Engine::new();
    if engine.initialize(&document, now).is_err() {
        return to_json(&check::check(&document, now).problems);
    }
    let pins = engine.pins();
    let found: Vec<_> = pins.entries().iter().flat_map(|entry| about(&pins, entry, now)).collect();
    to_json(&found)
}

fn about(pins: &PinSet, entry: &Entry, now: i64) -> Vec<About> {
    if entry.is_expired(now) {
        return Vec::new();
    }
    let pinned = ROOTS.iter().filter(|root| entry.holds(&root.pin));
    let problems = pinned.filter_map(|root| about_root(entry, root, now)).chain(uncovered(pins, entry));
    problems.map(|problem| About { domain: entry.domain().to_string(), problem }).collect()
}

fn about_root(entry: &Entry, root: &Root, now: i64) -> Option<Problem> {
    let (name, pin) = (&root.name, root.pin);
    let newer = newer_root(root);
    let move_to = match newer.filter(|newer| !entry.holds(&newer.pin)) {
        Some(newer) => format!(
            "add the pin of {}, `{}`, or ask the authority which root comes next",
            newer.name, newer.pin
        ),
        None => "ask the authority which root comes next, and add its pin".to_owned(),
    };
    let day = |instant| spki_pinning_core::expiry::date_time(instant)[..10].to_owned();
    let (code, message, suggestion) = if root.not_after <= now {
        let message =
            format!("the pin {pin} is of the root {name}, which expired on {}", day(root.not_after));
        ("pinned-root-expired", message, move_to)
    } else if root.not_after < now + ROOT_ENDS_SOON_MS {
        let message = format!(
            "the pin {pin} is of the root {name}, which expires on {}: its authority moves servers to another one before",
            day(root.not_after)
        );
        ("pinned-root-expiring", message, move_to)
    } else {
        let newer =
            newer.filter(|_| !ROOTS.iter().any(|other| is_newer(other, root) && entry.holds(&other.pin)))?;
        let message = format!(
            "the pin {pin} is of the root {name}; its authority has newer ones, such as {} (until {}), to which it may move servers",
            newer.name,
            day(newer.not_after)
        );
        let suggestion = format!("add the pin of {}, `{}`, too", newer.name, newer.pin);
        ("pinned-root-has-successor", message, suggestion)
    };
    Some(problem("/publicKeyHashes", code, message, suggestion))
}

/// The newest root of the same operator; of the same kind of key, if there is one.
fn newer_root(root: &Root) -> Option<&'static Root> {
    let newer = || ROOTS.iter().filter(|other| is_newer(other, root));
    let same_kind = newer().filter(|other| other.algorithm == root.algorithm);
    same_kind.max_by_key(|other| other.not_before).or_else(|| newer().max_by_key(|other| other.not_before))
}

/// A sibling of the same day, with another kind of key say, is no successor.
fn is_newer(other: &Root, root: &Root) -> bool {
    let same_operator = root.organisation.is_some() && other.organisation == root.organisation;
    same_operator && other.not_before > root.not_before + 365 * DAY_MS && other.not_after > root.not_after
}

/// A registered domain whose subdomains are not pinned, though none of them is configured either: most often they are where
/// the requests go.
fn uncovered(pins: &PinSet, entry: &Entry) -> Option<Problem> {
    let domain = entry.domain();
    let has_subdomain = || {
        let below = format!(".{domain}");
        pins.entries().iter().any(|other| other.domain().ends_with(&below))
    };
    if entry.include_subdomains || !host::is_registrable(domain) || has_subdomain() {
        return None;
    }
    let message = format!("{domain} is pinned, www.{domain}, api.{domain} and all others below it are not");
    let suggestion = "add `includeSubdomains: true`, or the subdomains that the app calls";
    Some(problem("", "subdomains-not-covered", message, suggestion.to_owned()))
}

fn problem(path: &str, code: &'static str, message: String, suggestion: String) -> Problem {
    Problem {
        severity: Severity::Warning,
        path: path.to_owned(),
        code,
        message,
        suggestion: Some(suggestion),
    }
}
