//! CBOR (RFC 8949), one item or a sequence of them (RFC 8742), with all that JSON does not have.

use crate::problem::{Problem, What};
use crate::tree::{Builder, Key, Tree, Value, literal};
use bytes::Bytes;
use minicbor::Decoder;
use minicbor::data::{Token, Type};

/// A whole number of more bytes than this is shown as its bytes.
const MAX_BIGNUM_BYTES: usize = 64;

/// What tag 1 is called.
const EPOCH: &str = " epoch time";

/// `bytes` as a tree.
///
/// # Errors
/// They are not CBOR, or nested too deep.
pub fn decode(bytes: &[u8]) -> Result<Tree, Problem> {
    let mut decoder = Decoder::new(bytes);
    let mut tree = Builder::default();
    item(&mut decoder, &mut tree, Key::None, "")?;
    if decoder.position() < bytes.len() {
        return sequence(bytes);
    }
    Ok(tree.finish())
}

fn sequence(bytes: &[u8]) -> Result<Tree, Problem> {
    let mut decoder = Decoder::new(bytes);
    let mut tree = Builder::default();
    tree.open(Key::None, Value::List(0), "sequence", 0)?;
    let mut index = 0;
    while decoder.position() < bytes.len() && !tree.is_full() {
        item(&mut decoder, &mut tree, Key::Index(index), "")?;
        index += 1;
    }
    Ok(tree.finish())
}

fn item(d: &mut Decoder<'_>, tree: &mut Builder, key: Key, note: &str) -> Result<(), Problem> {
    let at = d.position();
    match d.datatype().map_err(|error| problem(at, &error))? {
        Type::Array | Type::ArrayIndef => {
            let count = d.array().map_err(|error| problem(at, &error))?;
            tree.open(key, Value::List(0), note, at)?;
            let mut index = 0;
            while !is_over(d, count, index)? && !tree.is_full() {
                item(d, tree, Key::Index(usize::try_from(index).unwrap_or(usize::MAX)), "")?;
                index += 1;
            }
            tree.close();
        }
        Type::Map | Type::MapIndef => {
            let count = d.map().map_err(|error| problem(at, &error))?;
            tree.open(key, Value::Object(0), note, at)?;
            let mut index = 0;
            while !is_over(d, count, index)? && !tree.is_full() {
                let key = map_key(d)?;
                item(d, tree, key, "")?;
                index += 1;
            }
            tree.close();
        }
        Type::Tag => {
            let tag = d.tag().map_err(|error| problem(at, &error))?.as_u64();
            let number = if matches!(tag, 2 | 3) { bignum(d, tag == 3) } else { None };
            if let Some(number) = number {
                tree.leaf(key, Value::Number(number.into()), join(note, tag));
            } else {
                // A chain of tags nests as containers do.
                if note.len() > crate::MAX_DEPTH * 6 {
                    return Err(Problem::new(at, What::TooDeep));
                }
                item(d, tree, key, &join(note, tag))?;
            }
        }
        _ => {
            let value = scalar(d)?;
            let moment = if note.ends_with(EPOCH) { moment(&value) } else { None };
            match moment {
                Some(moment) => tree.leaf(key, value, format!("{note} {moment}")),
                None => tree.leaf(key, value, note),
            }
        }
    }
    Ok(())
}

/// Tag 1: seconds since 1970, in words.
fn moment(value: &Value) -> Option<String> {
    let Value::Number(digits) = value else { return None };
    let seconds = crate::number::parse(digits).filter(|seconds| seconds.abs() < 1e12)?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    crate::time::iso((seconds * 1000.0) as i128)
}

