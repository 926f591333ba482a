//! Which pins govern a host, against a model that reads the contract (docs, "Matching") naively: names are lists of labels,
//! an entry is looked for by going through all of them. Names are generated as such lists and only then spelled, so the
//! model needs no normalisation; that a spelling means what it should is what the crate `url` says of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use proptest::{prelude::*, sample::select};
use rcgen::{CertificateParams, KeyPair};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};
use spki_pinning_core::{
    Engine, Outcome, Pin,
    manifest::{Manifest, SignatureVerifier},
    spki::pin_of_certificate,
    verification_key::VerificationKey,
};
use std::sync::{Arc, LazyLock};

/// Labels in their normal form, the host first: what there is to a name, `["192.0.2.1"]` for an address.
type Name = Vec<&'static str>;

const LABELS: [&str; 10] =
    ["a", "b", "api", "xn--bcher-kva", "xn--strae-oqa", "x_y", "xn--n3h", "www", "9", "a-b"];
/// What names end in, and whether it is a public suffix: so is every single label.
const ENDS: [(&[&str], bool); 10] = [
    (&["test"], true),
    (&["com"], true),
    (&["a", "test"], false),
    (&["a", "com"], false),
    (&["co", "uk"], true),
    (&["a", "co", "uk"], false),
    (&["github", "io"], true),
    (&["a", "b", "ck"], false),
    (&["www", "ck"], false),
    (&["xn--p1ai"], true),
];
const ADDRESSES: [&str; 4] = ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1"];

/// Days and when they begin; the times at which hosts are judged are around them.
const DAYS: [(&str, i64); 3] =
    [("2025-12-31", 1_767_139_200_000), ("2026-01-01", 1_767_225_600_000), ("2026-01-02", 1_767_312_000_000)];

fn is_address(name: &Name) -> bool {
    name.len() == 1 && ADDRESSES.contains(&name[0])
}

fn is_public_suffix(name: &Name) -> bool {
    let listed = ENDS.iter().any(|(end, is_suffix)| *is_suffix && *end == name.as_slice());
    let wildcard = name.len() == 2 && name[1] == "ck" && name[0] != "www";
    name.len() == 1 || listed || wildcard
}

/// What is configured for a name, in the model and as it is spelled.
#[derive(Debug, Clone)]
struct Domain {
    name: Name,
    spelled: String,
    include: bool,
    report_only: bool,
    /// Indices into [`DAYS`].
    expires: Option<usize>,
    excluded: Vec<(Name, String)>,
    /// Indices into [`CERTIFICATES`].
    pins: Vec<usize>,
}

static CERTIFICATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let certificate = |_| {
        let params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    };
    (0..4).map(certificate).collect()
});

fn pin(index: usize) -> Pin {
    pin_of_certificate(&CERTIFICATES[index]).unwrap()
}

fn names() -> impl Strategy<Value = Name> {
    let below = prop::collection::vec(select(&LABELS[..]), 0..3);
    let name = (below, select(&ENDS[..]))
        .prop_map(|(below, (end, _))| below.into_iter().chain(end.iter().copied()).collect());
    prop_oneof![7 => name, 1 => select(&ADDRESSES[..]).prop_map(|address| vec![address])]
}

/// A name in one of the forms that it can have in a configuration.
fn spelled(name: Name) -> BoxedStrategy<String> {
    if is_address(&name) {
        return select(spellings_of_address(name[0])).prop_map(str::to_owned).boxed();
    }
    let labels: Vec<_> = name.iter().map(|label| spelled_label(label)).collect();
    let dots =
        prop::collection::vec(select(&[".", ".", ".", "\u{3002}", "\u{ff0e}", "\u{ff61}"][..]), name.len());
    (labels, dots, select(&["", "", "."][..]))
        .prop_map(|(labels, dots, end)| {
            let inner: String =
                labels.iter().zip(&dots).flat_map(|(label, dot)| [label.as_str(), dot]).collect();
            let last = dots.last().unwrap().len();
            format!("{}{end}", &inner[..inner.len() - last])
        })
        .boxed()
}

