//! Which names are public suffixes: `com`, `co.uk`, `github.io`. Pinning everything below one is never meant.
//!
//! The list is <https://publicsuffix.org/list/>, ICANN and private sections, as `public_suffixes.txt` beside this crate.

use std::sync::LazyLock;

static RULES: LazyLock<fst::Set<&'static [u8]>> = LazyLock::new(|| {
    fst::Set::new(&include_bytes!(concat!(env!("OUT_DIR"), "/public_suffixes.fst"))[..])
        .expect("build.rs wrote a well-formed set")
});

/// Whether `host` (normalised) is itself a public suffix. A single label always is: the list's prevailing rule is `*`.
pub(crate) fn is_public_suffix(host: &str) -> bool {
    let Some((_, parent)) = host.split_once('.') else { return true };
    if RULES.contains(format!("!{host}")) {
        return false;
    }
    RULES.contains(host) || RULES.contains(format!("*.{parent}"))
}

#[cfg(test)]
mod tests {
    use super::is_public_suffix;

    #[test]
    fn top_level_registry_and_private_suffixes_are_known() {
        for suffix in
            ["com", "co.uk", "github.io", "appspot.com", "localhost", "gay", "anything.ck", "xn--p1ai"]
        {
            assert!(is_public_suffix(suffix), "{suffix}");
        }
    }

    #[test]
    fn names_that_somebody_registered_are_not_suffixes() {
        for name in
            ["example.com", "bbc.co.uk", "user.github.io", "www.ck", "api.internal", "a.b.example.com"]
        {
            assert!(!is_public_suffix(name), "{name}");
        }
    }
}
