//! The hex dump.

/// How many bytes a line has: what fits beside the message list, and on a telephone.
const LINE: usize = 8;

/// `bytes` as a dump, eight to a line: offset, bytes, ASCII. Lines end with `\n` except the last.
pub fn dump(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 5);
    for (line, chunk) in bytes.chunks(LINE).enumerate() {
        if line > 0 {
            out.push('\n');
        }
        let offset = line * LINE;
        for shift in (0..8).rev() {
            out.push(digit((offset >> (shift * 4)) as u8));
        }
        out.push_str("  ");
        for column in 0..LINE {
            match chunk.get(column) {
                Some(byte) => out.extend([digit(byte >> 4), digit(*byte), ' ']),
                None => out.push_str("   "),
            }
        }
        out.push(' ');
        out.extend(chunk.iter().map(|byte| match byte {
            0x20..0x7f => char::from(*byte),
            _ => '\u{b7}',
        }));
    }
    out
}

/// The hexadecimal digit of the low four bits.
pub(super) fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble & 15), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps() {
        assert_eq!(dump(b""), "");
        let expected = "00000000  68 65 6c 6c 6f 00        hello\u{b7}";
        assert_eq!(dump(b"hello\0"), expected);
        let two_lines = dump(&[0x41; 9]);
        assert_eq!(two_lines.lines().count(), 2);
        assert!(two_lines.lines().nth(1).unwrap().starts_with("00000008  41 "));
    }
}
