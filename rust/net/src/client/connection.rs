//! Connections that nobody gets before they were judged: rustls for ureq.

use super::{EngineJudge, error, error::Refusal};
use crate::{
    validate::{Presented, ValidatedChain},
    verifier::Verifier,
};
use rustls::{
    ClientConfig, ClientConnection, Error as TlsError, HandshakeKind, StreamOwned,
    client::{ClientSessionMemoryCache, ClientSessionStore, Resumption},
};
use rustls_pki_types::{ServerName, UnixTime};
use spki_pinning_core::Outcome;
use std::{fmt, io, sync::Arc};
use ureq::{
    Timeout,
    http::Uri,
    unversioned::transport::{
        Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport,
        TransportAdapter,
        time::{Duration, Instant},
    },
};

/// TLS sessions that are kept for resumption.
const SESSIONS: usize = 64;

/// Opens a connection, wraps it in TLS and has it judged.
#[derive(Debug)]
pub(super) struct PinnedConnector {
    tcp: TcpConnector,
    tls: Arc<ClientConfig>,
    /// The same, but resumes nothing.
    tls_anew: Arc<ClientConfig>,
    sessions: Arc<ClientSessionMemoryCache>,
    verifier: Arc<Verifier>,
    judge: Arc<EngineJudge>,
    max_answer: u64,
}

impl PinnedConnector {
    /// `tls` must verify by `verifier`, and send no early data: that would leave before a resumed session is judged. No
    /// answer may have more than `max_answer` bytes.
    pub(super) fn new(
        mut tls: ClientConfig,
        verifier: Arc<Verifier>,
        judge: Arc<EngineJudge>,
        max_answer: u64,
    ) -> Self {
        let sessions = Arc::new(ClientSessionMemoryCache::new(SESSIONS));
        tls.enable_early_data = false;
        tls.resumption = Resumption::disabled();
        let tls_anew = Arc::new(tls.clone());
        tls.resumption = Resumption::store(sessions.clone());
        let (tcp, tls) = (TcpConnector::default(), Arc::new(tls));
        Self { tcp, tls, tls_anew, sessions, verifier, judge, max_answer }
    }

    fn handshake(
        &self,
        details: &ConnectionDetails,
        tls: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> Result<(ClientConnection, TransportAdapter), ureq::Error> {
        let tcp = Connector::<()>::connect(&self.tcp, details, None)?.ok_or(ureq::Error::ConnectionFailed)?;
        let mut tls = ClientConnection::new(tls.clone(), name.clone()).map_err(error::tls_failed)?;
        let mut socket = TransportAdapter::new(tcp.boxed(), details.current_time.clone());
        socket.set_timeout(time_left(details));
        while tls.is_handshaking() {
            if let Err(failure) = tls.complete_io(&mut socket) {
                // rustls has tried to send its alert, but writes only once: in TLS 1.3 the record before that. The alert is
                // what tells the server's operator of a refusal from a connection that breaks.
                write_out(&mut tls, &mut socket);
                return Err(error::handshake_failed(failure));
            }
        }
        Ok((tls, socket))
    }

    /// A judged connection, if possible over a session from before. `None`: there is such a session, and it does not stand
    /// up to the pins in force now.
    fn connect_resuming(
        &self,
        details: &ConnectionDetails,
        name: &ServerName<'static>,
    ) -> Result<Option<JudgedConnection>, ureq::Error> {
        Verifier::take_validated(); // whatever an earlier handshake of this thread left
        let (tls, socket) = self.handshake(details, &self.tls, name)?;
        let chain = if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.check_resumed(&tls, name)?
        } else {
            Some(validated()?)
        };
        if chain.is_none() {
            self.forget_sessions(name);
        }
        Ok(chain.map(|chain| (tls, socket, chain)))
    }

    /// A judged connection after a full handshake.
    fn connect_anew(
        &self,
        details: &ConnectionDetails,
        name: &ServerName<'static>,
    ) -> Result<JudgedConnection, ureq::Error> {
        Verifier::take_validated();
        let (tls, socket) = self.handshake(details, &self.tls_anew, name)?;
        Ok((tls, socket, validated()?))
    }

    /// rustls calls no verifier when a session is resumed. What the server showed in the session's first handshake is
    /// validated again and judged by the pins that are in force now. `None`: it does not stand up to them.
    fn check_resumed(
        &self,
        tls: &ClientConnection,
        name: &ServerName<'_>,
    ) -> Result<Option<ValidatedChain>, ureq::Error> {
        let Some((leaf, intermediates)) = tls.peer_certificates().and_then(<[_]>::split_first) else {
            return Err(error::tls_failed(TlsError::NoCertificatesPresented));
        };
        let presented = Presented { leaf, intermediates, name, ocsp_response: &[], now: UnixTime::now() };
        let Ok(chain) = self.verifier.validate(&presented) else { return Ok(None) };
        if self.judge.outcome(name, &chain) == Outcome::Blocked {
            return Ok(None);
        }
        self.judge.check(name, &chain)?;
        Ok(Some(chain))
    }

    fn forget_sessions(&self, name: &ServerName<'static>) {
        self.sessions.remove_tls12_session(name);
        while self.sessions.take_tls13_ticket(name).is_some() {}
    }
}

/// The chain is the validated one.
type JudgedConnection = (ClientConnection, TransportAdapter, ValidatedChain);

