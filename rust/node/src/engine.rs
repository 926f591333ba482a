//! The engine as a class, and the judgement of a connection that Node made.

use crate::{clock_ms, now_ms, to_json};
use napi::{
    Status,
    bindgen_prelude::{Buffer, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::json;
use spki_pinning_core::{Engine, Event, EventSink, Outcome, Reason, Verdict};
use spki_pinning_net::path::clean_reported_chain;
use std::{cell::OnceCell, sync::Arc, time::Duration};

/// One engine; see `spki_pinning_core::Engine`.
#[napi]
pub struct NativeEngine {
    engine: Engine,
}

#[napi]
impl NativeEngine {
    /// An engine that pins nothing yet.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "a constructor for JavaScript")]
    pub fn new() -> Self {
        Self { engine: Engine::new() }
    }

    /// Takes a configuration into force: `{"ok": true, "generation", "warnings"}` or `{"ok": false, "problems"}`.
    #[napi(catch_unwind)]
    pub fn initialize(&self, document: String) -> napi::Result<String> {
        match self.engine.initialize(&document, clock_ms()) {
            Ok(done) => {
                to_json(&json!({"ok": true, "generation": done.generation, "warnings": done.warnings}))
            }
            Err(error) => to_json(&json!({"ok": false, "problems": error.problems})),
        }
    }

    /// Pins nothing any more.
    #[napi(catch_unwind)]
    pub fn disable(&self) {
        self.engine.disable();
    }

    /// Counts the configurations.
    #[napi(catch_unwind)]
    pub fn generation(&self) -> f64 {
        self.engine.generation() as f64
    }

    /// What is pinned and what happened so far.
    #[napi(catch_unwind)]
    pub fn status(&self) -> napi::Result<String> {
        to_json(&self.engine.status(clock_ms()))
    }

    /// The verdict over a chain (DER, leaf first) taken as validated; leaves no trace.
    #[napi(catch_unwind)]
    pub fn evaluate(
        &self,
        host: Option<String>,
        chain: Vec<Buffer>,
        now: Option<f64>,
    ) -> napi::Result<String> {
        to_json(&self.engine.evaluate(host.as_deref(), &chain, now_ms(now)))
    }

    /// The verdict over a live connection, with event and count.
    ///
    /// `hosts`: every name the connection stands for; each of them that is pinned has to be satisfied. `reported`: the
    /// certificates that Node reports, leaf first. `validated`: whether Node found the chain valid.
    #[napi(catch_unwind)]
    pub fn check_connection(
        &self,
        hosts: Vec<Option<String>>,
        reported: Vec<Buffer>,
        validated: bool,
        stack: String,
    ) -> napi::Result<String> {
        let connection = Connection::new(&self.engine, &reported, validated, clock_ms());
        let host = connection.decisive_host(hosts);
        answer(&connection.check(host.as_deref(), &stack), host)
    }

    /// As [`Self::check_connection`], without a trace.
    #[napi(catch_unwind)]
    pub fn evaluate_connection(
        &self,
        hosts: Vec<Option<String>>,
        reported: Vec<Buffer>,
        validated: bool,
    ) -> napi::Result<String> {
        let connection = Connection::new(&self.engine, &reported, validated, clock_ms());
        let host = connection.decisive_host(hosts);
        answer(&connection.evaluate(host.as_deref()), host)
    }

    /// Where events go from now on, as JSON text, on the JavaScript thread; those that waited come first.
    #[napi(catch_unwind)]
    pub fn set_event_sink(&self, callback: Option<Function<'_, String, ()>>) -> napi::Result<()> {
        let sink = match callback {
            // Weak: a listener alone does not keep the process alive.
            Some(callback) => {
                let callback = callback.build_threadsafe_function().weak::<true>().build()?;
                Some(Arc::new(JsSink { callback }) as Arc<dyn EventSink>)
            }
            None => None,
        };
        self.engine.set_event_sink(sink);
        Ok(())
    }
}

/// A verdict with the host it is about.
fn answer(verdict: &Verdict, host: Option<String>) -> napi::Result<String> {
    let mut answer =
        serde_json::to_value(verdict).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("serverHostname".to_owned(), host.into());
    }
    to_json(&answer)
}

/// A connection that Node made, as far as its judgement goes.
struct Connection<'a> {
    engine: &'a Engine,
    reported: &'a [Buffer],
    validated: bool,
    now: i64,
    /// The part of `reported` that is proven to be a path from the leaf; made only for hosts that are pinned.
    path: OnceCell<Vec<CertificateDer<'a>>>,
}

impl<'a> Connection<'a> {
    fn new(engine: &'a Engine, reported: &'a [Buffer], validated: bool, now: i64) -> Self {
        Self { engine, reported, validated, now, path: OnceCell::new() }
    }

    fn path(&self) -> &[CertificateDer<'a>] {
        self.path.get_or_init(|| {
            let reported: Vec<_> =
                self.reported.iter().map(|der| CertificateDer::from(der.as_ref())).collect();
            let since_epoch = Duration::from_millis(u64::try_from(self.now).unwrap_or_default());
            clean_reported_chain(&reported, UnixTime::since_unix_epoch(since_epoch))
        })
    }

    fn evaluate(&self, host: Option<&str>) -> Verdict {
        let unvalidated = self.engine.evaluate_unvalidated(host, self.now);
        if !self.validated || !unvalidated.is_blocked() {
            return unvalidated; // where nothing is pinned the chain makes no difference
        }
        self.engine.evaluate(host, self.path(), self.now)
    }

    fn check(&self, host: Option<&str>, stack: &str) -> Verdict {
        let unvalidated = self.engine.evaluate_unvalidated(host, self.now);
        if self.validated && unvalidated.is_blocked() {
            return self.engine.check(host, self.path(), stack, self.now);
        }
        self.engine.check_unvalidated(host, self.reported, stack, self.now)
    }

    /// A connection may stand for two names (that of the URL, and that of TLS where a `Host` header differs). Each that
    /// is pinned has to be satisfied, so the one with the worst verdict speaks for the connection.
    fn decisive_host(&self, hosts: Vec<Option<String>>) -> Option<String> {
        let rank = |host: &Option<String>| match self.evaluate(host.as_deref()) {
            Verdict { outcome: Outcome::Blocked, .. } => 0,
            Verdict { outcome: Outcome::ReportOnly, .. } => 1,
            Verdict { reason: Reason::PinMatched, .. } => 2,
            _ => 3,
        };
        hosts.into_iter().min_by_key(rank).flatten()
    }
}

/// Events on their way to JavaScript.
struct JsSink {
    callback: ThreadsafeFunction<String, (), String, Status, false, true>,
}

impl EventSink for JsSink {
    fn event(&self, event: &Event) {
        if let Ok(json) = serde_json::to_string(event) {
            self.callback.call(json, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
