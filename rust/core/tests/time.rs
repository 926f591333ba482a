//! Dates and clocks: `expirationDate` and the validity of manifests against the crate `time` and against arithmetic that
//! cannot overflow, from the year 0 to the end of i64.
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use proptest::prelude::*;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};
use spki_pinning_core::{
    Engine, Reason,
    expiry::{DAY_MS, date_time, start_of_day},
    manifest::{CLOCK_TOLERANCE_MS, Manifest, Recipient, SignatureVerifier, check_claims},
    verification_key::VerificationKey,
};
use time::{Date, Month};

const PIN: &str = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";
const BACKUP: &str = "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";

/// The days after which a second was inserted (IERS Bulletin C), which clocks of computers do not count.
const LEAP_SECONDS: [&str; 27] = [
    "1972-06-30",
    "1972-12-31",
    "1973-12-31",
    "1974-12-31",
    "1975-12-31",
    "1976-12-31",
    "1977-12-31",
    "1978-12-31",
    "1979-12-31",
    "1981-06-30",
    "1982-06-30",
    "1983-06-30",
    "1985-06-30",
    "1987-12-31",
    "1989-12-31",
    "1990-12-31",
    "1992-06-30",
    "1993-06-30",
    "1994-06-30",
    "1995-12-31",
    "1997-06-30",
    "1998-12-31",
    "2005-12-31",
    "2008-12-31",
    "2012-06-30",
    "2015-06-30",
    "2016-12-31",
];

/// Clocks that a device may have, the worst among them.
fn clocks() -> impl Strategy<Value = i64> {
    let year_10000 = 253_402_300_800_000;
    prop_oneof![
        prop::sample::select(vec![
            i64::MIN,
            i64::MIN + 1,
            -1,
            0,
            1,
            year_10000 - 1,
            year_10000,
            i64::MAX - 1,
            i64::MAX
        ]),
        -62_200_000_000_000..year_10000 + DAY_MS,
        any::<i64>(),
    ]
}

fn text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

fn unix_ms(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp() * 1000
}

#[test]
fn every_day_of_ten_thousand_years_begins_when_the_crate_time_says_and_the_next_a_day_later() {
    let mut date = Date::from_calendar_date(0, Month::January, 1).unwrap();
    let mut before = unix_ms(date) - DAY_MS;
    let mut days = 0;
    while date.year() <= 9999 {
        let begin = start_of_day(&text(date)).unwrap();
        assert_eq!((begin, begin), (unix_ms(date), before + DAY_MS), "{date}");
        (before, days) = (begin, days + 1);
        let Some(next) = date.next_day() else { break };
        date = next;
    }
    assert_eq!((days, date), (3_652_425, Date::MAX), "all of them, 400 years being 146,097 days");
}

