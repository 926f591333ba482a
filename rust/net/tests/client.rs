//! The client against real TLS servers: what is pinned, and what a server may try against it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::{Bench, WRONG, fetch, refused, server_config};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::{default_provider, sign::any_supported_type},
    pki_types::PrivateKeyDer,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use spki_pinning_net::{client::NetError, validate::Roots};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

#[test]
fn right_pin_at_leaf_intermediate_or_root_is_allowed() {
    let bench = Bench::new();
    let client = bench.client();
    for name in ["intermediate", "rsa2048", "rsa4096", "p256", "p384", "ed25519", "tickets12", "tickets13"] {
        let host = bench.host(name);
        for pin in &host.pins {
            bench.pin(&host.name, pin);
            assert_eq!(fetch(&client, &host.url("/")).unwrap().0, 200, "{name}");
        }
        assert_eq!(host.pins.len(), 3);
    }
    // That each host is pinned in the place of the one before it is told; there is nothing else.
    assert!(bench.events.take().iter().all(|event| event.reason == "pins-dropped"));
}

#[test]
fn wrong_pin_is_blocked_and_nothing_reaches_the_server() {
    let bench = Bench::new();
    let host = bench.host("intermediate");
    bench.pin(&host.name, WRONG);
    let error = bench.client().get(&host.url("/")).unwrap_err();
    let NetError::Pinned { host: refused, verdict } = &error else { panic!("{error:?}") };
    assert_eq!(*refused, host.name);
    let served: Vec<_> = verdict.served_pins.iter().map(ToString::to_string).collect();
    assert_eq!(served, host.pins, "the validated chain, up to the root");
    assert!(error.to_string().contains("no-pin-matched"), "{error}");
    assert_eq!(bench.requests("intermediate"), 0);

    let events = bench.events.take();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].server_hostname.as_str(), events[0].stack.as_str()), (host.name.as_str(), "rust"));
    assert!(events[0].enforced);
}

#[test]
fn body_of_a_blocked_post_reaches_nobody() {
    let bench = Bench::new();
    let host = bench.host("intermediate");
    let client = bench.client();
    bench.pin(&host.name, &host.pins[0]);
    let mut response = client.post(&host.url("/echo"), "text/plain", b"hello").unwrap();
    assert_eq!(response.body_mut().read_to_vec().unwrap(), b"hello");
    bench.pin(&host.name, WRONG);
    assert!(matches!(client.post(&host.url("/echo"), "text/plain", b"secret"), Err(NetError::Pinned { .. })));
    assert_eq!(bench.requests("intermediate"), 1);
}

#[test]
fn report_only_goes_ahead_with_an_event() {
    let bench = Bench::new();
    let host = bench.host("intermediate");
    bench.initialize(&format!(
        r#"{{"{}": {{"publicKeyHashes": ["{WRONG}"], "reportOnly": true}}}}"#,
        host.name
    ));
    assert_eq!(fetch(&bench.client(), &host.url("/")).unwrap().0, 200);
    let events = bench.events.take();
    assert_eq!(events.iter().map(|event| event.enforced).collect::<Vec<_>>(), [false]);
}

#[test]
fn trailing_dot_upper_case_and_subdomain_are_pinned_too() {
    let bench = Bench::new();
    let host = bench.host("leaf");
    let port = host.address.port();
    let client = bench
        .builder()
        .resolve("leaf.spki.test", host.address)
        .resolve("a.leaf.spki.test", host.address)
        .build()
        .unwrap();
    let spellings = ["leaf.spki.test.", "LEAF.spki.TEST", "a.leaf.spki.test", "a.Leaf.spki.test."]
        .map(|name| format!("https://{name}:{port}/"));
    let pin = |pin: &str| {
        bench.initialize(&format!(
            r#"{{"leaf.spki.test": {{"includeSubdomains": true, "publicKeyHashes": ["{pin}"]}}}}"#
        ));
    };
    for spelling in &spellings {
        pin(&host.pins[0]);
        assert_eq!(fetch(&client, spelling).unwrap().0, 200, "{spelling}");
        pin(WRONG);
        assert_eq!(refused(fetch(&client, spelling)), "no-pin-matched", "{spelling}");
    }
}

#[test]
fn ip_literals_are_pinned_too() {
    let bench = Bench::new();
    let host = bench.host("leaf");
    let url = format!("https://127.0.0.1:{}/", host.address.port());
    bench.pin("127.0.0.1", &host.pins[0]);
    assert_eq!(fetch(&bench.client(), &url).unwrap().0, 200);
    bench.pin("127.0.0.1", WRONG);
    assert_eq!(refused(fetch(&bench.client(), &url)), "no-pin-matched");
}

