//! What waits to be written to one connection.
//!
//! The broker fills an [`Outbox`] under its lock; the connection takes all of it at once as a [`WriteQueue`] and
//! writes that in as few system calls as the kernel allows, without the lock. Both are handles of the same lanes, which
//! are on loan from the thread: who has nothing to write holds none.
//!
//! ```text
//! control  ████               acknowledgements, PINGRESP, SUBACK …: first, never dropped
//! data     ██.███.██████      small packets and the heads of large ones, copied together
//! shared     |▓▓ |▓▓▓▓▓▓      large payloads, shared with other receivers, each at its place between the data
//! farewell █                  the last packet of the connection, behind everything else
//! ```
//!
//! The data lane is bounded by the broker ([`Outbox::data_bytes`]); the control lane is bounded by what the client
//! sends, because a connection whose control lane is long is not read from.

use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Payloads from this size on are shared between receivers instead of copied: below it, copying costs less than the
/// reference counts and the extra part of a vectored write.
pub const SHARED_PAYLOAD_BYTES: usize = 2048;

/// Buffers that grew beyond this are given back to the allocator when they are empty.
const POOLED_BUFFER_BYTES: usize = 128 * 1024;

/// How many lanes without content a thread keeps.
const POOLED_LANES: usize = 128;

thread_local! {
    /// Empty lanes on their way from one busy connection to the next.
    #[expect(clippy::vec_box, reason = "what goes round is the box")]
    static POOL: RefCell<Vec<Box<Lanes>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
struct Lanes {
    control: Vec<u8>,
    data: Vec<u8>,
    shared: VecDeque<SharedPayload>,
    farewell: Vec<u8>,
    /// Bytes of `data` and `shared`.
    data_bytes: usize,
    /// What is left of all lanes, once they are being written.
    remaining: usize,
    /// How far the lanes are written; shared payloads shrink by themselves.
    control_at: usize,
    data_at: usize,
    farewell_at: usize,
}

#[derive(Debug)]
struct SharedPayload {
    /// It goes behind this much of `data`.
    behind: usize,
    payload: Bytes,
}

impl Lanes {
    fn pooled() -> Box<Self> {
        POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Empties them and gives them back.
    fn give_back(mut self: Box<Self>) {
        for buffer in [&mut self.control, &mut self.data, &mut self.farewell] {
            buffer.clear();
            if buffer.capacity() > POOLED_BUFFER_BYTES {
                *buffer = Vec::new();
            }
        }
        self.shared.clear();
        self.shared.shrink_to(64);
        (self.data_bytes, self.remaining) = (0, 0);
        (self.control_at, self.data_at, self.farewell_at) = (0, 0, 0);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED_LANES {
                pool.push(self);
            }
        });
    }

    fn is_empty(&self) -> bool {
        self.data_bytes == 0 && self.control.is_empty() && self.farewell.is_empty()
    }

    fn control_left(&self) -> &[u8] {
        self.control.get(self.control_at..).unwrap_or_default()
    }

    fn farewell_left(&self) -> &[u8] {
        self.farewell.get(self.farewell_at..).unwrap_or_default()
    }

    /// The data up to the next shared payload.
    fn data_left(&self) -> &[u8] {
        let end = self.shared.front().map_or(self.data.len(), |shared| shared.behind);
        self.data.get(self.data_at..end).unwrap_or_default()
    }

    /// What is to be written next; empty if nothing is.
    fn first(&self) -> &[u8] {
        if !self.control_left().is_empty() {
            self.control_left()
        } else if !self.data_left().is_empty() {
            self.data_left()
        } else if let Some(shared) = self.shared.front() {
            &shared.payload
        } else {
            self.farewell_left()
        }
    }

    /// Counts `count` bytes of what is [first](Self::first) as written.
    fn advance_first(&mut self, count: usize) {
        if !self.control_left().is_empty() {
            self.control_at += count;
        } else if !self.data_left().is_empty() {
            self.data_at += count;
        } else if let Some(shared) = self.shared.front_mut() {
            shared.payload.advance(count);
            if shared.payload.is_empty() {
                self.shared.pop_front();
            }
        } else {
            self.farewell_at += count;
        }
    }

    /// All that is left, in the order in which it is written.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.data_at;
        let between = self.shared.iter().flat_map(move |shared| {
            let data = self.data.get(at..shared.behind).unwrap_or_default();
            at = shared.behind;
            [data, &*shared.payload]
        });
        let last = self.shared.back().map_or(self.data_at, |shared| shared.behind);
        let behind = [self.data.get(last..).unwrap_or_default(), self.farewell_left()];
        std::iter::once(self.control_left()).chain(between).chain(behind).filter(|part| !part.is_empty())
    }
}

/// What the broker has for one connection and the connection has not taken yet.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: Option<Box<Lanes>>,
}

impl Outbox {
    /// Bytes in the data lane: what the broker compares with its limit.
    pub fn data_bytes(&self) -> usize {
        self.lanes.as_ref().map_or(0, |lanes| lanes.data_bytes)
    }

    /// Bytes in the control lane.
    pub fn control_bytes(&self) -> usize {
        self.lanes.as_ref().map_or(0, |lanes| lanes.control.len())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.as_ref().is_none_or(|lanes| lanes.is_empty())
    }

