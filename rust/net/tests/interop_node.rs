//! The client against Node's TLS server: what servers of many apps are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;
mod interop;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::WRONG;
use interop::{
    node::NodeServer,
    pki::{HOST, Honest, Party, pem, rsa},
    visitor::{Bridge, Peer as _, Visitor, in_parallel, obeys_pins},
};
use serde_json::{Value, json};

fn only(version: &str) -> Value {
    json!({"minVersion": version, "maxVersion": version})
}

const BOTH: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

#[test]
fn versions_1_2_and_1_3_are_spoken_and_older_ones_refused() {
    let pki = Honest::new();
    let identity = pki.identity();
    in_parallel(&BOTH, |version| {
        let server = NodeServer::start(&identity, only(version), json!({}));
        obeys_pins(version, &pki.roots, &server, &identity.pins()[0]);
        assert!(server.events("secure").iter().all(|event| event["version"] == *version));
    });
    in_parallel(&["TLSv1", "TLSv1.1"], |version| {
        let mut options = only(version);
        options["ciphers"] = "DEFAULT:@SECLEVEL=0".into();
        let server = NodeServer::start(&identity, options, json!({}));
        let visitor = Visitor::new(&pki.roots, &server);
        visitor.pin(&identity.pins()[0]);
        visitor.fails(version);
        server.wait_for_end_of(1);
        let error = server.events("end")[0]["error"].as_str().unwrap().to_owned();
        assert!(error.contains("unsupported protocol") || error.contains("protocol version"), "{error}");
        assert_eq!((server.events("secure").len(), server.application_data()), (0, 0));
    });
}

#[test]
fn groups_and_keys_that_both_have_are_used() {
    let pki = Honest::new();
    let server_with = |key| pki.identity_of(&Party::server().with_key(key));
    let generate = |algorithm| server_with(rcgen::KeyPair::generate_for(algorithm).unwrap());
    let identities = [
        generate(&rcgen::PKCS_ECDSA_P256_SHA256),
        generate(&rcgen::PKCS_ECDSA_P384_SHA384),
        server_with(rsa(include_str!("../../testbed/keys/rsa2048.pem"))),
        pki.odd_identity(&["-algorithm", "ED25519"], "-sha256"),
    ];
    let cases: Vec<_> = BOTH
        .iter()
        .flat_map(|version| {
            let keys = identities.iter().map(move |identity| (identity, version, "auto"));
            keys.chain(["X25519", "P-256", "P-384"].map(|group| (&identities[0], version, group)))
        })
        .collect();
    in_parallel(&cases, |(identity, version, group)| {
        let mut options = only(version);
        options["ecdhCurve"] = (*group).into();
        let server = NodeServer::start(identity, options, json!({}));
        obeys_pins(&format!("{version} {group}"), &pki.roots, &server, &identity.pins()[0]);
    });
}

#[test]
fn resumed_session_obeys_the_pins_of_its_time_by_ticket_and_by_id() {
    let pki = Honest::new();
    let identity = pki.identity();
    let cases = [("TLSv1.2", false), ("TLSv1.2", true), ("TLSv1.3", false)];
    in_parallel(&cases, |(version, by_id)| {
        let server = NodeServer::start(&identity, only(version), json!({"sessionsById": by_id}));
        let visitor = Visitor::new(&pki.roots, &server);
        let what = format!("{version}, by id: {by_id}");
        let resumed = || -> Vec<bool> {
            server.events("secure").iter().map(|event| event["resumed"].as_bool().unwrap()).collect()
        };
        visitor.pin(&identity.pins()[0]);
        visitor.is_allowed(&what);
        visitor.is_allowed(&what);
        server.wait_for_end_of(2);
        assert_eq!(resumed(), [false, true], "{what}");

        let seen = server.application_data();
        visitor.pin(WRONG);
        visitor.is_refused_by_pins(&what);
        server.wait_for_end_of(4);
        assert_eq!(resumed(), [false, true, true], "{what}: it did resume, and was refused for all that");
        assert_eq!((server.requests(), server.application_data()), (2, seen), "{what}: nothing arrives");

        visitor.pin(&identity.pins()[1]);
        visitor.is_allowed(&what);
        server.wait_for_end_of(5);
        assert_eq!(resumed(), [false, true, true, false], "{what}: the refused session is forgotten");
    });
}

#[test]
fn renegotiation_is_refused() {
    let pki = Honest::new();
    let identity = pki.identity();
    let server = NodeServer::start(&identity, only("TLSv1.2"), json!({"renegotiate": true}));
    let visitor = Visitor::new(&pki.roots, &server);
    visitor.pin(&identity.pins()[0]);
    let _ = visitor.get(); // the server gives up on a client that does not follow, before its answer or after it
    server.wait_for_end_of(1);
    assert_eq!(server.requests(), 1);
    assert!(server.events("renegotiated").iter().all(|event| event["error"].is_string()));
    let errors = server.events("error");
    assert!(
        errors.iter().any(|event| event["error"].as_str().unwrap().contains("renegotiation")),
        "{errors:?}"
    );
}

