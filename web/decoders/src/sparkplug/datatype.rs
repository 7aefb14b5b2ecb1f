//! The data types of Sparkplug B, and what the bits of a value mean in each.

use crate::time;
use crate::tree::Value;
use bytes::Bytes;

/// By number, from 0.
const NAMES: &[&str] = &[
    "Unknown",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float",
    "Double",
    "Boolean",
    "String",
    "DateTime",
    "Text",
    "UUID",
    "DataSet",
    "Bytes",
    "File",
    "Template",
    "PropertySet",
    "PropertySetList",
    "Int8Array",
    "Int16Array",
    "Int32Array",
    "Int64Array",
    "UInt8Array",
    "UInt16Array",
    "UInt32Array",
    "UInt64Array",
    "FloatArray",
    "DoubleArray",
    "BooleanArray",
    "StringArray",
    "DateTimeArray",
];

/// What the specification calls a type.
pub(super) fn name(datatype: u32) -> String {
    let known = usize::try_from(datatype).ok().and_then(|datatype| NAMES.get(datatype));
    known.map_or_else(|| format!("type {datatype}"), |name| (*name).to_owned())
}

/// A value of up to 32 bits: the sign is in the type, not in the bits.
#[expect(clippy::cast_possible_truncation, reason = "the type says how many bits there are")]
pub(super) fn int(bits: u32, datatype: u32) -> Value {
    match datatype {
        1 => Value::int((bits as u8).cast_signed()),
        2 => Value::int((bits as u16).cast_signed()),
        3 => Value::int(bits.cast_signed()),
        _ => Value::int(bits),
    }
}

/// A value of up to 64 bits.
pub(super) fn long(bits: u64, datatype: u32) -> Value {
    match datatype {
        4 => Value::int(bits.cast_signed()),
        _ => Value::int(bits),
    }
}

/// The moment, if the type is one.
pub(super) fn moment(value: &Value, datatype: u32) -> Option<String> {
    match value {
        Value::Number(ms) if datatype == 13 => time::iso(ms.parse().ok()?),
        _ => None,
    }
}

/// The elements of an array; `None` if it is none, or damaged.
pub(super) fn array(bytes: &Bytes, datatype: u32) -> Option<Vec<Value>> {
    fn all<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> Value) -> Option<Vec<Value>> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| chunks.iter().map(|chunk| value(*chunk)).collect())
    }
    match datatype {
        22 => all(bytes, |b| Value::int(i8::from_le_bytes(b))),
        23 => all(bytes, |b| Value::int(i16::from_le_bytes(b))),
        24 => all(bytes, |b| Value::int(i32::from_le_bytes(b))),
        25 => all(bytes, |b| Value::int(i64::from_le_bytes(b))),
        26 => all(bytes, |b| Value::int(u8::from_le_bytes(b))),
        27 => all(bytes, |b| Value::int(u16::from_le_bytes(b))),
        28 => all(bytes, |b| Value::int(u32::from_le_bytes(b))),
        29 | 34 => all(bytes, |b| Value::int(u64::from_le_bytes(b))),
        30 => all(bytes, |b| Value::single(f32::from_le_bytes(b))),
        31 => all(bytes, |b| Value::float(f64::from_le_bytes(b))),
        32 => booleans(bytes),
        33 => strings(bytes),
        _ => None,
    }
}

/// How many there are, in four bytes, then one bit for each, the highest first.
fn booleans(bytes: &[u8]) -> Option<Vec<Value>> {
    let (count, bits) = bytes.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    if count.div_ceil(8) != bits.len() {
        return None;
    }
    let bit = |i: usize| bits.get(i / 8).is_some_and(|byte| byte << (i % 8) & 0x80 != 0);
    Some((0..count).map(|i| Value::bool(bit(i))).collect())
}

/// Each ends with a zero.
fn strings(bytes: &[u8]) -> Option<Vec<Value>> {
    let Some((0, inside)) = bytes.split_last() else { return bytes.is_empty().then(Vec::new) };
    inside.split(|byte| *byte == 0).map(|text| Some(Value::text(std::str::from_utf8(text).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::literal;

    #[test]
    fn the_sign_is_in_the_type() {
        for (bits, datatype, expected) in
            [(0xff, 1, "-1"), (0xffff_fffe, 3, "-2"), (0xff, 5, "255"), (0xfffd, 2, "-3")]
        {
            assert_eq!(literal(&int(bits, datatype)), expected);
        }
        assert_eq!(literal(&long(u64::MAX, 4)), "-1");
        assert_eq!(literal(&long(u64::MAX, 8)), "18446744073709551615");
        assert_eq!(moment(&long(1000, 13), 13).as_deref(), Some("1970-01-01T00:00:01.000Z"));
    }

    #[test]
    fn arrays() {
        let cases: [(u32, &'static [u8], Option<&str>); 6] = [
            (23, b"\xff\xff\x02\x00", Some("-1,2")),
            (30, b"\0\0\xac\x41", Some("21.5")),
            (32, b"\x0a\0\0\0\x80\x40", Some("true,false,false,false,false,false,false,false,false,true")),
            (33, b"ab\0c\0", Some("\"ab\",\"c\"")),
            (23, b"\xff", None),
            (17, b"\xff", None),
        ];
        for (datatype, bytes, expected) in cases {
            let elements = array(&Bytes::from_static(bytes), datatype);
            let written = elements.map(|list| list.iter().map(literal).collect::<Vec<_>>().join(","));
            assert_eq!(written.as_deref(), expected, "{datatype}");
        }
        assert_eq!((name(9).as_str(), name(99).as_str()), ("Float", "type 99"));
    }
}
