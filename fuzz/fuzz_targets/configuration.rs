//! A configuration document: one that is refused changes nothing, one that is taken does what it says that it does, once and
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use spki_pinning_core::{
    Engine, Outcome, PinSet, Problem, Reason, Severity,
    check::check,
    host::{MAX_HOST_OCTETS, normalize},
    options::Settings,
    pin_set::Entry,
};
use spki_pinning_fuzz::{NO_CHAIN, NOW, OTHER_PIN, PIN, is_blocked, state};

/// The code of the warning that tells what a configuration took away from the one before.
const DROPPED: &str = "pins-dropped";

fuzz_target!(|document: &str| {
    let engine = Engine::new();
    let before = json!({"before.test": {"publicKeyHashes": [PIN, OTHER_PIN], "includeSubdomains": true}});
    engine.initialize(&before.to_string(), NOW).expect("that is a configuration");
    let (in_force, generation) = (state(&engine), engine.generation());
    let checked = check(document, NOW);
    match engine.initialize(document, NOW) {
        Err(error) => {
            assert!(error.problems.iter().any(|problem| problem.severity == Severity::Error));
            assert!(!checked.ok);
            assert_eq!(checked.problems, error.problems);
            assert_eq!((state(&engine), engine.generation()), (in_force, generation), "it changed something");
            assert!(is_blocked(&engine, "a.before.test", NOW));
        }
        Ok(taken) => {
            assert!(checked.ok);
            assert_eq!(taken.generation, engine.generation());
            let pins = engine.pins();
            let (dropped, own): (Vec<Problem>, Vec<Problem>) =
                taken.warnings.iter().cloned().partition(|problem| problem.code == DROPPED);
            assert_eq!(checked.problems, own);
            assert_eq!(dropped.len(), usize::from(takes_away(&pins)), "{dropped:?}");
            assert_eq!(is_blocked(&engine, "a.before.test", NOW), governs(&pins, "a.before.test"));
            for entry in pins.entries() {
                does_what_it_says(&engine, &pins, entry);
            }
            let mut first = state(&engine);
            assert_eq!(first["warnings"], json!(taken.warnings));
            first["warnings"] = json!(own);
            let again = engine.initialize(document, NOW).expect("it was taken before");
            assert_eq!((own, &first), (again.warnings, &state(&engine)), "not the same again");
            is_the_same_printed(&pins, &first);
        }
    }
    for problem in &checked.problems {
        assert!(!problem.message.is_empty() && problem.message.len() < 4096, "{problem:?}");
        assert!(problem.path.is_empty() || problem.path.starts_with('/'), "{problem:?}");
    }
});

/// Whether an entry that enforces is looked at for this host. By another way than the engine: all of them, one after the other.
fn governs(pins: &PinSet, host: &str) -> bool {
    let covers = |entry: &&Entry| {
        let below = host.strip_suffix(&**entry.domain()).is_some_and(|rest| rest.ends_with('.'));
        let is_excluded = |name: &String| host == name || host.ends_with(&format!(".{name}"));
        let within =
            below && entry.include_subdomains && !entry.excluded_subdomains().iter().any(is_excluded);
        !entry.is_expired(NOW) && (host == &**entry.domain() || within)
    };
    let most_specific = pins.entries().iter().filter(covers).max_by_key(|entry| entry.domain().len());
    most_specific.is_some_and(|entry| !entry.report_only)
}

/// Whether any host of the configuration before is let through with this one: it warns of that, and only when it replaces that.
fn takes_away(pins: &PinSet) -> bool {
    let names = pins
        .entries()
        .iter()
        .flat_map(|entry| entry.excluded_subdomains().iter().map(String::as_str).chain([&**entry.domain()]));
    let within = names.filter(|name| name.ends_with(".before.test")).chain(["before.test"]);
    within.flat_map(|name| [name.to_owned(), format!("x.{name}")]).any(|host| !governs(pins, &host))
}

