//! A socket that is read in large pieces, whatever is asked for.
//!
//! rustls reads 4 KiB at a time, which for large messages is a system call for each quarter of a record. Here one read takes
//! what is there, into a buffer that the thread lends; what was not asked for waits in a buffer of its own size, and is gone
//! when it has been taken. So an idle connection holds none.

use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What one read takes at most: two records of TLS, which have 16 KiB each, and what is around them.
const CHUNK_BYTES: usize = 34 * 1024;

thread_local! {
    static CHUNK: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK_BYTES].into_boxed_slice());
}

/// A socket, and what was read from it beyond what was asked for.
#[derive(Debug)]
pub(super) struct ReadAhead {
    socket: TcpStream,
    ahead: Bytes,
}

impl ReadAhead {
    pub(super) fn new(socket: TcpStream) -> Self {
        ReadAhead { socket, ahead: Bytes::new() }
    }

    /// The socket. What was read ahead is not in it any more.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The same for good.
    pub(super) fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Ready when a read brings something, be it the end.
    pub(super) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() { self.socket.poll_read_ready(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ReadAhead { socket, ahead } = &mut *self;
        if ahead.is_empty() {
            return CHUNK.with_borrow_mut(|chunk| {
                let mut read = ReadBuf::new(chunk);
                ready!(Pin::new(socket).poll_read(cx, &mut read))?;
                let (asked, rest) = read.filled().split_at(read.filled().len().min(buf.remaining()));
                buf.put_slice(asked);
                *ahead = Bytes::copy_from_slice(rest);
                Poll::Ready(Ok(()))
            });
        }
        let count = ahead.len().min(buf.remaining());
        buf.put_slice(ahead.get(..count).unwrap_or_default());
        ahead.advance(count);
        if ahead.is_empty() {
            *ahead = Bytes::new(); // its memory is free now
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn whatever_is_asked_for_all_comes_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut receiver = ReadAhead::new(listener.accept().await.unwrap().0);
        let sent: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
        let all = sent.clone();
        let sending = tokio::spawn(async move {
            sender.write_all(&all).await.unwrap();
            sender.shutdown().await.unwrap();
        });
        let (mut received, mut asked) = (Vec::new(), 0_usize);
        loop {
            // From nothing to more than a chunk.
            asked = (asked * 7 + 1) % (2 * CHUNK_BYTES);
            let mut part = vec![0; asked + 1];
            poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
            let n = receiver.read(&mut part).await.unwrap();
            if n == 0 {
                break;
            }
            received.extend_from_slice(&part[..n]);
        }
        sending.await.unwrap();
        assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
    }
}
