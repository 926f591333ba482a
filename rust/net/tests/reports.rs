//! Reports on a real collector: what arrives, what waits, and what never comes to be.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{Bench, WRONG, now_ms};
use serde_json::{Value, json};
use spki_pinning_core::{Engine, Source, report::App};
use spki_pinning_net::{
    background::{Background, Surroundings},
    validate::Roots,
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

struct Scene {
    bench: Bench,
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
}

/// A process of an app whose time the test sets. It has a thread as every app has; that does nothing before its time.
struct Process {
    engine: Arc<Engine>,
    background: Arc<Background>,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(now_ms()));
        Self { bench: Bench::new(), folder: tempfile::tempdir().unwrap(), clock }
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn uri(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.bench.host("leaf").address.port())
    }

    fn process(&self, domains: &Value, uris: &[String]) -> Process {
        let engine = Arc::new(Engine::new());
        let clock = self.clock.clone();
        let surroundings = Surroundings {
            folder: Some(self.folder.path().to_owned()),
            app: App {
                id: Some("com.example".into()),
                version: Some("2.0".into()),
                platform: Some("node".into()),
            },
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            ..Surroundings::new(Roots::Given(self.bench.testbed.ca_pem().unwrap()))
        };
        let background = Background::new(engine.clone(), surroundings).unwrap();
        let settings = if uris.is_empty() { json!({}) } else { json!({"reportUris": uris}) };
        let document = json!({"domains": domains, "settings": settings});
        background.initialize(&document.to_string(), Source::Code, self.now()).unwrap();
        Process { engine, background }
    }

    /// The chain of a real server, which fails the pins of the host.
    fn fail(&self, process: &Process, host: &str) {
        let chain = self.bench.host("leaf").validated;
        assert!(process.engine.check(Some(host), &chain, "fetch", self.now()).is_blocked());
    }

    fn reports(&self) -> Vec<Value> {
        self.bench.testbed.control("GET", "/reports").unwrap().as_array().unwrap().clone()
    }

    fn wait_for_reports(&self, count: usize) -> Vec<Value> {
        let start = Instant::now();
        while self.reports().len() < count && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(100)); // one too many would come now
        let reports = self.reports();
        assert_eq!(reports.len(), count, "{reports:#?}");
        reports
    }
}

