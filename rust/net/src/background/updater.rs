//! Signed pins: fetched, verified, put into force, stored, and proven again at the next start.

use super::{
    fetch::{Fetched, fetch, is_unreachable},
    schedule::{DAY_MS, HOUR_MS, MINUTE_MS, back_off, spread},
};
use crate::{client::PinnedClient, signature::RingVerifier, store::Store};
use serde::{Deserialize, Serialize};
use spki_pinning_core::{
    Engine,
    manifest::{Ledger, Manifest, Recipient, Refused},
    options::{Settings, UpdateSettings},
    status::UpdateCheck,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file: the manifests that the newest follows from, and when they were fetched.
const FILE: &str = "updates.json";
/// More than the manifests of a ledger have.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Longest wait after failures.
const LONGEST_WAIT_MS: i64 = 6 * HOUR_MS;

/// What came of looking for newer pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Updated {
    /// The pins of this version are in force now.
    Applied {
        /// Of the manifest.
        version: u64,
    },
    /// There is nothing newer than this version.
    UpToDate {
        /// Of the manifest in force.
        version: u64,
    },
}

/// What an app is answered: `{"ok": true, "outcome", "version"}` or `{"ok": false, "error": {"code", "message"}}`.
#[derive(Debug, Serialize)]
pub struct UpdateAnswer {
    ok: bool,
    #[serde(flatten)]
    updated: Option<Updated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<UpdateFailure>,
}

impl From<Result<Updated, UpdateFailure>> for UpdateAnswer {
    fn from(result: Result<Updated, UpdateFailure>) -> Self {
        let ok = result.is_ok();
        match result {
            Ok(updated) => Self { ok, updated: Some(updated), error: None },
            Err(error) => Self { ok, updated: None, error: Some(error) },
        }
    }
}

/// Why looking for newer pins came to nothing. What was in force stays.
pub type UpdateFailure = Refused;

pub(super) struct Updater {
    engine: Arc<Engine>,
    store: Option<Store>,
    app_version: Option<String>,
    client: PinnedClient,
    on_change: Arc<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// One look at a time.
    checking: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// What `ledger` was proven by.
    settings: Option<UpdateSettings>,
    ledger: Ledger,
    /// Of the newest manifest, for the server that it came from.
    entity_tag: Option<String>,
    last_check: Option<i64>,
    last_success: Option<i64>,
    /// Why the last look came to nothing.
    error: Option<Refused>,
    failures: u32,
    /// When to look next; now, if there is no time.
    next: Option<i64>,
    /// When a failed pin was the reason last.
    last_rescue: Option<i64>,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    format: u32,
    url: String,
    entity_tag: Option<String>,
    last_success: Option<i64>,
    tokens: Vec<String>,
}

const FORMAT: u32 = 1;

impl Updater {
    pub(super) fn new(
        engine: Arc<Engine>,
        store: Option<Store>,
        app_version: Option<String>,
        client: PinnedClient,
        on_change: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (state, checking) = (Mutex::default(), Mutex::default());
        Self { engine, store, app_version, client, on_change, state, checking }
    }

    /// The stored manifest that is to be in force with these settings. Remembers the settings.
    pub(super) fn restore(&self, settings: Option<&UpdateSettings>, now_ms: i64) -> Option<Arc<Manifest>> {
        let mut state = self.state();
        let Some(settings) = settings else {
            *state = State::default();
            return None;
        };
        if state.settings.as_ref() != Some(settings) {
            // Of other settings only the manifests are worth something, and they have to follow from the keys of these.
            let held: Vec<String> = state.ledger.tokens().into_iter().map(str::to_owned).collect();
            *state = State { settings: Some(settings.clone()), ..State::default() };
            // What this process has seen and could not store counts too.
            state.ledger = Ledger::restore(&settings.public_keys, &held, &RingVerifier);
            match self.stored(settings) {
                Ok(Some(stored)) => state.take(stored, settings),
                Ok(None) => {}
                Err(refused) => self.engine.update_refused(&refused, now_ms),
            }
            state.schedule_first(settings, now_ms);
            self.engine.tell_update_check(state.as_told());
        }
        let manifest = state.ledger.newest()?.clone();
        if let Err(refused) = manifest.is_for(&self.recipient(settings, now_ms)) {
            self.engine.update_refused(&refused, now_ms);
            return None;
        }
        Some(manifest)
    }

    fn recipient<'a>(&'a self, settings: &'a UpdateSettings, now_ms: i64) -> Recipient<'a> {
        Recipient { audience: settings.audience.as_deref(), app_version: self.app_version.as_deref(), now_ms }
    }

