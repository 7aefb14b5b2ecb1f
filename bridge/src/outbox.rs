//! What waits to be written to one connection.
//!
//! The broker fills an [`Outbox`] under its lock; the connection takes all of it at once as a [`WriteQueue`] and
//! writes that in as few system calls as the kernel allows, without the lock.
//!
//! ```text
//!            control  ████          acknowledgements, PINGRESP, SUBACK …: first, never dropped
//! Outbox ─┐  sealed   ██ ▓▓▓▓▓▓ ██  small packets copied together (█), large payloads shared (▓)
//!         │  data     ███           small packets, still growing
//!         └─ farewell █             the last packet of the connection, behind everything else
//! ```
//!
//! The data lane is bounded by the broker ([`Outbox::data_bytes`]); the control lane is bounded by what the client
//! sends, because a connection whose control lane is long is not read from.

use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

/// Payloads from this size on are shared between receivers instead of copied: below it, copying costs less than the
/// reference counts and the extra part of a vectored write.
pub const SHARED_PAYLOAD_BYTES: usize = 2048;

/// Buffers that grew beyond this are given back to the allocator when they are empty, not to the pool.
const POOLED_BUFFER_BYTES: usize = 128 * 1024;

/// How many empty buffers a thread keeps.
const POOLED_BUFFERS: usize = 256;

thread_local! {
    /// Empty buffers on their way from one busy connection to the next, so that idle connections hold none.
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn pooled_buffer() -> Vec<u8> {
    POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
}

fn give_back(mut buffer: Vec<u8>) {
    if (1..=POOLED_BUFFER_BYTES).contains(&buffer.capacity()) {
        buffer.clear();
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED_BUFFERS {
                pool.push(buffer);
            }
        });
    }
}

/// What the broker has for one connection and the connection has not taken yet.
#[derive(Debug, Default)]
pub struct Outbox {
    control: Vec<u8>,
    sealed: VecDeque<Bytes>,
    data: Vec<u8>,
    data_bytes: usize,
    farewell: Vec<u8>,
}

impl Outbox {
    /// Bytes in the data lane: what the broker compares with its limit.
    pub fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    /// Bytes in the control lane.
    pub fn control_bytes(&self) -> usize {
        self.control.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.data_bytes == 0 && self.control.is_empty() && self.farewell.is_empty()
    }

    /// The control lane, to append whole packets to.
    pub fn control(&mut self) -> &mut Vec<u8> {
        if self.control.capacity() == 0 {
            self.control = pooled_buffer();
        }
        &mut self.control
    }

    /// Appends one small packet to the data lane. `id_at` is where its packet id stands, if it has one.
    pub fn push_small(&mut self, packet: &[u8], id: Option<(usize, u16)>) {
        if self.data.capacity() == 0 {
            self.data = pooled_buffer();
        }
        let start = self.data.len();
        self.data.extend_from_slice(packet);
        if let Some((id_at, id)) = id {
            let at = start.saturating_add(id_at);
            if let Some(place) = self.data.get_mut(at..at.saturating_add(2)) {
                place.copy_from_slice(&id.to_be_bytes());
            }
        }
        self.data_bytes += packet.len();
    }

    /// Appends one packet whose payload is shared with other receivers.
    pub fn push_shared(&mut self, head: &[u8], id: Option<(usize, u16)>, payload: Bytes) {
        self.push_small(head, id);
        self.data_bytes += payload.len();
        self.sealed.push_back(Bytes::from(mem::take(&mut self.data)));
        self.sealed.push_back(payload);
    }

    /// The last packet of this connection: it goes behind everything else.
    pub fn set_farewell(&mut self, packet: Vec<u8>) {
        self.farewell = packet;
    }

    /// Throws away what is not control: the receiver is not entitled to it any more.
    pub fn clear_data(&mut self) {
        self.sealed.clear();
        self.data.clear();
        self.data_bytes = 0;
    }

    /// Moves everything into `queue`, which is empty.
    pub fn drain_into(&mut self, queue: &mut WriteQueue) {
        debug_assert!(!queue.has_remaining());
        queue.recycle();
        queue.control = mem::take(&mut self.control);
        mem::swap(&mut queue.sealed, &mut self.sealed);
        queue.data = mem::take(&mut self.data);
        queue.farewell = mem::take(&mut self.farewell);
        queue.remaining = queue.control.len() + self.data_bytes + queue.farewell.len();
        self.data_bytes = 0;
    }
}

/// What a connection is writing: the lanes of an [`Outbox`] one behind the other, as one [`Buf`].
#[derive(Debug, Default)]
pub struct WriteQueue {
    control: Vec<u8>,
    sealed: VecDeque<Bytes>,
    data: Vec<u8>,
    farewell: Vec<u8>,
    /// How much of the first buffer that is not empty was written; sealed chunks advance by themselves.
    written: usize,
    remaining: usize,
}

impl WriteQueue {
    /// Gives the spent buffers back, so that an idle connection holds none.
    pub fn recycle(&mut self) {
        if self.remaining == 0 {
            give_back(mem::take(&mut self.control));
            give_back(mem::take(&mut self.data));
            self.farewell = Vec::new();
            if self.sealed.capacity() > 64 {
                self.sealed = VecDeque::new();
            }
            self.written = 0;
        }
    }

    /// Whether buffers are held that [`WriteQueue::recycle`] would give back.
    pub fn holds_buffers(&self) -> bool {
        self.control.capacity() + self.data.capacity() + self.farewell.capacity() > 0
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let vectors = [self.data.as_slice(), self.farewell.as_slice()];
        std::iter::once(self.control.as_slice())
            .chain(self.sealed.iter().map(|chunk| chunk.as_ref()))
            .chain(vectors)
            .filter(|part| !part.is_empty())
    }
}

impl Buf for WriteQueue {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts().next().and_then(|part| part.get(self.written..)).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut filled = 0;
        for (slot, part) in slices.iter_mut().zip(self.parts()) {
            *slot = IoSlice::new(part.get(mem::take(&mut skip)..).unwrap_or_default());
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining = self.remaining.saturating_sub(count);
        loop {
            let first = if !self.control.is_empty() {
                self.control.len()
            } else if let Some(chunk) = self.sealed.front() {
                chunk.len()
            } else if !self.data.is_empty() {
                self.data.len()
            } else {
                self.farewell.len()
            };
            let left = first.saturating_sub(self.written);
            if count < left || first == 0 {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            if !self.control.is_empty() {
                self.control.clear();
            } else if self.sealed.pop_front().is_some() {
            } else if !self.data.is_empty() {
                self.data.clear();
            } else {
                self.farewell.clear();
            }
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
            outbox.push_small(b"d2", None);
            outbox.control().extend_from_slice(b"ack");
            outbox.set_farewell(b"bye".to_vec());
            assert_eq!((outbox.data_bytes(), outbox.control_bytes()), (14, 3));
            let mut queue = WriteQueue::default();
            outbox.drain_into(&mut queue);
            assert!(outbox.is_empty());
            assert_eq!(queue.remaining(), 20);
            assert_eq!(written(&mut queue, step), b"ackd1hABPAYLOADd2bye");
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
