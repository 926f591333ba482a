//! Thousands of connections, allowed, blocked and cut, leave neither memory nor descriptors behind.
//!
//! `SPKI_LONG=1` makes 10,000 of them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{WRONG, now_ms};
use serde_json::Value;
use spki_pinning_core::Engine;
use spki_pinning_net::{
    client::{Builder, NetError, PinnedClient},
    validate::Roots,
};
use spki_pinning_testbed::Testbed;
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const NAME: &str = "ten_thousand_connections_leave_nothing_behind";
/// Says to this test that it is to be the servers.
const SERVERS: &str = "SPKI_PINNING_TEST_SERVERS";

/// After so many the caches are full, and the allocator has what it needs.
const WARM_UP: usize = 600;
/// What the allocator may do with its pages. A leak of a mere 100 bytes a connection is more in the long run.
const SLACK_KB: usize = 768;

struct Servers {
    process: Child,
    _output: BufReader<ChildStdout>,
    document: Value,
    ca: Vec<u8>,
}

impl Servers {
    /// In a process of their own: their memory is not the client's.
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, "--nocapture"]).env(SERVERS, "1");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut json = String::new();
        while !json.contains("SERVERS ") {
            json.clear(); // the harness has something to say before
            assert!(output.read_line(&mut json).unwrap() > 0, "it has ended");
        }
        let json = json.split_once("SERVERS ").unwrap().1;
        let document: Value = serde_json::from_str(json).unwrap();
        let ca = fs::read(document["testbed"]["caFile"].as_str().unwrap()).unwrap();
        Self { process, _output: output, document, ca }
    }

    fn run() {
        let testbed = Testbed::start().unwrap();
        let cutting = cut_everything(testbed.host("p256").unwrap().address);
        let document = serde_json::json!({"testbed": testbed.document(), "cutting": cutting.port()});
        println!("SERVERS {document}");
        let _ = io::stdin().read(&mut [0]); // until the test has ended
    }

    fn address(&self, host: &str) -> SocketAddr {
        let port = self.document["testbed"]["hosts"][host]["port"].as_u64().unwrap();
        SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
    }

    fn pin(&self, host: &str) -> &str {
        self.document["testbed"]["hosts"][host]["pins"]["leaf"].as_str().unwrap()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Passes on what a server says, but of each connection somewhat less: the first ends in the handshake, others later.
fn cut_everything(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for number in 0_usize.. {
            let (mut client, _) = listener.accept().unwrap();
            let mut server = TcpStream::connect(server).unwrap();
            thread::spawn(move || {
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from, &mut to));
                let mut left = 100 + number % 20 * 90;
                let mut buffer = [0; 50];
                while left > 0 {
                    let amount = server.read(&mut buffer).unwrap_or(0);
                    left = if amount == 0 { 0 } else { left.saturating_sub(amount) };
                    let _ = client.write_all(&buffer[..amount]);
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

/// Resident memory in kB, and descriptors.
fn held() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (kilobytes, fs::read_dir("/proc/self/fd").unwrap().count())
}

#[derive(Debug, Default)]
struct Counts {
    allowed: usize,
    blocked: usize,
    cut: usize,
}

/// A connection of its own for each; every tenth of a client of its own, so without a session to resume.
fn connect(builder: &dyn Fn() -> Builder, client: &PinnedClient, number: usize, counts: &mut Counts) {
    let fresh;
    let client = if number.is_multiple_of(10) {
        fresh = builder().build().unwrap();
        &fresh
    } else {
        client
    };
    let host = ["tickets13", "root", "tickets12", "intermediate", "p256"][number % 5];
    let result = client
        .get_with(&format!("https://{host}.spki.test/"), &[("connection", "close")])
        .and_then(|mut response| Ok(response.body_mut().read_to_vec()?));
    match (host, result) {
        // What is cut late has been answered before.
        ("tickets13" | "tickets12" | "p256", Ok(_)) => counts.allowed += 1,
        ("root" | "intermediate", Err(NetError::Pinned { .. })) => counts.blocked += 1,
        ("p256", Err(NetError::Http(_))) => counts.cut += 1,
        (_, other) => panic!("{host}: {other:?}"),
    }
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    if std::env::var_os(SERVERS).is_some() {
        return Servers::run();
    }
    let is_long = std::env::var_os("SPKI_LONG").is_some_and(|value| value == "1");
    let number = if is_long { 10_000 } else { 1_500 };
    let servers = Servers::start();
    let engine = Arc::new(Engine::new());
    let domains = [
        ("tickets12", servers.pin("tickets12")),
        ("tickets13", servers.pin("tickets13")),
        ("p256", servers.pin("p256")),
        ("root", WRONG),
        ("intermediate", WRONG),
    ];
    let entries =
        domains.map(|(host, pin)| format!(r#""{host}.spki.test": {{"publicKeyHashes": ["{pin}"]}}"#));
    engine.initialize(&format!("{{{}}}", entries.join(",")), now_ms()).unwrap();
    let cutting = u16::try_from(servers.document["cutting"].as_u64().unwrap()).unwrap();
    let builder = || {
        let builder = PinnedClient::builder(engine.clone(), Roots::Given(servers.ca.clone()));
        let builder = builder.timeout(Duration::from_secs(20));
        let builder = builder.resolve("p256.spki.test", SocketAddr::from(([127, 0, 0, 1], cutting)));
        ["tickets12", "tickets13", "root", "intermediate"].into_iter().fold(builder, |builder, host| {
            builder.resolve(&format!("{host}.spki.test"), servers.address(host))
        })
    };
    let (client, mut counts) = (builder().build().unwrap(), Counts::default());
    for number in 0..WARM_UP {
        connect(&builder, &client, number, &mut counts);
    }
    let (warm, start) = (held(), Instant::now());
    let mut counts = Counts::default();
    for number in 0..number {
        connect(&builder, &client, number, &mut counts);
    }
    let end = held();
    println!(
        "{number} connections in {:.1?}: {counts:?}; memory {} kB, then {} kB; descriptors {}, then {}",
        start.elapsed(),
        warm.0,
        end.0,
        warm.1,
        end.1
    );
    assert!(counts.cut > number / 10, "{counts:?}");
    assert!(end.0 <= warm.0 + SLACK_KB, "memory grows: {warm:?}, then {end:?}");
    assert_eq!(end.1, warm.1, "descriptors");
}
