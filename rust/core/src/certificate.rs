//! What people read of a certificate: who it is for, who issued it, until when, which key.

use crate::{
    distinguished_name, pem,
    pin::Pin,
    problem::{Finding, excerpt},
    spki::{self, UnparsableDer},
};
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::{
    certification_request::X509CertificationRequest,
    prelude::FromDer,
    public_key::PublicKey,
    x509::{SubjectPublicKeyInfo, X509Version},
};

/// A certificate, request or bare key described for a person. What is unknown is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// SHA-256 over the SubjectPublicKeyInfo.
    pub pin: Pin,
    /// RFC 4514: `CN=example.com,O=Example`.
    pub subject: Option<String>,
    /// RFC 4514.
    pub issuer: Option<String>,
    /// RFC 3339 in UTC.
    pub not_before: Option<String>,
    /// RFC 3339 in UTC.
    pub not_after: Option<String>,
    /// `RSA 2048`, `EC P-256`, `Ed25519`, or the algorithm's object identifier.
    pub key_algorithm: Option<String>,
}

/// Describes a certificate.
///
/// # Errors
/// When the DER is not a certificate.
pub fn describe(certificate: &[u8]) -> Result<Description, UnparsableDer> {
    let pin = spki::pin_of_certificate(certificate)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| UnparsableDer)?;
    let validity = parsed.validity();
    Ok(Description {
        pin,
        subject: distinguished_name::to_text(parsed.subject().as_raw()),
        issuer: distinguished_name::to_text(parsed.issuer().as_raw()),
        not_before: Some(rfc3339(validity.not_before.to_datetime())),
        not_after: Some(rfc3339(validity.not_after.to_datetime())),
        key_algorithm: Some(key_algorithm(parsed.public_key())),
    })
}

/// Whether a certificate says that it may issue others: `basicConstraints` with `cA`, or a self-issued certificate from
/// before there were extensions (X.509 v1), as some roots are.
pub fn is_authority(certificate: &[u8]) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    match parsed.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        Ok(None) => {
            parsed.version() == X509Version::V1 && parsed.subject().as_raw() == parsed.issuer().as_raw()
        }
        Err(_) => false,
    }
}

/// Describes a SubjectPublicKeyInfo.
///
/// # Errors
/// When the DER is not one.
pub fn describe_public_key(spki: &[u8]) -> Result<Description, UnparsableDer> {
    let spki = spki::public_key_spki(spki)?;
    let (_, parsed) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| UnparsableDer)?;
    Ok(Description {
        pin: spki::pin_of_spki(spki),
        subject: None,
        issuer: None,
        not_before: None,
        not_after: None,
        key_algorithm: Some(key_algorithm(&parsed)),
    })
}

/// Describes a PKCS #10 certification request.
///
/// # Errors
/// When the DER is not one.
pub fn describe_request(request: &[u8]) -> Result<Description, UnparsableDer> {
    let description = describe_public_key(spki::request_spki(request)?)?;
    let (_, parsed) = X509CertificationRequest::from_der(request).map_err(|_| UnparsableDer)?;
    let subject = distinguished_name::to_text(parsed.certification_request_info.subject.as_raw());
    Ok(Description { subject, ..description })
}

/// The largest file that is read: a hundred times the biggest chain in use.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// What a file is expected to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Certificates: any number in PEM, one in DER.
    Certificates,
    /// One SubjectPublicKeyInfo (`PUBLIC KEY`).
    PublicKey,
    /// One certification request.
    Request,
}

impl Expected {
    const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Certificates => &["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"],
            Self::PublicKey => &["PUBLIC KEY"],
            Self::Request => &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"],
        }
    }
    const fn name(self) -> &'static str {
        match self {
            Self::Certificates => "certificate",
            Self::PublicKey => "public key (SubjectPublicKeyInfo)",
            Self::Request => "certificate signing request",
        }
    }
    fn describe(self, der: &[u8]) -> Result<Description, UnparsableDer> {
        match self {
            Self::Certificates => describe(der),
            Self::PublicKey => describe_public_key(der),
            Self::Request => describe_request(der),
        }
    }
}

/// Reads a PEM or DER file: each object found, described, with its DER.
///
/// # Errors
/// Codes `file-…` and `pem-…`, with the line where there is one.
pub fn read_file(bytes: &[u8], expected: Expected) -> Result<Vec<(Description, Vec<u8>)>, Finding> {
    let name = expected.name();
    if bytes.is_empty() {
        return Err(
            Finding::new("file-empty", "the file is empty").suggest(format!("give a file with a {name}"))
        );
    }
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, more than any {name}", bytes.len());
        return Err(Finding::new("file-too-large", message)
            .suggest(format!("give a file with a {name} in PEM or DER")));
    }
    if !pem::is_pem(bytes) {
        let description = expected.describe(bytes).map_err(|_| {
            Finding::new("file-unreadable", format!("the file is neither PEM nor the DER of a {name}"))
                .suggest(other_kind(bytes, expected))
        })?;
        return Ok(vec![(description, bytes.to_vec())]);
    }
    let text = String::from_utf8_lossy(bytes);
    let blocks = pem::blocks(&text)?;
    let found = blocks.iter().map(|block| block.label.clone()).collect::<Vec<_>>().join(", ");
    let mut described = Vec::new();
    for block in blocks.into_iter().filter(|block| expected.labels().contains(&block.label.as_str())) {
        // OpenSSL's TRUSTED CERTIFICATE has auxiliary data after the certificate.
        let der = if block.label.starts_with("TRUSTED") { first_element(block.der) } else { block.der };
        let description = expected.describe(&der).map_err(|_| {
            let message = format!("line {}: the {} is not well-formed DER inside", block.line, block.label);
            Finding::new("pem-bad-content", message).suggest("the file is damaged: get it again")
        })?;
        described.push((description, der));
    }
    if described.is_empty() {
        let message = format!("there is no {name} in the file, only: {}", excerpt(&found));
        return Err(Finding::new("pem-other-content", message).suggest(match expected {
            _ if found.contains("PKCS7") => {
                "take its certificates out: openssl pkcs7 -print_certs -in FILE, and give what that prints"
            }
            Expected::Certificates => "for a key use --key, for a signing request --csr",
            Expected::PublicKey => "for a certificate use --cert, for a signing request --csr",
            Expected::Request => "for a certificate use --cert, for a key --key",
        }));
    }
    Ok(described)
}

