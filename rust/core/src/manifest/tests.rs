use super::{Ledger, Manifest, Recipient, Refused, SignatureVerifier, check_claims};
use crate::{
    Engine, Outcome, Source,
    verification_key::{Algorithm, VerificationKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, UnparsedPublicKey,
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

/// As rust/net has it.
struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        match key.algorithm() {
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature),
            Algorithm::Es256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.bytes()).verify(message, signature)
            }
        }
        .is_ok()
    }
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    /// A key of its own for each number.
    fn ed25519(number: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap())
    }

    fn p256() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self::P256(pair.unwrap())
    }

    fn key(&self) -> VerificationKey {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = match self {
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
        };
        VerificationKey::parse(&jwk.to_string()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = match self {
            Self::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Self::P256(pair) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        json!({"alg": self.key().algorithm().as_str(), "typ": "pins+jwt"})
    }

    fn manifest(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

const A: &str = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";
const B: &str = "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
/// 2026-01-01, in seconds.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn claims(version: u64) -> Value {
    json!({"iat": NOW, "exp": NOW + 30 * DAY, "version": version,
           "domains": {"a.test": {"publicKeyHashes": [A, B]}}})
}

/// `claims(version)` with some of them replaced, or left out where the value is null.
fn claims_with(version: u64, others: Value) -> Value {
    let mut claims = claims(version);
    for (name, value) in others.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn at(seconds: i64) -> Recipient<'static> {
    Recipient { now_ms: seconds * 1000, ..Recipient::default() }
}

fn accept(ledger: &Ledger, token: &str) -> Result<Option<Ledger>, Refused> {
    ledger.accept(token, &Ring, &at(NOW))
}

fn code(result: Result<Option<Ledger>, Refused>) -> &'static str {
    result.map(|_| "ok").unwrap_or_else(|refused| refused.code)
}

#[test]
fn both_algorithms_are_taken_from_the_keys_of_the_app_only() {
    let (one, two, p256) = (Signer::ed25519(1), Signer::ed25519(2), Signer::p256());
    for signer in [&one, &p256] {
        let ledger = Ledger::new(&[two.key(), signer.key()]);
        let accepted = accept(&ledger, &signer.manifest(&claims(7))).unwrap().unwrap();
        assert_eq!(accepted.newest().unwrap().version(), 7);
        assert_eq!(accepted.newest().unwrap().signed_by(), &signer.key());
        assert_eq!(
            code(accept(&Ledger::new(&[two.key()]), &signer.manifest(&claims(7)))),
            "manifest-signature"
        );
    }
    let rfc_9864 =
        one.sign(&json!({"alg": "Ed25519", "typ": "application/PINS+JWT", "kid": "x"}), &claims(1));
    assert_eq!(code(accept(&Ledger::new(&[one.key()]), &rfc_9864)), "ok");
}

#[test]
fn a_header_that_asks_for_something_else_is_refused_before_anything_is_verified() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    for (header, expected) in [
        (json!({"alg": "none", "typ": "pins+jwt"}), "manifest-algorithm"),
        (json!({"alg": "HS256", "typ": "pins+jwt"}), "manifest-algorithm"),
        (json!({"alg": "ES256", "typ": "pins+jwt"}), "manifest-signature"),
        (json!({"alg": "EdDSA"}), "manifest-type"),
        (json!({"alg": "EdDSA", "typ": "JWT"}), "manifest-type"),
        (json!({"alg": "EdDSA", "typ": "pins+jwt", "crit": ["exp"]}), "manifest-critical"),
        (json!([1]), "manifest-header"),
    ] {
        assert_eq!(code(accept(&ledger, &signer.sign(&header, &claims(1)))), expected, "{header}");
    }
}

