//! A pin: the SHA-256 of a certificate's SubjectPublicKeyInfo, as RFC 7469 §2.4 defines it.

use crate::{
    der,
    problem::{Finding, excerpt},
};
use base64::{Engine as _, alphabet, engine::general_purpose as engines};
use serde::{Serialize, Serializer};
use std::fmt;

/// SHA-256 over the DER bytes of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 32]);

impl fmt::Display for Pin {
    /// Base64 with padding, 44 characters, no `sha256/` before it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 44];
        let written = engines::STANDARD.encode_slice(self.0, &mut buffer).map_err(|_| fmt::Error)?;
        formatter.write_str(std::str::from_utf8(&buffer[..written]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pin({self})")
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Padding may be left out; bits left over at the end must be zero.
const STRICT: engines::GeneralPurpose = engines::GeneralPurpose::new(
    &alphabet::STANDARD,
    engines::GeneralPurposeConfig::new().with_decode_padding_mode(engine_padding()),
);
/// As [`STRICT`], with left-over bits ignored: tells a slip in the last character from other damage.
const LOOSE: engines::GeneralPurpose = engines::GeneralPurpose::new(
    &alphabet::STANDARD,
    engines::GeneralPurposeConfig::new()
        .with_decode_padding_mode(engine_padding())
        .with_decode_allow_trailing_bits(true),
);
const URL_SAFE: engines::GeneralPurpose = engines::GeneralPurpose::new(
    &alphabet::URL_SAFE,
    engines::GeneralPurposeConfig::new().with_decode_padding_mode(engine_padding()),
);

const fn engine_padding() -> base64::engine::DecodePaddingMode {
    base64::engine::DecodePaddingMode::Indifferent
}

/// More than any pin or pasted certificate; longer text is not decoded.
const MAX_TEXT: usize = 64 * 1024;

impl Pin {
    /// Reads one element of `publicKeyHashes`: base64 of 32 bytes, padding optional, `sha256/` before it accepted.
    ///
    /// # Errors
    /// Anything else, with a code for what it looks like: hex, SHA-1, a PEM, 33 bytes, …
    pub fn parse(text: &str) -> Result<Self, Finding> {
        if text.is_empty() {
            return Err(Finding::new("pin-empty", "the pin is empty").suggest(HOW_TO_GET_A_PIN));
        }
        if text.len() > MAX_TEXT {
            return Err(Finding::new(
                "pin-wrong-length",
                format!("the pin has {} characters, not 44", text.len()),
            )
            .suggest(HOW_TO_GET_A_PIN));
        }
        if text.contains("-----BEGIN") {
            return Err(Finding::new("pin-is-pem", "this is a PEM block, not the hash of a public key")
                .suggest("save it as a file and run `npx react-native-spki-pinning hash --cert FILE` (or --key, --csr)"));
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(with_replacement(
                Finding::new(
                    "pin-has-whitespace",
                    format!("the pin \"{}\" contains white space", excerpt(text)),
                ),
                &text.split_whitespace().collect::<String>(),
            ));
        }
        if let Some(pin) = decode(text) {
            return Ok(pin); // even if it begins as a prefix would
        }
        let base64 = match text.split_once('/') {
            Some(("sha256", rest)) => rest,
            Some((prefix, _)) if is_digest_name(prefix) => {
                return Err(Finding::new(
                    "pin-wrong-algorithm",
                    format!("the pin is marked as {prefix}, not sha256"),
                )
                .suggest(HOW_TO_GET_A_PIN));
            }
            _ => text,
        };
        Self::parse_base64(base64)
    }

    fn parse_base64(text: &str) -> Result<Self, Finding> {
        if let Some(finding) = looks_like_hex(text) {
            return Err(finding);
        }
        let bytes = match (STRICT.decode(text), LOOSE.decode(text)) {
            (Ok(bytes), _) => bytes,
            (Err(_), Ok(bytes)) if bytes.len() == 32 => {
                // `BBBB…=` stands in the README of react-native-ssl-public-key-pinning to see a request fail: it still does.
                if text.trim_end_matches('=').bytes().all(|byte| byte == text.as_bytes()[0]) {
                    return Ok(Self(bytes.try_into().unwrap_or_default()));
                }
                let message = format!(
                    "the last character of the pin \"{}\" says more than 32 bytes hold",
                    excerpt(text)
                );
                return Err(with_replacement(Finding::new("pin-not-canonical", message), &encode(&bytes)));
            }
            (Err(_), Ok(bytes)) => bytes,
            (Err(_), Err(_)) => return Err(not_base64(text)),
        };
        if let Ok(digest) = <[u8; 32]>::try_from(bytes.as_slice()) {
            return Ok(Self(digest));
        }
        let finding = match bytes.len() {
            0 => Finding::new("pin-empty", "the pin is empty"),
            20 => Finding::new("pin-is-sha1", "the pin has 20 bytes: a SHA-1 hash, not SHA-256"),
            _ if looks_like_der(&bytes) => Finding::new(
                "pin-is-certificate",
                "this is a whole certificate or key, not the hash of a public key",
            ),
            length => {
                Finding::new("pin-wrong-length", format!("the pin has {length} bytes, a SHA-256 hash has 32"))
            }
        };
        Err(with_replacement(finding, text)) // perhaps it has its prefix twice
    }

    /// Whether somebody left a placeholder: 32 equal bytes, or base64 text of one repeated character (`BBBB…`).
    pub fn is_placeholder(&self) -> bool {
        let text = self.to_string();
        let first = text.as_bytes()[0];
        // 43 characters carry the digest; the last of them only four bits, so it may differ.
        self.0.iter().all(|byte| *byte == self.0[0]) || text.bytes().take(42).all(|byte| byte == first)
    }
}

const HOW_TO_GET_A_PIN: &str = "run `npx react-native-spki-pinning hash HOST` and paste a pin from there";

fn encode(bytes: &[u8]) -> String {
    engines::STANDARD.encode(bytes)
}

fn is_digest_name(prefix: &str) -> bool {
    let lower = prefix.to_ascii_lowercase();
    ["md5", "sha1", "sha-1", "sha224", "sha-256", "sha384", "sha512"].contains(&lower.as_str())
        || lower == "sha256"
}

/// Suggests `replacement` if it is a pin, else how to get one. (Not by [`Pin::parse`], which comes back here.)
fn with_replacement(finding: Finding, replacement: &str) -> Finding {
    match decode(replacement.strip_prefix("sha256/").unwrap_or(replacement)) {
        Some(pin) => finding.suggest(format!("use `{pin}`")),
        None => finding.suggest(HOW_TO_GET_A_PIN),
    }
}

/// A pin written as it should be, without a prefix.
fn decode(base64: &str) -> Option<Pin> {
    STRICT.decode(base64).ok()?.try_into().ok().map(Pin)
}

fn looks_like_hex(text: &str) -> Option<Finding> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        64 => {
            let bytes: Vec<u8> = digits
                .as_bytes()
                .chunks(2)
                .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            let finding = Finding::new("pin-is-hex", "the pin is written in hexadecimal, not in base64");
            Some(with_replacement(finding, &encode(&bytes)))
        }
        40 => Some(
            Finding::new("pin-is-sha1", "40 hexadecimal digits are a SHA-1 hash, not SHA-256")
                .suggest(HOW_TO_GET_A_PIN),
        ),
        _ => None,
    }
}

/// A key, or a certificate, perhaps cut off.
fn looks_like_der(bytes: &[u8]) -> bool {
    let is_long_sequence = bytes.len() > 64 && bytes[0] == der::SEQUENCE && bytes[1] >= 0x80;
    is_long_sequence || der::only(bytes, der::SEQUENCE).is_some()
}

fn not_base64(text: &str) -> Finding {
    if let Ok(bytes) = URL_SAFE.decode(text)
        && bytes.len() == 32
    {
        let message = format!("the pin \"{}\" is in the URL-safe alphabet (`-` and `_`)", excerpt(text));
        return Finding::new("pin-is-url-safe", message).suggest(format!("use `{}`", encode(&bytes)));
    }
    let finding = Finding::new("pin-not-base64", format!("the pin \"{}\" is not base64", excerpt(text)));
    // The forms of RFC 7469 headers and of curl: right digest, other clothes.
    let bare = text
        .trim_start_matches("pin-sha256=")
        .trim_start_matches("sha256")
        .trim_matches(['"', '\'', '/', ':', '=']);
    with_replacement(finding, if bare.len() < text.len() { bare } else { "" })
}

#[cfg(test)]
mod tests {
    use super::Pin;

