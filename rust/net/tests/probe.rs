//! Probing real servers: every way it can go wrong on loopback, and that each is told apart.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;

use common::server_config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::{ServerConnection, pki_types::CertificateDer};
use spki_pinning_core::certificate::describe;
use spki_pinning_net::probe::{Probe, ProbeError, ProbeOptions, Roots, Stage, probe};
use spki_pinning_testbed::{Host, Testbed};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

fn options(host: &str, address: SocketAddr, roots: Roots) -> ProbeOptions {
    ProbeOptions {
        host: host.to_owned(),
        port: address.port(),
        connect: Some(address.ip().to_string()),
        roots,
        timeout: Duration::from_secs(5),
    }
}

fn at(testbed: &Testbed, host: &Host) -> Result<Probe, ProbeError> {
    probe(&options(&host.name, host.address, Roots::Given(testbed.ca_pem().unwrap())))
}

fn failure(testbed: &Testbed, name: &str) -> ProbeError {
    at(testbed, &testbed.host(name).unwrap()).unwrap_err()
}

/// Does something to one connection.
fn serve(treat: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || treat(listener.accept().unwrap().0));
    address
}

/// A TLS server with this chain, for one connection.
fn serve_tls(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> SocketAddr {
    let config = server_config(chain, key);
    serve(move |mut stream| {
        let mut tls = ServerConnection::new(config).unwrap();
        while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
    })
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}

#[test]
fn chain_is_the_validated_one_up_to_the_root() {
    let testbed = Testbed::start().unwrap();
    for (name, version) in [
        ("leaf", "TLSv1.3"),
        ("tickets12", "TLSv1.2"),
        ("appended", "TLSv1.3"),
        ("rsa4096", "TLSv1.3"),
        ("client-cert", "TLSv1.3"),
    ] {
        let host = testbed.host(name).unwrap();
        let probe = at(&testbed, &host).unwrap();
        assert_eq!(probe.tls_version, version);
        assert_eq!(probe.chain.iter().map(|der| der.to_vec()).collect::<Vec<_>>(), host.validated, "{name}");
    }
}

#[test]
fn ip_literals_and_names_from_dns_work() {
    let testbed = Testbed::start().unwrap();
    let leaf = testbed.host("leaf").unwrap();
    for host in ["127.0.0.1", "localhost", "LocalHost."] {
        let roots = Roots::Given(testbed.ca_pem().unwrap());
        let options = ProbeOptions { connect: None, ..options(host, leaf.address, roots) };
        assert_eq!(probe(&options).unwrap().chain.len(), 3, "{host}");
    }
    let roots = || Roots::Given(testbed.ca_pem().unwrap());
    let by_address = options("::1", leaf.address, roots());
    assert_eq!(probe(&by_address).unwrap().chain.len(), 3);
    let with_port = ProbeOptions { connect: Some(leaf.address.to_string()), port: 1, ..by_address };
    assert_eq!(probe(&with_port).unwrap().chain.len(), 3);
}

#[test]
fn certificate_failures_are_told_apart() {
    let testbed = Testbed::start().unwrap();
    for (name, code, part) in [
        ("expired", "certificate-expired", "expired.spki.test has expired on 2"),
        (
            "wrong-host",
            "certificate-wrong-host",
            "not for wrong-host.spki.test, but for somebody-else.spki.test",
        ),
        ("self-signed", "certificate-self-signed", "nobody vouches"),
        ("missing-intermediate", "certificate-missing-intermediate", "CN=Testbed Hidden Intermediate"),
        ("rogue-issuer", "certificate-invalid", "may not issue certificates"),
    ] {
        let error = failure(&testbed, name);
        assert!(error.to_string().contains(part), "{name}: {error}");
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.suggestion().is_some());
    }
}

#[test]
fn complete_chain_of_an_unknown_authority_is_told_from_an_incomplete_one() {
    let testbed = Testbed::start().unwrap();
    let leaf = testbed.host("leaf").unwrap();
    let error = probe(&options(&leaf.name, leaf.address, Roots::Given(any_roots()))).unwrap_err();
    assert_eq!(error.code(), "certificate-unknown-issuer");
    assert!(error.to_string().contains("CN=Testbed Intermediate 1"), "{error}");
}

#[test]
fn self_signed_certificate_can_be_trusted_as_the_suggestion_says() {
    let testbed = Testbed::start().unwrap();
    let host = testbed.host("self-signed").unwrap();
    let probe = probe(&options(&host.name, host.address, Roots::Given(host.served[0].clone()))).unwrap();
    assert_eq!(probe.chain.len(), 1);
}

