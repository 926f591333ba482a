//! Signed pins on a real server: what rescues an app, and what an attacker who serves them can do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{Bench, Events, WRONG, now_ms, signer::Signer};
use serde_json::{Value, json};
use spki_pinning_core::{Engine, Outcome, Source, report::App};
use spki_pinning_net::{
    background::{Background, Surroundings, Updated},
    client::{NetError, PinnedClient},
    validate::Roots,
};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct Process {
    engine: Arc<Engine>,
    events: Arc<Events>,
    background: Arc<Background>,
}

impl Process {
    /// Of the manifest in force.
    fn version(&self, now: i64) -> Option<u64> {
        self.engine.pins().update(now).map(|manifest| manifest.version())
    }

    fn first_reason(&self) -> Option<&'static str> {
        self.events.take().first().map(|event| event.reason)
    }
}

/// An app with a folder, and a server of manifests.
struct Scene {
    bench: Bench,
    folder: tempfile::TempDir,
    key: Signer,
    clock: Arc<AtomicI64>,
    changes: Arc<AtomicU64>,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(now_ms()));
        let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
        Self { bench, folder, key: Signer::new(1), clock, changes: Arc::default() }
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn surroundings(&self) -> Surroundings {
        let (clock, changes) = (self.clock.clone(), self.changes.clone());
        Surroundings {
            folder: Some(self.folder.path().to_owned()),
            app: App { version: Some("2.0".to_owned()), ..App::default() },
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            on_change: Arc::new(move || _ = changes.fetch_add(1, Ordering::SeqCst)),
            ..Surroundings::new(Roots::Given(self.bench.testbed.ca_pem().unwrap()))
        }
    }

    fn background(&self) -> Arc<Background> {
        Background::new(self.bench.engine.clone(), self.surroundings()).unwrap()
    }

    /// Another process of the app, or the same one started again.
    fn restarted(&self, configuration: &Value, now: i64) -> Process {
        let (engine, events) = (Arc::new(Engine::new()), Arc::new(Events::default()));
        engine.set_event_sink(Some(events.clone()));
        let background = Background::new(engine.clone(), self.surroundings()).unwrap();
        background.initialize(&configuration.to_string(), Source::Embedded, now).unwrap();
        Process { engine, events, background }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.bench.host("leaf").address.port())
    }

    /// A configuration with the server key A of `rotating`, and updates.
    fn configuration(&self, path: &str) -> Value {
        json!({
            "domains": {"rotating.spki.test": {"publicKeyHashes": [self.bench.host("rotating").pins[0], WRONG]}},
            "settings": {"updates": {"url": self.url(path), "publicKeys": [self.key.jwk(), Signer::new(2).jwk()]}},
        })
    }

    fn claims(&self, version: u64, pins: &[&str]) -> Value {
        json!({"iat": self.now() / 1000, "exp": self.now() / 1000 + 30 * 86_400, "version": version,
               "domains": {"rotating.spki.test": {"publicKeyHashes": pins}}})
    }

    fn publish(&self, name: &str, content: &[u8]) {
        self.bench.testbed.control_with("POST", &format!("/publish?name={name}"), content).unwrap();
    }

    fn publish_claims(&self, claims: &Value) {
        self.publish("pins.jwt", self.key.sign(claims).as_bytes());
    }

    /// The server moves to key B; that key's pin.
    fn rotate(&self) -> String {
        self.bench.testbed.control("POST", "/rotate?host=rotating&to=B").unwrap();
        self.bench.testbed.document()["hosts"]["rotating"]["nextPin"].as_str().unwrap().to_owned()
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.bench.events.take().into_iter().map(|event| event.reason).collect()
    }
}

