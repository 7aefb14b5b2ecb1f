//! One connection of the load generator: a socket, what was read, and what is to be written.

use super::super::target::Way;
use super::super::transport::{self, Route, Transport};
use super::frames::{self, Deframer, Notice};
use super::packets::{self, AckPacket, Acknowledgement, Publication, Received};
use crate::tls::{self, ClientStream};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tabmq_shared::BytesMut;
use tabmq_shared::codec;
use tabmq_shared::packet::{Packet, QoS, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The size of a read.
const READ_BYTES: usize = 128 * 1024;

/// The size from which on [`Output`] is better written than filled further.
const WRITE_BYTES: usize = 64 * 1024;

/// How many read buffers a thread keeps for its connections.
const POOLED_BUFFERS: usize = 16;

thread_local! {
    /// An idle connection holds no read buffer.
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: ClientStream,
    pub(super) input: Input,
    pub(super) output: Output,
    /// WebSocket only.
    deframer: Option<Deframer>,
    notices: Vec<Notice>,
}

/// Bytes that were received.
#[derive(Debug)]
pub(super) struct Input {
    version: Version,
    /// Without capacity if nothing is in it.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Bytes that are to be sent.
#[derive(Debug)]
pub(super) struct Output {
    version: Version,
    /// Packets that wait; behind room for a header, if they become a WebSocket frame.
    next: Vec<u8>,
    room: usize,
    writing: Vec<u8>,
    written: usize,
}

impl Link {
    /// Opens a connection, up to where CONNECT can be sent.
    pub(super) async fn open(route: Route, version: Version) -> Result<Link, String> {
        let is_websocket = matches!(route.target.way, Way::WebSocket { .. });
        let stream = match transport::connect(route, version).await? {
            Transport::Bare(stream) => stream,
            // A server says nothing before CONNECT, so tungstenite has read nothing that would be lost.
            Transport::WebSocket { stream, .. } => stream.into_inner(),
        };
        Ok(Link {
            stream,
            input: Input { version, buffer: Vec::new(), start: 0, end: 0 },
            output: Output::new(version, is_websocket),
            deframer: is_websocket.then(Deframer::default),
            notices: Vec::new(),
        })
    }

    /// Reads once. `Ok(false)`: the server has closed the connection.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let start = self.input.make_room();
        let mut buffer = ReadBuf::new(self.input.buffer.get_mut(start..).unwrap_or_default());
        let result = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        if result.is_pending() || count == 0 {
            self.input.release();
        }
        ready!(result)?;
        let Some(deframer) = &mut self.deframer else {
            self.input.end += count;
            return Poll::Ready(Ok(count > 0));
        };
        let chunk = self.input.buffer.get_mut(start..start + count).unwrap_or_default();
        self.input.end += deframer.deframe(chunk, &mut self.notices).map_err(invalid_data)?;
        let mut is_open = count > 0;
        for notice in self.notices.drain(..) {
            match notice {
                // Between frames, as the sealed ones are.
                Notice::Ping(payload) => frames::pong(&mut self.output.writing, &payload),
                Notice::Close => is_open = false,
            }
        }
        Poll::Ready(Ok(is_open))
    }

    /// Writes all that waits. Pending: the socket takes no more for the moment.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.rest() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.written += count;
        }
        // Nothing for TCP; TLS may hold a part that the socket had no room for.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Writes all that waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Waits for the next packet that is none of a PUBLISH and its acknowledgements, which are answered and passed over.
    pub(super) async fn next_other(&mut self) -> Result<Packet, String> {
        loop {
            match self.input.next()? {
                Some(Received::Other(packet)) => return Ok(packet),
                Some(Received::Publish(publication)) => {
                    self.output.acknowledge(&publication);
                    continue;
                }
                Some(Received::Ack(ack)) => {
                    self.output.answer(ack);
                    continue;
                }
                None => {}
            }
            match std::future::poll_fn(|cx| self.poll_read(cx)).await {
                Ok(true) => {}
                Ok(false) => return Err("the server closed the connection".to_owned()),
                Err(error) => {
                    return Err(
                        tls::refusal(&error).unwrap_or_else(|| format!("the connection was lost: {error}"))
                    );
                }
            }
        }
    }

    /// Says goodbye, if the server still listens.
    pub(super) async fn close(mut self) {
        self.output.put(&[0xE0, 0]);
        if self.flush().await.is_ok() {
            if self.deframer.is_some() {
                frames::close(&mut self.output.writing);
            }
            let _ = self.flush().await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.stream).await;
        }
    }
}

