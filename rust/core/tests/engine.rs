//! The engine as a bridge uses it: swaps, events, counters, panics, no allocation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use rcgen::{CertificateParams, KeyPair};
use spki_pinning_core::{Engine, Event, EventKind, EventSink, Notice, Outcome, Pin, Reason, spki};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

const NOW: i64 = 1_767_225_600_000; // 2026-01-01
const DAY: i64 = 86_400_000;

fn certificate() -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec()
}

fn configuration(domain: &str, chain: &[Vec<u8>], more: &str) -> String {
    let pins: Vec<_> = chain.iter().map(|der| spki::pin_of_certificate(der).unwrap().to_string()).collect();
    format!(r#"{{"{domain}":{{"publicKeyHashes":{pins:?}{more}}}}}"#)
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl EventSink for Recorder {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn a_refused_configuration_leaves_what_was_in_force() {
    let (engine, right, wrong) = (Engine::new(), certificate(), certificate());
    engine.initialize(&configuration("a.test", &[right.clone(), certificate()], ""), NOW).unwrap();
    assert!(engine.initialize("{", NOW).is_err());
    assert!(engine.initialize(r#"{"a.test":{"publicKeyHashes":[]}}"#, NOW).is_err());
    assert_eq!(engine.generation(), 1);
    assert_eq!(engine.evaluate(Some("a.test"), &[&right], NOW).reason, Reason::PinMatched);
    assert!(engine.evaluate(Some("a.test"), &[&wrong], NOW).is_blocked());
    assert_eq!(engine.outcome(Some("a.test"), &[&wrong], NOW), Outcome::Blocked);
    assert_eq!(engine.outcome(Some("a.test"), &[&right], NOW), Outcome::Allowed);
    engine.disable();
    assert_eq!(engine.generation(), 2);
    assert_eq!(engine.evaluate(Some("a.test"), &[&wrong], NOW).reason, Reason::NotPinned);
}

#[test]
fn a_failure_is_an_event_that_is_enough_to_mend_the_configuration() {
    let (engine, served, pinned) = (Engine::new(), certificate(), certificate());
    let recorder = Arc::new(Recorder::default());
    engine.initialize(&configuration("a.test", &[pinned.clone(), certificate()], ""), NOW).unwrap();
    engine.set_event_sink(Some(recorder.clone()));
    let verdict = engine.check(Some("A.test."), &[&served], "fetch", NOW + 5);
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Blocked, Reason::NoPinMatched));
    let [event] = &recorder.take()[..] else { panic!("one event") };
    assert_eq!(
        (event.kind, event.enforced, event.stack.as_str(), event.timestamp),
        (EventKind::Failure, true, "fetch", NOW + 5)
    );
    assert_eq!(event.served_pins, [spki::pin_of_certificate(&served).unwrap()]);
    assert_eq!(event.expected_pins[0], spki::pin_of_certificate(&pinned).unwrap());
    for part in ["A.test.", &event.served_pins[0].to_string(), &event.expected_pins[0].to_string()] {
        assert!(event.message.contains(part), "{}", event.message);
    }
    let status = engine.status(NOW);
    assert_eq!(
        (status.counters.checks, status.counters.blocked, status.counters.last_check),
        (1, 1, Some(NOW + 5))
    );
}

#[test]
fn a_failure_names_the_key_of_a_certificate_whose_subject_is_malformed() {
    let (engine, mut served) = (Engine::new(), certificate());
    let pin = spki::pin_of_certificate(&served).unwrap().to_string();
    // SET, SEQUENCE, OBJECT IDENTIFIER 2.5.4.…: where a name begins. SEQUENCE for SET is none.
    let is_name = |der: &[u8]| matches!(*der, [0x31, _, 0x30, _, 0x06, 0x03, 0x55, 0x04]);
    let names: Vec<_> =
        served.windows(8).enumerate().filter(|(_, der)| is_name(der)).map(|(at, _)| at).collect();
    assert_eq!(names.len(), 2, "issuer and subject");
    names.iter().for_each(|at| served[*at] = 0x30);
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    engine.initialize(&configuration("a.test", &[certificate(), certificate()], ""), NOW).unwrap();
    engine.check(Some("a.test"), &[&served], "fetch", NOW);
    let [event] = &recorder.take()[..] else { panic!("one event") };
    assert!(event.message.contains(&format!("sha256/{pin}: (a malformed name)")), "{}", event.message);
}

#[test]
fn the_first_sink_receives_at_most_32_earlier_events_and_later_ones_once() {
    let (engine, served) = (Engine::new(), certificate());
    engine.initialize(&configuration("a.test", &[certificate(), certificate()], ""), NOW).unwrap();
    for index in 0..40 {
        engine.check(Some("a.test"), &[&served], "fetch", NOW + index);
    }
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    let replayed: Vec<_> = recorder.take().iter().map(|event| event.timestamp - NOW).collect();
    assert_eq!(replayed, (8..40).collect::<Vec<_>>());
    let second = Arc::new(Recorder::default());
    engine.set_event_sink(Some(second.clone()));
    assert!(second.take().is_empty());
    engine.check(Some("a.test"), &[&served], "fetch", NOW);
    assert_eq!((second.take().len(), recorder.take().len()), (1, 0));
}

#[test]
fn the_status_tells_the_last_32_events_whoever_was_told_already() {
    let (engine, served) = (Engine::new(), certificate());
    engine.initialize(&configuration("a.test", &[certificate(), certificate()], ""), NOW).unwrap();
    let recent = || engine.status(NOW).recent_events.iter().map(|e| e.timestamp - NOW).collect::<Vec<_>>();
    let fail = |at| engine.check(Some("a.test"), &[&served], "fetch", NOW + at);
    assert!(recent().is_empty());
    fail(1);
    assert_eq!(recent(), [1]);
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    assert_eq!(recorder.take().len(), 1, "asking takes nothing away from the first listener");
    fail(2);
    engine.set_event_sink(None);
    fail(3);
    assert_eq!(recent(), [1, 2, 3]);
    engine.set_event_sink(Some(recorder.clone()));
    assert_eq!(recorder.take().iter().map(|e| e.timestamp - NOW).collect::<Vec<_>>(), [2, 3]);
    for at in 4..40 {
        fail(at);
    }
    assert_eq!(recent(), (8..40).collect::<Vec<_>>());
    engine.disable();
    assert_eq!(recent().len(), 32, "what happened has happened");
}

#[test]
fn what_a_bridge_notices_waits_in_line_with_other_events() {
    let (engine, served, pinned) = (Engine::new(), certificate(), certificate());
    engine.initialize(&configuration("a.test", &[pinned.clone(), certificate()], ""), NOW).unwrap();
    engine.report(Notice::HookReplaced, None, "who called what", "", NOW);
    engine.check(Some("a.test"), &[&served], "fetch", NOW + 1);
    engine.report(Notice::UnverifiedResponse, Some("A.test."), "what was cut off", "fetch", NOW + 2);
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    let [replaced, failed, unverified] = &recorder.take()[..] else { panic!("three events") };

    assert_eq!(
        (replaced.kind, replaced.reason, replaced.enforced, replaced.server_hostname.as_str()),
        (EventKind::Warning, "hook-replaced", false, "")
    );
    assert_eq!((replaced.message.as_str(), replaced.timestamp), ("who called what", NOW));
    assert!(replaced.expected_pins.is_empty());
    assert_eq!(failed.reason, "no-pin-matched");
    assert_eq!(
        (unverified.kind, unverified.reason, unverified.enforced, unverified.server_hostname.as_str()),
        (EventKind::Failure, "unverified-response", true, "A.test.")
    );
    assert_eq!((unverified.message.as_str(), unverified.stack.as_str()), ("what was cut off", "fetch"));
    assert_eq!(unverified.expected_pins[0], spki::pin_of_certificate(&pinned).unwrap());
    assert_eq!(engine.status(NOW).counters.blocked, 2, "the warning is no connection");
}

#[test]
fn a_notice_is_found_by_its_name() {
    assert_eq!(Notice::ALL.map(|notice| Notice::named(notice.as_str())), Notice::ALL.map(Some));
    assert_eq!(Notice::named("no-pin-matched"), None);
}

#[test]
fn the_end_of_a_pin_set_is_announced_once_30_days_before() {
    let (engine, served) = (Engine::new(), certificate());
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    let pins = configuration("a.test", &[served.clone(), certificate()], r#","expirationDate":"2026-03-01""#);
    engine.initialize(&pins, NOW).unwrap();
    assert!(recorder.take().is_empty());
    let end = NOW + 59 * DAY;
    for now in [end - 30 * DAY - 1, end - 30 * DAY, end - 1] {
        engine.check(Some("a.test"), &[&served], "fetch", now);
    }
    let events = recorder.take();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].kind, events[0].reason, events[0].timestamp),
        (EventKind::Warning, "pins-expiring", end - 30 * DAY)
    );
    assert_eq!(engine.check(Some("a.test"), &[certificate()], "fetch", end).reason, Reason::PinExpired);
}

#[test]
fn a_pin_set_that_ends_while_the_app_runs_says_so_once() {
    let (engine, served) = (Engine::new(), certificate());
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    let pins = configuration("a.test", &[served.clone(), certificate()], r#","expirationDate":"2026-01-02""#);
    engine.initialize(&pins, NOW).unwrap();
    let reasons =
        || recorder.take().iter().map(|e| (e.reason, e.server_hostname.clone())).collect::<Vec<_>>();
    assert_eq!(reasons(), [("pins-expiring", "a.test".to_owned())]);
    for now in [NOW + DAY - 1, NOW + DAY, NOW + DAY + 1] {
        engine.check(Some("a.test"), &[&served], "fetch", now);
    }
    assert_eq!(reasons(), [("pins-expired", "a.test".to_owned())]);
    engine.initialize(&pins, NOW + 2 * DAY).unwrap();
    engine.check(Some("a.test"), &[&served], "fetch", NOW + 2 * DAY);
    assert_eq!(reasons(), [("pins-expired", "a.test".to_owned())]);
}

#[test]
fn a_missing_host_is_blocked_only_while_pins_are_in_force() {
    let (engine, served) = (Engine::new(), certificate());
    let reason = |now| engine.evaluate(None, &[&served], now).reason;
    assert_eq!(reason(NOW), Reason::NotPinned);
    let pins = configuration("a.test", &[served.clone(), certificate()], r#","expirationDate":"2026-01-02""#);
    engine.initialize(&pins, NOW).unwrap();
    assert_eq!(reason(NOW + DAY - 1), Reason::MissingHost);
    assert_eq!(reason(NOW + DAY), Reason::PinExpired);
    assert_eq!(reason(i64::MAX), Reason::PinExpired);
    assert_eq!(reason(i64::MIN), Reason::MissingHost);
}

#[test]
fn a_host_longer_than_any_name_is_no_host() {
    let (engine, served) = (Engine::new(), certificate());
    engine.initialize(&configuration("a.test", &[served.clone(), certificate()], ""), NOW).unwrap();
    // UTS 46 ignores the soft hyphens: this is `a.test` to whoever reads that far.
    let hyphens = format!("a{}.test", "\u{ad}".repeat(100_000));
    let labels = format!("{}b.test", "x.".repeat(500_000));
    for host in [hyphens, labels] {
        let start = std::time::Instant::now();
        assert_eq!(engine.check(Some(&host), &[&served], "fetch", NOW).reason, Reason::MissingHost);
        assert!(start.elapsed().as_secs() < 60); // with the square of its length it would be hours
    }
}

#[test]
fn the_longest_host_name_is_whole_in_events() {
    let engine = Engine::new();
    let recorder = Arc::new(Recorder::default());
    let host = format!("{}.a.test", vec!["x".repeat(60); 4].join("."));
    engine
        .initialize(&configuration("a.test", &[certificate()], r#","includeSubdomains":true"#), NOW)
        .unwrap();
    engine.set_event_sink(Some(recorder.clone()));
    engine.check(Some(&host), &[certificate()], "fetch", NOW);
    let event = &recorder.take()[0];
    assert_eq!(event.server_hostname, host);
    assert!(event.message.contains(&host));
}

#[test]
fn events_are_small_whatever_a_server_shows() {
    let (engine, key) = (Engine::new(), KeyPair::generate().unwrap());
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    let pins: Vec<_> =
        (0..20_000u32).map(|n| Pin(std::array::from_fn(|i| (n >> (i % 3 * 8)) as u8)).to_string()).collect();
    engine.initialize(&format!(r#"{{"a.test":{{"publicKeyHashes":{pins:?}}}}}"#), NOW).unwrap();
    for (size, reason) in [(100_000, Reason::NoPinMatched), (2_000_000, Reason::ChainTooLarge)] {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "\u{1b}".repeat(size));
        let huge = params.self_signed(&key).unwrap().der().to_vec();
        let chain = vec![huge; 32];
        assert_eq!(engine.check(Some("a.test"), &chain, "fetch", NOW).reason, reason);
        let event = recorder.take().pop().unwrap();
        assert!(event.message.len() < 20_000, "{} bytes", event.message.len());
    }
}

struct Bomb;

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        panic!("a panic inside a judgement")
    }
}

#[test]
fn a_panic_blocks_a_pinned_host_with_an_event_and_leaves_others_alone() {
    let engine = Engine::new();
    let recorder = Arc::new(Recorder::default());
    engine.set_event_sink(Some(recorder.clone()));
    engine
        .initialize(&configuration("a.test", &[certificate(), certificate()], r#","reportOnly":true"#), NOW)
        .unwrap();
    let verdict = engine.check(Some("a.test"), &[Bomb], "fetch", NOW);
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Blocked, Reason::InternalError));
    assert_eq!(recorder.take()[0].reason, "internal-error");
    assert_eq!(engine.check(Some("b.test"), &[Bomb], "fetch", NOW).reason, Reason::NotPinned);
    assert!(recorder.take().is_empty());
    let verdict = engine.evaluate(Some("a.test"), &[Bomb], NOW);
    assert_eq!((verdict.outcome, verdict.served_pins.len()), (Outcome::Blocked, 0));
}

#[test]
fn a_chain_the_platform_did_not_validate_satisfies_no_pin_not_even_report_only() {
    let (engine, right) = (Engine::new(), certificate());
    engine
        .initialize(&configuration("a.test", &[right.clone(), certificate()], r#","reportOnly":true"#), NOW)
        .unwrap();
    let verdict = engine.check_unvalidated(Some("a.test"), &[&right], "fetch", NOW);
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Blocked, Reason::ChainNotValidated));
    assert_eq!(engine.check_unvalidated(Some("b.test"), &[&right], "fetch", NOW).reason, Reason::NotPinned);
    assert!(engine.check_unvalidated(None, &[&right], "fetch", NOW).is_blocked());
    assert_eq!(engine.check(None, &[&right], "fetch", NOW).outcome, Outcome::ReportOnly);
}

#[test]
fn checks_while_configurations_swap_see_one_or_the_other() {
    let (first, second) = (certificate(), certificate());
    let engine = Engine::new();
    let backup = certificate();
    let configurations =
        [&first, &second].map(|der| configuration("a.test", &[der.clone(), backup.clone()], ""));
    engine.initialize(&configurations[0], NOW).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let one = engine.evaluate(Some("a.test"), &[&first], NOW).is_blocked();
                    assert!(!engine.evaluate(Some("a.test"), &[&backup], NOW).is_blocked());
                    assert!(one || !engine.evaluate(Some("a.test"), &[&backup], NOW).is_blocked());
                }
            });
        }
        for round in 0..2_000 {
            engine.initialize(&configurations[round % 2], NOW).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(engine.generation(), 2_001);
}

/// Counts the allocations of the current thread while it is asked to.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<Option<usize>> = const { Cell::new(None) };
}

