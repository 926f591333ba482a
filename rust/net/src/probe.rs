//! One TLS handshake with a server: which chain is valid for it, and if none is, why. No pins, no HTTP.

pub use crate::validate::Roots;
use crate::{
    validate::{ChainValidator, Presented, ValidatedChain},
    verifier::{AnyValid, Verifier},
};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error as TlsError, crypto::ring::default_provider,
};
use rustls_pki_types::{CertificateDer, ServerName};
use spki_pinning_core::{certificate::describe, host};
use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What to probe.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// The name that is asked for in TLS and that the certificate must be valid for; an IP literal is one too.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Where to connect instead: `address`, or `address:port`.
    pub connect: Option<String>,
    /// Whom to trust.
    pub roots: Roots,
    /// For connecting and the handshake together; a DNS look-up takes as long as the system lets it.
    pub timeout: Duration,
}

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Probe {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// Leaf first; up to the root where that is known.
    pub chain: ValidatedChain,
}

/// What happened instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeError {
    code: &'static str,
    message: String,
    suggestion: Option<String>,
}

impl ProbeError {
    fn new(code: &'static str, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: Some(suggestion.into()) }
    }

    /// Stable: `dns`, `refused`, `unreachable`, `timeout`, `not-tls`, `closed`, `tls-alert`, `tls-failed`, `bad-host`,
    /// `no-roots`, `io`, or one of `certificate-expired`, `-not-yet-valid`, `-wrong-host`, `-self-signed`,
    /// `-missing-intermediate`, `-unknown-issuer`, `-invalid`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What to do.
    pub fn suggestion(&self) -> Option<String> {
        self.suggestion.clone()
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ProbeError {}

/// Makes one handshake.
///
/// # Errors
/// When there is no connection, no TLS, or no valid chain.
pub fn probe(options: &ProbeOptions) -> Result<Probe, ProbeError> {
    let name = host::normalize(&options.host).map_err(|finding| ProbeError {
        code: "bad-host",
        message: finding.message,
        suggestion: finding.suggestion,
    })?;
    let server_name = ServerName::try_from(name.name.clone()).map_err(|_| {
        let message = format!("\"{}\" is not a name TLS can ask for", name.name);
        ProbeError::new("bad-host", message, "check the spelling of the host name")
    })?;
    let roots = options.roots.validator().map_err(|error| {
        ProbeError::new("no-roots", error.0, "give a PEM file of trusted certificates with --ca FILE")
    })?;
    let deadline = Instant::now() + options.timeout;
    let attempt = Attempt { options, host: &name.name, deadline };
    let mut last = None;
    for address in attempt.addresses()? {
        match attempt.connect(address) {
            Ok(stream) => return attempt.handshake(stream, server_name, roots),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| attempt.no_address()))
}

struct Attempt<'a> {
    options: &'a ProbeOptions,
    host: &'a str,
    deadline: Instant,
}

impl Attempt<'_> {
    fn addresses(&self) -> Result<Vec<SocketAddr>, ProbeError> {
        let port = self.options.port;
        let target = self.options.connect.as_deref().unwrap_or(self.host);
        let bare = target.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(target);
        // An address without a port first: the colons of `::1` are none.
        let found = match (bare.parse::<std::net::IpAddr>(), target.rsplit_once(':')) {
            (Ok(ip), _) => Ok(vec![SocketAddr::new(ip, port)]),
            (Err(_), Some(_)) => target.to_socket_addrs().map(Iterator::collect),
            (Err(_), None) => (target, port).to_socket_addrs().map(Iterator::collect),
        };
        found.map_err(|_| self.no_address())
    }

    fn no_address(&self) -> ProbeError {
        let target = self.options.connect.as_deref().unwrap_or(self.host);
        let message = format!("the name \"{target}\" was not found in DNS");
        ProbeError::new(
            "dns",
            message,
            "check the spelling and this machine's network, or name the address with --connect",
        )
    }

