//! What a probe met instead of a valid chain, and what to do about it.

use crate::validate::RootsError;
use rustls::{AlertDescription, CertificateError, Error as TlsError, OtherError};
use rustls_pki_types::CertificateDer;
#[cfg(feature = "given-roots")]
use spki_pinning_core::certificate::{describe, is_authority};
use spki_pinning_core::{certificate::Description, host::MAX_HOST_OCTETS, problem::Finding};
use std::{fmt, net::SocketAddr, time::Duration};

/// What happened instead of a handshake with a valid chain.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ProbeError {
    /// The host is no name that could be asked for.
    BadHost(Finding),
    /// The address to connect to is not `address` or `address:port`.
    BadAddress(String),
    /// There is nothing to trust.
    NoRoots(RootsError),
    /// DNS does not know the name.
    NameNotFound(String),
    /// Nothing listens on that port.
    Refused(SocketAddr),
    /// There is no way to that address.
    Unreachable(SocketAddr),
    /// The time was up.
    TimedOut {
        /// Host and port.
        place: String,
        /// What took so long.
        stage: Stage,
        /// What was allowed for everything.
        timeout: Duration,
    },
    /// The peer answered with something that is not TLS.
    NotTls {
        /// Host and port.
        place: String,
        /// How its answer starts.
        answer: String,
    },
    /// The peer closed the connection during the handshake.
    Closed(String),
    /// The peer ended the handshake with an alert.
    Alert {
        /// Host and port.
        place: String,
        /// Its reason.
        alert: AlertDescription,
    },
    /// The handshake failed otherwise.
    TlsFailed {
        /// Host and port.
        place: String,
        /// Why.
        error: TlsError,
    },
    /// The peer's certificates are not valid for the host.
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with them.
        problem: CertificateProblem,
    },
    /// The operating system reported something else.
    Io {
        /// Host and port, or the address.
        place: String,
        /// In the system's words.
        message: String,
    },
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    LookUp,
    /// Opening the TCP connection.
    Connection,
    /// The TLS handshake.
    Handshake,
}

/// What is wrong with a server's certificates. Names are RFC 4514 strings, times RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// A certificate's time is over.
    Expired {
        /// Whose, unless it is the server's own.
        authority: Option<String>,
        /// Since when.
        since: String,
    },
    /// A certificate's time has not begun.
    NotYetValid {
        /// When it will.
        from: String,
    },
    /// The certificate is for other names.
    WrongHost {
        /// Those, as far as they are known.
        names: Vec<String>,
    },
    /// Nobody but the server itself vouches for it.
    SelfSigned {
        /// Whether it is an authority's certificate too, which rustls takes for no server's, trusted or not.
        is_authority: bool,
    },
    /// The server sends only its own certificate, and nobody trusted has issued that.
    MissingIntermediate {
        /// Who has.
        issuer: String,
    },
    /// Nobody trusted has issued it.
    UnknownIssuer {
        /// Who has.
        issuer: String,
    },
    /// A signature is not by the key that it should be by.
    BadSignature,
    /// Anything else.
    Invalid(String),
}