#[test]
fn every_byte_of_a_manifest_counts() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    let token = signer.manifest(&claims(1));
    assert_eq!(code(accept(&ledger, &token)), "ok");
    for index in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        assert_ne!(code(accept(&ledger, &String::from_utf8(changed).unwrap())), "ok", "byte {index} changed");
        assert_ne!(code(accept(&ledger, &token[..index])), "ok", "cut at {index}");
    }
    for extended in [format!("{token}A"), format!("{token}="), format!("{token}."), format!("{token}.e30")] {
        assert_ne!(code(accept(&ledger, &extended)), "ok", "{extended}");
    }
    let other = signer.manifest(&claims(2));
    let swapped = format!("{}.{}", token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    assert_eq!(code(accept(&ledger, &swapped)), "manifest-signature");
    assert_eq!(code(accept(&ledger, &"A".repeat(1 << 20))), "manifest-too-large");
}

#[test]
fn claims_that_are_not_well_formed_are_refused_though_signed() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    for (others, expected) in [
        (json!({"iat": null}), "manifest-claims"),
        (json!({"exp": null}), "manifest-claims"),
        (json!({"version": null}), "manifest-claims"),
        (json!({"domains": null}), "manifest-domains"),
        (json!({"version": 0}), "manifest-claims"),
        (json!({"version": 1.5}), "manifest-claims"),
        (json!({"version": "1"}), "manifest-claims"),
        (json!({"version": 9_007_199_254_740_992_u64}), "manifest-claims"),
        (json!({"iat": -1}), "manifest-claims"),
        (json!({"exp": "tomorrow"}), "manifest-claims"),
        (json!({"exp": 1e300}), "manifest-claims"),
        (json!({"exp": NOW}), "manifest-claims"),
        (json!({"minAppVersion": "two"}), "manifest-claims"),
        (json!({"aud": []}), "manifest-claims"),
        (json!({"publicKeys": []}), "manifest-claims"),
        (json!({"publicKeys": ["x"]}), "manifest-claims"),
        (json!({"domains": {}}), "manifest-domains"),
        (json!({"domains": {"a.test": {"publicKeyHashes": []}}}), "manifest-domains"),
        (json!({"domains": {"https://a.test": {"publicKeyHashes": [A, B]}}}), "manifest-domains"),
        (json!({"domains": {"a.test": {"publicKeyHashes": [A, B], "pins": []}}}), "manifest-domains"),
        (json!({"somethingNew": true, "iss": "us", "sub": "them", "jti": "1"}), "ok"),
        (json!({"version": 9_007_199_254_740_991_u64}), "ok"),
        (json!({"iat": NOW as f64 + 0.5}), "ok"),
    ] {
        let token = signer.manifest(&claims_with(1, others.clone()));
        assert_eq!(code(accept(&ledger, &token)), expected, "{others}");
    }
    let twice = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(signer.header().to_string()),
        URL_SAFE_NO_PAD.encode(claims(1).to_string().replacen('{', "{\"version\":9,", 1))
    );
    let Signer::Ed25519(pair) = &signer else { panic!() };
    let token = format!("{twice}.{}", URL_SAFE_NO_PAD.encode(pair.sign(twice.as_bytes())));
    assert_eq!(code(accept(&ledger, &token)), "manifest-claims");
}

#[test]
fn nesting_and_bytes_that_are_no_text_are_refused_in_little_time() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    let Signer::Ed25519(pair) = &signer else { panic!() };
    for payload in ["[".repeat(100_000).into_bytes(), vec![0xff; 1000], b"{\"iat\":".repeat(20_000)] {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(signer.header().to_string()),
            URL_SAFE_NO_PAD.encode(&payload)
        );
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())));
        assert_eq!(code(accept(&ledger, &token)), "manifest-claims");
    }
}

