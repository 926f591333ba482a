//! An HTTPS client (ureq over rustls) whose every connection is judged by the pins in force: in its handshake, after a
//! resumed one, and again before a request leaves on a pooled one.

use crate::{
    validate::{Presented, Roots, RootsError, ValidatedChain},
    verifier::{Judge, Verifier},
};
use rustls::{
    ClientConfig, ClientConnection, Error as TlsError, HandshakeKind, OtherError, StreamOwned,
    client::Resumption, crypto::ring::default_provider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use spki_pinning_core::{Engine, Verdict};
use std::{
    collections::HashMap,
    error::Error,
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use ureq::{
    Agent,
    config::Config,
    http::{Response, Uri},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, TcpConnector, Transport,
            TransportAdapter,
        },
    },
};

/// What events of this client name as their stack.
pub const STACK: &str = "rust";

/// Why a request failed.
#[derive(Debug)]
pub enum NetError {
    /// The server's chain holds none of the pins.
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
            Self::Pinned { host, verdict } => {
                write!(formatter, "{host} was refused: {}", verdict.reason().as_str())
            }
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
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(Refused { host, verdict }) = current.downcast_ref() {
                return Self::Pinned { host: host.clone(), verdict: Box::new(verdict.clone()) };
            }
            cause = match (current.downcast_ref::<io::Error>(), current.downcast_ref::<TlsError>()) {
                // An io::Error hides what it wraps from `source`, and rustls' `Other` likewise.
                (Some(io), _) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
                (_, Some(TlsError::Other(OtherError(inner)))) => Some(inner.as_ref()),
                _ => current.source(),
            };
        }
        Self::Http(Box::new(error))
    }
}

/// A refusal on its way through rustls and ureq.
#[derive(Debug, Clone)]
struct Refused {
    host: String,
    verdict: Verdict,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "certificate pinning failure for {}: {}", self.host, self.verdict.reason().as_str())
    }
}

impl Error for Refused {}

/// Settings of a [`PinnedClient`].
#[derive(Debug)]
pub struct Builder {
    engine: Arc<Engine>,
    roots: Roots,
    addresses: HashMap<String, SocketAddr>,
    timeout: Duration,
    versions: &'static [&'static rustls::SupportedProtocolVersion],
}