/// What was sent, and whether its first certificate is an authority's.
#[cfg(feature = "given-roots")]
fn described(seen: &[CertificateDer<'_>]) -> (Vec<Description>, bool) {
    let is_authority = seen.first().is_some_and(|der| is_authority(der));
    (seen.iter().filter_map(|der| describe(der).ok()).collect(), is_authority)
}

/// Without a parser there is less to say.
#[cfg(not(feature = "given-roots"))]
fn described(_: &[CertificateDer<'_>]) -> (Vec<Description>, bool) {
    (Vec::new(), false)
}

impl CertificateProblem {
    /// Finds words for rustls' error; `seen` is what the server sent.
    pub(super) fn new(error: &CertificateError, seen: &[CertificateDer<'_>]) -> Self {
        let (described, is_authority) = described(seen);
        let leaf = described.first();
        let issuer = || leaf.and_then(|leaf| leaf.issuer.clone()).unwrap_or_default();
        let is_self_signed = leaf.is_some_and(|leaf| leaf.subject == leaf.issuer);
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                // RFC 3339 sorts by time: if one has expired, the earliest has.
                let earliest = described.iter().min_by_key(|one| one.not_after.clone());
                let authority = earliest.filter(|one| leaf != Some(*one)).and_then(|one| one.subject.clone());
                let since = earliest.and_then(|one| one.not_after.clone()).unwrap_or_default();
                Self::Expired { authority, since }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let latest = described.iter().filter_map(|one| one.not_before.clone()).max();
                Self::NotYetValid { from: latest.unwrap_or_default() }
            }
            CertificateError::NotValidForName => Self::WrongHost { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongHost { names: presented.iter().map(|name| printable(bare_name(name))).collect() }
            }
            CertificateError::UnknownIssuer if is_self_signed => Self::SelfSigned { is_authority },
            CertificateError::UnknownIssuer if seen.len() == 1 => {
                Self::MissingIntermediate { issuer: issuer() }
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer { issuer: issuer() },
            CertificateError::BadSignature => Self::BadSignature,
            CertificateError::Other(_) if is_self_signed && is_authority => Self::SelfSigned { is_authority },
            CertificateError::Other(_) if is_authority => {
                Self::Invalid("it is an authority's certificate, not a server's".to_owned())
            }
            CertificateError::Other(OtherError(inner)) => match inner.downcast_ref() {
                Some(webpki::Error::EndEntityUsedAsCa) => {
                    Self::Invalid("one that may not issue certificates has issued one of it".to_owned())
                }
                _ => Self::Invalid(inner.to_string()),
            },
            other => Self::Invalid(other.to_string()),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "certificate-expired",
            Self::NotYetValid { .. } => "certificate-not-yet-valid",
            Self::WrongHost { .. } => "certificate-wrong-host",
            Self::SelfSigned { .. } => "certificate-self-signed",
            Self::MissingIntermediate { .. } => "certificate-missing-intermediate",
            Self::UnknownIssuer { .. } => "certificate-unknown-issuer",
            Self::BadSignature | Self::Invalid(_) => "certificate-invalid",
        }
    }

    fn message(&self, host: &str) -> String {
        match self {
            Self::Expired { authority: None, since } => {
                format!("the certificate of {host} has expired on {since}")
            }
            Self::Expired { authority: Some(subject), since } => {
                format!("the certificate of {subject} in the chain of {host} has expired on {since}")
            }
            Self::NotYetValid { from } => format!("the certificate of {host} is not valid before {from}"),
            Self::WrongHost { names } if names.is_empty() => {
                format!("the certificate is not for {host}, but for other names")
            }
            Self::WrongHost { names } => {
                let more = match names.len().saturating_sub(LISTED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let listed = names.get(..LISTED).unwrap_or(names).join(", ");
                format!("the certificate is not for {host}, but for {listed}{more}")
            }
            Self::SelfSigned { .. } => {
                format!("the certificate of {host} is self-signed, so nobody vouches for it")
            }
            Self::MissingIntermediate { issuer } if issuer.is_empty() => {
                format!("{host} sends only its own certificate; the one of its issuer is missing")
            }
            Self::UnknownIssuer { issuer } if issuer.is_empty() => {
                format!("nobody this device trusts issued the certificate of {host}")
            }
            Self::MissingIntermediate { issuer } => {
                format!("{host} sends only its own certificate; the one of its issuer, {issuer}, is missing")
            }
            Self::UnknownIssuer { issuer } => {
                format!("nobody this machine trusts issued the certificate of {host} (issuer: {issuer})")
            }
            Self::BadSignature => {
                format!("a signature in the certificate chain of {host} is not by the key of its issuer")
            }
            Self::Invalid(why) => format!("the certificate chain of {host} is not valid: {why}"),
        }
    }

    fn suggestion(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "renew it on the server; no client accepts it now",
            Self::NotYetValid { .. } => "check the clock of this machine",
            Self::WrongHost { .. } => "ask for one of its names, or correct the server's certificate",
            Self::SelfSigned { is_authority: false } => {
                "if it is your own test server, trust its certificate with --ca FILE"
            }
            Self::SelfSigned { is_authority: true } => {
                "if it is your own test server, make its certificate without the CA flag (openssl req: -addext basicConstraints=critical,CA:FALSE) and trust that with --ca FILE"
            }
            Self::MissingIntermediate { .. } => {
                "install the full chain on the server, or trust the issuer with --ca FILE"
            }
            Self::UnknownIssuer { .. } => {
                "if a test or company CA issued it, trust that with --ca FILE; else somebody may be in between"
            }
            Self::BadSignature => {
                "if the CA was made anew, issue the server's certificate anew too; give the new CA with --ca FILE"
            }
            Self::Invalid(_) => "correct the chain on the server",
        }
    }
}

/// Names that a message lists at most.
const LISTED: usize = 10;

/// A name that a server wrote, as it may go to a terminal: without control characters, no longer than a host's.
fn printable(name: &str) -> String {
    name.chars().take(MAX_HOST_OCTETS).flat_map(char::escape_debug).collect()
}

/// The name in webpki's `DnsName("example.com")`.
fn bare_name(name: &str) -> &str {
    let quoted = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    quoted.map_or(name, |quoted| quoted.trim_matches('"'))
}

impl ProbeError {
    /// Stable: `dns`, `refused`, `unreachable`, `timeout`, `not-tls`, `closed`, `tls-alert`, `tls-failed`, `bad-host`,
    /// `bad-address`, `no-roots`, `io`, or one of `certificate-expired`, `-not-yet-valid`, `-wrong-host`, `-self-signed`,
    /// `-missing-intermediate`, `-unknown-issuer`, `-invalid`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadHost(_) => "bad-host",
            Self::BadAddress(_) => "bad-address",
            Self::NoRoots(_) => "no-roots",
            Self::NameNotFound(_) => "dns",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut { .. } => "timeout",
            Self::NotTls { .. } => "not-tls",
            Self::Closed(_) => "closed",
            Self::Alert { .. } => "tls-alert",
            Self::TlsFailed { .. } => "tls-failed",
            Self::Certificate { problem, .. } => problem.code(),
            Self::Io { .. } => "io",
        }
    }

    /// What to do.
    pub fn suggestion(&self) -> Option<String> {
        let suggestion = match self {
            Self::BadHost(finding) => return finding.suggestion.clone(),
            Self::BadAddress(_) => "give an address, or address:port, as in 127.0.0.1:8443",
            Self::NoRoots(_) => "give a PEM file of trusted certificates with --ca FILE",
            Self::NameNotFound(_) => {
                "check the spelling and this machine's network, or name the address with --connect"
            }
            Self::Refused(_) | Self::NotTls { .. } => {
                "check the port; HTTPS is 443 unless the URL says otherwise"
            }
            Self::Unreachable(_) => "check this machine's network or VPN",
            Self::TimedOut { stage: Stage::LookUp, .. } => {
                "check this machine's network, or name the address with --connect"
            }
            Self::TimedOut { .. } => "check the port and firewalls, or allow more time with --timeout",
            Self::Closed(_) => "check that the port speaks TLS and that the server knows this host name",
            Self::Alert { .. } => "check that the server knows this host name and offers TLS 1.2 or 1.3",
            Self::TlsFailed { .. } => {
                "check that the server offers TLS 1.2 or 1.3 with a modern cipher suite"
            }
            Self::Certificate { problem, .. } => problem.suggestion(),
            Self::Io { .. } => "try again",
        };
        Some(suggestion.to_owned())
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHost(finding) => formatter.write_str(&finding.message),
            Self::BadAddress(given) => write!(formatter, "\"{given}\" is no address to connect to"),
            Self::NoRoots(error) => error.fmt(formatter),
            Self::NameNotFound(name) => write!(formatter, "the name \"{name}\" was not found in DNS"),
            Self::Refused(address) => {
                write!(formatter, "{address} refused the connection: nothing listens on that port")
            }
            Self::Unreachable(address) => write!(formatter, "{address} cannot be reached from here"),
            Self::TimedOut { place, stage, timeout } => {
                let seconds = timeout.as_secs_f32();
                let what = match stage {
                    Stage::LookUp => "looking up its name",
                    Stage::Connection => "connecting",
                    Stage::Handshake => "the TLS handshake",
                };
                write!(formatter, "{place}: {what} was not done within {seconds} s")
            }
            Self::NotTls { place, answer } => {
                write!(formatter, "{place} does not speak TLS: its answer starts with \"{answer}\"")?;
                if answer.starts_with("HTTP/") { formatter.write_str(", plain HTTP") } else { Ok(()) }
            }
            Self::Closed(place) => {
                write!(formatter, "{place} closed the connection during the TLS handshake")
            }
            Self::Alert { place, alert } => {
                write!(formatter, "{place} ended the TLS handshake with the alert {alert:?}")
            }
            Self::TlsFailed { place, error } => {
                write!(formatter, "the TLS handshake with {place} failed: {error}")
            }
            Self::Certificate { host, problem } => formatter.write_str(&problem.message(host)),
            Self::Io { place, message } => write!(formatter, "{place}: {message}"),
        }
    }
}

impl std::error::Error for ProbeError {}
