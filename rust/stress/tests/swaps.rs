//! Many threads check while configurations swap and events flow. `STRESS_THREADS` and `STRESS_CHECKS` (for each thread) say
//! how many; the whole run is 64 threads with 1,000,000 checks each.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use spki_pinning_core::{Engine, Event, EventKind, EventSink, Outcome};
use spki_pinning_stress::{Configurations, NOW, chain, resident_bytes, setting};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// What comes of events while everything moves.
struct Listener {
    configurations: Arc<Configurations>,
    heard: AtomicU64,
    torn: AtomicU64,
}

impl EventSink for Listener {
    fn event(&self, event: &Event) {
        if event.kind == EventKind::Failure {
            self.heard.fetch_add(1, Ordering::Relaxed);
            let torn = !self.configurations.is_whole(event);
            self.torn.fetch_add(u64::from(torn), Ordering::Relaxed);
        }
    }
}

/// Of one thread.
#[derive(Default)]
struct Seen {
    failed: u64,
    /// Checks during which no, or one, configuration came: their verdict can be of two configurations at most.
    sharp: u64,
}

/// Under Miri, which is a thousand times slower, this is a test of the pointers below: arc-swap's, above all.
const IN_MIRI: bool = cfg!(miri);

#[test]
fn every_verdict_and_event_is_of_one_configuration_that_was_in_force_and_memory_is_flat() {
    let threads = setting("STRESS_THREADS", if IN_MIRI { 3 } else { 64 });
    let checks = setting("STRESS_CHECKS", if IN_MIRI { 4 } else { 50_000 });
    let configurations = Arc::new(Configurations::default());
    let listener = Arc::new(Listener {
        configurations: configurations.clone(),
        heard: AtomicU64::new(0),
        torn: AtomicU64::new(0),
    });
    let (engine, chain) = (Engine::new(), chain());
    engine.set_event_sink(Some(listener.clone()));
    let done = AtomicBool::new(false);
    let (passed, memory) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = (threads * checks) as u64;
    let ready = Barrier::new(threads + 1);
    let start = Instant::now();

    let seen: Vec<Seen> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Seen::default();
                    ready.wait();
                    for _ in 0..checks {
                        let first = engine.generation();
                        let verdict = engine.check(Some(configurations.host()), &chain, "stress", NOW);
                        let last = engine.generation();
                        assert!(
                            configurations.explain(&verdict, first, last),
                            "{first}..={last}: {verdict:?}"
                        );
                        seen.failed += u64::from(verdict.outcome != Outcome::Allowed);
                        seen.sharp += u64::from(last - first < 2);
                        if passed.fetch_add(1, Ordering::Relaxed) == total / 4 && !IN_MIRI {
                            memory.store(resident_bytes(), Ordering::Relaxed);
                        }
                    }
                    seen
                })
            })
            .collect();
        scope.spawn(|| {
            ready.wait();
            for generation in 1.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let given = match &configurations.of(generation).json {
                    Some(document) => engine.initialize(document, NOW).unwrap().generation,
                    None => {
                        engine.disable();
                        engine.generation()
                    }
                };
                assert_eq!(given, generation, "nobody else swaps");
                if IN_MIRI {
                    thread::yield_now();
                }
            }
        });
        let seen = workers.into_iter().map(|worker| worker.join());
        // A failed thread is not to leave the one that swaps alone.
        let seen: Vec<_> = seen.collect();
        done.store(true, Ordering::Relaxed);
        seen.into_iter().map(Result::unwrap).collect()
    });

    let failed: u64 = seen.iter().map(|seen| seen.failed).sum();
    let sharp: u64 = seen.iter().map(|seen| seen.sharp).sum();
    let counters = engine.status(NOW).counters;
    assert_eq!((counters.checks, counters.blocked + counters.report_only), (total, failed));
    assert_eq!(listener.heard.load(Ordering::Relaxed), failed, "every failure is an event, once");
    assert_eq!(listener.torn.load(Ordering::Relaxed), 0);
    println!(
        "{total} checks by {threads} threads in {:.1?}, {failed} failed, {} configurations; {sharp} checks were within two \
         generations",
        start.elapsed(),
        engine.generation()
    );
    if IN_MIRI {
        return;
    }
    // Of how much one can be sure: a thread that is left alone with one configuration comes to one verdict.
    assert!(engine.generation() > 1000 && failed > 1000 && sharp > total / 4);
    let (before, after) = (memory.load(Ordering::Relaxed), resident_bytes());
    println!("resident: {} kB after a quarter, {} kB at the end", before / 1024, after / 1024);
    assert!(after < before + 8 * 1024 * 1024, "{before} bytes became {after}");
}

/// Nothing is asserted of the ratio: on a machine with two processors, 64 threads that wait for nothing make what two make.
#[cfg(not(miri))]
#[test]
fn many_threads_check_as_much_as_few() {
    let (engine, chain) = (Engine::new(), chain());
    let configurations = Configurations::default();
    engine.initialize(configurations.of(1).json.as_ref().unwrap(), NOW).unwrap();
    let all = setting("STRESS_CHECKS", 20_000) * 32;
    let a_second = |threads: usize| {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..all / threads {
                        assert!(
                            !engine.check(Some(configurations.host()), &chain, "stress", NOW).is_blocked()
                        );
                    }
                });
            }
        });
        all as f64 / start.elapsed().as_secs_f64()
    };
    let (few, many) = (a_second(2), a_second(64));
    println!("checks a second: {few:.0} by 2 threads, {many:.0} by 64, ratio {:.2}", many / few);
    assert!(many > few / 4.0, "threads wait for each other");
}
