//! The certificates: made anew at every start, but for RSA keys, which ring cannot make.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm,
};
use std::{error::Error, io};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) type Der = CertificateDer<'static>;

/// The pin of a certificate, base64. Of one made here, so it can be read.
pub(crate) fn pin(certificate: &[u8]) -> String {
    spki_pinning_core::spki::pin_of_certificate(certificate).map(|pin| pin.to_string()).unwrap_or_default()
}

pub(crate) fn io_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server needs: chain as sent, and the key of its leaf.
pub(crate) struct Identity {
    pub(crate) chain: Vec<Der>,
    pub(crate) key: PrivateKeyDer<'static>,
}

pub(crate) fn new_key(algorithm: &'static SignatureAlgorithm) -> io::Result<KeyPair> {
    KeyPair::generate_for(algorithm).map_err(io_error)
}

pub(crate) fn p256() -> io::Result<KeyPair> {
    new_key(&rcgen::PKCS_ECDSA_P256_SHA256)
}

/// A key from a file of this crate.
pub(crate) fn rsa(pem: &str) -> io::Result<KeyPair> {
    KeyPair::from_pem(pem).map_err(io_error)
}

pub(crate) fn copy(key: &KeyPair) -> io::Result<KeyPair> {
    KeyPair::try_from(key.serialize_der()).map_err(io_error)
}

fn authority_params(common_name: &str) -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(io_error)?;
    params.distinguished_name.push(DnType::OrganizationName, "SPKI pinning testbed");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(2);
    params.not_after = now + Duration::days(3650);
    Ok(params)
}

impl Authority {
    pub(crate) fn root(common_name: &str) -> io::Result<Self> {
        let (params, key) = (authority_params(common_name)?, p256()?);
        let certificate = params.self_signed(&key).map_err(io_error)?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    pub(crate) fn intermediate(&self, common_name: &str) -> io::Result<Self> {
        self.intermediate_with_key(common_name, p256()?)
    }

    pub(crate) fn intermediate_with_key(&self, common_name: &str, key: KeyPair) -> io::Result<Self> {
        let params = authority_params(common_name)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io_error)?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    pub(crate) fn der(&self) -> Der {
        self.certificate.der().clone()
    }

    /// A server certificate for these names, which may be IP addresses.
    pub(crate) fn leaf(&self, names: &[&str], key: &KeyPair, days: std::ops::Range<i64>) -> io::Result<Der> {
        leaf_params(names, days)?
            .signed_by(key, &self.issuer)
            .map(|made| made.der().clone())
            .map_err(io_error)
    }

    /// A certificate that may *not* issue others, and an issuer that does so all the same.
    pub(crate) fn disguised(&self, common_name: &str, key: KeyPair) -> io::Result<Self> {
        let mut params = leaf_params(&["disguised.spki.test"], VALID)?;
        params.distinguished_name = authority_params(common_name)?.distinguished_name;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io_error)?;
        params.key_usages.clear();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }
}

/// From two days ago, for 90 days.
pub(crate) const VALID: std::ops::Range<i64> = -2..88;
/// Ended yesterday.
pub(crate) const EXPIRED: std::ops::Range<i64> = -91..-1;

fn leaf_params(names: &[&str], days: std::ops::Range<i64>) -> io::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).map_err(io_error)?;
    params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let now = OffsetDateTime::now_utc();
    params.not_before = now + Duration::days(days.start);
    params.not_after = now + Duration::days(days.end);
    Ok(params)
}

/// A server certificate that signed itself.
pub(crate) fn self_signed(names: &[&str], key: &KeyPair) -> io::Result<Der> {
    leaf_params(names, VALID)?.self_signed(key).map(|made| made.der().clone()).map_err(io_error)
}

pub(crate) fn private_key(key: &KeyPair) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(key.serialize_der()).map_err(io_error)
}

/// Certificates as a PEM file.
pub(crate) fn pem(certificates: &[Der]) -> String {
    let to_pem = |der: &Der| pem_block("CERTIFICATE", der);
    certificates.iter().map(to_pem).collect()
}

pub(crate) fn pem_block(label: &str, der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
