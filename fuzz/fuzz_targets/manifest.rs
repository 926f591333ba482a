//! Signed pins, one manifest a line, signed here, so that what is behind the signature is reached too. No line takes a pin of
//! the app off, versions only grow, nobody else's signature counts, and a restart comes to the same.
//!
//! `A{claims}` to `C{claims}`: signed by that key, of which the app has A. `@milliseconds`: the clock from here on.
//! `!header TAB claims`: signed by A under another header. `~token`: as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use spki_pinning_core::{
    Engine, Severity, Source,
    manifest::{Ledger, Manifest, Recipient, check_claims},
    verification_key::VerificationKey,
};
use spki_pinning_fuzz::{NOW, OTHER_PIN, PIN, Signer, is_blocked, state};
use spki_pinning_net::signature::RingVerifier;
use std::sync::LazyLock;

const LINES: usize = 24;
static SIGNERS: LazyLock<Vec<(u8, Signer, VerificationKey)>> = LazyLock::new(|| {
    let signers = b"ABC".iter().map(|name| (*name, Signer::new(name - b'A' + 1)));
    signers
        .map(|(name, signer)| (name, signer.key(), signer))
        .map(|(name, key, signer)| (name, signer, key))
        .collect()
});
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let pins = [PIN, OTHER_PIN];
    let domains = json!({
        "own.test": {"publicKeyHashes": pins, "includeSubdomains": true, "excludedSubdomains": ["open.own.test"]},
        "dated.test": {"publicKeyHashes": pins, "expirationDate": "2027-01-01"},
        "soft.test": {"publicKeyHashes": pins, "includeSubdomains": true, "reportOnly": true},
    });
    let updates =
        json!({"url": "https://localhost/pins.jwt", "publicKeys": [SIGNERS[0].1.jwk()], "audience": "app"});
    json!({"domains": domains, "settings": {"updates": updates}}).to_string()
});

fuzz_target!(|bytes: &[u8]| {
    let mut app = App::new();
    for line in bytes.split(|byte| *byte == b'\n').take(LINES) {
        match line {
            [b'@', digits @ ..] => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                app.now = digits.parse().unwrap_or(app.now);
            }
            [b'!', rest @ ..] => {
                let tab = rest.iter().position(|byte| *byte == b'\t').unwrap_or(rest.len());
                let (header, claims) = rest.split_at(tab);
                let claims = claims.get(1..).unwrap_or_default();
                app.receive(&SIGNERS[0].1.sign_with(header, claims), Some(&SIGNERS[0].2));
            }
            [b'~', token @ ..] => app.receive(&String::from_utf8_lossy(token), None),
            [name, claims @ ..] => {
                let Some((_, signer, key)) = SIGNERS.iter().find(|(known, ..)| known == name) else {
                    continue;
                };
                let token = signer.sign(claims);
                app.publishable_is_readable(claims, &token, key);
                app.receive(&token, Some(key));
            }
            [] => {}
        }
        app.keeps_its_pins();
    }
    app.restarts();
});

struct App {
    engine: Engine,
    ledger: Ledger,
    now: i64,
}

impl App {
    fn new() -> Self {
        let engine = Engine::new();
        engine.initialize(&DOCUMENT, NOW).expect("that is a configuration");
        Self { engine, ledger: Ledger::new(&[SIGNERS[0].2.clone()]), now: NOW }
    }

    /// What `sign` finds nothing wrong with, an app reads.
    fn publishable_is_readable(&self, claims: &[u8], token: &str, key: &VerificationKey) {
        let Ok(claims) = std::str::from_utf8(claims) else { return };
        let problems = check_claims(claims, self.now);
        if problems.iter().all(|problem| problem.severity != Severity::Error) {
            let read = Manifest::verify(token, std::slice::from_ref(key), &RingVerifier);
            assert!(
                read.is_ok() || token.len() > spki_pinning_core::manifest::MAX_MANIFEST_BYTES,
                "{read:?}"
            );
        }
    }

    fn receive(&mut self, token: &str, signed_by: Option<&VerificationKey>) {
        let recipient = Recipient { audience: Some("app"), app_version: Some("2.1.0"), now_ms: self.now };
        let before = self.ledger.newest().map(|manifest| manifest.version());
        let is_trusted = signed_by.is_some_and(|key| self.ledger.keys().contains(key));
        let accepted = self.ledger.accept(token, &RingVerifier, &recipient);
        // A token that is given as it is can be one of those that were signed here, and is in no corpus.
        assert!(
            is_trusted || signed_by.is_none() || accepted.is_err(),
            "signed by a key that the app does not have"
        );
        let Ok(Some(newer)) = accepted else { return };
        let manifest = newer.newest().expect("it was accepted").clone();
        assert!(before < Some(manifest.version()), "{before:?} was the newest");
        assert!(manifest.version() > 0 && !manifest.entries().is_empty());
        assert!(manifest.issued_at() < manifest.expires_at() && !manifest.is_expired(self.now));
        assert!(
            newer.keys() == manifest.public_keys().unwrap_or(self.ledger.keys()) && !newer.keys().is_empty()
        );
        self.one_letter_changed(token, &recipient);
        assert!(
            matches!(newer.accept(token, &RingVerifier, &recipient), Ok(None) | Err(_)),
            "accepted twice"
        );

        if self.engine.apply_update(manifest, |settings| settings.updates.is_some(), self.now).is_ok() {
            self.ledger = newer;
        }
        let status = self.engine.status(self.now).updates.expect("the configuration has updates");
        assert_eq!(status.version, self.ledger.newest().map(|manifest| manifest.version()));
    }

    fn one_letter_changed(&self, token: &str, recipient: &Recipient<'_>) {
        let signed = token.trim().rfind('.').expect("it was accepted");
        let at = signed / 2;
        let letter = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        assert!(self.ledger.accept(&changed, &RingVerifier, recipient).is_err(), "{changed}");
    }

    fn keeps_its_pins(&self) {
        let newest = self.ledger.newest();
        let ends = newest.map_or(self.now, |manifest| manifest.expires_at());
        for now in [i64::MIN, 0, NOW, self.now, ends - 1, ends, i64::MAX] {
            for host in ["own.test", "a.own.test", "b.a.own.test", "shut.own.test", "OWN.test."] {
                assert!(is_blocked(&self.engine, host, now), "{host} is let through at {now}");
            }
        }
        assert!(is_blocked(&self.engine, "dated.test", NOW));
        assert!(!is_blocked(&self.engine, "other.example", NOW) || newest.is_some());
    }

    fn restarts(&self) {
        let tokens: Vec<String> = self.ledger.tokens().into_iter().map(str::to_owned).collect();
        let restored = Ledger::restore(&[SIGNERS[0].2.clone()], &tokens, &RingVerifier);
        assert_eq!(restored.tokens(), self.ledger.tokens());
        assert_eq!(restored.keys(), self.ledger.keys());
        let engine = Engine::new();
        let newest = restored.newest().cloned();
        engine.initialize_from(&DOCUMENT, Source::Code, NOW, |_| newest).expect("that is a configuration");
        assert_eq!(state(&engine), state(&self.engine));
        // Without the first of them, the rest is believed only if the app's own keys have signed it.
        if let Some((first, rest)) = tokens.split_first()
            && !rest.is_empty()
        {
            let cut = Ledger::restore(&[SIGNERS[0].2.clone()], rest, &RingVerifier);
            assert!(!cut.tokens().contains(&first.as_str()));
        }
    }
}