fn first_element(mut der: Vec<u8>) -> Vec<u8> {
    let length = crate::der::Reader::new(&der).next().map(|element| element.whole.len());
    der.truncate(length.unwrap_or(der.len()));
    der
}

/// What to do with a file that is neither PEM nor what was expected in DER.
fn other_kind(bytes: &[u8], expected: Expected) -> &'static str {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "it is text in UTF-16: save it as UTF-8";
    }
    // PKCS #12 (RFC 7292 §4) begins SEQUENCE { version INTEGER { v3(3) }, in DER or BER.
    let start = bytes.get(..8).unwrap_or_default();
    if start.first() == Some(&0x30) && start.windows(3).any(|integer| integer == [0x02, 0x01, 0x03]) {
        return "it is PKCS #12: take its certificates out with openssl pkcs12 -nokeys -in FILE, and give what that prints";
    }
    let advice = [
        (Expected::Certificates, "this is a certificate: use --cert"),
        (Expected::PublicKey, "this is a public key: use --key"),
        (Expected::Request, "this is a certificate signing request: use --csr"),
    ];
    let other = advice.into_iter().find(|(kind, _)| *kind != expected && kind.describe(bytes).is_ok());
    other.map_or("look at the file's first line: PEM begins with -----BEGIN", |(_, advice)| advice)
}

fn rfc3339(time: OffsetDateTime) -> String {
    let (date, clock) = (time.date(), time.time());
    let month = u8::from(date.month());
    format!(
        "{:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

fn key_algorithm(key: &SubjectPublicKeyInfo<'_>) -> String {
    let oid = key.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            let name = if oid.ends_with(".10") { "RSA-PSS" } else { "RSA" };
            match rsa_bits(key) {
                Some(bits) => format!("{name} {bits}"),
                None => name.to_owned(),
            }
        }
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            match curve.map(|oid| oid.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => "EC P-256".to_owned(),
                Some("1.3.132.0.34") => "EC P-384".to_owned(),
                Some("1.3.132.0.35") => "EC P-521".to_owned(),
                Some(other) => format!("EC {other}"),
                None => "EC".to_owned(),
            }
        }
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44".to_owned(),
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65".to_owned(),
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87".to_owned(),
        _ => oid,
    }
}

fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    // x509-parser reads the key only under rsaEncryption; under RSASSA-PSS it has the same form.
    match key.parsed().ok()? {
        PublicKey::RSA(rsa) => Some(rsa.key_size()),
        _ => {
            let content = crate::der::only(key.subject_public_key.data.as_ref(), crate::der::SEQUENCE)?;
            let modulus = crate::der::Reader::new(content).expect(crate::der::INTEGER)?.content;
            let digits = modulus.iter().skip_while(|byte| **byte == 0).count();
            Some(digits * 8)
        }
    }
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::{Expected, describe, read_file};
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate() -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Plus+Comma, \"Ltd\"\u{1b}[31m");
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn names_are_rfc_4514_with_control_characters_escaped() {
        let description = describe(certificate().der()).unwrap();
        let subject = description.subject.unwrap();
        assert!(subject.contains(r#"CN=Plus\+Comma\, \"Ltd\"\1B[31m"#), "{subject}");
        assert!(subject.starts_with("C=DE,CN="), "{subject}");
        assert_eq!(description.key_algorithm.as_deref(), Some("EC P-256"));
    }

    #[test]
    fn files_of_another_kind_are_told_apart() {
        let (certificate, key) = (certificate(), KeyPair::generate().unwrap());
        let unexpected = read_file(key.serialize_pem().as_bytes(), Expected::Certificates).unwrap_err();
        assert_eq!(unexpected.code, "pem-other-content");
        assert!(unexpected.message.contains("PRIVATE KEY"));
        let unexpected = read_file(certificate.der(), Expected::Request).unwrap_err();
        assert_eq!(unexpected.suggestion.as_deref(), Some("this is a certificate: use --cert"));
        for (file, advice) in [
            (&b"\xff\xfe-\0-\0"[..], "UTF-16"),
            (b"\x30\x82\x09\x2a\x02\x01\x03\x30\x82", "PKCS #12"),
            (b"\x30\x80\x02\x01\x03\x30\x80\x06", "PKCS #12"),
            (b"-----BEGIN PKCS7-----\nAAEC\n-----END PKCS7-----\n", "openssl pkcs7"),
            (b"hello", "-----BEGIN"),
        ] {
            let suggestion = read_file(file, Expected::Certificates).unwrap_err().suggestion.unwrap();
            assert!(suggestion.contains(advice), "{suggestion}");
        }
        assert_eq!(read_file(certificate.pem().as_bytes(), Expected::Certificates).unwrap().len(), 1);
    }
}
