//! Text from strangers, made fit to look at.

use super::hex::digit;

/// One line that stands for the payload in a list: at most `max_chars` characters, `…` where it was cut.
pub fn preview(payload: &[u8], max_chars: usize) -> String {
    // Four bytes are the most that a character takes: no more is looked at, however large the payload.
    let head = payload.get(..max_chars * 4).unwrap_or(payload);
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character that was cut in two is not a reason to call the payload binary.
        Err(e) if e.error_len().is_none() && head.len() < payload.len() => {
            head.get(..e.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return hex_preview(payload, max_chars),
    };
    let mut out = String::with_capacity(head.len().min(max_chars * 2));
    for (i, c) in text.chars().enumerate() {
        if i == max_chars {
            out.push('…');
            return out;
        }
        out.push(visible(c));
    }
    if head.len() < payload.len() {
        out.push('…');
    }
    out
}

/// `text` on one line, with what cannot be seen made visible: for topics.
pub fn visible_line(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// `text` with its line ends and tabs, everything else that cannot be seen made visible.
pub fn readable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) })
        .collect()
}

/// Control characters become their pictures (U+2400), characters that reorder or hide their neighbours a box:
/// a topic must not be able to look like another.
fn visible(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{25af}',
        c => c,
    }
}

fn hex_preview(payload: &[u8], max_chars: usize) -> String {
    let shown = payload.get(..max_chars / 3).unwrap_or(payload);
    let mut out = String::with_capacity(shown.len() * 3);
    for byte in shown {
        out.extend([digit(byte >> 4), digit(*byte), ' ']);
    }
    match shown.len() < payload.len() {
        true => out.push('…'),
        false => {
            out.pop();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews() {
        let cases: [(&[u8], usize, &str); 7] = [
            (b"21.5", 10, "21.5"),
            (b"", 10, ""),
            (b"a\nb\tc\0", 10, "a\u{240a}b\u{2409}c\u{2400}"),
            (b"abcdef", 3, "abc…"),
            ("日本語日本語".as_bytes(), 3, "日本語…"),
            (b"\xff\x00\x10", 9, "ff 00 10"),
            (b"\xff\x00\x10\x20", 9, "ff 00 10 …"),
        ];
        for (payload, max, expected) in cases {
            assert_eq!(preview(payload, max), expected, "{payload:?}");
        }
        // cut inside a character by the byte limit, and not called binary for it
        let long = "a日".repeat(50);
        assert_eq!(preview(long.as_bytes(), 100), long, "exactly the limit");
        assert!(preview("é".repeat(500).as_bytes(), 5).starts_with("ééééé…"));
    }

    #[test]
    fn nothing_hides() {
        assert_eq!(visible_line("safe\u{202e}fdp"), "safe\u{25af}fdp");
        assert_eq!(readable("a\r\nb\tc\u{7}\u{200b}"), "a\nb\tc\u{2407}\u{25af}");
    }
}