fn reach(client: &PinnedClient, app: &Scene) -> Result<u16, &'static str> {
    match client.get(&app.bench.host("rotating").url("/")) {
        Ok(response) => Ok(response.status().as_u16()),
        Err(NetError::Pinned { verdict, .. }) => Err(verdict.reason().as_str()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_app_that_a_rotated_key_has_locked_out_recovers_without_a_restart() {
    let app = Scene::new();
    app.publish_claims(&app.claims(1, &[&app.bench.host("rotating").pins[0], WRONG]));
    let background = Background::new(app.bench.engine.clone(), app.surroundings()).unwrap();
    let configuration = app.configuration("/published/pins.jwt");
    background.initialize(&configuration.to_string(), Source::Code, app.now()).unwrap();
    let client = app.bench.client();
    assert_eq!(reach(&client, &app), Ok(200));
    let wait_for = |version: u64| {
        let start = Instant::now();
        while app.bench.engine.pins().update(app.now()).map(|manifest| manifest.version()) != Some(version) {
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", app.reasons());
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(1); // at the start
    let b = app.rotate();
    app.clock.fetch_add(2 * HOUR, Ordering::SeqCst);
    app.publish_claims(&app.claims(2, &[&b, WRONG]));
    let anew = app.bench.client(); // the other one has a connection from before
    assert_eq!(reach(&anew, &app), Err("no-pin-matched"));
    wait_for(2); // because a pin has failed
    assert_eq!(reach(&anew, &app), Ok(200));
    let reasons = app.reasons();
    assert_eq!(reasons.iter().filter(|reason| **reason == "update-applied").count(), 2, "{reasons:?}");
    assert_eq!(app.changes.load(Ordering::SeqCst), 2);

    // At the next start it is in force before anything is fetched, and the old key is worth nothing.
    background.update(app.now()).unwrap(); // after the other look, which has stored it by then
    app.bench.testbed.control("POST", "/reset").unwrap();
    assert_eq!(app.restarted(&configuration, app.now()).version(app.now()), Some(2));
}

#[test]
fn what_an_attacker_serves_changes_nothing_and_is_told_once() {
    let app = Scene::new();
    let background = app.background();
    let pin = app.bench.host("rotating").pins[0].clone();
    let newest = app.key.sign(&app.claims(5, &[&pin, WRONG]));
    app.publish("pins.jwt", newest.as_bytes());
    background
        .initialize(&app.configuration("/published/pins.jwt").to_string(), Source::Code, app.now())
        .unwrap();
    // The thread of `initialize` may be first.
    assert!(matches!(
        background.update(app.now()),
        Ok(Updated::Applied { version: 5 } | Updated::UpToDate { version: 5 })
    ));
    app.reasons();

    let good = app.key.sign(&app.claims(6, &[WRONG, WRONG]));
    let mut flipped = good.clone().into_bytes();
    let place = flipped.len() - 10; // in the signature
    flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
    let future = json!({"iat": app.now() / 1000 + 3600, "exp": app.now() / 1000 + 7200, "version": 7, "domains": app.claims(7, &[WRONG])["domains"]});
    let past = json!({"iat": 1, "exp": 2, "version": 7, "domains": app.claims(7, &[WRONG])["domains"]});
    let mut report_only = app.claims(7, &[WRONG]);
    report_only["domains"]["rotating.spki.test"]["reportOnly"] = true.into();
    for (served, code) in [
        (Signer::new(9).sign(&app.claims(6, &[WRONG])).into_bytes(), "manifest-signature"),
        (app.key.sign(&app.claims(4, &[WRONG])).into_bytes(), "manifest-rollback"),
        (app.key.sign(&app.claims(5, &[WRONG])).into_bytes(), "manifest-version-reused"),
        (good.as_bytes()[..good.len() - 21].to_vec(), "manifest-not-jws"),
        (flipped, "manifest-signature"),
        (app.key.sign(&future).into_bytes(), "manifest-from-future"),
        (app.key.sign(&past).into_bytes(), "manifest-expired"),
        (app.key.sign(&report_only).into_bytes(), "manifest-unpins"),
        (vec![0xff; 1000], "manifest-not-jws"),
        (b"<html>please sign in</html>".to_vec(), "manifest-not-jws"),
        (Vec::new(), "manifest-not-jws"),
        (vec![b'A'; 300_000], "manifest-too-large"),
    ] {
        app.publish("pins.jwt", &served);
        for _ in 0..2 {
            assert_eq!(background.update(app.now()).unwrap_err().code, code);
        }
        assert_eq!(app.reasons(), [code], "an event, once");
        let status = serde_json::to_value(app.bench.engine.status(app.now())).unwrap();
        assert_eq!(
            (&status["updates"]["version"], &status["updates"]["error"]["code"]),
            (&json!(5), &json!(code))
        );
        app.publish("pins.jwt", newest.as_bytes());
        assert_eq!(background.update(app.now()), Ok(Updated::UpToDate { version: 5 }));
    }
    assert_eq!(reach(&app.bench.client(), &app), Ok(200));
    // And the way back is open.
    app.publish_claims(&app.claims(6, &[&pin, WRONG]));
    assert_eq!(background.update(app.now()), Ok(Updated::Applied { version: 6 }));
    assert_eq!(background.update(app.now()), Ok(Updated::UpToDate { version: 6 }));
}

#[test]
fn what_has_no_end_has_one_here() {
    let app = Scene::new();
    let background = app.background();
    let bomb = vec![0x1f, 0x8b, 8, 0]; // it is not unpacked, whatever is in it
    app.bench.testbed.control_with("POST", "/publish?name=bomb&encoding=gzip", &bomb).unwrap();
    for (path, code) in [
        ("/endless", "manifest-too-large"),
        ("/file/104857600", "manifest-too-large"),
        ("/loop", "update-redirects"),
        ("/redirect?to=http%3A%2F%2Flocalhost%2F", "update-redirects"),
        ("/published/bomb", "manifest-not-jws"),
        ("/published/nothing", "update-http-status"),
    ] {
        background.initialize(&app.configuration(path).to_string(), Source::Code, app.now()).unwrap();
        let start = Instant::now();
        assert_eq!(background.update(app.now()).unwrap_err().code, code, "{path}");
        assert!(start.elapsed() < Duration::from_secs(25), "{path} took {:?}", start.elapsed());
    }
}

#[test]
fn an_app_without_updates_says_so() {
    let app = Scene::new();
    let background = app.background();
    background.initialize("{}", Source::Code, app.now()).unwrap();
    assert_eq!(background.update(app.now()).unwrap_err().code, "updates-not-configured");
    assert_eq!(background.run_due(app.now()), None);
}

#[test]
fn a_manifest_that_has_expired_gives_the_apps_own_pins_back_and_no_clock_brings_it_back() {
    let app = Scene::new();
    let background = app.background();
    app.publish_claims(&app.claims(1, &[WRONG]));
    background
        .initialize(&app.configuration("/published/pins.jwt").to_string(), Source::Code, app.now())
        .unwrap();
    background.update(app.now()).unwrap();
    let outcome = |now: i64| {
        let chain = app.bench.host("rotating").validated;
        app.bench.engine.outcome(Some("rotating.spki.test"), &chain, now)
    };
    assert_eq!(outcome(app.now()), Outcome::Blocked);
    assert_eq!(outcome(app.now() + 30 * DAY), Outcome::Allowed, "the pins that the app was shipped with");
    assert_eq!(outcome(0), Outcome::Blocked, "a clock set back");
    app.reasons();
    // The server has nothing newer: that is told.
    assert_eq!(background.update(app.now() + 31 * DAY).unwrap_err().code, "manifest-expired");
    assert_eq!(app.reasons(), ["manifest-expired"]);
    // A clock set back does not make it refuse what it has taken before.
    assert_eq!(app.restarted(&app.configuration("/published/pins.jwt"), 0).version(0), Some(1));
}

#[test]
fn a_store_that_is_damaged_leaves_the_apps_own_pins_says_so_and_heals() {
    let app = Scene::new();
    app.publish_claims(&app.claims(1, &[WRONG]));
    let configuration = app.configuration("/published/pins.jwt");
    let file = app.folder.path().join("updates.json");
    app.restarted(&configuration, app.now()).background.update(app.now()).unwrap();
    let good = fs::read(&file).unwrap();
    let damages: [(&str, Vec<u8>); 5] = [
        ("store-unreadable", Vec::new()),
        ("store-unreadable", good[..good.len() / 2].to_vec()),
        ("store-unreadable", vec![0; 9 * 1024 * 1024]),
        (
            "store-unreadable",
            String::from_utf8(good.clone()).unwrap().replace("\"format\":1", "\"format\":9").into_bytes(),
        ),
        (
            "store-not-proven",
            String::from_utf8(good)
                .unwrap()
                .replace("eyJhbGciOiJFZERTQSI", "eyJhbGciOiJFUzI1NiI")
                .into_bytes(),
        ),
    ];
    for (reason, content) in damages {
        fs::write(&file, content).unwrap();
        let restarted = app.restarted(&configuration, app.now());
        assert_eq!(restarted.first_reason(), Some(reason));
        assert!(restarted.background.update(app.now()).is_ok());
        assert_eq!(app.restarted(&configuration, app.now()).version(app.now()), Some(1));
    }
}

#[test]
fn a_stored_entity_tag_that_is_none_does_not_end_all_updates() {
    let app = Scene::new();
    app.publish_claims(&app.claims(1, &[WRONG]));
    let configuration = app.configuration("/published/pins.jwt");
    let file = app.folder.path().join("updates.json");
    app.restarted(&configuration, app.now()).background.update(app.now()).unwrap();
    let mut stored: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    stored["entityTag"] = "a\nb".into();
    fs::write(&file, stored.to_string()).unwrap();

    let restarted = app.restarted(&configuration, app.now());
    assert!(restarted.background.update(app.now()).is_ok());
}

/// An attacker has served the manifest in force with the tag of the newer one, and is gone: the right server confirms that.
#[test]
fn a_tag_of_an_attackers_choice_keeps_newer_pins_away_for_one_look_at_most() {
    let app = Scene::new();
    let configuration = app.configuration("/published/pins.jwt");
    let file = app.folder.path().join("updates.json");
    let deceived = || {
        let _ = fs::remove_file(&file);
        app.publish_claims(&app.claims(1, &[WRONG]));
        app.restarted(&configuration, app.now()).background.update(app.now()).unwrap();
        let mut newer = app.claims(2, &[WRONG]);
        newer["exp"] = (app.now() / 1000 + 60 * 86_400).into();
        app.publish_claims(&newer);
        let answer = app.bench.client().get(&app.url("/published/pins.jwt")).unwrap();
        let mut stored: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        stored["entityTag"] = answer.headers()["etag"].to_str().unwrap().into();
        fs::write(&file, stored.to_string()).unwrap();
        app.restarted(&configuration, app.now())
    };
    let process = deceived();
    assert_eq!(process.background.update(app.now()), Ok(Updated::UpToDate { version: 1 }), "a premise");
    assert_eq!(process.background.update(app.now()), Ok(Updated::Applied { version: 2 }));
    // The same if the app is ended in between.
    deceived().background.update(app.now()).unwrap();
    let restarted = app.restarted(&configuration, app.now());
    assert_eq!(restarted.background.update(app.now()), Ok(Updated::Applied { version: 2 }));
    // If what it keeps has expired, there is nothing that an answer could confirm.
    let process = deceived();
    let later = app.now() + 30 * DAY;
    app.clock.store(later, Ordering::SeqCst);
    assert_eq!(process.background.update(later), Ok(Updated::Applied { version: 2 }));
    // And a pin that fails asks for the whole at once.
    let process = deceived();
    let chain = app.bench.host("leaf").validated;
    process.engine.check(Some("rotating.spki.test"), &chain, "test", app.now());
    let start = Instant::now();
    while process.version(app.now()) != Some(2) && start.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(process.version(app.now()), Some(2));
}

#[test]
fn it_looks_at_the_start_after_the_interval_and_once_an_hour_when_a_pin_fails() {
    let app = Scene::new();
    let looks = || {
        let requests = app.bench.testbed.control("GET", "/requests?host=leaf").unwrap();
        requests["count"].as_u64().unwrap()
    };
    app.publish_claims(&app.claims(1, &[WRONG]));
    // No thread: nothing is configured when the engine's owner comes, and `run_due` is the test's.
    let background = app.background();
    app.bench.engine.initialize("{}", app.now()).unwrap();
    background
        .initialize(&app.configuration("/published/pins.jwt").to_string(), Source::Code, app.now())
        .unwrap();
    let settled = |expected: u64| {
        let start = Instant::now();
        while looks() != expected && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(50));
        assert_eq!(looks(), expected);
    };
    settled(1); // at the start
    let next = background.run_due(app.now()).unwrap();
    assert!((app.now() + DAY..=app.now() + DAY + DAY / 10).contains(&next), "a day from now, spread");
    settled(1);
    // Failures are looked at once an hour.
    let fail = || {
        let chain = app.bench.host("leaf").validated;
        app.bench.engine.check(Some("rotating.spki.test"), &chain, "test", app.now());
    };
    fail();
    settled(2);
    fail();
    settled(2);
    app.clock.fetch_add(HOUR, Ordering::SeqCst);
    fail();
    settled(3);
    // A server that is away is asked again sooner than a day, and ever more rarely.
    app.bench.testbed.control("POST", "/reset").unwrap();
    app.clock.fetch_add(2 * DAY, Ordering::SeqCst);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let next = background.run_due(app.now()).unwrap();
        waits.push(next - app.now());
        app.clock.store(next, Ordering::SeqCst);
    }
    assert!(
        waits[0] < 2 * 60_000 && waits[11] > HOUR && waits.iter().all(|wait| *wait <= 9 * HOUR),
        "{waits:?}"
    );
}

#[test]
fn the_store_is_of_the_configured_keys_and_a_new_process_of_the_app_sees_what_another_has_stored() {
    let app = Scene::new();
    app.publish_claims(&app.claims(3, &[WRONG]));
    let configuration = app.configuration("/published/pins.jwt");
    let one = app.restarted(&configuration, app.now());
    one.background.update(app.now()).unwrap();
    // Another process with the same folder, which was started before that.
    let other = app.restarted(&configuration, app.now());
    app.publish_claims(&app.claims(4, &[WRONG]));
    one.background.update(app.now()).unwrap();
    app.publish_claims(&app.claims(3, &[WRONG]));
    assert_eq!(other.background.update(app.now()).unwrap_err().code, "manifest-rollback");
    assert_eq!(other.version(app.now()), Some(4));
    // An app that trusts other keys has nothing of it.
    let mut others = configuration;
    others["settings"]["updates"]["publicKeys"] = json!([Signer::new(7).jwk()]);
    let third = app.restarted(&others, app.now());
    assert_eq!(third.version(app.now()), None);
    assert_eq!(third.first_reason(), Some("store-not-proven"));
}

/// Steps of this process's writes, and the one before which it ends.
static STEPS: AtomicU64 = AtomicU64::new(0);
static LAST_STEP: AtomicU64 = AtomicU64::new(u64::MAX);

fn count_or_end() {
    if STEPS.fetch_add(1, Ordering::SeqCst) == LAST_STEP.load(Ordering::SeqCst) {
        std::process::abort();
    }
}

/// A manifest whose file takes many steps to write.
fn large_manifest(key: &Signer, version: u64, seconds: i64) -> String {
    let domains: serde_json::Map<String, Value> = (0..1300)
        .map(|index| (format!("host{index}.test"), json!({"publicKeyHashes": [WRONG, WRONG]})))
        .collect();
    key.sign(&json!({"iat": seconds, "exp": seconds + 30 * 86_400, "version": version, "domains": domains}))
}

/// Not a test by itself: the process that the next one kills.
#[test]
fn helper_that_writes_until_it_is_ended() {
    let Ok(folder) = std::env::var("SPKI_KILL_FOLDER") else { return };
    let read = |name: &str| std::env::var(name).unwrap();
    LAST_STEP.store(read("SPKI_KILL_STEP").parse().unwrap(), Ordering::SeqCst);
    let store = spki_pinning_net::store::Store::new(Path::new(&folder)).with_steps(count_or_end);
    store.write("updates.json", &fs::read(read("SPKI_KILL_CONTENT")).unwrap()).unwrap();
    std::process::exit(100);
}

#[test]
fn an_app_that_is_killed_at_any_step_of_the_store_starts_with_the_old_pins_or_the_new() {
    let app = Scene::new();
    let configuration = app.configuration("/published/pins.jwt");
    let seconds = app.now() / 1000;
    let stored = |version: u64| {
        let tokens = [large_manifest(&app.key, version, seconds)];
        json!({"format": 1, "url": app.url("/published/pins.jwt"), "entityTag": null, "lastSuccess": app.now(), "tokens": tokens})
            .to_string()
    };
    let new = app.folder.path().join("content");
    fs::write(&new, stored(2)).unwrap();
    let store = app.folder.path();
    let (mut kills, mut found) = (0, [0, 0]);
    for step in 0.. {
        fs::write(store.join("updates.json"), stored(1)).unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_writes_until_it_is_ended", "--quiet"])
            .env("SPKI_KILL_FOLDER", store)
            .env("SPKI_KILL_STEP", step.to_string())
            .env("SPKI_KILL_CONTENT", &new)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        let version = app.restarted(&configuration, app.now()).version(app.now());
        let Some(version @ (1 | 2)) = version else { panic!("step {step}: {version:?}") };
        found[usize::try_from(version).unwrap() - 1] += 1;
        if status.code() == Some(100) {
            assert_eq!(version, 2);
            break;
        }
        assert!(version == 1 || found[1] <= 2, "new only once the name stands there");
        kills += 1;
    }
    assert!(kills >= 200 && found[0] > 0 && found[1] > 0, "{kills} kills, {found:?}");
}