fn spelled_label(label: &'static str) -> BoxedStrategy<String> {
    let forms: &[&str] = match label {
        "xn--bcher-kva" => {
            &["bücher", "BÜCHER", "bu\u{308}cher", "xn--bcher-kva", "XN--Bcher-KVA", "ｂücher"]
        }
        "xn--strae-oqa" => &["straße", "STRAßE", "xn--strae-oqa"],
        "xn--n3h" => &["☃", "xn--n3h", "XN--N3H", "☃\u{ad}"],
        "xn--p1ai" => &["рф", "РФ", "xn--p1ai"],
        _ => {
            let unusual = |c: char| {
                let wide = if c.is_ascii_lowercase() { char::from_u32(u32::from(c) + 0xfee0) } else { None };
                vec![c, c, c, c.to_ascii_uppercase(), c.to_ascii_uppercase(), wide.unwrap_or(c)]
            };
            let characters: Vec<_> = label.chars().map(|c| select(unusual(c))).collect();
            return characters.prop_map(|characters| characters.into_iter().collect()).boxed();
        }
    };
    select(forms.to_vec()).prop_map(str::to_owned).boxed()
}

fn spellings_of_address(address: &str) -> Vec<&'static str> {
    match address {
        "192.0.2.1" => vec![
            "192.0.2.1",
            "0xc0.0.2.1",
            "3221225985",
            "0300.0.02.1",
            "192.0.513",
            "[::ffff:c000:201]",
            "１９２.0.2.1",
        ],
        "10.0.0.1" => vec!["10.0.0.1", "10.1", "0xA000001", "012.0.0.1", "::ffff:10.0.0.1"],
        "2001:db8::1" => vec!["2001:db8::1", "[2001:DB8::1]", "2001:0db8:0:0:0:0:0:1", "[2001:db8::0.0.0.1]"],
        _ => vec!["fe80::1", "[FE80::0:1]", "fe80:0:0:0::1"],
    }
}

/// A host of a connection: any spelling of a configuration, and what only careless callers make of it.
fn spelled_host(name: Name) -> impl Strategy<Value = String> {
    let is_v6 = name[0].contains(':');
    let is_address = is_address(&name);
    (spelled(name), 0..10).prop_map(move |(host, way)| match way {
        0 if !is_v6 && !host.contains(':') => format!("{host}."),
        1 if !is_v6 && !host.contains(':') => format!("{host}:443"),
        2 if is_v6 && !host.starts_with('[') => format!("[{host}]"),
        3 if is_v6 && !host.starts_with('[') => format!("{host}%en0"),
        4 if is_v6 && host.starts_with('[') => format!("{host}:8443"),
        5 if !is_address => format!("{host}\u{3002}"),
        6 => format!("\t{host} "),
        7 if !is_address => format!("..{host}.."),
        _ => host,
    })
}

fn domains() -> impl Strategy<Value = Vec<Domain>> {
    prop::collection::vec(names().prop_flat_map(domain), 0..7)
}

fn domain(name: Name) -> impl Strategy<Value = Domain> {
    let can_include = !is_address(&name) && !is_public_suffix(&name);
    let flags = (prop::bool::weighted(if can_include { 0.7 } else { 0.02 }), prop::bool::weighted(0.2));
    let expires = prop::option::weighted(0.4, 0..DAYS.len());
    let pins = prop::collection::vec(0..CERTIFICATES.len(), 1..3);
    let below = prop::collection::vec(prop::collection::vec(select(&LABELS[..]), 1..3), 0..3);
    let under = name.clone();
    (flags, expires, pins, below, spelled(name.clone())).prop_flat_map(move |parts| {
        let ((include, report_only), expires, pins, below, spelled_name) = parts;
        let excluded: Vec<Name> = if include && can_include {
            below
                .into_iter()
                .map(|labels| labels.into_iter().chain(under.iter().copied()).collect())
                .collect()
        } else {
            Vec::new()
        };
        let name = under.clone();
        let spellings: Vec<_> = excluded.iter().cloned().map(spelled).collect();
        spellings.prop_map(move |spellings| Domain {
            name: name.clone(),
            spelled: spelled_name.clone(),
            include,
            report_only,
            expires,
            excluded: excluded.iter().cloned().zip(spellings).collect(),
            pins: pins.clone(),
        })
    })
}

