//! Constant data: bytes at addresses.

use std::ops::Range;

/// Pieces of the first module that are no further apart than this become one, with zeros between: a piece costs its
/// address and its length.
const GAP_BYTES: u32 = 12;

/// Bytes and their addresses, in order, without overlaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<(u32, Vec<u8>)>);

/// What of `data` lies in the constants that are `wanted`; what lies in none of them is there if `wanted` says so of an
/// empty range. Both lists are sorted.
pub(crate) fn image(
    data: &[(u32, &[u8])],
    wanted: impl Fn(&Range<u32>) -> bool,
    constants: &[Range<u32>],
) -> Pieces {
    let mut pieces = Pieces::default();
    for (start, bytes) in data {
        let mut at = *start;
        let mut rest = *bytes;
        while !rest.is_empty() {
            // The constant that begins here or before, or the next one.
            let next = constants.partition_point(|constant| constant.end <= at);
            let (constant, until) = match constants.get(next) {
                Some(constant) if constant.start <= at => (constant.clone(), constant.end),
                Some(constant) => (0..0, constant.start),
                None => (0..0, u32::MAX),
            };
            let len = usize::try_from(until - at).unwrap_or(rest.len()).min(rest.len());
            let (piece, behind) = rest.split_at(len);
            if wanted(&constant) {
                pieces.push(at, piece);
            }
            at += u32::try_from(len).unwrap_or(0);
            rest = behind;
        }
    }
    pieces
}

impl Pieces {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.0.iter().map(|(address, bytes)| (*address, bytes.as_slice()))
    }

    /// The same in fewer pieces, for memory that holds nothing yet: there zeros may be written between.
    pub(crate) fn joined(&self) -> Pieces {
        let mut joined = Pieces::default();
        for (address, bytes) in &self.0 {
            let (Some(first), Some(last)) =
                (bytes.iter().position(|byte| *byte != 0), bytes.iter().rposition(|byte| *byte != 0))
            else {
                continue;
            };
            let content = bytes.get(first..=last).unwrap_or_default();
            let address = address + u32::try_from(first).unwrap_or(0);
            if let Some(gap) = joined.gap(address).filter(|gap| *gap <= GAP_BYTES)
                && let Some((_, before)) = joined.0.last_mut()
            {
                before.resize(before.len() + gap as usize, 0);
                before.extend_from_slice(content);
            } else {
                joined.0.push((address, content.to_vec()));
            }
        }
        joined
    }

    fn push(&mut self, address: u32, bytes: &[u8]) {
        if self.gap(address) == Some(0)
            && let Some((_, before)) = self.0.last_mut()
        {
            before.extend_from_slice(bytes);
        } else {
            self.0.push((address, bytes.to_vec()));
        }
    }

    /// How far behind the last piece this address is.
    fn gap(&self, address: u32) -> Option<u32> {
        let (start, bytes) = self.0.last()?;
        address.checked_sub(start.checked_add(u32::try_from(bytes.len()).ok()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_divided_by_constants() {
        let data: [(u32, &[u8]); 2] = [(100, b"aabbcc"), (200, b"dd")];
        let constants = [100..102, 102..104, 200..202];
        let pieces = |wanted: fn(&Range<u32>) -> bool| image(&data, wanted, &constants).0;
        assert_eq!(pieces(|constant| constant.start == 102), [(102, b"bb".to_vec())]);
        assert_eq!(
            pieces(|constant| constant.start != 102),
            [(100, b"aa".to_vec()), (104, b"cc".to_vec()), (200, b"dd".to_vec())],
            "what is in no constant is asked for, too"
        );
    }

    #[test]
    fn near_pieces_are_joined() {
        let pieces = |pieces: &[(u32, &[u8])]| {
            Pieces(pieces.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect())
        };
        let joined = pieces(&[(100, b"\0a"), (104, b"b\0"), (200, b"\0\0"), (300, b"c")]).joined();
        assert_eq!(joined, pieces(&[(101, b"a\0\0b"), (300, b"c")]));
    }
}
