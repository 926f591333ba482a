//! What pinning adds to one HTTPS request on loopback: no pins, pins for other hosts, pins for this host, side by side, on
//! a new connection each time (a full TLS 1.3 handshake) and on a pooled one.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use spki_pinning_core::Engine;
use spki_pinning_net::{client::PinnedClient, validate::Roots};
use spki_pinning_testbed::{Host, Testbed};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A pin that nobody has.
const BACKUP: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

/// One way to configure the engine: its name and its document.
fn configurations(host: &Host) -> [(&'static str, String); 3] {
    let pinned =
        |domain: &str| format!(r#"{{"{domain}": {{"publicKeyHashes": ["{}", "{BACKUP}"]}}}}"#, host.pins[1]);
    [
        ("without pins", "{}".to_owned()),
        ("host not pinned", pinned("elsewhere.test")),
        ("host pinned at its intermediate", pinned(&host.name)),
    ]
}

fn client(testbed: &Testbed, host: &Host, document: &str) -> PinnedClient {
    let engine = Arc::new(Engine::new());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
    engine.initialize(document, i64::try_from(now).expect("before the end of time")).expect("valid pins");
    let roots = Roots::Given(testbed.ca_pem().expect("the testbed's root"));
    let builder = PinnedClient::builder(engine, roots).resolve(&host.name, host.address);
    builder.build().expect("a client")
}

/// One request, its response read to the end; whether it came over a resumed TLS session, and over which connection.
fn request(client: &PinnedClient, url: &str) -> (bool, String) {
    let mut response = client.get(url).expect("an answer");
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (resumed, connection) =
        (header("x-testbed-handshake") == "resumed", header("x-testbed-connection").to_owned());
    response.body_mut().read_to_vec().expect("a whole body");
    (resumed, connection)
}

fn requests(criterion: &mut Criterion) {
    let testbed = Testbed::start().expect("a testbed");
    let host = testbed.host("http1").expect("a host");
    let url = host.url("/");

    let mut group = criterion.benchmark_group("request, new connection, full handshake");
    for (name, document) in configurations(&host) {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            // A client of its own for each request: it has neither a connection nor a session to reuse.
            bencher.iter_batched(
                || client(&testbed, &host, &document),
                |client| {
                    assert!(!request(&client, &url).0, "a full handshake");
                    client // dropped outside of what is measured
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("request, pooled connection");
    for (name, document) in configurations(&host) {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let client = client(&testbed, &host, &document);
            let first = request(&client, &url).1;
            bencher.iter(|| assert_eq!(request(&client, &url).1, first, "the same connection"));
        });
    }
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