/// A host that is one of the names in question, or near one.
fn host_near(domains: &[Domain]) -> impl Strategy<Value = (Name, String)> + use<> {
    let excluded = domains.iter().flat_map(|domain| domain.excluded.iter().map(|(name, _)| name.clone()));
    let known: Vec<Name> = domains.iter().map(|domain| domain.name.clone()).chain(excluded).collect();
    let near = if known.is_empty() {
        names().boxed()
    } else {
        prop_oneof![9 => select(known), 1 => names()].boxed()
    };
    let changed = (near, 0..7, select(&LABELS[..]), select(&LABELS[..])).prop_map(|(name, way, one, two)| {
        let mut host = name.clone();
        if is_address(&name) {
            return host;
        }
        match way {
            0 => host.insert(0, one),
            1 => drop(host.splice(0..0, [one, two])),
            2 if host.len() > 1 => drop(host.remove(0)),
            3 => host[0] = one,
            4 => *host.last_mut().unwrap() = "org",
            5 => host.push("org"),
            _ => {}
        }
        host
    });
    // The URL standard takes a name that ends in a number for an address.
    let named =
        changed.prop_filter("a number at the end", |host| is_address(host) || *host.last().unwrap() != "9");
    named.prop_flat_map(|name| (Just(name.clone()), spelled_host(name)))
}

fn is_below(host: &Name, parent: &Name) -> bool {
    host.len() > parent.len() && host.ends_with(parent)
}

fn is_expired(domain: &Domain, now: i64) -> bool {
    domain.expires.is_some_and(|day| now >= DAYS[day].1)
}

/// Whether a configuration is one, by the contract.
fn is_valid(domains: &[Domain]) -> bool {
    let twice = |names: Vec<&Name>| (1..names.len()).any(|index| names[..index].contains(&names[index]));
    let may_include = |domain: &Domain| !is_address(&domain.name) && !is_public_suffix(&domain.name);
    !twice(domains.iter().map(|domain| &domain.name).collect())
        && domains.iter().all(|domain| !domain.include || may_include(domain))
        && domains.iter().all(|domain| !twice(domain.excluded.iter().map(|(name, _)| name).collect()))
}

/// What the contract says of a host: the entry that governs it, or why none does. Layers, the weightiest first.
fn governing<'a>(layers: &[&'a [Domain]], host: &Name, now: i64) -> Result<&'a Domain, &'static str> {
    let mut candidates: Vec<(usize, &Domain)> = Vec::new();
    for (layer, domains) in layers.iter().enumerate() {
        let fit = |domain: &&Domain| domain.name == *host || (domain.include && is_below(host, &domain.name));
        candidates.extend(domains.iter().filter(fit).map(|domain| (layer, domain)));
    }
    candidates.sort_by_key(|(layer, domain)| (std::cmp::Reverse(domain.name.len()), *layer));
    let excludes =
        |domain: &Domain| domain.excluded.iter().any(|(name, _)| name == host || is_below(host, name));
    let live = candidates.iter().find(|(_, domain)| !is_expired(domain, now) && !excludes(domain));
    match (live, candidates.first()) {
        (Some((_, domain)), _) => Ok(domain),
        (None, Some((_, domain))) if is_expired(domain, now) => Err("pin-expired"),
        (None, Some(_)) => Err("subdomain-excluded"),
        (None, None) => Err("not-pinned"),
    }
}

