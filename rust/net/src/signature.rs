//! Signatures of pin manifests, by ring, which rustls brings along.

use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use spki_pinning_core::{
    manifest::SignatureVerifier,
    verification_key::{Algorithm, VerificationKey},
};

/// ring's verification.
#[derive(Debug, Clone, Copy)]
pub struct RingVerifier;

impl SignatureVerifier for RingVerifier {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match key.algorithm() {
            Algorithm::EdDsa => &ED25519,
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        };
        UnparsedPublicKey::new(algorithm, key.bytes()).verify(message, signature).is_ok()
    }
}
