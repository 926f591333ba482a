//! Hosts that connections went to before there was any configuration: how a developer hears of pins that came too late.

use crate::{
    host::folded,
    pin_set::PinSet,
    problem::{Finding, Problem, Severity},
    sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError},
    verdict::{Outcome, judge_unvalidated},
};

/// More than an app asks before it has begun.
const MAX_HOSTS: usize = 64;
/// Hosts that the warning names.
const NAMED: usize = 10;

/// A check costs a short lock before the first configuration, and one load from then on.
#[derive(Debug, Default)]
pub(crate) struct EarlyHosts {
    is_over: AtomicBool,
    /// In their normal form, in the order in which they came.
    hosts: Mutex<Vec<String>>,
}

impl EarlyHosts {
    pub(crate) fn note(&self, host: Option<&str>) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        let Some(host) = host.and_then(folded) else { return };
        let mut hosts = self.hosts();
        // Asked again: a configuration may have come in between.
        if self.is_over.load(Ordering::Acquire) || hosts.contains(&host) {
            return;
        }
        hosts.push(host);
        if hosts.len() == MAX_HOSTS {
            self.is_over.store(true, Ordering::Release);
        }
    }

    /// To be called with each configuration. The first is told which of the hosts it pins came before it.
    pub(crate) fn end(&self, pins: &PinSet, now_ms: i64) -> Option<Problem> {
        let mut hosts = {
            let mut hosts = self.hosts();
            self.is_over.store(true, Ordering::Release);
            std::mem::take(&mut *hosts)
        };
        hosts.retain(|host| judge_unvalidated(pins, Some(host), now_ms).outcome == Outcome::Blocked);
        let named = hosts.get(..NAMED).unwrap_or(&hosts).join(", ");
        let more = match hosts.len().saturating_sub(NAMED) {
            0 if named.is_empty() => return None,
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message =
            format!("requests were made before this configuration, and went unpinned, to {named}{more}");
        let suggestion = "embed the configuration into the app (`embed`, or the Expo plugin), or await initializeSslPinning \
                          before the first request";
        Some(Finding::new("requests-before-pins", message).suggest(suggestion).at(Severity::Warning, ""))
    }

    fn hosts(&self) -> MutexGuard<'_, Vec<String>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
