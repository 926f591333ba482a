//! What the engine asks of its platform, and what that asks of the engine beside the checks.

use crate::bridge::{Bridge, to_json};
use rustls::{CertificateError, Error};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::json;
use spki_pinning_core::report::App;
use spki_pinning_net::{
    background::{Background, Surroundings, UpdateAnswer},
    validate::{ChainValidator, Presented, Roots, ValidatedChain, verify_name},
};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

/// The platform, as the engine needs it for its own connections: for pins that are fetched, for reports, for
/// `verifySslPinning`.
pub(crate) trait Platform: Send + Sync {
    /// The path that the platform finds valid for what a server has sent (DER, leaf first), by its own trust and as of now;
    /// `None` if there is none. That the certificate is for this host, the engine checks by itself as well.
    fn validated_path(&self, host: &str, sent: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>>;
    /// The pins in force have changed, and not by a call: what is open is to be judged again.
    fn pins_changed(&self);
}

/// Where an app's background work happens: JSON text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Start {
    /// Of the app alone, and not in its backups.
    folder: Option<PathBuf>,
    app: App,
}

impl Bridge {
    /// Begins what the engine does beside checks. The first call counts; `false` for text that is not as it should be.
    pub(crate) fn start(&self, surroundings: &str, platform: Arc<dyn Platform>) -> bool {
        self.guarded(|| self.try_start(surroundings, platform).is_some(), || false)
    }

    fn try_start(&self, surroundings: &str, platform: Arc<dyn Platform>) -> Option<()> {
        let Start { folder, app } = serde_json::from_str(surroundings).ok()?;
        let changed = platform.clone();
        let surroundings = Surroundings {
            folder,
            app,
            clock: self.clock(),
            on_change: Arc::new(move || {
                let _ = catch_unwind(AssertUnwindSafe(|| changed.pins_changed()));
            }),
            ..Surroundings::new(Roots::Bridge(Arc::new(PlatformTrust(platform))))
        };
        if self.background.get().is_none() {
            let background = Background::new(self.engine.clone(), surroundings).ok()?;
            let _ = self.background.set(background);
        }
        Some(())
    }

    /// Looks for newer signed pins, and waits for the answer: not for a thread that anybody else waits for.
    pub(crate) fn update(&self) -> String {
        let update = || match self.background.get() {
            Some(background) => to_json(&UpdateAnswer::from(background.update(self.now_ms()))),
            None => not_started(),
        };
        self.guarded(update, failed)
    }

    /// The app has come back before its user.
    pub(crate) fn came_to_foreground(&self) {
        self.guarded(|| self.background.get().map(Background::came_to_foreground).unwrap_or_default(), || ());
    }

    /// Makes a handshake of its own with a server and judges it; waits as [`Bridge::update`] does.
    pub(crate) fn verify(&self, host: &str, port: u16) -> String {
        let verify = || match self.background.get() {
            Some(background) => to_json(&background.verify(host, port, self.now_ms())),
            None => not_started(),
        };
        self.guarded(verify, failed)
    }

    /// From now on, which network stacks bring connections to a host is noted.
    pub(crate) fn watch(&self, host: &str) {
        self.guarded(|| self.engine.watch(host), || ());
    }

    /// What was noted: `[{"stack", "verdict", "reason"}]`.
    pub(crate) fn watched(&self) -> String {
        self.guarded(|| to_json(&self.engine.watched()), || "[]".to_owned())
    }

    /// Whether the connections of a network stack of this process are judged.
    pub(crate) fn tell_stack(&self, stack: &str, hooked: bool) {
        self.guarded(|| self.engine.tell_stack(stack, hooked), || ());
    }
}

fn not_started() -> String {
    let message = "react-native-spki-pinning was not started by its platform; this is a mistake of it";
    to_json(&json!({"ok": false, "error": {"code": "not-started", "message": message}}))
}

fn failed() -> String {
    let message = "the engine failed; this is a mistake of react-native-spki-pinning";
    to_json(&json!({"ok": false, "error": {"code": "internal-error", "message": message}}))
}

/// Trust by the platform's word.
struct PlatformTrust(Arc<dyn Platform>);

impl fmt::Debug for PlatformTrust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlatformTrust")
    }
}