#[test]
fn nothing_older_than_what_was_seen_is_taken() {
    let signer = Signer::ed25519(1);
    let token = signer.manifest(&claims(5));
    let ledger = accept(&Ledger::new(&[signer.key()]), &token).unwrap().unwrap();
    assert!(accept(&ledger, &token).unwrap().is_none(), "the newest again is no news");
    assert!(accept(&ledger, &format!("{token}\n")).unwrap().is_none());
    assert_eq!(code(accept(&ledger, &signer.manifest(&claims(4)))), "manifest-rollback");
    let same_version = signer.manifest(&claims_with(5, json!({"exp": NOW + 31 * DAY})));
    assert_eq!(code(accept(&ledger, &same_version)), "manifest-version-reused");
    assert_eq!(code(accept(&ledger, &signer.manifest(&claims(6)))), "ok");
    // Also after a start, and when the newest has long expired.
    let restored = restore(&[signer.key()], &ledger);
    assert_eq!(
        code(restored.accept(&signer.manifest(&claims(4)), &Ring, &at(NOW + 20 * DAY))),
        "manifest-rollback"
    );
    assert_eq!(restored.newest().unwrap().version(), 5);
}

fn restore(keys: &[VerificationKey], ledger: &Ledger) -> Ledger {
    let tokens: Vec<String> = ledger.tokens().into_iter().map(str::to_owned).collect();
    Ledger::restore(keys, &tokens, &Ring)
}

#[test]
fn a_second_signature_of_the_same_claims_is_no_news() {
    let signer = Signer::p256();
    let (one, two) = (signer.manifest(&claims(5)), signer.manifest(&claims(5)));
    assert_ne!(one, two, "ECDSA is not deterministic");
    let ledger = accept(&Ledger::new(&[signer.key()]), &one).unwrap().unwrap();
    assert!(accept(&ledger, &two).unwrap().is_none());
}

#[test]
fn time_is_looked_at_with_ten_minutes_of_tolerance_and_a_clock_set_back_takes_no_pin_off() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    let token = signer.manifest(&claims(1));
    for (now, expected) in [
        (NOW - 601, "manifest-from-future"),
        (NOW - 600, "ok"),
        (NOW + 30 * DAY - 1, "ok"),
        (NOW + 30 * DAY, "manifest-expired"),
        (0, "manifest-from-future"),
    ] {
        assert_eq!(code(ledger.accept(&token, &Ring, &at(now))), expected, "at {now}");
    }
    let not_before = signer.manifest(&claims_with(1, json!({"nbf": NOW + 700})));
    assert_eq!(code(ledger.accept(&not_before, &Ring, &at(NOW))), "manifest-from-future");
    assert_eq!(code(ledger.accept(&not_before, &Ring, &at(NOW + 100))), "ok");
    let manifest = Manifest::verify(&token, &[signer.key()], &Ring).unwrap();
    assert!(!manifest.is_expired(0) && manifest.is_expired((NOW + 30 * DAY) * 1000));
}

#[test]
fn a_manifest_is_for_the_apps_it_names() {
    let signer = Signer::ed25519(1);
    let ledger = Ledger::new(&[signer.key()]);
    for (others, audience, app_version, expected) in [
        (json!({}), None, None, "ok"),
        (json!({"aud": "shop"}), Some("shop"), None, "ok"),
        (json!({"aud": ["bank", "shop"]}), Some("shop"), None, "ok"),
        (json!({"aud": "bank"}), Some("shop"), None, "manifest-audience"),
        (json!({"aud": "bank"}), None, None, "manifest-audience"),
        (json!({}), Some("shop"), None, "manifest-audience"),
        (json!({"minAppVersion": "2.10"}), None, Some("2.10.0"), "ok"),
        (json!({"minAppVersion": "2.10"}), None, Some("2.9"), "app-too-old"),
        (json!({"minAppVersion": "2.10"}), None, None, "app-too-old"),
    ] {
        let token = signer.manifest(&claims_with(1, others.clone()));
        let recipient = Recipient { audience, app_version, now_ms: NOW * 1000 };
        assert_eq!(
            code(ledger.accept(&token, &Ring, &recipient)),
            expected,
            "{others} {audience:?} {app_version:?}"
        );
    }
}

