//! What the ways into the engine have in common: one engine, the clock, JSON text, and the guard against panics.

use serde::Serialize;
use serde_json::json;
use spki_pinning_core::{
    Answer, ConfigError, Engine, Event, EventSink, Notice, Problem, Reason, Refusal, Severity, Source,
    Verdict, host::folded,
};
use spki_pinning_net::background::{Background, system_clock};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, LazyLock, OnceLock},
};

/// The engine of this process.
pub(crate) fn shared() -> &'static Bridge {
    static SHARED: LazyLock<Bridge> = LazyLock::new(Bridge::default);
    &SHARED
}

/// An engine whose answers can cross a language boundary.
#[derive(Default)]
pub(crate) struct Bridge {
    pub(crate) engine: Arc<Engine>,
    pub(crate) background: OnceLock<Arc<Background>>,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) hooks: Arc<crate::testing::Hooks>,
}

/// A connection to be judged.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'a> {
    /// Without it a connection cannot be matched with a domain.
    pub(crate) host: Option<&'a str>,
    /// DER, leaf first.
    pub(crate) chain: &'a [Vec<u8>],
    /// Whether the platform found the chain valid, and `chain` is the path that it validated.
    pub(crate) validated: bool,
}

impl Bridge {
    /// Takes a configuration into force: `{"ok": true, "generation", "warnings"}` or `{"ok": false, "problems"}`.
    pub(crate) fn initialize(&self, document: &str, source: Source) -> String {
        let now = self.now_ms();
        let initialized = || match self.background.get() {
            Some(background) => background.initialize(document, source, now),
            None => self.engine.initialize_from(document, source, now, |_| None),
        };
        self.guarded(
            || to_json(&Answer::from(initialized())),
            || {
                let problem = Problem {
                    severity: Severity::Error,
                    path: String::new(),
                    code: "internal-error",
                    message: "The engine failed; this is a mistake of react-native-spki-pinning.".to_owned(),
                    suggestion: Some("report it, with the configuration that led to it".to_owned()),
                };
                to_json(&Answer::from(Err(ConfigError { problems: vec![problem] })))
            },
        )
    }

    /// Pins nothing any more. Should that fail, what is pinned stays pinned.
    pub(crate) fn disable(&self) {
        self.guarded(|| self.engine.disable(), || ());
    }

    /// What is pinned and what happened so far. `{"error": "internal-error"}` if even that fails.
    pub(crate) fn status(&self) -> String {
        self.guarded(
            || to_json(&self.engine.status(self.now_ms())),
            || to_json(&json!({"error": "internal-error"})),
        )
    }

