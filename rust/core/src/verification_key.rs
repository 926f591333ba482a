//! The public keys that pin manifests are verified with: PEM (RFC 7468) or JWK (RFC 7517), Ed25519 or P-256.

use crate::{
    der::{self, BIT_STRING, OBJECT_IDENTIFIER, Reader, SEQUENCE},
    json::Json,
    pem,
    problem::{Finding, excerpt},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// How a manifest is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037 §3.1, RFC 8032).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4); the signature is `r` and `s`, 32 bytes each.
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    /// The name of RFC 7518 and RFC 8037.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// Whether a JOSE header's `alg` names it. `Ed25519` is what RFC 9864 calls it.
    pub(crate) fn is_named(self, alg: &str) -> bool {
        alg == self.as_str() || (self == Self::EdDsa && alg == "Ed25519")
    }
}

/// A public key, with the one algorithm that it is for: what a manifest's header says of algorithms is never believed.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationKey {
    algorithm: Algorithm,
    /// Ed25519: 32 bytes. P-256: an uncompressed point, 65 bytes.
    key: Vec<u8>,
}

impl VerificationKey {
    /// Reads a key from PEM (`PUBLIC KEY`) or the JSON text of a JWK.
    ///
    /// # Errors
    /// A finding with code `key-…` that says what the text is instead.
    pub fn parse(text: &str) -> Result<Self, Finding> {
        if text.trim_start().starts_with('{') {
            return match Json::parse(text) {
                Ok(jwk) => Self::from_json(&jwk),
                Err(error) => {
                    Err(unreadable(format!("the key looks like a JWK, but is not valid JSON: {error}")))
                }
            };
        }
        if !pem::is_pem(text.as_bytes()) {
            return Err(unreadable(format!("\"{}\" is neither PEM nor a JWK", excerpt(text))));
        }
        let blocks = pem::blocks(text)?;
        if blocks.iter().any(|block| block.label.contains("PRIVATE KEY")) {
            return Err(private());
        }
        let [block] = blocks.as_slice() else {
            return Err(unreadable(format!("there are {} keys where one is expected", blocks.len())));
        };
        match block.label.as_str() {
            "PUBLIC KEY" => from_spki(&block.der),
            label => Err(unreadable(format!("this is a {label}, not a PUBLIC KEY"))),
        }
    }

    /// As [`VerificationKey::parse`], of a JSON value: a string of PEM, or a JWK.
    pub(crate) fn from_json(value: &Json) -> Result<Self, Finding> {
        match value {
            Json::String(text) => Self::parse(text),
            Json::Object(members) => from_jwk(members),
            other => Err(unreadable(format!("a key is PEM text or a JWK, this is {}", other.kind()))),
        }
    }

    /// What it verifies, and nothing else.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Ed25519: 32 bytes. P-256: an uncompressed point, 65 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.key
    }

    /// As a JWK with the members that RFC 7638 wants, in its order.
    pub fn jwk(&self) -> String {
        match self.algorithm {
            Algorithm::EdDsa => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(&self.key))
            }
            Algorithm::Es256 => {
                let (x, y) = self.key[1..].split_at(COORDINATE);
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        }
    }

    /// Its name: RFC 7638 with SHA-256, in base64url.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.jwk()))
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerificationKey({} {})", self.algorithm.as_str(), self.thumbprint())
    }
}

const COORDINATE: usize = 32;
const ED25519: &[u8] = &[0x2b, 0x65, 0x70]; // 1.3.101.112, RFC 8410
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]; // 1.2.840.10045.2.1, RFC 5480
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]; // 1.2.840.10045.3.1.7

fn from_spki(der: &[u8]) -> Result<VerificationKey, Finding> {
    let parts = || {
        let mut spki = Reader::new(der::only(der, SEQUENCE)?);
        let mut algorithm = Reader::new(spki.expect(SEQUENCE)?.content);
        let key = spki.expect(BIT_STRING)?.content.strip_prefix(&[0])?;
        let kind = algorithm.expect(OBJECT_IDENTIFIER)?.content;
        let parameters = if algorithm.is_empty() { None } else { Some(algorithm.next()?) };
        (spki.is_empty() && algorithm.is_empty()).then_some((kind, parameters, key))
    };
    let Some((kind, parameters, key)) = parts() else {
        return Err(unreadable("the PUBLIC KEY is damaged"));
    };
    let curve = parameters.filter(|curve| curve.tag == OBJECT_IDENTIFIER).map(|curve| curve.content);
    match (kind, curve) {
        (ED25519, None) if parameters.is_none() => made(Algorithm::EdDsa, key.to_vec()),
        (EC_PUBLIC_KEY, Some(P256)) => made(Algorithm::Es256, key.to_vec()),
        (EC_PUBLIC_KEY, _) => Err(unsupported("an elliptic curve key of another curve than P-256")),
        _ => Err(unsupported("neither Ed25519 nor P-256")),
    }
}

