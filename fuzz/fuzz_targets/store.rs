//! What stands in an app's folder: `updates.json`, then a line `--`, then `reports.json`. Whatever it is, the app starts, its own
//! pins are in force, nothing is believed that no key of the app has signed, and what is kept has bounds.
//!
//! In `tokens` of `updates.json`, an object `{"key": 1, "claims": {…}}` becomes a manifest signed by that key; the app has 1.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use spki_pinning_core::{Engine, Source, report::App};
use spki_pinning_fuzz::{
    NOW, OTHER_PIN, PIN, Signer,
    app::{FOLDER, NoTrust},
    is_blocked,
};
use spki_pinning_net::{
    background::{Background, Surroundings},
    validate::Roots,
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

const MAX_REPORTS: usize = 64;
const MAX_SEEN: usize = 256;
/// Nothing listens there: what would be fetched or delivered cannot be.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let domains = json!({"own.test": {"publicKeyHashes": [PIN, OTHER_PIN], "includeSubdomains": true}});
    let updates = json!({"url": "https://localhost:1/pins.jwt", "publicKeys": [Signer::new(1).jwk()]});
    let uris = ["https://localhost:1/reports", "https://localhost:1/more"];
    json!({"domains": domains, "settings": {"updates": updates, "reportUris": uris}}).to_string()
});

fuzz_target!(|bytes: &[u8]| {
    let (updates, reports) = parts(bytes);
    let (updates, is_signed) = with_signatures(updates);
    let file = |name: &str| FOLDER.path().join(name);
    fs::write(file("updates.json"), updates).expect("a file can be written");
    fs::write(file("reports.json"), reports).expect("a file can be written");

    let engine = Arc::new(Engine::new());
    start(&engine);

    for host in ["own.test", "a.own.test"] {
        for now in [0, NOW, i64::MAX] {
            assert!(is_blocked(&engine, host, now), "{host} is let through at {now}");
        }
    }
    let status = engine.status(NOW);
    let updates = status.updates.expect("the configuration has updates");
    assert!(updates.version.is_none() || is_signed, "a manifest that nobody has signed");
    let reports = status.reports.expect("the configuration has reports");
    assert!(reports.pending <= MAX_REPORTS as u64, "{} reports wait", reports.pending);
    let kept: Value = fs::read(file("reports.json"))
        .map(|file| serde_json::from_slice(&file).unwrap_or_default())
        .unwrap_or_default();
    if reports.pending > 0 {
        assert!(kept["seen"].as_array().is_some_and(|seen| seen.len() <= MAX_SEEN));
        assert!(kept["waiting"].as_array().is_some_and(|waiting| waiting.len() <= MAX_REPORTS));
    }
});

fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let line = b"\n--\n";
    match bytes.windows(line.len()).position(|window| window == line) {
        Some(at) => (&bytes[..at], &bytes[at + line.len()..]),
        None => (bytes, &[]),
    }
}

/// And whether anything was signed.
fn with_signatures(updates: &[u8]) -> (Vec<u8>, bool) {
    let Ok(mut parsed) = serde_json::from_slice::<Value>(updates) else { return (updates.to_vec(), false) };
    let mut is_signed = false;
    for token in parsed.get_mut("tokens").and_then(Value::as_array_mut).into_iter().flatten() {
        let (Some(key), Some(claims)) = (token["key"].as_u64(), token.get("claims")) else { continue };
        let signer = Signer::new(u8::try_from(key).unwrap_or(0));
        *token = signer.sign(claims.to_string().as_bytes()).into();
        is_signed = true;
    }
    (parsed.to_string().into_bytes(), is_signed)
}

/// Starts, waits until the thread has done what was due, and ends.
fn start(engine: &Arc<Engine>) {
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let surroundings = Surroundings {
        folder: Some(FOLDER.path().to_owned()),
        app: App::default(),
        addresses: vec![("localhost".to_owned(), NOWHERE)],
        clock: Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            NOW
        }),
        ..Surroundings::new(Roots::Bridge(Arc::new(NoTrust)))
    };
    let background = Background::new(engine.clone(), surroundings).expect("there is TLS");
    background.initialize(&DOCUMENT, Source::Code, NOW).expect("that is a configuration");
    // The thread has a reference while it works.
    while asked.load(Ordering::SeqCst) == 0 || Arc::strong_count(&background) > 1 {
        thread::yield_now();
    }
}
