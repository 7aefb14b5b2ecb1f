//! Moments in words, in UTC.

/// `2026-11-26T17:05:09.123Z`, from milliseconds since 1970; `None` far from our days.
pub(crate) fn iso(unix_ms: i128) -> Option<String> {
    const YEAR_9999_MS: i128 = 253_402_300_799_999;
    if !(0..=YEAR_9999_MS).contains(&unix_ms) {
        return None;
    }
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"))
}

/// Year, month and day in the Gregorian calendar, from days since 1970. Years begin in March here, so that a leap day is
/// a year's last.
fn date(days: i128) -> (i128, i128, i128) {
    let days = days + 719_468; // since 1 March of the year 0
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // 0: March
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_764_176_709_123, "2025-11-26T17:05:09.123Z"),
        ] {
            assert_eq!(iso(ms).as_deref(), Some(expected));
        }
        assert_eq!((iso(-1), iso(i128::MAX)), (None, None));
    }
}
