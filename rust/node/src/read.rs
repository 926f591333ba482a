//! Certificates, keys and requests from files, described.

use crate::to_json;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use spki_pinning_core::certificate::{Description, Expected, read_file};

/// A description with the bytes described.
#[derive(Serialize)]
pub(crate) struct Described {
    #[serde(flatten)]
    pub(crate) description: Description,
    /// Base64.
    pub(crate) der: String,
}

impl Described {
    pub(crate) fn new(description: Description, der: &[u8]) -> Self {
        Self { description, der: STANDARD.encode(der) }
    }
}

/// Every certificate of a PEM file, or the one of a DER file.
#[napi(catch_unwind)]
pub fn read_certificates(file: Buffer) -> napi::Result<String> {
    read(&file, Expected::Certificates)
}

/// The SubjectPublicKeyInfo of a PEM or DER file.
#[napi(catch_unwind)]
pub fn read_public_key(file: Buffer) -> napi::Result<String> {
    read(&file, Expected::PublicKey)
}

/// The certification request of a PEM or DER file.
#[napi(catch_unwind)]
pub fn read_csr(file: Buffer) -> napi::Result<String> {
    read(&file, Expected::Request)
}

fn read(file: &[u8], expected: Expected) -> napi::Result<String> {
    match read_file(file, expected) {
        Ok(found) => {
            let certificates: Vec<_> =
                found.into_iter().map(|(description, der)| Described::new(description, &der)).collect();
            to_json(&json!({"ok": true, "certificates": certificates}))
        }
        Err(finding) => to_json(&json!({"ok": false, "error": {
            "code": finding.code, "message": finding.message, "suggestion": finding.suggestion,
        }})),
    }
}
