//! Signed pins for installed apps: a pin manifest is a JWT (RFC 7519, compact JWS of RFC 7515) with the claims `iat`, `exp`,
//! `version` and `domains`.
//!
//! What keeps an attacker who serves manifests, or sits between, from more than silence:
//! * a signature by a key that the app has, with that key's own algorithm: a header's `alg` only may agree;
//! * [`Ledger`]: a version never seen before, so that nothing old comes back; the keys of a manifest replace those before;
//! * `exp`, so that silence ends with the app's own pins, and `iat`, before which none is taken;
//! * an entry that is weaker than the app's own is refused, and one that ends lets the app's own show through.

use crate::{
    json::Json,
    pin_set::{Entry, Layer},
    problem::{Finding, Problem, Severity, excerpt},
    sync::{AtomicBool, Ordering},
    verification_key::{Algorithm, VerificationKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::{fmt, sync::Arc};

mod claims;

pub use claims::check_claims;

/// The largest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 256 * 1024;
/// How far a clock may be behind that of who signs.
pub const CLOCK_TOLERANCE_MS: i64 = 10 * 60 * 1000;
/// How often the signing keys of an app can be replaced before it needs an update itself.
const MAX_KEY_CHANGES: usize = 16;

/// Checks signatures. The core has no cryptography of its own.
pub trait SignatureVerifier: Send + Sync {
    /// Whether `signature` over `message` is by the private half of `key`, and made with the algorithm of `key`.
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool;
}

/// Why a manifest is not taken. What was in force stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Stable, in kebab-case.
    pub code: &'static str,
    /// For a person, with what to do.
    pub message: String,
}

impl Refused {
    /// A refusal.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Refused {}

/// A manifest with a good signature. Whether it is to be used is another question: [`Manifest::admit`].
#[derive(Debug)]
pub struct Manifest {
    token: Arc<str>,
    key_id: Option<String>,
    signed_by: VerificationKey,
    claims: claims::Claims,
    announced: [AtomicBool; 2],
}

/// Whom a manifest is to be used by, and when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recipient<'a> {
    /// As configured.
    pub audience: Option<&'a str>,
    /// Of the app: numbers with dots between them.
    pub app_version: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Manifest {
    /// Reads a manifest that one of `keys` has signed.
    ///
    /// # Errors
    /// When it is none, or not signed by one of them. Nothing but the header is looked at before the signature is good.
    pub fn verify(
        token: &str,
        keys: &[VerificationKey],
        verifier: &dyn SignatureVerifier,
    ) -> Result<Self, Refused> {
        let token = token.trim();
        if token.len() > MAX_MANIFEST_BYTES {
            return Err(too_large());
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(no_jws("it has not three parts with a dot between them"));
        };
        let signed = &token[..header.len() + 1 + payload.len()];
        let (header, payload) = (decoded(header, "header")?, decoded(payload, "payload")?);
        let signature = decoded(signature, "signature")?;
        let Header { algorithm, key_id } = Header::read(&header)?;
        let signed_by = keys
            .iter()
            .filter(|key| key.algorithm() == algorithm)
            .find(|key| verifier.is_valid(key, signed.as_bytes(), &signature));
        let Some(signed_by) = signed_by.cloned() else {
            let message = "no public key of the app has signed the manifest: sign it with a key whose public half the app has";
            return Err(Refused::new("manifest-signature", message));
        };
        let claims = claims::Claims::read(&payload)?;
        Ok(Self { token: token.into(), key_id, signed_by, claims, announced: Default::default() })
    }

    /// Whether it is to be used: by this app, at this time.
    ///
    /// # Errors
    /// When it is from the future, has expired, or is for other apps.
    pub fn admit(&self, recipient: &Recipient<'_>) -> Result<(), Refused> {
        let now = recipient.now_ms;
        let from = self.claims.issued_at.max(self.claims.not_before.unwrap_or(i64::MIN));
        if from > now.saturating_add(CLOCK_TOLERANCE_MS) {
            let message = "the manifest is from the future: the clock of this device, or that of who signed it, is wrong";
            return Err(Refused::new("manifest-from-future", message));
        }
        if self.is_expired(now) {
            let message =
                format!("the manifest (version {}) has expired: sign and publish a new one", self.version());
            return Err(Refused::new("manifest-expired", message));
        }
        self.is_for(recipient)
    }

    /// Whether it is for this app at all, whatever the time.
    ///
    /// # Errors
    /// When it is for others.
    pub fn is_for(&self, recipient: &Recipient<'_>) -> Result<(), Refused> {
        let audience = &self.claims.audience;
        match recipient.audience {
            None if audience.is_empty() => {}
            Some(own) if audience.iter().any(|name| name == own) => {}
            Some(own) => {
                let message =
                    format!("the manifest is not for the audience \"{}\" of this app", excerpt(own));
                return Err(Refused::new("manifest-audience", message));
            }
            None => {
                let message =
                    "the manifest is for an audience (`aud`), and this app has none in `updates.audience`";
                return Err(Refused::new("manifest-audience", message));
            }
        }
        let Some(least) = self.claims.min_app_version.as_deref() else { return Ok(()) };
        match recipient.app_version {
            Some(version) if claims::compare_versions(version, least).is_ge() => Ok(()),
            Some(version) => {
                let message = format!(
                    "the manifest is for version {least} of the app or newer, this is {}",
                    excerpt(version)
                );
                Err(Refused::new("app-too-old", message))
            }
            None => {
                let message = format!(
                    "the manifest is for version {least} of the app or newer, and this one does not know its own"
                );
                Err(Refused::new("app-too-old", message))
            }
        }
    }

    /// Grows with every manifest.
    pub fn version(&self) -> u64 {
        self.claims.version
    }
    /// Milliseconds since the Unix epoch.
    pub fn issued_at(&self) -> i64 {
        self.claims.issued_at
    }
    /// Milliseconds since the Unix epoch: from then on the app's own pins count again.
    pub fn expires_at(&self) -> i64 {
        self.claims.expires_at
    }
    /// A clock that was set back keeps it in force: what it says is newer than what the app was shipped with, and pins as much.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        now_ms >= self.claims.expires_at
    }
    /// Whether it ends within three days.
    pub fn is_expiring(&self, now_ms: i64) -> bool {
        !self.is_expired(now_ms) && now_ms >= self.claims.expires_at - 3 * 24 * 60 * 60 * 1000
    }
    /// What was signed.
    pub fn token(&self) -> &Arc<str> {
        &self.token
    }
    /// What the signature is over. Two good signatures of it need not be the same: anybody can make a second one out of an
    /// ECDSA signature.
    fn signed_part(&self) -> &str {
        self.token.rsplit_once('.').map_or(&*self.token, |(signed, _)| signed)
    }
    /// The key that verified it.
    pub fn signed_by(&self) -> &VerificationKey {
        &self.signed_by
    }
    /// What its header says of its key: a hint that is not believed.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
    /// The keys that may sign from now on, if it names them.
    pub fn public_keys(&self) -> Option<&[VerificationKey]> {
        self.claims.public_keys.as_deref()
    }
    /// Whom it is for; empty for all.
    pub fn audience(&self) -> &[String] {
        &self.claims.audience
    }
    /// The least version of the app.
    pub fn min_app_version(&self) -> Option<&str> {
        self.claims.min_app_version.as_deref()
    }
    /// Its domains, in its order.
    pub fn entries(&self) -> &[Entry] {
        self.claims.domains.entries()
    }
    pub(crate) fn layer(&self) -> &Layer {
        &self.claims.domains
    }
    /// Whether it is to be said now that it is about to end, or that it has: true once for each.
    pub(crate) fn announces(&self, now_ms: i64) -> bool {
        let expired = self.is_expired(now_ms);
        (expired || self.is_expiring(now_ms))
            && !self.announced[usize::from(expired)].swap(true, Ordering::Relaxed)
    }
}

/// What a manifest says of itself before its signature is known to be good.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let refused = |message: &str| Refused::new("manifest-header", message.to_owned());
        let Some(Json::Object(members)) = parsed(bytes) else {
            return Err(refused("the header of the manifest is not a JSON object"));
        };
        if let Some(twice) = claims::member_twice(&members) {
            return Err(refused(&format!("the header of the manifest has \"{}\" twice", excerpt(twice))));
        }
        let member = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
        if member("crit").is_some() {
            let message = "the manifest asks for extensions (`crit`), of which there are none";
            return Err(Refused::new("manifest-critical", message));
        }
        let kind = member("typ").and_then(Json::as_str).unwrap_or_default().to_ascii_lowercase();
        if kind.strip_prefix("application/").unwrap_or(&kind) != "pins+jwt" {
            let message = "the token is not a pin manifest: its header's `typ` is not `pins+jwt`";
            return Err(Refused::new("manifest-type", message));
        }
        let alg = member("alg").and_then(Json::as_str).unwrap_or_default();
        let algorithm = [Algorithm::EdDsa, Algorithm::Es256].into_iter().find(|known| known.is_named(alg));
        let Some(algorithm) = algorithm else {
            let message = format!("the manifest's `alg` is \"{}\", not `EdDSA` or `ES256`", excerpt(alg));
            return Err(Refused::new("manifest-algorithm", message));
        };
        Ok(Self {
            algorithm,
            key_id: member("kid").and_then(Json::as_str).map(|id| excerpt(id).into_owned()),
        })
    }
}

