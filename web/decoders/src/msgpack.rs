//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>).

use crate::input::Input;
use crate::problem::{Problem, What};
use crate::time;
use crate::tree::{Builder, Key, Tree, Value, literal};
use bytes::Bytes;
use rmp::Marker;

/// `bytes` as a tree.
///
/// # Errors
/// They are not one value of MessagePack, or nested too deep.
pub fn decode(bytes: &[u8]) -> Result<Tree, Problem> {
    let mut input = Input::new(bytes);
    let mut tree = Builder::default();
    value(&mut input, &mut tree, Key::None)?;
    match input.is_empty() || tree.is_full() {
        true => Ok(tree.finish()),
        false => Err(input.problem(What::Invalid)),
    }
}

fn value(input: &mut Input<'_>, tree: &mut Builder, key: Key) -> Result<(), Problem> {
    let at = input.at;
    let leaf = match Marker::from_u8(input.byte()?) {
        Marker::FixPos(n) => Value::int(n),
        Marker::FixNeg(n) => Value::int(n),
        Marker::Null => Value::Word("null".into()),
        Marker::True => Value::bool(true),
        Marker::False => Value::bool(false),
        Marker::Reserved => return Err(Problem::new(at, What::Invalid)),
        Marker::U8 => Value::int(input.byte()?),
        Marker::U16 => Value::int(u16::from_be_bytes(input.array()?)),
        Marker::U32 => Value::int(u32::from_be_bytes(input.array()?)),
        Marker::U64 => Value::int(u64::from_be_bytes(input.array()?)),
        Marker::I8 => Value::int(i8::from_be_bytes(input.array()?)),
        Marker::I16 => Value::int(i16::from_be_bytes(input.array()?)),
        Marker::I32 => Value::int(i32::from_be_bytes(input.array()?)),
        Marker::I64 => Value::int(i64::from_be_bytes(input.array()?)),
        Marker::F32 => Value::single(f32::from_be_bytes(input.array()?)),
        Marker::F64 => Value::float(f64::from_be_bytes(input.array()?)),
        Marker::FixStr(len) => text(input, usize::from(len))?,
        Marker::Str8 => length8(input).and_then(|len| text(input, len))?,
        Marker::Str16 => length16(input).and_then(|len| text(input, len))?,
        Marker::Str32 => length32(input).and_then(|len| text(input, len))?,
        Marker::Bin8 => length8(input).and_then(|len| binary(input, len))?,
        Marker::Bin16 => length16(input).and_then(|len| binary(input, len))?,
        Marker::Bin32 => length32(input).and_then(|len| binary(input, len))?,
        Marker::FixExt1 => return extension(input, tree, key, 1),
        Marker::FixExt2 => return extension(input, tree, key, 2),
        Marker::FixExt4 => return extension(input, tree, key, 4),
        Marker::FixExt8 => return extension(input, tree, key, 8),
        Marker::FixExt16 => return extension(input, tree, key, 16),
        Marker::Ext8 => return length8(input).and_then(|len| extension(input, tree, key, len)),
        Marker::Ext16 => return length16(input).and_then(|len| extension(input, tree, key, len)),
        Marker::Ext32 => return length32(input).and_then(|len| extension(input, tree, key, len)),
        Marker::FixArray(len) => return list(input, tree, key, usize::from(len)),
        Marker::Array16 => return length16(input).and_then(|len| list(input, tree, key, len)),
        Marker::Array32 => return length32(input).and_then(|len| list(input, tree, key, len)),
        Marker::FixMap(len) => return map(input, tree, key, usize::from(len)),
        Marker::Map16 => return length16(input).and_then(|len| map(input, tree, key, len)),
        Marker::Map32 => return length32(input).and_then(|len| map(input, tree, key, len)),
    };
    tree.leaf(key, leaf, "");
    Ok(())
}

fn length8(input: &mut Input<'_>) -> Result<usize, Problem> {
    input.byte().map(usize::from)
}

fn length16(input: &mut Input<'_>) -> Result<usize, Problem> {
    input.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
}

fn length32(input: &mut Input<'_>) -> Result<usize, Problem> {
    input.array().map(|bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX))
}

fn text(input: &mut Input<'_>, len: usize) -> Result<Value, Problem> {
    let at = input.at;
    let text = std::str::from_utf8(input.take(len)?).map_err(|_| Problem::new(at, What::NotText))?;
    Ok(Value::text(text))
}

fn binary(input: &mut Input<'_>, len: usize) -> Result<Value, Problem> {
    input.take(len).map(|bytes| Value::Bytes(Bytes::copy_from_slice(bytes)))
}

fn list(input: &mut Input<'_>, tree: &mut Builder, key: Key, len: usize) -> Result<(), Problem> {
    tree.open(key, Value::List(0), "", input.at)?;
    for index in 0..len {
        if tree.is_full() {
            break;
        }
        value(input, tree, Key::Index(index))?;
    }
    tree.close();
    Ok(())
}

