//! Read buffers on loan: a thread has a few, and only connections that are being read from hold one.
//!
//! Messages are slices of the buffer that they were read from, so a buffer that is given back may still be held by some
//! of them for a while. It waits at the end of the row, and by the time that it is at the front it is usually free.

use crate::outbox::SHARED_PAYLOAD_BYTES;
use bytes::BytesMut;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;

/// The room for one read, in bytes.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// The room for one read of a connection that sends large packets one behind the other. With fewer system calls a message of
/// 16 kB costs a fifth less; small ones cost the same. Not for everybody: a message that is not taken keeps its whole
/// buffer alive.
const WIDE_READ_BYTES: usize = 256 * 1024;

/// A buffer that has grown with a packet beyond this is not kept for others.
const POOLED_BYTES: usize = 2 * 1024 * 1024;

/// How many of each kind a thread keeps.
const POOLED: usize = 64;
const POOLED_WIDE: usize = 16;

/// How many are looked at before a new one is made.
const TRIES: usize = 4;

/// Which row a buffer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Usual,
    Wide,
    /// None: it is larger than [`POOLED_BYTES`], or came with CONNECT and is small.
    Unpooled,
}

#[derive(Default)]
struct Pool {
    usual: VecDeque<BytesMut>,
    wide: VecDeque<BytesMut>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Which kind of buffer a connection holds, and wants. Beside the buffer and not around it: so an idle connection is smaller.
#[derive(Debug)]
pub(super) struct Room {
    /// Of the buffer that it holds, if it does.
    held: Kind,
    /// Of the next one.
    wanted: Kind,
}

impl Room {
    /// Of a connection that has just begun.
    pub(super) const fn new() -> Self {
        Room { held: Kind::Unpooled, wanted: Kind::Usual }
    }

    /// Sees to it that there is room for a read behind what `input` holds.
    pub(super) fn make(&mut self, input: &mut BytesMut) {
        let room = if self.wanted == Kind::Wide { WIDE_READ_BYTES } else { READ_BYTES };
        if input.capacity() - input.len() >= room / 2 {
            return;
        }
        // A large packet on its way: growing in place copies less than starting afresh.
        if input.len() >= room {
            input.reserve(room);
            self.held = if input.capacity() > POOLED_BYTES { Kind::Unpooled } else { Kind::Wide };
            return;
        }
        if input.capacity() > 0 && input.try_reclaim(room) {
            return;
        }
        let mut fresh = take(self.wanted, room);
        fresh.reserve(room + input.len());
        fresh.extend_from_slice(input);
        give_back(mem::replace(input, fresh), mem::replace(&mut self.held, self.wanted));
    }

    /// How much the next read may bring. Behind a huge packet not all that fits, because it is copied:
    /// [`leave_unpooled`](Self::leave_unpooled).
    pub(super) fn most(&self) -> usize {
        if self.held == Kind::Unpooled { WIDE_READ_BYTES } else { usize::MAX }
    }

    /// After each packet. What stands behind a huge one in its buffer moves to memory of its own: a message that is kept
    /// must not keep megabytes alive, which nobody would count.
    pub(super) fn leave_unpooled(&mut self, input: &mut BytesMut) {
        if self.held == Kind::Unpooled && (1..=WIDE_READ_BYTES).contains(&input.len()) {
            let (kind, room) = match input.len() > READ_BYTES {
                true => (Kind::Wide, WIDE_READ_BYTES),
                false => (Kind::Usual, READ_BYTES),
            };
            let mut rest = take(kind, room);
            rest.reserve(room);
            rest.extend_from_slice(input);
            give_back(mem::replace(input, rest), mem::replace(&mut self.held, kind));
        }
    }

    /// Hears how much a read brought, and how many packets that were.
    pub(super) fn has_brought(&mut self, bytes: usize, packets: usize) {
        let is_stream = bytes >= READ_BYTES / 2 && bytes / packets.max(1) >= SHARED_PAYLOAD_BYTES;
        self.wanted = if is_stream { Kind::Wide } else { Kind::Usual };
    }

