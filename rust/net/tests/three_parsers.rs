//! The core's walk to the public key, webpki, which proves chains, and x509-parser, which describes certificates: a
//! certificate in which two of them see different keys would be validated under one and pinned under another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use spki_pinning_core::spki::certificate_spki;
use webpki::anchor_from_trusted_cert;

/// The content of the SubjectPublicKeyInfo, without its header, as webpki has it.
fn by_webpki(der: &[u8]) -> Option<Vec<u8>> {
    let der = CertificateDer::from(der);
    anchor_from_trusted_cert(&der).ok().map(|anchor| anchor.subject_public_key_info.to_vec())
}

fn by_parser(der: &[u8]) -> Option<Vec<u8>> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    rest.is_empty().then(|| certificate.public_key().raw.to_vec())
}

/// A small random generator (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end.max(1)
    }
}

/// Every element of a DER text: where its header begins, where its content does, where it ends.
fn elements(der: &[u8], from: usize, to: usize, depth: u8, found: &mut Vec<(usize, usize, usize)>) {
    let mut at = from;
    while at + 2 <= to {
        let (length, header) = match der[at + 1] {
            short @ 0..=0x7f => (usize::from(short), 2),
            0x81 if at + 3 <= to => (usize::from(der[at + 2]), 3),
            0x82 if at + 4 <= to => (usize::from(der[at + 2]) << 8 | usize::from(der[at + 3]), 4),
            _ => return,
        };
        let (content, end) = (at + header, at + header + length);
        if end > to {
            return;
        }
        found.push((at, content, end));
        if der[at] & 0x20 != 0 && depth < 5 {
            elements(der, content, end, depth + 1, found);
        }
        at = end;
    }
}

fn with_header(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match length {
        0..=0x7f => der.push(length as u8),
        0x80..=0xff => der.extend([0x81, length as u8]),
        _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend(content);
    der
}

/// Replaces an element and mends the lengths of all that contain it.
fn replace(der: &[u8], (at, _, end): (usize, usize, usize), by: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    elements(der, 0, der.len(), 0, &mut found);
    let parent = found.iter().rfind(|(_, content, outer_end)| {
        *content <= at && end <= *outer_end && (*content, *outer_end) != (at, end)
    });
    let Some(&parent) = parent else { return by.to_vec() };
    let content = [&der[parent.1..at], by, &der[end..parent.2]].concat();
    replace(der, parent, &with_header(der[parent.0], &content))
}

fn check(der: &[u8]) -> bool {
    let walked = certificate_spki(der).ok();
    let content = walked.map(|spki| {
        let header = match spki[1] {
            0x82 => 4,
            0x81 => 3,
            _ => 2,
        };
        &spki[header..]
    });
    if let (Some(walked), Some(parsed)) = (walked, by_parser(der)) {
        assert_eq!(walked, parsed, "x509-parser: {der:02x?}");
    }
    if let (Some(content), Some(webpki)) = (content, by_webpki(der)) {
        assert_eq!(content, webpki, "webpki: {der:02x?}");
        return true;
    }
    false
}

/// Mutations to try; two million found nothing either.
const ROUNDS: usize = 20_000;

#[test]
fn no_certificate_shows_two_parsers_two_keys() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let original = params.self_signed(&key).unwrap().der().to_vec();
    assert!(check(&original));
    let other = other.subject_public_key_info();
    let mut random = Random(0x5eed_1234_5678_9abc);
    let mut both = 0;
    for _ in 0..ROUNDS {
        let mut der = original.clone();
        for _ in 0..=random.below(3) {
            let mut found = Vec::new();
            elements(&der, 0, der.len(), 0, &mut found);
            if found.len() < 2 {
                break;
            }
            let element = found[random.below(found.len())];
            let another = found[random.below(found.len())];
            let own = der[element.0..element.2].to_vec();
            let by = match random.below(8) {
                0 => Vec::new(),
                1 => [own.clone(), own].concat(),
                2 => der[another.0..another.2].to_vec(),
                3 => [&other[..], &own].concat(),
                4 => [&own[..], &other].concat(),
                5 => other.clone(),
                6 => with_header(
                    [0x30, 0xa0, 0xa1, 0xa3, 0x81, 0x82, 0x31, 0x02, 0x80][random.below(9)],
                    &der[element.1..element.2],
                ),
                _ => with_header(der[element.0], &own),
            };
            der = replace(&der, element, &by);
            if der.len() < 4 {
                break;
            }
        }
        let at = random.below(der.len() * 4);
        if let Some(byte) = der.get_mut(at) {
            *byte = random.below(256) as u8;
        }
        both += usize::from(check(&der));
    }
    assert!(both > ROUNDS / 100, "only {both} were certificates to both");
}
