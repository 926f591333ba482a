//! HTTP answers to requests for a manifest and to reports. Whatever they are: an end to everything, the app's own pins in force,
//! nothing believed that is not signed, redirects to https alone, a report told of as delivered or dropped when it was; and what
//! was answered before ends no updates: a good answer is taken.
//!
//! Parts, with a line `~~` between them. A part's first line is what is done, the rest an answer (see `server.rs`), which waits
//! for the next request. `u`: look for updates. `r`: what is due. `p`: a pin fails. `f`: to the foreground. `s`: the app starts
//! again. `h`, `d`, `w`: an hour, a day, eleven days pass; `b`: the clock is set back by a day. `1`, `7`: the answer comes in
//! pieces of so many bytes. The app starts with the answer of the first part.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use spki_pinning_core::{Engine, Source, report::App};
use spki_pinning_fuzz::{
    NO_CHAIN, NOW, OTHER_PIN, PIN, Signer,
    app::{FOLDER, NoTrust},
    is_blocked,
    server::{Answer, Asked, FOREIGN, GOOD, Scripted, tag},
};
use spki_pinning_net::{
    background::{Background, Surroundings, Updated},
    client::in_memory,
    validate::Roots,
};
use std::{
    fs,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
};

const PARTS: usize = 12;
/// Of all parts: each of them makes requests.
const ACTIONS: usize = 24;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// What is read of one answer: a mebibyte and one buffer.
const MAX_READ: usize = 1024 * 1024 + 128 * 1024;
/// What redirects may come to in one look.
const MAX_REQUESTS: usize = 4;
const PINS: &str = "https://pins.test/pins.jwt";
const REPORTS: &str = "https://reports.test/reports";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let domains = json!({"own.test": {"publicKeyHashes": [PIN, OTHER_PIN], "includeSubdomains": true}});
    let updates = json!({"url": PINS, "publicKeys": [Signer::new(1).jwk()]});
    json!({"domains": domains, "settings": {"updates": updates, "reportUris": [REPORTS]}}).to_string()
});

fuzz_target!(|bytes: &[u8]| {
    let mut parts = parts(bytes).map(|part| {
        let (actions, answer) =
            part.split_at(part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len()));
        let piece = if actions.contains(&b'1') {
            1
        } else if actions.contains(&b'7') {
            7
        } else {
            usize::MAX
        };
        (
            actions,
            answer.get(1..).filter(|answer| !answer.is_empty()).map(|answer| Answer::new(answer, piece)),
        )
    });
    let Some((actions, first)) = parts.next() else { return };
    let is_stored =
        bytes.split(|byte| *byte == b'\n').any(|line| line.contains(&b's') && line.len() <= ACTIONS);
    let mut run = Run::new(is_stored, first);
    run.act(actions);
    for (actions, answer) in parts {
        run.server.script().answers.extend(answer);
        run.act(actions);
    }
    run.recovers();
});

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    let part = move || {
        let bytes = rest?;
        let line = bytes.windows(4).position(|window| window == b"\n~~\n");
        rest = line.map(|at| &bytes[at + 4..]);
        Some(&bytes[..line.unwrap_or(bytes.len())])
    };
    std::iter::from_fn(part).take(PARTS)
}

struct Run {
    server: Scripted,
    process: Process,
    now: Arc<AtomicI64>,
    is_stored: bool,
    actions: usize,
    failed: u64,
    version: Option<u64>,
    /// Whether the tag of the good manifest was given to anything else.
    has_lied: bool,
}

/// Of the app.
struct Process {
    engine: Arc<Engine>,
    background: Arc<Background>,
    /// Reports that it has to account for.
    reports: u64,
    delivered: u64,
    dropped: u64,
}

impl Process {
    fn start(now: &Arc<AtomicI64>, is_stored: bool) -> Self {
        let (engine, clock) = (Arc::new(Engine::new()), now.clone());
        let surroundings = Surroundings {
            folder: is_stored.then(|| FOLDER.path().to_owned()),
            app: App::default(),
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            ..Surroundings::new(Roots::Bridge(Arc::new(NoTrust)))
        };
        let background = Background::new(engine.clone(), surroundings).expect("there is TLS");
        let now = now.load(Ordering::SeqCst);
        background.initialize(&DOCUMENT, Source::Code, now).expect("that is a configuration");
        let process = Self { engine, background, reports: 0, delivered: 0, dropped: 0 };
        process.does_what_is_due(now);
        process
    }

    /// As its thread would. Whatever was answered, the next look is not far away.
    fn does_what_is_due(&self, now: i64) {
        let next = self.background.run_due(now).expect("updates are configured");
        assert!(next > now && next <= now + DAY + DAY / 2, "the next look is in {} ms", next - now);
    }
}

