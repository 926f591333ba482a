//! What a configuration takes away from the one that it replaces: the app may mean it, but nobody is to lose it unawares.

use crate::{
    pin_set::PinSet,
    problem::{Finding, Problem, Severity},
};

/// What was in force with `before` and with `after`, which takes its place, no longer is.
pub(crate) fn since(before: &PinSet, after: &PinSet) -> Vec<Problem> {
    let findings = updates(before, after);
    findings.into_iter().map(|finding| finding.at(Severity::Warning, "")).collect()
}

fn updates(before: &PinSet, after: &PinSet) -> Option<Finding> {
    if before.settings().updates.is_none() || after.settings().updates.is_some() {
        return None;
    }
    let message = "initializeSslPinning was called without `settings.updates`, which were in force, so signed pins are off, \
                   and new ones are not fetched";
    Some(Finding::new("updates-dropped", message).suggest("give the same again if that is not meant"))
}
