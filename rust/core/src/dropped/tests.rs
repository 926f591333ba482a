use super::since;
use crate::{
    Engine, EventKind, PinSet,
    pin_set::tests::{A, DAY, NOW, configurations, manifest, own, weakened},
};
use serde_json::{Value, json};

fn entry(more: &Value) -> Value {
    let mut entry = json!({"publicKeyHashes": [A]});
    for (option, value) in more.as_object().unwrap() {
        entry[option] = value.clone();
    }
    entry
}

/// What is said to be lost, and what to do.
fn said(before: &PinSet, after: &PinSet, now: i64) -> Option<(String, String)> {
    let problems = since(before, after, now * 1000);
    let problem = problems.iter().find(|problem| problem.code == "pins-dropped")?;
    let text = problem.message.strip_prefix("initializeSslPinning no longer enforces the pins of ").unwrap();
    Some((
        text.strip_suffix(", which were in force").unwrap().to_owned(),
        problem.suggestion.clone().unwrap(),
    ))
}

fn lost(before: &Value, after: &Value) -> Option<String> {
    Some(said(&own(before), &own(after), NOW)?.0)
}

#[test]
#[cfg_attr(miri, ignore = "millions of judgements")]
fn exactly_the_configurations_that_enforce_less_are_warned_of() {
    let all: Vec<_> = configurations(A).into_iter().map(|domains| (own(&domains), domains)).collect();
    let (mut warned, mut silent) = (0, 0);
    let now = NOW + 20 * DAY; // the pins of some entries have ended
    for (before, domains) in &all {
        for (after, others) in &all {
            let weakened = weakened(before, after, &[now]);
            let said = said(before, after, now);
            assert_eq!(said.is_some(), weakened.is_some(), "{domains} to {others}: {weakened:?} {said:?}");
            *(if said.is_some() { &mut warned } else { &mut silent }) += 1;
        }
    }
    assert!(warned > 10_000 && silent > 10_000, "{warned} {silent}");
}