impl Builder {
    /// Connects to this address for that host instead of asking DNS.
    #[must_use]
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.addresses.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// For a whole request; 30 s unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The TLS versions to offer; 1.2 and 1.3 unless set.
    #[must_use]
    pub fn versions(mut self, versions: &'static [&'static rustls::SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// When there is nothing to trust.
    pub fn build(self) -> Result<PinnedClient, RootsError> {
        let validator = self.roots.validator()?;
        let judge = Arc::new(EngineJudge { engine: self.engine.clone() });
        let verifier = Arc::new(Verifier::new(validator, judge));
        let mut tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(self.versions)
            .map_err(|error| RootsError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        tls.resumption = Resumption::in_memory_sessions(64);
        let connector =
            ().chain(TcpConnector::default()).chain(PinnedConnector {
                tls: Arc::new(tls),
                verifier,
                engine: self.engine,
            });
        let config = Config::builder().https_only(true).timeout_global(Some(self.timeout)).build();
        let resolver = FixedResolver { addresses: self.addresses, others: DefaultResolver::default() };
        Ok(PinnedClient { agent: Agent::with_parts(config, connector, resolver) })
    }
}

/// An HTTPS client. Cheap to clone; clones share connections and sessions.
#[derive(Debug, Clone)]
pub struct PinnedClient {
    agent: Agent,
}

impl PinnedClient {
    /// A client judged by `engine` on chains that lead to `roots`.
    pub fn builder(engine: Arc<Engine>, roots: Roots) -> Builder {
        Builder {
            engine,
            roots,
            addresses: HashMap::new(),
            timeout: Duration::from_secs(30),
            versions: rustls::DEFAULT_VERSIONS,
        }
    }

    /// `GET`s an https URL.
    ///
    /// # Errors
    /// [`NetError::Pinned`] if a host on the way, redirects included, fails its pins.
    pub fn get(&self, url: &str) -> Result<Response<ureq::Body>, NetError> {
        Ok(self.agent.get(url).call()?)
    }

    /// `POST`s to an https URL.
    ///
    /// # Errors
    /// As [`PinnedClient::get`].
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Response<ureq::Body>, NetError> {
        Ok(self.agent.post(url).header("content-type", content_type).send(body)?)
    }
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The name as the engine knows hosts.
fn host_of(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

#[derive(Debug)]
struct EngineJudge {
    engine: Arc<Engine>,
}

impl Judge for EngineJudge {
    fn accepts(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> bool {
        let verdict = self.engine.evaluate(Some(&host_of(name)), chain, now_ms());
        verdict.outcome == spki_pinning_core::Outcome::Allowed
    }

    fn judge(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> Result<(), TlsError> {
        let host = host_of(name);
        let verdict = self.engine.check(Some(&host), chain, STACK, now_ms());
        if verdict.is_blocked() {
            return Err(TlsError::Other(OtherError(Arc::new(Refused { host, verdict }))));
        }
        Ok(())
    }
}

/// DNS, but for the hosts that were given an address.
#[derive(Debug)]
struct FixedResolver {
    addresses: HashMap<String, SocketAddr>,
    others: DefaultResolver,
}

impl Resolver for FixedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        match self.addresses.get(host.trim_end_matches('.')) {
            Some(address) => {
                let mut addresses = self.empty();
                addresses.push(*address);
                Ok(addresses)
            }
            None => self.others.resolve(uri, config, timeout),
        }
    }
}

/// Wraps a connection in TLS and has it judged before anybody else gets it.
#[derive(Debug)]
struct PinnedConnector {
    tls: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    engine: Arc<Engine>,
}

impl<In: Transport> Connector<In> for PinnedConnector {
    type Out = Either<In, PinnedTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Err(ureq::Error::ConnectionFailed) };
        let host = details.uri.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let generation = self.engine.generation();
        let mut tls = ClientConnection::new(self.tls.clone(), name.clone()).map_err(other)?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        Verifier::take_validated(); // whatever an earlier handshake of this thread left
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        let chain = match Verifier::take_validated() {
            Some(chain) if tls.handshake_kind() != Some(HandshakeKind::Resumed) => chain,
            _ => self.check_resumed(&tls, &name)?,
        };
        Ok(Some(Either::B(PinnedTransport {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned { conn: tls, sock: socket },
            judged: Judged { engine: self.engine.clone(), host: host_of(&name), chain, generation },
        })))
    }
}

impl PinnedConnector {
    /// rustls calls no verifier when a session is resumed. What the server showed in the session's first handshake is
    /// validated again and judged by the pins that are in force now.
    fn check_resumed(
        &self,
        tls: &ClientConnection,
        name: &ServerName<'_>,
    ) -> Result<ValidatedChain, ureq::Error> {
        let certificates = tls.peer_certificates().unwrap_or_default();
        let Some((leaf, intermediates)) = certificates.split_first() else {
            return Err(other(TlsError::NoCertificatesPresented));
        };
        let presented = Presented { leaf, intermediates, name, ocsp_response: &[], now: UnixTime::now() };
        self.verifier.check(&presented).map_err(other)
    }
}

fn other(error: TlsError) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

/// What a connection was let through on.
#[derive(Debug)]
struct Judged {
    engine: Arc<Engine>,
    host: String,
    chain: ValidatedChain,
    generation: u64,
}

impl Judged {
    /// Whether the pins in force still allow the connection. Costs a load where they have not changed.
    fn still_allowed(&mut self) -> Result<(), Refused> {
        let generation = self.engine.generation();
        if generation == self.generation {
            return Ok(());
        }
        let verdict = self.engine.evaluate(Some(&self.host), &self.chain, now_ms());
        if verdict.is_blocked() {
            return Err(Refused { host: self.host.clone(), verdict });
        }
        self.generation = generation;
        Ok(())
    }
}

struct PinnedTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    judged: Judged,
}

impl fmt::Debug for PinnedTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PinnedTransport").field("host", &self.judged.host).finish_non_exhaustive()
    }
}

impl Transport for PinnedTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.judged.still_allowed().map_err(|refused| ureq::Error::Other(Box::new(refused)))?;
        self.stream.get_mut().set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        io::Write::write_all(&mut self.stream, output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = io::Read::read(&mut self.stream, input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Not open to the pool if it would be refused: the pool then makes a new connection, which has its own chance.
    fn is_open(&mut self) -> bool {
        self.judged.still_allowed().is_ok() && self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
