//! The client against OpenSSL's server: versions, groups, suites, keys, and what a server may begin after the handshake.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;
mod interop;

use common::WRONG;
use interop::{
    openssl::{SServer, Typed},
    pki::{HOST, Honest, Identity, Party, openssl, pin, rsa},
    visitor::{Peer as _, Visitor, in_parallel, obeys_pins},
};
use rcgen::KeyPair;
use std::process::{Command, Stdio};

const RSA_2048: &str = include_str!("../../testbed/keys/rsa2048.pem");
const RSA_4096: &str = include_str!("../../testbed/keys/rsa4096.pem");

/// What rustls with ring has, and OpenSSL too.
const SUITES: [(&str, &[&str]); 2] = [
    ("-tls1_3", &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]),
    (
        "-tls1_2",
        &["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    ),
];

fn refuses(what: &str, identity: &Identity, pki: &Honest, options: &[&str]) -> String {
    let server = SServer::start(identity, options);
    let visitor = Visitor::new(&pki.roots, &server);
    visitor.pin(&identity.pins()[0]);
    let error = visitor.fails(what);
    server.wait_for_end_of(1);
    assert_eq!((server.requests(), server.application_data()), (0, 0), "{what}");
    error
}

/// Whether somebody else gets through to such a server: then it is us who refuse.
fn s_client_connects(server: &SServer, options: &[&str]) -> bool {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-connect", &server.address().to_string()]).args(options);
    command.stdin(Stdio::null()).output().unwrap().status.success()
}

#[test]
fn versions_1_2_and_1_3_are_spoken_and_older_ones_refused() {
    let pki = Honest::new();
    let identity = pki.identity();
    in_parallel(&["-tls1_2", "-tls1_3"], |version| {
        let server = SServer::start(&identity, &[version]);
        obeys_pins(version, &pki.roots, &server, &identity.pins()[0]);
        assert_eq!(
            server.count("fatal handshake_failure"),
            1,
            "{version}: the server is told of the refusal"
        );
        assert_eq!(server.text().contains("InnerContent"), *version == "-tls1_3");
    });
    in_parallel(&["-tls1", "-tls1_1"], |version| {
        let weak = ["-cipher", "DEFAULT:@SECLEVEL=0"];
        let options = [&[*version], &weak[..]].concat();
        refuses(version, &identity, &pki, &options);
        let server = SServer::start(&identity, &options);
        assert!(s_client_connects(&server, &options), "{version}: OpenSSL speaks it");
    });
}

#[test]
fn every_group_that_both_have_is_used_and_others_end_the_handshake() {
    let pki = Honest::new();
    let identity = pki.identity();
    let cases: Vec<_> = ["-tls1_2", "-tls1_3"]
        .into_iter()
        .flat_map(|version| {
            let known = ["X25519", "P-256", "P-384"].map(|group| (version, group, true));
            let unknown = ["P-521", "X448"].map(|group| (version, group, false));
            known.into_iter().chain(unknown)
        })
        .collect();
    in_parallel(&cases, |(version, group, known)| {
        let options = [*version, "-groups", group];
        let what = options.join(" ");
        if *known {
            let server = SServer::start(&identity, &options);
            obeys_pins(&what, &pki.roots, &server, &identity.pins()[0]);
        } else {
            refuses(&what, &identity, &pki, &options);
        }
    });
}

#[test]
fn every_cipher_suite_that_both_have_is_used_and_weaker_ones_end_the_handshake() {
    let pki = Honest::new();
    let (ecdsa, rsa) = (pki.identity(), pki.identity_of(&Party::server().with_key(rsa(RSA_2048))));
    let mut cases: Vec<(&Identity, [&str; 3], bool)> = Vec::new();
    for (version, suites) in SUITES {
        let option = if version == "-tls1_3" { "-ciphersuites" } else { "-cipher" };
        cases.extend(suites.iter().map(|suite| (&ecdsa, [version, option, *suite], true)));
    }
    let with_rsa: Vec<_> = SUITES[1].1.iter().map(|suite| suite.replace("ECDSA", "RSA")).collect();
    cases.extend(with_rsa.iter().map(|suite| (&rsa, ["-tls1_2", "-cipher", suite.as_str()], true)));
    // CBC, RSA key exchange, finite fields.
    for suite in ["ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"] {
        cases.push((&rsa, ["-tls1_2", "-cipher", suite], false));
    }
    cases.push((&ecdsa, ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], false));
    in_parallel(&cases, |(identity, options, known)| {
        let what = options.join(" ");
        if *known {
            let server = SServer::start(identity, options);
            obeys_pins(&what, &pki.roots, &server, &identity.pins()[0]);
            assert!(server.text().contains(&format!("CIPHER is {}", options[2])), "{what}");
        } else {
            refuses(&what, identity, &pki, options);
        }
    });
}

