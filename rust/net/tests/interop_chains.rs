//! What counts as the path to a pin, and what does not: chains that OpenSSL's server sends as it is told to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod common;
mod interop;

use common::WRONG;
use interop::{
    openssl::SServer,
    pki::{Der, HOST, Honest, Identity, Party, pin},
    visitor::{Peer as _, Visitor, in_parallel},
};
use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    NameConstraints, date_time_ymd,
};

/// A server, and who is trusted.
struct Case<'a> {
    what: &'a str,
    roots: Vec<Der>,
    identity: Identity,
    /// Each of them lets the client through.
    counting: Vec<String>,
    /// None of these does.
    idle: Vec<String>,
}

fn run(cases: &[Case<'_>]) {
    in_parallel(cases, |case| {
        let Case { what, roots, identity, counting, idle } = case;
        let server = SServer::start(identity, &["-cipher", "DEFAULT:@SECLEVEL=0"]);
        let mut connections = 0;
        for pin in idle.iter().map(String::as_str).chain([WRONG]) {
            let visitor = Visitor::new(roots, &server);
            visitor.pin(pin);
            visitor.is_refused_by_pins(&format!("{what}: {pin}"));
            connections += 1;
            server.wait_for_end_of(connections);
        }
        assert_eq!((server.requests(), server.application_data()), (0, 0), "{what}: nothing arrives");
        for pin in counting {
            let visitor = Visitor::new(roots, &server);
            visitor.pin(pin);
            visitor.is_allowed(&format!("{what}: {pin}"));
        }
        assert_eq!(server.requests(), counting.len(), "{what}");
    });
}

/// Whatever is pinned, report-only or nothing at all: such a chain is not valid.
fn are_refused(cases: &[(&str, &[Der], Identity, &str)]) {
    in_parallel(cases, |(what, roots, identity, error)| {
        let server = SServer::start(identity, &["-cipher", "DEFAULT:@SECLEVEL=0"]);
        let listed = |pin: &String| format!(r#"{{"{HOST}": {{"publicKeyHashes": ["{pin}"]}}}}"#);
        let report_only = format!(r#"{{"{HOST}": {{"publicKeyHashes": ["{WRONG}"], "reportOnly": true}}}}"#);
        let root_pins: Vec<_> = roots.iter().map(pin).collect();
        let pins = identity.chain.iter().map(pin).chain(root_pins);
        let documents = pins.map(|pin| listed(&pin)).chain([report_only, "{}".to_owned()]);
        let mut connections = 0;
        for document in documents {
            let visitor = Visitor::new(roots, &server);
            visitor.initialize(&document);
            let failure = visitor.fails(what);
            let expected = format!("invalid peer certificate: {error}");
            assert!(failure.contains(&expected), "{what}: {failure}");
            assert!(visitor.events.take().is_empty(), "{what}: no pin was asked");
            connections += 1;
            server.wait_for_end_of(connections);
        }
        assert_eq!((server.requests(), server.application_data()), (0, 0), "{what}: nothing arrives");
    });
}

/// An intermediate with certificates of two roots.
struct Crossed {
    a: Party,
    b: Party,
    intermediate: Party,
    server: Party,
    leaf: Der,
}

impl Crossed {
    fn new() -> Self {
        let (a, b) = (Party::authority("Root A"), Party::authority("Root B"));
        let (intermediate, server) = (Party::authority("Intermediate"), Party::server());
        let leaf = server.by(&intermediate);
        Self { a, b, intermediate, server, leaf }
    }

    fn sending(&self, others: &[&Der]) -> Identity {
        Identity::new(&[&[&self.leaf], others].concat(), &self.server.key)
    }

    /// What B has certified, if there is something about it.
    fn limited_by_b(&self, limit: impl Fn(&mut Party)) -> Der {
        let mut limited =
            Party { params: self.intermediate.params.clone(), key: copy(&self.intermediate.key) };
        limit(&mut limited);
        limited.by(&self.b)
    }
}

fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::try_from(key.serialize_der()).unwrap()
}

fn only_for_others() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".to_owned())],
        excluded_subtrees: Vec::new(),
    }
}

