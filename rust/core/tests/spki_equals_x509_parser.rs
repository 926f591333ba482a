//! The walk to the public key that handshakes use, against a full X.509 parser.

use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SanType, SignatureAlgorithm};
use spki_pinning_core::{certificate, pin::Pin, spki};
use std::sync::LazyLock;

static KEYS: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
    let algorithms: [&SignatureAlgorithm; 3] =
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    algorithms
        .iter()
        .map(|algorithm| KeyPair::generate_for(algorithm).expect("ring makes this key"))
        .collect()
});

fn by_parser(der: &[u8]) -> Option<Vec<u8>> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    rest.is_empty().then(|| certificate.public_key().raw.to_vec())
}

prop_compose! {
    fn certificates()(
        names in proptest::collection::vec("[a-z0-9]{1,20}\\.test", 0..40),
        common_name in "\\PC{0,60}",
        serial in proptest::collection::vec(any::<u8>(), 1..20),
        key in 0usize..3,
        is_ca: bool,
        oid_name in any::<bool>(),
    ) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.into_iter().filter_map(|name| Some(SanType::DnsName(name.try_into().ok()?))).collect();
        params.distinguished_name.push(DnType::CommonName, common_name);
        if oid_name {
            params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 3, 4, 5]), "odd");
        }
        params.serial_number = Some(serial.into());
        params.is_ca = if is_ca { IsCa::Ca(rcgen::BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        params.self_signed(&KEYS[key]).expect("well-formed parameters").der().to_vec()
    }
}

proptest! {
    #[test]
    fn both_find_the_same_key_in_every_generated_certificate(der in certificates()) {
        let walked = spki::certificate_spki(&der).map(<[u8]>::to_vec);
        prop_assert_eq!(walked.ok(), by_parser(&der));
        prop_assert!(certificate::describe(&der).is_ok());
    }

    /// Where both accept damaged input they agree; where the walk alone accepts it, the damage is outside what it reads.
    #[test]
    fn both_agree_on_damaged_certificates(der in certificates(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut der = der;
        let at = at.index(der.len());
        der[at] = byte;
        if let (Ok(walked), Some(parsed)) = (spki::certificate_spki(&der), by_parser(&der)) {
            prop_assert_eq!(walked.to_vec(), parsed);
        }
    }

    #[test]
    fn arbitrary_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = spki::certificate_spki(&bytes);
        let _ = spki::request_spki(&bytes);
        let _ = spki::public_key_spki(&bytes);
        let _ = certificate::describe(&bytes);
    }
}

#[test]
fn both_find_the_same_key_in_every_root_of_the_web() {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    assert!(roots.len() > 100);
    for root in roots {
        assert_eq!(spki::certificate_spki(root).map(<[u8]>::to_vec).ok(), by_parser(root));
    }
}

#[test]
fn pins_equal_those_of_openssl_for_every_root_of_the_web() {
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let public_key = openssl(&["x509", "-inform", "der", "-pubkey", "-noout"], root);
        let spki = openssl(&["pkey", "-pubin", "-outform", "der"], &public_key);
        let digest = openssl(&["dgst", "-sha256", "-binary"], &spki);
        let expected = Pin(digest.try_into().expect("SHA-256 has 32 bytes"));
        assert_eq!(spki::pin_of_certificate(root), Ok(expected));
    }
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test compares with openssl: install it (apt-get install openssl)");
    child.stdin.take().expect("piped").write_all(input).expect("openssl reads");
    let output = child.wait_with_output().expect("openssl ends");
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}