    fn remaining(&self) -> Result<Duration, ProbeError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.timed_out("connecting")) } else { Ok(left) }
    }

    fn timed_out(&self, doing: &str) -> ProbeError {
        let seconds = self.options.timeout.as_secs_f32();
        let message = format!("{} did not answer within {seconds} s while {doing}", self.place());
        ProbeError::new("timeout", message, "check the port and firewalls, or allow more time with --timeout")
    }

    fn place(&self) -> String {
        match &self.options.connect {
            Some(connect) => format!("{} (at {connect})", self.host),
            None => format!("{}:{}", self.host, self.options.port),
        }
    }

    fn connect(&self, address: SocketAddr) -> Result<TcpStream, ProbeError> {
        TcpStream::connect_timeout(&address, self.remaining()?).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                let message = format!("{address} refused the connection: nothing listens on that port");
                ProbeError::new(
                    "refused",
                    message,
                    "check the port; HTTPS is 443 unless the URL says otherwise",
                )
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.timed_out("connecting"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ProbeError::new(
                "unreachable",
                format!("{address} cannot be reached from here"),
                "check this machine's network or VPN",
            ),
            _ => ProbeError::new("io", format!("{address}: {error}"), "try again"),
        })
    }

    fn handshake(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        roots: Arc<dyn ChainValidator>,
    ) -> Result<Probe, ProbeError> {
        let witness = Arc::new(Witness { roots, seen: Mutex::default() });
        let verifier = Verifier::new(witness.clone(), Arc::new(AnyValid));
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| self.tls_error(&error, &[]))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let mut tls =
            ClientConnection::new(Arc::new(config), name).map_err(|error| self.tls_error(&error, &[]))?;
        let mut stream = Bounded { stream, deadline: self.deadline };
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut stream) {
                return Err(self.handshake_error(&error, &witness.seen()));
            }
        }
        let tls_version = match tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        tls.send_close_notify();
        let _ = tls.complete_io(&mut stream); // a courtesy; the answer is known
        Ok(Probe { tls_version, chain: Verifier::take_validated().unwrap_or_default() })
    }

    fn handshake_error(&self, error: &io::Error, seen: &[CertificateDer<'_>]) -> ProbeError {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            return self.tls_error(tls, seen);
        }
        let place = self.place();
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.timed_out("the TLS handshake"),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ProbeError::new(
                "closed",
                format!("{place} closed the connection during the TLS handshake"),
                "check that the port speaks TLS and that the server knows this host name",
            ),
            _ => ProbeError::new("io", format!("{place}: {error}"), "try again"),
        }
    }

    fn tls_error(&self, error: &TlsError, seen: &[CertificateDer<'_>]) -> ProbeError {
        let place = self.place();
        match error {
            TlsError::InvalidCertificate(invalid) => self.certificate_error(invalid, seen),
            TlsError::InvalidMessage(_) => ProbeError::new(
                "not-tls",
                format!("{place} does not speak TLS: its answer is something else, plain HTTP perhaps"),
                "check the port; HTTPS is 443 unless the URL says otherwise",
            ),
            TlsError::AlertReceived(alert) => ProbeError::new(
                "tls-alert",
                format!("{place} ended the TLS handshake with the alert {alert:?}"),
                "check that the server knows this host name and offers TLS 1.2 or 1.3",
            ),
            other => ProbeError::new(
                "tls-failed",
                format!("the TLS handshake with {place} failed: {other}"),
                "check that the server offers TLS 1.2 or 1.3 with a modern cipher suite",
            ),
        }
    }

    fn certificate_error(&self, error: &CertificateError, seen: &[CertificateDer<'_>]) -> ProbeError {
        let host = self.host;
        let leaf = seen.first().and_then(|der| describe(der).ok());
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                let expired =
                    seen.iter().filter_map(|der| describe(der).ok()).map(|d| d.not_after.unwrap_or_default());
                let earliest = expired.min().unwrap_or_default();
                let message = format!("the certificate of {host} has expired ({earliest})");
                ProbeError::new(
                    "certificate-expired",
                    message,
                    "renew it on the server; no client accepts it now",
                )
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => ProbeError::new(
                "certificate-not-yet-valid",
                format!("the certificate of {host} is not valid yet"),
                "check the clock of this machine",
            ),
            CertificateError::NotValidForName => self.wrong_host(&[]),
            CertificateError::NotValidForNameContext { presented, .. } => self.wrong_host(presented),
            CertificateError::UnknownIssuer => {
                let issuer = leaf.as_ref().and_then(|leaf| leaf.issuer.clone()).unwrap_or_default();
                if leaf.as_ref().is_some_and(|leaf| leaf.subject == leaf.issuer) {
                    let message =
                        format!("the certificate of {host} is self-signed, so nobody vouches for it");
                    let advice = "if it is your own test server, trust its certificate with --ca FILE";
                    ProbeError::new("certificate-self-signed", message, advice)
                } else if seen.len() == 1 {
                    let message = format!(
                        "{host} sends only its own certificate; the one of its issuer, {issuer}, is missing"
                    );
                    let advice = "install the full chain on the server, or trust the issuer with --ca FILE";
                    ProbeError::new("certificate-missing-intermediate", message, advice)
                } else {
                    let message = format!(
                        "nobody this machine trusts issued the certificate of {host} (issuer: {issuer})"
                    );
                    let advice = "if a test or company CA issued it, trust that with --ca FILE; else somebody may be in between";
                    ProbeError::new("certificate-unknown-issuer", message, advice)
                }
            }
            other => ProbeError::new(
                "certificate-invalid",
                format!("the certificate chain of {host} is not valid: {other:?}"),
                "correct the chain on the server",
            ),
        }
    }

    fn wrong_host(&self, presented: &[String]) -> ProbeError {
        let names = if presented.is_empty() { "other names".to_owned() } else { presented.join(", ") };
        let message = format!("the certificate is not for {}, but for {names}", self.host);
        ProbeError::new(
            "certificate-wrong-host",
            message,
            "ask for one of these names, or correct the server's certificate",
        )
    }
}

/// Remembers what the server sent, so that a failure can be explained.
#[derive(Debug)]
struct Witness {
    roots: Arc<dyn ChainValidator>,
    seen: Mutex<ValidatedChain>,
}

impl Witness {
    fn seen(&self) -> ValidatedChain {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ChainValidator for Witness {
    fn validate(
        &self,
        presented: &Presented<'_>,
        accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, TlsError> {
        let sent = std::iter::once(presented.leaf).chain(presented.intermediates);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            sent.map(|der| der.clone().into_owned()).collect();
        self.roots.validate(presented, accept)
    }
}

/// A socket whose every operation ends by the deadline.
struct Bounded {
    stream: TcpStream,
    deadline: Instant,
}

impl Bounded {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
