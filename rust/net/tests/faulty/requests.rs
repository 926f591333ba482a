//! Requests of the client.

use super::{Action, Direction, Fault, Proxy};
use crate::{
    common::{Bench, WRONG, now_ms},
    in_parallel, is_long,
};
use spki_pinning_core::Engine;
use spki_pinning_net::{
    client::{NetError, PinnedClient},
    validate::Roots,
};
use spki_pinning_testbed::Host;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// More than one record.
const BYTES: usize = 20_000;

/// A request takes milliseconds. Long enough for a busy machine, short enough to be waited for.
const SHORT: Duration = Duration::from_millis(1500);
const USUAL: Duration = Duration::from_secs(20);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(10);

/// An app of its own for each case.
struct App<'a> {
    engine: Arc<Engine>,
    client: PinnedClient,
    proxy: Proxy,
    host: &'a Host,
}

impl<'a> App<'a> {
    fn new(ca: &[u8], host: &'a Host, timeout: Duration) -> Self {
        let (engine, proxy) = (Arc::new(Engine::new()), Proxy::start(host.address));
        let builder = PinnedClient::builder(engine.clone(), Roots::Given(ca.to_vec()));
        let client = builder.resolve(&host.name, proxy.address()).timeout(timeout).build().unwrap();
        Self { engine, client, proxy, host }
    }

    fn pin(&self, pin: &str) {
        let document = format!(r#"{{"{}": {{"publicKeyHashes": ["{pin}"]}}}}"#, self.host.name);
        self.engine.initialize(&document, now_ms()).unwrap();
    }

    fn request(&self) -> Result<Vec<u8>, NetError> {
        let mut response = self.client.get(&self.host.url(&format!("/file/{BYTES}")))?;
        Ok(response.body_mut().read_to_vec()?)
    }

    /// A whole answer, or `None` for an error that no pin has to do with.
    fn request_at_fault(&self, fault: Fault, timeout: Duration) -> Option<Vec<u8>> {
        self.proxy.arm(fault);
        let start = Instant::now();
        let result = self.request();
        assert!(start.elapsed() < timeout + SLACK, "{fault:?}: hangs, {:?}", start.elapsed());
        match result {
            Ok(body) => Some(body),
            Err(NetError::Http(error)) => {
                assert!(!error.to_string().is_empty());
                None
            }
            Err(error) => panic!("{fault:?}: {error}"),
        }
    }

    /// Time is short on a busy machine; whatever else happens is a failure.
    fn request_later(&self) -> Result<Vec<u8>, NetError> {
        let is_late = |result: &Result<_, NetError>| {
            result.as_ref().is_err_and(|error| error.to_string().contains("timeout"))
        };
        let mut result = self.request();
        for _ in 0..3 {
            if is_late(&result) {
                result = self.request();
            }
        }
        result
    }

    /// What comes once more behind an answer meets the next request on its connection, if it comes after that one has looked:
    /// that may fail, the one after it not.
    fn expect_recovery(&self, fault: Fault) {
        let mut next = self.request_later();
        if next.is_err() && fault.action == Action::Repeat {
            next = self.request_later();
        }
        let body = next.unwrap_or_else(|error| panic!("{fault:?}: afterwards {error}"));
        assert!(body == content(), "{fault:?}");
    }
}

fn content() -> Vec<u8> {
    (0..BYTES).map(|index| (index % 251) as u8).collect()
}

fn timeout(fault: Fault) -> Duration {
    if fault.action.may_stall() { SHORT } else { USUAL }
}

/// How many records a clean request has.
fn records(ca: &[u8], host: &Host, resumed: bool) -> (usize, usize) {
    let app = App::new(ca, host, USUAL);
    app.pin(&host.pins[0]);
    for _ in 0..=u8::from(resumed) {
        app.proxy.sever();
        assert_eq!(app.request().unwrap(), content());
    }
    let records = app.proxy.records();
    assert!(records.0 >= 3 && records.1 >= 5, "{records:?}");
    records
}

/// Only what changes nothing: a record that TLS 1.3 has for old middleboxes is lost or comes twice (RFC 8446 §D.4), the type
/// that it writes outside of the encryption for them is changed (§5.2), or something comes slowly but in time.
fn may_go_unnoticed(fault: Fault) -> bool {
    match fault.action {
        Action::Lose | Action::Repeat | Action::Drip => true,
        Action::Flip => !fault.middle,
        Action::Cut | Action::Reset | Action::Stall | Action::FlipAt(_) => false,
    }
}

#[test]
fn request_with_the_right_pin_fails_whole_or_succeeds_whole_and_the_next_one_works() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    for host in ["tickets12", "tickets13"].map(|name| bench.host(name)) {
        let faults = Fault::all(records(&ca, &host, false), &Action::ALL);
        let struck = AtomicUsize::new(0);
        in_parallel(&faults, |fault| {
            let app = App::new(&ca, &host, timeout(*fault));
            app.pin(&host.pins[0]);
            let answer = app.request_at_fault(*fault, timeout(*fault));
            let has_struck = app.proxy.disarm();
            struck.fetch_add(usize::from(has_struck), Ordering::Relaxed);
            match answer {
                Some(body) => {
                    assert!(body == content(), "{fault:?}: half an answer is taken for a whole one");
                    assert!(!has_struck || may_go_unnoticed(*fault), "{fault:?}: nobody has noticed");
                }
                // A busy machine may use the short time up by itself.
                None => assert!(
                    has_struck || fault.action.may_stall(),
                    "{fault:?}: an error, and nothing had happened"
                ),
            }
            app.expect_recovery(*fault);
        });
        // A server may send the same in one record less.
        assert!(struck.into_inner() > faults.len() * 9 / 10);
        println!("{}: {} faults", host.name, faults.len());
    }
}

