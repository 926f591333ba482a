//! What is told to a `reportUri` of a failure: the JSON of RFC 7469 §3, and whose app it was.

use crate::{
    event::Event,
    expiry, pem,
    pin::Pin,
    verdict::{Judgement, MAX_CERTIFICATE_BYTES, MAX_CHAIN},
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Receives what fails, for reports. Called on the thread on which it happens, which may be one of a TLS handshake: hand over
/// and return.
pub trait FailureObserver: Send + Sync {
    /// Takes one failure.
    fn failed(&self, event: &Event, report: &Report<'_>);
}

/// Certificates, leaf first, in DER.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chain<'a, C> {
    /// The path that the platform validated.
    Validated(&'a [C]),
    /// What the server sent, which the platform did not find valid.
    Presented(&'a [C]),
}

impl<'a, C: AsRef<[u8]>> Chain<'a, C> {
    pub(crate) fn certificates(&self) -> &'a [C] {
        match self {
            Self::Validated(chain) | Self::Presented(chain) => chain,
        }
    }
}

/// The app that reports. Nothing in it is about a person or a device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct App {
    /// As the platform names it: `com.example.app`.
    pub id: Option<String>,
    /// What its users see: `2.10.0`.
    pub version: Option<String>,
    /// `android`, `ios` or `node`.
    pub platform: Option<String>,
}

/// A failure that can be reported.
#[derive(Debug)]
pub struct Report<'a> {
    event: &'a Event,
    domain: Option<&'a str>,
    include_subdomains: bool,
    expires_at: Option<i64>,
    chain: Vec<&'a [u8]>,
    validated: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new<C: AsRef<[u8]>>(
        event: &'a Event,
        judgement: &Judgement<'a>,
        chain: &Chain<'a, C>,
    ) -> Self {
        let certificates = chain.certificates().iter().take(MAX_CHAIN).map(AsRef::as_ref);
        Self {
            event,
            domain: judgement.entry.map(|entry| &**entry.domain()),
            include_subdomains: judgement.entry.is_some_and(|entry| entry.include_subdomains),
            expires_at: judgement.entry.and_then(|entry| entry.expires_at()),
            chain: certificates.filter(|der| der.len() <= MAX_CERTIFICATE_BYTES).collect(),
            validated: matches!(chain, Chain::Validated(_)),
        }
    }

    /// The same for all failures of one host with one chain: SHA-256.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.event.server_hostname.as_bytes());
        hash.update([0]);
        hash.update(self.event.reason.as_bytes());
        for certificate in &self.chain {
            hash.update(Sha256::digest(certificate));
        }
        hash.finalize().into()
    }

    /// JSON text. Members that RFC 7469 does not have: `reason`, `enforced`, `app-id`, `app-version`, `app-platform`.
    ///
    /// Platforms show the chain that they validated, or, where they did not, what was sent: only that one of the two is filled. The port
    /// of a connection is not known where pins are checked, so there is none.
    pub fn document(&self, app: &App) -> String {
        let chain: Vec<_> = self.chain.iter().map(|der| pem::encode("CERTIFICATE", der)).collect();
        let (validated, served) = if self.validated { (chain, Vec::new()) } else { (Vec::new(), chain) };
        let pin = |pin: &Pin| format!("pin-sha256=\"{pin}\"");
        json!({
            "date-time": expiry::date_time(self.event.timestamp),
            "hostname": self.event.server_hostname,
            "effective-expiration-date": self.expires_at.map(expiry::date_time),
            "include-subdomains": self.include_subdomains,
            "noted-hostname": self.domain,
            "served-certificate-chain": served,
            "validated-certificate-chain": validated,
            "known-pins": self.event.expected_pins.iter().map(pin).collect::<Vec<_>>(),
            "reason": self.event.reason,
            "enforced": self.event.enforced,
            "app-id": app.id,
            "app-version": app.version,
            "app-platform": app.platform,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{App, Report};
    use crate::{Engine, Event, FailureObserver, engine::MAX_CHAIN};
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Reports(Mutex<Vec<(String, [u8; 32])>>);

    impl FailureObserver for Reports {
        fn failed(&self, _: &Event, report: &Report<'_>) {
            let app = App { id: Some("com.example".to_owned()), ..App::default() };
            self.0.lock().unwrap().push((report.document(&app), report.fingerprint()));
        }
    }

    #[test]
    fn a_failure_is_told_as_rfc_7469_has_it() {
        let engine = Engine::new();
        let reports = Arc::new(Reports::default());
        engine.observe_failures(reports.clone());
        let document = r#"{"a.test": {"publicKeyHashes": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],
            "includeSubdomains": true, "expirationDate": "2030-01-02"}}"#;
        engine.initialize(document, 0).unwrap();
        let chain = [b"one".as_slice(), b"two"];
        engine.check(Some("b.a.test"), &chain, "fetch", 1_767_225_600_123);
        engine.check_unvalidated(Some("b.a.test"), &chain[..1], "fetch", 1_767_225_600_123);
        engine.check(Some("other.test"), &chain, "fetch", 0);

        let reports = reports.0.lock().unwrap();
        let [(first, one), (second, other)] = reports.as_slice() else { panic!("{reports:?}") };
        assert_ne!(one, other);
        let first: serde_json::Value = serde_json::from_str(first).unwrap();
        let pem =
            |base64: &str| format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let expected = serde_json::json!({
            "date-time": "2026-01-01T00:00:00.123Z", "hostname": "b.a.test",
            "effective-expiration-date": "2030-01-02T00:00:00.000Z", "include-subdomains": true,
            "noted-hostname": "a.test", "served-certificate-chain": [],
            "validated-certificate-chain": [pem("b25l"), pem("dHdv")],
            "known-pins": ["pin-sha256=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""],
            "reason": "unparsable-chain", "enforced": true,
            "app-id": "com.example", "app-version": null, "app-platform": null,
        });
        assert_eq!(first, expected);
        let second: serde_json::Value = serde_json::from_str(second).unwrap();
        assert_eq!(second["served-certificate-chain"], serde_json::json!([pem("b25l")]));
        assert_eq!(second["reason"], "chain-not-validated");
    }

    #[test]
    fn a_report_of_a_chain_without_end_has_an_end() {
        let engine = Engine::new();
        let reports = Arc::new(Reports::default());
        engine.observe_failures(reports.clone());
        engine
            .initialize(
                r#"{"a.test": {"publicKeyHashes": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}"#,
                0,
            )
            .unwrap();
        let huge = vec![0; 1 << 20];
        let chain: Vec<&[u8]> =
            vec![huge.as_slice(); 10].into_iter().chain(vec![b"x".as_slice(); 1000]).collect();
        engine.check(Some("a.test"), &chain, "fetch", 0);
        let document: serde_json::Value = serde_json::from_str(&reports.0.lock().unwrap()[0].0).unwrap();
        assert_eq!(document["validated-certificate-chain"].as_array().unwrap().len(), MAX_CHAIN - 10);
    }
}
