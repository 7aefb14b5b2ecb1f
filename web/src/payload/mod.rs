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

/// The number that `payload` is the text of, for drawing it. Never for showing it: a float is not exact.
pub fn number(payload: &[u8]) -> Option<f64> {
    // Longer than any number that one would draw; also keeps a hostile megabyte from being parsed on each frame.
    if payload.len() > 32 {
        return None;
    }
    let text = std::str::from_utf8(payload).ok()?.trim();
    let looks_numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    text.parse::<f64>().ok().filter(|n| looks_numeric && n.is_finite())
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
        let cases: [(&[u8], Option<f64>); 8] = [
            (b"21.5", Some(21.5)),
            (b" -3\n", Some(-3.0)),
            (b"1e3", Some(1000.0)),
            (b"", None),
            (b"inf", None),
            (b"nan", None),
            (b"on", None),
            (b"1234567890123456789012345678901234", None),
        ];
        for (payload, expected) in cases {
            assert_eq!(number(payload), expected, "{payload:?}");
        }
    }
}
