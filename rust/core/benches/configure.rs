//! Parsing, validating and compiling a configuration.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spki_pinning_core::Engine;
use std::hint::black_box;

fn document(domains: usize) -> String {
    let pins =
        r#"["r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=","YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg="]"#;
    let entries: Vec<_> = (0..domains)
        .map(|n| format!(r#""host{n}.example.com":{{"includeSubdomains":true,"publicKeyHashes":{pins}}}"#))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn initialize(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("initialize");
    group.sample_size(20);
    for count in [1, 100, 10_000] {
        let document = document(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let engine = Engine::new();
            bencher.iter(|| {
                engine.initialize(black_box(&document), 0).expect("a valid configuration").generation
            });
        });
    }
    group.finish();
}

criterion_group!(benches, initialize);
criterion_main!(benches);
