//! Hosts: folding is idempotent, a key and a connection's host end in the same form, and what the URL standard reads as one host
//! has one verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spki_pinning_core::{
    Engine,
    host::{MAX_HOST_OCTETS, folded, is_registrable, normalize},
};
use spki_pinning_fuzz::{NOW, OTHER_PIN, PIN, is_blocked};
use url::Url;

fuzz_target!(|host: &str| {
    let form = folded(host);
    if let Some(form) = &form {
        assert!(!form.is_empty() && !form.starts_with('.') && !form.ends_with('.'), "{form:?}");
        assert_eq!(folded(form).as_ref(), Some(form), "of {host:?}");
        let _ = is_registrable(form);
    }
    match normalize(host) {
        Ok(key) => {
            assert_eq!(form.as_ref(), Some(&key.name), "{host:?} as the host of a connection");
            assert!(key.name.len() <= MAX_HOST_OCTETS);
            assert_eq!(normalize(&key.name), Ok(key.clone()));
            assert_eq!(folded(&key.name.to_ascii_uppercase()).as_ref(), Some(&key.name));
            is_pinned(&key.name, host);
            if !key.is_ip {
                is_pinned(&key.name, &format!("{}.", key.name));
            }
        }
        Err(finding) => assert!(finding.suggestion.is_some() && finding.message.len() < 1000, "{finding:?}"),
    }
    // What ends the host of a URL is no part of a spelling of it; C ends it at a NUL, which a URL has in its user info only.
    if !host.contains(['/', '\\', '?', '#', '\0'])
        && let Some(read) = Url::parse(&format!("https://{host}/")).ok().as_ref().and_then(Url::host_str)
    {
        assert_eq!(form, folded(read), "{host:?} is {read:?} in a URL");
        if let Ok(key) = normalize(read.trim_end_matches('.')) {
            is_pinned(&key.name, host);
        }
    }
});

fn is_pinned(key: &str, spelling: &str) {
    let engine = Engine::new();
    let document =
        serde_json::json!({key: {"publicKeyHashes": [PIN, OTHER_PIN]}, "a.test": {"publicKeyHashes": [PIN]}});
    if engine.initialize(&document.to_string(), NOW).is_ok() {
        assert!(is_blocked(&engine, spelling, NOW), "{key:?} is pinned, and {spelling:?} is let through");
    }
}
