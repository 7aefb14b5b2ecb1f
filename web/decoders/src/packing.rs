//! Payloads that were compressed.

use crate::problem::{Problem, What};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951, without a header: only somebody who knows can say so.
    Deflate,
}

/// What was inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether there is more than was asked for.
    pub is_cut: bool,
    /// Whether the rest is damaged.
    pub is_damaged: bool,
}

impl Packing {
    /// All of them.
    pub const ALL: [Packing; 3] = [Packing::Gzip, Packing::Zlib, Packing::Deflate];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zlib => "zlib",
            Packing::Deflate => "deflate",
        }
    }

    /// What the first bytes say. zlib's two are checked as RFC 1950, section 2.2, wants; still one text in a thousand
    /// begins like that, so the caller should see whether it can be unpacked.
    pub fn guess(bytes: &[u8]) -> Option<Packing> {
        match bytes {
            [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
            [method, flags, _, ..] if method & 15 == 8 && method >> 4 <= 7 && flags & 0x20 == 0 => {
                let check = u16::from_be_bytes([*method, *flags]);
                check.is_multiple_of(31).then_some(Packing::Zlib)
            }
            _ => None,
        }
    }

    /// Unpacks `bytes`, at most `limit` bytes of them: a kilobyte can unpack to a megabyte, and a megabyte to more than
    /// there is memory.
    ///
    /// # Errors
    /// Not one byte could be unpacked.
    pub fn unpack(self, bytes: &[u8], limit: usize) -> Result<Unpacked, Problem> {
        let mut unpacked = Vec::new();
        let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let end = match self {
            Packing::Gzip => MultiGzDecoder::new(bytes).take(more).read_to_end(&mut unpacked),
            Packing::Zlib => ZlibDecoder::new(bytes).take(more).read_to_end(&mut unpacked),
            Packing::Deflate => DeflateDecoder::new(bytes).take(more).read_to_end(&mut unpacked),
        };
        let is_cut = unpacked.len() > limit;
        unpacked.truncate(limit);
        match end {
            Err(_) if unpacked.is_empty() => Err(Problem::new(0, What::NotPacked)),
            end => Ok(Unpacked { bytes: unpacked, is_cut, is_damaged: end.is_err() && !is_cut }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        let best = Compression::best();
        match packing {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), best);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), best);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), best);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    #[test]
    fn unpacks() {
        for packing in Packing::ALL {
            let bytes = packed(packing, b"{\"a\": 1}");
            let expected = Unpacked { bytes: b"{\"a\": 1}".to_vec(), is_cut: false, is_damaged: false };
            assert_eq!(packing.unpack(&bytes, 100), Ok(expected), "{packing:?}");
            let guessed = (packing != Packing::Deflate).then_some(packing);
            assert_eq!(Packing::guess(&bytes), guessed);
        }
    }

    #[test]
    fn bombs_are_cut() {
        let bomb = packed(Packing::Gzip, &vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        let unpacked = Packing::Gzip.unpack(&bomb, 1_000_000).unwrap();
        assert_eq!((unpacked.bytes.len(), unpacked.is_cut, unpacked.is_damaged), (1_000_000, true, false));
    }

    #[test]
    fn damaged() {
        let text: Vec<u8> =
            (0..20_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let mut bytes = packed(Packing::Gzip, &text);
        bytes.truncate(bytes.len() / 2);
        let unpacked = Packing::Gzip.unpack(&bytes, 1_000_000).unwrap();
        assert!(unpacked.is_damaged && !unpacked.bytes.is_empty());
        assert_eq!(Packing::Zlib.unpack(b"hello", 100), Err(Problem::new(0, What::NotPacked)));
        for (bytes, expected) in [(&b"x\x9c"[..], None), (b"hello", None), (b"x\x9ca", Some(Packing::Zlib))] {
            assert_eq!(Packing::guess(bytes), expected, "{bytes:?}");
        }
    }
}
