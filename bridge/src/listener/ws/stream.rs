//! A WebSocket as a byte stream.

use super::frame::{self, CloseReason, Decoder, MAX_PAYLOAD, Step};
use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most slices that one frame gathers, its header included.
const MAX_SLICES: usize = 128;

/// The server's end of a WebSocket whose binary frames carry a stream of bytes [MQTT-6.0.0-2].
///
/// - Incoming: payloads one after another, whatever the frames are. Pings are answered. A Close frame is the end of the
///   stream. A text frame or broken framing is an error, and the client is told by a Close frame.
/// - Outgoing: one `poll_write_vectored` is one binary frame of up to 65,535 bytes. A frame is accepted as a whole or not
///   at all; what the socket has no room for is kept, leaves with the next poll of any kind, and until then nothing more
///   is accepted.
/// - `poll_shutdown` sends a Close frame ([`ByteStream::close_with`] says what it says), and then ends the sending
///   direction.
#[derive(Debug)]
pub struct ByteStream<S = TcpStream> {
    inner: S,
    decoder: Decoder,
    /// What the HTTP server had read beyond the upgrade request.
    read_ahead: Bytes,
    input: Input,
    output: Output,
}

/// How far the incoming direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// A Close frame came, or the connection ended.
    Ended,
    /// The client broke the rules.
    Failed(CloseReason),
}

/// What is to be written before anything else.
#[derive(Debug, Default)]
struct Output {
    /// Whole frames or the rest of one.
    owed: BytesMut,
    /// The answer to the last Ping; an older one that could not be sent yet need not be (RFC 6455, section 5.5.3).
    pong: Option<Vec<u8>>,
    close: Closing,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    No,
    /// The Close frame is to be sent, with this code and text.
    Due(Option<u16>, Cow<'static, str>),
    /// It is sent, or on its way: nothing may follow.
    Sent,
}

/// Streams that can tell whether a read would bring something, without a buffer to read into.
pub trait ReadReady {
    /// Ready when a read will probably bring something, be it the end.
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl ReadReady for TcpStream {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        TcpStream::poll_read_ready(self, cx)
    }
}

impl<S> ByteStream<S> {
    /// Takes over after the upgrade; `read_ahead` is what has been read already.
    pub fn new(inner: S, read_ahead: Bytes) -> Self {
        let (decoder, output) = (Decoder::default(), Output::default());
        ByteStream { inner, decoder, read_ahead, input: Input::Open, output }
    }

    /// The stream below.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Ends it with this code and reason (RFC 6455, section 7.4) in place of "normal" and nothing, as soon as what was
    /// accepted has left: with the next [`shutdown`](tokio::io::AsyncWriteExt::shutdown) or [`flush`](
    /// tokio::io::AsyncWriteExt::flush). Nothing is accepted any more. A Close frame has room for 123 bytes of reason.
    pub fn close_with(&mut self, code: u16, reason: impl Into<Cow<'static, str>>) {
        self.output.close_with(Some(code), reason.into());
    }

    /// Takes the frames in `chunk` apart. Their payloads end up at its front; the number of bytes is returned.
    fn deframe(&mut self, chunk: &mut [u8]) -> usize {
        let (mut read, mut kept) = (0, 0);
        while self.input == Input::Open {
            let rest = chunk.get_mut(read..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match self.decoder.step(rest) {
                Ok(Step::Data(n)) => {
                    chunk.copy_within(read..read + n, kept); // `kept` never overtakes `read`
                    read += n;
                    kept += n;
                }
                Ok(Step::Skip(n)) => read += n,
                Ok(Step::Ping(n, payload)) => {
                    self.output.pong = Some(payload);
                    read += n;
                }
                Ok(Step::Close(code)) => {
                    self.input = Input::Ended;
                    self.output.close_with(code, Cow::Borrowed(""));
                }
                Err(reason) => {
                    self.input = Input::Failed(reason);
                    self.output.close_with(Some(reason.code), Cow::Borrowed(reason.text));
                }
            }
        }
        kept
    }
}

impl<S: ReadReady + AsyncWrite + Unpin> ByteStream<S> {
    /// Ready when a read will probably bring something, be it the end.
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.push_owed(cx)?;
        if self.input != Input::Open || !self.read_ahead.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_read_ready(cx)
    }
}

impl<S: AsyncWrite + Unpin> ByteStream<S> {
    /// Writes what is owed. Ready once there is nothing left.
    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.load() {
            let n = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.output.owed))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.owed.advance(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes as much as possible of what is owed, on the way to something else.
    fn push_owed(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.poll_owed(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }
}

impl Output {
    /// Puts the next thing that is due into `owed`; says whether there is anything.
    fn load(&mut self) -> bool {
        if !self.owed.is_empty() {
            return true;
        }
        if let Some(payload) = self.pong.take_if(|_| self.close != Closing::Sent) {
            frame::put_pong(&mut self.owed, &payload);
        } else if let Closing::Due(code, text) = &self.close {
            frame::put_close(&mut self.owed, *code, text);
            self.close = Closing::Sent;
        } else {
            self.owed = BytesMut::new(); // an idle connection holds no buffer
        }
        !self.owed.is_empty()
    }

    /// Asks for a Close frame, unless there is one.
    fn close_with(&mut self, code: Option<u16>, text: Cow<'static, str>) {
        if self.close == Closing::No {
            self.close = Closing::Due(code, text);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            this.push_owed(cx)?;
            match this.input {
                Input::Open if buf.remaining() > 0 => {}
                Input::Open | Input::Ended => return Poll::Ready(Ok(())),
                Input::Failed(reason) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason.text)));
                }
            }
            let start = buf.filled().len();
            if this.read_ahead.is_empty() {
                ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            } else {
                let part = this.read_ahead.split_to(this.read_ahead.len().min(buf.remaining()));
                buf.put_slice(&part);
            }
            let chunk = buf.filled_mut().get_mut(start..).unwrap_or_default();
            if chunk.is_empty() {
                this.input = Input::Ended; // without a Close frame: that is for MQTT to judge
            }
            // Frames are taken apart where they were received: what remains is never longer.
            let kept = this.deframe(chunk);
            buf.set_filled(start + kept);
            if kept > 0 {
                // A Ping in the same chunk is answered now: the next poll may be far away.
                this.push_owed(cx)?;
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_owed(cx))?;
        if this.output.close != Closing::No {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the WebSocket is closed")));
        }
        // Slot 0 is for the header, which says how long the payload is.
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let (mut count, mut length) = (1, 0);
        for (slot, buf) in slices.iter_mut().skip(1).zip(bufs.iter().filter(|buf| !buf.is_empty())) {
            let part = buf.get(..buf.len().min(MAX_PAYLOAD - length)).unwrap_or_default();
            *slot = IoSlice::new(part);
            length += part.len();
            count += 1;
        }
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        let (header, header_len) = frame::binary_header(length);
        if let Some(slot) = slices.first_mut() {
            *slot = IoSlice::new(header.get(..header_len).unwrap_or_default());
        }
        let whole = slices.get(..count).unwrap_or_default();
        let written = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, whole))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        // The frame has begun: whatever happens to the connection's queue, it must be completed.
        let mut skip = written;
        for slice in whole {
            this.output.owed.extend_from_slice(slice.get(skip..).unwrap_or_default());
            skip = skip.saturating_sub(slice.len());
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_owed(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.close_with(Some(CloseReason::NORMAL.code), Cow::Borrowed(CloseReason::NORMAL.text));
        ready!(self.poll_owed(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