#[test]
fn of_two_valid_paths_each_counts_and_of_a_path_that_is_not_valid_nothing_above_the_fork_does() {
    let crossed = Crossed::new();
    let Crossed { a, b, intermediate, leaf, .. } = &crossed;
    let (root_a, root_b, by_a, by_b) = (a.own(), b.own(), intermediate.by(a), intermediate.by(b));
    let (pin_a, pin_b) = (pin(&root_a), pin(&root_b));
    let below = [pin(leaf), pin(&by_a)];
    let with = |more: &[&String]| below.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>();
    let both = || vec![root_a.clone(), root_b.clone()];
    let case = |what, roots: Vec<Der>, identity, counting, idle: &[&String]| {
        let idle = idle.iter().map(|pin| (*pin).clone()).collect();
        Case { what, roots, identity, counting, idle }
    };

    let expired = crossed.limited_by_b(|party| party.params.not_after = date_time_ymd(2020, 1, 1));
    let constrained = crossed.limited_by_b(|party| party.params.name_constraints = Some(only_for_others()));
    let mail = vec![ExtendedKeyUsagePurpose::EmailProtection];
    let for_mail = crossed.limited_by_b(|party| party.params.extended_key_usages.clone_from(&mail));
    let no_authority = crossed.limited_by_b(|party| party.params.is_ca = IsCa::ExplicitNoCa);
    // B itself, as certified by A.
    let (by_b_only, b_by_a) = (crossed.sending(&[&by_b]), b.by(a));
    run(&[
        case("both trusted", both(), crossed.sending(&[&by_a, &by_b]), with(&[&pin_a, &pin_b]), &[]),
        case(
            "both trusted, the other first",
            both(),
            crossed.sending(&[&by_b, &by_a]),
            with(&[&pin_a, &pin_b]),
            &[],
        ),
        case(
            "only A trusted",
            vec![root_a.clone()],
            crossed.sending(&[&by_b, &root_b, &by_a]),
            with(&[&pin_a]),
            &[&pin_b],
        ),
        case("only A's sent", both(), crossed.sending(&[&by_a]), with(&[&pin_a]), &[&pin_b]),
        case("B's expired", both(), crossed.sending(&[&expired, &by_a]), with(&[&pin_a]), &[&pin_b]),
        case("B's for others", both(), crossed.sending(&[&constrained, &by_a]), with(&[&pin_a]), &[&pin_b]),
        case("B's for mail", both(), crossed.sending(&[&for_mail, &by_a]), with(&[&pin_a]), &[&pin_b]),
        case(
            "B's no authority",
            both(),
            crossed.sending(&[&no_authority, &by_a]),
            with(&[&pin_a]),
            &[&pin_b],
        ),
        case(
            "B by A, both trusted",
            both(),
            crossed.sending(&[&by_b, &b_by_a]),
            with(&[&pin_a, &pin_b]),
            &[],
        ),
        case(
            "B by A, A trusted",
            vec![root_a.clone()],
            crossed.sending(&[&by_b, &b_by_a]),
            with(&[&pin_a, &pin_b]),
            &[],
        ),
        case(
            "B by A, B trusted",
            vec![root_b.clone()],
            crossed.sending(&[&by_b, &b_by_a, &root_a]),
            with(&[&pin_b]),
            &[&pin_a],
        ),
        case("without A's", both(), by_b_only, with(&[&pin_b]), &[&pin_a]),
    ]);
}

#[test]
fn what_is_sent_along_and_is_not_on_the_path_counts_for_nothing() {
    let (pki, pinned) = (Honest::new(), Honest::new());
    let server = Party::server();
    let leaf = server.by(&pki.intermediate);
    let (intermediate, root) = (&pki.intermediate_der, &pki.roots[0]);
    let genuine = Party::server().by(&pinned.intermediate);
    let strangers = [&genuine, &pinned.intermediate_der, &pinned.roots[0]];
    let many: Vec<Der> =
        (0..20).map(|number| Party::authority(&format!("Authority {number}")).own()).collect();
    let sending = |chain: &[&Der]| Identity::new(chain, &server.key);
    let case = |what, identity| Case {
        what,
        roots: [pki.roots.clone(), pinned.roots.clone()].concat(),
        identity,
        counting: [&leaf, intermediate, root].map(pin).to_vec(),
        idle: strangers.map(pin).to_vec(),
    };
    run(&[
        case("after the chain", sending(&[&[&leaf, intermediate][..], &strangers].concat())),
        case("after the root", sending(&[&[&leaf, intermediate, root][..], &strangers].concat())),
        case("within the chain", sending(&[&[&leaf][..], &strangers, &[intermediate, root]].concat())),
        case("in disorder", sending(&[&leaf, root, &genuine, intermediate, &pinned.intermediate_der, &leaf])),
        case(
            "among many",
            sending(&[&[&leaf][..], &many.iter().collect::<Vec<_>>(), &[intermediate]].concat()),
        ),
    ]);
}

