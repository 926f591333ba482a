//! What an app does beside its requests: fetching a signed manifest, delivering a report.

use super::{Action, Fault, Proxy};
use crate::{
    common::{Bench, WRONG, now_ms, signer::Signer},
    in_parallel, is_long,
};
use serde_json::{Value, json};
use spki_pinning_core::{Engine, Source};
use spki_pinning_net::{
    background::{Background, Surroundings, Updated},
    validate::Roots,
};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// These end at once; the others wait for 30 seconds where a manifest is fetched, and for 10 where a report is delivered.
const QUICK: [Action; 3] = [Action::Cut, Action::Reset, Action::Flip];

fn actions() -> &'static [Action] {
    if is_long() { &Action::ALL } else { &QUICK }
}

struct Process {
    engine: Arc<Engine>,
    background: Arc<Background>,
}

/// Its clock stands still, so what it does by itself it does at the start.
fn process(bench: &Bench, folder: &Path, address: SocketAddr, document: &Value, now: i64) -> Process {
    let engine = Arc::new(Engine::new());
    let surroundings = Surroundings {
        folder: Some(folder.to_owned()),
        addresses: vec![("tickets13.spki.test".to_owned(), address)],
        clock: Arc::new(move || now),
        ..Surroundings::new(Roots::Given(bench.testbed.ca_pem().unwrap()))
    };
    let background = Background::new(engine.clone(), surroundings).unwrap();
    background.initialize(&document.to_string(), Source::Code, now).unwrap();
    Process { engine, background }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An app with version 1 of its pins, which is about to fetch version 2.
struct Fetching {
    proxy: Proxy,
    process: Process,
    folder: tempfile::TempDir,
    document: Value,
    now: i64,
}

impl Fetching {
    fn new(bench: &Bench, name: &str) -> Self {
        let (now, key, host) = (now_ms(), Signer::new(1), bench.host("tickets13"));
        let publish = |version: u64| {
            let claims = json!({
                "iat": now / 1000, "exp": now / 1000 + 30 * 86_400, "version": version,
                "domains": {"a.test": {"publicKeyHashes": [WRONG, host.pins[0]]}},
                "padding": "x".repeat(20_000), // several records
            });
            let token = key.sign(&claims);
            bench.testbed.control_with("POST", &format!("/publish?name={name}"), token.as_bytes()).unwrap();
        };
        publish(1);
        let url = host.url(&format!("/published/{name}"));
        let document = json!({
            "domains": {"a.test": {"publicKeyHashes": [WRONG, host.pins[1]]}},
            "settings": {"updates": {"url": url, "publicKeys": [key.jwk(), Signer::new(2).jwk()]}},
        });
        let (proxy, folder) = (Proxy::start(host.address), tempfile::tempdir().unwrap());
        let process = process(bench, folder.path(), proxy.address(), &document, now);
        let fetching = Self { proxy, process, folder, document, now };
        wait_for("version 1", || !fetching.stored().is_empty());
        assert_eq!(fetching.version(), Some(1));
        publish(2);
        fetching.proxy.sever(); // the fault is to be one of a connection from its beginning
        fetching
    }

    fn version(&self) -> Option<u64> {
        version(&self.process, self.now)
    }

    /// By name; what is still being written has another one.
    fn stored(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let whole = files.filter(|path| path.extension().is_none_or(|extension| extension != "new"));
        whole.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

/// Of the manifest in force.
fn version(process: &Process, now: i64) -> Option<u64> {
    process.engine.pins().update(now).map(|manifest| manifest.version())
}

#[test]
fn manifest_that_arrives_in_part_changes_nothing_and_is_fetched_again() {
    let bench = Bench::new();
    let clean = Fetching::new(&bench, "clean");
    assert_eq!(clean.process.background.update(clean.now).unwrap(), Updated::Applied { version: 2 });
    let faults = Fault::all(clean.proxy.records(), actions());
    let (number, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(&faults, |fault| {
        let app = Fetching::new(&bench, &format!("m{}", number.fetch_add(1, Ordering::Relaxed)));
        let before = app.stored();
        app.proxy.arm(*fault);
        let result = app.process.background.update(app.now);
        let has_struck = app.proxy.disarm();
        match result {
            Ok(updated) => {
                assert_eq!(updated, Updated::Applied { version: 2 }, "{fault:?}");
                assert_eq!(app.version(), Some(2), "{fault:?}");
            }
            Err(refused) => {
                failed.fetch_add(1, Ordering::Relaxed);
                assert!(has_struck, "{fault:?}: {}, and nothing had happened", refused.message);
                assert_eq!(refused.code, "update-unreachable", "{fault:?}: {}", refused.message);
                let Some(why) = refused.message.strip_prefix("the manifest cannot be fetched: ") else {
                    panic!("{fault:?}: {}", refused.message)
                };
                assert!(
                    why.ends_with("; what was in force stays, and it is tried again"),
                    "{fault:?}: {why}"
                );
                assert!(why.len() > 60, "{fault:?}: it says what has happened: {why}");
                assert_eq!(app.version(), Some(1), "{fault:?}: what was in force stays");
                assert!(app.stored() == before, "{fault:?}: nothing is written");
                assert!(app.engine_is_due(), "{fault:?}");
            }
        }
        app.process.background.run_due(app.now + DAY / 4);
        assert_eq!(app.version(), Some(2), "{fault:?}: it is fetched again");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let restarted = process(&bench, app.folder.path(), nowhere, &app.document, app.now);
        assert_eq!(version(&restarted, app.now), Some(2), "{fault:?}: what is stored is whole");
    });
    assert!(failed.into_inner() > faults.len() / 2);
    println!("{} faults", faults.len());
}

impl Fetching {
    /// Within the hour, however long an app usually waits.
    fn engine_is_due(&self) -> bool {
        let next = self.process.background.run_due(self.now);
        next.is_some_and(|next| (self.now..=self.now + DAY / 24).contains(&next))
    }
}

#[test]
fn report_that_arrives_in_part_is_delivered_again_and_whole() {
    let bench = Bench::new();
    let host = bench.host("tickets13");
    let chain = bench.host("leaf").validated;
    let reporting = |name: &str, proxy: &Proxy| {
        let (now, folder) = (now_ms(), tempfile::tempdir().unwrap());
        let document = json!({
            "domains": {name: {"publicKeyHashes": [WRONG, WRONG]}},
            "settings": {"reportUris": [host.url("/report")]},
        });
        let process = process(&bench, folder.path(), proxy.address(), &document, now);
        assert!(process.engine.check(Some(name), &chain, "fetch", now).is_blocked());
        let done = move |process: &Process| {
            let counts = serde_json::to_value(process.engine.status(now)).unwrap()["reports"].clone();
            (counts["pending"].as_u64().unwrap_or(0), counts["delivered"].as_u64().unwrap_or(0))
        };
        wait_for("an attempt", || done(&process) != (0, 0));
        (process, folder, now, done)
    };
    let clean = Proxy::start(host.address);
    let (process, _folder, _, done) = reporting("clean.test", &clean);
    assert_eq!(done(&process), (0, 1));
    let faults = Fault::all(clean.records(), actions());
    let (number, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(&faults, |fault| {
        let name = format!("r{}.test", number.fetch_add(1, Ordering::Relaxed));
        let proxy = Proxy::start(host.address);
        proxy.arm(*fault);
        let (process, _folder, now, done) = reporting(&name, &proxy);
        proxy.disarm();
        failed.fetch_add(usize::from(done(&process) == (1, 0)), Ordering::Relaxed);
        process.background.run_due(now + 2 * DAY);
        assert_eq!(done(&process), (0, 1), "{fault:?}: it is delivered again");
        let reports = bench.testbed.control("GET", "/reports").unwrap();
        let of_this = reports.as_array().unwrap().iter().filter(|report| report["hostname"] == *name).count();
        // One whose acknowledgement was lost comes twice.
        assert!((1..=2).contains(&of_this), "{fault:?}: {of_this}");
    });
    assert!(failed.into_inner() > faults.len() / 2);
    let reports = bench.testbed.control("GET", "/reports").unwrap();
    assert!(reports.as_array().unwrap().iter().all(Value::is_object), "none is a part of one");
    println!("{} faults", faults.len());
}
