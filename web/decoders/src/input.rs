//! Bytes that are read from front to back; an end that comes too early is an error, never a panic.

use crate::problem::{Problem, What};

/// What is read, and how far.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Input { bytes, at: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Problem> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk::<N>().ok_or_else(|| self.problem(What::Ends))?;
        self.at += N;
        Ok(*array)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(len);
        let taken =
            end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.problem(What::Ends))?;
        self.at += len;
        Ok(taken)
    }

    /// As in Protobuf: seven bits a byte, the lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64, Problem> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Problem::new(start, What::Invalid))
    }

    pub(crate) fn problem(&self, what: What) -> Problem {
        Problem::new(self.at, what)
    }
}
