//! Certificates, DER one after the other, and the same bytes as a file: the walk that judges handshakes finds no other key and
//! no other subject than two full parsers, and a chain is let through only if all of it can be read and a pin is in it.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rustls_pki_types::{CertificateDer, UnixTime};
use spki_pinning_core::{
    Engine, Pin,
    certificate::{Expected, describe, describe_public_key, describe_request, is_authority, read_file},
    engine::MAX_CHAIN,
    pem, spki,
    verdict::MAX_CERTIFICATE_BYTES,
};
use spki_pinning_fuzz::{NOW, OTHER_PIN, PIN, der::changed, elements};
use spki_pinning_net::path::clean_reported_chain;
use std::time::Duration;
use x509_parser::x509::X509Name;

fuzz_target!(|bytes: &[u8]| {
    let chain = elements(bytes);
    for certificate in &chain {
        parsers_agree(certificate);
    }
    verdict_follows(&chain);
    path_is_of_the_chain(&chain);
    file(bytes);
});

// Every other input is changed as DER.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let changed = if seed % 2 == 0 { changed(&data[..size], seed / 2) } else { None };
    match changed {
        Some(changed) if changed.len() <= max_size => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fn parsers_agree(der: &[u8]) {
    let _ = (is_authority(der), describe_request(der), describe_public_key(der));
    let Ok(walked) = spki::certificate_spki(der) else { return };
    assert_eq!(spki::pin_of_certificate(der), Ok(spki::pin_of_spki(walked)));
    if let Ok((rest, parsed)) = x509_parser::parse_x509_certificate(der) {
        assert!(rest.is_empty(), "something follows a certificate that was accepted");
        assert_eq!(walked, parsed.public_key().raw, "x509-parser finds another key");
        let description = describe(der).expect("both accept it");
        if let (Some(subject), Some(expected)) = (description.subject, name_by_parser(parsed.subject())) {
            assert_eq!(subject, expected);
        }
    }
    let certificate = CertificateDer::from(der);
    if let Ok(parsed) = webpki::EndEntityCert::try_from(&certificate) {
        assert_eq!(walked, parsed.subject_public_key_info().as_ref(), "webpki finds another key");
    }
}

/// RFC 4514 by another hand. `None` for names that are not made of plain text.
fn name_by_parser(name: &X509Name<'_>) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.iter() {
        let mut attributes = Vec::new();
        for attribute in part.iter() {
            let value = attribute.as_str().ok()?;
            let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
            let known = match attribute.attr_type().to_id_string().as_str() {
                "2.5.4.3" => "CN",
                "2.5.4.6" => "C",
                "2.5.4.10" => "O",
                "2.5.4.11" => "OU",
                _ => return None,
            };
            let tag = attribute.attr_value().header.tag().0;
            if !plain || ![0x0c, 0x12, 0x13, 0x16].contains(&tag) {
                return None;
            }
            attributes.push(format!("{known}={value}"));
        }
        if attributes.is_empty() {
            return None;
        }
        parts.push(attributes.join("+"));
    }
    parts.reverse();
    Some(parts.join(","))
}

fn verdict_follows(chain: &[&[u8]]) {
    let now = NOW;
    let pins: Vec<Pin> = chain.iter().filter_map(|der| spki::pin_of_certificate(der).ok()).collect();
    let fits = chain.len() <= MAX_CHAIN && chain.iter().all(|der| der.len() <= MAX_CERTIFICATE_BYTES);
    let is_readable = fits && !chain.is_empty() && pins.len() == chain.len();
    let pinned = |pin: &str| {
        let engine = Engine::new();
        let document = format!(r#"{{"a.test":{{"publicKeyHashes":["{pin}","{OTHER_PIN}"]}}}}"#);
        engine.initialize(&document, now).expect("that is a configuration");
        engine
    };
    let engine = pinned(PIN);
    assert!(engine.check(Some("a.test"), chain, "fuzz", now).is_blocked());
    assert!(!engine.check(Some("b.test"), chain, "fuzz", now).is_blocked());
    let event = engine.status(now).recent_events.pop().expect("a refusal is an event");
    assert!(event.message.len() < 64 * 1024 && !event.message.contains('\0'));
    if let (Ok(description), true) =
        (chain.first().map_or(Err(spki::UnparsableDer), |der| describe(der)), fits)
    {
        let subject = description.subject.unwrap_or_else(|| "(a malformed name)".to_owned());
        let start: String = subject.chars().take(200).collect();
        assert!(event.message.contains(&format!("sha256/{}: {start}", description.pin)));
    }
    if let Some(pin) = pins.last() {
        let engine = pinned(&pin.to_string());
        assert_eq!(engine.evaluate(Some("a.test"), chain, now).is_blocked(), !is_readable);
        assert!(engine.check_unvalidated(Some("a.test"), chain, "fuzz", now).is_blocked());
    }
}

fn path_is_of_the_chain(chain: &[&[u8]]) {
    let reported: Vec<_> = chain.iter().map(|der| CertificateDer::from(*der)).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_millis(NOW.unsigned_abs()));
    let path = clean_reported_chain(&reported, now);
    assert_eq!(path.first(), reported.first());
    assert!(path.len() <= reported.len() && path.iter().all(|der| reported.contains(der)));
}

fn file(bytes: &[u8]) {
    for expected in [Expected::PublicKey, Expected::Request, Expected::Certificates] {
        let Ok(found) = read_file(bytes, expected) else { continue };
        assert!(!found.is_empty());
        if expected == Expected::Certificates {
            let text: String = found.iter().map(|(_, der)| pem::encode("CERTIFICATE", der)).collect();
            assert_eq!(read_file(text.as_bytes(), expected), Ok(found));
        }
    }
}
