//! Real TLS servers on loopback with a PKI of their own, so that no test of this project needs a mock or the internet.
//!
//! The binary prints one JSON document that says where everything is (`docs/architecture.md` has its shape) and runs
//! until its standard input ends; [`Testbed`] is the same inside a Rust test.

mod control;
mod http;
mod pki;
mod scenario;
mod server;

use serde_json::Value;
use spki_pinning_core::certificate::{Expected, read_file};
use std::{
    fs, io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
};
use tokio::sync::Notify;

/// Servers that run until they are dropped.
#[derive(Debug)]
pub struct Testbed {
    document: Value,
    control: SocketAddr,
    stop: Stopper,
    thread: Option<thread::JoinHandle<()>>,
}

/// Ends a testbed.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Ends it.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// One server of a testbed.
#[derive(Debug, Clone)]
pub struct Host {
    /// DNS name; clients map it to loopback themselves.
    pub name: String,
    /// On 127.0.0.1.
    pub address: SocketAddr,
    /// DER, leaf first, as the server sends it.
    pub served: Vec<Vec<u8>>,
    /// DER, leaf to root; empty if the chain is not valid.
    pub validated: Vec<Vec<u8>>,
    /// SHA-256 of each served key, base64.
    pub served_pins: Vec<String>,
    /// SHA-256 of each validated key, base64.
    pub pins: Vec<String>,
}

impl Host {
    /// `https://name:port` with a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.name, self.address.port())
    }
}

impl Testbed {
    /// Makes the PKI and starts all servers.
    ///
    /// # Errors
    /// When the PKI cannot be written or a port cannot be opened.
    pub fn start() -> io::Result<Self> {
        let (started, waiting) = mpsc::channel();
        let stop = Stopper(Arc::default());
        let stopped = stop.0.clone();
        let thread = thread::Builder::new().name("testbed".to_owned()).spawn(move || {
            let runtime =
                match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(started.send(Err(error))),
                };
            runtime.block_on(async move {
                match scenario::start(stopped.clone()).await {
                    Ok(running) => {
                        let _ = started.send(Ok((running.document.clone(), running.control)));
                        stopped.notified().await;
                        drop(running); // removes the files
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
            runtime.shutdown_background();
        })?;
        let (document, control) =
            waiting.recv().map_err(|_| io::Error::other("the testbed ended while it was starting"))??;
        Ok(Self { document, control, stop, thread: Some(thread) })
    }

    /// What the binary prints.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The PEM file with the root that clients trust.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ca_pem(&self) -> io::Result<Vec<u8>> {
        fs::read(self.text(&self.document["caFile"])?)
    }

    /// The PEM file with both that root and the one of a rogue.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rogue_ca_pem(&self) -> io::Result<Vec<u8>> {
        fs::read(self.text(&self.document["rogueCaFile"])?)
    }

    /// One server.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn host(&self, name: &str) -> io::Result<Host> {
        let entry = &self.document["hosts"][name];
        let port = entry["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| io::Error::other(format!("the testbed has no host \"{name}\"")))?;
        let chain = |file: &Value| -> io::Result<Vec<Vec<u8>>> {
            let Some(file) = file.as_str() else { return Ok(Vec::new()) };
            let found = read_file(&fs::read(file)?, Expected::Certificates)
                .map_err(|e| io::Error::other(e.message))?;
            Ok(found.into_iter().map(|(_, der)| der).collect())
        };
        let (served, validated) = (chain(&entry["chainFile"])?, chain(&entry["validatedChainFile"])?);
        Ok(Host {
            name: self.text(&entry["host"])?.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            served_pins: served.iter().map(|der| pki::pin(der)).collect(),
            pins: validated.iter().map(|der| pki::pin(der)).collect(),
            served,
            validated,
        })
    }

    fn text<'a>(&self, value: &'a Value) -> io::Result<&'a str> {
        value.as_str().ok_or_else(|| io::Error::other("the testbed's document lacks a member"))
    }

    /// Asks the control port, as tests in other languages do.
    ///
    /// # Errors
    /// When the control port does not answer with JSON.
    pub fn control(&self, method: &str, path: &str) -> io::Result<Value> {
        self.control_with(method, path, b"")
    }

    /// As [`Testbed::control`], with a body.
    ///
    /// # Errors
    /// As [`Testbed::control`].
    pub fn control_with(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Value> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.control)?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: testbed\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(io::Error::other)
    }

    /// How many requests reached the HTTP layer of a host.
    ///
    /// # Errors
    /// As [`Testbed::control`].
    pub fn requests(&self, host: &str) -> io::Result<u64> {
        let answer = self.control("GET", &format!("/requests?host={host}"))?;
        answer["count"].as_u64().ok_or_else(|| io::Error::other(answer.to_string()))
    }

    /// Ends the testbed from another thread.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Waits until somebody asks for the end.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
