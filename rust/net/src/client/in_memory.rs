//! Answers out of memory, for the fuzz targets and in no other build: in the place of TCP and TLS; everything above is what
//! ships.

use super::{
    EngineJudge,
    connection::{Judged, PinnedTransport, Stream, server_name},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use ureq::{
    Agent,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, NextTimeout},
    },
};

/// Where all connections of this process lead, if there is one.
static SERVER: Mutex<Option<Arc<dyn Server>>> = Mutex::new(None);

/// Clients that are made from now on are connected to this server, whatever host they ask for.
pub fn connect_to(server: Arc<dyn Server>) {
    *SERVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
}

/// Whether [`connect_to`] was called.
pub fn is_connected() -> bool {
    SERVER.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Who answers.
pub trait Server: Send + Sync + 'static {
    /// Opens a connection for a URL.
    ///
    /// # Errors
    /// When there is none.
    fn open(&self, url: &str) -> io::Result<Box<dyn Connection>>;
}

/// What HTTP is spoken over. A connection that is cut fails with [`io::ErrorKind::UnexpectedEof`], as rustls has it.
pub trait Connection: io::Read + io::Write + Send + Sync + 'static {
    /// Whether it can be used again.
    fn is_open(&self) -> bool;
}

pub(super) fn agent(config: &Config, judge: &Arc<EngineJudge>, max_answer: u64) -> Option<Agent> {
    let server = SERVER.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
    let connector = InMemory { server, judge: judge.clone(), max_answer };
    Some(Agent::with_parts(config.clone(), connector, Nowhere))
}

struct InMemory {
    server: Arc<dyn Server>,
    judge: Arc<EngineJudge>,
    max_answer: u64,
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InMemory")
    }
}

impl Connector for InMemory {
    type Out = PinnedTransport;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<PinnedTransport>, ureq::Error> {
        let judge = self.judge.clone();
        let generation = judge.engine.generation();
        let judged = Judged { judge, name: server_name(details.uri)?, chain: Vec::new(), generation };
        let stream = Box::new(Plain(self.server.open(&details.uri.to_string())?));
        Ok(Some(PinnedTransport::new(details, stream, judged, self.max_answer)))
    }
}

struct Plain(Box<dyn Connection>);

impl io::Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl io::Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Plain {
    fn set_timeout(&mut self, _: NextTimeout) {}

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn say_goodbye(&mut self) {}
}

/// No name is looked up.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        Ok(addresses)
    }
}
