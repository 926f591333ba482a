//! The orders in which threads can come to one engine, tried by a scheduler: all of them where they are few, and drawn
//! where they are many (`SCHEDULES` says how many of each).
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use shuttle::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use spki_pinning_model::{
    Engine, Event, EventKind, EventSink, Outcome, Reason,
    manifest::{Manifest, SignatureVerifier},
    verification_key::VerificationKey,
};
use std::{
    env,
    sync::{Arc, LazyLock, atomic},
};

/// 2026-01-01
const NOW: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;

static CERTIFICATES: LazyLock<Value> = LazyLock::new(|| {
    let file = include_str!("../../../tests/vectors/certificates.json");
    serde_json::from_str::<Value>(file).unwrap()["certificates"].take()
});
static LEAF: LazyLock<Vec<u8>> =
    LazyLock::new(|| STANDARD.decode(CERTIFICATES["leaf"]["der"].as_str().unwrap()).unwrap());

fn pin(name: &str) -> &'static str {
    CERTIFICATES[name]["pin"].as_str().unwrap()
}

fn pinned(domain: &str, name: &str, more: &str) -> String {
    format!(r#"{{"{domain}": {{"publicKeyHashes": ["{}", "{}"]{more}}}}}"#, pin(name), pin("other-root"))
}

fn blocked(engine: &Engine, host: &str) -> bool {
    engine.check(Some(host), &[&*LEAF], "model", NOW).is_blocked()
}

/// Every order; fails if there are none to choose from.
fn in_every_order(scenario: fn()) {
    let orders = Arc::new(atomic::AtomicU64::new(0));
    let count = orders.clone();
    shuttle::check_dfs(
        move || {
            count.fetch_add(1, Ordering::Relaxed);
            scenario();
        },
        None,
    );
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders, all there are");
    assert!(orders > 10);
}

/// Orders drawn at random, and as many with few changes of threads, which find what is rare (PCT).
fn in_many_orders(scenario: fn()) {
    let orders = env::var("SCHEDULES").map_or(1_000, |text| text.parse().unwrap());
    shuttle::check_random(scenario, orders);
    shuttle::check_pct(scenario, orders, 3);
}

#[derive(Default)]
struct Sink {
    events: Mutex<Vec<(EventKind, &'static str, i64)>>,
}

impl EventSink for Sink {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap().push((event.kind, event.reason, event.timestamp));
    }
}

impl Sink {
    fn count(&self, reason: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|(_, known, _)| *known == reason).count()
    }
}

#[test]
fn a_verdict_is_that_of_a_generation_between_its_start_and_its_end() {
    in_every_order(|| {
        let engine = Arc::new(Engine::new());
        engine.initialize(&pinned("a.test", "leaf", ""), NOW).unwrap(); // 1: allowed, 2: blocked, 3: not pinned
        let other = engine.clone();
        let writer = thread::spawn(move || {
            other.initialize(&pinned("a.test", "other-leaf", ""), NOW).unwrap();
            other.disable();
        });
        let first = engine.generation();
        let verdict = engine.evaluate(Some("a.test"), &[&*LEAF], NOW);
        let last = engine.generation();
        let generation = match verdict.reason {
            Reason::PinMatched => 1,
            Reason::NoPinMatched => 2,
            Reason::NotPinned => 3,
            reason => panic!("{reason:?}"),
        };
        assert!((first..=last).contains(&generation), "{verdict:?} between {first} and {last}");
        writer.join().unwrap();
    });
}

#[test]
fn what_one_thread_has_put_into_force_the_next_check_of_any_thread_sees() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let engine = engine.clone();
                thread::spawn(move || {
                    let given =
                        engine.initialize(&pinned("a.test", "other-leaf", ""), NOW).unwrap().generation;
                    assert!(engine.generation() >= given);
                    assert!(blocked(&engine, "a.test"), "nobody takes the pins off");
                    given
                })
            })
            .collect();
        let mut given: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        given.sort_unstable();
        assert_eq!((given, engine.generation()), (vec![1, 2], 2));
        let counters = engine.status(NOW).counters;
        assert_eq!((counters.checks, counters.blocked), (2, 2));
    });
}

#[test]
fn each_failure_is_told_to_a_listener_once_whenever_it_comes() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        engine.initialize(&pinned("a.test", "other-leaf", ""), NOW).unwrap();
        let checks: Vec<_> = (0..2)
            .map(|thread| {
                let engine = engine.clone();
                thread::spawn(move || {
                    for round in 0..2 {
                        let now = NOW + thread * 2 + round;
                        assert!(engine.check(Some("a.test"), &[&*LEAF], "model", now).is_blocked());
                    }
                })
            })
            .collect();
        let sink = Arc::new(Sink::default());
        engine.set_event_sink(Some(sink.clone()));
        engine.set_event_sink(None);
        engine.set_event_sink(Some(sink.clone()));
        checks.into_iter().for_each(|check| check.join().unwrap());
        let mut times: Vec<_> = sink.events.lock().unwrap().iter().map(|(_, _, at)| at - NOW).collect();
        times.sort_unstable();
        assert_eq!(times, [0, 1, 2, 3]);
        assert_eq!(engine.status(NOW).recent_events.len(), 4);
    });
}

