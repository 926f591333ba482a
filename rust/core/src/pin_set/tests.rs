use super::{PinSet, Source};
use crate::{
    manifest::{Manifest, SignatureVerifier},
    options,
    verdict::{Outcome, judge},
    verification_key::VerificationKey,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;

/// Of a day in 2026, in seconds.
pub(crate) const NOW: i64 = 1_767_225_600;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const A: &str = "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
const B: &str = "++MBgDH5WGvL9Bcn5Be30cRcL0f5O+NyoXuWtQdX1aI=";

struct Anybody;

impl SignatureVerifier for Anybody {
    fn is_valid(&self, _: &VerificationKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

pub(crate) fn manifest(domains: &Value) -> Arc<Manifest> {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({"alg": "EdDSA", "typ": "pins+jwt"}));
    let claims = json!({"iat": NOW, "exp": NOW + 30 * DAY, "version": 1, "domains": domains});
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32])}).to_string();
    let key = VerificationKey::parse(&key).unwrap();
    Arc::new(Manifest::verify(&format!("{header}.{}.AA", encode(&claims)), &[key], &Anybody).unwrap())
}

pub(crate) fn own(domains: &Value) -> PinSet {
    PinSet::compile(options::parse(&domains.to_string(), 0).unwrap(), Source::Code, 1)
}

/// All that may be said of a domain, and that nothing is.
fn entries(pin: &str, holes: &[Value]) -> Vec<Option<Value>> {
    let mut entries = vec![None];
    for report_only in [false, true] {
        for expiration in [None, Some("2026-01-15")] {
            let mut entry = json!({"publicKeyHashes": [pin], "reportOnly": report_only});
            if let Some(date) = expiration {
                entry["expirationDate"] = date.into();
            }
            entries.push(Some(entry.clone()));
            entry["includeSubdomains"] = true.into();
            entries.push(Some(entry.clone()));
            for hole in holes {
                entry["excludedSubdomains"] = json!([hole]);
                entries.push(Some(entry.clone()));
            }
        }
    }
    entries
}

/// Each configuration of two domains, one below the other.
pub(crate) fn configurations(pin: &str) -> Vec<Value> {
    let wide = entries(pin, &[json!("b.a.test"), json!("c.b.a.test")]);
    let narrow = entries(pin, &[json!("c.b.a.test")]);
    let mut all = Vec::new();
    for a in &wide {
        for b in &narrow {
            let mut domains = json!({});
            for (name, entry) in [("a.test", a), ("b.a.test", b)] {
                if let Some(entry) = entry {
                    domains[name] = entry.clone();
                }
            }
            all.push(domains);
        }
    }
    all
}

/// Whom the one blocks and the other does not, and at which of the times, in seconds.
pub(crate) fn weakened(one: &PinSet, other: &PinSet, times: &[i64]) -> Option<(&'static str, i64)> {
    let no_chain: [&[u8]; 0] = [];
    let hosts = ["a.test", "x.a.test", "b.a.test", "x.b.a.test", "c.b.a.test", "x.c.b.a.test"];
    let blocks =
        |pins: &PinSet, host, now| judge(pins, Some(host), &no_chain, now * 1000).outcome == Outcome::Blocked;
    hosts
        .into_iter()
        .flat_map(|host| times.iter().map(move |now| (host, *now)))
        .find(|(host, now)| blocks(one, host, *now) && !blocks(other, host, *now))
}

#[test]
#[cfg_attr(miri, ignore = "millions of judgements")]
fn exactly_the_manifests_that_would_let_through_what_the_app_blocks_are_refused() {
    let manifests: Vec<_> = configurations(B)
        .into_iter()
        .filter(|domains| domains.as_object().is_some_and(|some| !some.is_empty()))
        .map(|domains| (manifest(&domains), domains))
        .collect();
    // A clock that is behind, the time of signing, after the pins of some entries, after the manifest.
    let times = [0, NOW, NOW + 20 * DAY, NOW + 40 * DAY];
    let (mut refused, mut taken) = (0, 0);
    for configuration in configurations(A) {
        let own = own(&configuration);
        for (manifest, domains) in &manifests {
            let weakened = weakened(&own, &own.updated(Some(manifest.clone()), 2), &times);
            let is_refused = own.unpinned_by(manifest).is_some();
            assert_eq!(is_refused, weakened.is_some(), "{configuration} under {domains}: {weakened:?}");
            *(if is_refused { &mut refused } else { &mut taken }) += 1;
        }
    }
    assert!(refused > 1000 && taken > 1000, "{refused} {taken}");
}
