//! The life of a connection that has been let in: read, decode, exchange with the broker, write.

use super::FAREWELL_TIME;
use super::read_buffer::{READ_BYTES, Room};
use super::throttle::Brakes;
use crate::broker::{BrokerConfig, ConnId, Limit, Output};
use crate::hub::{Exchanged, Hub, Input};
use crate::listener::Transport;
use crate::outbox::WriteQueue;
use bytes::{Buf, BufMut, BytesMut};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tabmq_shared::codec::{self, DecodeError};
use tabmq_shared::packet::{Packet, Version};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

/// While this many bytes of acknowledgements wait to be written, nothing more is read.
const CONTROL_BACKLOG_BYTES: usize = 64 * 1024;

/// After this many bytes the other connections of the thread have their turn, and the receivers of what was read: so a
/// flood neither keeps others waiting nor piles up in outboxes that nobody comes to empty.
const TURN_BYTES: usize = READ_BYTES / 2;

/// About so many deliveries come of one visit to the broker, and then the turn ends as well: ten milliseconds or so under
/// its lock, and as much as the receivers can take.
const TURN_DELIVERIES: u64 = 1 << 17;

/// How many packets the first visit brings, and the most that any does: more than fit into one read of usual messages.
const PACKETS_AT_FIRST: u16 = 16;
const PACKETS_AT_MOST: u16 = 1024;

/// How many parts one write gathers at the most.
const WRITE_SLICES: usize = 64;

/// A connection that has been let in. It keeps small, so that an idle one costs little: see [`Life`](super::Life).
pub(super) struct Exchange {
    transport: Transport,
    hub: Arc<Hub>,
    conn: ConnId,
    version: Version,
    /// As it was when the connection began.
    config: Arc<BrokerConfig>,
    /// Bytes of a packet that is not all there yet; without capacity if there are none.
    input: BytesMut,
    room: Room,
    queue: WriteQueue,
    control_backlog: bool,
    /// The broker may have more to write than `queue`, and does not tell.
    more_output: bool,
    /// The broker has ended the connection: only what it has left for it is still written.
    ended: bool,
    /// The client has said that it sends nothing more.
    client_is_done: bool,
    ahead: Ahead,
    /// How many packets the next visit brings at the most: fewer where each of them goes to thousands.
    packets: u16,
    /// How fast the client may send, and how long it may take nothing of what is written.
    brakes: Option<Box<Brakes>>,
}

/// Whether there may be whole packets in `input` already, so that they are decoded before anything is read.
#[derive(Clone, Copy)]
enum Ahead {
    No,
    /// They came with CONNECT, and their bytes are not counted yet.
    New,
    /// They had to wait: for the next visit, or because the client is too fast.
    Counted,
}

/// What a read brought.
enum Read {
    Bytes(usize),
    /// The client closed its side.
    End,
}

thread_local! {
    /// Where packets are decoded; empty between visits.
    static PACKETS: RefCell<Vec<Packet>> = const { RefCell::new(Vec::new()) };
}

impl Exchange {
    pub(super) fn new(
        transport: Transport,
        hub: Arc<Hub>,
        conn: ConnId,
        version: Version,
        input: BytesMut,
    ) -> Self {
        let (ahead, input) = match input.is_empty() {
            true => (Ahead::No, BytesMut::new()),
            false => (Ahead::New, input),
        };
        let queue = WriteQueue::default();
        let config = hub.config();
        Exchange {
            transport,
            hub,
            conn,
            version,
            input,
            room: Room::new(),
            queue,
            control_backlog: false,
            more_output: true,
            ended: false,
            client_is_done: false,
            ahead,
            packets: PACKETS_AT_FIRST,
            brakes: Brakes::new(&config.limits),
            config,
        }
    }

