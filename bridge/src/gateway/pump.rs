//! Bytes both ways, as they are, until one side ends.
//!
//! ```text
//!  tab --read--> [ up lane   ] --write--> broker
//!  tab <--write-- [ down lane ] <--read-- broker
//! ```
//!
//! A lane holds one buffer at the most, and reads only when that is empty: whoever takes slowly holds back whoever sends,
//! through TCP, and never costs more than [`BUFFER_BYTES`]. What one read brought leaves in one write: many frames of the
//! tab become one segment stream, many packets of the broker one frame. Buffers are borrowed from the thread while there
//! is something in them, so an idle tab holds none.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What one read takes at most: as much as one frame of the WebSocket holds.
pub(super) const BUFFER_BYTES: usize = 65_535;

/// How many empty buffers a thread keeps.
const POOLED: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// How a pump came to its end.
#[derive(Debug)]
pub(super) enum End {
    /// The tab closed its side, and the broker has got all that it sent.
    TabClosed,
    /// The tab is gone.
    TabLost(io::Error),
    /// The broker closed its side, and the tab has been given all that it sent.
    BrokerClosed,
    /// The broker is gone.
    BrokerLost(io::Error),
    /// The tab has sent nothing at all.
    Silent,
    /// Nothing has passed in either direction.
    Idle,
}

/// How long silence is borne.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the first byte of the tab.
    pub(super) first: Duration,
    /// Between any two bytes; `None`: for ever, which leaves it to MQTT's keep-alive.
    pub(super) idle: Option<Duration>,
}

/// Told of every number of bytes that was read.
pub(super) trait Traffic {
    /// From the tab.
    fn up(&self, bytes: usize);
    /// From the broker.
    fn down(&self, bytes: usize);
}

/// What had happened before the pump began.
#[derive(Default)]
pub(super) struct Begun {
    /// What the tab has sent and the broker has got.
    pub(super) written: usize,
    /// What the tab has sent and the broker is to get.
    pub(super) up: Vec<u8>,
    /// What the tab is to get.
    pub(super) down: Vec<u8>,
}

/// Carries bytes until one side ends.
pub(super) async fn run<T, B>(
    tab: &mut T,
    broker: &mut B,
    begun: Begun,
    patience: Patience,
    traffic: &impl Traffic,
) -> (End, Moved)
where
    T: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut up = Lane::holding(begun.up);
    up.moved += begun.written as u64;
    let mut down = Lane::holding(begun.down);
    let mut watch = Watch::new(patience);
    let end = poll_fn(|cx| {
        if let Poll::Ready(end) = up.poll(cx, tab, broker, |bytes| traffic.up(bytes)) {
            return Poll::Ready(match end {
                LaneEnd::ReaderClosed => End::TabClosed,
                LaneEnd::ReaderLost(error) => End::TabLost(error),
                LaneEnd::WriterLost(error) => End::BrokerLost(error),
            });
        }
        if let Poll::Ready(end) = down.poll(cx, broker, tab, |bytes| traffic.down(bytes)) {
            return Poll::Ready(match end {
                LaneEnd::ReaderClosed => End::BrokerClosed,
                LaneEnd::ReaderLost(error) => End::BrokerLost(error),
                LaneEnd::WriterLost(error) => End::TabLost(error),
            });
        }
        watch.poll(cx, up.moved, down.moved)
    })
    .await;
    (end, Moved { up: up.moved, down: down.moved })
}

/// How many bytes were read from each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) up: u64,
    pub(super) down: u64,
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// Read and not written: `buffer[start..end]`. Without capacity while there is nothing.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Something was written since the writer was flushed last.
    unflushed: bool,
    moved: u64,
}

enum LaneEnd {
    ReaderClosed,
    ReaderLost(io::Error),
    WriterLost(io::Error),
}

impl Lane {
    fn holding(bytes: Vec<u8>) -> Lane {
        Lane { end: bytes.len(), moved: bytes.len() as u64, buffer: bytes, ..Lane::default() }
    }

    /// Moves what can be moved. Ready at the end.
    fn poll<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        count: impl Fn(usize),
    ) -> Poll<LaneEnd> {
        loop {
            if let Err(error) = ready!(self.poll_write(cx, writer)) {
                return Poll::Ready(LaneEnd::WriterLost(error));
            }
            match self.poll_read(cx, reader) {
                Poll::Ready(Ok(0)) => return Poll::Ready(LaneEnd::ReaderClosed),
                Poll::Ready(Ok(bytes)) => count(bytes),
                Poll::Ready(Err(error)) => return Poll::Ready(LaneEnd::ReaderLost(error)),
                Poll::Pending => break,
            }
        }
        // Now that nothing more comes for the moment: TLS and WebSocket may hold back a part of what they took.
        if self.unflushed {
            match Pin::new(writer).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(LaneEnd::WriterLost(error)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// Ready when nothing waits.
    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.start < self.end {
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.start += written;
            self.unflushed = true;
        }
        give_back(std::mem::take(&mut self.buffer));
        (self.start, self.end) = (0, 0);
        Poll::Ready(Ok(()))
    }

    /// Reads once into an empty lane.
    fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = take();
        let mut free = ReadBuf::new(&mut buffer);
        let read = Pin::new(reader).poll_read(cx, &mut free);
        let bytes = free.filled().len();
        match read {
            Poll::Ready(Ok(())) if bytes > 0 => {
                (self.buffer, self.end) = (buffer, bytes);
                self.moved += bytes as u64;
            }
            _ => give_back(buffer),
        }
        read.map_ok(|()| bytes)
    }
}

fn take() -> Vec<u8> {
    POOL.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER_BYTES])
}

fn give_back(buffer: Vec<u8>) {
    POOL.with_borrow_mut(|pool| {
        if buffer.len() == BUFFER_BYTES && pool.len() < POOLED {
            pool.push(buffer);
        }
    });
}

/// Looks at the clock now and then, and not at every byte.
struct Watch {
    patience: Patience,
    /// `None`: nothing more is asked of the clock.
    timer: Option<Pin<Box<Sleep>>>,
    /// What had moved when the clock was looked at last.
    seen: (u64, u64),
}

impl Watch {
    fn new(patience: Patience) -> Watch {
        Watch { patience, timer: Some(Box::pin(tokio::time::sleep(patience.first))), seen: (0, 0) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, up: u64, down: u64) -> Poll<End> {
        while let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            if up == 0 {
                return Poll::Ready(End::Silent);
            }
            match self.patience.idle {
                None => self.timer = None,
                Some(_) if self.seen == (up, down) => return Poll::Ready(End::Idle),
                Some(idle) => timer.as_mut().reset(Instant::now() + idle),
            }
            self.seen = (up, down);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
