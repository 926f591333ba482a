//! An HTTPS client (ureq over rustls) whose every connection is judged by the pins in force: in its handshake, after a
//! resumed one, and again before a request leaves on a pooled one.

mod connection;
mod error;
#[cfg(fuzzing)]
pub mod in_memory;

pub use error::NetError;

use crate::{
    validate::{Roots, RootsError},
    verifier::{Judge, Verifier},
};
use connection::PinnedConnector;
use error::Refusal;
use rustls::{ClientConfig, Error as TlsError, crypto::ring::default_provider};
use rustls_pki_types::{CertificateDer, ServerName};
use spki_pinning_core::{Engine, Outcome};
use std::{
    collections::HashMap,
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
        transport::NextTimeout,
    },
};

/// What events of this client name as their stack.
pub const STACK: &str = "rust";

/// Settings of a [`PinnedClient`].
#[derive(Debug)]
pub struct Builder {
    engine: Arc<Engine>,
    roots: Roots,
    addresses: HashMap<String, SocketAddr>,
    timeout: Duration,
    stack: &'static str,
    redirects: u32,
    max_answer: u64,
    versions: &'static [&'static rustls::SupportedProtocolVersion],
}

impl Builder {
    /// Connects to this address for that host instead of asking DNS.
    #[must_use]
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.addresses.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// For a whole request, redirects and body included; 30 s unless set, a day at most.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(Duration::from_secs(24 * 60 * 60)); // no clock is overrun
        self
    }

    /// What events of this client name as their stack; [`STACK`] unless set.
    #[must_use]
    pub fn stack(mut self, stack: &'static str) -> Self {
        self.stack = stack;
        self
    }

    /// How many redirects are followed; more are an error, and with none the first is the answer. 10 unless set.
    #[must_use]
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.redirects = redirects;
        self
    }

    /// How many bytes an answer may have, with everything that ureq reads over; as many as it likes unless set.
    #[must_use]
    pub fn max_answer(mut self, bytes: u64) -> Self {
        self.max_answer = bytes;
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
        let judge = Arc::new(EngineJudge { engine: self.engine, stack: self.stack });
        let verifier = Arc::new(Verifier::new(self.roots.validator()?, judge.clone()));
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(self.versions)
            .map_err(|error| RootsError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        // A proxy would have to be spoken to first; the environment's is not taken.
        let config = Config::builder()
            .https_only(true)
            .proxy(None)
            .max_redirects(self.redirects)
            .timeout_global(Some(self.timeout))
            .build();
        #[cfg(fuzzing)]
        if let Some(agent) = in_memory::agent(&config, &judge, self.max_answer) {
            return Ok(PinnedClient { agent });
        }
        let connector = PinnedConnector::new(tls, verifier, judge, self.max_answer);
        let resolver = FixedResolver { addresses: self.addresses, others: DefaultResolver::default() };
        Ok(PinnedClient { agent: Agent::with_parts(config, connector, resolver) })
    }
}

/// An HTTPS client. Cheap to clone; clones share connections and sessions. It goes to servers directly: no proxy.
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
            stack: STACK,
            redirects: 10,
            max_answer: u64::MAX,
            versions: rustls::DEFAULT_VERSIONS,
        }
    }

    /// `GET`s an https URL.
    ///
    /// # Errors
    /// [`NetError::Pinned`] if a host on the way, redirects included, fails its pins.
    pub fn get(&self, url: &str) -> Result<Response<ureq::Body>, NetError> {
        self.get_with(url, &[])
    }

    /// As [`PinnedClient::get`], with headers.
    ///
    /// # Errors
    /// As [`PinnedClient::get`].
    pub fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response<ureq::Body>, NetError> {
        let request = self.agent.get(url);
        Ok(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).call()?)
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

/// Puts chains to the engine.
#[derive(Debug)]
struct EngineJudge {
    engine: Arc<Engine>,
    stack: &'static str,
}

impl EngineJudge {
    /// Without a trace.
    fn outcome(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> Outcome {
        self.engine.outcome(Some(&name.to_str()), chain, now_ms())
    }

    /// With event and count.
    fn check(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> Result<(), Refusal> {
        let host = name.to_str();
        let verdict = self.engine.check(Some(&host), chain, self.stack, now_ms());
        if verdict.is_blocked() { Err(Refusal { host: host.into_owned(), verdict }) } else { Ok(()) }
    }
}

impl Judge for EngineJudge {
    fn accepts(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> bool {
        self.outcome(name, chain) == Outcome::Allowed
    }

    fn judge(&self, name: &ServerName<'_>, chain: &[CertificateDer<'_>]) -> Result<(), TlsError> {
        Ok(self.check(name, chain)?)
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
