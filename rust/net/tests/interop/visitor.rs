//! Who visits these servers: the client of this crate, with an engine of its own.

use super::pki::{Der, HOST, pem};
use crate::common::{Events, WRONG, now_ms};
use rustls::pki_types::CertificateDer;
use spki_pinning_core::Engine;
use spki_pinning_net::{
    client::{NetError, PinnedClient},
    validate::{ChainValidator, Presented, Roots, ValidatedChain},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A server, and what it has seen of its clients.
pub(crate) trait Peer {
    fn address(&self) -> SocketAddr;
    /// Until it has done with so many connections, so that nothing of them is still to come.
    fn wait_for_end_of(&self, connections: usize);
    fn requests(&self) -> usize;
    /// Counts what has arrived of application data: 0 only if not a byte has.
    fn application_data(&self) -> usize;
}

pub(crate) struct Visitor {
    pub(crate) engine: Arc<Engine>,
    pub(crate) events: Arc<Events>,
    pub(crate) client: PinnedClient,
    port: u16,
}

impl Visitor {
    pub(crate) fn new(roots: &[Der], peer: &impl Peer) -> Self {
        Self::trusting(Roots::Given(pem(roots).into_bytes()), peer)
    }

    pub(crate) fn trusting(roots: Roots, peer: &impl Peer) -> Self {
        let (engine, events) = (Arc::new(Engine::new()), Arc::new(Events::default()));
        engine.set_event_sink(Some(events.clone()));
        let client = PinnedClient::builder(engine.clone(), roots)
            .resolve(HOST, peer.address())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { engine, events, client, port: peer.address().port() }
    }

    pub(crate) fn pin(&self, pin: &str) {
        self.initialize(&format!(r#"{{"{HOST}": {{"publicKeyHashes": ["{pin}"]}}}}"#));
    }

    pub(crate) fn initialize(&self, document: &str) {
        self.engine.initialize(document, now_ms()).unwrap();
    }

    /// Status and body.
    pub(crate) fn get(&self) -> Result<(u16, Vec<u8>), NetError> {
        self.get_at(HOST)
    }

    pub(crate) fn get_at(&self, host: &str) -> Result<(u16, Vec<u8>), NetError> {
        let mut response = self.client.get(&format!("https://{host}:{}/", self.port))?;
        let body = response.body_mut().read_to_vec().map_err(NetError::from)?;
        Ok((response.status().as_u16(), body))
    }

    pub(crate) fn is_allowed(&self, what: &str) {
        let answer = self.get().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer, (200, b"ok".to_vec()), "{what}");
    }

    pub(crate) fn is_refused_by_pins(&self, what: &str) {
        match self.get() {
            Err(NetError::Pinned { verdict, .. }) => {
                assert_eq!(verdict.reason().as_str(), "no-pin-matched", "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }

    /// The text of an error that no pin has to do with.
    pub(crate) fn fails(&self, what: &str) -> String {
        match self.get() {
            Err(NetError::Http(error)) => error.to_string(),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Three connections: with the right pin, with a wrong one of which not a byte arrives, and report-only.
pub(crate) fn obeys_pins(what: &str, roots: &[Der], peer: &impl Peer, pin: &str) {
    let visitor = || Visitor::new(roots, peer); // each without sessions of an earlier one

    let wrong = visitor();
    wrong.pin(WRONG);
    wrong.is_refused_by_pins(what);
    peer.wait_for_end_of(1);
    assert_eq!((peer.requests(), peer.application_data()), (0, 0), "{what}: nothing arrives");
    assert!(wrong.events.take().iter().all(|event| event.enforced), "{what}");

    let right = visitor();
    right.pin(pin);
    right.is_allowed(what);
    peer.wait_for_end_of(2);
    assert_eq!(peer.requests(), 1, "{what}");
    assert!(peer.application_data() > 0, "{what}: a request is seen where there is one");
    assert!(right.events.take().is_empty(), "{what}");

    let watching = visitor();
    watching.initialize(&format!(r#"{{"{HOST}": {{"publicKeyHashes": ["{WRONG}"], "reportOnly": true}}}}"#));
    watching.is_allowed(what);
    let enforced: Vec<_> = watching.events.take().iter().map(|event| event.enforced).collect();
    assert_eq!(enforced, [false], "{what}");
}

/// Runs the cases, a few at a time: they wait for other processes more than they work.
pub(crate) fn in_parallel<T: Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(case);
                }
            });
        }
    });
}

/// Trust as an app's platform has it, and what the platform got to see of OCSP.
#[derive(Debug)]
pub(crate) struct Bridge {
    trust: Arc<dyn ChainValidator>,
    stapled: Mutex<Vec<Vec<u8>>>,
}

impl Bridge {
    pub(crate) fn new(roots: &[Der]) -> Arc<Self> {
        let trust = Roots::Given(pem(roots).into_bytes()).validator().unwrap();
        Arc::new(Self { trust, stapled: Mutex::default() })
    }

    pub(crate) fn roots(self: &Arc<Self>) -> Roots {
        Roots::Bridge(self.clone())
    }

    pub(crate) fn stapled(&self) -> Vec<Vec<u8>> {
        self.stapled.lock().unwrap().clone()
    }
}

impl ChainValidator for Bridge {
    fn validate(
        &self,
        presented: &Presented<'_>,
        accept: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, rustls::Error> {
        self.stapled.lock().unwrap().push(presented.ocsp_response.to_vec());
        self.trust.validate(presented, accept)
    }
}
