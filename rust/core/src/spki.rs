//! From a certificate to its pin: the SubjectPublicKeyInfo's own DER bytes, whatever the algorithm, hashed with SHA-256.
//!
//! The handshake path walks the DER to the key and stops there: 16 ns a certificate where a full parse takes 1.5 µs.
//! That both find the same bytes is a property test (`tests/spki_equals_x509_parser.rs`).

use crate::{
    der::{self, BIT_STRING, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE},
    pin::Pin,
};
use sha2::{Digest, Sha256};

/// Input that is not the DER of a certificate (or key, or request) as far as its public key is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnparsableDer;

impl std::fmt::Display for UnparsableDer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("not well-formed DER")
    }
}

impl std::error::Error for UnparsableDer {}

/// The SubjectPublicKeyInfo inside a certificate (RFC 5280 §4.1), header included.
///
/// # Errors
/// When the DER is not a certificate, or bytes follow it.
pub fn certificate_spki(certificate: &[u8]) -> Result<&[u8], UnparsableDer> {
    walk_certificate(certificate).map(|found| found.spki).ok_or(UnparsableDer)
}

/// Whom a certificate is for: a Name, header included.
pub(crate) fn certificate_subject(certificate: &[u8]) -> Result<&[u8], UnparsableDer> {
    walk_certificate(certificate).map(|found| found.subject).ok_or(UnparsableDer)
}

/// The SubjectPublicKeyInfo inside a certification request (PKCS #10, RFC 2986 §4).
///
/// # Errors
/// When the DER is not a certification request, or bytes follow it.
pub fn request_spki(request: &[u8]) -> Result<&[u8], UnparsableDer> {
    walk_request(request).ok_or(UnparsableDer)
}

/// Checks that `spki` is one SubjectPublicKeyInfo and nothing else.
///
/// # Errors
/// When it is not.
pub fn public_key_spki(spki: &[u8]) -> Result<&[u8], UnparsableDer> {
    der::only(spki, SEQUENCE).filter(|content| is_key(content)).map(|_| spki).ok_or(UnparsableDer)
}

/// The pin of a SubjectPublicKeyInfo.
#[inline(never)] // where the one call is, the parts of SHA-256 are inlined: a tenth off a whole check
pub fn pin_of_spki(spki: &[u8]) -> Pin {
    Pin(Sha256::digest(spki).into())
}

/// The pin of a certificate.
///
/// # Errors
/// When the DER is not a certificate.
pub fn pin_of_certificate(certificate: &[u8]) -> Result<Pin, UnparsableDer> {
    certificate_spki(certificate).map(pin_of_spki)
}

/// What the walk through a certificate passes.
struct Found<'a> {
    subject: &'a [u8],
    spki: &'a [u8],
}

fn walk_certificate(certificate: &[u8]) -> Option<Found<'_>> {
    let mut outer = Reader::new(der::only(certificate, SEQUENCE)?);
    let mut tbs = Reader::new(outer.content(SEQUENCE)?);
    outer.skip(SEQUENCE)?; // signatureAlgorithm
    outer.skip(BIT_STRING)?; // signatureValue
    if !outer.is_empty() {
        return None;
    }
    tbs.skip_optional(0xa0)?; // version
    tbs.skip(INTEGER)?; // serialNumber
    tbs.skip(SEQUENCE)?; // signature
    tbs.skip(SEQUENCE)?; // issuer
    tbs.skip(SEQUENCE)?; // validity
    let subject = tbs.whole(SEQUENCE)?;
    let spki = tbs.expect(SEQUENCE)?;
    // issuerUniqueID, subjectUniqueID (IMPLICIT BIT STRING), extensions: each at most once and nothing after them.
    tbs.skip_optional(0x81)?;
    tbs.skip_optional(0x82)?;
    tbs.skip_optional(0xa3)?;
    (tbs.is_empty() && is_key(spki.content)).then_some(Found { subject, spki: spki.whole })
}

fn walk_request(request: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(der::only(request, SEQUENCE)?);
    let mut info = Reader::new(outer.content(SEQUENCE)?);
    outer.skip(SEQUENCE)?; // signatureAlgorithm
    outer.skip(BIT_STRING)?; // signature
    if !outer.is_empty() {
        return None;
    }
    info.skip(INTEGER)?; // version
    info.skip(SEQUENCE)?; // subject
    let spki = info.expect(SEQUENCE)?;
    is_key(spki.content).then_some(spki.whole)
}

/// What a SubjectPublicKeyInfo has inside: `SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }, BIT STRING`, and
/// nothing else.
fn is_key(content: &[u8]) -> bool {
    let key = || {
        let mut reader = Reader::new(content);
        Reader::new(reader.content(SEQUENCE)?).skip(OBJECT_IDENTIFIER)?;
        reader.content(BIT_STRING).filter(|_| reader.is_empty())
    };
    key().is_some_and(|key| !key.is_empty())
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::{certificate_spki, pin_of_certificate, public_key_spki, request_spki};
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};

    fn certificate() -> (Vec<u8>, Vec<u8>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        (certificate, key.subject_public_key_info(), key)
    }

    #[test]
    fn the_key_inside_a_certificate_and_a_request_is_the_key_that_made_them() {
        let (certificate, spki, key) = certificate();
        assert_eq!(certificate_spki(&certificate), Ok(spki.as_slice()));
        assert_eq!(public_key_spki(&spki), Ok(spki.as_slice()));
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        assert_eq!(request_spki(request.der()), Ok(spki.as_slice()));
    }

    #[test]
    fn every_truncation_and_every_appended_byte_is_refused() {
        let (certificate, _, _) = certificate();
        for length in 0..certificate.len() {
            assert!(pin_of_certificate(&certificate[..length]).is_err(), "cut at {length}");
        }
        let mut longer = certificate;
        longer.push(0);
        assert!(pin_of_certificate(&longer).is_err());
    }

    #[test]
    fn a_key_is_not_taken_for_a_certificate_nor_the_reverse() {
        let (certificate, spki, _) = certificate();
        assert!(certificate_spki(&spki).is_err());
        assert!(public_key_spki(&certificate).is_err());
        assert!(request_spki(&certificate).is_err());
    }
}
