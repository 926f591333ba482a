//! What `verifySslPinning` learns from a handshake of its own: whether the server, as this device sees it, has the pins.

use super::{Background, TIMEOUT};
use crate::probe::{ProbeError, ProbeOptions, probe};
use serde::Serialize;
use spki_pinning_core::Verdict;

/// What a server showed, or why it showed nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether there was a handshake, and the pins let it go ahead.
    pub ok: bool,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: Option<&'static str>,
    /// What the pins in force say of the chain that was validated, with the pins that were served.
    pub verdict: Option<Verdict>,
    /// Why there was no valid handshake.
    pub error: Option<Failure>,
}

/// An error as the command line has it.
#[derive(Debug, Serialize)]
pub struct Failure {
    code: &'static str,
    message: String,
    suggestion: Option<String>,
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        Self { code: error.code(), message: error.to_string(), suggestion: error.suggestion() }
    }
}

impl Background {
    /// Makes a handshake with a server, by the trust of the platform, and judges it. Counts nothing, and is no event.
    pub fn verify(&self, host: &str, port: u16, now_ms: i64) -> Verification {
        let connect =
            self.addresses.iter().find(|(name, _)| name == host).map(|(_, address)| address.to_string());
        let options = ProbeOptions {
            host: host.to_owned(),
            port,
            connect,
            roots: self.roots.clone(),
            timeout: TIMEOUT,
        };
        match probe(&options) {
            Ok(probe) => {
                let verdict = self.engine.evaluate(Some(host), &probe.chain, now_ms);
                let ok = !verdict.is_blocked();
                Verification { ok, tls_version: Some(probe.tls_version), verdict: Some(verdict), error: None }
            }
            Err(error) => {
                Verification { ok: false, tls_version: None, verdict: None, error: Some(error.into()) }
            }
        }
    }
}
