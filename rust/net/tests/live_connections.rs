//! Connections that outlive the pins they were made under: pooled ones, and TLS sessions that are resumed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{Bench, WRONG, fetch, refused};
use rcgen::{CertifiedKey, KeyPair};
use rustls::{
    HandshakeKind, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::ring::{Ticketer, default_provider, sign::any_supported_type},
    pki_types::PrivateKeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign,
    version::{TLS12, TLS13},
};
use spki_pinning_core::spki::pin_of_certificate;
use spki_pinning_net::validate::Roots;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A host that resumes sessions, for each TLS version.
const RESUMING: [&str; 2] = ["tickets12", "tickets13"];

/// Makes the server say goodbye, so that the next request needs a connection of its own.
fn close_pooled(bench: &Bench, client: &spki_pinning_net::client::PinnedClient, name: &str) {
    // A response that is not read to its end leaves a connection nobody can use.
    drop(client.get(&bench.host(name).url("/file/1000000")).unwrap());
}

#[test]
fn pooled_connection_is_reused_while_the_pins_allow_it() {
    let bench = Bench::new();
    let (host, client) = (bench.host("http1"), bench.client());
    bench.pin(&host.name, &host.pins[0]);
    let (_, first, _) = fetch(&client, &host.url("/")).unwrap();
    assert_eq!(fetch(&client, &host.url("/")).unwrap().1, first);
    bench.pin(&host.name, &host.pins[1]); // another generation that allows it too
    assert_eq!(fetch(&client, &host.url("/")).unwrap().1, first);
}

#[test]
fn pooled_connection_is_judged_by_the_pins_in_force_now() {
    let bench = Bench::new();
    let (host, client) = (bench.host("http1"), bench.client());
    let (_, first, _) = fetch(&client, &host.url("/")).unwrap();
    bench.pin(&host.name, WRONG);
    assert_eq!(refused(fetch(&client, &host.url("/"))), "no-pin-matched");
    assert_eq!(bench.requests("http1"), 1, "nothing reached the server");
    assert_eq!(bench.events.take().len(), 1);
    bench.pin(&host.name, &host.pins[0]);
    assert_ne!(fetch(&client, &host.url("/")).unwrap().1, first);
    assert_eq!(bench.requests("http1"), 2);
}

#[test]
fn resumed_session_is_judged_by_the_pins_in_force_now() {
    for name in RESUMING {
        let bench = Bench::new();
        let (host, client) = (bench.host(name), bench.client());
        bench.pin(&host.name, &host.pins[0]);
        close_pooled(&bench, &client, name);
        assert!(fetch(&client, &host.url("/")).unwrap().2, "{name} resumes");
        assert!(bench.has_resumed(name, 1));

        bench.pin(&host.name, WRONG);
        assert_eq!(refused(fetch(&client, &host.url("/"))), "no-pin-matched", "{name}");
        assert!(bench.has_resumed(name, 2), "it did resume, and was refused for all that");
        assert_eq!(bench.requests(name), 2, "{name}: nothing reached the server");
        assert_eq!(bench.events.take().len(), 1, "{name}: one refusal, one event");

        bench.pin(&host.name, &host.pins[2]);
        assert!(!fetch(&client, &host.url("/")).unwrap().2, "{name}: the refused session is forgotten");
    }
}

#[test]
fn session_from_before_the_pins_is_judged() {
    for name in RESUMING {
        let bench = Bench::new();
        let (host, client) = (bench.host(name), bench.client());
        close_pooled(&bench, &client, name); // nothing is pinned
        bench.pin(&host.name, WRONG);
        assert_eq!(refused(fetch(&client, &host.url("/"))), "no-pin-matched", "{name}");
        assert_eq!(bench.requests(name), 1);
    }
}

#[test]
fn refused_session_does_not_keep_a_server_with_the_right_key_out() {
    for versions in [ONLY_12, ONLY_13] {
        let bench = Bench::new();
        let roots = bench.testbed.ca_pem().unwrap();
        let server = Renewing::start(versions);
        let client = bench
            .builder_for(Roots::Given(
                [roots, server.old.cert.pem().into(), server.new.cert.pem().into()].concat(),
            ))
            .resolve("renewing.test", server.address)
            .build()
            .unwrap();
        let url = format!("https://renewing.test:{}/", server.address.port());
        let pin = |identity: &CertifiedKey<KeyPair>| {
            bench.pin("renewing.test", &pin_of_certificate(identity.cert.der()).unwrap().to_string());
        };
        pin(&server.old);
        assert!(!fetch(&client, &url).unwrap().2);
        assert!(fetch(&client, &url).unwrap().2, "the server resumes");
        server.renewed.store(true, Ordering::SeqCst);
        assert!(
            fetch(&client, &url).unwrap().2,
            "the server resumes sessions from before its new certificate"
        );

        pin(&server.new);
        assert!(!fetch(&client, &url).unwrap().2, "a full handshake shows the new certificate");
        assert!(fetch(&client, &url).is_ok());
        assert!(bench.events.take().is_empty(), "nothing was refused");
        pin(&server.old);
        assert_eq!(refused(fetch(&client, &url)), "no-pin-matched");
    }
}

const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

/// A server that gets another key, but still knows the sessions from before: the usual thing where a farm shares ticket
/// keys. The testbed's `rotating` is a new server in this respect.
struct Renewing {
    address: SocketAddr,
    old: CertifiedKey<KeyPair>,
    new: CertifiedKey<KeyPair>,
    renewed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Choice {
    old: Arc<sign::CertifiedKey>,
    new: Arc<sign::CertifiedKey>,
    renewed: Arc<AtomicBool>,
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<sign::CertifiedKey>> {
        Some(if self.renewed.load(Ordering::SeqCst) { self.new.clone() } else { self.old.clone() })
    }
}

impl Renewing {
    fn start(versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        let identity = || rcgen::generate_simple_self_signed(["renewing.test".to_owned()]).unwrap();
        let (old, new, renewed) = (identity(), identity(), Arc::new(AtomicBool::new(false)));
        let key = |identity: &CertifiedKey<KeyPair>| {
            let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
            let key = any_supported_type(&key).unwrap();
            Arc::new(sign::CertifiedKey::new(vec![identity.cert.der().clone()], key))
        };
        let choice = Choice { old: key(&old), new: key(&new), renewed: renewed.clone() };
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(choice));
        config.ticketer = Ticketer::new().unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                let _ = answer(StreamOwned::new(tls, stream.unwrap())); // a refusal breaks off
            }
        });
        Self { address, old, new, renewed }
    }
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
    let handshake = if resumed { "resumed" } else { "full" };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\nx-testbed-handshake: {handshake}\r\n\r\n"
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[test]
fn rotated_key_is_blocked_until_it_is_pinned() {
    let bench = Bench::new();
    let host = bench.host("rotating");
    bench.pin(&host.name, &host.pins[0]);
    assert_eq!(fetch(&bench.client(), &host.url("/")).unwrap().0, 200);
    bench.testbed.control("POST", "/rotate?host=rotating&to=B").unwrap();
    assert_eq!(refused(fetch(&bench.client(), &host.url("/"))), "no-pin-matched");
}
