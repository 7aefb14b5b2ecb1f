//! Read buffers on loan: a thread has a few, and only connections that are being read from hold one.
//!
//! Messages are slices of the buffer that they were read from, so a buffer that is given back may still be held by some
//! of them for a while. It waits at the end of the row, and by the time that it is at the front it is usually free.

use bytes::BytesMut;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The room for one read, in bytes.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// How many a thread keeps.
const POOLED: usize = 64;

/// How many are looked at before a new one is made.
const TRIES: usize = 4;

thread_local! {
    static POOL: RefCell<VecDeque<BytesMut>> = const { RefCell::new(VecDeque::new()) };
}

/// Sees to it that there is room for a read behind what `input` holds.
pub(super) fn make_room(input: &mut BytesMut) {
    let spare = input.capacity() - input.len();
    if spare >= READ_BYTES / 2 {
        return;
    }
    // A large packet on its way: growing in place copies less than starting afresh.
    if input.len() >= READ_BYTES {
        input.reserve(READ_BYTES);
        return;
    }
    if input.capacity() > 0 && input.try_reclaim(READ_BYTES) {
        return;
    }
    let mut fresh = take();
    fresh.reserve(READ_BYTES + input.len());
    fresh.extend_from_slice(input);
    give_back(std::mem::replace(input, fresh));
}

/// Takes an empty buffer back; one that holds the beginning of a packet stays where it is.
pub(super) fn give_back_if_empty(input: &mut BytesMut) {
    if input.is_empty() && input.capacity() > 0 {
        give_back(std::mem::take(input));
    }
}

fn take() -> BytesMut {
    POOL.with_borrow_mut(|pool| {
        for _ in 0..pool.len().min(TRIES) {
            let Some(mut buffer) = pool.pop_front() else { break };
            if buffer.try_reclaim(READ_BYTES) {
                return buffer;
            }
            pool.push_back(buffer);
        }
        BytesMut::new()
    })
}

fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    POOL.with_borrow_mut(|pool| {
        if buffer.capacity() > 0 && pool.len() < POOLED {
            pool.push_back(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> usize {
        POOL.with_borrow(VecDeque::len)
    }

    #[test]
    fn a_buffer_goes_round_and_is_not_written_over_while_somebody_reads_it() {
        let mut input = BytesMut::new();
        make_room(&mut input);
        assert!(input.capacity() >= READ_BYTES);
        input.extend_from_slice(b"message");
        let message = input.split().freeze();
        let first = message.as_ptr();
        give_back_if_empty(&mut input);
        assert_eq!((input.capacity(), pooled()), (0, 1), "an idle connection holds none");
        make_room(&mut input);
        input.extend_from_slice(b"another");
        assert_eq!(message.as_ref(), b"message");
        drop(message);
        input.clear();
        give_back_if_empty(&mut input);
        make_room(&mut input);
        input.extend_from_slice(b"third");
        assert_eq!((input.as_ptr(), pooled()), (first, 1), "the first one is free again, and used again");
    }

    #[test]
    fn the_beginning_of_a_packet_moves_along() {
        let mut input = BytesMut::new();
        make_room(&mut input);
        input.extend_from_slice(&vec![7; input.capacity()]);
        let message = input.split_to(input.len() - 10).freeze();
        make_room(&mut input);
        assert_eq!(input.as_ref(), [7; 10]);
        assert!(input.capacity() >= READ_BYTES);
        assert!(message.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_large_packet_grows_in_place() {
        let mut input = BytesMut::new();
        for _ in 0..40 {
            make_room(&mut input);
            let room = input.capacity() - input.len();
            assert!(room >= READ_BYTES / 2);
            input.extend_from_slice(&vec![1; READ_BYTES / 2]);
        }
        assert_eq!(input.len(), 20 * READ_BYTES);
    }
}
