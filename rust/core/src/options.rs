//! The configuration an app gives, read strictly: what could leave a host unprotected without a word is an error.
//!
//! A document is `{"domains": {…}, "settings": {…}}`; an object without a `domains` member is the domains themselves.
//! All problems are found in one go. The shape is the one of `initializeSslPinning` in TypeScript.

use crate::{
    expiry::{self, WARN_BEFORE_MS},
    host::{self, Host, suffixes},
    json::{Json, Path},
    names::did_you_mean,
    pin::Pin,
    pin_set::Entry,
    problem::{ConfigError, Finding, Problem, Problems, excerpt},
    public_suffix::is_public_suffix,
    verification_key::VerificationKey,
};
use std::collections::{HashMap, HashSet};

mod settings;

pub use settings::{Settings, UpdateSettings};

/// The largest document that is read, in bytes: some 80,000 domains.
pub const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// A configuration without errors.
#[derive(Debug)]
pub struct Configuration {
    /// One entry for each domain, in the order of the document.
    pub entries: Vec<Entry>,
    /// What belongs to no domain.
    pub settings: Settings,
    /// What the developer should know all the same.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration document as it stands at `now_ms` (which only the warnings about dates depend on).
///
/// # Errors
/// With every problem of the document, if one of them is an error.
pub fn parse(document: &str, now_ms: i64) -> Result<Configuration, ConfigError> {
    let mut reader = Reader::new(now_ms);
    let (entries, settings) = reader.document(document);
    let failed = reader.problems.has_errors();
    let problems = reader.problems.into_list();
    if failed {
        Err(ConfigError { problems })
    } else {
        Ok(Configuration { entries, settings, warnings: problems })
    }
}

/// Reads the domains and the next keys of a pin manifest, by the same rules. The warnings are for who signs it.
pub(crate) fn parse_manifest(
    domains: &Members,
    public_keys: Option<&[Json]>,
    now_ms: i64,
) -> (Vec<Entry>, Option<Vec<VerificationKey>>, Vec<Problem>) {
    let mut reader = Reader::new(now_ms);
    let entries = reader.domains(&Path::ROOT.member("domains"), domains);
    let keys = public_keys.map(|keys| reader.public_keys(&Path::ROOT.member("publicKeys"), keys));
    (entries, keys, reader.problems.into_list())
}

type Members = [(String, Json)];

struct Reader {
    problems: Problems,
    now_ms: i64,
    require_backup_pin: bool,
}

impl Reader {
    fn new(now_ms: i64) -> Self {
        Self { problems: Problems::default(), now_ms, require_backup_pin: false }
    }

    fn document(&mut self, text: &str) -> (Vec<Entry>, Settings) {
        let nothing = || (Vec::new(), Settings::default());
        let root = Path::ROOT;
        if text.len() > MAX_DOCUMENT_BYTES {
            let message =
                format!("the configuration has {} bytes, the limit is {MAX_DOCUMENT_BYTES}", text.len());
            let finding = Finding::new("document-too-large", message)
                .suggest("pin fewer domains, or use `includeSubdomains`");
            self.problems.error(root, finding);
            return nothing();
        }
        let members = match Json::parse(text) {
            Ok(Json::Object(members)) => members,
            Ok(other) => {
                let message = format!("the configuration is {}, not an object", other.kind());
                let finding = Finding::new("not-an-object", message).suggest(
                    "give an object of domains: {\"api.example.com\": {\"publicKeyHashes\": [\"…\"]}}",
                );
                self.problems.error(root, finding);
                return nothing();
            }
            Err(_) if text.trim().is_empty() => {
                let finding = Finding::new("json-syntax", "the configuration is empty")
                    .suggest("write `{}` if nothing is to be pinned");
                self.problems.error(root, finding);
                return nothing();
            }
            Err(error) => {
                let finding =
                    Finding::new("json-syntax", format!("the configuration is not valid JSON: {error}"))
                        .suggest("correct the JSON at that place");
                self.problems.error(root, finding);
                return nothing();
            }
        };
        if !members.iter().any(|(name, _)| name == "domains") {
            return (self.domains(&root, &members), Settings::default());
        }
        // Settings first: one of them decides how severe a finding about domains is.
        if let Some((_, given)) = members.iter().find(|(name, _)| name == "settings") {
            self.require_backup_pin = given.requires_backup_pin();
        }
        let (mut entries, mut settings) = nothing();
        let mut seen = HashSet::new();
        for (name, value) in &members {
            let path = root.member(name);
            if self.is_to_skip(&path, name, &mut seen) {
                continue;
            }
            match (name.as_str(), value) {
                ("domains", Json::Object(domains)) => entries = self.domains(&path, domains),
                ("settings", Json::Object(given)) => settings = self.settings(&path, given),
                ("domains" | "settings", other) => self.wrong_type(&path, "an object", other),
                _ => self.unknown(&path, name, &["domains", "settings"]),
            }
        }
        (entries, settings)
    }

