//! The claims of a manifest (RFC 7519 §4), read as an app reads them and as who signs them wants them read.

use super::{Refused, claim_problem, parsed};
use crate::{
    expiry::DAY_MS,
    json::{Json, MAX_SAFE_INTEGER},
    names::did_you_mean,
    options,
    pin_set::Layer,
    problem::{Finding, Problem, Severity, excerpt},
    verification_key::VerificationKey,
};
use std::{cmp::Ordering, collections::HashSet};

/// What a manifest says.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) version: u64,
    pub(super) issued_at: i64,
    pub(super) expires_at: i64,
    pub(super) not_before: Option<i64>,
    pub(super) domains: Layer,
    pub(super) public_keys: Option<Vec<VerificationKey>>,
    pub(super) min_app_version: Option<String>,
    pub(super) audience: Vec<String>,
}

const CLAIMS: [&str; 11] =
    ["iat", "exp", "nbf", "version", "domains", "minAppVersion", "publicKeys", "aud", "iss", "sub", "jti"];

impl Claims {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Refused> {
        let Some(Json::Object(members)) = parsed(payload) else {
            return Err(Refused::new("manifest-claims", "the payload of the manifest is not a JSON object"));
        };
        let (claims, problems) = read(&members, 0); // it says the same at all times
        claims.ok_or_else(|| {
            let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            let first = errors.next();
            let code = match first {
                Some(problem) if problem.path.starts_with("/domains") => "manifest-domains",
                _ => "manifest-claims",
            };
            let what = first.map(|problem| excerpt(&problem.to_string()).into_owned()).unwrap_or_default();
            Refused::new(code, format!("the claims of the manifest are not valid: {what}"))
        })
    }
}

/// What is wrong with the claims that somebody wants to sign. Stricter than an app, which has to put up with claims that
/// were not there when it was made.
pub fn check_claims(claims: &str, now_ms: i64) -> Vec<Problem> {
    let members = match Json::parse(claims) {
        Ok(Json::Object(members)) => members,
        Ok(other) => {
            let message = format!("the claims are {}, not an object", other.kind());
            return vec![Finding::new("not-an-object", message).at(Severity::Error, "")];
        }
        Err(error) => {
            let message = format!("the claims are not valid JSON: {error}");
            return vec![Finding::new("json-syntax", message).at(Severity::Error, "")];
        }
    };
    let (read, mut problems) = read(&members, now_ms);
    for (name, _) in members.iter().filter(|(name, _)| !CLAIMS.contains(&name.as_str())) {
        let finding = Finding::new("unknown-claim", format!("there is no claim \"{}\"", excerpt(name)));
        let finding = match did_you_mean(name, &CLAIMS) {
            Some(meant) => finding.suggest(format!("did you mean `{meant}`?")),
            None => finding.suggest("remove it: apps do not look at it"),
        };
        problems.push(finding.at(Severity::Error, format_args!("/{}", excerpt(name))));
    }
    if let Some(claims) = read {
        problems.extend(lifetime_problem(&claims, now_ms));
    }
    problems
}

fn lifetime_problem(claims: &Claims, now_ms: i64) -> Option<Problem> {
    let left = claims.expires_at.saturating_sub(now_ms);
    let (severity, code, message, suggestion) = if left <= 0 {
        (Severity::Error, "manifest-expired", "the manifest would be expired already", "give a later `exp`")
    } else if left < 3 * DAY_MS {
        let message = "the manifest ends in less than three days; devices that are offline then fall back to the app's own pins";
        (Severity::Warning, "manifest-short-lived", message, "give a later `exp`")
    } else if left > 90 * DAY_MS {
        let message = "the manifest holds for over 90 days: so long can somebody who stands between keep newer pins from apps";
        (Severity::Warning, "manifest-long-lived", message, "give an earlier `exp`, and sign anew before it")
    } else {
        return None;
    };
    Some(Finding::new(code, message).suggest(suggestion).at(severity, "/exp"))
}

/// None if there are errors.
fn read(members: &[(String, Json)], now_ms: i64) -> (Option<Claims>, Vec<Problem>) {
    let mut problems = Vec::new();
    if let Some(twice) = member_twice(members) {
        let finding = Finding::new("duplicate-key", format!("\"{}\" stands here twice", excerpt(twice)));
        problems.push(claim_problem(&excerpt(twice), finding.suggest("remove one of the two")));
    }
    let mut reader = ClaimReader { members, problems: &mut problems };
    let issued_at = reader.time("iat", true);
    let expires_at = reader.time("exp", true);
    let not_before = reader.time("nbf", false);
    let version = reader.version();
    let min_app_version = reader.app_version();
    let audience = reader.audience();
    if let (Some(from), Some(until)) = (issued_at, expires_at)
        && until <= from
    {
        let finding = Finding::new("wrong-claim", "`exp` is not later than `iat`");
        problems.push(claim_problem("exp", finding.suggest("give a later `exp`")));
    }
    let (domains, public_keys) = domains_and_keys(members, now_ms, &mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return (None, problems);
    }
    let claims = || {
        Some(Claims {
            version: version?,
            issued_at: issued_at?,
            expires_at: expires_at?,
            not_before,
            domains: domains?,
            public_keys,
            min_app_version,
            audience: audience.unwrap_or_default(),
        })
    };
    (claims(), problems)
}

