//! The sections of a module, as far as they cost bytes over the wire.

use anyhow::{Context, Result};

/// Magic number and version.
const HEADER_BYTES: usize = 8;

const CUSTOM: u8 = 0;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;

/// The module without names and other notes, which no browser needs.
pub(crate) fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>> {
    rewrite(module, |id, content| Ok((id != CUSTOM).then(|| content.to_vec())))
}

/// The module with a text for scripts in it, under a name.
pub(crate) fn with_note(module: &[u8], name: &str, text: &str) -> Vec<u8> {
    let content = [unsigned(name.len()).as_slice(), name.as_bytes(), text.as_bytes()].concat();
    [module, &[CUSTOM], &unsigned(content.len()), &content].concat()
}

/// The module with its constant data in few pieces. The splitter needs one for each constant; a browser does not, and
/// each costs its place.
///
/// Pieces that are no further apart than `gap_bytes` become one, with zeros between. That is for the first module only,
/// which finds the memory empty: between the pieces of a part lies what others have written.
pub(crate) fn with_merged_data(module: &[u8], gap_bytes: u8) -> Result<Vec<u8>> {
    let mut merged = None;
    rewrite(module, |id, content| {
        if id == DATA {
            merged = merge(content, gap_bytes.into());
        }
        Ok(None)
    })?;
    // Data that is not simply there from the beginning is referred to by its number.
    let Some(segments) = merged else { return Ok(module.to_vec()) };
    rewrite(module, |id, content| {
        Ok(Some(match id {
            DATA => write(&segments),
            DATA_COUNT => unsigned(segments.len()),
            _ => content.to_vec(),
        }))
    })
}

/// A piece of data and its address.
type Segment = (i64, Vec<u8>);

/// `None` if a piece is not one of the first memory at a constant address.
fn merge(section: &[u8], gap_bytes: i64) -> Option<Vec<Segment>> {
    let (count, taken) = leb128(section)?;
    let mut rest = section.get(taken..)?;
    let mut segments: Vec<Segment> = Vec::new();
    for _ in 0..count {
        let [0, 0x41, behind @ ..] = rest else { return None };
        let (address, taken) = signed_leb128(behind)?;
        let [0x0b, behind @ ..] = behind.get(taken..)? else { return None };
        let (len, taken) = leb128(behind)?;
        let (bytes, next) = behind.get(taken..)?.split_at_checked(len)?;
        rest = next;
        // The splitter writes an empty piece for each constant that is elsewhere.
        if !bytes.is_empty() {
            segments.push((address, bytes.to_vec()));
        }
    }
    segments.sort_by_key(|(address, _)| *address);
    let mut merged: Vec<Segment> = Vec::new();
    for (address, bytes) in segments {
        if let Some((start, last)) = merged.last_mut() {
            let gap = address - (*start + i64::try_from(last.len()).ok()?);
            if gap < 0 {
                return None; // they overlap: their order matters
            }
            if gap <= gap_bytes {
                last.resize(last.len() + usize::try_from(gap).ok()?, 0);
                last.extend(bytes);
                continue;
            }
        }
        merged.push((address, bytes));
    }
    Some(merged)
}

fn write(segments: &[Segment]) -> Vec<u8> {
    let mut section = unsigned(segments.len());
    for (address, bytes) in segments {
        section.extend([0, 0x41]);
        section.extend(signed(*address));
        section.push(0x0b);
        section.extend(unsigned(bytes.len()));
        section.extend(bytes);
    }
    section
}

/// The module with each section as `change` wants it, or without it.
fn rewrite(module: &[u8], mut change: impl FnMut(u8, &[u8]) -> Result<Option<Vec<u8>>>) -> Result<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(HEADER_BYTES).context("a module without its header")?;
    let mut out = header.to_vec();
    while let Some((&id, behind)) = rest.split_first() {
        let (length, length_bytes) = leb128(behind).context("a section without its length")?;
        let content = behind.get(length_bytes..).context("a section without its content")?;
        let (content, next) = content.split_at_checked(length).context("a section that is cut")?;
        if let Some(changed) = change(id, content)? {
            out.push(id);
            out.extend(unsigned(changed.len()));
            out.extend(changed);
        }
        rest = next;
    }
    Ok(out)
}

/// An unsigned number of up to 32 bits, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// The same with a sign.
fn signed_leb128(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0i64;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= i64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let is_negative = byte & 0x40 != 0;
            return Some((if is_negative { value - (1 << (7 * (i + 1))) } else { value }, i + 1));
        }
    }
    None
}

fn unsigned(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length() {
        assert_eq!(leb128(&[0x05]), Some((5, 1)));
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26, 0xff]), Some((624_485, 3)));
        assert_eq!(leb128(&[0x85, 0x80, 0x80, 0x80, 0x00]), Some((5, 5)), "as the linker pads them");
        assert_eq!(leb128(&[0x80]), None);
        assert_eq!(leb128(&[0x80; 9]), None);
        for value in [0, 1, 63, 64, 127, 128, 1_048_576, -1, -64, -65, 2_147_483_647] {
            assert_eq!(signed_leb128(&signed(value)).map(|(read, _)| read), Some(value));
        }
        assert_eq!(unsigned(624_485), [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn custom_sections_go() {
        let module = b"\0asm\x01\0\0\0\x01\x02ab\x00\x81\x00x\x03\x01c";
        assert_eq!(without_custom_sections(module).unwrap(), b"\0asm\x01\0\0\0\x01\x02ab\x03\x01c");
        let noted = with_note(b"\0asm\x01\0\0\0", "x", "c");
        assert_eq!(noted, b"\0asm\x01\0\0\0\x00\x03\x01xc");
        assert_eq!(without_custom_sections(&noted).unwrap(), b"\0asm\x01\0\0\0");
        assert!(without_custom_sections(b"\0asm\x01\0\0\0\x01\x09ab").is_err(), "cut");
        assert!(without_custom_sections(b"\0asm").is_err());
    }

    #[test]
    fn near_data_is_joined() {
        let module = |count: usize, segments: &[Segment]| {
            let (count, data) = (unsigned(count), write(segments));
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            for (id, content) in [(DATA_COUNT, count), (DATA, data)] {
                module.push(id);
                module.extend(unsigned(content.len()));
                module.extend(content);
            }
            module
        };
        let apart = [(1000, b"ab".to_vec()), (1004, b"c".to_vec()), (2000, b"d".to_vec())];
        let joined = [(1000, b"ab\0\0c".to_vec()), (2000, b"d".to_vec())];
        assert_eq!(with_merged_data(&module(3, &apart), 2).unwrap(), module(2, &joined));
        assert_eq!(with_merged_data(&module(3, &apart), 1).unwrap(), module(3, &apart));
        let overlapping = [(1000, b"abcd".to_vec()), (1002, b"x".to_vec())];
        assert_eq!(with_merged_data(&module(2, &overlapping), 64).unwrap(), module(2, &overlapping));
        let empty = [(1000, b"a".to_vec()), (1001, Vec::new()), (3000, Vec::new())];
        assert_eq!(with_merged_data(&module(3, &empty), 0).unwrap(), module(1, &[(1000, b"a".to_vec())]));
        let passive = b"\0asm\x01\0\0\0\x0b\x04\x01\x01\x01x";
        assert_eq!(with_merged_data(passive, 64).unwrap(), passive);
    }
}