#[allow(unsafe_code, reason = "an allocator is the only way to see allocations")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get().map(|n| n + 1)));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    ALLOCATIONS.set(Some(0));
    run();
    ALLOCATIONS.take().unwrap_or_default()
}

#[test]
fn an_allowed_check_allocates_nothing() {
    let engine = Engine::new();
    let chain = [certificate(), certificate(), certificate()];
    engine
        .initialize(
            &configuration("a.test", &[chain[2].clone(), certificate()], r#","includeSubdomains":true"#),
            NOW,
        )
        .unwrap();
    let hosts =
        ["a.test", "A.B.c.TEST", "sub.a.test.", "Sub.A.TEST", "10.0.0.1", "other.example", "x_y.a.test"];
    engine.check(Some("a.test"), &chain, "warm up this thread", NOW);
    for host in hosts {
        let count = allocations(|| assert!(!engine.check(Some(host), &chain, "fetch", NOW).is_blocked()));
        assert_eq!(count, 0, "{host}");
    }
}

#[test]
fn requests_to_a_pinned_host_before_the_first_configuration_are_warned_of_once() {
    let (engine, chain) = (Engine::new(), [certificate()]);
    for host in ["Api.A.test.", "api.a.test", "b.test", "out.a.test", "a.test"] {
        assert!(!engine.check(Some(host), &chain, "fetch", NOW).is_blocked());
    }
    engine.check_unvalidated(Some("early.a.test"), &chain, "fetch", NOW);
    engine.evaluate(Some("question.a.test"), &chain, NOW);
    engine.check(None, &chain, "fetch", NOW);
    assert!(engine.initialize("{", NOW).is_err(), "what is refused is no configuration");
    let more = r#","includeSubdomains":true,"excludedSubdomains":["out.a.test"]"#;
    let document = configuration("a.test", &[certificate(), certificate()], more);
    let warnings = engine.initialize(&document, NOW).unwrap().warnings;
    let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
    assert_eq!((warning.code, warning.path.as_str()), ("requests-before-pins", ""));
    assert!(warning.message.ends_with(" to api.a.test, a.test, early.a.test"), "{}", warning.message);
    assert!(warning.suggestion.as_ref().unwrap().contains("await initializeSslPinning before"));
    assert_eq!(engine.status(NOW).warnings, warnings);

    engine.disable();
    engine.check(Some("a.test"), &chain, "fetch", NOW);
    assert!(engine.initialize(&document, NOW).unwrap().warnings.is_empty());
}

#[test]
fn requests_to_hosts_that_are_not_pinned_are_nothing_to_warn_of() {
    let (engine, chain) = (Engine::new(), [certificate()]);
    engine.check(Some("b.test"), &chain, "fetch", NOW);
    engine.check(Some("a.test"), &chain, "fetch", NOW);
    let expired =
        configuration("a.test", &[certificate(), certificate()], r#","expirationDate":"2025-12-31""#);
    let warnings = engine.initialize(&expired, NOW).unwrap().warnings;
    assert!(warnings.iter().all(|warning| warning.code != "requests-before-pins"), "{warnings:?}");
}

#[test]
fn hosts_of_requests_before_the_first_configuration_are_kept_in_bounds() {
    let (engine, chain) = (Engine::new(), [certificate()]);
    for index in 0..1000 {
        engine.check(Some(&format!("h{index}.a.test")), &chain, "fetch", NOW);
    }
    assert_eq!(allocations(|| _ = engine.check(Some("z.a.test"), &chain, "fetch", NOW)), 0, "there are 64");
    let document = configuration("a.test", &[certificate(), certificate()], r#","includeSubdomains":true"#);
    let warnings = engine.initialize(&document, NOW).unwrap().warnings;
    assert!(warnings[0].message.ends_with(", h9.a.test and 54 more"), "{}", warnings[0].message);
    engine.check(Some("z.a.test"), &chain, "fetch", NOW); // blocked, with an event
    assert_eq!(allocations(|| _ = engine.check(Some("z.b.test"), &chain, "fetch", NOW)), 0);
}

#[test]
fn which_stack_brings_connections_to_a_watched_host_is_noted_and_nothing_else() {
    let engine = Engine::new();
    let chain = [certificate()];
    engine.initialize(&configuration("a.test", &chain, ""), NOW).unwrap();
    let seen = |engine: &Engine| -> Vec<String> {
        engine.watched().iter().map(|seen| format!("{} {}", seen.stack, seen.reason.as_str())).collect()
    };
    engine.check(Some("a.test"), &chain, "fetch", NOW);
    assert!(seen(&engine).is_empty(), "nobody has asked");
    let generation = engine.generation();
    engine.watch("A.test.");
    assert!(engine.generation() > generation, "what is open is to be judged again");
    engine.check(Some("b.test"), &chain, "fetch", NOW);
    engine.evaluate_unvalidated(Some("a.test"), NOW);
    let no_chain: [&[u8]; 0] = [];
    engine.evaluate(Some("a.test"), &no_chain, NOW);
    assert!(seen(&engine).is_empty(), "another host, or a question about the host alone");
    engine.watch("a.test");
    for _ in 0..3 {
        engine.check(Some("a.TEST"), &chain, "fetch", NOW);
        engine.check(Some("a.test"), &no_chain, "websocket", NOW);
        engine.evaluate(Some("a.test"), &chain, NOW);
    }
    assert_eq!(seen(&engine), ["fetch pin-matched", "websocket empty-chain", " pin-matched"]);
    assert!(seen(&engine).is_empty(), "it is over");
}
