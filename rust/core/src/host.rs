//! Host names: strict for the keys of a configuration, forgiving for the hosts of connections.
//!
//! Both end in the same form, so that no spelling of a pinned host escapes its pins: ASCII lower case, IDN as A-labels
//! (UTS 46, non-transitional), no trailing dot, IPv4 in dotted decimal, IPv6 as RFC 5952 without brackets.

use crate::problem::{Finding, excerpt};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// RFC 1035 §2.3.4, without the root's empty label.
pub const MAX_HOST_OCTETS: usize = 253;
const MAX_LABEL_OCTETS: usize = 63;
/// Longest text that is looked at: a name of 253 octets takes at most four bytes a character in UTF-8.
const MAX_INPUT_BYTES: usize = 4 * (MAX_HOST_OCTETS + 1);

/// A domain key in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The normalised name or address.
    pub name: String,
    /// Whether it is an IP literal.
    pub is_ip: bool,
}

/// Normalises a domain key.
///
/// # Errors
/// When the key is anything but a bare host name or IP literal; the suggestion names the host that was probably meant.
pub fn normalize(key: &str) -> Result<Host, Finding> {
    read(key).map_err(|Mistake { code, what }| {
        let message = match code {
            "domain-too-long" | "domain-empty" => what,
            _ => format!("\"{}\" {what}", excerpt(key)),
        };
        Finding::new(code, message).suggest(suggestion(code, key))
    })
}

/// A key that is no host name: the problem's code, and what it is or has instead.
struct Mistake {
    code: &'static str,
    what: String,
}

fn mistake<T>(code: &'static str, what: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { code, what: what.into() })
}

fn read(key: &str) -> Result<Host, Mistake> {
    not_a_bare_host(key)?;
    if let Some(ip) = ip_literal(key) {
        return Ok(ip);
    }
    let name = key.strip_suffix('.').unwrap_or(key);
    if name.split('.').any(str::is_empty) {
        return mistake("domain-empty-label", "has an empty part between dots");
    }
    match url::Host::parse(name) {
        Ok(url::Host::Ipv4(address)) => Ok(ip_host(address.into())),
        Ok(url::Host::Ipv6(address)) => Ok(ip_host(address.into())),
        Ok(url::Host::Domain(ascii)) => check_ascii(&ascii),
        Err(_) => mistake("domain-invalid", "is not a valid host name"),
    }
}

/// Limits that hold for the ASCII form.
fn check_ascii(ascii: &str) -> Result<Host, Mistake> {
    // UTS 46 maps some characters to dots and others to nothing.
    let ascii = ascii.strip_suffix('.').unwrap_or(ascii);
    if ascii.split('.').any(str::is_empty) {
        return mistake("domain-empty-label", "has an empty part between dots");
    }
    if ascii.len() > MAX_HOST_OCTETS {
        return too_long(ascii.len());
    }
    if !ascii.bytes().all(is_plain) {
        return mistake("domain-invalid", "has a character that host names cannot have");
    }
    if ascii.split('.').any(|label| label.len() > MAX_LABEL_OCTETS) {
        return mistake("domain-invalid", "has a part of over 63 octets");
    }
    Ok(Host { name: ascii.to_owned(), is_ip: false })
}

/// Letters, digits, hyphen, underscore (in use, if not in RFC 952) and the dot between labels.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn too_long<T>(octets: usize) -> Result<T, Mistake> {
    mistake("domain-too-long", format!("the host name has {octets} octets, DNS allows {MAX_HOST_OCTETS}"))
}

fn ip_host(address: IpAddr) -> Host {
    // An IPv4-mapped IPv6 address reaches the IPv4 host, and some platforms rewrite it on the way.
    Host { name: address.to_canonical().to_string(), is_ip: true }
}

/// An IP literal as the standard library reads it, brackets around IPv6 allowed.
fn ip_literal(text: &str) -> Option<Host> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(|address| ip_host(address.into())),
        None => text.parse::<IpAddr>().ok().map(ip_host),
    }
}

/// The mistakes that people make with domain keys, the likeliest first.
fn not_a_bare_host(key: &str) -> Result<(), Mistake> {
    if key.is_empty() || key == "." {
        return mistake("domain-empty", "the host name is empty");
    }
    if key.contains("://") || key.starts_with("//") {
        return mistake("domain-is-url", "is a URL, a domain key is a host name only");
    }
    if key.contains(char::is_whitespace) {
        return mistake("domain-has-whitespace", "contains white space");
    }
    if key.len() > MAX_INPUT_BYTES {
        return too_long(key.len());
    }
    if key.contains(['/', '?', '#', '\\']) {
        return mistake("domain-has-path", "has a path, pins hold for a whole host");
    }
    if key.contains('@') {
        return mistake("domain-has-user-info", "has user info before an `@`");
    }
    if key.contains('*') {
        return mistake("domain-is-wildcard", "is a wildcard, which domain keys do not have");
    }
    if without_port(key).is_some() {
        return mistake("domain-has-port", "has a port, pins hold for every port of a host");
    }
    if key.contains('%') {
        return mistake("domain-invalid", "has a character that host names cannot have");
    }
    Ok(())
}

