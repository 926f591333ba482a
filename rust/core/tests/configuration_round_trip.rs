//! What goes in by `initialize`, by the file in an app and by a manifest is what the status says; and a document with one thing
//! wrong changes nothing and names the place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use proptest::{prelude::*, sample::select};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Map, Value, json};
use spki_pinning_core::{
    ConfigError, Engine, Problem, Severity, Source,
    manifest::{Manifest, Refused, SignatureVerifier, check_claims},
    verification_key::VerificationKey,
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use time::{Date, Month};

/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;

/// One domain, as it is meant and as it is written.
#[derive(Debug, Clone)]
struct Domain {
    name: String,
    key: String,
    pins: Vec<[u8; 32]>,
    written_pins: Vec<String>,
    include: Option<bool>,
    report_only: Option<bool>,
    expires: Option<(i32, u8, u8)>,
    excluded: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Updates {
    url: String,
    keys: Vec<u8>,
    interval: Option<i64>,
    audience: Option<String>,
}

#[derive(Debug, Clone)]
struct Configuration {
    domains: Vec<Domain>,
    require_backup_pin: Option<bool>,
    report_uris: Option<Vec<String>>,
    updates: Option<Updates>,
}

fn domain() -> impl Strategy<Value = Domain> {
    let name = (
        "[a-z]{1,8}",
        "[a-z0-9]{1,3}(-[a-z]{1,3})?",
        select(&["example.com", "test", "bbc.co.uk", "xn--p1ai"][..]),
    )
        .prop_map(|(one, two, end)| format!("{one}.{two}.{end}"));
    let pins = prop::collection::vec((any::<[u8; 32]>(), 0..3), 2..5);
    let days = (2024..2100_i32, 1..=12_u8, 1..=28_u8);
    let excluded = prop::option::of(prop::collection::hash_set("[a-z]{1,6}(\\.[a-z]{1,3})?", 0..4));
    let upper = (any::<bool>(), any::<bool>());
    (name, upper, pins, any::<Option<bool>>(), any::<Option<bool>>(), prop::option::of(days), excluded)
        .prop_map(|(name, (upper, dot), pins, include, report_only, expires, excluded)| {
            let case = if upper { name.to_uppercase() } else { name.clone() };
            let written_pins = pins.iter().map(|(pin, form)| match form {
                0 => STANDARD.encode(pin),
                1 => STANDARD_NO_PAD.encode(pin),
                _ => format!("sha256/{}", STANDARD.encode(pin)),
            });
            let below = |part: String| format!("{part}.{name}");
            Domain {
                key: if dot { format!("{case}.") } else { case },
                written_pins: written_pins.collect(),
                pins: pins.iter().map(|(pin, _)| *pin).collect(),
                excluded: excluded
                    .filter(|_| include == Some(true))
                    .map(|all| all.into_iter().map(below).collect()),
                name,
                include,
                report_only,
                expires,
            }
        })
}

fn domains() -> impl Strategy<Value = Vec<Domain>> {
    prop::collection::vec(domain(), 1..8).prop_map(|mut domains| {
        let mut seen = HashSet::new();
        domains.retain(|domain| seen.insert(domain.name.clone()));
        domains
    })
}

fn configurations() -> impl Strategy<Value = Configuration> {
    let updates = (
        "[a-z]{1,9}",
        prop::collection::hash_set(1..200_u8, 2..4),
        prop::option::of(900..=2_592_000_i64),
        any::<Option<u8>>(),
    )
        .prop_map(|(path, keys, interval, audience)| Updates {
            url: format!("https://updates.test/{path}?q=1"),
            keys: keys.into_iter().collect(),
            interval,
            audience: audience.map(|number| format!("app \"{number}\"")),
        });
    let report_uris = prop::collection::hash_set("[a-z]{1,9}", 1..4)
        .prop_map(|names| names.into_iter().map(|name| format!("https://{name}.test/report")).collect());
    (domains(), any::<Option<bool>>(), prop::option::of(report_uris), prop::option::of(updates)).prop_map(
        |(domains, require_backup_pin, report_uris, updates)| Configuration {
            domains,
            require_backup_pin,
            report_uris,
            updates,
        },
    )
}

/// An object that keeps the order of its members, which is that of the status.
#[derive(Debug, Clone)]
struct Ordered(Vec<(String, String)>);

impl Ordered {
    fn text(&self) -> String {
        let members: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        format!("{{{}}}", members.join(","))
    }
}

fn options(domain: &Domain) -> Map<String, Value> {
    let mut options = Map::new();
    options.insert("publicKeyHashes".to_owned(), json!(domain.written_pins));
    let date = domain.expires.map(|(year, month, day)| json!(format!("{year}-{month:02}-{day:02}")));
    for (name, value) in [
        ("includeSubdomains", domain.include.map(Value::from)),
        ("reportOnly", domain.report_only.map(Value::from)),
        ("expirationDate", date),
        ("excludedSubdomains", domain.excluded.as_ref().map(|names| json!(names))),
    ] {
        options.extend(value.map(|value| (name.to_owned(), value)));
    }
    options
}

fn members(domains: &[Domain]) -> Vec<(String, Map<String, Value>)> {
    domains.iter().map(|domain| (domain.key.clone(), options(domain))).collect()
}

fn text(members: &[(String, Map<String, Value>)]) -> String {
    Ordered(
        members
            .iter()
            .map(|(key, options)| (key.clone(), Value::from(options.clone()).to_string()))
            .collect(),
    )
    .text()
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwk(seed: u8) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair(seed).public_key())})
}