impl Run {
    fn new(is_stored: bool, first: Option<Answer>) -> Self {
        for file in ["updates.json", "reports.json"] {
            let _ = fs::remove_file(FOLDER.path().join(file));
        }
        let (server, now) = (Scripted::default(), Arc::new(AtomicI64::new(NOW)));
        in_memory::connect_to(Arc::new(server.clone()));
        server.script().answers.extend(first);
        let process = Process::start(&now, is_stored);
        let mut run =
            Self { server, process, now, is_stored, actions: 0, failed: 0, version: None, has_lied: false };
        run.is_well(1);
        run
    }

    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn act(&mut self, actions: &[u8]) {
        for action in actions {
            let mut looks = 1;
            match action {
                b'u' => _ = self.process.background.update(self.now()),
                b'r' => self.process.does_what_is_due(self.now()),
                b'p' => self.pin_fails(),
                b'f' => {
                    self.process.background.came_to_foreground();
                    self.process.does_what_is_due(self.now());
                }
                b's' => self.restarts(),
                b'h' | b'd' | b'w' | b'b' => {
                    let passed = match action {
                        b'h' => HOUR,
                        b'd' => DAY,
                        b'w' => 11 * DAY,
                        _ => -DAY,
                    };
                    // The good manifest ends in 100 days.
                    let now = (self.now() + passed).clamp(NOW - 10 * DAY, NOW + 80 * DAY);
                    self.now.store(now, Ordering::SeqCst);
                    looks = 0;
                }
                _ => continue,
            }
            self.is_well(looks);
            self.actions += 1;
            if self.actions == ACTIONS {
                return;
            }
        }
    }

    fn pin_fails(&mut self) {
        self.failed += 1;
        let host = format!("h{}.own.test", self.failed);
        assert!(self.process.engine.check(Some(&host), &NO_CHAIN, "fuzz", self.now()).is_blocked());
        self.process.reports += 1;
        self.process.does_what_is_due(self.now());
    }

    fn restarts(&mut self) {
        let pending = self.process.engine.status(self.now()).reports.map_or(0, |reports| reports.pending);
        self.process = Process::start(&self.now, self.is_stored);
        self.process.reports = pending * u64::from(self.is_stored);
        if !self.is_stored {
            self.version = None;
        }
    }

    /// What holds after each step, of which so many made the app look for updates.
    fn is_well(&mut self, looks: usize) {
        let now = self.now();
        for host in ["own.test", "a.own.test", "OWN.test."] {
            for now in [0, now, i64::MAX] {
                assert!(is_blocked(&self.process.engine, host, now), "{host} is let through at {now}");
            }
        }
        let status = self.process.engine.status(now);
        let version = status.updates.expect("the configuration has updates").version;
        assert!(version >= self.version, "{:?} became {version:?}", self.version);
        assert!(version.is_none_or(|version| (1..FOREIGN).contains(&version)), "{version:?}");
        self.version = version;

        for url in self.server.script().opened.drain(..) {
            assert!(url.starts_with("https://"), "{url}");
        }
        let asked = std::mem::take(&mut self.server.script().asked);
        let (posts, gets): (Vec<&Asked>, Vec<_>) =
            asked.iter().partition(|asked| asked.head.starts_with("POST "));
        assert!(gets.len() <= MAX_REQUESTS * looks, "{} requests", gets.len());
        for asked in &asked {
            let read = asked.read.load(Ordering::Relaxed);
            assert!(read <= MAX_READ, "{read} bytes were read");
        }
        self.has_lied |=
            gets.iter().any(|asked| asked.answer.as_ref().is_some_and(|answer| answer.contains(&tag(GOOD))));
        let reports = status.reports.expect("the configuration has reports");
        self.reports_are_told_of(&posts, reports.delivered, reports.dropped);
        assert_eq!(reports.pending + reports.delivered + reports.dropped, self.process.reports);
    }

    fn reports_are_told_of(&mut self, posts: &[&Asked], delivered: u64, dropped: u64) {
        let is_final = |status: u16| (400..500).contains(&status) && ![404, 408, 425, 429].contains(&status);
        let of = |asked: &&&Asked, digit: &str| {
            asked.answer.as_ref().is_some_and(|answer| answer.contains(&format!(" {digit}")))
        };
        let plain = |holds: &dyn Fn(u16) -> bool| {
            posts
                .iter()
                .filter(|asked| asked.answer.as_ref().and_then(|answer| answer.plain).is_some_and(holds))
                .count()
        };
        let (taken, refused) = (delivered - self.process.delivered, dropped - self.process.dropped);
        assert!(taken >= plain(&|status| (200..300).contains(&status)) as u64, "an answer was not heard");
        assert!(refused >= plain(&is_final) as u64, "it is tried again for nothing");
        // Any three digits are a status.
        assert!(taken <= posts.iter().filter(|asked| of(asked, "2")).count() as u64, "nobody has taken it");
        assert!(
            refused <= posts.iter().filter(|asked| of(asked, "4")).count() as u64,
            "nobody has refused it"
        );
        for asked in posts {
            assert_eq!(asked.url, REPORTS, "nobody has said that reports may go there");
            assert!(asked.head.starts_with("POST /reports HTTP/1.1\r\n"), "{}", asked.head);
        }
        (self.process.delivered, self.process.dropped) = (delivered, dropped);
    }

    /// From here on the server is good.
    fn recovers(&mut self) {
        let good = u64::from(GOOD);
        self.server.script().is_good = true;
        let now = self.now().max(NOW) + 2 * HOUR;
        self.now.store(now, Ordering::SeqCst);
        let found = self.process.background.update(now);
        if !self.has_lied {
            let is_taken = matches!(found, Ok(Updated::Applied { version } | Updated::UpToDate { version }) if version == good);
            assert!(is_taken, "{found:?}");
        }
        // It is asked for as a whole when there is need of it.
        self.pin_fails();
        assert_eq!(self.process.engine.pins().update(now).map(|manifest| manifest.version()), Some(good));
        self.is_well(2);
    }
}