impl Input {
    /// Takes the next packet, if it is there as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Received<'_>>, String> {
        if self.start == self.end {
            self.release();
            return Ok(None);
        }
        let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
        let packet = packets::read(bytes, self.version)?;
        Ok(packet.map(|(packet, length)| {
            self.start += length;
            packet
        }))
    }

    /// Makes sure that there is room for a read, and says where.
    fn make_room(&mut self) -> usize {
        if self.buffer.is_empty() {
            self.buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; READ_BYTES]);
        }
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < READ_BYTES / 2 {
            let length = self.buffer.len() * 2; // a packet that is larger than the buffer
            self.buffer.resize(length, 0);
        }
        self.end
    }

    /// Gives the buffer back if nothing is in it.
    fn release(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            let buffer = std::mem::take(&mut self.buffer);
            if buffer.len() == READ_BYTES {
                BUFFERS.with_borrow_mut(|pool| {
                    if pool.len() < POOLED_BUFFERS {
                        pool.push(buffer);
                    }
                });
            }
        }
    }
}

impl Output {
    fn new(version: Version, is_websocket: bool) -> Self {
        let room = if is_websocket { frames::MAX_HEADER } else { 0 };
        Output { version, next: Vec::new(), room, writing: Vec::new(), written: 0 }
    }

    /// Whether as much waits as goes into one write.
    pub(super) fn is_full(&self) -> bool {
        self.next.len() >= WRITE_BYTES
    }

    /// Appends a whole packet, and gives it to be changed.
    pub(super) fn put(&mut self, packet: &[u8]) -> &mut [u8] {
        if self.next.is_empty() {
            self.next.resize(self.room, 0);
        }
        let start = self.next.len();
        self.next.extend_from_slice(packet);
        self.next.get_mut(start..).unwrap_or_default()
    }

    /// Appends a packet.
    pub(super) fn put_packet(&mut self, packet: &Packet) -> Result<(), String> {
        let mut bytes = BytesMut::new();
        codec::encode(packet, self.version, &mut bytes)
            .map_err(|error| format!("{} cannot be written: {error}", packet.packet_type().name()))?;
        self.put(&bytes);
        Ok(())
    }

    /// Appends the first answer to a PUBLISH, if it wants one.
    pub(super) fn acknowledge(&mut self, publication: &Publication<'_>) {
        match publication.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => _ = self.put(&AckPacket::PubAck.packet(publication.packet_id)),
            QoS::ExactlyOnce => _ = self.put(&AckPacket::PubRec.packet(publication.packet_id)),
        }
    }

    /// Appends what follows on an acknowledgement, if anything does.
    pub(super) fn answer(&mut self, ack: Acknowledgement) {
        match ack.kind {
            AckPacket::PubRec if !ack.failed => _ = self.put(&AckPacket::PubRel.packet(ack.packet_id)),
            AckPacket::PubRel => _ = self.put(&AckPacket::PubComp.packet(ack.packet_id)),
            AckPacket::PubAck | AckPacket::PubRec | AckPacket::PubComp => {}
        }
    }

    /// What is to be written next.
    fn rest(&mut self) -> Option<&[u8]> {
        if self.written >= self.writing.len() {
            self.written = 0;
            self.writing.clear();
            if self.next.is_empty() {
                return None;
            }
            std::mem::swap(&mut self.writing, &mut self.next);
            if self.room > 0 {
                self.written = frames::seal(&mut self.writing, fastrand::u32(..).to_ne_bytes());
            }
        }
        self.writing.get(self.written..)
    }
}

fn invalid_data(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