#[test]
fn self_signed_authority_as_server_is_explained_trusted_or_not() {
    let key = KeyPair::generate().unwrap();
    let mut authority = params("dev.test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap().der().clone();
    let other = params("other.test").self_signed(&key).unwrap().der().to_vec();
    for roots in [certificate.to_vec(), other] {
        let address = serve_tls(vec![certificate.clone()], &key);
        let error = probe(&options("dev.test", address, Roots::Given(roots))).unwrap_err();
        assert_eq!(error.code(), "certificate-self-signed", "{error}");
        assert!(error.suggestion().unwrap().contains("CA:FALSE"), "{error}");
    }
}

#[test]
fn authority_that_was_made_anew_is_explained() {
    let (old_key, new_key, key) =
        (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = params("Dev CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let leaf = params("dev.test").signed_by(&key, &Issuer::from_params(&authority, &old_key)).unwrap();
    let address = serve_tls(vec![leaf.der().clone()], &key);
    let trusted = authority.self_signed(&new_key).unwrap().der().to_vec();
    let error = probe(&options("dev.test", address, Roots::Given(trusted))).unwrap_err();
    assert_eq!(error.code(), "certificate-invalid", "{error}");
    assert!(error.suggestion().unwrap().contains("anew"), "{error}");
}

#[test]
fn certificate_of_tomorrow_is_not_yet_valid() {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = params("Dev CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut leaf = params("dev.test");
    leaf.not_before = rcgen::date_time_ymd(2090, 1, 1);
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
    let address = serve_tls(vec![leaf.der().clone()], &key);
    let trusted = authority.self_signed(&authority_key).unwrap().der().to_vec();
    let error = probe(&options("dev.test", address, Roots::Given(trusted))).unwrap_err();
    assert_eq!(error.code(), "certificate-not-yet-valid", "{error}");
    assert!(error.to_string().contains("2090-01-01"), "{error}");
}

#[test]
fn names_of_a_certificate_cannot_flood_or_command_a_terminal() {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = params("Dev CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut leaf = params("leaf.test");
    let names =
        std::iter::once("clear\u{1b}[2J.test".to_owned()).chain((0..500).map(|n| format!("{n}.test")));
    leaf.subject_alt_names = names.map(|name| SanType::DnsName(name.try_into().unwrap())).collect();
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
    let address = serve_tls(vec![leaf.der().clone()], &key);
    let trusted = authority.self_signed(&authority_key).unwrap().der().to_vec();
    let error = probe(&options("dev.test", address, Roots::Given(trusted))).unwrap_err();
    assert_eq!(error.code(), "certificate-wrong-host");
    let message = error.to_string();
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.len() < 1000, "{message}");
    assert!(message.ends_with("and 491 more"), "{message}");
}

#[test]
fn plain_http_is_not_tls_and_is_named() {
    let testbed = Testbed::start().unwrap();
    let error = failure(&testbed, "not-tls");
    assert_eq!(error.code(), "not-tls");
    assert!(error.to_string().ends_with("\"HTTP/1.1 400 Bad Request\", plain HTTP"), "{error}");
}

#[test]
fn other_protocols_are_not_tls_either() {
    let address = serve(|mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
        let _ = stream.read(&mut [0; 1024]);
    });
    let error = probe(&options("a.test", address, Roots::Given(any_roots()))).unwrap_err();
    assert_eq!(error.code(), "not-tls", "{error}");
    assert!(error.to_string().contains("SSH-2.0-OpenSSH_9.9"), "{error}");
}

#[test]
fn silent_server_times_out_in_time() {
    let testbed = Testbed::start().unwrap();
    let slow = testbed.host("slow").unwrap();
    let start = Instant::now();
    let options = ProbeOptions {
        timeout: Duration::from_secs(1),
        ..options(&slow.name, slow.address, Roots::Given(testbed.ca_pem().unwrap()))
    };
    let error = probe(&options).unwrap_err();
    assert!(matches!(error, ProbeError::TimedOut { stage: Stage::Handshake, .. }), "{error:?}");
    assert_eq!(error.code(), "timeout");
    assert!((900..30_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[test]
fn dripping_server_times_out_in_time() {
    let address = serve(|mut stream| {
        // The start of a handshake record that never ends.
        let mut record = [22, 3, 3, 64, 0, 2].into_iter().chain(std::iter::repeat(0));
        while record.next().is_some_and(|byte| stream.write_all(&[byte]).is_ok()) {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let options = ProbeOptions {
        timeout: Duration::from_millis(500),
        ..options("a.test", address, Roots::Given(any_roots()))
    };
    let start = Instant::now();
    assert_eq!(probe(&options).unwrap_err().code(), "timeout");
    assert!(start.elapsed() < Duration::from_secs(30), "without the timeout it would never end");
}

#[test]
fn any_timeout_is_taken() {
    let testbed = Testbed::start().unwrap();
    let host = testbed.host("leaf").unwrap();
    for (timeout, good) in
        [(Duration::MAX, true), (Duration::from_millis(u64::MAX), true), (Duration::ZERO, false)]
    {
        let roots = Roots::Given(testbed.ca_pem().unwrap());
        let options = ProbeOptions { timeout, ..options(&host.name, host.address, roots) };
        assert_eq!(probe(&options).is_ok(), good, "{timeout:?}");
    }
}

#[test]
fn refused_port_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = probe(&options("a.test", address, Roots::Given(any_roots()))).unwrap_err();
    assert_eq!(error, ProbeError::Refused(address));
    assert_eq!(error.code(), "refused");
}

#[test]
fn peer_that_closes_in_the_handshake_is_told() {
    for answer in [&[][..], &[22, 3, 3]] {
        let address = serve(|mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(answer).unwrap();
        });
        let error = probe(&options("a.test", address, Roots::Given(any_roots()))).unwrap_err();
        assert_eq!(error.code(), "closed", "{error}");
    }
}

#[test]
fn alert_of_the_peer_is_told() {
    let address = serve(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(&[21, 3, 3, 0, 2, 2, 70]).unwrap(); // fatal, protocol version
        let _ = stream.read(&mut [0; 1024]);
    });
    let error = probe(&options("a.test", address, Roots::Given(any_roots()))).unwrap_err();
    assert_eq!(error.code(), "tls-alert");
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
}

#[test]
fn unknown_name_is_told() {
    let options = ProbeOptions {
        connect: None,
        ..options("no-such-host.invalid", ([127, 0, 0, 1], 1).into(), Roots::Given(any_roots()))
    };
    let error = probe(&options).unwrap_err();
    assert!(matches!(error.code(), "dns" | "timeout"), "{error}");
}

#[test]
fn what_cannot_be_probed_is_told_before_any_connection() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let code = |options: &ProbeOptions| probe(options).unwrap_err().code();
    let good = options("a.test", nowhere, Roots::Given(any_roots()));
    assert_eq!(code(&ProbeOptions { host: "https://a.test/".to_owned(), ..good.clone() }), "bad-host");
    assert_eq!(code(&ProbeOptions { host: String::new(), ..good.clone() }), "bad-host");
    assert_eq!(
        code(&ProbeOptions { connect: Some("127.0.0.1:99999".to_owned()), ..good.clone() }),
        "bad-address"
    );
    assert_eq!(code(&ProbeOptions { roots: Roots::Given(b"nothing".to_vec()), ..good }), "no-roots");
}

#[test]
fn testbed_is_not_trusted_by_the_platform() {
    let testbed = Testbed::start().unwrap();
    let leaf = testbed.host("leaf").unwrap();
    let error = probe(&options(&leaf.name, leaf.address, Roots::Platform)).unwrap_err();
    assert_eq!(error.code(), "certificate-unknown-issuer", "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn platform_that_trusts_the_root_leads_up_to_it() {
    const NAME: &str = "platform_that_trusts_the_root_leads_up_to_it";
    const ADDRESS: &str = "SPKI_PINNING_TEST_ADDRESS";
    // Where Linux's trust comes from is a matter of the environment, so of a process: this test in another one.
    let Ok(address) = std::env::var(ADDRESS) else {
        let testbed = Testbed::start().unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env("SSL_CERT_FILE", testbed.document()["caFile"].as_str().unwrap())
            .env_remove("SSL_CERT_DIR")
            .env(ADDRESS, testbed.host("appended").unwrap().address.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    };
    let probe = probe(&options("appended.spki.test", address.parse().unwrap(), Roots::Platform)).unwrap();
    let names = probe.chain.iter().map(|der| describe(der).unwrap().subject.unwrap());
    let expected = ["appended.spki.test", "Testbed Intermediate 2", "Testbed Root"];
    assert!(names.zip(expected).all(|(name, expected)| name.contains(expected)));
    assert_eq!(probe.chain.len(), 3);
}

fn any_roots() -> Vec<u8> {
    params("a.test").self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}
