//! Numbers, sizes and times as people read them. Integer arithmetic only: no float formatting in the page.

/// `1203` as `1,203`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1203` as `1.2 k`: three significant figures at most, for figures that change while one reads them.
pub fn short(n: u64) -> String {
    scaled(n, &["", " k", " M", " G"])
}

/// A number of bytes: `21 B`, `1.2 kB`, `64 MB` (powers of 1000).
pub fn bytes(n: u64) -> String {
    scaled(n, &[" B", " kB", " MB", " GB"])
}

fn scaled(n: u64, units: &[&str]) -> String {
    let mut scale = 1u64;
    let mut unit = units.first().copied().unwrap_or_default();
    for next in units.iter().skip(1) {
        if n / scale < 1000 {
            break;
        }
        scale *= 1000;
        unit = next;
    }
    let (whole, tenth) = (n / scale, n % scale * 10 / scale);
    match scale > 1 && whole < 100 && tenth > 0 {
        true => format!("{whole}.{tenth}{unit}"),
        false => format!("{whole}{unit}"),
    }
}

/// Wall-clock time of day with milliseconds: `14:02:09.114`.
///
/// `unix_ms` is the time in milliseconds since 1970, `offset_min` the zone's distance from UTC in minutes (east is
/// positive).
pub fn clock_ms(unix_ms: u64, offset_min: i32) -> String {
    format!("{}.{:03}", clock(unix_ms, offset_min), unix_ms % 1000)
}

/// Wall-clock time of day: `14:02:09`.
pub fn clock(unix_ms: u64, offset_min: i32) -> String {
    let seconds = (unix_ms / 1000).saturating_add_signed(i64::from(offset_min) * 60) % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A length of time to the millisecond: `38 ms`, `1.204 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        _ => format!("{}.{:03} s", ms / 1000, ms % 1000),
    }
}

/// Seconds, without decimals that say nothing: `10`, `0.5`.
pub fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time in one unit: `3 s`, `5 min`, `2 h`, `4 d`.
pub fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    let (n, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{n} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (n, expected) in [(0, "0"), (999, "999"), (1203, "1,203"), (1_000_000, "1,000,000")] {
            assert_eq!(thousands(n), expected);
        }
        let cases =
            [(0, "0"), (999, "999"), (1000, "1 k"), (1203, "1.2 k"), (120_345, "120 k"), (2_000_000, "2 M")];
        for (n, expected) in cases {
            assert_eq!(short(n), expected);
        }
        for (n, expected) in
            [(21, "21 B"), (1500, "1.5 kB"), (64_000_000, "64 MB"), (u64::MAX, "18446744073 GB")]
        {
            assert_eq!(bytes(n), expected);
        }
    }

    #[test]
    fn times() {
        assert_eq!(clock_ms(1_700_000_000_114, 0), "22:13:20.114");
        assert_eq!(clock(1_700_000_000_114, 120), "00:13:20");
        assert_eq!(clock(1_700_000_000_114, -330), "16:43:20");
        for (ms, long, short) in
            [(38, "38 ms", "0.038"), (1204, "1.204 s", "1.204"), (10_000, "10.000 s", "10")]
        {
            assert_eq!((duration(ms).as_str(), seconds(ms).as_str()), (long, short));
        }
        for (ms, expected) in
            [(0, "0 s"), (59_999, "59 s"), (61_000, "1 min"), (7_200_000, "2 h"), (200_000_000, "2 d")]
        {
            assert_eq!(age(ms), expected);
        }
    }
}
