//! What the payload of a message begins with: who sent it, which one it is, and when it was due.
//!
//! ```text
//! bytes 0 to 7    20 bits: the publisher's number   44 bits: the message's number
//! bytes 8 to 15   when it was due, in nanoseconds since 1970
//! ```
//!
//! Both are big-endian. A payload of 8 to 15 bytes has the first half only: loss, duplicates and order are seen, latency
//! is not. A shorter one has neither: messages are counted, no more.

/// Bits of the first word that are the message's number.
const SEQUENCE_BITS: u32 = 44;

const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;

/// The most publishers that one run can have.
pub(super) const MAX_PUBLISHERS: u32 = 1 << (64 - SEQUENCE_BITS);

/// The payload from which on latency is measured, in bytes.
pub(super) const TIMED_BYTES: usize = 16;

/// The payload from which on loss, duplicates and order are seen, in bytes.
pub(super) const NUMBERED_BYTES: usize = 8;

/// One message's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Below [`MAX_PUBLISHERS`].
    pub(super) publisher: u32,
    /// Counts from 0 for each publisher.
    pub(super) sequence: u64,
    /// `None`: the payload has no room for it.
    pub(super) due_ns: Option<u64>,
}

impl Stamp {
    /// Writes as much of it as `payload` has room for.
    pub(super) fn write(publisher: u32, sequence: u64, due_ns: u64, payload: &mut [u8]) {
        let word = u64::from(publisher) << SEQUENCE_BITS | (sequence & SEQUENCE_MASK);
        if let Some((first, rest)) = payload.split_first_chunk_mut() {
            *first = word.to_be_bytes();
            if let Some(second) = rest.first_chunk_mut() {
                *second = due_ns.to_be_bytes();
            }
        }
    }

    /// Reads the stamp of `payload`, if it has room for one. Whatever the bytes are, they are a stamp: a publisher or a
    /// time that cannot be tells that the message is somebody else's.
    pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
        let (first, rest) = payload.split_first_chunk()?;
        let word = u64::from_be_bytes(*first);
        let publisher = u32::try_from(word >> SEQUENCE_BITS).unwrap_or(u32::MAX);
        let due_ns = rest.first_chunk().map(|second| u64::from_be_bytes(*second));
        Some(Stamp { publisher, sequence: word & SEQUENCE_MASK, due_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_written_and_read() {
        for size in 0..40 {
            let mut payload = vec![0xEE; size];
            Stamp::write(MAX_PUBLISHERS - 1, (1 << 44) - 2, 1 << 60, &mut payload);
            let expected = (size >= NUMBERED_BYTES).then_some(Stamp {
                publisher: MAX_PUBLISHERS - 1,
                sequence: (1 << 44) - 2,
                due_ns: (size >= TIMED_BYTES).then_some(1 << 60),
            });
            assert_eq!(Stamp::read(&payload), expected, "{size} bytes");
        }
    }
}
