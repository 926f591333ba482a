//! How long a verdict may be remembered: until pins end; or until they are back, because a clock was set.

/// A stretch of time in which no pins end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steady {
    from: i64,
    until: i64,
}

/// All of time: where nothing ends.
impl Default for Steady {
    fn default() -> Self {
        Self { from: i64::MIN, until: i64::MAX }
    }
}

impl Steady {
    /// The one that a time is in, if something ends at each of `ends`.
    pub(crate) fn around(now_ms: i64, ends: impl Iterator<Item = i64>) -> Self {
        ends.fold(Self::default(), |steady, end| match end <= now_ms {
            true => Self { from: steady.from.max(end), ..steady },
            false => Self { until: steady.until.min(end), ..steady },
        })
    }

    pub(crate) fn contains(self, now_ms: i64) -> bool {
        self.from <= now_ms && (now_ms < self.until || self.until == i64::MAX)
    }
}
