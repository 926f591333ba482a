//! The ledger of signed pins against a model: a list of what happens to an app (manifests by right and wrong keys, new keys,
//! time, restarts, a new release of the app, a damaged or rolled back store), and after each the state that must follow.
//!
//! The model knows no token and no signature: a manifest is who signed it, its version and what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use proptest::prelude::*;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};
use spki_pinning_core::{
    manifest::{Ledger, Recipient, SignatureVerifier},
    verification_key::VerificationKey,
};
use std::{cell::RefCell, collections::BTreeMap};

const PINS: [&str; 2] =
    ["r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=", "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg="];
/// In seconds.
const START: i64 = 1_767_225_600;
const TOLERANCE: i64 = 600;
/// How often keys can be replaced.
const CHANGES: usize = 16;

/// A key of an app, by its number.
type Key = u8;

/// A manifest as the model has it.
#[derive(Debug, Clone, PartialEq)]
struct Paper {
    signer: Key,
    version: u64,
    issued: i64,
    ends: i64,
    /// The keys from then on.
    keys: Option<Vec<Key>>,
    for_shop: bool,
}

/// What happens to an app.
#[derive(Debug, Clone)]
enum Event {
    /// A manifest is offered; its version is so much above the highest that was ever published, its signer one that the app
    /// trusts, if `trusted`.
    Offer {
        trusted: bool,
        signer: Key,
        step: i64,
        issued: i64,
        life: i64,
        keys: Option<Vec<Key>>,
        for_shop: bool,
    },
    /// One that was offered before, again.
    Replay(prop::sample::Index),
    /// One that was offered before, with one character changed.
    Tamper(prop::sample::Index, prop::sample::Index),
    /// A token of what was offered with the signature of another.
    Graft(prop::sample::Index, prop::sample::Index),
    /// Time passes, or the clock is set back: seconds.
    Clock(i64),
    Restart,
    /// The store is as it was before some restart.
    OldStore(prop::sample::Index),
    /// Part of the store is lost: its oldest, or its newest, token.
    Lost {
        oldest: bool,
    },
    /// A new release of the app, with these keys.
    Release(Vec<Key>),
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    prop::sample::subsequence(vec![1, 2, 3, 4, 5], 1..3)
}

fn offers(new_keys: f64) -> impl Strategy<Value = Event> {
    (
        prop::bool::weighted(0.8),
        1..6_u8,
        prop_oneof![8 => 1..3_i64, 1 => Just(0), 1 => -3..0_i64],
        prop_oneof![6 => -1000..1_i64, 1 => 1..=TOLERANCE, 1 => TOLERANCE + 1..2000],
        prop_oneof![1 => 1..1500_i64, 5 => 1500..100_000_i64],
        prop::option::weighted(new_keys, keys()),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(trusted, signer, step, issued, life, keys, for_shop)| Event::Offer {
            trusted,
            signer,
            step,
            issued,
            life,
            keys,
            for_shop,
        })
}

fn events() -> impl Strategy<Value = Event> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        12 => offers(0.4),
        2 => index().prop_map(Event::Replay),
        1 => (index(), index()).prop_map(|(which, at)| Event::Tamper(which, at)),
        1 => (index(), index()).prop_map(|(one, other)| Event::Graft(one, other)),
        2 => prop_oneof![4 => 0..3000_i64, 1 => -100_000..0_i64, 1 => 3000..1_000_000_i64].prop_map(Event::Clock),
        3 => Just(Event::Restart),
        1 => index().prop_map(Event::OldStore),
        1 => any::<bool>().prop_map(|oldest| Event::Lost { oldest }),
        1 => keys().prop_map(Event::Release),
    ]
}

/// The state that must follow: what was accepted, in order, as far as it is kept.
#[derive(Debug, Clone)]
struct Model {
    shipped: Vec<Key>,
    trusted: Vec<Key>,
    kept: Vec<Paper>,
}

impl Model {
    fn new(shipped: &[Key]) -> Self {
        Self { shipped: shipped.to_vec(), trusted: shipped.to_vec(), kept: Vec::new() }
    }

