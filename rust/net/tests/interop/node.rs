//! Node's TLS server (`node_server.mjs`), which is OpenSSL under another program's management.

use super::{
    pki::{Identity, pem},
    process::{PATIENCE, Process},
    visitor::Peer,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    process::{ChildStdin, Command},
    thread,
    time::{Duration, Instant},
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

pub(crate) struct NodeServer {
    address: SocketAddr,
    process: Process,
    /// It ends when this does.
    _input: ChildStdin,
}

impl NodeServer {
    /// `options` as `tls.createServer` has them.
    pub(crate) fn start(identity: &Identity, options: Value, behaviour: Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/node_server.mjs");
        let mut all = json!({
            "cert": pem(&identity.chain),
            "key": identity.key,
            "behaviour": {"answer": STANDARD.encode(ANSWER)},
        });
        let merge = |into: &mut Value, from: Value| {
            into.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
        };
        merge(&mut all, options);
        merge(&mut all["behaviour"], behaviour);
        let mut command = Command::new("node");
        command.arg(script).arg(all.to_string()).env_remove("NODE_OPTIONS");
        let mut process = Process::start(&mut command);
        let port = process.wait_for("address", |text| {
            events(text, "listening").first().and_then(|event| event["address"]["port"].as_u64())
        });
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        Self { address, _input: process.input(), process }
    }

    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        events(&self.process.output().text(), name)
    }
}

fn events(text: &str, name: &str) -> Vec<Value> {
    let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|event| event["event"] == name).collect()
}

impl Peer for NodeServer {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_for_end_of(&self, connections: usize) {
        let start = Instant::now();
        while self.events("end").len() < connections {
            let text = self.process.output().text();
            assert!(start.elapsed() < PATIENCE, "not {connections} ends in:\n{text}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn requests(&self) -> usize {
        self.events("request").len()
    }

    fn application_data(&self) -> usize {
        self.events("data").len()
    }
}
