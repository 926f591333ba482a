//! What an HTTPS server of manifests may answer that is no manifest: without end where nobody looks, and with entity tags that
//! are those of something else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{Events, WRONG, now_ms, server_config, signer::Signer};
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use spki_pinning_core::{Engine, Source};
use spki_pinning_net::{
    background::{Background, Surroundings, Updated},
    validate::Roots,
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const DAY: i64 = 24 * 3_600_000;

/// What is answered: once, and then again and again.
type Answer = (Vec<u8>, Option<Vec<u8>>);

/// A TLS server on loopback, one connection for each request.
struct Server {
    address: SocketAddr,
    roots: Roots,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// `answer` is given the request.
    fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let identity = rcgen::generate_simple_self_signed(["pins.test".to_owned()]).unwrap();
        let config = server_config(vec![identity.cert.der().clone()], &identity.signing_key);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let (counted, answer) = (sent.clone(), Arc::new(answer));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let mut stream =
                    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket.unwrap());
                let (counted, answer) = (counted.clone(), answer.clone());
                thread::spawn(move || {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        if stream.read_exact(&mut byte).is_err() {
                            return;
                        }
                        request.extend(byte);
                    }
                    let (once, again) = answer(std::str::from_utf8(&request).unwrap());
                    let mut send = |bytes: &[u8]| {
                        counted.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                        stream.write_all(bytes).is_ok()
                    };
                    let mut goes_on = send(&once);
                    while let (true, Some(again)) = (goes_on, &again) {
                        goes_on = send(again);
                    }
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Self { address, roots: Roots::Given(identity.cert.pem().into()), sent }
    }

    fn url(&self) -> String {
        format!("https://pins.test:{}/pins.jwt", self.address.port())
    }
}

/// An app that asks this server.
struct App {
    engine: Arc<Engine>,
    events: Arc<Events>,
    background: Arc<Background>,
}

impl App {
    fn new(server: &Server, now: i64) -> Self {
        let (engine, events) = (Arc::new(Engine::new()), Arc::new(Events::default()));
        engine.set_event_sink(Some(events.clone()));
        let surroundings = Surroundings {
            addresses: vec![("pins.test".to_owned(), server.address)],
            clock: Arc::new(move || now),
            ..Surroundings::new(server.roots.clone())
        };
        let background = Background::new(engine.clone(), surroundings).unwrap();
        let configuration = json!({
            "domains": {"own.test": {"publicKeyHashes": [WRONG], "includeSubdomains": true}},
            "settings": {"updates": {"url": server.url(), "publicKeys": [Signer::new(1).jwk()]}},
        });
        background.initialize(&configuration.to_string(), Source::Code, now).unwrap();
        Self { engine, events, background }
    }
}

fn manifest(version: u64, now: i64, days: i64) -> String {
    let claims: Value = json!({"iat": now / 1000, "exp": now / 1000 + days * 86_400, "version": version,
                               "domains": {"own.test": {"publicKeyHashes": [WRONG]}}});
    Signer::new(1).sign(&claims)
}

fn ok(tag: &str, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\netag: {tag}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    ((head + body).into_bytes(), None)
}

#[test]
fn what_is_read_over_has_an_end_too() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let block = |piece: &str| piece.repeat(16 * 1024 / piece.len() + 1);
    let cases = [
        (
            "the body of a redirect",
            "HTTP/1.1 302 Found\r\nlocation: /pins.jwt\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            block("4\r\nmore\r\n"),
        ),
        ("informational answers", String::new(), block("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")),
        ("the trailer of a body", format!("{CHUNKED}1\r\nx\r\n0\r\n"), block("x-more: yes\r\n")),
    ];
    for (what, once, again) in cases {
        let (once, again) = (once.into_bytes(), again.into_bytes());
        let server = Server::start(move |_| (once.clone(), Some(again.clone())));
        let app = App::new(&server, now_ms());
        let start = Instant::now();
        assert_eq!(app.background.update(now_ms()).unwrap_err().code, "manifest-too-large", "{what}");
        assert!(start.elapsed() < Duration::from_secs(10), "{what} took {:?}", start.elapsed());
        // Twice, as the thread has looked too, and what was in sockets.
        let sent = server.sent.load(Ordering::SeqCst);
        assert!(sent < 32 * 1024 * 1024, "{what}: {sent} bytes");
    }
}

/// An app whose server has given version 1 the entity tag of version 2, which it has by now: a cache that mixes them up, or
/// somebody who wants to be believed for longer than he can lie.
fn deceived(now: i64) -> App {
    let published = Arc::new(AtomicU64::new(1));
    let current = published.clone();
    let server = Server::start(move |request| match current.load(Ordering::SeqCst) {
        1 => ok("\"two\"", &manifest(1, now, 10)),
        _ if request.contains("if-none-match: \"two\"") => {
            (b"HTTP/1.1 304 Not Modified\r\netag: \"two\"\r\nconnection: close\r\n\r\n".to_vec(), None)
        }
        _ => ok("\"two\"", &manifest(2, now, 40)),
    });
    let app = App::new(&server, now);
    app.background.update(now).unwrap();
    published.store(2, Ordering::SeqCst);
    // Nobody can know better as long as there is a manifest in force.
    assert_eq!(app.background.update(now + DAY), Ok(Updated::UpToDate { version: 1 }));
    app
}

#[test]
fn an_entity_tag_of_something_else_ends_no_updates_after_the_manifest_has_expired() {
    let now = now_ms();
    let app = deceived(now);
    assert_eq!(app.background.update(now + 11 * DAY), Ok(Updated::Applied { version: 2 }));
}

#[test]
fn an_entity_tag_of_something_else_ends_no_updates_when_a_pin_fails() {
    let now = now_ms();
    let app = deceived(now);
    assert!(app.engine.check(Some("own.test"), &[b"nothing"], "test", now).is_blocked());
    assert!(!app.events.take().is_empty());
    // The thread has been woken; it may have looked by now.
    app.background.run_due(now + DAY);
    assert_eq!(app.engine.pins().update(now + DAY).map(|manifest| manifest.version()), Some(2));
}