    /// Takes an empty buffer back; one that holds the beginning of a packet stays where it is.
    pub(super) fn give_back_if_empty(&self, input: &mut BytesMut) {
        if input.is_empty() && input.capacity() > 0 {
            give_back(mem::take(input), self.held);
        }
    }
}

fn take(kind: Kind, room: usize) -> BytesMut {
    POOL.with_borrow_mut(|pool| {
        let row = if kind == Kind::Usual { &mut pool.usual } else { &mut pool.wide };
        for _ in 0..row.len().min(TRIES) {
            let Some(mut buffer) = row.pop_front() else { break };
            if buffer.try_reclaim(room) {
                return buffer;
            }
            row.push_back(buffer);
        }
        BytesMut::new()
    })
}

fn give_back(mut buffer: BytesMut, kind: Kind) {
    buffer.clear();
    POOL.with_borrow_mut(|pool| {
        let (row, most) = match kind {
            Kind::Usual => (&mut pool.usual, POOLED),
            Kind::Wide => (&mut pool.wide, POOLED_WIDE),
            Kind::Unpooled => return,
        };
        if buffer.capacity() > 0 && row.len() < most {
            row.push_back(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many usual ones and wide ones are pooled.
    fn pooled() -> (usize, usize) {
        POOL.with_borrow(|pool| (pool.usual.len(), pool.wide.len()))
    }

    #[test]
    fn a_buffer_goes_round_and_is_not_written_over_while_somebody_reads_it() {
        let (mut room, mut input) = (Room::new(), BytesMut::new());
        room.make(&mut input);
        assert!(input.capacity() >= READ_BYTES);
        input.extend_from_slice(b"message");
        let message = input.split().freeze();
        let first = message.as_ptr();
        room.give_back_if_empty(&mut input);
        assert_eq!((input.capacity(), pooled()), (0, (1, 0)), "an idle connection holds none");
        room.make(&mut input);
        input.extend_from_slice(b"another");
        assert_eq!(message.as_ref(), b"message");
        drop(message);
        input.clear();
        room.give_back_if_empty(&mut input);
        room.make(&mut input);
        input.extend_from_slice(b"third");
        assert_eq!(
            (input.as_ptr(), pooled()),
            (first, (1, 0)),
            "the first one is free again, and used again"
        );
    }

    #[test]
    fn the_beginning_of_a_packet_moves_along() {
        let (mut room, mut input) = (Room::new(), BytesMut::new());
        room.make(&mut input);
        let full = input.capacity();
        input.extend_from_slice(&vec![7; full]);
        let message = input.split_to(full - 10).freeze();
        room.has_brought(full, 1);
        room.make(&mut input);
        assert_eq!(input.as_ref(), [7; 10]);
        assert!(input.capacity() >= WIDE_READ_BYTES);
        assert_eq!(pooled(), (1, 0), "the old one is in its row");
        assert!(message.iter().all(|byte| *byte == 7));
        input.clear();
        room.give_back_if_empty(&mut input);
        assert_eq!(pooled(), (1, 1));
    }

    #[test]
    fn a_large_packet_grows_in_place_and_its_buffer_is_not_kept() {
        let (mut room, mut input) = (Room::new(), BytesMut::new());
        for _ in 0..80 {
            room.make(&mut input);
            assert!(input.capacity() - input.len() >= READ_BYTES / 2);
            input.extend_from_slice(&vec![1; READ_BYTES / 2]);
        }
        assert_eq!(input.len(), 40 * READ_BYTES);
        assert!(input.capacity() > POOLED_BYTES);
        input.clear();
        room.give_back_if_empty(&mut input);
        assert_eq!((input.capacity(), pooled()), (0, (0, 0)));
        room.make(&mut input);
        assert!(input.capacity() < POOLED_BYTES);
    }

    #[test]
    fn what_follows_a_huge_packet_does_not_keep_its_buffer() {
        let (mut room, mut input) = (Room::new(), BytesMut::new());
        while input.len() <= POOLED_BYTES {
            room.make(&mut input);
            input.extend_from_slice(&vec![1; READ_BYTES / 2]);
        }
        assert_eq!(room.most(), WIDE_READ_BYTES);
        input.extend_from_slice(b"small");
        let huge = input.split_to(input.len() - 5).freeze();
        assert!(!huge.is_unique());
        room.leave_unpooled(&mut input);
        let small = input.split().freeze();
        assert_eq!((small.as_ref(), huge.is_unique(), room.most()), (&b"small"[..], true, usize::MAX));
        room.give_back_if_empty(&mut input);
        assert_eq!((input.capacity(), pooled()), (0, (1, 0)));
    }

    #[test]
    fn the_small_buffer_that_came_with_connect_is_not_kept() {
        let (mut room, mut input) = (Room::new(), BytesMut::from(&b"first and second"[..]));
        let _first = input.split_to(5);
        room.leave_unpooled(&mut input);
        assert_eq!((input.as_ref(), pooled()), (&b" and second"[..], (0, 0)));
        input.clear();
        room.give_back_if_empty(&mut input);
        assert!(
            take(Kind::Usual, READ_BYTES).capacity() >= READ_BYTES,
            "what is pooled has the room of a read"
        );
    }

    #[test]
    fn only_streams_of_large_packets_want_wide_ones() {
        for (bytes, packets, is_wide) in [
            (READ_BYTES, 4, true),
            (READ_BYTES, 0, true),
            (READ_BYTES / 2, 1, true),
            (16_000, 1, false),
            (READ_BYTES, READ_BYTES / 64, false),
        ] {
            let (mut room, mut input) = (Room::new(), BytesMut::new());
            room.has_brought(bytes, packets);
            room.make(&mut input);
            assert_eq!(input.capacity() >= WIDE_READ_BYTES, is_wide, "{bytes} bytes, {packets} packets");
        }
    }

    #[test]
    fn rows_are_bounded() {
        for kind in [Kind::Usual, Kind::Wide, Kind::Unpooled] {
            for _ in 0..POOLED + 5 {
                give_back(BytesMut::with_capacity(10), kind);
            }
        }
        assert_eq!(pooled(), (POOLED, POOLED_WIDE));
    }
}