fn does_what_it_says(engine: &Engine, pins: &PinSet, entry: &Entry) {
    let domain = &**entry.domain();
    let key = normalize(domain).expect("a domain in force is a host");
    assert_eq!(key.name, domain, "not in its normal form");
    assert!(!entry.pins().is_empty() && entry.pins().iter().all(|pin| entry.holds(pin)), "{domain}");
    let verdict = engine.evaluate(Some(domain), &NO_CHAIN, NOW);
    if !entry.is_expired(NOW) {
        let outcome = if entry.report_only { Outcome::ReportOnly } else { Outcome::Blocked };
        assert_eq!((verdict.outcome, verdict.entry.as_deref()), (outcome, Some(domain)));
    }
    let below = format!("x.{domain}");
    if !key.is_ip && below.len() <= MAX_HOST_OCTETS {
        assert_eq!(is_blocked(engine, &below, NOW), governs(pins, &below), "{below}");
    }
    for excluded in entry.excluded_subdomains() {
        assert_eq!(is_blocked(engine, excluded, NOW), governs(pins, excluded), "{excluded}");
        let verdict = engine.evaluate(Some(excluded), &NO_CHAIN, NOW);
        assert!(
            verdict.entry.as_deref() != Some(domain)
                || verdict.reason == Reason::SubdomainExcluded
                || entry.is_expired(NOW)
        );
    }
}

/// What is in force, written down and read again, is the same.
fn is_the_same_printed(pins: &PinSet, first: &Value) {
    let domains: Map<String, Value> =
        pins.entries().iter().map(|entry| (entry.domain().to_string(), printed(entry))).collect();
    let Some(settings) = printed_settings(pins.settings()) else { return };
    let document = json!({"domains": domains, "settings": settings}).to_string();
    let engine = Engine::new();
    let taken = engine.initialize(&document, NOW).unwrap_or_else(|error| panic!("{error}: {document}"));
    let mut again = state(&engine);
    // JSON objects of serde_json are sorted, so the order is not compared; warnings name the spellings of the original.
    let by_domain = |state: &mut Value| {
        let mut domains: Vec<Value> = state["domains"].as_array().cloned().unwrap_or_default();
        domains.sort_by_key(|domain| domain["domain"].to_string());
        state["domains"] = domains.into();
        state["warnings"].take();
    };
    let mut first = first.clone();
    by_domain(&mut first);
    by_domain(&mut again);
    assert_eq!(first, again, "{document}");
    assert_eq!(pins.settings(), engine.pins().settings());
    drop(taken);
}

fn printed(entry: &Entry) -> Value {
    let mut options = json!({
        "publicKeyHashes": entry.pins().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "includeSubdomains": entry.include_subdomains,
        "reportOnly": entry.report_only,
        "excludedSubdomains": entry.excluded_subdomains(),
    });
    if let Some(date) = entry.expiration_date() {
        options["expirationDate"] = date.into();
    }
    options
}

/// `None` if a URL became longer than one may be by being written in its normal form.
fn printed_settings(settings: &Settings) -> Option<Value> {
    let urls = settings.report_uris.iter().chain(settings.updates.iter().map(|updates| &updates.url));
    if urls.into_iter().any(|url| url.len() > 2048) {
        return None;
    }
    let mut printed = Map::new();
    if !settings.report_uris.is_empty() {
        printed.insert("reportUris".to_owned(), json!(settings.report_uris));
    }
    if let Some(updates) = &settings.updates {
        let keys: Vec<Value> =
            updates.public_keys.iter().filter_map(|key| serde_json::from_str(&key.jwk()).ok()).collect();
        assert_eq!(keys.len(), updates.public_keys.len(), "a JWK is JSON");
        let mut members =
            json!({"url": updates.url, "publicKeys": keys, "interval": updates.interval.as_secs()});
        if let Some(audience) = &updates.audience {
            members["audience"] = audience.as_str().into();
        }
        printed.insert("updates".to_owned(), members);
    }
    Some(printed.into())
}
