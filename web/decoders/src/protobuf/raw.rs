//! Protobuf without its schema: numbers of fields, and values as the wire has them.
//!
//! The wire does not say what a length-delimited field is. Here it is taken for text if it is text, else for a message if
//! it is one, else for bytes.

use crate::MAX_DEPTH;
use crate::input::Input;
use crate::problem::{Problem, What};
use crate::tree::{Builder, Key, Tree, Value};
use bytes::Bytes;

/// `bytes` as a tree.
///
/// # Errors
/// They are not a message of Protobuf.
pub fn decode(bytes: &[u8]) -> Result<Tree, Problem> {
    let mut tree = Builder::default();
    tree.open(Key::None, Value::Object(0), "", 0)?;
    fields(&mut Input::new(bytes), &mut tree, None, 1)?;
    Ok(tree.finish())
}

/// Fields up to the end, or up to the end of the group with this number.
fn fields(
    input: &mut Input<'_>,
    tree: &mut Builder,
    group: Option<u64>,
    depth: usize,
) -> Result<(), Problem> {
    while !input.is_empty() && !tree.is_full() {
        let at = input.at;
        let tag = input.varint()?;
        let (number, wire) = (tag >> 3, tag & 7);
        if number == 0 || number > 0x1fff_ffff {
            return Err(Problem::new(at, What::Invalid));
        }
        let key = Key::Other(number.to_string().into());
        match wire {
            0 => {
                let value = input.varint()?;
                // Negative numbers of int32 and int64 take all ten bytes.
                match value > i64::MAX.cast_unsigned() {
                    true => tree.leaf(key, Value::int(value.cast_signed()), "varint"),
                    false => tree.leaf(key, Value::int(value), "varint"),
                }
            }
            1 => {
                let bytes = input.array()?;
                tree.leaf(
                    key,
                    Value::float(f64::from_le_bytes(bytes)),
                    format!("fixed64 {}", u64::from_le_bytes(bytes)),
                );
            }
            5 => {
                let bytes = input.array()?;
                tree.leaf(
                    key,
                    Value::single(f32::from_le_bytes(bytes)),
                    format!("fixed32 {}", u32::from_le_bytes(bytes)),
                );
            }
            2 => {
                let len = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
                delimited(input.take(len)?, tree, key, depth, at)?;
            }
            3 => {
                tree.open(key, Value::Object(0), "group", at)?;
                fields(input, tree, Some(number), depth + 1)?;
                tree.close();
            }
            4 if group == Some(number) => return Ok(()),
            _ => return Err(Problem::new(at, What::Invalid)),
        }
    }
    match group {
        Some(_) if !tree.is_full() => Err(input.problem(What::Ends)),
        _ => Ok(()),
    }
}

fn delimited(bytes: &[u8], tree: &mut Builder, key: Key, depth: usize, at: usize) -> Result<(), Problem> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        tree.leaf(key, Value::text(text), "");
    } else if depth < MAX_DEPTH && is_message(bytes, depth) {
        tree.open(key, Value::Object(0), "message", at)?;
        fields(&mut Input::new(bytes), tree, None, depth + 1)?;
        tree.close();
    } else {
        tree.leaf(key, Value::Bytes(Bytes::copy_from_slice(bytes)), "");
    }
    Ok(())
}

/// Whether these bytes can be read as a message, without what is inside of its own fields.
fn is_message(bytes: &[u8], depth: usize) -> bool {
    fn check(input: &mut Input<'_>, group: Option<u64>, depth: usize) -> Result<bool, Problem> {
        while !input.is_empty() {
            let tag = input.varint()?;
            let (number, wire) = (tag >> 3, tag & 7);
            match wire {
                _ if number == 0 || number > 0x1fff_ffff => return Ok(false),
                0 => drop(input.varint()?),
                1 => drop(input.array::<8>()?),
                5 => drop(input.array::<4>()?),
                2 => {
                    let len = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
                    input.take(len)?;
                }
                3 if depth < MAX_DEPTH => {
                    if !check(input, Some(number), depth + 1)? {
                        return Ok(false);
                    }
                }
                4 => return Ok(group == Some(number)),
                _ => return Ok(false),
            }
        }
        Ok(group.is_none())
    }
    check(&mut Input::new(bytes), None, depth) == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_as_the_wire_has_them() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "{}"),
            (b"\x08\x96\x01", "{\n  1: 150\n}"),
            (b"\x12\x07testing", "{\n  2: \"testing\"\n}"),
            (b"\x1a\x03\x08\x96\x01", "{\n  3: {\n    1: 150\n  }\n}"),
            (b"\x0d\0\0\xac\x41", "{\n  1: 21.5\n}"),
            (b"\x09\0\0\0\0\0\xc0\x5f\x40", "{\n  1: 127.0\n}"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "{\n  1: -1\n}"),
            (b"\x12\x02\xff\xfe", "{\n  2: h'fffe'\n}"),
            (b"\x0b\x10\x05\x0c", "{\n  1: {\n    2: 5\n  }\n}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes).unwrap().pretty(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_protobuf() {
        let cases: [(&[u8], usize, What); 7] = [
            (b"\x00", 0, What::Invalid),
            (b"\x08", 1, What::Ends),
            (b"\x12\x05ab", 2, What::Ends),
            (b"\x0e", 0, What::Invalid),
            (b"\x0c", 0, What::Invalid),
            (b"\x0b", 1, What::Ends),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1, What::Invalid),
        ];
        for (bytes, at, what) in cases {
            assert_eq!(decode(bytes), Err(Problem { at, what }), "{bytes:?}");
        }
        assert_eq!(decode(&[0x0b; 100_000]).unwrap_err().what, What::TooDeep);
    }
}
