//! Time as an argument.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the caller's monotonic clock, in whole milliseconds since a moment that the caller chose.
///
/// `std::time::Instant` does not exist in a browser, and a state machine that reads a clock cannot be tested
/// without sleeping; so time is handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The caller's moment zero.
    pub const ZERO: Time = Time(0);

    /// A point `ms` milliseconds after moment zero.
    pub const fn from_millis(ms: u64) -> Self {
        Time(ms)
    }

    /// Milliseconds since moment zero.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long before `self` the point `earlier` was; zero if it was not.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a deadline too far away to express is never reached.
    fn add(self, rhs: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, rhs: Time) -> Duration {
        self.since(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let (early, late) = (Time::from_millis(1_000), Time::from_millis(3_500));
        assert_eq!(late - early, Duration::from_millis(2_500));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(early + Duration::from_millis(2_500), late);
        assert_eq!(early + Duration::from_micros(999), early, "whole milliseconds");
        assert_eq!(late + Duration::MAX, Time::from_millis(u64::MAX));
        assert_eq!(Time::ZERO.as_millis(), 0);
    }
}