    /// An app whose store cannot be read goes on with its own pins, and says so: they are no weaker than on the day that it
    /// was installed, and a file that is damaged must not lock it out.
    fn stored(&self, settings: &UpdateSettings) -> Result<Option<Stored>, Refused> {
        let Some(store) = &self.store else { return Ok(None) };
        let unreadable = |why: String| {
            let message = format!(
                "the stored manifest cannot be read ({why}); the app's own pins are in force until a new one is there"
            );
            Refused::new("store-unreadable", message)
        };
        let content = store.read(FILE, MAX_FILE_BYTES).map_err(|error| unreadable(error.to_string()))?;
        let Some(content) = content else { return Ok(None) };
        let stored: Stored =
            serde_json::from_slice(&content).map_err(|_| unreadable("it is damaged".to_owned()))?;
        if stored.format != FORMAT {
            return Err(unreadable("it is of another version of this library".to_owned()));
        }
        if !stored.tokens.is_empty()
            && Ledger::restore(&settings.public_keys, &stored.tokens, &RingVerifier).newest().is_none()
        {
            return Err(Refused::new(
                "store-not-proven",
                "the stored manifest does not follow from the app's public keys, as after they were replaced; the app's own pins are in force until a new one is there",
            ));
        }
        Ok(Some(stored))
    }

    /// Looks for a newer manifest, whether it is time or not.
    pub(super) fn check(&self, now_ms: i64) -> Result<Updated, UpdateFailure> {
        let _one_at_a_time = self.one_at_a_time();
        self.check_now(now_ms)
    }

    fn check_now(&self, now_ms: i64) -> Result<Updated, UpdateFailure> {
        let Some(settings) = self.state().settings.clone() else {
            let message = "the configuration in force has no `updates`: give them to initializeSslPinning in its settings";
            return Err(Refused::new("updates-not-configured", message));
        };
        let result = self.look(&settings, now_ms);
        let mut state = self.state();
        if state.settings.as_ref() != Some(&settings) {
            return result; // another configuration came in between, and has its own times
        }
        let is_news = state.error.as_ref() != result.as_ref().err();
        state.last_check = Some(now_ms);
        state.error = result.as_ref().err().cloned();
        match &result {
            Ok(_) => {
                state.last_success = Some(now_ms);
                state.failures = 0;
                state.next = Some(now_ms.saturating_add(spread(interval(&settings))));
            }
            Err(_) => {
                state.failures = state.failures.saturating_add(1);
                let longest = LONGEST_WAIT_MS.min(interval(&settings));
                state.next = Some(now_ms.saturating_add(back_off(state.failures, longest)));
            }
        }
        self.engine.tell_update_check(state.as_told());
        let stored = result.is_ok().then(|| state.as_stored(&settings));
        drop(state);
        match (&result, stored) {
            (Ok(_), Some(stored)) => self.store(&stored, now_ms),
            // What cannot be reached is not an event: phones are offline. A manifest that is refused is one, once.
            (Err(refused), _) if is_news && !is_unreachable(refused) => {
                self.engine.update_refused(refused, now_ms);
            }
            _ => {}
        }
        result
    }

    fn look(&self, settings: &UpdateSettings, now_ms: i64) -> Result<Updated, UpdateFailure> {
        self.adopt_stored(settings, now_ms);
        let (ledger, entity_tag) = {
            let state = self.state();
            (state.ledger.clone(), state.entity_tag.clone())
        };
        let recipient = self.recipient(settings, now_ms);
        // The tag is what a server has said, and can be that of a manifest which it has not shown. So it is not asked by when
        // there is nothing in force that could be kept: else one wrong answer would be the end of all updates.
        let in_force = ledger.newest().map(|newest| newest.admit(&recipient));
        let tag = entity_tag.as_deref().filter(|_| matches!(in_force, Some(Ok(()))));
        let (token, entity_tag) = match fetch(&self.client, &settings.url, tag)? {
            // Nobody has signed that. The next look asks for the whole, or who once stood between could leave the app a tag
            // of their choice, and the right server would confirm it for ever.
            Fetched::NotModified => (None, None),
            Fetched::Manifest { token, entity_tag } => (Some(token), entity_tag),
        };
        let newer = match token {
            Some(token) => ledger.accept(&token, &RingVerifier, &recipient)?,
            None => None,
        };
        let Some(newer) = newer else {
            self.state().entity_tag = entity_tag;
            // Also what is no news has to be in force still: a server that has nothing else has nothing.
            in_force.transpose()?;
            return Ok(Updated::UpToDate { version: version(&ledger) });
        };
        let applied = version(&newer);
        if let Some(manifest) = newer.newest() {
            let is_current = |current: &Settings| current.updates.as_ref() == Some(settings);
            self.engine.apply_update(manifest.clone(), is_current, now_ms)?;
        }
        let mut state = self.state();
        if state.settings.as_ref() == Some(settings) && applied > version(&state.ledger) {
            state.ledger = newer;
            state.entity_tag = entity_tag;
        }
        drop(state);
        (self.on_change)();
        Ok(Updated::Applied { version: applied })
    }

