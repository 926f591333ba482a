//! One TLS server, and what all servers share.

use crate::http::{Connection, answer};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::{body::Bytes, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use spki_pinning_core::spki::pin_of_spki;
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{HandshakeKind, ProtocolVersion, ServerConfig},
    server::TlsStream,
};

/// How a server treats a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Normal,
    /// TCP is accepted, then silence.
    Silent,
    /// TLS and HTTP as they should, after a pause.
    Late(Duration),
    /// Half a response, then the connection is cut without a goodbye.
    HalfClose,
    /// HTTP without TLS.
    Plain,
}

/// A TLS configuration that can be exchanged while the server runs.
pub(crate) type Config = Arc<RwLock<Arc<ServerConfig>>>;

/// Logs and switches of all servers.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Signs pin manifests for tests in languages that have no Ed25519.
    signer: Ed25519KeyPair,
    connections: AtomicU64,
    logs: Mutex<HashMap<String, Log>>,
    reports: Mutex<Vec<Value>>,
    report_status: Mutex<Option<u16>>,
    published: Mutex<HashMap<String, Published>>,
}

/// What a test has given all servers to serve.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) content: Bytes,
    pub(crate) tag: String,
    pub(crate) encoding: Option<String>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Value>,
    accepted: u64,
    handshakes: u64,
    resumed: u64,
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
        let signer = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            signer,
            connections: AtomicU64::default(),
            logs: Mutex::default(),
            reports: Mutex::default(),
            report_status: Mutex::default(),
            published: Mutex::default(),
        })
    }

    /// The public half of the key that signs, as a JWK.
    pub(crate) fn manifest_key(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(self.signer.public_key())})
    }

    /// A pin manifest with these claims.
    pub(crate) fn sign(&self, claims: &[u8]) -> String {
        let header = json!({"alg": "EdDSA", "typ": "pins+jwt"}).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.signer.sign(signed.as_bytes())))
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<String, Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, host: &str, request: Value) -> usize {
        let mut logs = self.logs();
        let requests = &mut logs.entry(host.to_owned()).or_default().requests;
        requests.push(request);
        requests.len() - 1
    }

    pub(crate) fn log_bytes(&self, host: &str, entry: usize, bytes: usize) {
        if let Some(request) = self.logs().get_mut(host).and_then(|log| log.requests.get_mut(entry)) {
            request["bytes"] = bytes.into();
        }
    }

    fn count(&self, host: &str, what: impl FnOnce(&mut Log)) {
        what(self.logs().entry(host.to_owned()).or_default());
    }

    pub(crate) fn requests(&self, host: &str) -> Value {
        let logs = self.logs();
        let requests = logs.get(host).map(|log| log.requests.clone()).unwrap_or_default();
        json!({"count": requests.len(), "requests": requests})
    }

    pub(crate) fn connections(&self, host: &str) -> Value {
        let logs = self.logs();
        let log = logs.get(host);
        let number = |read: fn(&Log) -> u64| log.map(read).unwrap_or_default();
        json!({
            "accepted": number(|log| log.accepted),
            "handshakes": number(|log| log.handshakes),
            "resumed": number(|log| log.resumed),
        })
    }

    /// Takes a report; the status to answer with.
    pub(crate) fn collect(&self, report: Value) -> u16 {
        let status = *self.report_status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.is_none() {
            self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
        }
        status.unwrap_or(204)
    }

    pub(crate) fn reports(&self) -> Value {
        Value::from(self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn answer_reports_with(&self, status: Option<u16>) {
        *self.report_status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(crate) fn publish(&self, name: String, content: Bytes, encoding: Option<String>) {
        let tag = format!("\"{}\"", pin_of_spki(&content));
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.insert(name, Published { content, tag, encoding });
    }

    pub(crate) fn published(&self, name: &str) -> Option<Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn reset(&self) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.logs().clear();
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.answer_reports_with(None);
    }
}

/// Starts a server on a port of the system's choice.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    name: &str,
    config: Config,
    manner: Manner,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (shared, name): (_, Arc<str>) = (shared.clone(), name.into());
    tokio::spawn(async move {
        loop {
            // Out of descriptors, say: the next connection may do better.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (shared, name, config) = (shared.clone(), name.clone(), config.clone());
            tokio::spawn(async move {
                shared.count(&name, |log| log.accepted += 1);
                // Clients that refuse a certificate break off here; that is what the tests are about.
                let _ = serve(shared, name, config, manner, stream).await;
            });
        }
    });
    Ok(address)
}

async fn serve(
    shared: Arc<Shared>,
    host: Arc<str>,
    config: Config,
    manner: Manner,
    mut stream: TcpStream,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if manner == Manner::Silent {
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
        return Ok(());
    }
    if manner == Manner::Plain {
        let _any_amount = stream.read(&mut [0; 1024]).await?;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await?;
        return stream.shutdown().await;
    }
    let config = config.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut stream = TlsAcceptor::from(config).accept(stream).await?;
    let tls = stream.get_ref().1;
    let connection = Connection {
        host: host.clone(),
        number: shared.connections.fetch_add(1, Ordering::Relaxed) + 1,
        resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        tls: if tls.protocol_version() == Some(ProtocolVersion::TLSv1_2) { "TLSv1.2" } else { "TLSv1.3" },
        sni: tls.server_name().map(str::to_owned),
        delay: if let Manner::Late(delay) = manner { delay } else { Duration::ZERO },
    };
    shared.count(&host, |log| {
        log.handshakes += 1;
        log.resumed += u64::from(connection.resumed);
    });
    if manner == Manner::HalfClose {
        return half_close(&shared, &host, &mut stream).await;
    }
    let service = service_fn(move |request| answer(shared.clone(), connection.clone(), request));
    let server = auto::Builder::new(TokioExecutor::new());
    server.serve_connection_with_upgrades(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn half_close(shared: &Shared, host: &str, stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let _any_amount = stream.read(&mut [0; 4096]).await?;
    shared.log(host, json!({"method": "GET", "path": "/", "connection": 0, "bytes": 0}));
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this").await?;
    stream.flush().await?;
    stream.get_mut().0.shutdown().await // TCP's end without TLS' close_notify
}
