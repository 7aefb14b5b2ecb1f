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
}
