//! The key that is pinned is the key that a handshake was made with: of a certificate that is damaged, doubled in places or
//! written in BER, rustls-webpki verifies the server's signature with the very key whose bytes the core hashes, or the core
//! refuses the certificate. `js/test/spki-handshake.test.ts` does the same with OpenSSL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use spki_pinning_core::spki::certificate_spki;
use std::ops::Range;
use webpki::{EndEntityCert, ring::ECDSA_P256_SHA256};

/// One element: DER, or BER with a length of a digit too many or none at all.
#[derive(Clone)]
struct Element {
    tag: u8,
    content: Content,
    form: Form,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    Elements(Vec<Element>),
}

#[derive(Clone, Copy)]
enum Form {
    Der,
    Padded,
    Indefinite,
}

impl Element {
    /// Every element of well-formed DER.
    fn read_all(der: &[u8]) -> Vec<Self> {
        let mut rest = der;
        let mut all = Vec::new();
        while let [tag, first, ..] = *rest {
            let digits = usize::from(first.saturating_sub(0x80));
            let length = match first {
                0..=0x7f => usize::from(first),
                _ => rest[2..2 + digits].iter().fold(0, |length, digit| length << 8 | usize::from(*digit)),
            };
            let (content, after) = rest[2 + digits..].split_at(length);
            let content = match tag & 0x20 {
                0 => Content::Bytes(content.to_vec()),
                _ => Content::Elements(Self::read_all(content)),
            };
            all.push(Self { tag, content, form: Form::Der });
            rest = after;
        }
        all
    }

    fn write(&self) -> Vec<u8> {
        let content = match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Elements(elements) => elements.iter().flat_map(Self::write).collect(),
        };
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut bytes = vec![self.tag];
        match (self.form, content.len()) {
            (Form::Indefinite, _) => bytes.push(0x80),
            (Form::Padded, _) => bytes.extend([0x83, 0, length[0], length[1]]),
            (Form::Der, 0..=0x7f) => bytes.push(length[1]),
            (Form::Der, 0x80..=0xff) => bytes.extend([0x81, length[1]]),
            (Form::Der, _) => bytes.extend([0x82, length[0], length[1]]),
        }
        bytes.extend(content);
        if matches!(self.form, Form::Indefinite) {
            bytes.extend([0, 0]);
        }
        bytes
    }

    /// How many there are, itself among them.
    fn count(&self) -> usize {
        match &self.content {
            Content::Bytes(_) => 1,
            Content::Elements(elements) => 1 + elements.iter().map(Self::count).sum::<usize>(),
        }
    }

    /// The one with this number, counted from itself, and the list that it is in.
    fn change(&mut self, number: usize, change: &mut dyn FnMut(&mut Vec<Self>, usize)) {
        let Content::Elements(elements) = &mut self.content else { return };
        let mut left = number - 1;
        for index in 0..elements.len() {
            let count = elements[index].count();
            match left {
                0 => return change(elements, index),
                _ if left < count => return elements[index].change(left, change),
                _ => left -= count,
            }
        }
    }

    fn get(&self, number: usize) -> Self {
        let mut found = self.clone();
        self.clone().change(number, &mut |list, index| found = list[index].clone());
        found
    }
}

/// A small random generator (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn of(&mut self, range: Range<usize>) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        range.start + usize::try_from(self.0 >> 16).unwrap() % range.len().max(1)
    }
}

const MESSAGE: &[u8] = b"what a server signs in a handshake";

/// A key of a server: what it signs with, and what its certificate says.
struct Key {
    spki: Vec<u8>,
    signature: Vec<u8>,
}

impl Key {
    fn new(pair: &KeyPair) -> Self {
        let random = SystemRandom::new();
        let signer =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pair.serialize_der(), &random)
                .unwrap();
        Self {
            spki: pair.subject_public_key_info(),
            signature: signer.sign(&random, MESSAGE).unwrap().as_ref().to_vec(),
        }
    }

    /// Whether rustls would take a server that shows this certificate, and signs with this key.
    fn passes_with(&self, certificate: &[u8]) -> bool {
        let der = CertificateDer::from(certificate);
        let algorithm: &dyn SignatureVerificationAlgorithm = ECDSA_P256_SHA256;
        EndEntityCert::try_from(&der).is_ok_and(|certificate| {
            certificate.verify_signature(algorithm, MESSAGE, &self.signature).is_ok()
        })
    }
}

/// Certificates that are tried, and what chance begins with. A long run sets `ROUNDS`, and `SEED` to any number but zero.
const ROUNDS: usize = 8_000;
const SEED: usize = 0x5eed_1234_5678_9abc;

fn from_environment(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn a_server_signs_with_the_key_that_is_pinned_or_its_certificate_is_refused() {
    let pairs = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let [own, pinned] = [Key::new(&pairs[0]), Key::new(&pairs[1])];
    let params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    let der = params.self_signed(&pairs[0]).unwrap().der().to_vec();
    let original = Element::read_all(&der).remove(0);
    assert_eq!(original.write(), der);
    assert!(own.passes_with(&der) && !pinned.passes_with(&der));
    let [pinned_element] = <[Element; 1]>::try_from(Element::read_all(&pinned.spki)).ok().unwrap();

    let rounds = from_environment("ROUNDS", ROUNDS);
    let mut random = Random(from_environment("SEED", SEED) as u64);
    let (mut passed, mut refused) = (0, 0);
    for round in 0..rounds {
        let mut damaged = original.clone();
        for _ in 0..=random.of(0..3) {
            let count = damaged.count();
            let (number, other) = (random.of(1..count), damaged.get(random.of(1..count)));
            let (way, tag) =
                (random.of(0..9), [0x30, 0xa0, 0xa3, 0x81, 0x82, 0x31, 0x23, 0x24][random.of(0..8)]);
            damaged.change(number, &mut |list, index| match way {
                0 => drop(list.remove(index)),
                1 => list.insert(index, list[index].clone()),
                2 => list[index] = other.clone(),
                3 => list.insert(index, pinned_element.clone()),
                4 => list.insert(index + 1, pinned_element.clone()),
                5 => list[index] = pinned_element.clone(),
                6 => list[index].form = Form::Padded,
                7 => list[index].form = Form::Indefinite,
                _ => list[index].tag = tag,
            });
            if damaged.count() < 3 {
                break;
            }
        }
        let mut der = damaged.write();
        let at = random.of(0..der.len() * 3);
        if let Some(byte) = der.get_mut(at) {
            *byte = u8::try_from(random.of(0..256)).unwrap();
        }
        let spki = certificate_spki(&der);
        for key in [&own, &pinned] {
            if !key.passes_with(&der) {
                continue;
            }
            passed += 1;
            match spki {
                Ok(spki) => assert_eq!(spki, key.spki, "round {round}: {der:02x?}"),
                Err(_) => refused += 1,
            }
        }
    }
    println!("of {rounds} certificates, rustls takes {passed}, {refused} of which are refused");
    assert!(passed > rounds / 20, "only {passed} pass");
}
