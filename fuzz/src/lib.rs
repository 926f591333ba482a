//! What several targets need.

pub mod app;
pub mod der;
pub mod server;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use spki_pinning_core::{Engine, verification_key::VerificationKey};

/// When everything happens: 2026-05-28, in milliseconds since the Unix epoch.
pub const NOW: i64 = 1_780_000_000_000;

/// Pins that no certificate has.
pub const PIN: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
pub const OTHER_PIN: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// No certificate at all: what a pinned host is never reached with.
pub const NO_CHAIN: [&[u8]; 0] = [];

/// Who signs manifests: a key of its own for each number.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    pub fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("any seed is one"))
    }

    pub fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(self.0.public_key())})
    }

    pub fn key(&self) -> VerificationKey {
        VerificationKey::parse(&self.jwk().to_string()).expect("that is a key")
    }

    /// Signs what is no JSON too: what is behind the signature has to be reached by anything.
    pub fn sign(&self, claims: &[u8]) -> String {
        self.sign_with(br#"{"alg":"EdDSA","typ":"pins+jwt"}"#, claims)
    }

    pub fn sign_with(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

/// Whether no connection to this host is let through with nothing to show.
pub fn is_blocked(engine: &Engine, host: &str, now_ms: i64) -> bool {
    engine.evaluate(Some(host), &NO_CHAIN, now_ms).is_blocked()
}

/// What an engine says that it does, without what is counted.
pub fn state(engine: &Engine) -> Value {
    let mut status = serde_json::to_value(engine.status(NOW)).expect("a status is JSON");
    for counted in ["generation", "counters", "recentEvents"] {
        status[counted].take();
    }
    status
}

/// DER elements that stand one after the other, each a certificate perhaps; what cannot be told apart is one.
pub fn elements(bytes: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = match rest {
            [_, length @ 0..=0x7f, ..] => 2 + usize::from(*length),
            [_, 0x81, length, ..] => 3 + usize::from(*length),
            [_, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => rest.len(),
        };
        let (element, after) = rest.split_at(length.min(rest.len()));
        elements.push(element);
        rest = after;
    }
    elements
}

fn lowered(bytes: &[u8], into: &mut Vec<u8>) {
    into.extend(u32::try_from(bytes.len()).expect("no input is so long").to_be_bytes());
    into.extend(bytes);
}

/// An optional text as uniffi's bindings write it.
pub fn lowered_option(text: Option<&str>) -> Vec<u8> {
    let mut buffer = vec![u8::from(text.is_some())];
    text.into_iter().for_each(|text| lowered(text.as_bytes(), &mut buffer));
    buffer
}

/// A list of byte arrays as uniffi's bindings write it.
pub fn lowered_chain(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut buffer = u32::try_from(chain.len()).expect("no chain is so long").to_be_bytes().to_vec();
    chain.iter().for_each(|der| lowered(der, &mut buffer));
    buffer
}
