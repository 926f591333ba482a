//! The shared vectors of `tests/vectors`, read as its README.md says: what the core promises in every language.
#![allow(clippy::panic, reason = "that is how a test fails")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use spki_pinning_core::{Pin, check, host, problem::Finding, spki};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};
use time::{Date, Month, Time};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases<T> {
    #[serde(rename = "description")]
    _description: String,
    now: Option<String>,
    chain: Option<Vec<String>>,
    cases: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostCase {
    name: String,
    why: String,
    input: String,
    #[serde(deserialize_with = "nullable")]
    host: Option<String>,
    #[serde(deserialize_with = "nullable")]
    code: Option<String>,
    #[serde(deserialize_with = "nullable")]
    suggestion: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinCase {
    name: String,
    why: String,
    input: String,
    #[serde(deserialize_with = "nullable")]
    pin: Option<String>,
    #[serde(deserialize_with = "nullable")]
    code: Option<String>,
    #[serde(deserialize_with = "nullable")]
    suggestion: Option<String>,
    #[serde(deserialize_with = "nullable")]
    warning: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentCase {
    name: String,
    why: String,
    document: Value,
    now: Option<String>,
    problems: Option<Vec<ExpectedProblem>>,
    #[serde(default, deserialize_with = "present")]
    host: Option<Option<String>>,
    chain: Option<Vec<String>>,
    expected: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedProblem {
    path: String,
    code: String,
    severity: String,
    #[serde(deserialize_with = "nullable")]
    suggestion: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificates {
    #[serde(rename = "description")]
    _description: String,
    certificates: BTreeMap<String, Certificate>,
    broken: BTreeMap<String, Broken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    describes: String,
    pin: String,
    der: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Broken {
    describes: String,
    der: String,
}

/// A member that must be there and may be null.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// A member that may be null, told from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(DIRECTORY).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn read<T: DeserializeOwned>(file: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

static CERTIFICATES: LazyLock<Certificates> =
    LazyLock::new(|| read("certificates.json", &text("certificates.json")));

fn bytes(der: &str) -> Vec<u8> {
    STANDARD.decode(der).expect("certificates.json holds base64")
}

fn der(id: &str) -> Vec<u8> {
    let good = CERTIFICATES.certificates.get(id).map(|certificate| &certificate.der);
    let der = good.or_else(|| CERTIFICATES.broken.get(id).map(|broken| &broken.der));
    bytes(der.unwrap_or_else(|| panic!("there is no certificate {id}")))
}

/// `$id` before a quotation mark of either kind becomes the pin of that certificate.
fn with_pins(text: &str) -> String {
    let mut parts = text.split('$');
    let mut resolved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !matches!(c, 'a'..='z' | '0'..='9' | '-')).unwrap_or(part.len());
        match part.split_at(end) {
            (id, rest) if end > 0 && rest.starts_with(['"', '\'']) => {
                let certificate = CERTIFICATES.certificates.get(id);
                resolved += &certificate.unwrap_or_else(|| panic!("there is no certificate {id}")).pin;
                resolved += rest;
            }
            _ => resolved = resolved + "$" + part,
        }
    }
    resolved
}

/// Milliseconds since the Unix epoch of `yyyy-MM-ddTHH:mm:ss.SSSZ`.
fn instant(text: &str) -> i64 {
    assert!(text.len() == 24 && text.ends_with('Z'), "{text} is not an instant");
    let number = |from, to| text[from..to].parse::<u16>().expect("an instant is made of digits");
    let small = |from| number(from, from + 2).try_into().expect("two digits are at most 99");
    let month = Month::try_from(small(5)).expect("a month");
    let date = Date::from_calendar_date(number(0, 4).into(), month, small(8)).expect("a date");
    let time = Time::from_hms_milli(small(11), small(14), small(17), number(20, 23)).expect("a time");
    let nanoseconds = date.with_time(time).assume_utc().unix_timestamp_nanos();
    (nanoseconds / 1_000_000).try_into().expect("the year has four digits")
}

/// The cases of one file that went wrong, with what a person needs to mend one of the two sides.
struct Run<'a> {
    file: &'a str,
    names: BTreeSet<String>,
    failures: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(file: &'a str) -> Self {
        Self { file, names: BTreeSet::new(), failures: Vec::new() }
    }

    fn begin(&mut self, name: &str) {
        assert!(self.names.insert(name.to_owned()), "{}: two cases are named \"{name}\"", self.file);
    }

    fn compare(&mut self, name: &str, why: &str, expected: &Value, actual: &Value, holds: bool) {
        if !holds {
            let what = format!("  why:      {why}\n  expected: {expected}\n  actual:   {actual}\n");
            self.failures.push(format!("{}: {name}\n{what}", self.file));
        }
    }

    fn end(self, cases: usize) {
        assert!(cases > 0, "{} has no cases", self.file);
        assert_eq!(self.names.len(), cases, "{}: every case has run", self.file);
        println!("{}: {cases} cases", self.file);
        let failed = self.failures.len();
        assert!(failed == 0, "{failed} failures\n\n{}", self.failures.join("\n"));
    }
}

/// Whether the suggestion says what it must.
fn suggests(expected: Option<&str>, actual: Option<&str>) -> bool {
    expected.is_none_or(|expected| actual.is_some_and(|actual| actual.contains(expected)))
}

/// What became of one text: `{value, code, suggestion}`, as hosts.json and pins.json have it.
fn answer(result: Result<String, Finding>) -> Value {
    match result {
        Ok(value) => json!({"value": value, "code": null, "suggestion": null}),
        Err(finding) => json!({"value": null, "code": finding.code, "suggestion": finding.suggestion}),
    }
}

fn answers(expected: &Value, actual: &Value) -> bool {
    expected["value"] == actual["value"]
        && expected["code"] == actual["code"]
        && suggests(expected["suggestion"].as_str(), actual["suggestion"].as_str())
}

fn run_documents(file: &str) {
    let Cases { now: now_of_file, chain: chain_of_file, cases, .. } =
        read::<Cases<DocumentCase>>(file, &with_pins(&text(file)));
    let mut run = Run::new(file);
    for case in &cases {
        let DocumentCase { name, why, document, .. } = case;
        run.begin(name);
        let document = match document {
            Value::String(text) => text.replace('\'', "\""),
            value => value.to_string(),
        };
        let now = case.now.as_ref().or(now_of_file.as_ref()).expect("the case or its file has a time");
        let now = instant(now);
        if let Some(problems) = &case.problems {
            let report = check::check(&document, now);
            let actual = serde_json::to_value(&report.problems).expect("problems are JSON");
            let expected: Vec<_> = problems.iter().map(ExpectedProblem::to_json).collect();
            let ok = problems.iter().all(|problem| problem.severity != "error");
            let holds = problems.len() == report.problems.len()
                && report.ok == ok
                && problems.iter().zip(actual.as_array().into_iter().flatten()).all(|(p, a)| p.is(a));
            run.compare(name, why, &json!(expected), &actual, holds);
        }
        if let Some(expected) = &case.expected {
            let host = case.host.as_ref().expect("a case with a verdict has a host").as_deref();
            let chain = case.chain.as_ref().or(chain_of_file.as_ref());
            let chain: Vec<_> =
                chain.expect("the case or its file has a chain").iter().map(|id| der(id)).collect();
            let actual = match check::evaluate(&document, host, &chain, now) {
                Ok(verdict) => serde_json::to_value(verdict),
                Err(error) => serde_json::to_value(error),
            }
            .expect("verdicts are JSON");
            assert!(expected.contains_key("verdict"), "{file}: {name}: no verdict is expected");
            for member in expected.keys() {
                assert!(VERDICT.contains(&member.as_str()), "{file}: {name}: unknown member {member}");
            }
            let holds = expected.iter().all(|(member, value)| actual.get(member) == Some(value));
            run.compare(name, why, &json!(expected), &actual, holds);
        }
        let complete = case.problems.is_some() || case.expected.is_some();
        assert!(complete, "{file}: {name}: nothing is expected");
    }
    run.end(cases.len());
}

const VERDICT: [&str; 5] = ["verdict", "reason", "entry", "matchedPin", "servedPins"];

impl ExpectedProblem {
    fn to_json(&self) -> Value {
        let Self { path, code, severity, suggestion } = self;
        json!({"path": path, "code": code, "severity": severity, "suggestion": suggestion})
    }

    fn is(&self, actual: &Value) -> bool {
        actual["path"] == self.path
            && actual["code"] == self.code
            && actual["severity"] == self.severity
            && suggests(self.suggestion.as_deref(), actual["suggestion"].as_str())
    }
}

#[test]
fn every_file_is_run_by_one_of_these_tests() {
    let entries = fs::read_dir(DIRECTORY).expect("the directory of the vectors");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let found: BTreeSet<_> = names.filter(|name| name.ends_with(".json")).collect();
    let run = ["certificates", "expiry", "hosts", "matching", "options", "overlap", "pins", "verdicts"];
    assert_eq!(found, run.map(|name| format!("{name}.json")).into());
}

#[test]
fn certificates() {
    let mut run = Run::new("certificates.json");
    let Certificates { certificates, broken, .. } = &*CERTIFICATES;
    let pin = |der: &str| json!(spki::pin_of_certificate(&bytes(der)).ok());
    for (id, Certificate { describes, pin: expected, der }) in certificates {
        run.begin(id);
        run.compare(id, describes, &json!(expected), &pin(der), pin(der) == *expected);
    }
    for (id, Broken { describes, der }) in broken {
        run.begin(id);
        run.compare(id, describes, &Value::Null, &pin(der), pin(der).is_null());
    }
    run.end(certificates.len() + broken.len());
}

#[test]
fn hosts() {
    let cases = read::<Cases<HostCase>>("hosts.json", &text("hosts.json")).cases;
    let mut run = Run::new("hosts.json");
    for HostCase { name, why, input, host, code, suggestion } in &cases {
        run.begin(name);
        let expected = json!({"value": host, "code": code, "suggestion": suggestion});
        let actual = answer(host::normalize(input).map(|host| host.name));
        run.compare(name, why, &expected, &actual, answers(&expected, &actual));
    }
    run.end(cases.len());
}

#[test]
fn pins() {
    let cases = read::<Cases<PinCase>>("pins.json", &text("pins.json")).cases;
    let spare = &CERTIFICATES.certificates["leaf"].pin;
    let mut run = Run::new("pins.json");
    for PinCase { name, why, input, pin, code, suggestion, warning } in &cases {
        run.begin(name);
        let expected = json!({"value": pin, "code": code, "suggestion": suggestion});
        let actual = answer(Pin::parse(input).map(|pin| pin.to_string()));
        run.compare(name, why, &expected, &actual, answers(&expected, &actual));

        let document = json!({"example.com": {"publicKeyHashes": [input, spare]}}).to_string();
        let codes: Vec<_> = check::check(&document, 0).problems.iter().map(|problem| problem.code).collect();
        let expected: Vec<_> = code.iter().chain(warning).collect();
        run.compare(name, why, &json!(expected), &json!(codes), expected == codes);
    }
    run.end(cases.len());
}

#[test]
fn options() {
    run_documents("options.json");
}

#[test]
fn matching() {
    run_documents("matching.json");
}

#[test]
fn expiry() {
    run_documents("expiry.json");
}

#[test]
fn overlap() {
    run_documents("overlap.json");
}

#[test]
fn verdicts() {
    run_documents("verdicts.json");
}
