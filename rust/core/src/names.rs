//! Option names: which one was meant by one that does not exist.

/// What other libraries call the same thing, TrustKit first.
const ALIASES: [(&str, &str); 13] = [
    ("tskpublickeyhashes", "publicKeyHashes"),
    ("tskincludesubdomains", "includeSubdomains"),
    ("tskexpirationdate", "expirationDate"),
    ("tskenforcepinning", "reportOnly"),
    ("tskreporturis", "reportUris"),
    ("pins", "publicKeyHashes"),
    ("pin", "publicKeyHashes"),
    ("hashes", "publicKeyHashes"),
    ("sha256", "publicKeyHashes"),
    ("subdomains", "includeSubdomains"),
    ("expiration", "expirationDate"),
    ("expires", "expirationDate"),
    ("enforce", "reportOnly"),
];

/// The option that was probably meant: by another library's name for it, or by a slip of the pen.
pub(crate) fn did_you_mean<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let alias =
        ALIASES.iter().find(|(alias, _)| *alias == lower.trim_start_matches('k')).map(|(_, meant)| *meant);
    if let Some(meant) = alias.and_then(|meant| known.iter().find(|option| **option == meant)) {
        return Some(meant);
    }
    known
        .iter()
        .map(|option| (strsim::damerau_levenshtein(&lower, &option.to_ascii_lowercase()), *option))
        .min()
        .filter(|(distance, option)| *distance <= option.len() / 3)
        .map(|(_, option)| option)
}