#[test]
fn a_host_that_was_reached_before_the_first_pins_is_warned_of_and_one_that_was_judged_by_them_is_not() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        let came_first = Arc::new(AtomicU64::new(0));
        let (other, first) = (engine.clone(), came_first.clone());
        let early = thread::spawn(move || {
            for (bit, host) in ["a.test", "b.a.test"].into_iter().enumerate() {
                let went_through = !blocked(&other, host);
                first.fetch_or(u64::from(went_through) << bit, Ordering::SeqCst);
            }
        });
        let before = came_first.load(Ordering::SeqCst);
        let more = r#", "includeSubdomains": true"#;
        let warnings = engine.initialize(&pinned("a.test", "other-leaf", more), NOW).unwrap().warnings;
        early.join().unwrap();
        let named = |host: &str| {
            let warning = warnings.iter().find(|warning| warning.code == "requests-before-pins");
            warning.is_some_and(|warning| warning.message.split([' ', ',']).any(|word| word == host))
        };
        let after = came_first.load(Ordering::SeqCst);
        for (bit, host) in ["a.test", "b.a.test"].into_iter().enumerate() {
            let is_set = |bits: u64| bits >> bit & 1 == 1;
            assert!(!is_set(before) || named(host), "{host} was reached before");
            assert!(is_set(after) || !named(host), "{host} was refused");
        }
    });
}

#[test]
fn the_end_of_pins_is_announced_once_by_however_many_threads() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        let sink = Arc::new(Sink::default());
        engine.set_event_sink(Some(sink.clone()));
        engine.initialize(&pinned("a.test", "leaf", r#", "expirationDate": "2026-06-01""#), NOW).unwrap();
        let checks: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                thread::spawn(move || {
                    engine.check(Some("a.test"), &[&*LEAF], "model", NOW + 140 * DAY).outcome
                })
            })
            .collect();
        checks.into_iter().for_each(|check| assert_eq!(check.join().unwrap(), Outcome::Allowed));
        assert_eq!(sink.count("pins-expiring"), 1);
    });
}

/// Believes everybody: signatures are no matter here.
struct Trusting;

impl SignatureVerifier for Trusting {
    fn is_valid(&self, _: &VerificationKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn manifest(version: u64) -> Arc<Manifest> {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let now = NOW / 1000;
    let pins = json!({"m.test": {"publicKeyHashes": [pin("other-leaf"), pin("other-root")]}});
    let claims = json!({"iat": now, "exp": now + 30 * 86_400, "version": version, "domains": pins});
    let header = json!({"alg": "EdDSA", "typ": "pins+jwt"});
    let token = format!("{}.{}.{}", encode(header), encode(claims), URL_SAFE_NO_PAD.encode([0; 64]));
    let key = VerificationKey::parse(KEY).unwrap();
    Arc::new(Manifest::verify(&token, &[key], &Trusting).unwrap())
}

fn updated_from(url: &str) -> String {
    format!(
        r#"{{"domains": {}, "settings": {{"updates": {{"url": "{url}", "publicKeys": [{KEY}]}}}}}}"#,
        pinned("a.test", "leaf", "")
    )
}

const HERE: &str = "https://updates.test/pins.jwt";

#[test]
fn signed_pins_that_were_taken_outlive_the_same_configuration_and_the_newest_stay() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        engine.initialize(&updated_from(HERE), NOW).unwrap();
        let threads: Vec<_> = [1, 2]
            .into_iter()
            .map(|version| {
                let engine = engine.clone();
                thread::spawn(move || {
                    let is_current =
                        |settings: &spki_pinning_model::options::Settings| settings.updates.is_some();
                    engine.apply_update(manifest(version), is_current, NOW).unwrap();
                    assert!(blocked(&engine, "m.test"), "it was taken");
                })
            })
            .collect();
        engine.initialize(&updated_from(HERE), NOW).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(engine.status(NOW).updates.unwrap().version, Some(2));
    });
}

#[test]
fn signed_pins_of_settings_that_were_replaced_meanwhile_are_not_taken() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        engine.initialize(&updated_from(HERE), NOW).unwrap();
        let verified_by = engine.pins().settings().updates.clone();
        let other = engine.clone();
        let update = thread::spawn(move || {
            other.apply_update(manifest(1), |settings| settings.updates == verified_by, NOW).is_ok()
        });
        engine.initialize(&updated_from("https://other.test/pins.jwt"), NOW).unwrap();
        update.join().unwrap();
        assert_eq!(engine.status(NOW).updates.unwrap().version, None);
        assert!(!blocked(&engine, "m.test"));
    });
}

#[test]
fn what_a_watch_notes_is_of_its_host_and_ends_with_it() {
    in_many_orders(|| {
        let engine = Arc::new(Engine::new());
        engine.initialize(&pinned("a.test", "leaf", ""), NOW).unwrap();
        engine.watch("a.test");
        let other = engine.clone();
        let check = thread::spawn(move || {
            for host in ["a.test", "b.test"] {
                assert!(!blocked(&other, host));
            }
        });
        engine.watch("b.test");
        check.join().unwrap();
        let seen = engine.watched();
        assert!(seen.len() <= 1 && seen.iter().all(|seen| seen.reason == Reason::NotPinned), "{seen:?}");
        assert!(!blocked(&engine, "b.test") && engine.watched().is_empty(), "it is over");
    });
}
