//! Payloads as people read them. The raw bytes are always kept; a format is only a way of looking at them.
//!
//! Nothing here is lossy in silence: numbers are never parsed, so integers stay exact and `127.0` stays `127.0`; what
//! cannot be shown as it is (control characters, characters that reorder text) is replaced by something visible.

mod hex;
pub mod json;
mod text;

pub use hex::dump;
pub use text::{preview, readable, visible_line};

/// A way of looking at a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As UTF-8 text.
    Text,
    /// As JSON, indented.
    Json,
    /// As bytes, sixteen to a line.
    Hex,
}

impl Format {
    /// In the order in which they are offered.
    pub const ALL: [Format; 3] = [Format::Text, Format::Json, Format::Hex];

    /// What `payload` looks like.
    pub fn guess(payload: &[u8]) -> Format {
        let Ok(text) = std::str::from_utf8(payload) else { return Format::Hex };
        if text.trim_start().starts_with(['{', '[']) && json::spans(text).is_ok() {
            return Format::Json;
        }
        match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}')) {
            true => Format::Hex,
            false => Format::Text,
        }
    }
}

/// The number that `payload` is the text of, roughly: for drawing it, never for showing it.
///
/// The standard library's exact conversion would be a tenth of the page's size.
pub fn number(payload: &[u8]) -> Option<f64> {
    // Longer than any number that one would draw; also keeps a hostile megabyte from being read on each frame.
    if payload.len() > 32 {
        return None;
    }
    let text = std::str::from_utf8(payload).ok()?.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 10.0 + f64::from(digit.to_digit(10)?);
    }
    let scale = exponent.saturating_sub(i32::try_from(fraction.len()).ok()?);
    // Beyond what a float can be; the loop below must also end soon.
    if scale.abs() > 400 {
        return None;
    }
    for _ in 0..scale.abs() {
        value = if scale > 0 { value * 10.0 } else { value / 10.0 };
    }
    Some(sign * value).filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let cases: [(&[u8], Format); 9] = [
            (b"", Format::Text),
            (b"21.5", Format::Text),
            (b"line\r\nline\t2", Format::Text),
            ("r\u{e9}sum\u{e9}".as_bytes(), Format::Text),
            (b" {\"a\": 1}", Format::Json),
            (b"[1, 2]", Format::Json),
            (b"{not json}", Format::Text),
            (b"\xff\xfe", Format::Hex),
            (b"a\0b", Format::Hex),
        ];
        for (payload, expected) in cases {
            assert_eq!(Format::guess(payload), expected, "{payload:?}");
        }
    }

    #[test]
    fn numbers() {
        let cases: [(&[u8], Option<f64>); 14] = [
            (b"21.5", Some(21.5)),
            (b"+.5", Some(0.5)),
            (b"-1.25E-2", Some(-0.0125)),
            (b"1e999", None),
            (b"1e-999999999", None),
            (b"12abc", None),
            (b"e5", None),
            (b" -3\n", Some(-3.0)),
            (b"1e3", Some(1000.0)),
            (b"", None),
            (b"inf", None),
            (b"nan", None),
            (b"on", None),
            (b"1234567890123456789012345678901234", None),
        ];
        for (payload, expected) in cases {
            let number = number(payload);
            let near = matches!((number, expected), (Some(n), Some(m)) if (n - m).abs() < 1e-9);
            assert!(near || number == expected, "{payload:?} {number:?}");
        }
    }
}
