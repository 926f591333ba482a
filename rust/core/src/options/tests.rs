//! Hostile documents: bounded time, bounded size, no panic. What is right or wrong in one is in `tests/vectors`.

use super::parse;

#[test]
fn hostile_documents_are_refused_in_bounded_size() {
    let many = format!("{{{}}}", (0..200_000).map(|n| format!("\"/{n}\":1")).collect::<Vec<_>>().join(","));
    let problems = parse(&many, 0).unwrap_err().problems;
    assert_eq!(problems.len(), 1001);
    assert_eq!(problems.last().unwrap().code, "too-many-problems");

    let deep = "[".repeat(1_000_000);
    assert_eq!(parse(&deep, 0).unwrap_err().problems[0].code, "json-syntax");

    let huge = " ".repeat(10_000_000);
    assert_eq!(parse(&huge, 0).unwrap_err().problems[0].code, "document-too-large");

    let long_key = format!("{{\"{}\": {{}}}}", "a".repeat(5_000_000));
    let text = parse(&long_key, 0).unwrap_err().to_string();
    assert!(text.len() < 2000, "{} bytes", text.len());
}

#[test]
fn hostile_documents_take_bounded_time() {
    let list = |count, item: fn(u32) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let pins = r#""publicKeyHashes":["r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E="]"#;
    let options = format!(r#"{{"a.test":{{{}}}}}"#, list(600_000, |n| format!("\"o{n}\":1")));
    let keys = format!("{{{}}}", list(600_000, |n| format!("\"{n}ü/\":1")));
    let hashes =
        format!(r#"{{"a.test":{{"publicKeyHashes":[{}]}}}}"#, list(600_000, |n| format!("\"pin{n}-_\"")));
    let excluded = format!(
        r#"{{"a.test":{{{pins},"includeSubdomains":true,"excludedSubdomains":[{}]}}}}"#,
        list(500_000, |n| format!("\"{n}.a.test\""))
    );
    let labels = format!(
        r#"{{"a.test":{{{pins},"includeSubdomains":true,"excludedSubdomains":[{}]}}}}"#,
        list(30_000, |n| format!("\"{n}{}a.test\"", ".x".repeat(120)))
    );
    for (what, document) in
        [("options", options), ("keys", keys), ("hashes", hashes), ("excluded", excluded), ("labels", labels)]
    {
        let start = std::time::Instant::now();
        let _ = parse(&document, 0);
        // A second or two; what grows with the square would take an hour.
        let elapsed = start.elapsed();
        assert!(elapsed.as_secs() < 120, "{what}: {elapsed:?} for {} bytes", document.len());
    }
}

#[test]
fn an_error_is_named_however_many_warnings_stand_before_it() {
    let domain = |n: u32| {
        format!(r#""{n}.test":{{"publicKeyHashes":["r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E="]}}"#)
    };
    let domains: Vec<_> = (0..1500).map(domain).collect();
    let document = format!(r#"{{{},"last.test":{{}}}}"#, domains.join(","));
    let problems = parse(&document, 0).unwrap_err().problems;
    assert!(problems.iter().any(|problem| problem.code == "pins-missing"));
    assert!(problems.len() < 1100);
}

#[test]
fn any_text_is_answered_without_panic() {
    use proptest::prelude::*;
    proptest!(|(text in "[\\[\\]{}\",:a-zA-Z0-9. \\\\]{0,120}")| {
        let _ = parse(&text, 0);
    });
}
