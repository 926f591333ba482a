//! `expirationDate`: strict `yyyy-MM-dd`, Gregorian whatever the device's calendar.

use crate::problem::{Finding, excerpt};
use time::{Date, Month, OffsetDateTime};

/// A day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;
/// How long before the end of a pin set its owner is warned, in milliseconds.
pub const WARN_BEFORE_MS: i64 = 30 * DAY_MS;

/// The instant, in milliseconds since the Unix epoch, at which `date` begins in UTC: from then on its pins are off.
///
/// # Errors
/// When the text is not of the form `yyyy-MM-dd` or names no day of the calendar.
pub fn start_of_day(date: &str) -> Result<i64, Finding> {
    let Some((year, month, day)) = split(date) else {
        let finding = Finding::new(
            "date-format",
            format!("\"{}\" is not a date of the form yyyy-MM-dd", excerpt(date)),
        );
        return Err(match reformat(date) {
            Some(better) => finding.suggest(format!("use `{better}`")),
            None => finding.suggest("write the year, month and day as in `2027-01-31`"),
        });
    };
    let date_in_calendar =
        Month::try_from(month).ok().and_then(|m| Date::from_calendar_date(year, m, day).ok());
    match date_in_calendar {
        Some(date) => Ok(i64::from(date.to_julian_day() - UNIX_EPOCH_JULIAN_DAY) * DAY_MS),
        None => Err(Finding::new("date-not-real", format!("there is no day {date} in the calendar"))
            .suggest("use a day that exists, such as the last of that month")),
    }
}

/// An instant in milliseconds since the Unix epoch as RFC 3339 writes it; the epoch, if it is of no year with four digits.
pub fn date_time(instant_ms: i64) -> String {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(instant_ms) * 1_000_000)
        .ok()
        .filter(|instant| (0..=9999).contains(&instant.year()))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (instant.date(), instant.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

fn split(date: &str) -> Option<(i32, u8, u8)> {
    let bytes = date.as_bytes();
    let digits_and_dashes = bytes.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if bytes.len() != 10 || !digits_and_dashes {
        return None;
    }
    Some((date[..4].parse().ok()?, date[5..7].parse().ok()?, date[8..].parse().ok()?))
}

/// The same date as it should be written, where there is no doubt: `2027-1-5`, `2027/01/05`, `2027-01-05T00:00:00Z`.
fn reformat(date: &str) -> Option<String> {
    let mut parts = date.trim().split(['T', ' ']).next()?.split(['-', '/', '.']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let widths_fit = year.len() == 4 && (1..=2).contains(&month.len()) && (1..=2).contains(&day.len());
    if parts.next().is_some() || !widths_fit {
        return None;
    }
    let better = format!("{year}-{month:0>2}-{day:0>2}");
    (better != date && start_of_day(&better).is_ok()).then_some(better)
}

#[cfg(test)]
mod tests {
    use super::start_of_day;

    #[test]
    fn a_date_is_its_first_millisecond_in_utc() {
        assert_eq!(start_of_day("1970-01-01"), Ok(0));
        assert_eq!(start_of_day("2026-01-01"), Ok(1_767_225_600_000));
        assert_eq!(start_of_day("2024-02-29"), Ok(1_709_164_800_000));
        assert_eq!(start_of_day("9999-12-31"), Ok(253_402_214_400_000));
    }

    #[test]
    fn lenient_readings_of_the_peers_are_refused() {
        for date in ["2024-13-45", "2024-02-30", "2023-02-29", "2024-00-10"] {
            assert_eq!(start_of_day(date).unwrap_err().code, "date-not-real", "{date}");
        }
        for date in [
            "",
            "24-01-01",
            "2024-01-01junk",
            "01/01/2024",
            " 2024-01-01",
            "2024-1-1",
            "٢٠٢٤-٠١-٠١",
            "+024-01-01",
        ] {
            assert_eq!(start_of_day(date).unwrap_err().code, "date-format", "{date}");
        }
    }

    #[test]
    fn a_date_that_is_only_written_differently_is_suggested() {
        for date in ["2027-1-5", "2027/01/05", "2027-01-05T00:00:00Z", "2027.1.05"] {
            assert_eq!(
                start_of_day(date).unwrap_err().suggestion.as_deref(),
                Some("use `2027-01-05`"),
                "{date}"
            );
        }
    }
}
