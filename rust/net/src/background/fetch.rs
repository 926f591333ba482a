//! Gets a manifest from its server: with an end to everything, and believing nothing.

use crate::client::{NetError, PinnedClient};
use spki_pinning_core::manifest::{self, MAX_MANIFEST_BYTES, Refused};
use ureq::http::HeaderValue;

/// From the configured URL to another server of the same operator, and no loop.
pub(super) const MAX_REDIRECTS: u32 = 3;

/// Of one answer: many times a manifest with its head, however it is divided into chunks, and nothing to a phone.
pub(super) const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// What a server has.
pub(super) enum Fetched {
    NotModified,
    Manifest { token: String, entity_tag: Option<String> },
}

/// What is there now; `entity_tag` is of what was there last.
pub(super) fn fetch(client: &PinnedClient, url: &str, entity_tag: Option<&str>) -> Result<Fetched, Refused> {
    // Out of a damaged file it may be none, and without it the answer is whole.
    let entity_tag = entity_tag.filter(|tag| HeaderValue::from_str(tag).is_ok());
    let mut headers = vec![("accept", "application/pins+jwt, application/jwt, */*;q=0.1")];
    headers.extend(entity_tag.map(|tag| ("if-none-match", tag)));
    let mut response = client.get_with(url, &headers).map_err(|error| failed(&error))?;
    match response.status().as_u16() {
        304 if entity_tag.is_some() => return Ok(Fetched::NotModified),
        200 => {}
        status => return Err(refused_by_server(status)),
    }
    let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
    let entity_tag = tag.filter(|tag| tag.len() <= 256).map(str::to_owned);
    let body = response.body_mut().with_config().limit(MAX_MANIFEST_BYTES as u64);
    let body = body.read_to_vec().map_err(|error| failed(&error.into()))?;
    let token = String::from_utf8(body).map_err(|_| {
        Refused::new(
            "manifest-not-jws",
            "what was received is not a signed manifest (compact JWS): it is not text",
        )
    })?;
    Ok(Fetched::Manifest { token, entity_tag })
}

pub(super) fn is_unreachable(refused: &Refused) -> bool {
    refused.code == UNREACHABLE
}

/// Nobody is to blame for it: phones are offline.
const UNREACHABLE: &str = "update-unreachable";

fn failed(error: &NetError) -> Refused {
    if let NetError::Http(inner) = error {
        match inner.as_ref() {
            ureq::Error::StatusCode(status) => return refused_by_server(*status),
            ureq::Error::BodyExceedsLimit(_) => return manifest::too_large(),
            ureq::Error::TooManyRedirects
            | ureq::Error::RedirectFailed
            | ureq::Error::RequireHttpsOnly(_) => {
                let message = format!("the URL of the manifest leads on too often, or not to https: {inner}");
                return Refused::new("update-redirects", message);
            }
            _ => {}
        }
    }
    let message =
        format!("the manifest cannot be fetched: {error}; what was in force stays, and it is tried again");
    Refused::new(UNREACHABLE, message)
}

fn refused_by_server(status: u16) -> Refused {
    Refused::new("update-http-status", format!("the manifest cannot be fetched: its server answers {status}"))
}