    /// What comes of an offer: the code of a refusal, `same`, or `ok` and the paper is taken.
    fn offer(&mut self, paper: &Paper, now: i64) -> &'static str {
        if !self.trusted.contains(&paper.signer) {
            return "manifest-signature";
        }
        match self.kept.last() {
            // Whoever signed it: the same claims are no news.
            Some(newest) if Paper { signer: paper.signer, ..newest.clone() } == *paper => return "same",
            Some(newest) if newest.version == paper.version => return "manifest-version-reused",
            Some(newest) if newest.version > paper.version => return "manifest-rollback",
            _ => {}
        }
        if paper.issued > now + TOLERANCE {
            return "manifest-from-future";
        }
        if paper.ends <= now {
            return "manifest-expired";
        }
        if !paper.for_shop {
            return "manifest-audience";
        }
        if self.kept.iter().filter(|kept| kept.keys.is_some()).count() > CHANGES {
            return "manifest-key-changes";
        }
        self.take(paper.clone());
        "ok"
    }

    fn take(&mut self, paper: Paper) {
        if let Some(keys) = &paper.keys {
            self.trusted.clone_from(keys);
        }
        // Of what came before, only that is needed which tells who may sign.
        self.kept.retain(|kept| kept.keys.is_some());
        self.kept.push(paper);
    }

    /// After a start with these papers in the store: as much of their end as follows from the keys of the app.
    fn restarted(&self, stored: &[Paper]) -> Self {
        for from in 0..stored.len() {
            let mut model = Self::new(&self.shipped);
            let follows = stored[from..].iter().all(|paper| {
                let newer = model.kept.last().is_none_or(|newest| newest.version < paper.version);
                let good = newer && model.trusted.contains(&paper.signer);
                if good {
                    model.take(paper.clone());
                }
                good
            });
            if follows {
                return model;
            }
        }
        Self::new(&self.shipped)
    }
}

struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok()
    }
}

fn pair(key: Key) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[key; 32]).unwrap()
}

fn jwk(key: Key) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair(key).public_key())})
}

fn public(keys: &[Key]) -> Vec<VerificationKey> {
    keys.iter().map(|key| VerificationKey::parse(&jwk(*key).to_string()).unwrap()).collect()
}

