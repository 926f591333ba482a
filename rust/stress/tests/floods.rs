//! Events that nobody reads and reports that nobody takes: what they may take of memory and disk has an end.
//! `STRESS_FAILURES` says how many; the whole run is a million.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use spki_pinning_core::{Engine, Source, event::MAX_RECENT};
use spki_pinning_net::{
    background::{Background, Surroundings},
    validate::Roots,
};
use spki_pinning_stress::{NOW, certificate, chain, resident_bytes, setting};
use std::{
    fs,
    net::TcpListener,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

const MIB: u64 = 1024 * 1024;

/// Memory is that of the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failures() -> u64 {
    setting("STRESS_FAILURES", 100_000) as u64
}

/// `a.test` is pinned to something that no server has; `more` are members of the settings.
fn document(settings: &str) -> String {
    let pins = ["other-leaf", "other-root"].map(|name| certificate(name).1.to_string());
    format!(
        r#"{{"domains": {{"a.test": {{"publicKeyHashes": {pins:?}, "includeSubdomains": true}}}}, "settings": {settings}}}"#
    )
}

/// Fails as often as asked, each time for another host, by four threads; the growth of memory after the first quarter.
fn flood(engine: &Engine) -> u64 {
    let (count, chain) = (failures(), chain());
    let (next, memory) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if number == count / 4 {
                        memory.store(resident_bytes(), Ordering::Relaxed);
                    }
                    let host = format!("h{number}.a.test");
                    assert!(engine.check(Some(&host), &chain, "flood", NOW).is_blocked());
                }
            });
        }
    });
    resident_bytes().saturating_sub(memory.load(Ordering::Relaxed))
}

#[test]
fn events_that_nobody_reads_are_kept_in_bounds() {
    let _alone = alone();
    let engine = Engine::new();
    engine.initialize(&document("{}"), NOW).unwrap();
    let grown = flood(&engine);
    let status = engine.status(NOW);
    assert_eq!(status.recent_events.len(), MAX_RECENT);
    assert_eq!((status.counters.checks, status.counters.blocked), (failures(), failures()));
    println!("{} failures, {} kB grown", failures(), grown / 1024);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

/// What becomes of a flood when every report goes to `port`, and nobody there answers. `end` is called after the flood.
fn reports_to(port: u16, end: impl FnOnce()) {
    let folder = std::env::temp_dir().join(format!("spki-stress-{}-{port}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let engine = Arc::new(Engine::new());
    let (root, _) = certificate("root");
    let surroundings = Surroundings {
        folder: Some(folder.clone()),
        clock: Arc::new(|| NOW),
        addresses: vec![("reports.test".to_owned(), ([127, 0, 0, 1], port).into())],
        ..Surroundings::new(Roots::Given(root))
    };
    let background = Background::new(engine.clone(), surroundings).unwrap();
    let settings = format!(r#"{{"reportUris": ["https://reports.test:{port}/"]}}"#);
    background.initialize(&document(&settings), Source::Code, NOW).unwrap();
    let start = Instant::now();
    let grown = flood(&engine);
    let took = start.elapsed();
    end();
    // A second look, after whatever the thread was at.
    background.run_due(NOW);
    let reports = engine.status(NOW).reports.unwrap();
    let spool: u64 = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!(
        "{} failures in {took:.1?}: {} reports wait, {} dropped, {} kB on the disk, {} kB grown",
        failures(),
        reports.pending,
        reports.dropped,
        spool / 1024,
        grown / 1024
    );
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(engine.status(NOW).counters.blocked, failures());
    assert!(reports.pending <= 64 && reports.delivered == 0, "{reports:?}");
    assert!(reports.dropped > 0, "{reports:?}");
    assert!(spool > 0 && spool < 4 * MIB, "{spool} bytes");
    assert!(grown < 16 * MIB, "{grown} bytes");
}

#[test]
fn reports_to_a_collector_that_is_gone_are_kept_in_bounds() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    reports_to(port, || ());
}

#[test]
fn reports_to_a_collector_that_never_answers_are_kept_in_bounds() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Open, and silent, until the flood is over: then it is waited for no longer.
    let open = Arc::new(Mutex::new(Some(Vec::new())));
    let accepted = open.clone();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            if let Some(open) = accepted.lock().unwrap().as_mut() {
                open.push(connection);
            }
        }
    });
    reports_to(port, || {
        let connections = open.lock().unwrap().take().unwrap();
        assert!(!connections.is_empty(), "somebody has tried");
    });
}