fn wrong(hosts: &[&str]) -> Value {
    hosts
        .iter()
        .map(|host| ((*host).to_owned(), json!({"publicKeyHashes": [WRONG, WRONG]})))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn counts(process: &Process, now: i64) -> Value {
    serde_json::to_value(process.engine.status(now)).unwrap()["reports"].clone()
}

#[test]
fn a_failure_is_reported_once_a_day_with_its_chain_and_nothing_about_the_user() {
    let scene = Scene::new();
    let process = scene.process(&wrong(&["a.test", "b.test"]), &[scene.uri("/report")]);
    for _ in 0..5 {
        scene.fail(&process, "a.test");
    }
    let report = scene.wait_for_reports(1).remove(0);
    let members: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "date-time",
        "hostname",
        "effective-expiration-date",
        "include-subdomains",
        "noted-hostname",
        "served-certificate-chain",
        "validated-certificate-chain",
        "known-pins",
        "reason",
        "enforced",
        "app-id",
        "app-version",
        "app-platform",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(report["hostname"], "a.test");
    assert_eq!(report["reason"], "no-pin-matched");
    assert_eq!(report["known-pins"], json!([format!("pin-sha256=\"{WRONG}\"")]));
    let chain = report["validated-certificate-chain"].as_array().unwrap();
    assert_eq!(chain.len(), 3);
    assert!(chain.iter().all(|pem| pem.as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n")));
    assert_eq!(
        (&report["app-id"], &report["app-version"], &report["app-platform"]),
        (&json!("com.example"), &json!("2.0"), &json!("node"))
    );

    scene.fail(&process, "b.test");
    scene.wait_for_reports(2);
    // Also not after a start; but on the next day.
    let next = scene.process(&wrong(&["a.test", "b.test"]), &[scene.uri("/report")]);
    next.background.run_due(scene.now());
    scene.fail(&next, "a.test");
    scene.wait_for_reports(2);
    scene.clock.fetch_add(DAY, Ordering::SeqCst);
    scene.fail(&next, "a.test");
    scene.wait_for_reports(3);
    assert_eq!(counts(&next, scene.now()), json!({"pending": 0, "delivered": 1, "dropped": 0}));
}

#[test]
fn nothing_is_reported_unless_it_is_configured() {
    let scene = Scene::new();
    let process = scene.process(&wrong(&["a.test"]), &[]);
    scene.fail(&process, "a.test");
    assert_eq!(process.background.run_due(scene.now()), None);
    scene.wait_for_reports(0);
    assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 0);
    assert_eq!(counts(&process, scene.now()), Value::Null);
}

#[test]
fn a_collector_that_is_down_for_a_day_loses_nothing_and_blocks_nothing() {
    let scene = Scene::new();
    scene.bench.testbed.control("POST", "/reports/status?code=503").unwrap();
    let hosts: Vec<String> = (0..20).map(|index| format!("h{index}.test")).collect();
    let domains = wrong(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut process = scene.process(&domains, &[scene.uri("/report")]);
    let begin = scene.now();
    let mut attempts = 0;
    for host in &hosts {
        let start = Instant::now();
        scene.fail(&process, host);
        assert!(
            start.elapsed() < Duration::from_millis(200),
            "the handshake does not wait for the collector"
        );
    }
    while scene.now() < begin + DAY {
        let next = process.background.run_due(scene.now()).unwrap();
        scene.clock.store(next.max(scene.now() + 1), Ordering::SeqCst);
        attempts += 1;
        if attempts % 50 == 0 {
            process = scene.process(&domains, &[scene.uri("/report")]); // the app is started again
        }
    }
    assert!(attempts < 20 * 15, "{attempts} attempts: it is asked ever more rarely");
    assert_eq!(counts(&process, scene.now())["pending"], 20);
    scene.bench.testbed.control("POST", "/reports/status").unwrap();
    while let Some(next) = process.background.run_due(scene.now()) {
        scene.clock.store(next, Ordering::SeqCst);
    }
    let mut reported: Vec<_> = scene
        .wait_for_reports(20)
        .iter()
        .map(|report| report["hostname"].as_str().unwrap().to_owned())
        .collect();
    reported.sort();
    let mut expected = hosts;
    expected.sort();
    assert_eq!(reported, expected);
}

#[test]
fn a_flood_has_bounds_and_the_newest_are_kept() {
    let scene = Scene::new();
    scene.bench.testbed.control("POST", "/reports/status?code=500").unwrap();
    let hosts: Vec<String> = (0..200).map(|index| format!("h{index}.test")).collect();
    let domains = wrong(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let process = scene.process(&domains, &[scene.uri("/report")]);
    for chunk in hosts.chunks(50) {
        for host in chunk {
            scene.fail(&process, host);
        }
        process.background.run_due(scene.now());
    }
    let counts = counts(&process, scene.now());
    assert_eq!((counts["pending"].as_u64(), counts["dropped"].as_u64()), (Some(64), Some(136)));
    let file = fs::read_to_string(scene.folder.path().join("reports.json")).unwrap();
    assert!(file.len() < 4 * 1024 * 1024 && file.contains("h199.test") && !file.contains("h100.test"));
}

#[test]
fn what_a_collector_refuses_for_good_is_given_up() {
    let scene = Scene::new();
    scene.bench.testbed.control("POST", "/reports/status?code=413").unwrap();
    let process = scene.process(&wrong(&["a.test"]), &[scene.uri("/report")]);
    scene.fail(&process, "a.test");
    while counts(&process, scene.now())["dropped"] != 1 {
        process.background.run_due(scene.now());
    }
    assert_eq!(process.background.run_due(scene.now()), None);
}

#[test]
fn a_report_uri_that_fails_its_own_pins_does_not_loop() {
    let scene = Scene::new();
    let process = scene.process(&wrong(&["a.test", "localhost"]), &[scene.uri("/report")]);
    scene.fail(&process, "a.test");
    for _ in 0..20 {
        process.background.run_due(scene.now());
        scene.clock.fetch_add(DAY, Ordering::SeqCst);
    }
    let status = serde_json::to_value(process.engine.status(scene.now())).unwrap();
    assert_eq!(status["reports"], json!({"pending": 1, "delivered": 0, "dropped": 0}));
    let events = status["recentEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["stack"] == "report" && event["serverHostname"] == "localhost"));
    scene.wait_for_reports(0);
    assert_eq!(scene.bench.requests("leaf"), 0, "nothing was sent over a connection that fails its pins");
}

#[test]
fn reports_follow_the_configuration_and_no_redirect() {
    let scene = Scene::new();
    let elsewhere =
        scene.uri(&format!("/redirect?to={}", scene.uri("/report").replace(':', "%3A").replace('/', "%2F")));
    let process = scene.process(&wrong(&["a.test"]), &[elsewhere]);
    scene.fail(&process, "a.test");
    process.background.run_due(scene.now());
    scene.wait_for_reports(0);
    let next = scene.process(&wrong(&["a.test"]), &[scene.uri("/report")]);
    next.background.run_due(scene.now());
    scene.wait_for_reports(0);
    assert_eq!(
        counts(&next, scene.now())["dropped"],
        1,
        "it was for a place that is not configured any more"
    );
}

#[test]
fn a_spool_that_is_damaged_is_left_behind() {
    let scene = Scene::new();
    for content in ["", "{", "[]", "{\"waiting\": 1}", &"[".repeat(1 << 20)] {
        fs::write(scene.folder.path().join("reports.json"), content).unwrap();
        scene.bench.testbed.control("POST", "/reset").unwrap();
        let process = scene.process(&wrong(&["a.test"]), &[scene.uri("/report")]);
        scene.fail(&process, "a.test");
        scene.wait_for_reports(1);
    }
}

#[test]
fn a_spool_that_is_larger_than_any_is_cut_to_its_bounds() {
    let scene = Scene::new();
    let (uri, now) = (scene.uri("/report"), scene.now());
    let hosts: Vec<String> = (0..10).map(|host| format!("h{host}.test")).collect();
    let waiting: Vec<Value> = (0..100)
        .map(|_| json!({"document": "{}", "to": vec![&uri; 50], "failures": 1, "next": now + DAY}))
        .collect();
    let seen: Vec<Value> = (0..600u16)
        .map(|number| {
            let mut fingerprint = [0; 32];
            fingerprint[..2].copy_from_slice(&number.to_be_bytes());
            json!({"fingerprint": fingerprint, "at": now - 1})
        })
        .collect();
    let file = scene.folder.path().join("reports.json");
    fs::write(&file, json!({"waiting": waiting, "seen": seen}).to_string()).unwrap();
    let process = scene.process(&wrong(&hosts.iter().map(String::as_str).collect::<Vec<_>>()), &[uri]);
    hosts.iter().for_each(|host| scene.fail(&process, host));
    scene.wait_for_reports(hosts.len());

    assert!(counts(&process, now)["pending"].as_u64().unwrap() <= 64);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(kept["seen"].as_array().unwrap().len() <= 256, "what was reported is remembered without end");
    let waiting = kept["waiting"].as_array().unwrap();
    assert!(!waiting.is_empty() && waiting.iter().all(|report| report["to"].as_array().unwrap().len() == 1));
}

#[test]
fn a_collector_that_is_away_is_asked_once_and_not_for_each_report() {
    let scene = Scene::new();
    scene.bench.testbed.control("POST", "/reports/status?code=503").unwrap();
    let hosts: Vec<String> = (0..30).map(|index| format!("h{index}.test")).collect();
    let domains = wrong(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let process = scene.process(&domains, &[scene.uri("/report")]);
    let asked = || scene.bench.requests("leaf");
    for host in &hosts {
        scene.fail(&process, host);
    }
    while counts(&process, scene.now())["pending"] != 30 {
        process.background.run_due(scene.now());
    }
    let before = asked();
    scene.clock.fetch_add(DAY, Ordering::SeqCst);
    process.background.run_due(scene.now());
    assert_eq!(asked() - before, 1);
}

#[test]
fn an_engine_that_nobody_has_any_more_ends_its_thread() {
    let scene = Scene::new();
    let process = scene.process(&wrong(&["a.test"]), &[scene.uri("/report")]);
    process.background.run_due(scene.now());
    let background = Arc::downgrade(&process.background);
    drop(process);
    let start = Instant::now();
    while background.strong_count() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "the thread keeps it");
        thread::sleep(Duration::from_millis(5));
    }
}