#[test]
fn keys_can_be_replaced_and_a_stolen_one_is_worth_nothing_afterwards() {
    let (first, backup, next) = (Signer::ed25519(1), Signer::ed25519(2), Signer::p256());
    let shipped = [first.key(), backup.key()];
    let ledger = accept(&Ledger::new(&shipped), &first.manifest(&claims(1))).unwrap().unwrap();
    let change =
        claims_with(2, json!({"publicKeys": [serde_json::from_str::<Value>(&next.key().jwk()).unwrap()]}));
    let ledger = accept(&ledger, &backup.manifest(&change)).unwrap().unwrap();
    assert_eq!(code(accept(&ledger, &first.manifest(&claims(3)))), "manifest-signature");
    assert_eq!(code(accept(&ledger, &backup.manifest(&claims(3)))), "manifest-signature");
    let ledger = accept(&ledger, &next.manifest(&claims(3))).unwrap().unwrap();
    assert_eq!(
        ledger.tokens().len(),
        2,
        "the change and the newest; what came before the change is not needed"
    );

    // All of it follows from the shipped keys again, whatever else is stored.
    let restored = restore(&shipped, &ledger);
    assert_eq!((restored.newest().unwrap().version(), restored.keys()), (3, [next.key()].as_slice()));
    assert_eq!(code(accept(&restored, &first.manifest(&claims(4)))), "manifest-signature");
    // An app that ships with the next key does not need the change.
    assert_eq!(restore(&[next.key()], &ledger).newest().unwrap().version(), 3);
    // One that trusts none of them starts anew, whatever version the thief had reached.
    let cured = restore(&[Signer::ed25519(9).key()], &ledger);
    assert!(cured.newest().is_none() && cured.tokens().is_empty());
    assert_eq!(code(accept(&cured, &Signer::ed25519(9).manifest(&claims(1)))), "ok");
}

#[test]
fn what_is_stored_in_another_order_or_damaged_does_not_follow() {
    let (one, two) = (Signer::ed25519(1), Signer::ed25519(2));
    let change =
        claims_with(1, json!({"publicKeys": [serde_json::from_str::<Value>(&two.key().jwk()).unwrap()]}));
    let tokens = [one.manifest(&change), two.manifest(&claims(2))];
    let newest = |tokens: &[String]| {
        Ledger::restore(&[one.key()], tokens, &Ring).newest().map(|manifest| manifest.version())
    };
    assert_eq!(newest(&tokens), Some(2));
    assert_eq!(newest(&[tokens[1].clone(), tokens[0].clone()]), Some(1));
    assert_eq!(newest(&[tokens[0].clone(), "damaged".to_owned()]), None);
    assert_eq!(newest(&["damaged".to_owned(), tokens[0].clone(), tokens[1].clone()]), Some(2));
    assert_eq!(newest(&[]), None);
}

#[test]
fn keys_cannot_be_replaced_for_ever() {
    let signer = Signer::ed25519(1);
    let same: Value = serde_json::from_str(&signer.key().jwk()).unwrap();
    let mut ledger = Ledger::new(&[signer.key()]);
    let mut version = 1;
    let refused = loop {
        match accept(&ledger, &signer.manifest(&claims_with(version, json!({"publicKeys": [same]})))) {
            Ok(next) => ledger = next.unwrap(),
            Err(refused) => break refused,
        }
        assert_eq!(restore(&[signer.key()], &ledger).newest().unwrap().version(), version);
        version += 1;
    };
    assert_eq!((refused.code, version), ("manifest-key-changes", 18));
}

/// An engine of this configuration that has the domains of a manifest over it.
fn engine(own: Value, domains: Value) -> (Engine, Result<(), Refused>) {
    let engine = Engine::new();
    engine.initialize(&own.to_string(), 0).unwrap();
    let signer = Signer::ed25519(1);
    let token = signer.manifest(&claims_with(1, json!({"domains": domains})));
    let manifest = Manifest::verify(&token, &[signer.key()], &Ring).unwrap();
    let applied = engine.apply_update(Arc::new(manifest), |_| true, NOW * 1000);
    (engine, applied)
}

