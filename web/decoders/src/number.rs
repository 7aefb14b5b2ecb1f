//! Numbers: in text, roughly, for drawing; in binary, exactly.

use crate::tree::{Builder, Key, Tree, Value};

/// The number that `text` is, roughly: for drawing it, never for showing it.
///
/// The standard library's exact conversion would be a tenth of the page's size.
pub fn parse(text: &str) -> Option<f64> {
    // Longer than any number that one would draw; also keeps a hostile megabyte from being read on each frame.
    if text.len() > 32 {
        return None;
    }
    let text = text.trim();
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
    // One division is more exact than many.
    let mut power = 1.0;
    for _ in 0..scale.abs() {
        power *= 10.0;
    }
    let value = if scale > 0 { value * power } else { value / power };
    Some(sign * value).filter(|value: &f64| value.is_finite())
}

/// How bytes are a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Whole, or with a fraction.
    pub kind: Kind,
    /// 1, 2, 4 or 8 (floats: 2 is not known, so 4 or 8).
    pub bytes: u8,
    /// Whether the lowest byte comes first.
    pub little: bool,
}

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, not negative.
    Unsigned,
    /// A whole number, two's complement.
    Signed,
    /// IEEE 754.
    Float,
}

impl Binary {
    /// All of them, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Binary> {
        let of = |kind, sizes: &'static [u8]| {
            sizes.iter().flat_map(move |&bytes| {
                let orders: &[bool] = if bytes == 1 { &[false] } else { &[false, true] };
                orders.iter().map(move |&little| Binary { kind, bytes, little })
            })
        };
        of(Kind::Unsigned, &[1, 2, 4, 8])
            .chain(of(Kind::Signed, &[1, 2, 4, 8]))
            .chain(of(Kind::Float, &[4, 8]))
    }

    /// `u16le`, `f32be`, `i8`.
    pub fn name(self) -> String {
        let kind = match self.kind {
            Kind::Unsigned => "u",
            Kind::Signed => "i",
            Kind::Float => "f",
        };
        let order = match (self.bytes, self.little) {
            (1, _) => "",
            (_, true) => "le",
            (_, false) => "be",
        };
        format!("{kind}{}{order}", u32::from(self.bytes) * 8)
    }

    /// The opposite of [`name`](Binary::name).
    pub fn from_name(name: &str) -> Option<Binary> {
        Binary::all().find(|binary| binary.name() == name)
    }

    /// The first number of these bytes, exactly; `None` if they are too few.
    pub fn read(self, bytes: &[u8]) -> Option<Value> {
        let raw = self.raw(bytes)?;
        Some(match (self.kind, self.bytes) {
            (Kind::Unsigned, _) => Value::int(raw),
            (Kind::Signed, _) => Value::int(self.signed(raw)),
            #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
            (Kind::Float, 4) => Value::single(f32::from_bits(raw as u32)),
            (Kind::Float, _) => Value::float(f64::from_bits(raw)),
        })
    }

    /// The same for drawing.
    pub fn read_roughly(self, bytes: &[u8]) -> Option<f64> {
        let raw = self.raw(bytes)?;
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "for drawing")]
        let value = match (self.kind, self.bytes) {
            (Kind::Unsigned, _) => raw as f64,
            (Kind::Signed, _) => self.signed(raw) as f64,
            (Kind::Float, 4) => f64::from(f32::from_bits(raw as u32)),
            (Kind::Float, _) => f64::from_bits(raw),
        };
        value.is_finite().then_some(value)
    }

    /// A list of all numbers in `bytes`; what is left over at the end is shown as bytes.
    pub fn list(self, bytes: &[u8]) -> Tree {
        let mut tree = Builder::default();
        let chunks = bytes.chunks_exact(usize::from(self.bytes.max(1)));
        let rest = chunks.remainder();
        if chunks.len() == 1 && rest.is_empty() {
            if let Some(value) = self.read(bytes) {
                tree.leaf(Key::None, value, self.name());
            }
            return tree.finish();
        }
        // A root is never too deep.
        let _ = tree.open(Key::None, Value::List(0), self.name(), 0);
        for (i, value) in chunks.filter_map(|chunk| self.read(chunk)).enumerate() {
            tree.leaf(Key::Index(i), value, "");
        }
        if !rest.is_empty() {
            tree.leaf(Key::Other("…".into()), Value::Bytes(bytes::Bytes::copy_from_slice(rest)), "");
        }
        tree.finish()
    }

    fn raw(self, bytes: &[u8]) -> Option<u64> {
        let bytes = bytes.get(..usize::from(self.bytes))?;
        let join = |raw: u64, byte: &u8| raw << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
    }

    fn signed(self, raw: u64) -> i64 {
        let unused = 64 - u32::from(self.bytes) * 8;
        (raw << unused).cast_signed() >> unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::literal;

    #[test]
    fn in_text() {
        let cases: [(&str, Option<f64>); 16] = [
            ("21.5", Some(21.5)),
            ("0.1", Some(0.1)),
            ("18234.771", Some(18234.771)),
            ("+.5", Some(0.5)),
            ("-1.25E-2", Some(-0.0125)),
            ("1e999", None),
            ("1e-999999999", None),
            ("12abc", None),
            ("e5", None),
            (" -3\n", Some(-3.0)),
            ("1e3", Some(1000.0)),
            ("", None),
            ("inf", None),
            ("nan", None),
            ("on", None),
            ("1234567890123456789012345678901234", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn in_binary() {
        let cases: [(&str, &[u8], &str, f64); 11] = [
            ("u8", b"\xff", "255", 255.0),
            ("i8", b"\xff", "-1", -1.0),
            ("u16be", b"\x01\x02", "258", 258.0),
            ("u16le", b"\x01\x02", "513", 513.0),
            ("i16le", b"\xfe\xff", "-2", -2.0),
            ("u32be", b"\xff\xff\xff\xff", "4294967295", 4_294_967_295.0),
            ("i32be", b"\xff\xff\xff\xff", "-1", -1.0),
            (
                "u64le",
                b"\xff\xff\xff\xff\xff\xff\xff\xff",
                "18446744073709551615",
                18_446_744_073_709_551_615.0,
            ),
            ("i64be", b"\x80\0\0\0\0\0\0\0", "-9223372036854775808", -9_223_372_036_854_775_808.0),
            ("f32le", b"\x00\x00\xac\x41", "21.5", 21.5),
            ("f64be", b"\x40\x5f\xc0\0\0\0\0\0", "127.0", 127.0),
        ];
        for (name, bytes, exact, rough) in cases {
            let binary = Binary::from_name(name).unwrap();
            assert_eq!(literal(&binary.read(bytes).unwrap()), exact, "{name}");
            assert_eq!(binary.read_roughly(bytes), Some(rough), "{name}");
            assert_eq!(binary.read(&bytes[1..]), None, "{name}: too short");
        }
        assert_eq!(Binary::all().count(), 7 + 7 + 4);
        assert_eq!(Binary::from_name("f16be"), None);
        assert_eq!(
            Binary::from_name("f32be").unwrap().read_roughly(b"\x7f\xc0\0\0"),
            None,
            "NaN is not drawn"
        );
    }

    #[test]
    fn lists() {
        let binary = Binary::from_name("u16be").unwrap();
        assert_eq!(binary.list(b"\0\x07").pretty(), "7");
        assert_eq!(binary.list(b"\0\x07\0\x08\x09").pretty(), "[\n  7,\n  8,\n  \u{2026}: h'09'\n]");
        assert_eq!(binary.list(b"").pretty(), "[]");
    }
}
