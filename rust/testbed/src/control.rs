//! The control port: plain HTTP on loopback, for tests of every language.

use crate::{
    http::{Answer, json_answer, not_found, parameter},
    scenario::Rotating,
    server::Shared,
};
use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::Notify};

/// What can be controlled.
pub(crate) struct Controlled {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rotating: Rotating,
    pub(crate) hosts: Vec<String>,
    pub(crate) stop: Arc<Notify>,
}

pub(crate) async fn start(controlled: Controlled) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let controlled = Arc::new(controlled);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let controlled = controlled.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let controlled = controlled.clone();
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        Ok::<_, hyper::Error>(controlled.answer(&Request::from_parts(parts, body)))
                    }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(address)
}

impl Controlled {
    fn answer(&self, request: &Request<Bytes>) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let host = parameter(query, "host").unwrap_or_default();
        let done = || json_answer(StatusCode::OK, &json!({"ok": true}));
        if !host.is_empty() && !self.hosts.contains(&host) {
            return json_answer(
                StatusCode::NOT_FOUND,
                &json!({"error": format!("there is no host \"{host}\"")}),
            );
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/requests") => json_answer(StatusCode::OK, &self.shared.requests(&host)),
            (&Method::GET, "/connections") => json_answer(StatusCode::OK, &self.shared.connections(&host)),
            (&Method::GET, "/reports") => json_answer(StatusCode::OK, &self.shared.reports()),
            (&Method::POST, "/rotate") => match parameter(query, "to").as_deref() {
                Some(to @ ("A" | "B")) if host == "rotating" => {
                    self.rotating.use_key(to);
                    done()
                }
                _ => json_answer(
                    StatusCode::BAD_REQUEST,
                    &json!({"error": "use /rotate?host=rotating&to=A or to=B"}),
                ),
            },
            (&Method::POST, "/reports/status") => {
                self.shared.answer_reports_with(parameter(query, "code").and_then(|code| code.parse().ok()));
                done()
            }
            (&Method::POST, "/publish") => match parameter(query, "name") {
                Some(name) => {
                    let content = match parameter(query, "sign") {
                        Some(_) => self.shared.sign(request.body()).into(),
                        None => request.body().clone(),
                    };
                    self.shared.publish(name, content, parameter(query, "encoding"));
                    done()
                }
                None => json_answer(
                    StatusCode::BAD_REQUEST,
                    &json!({"error": "use /publish?name=NAME, and /published/NAME on a server"}),
                ),
            },
            (&Method::POST, "/reset") => {
                self.shared.reset();
                self.rotating.use_key("A");
                done()
            }
            (&Method::POST, "/shutdown") => {
                self.stop.notify_one();
                done()
            }
            (_, path) => not_found(path),
        }
    }
}
