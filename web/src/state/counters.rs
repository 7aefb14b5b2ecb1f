//! How much has come, and how much of it can be seen.

/// How much has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Messages since the page was loaded; each is counted, shown or not.
    pub received: u64,
    /// Messages in the last second.
    pub rate: u64,
    /// How often the page was painted in the last second.
    pub paints: u64,
    pub(super) painted: u64,
    pub(super) last_received: u64,
    pub(super) last_ms: u64,
}

impl Counters {
    /// Of so many messages, one is painted, where `rows` are in sight; 1: each.
    pub fn one_in(&self, rows: usize) -> u64 {
        self.rate.div_ceil(self.paints.saturating_mul(rows as u64).max(1)).max(1)
    }

    /// Once a second has passed: counts what came in it. Returns how many milliseconds it was long, and whether it was the
    /// first one.
    pub(super) fn second_over(&mut self, now_ms: u64) -> Option<(u64, bool)> {
        // A clock that was set back says nothing of how long it was.
        let elapsed_ms = now_ms.checked_sub(self.last_ms).unwrap_or(1000);
        if elapsed_ms < 900 {
            return None;
        }
        let is_first = self.last_ms == 0;
        let since = self.received - self.last_received;
        self.rate = since.saturating_mul(1000) / elapsed_ms;
        self.paints = std::mem::take(&mut self.painted).saturating_mul(1000) / elapsed_ms;
        (self.last_received, self.last_ms) = (self.received, now_ms);
        Some((elapsed_ms, is_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stops_no_rate() {
        let mut counters = Counters::default();
        assert_eq!(counters.second_over(10_000_000), Some((10_000_000, true)));
        counters.received = 5;
        assert_eq!(counters.second_over(10_000_100), None);
        assert_eq!(counters.second_over(6_400_000), Some((1000, false)));
        assert_eq!(counters.rate, 5);
        assert_eq!(counters.second_over(6_401_000), Some((1000, false)));
        assert_eq!(counters.rate, 0);
    }
}
