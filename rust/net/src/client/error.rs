//! Why a request failed.

use rustls::{Error as TlsError, OtherError};
use spki_pinning_core::Verdict;
use std::{error::Error, fmt, io};

/// Why a request failed.
#[derive(Debug)]
pub enum NetError {
    /// The server's chain holds none of the pins. No byte of the request has left.
    Pinned {
        /// The host that was refused; after redirects, the one that was really contacted.
        host: String,
        /// Why.
        verdict: Box<Verdict>,
    },
    /// Anything else: DNS, connection, TLS, HTTP.
    Http(Box<ureq::Error>),
}

impl fmt::Display for NetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { host, verdict } => write_refusal(formatter, host, verdict),
            Self::Http(error) => error.fmt(formatter),
        }
    }
}

impl Error for NetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pinned { .. } => None,
            Self::Http(error) => Some(error.as_ref()),
        }
    }
}

impl From<ureq::Error> for NetError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<Refusal>() {
                Ok(refusal) => Self::Pinned { host: refusal.host, verdict: Box::new(refusal.verdict) },
                Err(other) => Self::Http(Box::new(ureq::Error::Other(other))),
            },
            other => Self::Http(Box::new(other)),
        }
    }
}

fn write_refusal(formatter: &mut fmt::Formatter<'_>, host: &str, verdict: &Verdict) -> fmt::Result {
    write!(formatter, "the connection to {host} was refused by its pins: {}", verdict.reason().as_str())
}

/// A refusal on its way through rustls and ureq.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) host: String,
    pub(super) verdict: Verdict,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_refusal(formatter, &self.host, &self.verdict)
    }
}

impl Error for Refusal {}

impl From<Refusal> for TlsError {
    fn from(refusal: Refusal) -> Self {
        Self::Other(OtherError(std::sync::Arc::new(refusal)))
    }
}

impl From<Refusal> for ureq::Error {
    fn from(refusal: Refusal) -> Self {
        Self::Other(Box::new(refusal))
    }
}

/// A failed handshake. The refusal that a verifier ended it with, if one did, is inside an error of rustls inside one of
/// `std::io`, neither of which tells its source.
pub(super) fn handshake_failed(error: io::Error) -> ureq::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(TlsError::Other(OtherError(inner))) => match inner.downcast_ref::<Refusal>() {
            Some(refusal) => refusal.clone().into(),
            None => error.into(),
        },
        _ => error.into(),
    }
}

pub(super) fn tls_failed(error: TlsError) -> ureq::Error {
    ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, error))
}

/// A connection that has ended without TLS's own goodbye: anybody on the way can do that.
#[derive(Debug)]
struct CutOff(io::Error);

impl fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        write!(
            formatter,
            "the connection was cut before the server had said that its answer ends ({error}): try again"
        )
    }
}

impl Error for CutOff {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// What ureq takes for the end of an answer whose length nobody has told is only that if the server has said so
/// (RFC 8446 §6.1). Under another kind of error ureq does not take it for that.
pub(super) fn reading_failed(error: io::Error) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            ureq::Error::Other(Box::new(CutOff(error)))
        }
        _ => error.into(),
    }
}
