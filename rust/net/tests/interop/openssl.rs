//! `openssl s_server`, which shows each message of TLS and each byte that it has decrypted.

use super::{
    pki::{Identity, pem},
    process::{Output, PATIENCE, Process},
    visitor::Peer,
};
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    process::{ChildStdin, Command},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Two bytes, and the end of the connection: s_server serves one at a time.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// What is typed into it before it answers a request: the command, and what its output then has once more.
pub(crate) type Typed = (&'static str, &'static str);

pub(crate) struct SServer {
    address: SocketAddr,
    output: Arc<Output>,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl SServer {
    pub(crate) fn start(identity: &Identity, options: &[&str]) -> Self {
        Self::typing(identity, options, &[])
    }

    pub(crate) fn typing(identity: &Identity, options: &[&str], typed: &'static [Typed]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-msg"]).args(options);
        command.arg("-cert").arg(file("leaf.pem", &pem(&identity.chain[..1])));
        command.arg("-key").arg(file("key.pem", &identity.key));
        if identity.chain.len() > 1 {
            command.arg("-cert_chain").arg(file("chain.pem", &pem(&identity.chain[1..])));
        }
        let mut process = Process::start(&mut command);
        let output = process.output();
        let address = process.wait_for("address", |text| {
            let (line, _) = text.split_once("ACCEPT ")?.1.split_once('\n')?;
            line.trim().parse().ok()
        });
        answer(process.input(), output.clone(), typed);
        Self { address, output, _process: process, _folder: folder }
    }

    pub(crate) fn text(&self) -> String {
        self.output.text()
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.text().matches(text).count()
    }
}

/// Answers each request, in a thread that ends with the process.
fn answer(mut input: ChildStdin, output: Arc<Output>, typed: &'static [Typed]) {
    thread::spawn(move || {
        for answered in 0.. {
            let asked = |text: &str| (requests(text) > answered).then_some(());
            while output.wait_until(Instant::now() + Duration::from_secs(1), asked).is_none() {
                if Arc::strong_count(&output) == 1 {
                    return;
                }
            }
            for (command, evidence) in typed {
                let before = output.text().matches(evidence).count();
                let _ = input.write_all(command.as_bytes()).and_then(|()| input.flush());
                // It reads what comes together as one line, so the answer has to wait.
                let deadline = Instant::now() + Duration::from_secs(10);
                output.wait_until(deadline, |text| (text.matches(evidence).count() > before).then_some(()));
            }
            if input.write_all(ANSWER).and_then(|()| input.flush()).is_err() {
                return;
            }
        }
    });
}

fn requests(text: &str) -> usize {
    text.matches("HTTP/1.1\r\n").count()
}

impl Peer for SServer {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_for_end_of(&self, connections: usize) {
        let ends = || self.count("ERROR\n") + self.count("DONE\n");
        let start = Instant::now();
        while ends() < connections {
            assert!(start.elapsed() < PATIENCE, "{} of {connections} ended:\n{}", ends(), self.text());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn requests(&self) -> usize {
        requests(&self.text())
    }

    /// Records of application data, whatever is in them; in TLS 1.3 the type is inside the encryption.
    fn application_data(&self) -> usize {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let is_13 = text.contains("InnerContent");
        let has = |kind: &str, first: &str| {
            let is_one = |pair: &&[&str]| {
                pair[0].starts_with("<<<") && pair[0].contains(kind) && pair[1].trim().starts_with(first)
            };
            lines.windows(2).filter(is_one).count()
        };
        if is_13 { has("InnerContent", "17") } else { has("RecordHeader", "17") }
    }
}
