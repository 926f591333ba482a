//! Questions about a document rather than about an engine: what the command line and the tests ask.

use crate::{
    options,
    pin_set::{PinSet, Source},
    problem::{ConfigError, Problem, Severity},
    verdict::{Verdict, judge, served_pins},
};
use serde::Serialize;

/// What is to be said of a configuration document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether an engine would take it.
    pub ok: bool,
    /// Errors and warnings in the order of the document.
    pub problems: Vec<Problem>,
}

/// Reads a configuration document and says what is wrong with it.
pub fn check(document: &str, now_ms: i64) -> Report {
    let problems = match options::parse(document, now_ms) {
        Ok(configuration) => configuration.warnings,
        Err(error) => error.problems,
    };
    Report { ok: problems.iter().all(|problem| problem.severity != Severity::Error), problems }
}

/// What an engine configured with `document` would decide about `host` and a validated `chain`, leaf first.
///
/// # Errors
/// When the document is not valid.
pub fn evaluate<C: AsRef<[u8]>>(
    document: &str,
    host: Option<&str>,
    chain: &[C],
    now_ms: i64,
) -> Result<Verdict, ConfigError> {
    let pins = PinSet::compile(options::parse(document, now_ms)?, Source::Code, 0);
    Ok(Verdict::new(&judge(&pins, host, chain, now_ms), served_pins(chain)))
}
