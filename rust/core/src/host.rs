//! Host names: strict for the keys of a configuration, forgiving for the hosts of connections.
//!
//! Both end in the same form, so that no spelling of a pinned host escapes its pins: ASCII lower case, IDN as A-labels
//! (UTS 46, non-transitional), no trailing dot, IPv4 in dotted decimal, IPv6 as RFC 5952 without brackets.

use crate::{
    problem::{Finding, excerpt},
    public_suffix::is_public_suffix,
};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// RFC 1035 §2.3.4, without the root's empty label.
pub const MAX_HOST_OCTETS: usize = 253;
const MAX_LABEL_OCTETS: usize = 63;
/// Longest text that is taken for a host: a name of 253 octets takes at most four bytes a character in UTF-8.
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
const fn is_plain(byte: u8) -> bool {
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

/// Room for a host name whose case has to be folded, made when one comes.
pub(crate) type Buffer = Option<[u8; MAX_HOST_OCTETS]>;

/// The host of a connection in its normal form; `None` for no host: nothing, dots alone, or longer than any.
///
/// Never an error: what cannot be normalised is compared as it is, so that a pinned parent domain still governs it.
/// Allocates only for IDN and unusual spellings.
pub(crate) fn fold<'a>(host: &'a str, buffer: &'a mut Buffer) -> Option<Cow<'a, str>> {
    if host.len() > MAX_INPUT_BYTES {
        return None;
    }
    let is_dotted = host.starts_with('.') || host.ends_with('.');
    let folded = fold_any(if is_dotted { host.trim_matches('.') } else { host }, buffer);
    (!folded.is_empty()).then_some(folded)
}

/// The host of a connection in the one form that all its spellings have; `None` for no host. For who keeps things by host.
pub fn folded(host: &str) -> Option<String> {
    fold(host, &mut None).map(Cow::into_owned)
}

fn fold_any<'a>(mut host: &'a str, buffer: &'a mut Buffer) -> Cow<'a, str> {
    let classes = host.bytes().fold(0, |classes, byte| classes | CLASSES[usize::from(byte)]);
    let (plain, upper) = (classes & UNUSUAL == 0, classes & UPPER != 0);
    if !plain {
        return Cow::Owned(fold_unusual(host));
    }
    if looks_numeric(host) {
        return match host.parse::<Ipv4Addr>() {
            Ok(_) => Cow::Borrowed(host), // strict dotted decimal has one spelling
            Err(_) => Cow::Owned(fold_unusual(host)),
        };
    }
    if upper && let Some(folded) = buffer.insert([0; MAX_HOST_OCTETS]).get_mut(..host.len()) {
        folded.copy_from_slice(host.as_bytes());
        folded.make_ascii_lowercase();
        host = std::str::from_utf8(folded).unwrap_or(host);
    } else if upper {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

const UPPER: u8 = 1;
const UNUSUAL: u8 = 2;

/// What a byte of a host asks for: each connection's host is looked at.
static CLASSES: [u8; 256] = {
    let mut classes = [UNUSUAL; 256];
    let mut byte = 0;
    while byte < 0x80 {
        if is_plain(byte) {
            classes[byte as usize] = if byte.is_ascii_uppercase() { UPPER } else { 0 };
        }
        byte += 1;
    }
    classes
};

/// Whether the last label could make it an IPv4 address in the reading of the URL standard ("ends in a number").
fn looks_numeric(host: &str) -> bool {
    let last = host.bytes().rposition(|byte| byte == b'.').map_or(0, |dot| dot + 1);
    let last = &host.as_bytes()[last..];
    last.iter().all(u8::is_ascii_digit) || last.starts_with(b"0x") || last.starts_with(b"0X")
}

/// Undoes what a URL parser, a resolver or a careless caller may undo later: whoever spells a pinned host in an odd way
/// must not thereby leave its pins.
fn fold_unusual(host: &str) -> String {
    let host = host.split('\0').next().unwrap_or_default(); // C reads no further
    let host: String = host.chars().filter(|c| !c.is_whitespace() && !c.is_control()).map(dotted).collect();
    let host = host.rsplit_once('@').map_or(host.as_str(), |(_, host)| host).trim_matches('.');
    let bare = host.strip_prefix('[').map_or(host, |rest| rest.split(']').next().unwrap_or(rest));
    // fe80::1%en0: the zone is the device's, not the server's. After anything but IPv6, `%` is an escape of a URL.
    let zoned = bare.split_once('%').filter(|(address, _)| address.contains(':'));
    let address = zoned.map_or(bare, |(address, _)| address);
    if let Ok(address) = address.parse::<IpAddr>() {
        return ip_host(address).name;
    }
    if let Some(name) = without_port(host) {
        return fold_any(name.trim_matches('.'), &mut None).into_owned();
    }
    let folded = match url::Host::parse(host) {
        Ok(url::Host::Ipv4(address)) => return address.to_string(),
        Ok(url::Host::Ipv6(address)) => return ip_host(address.into()).name,
        Ok(url::Host::Domain(name)) => name.trim_matches('.').to_owned(),
        Err(_) => fold_labels(host),
    };
    if folded == host {
        return folded;
    }
    // It may be another kind of host now: `。11` is no address before its dot is gone.
    fold_any(&folded, &mut None).into_owned()
}

/// Characters whose compatibility form (NFKC) is a dot: UTS 46 refuses them, but IDNA 2003 and ICU make them into one, and so
/// do `java.net.IDN` and Node's resolver.
fn dotted(character: char) -> char {
    if matches!(character, '\u{2024}' | '\u{fe12}' | '\u{fe52}') { '.' } else { character }
}

/// What is no name as a whole, label by label: an odd one must not hide the others from a pinned parent.
fn fold_labels(host: &str) -> String {
    // With a label after it, so that one of digits is not read as an address.
    let fold_label = |label: &str| match url::Host::parse(&format!("{label}.a")) {
        Ok(url::Host::Domain(name)) => name.strip_suffix(".a").unwrap_or(&name).to_owned(),
        _ => label.to_ascii_lowercase(),
    };
    // The dots of UTS 46 §2.3.
    let labels: Vec<_> = host.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).map(fold_label).collect();
    labels.join(".").trim_matches('.').to_owned()
}

/// The host and then each of its parents: `a.b.c`, `b.c`, `c`.
pub(crate) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    let mut last = None;
    // Not `successors`, which looks for a parent before anybody asks for it: most often the host itself is the one.
    std::iter::from_fn(move || {
        last = last.map_or(Some(host), parent);
        last
    })
    .fuse()
}

fn parent(name: &str) -> Option<&str> {
    let dot = name.bytes().position(|byte| byte == b'.')?;
    Some(&name[dot + 1..])
}

/// Whether somebody registered this name (normalised), so that all names below it are theirs: `example.co.uk`.
pub fn is_registrable(name: &str) -> bool {
    parent(name).is_some_and(is_public_suffix) && !is_public_suffix(name) && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests;