fn outcome(engine: &Engine, host: &str, seconds: i64) -> Outcome {
    let no_chain: [&[u8]; 0] = [];
    engine.outcome(Some(host), &no_chain, seconds * 1000)
}

#[test]
fn a_manifest_replaces_pins_and_adds_domains_until_it_expires() {
    let own = json!({"a.test": {"publicKeyHashes": [A, A]}});
    let (engine, applied) =
        engine(own, json!({"a.test": {"publicKeyHashes": [B, B]}, "b.test": {"publicKeyHashes": [B]}}));
    applied.unwrap();
    let sources = |seconds: i64| -> Value {
        let status = serde_json::to_value(engine.status(seconds * 1000)).unwrap();
        let domains = status["domains"].as_array().unwrap();
        domains.iter().map(|domain| json!([domain["domain"], domain["source"], domain["pins"][0]])).collect()
    };
    assert_eq!(sources(NOW), json!([["a.test", "update", B], ["b.test", "update", B]]));
    assert_eq!(outcome(&engine, "b.test", NOW), Outcome::Blocked);
    let later = NOW + 30 * DAY;
    assert_eq!(sources(later), json!([["a.test", "code", A]]));
    assert_eq!(outcome(&engine, "a.test", later), Outcome::Blocked);
    assert_eq!(outcome(&engine, "b.test", later), Outcome::Allowed);
    assert!(engine.pins().update(later * 1000).is_none());
}

#[test]
fn no_manifest_unpins_what_the_app_pins() {
    let own = json!({"a.test": {"publicKeyHashes": [A], "includeSubdomains": true},
                     "r.test": {"publicKeyHashes": [A], "reportOnly": true}});
    // Report-only is refused as a whole, on the domain and below it.
    for domain in ["a.test", "b.a.test"] {
        let (_, applied) = engine(own.clone(), json!({domain: {"publicKeyHashes": [B], "reportOnly": true}}));
        assert_eq!(applied.unwrap_err().code, "manifest-unpins", "{domain}");
    }
    for domain in ["r.test", "new.test"] {
        let (engine, applied) =
            engine(own.clone(), json!({domain: {"publicKeyHashes": [B], "reportOnly": true}}));
        applied.unwrap();
        assert_eq!(outcome(&engine, domain, NOW), Outcome::ReportOnly, "{domain}");
    }
    // What is narrower, or ends, lets the app's own pins show through.
    for weaker in [
        json!({"a.test": {"publicKeyHashes": [B]}}),
        json!({"a.test": {"publicKeyHashes": [B], "expirationDate": "2020-01-01", "includeSubdomains": true}}),
        json!({"a.test": {"publicKeyHashes": [B], "includeSubdomains": true, "excludedSubdomains": ["b.a.test"]}}),
        json!({"b.a.test": {"publicKeyHashes": [B], "expirationDate": "2020-01-01"}}),
        json!({"b.a.test": {"publicKeyHashes": [B], "includeSubdomains": true, "excludedSubdomains": ["c.b.a.test"]}}),
    ] {
        let (engine, applied) = engine(own.clone(), weaker.clone());
        applied.unwrap();
        for host in ["a.test", "b.a.test", "c.b.a.test", "x.a.test"] {
            assert_eq!(outcome(&engine, host, NOW), Outcome::Blocked, "{host} with {weaker}");
        }
    }
    // One that was report-only may become enforced.
    let (engine, applied) = engine(own, json!({"r.test": {"publicKeyHashes": [B]}}));
    applied.unwrap();
    assert_eq!(outcome(&engine, "r.test", NOW), Outcome::Blocked);
}