    /// Another process of the app may have been here.
    fn adopt_stored(&self, settings: &UpdateSettings, now_ms: i64) {
        let Ok(Some(stored)) = self.stored(settings) else { return };
        let ledger = Ledger::restore(&settings.public_keys, &stored.tokens, &RingVerifier);
        let mut state = self.state();
        if state.settings.as_ref() == Some(settings) && version(&ledger) > version(&state.ledger) {
            let Some(manifest) = ledger.newest().cloned() else { return };
            if manifest.is_for(&self.recipient(settings, now_ms)).is_err() {
                return;
            }
            state.ledger = ledger;
            state.entity_tag = None; // the answer to the next question is then whole
            drop(state);
            let is_current = |current: &Settings| current.updates.as_ref() == Some(settings);
            if self.engine.apply_update(manifest, is_current, now_ms).is_ok() {
                (self.on_change)();
            }
        }
    }

    fn store(&self, stored: &Stored, now_ms: i64) {
        let Some(store) = &self.store else { return };
        let Ok(content) = serde_json::to_vec(stored) else { return };
        if let Err(error) = store.write(FILE, &content) {
            let message =
                format!("the manifest cannot be stored ({error}): its pins are in force until the app ends");
            self.engine.update_refused(&Refused::new("store-unwritable", message), now_ms);
        }
    }

    /// A pin has failed: perhaps a newer manifest has the server's new key. At most once an hour. Whether it is time to look.
    pub(super) fn pin_failed(&self, now_ms: i64) -> bool {
        let mut state = self.state();
        if state.settings.is_none() {
            return false;
        }
        let since = state.last_rescue.map(|last| now_ms.saturating_sub(last));
        // A clock that was set back starts a new hour.
        if since.is_some_and(|since| (0..HOUR_MS).contains(&since)) {
            return false;
        }
        state.last_rescue = Some(now_ms);
        state.next = None;
        state.entity_tag = None; // whatever a server has said of what it has: now the answer is to be whole
        true
    }

    /// What had to wait because there was no network perhaps has to wait no longer.
    pub(super) fn came_to_foreground(&self, now_ms: i64) {
        let mut state = self.state();
        let rested = state.last_check.is_none_or(|last| now_ms.saturating_sub(last) >= MINUTE_MS);
        if state.failures > 0 && rested {
            state.next = None;
        }
    }

    /// When to look next; looks, if that is now.
    pub(super) fn run_due(&self, now_ms: i64) -> Option<i64> {
        let _one_at_a_time = self.one_at_a_time();
        {
            let state = self.state();
            state.settings.as_ref()?;
            if let Some(next) = state.next.filter(|next| now_ms < *next)
                && !state.is_in_another_time(now_ms)
            {
                return Some(next);
            }
        }
        let _ = self.check_now(now_ms); // what came of it is in the status, and an event if it is one
        self.state().next
    }

    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.checking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, stored: Stored, settings: &UpdateSettings) {
        let ledger = Ledger::restore(&settings.public_keys, &stored.tokens, &RingVerifier);
        if version(&ledger) < version(&self.ledger) {
            return;
        }
        self.ledger = ledger;
        if stored.url == settings.url {
            self.entity_tag = stored.entity_tag;
            self.last_success = stored.last_success;
        }
    }

    /// At the start, unless the newest manifest was looked at a short time ago and is in force.
    fn schedule_first(&mut self, settings: &UpdateSettings, now_ms: i64) {
        let in_force = self.ledger.newest().is_some_and(|newest| !newest.is_expired(now_ms));
        let age = self.last_success.map(|last| now_ms.saturating_sub(last));
        let fresh = age.filter(|age| in_force && (0..interval(settings)).contains(age));
        self.next = fresh.map(|age| now_ms.saturating_add(interval(settings) - age));
    }

    /// Whether the clock was set back by so much that the times here say nothing.
    fn is_in_another_time(&self, now_ms: i64) -> bool {
        self.last_check.or(self.last_success).is_some_and(|last| last > now_ms.saturating_add(DAY_MS))
    }

    fn as_told(&self) -> UpdateCheck {
        UpdateCheck {
            last_check: self.last_check,
            last_success: self.last_success,
            error: self.error.clone(),
        }
    }

    fn as_stored(&self, settings: &UpdateSettings) -> Stored {
        Stored {
            format: FORMAT,
            url: settings.url.clone(),
            entity_tag: self.entity_tag.clone(),
            last_success: self.last_success,
            tokens: self.ledger.tokens().into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The highest one seen; 0 before the first.
fn version(ledger: &Ledger) -> u64 {
    ledger.newest().map_or(0, |newest| newest.version())
}

fn interval(settings: &UpdateSettings) -> i64 {
    i64::try_from(settings.interval.as_millis()).unwrap_or(i64::MAX)
}
