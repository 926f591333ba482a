//! The engine as a class, and the judgement of a connection that Node made.

use crate::{clock_ms, now_ms, to_json};
use napi::{
    Env, Status, Task,
    bindgen_prelude::{AsyncTask, Buffer, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Deserialize;
use serde_json::json;
use spki_pinning_core::{Answer, Engine, Event, EventSink, Outcome, Reason, Source, Verdict, report::App};
use spki_pinning_net::{
    background::{Background, Surroundings, UpdateAnswer},
    path::clean_reported_chain,
    validate::Roots,
};
use std::{cell::OnceCell, fs, path::PathBuf, sync::Arc, time::Duration};

/// One engine; see `spki_pinning_core::Engine`.
#[napi]
pub struct NativeEngine {
    engine: Arc<Engine>,
    /// What it does beside checks, or why it cannot.
    background: Result<Arc<Background>, String>,
}

/// Where the background work happens: JSON text. All of it is optional.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Start {
    /// Of this application alone; without one nothing outlives the process.
    folder: Option<PathBuf>,
    app: App,
    /// A PEM file of more certificates to trust than the system's.
    ca_file: Option<PathBuf>,
}

impl Start {
    fn background(self, engine: Arc<Engine>, on_change: Option<Changes>) -> Result<Arc<Background>, String> {
        let roots = match self.ca_file.map(fs::read) {
            // Node itself only warns of a file that it cannot read.
            Some(Ok(file)) => Roots::PlatformAnd(file),
            Some(Err(_)) | None => Roots::Platform,
        };
        let tell: Arc<dyn Fn() + Send + Sync> = match on_change {
            Some(callback) => {
                Arc::new(move || _ = callback.call((), ThreadsafeFunctionCallMode::NonBlocking))
            }
            None => Arc::new(|| ()),
        };
        let surroundings =
            Surroundings { folder: self.folder, app: self.app, on_change: tell, ..Surroundings::new(roots) };
        Background::new(engine, surroundings).map_err(|error| error.to_string())
    }
}

/// Tells JavaScript that pins have changed; weak, so that it does not keep the process alive.
type Changes = ThreadsafeFunction<(), (), (), Status, false, true>;

#[napi]
impl NativeEngine {
    /// An engine that pins nothing yet. `surroundings`: where signed pins are stored, and whose app this is, as JSON text;
    /// without it there is no background work. `on_change` is called, on the JavaScript thread, when pins have changed that
    /// were not given here.
    #[napi(constructor, catch_unwind)]
    pub fn new(surroundings: Option<String>, on_change: Option<Function<'_, (), ()>>) -> napi::Result<Self> {
        let engine = Arc::new(Engine::new());
        let Some(surroundings) = surroundings else {
            let why = "this engine was made for checks only".to_owned();
            return Ok(Self { engine, background: Err(why) });
        };
        let start: Start = serde_json::from_str(&surroundings)
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let on_change = match on_change {
            Some(callback) => Some(callback.build_threadsafe_function().weak::<true>().build()?),
            None => None,
        };
        let background = start.background(engine.clone(), on_change);
        Ok(Self { engine, background })
    }

    /// Takes a configuration into force: `{"ok": true, "generation", "warnings"}` or `{"ok": false, "problems"}`.
    #[napi(catch_unwind)]
    pub fn initialize(&self, document: String) -> napi::Result<String> {
        let now = clock_ms();
        let initialized = match &self.background {
            Ok(background) => background.initialize(&document, Source::Code, now),
            Err(_) => self.engine.initialize(&document, now),
        };
        to_json(&Answer::from(initialized))
    }

    /// Looks for newer signed pins: `{"ok": true, "outcome", "version"}` or `{"ok": false, "error": {"code", "message"}}`.
    #[napi]
    pub fn update(&self) -> AsyncTask<InBackground> {
        self.in_background(|background| {
            serde_json::to_string(&UpdateAnswer::from(background.update(clock_ms())))
        })
    }

    /// Makes a handshake of its own with a server and judges it: `{"ok", "tlsVersion", "verdict", "error"}`.
    #[napi]
    pub fn verify(&self, host: String, port: u16) -> AsyncTask<InBackground> {
        self.in_background(move |background| {
            serde_json::to_string(&background.verify(&host, port, clock_ms()))
        })
    }

    fn in_background(
        &self,
        work: impl FnOnce(&Background) -> serde_json::Result<String> + Send + 'static,
    ) -> AsyncTask<InBackground> {
        let work = self.background.clone().map(|background| Box::new(move || work(&background)) as Box<_>);
        AsyncTask::new(InBackground { work: Some(work) })
    }

    /// From now on, which network stacks bring connections to this host is noted.
    #[napi(catch_unwind)]
    pub fn watch(&self, host: String) {
        self.engine.watch(&host);
    }

    /// What was noted: `[{"stack", "verdict", "reason"}]`.
    #[napi(catch_unwind)]
    pub fn watched(&self) -> napi::Result<String> {
        to_json(&self.engine.watched())
    }

    /// Whether the connections of a network stack are judged, for the status.
    #[napi(catch_unwind)]
    pub fn tell_stack(&self, stack: String, hooked: bool) {
        self.engine.tell_stack(&stack, hooked);
    }

    /// Pins nothing any more.
    #[napi(catch_unwind)]
    pub fn disable(&self) {
        self.engine.disable();
    }

    /// Counts the configurations, and the ends of pins.
    #[napi(catch_unwind)]
    pub fn generation(&self) -> f64 {
        self.engine.generation_at(clock_ms()) as f64
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
                let callback = callback.build_threadsafe_function().weak::<true>();
                let callback = callback.max_queue_size::<MAX_QUEUED_EVENTS>().build()?;
                Some(Arc::new(JsSink { callback }) as Arc<dyn EventSink>)
            }
            None => None,
        };
        self.engine.set_event_sink(sink);
        Ok(())
    }
}

/// Work that waits for a network, on a thread of libuv's pool.
pub struct InBackground {
    work: Option<Result<BoxedWork, String>>,
}

type BoxedWork = Box<dyn FnOnce() -> serde_json::Result<String> + Send>;

impl Task for InBackground {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        match self.work.take() {
            Some(Ok(work)) => work().map_err(|error| napi::Error::from_reason(error.to_string())),
            Some(Err(why)) => {
                to_json(&json!({"ok": false, "error": {"code": "no-background", "message": why}}))
            }
            None => Err(napi::Error::from_reason("asked twice")),
        }
    }

    fn resolve(&mut self, _: Env, output: String) -> napi::Result<String> {
        Ok(output)
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

/// Events that wait for JavaScript's event loop. While it is busy for longer than that, what comes is only in the status:
/// otherwise a flood would take memory without end, 1.2 kB an event.
const MAX_QUEUED_EVENTS: usize = 1000;

/// Events on their way to JavaScript.
struct JsSink {
    callback: ThreadsafeFunction<String, (), String, Status, false, true, MAX_QUEUED_EVENTS>,
}

impl EventSink for JsSink {
    fn event(&self, event: &Event) {
        if let Ok(json) = serde_json::to_string(event) {
            self.callback.call(json, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