/// What there still is to be sent, if that can be.
fn write_out(tls: &mut ClientConnection, socket: &mut TransportAdapter) {
    while tls.wants_write() && tls.write_tls(socket).is_ok_and(|written| written > 0) {}
}

/// The chain of the full handshake that this thread has just driven.
fn validated() -> Result<ValidatedChain, ureq::Error> {
    Verifier::take_validated().ok_or_else(|| error::tls_failed(TlsError::NoCertificatesPresented))
}

impl Connector for PinnedConnector {
    type Out = PinnedTransport;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<PinnedTransport>, ureq::Error> {
        let name = server_name(details.uri)?;
        // Before the judgement: pins that change during it make another one necessary.
        let generation = self.judge.engine.generation();
        let (tls, socket, chain) = match self.connect_resuming(details, &name)? {
            Some(connection) => connection,
            // The server may have another certificate by now, which it has not been asked for.
            None => self.connect_anew(details, &name)?,
        };
        let judged = Judged { judge: self.judge.clone(), name, chain, generation };
        let stream = Box::new(StreamOwned { conn: tls, sock: socket });
        Ok(Some(PinnedTransport::new(details, stream, judged, self.max_answer)))
    }
}

/// In small letters, as browsers have it: not every server takes the name of an extension in all its spellings.
pub(super) fn server_name(uri: &Uri) -> Result<ServerName<'static>, ureq::Error> {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_ascii_lowercase())
        .map_err(|_| ureq::Error::BadUri(format!("\"{bare}\" is not a name TLS can ask for")))
}

/// What is left of the time that was given when `details` were made; opening the connection has taken some.
fn time_left(details: &ConnectionDetails) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Duration::Exact(limit), Instant::Exact(start), Instant::Exact(now)) =
        (timeout.after, details.now, (details.current_time)())
    {
        timeout.after = Duration::Exact(limit.saturating_sub(now.saturating_duration_since(start)));
    }
    timeout
}

/// What a connection was let through on.
pub(super) struct Judged {
    pub(super) judge: Arc<EngineJudge>,
    pub(super) name: ServerName<'static>,
    pub(super) chain: ValidatedChain,
    pub(super) generation: u64,
}

impl Judged {
    /// Whether another request may use the connection. Asked of the pins each time, as they may also have expired.
    fn is_allowed(&self) -> bool {
        self.judge.outcome(&self.name, &self.chain) != Outcome::Blocked
    }

    /// Stops a request whose pins have changed since it got its connection.
    fn check(&mut self) -> Result<(), Refusal> {
        let generation = self.judge.engine.generation();
        if generation != self.generation {
            self.judge.check(&self.name, &self.chain)?;
            self.generation = generation;
        }
        Ok(())
    }
}

/// What HTTP goes over.
pub(super) trait Stream: io::Read + io::Write + Send + Sync + 'static {
    fn set_timeout(&mut self, timeout: NextTimeout);

    fn is_open(&mut self) -> bool;

    fn say_goodbye(&mut self);
}

/// How long the end of a connection may take. It is a few bytes, which wait for nobody unless the network is clogged.
const GOODBYE: Duration = Duration::from_millis(100);

impl Stream for StreamOwned<ClientConnection, TransportAdapter> {
    fn set_timeout(&mut self, timeout: NextTimeout) {
        self.sock.set_timeout(timeout);
    }

    fn is_open(&mut self) -> bool {
        self.sock.get_mut().is_open()
    }

    /// As a client has to (RFC 8446 §6.1). OpenSSL's servers forget the session of one that does not.
    fn say_goodbye(&mut self) {
        let timeout = NextTimeout { after: GOODBYE, reason: Timeout::Global, ..NextTimeout::default() };
        self.sock.set_timeout(timeout);
        self.conn.send_close_notify();
        write_out(&mut self.conn, &mut self.sock);
    }
}

pub(super) struct PinnedTransport {
    buffers: LazyBuffers,
    stream: Box<dyn Stream>,
    judged: Judged,
    /// Bytes that may still come before the next request.
    left: u64,
    max_answer: u64,
}

impl PinnedTransport {
    pub(super) fn new(
        details: &ConnectionDetails,
        stream: Box<dyn Stream>,
        judged: Judged,
        max_answer: u64,
    ) -> Self {
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Self { buffers, stream, judged, left: max_answer, max_answer }
    }
}

impl Drop for PinnedTransport {
    fn drop(&mut self) {
        self.stream.say_goodbye();
    }
}

impl fmt::Debug for PinnedTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PinnedTransport").field("name", &self.judged.name).finish_non_exhaustive()
    }
}

impl Transport for PinnedTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.judged.check()?;
        self.left = self.max_answer;
        self.stream.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    /// ureq bounds head and body, and neither what it reads over (the body of a redirect, informational answers, how a body
    /// is cut into chunks) nor what comes of that in all.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.left == 0 {
            return Err(ureq::Error::BodyExceedsLimit(self.max_answer));
        }
        self.stream.set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input).map_err(error::reading_failed)?;
        self.left = self.left.saturating_sub(amount as u64);
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Not open to the pool if it would be refused: the pool then makes a new connection, which has its own chance.
    fn is_open(&mut self) -> bool {
        self.judged.is_allowed() && self.stream.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