#[test]
fn every_kind_of_key_that_can_be_verified_is_pinned_and_others_are_refused() {
    let pki = Honest::new();
    let of = |key: KeyPair| pki.identity_of(&Party::server().with_key(key));
    let generate = |algorithm| of(KeyPair::generate_for(algorithm).unwrap());
    let good = [
        ("RSA 2048", of(rsa(RSA_2048))),
        ("RSA 4096", of(rsa(RSA_4096))),
        ("P-256", generate(&rcgen::PKCS_ECDSA_P256_SHA256)),
        ("P-384", generate(&rcgen::PKCS_ECDSA_P384_SHA384)),
        ("Ed25519", pki.odd_identity(&["-algorithm", "ED25519"], "-sha256")),
        ("RSA 3072", pki.odd_identity(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], "-sha256")),
    ];
    let cases =
        good.iter().flat_map(|(name, identity)| [(name, identity, "-tls1_2"), (name, identity, "-tls1_3")]);
    in_parallel(&cases.collect::<Vec<_>>(), |(name, identity, version)| {
        for pin in &identity.pins() {
            let server = SServer::start(identity, &[version]);
            obeys_pins(&format!("{name} {version}"), &pki.roots, &server, pin);
        }
    });

    let odd: [(&str, &[&str]); 4] = [
        ("RSA 1024", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
        ("RSA-PSS", &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("P-521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        ("Ed448", &["-algorithm", "ED448"]),
    ];
    in_parallel(&odd, |(name, key)| {
        let identity = pki.odd_identity(key, "-sha256");
        let options = ["-cipher", "DEFAULT:@SECLEVEL=0"];
        refuses(name, &identity, &pki, &options);
        let server = SServer::start(&identity, &options);
        assert!(s_client_connects(&server, &options), "{name}: OpenSSL takes it");
    });
}

#[test]
fn resumed_session_obeys_the_pins_of_its_time_by_ticket_and_by_id() {
    let pki = Honest::new();
    let identity = pki.identity();
    let cases = [
        ("1.2, ticket", &["-tls1_2"][..]),
        ("1.2, id", &["-tls1_2", "-no_ticket"]),
        ("1.3, ticket", &["-tls1_3"]),
        ("1.3, stateful ticket", &["-tls1_3", "-no_ticket"]),
        ("1.3, early data offered", &["-tls1_3", "-early_data", "-max_early_data", "16384"]),
    ];
    in_parallel(&cases, |(what, options)| {
        let server = SServer::start(&identity, options);
        let visitor = Visitor::new(&pki.roots, &server);
        let resumed = || server.count("Reused session-id");
        visitor.pin(&identity.pins()[0]);
        visitor.is_allowed(what);
        visitor.is_allowed(what);
        server.wait_for_end_of(2);
        assert_eq!(resumed(), 1, "{what}: the second connection resumes");

        let seen = server.application_data();
        visitor.pin(WRONG);
        visitor.is_refused_by_pins(what);
        server.wait_for_end_of(4); // resumed, which the pins do not allow, and anew, which they do not either
        assert_eq!((server.requests(), server.application_data()), (2, seen), "{what}: nothing arrives");
        assert_eq!(resumed(), 2, "{what}: it did resume, and was refused for all that");

        visitor.pin(&identity.pins()[1]);
        visitor.is_allowed(what);
        visitor.is_allowed(what);
        server.wait_for_end_of(6);
        assert_eq!(resumed(), 3, "{what}: the refused session was forgotten, the new one is not");
        assert!(!server.text().contains("Early data received"), "{what}: none is ever sent");
        if options.contains(&"-early_data") {
            assert_eq!(server.count("No early data received"), 6, "{what}: it was waited for");
        }
    });
}

const UPDATE: &[Typed] = &[("k\n", ">>> TLS 1.3, Handshake [length 0005], KeyUpdate")];
const UPDATE_BOTH: &[Typed] = &[
    ("K\n", ">>> TLS 1.3, Handshake [length 0005], KeyUpdate"),
    ("K\n", ">>> TLS 1.3, Handshake [length 0005], KeyUpdate"),
];

#[test]
fn key_update_is_followed_and_answered() {
    let pki = Honest::new();
    let identity = pki.identity();
    in_parallel(&[UPDATE, UPDATE_BOTH], |typed| {
        let server = SServer::typing(&identity, &["-tls1_3"], typed);
        obeys_pins("key update", &pki.roots, &server, &identity.pins()[0]);
        assert_eq!(server.count(typed[0].1), 2 * typed.len(), "of two requests that got through");
    });
}

#[test]
fn renegotiation_is_refused() {
    let pki = Honest::new();
    let identity = pki.identity();
    const RENEGOTIATE: &[Typed] = &[("r\n", "HelloRequest")];
    const WITH_CERTIFICATE: &[Typed] = &[("R\n", "HelloRequest")];
    in_parallel(&[RENEGOTIATE, WITH_CERTIFICATE], |typed| {
        let server = SServer::typing(&identity, &["-tls1_2"], typed);
        let visitor = Visitor::new(&pki.roots, &server);
        visitor.pin(&identity.pins()[0]);
        let _ = visitor.get(); // OpenSSL gives up on a client that does not follow, before its answer or after it
        server.wait_for_end_of(1);
        let text = server.text();
        assert_eq!(text.matches("HelloRequest").count(), 1, "it was asked for");
        assert_eq!(text.matches(", ClientHello").count(), 1, "one handshake, and no other: {text}");
        assert!(text.contains("<<< TLS 1.2, Alert [length 0002], warning no_renegotiation"), "{text}");
    });
}

#[test]
fn stapled_ocsp_response_comes_with_the_chain_to_whoever_validates() {
    let pki = Honest::new();
    let identity = pki.identity();
    let folder = tempfile::tempdir().unwrap();
    for status in ["V", "R"] {
        let response = ocsp_response(folder.path(), &pki, &identity, status);
        let file = folder.path().join("response.der");
        std::fs::write(&file, &response).unwrap();
        let path = file.to_str().unwrap();
        for version in ["-tls1_2", "-tls1_3"] {
            let server = SServer::start(&identity, &[version, "-status_file", path]);
            let pki_roots = pki.roots.clone();
            obeys_pins(&format!("{status} {version}"), &pki_roots, &server, &identity.pins()[0]);
            let bridge = interop::visitor::Bridge::new(&pki_roots);
            let visitor = Visitor::trusting(bridge.roots(), &server);
            visitor.pin(&identity.pins()[0]);
            visitor.is_allowed(version);
            assert_eq!(bridge.stapled(), std::slice::from_ref(&response), "{status} {version}");
        }
    }
}

/// As the authority of the identity says; `V` for good, `R` for revoked.
fn ocsp_response(folder: &std::path::Path, pki: &Honest, identity: &Identity, status: &str) -> Vec<u8> {
    use interop::pki::pem;
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(file("leaf.pem"), pem(&identity.chain[..1])).unwrap();
    std::fs::write(file("issuer.pem"), pem(&identity.chain[1..])).unwrap();
    std::fs::write(file("issuer.key"), pki.intermediate.key.serialize_pem()).unwrap();
    let serial = openssl(&["x509", "-in", &file("leaf.pem"), "-noout", "-serial"]);
    let serial = serial.trim().trim_start_matches("serial=");
    let revoked = if status == "R" { "260101000000Z" } else { "" };
    let index = format!("{status}\t991231235959Z\t{revoked}\t{serial}\tunknown\t/CN={HOST}\n");
    std::fs::write(file("index.txt"), index).unwrap();
    let (leaf, issuer, key, out) =
        (file("leaf.pem"), file("issuer.pem"), file("issuer.key"), file("made.der"));
    let signing = ["-rsigner", &issuer, "-rkey", &key, "-CA", &issuer, "-index", &file("index.txt")];
    let asking = ["-issuer", &issuer, "-cert", &leaf, "-ndays", "7", "-noverify", "-respout", &out];
    openssl(&[&["ocsp"], &signing[..], &asking[..]].concat());
    std::fs::read(out).unwrap()
}

#[test]
fn client_certificate_that_is_asked_for_is_not_sent_and_required_it_is_an_error() {
    let pki = Honest::new();
    let identity = pki.identity();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = SServer::start(&identity, &[version, "-verify", "2"]);
        obeys_pins("asked for", &pki.roots, &server, &identity.pins()[0]);
        assert!(server.text().contains("CertificateRequest"), "it was asked for");

        let server = SServer::start(&identity, &[version, "-Verify", "2", "-verify_return_error"]);
        let visitor = || Visitor::new(&pki.roots, &server);
        let wrong = visitor();
        wrong.pin(WRONG);
        wrong.is_refused_by_pins("required, and the pin is wrong");
        let right = visitor();
        right.pin(&identity.pins()[0]);
        let error = right.fails("required");
        assert!(error.contains("alert") || error.contains("reset"), "{error}");
        server.wait_for_end_of(2);
        assert_eq!(server.requests(), 0);
    }
}

#[test]
fn alpn_of_the_server_changes_nothing() {
    let pki = Honest::new();
    let identity = pki.identity();
    in_parallel(&["h2", "h2,http/1.1", "x-unknown"], |protocols| {
        for version in ["-tls1_2", "-tls1_3"] {
            let server = SServer::start(&identity, &[version, "-alpn", protocols]);
            obeys_pins(protocols, &pki.roots, &server, &identity.pins()[0]);
            assert!(!server.text().contains("ALPN protocols selected"), "none is offered, so none is chosen");
        }
    });
}

#[test]
fn server_name_is_asked_for_in_one_spelling_and_one_that_is_not_known_there_is_no_way_round() {
    let pki = Honest::new();
    let identity = pki.identity();
    let other = pki.identity_of(&Party::server_for(&["other.test"]));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) =
        (file("other.pem", &interop::pki::pem(&other.chain[..1])), file("other.key", &other.key));
    let second = ["-cert2", &certificate, "-key2", &key];
    for version in ["-tls1_2", "-tls1_3"] {
        // The name is known, in all spellings of it.
        let options = [&[version, "-servername", HOST], &second[..]].concat();
        let known = SServer::start(&identity, &options);
        let visitor = Visitor::new(&pki.roots, &known);
        visitor.pin(WRONG);
        for (number, spelling) in [HOST, "INTEROP.test", "interop.test."].into_iter().enumerate() {
            visitor.get_at(spelling).unwrap_err();
            known.wait_for_end_of(number + 1);
            assert_eq!(
                known.count(&format!("Hostname in TLS extension: \"{HOST}\"")),
                number + 1,
                "{spelling}"
            );
        }
        assert_eq!(known.application_data(), 0);

        // It is not: a warning in 1.2, which the server goes on after, or the end.
        let options = [&[version, "-servername", "other.test"], &second[..]].concat();
        let unknown = SServer::start(&identity, &options);
        obeys_pins("a name the server does not know", &pki.roots, &unknown, &identity.pins()[0]);
        let fatal = [&options[..], &["-servername_fatal"]].concat();
        refuses("a name the server does not know, fatally", &identity, &pki, &fatal);
    }
    assert_eq!(identity.pins()[0], pin(&identity.chain[0]));
}
