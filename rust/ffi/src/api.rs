//! The engine for Kotlin and Swift, by uniffi. Answers are JSON text, in the formats of the core and of every other bridge.

use crate::bridge::{self, Bridge, Connection, Listener};
use spki_pinning_core::{Notice, Source};
use std::sync::Arc;

/// As the core defines it.
#[uniffi::remote(Enum)]
pub enum Notice {
    HookReplaced,
    UnverifiedResponse,
    ConfigurationNotInForce,
    InternalError,
}

/// Judges connections by the pins in force. One for the process; all methods may be called from any thread.
///
/// On Android no handshake should go this way (see `NativeCheck`): a call through JNA takes some 25 µs.
#[derive(uniffi::Object)]
pub struct PinningEngine {
    bridge: &'static Bridge,
}

/// Receives events, each as JSON text: `{"kind", "serverHostname", "message", "reason", "enforced", "servedPins",
/// "expectedPins", "stack", "timestamp"}`.
#[uniffi::export(callback_interface)]
pub trait EventListener: Send + Sync {
    /// Takes one event. Called on the thread on which it happens, which may be one of a TLS handshake: hand over and
    /// return.
    fn on_event(&self, event: String);
}

#[uniffi::export]
impl PinningEngine {
    /// The engine of this process.
    #[uniffi::constructor]
    pub fn shared() -> Arc<Self> {
        Arc::new(Self { bridge: bridge::shared() })
    }

    /// Takes a configuration into force, for every check that starts from now on: `{"ok": true, "generation", "warnings"}`.
    /// Or refuses it, with all that is wrong with it, and what was in force stays: `{"ok": false, "problems": [{"severity",
    /// "path", "code", "message", "suggestion"}]}`.
    pub fn initialize(&self, document: &str) -> String {
        self.bridge.initialize(document, Source::Code)
    }

    /// As `initialize`, of the configuration that the app's build has put into it.
    pub fn initialize_embedded(&self, document: &str) -> String {
        self.bridge.initialize(document, Source::Embedded)
    }

    /// Begins what the engine does beside checks: signed pins, reports. Before the first `initialize`; the first call counts.
    /// `surroundings` is JSON text: `{"folder": a path that belongs to the app alone and is in no backup, "app": {"id",
    /// "version", "platform"}}`, all of it optional. False for text that is not that.
    pub fn start(&self, surroundings: &str, platform: Box<dyn Platform>) -> bool {
        self.bridge.start(surroundings, Arc::new(ForeignPlatform(platform)))
    }

    /// Looks for newer signed pins now, and waits for what comes of it (30 s at most): `{"ok": true, "outcome": "applied" |
    /// "up-to-date", "version"}` or `{"ok": false, "error": {"code", "message"}}`.
    pub fn update(&self) -> String {
        self.bridge.update()
    }

    /// To be called when the app has come back before its user: what had to wait for a network is done.
    pub fn came_to_foreground(&self) {
        self.bridge.came_to_foreground();
    }

    /// Makes a handshake of its own with a server, judges it, and waits for that (30 s at most): `{"ok", "tlsVersion",
    /// "verdict", "error"}`. Counts nothing, and is no event.
    pub fn verify(&self, host: &str, port: u16) -> String {
        self.bridge.verify(host, port)
    }

    /// From now on, which network stacks bring connections to this host is noted. Open connections are judged again.
    pub fn watch(&self, host: &str) {
        self.bridge.watch(host);
    }

    /// What was noted since `watch`: `[{"stack", "verdict", "reason"}]`. Nothing is noted any more.
    pub fn watched(&self) -> String {
        self.bridge.watched()
    }

    /// Whether the connections of a network stack of this process are judged, for the status.
    pub fn tell_stack(&self, stack: &str, hooked: bool) {
        self.bridge.tell_stack(stack, hooked);
    }

    /// Pins nothing any more.
    pub fn disable(&self) {
        self.bridge.disable();
    }