    /// Ready once there is nothing more to be read: the client is gone, or the broker has ended the connection.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.more_output = true; // perhaps it is the broker who woke us
        let mut nothing_to_read = false;
        let mut read_bytes = 0;
        loop {
            let writing = self.poll_write(cx)?.is_pending();
            if writing && let Poll::Ready(error) = self.poll_stall(cx) {
                return Poll::Ready(Err(error));
            }
            // A client that does not take its acknowledgements is not read from: that bounds them.
            let backlog = self.control_backlog && writing;
            if !nothing_to_read && !backlog {
                if read_bytes >= TURN_BYTES {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match self.poll_read(cx)? {
                    Poll::Ready(Read::End) => {
                        self.client_is_done = true;
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Read::Bytes(_)) if self.ended => return Poll::Ready(Ok(())),
                    Poll::Ready(Read::Bytes(bytes)) => {
                        read_bytes += bytes;
                        continue;
                    }
                    Poll::Pending => nothing_to_read = true,
                }
            }
            if self.more_output {
                self.visit(cx.waker(), 0, None);
                if self.ended {
                    return Poll::Ready(Ok(()));
                }
                if !writing && self.queue.has_remaining() {
                    continue;
                }
            }
            if !writing {
                self.queue.recycle();
                Brakes::end_stall(&mut self.brakes);
            }
            return Poll::Pending;
        }
    }