fn domains_and_keys(
    members: &[(String, Json)],
    now_ms: i64,
    problems: &mut Vec<Problem>,
) -> (Option<Layer>, Option<Vec<VerificationKey>>) {
    let member = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    let keys = match member("publicKeys") {
        None => None,
        Some(Json::Array(keys)) => Some(keys.as_slice()),
        Some(other) => {
            problems.push(wrong("publicKeys", "an array of keys (PEM or JWK)", other));
            None
        }
    };
    let domains = match member("domains") {
        Some(Json::Object(domains)) if !domains.is_empty() => domains,
        Some(Json::Object(_)) => {
            let finding =
                Finding::new("pins-empty", "`domains` is empty, and a manifest cannot unpin a domain");
            problems.push(claim_problem("domains", finding.suggest("list the domains and their pins")));
            return (None, None);
        }
        Some(other) => {
            problems.push(wrong("domains", "an object of domains", other));
            return (None, None);
        }
        None => {
            problems.push(missing("domains"));
            return (None, None);
        }
    };
    let (entries, keys, found) = options::parse_manifest(domains, keys, now_ms);
    problems.extend(found);
    (Some(Layer::new(entries)), keys)
}

struct ClaimReader<'a> {
    members: &'a [(String, Json)],
    problems: &'a mut Vec<Problem>,
}

impl<'a> ClaimReader<'a> {
    fn member(&mut self, name: &str, required: bool) -> Option<&'a Json> {
        let found = self.members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
        if found.is_none() && required {
            self.problems.push(missing(name));
        }
        found
    }

    /// A NumericDate: seconds since the Unix epoch, here as milliseconds.
    fn time(&mut self, name: &str, required: bool) -> Option<i64> {
        match self.member(name, required)? {
            Json::Number(seconds) if (0.0..MAX_SAFE_INTEGER / 1000.0).contains(seconds) => {
                Some((seconds * 1000.0) as i64)
            }
            other => {
                self.problems.push(wrong(name, "a number of seconds since 1970", other));
                None
            }
        }
    }

    fn version(&mut self) -> Option<u64> {
        let version = self.member("version", true)?;
        let read = version.as_integer().and_then(|version| u64::try_from(version).ok());
        let read = read.filter(|version| *version > 0);
        if read.is_none() {
            self.problems.push(wrong("version", "an integer from 1 to 2^53 - 1", version));
        }
        read
    }

    fn app_version(&mut self) -> Option<String> {
        let version = self.member("minAppVersion", false)?;
        let read = version.as_str().filter(|text| is_version(text)).map(str::to_owned);
        if read.is_none() {
            self.problems.push(wrong("minAppVersion", "a version such as \"2.10.0\"", version));
        }
        read
    }

    fn audience(&mut self) -> Option<Vec<String>> {
        let audience = self.member("aud", false)?;
        let read = match audience {
            Json::String(one) => Some(vec![one.clone()]),
            Json::Array(all) => {
                let all: Option<Vec<_>> = all.iter().map(|one| one.as_str().map(str::to_owned)).collect();
                all.filter(|all| !all.is_empty())
            }
            _ => None,
        };
        if read.is_none() {
            self.problems.push(wrong("aud", "a string, or an array of strings that is not empty", audience));
        }
        read
    }
}

pub(super) fn member_twice(members: &[(String, Json)]) -> Option<&str> {
    let mut seen = HashSet::new();
    members.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

fn wrong(name: &str, expected: &str, found: &Json) -> Problem {
    let finding = Finding::new("wrong-claim", format!("`{name}` is not {expected}, but {}", found.kind()));
    claim_problem(name, finding.suggest(format!("write {expected}")))
}

fn missing(name: &str) -> Problem {
    claim_problem(
        name,
        Finding::new("claim-missing", format!("`{name}` is missing")).suggest(format!("add `{name}`")),
    )
}

/// Numbers with dots between them.
fn is_version(text: &str) -> bool {
    text.len() <= 64
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// By their numbers; what follows them (`-beta`, ` (12)`) does not count, and a number that is missing is 0.
pub(super) fn compare_versions(left: &str, right: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        text[..end].split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    let (mut left, mut right) = (numbers(left), numbers(right));
    let length = left.len().max(right.len());
    left.resize(length, 0);
    right.resize(length, 0);
    left.cmp(&right)
}

#[cfg(test)]
mod tests {
    use super::compare_versions;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (left, right) in [("2.10.0", "2.9"), ("1", "0.9.9"), ("1.0.1-beta", "1.0"), ("10 (3)", "9.9")] {
            assert!(compare_versions(left, right).is_gt(), "{left} > {right}");
            assert!(compare_versions(right, left).is_lt(), "{right} < {left}");
        }
        assert!(compare_versions("1.0", "1.0.0").is_eq() && compare_versions("", "0").is_eq());
        assert!(compare_versions("beta", "0.1").is_lt());
    }
}