    #[cfg(not(miri))]
    #[test]
    fn any_text_gives_a_pin_or_a_finding_and_never_panics() {
        use proptest::prelude::*;
        proptest!(|(text in "\\PC{0,80}")| {
            if let Ok(pin) = Pin::parse(&text) {
                prop_assert_eq!(Pin::parse(&pin.to_string()), Ok(pin));
            }
        });
    }

    #[cfg(not(miri))] // on a stack that Miri takes no notice of
    #[test]
    fn hostile_text_takes_bounded_time_and_stack() {
        let on_a_small_stack = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| {
            for text in ["\u{1}".to_owned(), "a\u{7f}b".to_owned(), "sha256pin-sha256=".repeat(3500)] {
                let finding = Pin::parse(&text).unwrap_err();
                assert!(finding.message.len() < 500, "{}", finding.message);
            }
        });
        on_a_small_stack.unwrap().join().unwrap();
    }

    #[cfg(not(miri))]
    #[test]
    fn every_digest_survives_printing_and_parsing() {
        use proptest::prelude::*;
        proptest!(|(digest: [u8; 32])| {
            let pin = Pin(digest);
            prop_assert_eq!(Pin::parse(&pin.to_string()), Ok(pin));
            prop_assert_eq!(Pin::parse(&format!("sha256/{pin}")), Ok(pin));
        });
    }

    #[test]
    fn a_hexadecimal_hash_is_answered_with_its_base64() {
        let finding = Pin::parse(&"ab".repeat(32)).unwrap_err();
        assert_eq!(finding.code, "pin-is-hex");
        assert_eq!(finding.suggestion.as_deref(), Some("use `q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=`"));
    }

    #[test]
    fn a_prefix_that_stands_twice_is_to_be_left_out() {
        let pin = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";
        let finding = Pin::parse(&format!("sha256/sha256/{pin}")).unwrap_err();
        assert_eq!((finding.code, finding.suggestion), ("pin-wrong-length", Some(format!("use `{pin}`"))));
    }

    #[test]
    fn placeholders_of_the_readmes_are_recognised() {
        for text in
            ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="]
        {
            assert!(Pin::parse(text).unwrap().is_placeholder(), "{text}");
        }
        assert!(Pin([7; 32]).is_placeholder());
        assert!(!Pin::parse("r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=").unwrap().is_placeholder());
    }
}