#[test]
fn a_report_only_domain_of_the_app_lends_no_manifest_what_the_app_enforces_around_it() {
    let enforced = json!({"publicKeyHashes": [A], "includeSubdomains": true});
    let own = |r: Value| json!({"a.test": enforced, "r.a.test": r});
    let wide = json!({"publicKeyHashes": [B], "reportOnly": true, "includeSubdomains": true});
    let narrow = json!({"publicKeyHashes": [B], "reportOnly": true});
    let until = |date: &str| json!({"publicKeyHashes": [A], "reportOnly": true, "expirationDate": date});
    let hole = json!({"publicKeyHashes": [A], "reportOnly": true, "includeSubdomains": true,
                      "excludedSubdomains": ["x.r.a.test"]});
    let same_hole = json!({"publicKeyHashes": [B], "reportOnly": true, "includeSubdomains": true,
                           "excludedSubdomains": ["x.r.a.test"]});
    for (its_own, manifest) in [
        (narrow.clone(), &wide),        // the app enforces below r.a.test
        (until("2020-01-01"), &narrow), // the app enforces r.a.test by now
        (until("2026-01-15"), &narrow), // or will before the manifest lets go of it
        (hole.clone(), &wide),          // the app enforces x.r.a.test
    ] {
        let (engine, applied) = engine(own(its_own.clone()), json!({"r.a.test": manifest}));
        assert_eq!(applied.map_err(|refused| refused.code), Err("manifest-unpins"), "{its_own} {manifest}");
        assert_eq!(outcome(&engine, "x.r.a.test", NOW), Outcome::Blocked);
    }
    for (its_own, manifest) in [
        (narrow.clone(), &narrow),
        (wide.clone(), &wide),
        (wide.clone(), &narrow),
        (hole, &same_hole),
        (until("2030-01-01"), &narrow), // the manifest ends before
    ] {
        let (engine, applied) = engine(own(its_own.clone()), json!({"r.a.test": manifest}));
        applied.unwrap();
        assert_eq!(outcome(&engine, "r.a.test", NOW), Outcome::ReportOnly, "{its_own} {manifest}");
    }
}

#[test]
fn a_new_configuration_takes_what_is_stored_in_the_same_moment_or_says_why_not() {
    let signer = Signer::ed25519(1);
    let token = signer.manifest(&claims_with(
        3,
        json!({"domains": {"a.test": {"publicKeyHashes": [B], "reportOnly": true}}}),
    ));
    let manifest = Arc::new(Manifest::verify(&token, &[signer.key()], &Ring).unwrap());
    for (report_only, expected) in [(true, Some(3)), (false, None)] {
        let engine = Engine::new();
        let own = json!({"a.test": {"publicKeyHashes": [A], "reportOnly": report_only}}).to_string();
        engine.initialize_from(&own, Source::Embedded, NOW * 1000, |_| Some(manifest.clone())).unwrap();
        assert_eq!(engine.pins().update(NOW * 1000).map(|manifest| manifest.version()), expected);
        let reasons: Vec<_> =
            engine.status(NOW * 1000).recent_events.iter().map(|event| event.reason).collect();
        assert_eq!(reasons.contains(&"manifest-unpins"), !report_only);
        assert_eq!(engine.generation(), 1);
    }
}

