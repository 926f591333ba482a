//! What belongs to no domain: where signed pins come from, where failures are reported to.

use super::{Members, Reader};
use crate::{
    json::{Json, Path},
    problem::{Finding, excerpt},
    verification_key::VerificationKey,
};
use std::{collections::HashSet, time::Duration};
use url::Url;

/// The settings of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Where reports of failures go, each to all of them: https URLs.
    pub report_uris: Vec<String>,
    /// Where signed pins come from, if from anywhere.
    pub updates: Option<UpdateSettings>,
}

/// Where signed pins come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    /// An https URL.
    pub url: String,
    /// Any of them may sign.
    pub public_keys: Vec<VerificationKey>,
    /// How long a pin manifest that was looked at counts as fresh.
    pub interval: Duration,
    /// Whom a manifest must be for: its `aud`.
    pub audience: Option<String>,
}

/// A day: a revoked key is out of use within it, and a day's traffic is one request.
const DEFAULT_INTERVAL_SECONDS: i64 = 24 * 60 * 60;
const INTERVAL_SECONDS: std::ops::RangeInclusive<i64> = 15 * 60..=30 * 24 * 60 * 60;
/// More keys, or places for reports, than anybody has use for.
const MAX_LISTED: usize = 8;
const MAX_URL: usize = 2048;

const SETTINGS: [&str; 3] = ["requireBackupPin", "reportUris", "updates"];
const UPDATES: [&str; 4] = ["url", "publicKeys", "interval", "audience"];

impl Reader {
    pub(super) fn settings(&mut self, path: &Path<'_>, settings: &Members) -> Settings {
        let mut read = Settings::default();
        let mut seen = HashSet::new();
        for (name, value) in settings {
            let path = path.member(name);
            if self.is_to_skip(&path, name, &mut seen) {
                continue;
            }
            match (name.as_str(), value) {
                ("requireBackupPin", Json::Bool(_)) => {}
                ("requireBackupPin", other) => self.wrong_type(&path, "true or false", other),
                ("reportUris" | "updates", Json::Null) => {}
                ("reportUris", Json::Array(uris)) => read.report_uris = self.report_uris(&path, uris),
                ("reportUris", other) => self.wrong_type(&path, "an array of https URLs", other),
                ("updates", Json::Object(updates)) => read.updates = self.updates(&path, updates),
                ("updates", other) => self.wrong_type(&path, "an object", other),
                _ => self.unknown(&path, name, &SETTINGS),
            }
        }
        read
    }

    fn report_uris(&mut self, path: &Path<'_>, uris: &[Json]) -> Vec<String> {
        self.list_is_short(path, uris);
        let mut read: Vec<String> = Vec::new();
        for (index, uri) in uris.iter().take(MAX_LISTED).enumerate() {
            let path = path.index(index);
            let Some(uri) = self.https_url(&path, uri) else { continue };
            if read.contains(&uri) {
                let finding =
                    Finding::new("duplicate-key", format!("\"{}\" stands here twice", excerpt(&uri)));
                self.problems.error(path, finding.suggest("remove one of the two"));
            } else {
                read.push(uri);
            }
        }
        read
    }

    fn updates(&mut self, path: &Path<'_>, updates: &Members) -> Option<UpdateSettings> {
        let (mut url, mut public_keys, mut interval, mut audience) =
            (None, Vec::new(), DEFAULT_INTERVAL_SECONDS, None);
        let mut seen = HashSet::new();
        for (name, value) in updates {
            let path = path.member(name);
            if self.is_to_skip(&path, name, &mut seen) {
                continue;
            }
            match (name.as_str(), value) {
                ("url", value) => url = self.https_url(&path, value),
                ("publicKeys", Json::Array(keys)) => public_keys = self.public_keys(&path, keys),
                ("publicKeys", other) => self.wrong_type(&path, "an array of keys (PEM or JWK)", other),
                ("interval" | "audience", Json::Null) => {}
                ("interval", value) => match value.as_integer() {
                    Some(seconds) if INTERVAL_SECONDS.contains(&seconds) => interval = seconds,
                    _ => {
                        let (least, most) = (INTERVAL_SECONDS.start(), INTERVAL_SECONDS.end());
                        let message = format!("`interval` is not a number of seconds from {least} to {most}");
                        let finding = Finding::new("interval-out-of-range", message);
                        self.problems.error(path, finding.suggest("leave it out for a day, 86400"));
                    }
                },
                ("audience", Json::String(text)) if !text.is_empty() => audience = Some(text.clone()),
                ("audience", other) => self.wrong_type(&path, "a string that is not empty", other),
                _ => self.unknown(&path, name, &UPDATES),
            }
        }
        for (name, why) in
            [("url", "so there is nowhere to get pins from"), ("publicKeys", "so nobody could sign pins")]
        {
            if !seen.contains(name) {
                let finding = Finding::new("setting-missing", format!("`{name}` is missing, {why}"));
                self.problems.error(path, finding.suggest(format!("add `{name}`, or remove `updates`")));
            }
        }
        let interval = Duration::from_secs(interval.unsigned_abs());
        Some(UpdateSettings { url: url?, public_keys, interval, audience })
    }

    /// Keys of the app's configuration, or the next keys in a manifest.
    pub(super) fn public_keys(&mut self, path: &Path<'_>, keys: &[Json]) -> Vec<VerificationKey> {
        self.list_is_short(path, keys);
        let mut read: Vec<VerificationKey> = Vec::new();
        for (index, key) in keys.iter().take(MAX_LISTED).enumerate() {
            let path = path.index(index);
            match VerificationKey::from_json(key) {
                Ok(key) if read.contains(&key) => {
                    let finding = Finding::new("duplicate-key", "this key stands here twice");
                    self.problems.error(path, finding.suggest("remove one of the two"));
                }
                Ok(key) => read.push(key),
                Err(finding) => self.problems.error(path, finding),
            }
        }
        if read.len() == 1 {
            let message = "there is one signing key: when it is lost or stolen, no installed app can be rescued any more";
            let finding = Finding::new("no-backup-signing-key", message)
                .suggest("make a second key with `keygen`, keep it offline, and add its public half");
            self.problems.warning(path, finding);
        }
        read
    }

    fn list_is_short(&mut self, path: &Path<'_>, list: &[Json]) {
        if list.is_empty() {
            let finding = Finding::new("list-empty", "this list is empty");
            self.problems.error(path, finding.suggest("fill it, or remove it"));
        } else if list.len() > MAX_LISTED {
            let message = format!("this list has {} members, the limit is {MAX_LISTED}", list.len());
            self.problems.error(path, Finding::new("list-too-long", message).suggest("shorten it"));
        }
    }

    fn https_url(&mut self, path: &Path<'_>, value: &Json) -> Option<String> {
        let Json::String(text) = value else {
            self.wrong_type(path, "an https URL", value);
            return None;
        };
        let url = Url::parse(text).ok().filter(|url| {
            url.scheme() == "https"
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
        });
        match url {
            Some(url) if text.len() <= MAX_URL => Some(url.into()),
            _ => {
                let message = format!("\"{}\" is not an https URL without user and fragment", excerpt(text));
                let finding = Finding::new("url-not-https", message);
                self.problems.error(path, finding.suggest("write `https://example.com/…`"));
                None
            }
        }
    }
}
