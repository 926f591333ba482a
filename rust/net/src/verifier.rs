//! rustls' hook for server certificates: a [`ChainValidator`], then whatever is to be asked of the validated chain.

use crate::validate::{ChainValidator, Presented, ValidatedChain};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        WebPkiSupportedAlgorithms, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::{cell::RefCell, fmt::Debug, sync::Arc};

/// What is asked of a chain once it is valid.
pub(crate) trait Judge: Debug + Send + Sync {
    /// Whether the chain has what is wanted; chooses among several valid paths and leaves no trace.
    fn accepts(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> bool;
    /// The judgement of the connection.
    fn judge(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> Result<(), Error>;
}

thread_local! {
    /// The chain that the last full handshake of this thread was found valid with. rustls has no way to hand it from
    /// its verifier to who made the connection; both run on one thread, the one that drives the handshake.
    static VALIDATED: RefCell<Option<ValidatedChain>> = const { RefCell::new(None) };
}

#[derive(Debug)]
pub(crate) struct Verifier {
    validator: Arc<dyn ChainValidator>,
    judge: Arc<dyn Judge>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(crate) fn new(validator: Arc<dyn ChainValidator>, judge: Arc<dyn Judge>) -> Self {
        Self { validator, judge, algorithms: default_provider().signature_verification_algorithms }
    }

    /// Validates what a server shows: in its handshake, or, where it resumed a session and showed nothing, what it had
    /// shown in the session's first one.
    pub(crate) fn validate(&self, presented: &Presented<'_>) -> Result<ValidatedChain, Error> {
        self.validator.validate(presented, &|chain| self.judge.accepts(presented.name, chain))
    }

    /// The chain of the full handshake that this thread has just driven, once.
    pub(crate) fn take_validated() -> Option<ValidatedChain> {
        VALIDATED.take()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        VALIDATED.set(None);
        let chain = self.validate(&Presented { leaf, intermediates, name, ocsp_response, now })?;
        self.judge.judge(name, &chain)?;
        VALIDATED.set(Some(chain));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