fn suggestion(code: &str, key: &str) -> String {
    let meant = match code {
        "domain-empty" => return "name the host, such as `api.example.com`".to_owned(),
        "domain-too-long" => return "check whether several names run together here".to_owned(),
        "domain-has-whitespace" if key.trim().contains(char::is_whitespace) => {
            return "give each host a key of its own".to_owned();
        }
        "domain-empty-label" => key.trim_matches('.'),
        _ => host_of_url(key),
    };
    if let Ok(host) = read(meant) {
        return format!("use `{}`", host.name);
    }
    if meant.contains('*') {
        return match read(meant.trim_start_matches(['*', '.'])) {
            Ok(host) => format!("use `{}` with `includeSubdomains: true`", host.name),
            Err(_) => "name the parent domain with `includeSubdomains: true`".to_owned(),
        };
    }
    "use the host name alone, such as `api.example.com`".to_owned()
}

/// The host inside something like a URL: scheme, user info, port and path taken away.
fn host_of_url(text: &str) -> &str {
    let text = text.trim();
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest).trim_start_matches('/');
    let authority = after_scheme.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    without_port(host).unwrap_or(host)
}

/// What stands before `:port`, if a port is there. The colons of a bare IPv6 address are no port.
fn without_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let is_host = !host.contains(':') || host.ends_with(']');
    (is_host && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Room for a host name whose case had to be folded.
pub(crate) type Buffer = [u8; MAX_HOST_OCTETS];

/// The host of a connection in its normal form, as far as it has one. Never an error: what cannot be normalised is
/// compared as it is, so that a pinned parent domain still governs it. Allocates only for IDN and unusual IP spellings.
pub(crate) fn fold<'a>(host: &'a str, buffer: &'a mut Buffer) -> Cow<'a, str> {
    let mut host = host.trim_end_matches('.');
    let mut plain = true;
    let mut upper = false;
    for byte in host.bytes() {
        upper |= byte.is_ascii_uppercase();
        plain &= is_plain(byte);
    }
    if !plain {
        return Cow::Owned(fold_unusual(host));
    }
    if looks_numeric(host) {
        return match host.parse::<Ipv4Addr>() {
            Ok(_) => Cow::Borrowed(host), // strict dotted decimal has one spelling
            Err(_) => Cow::Owned(fold_unusual(host)),
        };
    }
    if upper && let Some(folded) = buffer.get_mut(..host.len()) {
        folded.copy_from_slice(host.as_bytes());
        folded.make_ascii_lowercase();
        host = std::str::from_utf8(folded).unwrap_or(host);
    } else if upper {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

/// Whether the last label could make it an IPv4 address in the reading of the URL standard ("ends in a number").
fn looks_numeric(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X")
}

fn fold_unusual(host: &str) -> String {
    let bare = host.strip_prefix('[').map_or(host, |rest| rest.split(']').next().unwrap_or(rest));
    let address = bare.split('%').next().unwrap_or(bare); // fe80::1%en0: the zone is the device's, not the server's
    if let Ok(address) = address.parse::<IpAddr>() {
        return ip_host(address).name;
    }
    // A port is no part of a host; a caller that passes one must not thereby leave the pins.
    if let Some(name) = without_port(host) {
        return fold(name, &mut [0; MAX_HOST_OCTETS]).into_owned();
    }
    if host.len() <= MAX_INPUT_BYTES
        && !host.contains('%')
        && let Ok(parsed) = url::Host::parse(host)
    {
        return match parsed {
            url::Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => ip_host(address.into()).name,
        };
    }
    host.to_ascii_lowercase()
}

/// The host and then each of its parents: `a.b.c`, `b.c`, `c`.
pub(crate) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent))
}

#[cfg(test)]
mod tests {
    use super::{Buffer, MAX_HOST_OCTETS, fold, normalize};
    use proptest::prelude::*;

    fn folded(host: &str) -> String {
        let mut buffer: Buffer = [0; MAX_HOST_OCTETS];
        fold(host, &mut buffer).into_owned()
    }

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
        fn any_text_folds_without_panic(host in "\\PC{0,300}") {
            folded(&host);
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
            ("not a host.Example.com", "not a host.example.com"),
        ] {
            assert_eq!(folded(host), expected, "{host}");
        }
    }
}
