//! What a configuration takes away from the one that it replaces: the app may mean it, but nobody is to lose it unawares.

use crate::{
    host::suffixes,
    pin_set::{Governing, PinSet},
    problem::{Finding, Problem, Severity},
};
use std::collections::HashSet;

/// Domains that a warning names.
const NAMED: usize = 10;

/// What was in force with `before` and with `after`, which takes its place, no longer is.
pub(crate) fn since(before: &PinSet, after: &PinSet, now_ms: i64) -> Vec<Problem> {
    let findings = [updates(before, after), pins(before, after, now_ms)];
    findings.into_iter().flatten().map(|finding| finding.at(Severity::Warning, "")).collect()
}

fn updates(before: &PinSet, after: &PinSet) -> Option<Finding> {
    if before.settings().updates.is_none() || after.settings().updates.is_some() {
        return None;
    }
    let message = "initializeSslPinning was called without `settings.updates`, which were in force, so signed pins are off, \
                   and new ones are not fetched";
    Some(Finding::new("updates-dropped", message).suggest("give the same again if that is not meant"))
}

/// Every host is asked for that the two could answer differently for: each name of theirs, and below each a host that nobody
/// has named.
fn pins(before: &PinSet, after: &PinSet, now_ms: i64) -> Option<Finding> {
    if before.is_empty() {
        return None;
    }
    let enforces = |pins: &PinSet, host: &str| matches!(pins.governing(host, now_ms), Governing::Entry(entry) if !entry.report_only);
    // `after` first: most often it does, and that is all.
    let is_lost = |host: &str| !enforces(after, host) && enforces(before, host);
    let below = |name: &str| format!("*.{name}");
    let (mut lost, mut named) = (HashSet::new(), Vec::new());
    let new = after.names(now_ms).filter(|name| before.entry(name, now_ms).is_none());
    for name in before.names(now_ms).chain(new) {
        let is_whole = is_lost(name);
        // Where those of a parent are lost too, that says it.
        let is_in_part =
            || is_lost(&below(name)) && !suffixes(name).nth(1).is_some_and(|parent| is_lost(&below(parent)));
        if !(is_whole || is_in_part()) || !lost.insert(name) || lost.len() > NAMED {
            continue;
        }
        let (of, host) = if is_whole { ("", name.to_owned()) } else { ("subdomains of ", below(name)) };
        named.push(format!("{of}{name}{}", what_became(after.governing(&host, now_ms))));
    }
    let more = match lost.len().saturating_sub(NAMED) {
        0 if named.is_empty() => return None,
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = named.join(", ");
    let message =
        format!("initializeSslPinning no longer enforces the pins of {named}{more}, which were in force");
    let suggestion = match after.strictest(now_ms) {
        Some(entry) if !entry.report_only => "give them again if that is not meant",
        _ => "give them again, or call disableSslPinning() if that is meant",
    };
    Some(Finding::new("pins-dropped", message).suggest(suggestion))
}

/// Of a host that is not enforced any more.
fn what_became(now: Governing<'_>) -> &'static str {
    match now {
        Governing::Entry(_) => " (report-only now)",
        Governing::Expired(_) => " (expired)",
        Governing::Excluded(_) => " (excluded now)",
        Governing::Nothing => "",
    }
}

#[cfg(test)]
mod tests;