    /// What is pinned and what happened so far, as `getSslPinningStatus()` answers.
    pub fn status(&self) -> String {
        self.bridge.status()
    }

    /// The number of the configuration in force, and of the end of pins; a connection judged under another one has to be
    /// judged again. Absent in the event of a failure: then all of them have to be.
    pub fn generation(&self) -> Option<u64> {
        self.bridge.generation()
    }

    /// Whether a connection to this host needs a validated chain, so that there is something to check.
    pub fn is_pinned(&self, host: Option<String>) -> bool {
        self.bridge.is_pinned(host.as_deref())
    }

    /// The one form that all spellings of a connection's host have; absent for no host. For a bridge that keeps things by
    /// host.
    pub fn folded_host(&self, host: &str) -> Option<String> {
        self.bridge.folded_host(host)
    }

    /// Judges a connection. Absent: it goes ahead. Otherwise it must not, for what the JSON text says: `{"serverHostname",
    /// "reason", "entry", "servedPins", "message"}`. Counts, and records an event if the pins fail.
    ///
    /// `chain`: the path that the platform *validated*, DER, leaf first. `validated`: false if it did not find one and
    /// the connection goes on nevertheless. `stack` names the network stack in events.
    pub fn check(
        &self,
        host: Option<String>,
        chain: Vec<Vec<u8>>,
        validated: bool,
        stack: &str,
    ) -> Option<String> {
        let connection = Connection { host: host.as_deref(), chain: &chain, validated };
        self.bridge.check(connection, stack)
    }

    /// As `check`, without event and count.
    pub fn evaluate(&self, host: Option<String>, chain: Vec<Vec<u8>>, validated: bool) -> Option<String> {
        let connection = Connection { host: host.as_deref(), chain: &chain, validated };
        self.bridge.evaluate(connection)
    }

    /// The whole verdict, also of a connection that goes ahead: `{"verdict", "reason", "entry", "matchedPin",
    /// "servedPins"}`. Without event and count.
    pub fn verdict(&self, host: Option<String>, chain: Vec<Vec<u8>>, validated: bool) -> String {
        self.bridge.verdict(Connection { host: host.as_deref(), chain: &chain, validated })
    }

    /// Records what the caller has noticed by itself, as an event in line with the engine's own. `host` is the one that it
    /// is about, if it is about one; `message` is for a person or a log; `stack` names the network stack.
    pub fn report(&self, notice: Notice, host: Option<String>, message: &str, stack: &str) {
        self.bridge.report(notice, host.as_deref(), message, stack);
    }

    /// Where events go from now on, those that waited first; none: they wait, at most 32. There is one listener at a time.
    pub fn set_event_listener(&self, listener: Option<Box<dyn EventListener>>) {
        let listener = listener.map(|listener| Box::new(Foreign(listener)) as Box<dyn Listener>);
        self.bridge.set_listener(listener);
    }
}

/// What the engine asks of its platform.
#[uniffi::export(callback_interface)]
pub trait Platform: Send + Sync {
    /// The path (DER, leaf first) that the platform finds valid for what a server has sent, by its own trust and as of now;
    /// absent if there is none. For the engine's own connections, on its own thread.
    fn validated_path(&self, host: String, sent: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>>;
    /// The pins in force have changed, and not by a call: what is open is to be judged again.
    fn pins_changed(&self);
}

/// The platform on the other side.
struct ForeignPlatform(Box<dyn Platform>);

impl crate::platform::Platform for ForeignPlatform {
    fn validated_path(&self, host: &str, sent: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        self.0.validated_path(host.to_owned(), sent)
    }

    fn pins_changed(&self) {
        self.0.pins_changed();
    }
}

/// A listener on the other side.
struct Foreign(Box<dyn EventListener>);

impl Listener for Foreign {
    fn event(&self, event: String) {
        self.0.on_event(event);
    }
}