    fn domains(&mut self, path: &Path<'_>, domains: &Members) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(domains.len());
        let mut keys = HashSet::new();
        let mut normalized: HashMap<String, &str> = HashMap::new();
        for (key, value) in domains {
            let path = path.member(key);
            if self.is_to_skip(&path, key, &mut keys) {
                continue;
            }
            let host = match host::normalize(key) {
                Ok(host) => Some(host),
                Err(finding) => {
                    self.problems.error(path, finding);
                    None
                }
            };
            if let Some(host) = &host
                && let Some(first) = normalized.insert(host.name.clone(), key)
            {
                let message =
                    format!("\"{}\" and \"{}\" are both `{}`", excerpt(first), excerpt(key), host.name);
                self.problems.error(
                    path,
                    Finding::new("domain-duplicate", message).suggest("put their pins under one key"),
                );
            }
            let Json::Object(options) = value else {
                self.wrong_type(&path, "an object of options", value);
                continue;
            };
            entries.extend(self.domain(&path, host, options));
        }
        entries
    }

    fn domain(&mut self, path: &Path<'_>, host: Option<Host>, options: &Members) -> Option<Entry> {
        let mut entry = Entry::new(host.as_ref().map(|host| host.name.clone()).unwrap_or_default());
        let mut seen = HashSet::new();
        let include =
            options.iter().any(|(name, value)| name == "includeSubdomains" && *value == Json::Bool(true));
        for (name, value) in options {
            let path = path.member(name);
            if self.is_to_skip(&path, name, &mut seen) {
                continue;
            }
            match (name.as_str(), value) {
                ("publicKeyHashes", Json::Null) => {
                    seen.remove("publicKeyHashes"); // as good as missing
                }
                ("publicKeyHashes", Json::Array(pins)) => self.pins(&path, pins, &mut entry),
                ("publicKeyHashes", other) => self.wrong_type(&path, "an array of base64 strings", other),
                ("includeSubdomains", Json::Bool(include)) => {
                    entry.include_subdomains = *include;
                    self.subdomains_of(&path, host.as_ref().filter(|_| *include));
                }
                ("includeSubdomains" | "reportOnly", other) if !matches!(other, Json::Bool(_)) => {
                    self.wrong_type(&path, "true or false", other);
                }
                ("reportOnly", Json::Bool(report_only)) => entry.report_only = *report_only,
                ("expirationDate", Json::Null) => {}
                ("expirationDate", Json::String(date)) => self.expiration(&path, date, &mut entry),
                ("expirationDate", other) => self.wrong_type(&path, "a string of the form yyyy-MM-dd", other),
                ("excludedSubdomains", Json::Array(names)) => {
                    self.excluded(&path, names, host.as_ref(), include, &mut entry);
                }
                ("excludedSubdomains", other) => self.wrong_type(&path, "an array of host names", other),
                _ => self.unknown(&path, name, &DOMAIN_OPTIONS),
            }
        }
        if !seen.contains("publicKeyHashes") {
            let finding =
                Finding::new("pins-missing", "`publicKeyHashes` is missing, so nothing would be pinned")
                    .suggest("add `publicKeyHashes` with the pins of this domain, or remove the domain");
            self.problems.error(path, finding);
        }
        host.map(|_| entry)
    }

    fn pins(&mut self, path: &Path<'_>, pins: &[Json], entry: &mut Entry) {
        if pins.is_empty() {
            let finding =
                Finding::new("pins-empty", "`publicKeyHashes` is empty, so nothing would be pinned")
                    .suggest("add the pins of this domain, or remove the domain");
            self.problems.error(path, finding);
            return;
        }
        let mut parsed = Vec::with_capacity(pins.len());
        for (index, pin) in pins.iter().enumerate() {
            if self.problems.is_full() {
                break;
            }
            let path = path.index(index);
            let Json::String(text) = pin else {
                let finding = Finding::new(
                    "pin-wrong-type",
                    format!("a pin is a base64 string, this is {}", pin.kind()),
                )
                .suggest("put the pin in quotes");
                self.problems.error(path, finding);
                continue;
            };
            match Pin::parse(text) {
                Ok(pin) => {
                    if pin.is_placeholder() {
                        let finding = Finding::new(
                            "placeholder-pin",
                            format!("the pin {pin} is a placeholder: no key has it"),
                        )
                        .suggest("replace it by a real pin before you ship");
                        self.problems.warning(path, finding);
                    }
                    parsed.push(pin);
                }
                Err(finding) => self.problems.error(path, finding),
            }
        }
        let all_valid = parsed.len() == pins.len();
        entry.set_pins(parsed);
        if all_valid && entry.pins().len() < 2 {
            let message = "there is only one pin: when the server's key changes, the app is locked out";
            let finding = Finding::new("no-backup-pin", message)
                .suggest("make a spare key now, keep it offline, and add its pin as a second one");
            match self.require_backup_pin {
                true => self.problems.error(path, finding),
                false => self.problems.warning(path, finding),
            }
        }
    }

