//! The promises of a bridge, whatever language is on its other side.

use super::{Bridge, Connection, Listener};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use spki_pinning_core::{Notice, Source};
use std::sync::{Arc, LazyLock, Mutex};

const NOW: i64 = 1_780_272_000_000; // 2026-06-01

static CERTIFICATES: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../tests/vectors/certificates.json");
    serde_json::from_str(text).expect("certificates.json is JSON")
});

fn pin(id: &str) -> &'static str {
    CERTIFICATES["certificates"][id]["pin"].as_str().expect("the certificate is there")
}

fn chain() -> Vec<Vec<u8>> {
    let der = |id: &&str| CERTIFICATES["certificates"][id]["der"].as_str().expect("the certificate is there");
    ["leaf", "intermediate", "root"]
        .iter()
        .map(|id| STANDARD.decode(der(id)).expect("der is base64"))
        .collect()
}

fn bridge(pin_of: [&str; 2], more: &str) -> Bridge {
    let bridge = Bridge::default();
    bridge.hooks.set_now_ms(Some(NOW));
    let pins = pin_of.map(pin);
    let document = format!(r#"{{"example.com": {{"publicKeyHashes": {pins:?}{more}}}}}"#);
    assert_eq!(
        parse(&bridge.initialize(&document, Source::Code)),
        json!({"ok": true, "generation": 1, "warnings": []})
    );
    bridge
}

fn right() -> Bridge {
    bridge(["intermediate", "other-root"], "")
}

fn wrong() -> Bridge {
    bridge(["other-leaf", "other-root"], "")
}

fn connection<'a>(host: &'a str, chain: &'a [Vec<u8>]) -> Connection<'a> {
    Connection { host: Some(host), chain, validated: true }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("an answer is JSON")
}

fn refusal(answer: Option<String>) -> Value {
    parse(&answer.expect("the connection is refused"))
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Value>>>);

impl Listener for Recorder {
    fn event(&self, event: String) {
        self.0.lock().unwrap().push(parse(&event));
    }
}

impl Recorder {
    fn listen(bridge: &Bridge) -> Self {
        let recorder = Self::default();
        bridge.set_listener(Some(Box::new(recorder.clone())));
        recorder
    }

    fn reasons(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }
}

fn counters(bridge: &Bridge) -> Value {
    parse(&bridge.status())["counters"].take()
}

#[test]
fn what_the_app_leaves_out_of_its_embedded_configuration_is_told_to_the_first_listener() {
    let bridge = Bridge::default();
    let pins = [pin("other-leaf"), pin("other-root")];
    let document = format!(r#"{{"example.com": {{"publicKeyHashes": {pins:?}}}}}"#);
    bridge.initialize(&document, Source::Embedded);
    bridge.initialize(&document, Source::Code);
    assert!(bridge.check(connection("example.com", &chain()), "fetch").is_some());
    let answer = parse(&bridge.initialize("{}", Source::Code));
    assert_eq!((&answer["ok"], &answer["warnings"][0]["code"]), (&json!(true), &json!("pins-dropped")));
    assert!(bridge.check(connection("example.com", &chain()), "fetch").is_none());
    assert_eq!(Recorder::listen(&bridge).reasons(), ["no-pin-matched", "pins-dropped"]);
}

#[test]
fn a_chain_with_a_pinned_key_goes_ahead() {
    let (bridge, chain) = (right(), chain());
    assert_eq!(bridge.check(connection("example.com", &chain), "fetch"), None);
    assert_eq!(bridge.evaluate(connection("example.com", &chain)), None);
    assert_eq!(
        parse(&bridge.verdict(connection("example.com", &chain))),
        json!({"verdict": "allowed", "reason": "pin-matched", "entry": "example.com",
            "matchedPin": pin("intermediate"),
            "servedPins": [pin("leaf"), pin("intermediate"), pin("root")]})
    );
    assert_eq!(counters(&bridge)["allowed"], 1, "only a check counts");
}

#[test]
fn a_refusal_says_enough_to_mend_the_configuration() {
    let (bridge, chain) = (wrong(), chain());
    let recorder = Recorder::listen(&bridge);
    let refused = refusal(bridge.check(connection("Example.com.", &chain), "fetch"));
    assert_eq!(refused, refusal(bridge.evaluate(connection("Example.com.", &chain))));
    let served = [pin("leaf"), pin("intermediate"), pin("root")];
    assert_eq!(
        refused,
        json!({"serverHostname": "Example.com.", "reason": "no-pin-matched", "entry": "example.com",
            "servedPins": served,
            "message": format!(
                "SSL pinning refused Example.com. (no-pin-matched): it showed sha256/{}; pinned for example.com are sha256/{}",
                served.join(", sha256/"), [pin("other-leaf"), pin("other-root")].join(", sha256/"))})
    );
    assert_eq!(recorder.reasons(), ["no-pin-matched"]);
    assert_eq!(recorder.0.lock().unwrap()[0]["stack"], "fetch");
    assert_eq!(counters(&bridge)["blocked"], 1);
}

#[test]
fn a_chain_that_was_not_validated_satisfies_no_pin() {
    let (bridge, chain) = (right(), chain());
    let unvalidated = |host| Connection { validated: false, ..connection(host, &chain) };
    let refused = refusal(bridge.check(unvalidated("example.com"), "fetch"));
    assert_eq!(refused["reason"], "chain-not-validated");
    assert_eq!(refusal(bridge.evaluate(unvalidated("example.com")))["reason"], "chain-not-validated");
    assert_eq!(parse(&bridge.verdict(unvalidated("example.com")))["verdict"], "blocked");
    assert_eq!(bridge.check(unvalidated("example.org"), "fetch"), None);
}

#[test]
fn a_host_is_pinned_or_not() {
    let bridge = bridge(["leaf", "root"], r#", "expirationDate": "2026-07-15""#);
    let hosts = ["example.com", "EXAMPLE.com.", "example.org", "a.example.com"];
    assert_eq!(hosts.map(|host| bridge.is_pinned(Some(host))), [true, true, false, false]);
    assert!(bridge.is_pinned(None), "it may be any host");
    bridge.hooks.set_now_ms(Some(NOW + 60 * 86_400_000));
    assert!(!bridge.is_pinned(Some("example.com")), "its pins have expired");
}

#[test]
fn report_only_goes_ahead_with_an_event() {
    let (bridge, chain) = (bridge(["other-leaf", "other-root"], r#", "reportOnly": true"#), chain());
    let recorder = Recorder::listen(&bridge);
    assert_eq!(bridge.check(connection("example.com", &chain), "fetch"), None);
    assert_eq!(recorder.reasons(), ["no-pin-matched"]);
    assert!(bridge.is_pinned(Some("example.com")), "its chain has to be collected");
}

#[test]
fn a_connection_without_a_host_name_is_refused_while_hosts_are_pinned() {
    let (bridge, chain) = (right(), chain());
    let nameless = Connection { host: None, chain: &chain, validated: true };
    let refused = refusal(bridge.check(nameless, "fetch"));
    assert_eq!((&refused["reason"], &refused["serverHostname"]), (&json!("missing-host"), &Value::Null));
    assert!(refused["message"].as_str().unwrap().starts_with("SSL pinning refused a connection without"));
    bridge.disable();
    assert_eq!(bridge.check(nameless, "fetch"), None);
}

#[test]
fn a_refused_configuration_comes_with_its_problems_and_changes_nothing() {
    let bridge = wrong();
    let answer = parse(&bridge.initialize(r#"{"example.com": {"publicKeyHashes": []}}"#, Source::Code));
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["problems"][0]["path"], "/example.com/publicKeyHashes");
    assert_eq!(bridge.generation(), Some(1));
    assert!(bridge.is_pinned(Some("example.com")));
}

#[test]
fn a_panic_in_a_check_refuses_a_pinned_host_and_tells_the_listener() {
    let (bridge, chain) = (right(), chain());
    let recorder = Recorder::listen(&bridge);
    bridge.hooks.panic_in_next_call();
    let refused = refusal(bridge.check(connection("example.com", &chain), "fetch"));
    assert_eq!((&refused["reason"], &refused["entry"]), (&json!("internal-error"), &json!("example.com")));
    assert_eq!(recorder.reasons(), ["internal-error"]);
    assert_eq!(counters(&bridge)["blocked"], 1);
    assert_eq!(bridge.check(connection("example.com", &chain), "fetch"), None, "the next one is fine");
}

#[test]
fn a_panic_in_an_evaluation_refuses_a_pinned_host_without_a_trace() {
    let (bridge, chain) = (right(), chain());
    let recorder = Recorder::listen(&bridge);
    bridge.hooks.panic_in_next_call();
    assert_eq!(refusal(bridge.evaluate(connection("example.com", &chain)))["reason"], "internal-error");
    bridge.hooks.panic_in_next_call();
    let verdict = parse(&bridge.verdict(connection("example.com", &chain)));
    assert_eq!((&verdict["verdict"], &verdict["reason"]), (&json!("blocked"), &json!("internal-error")));
    assert!(recorder.reasons().is_empty());
    assert_eq!(counters(&bridge)["checks"], 0);
}

#[test]
fn a_panic_does_not_touch_a_host_that_is_not_pinned() {
    let (bridge, chain) = (right(), chain());
    bridge.hooks.panic_in_next_call();
    assert_eq!(bridge.check(connection("example.org", &chain), "fetch"), None);
    bridge.hooks.panic_in_next_call();
    assert_eq!(bridge.evaluate(connection("example.org", &chain)), None);
}

#[test]
fn a_panic_never_turns_pinning_off() {
    let bridge = right();
    bridge.hooks.panic_in_next_call();
    let answer = parse(&bridge.initialize("{}", Source::Code));
    assert_eq!(answer["ok"], false);
    let problem = &answer["problems"][0];
    assert_eq!((&problem["code"], &problem["severity"]), (&json!("internal-error"), &json!("error")));

    bridge.hooks.panic_in_next_call();
    bridge.disable();
    assert_eq!(bridge.generation(), Some(1));

    bridge.hooks.panic_in_next_call();
    assert!(bridge.is_pinned(Some("example.org")));
    bridge.hooks.panic_in_next_call();
    assert_eq!(bridge.generation(), None);
    bridge.hooks.panic_in_next_call();
    assert_eq!(parse(&bridge.status()), json!({"error": "internal-error"}));
    assert!(bridge.is_pinned(Some("example.com")));
}

#[test]
fn events_wait_for_the_first_listener_and_for_the_next() {
    let (bridge, chain) = (wrong(), chain());
    let fail = || refusal(bridge.check(connection("example.com", &chain), "fetch"));
    fail();
    let first = Recorder::listen(&bridge);
    assert_eq!(first.reasons().len(), 1);
    bridge.set_listener(None);
    fail();
    assert_eq!(first.reasons().len(), 1);
    assert_eq!(Recorder::listen(&bridge).reasons().len(), 1);
}

#[test]
fn what_a_platform_notices_waits_for_a_listener_too() {
    let bridge = wrong();
    bridge.report(Notice::HookReplaced, None, "who called what", "fetch");
    bridge.hooks.panic_in_next_call();
    bridge.report(Notice::HookReplaced, None, "a panic ends here", "fetch");
    let recorder = Recorder::listen(&bridge);
    assert_eq!(
        recorder.0.lock().unwrap()[..],
        [
            json!({"kind": "warning", "serverHostname": "", "message": "who called what", "reason": "hook-replaced",
            "enforced": false, "servedPins": [], "expectedPins": [], "stack": "fetch", "timestamp": NOW})
        ]
    );
}

#[test]
fn a_listener_that_panics_has_no_say_in_a_connection() {
    struct Panicking;
    impl Listener for Panicking {
        fn event(&self, _: String) {
            panic!("as a test asked for");
        }
    }
    let chain = chain();
    let (enforced, reported) = (wrong(), bridge(["other-leaf", "other-root"], r#", "reportOnly": true"#));
    for bridge in [&enforced, &reported] {
        bridge.set_listener(Some(Box::new(Panicking)));
    }
    assert_eq!(
        refusal(enforced.check(connection("example.com", &chain), "fetch"))["reason"],
        "no-pin-matched"
    );
    assert_eq!(reported.check(connection("example.com", &chain), "fetch"), None);
}

#[test]
fn a_refusal_stays_short_whatever_the_server_and_the_configuration_hold() {
    let bridge = Bridge::default();
    let pins: Vec<_> = (1..=40_u8).map(|byte| STANDARD.encode([&[byte; 31][..], &[0]].concat())).collect();
    let document = json!({"example.com": {"publicKeyHashes": pins, "includeSubdomains": true}});
    assert_eq!(parse(&bridge.initialize(&document.to_string(), Source::Code))["ok"], true);
    let chain: Vec<_> = chain().into_iter().cycle().take(32).collect();
    let refused = refusal(bridge.check(connection("example.com", &chain), "fetch"));
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains(" and 22 more; pinned for") && message.ends_with(" and 30 more"), "{message}");

    let host = "a".repeat(1_000_000);
    let refused = refusal(bridge.check(connection(&host, &chain), "fetch"));
    assert_eq!(refused["reason"], "missing-host");
    assert!(refused.to_string().len() < 5000);
}

#[test]
fn the_process_has_one_engine() {
    let (first, second) = (crate::api::PinningEngine::shared(), crate::api::PinningEngine::shared());
    let before = second.generation();
    first.disable();
    assert_ne!(second.generation(), before);
}
