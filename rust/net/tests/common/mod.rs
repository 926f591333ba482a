//! What the tests of this crate share: a testbed, and an engine and a client for it.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod signer;

use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use spki_pinning_core::{Engine, Event, EventSink};
use spki_pinning_net::{
    client::{Builder, NetError, PinnedClient},
    validate::Roots,
};
use spki_pinning_testbed::{Host, Testbed};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A pin that nobody has.
pub(crate) const WRONG: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

/// Of a TLS server that shows this chain, and nothing else.
pub(crate) fn server_config(chain: Vec<CertificateDer<'static>>, key: &rcgen::KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// Collects events.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl EventSink for Events {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A testbed, and an engine that judges connections to it.
pub(crate) struct Bench {
    pub(crate) testbed: Testbed,
    pub(crate) engine: Arc<Engine>,
    pub(crate) events: Arc<Events>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let (engine, events) = (Arc::new(Engine::new()), Arc::new(Events::default()));
        engine.set_event_sink(Some(events.clone()));
        Self { testbed: Testbed::start().unwrap(), engine, events }
    }

    pub(crate) fn host(&self, name: &str) -> Host {
        self.testbed.host(name).unwrap()
    }

    /// Trusts the testbed's root and finds its hosts.
    pub(crate) fn builder(&self) -> Builder {
        self.builder_for(Roots::Given(self.testbed.ca_pem().unwrap()))
    }

    pub(crate) fn builder_for(&self, roots: Roots) -> Builder {
        let hosts = self.testbed.document()["hosts"].as_object().unwrap();
        let builder = PinnedClient::builder(self.engine.clone(), roots).timeout(Duration::from_secs(10));
        hosts.keys().map(|name| self.host(name)).fold(builder, |builder, host| {
            // Several servers answer for `leaf.spki.test`, each test wants one of them: see `at`.
            builder.resolve(&host.name, host.address)
        })
    }

    pub(crate) fn client(&self) -> PinnedClient {
        self.builder().build().unwrap()
    }

    /// A client for which a server is to be found under its name, whoever else has that too.
    pub(crate) fn client_at(&self, host: &Host) -> PinnedClient {
        self.builder().resolve(&host.name, host.address).build().unwrap()
    }

    pub(crate) fn pin(&self, domain: &str, pin: &str) {
        self.initialize(&format!(r#"{{"{domain}": {{"publicKeyHashes": ["{pin}"]}}}}"#));
    }

    pub(crate) fn initialize(&self, document: &str) {
        self.engine.initialize(document, now_ms()).unwrap();
    }

    /// How many requests have reached a server's HTTP layer.
    pub(crate) fn requests(&self, name: &str) -> u64 {
        self.testbed.requests(name).unwrap()
    }

    /// Whether so many handshakes of a server have resumed a session. It may count the last one after the client is done.
    pub(crate) fn has_resumed(&self, name: &str, times: u64) -> bool {
        let resumed =
            || self.testbed.control("GET", &format!("/connections?host={name}")).unwrap()["resumed"].as_u64();
        (0..200).any(|_| {
            resumed() == Some(times) || {
                thread::sleep(Duration::from_millis(10));
                false
            }
        })
    }
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Status, which connection of the testbed it came over, and whether that resumed a session.
pub(crate) fn fetch(client: &PinnedClient, url: &str) -> Result<(u16, String, bool), NetError> {
    let mut response = client.get(url)?;
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (connection, handshake) = (header("x-testbed-connection"), header("x-testbed-handshake"));
    let status = response.status().as_u16();
    response.body_mut().read_to_vec().unwrap(); // else the connection is not reused
    Ok((status, connection.unwrap_or_default(), handshake.as_deref() == Some("resumed")))
}

/// The reason of a refusal; panics on anything else.
pub(crate) fn refused(result: Result<(u16, String, bool), NetError>) -> &'static str {
    match result.unwrap_err() {
        NetError::Pinned { verdict, .. } => verdict.reason().as_str(),
        other @ NetError::Http(_) => panic!("failed otherwise: {other:?}"),
    }
}