    fn expiration(&mut self, path: &Path<'_>, date: &str, entry: &mut Entry) {
        let expires_at = match expiry::start_of_day(date) {
            Ok(instant) => instant,
            Err(finding) => return self.problems.error(path, finding),
        };
        entry.set_expiry(date, expires_at);
        let expired = self.now_ms >= expires_at;
        if expired {
            let finding = Finding::new(
                "pins-expired",
                format!("the pins expired on {date} and protect nothing any more"),
            );
            self.problems.warning(path, finding.suggest("update the pins and the date"));
        } else if self.now_ms >= expires_at - WARN_BEFORE_MS {
            let finding =
                Finding::new("pins-expiring", format!("the pins expire on {date}, in less than 30 days"));
            self.problems.warning(path, finding.suggest("ship an update with new pins before that day"));
        }
    }

    fn subdomains_of(&mut self, path: &Path<'_>, host: Option<&Host>) {
        let Some(host) = host else { return };
        if host.is_ip {
            let finding =
                Finding::new("subdomains-of-ip", format!("the IP address {} has no subdomains", host.name));
            self.problems.error(path, finding.suggest("remove `includeSubdomains`"));
        } else if is_public_suffix(&host.name) {
            let message = format!("`{}` is a public suffix: its subdomains belong to others", host.name);
            let finding = Finding::new("subdomains-of-public-suffix", message);
            self.problems
                .error(path, finding.suggest("name your own domain below it, or remove `includeSubdomains`"));
        }
    }

    fn excluded(
        &mut self,
        path: &Path<'_>,
        names: &[Json],
        host: Option<&Host>,
        include: bool,
        entry: &mut Entry,
    ) {
        if !include && !names.is_empty() {
            let finding = Finding::new(
                "excluded-without-include",
                "`excludedSubdomains` needs `includeSubdomains: true`",
            )
            .suggest("add `includeSubdomains: true`, or remove `excludedSubdomains`");
            self.problems.error(path, finding);
        }
        for (index, name) in names.iter().enumerate() {
            if self.problems.is_full() {
                break;
            }
            let path = path.index(index);
            let Json::String(text) = name else {
                self.wrong_type(&path, "a host name", name);
                continue;
            };
            let excluded = match host::normalize(text) {
                Ok(excluded) => excluded,
                Err(finding) => {
                    self.problems.error(path, finding);
                    continue;
                }
            };
            if let Some(host) = host
                && !suffixes(&excluded.name).skip(1).any(|parent| parent == host.name)
            {
                let message = format!("`{}` is not below `{}`", excluded.name, host.name);
                let finding = Finding::new("excluded-not-subdomain", message);
                self.problems.error(path, finding.suggest("name a subdomain of this domain"));
            } else if !entry.exclude(excluded.name) {
                let finding =
                    Finding::new("excluded-duplicate", format!("\"{}\" is listed twice", excerpt(text)));
                self.problems.error(path, finding.suggest("remove one of the two"));
            }
        }
    }

    /// Whether a member is not to be read: it was there before, which is reported, or reading makes no difference now.
    fn is_to_skip<'a>(&mut self, path: &Path<'_>, name: &'a str, seen: &mut HashSet<&'a str>) -> bool {
        if self.problems.is_full() {
            return true;
        }
        let duplicate = !seen.insert(name);
        if duplicate {
            let finding = Finding::new("duplicate-key", format!("\"{}\" stands here twice", excerpt(name)));
            self.problems.error(path, finding.suggest("remove one of the two"));
        }
        duplicate
    }

    fn wrong_type(&mut self, path: &Path<'_>, expected: &str, found: &Json) {
        let finding = Finding::new("wrong-type", format!("expected {expected}, found {}", found.kind()));
        self.problems.error(path, finding.suggest(format!("write {expected} here")));
    }

    fn unknown(&mut self, path: &Path<'_>, name: &str, known: &[&str]) {
        let finding = Finding::new("unknown-option", format!("there is no option \"{}\"", excerpt(name)));
        let finding = match did_you_mean(name, known) {
            Some(meant) => finding.suggest(format!("did you mean `{meant}`?")),
            None => finding.suggest(format!("known here: `{}`", known.join("`, `"))),
        };
        self.problems.error(path, finding);
    }
}

impl Json {
    fn requires_backup_pin(&self) -> bool {
        matches!(self, Self::Object(settings)
            if settings.iter().any(|(name, value)| name == "requireBackupPin" && *value == Self::Bool(true)))
    }
}

const DOMAIN_OPTIONS: [&str; 5] =
    ["publicKeyHashes", "includeSubdomains", "expirationDate", "reportOnly", "excludedSubdomains"];

#[cfg(test)]
#[cfg(not(miri))] // of documents too large for Miri
mod tests;
