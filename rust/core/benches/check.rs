//! One check: match at leaf, intermediate, root, against the bare SHA-256 of the same bytes, from 1 to 100,000 domains.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};
use spki_pinning_core::{Engine, spki};
use std::hint::black_box;

const NOW: i64 = 1_767_225_600_000;
const PLACES: [&str; 3] = ["leaf", "intermediate", "root"];

fn chain() -> Vec<Vec<u8>> {
    let make = |name: &str| {
        let key = KeyPair::generate().expect("ring makes P-256 keys");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a DNS name");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    };
    ["api.example.com", "intermediate.test", "root.test"].map(make).to_vec()
}

/// `count` domains, of which `api.example.com` has the pin of `pinned` and a backup.
fn engine(count: usize, pinned: &[u8]) -> Engine {
    let pin = spki::pin_of_certificate(pinned).expect("a certificate");
    let backup = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";
    let entry = |domain: &str| format!(r#""{domain}":{{"publicKeyHashes":["{pin}","{backup}"]}}"#);
    let mut entries = vec![entry("api.example.com")];
    entries.extend((1..count).map(|n| format!(r#""h{n}.io":{{"publicKeyHashes":["{backup}"]}}"#)));
    let document = format!("{{{}}}", entries.join(","));
    let engine = Engine::new();
    engine.initialize(&document, NOW).expect("a valid configuration");
    engine
}

fn checks(criterion: &mut Criterion) {
    let chain = chain();
    let engines: Vec<_> =
        PLACES.iter().zip(&chain).map(|(place, pinned)| (*place, engine(1, pinned))).collect();
    let mut group = criterion.benchmark_group("check, chain of three");
    for (index, (place, engine)) in engines.iter().enumerate() {
        group.bench_function(BenchmarkId::new("match at", place), |bencher| {
            bencher.iter(|| judge(engine, black_box("api.example.com"), black_box(&chain)));
        });
        let keys: Vec<_> =
            chain[..=index].iter().map(|der| spki::certificate_spki(der).expect("a key")).collect();
        group.bench_function(BenchmarkId::new("bare SHA-256 of the same keys", place), |bencher| {
            bencher.iter(|| keys.iter().map(|key| Sha256::digest(black_box(key))[0]).fold(0, |a, b| a ^ b));
        });
    }
    group.bench_function("host not pinned", |bencher| {
        bencher.iter(|| judge(&engines[0].1, black_box("www.example.org"), black_box(&chain)));
    });
    group.finish();

    let mut group = criterion.benchmark_group("check by number of domains, match at intermediate");
    for count in [1, 10, 100, 1_000, 10_000, 100_000] {
        let engine = engine(count, &chain[1]);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| judge(&engine, black_box("api.example.com"), black_box(&chain)));
        });
    }
    group.finish();
}

fn judge(engine: &Engine, host: &str, chain: &[Vec<u8>]) -> bool {
    engine.check(Some(host), chain, "bench", NOW).is_blocked()
}

criterion_group!(benches, checks);
criterion_main!(benches);