fn token(paper: &Paper) -> String {
    let mut claims = json!({
        "iat": paper.issued, "exp": paper.ends, "version": paper.version, "aud": if paper.for_shop { "shop" } else { "bank" },
        "domains": {"a.test": {"publicKeyHashes": PINS}},
    });
    if let Some(keys) = &paper.keys {
        claims["publicKeys"] = keys.iter().map(|key| jwk(*key)).collect();
    }
    let message = format!(
        "{}.{}",
        BASE64.encode(r#"{"alg":"EdDSA","typ":"pins+jwt"}"#),
        BASE64.encode(claims.to_string())
    );
    format!("{message}.{}", BASE64.encode(pair(paper.signer).sign(message.as_bytes())))
}

/// An app: its ledger, its store, its clock, and all that was ever offered to it.
struct App {
    ledger: Ledger,
    model: Model,
    now: i64,
    highest: u64,
    offered: Vec<(Paper, String)>,
    stores: Vec<(Vec<String>, Vec<Paper>)>,
    answers: BTreeMap<&'static str, usize>,
}

impl App {
    fn new(shipped: &[Key]) -> Self {
        Self {
            ledger: Ledger::new(&public(shipped)),
            model: Model::new(shipped),
            now: START,
            highest: 0,
            offered: Vec::new(),
            stores: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    fn accept(&mut self, token: &str) -> &'static str {
        let recipient = Recipient { audience: Some("shop"), app_version: None, now_ms: self.now * 1000 };
        match self.ledger.accept(token, &Ring, &recipient) {
            Ok(Some(next)) => {
                self.ledger = next;
                "ok"
            }
            Ok(None) => "same",
            Err(refused) => refused.code,
        }
    }

    fn stored(&self) -> Vec<String> {
        self.ledger.tokens().into_iter().map(str::to_owned).collect()
    }

    fn restart(&mut self, tokens: &[String], papers: &[Paper]) {
        self.ledger = Ledger::restore(&public(&self.model.shipped), tokens, &Ring);
        self.model = self.model.restarted(papers);
    }

    fn happens(&mut self, event: &Event) {
        let answer = match event {
            Event::Offer { trusted, signer, step, issued, life, keys, for_shop } => {
                let known = &self.model.trusted;
                let signer = if *trusted { known[usize::from(*signer) % known.len()] } else { *signer };
                let version = self.highest.saturating_add_signed(*step).max(1);
                self.highest = self.highest.max(version);
                let issued = self.now + issued;
                let paper = Paper {
                    signer,
                    version,
                    issued,
                    ends: issued + life,
                    keys: keys.clone(),
                    for_shop: *for_shop,
                };
                let token = token(&paper);
                self.offered.push((paper.clone(), token.clone()));
                self.offer(&paper, &token)
            }
            Event::Replay(_) | Event::Tamper(..) | Event::Graft(..) if self.offered.is_empty() => "nothing",
            Event::Replay(which) => {
                let (paper, token) = which.get(&self.offered).clone();
                self.offer(&paper, &token)
            }
            Event::Tamper(which, at) => {
                let (_, token) = which.get(&self.offered);
                let at = at.index(token.len());
                let changed = if &token[at..=at] == "A" { "B" } else { "A" };
                let tampered = format!("{}{changed}{}", &token[..at], &token[at + 1..]);
                let answer = self.accept(&tampered);
                assert!(!matches!(answer, "ok" | "same"), "{tampered} is taken");
                "tampered"
            }
            Event::Graft(one, other) => {
                let ((left, one), (right, other)) = (one.get(&self.offered), other.get(&self.offered));
                let is_whole = left == right;
                let grafted =
                    format!("{}.{}", one.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
                if !is_whole {
                    assert_eq!(self.accept(&grafted), "manifest-signature", "{grafted}");
                }
                "grafted"
            }
            Event::Clock(seconds) => {
                self.now = (self.now + seconds).max(0);
                "clock"
            }
            Event::Restart => {
                self.stores.push((self.stored(), self.model.kept.clone()));
                let (before, keys) = (self.stored(), self.model.trusted.clone());
                self.restart(&before, &self.model.kept.clone());
                if self.model.trusted == keys {
                    assert_eq!(self.stored(), before, "a start loses nothing");
                }
                "restart"
            }
            Event::OldStore(_) if self.stores.is_empty() => "nothing",
            Event::OldStore(which) => {
                let (tokens, papers) = which.get(&self.stores).clone();
                self.restart(&tokens, &papers);
                "old store"
            }
            Event::Lost { oldest } => {
                let (mut tokens, mut papers) = (self.stored(), self.model.kept.clone());
                if !tokens.is_empty() {
                    let at = if *oldest { 0 } else { tokens.len() - 1 };
                    tokens.remove(at);
                    papers.remove(at);
                }
                self.restart(&tokens, &papers);
                "lost"
            }
            Event::Release(keys) => {
                self.model.shipped.clone_from(keys);
                let (tokens, papers) = (self.stored(), self.model.kept.clone());
                self.restart(&tokens, &papers);
                "release"
            }
        };
        *self.answers.entry(answer).or_default() += 1;
    }

    /// Both are asked the same; that they answer the same is half of the test.
    fn offer(&mut self, paper: &Paper, token: &str) -> &'static str {
        let expected = self.model.offer(paper, self.now);
        assert_eq!(self.accept(token), expected, "{paper:?} at {}", self.now);
        expected
    }

    /// The other half: what must be true of the ledger at all times.
    fn stands_up(&self) {
        let newest = self.ledger.newest();
        assert_eq!(newest.map(|newest| newest.version()), self.model.kept.last().map(|paper| paper.version));
        assert_eq!(self.ledger.keys(), public(&self.model.trusted));
        let token = |paper| {
            self.offered.iter().find(|(offered, _)| offered == paper).map(|(_, token)| token.as_str())
        };
        let kept: Vec<_> = self.model.kept.iter().filter_map(token).collect();
        assert_eq!(self.ledger.tokens(), kept);
        assert!(kept.len() <= CHANGES + 1, "{}", kept.len());
        if let Some(newest) = newest {
            let ends = self.model.kept.last().unwrap().ends;
            assert_eq!(newest.is_expired(self.now * 1000), self.now >= ends);
        }
    }
}

thread_local! {
    static ANSWERS: RefCell<BTreeMap<&'static str, usize>> = const { RefCell::new(BTreeMap::new()) };
}

proptest! {
    fn whatever_happens(
        shipped in keys(),
        events in prop_oneof![
            9 => prop::collection::vec(events(), 1..60),
            1 => prop::collection::vec(offers(0.95), 50..60), // so many new keys that they no longer fit
        ],
    ) {
        let mut app = App::new(&shipped);
        for event in &events {
            app.happens(event);
            app.stands_up();
        }
        ANSWERS.with_borrow_mut(|all| {
            for (answer, count) in app.answers {
                *all.entry(answer).or_default() += count;
            }
        });
    }
}

#[test]
fn whatever_happens_to_an_app_its_ledger_is_what_the_model_says() {
    whatever_happens();
    let answers = ANSWERS.take();
    println!("{answers:?}");
    for answer in [
        "ok",
        "same",
        "manifest-signature",
        "manifest-version-reused",
        "manifest-rollback",
        "manifest-from-future",
        "manifest-expired",
        "manifest-audience",
        "manifest-key-changes",
        "tampered",
        "grafted",
        "restart",
        "old store",
        "lost",
        "release",
    ] {
        assert!(answers.get(answer).is_some_and(|count| *count >= 20), "{answer}: {answers:?}");
    }
}