/// Whether a container has no further entry; an indefinite one ends with a break.
fn is_over(d: &mut Decoder<'_>, count: Option<u64>, index: u64) -> Result<bool, Problem> {
    let at = d.position();
    match count {
        Some(count) => Ok(index >= count),
        None if d.datatype().map_err(|error| problem(at, &error))? == Type::Break => {
            d.set_position(at + 1);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Keys may be of any type; what is not a text is written in diagnostic notation.
fn map_key(d: &mut Decoder<'_>) -> Result<Key, Problem> {
    let mut tree = Builder::default();
    item(d, &mut tree, Key::None, "")?;
    let tree = tree.finish();
    Ok(match tree.nodes.as_slice() {
        [only] => match &only.value {
            Value::Text(text) => Key::Name(text.clone()),
            other => Key::Other(literal(other).into()),
        },
        _ => Key::Other(tree.pretty().split_whitespace().collect::<Vec<_>>().join(" ").into()),
    })
}

fn scalar(d: &mut Decoder<'_>) -> Result<Value, Problem> {
    let at = d.position();
    let failed = |error| problem(at, &error);
    Ok(match d.datatype().map_err(failed)? {
        Type::BytesIndef => {
            let chunks: Result<Vec<_>, _> = d.bytes_iter().map_err(failed)?.collect();
            Value::Bytes(chunks.map_err(failed)?.concat().into())
        }
        Type::StringIndef => {
            let chunks: Result<Vec<_>, _> = d.str_iter().map_err(failed)?.collect();
            Value::text(&chunks.map_err(failed)?.concat())
        }
        Type::Break => return Err(Problem::new(at, What::Invalid)),
        _ => match d.tokens().token().map_err(failed)? {
            Token::Bool(value) => Value::bool(value),
            Token::U8(n) => Value::int(n),
            Token::U16(n) => Value::int(n),
            Token::U32(n) => Value::int(n),
            Token::U64(n) => Value::int(n),
            Token::I8(n) => Value::int(n),
            Token::I16(n) => Value::int(n),
            Token::I32(n) => Value::int(n),
            Token::I64(n) => Value::int(n),
            Token::Int(n) => Value::int(n),
            Token::F16(n) | Token::F32(n) => Value::single(n),
            Token::F64(n) => Value::float(n),
            Token::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
            Token::String(text) => Value::text(text),
            Token::Null => Value::Word("null".into()),
            Token::Undefined => Value::Word("undefined".into()),
            Token::Simple(n) => Value::Word(format!("simple({n})").into()),
            _ => return Err(Problem::new(at, What::Invalid)),
        },
    })
}

/// Tags 2 and 3: a whole number of any size, as bytes. `None`, and nothing read, if it is too large or not bytes.
fn bignum(d: &mut Decoder<'_>, negative: bool) -> Option<String> {
    let at = d.position();
    let bytes = d.bytes().ok().filter(|bytes| bytes.len() <= MAX_BIGNUM_BYTES);
    let Some(bytes) = bytes else {
        d.set_position(at);
        return None;
    };
    // Decimal digits, the lowest first; a negative number is -1 - n.
    let mut digits = vec![0u32];
    for carry in bytes.iter().map(|byte| (256, u32::from(*byte))).chain([(1, u32::from(negative))]) {
        let (factor, mut carry) = carry;
        for digit in &mut digits {
            carry += *digit * factor;
            *digit = carry % 10;
            carry /= 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    let sign = negative.then_some('-');
    Some(
        sign.into_iter()
            .chain(digits.iter().rev().filter_map(|digit| char::from_digit(*digit, 10)))
            .collect(),
    )
}

fn join(note: &str, tag: u64) -> String {
    let name = match tag {
        0 => " date/time",
        1 => EPOCH,
        2 | 3 => " bignum",
        4 => " decimal fraction",
        24 => " encoded CBOR",
        32 => " URI",
        37 => " UUID",
        55_799 => " CBOR",
        _ => "",
    };
    let separator = if note.is_empty() { "" } else { " " };
    format!("{note}{separator}tag {tag}{name}")
}

fn problem(at: usize, error: &minicbor::decode::Error) -> Problem {
    let at = error.position().unwrap_or(at);
    Problem::new(at, if error.is_end_of_input() { What::Ends } else { What::Invalid })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// From RFC 8949, appendix A.
    #[test]
    fn examples_of_the_rfc() {
        for (bytes, expected) in [
            ("00", "0"),
            ("1bffffffffffffffff", "18446744073709551615"),
            ("3bffffffffffffffff", "-18446744073709551616"),
            ("c249010000000000000000", "18446744073709551616"),
            ("c349010000000000000000", "-18446744073709551617"),
            ("3903e7", "-1000"),
            ("f90000", "0.0"),
            ("fb3ff199999999999a", "1.1"),
            ("f93c00", "1.0"),
            ("fa47c35000", "100000.0"),
            ("f97c00", "Infinity"),
            ("f97e00", "NaN"),
            ("f4", "false"),
            ("f6", "null"),
            ("f7", "undefined"),
            ("f0", "simple(16)"),
            ("4401020304", "h'01020304'"),
            ("62225c", "\"\\\"\\\\\""),
            ("63e6b0b4", "\"水\""),
            ("8301820203820405", "[\n  1,\n  [\n    2,\n    3\n  ],\n  [\n    4,\n    5\n  ]\n]"),
            ("a201020304", "{\n  1: 2,\n  3: 4\n}"),
            ("a26161016162820203", "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    3\n  ]\n}"),
            ("5f42010243030405ff", "h'0102030405'"),
            ("7f657374726561646d696e67ff", "\"streaming\""),
            ("9f018202039f0405ffff", "[\n  1,\n  [\n    2,\n    3\n  ],\n  [\n    4,\n    5\n  ]\n]"),
            ("bf6346756ef563416d7421ff", "{\n  \"Fun\": true,\n  \"Amt\": -2\n}"),
        ] {
            assert_eq!(decode(&hex(bytes)).unwrap().pretty(), expected, "{bytes}");
        }
    }

    #[test]
    fn tags_are_notes() {
        let tree = decode(&hex("c11a514b67b0")).unwrap();
        assert_eq!(
            (&*tree.nodes[0].note, tree.pretty().as_str()),
            ("tag 1 epoch time 2013-03-21T20:04:00.000Z", "1363896240")
        );
        let tree = decode(&hex("d818456449455446")).unwrap();
        assert_eq!(&*tree.nodes[0].note, "tag 24 encoded CBOR");
    }

    #[test]
    fn keys_of_any_type() {
        let tree = decode(&hex("a1 8201f5 01")).unwrap();
        assert_eq!(tree.pretty(), "{\n  [ 1, true ]: 1\n}");
    }

    #[test]
    fn sequences() {
        assert_eq!(decode(&hex("01 02 6161")).unwrap().pretty(), "[\n  1,\n  2,\n  \"a\"\n]");
    }

    #[test]
    fn what_is_not_cbor() {
        for (bytes, at, what) in [
            ("", 0, What::Ends),
            ("82 01", 2, What::Ends),
            ("1c", 0, What::Invalid),
            ("ff", 0, What::Invalid),
            ("62 c328", 0, What::Invalid),
            ("9bffffffffffffffff", 9, What::Ends),
        ] {
            let problem = decode(&hex(bytes)).unwrap_err();
            assert_eq!(problem.what, what, "{bytes}");
            assert!(problem.at.abs_diff(at) <= 2, "{bytes}: {problem:?}");
        }
        assert_eq!(decode(&[0x81; 100_000]).unwrap_err().what, What::TooDeep);
        assert_eq!(decode(&[0xc1; 100_000]).unwrap_err().what, What::TooDeep);
    }
}