/// The manifests that an app has taken: the newest, and before it those that have changed the signing keys, so that at every
/// start all of it can be proven again from the keys that the app was shipped with.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    changes: Vec<Arc<Manifest>>,
    newest: Option<Arc<Manifest>>,
    keys: Vec<VerificationKey>,
}

impl Ledger {
    /// Of an app that has seen no manifest.
    pub fn new(keys: &[VerificationKey]) -> Self {
        Self { keys: keys.to_vec(), ..Self::default() }
    }

    /// Proves stored manifests, oldest first. An app that was updated may have newer keys than the oldest of them was signed
    /// with, so they are taken from the first one on that the rest follows from.
    ///
    /// If nothing follows, the ledger is as new: who replaces the keys of an app starts counting again. That is how one
    /// recovers from a thief of the key who has used up the versions.
    pub fn restore(keys: &[VerificationKey], tokens: &[String], verifier: &dyn SignatureVerifier) -> Self {
        let tokens = tokens.get(tokens.len().saturating_sub(MAX_KEY_CHANGES + 1)..).unwrap_or_default();
        (0..tokens.len())
            .find_map(|start| Self::follow(keys, &tokens[start..], verifier))
            .unwrap_or_else(|| Self::new(keys))
    }

    fn follow(keys: &[VerificationKey], tokens: &[String], verifier: &dyn SignatureVerifier) -> Option<Self> {
        tokens.iter().try_fold(Self::new(keys), |ledger, token| {
            let manifest = Manifest::verify(token, &ledger.keys, verifier).ok()?;
            let newer = ledger.newest().is_none_or(|newest| manifest.version() > newest.version());
            newer.then(|| ledger.with(manifest))?.ok()
        })
    }