    /// The control lane, to append whole packets to.
    pub fn control(&mut self) -> &mut Vec<u8> {
        &mut self.lanes().control
    }

    /// Appends one small packet to the data lane. `id_at` is where its packet id stands, if it has one.
    pub fn push_small(&mut self, packet: &[u8], id: Option<(usize, u16)>) {
        let lanes = self.lanes();
        let start = lanes.data.len();
        lanes.data.extend_from_slice(packet);
        if let Some((id_at, id)) = id {
            let at = start.saturating_add(id_at);
            if let Some(place) = lanes.data.get_mut(at..at.saturating_add(2)) {
                place.copy_from_slice(&id.to_be_bytes());
            }
        }
        lanes.data_bytes += packet.len();
    }

    /// Appends one packet whose payload is shared with other receivers.
    pub fn push_shared(&mut self, head: &[u8], id: Option<(usize, u16)>, payload: Bytes) {
        self.push_small(head, id);
        let lanes = self.lanes();
        lanes.data_bytes += payload.len();
        lanes.shared.push_back(SharedPayload { behind: lanes.data.len(), payload });
    }

    /// The last packet of this connection: it goes behind everything else.
    pub fn set_farewell(&mut self, packet: Vec<u8>) {
        self.lanes().farewell = packet;
    }

    /// Throws away what is not control: the receiver is not entitled to it any more.
    pub fn clear_data(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            lanes.shared.clear();
            lanes.data.clear();
            lanes.data_bytes = 0;
        }
    }

    /// Moves everything into `queue`, which is empty.
    pub fn drain_into(&mut self, queue: &mut WriteQueue) {
        debug_assert!(!queue.has_remaining());
        queue.recycle();
        queue.lanes = self.lanes.take();
        if let Some(lanes) = &mut queue.lanes {
            lanes.remaining = lanes.control.len() + lanes.data_bytes + lanes.farewell.len();
        }
    }

    fn lanes(&mut self) -> &mut Lanes {
        self.lanes.get_or_insert_with(Lanes::pooled)
    }
}

/// What a connection is writing: the lanes of an [`Outbox`] one behind the other, as one [`Buf`].
#[derive(Debug, Default)]
pub struct WriteQueue {
    lanes: Option<Box<Lanes>>,
}

impl WriteQueue {
    /// Gives the spent lanes back, so that an idle connection holds none.
    pub fn recycle(&mut self) {
        if let Some(lanes) = self.lanes.take_if(|lanes| lanes.remaining == 0) {
            lanes.give_back();
        }
    }

    /// Whether lanes are held that [`WriteQueue::recycle`] would give back.
    pub fn holds_buffers(&self) -> bool {
        self.lanes.is_some()
    }
}

impl Buf for WriteQueue {
    fn remaining(&self) -> usize {
        self.lanes.as_ref().map_or(0, |lanes| lanes.remaining)
    }

    fn chunk(&self) -> &[u8] {
        self.lanes.as_ref().map_or(&[], |lanes| lanes.first())
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(lanes) = &self.lanes else { return 0 };
        let mut filled = 0;
        for (slot, part) in slices.iter_mut().zip(lanes.parts()) {
            *slot = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        let Some(lanes) = &mut self.lanes else { return };
        lanes.remaining = lanes.remaining.saturating_sub(count);
        while count > 0 {
            let step = lanes.first().len().min(count);
            if step == 0 {
                return;
            }
            lanes.advance_first(step);
            count -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that `queue` would write, taken `step` bytes at a time.
    fn written(queue: &mut WriteQueue, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while queue.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = queue.chunks_vectored(&mut slices);
            let all: Vec<u8> = slices[..filled].iter().flat_map(|s| s.iter().copied()).collect();
            assert_eq!(&all[..queue.chunk().len()], queue.chunk());
            let n = step.min(all.len());
            out.extend_from_slice(&all[..n]);
            queue.advance(n);
        }
        out
    }

    #[test]
    fn lanes_leave_in_order_whatever_the_step() {
        for step in 1..20 {
            let mut outbox = Outbox::default();
            outbox.push_small(b"d1", None);
            outbox.push_shared(b"h..", Some((1, 0x4142)), Bytes::from_static(b"PAYLOAD"));
            outbox.push_shared(b"h", None, Bytes::from_static(b"MORE"));
            outbox.push_small(b"d2", None);
            outbox.control().extend_from_slice(b"ack");
            outbox.set_farewell(b"bye".to_vec());
            assert_eq!((outbox.data_bytes(), outbox.control_bytes()), (19, 3));
            let mut queue = WriteQueue::default();
            outbox.drain_into(&mut queue);
            assert!(outbox.is_empty());
            assert_eq!(queue.remaining(), 25);
            assert_eq!(written(&mut queue, step), b"ackd1hABPAYLOADhMOREd2bye");
            queue.recycle();
            assert!(!queue.holds_buffers());
        }
    }

    #[test]
    fn buffers_go_round() {
        let mut outbox = Outbox::default();
        let mut queue = WriteQueue::default();
        for _ in 0..3 {
            outbox.push_small(&[1; 1000], None);
            outbox.drain_into(&mut queue);
            queue.advance(1000);
        }
        queue.recycle();
        assert_eq!(POOL.with_borrow(Vec::len), 2, "one being filled, one being written");
    }
}