#[test]
fn request_with_a_wrong_pin_never_arrives() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    for name in ["tickets12", "tickets13"] {
        let host = bench.host(name);
        let records = records(&ca, &host, false);
        let before = bench.requests(name);
        let faults = Fault::all(records, &Action::ALL);
        in_parallel(&faults, |fault| {
            let app = App::new(&ca, &host, timeout(*fault));
            app.pin(WRONG);
            app.proxy.arm(*fault);
            let start = Instant::now();
            app.request().unwrap_err();
            assert!(start.elapsed() < timeout(*fault) + SLACK, "{fault:?}: hangs, {:?}", start.elapsed());
            app.proxy.disarm();
            let next = app.request_later().unwrap_err();
            assert!(matches!(next, NetError::Pinned { .. }), "{fault:?}: afterwards {next}");
        });
        assert_eq!(bench.requests(name), before, "{name}");
        println!("{name}: {} faults", faults.len());
    }
}

#[test]
fn session_from_before_new_pins_is_of_no_use_whatever_the_network_does() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    let actions = if is_long() { &Action::ALL[..] } else { &[Action::Cut, Action::Flip] };
    for name in ["tickets12", "tickets13"] {
        let host = bench.host(name);
        let records = records(&ca, &host, true);
        let before = bench.requests(name);
        let faults = Fault::all(records, actions);
        in_parallel(&faults, |fault| {
            let app = App::new(&ca, &host, timeout(*fault));
            app.pin(&host.pins[0]);
            assert!(app.request_later().unwrap() == content(), "{fault:?}");
            app.proxy.sever();
            app.pin(WRONG);
            app.proxy.arm(*fault);
            app.request().unwrap_err();
            app.proxy.disarm();
            let next = app.request_later().unwrap_err();
            assert!(matches!(next, NetError::Pinned { .. }), "{fault:?}: afterwards {next}");
        });
        let expected = before + faults.len() as u64;
        let requests = bench.requests(name);
        // One that has come too late for a busy machine is one more.
        assert!((expected..expected + 10).contains(&requests), "{name}: {requests}, and not {expected}");
        println!("{name}: {} faults", faults.len());
    }
}