fn settings(configuration: &Configuration) -> Map<String, Value> {
    let mut settings = Map::new();
    let updates = configuration.updates.as_ref().map(|updates| {
        let mut value = json!({"url": updates.url, "publicKeys": updates.keys.iter().map(|key| jwk(*key)).collect::<Vec<_>>()});
        if let Some(interval) = updates.interval {
            value["interval"] = Value::from(interval);
        }
        if let Some(audience) = &updates.audience {
            value["audience"] = Value::from(audience.as_str());
        }
        value
    });
    for (name, value) in [
        ("requireBackupPin", configuration.require_backup_pin.map(Value::from)),
        ("reportUris", configuration.report_uris.as_ref().map(|uris| json!(uris))),
        ("updates", updates),
    ] {
        settings.extend(value.map(|value| (name.to_owned(), value)));
    }
    settings
}

fn document(configuration: &Configuration) -> String {
    let settings = Value::from(settings(configuration));
    format!(r#"{{"settings":{settings},"domains":{}}}"#, text(&members(&configuration.domains)))
}

/// What the status says of these domains.
fn expected(domains: &[Domain], source: &str, now: i64) -> Value {
    let one = |domain: &Domain| {
        let mut pins: Vec<String> = Vec::new();
        for pin in domain.pins.iter().map(|pin| STANDARD.encode(pin)) {
            if !pins.contains(&pin) {
                pins.push(pin);
            }
        }
        let ends = domain.expires.map(|(year, month, day)| {
            let date = Date::from_calendar_date(year, Month::try_from(month).unwrap(), day).unwrap();
            date.midnight().assume_utc().unix_timestamp() * 1000
        });
        let state = match ends {
            Some(ends) if ends <= now => "expired",
            Some(ends) if ends <= now + 30 * DAY_MS => "expiring",
            _ if domain.report_only == Some(true) => "report-only",
            _ => "enforced",
        };
        json!({
            "domain": domain.name,
            "includeSubdomains": domain.include == Some(true),
            "pins": pins,
            "expirationDate": domain.expires.map(|(year, month, day)| format!("{year}-{month:02}-{day:02}")),
            "excludedSubdomains": domain.excluded.clone().unwrap_or_default(),
            "reportOnly": domain.report_only == Some(true),
            "state": state,
            "source": source,
        })
    };
    domains.iter().map(one).collect()
}

fn status(engine: &Engine, now: i64) -> Value {
    serde_json::to_value(engine.status(now)).unwrap()
}

struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok()
    }
}