    /// Counts the configurations, and the ends of pins. `None` if that fails: then nothing that was judged before counts.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.guarded(|| Some(self.engine.generation_at(self.now_ms())), || None)
    }

    /// Judges a connection, with event and count: the [`Refusal`] as JSON text, or `None` and it goes ahead.
    pub(crate) fn check(&self, connection: Connection<'_>, stack: &str) -> Option<String> {
        let Connection { host, chain, validated } = connection;
        let check = || {
            let now = self.now_ms();
            let verdict = match validated {
                true => self.engine.check(host, chain, stack, now),
                false => self.engine.check_unvalidated(host, chain, stack, now),
            };
            self.refusal(host, verdict)
        };
        self.guarded(check, || {
            self.failed(host, || self.engine.check(host, &[Unreadable], stack, self.now_ms()))
        })
    }

    /// As [`Bridge::check`], without a trace.
    pub(crate) fn evaluate(&self, connection: Connection<'_>) -> Option<String> {
        let evaluate = || self.refusal(connection.host, self.judge(connection));
        self.guarded(evaluate, || self.failed(connection.host, || self.judge_after_panic(connection.host)))
    }

    /// The whole verdict, without a trace, also where a connection goes ahead.
    pub(crate) fn verdict(&self, connection: Connection<'_>) -> String {
        self.guarded(
            || to_json(&self.judge(connection)),
            || to_json(&self.judge_after_panic(connection.host)), // what panics here ends in the boundary's own guard
        )
    }

    /// Whether a connection to this host needs a validated chain.
    pub(crate) fn is_pinned(&self, host: Option<&str>) -> bool {
        self.guarded(|| self.engine.evaluate_unvalidated(host, self.now_ms()).is_blocked(), || true)
    }

    /// The one form of all spellings of a host; `None` for no host.
    pub(crate) fn folded_host(&self, host: &str) -> Option<String> {
        self.guarded(|| folded(host), || None)
    }

    /// Records what the bridge has noticed by itself, in line with the engine's own events.
    pub(crate) fn report(&self, notice: Notice, host: Option<&str>, message: &str, stack: &str) {
        self.guarded(|| self.engine.report(notice, host, message, stack, self.now_ms()), || ());
    }

    /// Where events go from now on; there is one listener at a time, whatever language it is written in. Those that
    /// waited come first.
    pub(crate) fn set_listener(&self, listener: Option<Box<dyn Listener>>) {
        let sink = listener.map(|listener| Arc::new(Sink(listener)) as Arc<dyn EventSink>);
        self.guarded(|| self.engine.set_event_sink(sink), || ());
    }

    fn judge(&self, Connection { host, chain, validated }: Connection<'_>) -> Verdict {
        let now = self.now_ms();
        match validated {
            true => self.engine.evaluate(host, chain, now),
            false => self.engine.evaluate_unvalidated(host, now),
        }
    }

    /// As [`Bridge::judge`] after a panic.
    fn judge_after_panic(&self, host: Option<&str>) -> Verdict {
        let mut verdict = self.engine.evaluate_unvalidated(host, self.now_ms());
        if verdict.is_blocked() {
            verdict.reason = Reason::InternalError;
        }
        verdict
    }

    fn refusal(&self, host: Option<&str>, verdict: Verdict) -> Option<String> {
        verdict
            .is_blocked()
            .then(|| to_json(&Refusal::new(host, verdict, &self.engine.pins(), self.now_ms())))
    }

    /// What becomes of a connection whose judgement has panicked: `again` judges it apart from its chain, which may have
    /// caused that. If it panics too, nobody knows whether the host is pinned.
    fn failed(&self, host: Option<&str>, again: impl FnOnce() -> Verdict) -> Option<String> {
        catch_unwind(AssertUnwindSafe(|| self.refusal(host, again())))
            .unwrap_or_else(|_| Some(to_json(&Refusal::internal_error(host))))
    }

    /// `work`, or `otherwise` if it panics.
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> T, otherwise: impl FnOnce() -> T) -> T {
        let work = || {
            #[cfg(any(test, feature = "testing"))]
            self.hooks.panic_if_asked();
            work()
        };
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| otherwise())
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        #[cfg(any(test, feature = "testing"))]
        if let Some(now) = self.hooks.now_ms() {
            return now;
        }
        system_clock()
    }

    /// The same for the background.
    pub(crate) fn clock(&self) -> Arc<dyn Fn() -> i64 + Send + Sync> {
        #[cfg(any(test, feature = "testing"))]
        {
            let hooks = self.hooks.clone();
            Arc::new(move || hooks.now_ms().unwrap_or_else(system_clock))
        }
        #[cfg(not(any(test, feature = "testing")))]
        Arc::new(system_clock)
    }
}

/// A certificate that cannot be had. The core takes the unwinding for its own failure, so that a host that is pinned is
/// refused for `internal-error`, with event and count, and another one is not touched.
struct Unreadable;

impl AsRef<[u8]> for Unreadable {
    fn as_ref(&self) -> &[u8] {
        resume_unwind(Box::new(())) // unlike `panic!`, it does not call the hook: what happened is in the log already
    }
}

/// Receives events as JSON text.
pub(crate) trait Listener: Send + Sync {
    fn event(&self, event: String);
}

struct Sink(Box<dyn Listener>);

impl EventSink for Sink {
    fn event(&self, event: &Event) {
        // A listener that fails has not heard an event. It has no say in what becomes of the connection.
        let deliver = || self.0.event(to_json(event));
        if catch_unwind(AssertUnwindSafe(deliver)).is_err() {
            log::error!("the listener failed on an event");
        }
    }
}

/// A value that the core or this crate made as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .expect("their keys are strings, and nothing in them refuses to be serialized")
}

#[cfg(test)]
mod tests;
