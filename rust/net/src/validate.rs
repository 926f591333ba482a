//! Who is trusted: the platform, or given roots.

#[cfg(feature = "given-roots")]
use crate::path;
use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
#[cfg(feature = "given-roots")]
use spki_pinning_core::certificate::{Expected, read_file};
use std::{
    fmt::Debug,
    sync::{Arc, OnceLock},
};

/// What a server sent, and what is known of the connection.
#[derive(Debug)]
pub struct Presented<'a> {
    /// The server's own certificate.
    pub leaf: &'a CertificateDer<'a>,
    /// What it sent along.
    pub intermediates: &'a [CertificateDer<'a>],
    /// The name the client wants to talk to.
    pub name: &'a ServerName<'a>,
    /// A stapled OCSP response, or nothing.
    pub ocsp_response: &'a [u8],
    /// When.
    pub now: UnixTime,
}

/// Certificates that were found to be a valid path, leaf first; up to the root where that is known.
pub type ValidatedChain = Vec<CertificateDer<'static>>;

/// Says whether a server's chain is to be believed, and which path through it that rests on.
pub trait ChainValidator: Debug + Send + Sync {
    /// Validates. Where several paths are valid, one that `accept` takes is preferred.
    ///
    /// # Errors
    /// As a `ServerCertVerifier` of rustls has them.
    fn validate(
        &self,
        presented: &Presented<'_>,
        accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, Error>;
}

/// Where trust comes from.
#[derive(Debug, Clone)]
pub enum Roots {
    /// The operating system.
    #[cfg(feature = "platform-verifier")]
    Platform,
    /// The operating system, and a PEM or DER file of more certificates.
    #[cfg(all(feature = "platform-verifier", not(any(target_os = "android", target_os = "ios"))))]
    PlatformAnd(Vec<u8>),
    /// A PEM or DER file of certificates: only these.
    #[cfg(feature = "given-roots")]
    Given(Vec<u8>),
    /// Whoever the app's platform trusts, as its bridge says.
    Bridge(Arc<dyn ChainValidator>),
}

impl Roots {
    /// The validator for these roots.
    ///
    /// # Errors
    /// When the file has no certificate or the platform has no roots.
    pub fn validator(&self) -> Result<Arc<dyn ChainValidator>, RootsError> {
        match self {
            #[cfg(feature = "platform-verifier")]
            Self::Platform => Ok(Arc::new(platform::Platform::new()?)),
            #[cfg(all(feature = "platform-verifier", not(any(target_os = "android", target_os = "ios"))))]
            Self::PlatformAnd(file) => Ok(Arc::new(platform::Platform::with(read_roots(file)?)?)),
            #[cfg(feature = "given-roots")]
            Self::Given(file) => Ok(Arc::new(GivenRoots::read(file)?)),
            Self::Bridge(validator) => Ok(validator.clone()),
        }
    }
}

/// Roots that are read when they are first needed: most processes never need them.
#[derive(Debug)]
pub struct LazyRoots {
    roots: Roots,
    validator: OnceLock<Result<Arc<dyn ChainValidator>, RootsError>>,
}

impl LazyRoots {
    /// These roots, once somebody asks.
    pub fn new(roots: Roots) -> Self {
        Self { roots, validator: OnceLock::new() }
    }
}

impl ChainValidator for LazyRoots {
    fn validate(
        &self,
        presented: &Presented<'_>,
        accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, Error> {
        match self.validator.get_or_init(|| self.roots.validator()) {
            Ok(validator) => validator.validate(presented, accept),
            Err(error) => Err(Error::General(error.to_string())),
        }
    }
}

/// Why there is nothing to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootsError(pub String);

impl std::fmt::Display for RootsError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for RootsError {}

/// Trust in given roots and nothing else, by webpki.
#[cfg(feature = "given-roots")]
#[derive(Debug)]
pub struct GivenRoots {
    roots: Vec<CertificateDer<'static>>,
}

#[cfg(feature = "given-roots")]
impl GivenRoots {
    /// Reads roots from a PEM or DER file.
    ///
    /// # Errors
    /// When it has no certificate.
    pub fn read(file: &[u8]) -> Result<Self, RootsError> {
        Ok(Self { roots: read_roots(file)? })
    }
}

#[cfg(feature = "given-roots")]
fn read_roots(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let found = read_file(file, Expected::Certificates)
        .map_err(|finding| RootsError(format!("the file of trusted certificates: {}", finding.message)))?;
    Ok(found.into_iter().map(|(_, der)| CertificateDer::from(der)).collect())
}

#[cfg(feature = "given-roots")]
impl ChainValidator for GivenRoots {
    fn validate(
        &self,
        presented: &Presented<'_>,
        accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, Error> {
        validate_by_path(&self.roots, presented, accept)
    }
}

/// Whether a certificate is for this name.
///
/// # Errors
/// When it is not.
pub fn verify_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    webpki::EndEntityCert::try_from(leaf)
        .and_then(|leaf| leaf.verify_is_valid_for_subject_name(name))
        .map_err(as_rustls_error)
}

#[cfg(feature = "given-roots")]
fn validate_by_path(
    roots: &[CertificateDer<'static>],
    presented: &Presented<'_>,
    accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
) -> Result<ValidatedChain, Error> {
    let chain =
        path::find(presented.leaf, presented.intermediates, roots, presented.now, &|chain| accept(chain))
            .map_err(as_rustls_error)?;
    verify_name(presented.leaf, presented.name)?;
    Ok(chain.into_iter().map(CertificateDer::into_owned).collect())
}

/// webpki's errors in the terms that rustls sends as alerts and that [`crate::probe`] explains.
fn as_rustls_error(error: webpki::Error) -> Error {
    use webpki::Error as E;
    let error = match error {
        E::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        E::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        E::CertNotValidForName(webpki::InvalidNameContext { expected, presented }) => {
            CertificateError::NotValidForNameContext { expected, presented }
        }
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::BadDer | E::BadDerTime | E::TrailingData(_) => CertificateError::BadEncoding,
        E::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other))),
    };
    Error::InvalidCertificate(error)
}

