//! Spellings of hosts: those that come to nothing else than the host, and those that are none.

use super::normalize;

fn folded(host: &str) -> String {
    super::folded(host).unwrap_or_default()
}

#[cfg(not(miri))]
mod of_any_text {
    use super::{folded, normalize};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folding_a_valid_key_gives_its_normal_form(key in "[a-zA-Z0-9_äöüß0x.:\\[\\]-]{1,40}") {
            if let Ok(host) = normalize(&key) {
                prop_assert_eq!(folded(&key), host.name.clone());
                prop_assert_eq!(folded(&format!("{}.", host.name)), host.name.clone());
                prop_assert_eq!(folded(&host.name.to_ascii_uppercase()), host.name);
            }
        }

        #[test]
        fn normalising_is_idempotent(key in "\\PC{1,40}") {
            if let Ok(host) = normalize(&key) {
                prop_assert_eq!(normalize(&host.name), Ok(host));
            }
        }

        #[test]
        fn odd_characters_make_no_other_host(key in "[a-z0-9ü]{1,9}\\.[a-z]{2,5}", tricks in prop::collection::vec(0..7, 0..20)) {
            // Each is undone by URL parsers, UTS 46 or resolvers.
            let spell = |(character, trick): (char, &i32)| match (trick, u32::from(character)) {
                (0, _) => format!("{character}\u{ad}"),
                (1, _) => character.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
                (2, code @ 0x21..0x7f) => char::from_u32(code + 0xfee0).unwrap().to_string(),
                (3, _) => character.to_uppercase().to_string(),
                (4, _) => format!("\t{character}"),
                (5, 0x2e) => "。".to_owned(),
                _ => character.to_string(),
            };
            let spelling: String = key.chars().zip(tricks.iter().cycle()).map(spell).collect();
            if let Ok(host) = normalize(&key) && !tricks.is_empty() {
                prop_assert_eq!(folded(&spelling), host.name, "{}", spelling);
            }
        }

        #[test]
        fn any_text_folds_without_panic(host in "\\PC{0,300}") {
            folded(&host);
        }
    }
}

#[test]
fn mistakes_name_the_host_that_was_meant() {
    for (key, code, suggestion) in [
        ("https://API.example.com:8443/v1?x#y", "domain-is-url", "use `api.example.com`"),
        ("https://user:pw@example.com", "domain-is-url", "use `example.com`"),
        ("https://*.example.com/", "domain-is-url", "use `example.com` with `includeSubdomains: true`"),
        ("example.com/path", "domain-has-path", "use `example.com`"),
        ("example.com:8443", "domain-has-port", "use `example.com`"),
        ("[::1]:8443", "domain-has-port", "use `::1`"),
        ("me@example.com", "domain-has-user-info", "use `example.com`"),
        ("*.example.com", "domain-is-wildcard", "use `example.com` with `includeSubdomains: true`"),
        (" example.com", "domain-has-whitespace", "use `example.com`"),
        (".example.com", "domain-empty-label", "use `example.com`"),
    ] {
        let finding = normalize(key).unwrap_err();
        assert_eq!((finding.code, finding.suggestion.as_deref()), (code, Some(suggestion)), "{key}");
    }
}

#[test]
fn hosts_of_connections_lose_port_zone_dots_and_brackets() {
    for (host, expected) in [
        ("Example.COM..", "example.com"),
        ("example.com:443", "example.com"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]:443", "::1"),
        ("fe80::1%en0", "fe80::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("FASS。de", "fass.de"),
        ("faß.de", "xn--fa-hia.de"),
    ] {
        assert_eq!(folded(host), expected, "{host}");
    }
}

#[test]
fn no_spelling_of_a_host_escapes_its_pins() {
    for (host, expected) in [
        // What URL parsers undo.
        ("ex%61mple.com", "example.com"),
        ("ex%61mple%2Ecom", "example.com"),
        ("%C3%BCber.de", "xn--ber-goa.de"),
        ("exa\tmple\n.com", "example.com"),
        (" example.com ", "example.com"),
        ("user:pass@Example.com", "example.com"),
        ("user@example.com:443", "example.com"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("1.2.3.4%2eexample.com", "1.2.3.4.example.com"),
        // What a C resolver reads.
        ("example.com\0.attacker.test", "example.com"),
        // What UTS 46 ignores or maps.
        ("exa\u{ad}m\u{200b}p\u{fe0f}le.com", "example.com"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ．", "example.com"),
        ("１２７．０．０．１", "127.0.0.1"),
        ("127.0.0.1。", "127.0.0.1"),
        ("１２７。１:443", "127.0.0.1"),
        ("XN--BCHER-KVA.DE", "xn--bcher-kva.de"),
        ("X_Y.Example.com", "x_y.example.com"),
        // What UTS 46 refuses, and IDNA 2003 and ICU map to a dot.
        ("example\u{2024}com", "example.com"),
        ("127.0\u{fe52}0\u{2024}1", "127.0.0.1"),
        ("bücher\u{fe12}de", "xn--bcher-kva.de"),
        // Addresses.
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f000001.", "127.0.0.1"),
        ("[::ffff:7f00:1]:443", "127.0.0.1"),
        ("[fe80::1%25en0]", "fe80::1"),
        ("\u{b}.2.301", "2.0.1.45"),
        (".。11", "0.0.0.11"),
        ("25.．", "0.0.0.25"),
        ("256。.1\u{ad}...", "256..1"),
        // Dots without a name between them.
        (".example.com", "example.com"),
        ("。example.com。。", "example.com"),
    ] {
        assert_eq!(folded(host), expected, "{host:?}");
    }
}

#[test]
fn one_odd_label_does_not_hide_the_others_from_a_pinned_parent() {
    for (host, parent) in [
        ("not a host.Bücher.de", "xn--bcher-kva.de"),
        ("a<b.BÜCHER.de", "xn--bcher-kva.de"),
        ("a%zz.bücher.de:443", "xn--bcher-kva.de"),
        ("a\u{200c}b.bücher.de", "xn--bcher-kva.de"), // ContextJ
        ("xn--a.bücher.de", "xn--bcher-kva.de"),      // no Punycode
        ("xn--bcher-KVA8.bücher.de", "xn--bcher-kva.de"),
        ("1a.אבג.com", "xn--4dbcd.com"), // Bidi, over label boundaries
        ("\u{fffd}.bücher。de", "xn--bcher-kva.de"),
    ] {
        let folded = folded(host);
        assert!(folded.ends_with(&format!(".{parent}")), "{host:?} became {folded:?}");
    }
}

#[cfg(not(miri))] // on a stack that Miri takes no notice of
#[test]
fn a_hostile_spelling_takes_bounded_time_and_stack() {
    let on_a_small_stack = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| {
        for piece in [
            "%25",
            "%2525",
            "@",
            ":1",
            "\u{ad}",
            "。",
            "a。",
            "1.",
            "[",
            "xn--",
            "%00",
            "ü.",
            "ⅷ",
            "%ef%bc%8e",
        ] {
            for times in [10, 1000, 100_000] {
                folded(&piece.repeat(times));
                folded(&format!("{}.example.com", piece.repeat(times)));
                folded(&format!("example.com{}", piece.repeat(times)));
            }
        }
    });
    on_a_small_stack.unwrap().join().unwrap();
}