#[test]
fn redirect_to_a_host_that_fails_its_pins_is_blocked_and_named() {
    let bench = Bench::new();
    let (from, to) = (bench.host("intermediate"), bench.host("root"));
    bench.pin(&to.name, WRONG);
    let error = bench.client().get(&from.url(&format!("/redirect?to={}", to.url("/")))).unwrap_err();
    assert!(matches!(&error, NetError::Pinned { host, .. } if *host == to.name), "{error:?}");
    assert_eq!((bench.requests("intermediate"), bench.requests("root")), (1, 0));
}

#[test]
fn nothing_goes_out_without_tls() {
    let bench = Bench::new();
    let (plain, host) = (bench.host("not-tls"), bench.host("intermediate"));
    let http = format!("http://{}:{}/", plain.name, plain.address.port());
    assert!(matches!(bench.client().get(&http), Err(NetError::Http(_))));
    let redirected = bench.client().get(&host.url(&format!("/redirect?to={http}")));
    assert!(matches!(redirected, Err(NetError::Http(_))));
}

#[test]
fn invalid_chains_are_refused_before_any_pin_is_asked() {
    let bench = Bench::new();
    let client = bench.client();
    for name in ["wrong-host", "expired", "self-signed", "missing-intermediate"] {
        let host = bench.host(name);
        bench.pin(&host.name, &host.served_pins[0]);
        let error = client.get(&host.url("/")).unwrap_err();
        assert!(matches!(error, NetError::Http(_)), "{name}: {error:?}");
        assert!(error.to_string().contains("invalid peer certificate"), "{name}: {error}");
        assert_eq!(bench.requests(name), 0);
    }
    // That each host is pinned in the place of the one before it is told; there is nothing else.
    assert!(bench.events.take().iter().all(|event| event.reason == "pins-dropped"));
}

#[test]
fn unrelated_pinned_certificate_in_the_served_chain_does_not_help() {
    let bench = Bench::new();
    let (leaf, appended) = (bench.host("leaf"), bench.host("appended"));
    bench.pin(&appended.name, &leaf.pins[1]);
    assert!(appended.served_pins.contains(&leaf.pins[1]), "the pinned certificate is sent");
    assert_eq!(refused(fetch(&bench.client(), &appended.url("/"))), "no-pin-matched");
    assert_eq!(bench.requests("appended"), 0);
    bench.pin(&appended.name, &appended.pins[1]);
    assert_eq!(fetch(&bench.client(), &appended.url("/")).unwrap().0, 200);
}

#[test]
fn valid_chain_with_another_key_is_blocked() {
    let bench = Bench::new();
    let genuine = bench.host("leaf");
    for name in ["impostor", "same-name-ca"] {
        let deceiver = bench.host(name);
        for pin in &genuine.pins[..2] {
            bench.pin(&genuine.name, pin);
            assert_eq!(refused(fetch(&bench.client_at(&deceiver), &deceiver.url("/"))), "no-pin-matched");
        }
        assert_eq!(bench.requests(name), 0);
        bench.pin(&genuine.name, &genuine.pins[2]);
        assert_eq!(fetch(&bench.client_at(&deceiver), &deceiver.url("/")).unwrap().0, 200, "same root");
    }
}

#[test]
fn issuer_that_may_not_issue_is_no_way_to_a_pin() {
    let bench = Bench::new();
    let (genuine, rogue) = (bench.host("leaf"), bench.host("rogue-issuer"));
    let roots = Roots::Given(bench.testbed.rogue_ca_pem().unwrap());
    let client = bench.builder_for(roots).resolve(&rogue.name, rogue.address).build().unwrap();
    for pin in &genuine.pins {
        bench.pin(&genuine.name, pin);
        assert_eq!(refused(fetch(&client, &rogue.url("/"))), "no-pin-matched");
    }
    assert_eq!(bench.requests("rogue-issuer"), 0);
    bench.engine.disable();
    assert_eq!(fetch(&client, &rogue.url("/")).unwrap().0, 200, "valid TLS for who trusts the rogue root");
}

#[test]
fn body_that_is_cut_off_is_an_error() {
    let bench = Bench::new();
    let host = bench.host("half-close");
    let mut response = bench.client().get(&host.url("/")).unwrap();
    assert!(response.body_mut().read_to_vec().is_err());
}