    /// Pending while there is something that the transport does not take.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wrote = false;
        while self.queue.has_remaining() {
            let written = ready!(self.poll_write_once(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.queue.advance(written);
            wrote = true;
            if let Some(stall) = Brakes::stall(&mut self.brakes) {
                stall.progress();
            }
        }
        if wrote {
            // Nothing for TCP; a WebSocket or TLS may still hold some of it. If so, it goes on by itself.
            let _ = Pin::new(&mut self.transport).poll_flush(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once the client has taken nothing for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let timeout = Duration::from_secs(self.config.limits.write_timeout_s.into());
        let stall = Brakes::begin_stall(&mut self.brakes, timeout);
        let error = ready!(stall.poll(cx));
        self.hub.count_limit(Limit::WriteTimeout);
        Poll::Ready(error)
    }

    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(&mut self.transport);
        let first = self.queue.chunk();
        if first.len() == self.queue.remaining() {
            return transport.poll_write(cx, first); // the plain system call is the cheaper one
        }
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
        let filled = self.queue.chunks_vectored(&mut slices);
        transport.poll_write_vectored(cx, slices.get(..filled).unwrap_or_default())
    }

    /// Reads once, decodes all that it brought and visits the broker.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        if let Some(throttle) = Brakes::throttle(&mut self.brakes) {
            ready!(throttle.poll_ready(cx, |limit| self.hub.count_limit(limit)));
        }
        let ahead = match mem::replace(&mut self.ahead, Ahead::No) {
            Ahead::No => None,
            Ahead::New => Some(self.input.len()),
            Ahead::Counted => Some(0),
        };
        if let Some(bytes) = ahead {
            let bytes = self.decode_and_visit(cx, bytes);
            self.room.give_back_if_empty(&mut self.input);
            return Poll::Ready(Ok(Read::Bytes(bytes)));
        }
        ready!(self.transport.poll_read_ready(cx))?;
        self.room.make(&mut self.input);
        let read = match Brakes::throttle(&mut self.brakes) {
            None => {
                let mut input = (&mut self.input).limit(self.room.most());
                poll_read_buf(Pin::new(&mut self.transport), cx, &mut input)
            }
            Some(throttle) => {
                let mut input = (&mut self.input).limit(throttle.bytes().min(self.room.most()));
                let read = poll_read_buf(Pin::new(&mut self.transport), cx, &mut input);
                if let Poll::Ready(Ok(bytes)) = read {
                    throttle.take_bytes(bytes);
                }
                read
            }
        };
        let result = match read {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(Read::End)),
            Poll::Ready(Ok(bytes)) => Poll::Ready(Ok(Read::Bytes(self.decode_and_visit(cx, bytes)))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        self.room.give_back_if_empty(&mut self.input);
        result
    }

    /// What that counts for in this turn, in bytes: those that were read, or a whole turn if it was much work.
    fn decode_and_visit(&mut self, cx: &Context<'_>, bytes: usize) -> usize {
        let limits = self.config.decoding();
        PACKETS.with_borrow_mut(|packets| {
            let error = loop {
                if packets.len() >= usize::from(self.packets) {
                    if !self.input.is_empty() {
                        self.ahead = Ahead::Counted;
                    }
                    break None;
                }
                match codec::decode(&mut self.input, self.version, &limits) {
                    Ok(Some(packet)) => {
                        self.room.leave_unpooled(&mut self.input);
                        let last = Brakes::throttle(&mut self.brakes)
                            .is_some_and(|throttle| !throttle.take_packet(&packet));
                        packets.push(packet);
                        if last {
                            self.ahead = Ahead::Counted;
                            break None;
                        }
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let brought = packets.len();
            self.room.has_brought(bytes, brought);
            let deliveries = self.visit(cx.waker(), bytes, Some((&mut *packets, error))).deliveries;
            packets.clear();
            self.packets = next_packets(self.packets, brought, deliveries);
            if deliveries >= TURN_DELIVERIES / 2 { bytes.max(TURN_BYTES) } else { bytes }
        })
    }

    /// Brings what was read to the broker, and takes what waits if everything before it is written.
    fn visit(
        &mut self,
        waker: &Waker,
        bytes: usize,
        input: Option<(&mut Vec<Packet>, Option<DecodeError>)>,
    ) -> Exchanged {
        let mut nothing = Vec::new();
        let (packets, error) = input.unwrap_or((&mut nothing, None));
        let input = Input { packets, bytes, error };
        let exchanged = self.hub.exchange(self.conn, input, &mut self.queue, waker);
        self.control_backlog = exchanged.control_bytes > CONTROL_BACKLOG_BYTES;
        self.ended = exchanged.ended;
        self.client_is_done |= exchanged.client_left;
        self.more_output = matches!(exchanged.output, Output::Data { more: true });
        exchanged
    }

    /// Writes what is left, if the transport still takes it, and frees everything.
    pub(super) async fn farewell(mut self, error: Option<io::Error>) {
        let broken = error.is_some();
        if broken || !self.ended {
            self.hub.end(self.conn, error.map(|error| error.to_string()));
        }
        if !broken {
            let last_words = poll_fn(|cx| {
                loop {
                    ready!(self.poll_write(cx))?;
                    if self.visit(cx.waker(), 0, None).output == Output::Close {
                        return Poll::Ready(io::Result::Ok(()));
                    }
                }
            });
            let said = tokio::time::timeout(FAREWELL_TIME, last_words).await;
            self.hub.release(self.conn);
            if matches!(said, Ok(Ok(()))) {
                self.transport.close(self.client_is_done).await;
            }
        } else {
            self.hub.release(self.conn);
        }
    }
}

/// How many packets the next visit may bring, after one that brought `brought` and had `deliveries`. It shrinks at once and
/// grows step by step.
fn next_packets(before: u16, brought: usize, deliveries: u64) -> u16 {
    let wanted = (brought as u64 * TURN_DELIVERIES).checked_div(deliveries).unwrap_or(u64::MAX);
    let most = before.saturating_mul(4).min(PACKETS_AT_MOST);
    u16::try_from(wanted).unwrap_or(u16::MAX).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_packets_where_each_goes_to_thousands() {
        // before, brought, deliveries, next
        let cases = [
            (16, 16, 16, 64),
            (64, 64, 0, 256),
            (1024, 890, 89_000, 1024),
            (1024, 1, 1, 1024),
            (16, 16, 16 * 10_000, 13),
            (1024, 1024, 1024 * 10_000, 13),
            (13, 13, 130_000, 13),
            (13, 1, 1_000_000, 1),
            (1, 1, 0, 4),
            (1, 0, 0, 4),
        ];
        for (before, brought, deliveries, next) in cases {
            assert_eq!(next_packets(before, brought, deliveries), next, "{before} {brought} {deliveries}");
        }
    }
}