fn map(input: &mut Input<'_>, tree: &mut Builder, key: Key, len: usize) -> Result<(), Problem> {
    tree.open(key, Value::Object(0), "", input.at)?;
    for _ in 0..len {
        if tree.is_full() {
            break;
        }
        let mut name = Builder::default();
        value(input, &mut name, Key::None)?;
        let name = name.finish();
        let key = match name.nodes.as_slice() {
            [only] => match &only.value {
                Value::Text(text) => Key::Name(text.clone()),
                other => Key::Other(literal(other).into()),
            },
            _ => Key::Other(name.pretty().split_whitespace().collect::<Vec<_>>().join(" ").into()),
        };
        value(input, tree, key)?;
    }
    tree.close();
    Ok(())
}

/// Type -1 is a timestamp; the others are whatever the sender means by them.
fn extension(input: &mut Input<'_>, tree: &mut Builder, key: Key, len: usize) -> Result<(), Problem> {
    let kind = input.byte()?.cast_signed();
    let bytes = input.take(len)?;
    match (kind == -1).then(|| timestamp(bytes)).flatten() {
        Some((seconds, nanos)) => {
            let moment = time::iso(i128::from(seconds) * 1000 + i128::from(nanos / 1_000_000));
            let note = moment.map_or("timestamp".into(), |moment| format!("timestamp {moment}"));
            let value = match nanos {
                0 => Value::int(seconds),
                _ => Value::Number(format!("{seconds}.{nanos:09}").into()),
            };
            tree.leaf(key, value, note);
        }
        None => tree.leaf(key, Value::Bytes(Bytes::copy_from_slice(bytes)), format!("ext {kind}")),
    }
    Ok(())
}

/// Seconds since 1970, and nanoseconds.
fn timestamp(bytes: &[u8]) -> Option<(i64, u32)> {
    match *bytes {
        [a, b, c, d] => Some((i64::from(u32::from_be_bytes([a, b, c, d])), 0)),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            let nanos = u32::try_from(both >> 34).ok().filter(|nanos| *nanos < 1_000_000_000)?;
            Some((i64::try_from(both & 0x3_ffff_ffff).ok()?, nanos))
        }
        [a, b, c, d, ref seconds @ ..] => {
            let nanos = u32::from_be_bytes([a, b, c, d]);
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            (nanos < 1_000_000_000 && seconds >= 0).then_some((seconds, nanos))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let cases: [(&[u8], &str); 15] = [
            (b"\x07", "7"),
            (b"\xff", "-1"),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (b"\xd3\x80\0\0\0\0\0\0\0", "-9223372036854775808"),
            (b"\xca\x42\xfe\0\0", "127.0"),
            (b"\xcb\x3f\xf1\x99\x99\x99\x99\x99\x9a", "1.1"),
            (b"\xc0", "null"),
            (b"\xc3", "true"),
            (b"\xa2hi", "\"hi\""),
            (b"\xd9\x02hi", "\"hi\""),
            (b"\xc4\x02\x01\xff", "h'01ff'"),
            (b"\x93\x01\xa1a\xc2", "[\n  1,\n  \"a\",\n  false\n]"),
            (b"\x82\xa1a\x01\x02\x90", "{\n  \"a\": 1,\n  2: []\n}"),
            (b"\xde\x00\x01\xa1k\xdc\x00\x01\x05", "{\n  \"k\": [\n    5\n  ]\n}"),
            (b"\xd4\x05\xaa", "h'aa'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes).unwrap().pretty(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn timestamps() {
        let cases: [(&[u8], &str, &str); 3] = [
            (b"\xd6\xff\x00\x00\x00\x01", "1", "timestamp 1970-01-01T00:00:01.000Z"),
            (
                b"\xd7\xff\x77\x35\x94\x00\x00\x00\x00\x01",
                "1.500000000",
                "timestamp 1970-01-01T00:00:01.500Z",
            ),
            (
                b"\xc7\x0c\xff\0\0\0\x01\0\0\0\0\0\0\0\x02",
                "2.000000001",
                "timestamp 1970-01-01T00:00:02.000Z",
            ),
        ];
        for (bytes, value, note) in cases {
            let tree = decode(bytes).unwrap();
            assert_eq!((tree.pretty().as_str(), &*tree.nodes[0].note), (value, note));
        }
    }

    #[test]
    fn what_is_not_messagepack() {
        let cases: [(&[u8], Problem); 6] = [
            (b"", Problem::new(0, What::Ends)),
            (b"\xc1", Problem::new(0, What::Invalid)),
            (b"\x92\x01", Problem::new(2, What::Ends)),
            (b"\x01\x02", Problem::new(1, What::Invalid)),
            (b"\xa2\xc3\x28", Problem::new(1, What::NotText)),
            (b"\xdb\xff\xff\xff\xffx", Problem::new(5, What::Ends)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes), Err(expected), "{bytes:?}");
        }
        assert_eq!(decode(&[0x91; 100_000]).unwrap_err().what, What::TooDeep);
    }
}
