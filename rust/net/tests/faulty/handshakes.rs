//! Handshakes of `probe`, whose errors developers read.

use super::{Action, Fault, Proxy};
use crate::{common::Bench, in_parallel};
use spki_pinning_net::probe::{ProbeError, ProbeOptions, Roots, probe};
use std::{
    collections::BTreeSet,
    sync::Mutex,
    time::{Duration, Instant},
};

#[test]
fn handshake_that_fails_says_how_by_a_stable_code_and_what_to_do() {
    let bench = Bench::new();
    let codes = Mutex::new(BTreeSet::new());
    for name in ["tickets12", "tickets13"] {
        let host = bench.host(name);
        let options = |proxy: &Proxy, timeout| ProbeOptions {
            host: host.name.clone(),
            port: proxy.address().port(),
            connect: Some("127.0.0.1".to_owned()),
            roots: Roots::Given(bench.testbed.ca_pem().unwrap()),
            timeout,
        };
        let clean = Proxy::start(host.address);
        probe(&options(&clean, Duration::from_secs(20))).unwrap();
        let faults = Fault::all(clean.records(), &Action::ALL);
        in_parallel(&faults, |fault| {
            let seconds = if fault.action.may_stall() { 1 } else { 20 };
            let (proxy, timeout) = (Proxy::start(host.address), Duration::from_secs(seconds));
            proxy.arm(*fault);
            let start = Instant::now();
            let result = probe(&options(&proxy, timeout));
            assert!(start.elapsed() < timeout + Duration::from_secs(10), "{fault:?}: hangs");
            let Err(error) = result else { return }; // it may have happened after the handshake
            // A busy machine may use the short time up by itself.
            let is_late = fault.action.may_stall() && error.code() == "timeout";
            assert!(proxy.disarm() || is_late, "{fault:?}: {error}, and nothing had happened");
            let known =
                matches!(error.code(), "timeout" | "closed" | "io" | "not-tls" | "tls-alert" | "tls-failed");
            // A changed certificate is none of its issuer's.
            let changed = matches!(error, ProbeError::Certificate { .. }) && fault.action == Action::Flip;
            assert!(known || changed, "{fault:?}: {} {error}", error.code());
            assert!(error.suggestion().is_some_and(|suggestion| !suggestion.is_empty()), "{fault:?}");
            let message = error.to_string();
            assert!(message.contains("127.0.0.1") || message.contains(&host.name), "{fault:?}: {message}");
            codes.lock().unwrap().insert(error.code());
            assert!(probe(&options(&proxy, Duration::from_secs(20))).is_ok(), "{fault:?}: afterwards");
        });
        println!("{name}: {} faults", faults.len());
    }
    let codes = codes.into_inner().unwrap();
    assert!(codes.is_superset(&["closed", "timeout", "tls-alert", "tls-failed"].into()), "{codes:?}");
}