#[test]
fn a_leap_second_belongs_to_no_day_and_cannot_be_written() {
    for date in LEAP_SECONDS {
        let (year, month, day) = (&date[..4], &date[5..7], &date[8..]);
        let month = Month::try_from(month.parse::<u8>().unwrap()).unwrap();
        let next =
            Date::from_calendar_date(year.parse().unwrap(), month, day.parse().unwrap()).unwrap().next_day();
        assert_eq!(
            start_of_day(&text(next.unwrap())).unwrap() - start_of_day(date).unwrap(),
            DAY_MS,
            "{date}"
        );
        for written in [format!("{date}T23:59:60Z"), format!("{date} 23:59:60"), date.replace("-3", "-6")] {
            assert!(start_of_day(&written).is_err(), "{written}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_no_day_of_the_calendar_is_refused(year in 0..=9999_i32, month in 0..=99_u8, day in 0..=99_u8) {
        let date = format!("{year:04}-{month:02}-{day:02}");
        let real = Month::try_from(month).ok().and_then(|month| Date::from_calendar_date(year, month, day).ok());
        prop_assert_eq!(start_of_day(&date).ok(), real.map(unix_ms), "{}", date);
    }

    #[test]
    fn an_instant_is_written_as_it_is_or_as_the_epoch(clock in clocks()) {
        let written = date_time(clock);
        let number = |from: usize, to: usize| written[from..to].parse::<i32>().unwrap();
        let part = |from: usize, to: usize| u8::try_from(number(from, to)).unwrap();
        let date = Date::from_calendar_date(number(0, 4), Month::try_from(part(5, 7)).unwrap(), part(8, 10)).unwrap();
        let milliseconds = u16::try_from(number(20, 23)).unwrap();
        let instant = date.with_hms_milli(part(11, 13), part(14, 16), part(17, 19), milliseconds).unwrap().assume_utc();
        let four_digits = (-62_167_219_200_000..253_402_300_800_000).contains(&clock);
        let expected = if four_digits { i128::from(clock) * 1_000_000 } else { 0 };
        prop_assert_eq!(instant.unix_timestamp_nanos(), expected, "{}", written);
        prop_assert_eq!(written.len(), 24);
    }

    /// Also a device whose clock is far off: pinned before the day, off from its first millisecond, and never a panic.
    #[test]
    fn pins_count_until_their_day_by_any_clock(julian in 1_721_060..=5_373_484_i32, clock in clocks(), near in -3..=3_i64) {
        let date = Date::from_julian_day(julian).unwrap();
        let end = unix_ms(date);
        let document = json!({"a.test": {"publicKeyHashes": [PIN, BACKUP], "expirationDate": text(date)}}).to_string();
        for now in [clock, end + near] {
            let engine = Engine::new();
            engine.initialize(&document, now).unwrap();
            let no_chain: [&[u8]; 0] = [];
            let verdict = engine.check(Some("a.test"), &no_chain, "fetch", now);
            let expected = if now >= end { Reason::PinExpired } else { Reason::EmptyChain };
            prop_assert_eq!(verdict.reason, expected, "{} at {}", date, now);
            let status = serde_json::to_value(engine.status(now)).unwrap();
            let left = i128::from(end) - i128::from(now);
            let state = match left {
                ..=0 => "expired",
                1..=2_592_000_000 => "expiring",
                _ => "enforced",
            };
            prop_assert_eq!(&status["domains"][0]["state"], &json!(state), "{} at {}", date, now);
            prop_assert_eq!(&status["active"], &json!(left > 0));
            let warned = engine.status(now).warnings.iter().any(|w| matches!(w.code, "pins-expired" | "pins-expiring"));
            prop_assert_eq!(warned, state != "enforced");
        }
    }

    #[test]
    fn a_manifest_is_admitted_from_its_issue_to_its_end_by_any_clock(
        issued in seconds(),
        life in prop_oneof![1..4_000_000_i64, 1..8_000_000_000_000_i64],
        not_before in prop::option::of(seconds()),
        clock in clocks(),
        near in -700_000..700_000_i64,
    ) {
        let ends = issued + life;
        let mut claims = json!({
            "iat": issued, "exp": ends, "version": 1, "domains": {"a.test": {"publicKeyHashes": [PIN, BACKUP]}},
        });
        if let Some(not_before) = not_before {
            claims["nbf"] = Value::from(not_before);
        }
        let manifest = signed(&claims);
        let begin = issued.max(not_before.unwrap_or(0));
        let around = [begin, ends].map(|seconds| seconds * 1000 + near);
        for now in around.into_iter().chain([clock, begin * 1000 - CLOCK_TOLERANCE_MS, ends * 1000]) {
            let admitted = manifest.admit(&Recipient { now_ms: now, ..Recipient::default() });
            // As integers of 128 bits, of which no sum overflows.
            let (now_wide, begin, ends) = (i128::from(now), i128::from(begin) * 1000, i128::from(ends) * 1000);
            let expected = if begin > now_wide + i128::from(CLOCK_TOLERANCE_MS) {
                Some("manifest-from-future")
            } else if now_wide >= ends {
                Some("manifest-expired")
            } else {
                None
            };
            prop_assert_eq!(admitted.err().map(|refused| refused.code), expected, "{} at {}", claims, now);
            // The end is looked at in each check too.
            prop_assert_eq!(manifest.is_expired(now), now_wide >= ends);
            prop_assert!(!manifest.is_expiring(now) || ends - now_wide <= 3 * i128::from(DAY_MS));
            let _ = check_claims(&claims.to_string(), now);
        }
    }
}

/// Seconds that a manifest can say: now, the year 9999, and all the rest.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![
        1_700_000_000..1_900_000_000_i64,
        253_402_290_000..253_402_310_000_i64,
        0..1_000_i64,
        0..900_000_000_000_i64,
    ]
}

struct Ring;

impl SignatureVerifier for Ring {
    fn is_valid(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok()
    }
}

fn signed(claims: &Value) -> Manifest {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key())});
    let header = BASE64.encode(r#"{"alg":"EdDSA","typ":"pins+jwt"}"#);
    let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
    let token = format!("{message}.{}", BASE64.encode(pair.sign(message.as_bytes())));
    Manifest::verify(&token, &[VerificationKey::parse(&jwk.to_string()).unwrap()], &Ring).unwrap()
}

#[test]
fn what_was_judged_before_pins_ended_or_were_back_is_to_be_judged_again() {
    let engine = Engine::new();
    let at = |date: &str| start_of_day(date).unwrap();
    assert_eq!(
        engine.generation_at(at("2030-01-01")),
        engine.generation_at(at("2040-01-01")),
        "nothing ends"
    );
    let document = json!({
        "a.test": {"publicKeyHashes": [PIN, BACKUP], "includeSubdomains": true},
        "a.a.test": {"publicKeyHashes": [PIN, BACKUP], "expirationDate": "2030-01-01"},
        "b.test": {"publicKeyHashes": [PIN, BACKUP], "expirationDate": "2031-01-01"},
    });
    engine.initialize(&document.to_string(), at("2029-01-01")).unwrap();
    let mut last = engine.generation_at(at("2029-01-01"));
    let mut is_new = |now: i64| {
        let before = std::mem::replace(&mut last, engine.generation_at(now));
        before != last
    };
    assert!(!is_new(at("2029-12-31")) && !is_new(at("2030-01-01") - 1));
    assert!(is_new(at("2030-01-01")), "a.a.test is its parent's now");
    assert!(!is_new(at("2030-12-31")));
    assert!(is_new(at("2031-01-01")) && !is_new(i64::MAX));
    assert!(is_new(at("2030-06-01")), "the clock was set back");
    assert!(is_new(i64::MIN));
    // A clock that is somewhere else for one judgement alone leaves it good for nothing afterwards.
    engine.outcome(Some("a.a.test"), &[[0; 0]; 0], at("2030-06-01"));
    assert!(is_new(i64::MIN));
}
