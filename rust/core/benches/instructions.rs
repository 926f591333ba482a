//! Single operations, to be counted by callgrind: instructions are the same in each run, whatever else the machine does.
//!
//! Without arguments it lists its operations, a line each: how often one is to be repeated, a tab, its name. With a name
//! and a number it does that operation that many times. `npm run bench -- --instructions` takes the difference between two
//! numbers, so that neither the start of the process nor what is prepared counts.

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use spki_pinning_core::{
    Engine, host,
    manifest::{Manifest, SignatureVerifier},
    spki,
    verification_key::VerificationKey,
};
use std::hint::black_box;

const NOW: i64 = 1_767_225_600_000;
const HOST: &str = "api.example.com";
const PLACES: [&str; 3] = ["leaf", "intermediate", "root"];
const PINS: &str =
    r#"["r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=","YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg="]"#;

/// Its name, how often it is to be repeated, and what does it once after some preparation.
struct Operation {
    name: String,
    repetitions: u32,
    prepare: Box<dyn Fn() -> Box<dyn FnMut()>>,
}

fn main() {
    // `cargo bench` adds an option of its own.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let operations = operations();
    let [name, times] = arguments.as_slice() else {
        for Operation { name, repetitions, .. } in operations {
            println!("{repetitions}\t{name}");
        }
        return;
    };
    let operation = operations.iter().find(|operation| operation.name == *name).expect("one that is listed");
    let mut run = (operation.prepare)();
    for _ in 0..times.parse::<u32>().expect("a number") {
        run();
    }
}

fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    let mut add = |name: String, repetitions, prepare: Box<dyn Fn() -> Box<dyn FnMut()>>| {
        all.push(Operation { name, repetitions, prepare });
    };
    for (index, place) in PLACES.into_iter().enumerate() {
        add(format!("bare SHA-256, {place}"), 1000, Box::new(move || hash(index + 1)));
        add(format!("check, {place}"), 1000, Box::new(move || check(HOST, index, 1)));
    }
    add("check, host not pinned".to_owned(), 1000, Box::new(|| check("www.example.org", 0, 1)));
    add("check, intermediate, 10,000 domains".to_owned(), 1000, Box::new(|| check(HOST, 1, 10_000)));
    for (name, times, domains) in [("1", 1000, 1), ("100", 10, 100), ("10,000", 1, 10_000)] {
        add(format!("configure {name} domains"), times, Box::new(move || configure(domains)));
    }
    add("certificate to SPKI".to_owned(), 1000, Box::new(to_spki));
    for host in [HOST, "API.Example.COM.", "bücher.example"] {
        add(format!("host {host}"), 1000, Box::new(move || fold(host)));
    }
    add("manifest, its signature taken for good".to_owned(), 100, Box::new(|| verify(false)));
    add("manifest, its Ed25519 verified".to_owned(), 100, Box::new(|| verify(true)));
    all
}

/// Three P-256 certificates, always the same ones.
fn chain() -> Vec<Vec<u8>> {
    let file: Value = serde_json::from_str(include_str!("../../../tests/vectors/certificates.json"))
        .expect("the certificates of the vectors");
    let der = |id: &str| file["certificates"][id]["der"].as_str().map(|text| STANDARD.decode(text));
    PLACES.map(|id| der(id).expect("a certificate").expect("base64")).to_vec()
}

/// The first of the chain's keys, hashed and nothing else.
fn hash(count: usize) -> Box<dyn FnMut()> {
    let keys: Vec<_> =
        chain().iter().take(count).map(|der| spki::certificate_spki(der).expect("a key").to_vec()).collect();
    Box::new(move || {
        for key in &keys {
            black_box(Sha256::digest(black_box(key)));
        }
    })
}

fn check(host: &'static str, pinned: usize, domains: usize) -> Box<dyn FnMut()> {
    let chain = chain();
    let engine = Engine::new();
    let pin = spki::pin_of_certificate(&chain[pinned]).expect("a certificate");
    let mut entries = vec![format!(r#""{HOST}":{{"publicKeyHashes":["{pin}",{}"#, &PINS[1..]) + "}"];
    entries.extend((1..domains).map(|n| format!(r#""h{n}.io":{{"publicKeyHashes":{PINS}}}"#)));
    engine.initialize(&format!("{{{}}}", entries.join(",")), NOW).expect("a valid configuration");
    Box::new(move || {
        black_box(engine.check(black_box(Some(host)), black_box(&chain), "bench", black_box(NOW)));
    })
}

fn domains(count: usize) -> String {
    let entry = |n| format!(r#""host{n}.example.com":{{"includeSubdomains":true,"publicKeyHashes":{PINS}}}"#);
    format!("{{{}}}", (0..count).map(entry).collect::<Vec<_>>().join(","))
}

fn configure(count: usize) -> Box<dyn FnMut()> {
    let document = domains(count);
    let engine = Engine::new();
    Box::new(move || {
        black_box(engine.initialize(black_box(&document), NOW).expect("a valid configuration"));
    })
}

fn to_spki() -> Box<dyn FnMut()> {
    let certificate = chain().swap_remove(0);
    Box::new(move || {
        black_box(spki::certificate_spki(black_box(&certificate)).expect("a key"));
    })
}

fn fold(host: &'static str) -> Box<dyn FnMut()> {
    Box::new(move || {
        black_box(host::folded(black_box(host)));
    })
}

/// A manifest of ten domains.
fn verify(truly: bool) -> Box<dyn FnMut()> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("a seed");
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let claims = format!(r#"{{"iat":1767225600,"exp":1769817600,"version":1,"domains":{}}}"#, domains(10));
    let signed = format!("{}.{}", encode(br#"{"alg":"EdDSA","typ":"pins+jwt"}"#), encode(claims.as_bytes()));
    let token = format!("{signed}.{}", encode(pair.sign(signed.as_bytes()).as_ref()));
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, encode(pair.public_key().as_ref()));
    let keys = [VerificationKey::parse(&jwk).expect("a key")];
    let verifier: &dyn SignatureVerifier = if truly { &Ring } else { &Credulous };
    Box::new(move || {
        black_box(Manifest::verify(black_box(&token), &keys, verifier).expect("a good manifest"));
    })
}

/// As rust/net has it.
struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok()
    }
}

/// Leaves what is the core's own.
struct Credulous;

impl SignatureVerifier for Credulous {
    fn is_valid(&self, _: &VerificationKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