#[test]
fn stapled_garbage_is_no_matter_for_who_does_not_ask_for_revocation() {
    let pki = Honest::new();
    let identity = pki.identity();
    for stapled in [&b"garbage"[..], &[0x30, 0x82, 0xff, 0xff], &[0; 20_000]] {
        for version in BOTH {
            let behaviour = json!({"stapled": STANDARD.encode(stapled)});
            let server = NodeServer::start(&identity, only(version), behaviour);
            let roots = pki.roots.clone();
            obeys_pins("stapled garbage", &roots, &server, &identity.pins()[0]);
            let bridge = Bridge::new(&roots);
            let visitor = Visitor::trusting(bridge.roots(), &server);
            visitor.pin(&identity.pins()[0]);
            visitor.is_allowed(version);
            assert_eq!(bridge.stapled(), [stapled.to_vec()], "the platform gets it as it is");
        }
    }
}

#[test]
fn client_certificate_that_is_asked_for_is_not_sent_and_required_it_is_an_error() {
    let pki = Honest::new();
    let identity = pki.identity();
    for version in BOTH {
        let mut options = only(version);
        options["requestCert"] = true.into();
        options["ca"] = pem(&pki.roots).into();
        options["rejectUnauthorized"] = false.into();
        let server = NodeServer::start(&identity, options.clone(), json!({}));
        obeys_pins("asked for", &pki.roots, &server, &identity.pins()[0]);

        options["rejectUnauthorized"] = true.into();
        let server = NodeServer::start(&identity, options, json!({}));
        let visitor = || Visitor::new(&pki.roots, &server);
        let wrong = visitor();
        wrong.pin(WRONG);
        wrong.is_refused_by_pins("required, and the pin is wrong");
        let right = visitor();
        right.pin(&identity.pins()[0]);
        right.fails("required");
        server.wait_for_end_of(2);
        assert_eq!((server.requests(), server.application_data()), (0, 0));
    }
}

#[test]
fn alpn_of_the_server_changes_nothing() {
    let pki = Honest::new();
    let identity = pki.identity();
    let cases = [
        (json!({"ALPNProtocols": ["h2"]}), json!({})),
        (json!({"ALPNProtocols": ["h2", "http/1.1"]}), json!({})),
        (json!({"ALPNProtocols": ["x-unknown"]}), json!({})),
        (json!({}), json!({"http2": true})),
    ];
    in_parallel(&cases, |(options, behaviour)| {
        let server = NodeServer::start(&identity, options.clone(), behaviour.clone());
        let what = format!("{options} {behaviour}");
        obeys_pins(&what, &pki.roots, &server, &identity.pins()[0]);
        let secure = server.events("secure");
        assert!(secure.iter().all(|event| event["protocol"] == false), "{what}: none is offered");
    });
}

#[test]
fn server_name_is_asked_for_in_one_spelling_and_an_address_is_not_a_name() {
    let pki = Honest::new();
    let identity = pki.identity_of(&Party::server_for(&[HOST, "127.0.0.1"]));
    let server = NodeServer::start(&identity, json!({}), json!({}));
    let visitor = Visitor::new(&pki.roots, &server);
    for spelling in [HOST, "INTEROP.test", "interop.test.", "127.0.0.1"] {
        visitor.get_at(spelling).unwrap();
    }
    server.wait_for_end_of(4);
    let names: Vec<_> = server.events("secure").iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names, [json!(HOST), json!(HOST), json!(HOST), json!(false)]);

    let refusing = NodeServer::start(&identity, json!({}), json!({"refuseName": true}));
    let visitor = Visitor::new(&pki.roots, &refusing);
    visitor.pin(&identity.pins()[0]);
    visitor.fails("a name that the server knows nothing of");
    refusing.wait_for_end_of(1);
    assert_eq!(refusing.application_data(), 0);
}

#[test]
fn answer_is_complete_only_if_http_or_tls_says_so() {
    let pki = Honest::new();
    let identity = pki.identity();
    let by_length = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok";
    let in_chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
    let whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let to_the_end = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok";
    let half_a_head = "HTTP/1.1 200 OK\r\nconnection: clo";
    let cases = [
        (by_length, "end", false),
        (by_length, "cut", false),
        (in_chunks, "end", false),
        (in_chunks, "cut", false),
        (whole, "cut", true),
        (half_a_head, "end", false),
        (half_a_head, "cut", false),
        // Of these two only TLS can tell: who cuts the connection cannot say goodbye.
        (to_the_end, "end", true),
        (to_the_end, "cut", false),
    ];
    let all: Vec<_> = BOTH.iter().flat_map(|version| cases.map(|case| (version, case))).collect();
    in_parallel(&all, |(version, (answer, ending, complete))| {
        let behaviour = json!({"answer": STANDARD.encode(answer), "ending": ending});
        let server = NodeServer::start(&identity, only(version), behaviour);
        let visitor = Visitor::new(&pki.roots, &server);
        visitor.pin(&identity.pins()[0]);
        let what = format!("{version} {ending} {answer:?}");
        if *complete {
            visitor.is_allowed(&what);
        } else {
            visitor.fails(&what);
        }
    });
}
