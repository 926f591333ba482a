//! Questions about signed pins, for the command line.

use crate::{now_ms, to_json};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};
use spki_pinning_core::{
    Engine, Severity,
    manifest::{Manifest, Recipient, Refused, check_claims as problems_of_claims},
    problem::Finding,
    verification_key::VerificationKey,
};
use spki_pinning_net::signature::RingVerifier;
use std::sync::Arc;

/// Whom a manifest is to be good for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// PEM or JWK.
    keys: Vec<String>,
    /// Milliseconds since the Unix epoch.
    now: Option<f64>,
    /// The configuration of an app.
    config: Option<String>,
    audience: Option<String>,
    app_version: Option<String>,
    /// The newest version that an app has seen.
    floor: Option<u64>,
}

/// What an app would say of a manifest: `{"ok", "code", "message", "manifest"}`; `manifest` is there if the signature is good.
#[napi(catch_unwind)]
pub fn verify_manifest(manifest: String, request: String) -> napi::Result<String> {
    let request: Request =
        serde_json::from_str(&request).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    let answer = |code: &str, message: String, manifest: Option<Value>| {
        to_json(&json!({"ok": code == "ok", "code": code, "message": message, "manifest": manifest}))
    };
    let keys: Result<Vec<_>, _> = request.keys.iter().map(|key| VerificationKey::parse(key)).collect();
    let keys = match keys {
        Ok(keys) => keys,
        Err(Finding { code, message, .. }) => return answer(code, message, None),
    };
    let manifest = match Manifest::verify(&manifest, &keys, &RingVerifier) {
        Ok(manifest) => Arc::new(manifest),
        Err(refused) => return answer(refused.code, refused.message, None),
    };
    let described = Some(describe(&manifest));
    match admitted(&manifest, &request) {
        Ok(()) => {
            let message = format!("apps with this key take the manifest (version {})", manifest.version());
            answer("ok", message, described)
        }
        Err(refused) => answer(refused.code, refused.message, described),
    }
}

fn admitted(manifest: &Arc<Manifest>, request: &Request) -> Result<(), Refused> {
    let recipient = Recipient {
        audience: request.audience.as_deref(),
        app_version: request.app_version.as_deref(),
        now_ms: now_ms(request.now),
    };
    manifest.admit(&recipient)?;
    if let Some(floor) = request.floor
        && manifest.version() <= floor
    {
        let message = format!("the manifest has version {}, and apps have seen {floor}", manifest.version());
        return Err(Refused::new("manifest-rollback", message));
    }
    let Some(config) = &request.config else { return Ok(()) };
    let engine = Engine::new();
    engine
        .initialize(config, recipient.now_ms)
        .map_err(|error| Refused::new("config-invalid", error.to_string()))?;
    engine.apply_update(manifest.clone(), |_| true, recipient.now_ms)
}

fn describe(manifest: &Manifest) -> Value {
    let domains: Vec<_> = manifest
        .entries()
        .iter()
        .map(|entry| {
            json!({
                "domain": entry.domain(),
                "includeSubdomains": entry.include_subdomains,
                "pins": entry.pins(),
                "expirationDate": entry.expiration_date(),
                "excludedSubdomains": entry.excluded_subdomains(),
                "reportOnly": entry.report_only,
            })
        })
        .collect();
    let thumbprints =
        |keys: &[VerificationKey]| keys.iter().map(VerificationKey::thumbprint).collect::<Vec<_>>();
    json!({
        "algorithm": manifest.signed_by().algorithm(),
        "kid": manifest.key_id(),
        "signedBy": manifest.signed_by().thumbprint(),
        "version": manifest.version(),
        "iat": manifest.issued_at() / 1000,
        "exp": manifest.expires_at() / 1000,
        "domains": domains,
        "minAppVersion": manifest.min_app_version(),
        "publicKeys": manifest.public_keys().map(thumbprints),
        "audience": manifest.audience(),
    })
}

/// What is wrong with claims that somebody wants to sign: `{"ok", "problems"}`.
#[napi(catch_unwind)]
pub fn check_claims(claims: String, now: Option<f64>) -> napi::Result<String> {
    let problems = problems_of_claims(&claims, now_ms(now));
    let ok = problems.iter().all(|problem| problem.severity != Severity::Error);
    to_json(&json!({"ok": ok, "problems": problems}))
}

/// A public key that verifies manifests: `{"ok": true, "algorithm", "thumbprint", "jwk"}` or `{"ok": false, "problem"}`.
#[napi(catch_unwind)]
pub fn read_verification_key(text: String) -> napi::Result<String> {
    match VerificationKey::parse(&text) {
        Ok(key) => {
            let jwk: Value = serde_json::from_str(&key.jwk())
                .map_err(|error| napi::Error::from_reason(error.to_string()))?;
            to_json(&json!({
                "ok": true, "algorithm": key.algorithm(), "thumbprint": key.thumbprint(), "jwk": jwk,
            }))
        }
        Err(finding) => to_json(&json!({"ok": false, "problem": finding.at(Severity::Error, "")})),
    }
}
