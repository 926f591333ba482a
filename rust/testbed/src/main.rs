//! Starts the testbed, prints where everything is, and runs until standard input ends.

use spki_pinning_testbed::Testbed;
use std::{
    io::{Read, Write},
    process::ExitCode,
};

const HELP: &str = "\
TLS servers on loopback with a PKI of their own.

Usage: spki-pinning-testbed [--pretty] [--help]

Prints one JSON document that says where everything is, then runs until its standard input ends
or somebody POSTs to /shutdown on the control port. All files it makes are removed at the end.
";

fn main() -> ExitCode {
    let mut pretty = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--pretty" => pretty = true,
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("spki-pinning-testbed: there is no option \"{other}\"\n\n{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let testbed = match Testbed::start() {
        Ok(testbed) => testbed,
        Err(error) => {
            eprintln!("spki-pinning-testbed: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let document = testbed.document();
    let text = if pretty { format!("{document:#}") } else { document.to_string() };
    let mut out = std::io::stdout();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE; // whoever started it is gone
    }
    let (ended, end) = std::sync::mpsc::channel();
    let by_control = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().by_ref(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let stop = testbed.stopper();
    std::thread::spawn(move || {
        testbed.wait();
        let _ = by_control.send(());
    });
    let _ = end.recv();
    stop.stop();
    let _ = end.recv_timeout(std::time::Duration::from_secs(2));
    ExitCode::SUCCESS
}
