//! Authorities and servers for these tests: by rcgen what it can make, by openssl what is odd.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use spki_pinning_core::spki::pin_of_certificate;
use std::{fs, path::Path, process::Command, slice};

pub(crate) type Der = CertificateDer<'static>;

/// Whose certificates they are.
pub(crate) const HOST: &str = "interop.test";

/// A name and a key.
pub(crate) struct Party {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
}

impl Party {
    fn new(name: &str, is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        Self { params, key: KeyPair::generate().unwrap() }
    }

    pub(crate) fn authority(name: &str) -> Self {
        Self::new(name, IsCa::Ca(BasicConstraints::Unconstrained))
    }

    pub(crate) fn server() -> Self {
        Self::server_for(&[HOST])
    }

    pub(crate) fn server_for(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].clone());
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, key: KeyPair::generate().unwrap() }
    }

    #[must_use]
    pub(crate) fn with_key(self, key: KeyPair) -> Self {
        Self { key, ..self }
    }

    pub(crate) fn own(&self) -> Der {
        self.params.self_signed(&self.key).unwrap().der().clone()
    }

    pub(crate) fn by(&self, issuer: &Self) -> Der {
        let issuer = Issuer::from_params(&issuer.params, &issuer.key);
        self.params.signed_by(&self.key, &issuer).unwrap().der().clone()
    }
}

/// What a server is started with.
#[derive(Clone)]
pub(crate) struct Identity {
    /// As sent, leaf first.
    pub(crate) chain: Vec<Der>,
    /// PEM.
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn new(chain: &[&Der], key: &KeyPair) -> Self {
        Self { chain: chain.iter().map(|der| (*der).clone()).collect(), key: key.serialize_pem() }
    }

    pub(crate) fn pins(&self) -> Vec<String> {
        self.chain.iter().map(pin).collect()
    }
}

/// Root, intermediate and server, all as they should be.
pub(crate) struct Honest {
    pub(crate) root: Party,
    pub(crate) intermediate: Party,
    /// Just the one.
    pub(crate) roots: Vec<Der>,
    pub(crate) intermediate_der: Der,
}

impl Honest {
    pub(crate) fn new() -> Self {
        let (root, intermediate) = (Party::authority("Root"), Party::authority("Intermediate"));
        let (roots, intermediate_der) = (vec![root.own()], intermediate.by(&root));
        Self { root, intermediate, roots, intermediate_der }
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity_of(&Party::server())
    }

    pub(crate) fn identity_of(&self, server: &Party) -> Identity {
        Identity::new(&[&server.by(&self.intermediate), &self.intermediate_der], &server.key)
    }

    /// A server whose key, signature or both rcgen cannot make.
    pub(crate) fn odd_identity(&self, key: &[&str], digest: &str) -> Identity {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(file("ca.pem"), pem(slice::from_ref(&self.intermediate_der))).unwrap();
        fs::write(file("ca.key"), self.intermediate.key.serialize_pem()).unwrap();
        let extensions = format!(
            "subjectAltName=DNS:{HOST}\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n"
        );
        fs::write(file("extensions"), extensions).unwrap();
        let (key_file, request) = (file("key.pem"), file("request.pem"));
        openssl(&[&["genpkey", "-out", &key_file], key].concat());
        openssl(&["req", "-new", "-key", &key_file, "-subj", &format!("/CN={HOST}"), "-out", &request]);
        let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
        let (ext, out) = (file("extensions"), file("leaf.pem"));
        let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-set_serial", "1"];
        openssl(&[&sign[..], &["-days", "30", "-extfile", &ext, "-out", &out, digest]].concat());
        let leaf = Der::from_pem_file(Path::new(&out)).unwrap();
        let key = fs::read_to_string(&key_file).unwrap();
        Identity { chain: vec![leaf, self.intermediate_der.clone()], key }
    }
}

/// Runs it, or fails with what it says.
pub(crate) fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is in the PATH");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn rsa(pem: &str) -> KeyPair {
    KeyPair::from_pem(pem).unwrap()
}

pub(crate) fn pin(certificate: &Der) -> String {
    pin_of_certificate(certificate).unwrap().to_string()
}

pub(crate) fn pem(certificates: &[Der]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let block = |der: &Der| {
        let base64 = STANDARD.encode(der);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    certificates.iter().map(block).collect()
}
