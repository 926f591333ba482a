//! PEM (RFC 7468), read so that an error names the line.

use crate::problem::{Finding, excerpt};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// One block: what it says it is, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The label: `CERTIFICATE`, `PUBLIC KEY`, …
    pub label: String,
    /// The decoded content.
    pub der: Vec<u8>,
    /// The line of the `-----BEGIN`, counted from 1.
    pub line: usize,
}

/// Whether the bytes look like PEM rather than DER.
pub fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

/// Every block of a PEM file, in order. Text between blocks is skipped, as openssl writes it there.
///
/// # Errors
/// A finding with code `pem-…` whose message names the line.
pub fn blocks(text: &str) -> Result<Vec<Block>, Finding> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // a byte order mark, as Windows' editors write it
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if let Some(label) = marker(line, "-----BEGIN ") {
            if let Some((label, start, _)) = open {
                return Err(not_closed(
                    &label,
                    start,
                    &format!("before the next block begins on line {number}"),
                ));
            }
            open = Some((label, number, String::new()));
        } else if let Some(label) = marker(line, "-----END ") {
            blocks.push(close(open.take(), &label, number)?);
        } else if let Some((_, _, base64)) = &mut open {
            if let Some(bad) = line.bytes().position(|byte| !is_base64(byte)).filter(|_| !is_header(line)) {
                let message =
                    format!("line {number}, column {}: \"{}\" is not base64", bad + 1, excerpt(line));
                return Err(Finding::new("pem-not-base64", message).suggest(DAMAGED));
            }
            if !is_header(line) {
                base64.push_str(line);
            }
        }
    }
    match open {
        Some((label, start, _)) => Err(not_closed(&label, start, "before the file ends")),
        None => Ok(blocks),
    }
}

/// One block as openssl writes it: lines of 64 characters.
pub fn encode(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

const DAMAGED: &str = "the file is damaged: get it again";

fn close(open: Option<(String, usize, String)>, end: &str, number: usize) -> Result<Block, Finding> {
    let Some((label, start, base64)) = open else {
        let message = format!("line {number}: END {end} without a BEGIN before it");
        return Err(Finding::new("pem-no-begin", message).suggest(DAMAGED));
    };
    if label != end {
        let message = format!("line {number}: END {end} closes the {label} that began on line {start}");
        return Err(Finding::new("pem-labels-differ", message).suggest(DAMAGED));
    }
    match STANDARD.decode(&base64) {
        Ok(der) => Ok(Block { label, der, line: start }),
        Err(error) => {
            let message = format!("lines {start} to {number}: the {label} is not base64 ({error})");
            Err(Finding::new("pem-not-base64", message).suggest(DAMAGED))
        }
    }
}

fn not_closed(label: &str, start: usize, when: &str) -> Finding {
    let message = format!("line {start}: the {label} has no END {when}");
    Finding::new("pem-no-end", message).suggest("the file was cut off: get it again")
}

/// The label, cut to what fits into a message.
fn marker(line: &str, prefix: &str) -> Option<String> {
    Some(excerpt(line.strip_prefix(prefix)?.strip_suffix("-----")?).escape_debug().to_string())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// `Proc-Type: 4,ENCRYPTED` and the like (RFC 1421).
fn is_header(line: &str) -> bool {
    line.contains(": ")
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn text_between_blocks_is_skipped_and_both_line_endings_work() {
        assert_eq!(blocks("\u{feff}-----BEGIN X-----\nAAEC\n-----END X-----").unwrap().len(), 1);
        let text = "subject=a\r\n-----BEGIN X-----\r\nAAEC\r\n-----END X-----\r\n---\n-----BEGIN Y-----\nAwQ=\n-----END Y-----";
        let found: Vec<_> = blocks(text).unwrap().into_iter().map(|b| (b.label, b.der, b.line)).collect();
        assert_eq!(found, [("X".to_owned(), vec![0, 1, 2], 2), ("Y".to_owned(), vec![3, 4], 6)]);
    }

    #[test]
    fn damage_is_reported_with_its_line() {
        for (text, code, place) in [
            ("-----BEGIN X-----\nAAEC\nA!EC\n-----END X-----\n", "pem-not-base64", "line 3, column 2"),
            ("-----BEGIN X-----\nAAEC\n", "pem-no-end", "line 1"),
            ("-----BEGIN X-----\nAAEC\n-----BEGIN X-----\n", "pem-no-end", "line 3"),
            ("\nAAEC\n-----END X-----\n", "pem-no-begin", "line 3"),
            ("-----BEGIN X-----\nAAEC\n-----END Y-----\n", "pem-labels-differ", "line 3"),
            ("-----BEGIN X-----\nAAECA\n-----END X-----\n", "pem-not-base64", "lines 1 to 3"),
            ("-----BEGIN \u{1b}[2J-----\n", "pem-no-end", "[2J"),
            (&format!("-----BEGIN {}-----\n", "X".repeat(1_000_000)), "pem-no-end", "XXX…"),
        ] {
            let finding = blocks(text).unwrap_err();
            assert_eq!(finding.code, code, "{text}");
            assert!(finding.message.contains(place), "{}", finding.message);
            assert!(finding.message.len() < 300 && !finding.message.contains(char::is_control));
        }
    }
}