#[test]
fn resumed_session_fails_whole_or_succeeds_whole() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    let actions = if is_long() { &Action::ALL[..] } else { &[Action::Cut, Action::Flip] };
    for host in ["tickets12", "tickets13"].map(|name| bench.host(name)) {
        let faults = Fault::all(records(&ca, &host, true), actions);
        in_parallel(&faults, |fault| {
            let app = App::new(&ca, &host, timeout(*fault));
            app.pin(&host.pins[0]);
            assert!(app.request_later().unwrap() == content(), "{fault:?}");
            app.proxy.sever();
            if let Some(body) = app.request_at_fault(*fault, timeout(*fault)) {
                assert!(body == content(), "{fault:?}: half an answer is taken for a whole one");
                let unnoticed = may_go_unnoticed(*fault) || !app.proxy.disarm();
                assert!(unnoticed, "{fault:?}: nobody has noticed");
            }
            app.proxy.disarm();
            app.expect_recovery(*fault);
        });
        println!("{}: {} faults", host.name, faults.len());
    }
}

#[test]
fn upload_that_nobody_takes_ends_in_time() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    let upload = vec![7; 16 * 1024 * 1024]; // more than any buffer on the way
    for host in ["tickets12", "tickets13"].map(|name| bench.host(name)) {
        for action in [Action::Stall, Action::Drip] {
            let fault = Fault { direction: Direction::ToServer, record: 10, middle: true, action };
            let app = App::new(&ca, &host, 2 * SHORT);
            app.pin(&host.pins[0]);
            app.proxy.arm(fault);
            let start = Instant::now();
            let error = app.client.post(&host.url("/echo"), "text/plain", &upload).unwrap_err();
            assert!(start.elapsed() < 2 * SHORT + SLACK, "{fault:?}: hangs, {:?}", start.elapsed());
            assert!(error.to_string().contains("timeout"), "{fault:?}: {error}");
            assert!(app.proxy.disarm(), "{fault:?}: it did not happen");
            assert!(app.request_later().unwrap() == content(), "{fault:?}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_handshake_lets_anybody_in() {
    let bench = Bench::new();
    let ca = bench.testbed.ca_pem().unwrap();
    let step = if is_long() { 3 } else { 101 };
    for name in ["tickets12", "tickets13"] {
        let host = bench.host(name);
        let before = bench.requests(name);
        let records = (0..5).map(|record| (Direction::ToClient, record));
        // The client's: its hello, and in TLS 1.2 its key share.
        let records = records.chain([(Direction::ToServer, 0), (Direction::ToServer, 1)]);
        let at = |(direction, record)| {
            let byte = move |byte| Fault { direction, record, middle: true, action: Action::FlipAt(byte) };
            (0..1500).step_by(step).map(byte)
        };
        let faults: Vec<_> = records.flat_map(at).collect();
        for pin in [WRONG, &host.pins[0]] {
            in_parallel(&faults, |fault| {
                let app = App::new(&ca, &host, SHORT);
                app.pin(pin);
                app.proxy.arm(*fault);
                let start = Instant::now();
                let result = app.request();
                assert!(start.elapsed() < SHORT + SLACK, "{fault:?}: hangs, {:?}", start.elapsed());
                let Err(error) = result else { panic!("{fault:?}, pin {pin}: nobody has noticed") };
                // A record that a refused client does not come to is not changed.
                let has_struck = app.proxy.disarm() || pin == WRONG || error.to_string().contains("timeout");
                assert!(has_struck, "{fault:?}: {error}, and nothing had happened");
            });
            assert!(pin != WRONG || bench.requests(name) == before, "{name}");
        }
        println!("{name}: {} changes", 2 * faults.len());
    }
}