#[test]
fn what_is_no_longer_enforced_is_named_once_with_what_took_its_place() {
    let plain = entry(&json!({}));
    let wide = entry(&json!({"includeSubdomains": true}));
    let report_only = entry(&json!({"includeSubdomains": true, "reportOnly": true}));
    let expired = entry(&json!({"includeSubdomains": true, "expirationDate": "2025-12-31"}));
    let holed = |hole: &str| entry(&json!({"includeSubdomains": true, "excludedSubdomains": [hole]}));
    let both = json!({"a.test": wide, "b.test": plain});
    let cases = [
        ("nothing is left", both.clone(), json!({}), Some("a.test, b.test")),
        ("one is left out", both.clone(), json!({"a.test": wide}), Some("b.test")),
        (
            "report-only",
            json!({"a.test": wide}),
            json!({"a.test": report_only}),
            Some("a.test (report-only now)"),
        ),
        ("ended", json!({"a.test": wide}), json!({"a.test": expired}), Some("a.test (expired)")),
        (
            "a hole",
            json!({"a.test": wide}),
            json!({"a.test": holed("x.a.test")}),
            Some("x.a.test (excluded now)"),
        ),
        ("the host alone", json!({"a.test": wide}), json!({"a.test": plain}), Some("subdomains of a.test")),
        (
            "the same, and one of them that was named is left, whatever the order",
            json!({"x.a.test": plain, "a.test": wide}),
            json!({"x.a.test": plain, "a.test": plain}),
            Some("subdomains of a.test"),
        ),
        (
            "a child is left of its parent",
            json!({"a.test": wide}),
            json!({"x.a.test": plain}),
            Some("a.test"),
        ),
        (
            "what is below a child falls into a hole of the parent's",
            json!({"a.test": wide}),
            json!({"a.test": holed("x.a.test"), "x.a.test": plain}),
            Some("subdomains of x.a.test (excluded now)"),
        ),
        (
            "a child of what is enforced reports only",
            json!({"a.test": wide}),
            json!({"a.test": wide, "x.a.test": report_only}),
            Some("x.a.test (report-only now)"),
        ),
        ("the same again", both.clone(), both.clone(), None),
        ("more than before", both.clone(), json!({"a.test": wide, "b.test": wide, "c.test": plain}), None),
        ("a parent takes the place", json!({"x.a.test": wide}), json!({"a.test": wide}), None),
        (
            "of a child that ended too",
            json!({"x.a.test": wide}),
            json!({"a.test": wide, "x.a.test": expired}),
            None,
        ),
        ("nothing was enforced", json!({"a.test": report_only, "b.test": expired}), json!({}), None),
        ("nothing was pinned", json!({}), json!({}), None),
    ];
    for (name, before, after, expected) in cases {
        assert_eq!(lost(&before, &after).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_warning_names_ten_domains_and_counts_the_rest() {
    let domains = |numbers: std::ops::Range<u32>| -> Value {
        let wide = entry(&json!({"includeSubdomains": true}));
        numbers
            .map(|number| (format!("h{number:04}.test"), wide.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let ten = (0..10).map(|number| format!("h{number:04}.test")).collect::<Vec<_>>().join(", ");
    assert_eq!(lost(&domains(0..10), &json!({})).as_ref(), Some(&ten));
    assert_eq!(lost(&domains(0..110), &json!({})), Some(format!("{ten} and 100 more")));
    let long = [60, 60, 60, 60].map(|length| "x".repeat(length)).join(".");
    let long = (0..100)
        .map(|n| (format!("{n:03}.{long}.test"), entry(&json!({}))))
        .collect::<serde_json::Map<_, _>>();
    assert!(lost(&long.into(), &json!({})).unwrap().len() < 3000);
}

#[test]
fn that_nothing_is_left_and_that_something_is_ask_for_different_things() {
    let pinned = own(&json!({"a.test": entry(&json!({})), "b.test": entry(&json!({}))}));
    let suggestion = |after: Value| said(&pinned, &own(&after), NOW).unwrap().1;
    let nothing = "give them again, or call disableSslPinning() if that is meant";
    assert_eq!(suggestion(json!({})), nothing);
    assert_eq!(suggestion(json!({"a.test": entry(&json!({"reportOnly": true}))})), nothing);
    assert_eq!(suggestion(json!({"a.test": entry(&json!({}))})), "give them again if that is not meant");
}

#[test]
fn the_pins_of_a_manifest_count_on_both_sides() {
    let wide = json!({"a.test": entry(&json!({"includeSubdomains": true}))});
    let signed = manifest(&json!({"a.test": entry(&json!({})), "b.test": entry(&json!({}))}));
    let (plain, updated) = (own(&wide), own(&wide).updated(Some(signed), 2));
    let lost = |before: &PinSet, after: &PinSet, now| Some(said(before, after, now)?.0);
    assert_eq!(lost(&updated, &updated, NOW), None);
    assert_eq!(lost(&plain, &updated, NOW), None);
    assert_eq!(lost(&updated, &plain, NOW).as_deref(), Some("b.test"), "the app's own hold for the rest");
    assert_eq!(lost(&updated, &plain, NOW + 40 * DAY), None, "it had ended");
    assert_eq!(
        lost(&own(&json!({"b.test": entry(&json!({}))})), &updated, NOW),
        None,
        "it holds what the app has let go"
    );
}

#[test]
fn each_initialisation_that_takes_pins_off_is_one_event_and_no_other_is() {
    let engine = Engine::new();
    let told = |engine: &Engine| engine.status(0).recent_events.len();
    let two = json!({"a.test": entry(&json!({})), "b.test": entry(&json!({}))}).to_string();
    let one = json!({"a.test": entry(&json!({}))}).to_string();
    for document in ["{}", &one, &two, &two] {
        engine.initialize(document, 0).unwrap();
    }
    engine.initialize("{", 0).unwrap_err();
    assert_eq!(told(&engine), 0);

    let warnings = engine.initialize(&one, 1).unwrap().warnings;
    let status = engine.status(0);
    let [event] = &status.recent_events[..] else { panic!("one event") };
    assert_eq!((event.kind, event.reason, event.enforced), (EventKind::Warning, "pins-dropped", false));
    assert_eq!((event.server_hostname.as_str(), event.timestamp), ("", 1));
    assert!(event.message.contains(" of b.test, "), "{}", event.message);
    assert_eq!(status.warnings, warnings);
    assert_eq!(warnings.last().map(ToString::to_string).as_ref(), Some(&event.message));

    engine.initialize(&one, 0).unwrap();
    assert!(engine.status(0).warnings.iter().all(|warning| warning.code != "pins-dropped"));
    engine.disable();
    engine.initialize("{}", 0).unwrap();
    engine.initialize(&two, 0).unwrap();
    assert_eq!(told(&engine), 1, "who disables pinning means it");
    engine.initialize("{}", 0).unwrap();
    assert_eq!(told(&engine), 2);
}
