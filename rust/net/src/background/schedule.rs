//! When something is tried again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// After so many failures in a row: a minute, doubled with each, at most `longest`; from half of it to one and a half, so
/// that the apps that an outage has brought into step do not come back in step.
pub(super) fn back_off(failures: u32, longest: i64) -> i64 {
    let doubled = MINUTE_MS.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let base = doubled.min(longest);
    base / 2 + random_below(base)
}

/// An interval, and up to a tenth of it more.
pub(super) fn spread(interval: i64) -> i64 {
    interval + random_below(interval / 10 + 1)
}

/// Not for secrets.
fn random_below(limit: i64) -> i64 {
    let random = RandomState::new().build_hasher().finish() >> 1;
    i64::try_from(random).unwrap_or_default() % limit.max(1)
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, HOUR_MS, MINUTE_MS, back_off, spread};

    #[test]
    fn waits_grow_up_to_a_limit_and_are_not_all_the_same() {
        for (failures, base) in [(1, MINUTE_MS), (2, 2 * MINUTE_MS), (4, 8 * MINUTE_MS), (99, HOUR_MS)] {
            let waits: Vec<_> = (0..100).map(|_| back_off(failures, HOUR_MS)).collect();
            assert!(
                waits.iter().all(|wait| (base / 2..base * 3 / 2).contains(wait)),
                "{failures}: {waits:?}"
            );
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
        assert!((0..100).all(|_| (DAY_MS..=DAY_MS + DAY_MS / 10).contains(&spread(DAY_MS))));
    }
}
