//! Which network stacks bring connections to one host: how `verifySslPinning` finds one that goes by the engine.

use crate::{
    host::folded,
    sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError},
    verdict::{Judgement, Outcome, Reason},
};
use serde::Serialize;

/// Connections of one network stack that came to the same verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// As in events.
    pub stack: String,
    /// What was decided.
    #[serde(rename = "verdict")]
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
}

/// More than any app has stacks.
const MAX_WATCHED: usize = 64;

/// A switch that costs a check one load while it is off.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    is_on: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    host: Option<String>,
    seen: Vec<Watched>,
}

impl Watch {
    pub(crate) fn start(&self, host: &str) {
        *self.state() = State { host: folded(host), seen: Vec::new() };
        self.is_on.store(true, Ordering::Release);
    }

    pub(crate) fn note(&self, host: Option<&str>, stack: &str, judgement: &Judgement<'_>) {
        if !self.is_on.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state();
        let watched =
            Watched { stack: stack.to_owned(), outcome: judgement.outcome, reason: judgement.reason };
        let is_it = state.host.is_some() && host.and_then(folded) == state.host;
        if is_it && state.seen.len() < MAX_WATCHED && !state.seen.contains(&watched) {
            state.seen.push(watched);
        }
    }

    pub(crate) fn end(&self) -> Vec<Watched> {
        self.is_on.store(false, Ordering::Release);
        std::mem::take(&mut *self.state()).seen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