#[test]
fn who_signs_is_told_of_every_mistake() {
    let now = NOW * 1000;
    let problems = |claims: &Value| -> Vec<(String, &'static str)> {
        let found = check_claims(&claims.to_string(), now);
        found.into_iter().map(|problem| (problem.path, problem.code)).collect()
    };
    assert_eq!(problems(&claims(1)), []);
    let bad = json!({"iat": "now", "exp": NOW, "version": 0, "minAppVerison": "1", "domains": {"*.a.test": {"publicKeyHashes": []}}});
    let found = problems(&bad);
    for expected in [
        ("/iat", "wrong-claim"),
        ("/version", "wrong-claim"),
        ("/minAppVerison", "unknown-claim"),
        ("/domains/*.a.test/publicKeyHashes", "pins-empty"),
    ] {
        assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {found:?}");
    }
    for (exp, code) in [(NOW + 1, "manifest-short-lived"), (NOW + 91 * DAY, "manifest-long-lived")] {
        assert_eq!(problems(&claims_with(1, json!({"exp": exp}))), [("/exp".to_owned(), code)]);
    }
    let expired = claims_with(1, json!({"iat": NOW - DAY, "exp": NOW - 1}));
    assert_eq!(problems(&expired), [("/exp".to_owned(), "manifest-expired")]);
    let keys = |seeds: &[u8]| -> Value {
        seeds
            .iter()
            .map(|seed| serde_json::from_str::<Value>(&Signer::ed25519(*seed).key().jwk()).unwrap())
            .collect()
    };
    let alone = claims_with(1, json!({"publicKeys": keys(&[1])}));
    assert_eq!(problems(&alone), [("/publicKeys".to_owned(), "no-backup-signing-key")]);
    assert_eq!(problems(&claims_with(1, json!({"publicKeys": keys(&[1, 2])}))), []);
    assert_eq!(check_claims("[]", now)[0].code, "not-an-object");
    assert_eq!(check_claims("{", now)[0].code, "json-syntax");
}

#[test]
fn a_configuration_that_drops_updates_says_so() {
    let engine = Engine::new();
    let keys =
        [1, 2].map(|number| serde_json::from_str::<Value>(&Signer::ed25519(number).key().jwk()).unwrap());
    let with =
        json!({"domains": {}, "settings": {"updates": {"url": "https://a.test/", "publicKeys": keys}}})
            .to_string();
    let codes = |document: &str| -> Vec<&'static str> {
        let before = engine.status(0).recent_events.len();
        let warnings = engine.initialize(document, 0).unwrap().warnings;
        let status = engine.status(0);
        assert_eq!(status.warnings, warnings);
        let told: Vec<_> = status.recent_events.iter().skip(before).map(|event| event.reason).collect();
        assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), told);
        told
    };
    assert!(codes("{}").is_empty());
    assert!(codes(&with).is_empty() && codes(&with).is_empty());
    assert_eq!(codes("{}"), ["updates-dropped"]);
    assert!(codes("{}").is_empty());
}

#[test]
fn no_race_of_a_configuration_and_a_manifest_ends_with_the_older_pins() {
    let signer = Signer::ed25519(1);
    let manifest = |version: u64| {
        Arc::new(Manifest::verify(&signer.manifest(&claims(version)), &[signer.key()], &Ring).unwrap())
    };
    let key: Value = serde_json::from_str(&signer.key().jwk()).unwrap();
    let own = |url: &str| {
        json!({"domains": {}, "settings": {"updates": {"url": url, "publicKeys": [key]}}}).to_string()
    };
    let version = |engine: &Engine| engine.pins().update(NOW * 1000).map(|manifest| manifest.version());
    let engine = Engine::new();
    engine.initialize(&own("https://a.test/"), 0).unwrap();
    // Applied while the same configuration is on its way, which has found an older one in the store.
    let restore = |_: &crate::options::Settings| {
        engine.apply_update(manifest(5), |_| true, 0).unwrap();
        Some(manifest(4))
    };
    engine.initialize_from(&own("https://a.test/"), Source::Code, 0, restore).unwrap();
    assert_eq!(version(&engine), Some(5));
    engine.apply_update(manifest(3), |_| true, 0).unwrap();
    assert_eq!(version(&engine), Some(5));
    // Of other settings only what was proven by them counts.
    engine.initialize_from(&own("https://b.test/"), Source::Code, 0, |_| Some(manifest(2))).unwrap();
    assert_eq!(version(&engine), Some(2));
    engine.initialize("{}", 0).unwrap();
    assert_eq!(version(&engine), None);
}