impl ChainValidator for PlatformTrust {
    fn validate(
        &self,
        presented: &Presented<'_>,
        _: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, Error> {
        let sent = std::iter::once(presented.leaf).chain(presented.intermediates);
        let sent = sent.map(|certificate| certificate.to_vec()).collect();
        let host = presented.name.to_str();
        let path = catch_unwind(AssertUnwindSafe(|| self.0.validated_path(&host, sent))).unwrap_or_default();
        let path: ValidatedChain = path.unwrap_or_default().into_iter().map(CertificateDer::from).collect();
        // A path of something else than the server's own certificate would be no path.
        if path.first().is_none_or(|first| first.as_ref() != presented.leaf.as_ref()) {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        verify_name(presented.leaf, presented.name)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;
    use crate::bridge::Bridge;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use rustls_pki_types::{CertificateDer, UnixTime};
    use serde_json::{Value, json};
    use spki_pinning_core::Source;
    use spki_pinning_net::path;
    use spki_pinning_testbed::Testbed;
    use std::{
        panic::resume_unwind,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    type Answer = fn(Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>>;

    /// A platform that trusts the testbed's root for every name, and then does as it is told.
    struct Trusting {
        roots: Vec<CertificateDer<'static>>,
        answer: Answer,
        changes: AtomicU64,
    }

    impl Platform for Trusting {
        fn validated_path(&self, _: &str, sent: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
            let sent: Vec<_> = sent.into_iter().map(CertificateDer::from).collect();
            let (leaf, intermediates) = sent.split_first()?;
            let path = path::find(leaf, intermediates, &self.roots, UnixTime::now(), &|_| true).ok()?;
            (self.answer)(path.into_iter().map(|certificate| certificate.to_vec()).collect())
        }

        fn pins_changed(&self) {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn started(testbed: &Testbed, answer: Answer) -> (Bridge, Arc<Trusting>) {
        let root = testbed.host("leaf").expect("the testbed has it").validated.pop().expect("up to the root");
        let roots = vec![CertificateDer::from(root)];
        let platform = Arc::new(Trusting { roots, answer, changes: AtomicU64::new(0) });
        let bridge = Bridge::default();
        assert!(!bridge.start("no JSON", platform.clone()));
        assert!(bridge.start(r#"{"app": {"id": "com.example"}}"#, platform.clone()));
        (bridge, platform)
    }

    fn verify(bridge: &Bridge, host: &str, port: u16) -> Value {
        serde_json::from_str(&bridge.verify(host, port)).expect("an answer is JSON")
    }

    #[test]
    fn a_server_is_verified_by_the_trust_of_the_platform_and_by_the_pins() {
        let testbed = Testbed::start().expect("the testbed starts");
        let leaf = testbed.host("leaf").expect("the testbed has it");
        let port = leaf.address.port();
        let (bridge, _) = started(&testbed, Some);
        let answer = verify(&bridge, "localhost", port);
        assert_eq!((&answer["ok"], &answer["verdict"]["reason"]), (&json!(true), &json!("not-pinned")));
        assert_eq!(answer["verdict"]["servedPins"], json!(leaf.pins), "the path up to the root");
        for (pin, ok, reason) in [
            (leaf.pins[1].as_str(), true, "pin-matched"),
            ("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", false, "no-pin-matched"),
        ] {
            bridge.initialize(&json!({"localhost": {"publicKeyHashes": [pin]}}).to_string(), Source::Code);
            let answer = verify(&bridge, "localhost", port);
            assert_eq!((&answer["ok"], &answer["verdict"]["reason"]), (&json!(ok), &json!(reason)));
        }
        let name =
            verify(&bridge, "localhost", testbed.host("intermediate").expect("is there").address.port());
        assert_eq!(name["error"]["code"], "certificate-wrong-host");
    }

    #[test]
    fn a_platform_that_says_no_fails_or_answers_with_something_else_is_no_trust() {
        let testbed = Testbed::start().expect("the testbed starts");
        let port = testbed.host("leaf").expect("the testbed has it").address.port();
        let answers: [Answer; 4] = [
            |_| None,
            |_| Some(Vec::new()),
            |mut path| Some(path.split_off(1)),
            |_| resume_unwind(Box::new(())),
        ];
        for answer in answers {
            let (bridge, _) = started(&testbed, answer);
            assert_eq!(verify(&bridge, "localhost", port)["error"]["code"], "certificate-unknown-issuer");
        }
    }

    #[test]
    fn pins_that_are_fetched_are_told_to_the_platform() {
        let testbed = Testbed::start().expect("the testbed starts");
        let (bridge, platform) = started(&testbed, Some);
        let key = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("any seed is one");
        let now = bridge.now_ms() / 1000;
        let pin = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
        let claims = json!({"iat": now, "exp": now + 86_400, "version": 1, "domains": {"a.test": {"publicKeyHashes": [pin]}}});
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(json!({"alg": "EdDSA", "typ": "pins+jwt"})), encode(claims));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())));
        testbed
            .control_with("POST", "/publish?name=pins.jwt", token.as_bytes())
            .expect("it can be published");

        let port = testbed.host("leaf").expect("the testbed has it").address.port();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.public_key())});
        let updates =
            json!({"url": format!("https://localhost:{port}/published/pins.jwt"), "publicKeys": [jwk]});
        bridge
            .initialize(&json!({"domains": {}, "settings": {"updates": updates}}).to_string(), Source::Code);
        let answer: Value = serde_json::from_str(&bridge.update()).expect("an answer is JSON");
        assert_eq!((&answer["ok"], &answer["version"]), (&json!(true), &json!(1)), "{answer}");
        assert_eq!(platform.changes.load(Ordering::SeqCst), 1);
        assert!(bridge.is_pinned(Some("a.test")));
        let not_started: Value =
            serde_json::from_str(&Bridge::default().update()).expect("an answer is JSON");
        assert_eq!(not_started["error"]["code"], "not-started");
    }
}