fn expected(
    layers: &[&[Domain]],
    host: &Name,
    chain: &[usize],
    now: i64,
) -> (Outcome, &'static str, Option<String>) {
    match governing(layers, host, now) {
        Err(reason) => (Outcome::Allowed, reason, None),
        Ok(domain) => {
            let name = Some(domain.name.join("."));
            match chain.iter().any(|index| domain.pins.contains(index)) {
                true => (Outcome::Allowed, "pin-matched", name),
                false if domain.report_only => (Outcome::ReportOnly, "no-pin-matched", name),
                false => (Outcome::Blocked, "no-pin-matched", name),
            }
        }
    }
}

/// As text, since an object of serde_json has no key twice.
fn document(domains: &[Domain]) -> String {
    let members = domains.iter().map(|domain| {
        let excluded: Vec<_> = domain.excluded.iter().map(|(_, spelled)| spelled).collect();
        let pins: Vec<_> = domain.pins.iter().map(|index| pin(*index).to_string()).collect();
        let mut options = json!({"publicKeyHashes": pins, "reportOnly": domain.report_only});
        if domain.include {
            options["includeSubdomains"] = Value::Bool(true);
            options["excludedSubdomains"] = json!(excluded);
        }
        if let Some(day) = domain.expires {
            options["expirationDate"] = Value::from(DAYS[day].0);
        }
        format!("{}:{options}", Value::from(domain.spelled.as_str()))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn judged(engine: &Engine, host: &str, chain: &[usize], now: i64) -> (Outcome, &'static str, Option<String>) {
    let certificates: Vec<_> = chain.iter().map(|index| &CERTIFICATES[*index]).collect();
    let verdict = engine.evaluate(Some(host), &certificates, now);
    let governs = !matches!(verdict.reason.as_str(), "pin-expired" | "subdomain-excluded" | "not-pinned");
    let entry = verdict.entry.filter(|_| governs).map(|entry| entry.to_string());
    (verdict.outcome, verdict.reason.as_str(), entry)
}

/// What is asked: a host, the certificates of its chain, and when.
type Question = ((Name, String), Vec<usize>, i64);

fn questions(domains: &[Domain]) -> impl Strategy<Value = Vec<Question>> + use<> {
    let chain = prop::collection::vec(0..CERTIFICATES.len(), 1..3);
    let now = (0..DAYS.len(), -1..=1_i64).prop_map(|(day, off)| DAYS[day].1 + off);
    prop::collection::vec((host_near(domains), chain, now), 24)
}

struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok()
    }
}

/// A signed manifest of these domains.
fn manifest(domains: &[Domain]) -> Option<Arc<Manifest>> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key())});
    let claims = format!(r#"{{"iat":1,"exp":9000000000,"version":1,"domains":{}}}"#, document(domains));
    let message =
        format!("{}.{}", BASE64.encode(r#"{"alg":"EdDSA","typ":"pins+jwt"}"#), BASE64.encode(claims));
    let token = format!("{message}.{}", BASE64.encode(pair.sign(message.as_bytes())));
    Manifest::verify(&token, &[VerificationKey::parse(&jwk.to_string()).unwrap()], &Ring).map(Arc::new).ok()
}

proptest! {
    #[test]
    fn the_pins_that_the_contract_names_govern_a_host(
        (domains, questions) in domains().prop_flat_map(|domains| {
            let questions = questions(&domains);
            (Just(domains), questions)
        }),
    ) {
        let engine = Engine::new();
        let outcome = engine.initialize(&document(&domains), DAYS[0].1);
        prop_assert_eq!(outcome.is_ok(), is_valid(&domains), "{:?}", outcome);
        let in_force: &[Domain] = if outcome.is_ok() { &domains } else { &[] };
        for ((name, host), chain, now) in &questions {
            let expected = expected(&[in_force], name, chain, *now);
            prop_assert_eq!(judged(&engine, host, chain, *now), expected, "{:?} at {} for {:?}", host, now, chain);
        }
    }

    #[test]
    fn the_pins_of_a_manifest_lie_over_those_of_the_app_and_take_none_away(
        (own, newer, questions) in (domains(), domains()).prop_flat_map(|(own, newer)| {
            let all: Vec<_> = own.iter().chain(&newer).cloned().collect();
            (Just(own), Just(newer), questions(&all))
        }),
    ) {
        prop_assume!(is_valid(&own));
        let engine = Engine::new();
        engine.initialize(&document(&own), DAYS[0].1).unwrap();
        let manifest = manifest(&newer);
        prop_assert_eq!(manifest.is_some(), is_valid(&newer) && !newer.is_empty());
        let would_unpin = newer.iter().any(|domain| {
            domain.report_only && governing(&[&own], &domain.name, i64::MIN).is_ok_and(|own| !own.report_only)
        });
        let applied = manifest.is_some_and(|manifest| engine.apply_update(manifest, |_| true, DAYS[0].1).is_ok());
        prop_assert_eq!(applied, is_valid(&newer) && !newer.is_empty() && !would_unpin);
        let newer: &[Domain] = if applied { &newer } else { &[] };
        for ((name, host), chain, now) in &questions {
            let judged = judged(&engine, host, chain, *now);
            let expected = expected(&[newer, &own], name, chain, *now);
            prop_assert_eq!(&judged, &expected, "{:?} at {} for {:?}", host, now, chain);
            if governing(&[&own], name, *now).is_ok() {
                prop_assert!(judged.2.is_some(), "{:?} is pinned by the app, and goes by no pin", host);
            }
        }
    }

    /// The generator's own promise: a spelling means the name that it is made of, says the URL standard.
    #[test]
    fn a_spelling_is_what_the_crate_url_reads_it_as((name, spelled) in names().prop_flat_map(|name| (Just(name.clone()), spelled(name)))) {
        let in_brackets = spelled.contains(':') && !spelled.starts_with('[');
        let host = if in_brackets { format!("[{spelled}]") } else { spelled.clone() };
        let url = url::Url::parse(&format!("https://{host}/")).unwrap();
        let read = match url.host().unwrap() {
            url::Host::Domain(read) => read.trim_end_matches('.').to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_canonical().to_string(),
        };
        prop_assert_eq!(&read, &name.join("."));
        prop_assert_eq!(spki_pinning_core::host::normalize(&spelled).map(|host| host.name), Ok(read));
    }
}

/// The model would be of no use if the generator never came near what it is about.
#[test]
fn the_generator_comes_near_every_answer() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = domains().prop_flat_map(|domains| {
        let questions = questions(&domains);
        (Just(domains), questions)
    });
    let mut counts = std::collections::BTreeMap::<_, u32>::new();
    for _ in 0..400 {
        let (domains, questions) = strategy.new_tree(&mut runner).unwrap().current();
        if !is_valid(&domains) {
            *counts.entry("invalid".to_owned()).or_default() += 1;
            continue;
        }
        for ((name, _), chain, now) in &questions {
            let (outcome, reason, entry) = expected(&[&domains], name, chain, *now);
            let by_parent = entry.is_some_and(|entry| entry != name.join("."));
            *counts.entry(format!("{outcome:?} {reason} {by_parent}")).or_default() += 1;
        }
    }
    println!("{counts:?}");
    for answer in [
        "invalid",
        "Allowed not-pinned false",
        "Allowed pin-expired false",
        "Allowed subdomain-excluded false",
        "Allowed pin-matched false",
        "Allowed pin-matched true",
        "Blocked no-pin-matched false",
        "Blocked no-pin-matched true",
        "ReportOnly no-pin-matched false",
        "ReportOnly no-pin-matched true",
    ] {
        assert!(counts.get(answer).is_some_and(|count| *count >= 20), "{answer}: {counts:?}");
    }
}
