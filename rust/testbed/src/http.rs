//! What every server answers, over HTTP/1.1 and HTTP/2.

use crate::server::Shared;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

/// The connection a request came over.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) host: Arc<str>,
    pub(crate) number: u64,
    pub(crate) resumed: bool,
    pub(crate) tls: &'static str,
    pub(crate) sni: Option<String>,
    pub(crate) delay: Duration,
}

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A PNG of one grey pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";
/// The largest file that `/file/N` serves.
const MAX_FILE: usize = 128 * 1024 * 1024;

pub(crate) async fn answer(
    shared: Arc<Shared>,
    connection: Connection,
    mut request: Request<Incoming>,
) -> Result<Answer, hyper::Error> {
    let (method, uri, version) = (request.method().clone(), request.uri().clone(), request.version());
    let headers = request.headers().clone();
    let upgrade = is_websocket(&request).then(|| hyper::upgrade::on(&mut request));
    let key = request.headers().get("sec-websocket-key").cloned();
    // Logged before the body is read: what counts is that the request arrived.
    let entry = shared.log(
        &connection.host,
        json!({
            "method": method.as_str(), "path": uri.path(), "connection": connection.number, "bytes": 0,
        }),
    );
    let body = request.into_body().collect().await?.to_bytes();
    shared.log_bytes(&connection.host, entry, body.len());
    if !connection.delay.is_zero() {
        tokio::time::sleep(connection.delay).await; // tokio's clock ticks in milliseconds, no delay would be one
    }
    let mut response = match (upgrade, key) {
        (Some(upgrade), Some(key)) => websocket(upgrade, &key),
        _ => match uri.path().strip_prefix("/published/") {
            Some(name) => published(&shared, name, &headers),
            None => {
                let query = uri.query().unwrap_or_default();
                respond(&shared, &connection, &method, uri.path(), query, body).await
            }
        },
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-testbed-host", &connection.host);
    set("x-testbed-connection", &connection.number.to_string());
    set("x-testbed-handshake", if connection.resumed { "resumed" } else { "full" });
    set("x-testbed-tls", connection.tls);
    set("x-testbed-protocol", &format!("{version:?}"));
    set("x-testbed-sni", connection.sni.as_deref().unwrap_or_default());
    Ok(response)
}

async fn respond(
    shared: &Shared,
    connection: &Connection,
    method: &Method,
    path: &str,
    query: &str,
    body: Bytes,
) -> Answer {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/") => text(&format!("hello from {}\n", connection.host)),
        (&Method::POST, "/echo") => answer_with(StatusCode::OK, "application/octet-stream", body),
        (&Method::POST, "/report") => {
            let status = shared.collect(serde_json::from_slice(&body).unwrap_or(Value::Null));
            answer_with(
                StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT),
                "text/plain",
                Bytes::new(),
            )
        }
        (_, "/image.png") => answer_with(StatusCode::OK, "image/png", Bytes::from_static(PNG)),
        (_, "/redirect") => match HeaderValue::from_str(&parameter(query, "to").unwrap_or_default()) {
            Ok(to) => {
                let mut response = answer_with(StatusCode::FOUND, "text/plain", Bytes::new());
                response.headers_mut().insert(LOCATION, to);
                response
            }
            Err(_) => not_found(path),
        },
        (_, "/loop") => {
            let mut response = answer_with(StatusCode::FOUND, "text/plain", Bytes::new());
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/loop"));
            response
        }
        (_, "/endless") => endless(parameter(query, "ms").and_then(|ms| ms.parse().ok()).unwrap_or(0)),
        (_, "/slow") => {
            let milliseconds = parameter(query, "ms").and_then(|ms| ms.parse().ok()).unwrap_or(1000);
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            text("slow\n")
        }
        _ => match path.strip_prefix("/file/").and_then(|size| size.parse::<usize>().ok()) {
            Some(size) if size <= MAX_FILE => {
                let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
                answer_with(StatusCode::OK, "application/octet-stream", content.into())
            }
            _ => not_found(path),
        },
    }
}

pub(crate) fn answer_with(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What a test has published under this name, with an entity tag.
fn published(shared: &Shared, name: &str, headers: &HeaderMap) -> Answer {
    let Some(resource) = shared.published(name) else { return not_found(name) };
    let mut response =
        if headers.get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == resource.tag.as_bytes()) {
            answer_with(StatusCode::NOT_MODIFIED, "application/pins+jwt", Bytes::new())
        } else {
            answer_with(StatusCode::OK, "application/pins+jwt", resource.content)
        };
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(&resource.tag).ok().map(|tag| (ETAG, tag)));
    let encoding = resource.encoding.and_then(|encoding| HeaderValue::from_str(&encoding).ok());
    headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, encoding)));
    response
}

/// A body without end: 16 kB at a time, or one byte after each pause.
fn endless(pause_ms: u64) -> Answer {
    let pieces = futures_util::stream::repeat(()).then(move |()| async move {
        let piece = if pause_ms == 0 { vec![b'A'; 16 * 1024] } else { vec![b'A'] };
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from(piece)))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/pins+jwt"));
    response
}

fn text(body: &str) -> Answer {
    answer_with(StatusCode::OK, "text/plain", Bytes::copy_from_slice(body.as_bytes()))
}

pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    answer_with(status, "application/json", body.to_string().into())
}

pub(crate) fn not_found(path: &str) -> Answer {
    json_answer(StatusCode::NOT_FOUND, &json!({"error": format!("nothing at {path}")}))
}

/// One parameter of a query, percent-decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut decoded = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn is_websocket(request: &Request<Incoming>) -> bool {
    request.uri().path() == "/ws"
        && request
            .headers()
            .get("upgrade")
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Accepts the upgrade and echoes every message.
fn websocket(upgrade: hyper::upgrade::OnUpgrade, key: &HeaderValue) -> Answer {
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        while let Some(Ok(message)) = futures_util::StreamExt::next(&mut socket).await {
            let echo = message.is_text() || message.is_binary();
            if echo && futures_util::SinkExt::send(&mut socket, message).await.is_err() {
                return;
            }
        }
    });
    let mut response = answer_with(StatusCode::SWITCHING_PROTOCOLS, "text/plain", Bytes::new());
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert("connection", HeaderValue::from_static("upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert("sec-websocket-accept", accept);
    }
    response
}
