//! The names in certificates as text for people (RFC 4514). Written for the messages of refused handshakes, where a full
//! parser would cost every app 100 kB.

use crate::der::{self, Element, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};
use std::{fmt::Write as _, str};

/// The string types that hold nothing but UTF-8, or what is the same in it: UTF8String, NumericString, PrintableString,
/// IA5String.
const STRINGS: [u8; 4] = [0x0c, 0x12, 0x13, 0x16];

/// The DER of a Name as RFC 4514 §2 has it: the most specific part first, special characters escaped. `None` if it is none.
pub(crate) fn to_text(name: &[u8]) -> Option<String> {
    let mut rest = Reader::new(der::only(name, SEQUENCE)?);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        // One without an attribute is none (RFC 5280 §4.1.2.4), and a full parser ends the name before it.
        parts.push(rest.expect(SET).filter(|part| !part.content.is_empty())?);
    }
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        let mut attributes = Reader::new(part.content);
        let mut separator = ',';
        while !attributes.is_empty() {
            let mut attribute = Reader::new(attributes.expect(SEQUENCE)?.content);
            let (kind, value) = (attribute.expect(OBJECT_IDENTIFIER)?, attribute.next()?);
            if !attribute.is_empty() {
                return None;
            }
            if !text.is_empty() {
                text.push(separator);
            }
            separator = '+';
            let oid = dotted(kind.content)?;
            text.push_str(short_name(&oid).unwrap_or(&oid));
            text.push('=');
            write_value(value, &mut text);
        }
    }
    Some(text)
}

fn write_value(value: Element<'_>, text: &mut String) {
    let readable = STRINGS.contains(&value.tag).then(|| str::from_utf8(value.content).ok()).flatten();
    match readable {
        Some(readable) => escape(readable, text),
        None => {
            text.push('#');
            for byte in value.whole {
                let _ = write!(text, "{byte:02x}");
            }
        }
    }
}

/// `2.5.4.3` (X.690 §8.19). `None` for numbers that no real one has.
fn dotted(oid: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut number = 0u64;
    for byte in oid {
        number = number.checked_mul(128)? + u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            // The first two are one: the first is 0, 1 or 2.
            let first = (number / 40).min(2);
            let _ = write!(text, "{first}.{}", number - first * 40);
        } else {
            let _ = write!(text, ".{number}");
        }
        number = 0;
    }
    Some(text)
}

/// The short names of RFC 4514 §3 and the others that certificates use.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        let at_edge = (index == 0 && matches!(character, ' ' | '#')) || (index == last && character == ' ');
        if at_edge || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            text.push('\\');
        }
        if character.is_control() {
            // Never into a log or a terminal as it is.
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(text, "\\{byte:02X}");
            }
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::{escape, short_name, to_text};
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};
    use x509_parser::{prelude::parse_x509_certificate, x509::X509Name};

    /// What a full parser reads in a name, written as `to_text` does.
    fn by_parser(name: &X509Name<'_>) -> String {
        let attributes = |part: &x509_parser::x509::RelativeDistinguishedName<'_>| {
            let written = part.iter().map(|attribute| {
                let oid = attribute.attr_type().to_id_string();
                let mut text = format!("{}=", short_name(&oid).unwrap_or(&oid));
                escape(attribute.as_str().expect("the names of these certificates are texts"), &mut text);
                text
            });
            written.collect::<Vec<_>>().join("+")
        };
        let mut parts: Vec<_> = name.iter().map(attributes).collect();
        parts.reverse();
        parts.join(",")
    }

    #[test]
    fn a_full_parser_reads_the_same_in_every_root_of_the_web() {
        let mut compared = 0;
        for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let (_, parsed) = parse_x509_certificate(root).unwrap();
            let name = parsed.subject();
            if name.iter_attributes().all(|attribute| attribute.as_str().is_ok()) {
                assert_eq!(to_text(name.as_raw()), Some(by_parser(name)));
                compared += 1;
            }
        }
        assert!(compared > 100);
    }

    #[test]
    fn what_is_no_text_is_written_in_hexadecimal_digits() {
        let mut params = CertificateParams::default();
        let unusual = DnType::CustomDnType(vec![2, 999, 16_384]);
        params.distinguished_name.push(unusual, "plain");
        params.distinguished_name.push(DnType::CommonName, DnValue::BmpString("a".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, parsed) = parse_x509_certificate(certificate.der()).unwrap();
        assert_eq!(to_text(parsed.subject().as_raw()).unwrap(), "2.999.16384=plain,CN=#1e020061");
    }

    #[test]
    fn several_attributes_of_one_part_are_joined_by_a_plus() {
        let name =
            b"\x30\x18\x31\x16\x30\x08\x06\x03\x55\x04\x03\x0c\x01a\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03 b#";
        assert_eq!(to_text(name).unwrap(), r"CN=a+O=\ b#");
        assert_eq!(to_text(b"\x30\x00").unwrap(), "");
        assert_eq!(to_text(b"\x30\x02\x31\x00"), None);
        for length in 0..name.len() {
            assert_eq!(to_text(&name[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn numbers_that_no_object_identifier_has_are_refused() {
        let mut name = b"\x30\x17\x31\x15\x30\x13\x06\x0c".to_vec();
        name.extend([0xff; 11]);
        name.extend(b"\x7f\x0c\x03abc");
        assert_eq!(to_text(&name), None);
    }
}