#[cfg(feature = "platform-verifier")]
mod platform {
    use super::{Arc, CertificateDer, ChainValidator, Error, Presented, RootsError, ValidatedChain, path};
    use rustls::{client::danger::ServerCertVerifier, crypto::ring::default_provider};
    use rustls_platform_verifier::Verifier;

    /// Trust as the operating system has it. Its verifier decides; which path that rests on is found out afterwards, as
    /// no platform's verifier tells rustls.
    #[derive(Debug)]
    pub(super) struct Platform {
        verifier: Verifier,
        roots: Vec<CertificateDer<'static>>,
    }

    impl Platform {
        pub(super) fn new() -> Result<Self, RootsError> {
            let verifier = Verifier::new(Arc::new(default_provider())).map_err(unusable)?;
            Ok(Self { verifier, roots: readable_roots() })
        }

        #[cfg(not(any(target_os = "android", target_os = "ios")))]
        pub(super) fn with(more: Vec<CertificateDer<'static>>) -> Result<Self, RootsError> {
            let verifier = Verifier::new_with_extra_roots(more.clone(), Arc::new(default_provider()));
            let roots = readable_roots().into_iter().chain(more).collect();
            Ok(Self { verifier: verifier.map_err(unusable)?, roots })
        }
    }

    fn unusable(error: Error) -> RootsError {
        RootsError(format!("the system's certificate verifier cannot be used: {error}"))
    }

    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    fn readable_roots() -> Vec<CertificateDer<'static>> {
        rustls_native_certs::load_native_certs().certs
    }

    /// None: paths end with the last certificate that the server sent.
    #[cfg(any(target_os = "android", target_os = "ios"))]
    fn readable_roots() -> Vec<CertificateDer<'static>> {
        Vec::new()
    }

    impl ChainValidator for Platform {
        fn validate(
            &self,
            presented: &Presented<'_>,
            accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
        ) -> Result<ValidatedChain, Error> {
            let Presented { leaf, intermediates, name, ocsp_response, now } = *presented;
            self.verifier.verify_server_cert(leaf, intermediates, name, ocsp_response, now)?;
            let path = path::find(leaf, intermediates, &self.roots, now, &|chain| accept(chain))
                .unwrap_or_else(|_| {
                    let mut presented = vec![leaf.clone()];
                    presented.extend_from_slice(intermediates);
                    path::clean_reported_chain(&presented, now)
                });
            Ok(path.into_iter().map(CertificateDer::into_owned).collect())
        }
    }
}