fn from_jwk(members: &[(String, Json)]) -> Result<VerificationKey, Finding> {
    let member = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    let text = |name: &str| member(name).and_then(Json::as_str);
    if member("d").is_some() {
        return Err(private());
    }
    let coordinate = |name: &str| {
        let bytes = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.filter(|bytes| bytes.len() == COORDINATE).ok_or_else(|| {
            unreadable(format!("`{name}` of the JWK is not {COORDINATE} bytes in base64url without padding"))
        })
    };
    let key = match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => made(Algorithm::EdDsa, coordinate("x")?)?,
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (coordinate("x")?, coordinate("y")?);
            made(Algorithm::Es256, [[0x04].as_slice(), &x, &y].concat())?
        }
        (Some(_), _) => return Err(unsupported("neither an `OKP` key of Ed25519 nor an `EC` key of P-256")),
        (None, _) => return Err(unreadable("the JWK has no `kty`")),
    };
    match (text("use"), text("alg")) {
        (Some(purpose), _) if purpose != "sig" => {
            Err(unsupported(&format!("for `use` \"{}\" and not for signatures", excerpt(purpose))))
        }
        (_, Some(alg)) if !key.algorithm.is_named(alg) => {
            Err(unsupported(&format!("for `alg` \"{}\", which is not its kind of key", excerpt(alg))))
        }
        _ => Ok(key),
    }
}

fn made(algorithm: Algorithm, key: Vec<u8>) -> Result<VerificationKey, Finding> {
    let good = match algorithm {
        Algorithm::EdDsa => key.len() == COORDINATE,
        Algorithm::Es256 => key.len() == 1 + 2 * COORDINATE && key[0] == 0x04,
    };
    if good { Ok(VerificationKey { algorithm, key }) } else { Err(unreadable("the PUBLIC KEY is damaged")) }
}

fn unreadable(message: impl Into<String>) -> Finding {
    Finding::new("key-unreadable", message)
        .suggest("give the public key that `npx react-native-spki-pinning keygen` made, as PEM or JWK")
}

fn unsupported(what: &str) -> Finding {
    Finding::new("key-unsupported", format!("the key is {what}"))
        .suggest("make one with `npx react-native-spki-pinning keygen`")
}

fn private() -> Finding {
    Finding::new("key-is-private", "this is a PRIVATE key: whoever has it can sign pins for the app")
        .suggest("give the public key; if the private one has left its safe place, make a new pair")
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, VerificationKey};

    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    /// RFC 8037, appendix A.2: the same key.
    const ED25519_JWK: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn pem_and_jwk_of_one_key_are_equal_and_named_as_rfc_8037_names_it() {
        let key = VerificationKey::parse(ED25519_PEM).unwrap();
        assert_eq!(key, VerificationKey::parse(ED25519_JWK).unwrap());
        assert_eq!(key.algorithm(), Algorithm::EdDsa);
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); // RFC 8037, appendix A.3
    }

    #[test]
    fn what_is_no_key_for_this_is_refused_by_name() {
        for (text, code) in [
            ("", "key-unreadable"),
            ("AAAA", "key-unreadable"),
            ("{", "key-unreadable"),
            ("{}", "key-unreadable"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "key-unreadable"),
            (
                r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                "key-unsupported",
            ),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "key-unsupported"),
            (r#"{"kty":"oct","k":"AQAB"}"#, "key-unsupported"),
            (&ED25519_JWK.replace("\"x\"", "\"d\":\"AQAB\",\"x\""), "key-is-private"),
            (&ED25519_JWK.replace("\"x\"", "\"use\":\"enc\",\"x\""), "key-unsupported"),
            (&ED25519_JWK.replace("\"x\"", "\"alg\":\"ES256\",\"x\""), "key-unsupported"),
            (&ED25519_PEM.replace("PUBLIC", "PRIVATE"), "key-is-private"),
            (
                &format!(
                    "{}{}",
                    ED25519_PEM.replace("PUBLIC KEY", "EC PARAMETERS"),
                    ED25519_PEM.replace("PUBLIC", "EC PRIVATE")
                ),
                "key-is-private",
            ),
            (&ED25519_PEM.replace("PUBLIC KEY", "CERTIFICATE"), "key-unreadable"),
            (&ED25519_PEM.replace("MCow", "MCox"), "key-unreadable"),
            (&ED25519_PEM.repeat(2), "key-unreadable"),
        ] {
            assert_eq!(VerificationKey::parse(text).unwrap_err().code, code, "{text}");
        }
    }
}