/// Answers one request without its length, and ends the connection with TLS's goodbye or without.
fn serve_to_the_end(identity: &rcgen::CertifiedKey<rcgen::KeyPair>, goodbye: bool) -> SocketAddr {
    let config = server_config(vec![identity.cert.der().clone()], &identity.signing_key);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let tls = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(tls, listener.accept().unwrap().0);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf").unwrap();
        if goodbye {
            stream.conn.send_close_notify();
        }
        stream.flush().unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.sock.read(&mut [0; 64]); // until the client has gone
    });
    address
}

#[test]
fn answer_without_a_length_ends_where_the_server_says_so_and_not_where_somebody_cuts_it() {
    let bench = Bench::new();
    let identity = rcgen::generate_simple_self_signed(["cut.test".to_owned()]).unwrap();
    for goodbye in [true, false] {
        let address = serve_to_the_end(&identity, goodbye);
        let roots = Roots::Given(identity.cert.pem().into());
        let client = bench.builder_for(roots).resolve("cut.test", address).build().unwrap();
        let mut response = client.get(&format!("https://cut.test:{}/", address.port())).unwrap();
        let body = response.body_mut().read_to_vec();
        match goodbye {
            true => assert_eq!(body.unwrap(), b"half"),
            false => assert!(body.unwrap_err().to_string().contains("the connection was cut")),
        }
    }
}

#[test]
fn pinned_certificate_without_its_key_gets_nobody_in() {
    // Certificates are public: anybody can send one, and sign with another key.
    let bench = Bench::new();
    let genuine = rcgen::generate_simple_self_signed(["stolen.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(rcgen::KeyPair::generate().unwrap().serialize_der()).unwrap();
    let key = any_supported_type(&key).unwrap();
    for version in [&TLS12, &TLS13] {
        let pair = CertifiedKey::new(vec![genuine.cert.der().clone()], key.clone());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let tls = ServerConnection::new(Arc::new(config)).unwrap();
            let mut received = Vec::new();
            let _ = StreamOwned::new(tls, listener.accept().unwrap().0).read_to_end(&mut received);
            received
        });
        let client = bench.builder_for(Roots::Given(genuine.cert.pem().into()));
        let client = client.resolve("stolen.test", address).build().unwrap();
        let pin = spki_pinning_core::spki::pin_of_certificate(genuine.cert.der()).unwrap();
        bench.pin("stolen.test", &pin.to_string());
        let error = client.get(&format!("https://stolen.test:{}/", address.port())).unwrap_err();
        assert!(error.to_string().contains("BadSignature"), "{error}");
        assert!(server.join().unwrap().is_empty());
    }
}

#[test]
fn silent_server_times_out() {
    let bench = Bench::new();
    let host = bench.host("slow");
    let client = bench.builder().timeout(Duration::from_millis(300)).build().unwrap();
    let start = Instant::now();
    let error = client.get(&host.url("/")).unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30), "without the timeout it would never end");
}

#[test]
fn dripping_server_times_out() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        // The start of a handshake record that never ends.
        let mut record = [22, 3, 3, 64, 0, 2].into_iter().chain(std::iter::repeat(0));
        while record.next().is_some_and(|byte| stream.write_all(&[byte]).is_ok()) {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let client = Bench::new().builder().resolve("drip.test", address).timeout(Duration::from_millis(500));
    let start = Instant::now();
    let error = client.build().unwrap().get(&format!("https://drip.test:{}/", address.port())).unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30), "without the timeout it would never end");
}

#[test]
fn odd_spellings_of_a_host_are_refused_or_judged() {
    let bench = Bench::new();
    let host = bench.host("leaf");
    let port = host.address.port();
    bench.initialize(&format!(
        r#"{{"127.0.0.1": {{"publicKeyHashes": ["{WRONG}"]}}, "leaf.spki.test": {{"publicKeyHashes": ["{WRONG}"]}}}}"#
    ));
    let client = bench.builder().resolve("leaf.spki.test", host.address).build().unwrap();
    for name in [
        "user@leaf.spki.test",
        "user:pass@LEAF.spki.test",
        "le%61f.spki.test",
        "leaf.spki.test..",
        "leaf%2espki.test",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ] {
        assert!(client.get(&format!("https://{name}:{port}/")).is_err(), "{name}");
    }
    assert_eq!(bench.requests("leaf"), 0);
}

#[test]
fn any_timeout_is_taken() {
    let bench = Bench::new();
    for timeout in [Duration::MAX, Duration::from_millis(u64::MAX)] {
        let client = bench.builder().timeout(timeout).build().unwrap();
        assert_eq!(fetch(&client, &bench.host("http1").url("/")).unwrap().0, 200);
    }
}
