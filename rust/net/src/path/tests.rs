//! Chains that try to look as if a pinned authority had issued them, and honest ones in every disorder.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::{
    slice,
    time::{Duration, Instant},
};

/// Milliseconds are usual, on any machine; a search that tries every order of certificates would outlast everybody.
const WITHIN_REASON: Duration = Duration::from_secs(60);

type Der = CertificateDer<'static>;

/// A name and a key.
struct Party {
    params: CertificateParams,
    key: KeyPair,
}

impl Party {
    fn new(name: &str, is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn authority(name: &str) -> Self {
        Self::new(name, IsCa::Ca(BasicConstraints::Unconstrained))
    }

    fn server() -> Self {
        let mut server = Self::new("server.test", IsCa::ExplicitNoCa);
        server.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server
    }

    /// The same name and key, as somebody else would certify them.
    fn as_authority(&self) -> Self {
        let mut params = self.params.clone();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages.clear();
        Self { params, key: KeyPair::try_from(self.key.serialize_der()).unwrap() }
    }

    fn own(&self) -> Der {
        self.params.self_signed(&self.key).unwrap().der().clone()
    }

    fn by(&self, issuer: &Self) -> Der {
        let issuer = Issuer::from_params(&issuer.params, &issuer.key);
        self.params.signed_by(&self.key, &issuer).unwrap().der().clone()
    }
}

/// Root, intermediate, server, and the certificates from the latter to the former.
struct Honest {
    root: Party,
    intermediate: Party,
    chain: [Der; 3],
}

fn honest(name: &str) -> Honest {
    let (root, intermediate) =
        (Party::authority(&format!("{name} Root")), Party::authority(&format!("{name} Intermediate")));
    let chain = [Party::server().by(&intermediate), intermediate.by(&root), root.own()];
    Honest { root, intermediate, chain }
}

fn clean(reported: &[&Der]) -> Vec<Der> {
    let reported: Vec<_> = reported.iter().map(|der| (*der).clone()).collect();
    clean_reported_chain(&reported, UnixTime::now())
}

#[test]
fn a_good_chain_is_kept_whole() {
    let Honest { chain, .. } = honest("A");
    assert_eq!(clean(&[&chain[0], &chain[1], &chain[2]]), chain);
}

#[test]
fn a_chain_without_its_root_ends_at_the_intermediate() {
    let Honest { chain, .. } = honest("A");
    assert_eq!(clean(&[&chain[0], &chain[1]]), chain[..2]);
}

#[test]
fn order_and_repetition_make_no_difference() {
    let Honest { chain: [leaf, intermediate, root], .. } = honest("A");
    let chain = [leaf.clone(), intermediate.clone(), root.clone()];
    assert_eq!(clean(&[&leaf, &root, &intermediate]), chain);
    assert_eq!(clean(&[&leaf, &leaf, &intermediate, &intermediate, &root, &leaf, &root]), chain);
}

#[test]
fn no_certificates_are_no_chain() {
    assert!(clean(&[]).is_empty());
}

#[test]
fn a_leaf_that_nothing_can_be_proven_for_stays_alone() {
    let Honest { chain, .. } = honest("A");
    assert_eq!(clean(&[&chain[0]]), chain[..1]);
    assert_eq!(clean(&[&chain[0], &chain[2]]), chain[..1]);
    let garbage = Der::from(vec![0x30, 0x03, 0x02, 0x01, 0x01]);
    assert_eq!(clean(&[&chain[0], &garbage]), chain[..1]);
    assert_eq!(clean(&[&garbage, &chain[1]]), slice::from_ref(&garbage));
}

#[test]
fn self_signed_leaf_stays_alone() {
    let mut server = Party::server();
    let leaf = server.own();
    assert_eq!(clean(&[&leaf, &leaf]), slice::from_ref(&leaf));
    server.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let leaf = server.own();
    assert_eq!(clean(&[&leaf, &leaf]), slice::from_ref(&leaf));
}

#[test]
fn unrelated_pinned_certificate_is_dropped_wherever_it_stands() {
    let Honest { chain, .. } = honest("A");
    let pinned = honest("Pinned").chain;
    let expected = chain.to_vec();
    assert_eq!(clean(&[&chain[0], &chain[1], &chain[2], &pinned[1], &pinned[2]]), expected);
    assert_eq!(clean(&[&chain[0], &pinned[1], &chain[1], &pinned[2], &chain[2]]), expected);
    assert_eq!(clean(&[&chain[0], &pinned[0], &pinned[1], &pinned[2], &chain[1], &chain[2]]), expected);
}

#[test]
fn pinned_certificate_in_the_first_place_is_the_leaf_and_proves_nothing_else() {
    let Honest { chain, .. } = honest("A");
    let pinned = honest("Pinned").chain;
    // Whose the connection is, is for the platform: it reports the certificate whose key signed the handshake first.
    assert_eq!(clean(&[&pinned[0], &chain[1], &chain[2]]), pinned[..1]);
    assert_eq!(clean(&[&pinned[1], &chain[1], &chain[2]]), pinned[1..2]);
}

#[test]
fn genuine_namesake_of_the_issuer_is_dropped() {
    let genuine = honest("A");
    let namesake = Party::authority("A Intermediate");
    let other_root = Party::authority("Other Root");
    let leaf = Party::server().by(&namesake);
    let expected = [leaf.clone(), namesake.by(&other_root), other_root.own()];
    let [_, pinned, pinned_root] = &genuine.chain;
    assert_eq!(clean(&[&leaf, pinned, &expected[1], &expected[2]]), expected);
    assert_eq!(clean(&[&leaf, pinned, pinned_root, &expected[1], &expected[2]]), expected);
    assert_eq!(clean(&[&leaf, pinned, pinned_root]), slice::from_ref(&leaf));
}

#[test]
fn authority_that_signed_a_mere_server_is_not_the_authority_of_what_that_server_signs() {
    let Honest { intermediate: pinned, chain, .. } = honest("Pinned");
    let attacker = Party::server();
    let end_entity = attacker.by(&pinned); // honestly issued, and not an authority
    let forged = Party::server().by(&attacker);
    assert_eq!(clean(&[&forged, &end_entity, &chain[1], &chain[2]]), slice::from_ref(&forged));

    // Another root has made the same name and key an authority, so a platform that trusts it accepts the leaf.
    let other_root = Party::authority("Other Root");
    let promoted = attacker.as_authority().by(&other_root);
    let expected = [forged.clone(), promoted.clone(), other_root.own()];
    for reported in [
        [&forged, &end_entity, &chain[1], &chain[2], &promoted, &expected[2]],
        [&forged, &promoted, &expected[2], &end_entity, &chain[1], &chain[2]],
        [&forged, &promoted, &end_entity, &expected[2], &chain[1], &chain[2]],
    ] {
        assert_eq!(clean(&reported), expected);
    }
    // And anybody can make a certificate that says so, but that has no pinned key.
    let self_made = attacker.as_authority().own();
    assert_eq!(clean(&[&forged, &end_entity, &self_made, &chain[1]]), [forged.clone(), self_made.clone()]);
}

#[test]
fn path_length_of_an_intermediate_is_kept() {
    let root = Party::authority("Root");
    let narrow = Party::new("Narrow", IsCa::Ca(BasicConstraints::Constrained(0)));
    let below = Party::authority("Below");
    let leaf = Party::server().by(&below);
    // `Narrow` may not have issued an authority: no path leads over it, though it may itself be taken for the top.
    let (below, narrow, root) = (below.by(&narrow), narrow.by(&root), root.own());
    assert!(!clean(&[&leaf, &below, &narrow, &root]).contains(&root));
}

#[test]
fn expired_intermediate_leads_nowhere() {
    let Honest { root, mut intermediate, .. } = honest("A");
    intermediate.params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let leaf = Party::server().by(&intermediate);
    let root_certificate = root.own();
    assert!(!clean(&[&leaf, &intermediate.by(&root), &root_certificate]).contains(&root_certificate));
}

#[test]
fn intermediate_for_mail_leads_nowhere() {
    let Honest { root, mut intermediate, .. } = honest("A");
    intermediate.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    let leaf = Party::server().by(&intermediate);
    let root_certificate = root.own();
    assert!(!clean(&[&leaf, &intermediate.by(&root), &root_certificate]).contains(&root_certificate));
}

#[test]
fn cross_signed_authority_leads_to_the_root_the_platform_named_last() {
    let Honest { root, intermediate, chain } = honest("Old");
    let new_root = Party::authority("New Root");
    let crossed = intermediate.by(&new_root);
    let [leaf, over_old, _] = &chain;
    let (old, new) = (root.own(), new_root.own());
    assert_eq!(clean(&[leaf, over_old, &crossed, &old, &new]), [leaf.clone(), crossed.clone(), new.clone()]);
    assert_eq!(clean(&[leaf, over_old, &crossed, &new, &old]), [leaf.clone(), over_old.clone(), old.clone()]);

    // The old root certified the new one: the longer way is taken, as the platform's list goes it.
    let new_by_old = new_root.by(&root);
    let longer = [leaf.clone(), crossed.clone(), new_by_old.clone(), old.clone()];
    assert_eq!(clean(&[leaf, &crossed, &new_by_old, &old]), longer);
}

#[test]
fn authorities_that_certify_one_another_do_not_loop() {
    let (a, b) = (Party::authority("A"), Party::authority("B"));
    let leaf = Party::server().by(&a);
    let (a_by_b, b_by_a) = (a.by(&b), b.by(&a));
    assert_eq!(clean(&[&leaf, &a_by_b, &b_by_a]), [leaf.clone(), a_by_b.clone(), b_by_a.clone()]);
}

#[test]
fn hostile_lists_take_bounded_time() {
    // Namesakes with different keys, which name-based path building would try in every order.
    let namesakes: Vec<_> = (0..12).map(|_| Party::authority("Namesake")).collect();
    let leaf = Party::server().by(&namesakes[0]);
    let mut crossed: Vec<Der> = Vec::new();
    for a in &namesakes[..6] {
        crossed.extend(namesakes[..6].iter().filter(|b| !std::ptr::eq(a, *b)).map(|b| a.by(b)));
    }
    let tops: Vec<_> = (0..10).map(|number| Party::authority(&format!("Top {number}")).own()).collect();
    let mut reported = vec![leaf.clone()];
    reported.extend(namesakes.iter().map(Party::own));
    reported.extend(tops);
    reported.extend(crossed);
    for length in [22, MAX_REPORTED] {
        let start = Instant::now();
        let chain = clean_reported_chain(&reported[..length], UnixTime::now());
        assert_eq!(chain[0], leaf);
        assert!(start.elapsed() < WITHIN_REASON, "{:?} for {length}", start.elapsed());
    }

    reported.resize(100, leaf.clone());
    assert_eq!(clean_reported_chain(&reported, UnixTime::now()), [leaf]);
}

#[test]
fn accepted_path_is_preferred_over_the_first_valid_one() {
    let Honest { intermediate, chain, .. } = honest("Old");
    let new_root = Party::authority("New Root");
    let (over_new, new) = (intermediate.by(&new_root), new_root.own());
    let (intermediates, roots) = ([chain[1].clone(), over_new.clone()], [chain[2].clone(), new.clone()]);
    let find = |accept: &dyn Fn(&[CertificateDer<'_>]) -> bool| {
        find(&chain[0], &intermediates, &roots, UnixTime::now(), &|path| accept(path)).unwrap()
    };
    assert_eq!(find(&|_| true), chain);
    assert_eq!(find(&|path| path.contains(&new)), [chain[0].clone(), over_new, new.clone()]);
    assert_eq!(find(&|_| false), chain); // valid all the same: what becomes of it is for the pins
}

#[test]
fn root_that_is_sent_along_is_not_listed_twice() {
    let Honest { chain, .. } = honest("A");
    let roots = [chain[2].clone()];
    let find = |accept: &dyn Fn(&[CertificateDer<'_>]) -> bool| {
        find(&chain[0], &chain[1..], &roots, UnixTime::now(), &|path| accept(path)).unwrap()
    };
    assert_eq!(find(&|_| true), chain);
    assert_eq!(find(&|_| false), chain);
}

#[test]
fn what_a_hostile_server_sends_is_searched_in_bounded_time() {
    // As many certificates as fit into a handshake: namesakes of one another, none of which signed the leaf.
    let namesakes: Vec<_> = (0..10).map(|_| Party::authority("Namesake")).collect();
    let leaf = Party::server().by(&Party::authority("Namesake"));
    let root = Party::authority("Namesake");
    let mut intermediates: Vec<Der> = namesakes.iter().map(|party| party.by(&root)).collect();
    for a in &namesakes {
        intermediates.extend(namesakes.iter().filter(|b| !std::ptr::eq(a, *b)).map(|b| a.by(b)));
    }
    let start = Instant::now();
    assert!(find(&leaf, &intermediates, &[root.own()], UnixTime::now(), &|_| false).is_err());
    assert!(start.elapsed() < WITHIN_REASON, "{:?}", start.elapsed());

    // More valid paths than webpki has patience for, all of them refused: the first is the answer.
    let leaf = Party::server().by(&namesakes[0]);
    let start = Instant::now();
    let asked = std::cell::Cell::new(0);
    let refuse = |_: &[CertificateDer<'_>]| {
        asked.set(asked.get() + 1);
        false
    };
    let found = find(&leaf, &intermediates, &[root.own()], UnixTime::now(), &refuse);
    assert!(found.is_ok() && asked.get() < 200, "asked {} times", asked.get());
    assert!(start.elapsed() < WITHIN_REASON, "{:?}", start.elapsed());
}