#[test]
fn chain_that_is_not_valid_is_refused_though_the_pins_match() {
    let pki = Honest::new();
    let Honest { root, intermediate, intermediate_der, roots, .. } = &pki;
    // A server's certificate with something wrong, by the good intermediate.
    let leaf = |change: &dyn Fn(&mut Party)| {
        let mut server = Party::server();
        change(&mut server);
        pki.identity_of(&server)
    };
    // A good certificate, by an intermediate with something wrong.
    let under = |change: &dyn Fn(&mut Party)| {
        let mut authority = Party::authority("Odd Intermediate");
        change(&mut authority);
        let (server, der) = (Party::server(), authority.by(root));
        Identity::new(&[&server.by(&authority), &der], &server.key)
    };
    let server = Party::server();
    let self_signed = Identity::new(&[&server.own()], &server.key);
    let and_a_good_chain = Identity::new(&[&server.own(), intermediate_der, &roots[0]], &server.key);

    let (mut narrow, below) = (Party::authority("Narrow"), Party::authority("Below"));
    narrow.params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let too_long = Identity::new(&[&server.by(&below), &below.by(&narrow), &narrow.by(root)], &server.key);

    let impostor = Party { params: intermediate.params.clone(), key: KeyPair::generate().unwrap() };
    let forged = Identity::new(&[&server.by(&impostor), intermediate_der], &server.key);
    let mut broken = server.by(intermediate).to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let broken = Identity::new(&[&Der::from(broken), intermediate_der], &server.key);

    let odd = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    let critical = |party: &mut Party| {
        let mut odd = odd.clone();
        odd.set_criticality(true);
        party.params.custom_extensions.push(odd);
    };
    let client_only = |party: &mut Party| {
        party.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    are_refused(&[
        (
            "name constraints",
            roots,
            under(&|party| party.params.name_constraints = Some(only_for_others())),
            "",
        ),
        ("SHA-1", roots, pki.odd_identity(&["-algorithm", "RSA"], "-sha1"), ""),
        ("for clients only", roots, leaf(&client_only), ""),
        ("under an authority for clients only", roots, under(&client_only), ""),
        (
            "expired intermediate",
            roots,
            under(&|party| party.params.not_after = date_time_ymd(2020, 1, 1)),
            "certificate expired",
        ),
        (
            "expired",
            roots,
            leaf(&|party| party.params.not_after = date_time_ymd(2020, 1, 1)),
            "certificate expired",
        ),
        (
            "of tomorrow",
            roots,
            leaf(&|party| party.params.not_before = date_time_ymd(2090, 1, 1)),
            "certificate not valid yet",
        ),
        ("intermediate without CA flag", roots, under(&|party| party.params.is_ca = IsCa::ExplicitNoCa), ""),
        ("intermediate that says nothing of it", roots, under(&|party| party.params.is_ca = IsCa::NoCa), ""),
        (
            "authority as server",
            roots,
            leaf(&|party| party.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "",
        ),
        ("path too long", roots, too_long, ""),
        (
            "of another host",
            roots,
            pki.identity_of(&Party::server_for(&["other.test"])),
            "certificate not valid for name",
        ),
        (
            "name only as common name",
            roots,
            leaf(&|party| party.params.subject_alt_names.clear()),
            "certificate not valid for name",
        ),
        ("self-signed", roots, self_signed, "UnknownIssuer"),
        ("self-signed, with a good chain behind it", roots, and_a_good_chain, "UnknownIssuer"),
        ("not by the key of the issuer", roots, forged, ""),
        ("with a broken signature", roots, broken, ""),
        ("critical extension that nobody knows", roots, leaf(&critical), ""),
        (
            "without its intermediate",
            roots,
            Identity::new(&[&server.by(intermediate)], &server.key),
            "UnknownIssuer",
        ),
    ]);
}