fn manifest(domains: &[Domain], version: u64, expires_at: i64) -> Arc<Manifest> {
    let domains = text(&members(domains));
    let claims =
        format!(r#"{{"iat":1,"exp":{},"version":{version},"domains":{domains}}}"#, expires_at / 1000);
    Arc::new(signed(&claims).unwrap())
}

/// What an app with the key of the signer makes of these claims.
fn signed(claims: &str) -> Result<Manifest, Refused> {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"pins+jwt"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair(1).sign(message.as_bytes())));
    Manifest::verify(&token, &[VerificationKey::parse(&jwk(1).to_string()).unwrap()], &Ring)
}

proptest! {
    #[test]
    fn what_is_configured_is_what_the_status_says(configuration in configurations(), now in NOW..NOW + 40_000 * DAY_MS) {
        for (source, name) in [(Source::Code, "code"), (Source::Embedded, "embedded")] {
            let engine = Engine::new();
            engine.initialize_from(&document(&configuration), source, NOW, |_| None).unwrap();
            let status = status(&engine, now);
            prop_assert_eq!(&status["domains"], &expected(&configuration.domains, name, now));
            prop_assert_eq!(status["updates"].is_null(), configuration.updates.is_none());
            prop_assert_eq!(status["reports"].is_null(), configuration.report_uris.is_none());
            let pins = engine.pins();
            let settings = pins.settings();
            prop_assert_eq!(&settings.report_uris, &configuration.report_uris.clone().unwrap_or_default());
            if let (Some(read), Some(given)) = (&settings.updates, &configuration.updates) {
                let keys: Vec<_> = given.keys.iter().map(|key| VerificationKey::parse(&jwk(*key).to_string()).unwrap()).collect();
                prop_assert_eq!(&read.public_keys, &keys);
                let interval = Duration::from_secs(given.interval.unwrap_or(86_400).unsigned_abs());
                prop_assert_eq!((&read.url, read.interval), (&given.url, interval));
                prop_assert_eq!(&read.audience, &given.audience);
            }
        }
        // Without settings, the domains alone are a document too.
        let engine = Engine::new();
        engine.initialize(&text(&members(&configuration.domains)), NOW).unwrap();
        prop_assert_eq!(&status(&engine, now)["domains"], &expected(&configuration.domains, "code", now));
    }

    #[test]
    fn what_is_signed_is_what_the_status_says_until_the_manifest_ends(domains in domains(), own in domains(), days in 1..4000_i64, after in -2..2_i64) {
        let engine = Engine::new();
        let own: Vec<Domain> = own.into_iter().filter(|own| domains.iter().all(|domain| domain.name != own.name)).collect();
        let settings = json!({"updates": {"url": "https://a.test/", "publicKeys": [jwk(1), jwk(2)]}});
        engine.initialize(&format!(r#"{{"settings":{settings},"domains":{}}}"#, text(&members(&own))), NOW).unwrap();
        let ends = NOW + days * DAY_MS;
        let taken = engine.apply_update(manifest(&domains, 7, ends), |_| true, NOW).is_ok();
        let now = ends + after;
        // What the app enforces for a parent domain, a manifest does not make report-only.
        let in_force = taken && now < ends;
        let mut all = expected(&own, "code", now);
        if in_force {
            all.as_array_mut().unwrap().extend(expected(&domains, "update", now).as_array().unwrap().clone());
        }
        let status = status(&engine, now);
        prop_assert_eq!(&status["domains"], &all);
        if taken {
            let said = (&status["updates"]["version"], &status["updates"]["expiresAt"], &status["updates"]["expired"]);
            prop_assert_eq!(said, (&json!(7), &json!(ends), &json!(now >= ends)));
        }
    }

    #[test]
    fn one_thing_wrong_changes_nothing_and_is_named_by_its_path(
        before in configurations(),
        after in configurations(),
        at in any::<prop::sample::Index>(),
        way in 0..WAYS.len(),
    ) {
        let engine = Engine::new();
        engine.initialize(&document(&before), NOW).unwrap();
        let in_force = status(&engine, NOW);
        let (document, path, code) = spoiled(&after, at.index(after.domains.len()), WAYS[way]);
        let ConfigError { problems } = engine.initialize(&document, NOW).unwrap_err();
        let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        prop_assert!(!errors.is_empty() && errors.iter().all(|error| error.path == path && error.code == code), "{path} {code}: {errors:?}");
        prop_assert!(errors.iter().all(|error| error.suggestion.is_some() && !error.message.is_empty()));
        prop_assert_eq!(status(&engine, NOW), in_force, "{} in {}", path, document);
    }
}

proptest! {
    /// The same for what is signed: who signs is told the place, and no app takes it.
    #[test]
    fn a_manifest_with_one_thing_wrong_is_refused_and_the_place_is_named_before_it_is_signed(
        configuration in configurations(),
        at in any::<prop::sample::Index>(),
        way in select(WAYS.iter().filter(|(place, ..)| place.is_of_domains()).collect::<Vec<_>>()),
    ) {
        let (document, path, code) = spoiled(&configuration, at.index(configuration.domains.len()), *way);
        let claims = format!(r#"{{"iat":1,"exp":9000000000,"version":1,{}"#, &document[1..]);
        let problems = check_claims(&claims, NOW);
        let is_meant = |problem: &&Problem| problem.severity == Severity::Error && problem.path != "/settings";
        let errors: Vec<_> = problems.iter().filter(is_meant).collect();
        prop_assert!(!errors.is_empty() && errors.iter().all(|error| error.path == path && error.code == code), "{path} {code}: {errors:?}");
        prop_assert_eq!(signed(&claims).map_err(|refused| refused.code).err(), Some("manifest-domains"));
    }
}

impl Place {
    fn is_of_domains(self) -> bool {
        !matches!(self, Self::Setting | Self::Document | Self::Cut)
    }
}

/// Ways to spoil a document: a member of a domain's options, of the settings or of the document and what is written there.
const WAYS: [(Place, &str, &str, &str); 40] = [
    (Place::Option, "publicKeyHashes", "[]", "pins-empty"),
    (Place::Option, "publicKeyHashes", "\"r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=\"", "wrong-type"),
    (Place::Option, "publicKeyHashes", "{}", "wrong-type"),
    (Place::Domain, "publicKeyHashes", "null", "pins-missing"),
    (Place::Pin, "", "\"\"", "pin-empty"),
    (Place::Pin, "", "null", "pin-wrong-type"),
    (Place::Pin, "", "7", "pin-wrong-type"),
    (Place::Pin, "", "\"r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E= \"", "pin-has-whitespace"),
    (Place::Pin, "", "\"-----BEGIN CERTIFICATE-----\"", "pin-is-pem"),
    (Place::Option, "includeSubdomain", "true", "unknown-option"),
    (Place::Option, "IncludeSubdomains", "true", "unknown-option"),
    (Place::Option, "pins", "[]", "unknown-option"),
    (Place::Option, "", "true", "unknown-option"),
    (Place::Option, "a/b~c", "true", "unknown-option"),
    (Place::Option, "includeSubdomains", "\"true\"", "wrong-type"),
    (Place::Option, "reportOnly", "null", "wrong-type"),
    (Place::Option, "reportOnly", "1", "wrong-type"),
    (Place::Option, "expirationDate", "\"2027-02-29\"", "date-not-real"),
    (Place::Option, "expirationDate", "\"2027-2-28\"", "date-format"),
    (Place::Option, "expirationDate", "1767225600000", "wrong-type"),
    (Place::Option, "excludedSubdomains", "\"a.test\"", "wrong-type"),
    (Place::Key, "https://example.com/", "", "domain-is-url"),
    (Place::Key, "*.example.com", "", "domain-is-wildcard"),
    (Place::Key, "example.com:443", "", "domain-has-port"),
    (Place::Key, "", "", "domain-empty"),
    (Place::Key, "a b.test", "", "domain-has-whitespace"),
    (Place::Key, "a..test", "", "domain-empty-label"),
    (Place::Value, "", "null", "wrong-type"),
    (Place::Value, "", "[]", "wrong-type"),
    (Place::Value, "", "\"r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=\"", "wrong-type"),
    (Place::Setting, "requireBackupPin", "\"yes\"", "wrong-type"),
    (Place::Setting, "requireBackupPins", "true", "unknown-option"),
    (Place::Setting, "reportUris", "\"https://a.test/\"", "wrong-type"),
    (Place::Setting, "reportUris", "[]", "list-empty"),
    (Place::Setting, "updates", "true", "wrong-type"),
    (Place::Document, "options", "{}", "unknown-option"),
    (Place::Document, "settings", "[]", "wrong-type"),
    (Place::Document, "domains", "[]", "wrong-type"),
    (Place::Twice, "", "", "domain-duplicate"),
    (Place::Cut, "", "", "json-syntax"),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// A member of a domain's options, reported at itself, or at the domain.
    Option,
    Domain,
    /// The first pin.
    Pin,
    /// The key of a domain; all that a domain has.
    Key,
    Value,
    Setting,
    Document,
    /// The domain once more, in other words.
    Twice,
    /// The end of the document is missing.
    Cut,
}

/// The document with one thing wrong, and the path and the code by which it has to be reported.
fn spoiled(
    configuration: &Configuration,
    at: usize,
    way: (Place, &str, &str, &'static str),
) -> (String, String, &'static str) {
    let (place, member, written, code) = way;
    let value = || serde_json::from_str::<Value>(written).unwrap();
    let mut domains = members(&configuration.domains);
    let mut settings = settings(configuration);
    let key = domains[at].0.clone();
    let escaped = |text: &str| text.replace('~', "~0").replace('/', "~1");
    let mut path = format!("/domains/{}", escaped(&key));
    match place {
        Place::Option | Place::Domain => {
            domains[at].1.insert(member.to_owned(), value());
            if member == "includeSubdomains" {
                domains[at].1.remove("excludedSubdomains"); // which would be wrong without it
            }
            if place == Place::Option {
                path = format!("{path}/{}", escaped(member));
            }
        }
        Place::Pin => {
            domains[at].1.get_mut("publicKeyHashes").unwrap()[0] = value();
            path += "/publicKeyHashes/0";
        }
        Place::Key => {
            domains[at].0 = member.to_owned();
            path = format!("/domains/{}", escaped(member));
        }
        Place::Twice => {
            let again =
                if key.ends_with('.') { key.trim_end_matches('.').to_owned() } else { format!("{key}.") };
            path = format!("/domains/{again}");
            let options = domains[at].1.clone();
            domains.push((again, options));
        }
        Place::Setting => {
            settings.insert(member.to_owned(), value());
            path = format!("/settings/{member}");
        }
        Place::Value | Place::Document | Place::Cut => {}
    }
    let all: Vec<_> = domains
        .iter()
        .enumerate()
        .map(|(index, (key, options))| {
            let is_spoiled = place == Place::Value && index == at;
            (
                key.clone(),
                if is_spoiled { written.to_owned() } else { Value::from(options.clone()).to_string() },
            )
        })
        .collect();
    let mut document = vec![
        ("settings".to_owned(), Value::from(settings).to_string()),
        ("domains".to_owned(), Ordered(all).text()),
    ];
    if place == Place::Document {
        document.retain(|(name, _)| name != member);
        document.push((member.to_owned(), written.to_owned()));
        path = format!("/{member}");
    }
    let mut document = Ordered(document).text();
    if place == Place::Cut {
        document.truncate(document.len() - 1);
        path = String::new();
    }
    (document, path, code)
}
