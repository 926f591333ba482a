//! One TLS handshake with a server, off the JavaScript thread.

use crate::{read::Described, to_json};
use napi::{Env, Task, bindgen_prelude::AsyncTask};
use napi_derive::napi;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spki_pinning_core::certificate::describe;
use spki_pinning_net::probe::{Probe, ProbeError, ProbeOptions, Roots, probe as handshake};
use std::{fs, io::ErrorKind, time::Duration};

/// What the command line passes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    host: String,
    port: u16,
    connect: Option<String>,
    ca_file: Option<String>,
    timeout_ms: u64,
}

/// A handshake waiting for a thread of libuv's pool.
pub struct Handshake {
    request: Request,
}

impl Task for Handshake {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        to_json(&self.answer())
    }

    fn resolve(&mut self, _: Env, output: String) -> napi::Result<String> {
        Ok(output)
    }
}

impl Handshake {
    fn answer(&self) -> Value {
        let roots = match &self.request.ca_file {
            None => Roots::Platform,
            Some(file) => match fs::read(file) {
                Ok(bytes) => Roots::Given(bytes),
                Err(error) => {
                    let why = match error.kind() {
                        ErrorKind::NotFound => "there is no such file".to_owned(),
                        ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
                        _ => error.to_string(),
                    };
                    return failure(
                        "ca-unreadable",
                        format!("--ca {file}: {why}"),
                        Some("give a readable PEM file with --ca".to_owned()),
                    );
                }
            },
        };
        let options = ProbeOptions {
            host: self.request.host.clone(),
            port: self.request.port,
            connect: self.request.connect.clone(),
            roots,
            timeout: Duration::from_millis(self.request.timeout_ms),
        };
        match handshake(&options) {
            Ok(probe) => described(&probe),
            Err(error) => {
                let message = match (&error, &self.request.ca_file) {
                    (ProbeError::NoRoots(why), Some(file)) => format!("--ca {file}: {why}"),
                    _ => error.to_string(),
                };
                failure(error.code(), message, error.suggestion())
            }
        }
    }
}

fn failure(code: &str, message: String, suggestion: Option<String>) -> Value {
    json!({"ok": false, "error": {"code": code, "message": message, "suggestion": suggestion}})
}

/// A certificate of the chain and its place in it.
#[derive(Serialize)]
struct Certificate {
    role: &'static str,
    #[serde(flatten)]
    described: Described,
}

fn described(probe: &Probe) -> Value {
    let mut certificates = Vec::new();
    for (index, der) in probe.chain.iter().enumerate() {
        let Ok(description) = describe(der) else { continue };
        let role = match index {
            0 => "leaf",
            _ if description.subject == description.issuer => "root",
            _ => "intermediate",
        };
        certificates.push(Certificate { role, described: Described::new(description, der) });
    }
    json!({"ok": true, "tlsVersion": probe.tls_version, "certificates": certificates})
}

/// Performs one handshake: `{"ok": true, "tlsVersion", "certificates"}` or `{"ok": false, "error"}`.
#[napi]
pub fn probe(options: String) -> napi::Result<AsyncTask<Handshake>> {
    let request =
        serde_json::from_str(&options).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    Ok(AsyncTask::new(Handshake { request }))
}
