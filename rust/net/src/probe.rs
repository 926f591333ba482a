//! One TLS handshake with a server: which chain is valid for it, and if none is, why. No pins, no HTTP.

mod error;
mod socket;

pub use crate::validate::Roots;
pub use error::{CertificateProblem, ProbeError, Stage};

use crate::{
    validate::{ChainValidator, Presented, ValidatedChain},
    verifier::{Judge, Verifier},
};
use rustls::{ClientConfig, ClientConnection, Error as TlsError, crypto::ring::default_provider};
use rustls_pki_types::{CertificateDer, ServerName};
use socket::Socket;
use spki_pinning_core::{host, problem::Finding};
use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
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
    /// For everything together: looking up the name, connecting, the handshake. A day at most.
    pub timeout: Duration,
}

/// Nobody waits longer, and no clock is overrun.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Probe {
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// Leaf first; up to the root where that is known.
    pub chain: ValidatedChain,
}

/// Makes one handshake.
///
/// # Errors
/// When there is no connection, no TLS, or no valid chain.
pub fn probe(options: &ProbeOptions) -> Result<Probe, ProbeError> {
    let host = host::normalize(&options.host).map_err(ProbeError::BadHost)?.name;
    let name = ServerName::try_from(host.clone()).map_err(|_| {
        ProbeError::BadHost(Finding {
            code: "domain-invalid",
            message: format!("\"{host}\" is not a name TLS can ask for"),
            suggestion: Some("check the spelling of the host name".to_owned()),
        })
    })?;
    let roots = options.roots.validator().map_err(ProbeError::NoRoots)?;
    let deadline = Instant::now() + options.timeout.min(MAX_TIMEOUT);
    let attempt = Attempt { options, host: &host, deadline };
    let stream = attempt.connect()?;
    attempt.handshake(stream, name, roots)
}

struct Attempt<'a> {
    options: &'a ProbeOptions,
    host: &'a str,
    deadline: Instant,
}

impl Attempt<'_> {
    /// What this connects to, for messages.
    fn place(&self) -> String {
        match &self.options.connect {
            Some(connect) => format!("{} (at {connect})", self.host),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.options.port),
            None => format!("{}:{}", self.host, self.options.port),
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn timed_out(&self, stage: Stage) -> ProbeError {
        ProbeError::TimedOut { place: self.place(), stage, timeout: self.options.timeout }
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, ProbeError> {
        let (name, port) = match &self.options.connect {
            Some(connect) => {
                target(connect, self.options.port).ok_or_else(|| ProbeError::BadAddress(connect.clone()))?
            }
            None => (self.host, self.options.port),
        };
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        // The system's resolver cannot be interrupted; the thread ends when that gives up.
        let (sender, receiver) = mpsc::channel();
        let owned = name.to_owned();
        let look_up = move || {
            let _ = sender.send((owned.as_str(), port).to_socket_addrs().map(Vec::from_iter));
        };
        let spawned = thread::Builder::new().name("look-up".to_owned()).spawn(look_up);
        spawned.map_err(|error| ProbeError::Io { place: name.to_owned(), message: error.to_string() })?;
        match receiver.recv_timeout(self.left()) {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(ProbeError::NameNotFound(name.to_owned())),
            Err(_) => Err(self.timed_out(Stage::LookUp)),
        }
    }

    /// Tries every address; one that does not answer at all leaves the others their share of the time.
    fn connect(&self) -> Result<TcpStream, ProbeError> {
        let addresses = self.addresses()?;
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            let to_try = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = self.left() / to_try;
            if share.is_zero() {
                return Err(self.timed_out(Stage::Connection));
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(self.connection_error(*address, &error)),
            }
        }
        Err(last.unwrap_or_else(|| ProbeError::NameNotFound(self.host.to_owned())))
    }

    fn connection_error(&self, address: SocketAddr, error: &io::Error) -> ProbeError {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => ProbeError::Refused(address),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.timed_out(Stage::Connection),
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => ProbeError::Unreachable(address),
            _ => ProbeError::Io { place: address.to_string(), message: error.to_string() },
        }
    }

    fn handshake(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        roots: Arc<dyn ChainValidator>,
    ) -> Result<Probe, ProbeError> {
        let witness = Arc::new(Witness { roots, seen: Mutex::default() });
        let verifier = Verifier::new(witness.clone(), Arc::new(AnyValid));
        let failed = |error| ProbeError::TlsFailed { place: self.place(), error };
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(failed)?;
        let mut socket = Socket::new(stream, self.deadline);
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut socket) {
                return Err(self.handshake_error(&error, &socket, &witness.seen()));
            }
        }
        tls.send_close_notify();
        let _ = tls.write_tls(&mut socket); // a courtesy; the answer is known
        let tls_version = match tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        Ok(Probe { tls_version, chain: Verifier::take_validated().unwrap_or_default() })
    }

    fn handshake_error(&self, error: &io::Error, socket: &Socket, seen: &[CertificateDer<'_>]) -> ProbeError {
        let place = self.place();
        if let Some(answer) = socket.not_tls() {
            return ProbeError::NotTls { place, answer };
        }
        match (error.get_ref().and_then(|inner| inner.downcast_ref()), error.kind()) {
            (Some(TlsError::InvalidCertificate(error)), _) => {
                let problem = CertificateProblem::new(error, seen);
                ProbeError::Certificate { host: self.host.to_owned(), problem }
            }
            (Some(TlsError::AlertReceived(alert)), _) => ProbeError::Alert { place, alert: *alert },
            (Some(error), _) => ProbeError::TlsFailed { place, error: error.clone() },
            (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => self.timed_out(Stage::Handshake),
            (
                None,
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe,
            ) => ProbeError::Closed(place),
            (None, _) => ProbeError::Io { place, message: error.to_string() },
        }
    }
}

/// Name and port of `address`, `[address]`, `address:port` or `[address]:port`.
fn target(given: &str, port: u16) -> Option<(&str, u16)> {
    if given.parse::<IpAddr>().is_ok() {
        return Some((given, port)); // the colons of `::1` are none
    }
    let (name, port) = match given.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => (name, digits.parse().ok()?),
        _ => (given, port),
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<IpAddr>().ok().map(|_| (bare, port)),
        None => (!name.is_empty() && !name.contains([':', '[', ']'])).then_some((name, port)),
    }
}

/// Accepts whatever is valid.
#[derive(Debug)]
struct AnyValid;

impl Judge for AnyValid {
    fn accepts(&self, _: &ServerName<'_>, _: &[CertificateDer<'_>]) -> bool {
        true
    }
    fn judge(&self, _: &ServerName<'_>, _: &[CertificateDer<'_>]) -> Result<(), TlsError> {
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn address_to_connect_to_may_have_a_port() {
        assert_eq!(target("127.0.0.1", 443), Some(("127.0.0.1", 443)));
        assert_eq!(target("127.0.0.1:8443", 443), Some(("127.0.0.1", 8443)));
        assert_eq!(target("::1", 443), Some(("::1", 443)));
        assert_eq!(target("[::1]", 443), Some(("::1", 443)));
        assert_eq!(target("[::1]:8443", 443), Some(("::1", 8443)));
        assert_eq!(target("localhost:8443", 443), Some(("localhost", 8443)));
        for bad in ["", ":443", "127.0.0.1:", "127.0.0.1:99999", "a:b:1", "[a]:1", "https://a"] {
            assert_eq!(target(bad, 443), None, "{bad}");
        }
    }
}
