//! Where payloads lie that are kept: small ones side by side in chunks, because memory of its own for each would cost more
//! than all else about a small message.
//!
//! The history lets its oldest messages go first, so chunks become free one after the other. What is kept for longer than
//! the history keeps it must be copied: ten bytes would hold a whole chunk.

use bytes::{Bytes, BytesMut};

/// The size of a chunk, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// Smaller payloads lie in chunks, in bytes.
const SMALL_BYTES: usize = 1024;

/// A payload from this size on keeps the buffer that it was read into, in bytes; one below is copied: otherwise it would
/// keep the buffer's sixty-four thousand.
const LARGE_BYTES: usize = 16 * 1024;

/// Room for payloads.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    chunk: BytesMut,
}

impl Payloads {
    /// The same bytes, without what they were read with.
    pub(super) fn keep(&mut self, payload: Bytes) -> Bytes {
        match payload.len() {
            0 => Bytes::new(),
            1..SMALL_BYTES => {
                if self.chunk.capacity() < payload.len() {
                    self.chunk = BytesMut::with_capacity(CHUNK_BYTES);
                }
                self.chunk.extend_from_slice(&payload);
                self.chunk.split().freeze()
            }
            SMALL_BYTES..LARGE_BYTES => Bytes::copy_from_slice(&payload),
            LARGE_BYTES.. => payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_elsewhere() {
        let mut payloads = Payloads::default();
        let sizes = [0, 1, 7, 1023, 1024, 5000, 16 * 1024 - 1, 16 * 1024, 100_000];
        for (n, size) in sizes.into_iter().cycle().take(1000).enumerate() {
            let read = Bytes::from(vec![n as u8; size]);
            let kept = payloads.keep(read.clone());
            assert_eq!(kept, read, "{size} bytes");
            let is_shared = size > 0 && kept.as_ptr() == read.as_ptr();
            assert_eq!(is_shared, size >= LARGE_BYTES, "{size} bytes");
        }
    }

    #[test]
    fn small_ones_share_a_chunk() {
        let mut payloads = Payloads::default();
        let kept: Vec<Bytes> = (0..100).map(|n| payloads.keep(Bytes::from(vec![n; 5]))).collect();
        let begin = kept[0].as_ptr() as usize;
        assert!(kept.iter().enumerate().all(|(n, bytes)| bytes.as_ptr() as usize == begin + 5 * n));
    }
}
