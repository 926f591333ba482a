//! What an app does beside its requests: it gets signed pins, and reports failures. One thread, asleep most of the time, and
//! none while neither is configured.

mod fetch;
mod reporter;
mod schedule;
mod updater;
mod verification;

pub use updater::{UpdateAnswer, UpdateFailure, Updated};
pub use verification::Verification;

use crate::{
    client::PinnedClient,
    store::Store,
    validate::{LazyRoots, Roots, RootsError},
};
use reporter::Reporter;
use spki_pinning_core::{
    ConfigError, Engine, Event, FailureObserver, Initialized, Source,
    report::{App, Report},
};
use std::{
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use updater::Updater;

/// Where the background work of an app happens.
pub struct Surroundings {
    /// A folder that belongs to the app alone, and is not part of its backups; without one nothing outlives the process.
    pub folder: Option<PathBuf>,
    /// Steps of writes, for tests.
    pub before_step: fn(),
    /// What reports say of the app, and which manifests are for it.
    pub app: App,
    /// Whom to trust when pins are fetched and reports are delivered.
    pub roots: Roots,
    /// Addresses to connect to instead of asking DNS, by host. For tests.
    pub addresses: Vec<(String, SocketAddr)>,
    /// Milliseconds since the Unix epoch.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Called when the pins in force have changed, and not by the app. On the thread of the background work.
    pub on_change: Arc<dyn Fn() + Send + Sync>,
}

impl Surroundings {
    /// With nothing but trust.
    pub fn new(roots: Roots) -> Self {
        Self {
            folder: None,
            before_step: || (),
            app: App::default(),
            roots,
            addresses: Vec::new(),
            clock: Arc::new(system_clock),
            on_change: Arc::new(|| ()),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Surroundings").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The clock of the system.
pub fn system_clock() -> i64 {
    // A clock before 1970 counts as 1970: no pin set has expired then.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// For a whole request, redirects and body included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest sleep: a phone's clock may be set meanwhile.
const MAX_SLEEP_MS: i64 = 60 * 60 * 1000;

/// The background work of one engine.
pub struct Background {
    engine: Arc<Engine>,
    updater: Updater,
    reporter: Reporter,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    roots: Roots,
    addresses: Vec<(String, SocketAddr)>,
    alarm: Arc<Alarm>,
    thread: Mutex<bool>,
}

impl Drop for Background {
    fn drop(&mut self) {
        self.alarm.ring(); // its thread has nothing to do any more
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Background").finish_non_exhaustive()
    }
}

impl Background {
    /// Background work for an engine, which has none yet. Nothing happens before a configuration asks for it.
    ///
    /// # Errors
    /// When there is no TLS to be had at all.
    pub fn new(engine: Arc<Engine>, surroundings: Surroundings) -> Result<Arc<Self>, RootsError> {
        let Surroundings { folder, before_step, app, roots, addresses, clock, on_change } = surroundings;
        let roots = Roots::Bridge(Arc::new(LazyRoots::new(roots)));
        let store = folder.map(|folder| Store::new(folder).with_steps(before_step));
        let client = |engine, stack, redirects, timeout| {
            let builder = PinnedClient::builder(engine, roots.clone()).timeout(timeout);
            let builder = builder.stack(stack).redirects(redirects).max_answer(fetch::MAX_ANSWER_BYTES);
            let with_addresses =
                addresses.iter().fold(builder, |builder, (host, address)| builder.resolve(host, *address));
            with_addresses.build()
        };
        // Not pinned: a manifest is signed, and is what helps when the pins of its own host are the problem.
        let updates = client(Arc::new(Engine::new()), "update", fetch::MAX_REDIRECTS, TIMEOUT)?;
        let reports = client(engine.clone(), reporter::STACK, 0, reporter::TIMEOUT)?;
        let background = Arc::new(Self {
            updater: Updater::new(engine.clone(), store.clone(), app.version.clone(), updates, on_change),
            reporter: Reporter::new(engine.clone(), store, app, reports),
            engine: engine.clone(),
            clock,
            roots,
            addresses,
            alarm: Arc::default(),
            thread: Mutex::default(),
        });
        engine.observe_failures(Arc::new(Observer(Arc::downgrade(&background))));
        Ok(background)
    }

    /// As [`Engine::initialize_from`], with the signed pins that are stored for the document's settings, proven again. From
    /// then on newer ones are fetched when they are due.
    ///
    /// # Errors
    /// As [`Engine::initialize`].
    pub fn initialize(
        self: &Arc<Self>,
        document: &str,
        source: Source,
        now_ms: i64,
    ) -> Result<Initialized, ConfigError> {
        let initialized = self.engine.initialize_from(document, source, now_ms, |settings| {
            self.updater.restore(settings.updates.as_ref(), now_ms)
        })?;
        self.wake();
        Ok(initialized)
    }

    /// Looks for newer pins now.
    ///
    /// # Errors
    /// When none are configured, they cannot be fetched, or are refused; then what was in force stays.
    pub fn update(&self, now_ms: i64) -> Result<Updated, UpdateFailure> {
        self.updater.check(now_ms)
    }

    /// The app has come back before its user: what is due is done now.
    pub fn came_to_foreground(self: &Arc<Self>) {
        self.updater.came_to_foreground((self.clock)());
        self.wake();
    }

    /// Does what is due, and says when there is more to do.
    pub fn run_due(&self, now_ms: i64) -> Option<i64> {
        let update = self.updater.run_due(now_ms);
        let report = self.reporter.run_due(now_ms);
        [update, report].into_iter().flatten().min()
    }

    /// Whether there can be anything to do.
    fn is_wanted(&self) -> bool {
        let pins = self.engine.pins();
        pins.settings().updates.is_some() || !pins.settings().report_uris.is_empty()
    }

    fn wake(self: &Arc<Self>) {
        if !self.is_wanted() {
            return;
        }
        #[cfg(fuzzing)]
        if crate::client::in_memory::is_connected() {
            return; // the fuzz target does what is due by itself: waiting for a thread is most of what it would do
        }
        let mut running = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if *running {
            return self.alarm.ring();
        }
        let background = Arc::downgrade(self);
        let thread = thread::Builder::new().name("spki-pinning".to_owned());
        // Without a thread there are no updates and no reports; pins are checked all the same, and the next call tries again.
        *running = thread.spawn(move || work(&background)).is_ok();
    }
}

/// Until the engine's owner is gone: asleep, it does not keep it.
fn work(background: &Weak<Background>) {
    while let Some(background) = background.upgrade() {
        let alarm = background.alarm.clone();
        let heard = alarm.heard();
        let now = (background.clock)();
        // A mistake here must not be the end of all updates: what failed is tried again, later than anything else.
        let next = catch_unwind(AssertUnwindSafe(|| background.run_due(now)))
            .unwrap_or_else(|_| Some(now.saturating_add(MAX_SLEEP_MS)));
        let sleep = next.map_or(MAX_SLEEP_MS, |next| next.saturating_sub(now)).clamp(0, MAX_SLEEP_MS);
        drop(background);
        alarm.wait(heard, Duration::from_millis(sleep.unsigned_abs()));
    }
}

/// Wakes the thread before its time.
#[derive(Debug, Default)]
struct Alarm {
    rung: Mutex<u64>,
    ringing: Condvar,
}

impl Alarm {
    fn ring(&self) {
        *self.rung() += 1;
        self.ringing.notify_all();
    }

    fn heard(&self) -> u64 {
        *self.rung()
    }

    /// Until it rings after it was heard so many times.
    fn wait(&self, heard: u64, at_most: Duration) {
        let rung = self.rung();
        let _ = self.ringing.wait_timeout_while(rung, at_most, |rung| *rung == heard);
    }

    fn rung(&self) -> MutexGuard<'_, u64> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does not keep the background work alive.
struct Observer(Weak<Background>);

impl FailureObserver for Observer {
    fn failed(&self, event: &Event, report: &Report<'_>) {
        let Some(background) = self.0.upgrade() else { return };
        let now = (background.clock)();
        let due = background.updater.pin_failed(now) | background.reporter.take(event, report, now);
        if due {
            background.wake();
        }
    }
}