    /// What there would be with this manifest; `None` if it is the newest already.
    ///
    /// # Errors
    /// When it is not signed by a key that is trusted now, is not to be used, or not newer than all before.
    pub fn accept(
        &self,
        token: &str,
        verifier: &dyn SignatureVerifier,
        recipient: &Recipient<'_>,
    ) -> Result<Option<Self>, Refused> {
        let manifest = Manifest::verify(token, &self.keys, verifier)?;
        if let Some(newest) = self.newest() {
            let (version, seen) = (manifest.version(), newest.version());
            if manifest.signed_part() == newest.signed_part() {
                return Ok(None);
            }
            if version == seen {
                let message = format!(
                    "there is another manifest with version {version}: give each change a version of its own"
                );
                return Err(Refused::new("manifest-version-reused", message));
            }
            if version < seen {
                let message = format!(
                    "the manifest has version {version}, and this app has seen {seen}: publish one with a higher version"
                );
                return Err(Refused::new("manifest-rollback", message));
            }
        }
        manifest.admit(recipient)?;
        self.clone().with(manifest).map(Some)
    }

    fn with(mut self, manifest: Manifest) -> Result<Self, Refused> {
        if let Some(keys) = manifest.public_keys() {
            self.keys = keys.to_vec();
        }
        self.changes.extend(self.newest.take().filter(|newest| newest.public_keys().is_some()));
        if self.changes.len() > MAX_KEY_CHANGES {
            let message = format!(
                "the signing keys were replaced {MAX_KEY_CHANGES} times: ship an app with the new ones"
            );
            return Err(Refused::new("manifest-key-changes", message));
        }
        self.newest = Some(Arc::new(manifest));
        Ok(self)
    }

    /// The one with the highest version.
    pub fn newest(&self) -> Option<&Arc<Manifest>> {
        self.newest.as_ref()
    }

    /// Who may sign the next one.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// What has to be stored, oldest first.
    pub fn tokens(&self) -> Vec<&str> {
        self.changes.iter().chain(&self.newest).map(|manifest| &*manifest.token).collect()
    }
}

fn parsed(bytes: &[u8]) -> Option<Json> {
    Json::parse(std::str::from_utf8(bytes).ok()?).ok()
}

fn decoded(part: &str, name: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| no_jws(&format!("its {name} is not base64url without padding")))
}

fn no_jws(why: &str) -> Refused {
    Refused::new(
        "manifest-not-jws",
        format!("what was received is not a signed manifest (compact JWS): {why}"),
    )
}

/// A manifest over [`MAX_MANIFEST_BYTES`].
pub fn too_large() -> Refused {
    let message = format!("the manifest has more than {MAX_MANIFEST_BYTES} bytes: use `includeSubdomains`");
    Refused::new("manifest-too-large", message)
}

/// A finding about claims, at its place.
fn claim_problem(name: &str, finding: Finding) -> Problem {
    finding.at(Severity::Error, format_args!("/{name}"))
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests;
