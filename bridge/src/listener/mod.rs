//! Where connections come in. Each kind of listener yields a [`Transport`], a byte stream, and nothing else:
//! from there on nobody asks which kind it was.
//!
//! - [`accept`]: bind, and the accept loop that all listeners share.
//! - [`handshake`]: TLS, from the first byte to the byte stream inside, [`tls`].
//! - [`ws`]: WebSocket, from the HTTP upgrade to the byte stream.

pub mod accept;
pub mod handshake;
pub mod tls;
pub mod ws;

use crate::workers::Socket;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use ws::ReadReady;

/// How long [`Transport::close`] waits for the peer, all in all.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// After so many reads that brought what nobody wants, others have their turn: the peer may send for ever.
const DISCARDS: usize = 16;

/// A connection as a byte stream.
///
/// To be polled from one task: reading may write (a WebSocket answers a ping), and a socket remembers one waker for
/// each direction.
#[derive(Debug)]
pub enum Transport {
    /// Plain TCP.
    Tcp(TcpStream),
    /// The same, where the thread's reactor watches over it.
    Socket(Socket),
    /// What is inside TLS.
    Tls(Box<tls::Stream>),
    /// The payloads of a WebSocket's binary frames.
    WebSocket(Box<ws::ByteStream>),
    /// And of one inside TLS.
    SecureWebSocket(Box<ws::ByteStream<tls::Stream>>),
}

impl Transport {
    /// Ready when a read will probably bring something, be it the end. Lets an idle connection hold no read buffer.
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Tcp(stream) => stream.poll_read_ready(cx),
            Transport::Socket(stream) => stream.poll_read_ready(cx),
            Transport::Tls(stream) => stream.poll_read_ready(cx),
            Transport::WebSocket(stream) => stream.poll_read_ready(cx),
            Transport::SecureWebSocket(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Ends the connection so that what was written last still arrives.
    ///
    /// A socket that is dropped while unread bytes wait in it sends a reset, and a reset makes the peer's system throw
    /// away what it has received but not yet read: the DISCONNECT that tells why. So: write what is left, say that
    /// nothing more comes, and read and discard until the peer has done the same. Takes a second at most.
    ///
    /// `peer_is_done`: the peer has said that it sends nothing more. Then a plain socket can be closed at once.
    pub async fn close(mut self, peer_is_done: bool) {
        if peer_is_done && matches!(self, Transport::Tcp(_) | Transport::Socket(_)) {
            return;
        }
        let goodbye = async {
            self.shutdown().await?;
            match &mut self {
                Transport::Tcp(stream) => discard(stream).await,
                Transport::Socket(stream) => discard(stream).await,
                Transport::Tls(stream) => discard(stream.socket()).await,
                Transport::WebSocket(stream) => discard(stream.get_mut()).await,
                Transport::SecureWebSocket(stream) => discard(stream.get_mut().socket()).await,
            }
        };
        // Whether it worked makes no difference to anybody: the connection is over.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// Reads until the end without keeping or even holding anything.
async fn discard(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    poll_fn(|cx| {
        let mut scratch = [0; 4096];
        for _ in 0..DISCARDS {
            let mut read = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Transport::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Socket(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
            Transport::WebSocket(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
            Transport::SecureWebSocket(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Socket(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
            Transport::WebSocket(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
            Transport::SecureWebSocket(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    /// On a WebSocket, one call is one binary frame: hand over all that waits.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Transport::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Socket(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
            Transport::WebSocket(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
            Transport::SecureWebSocket(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A WebSocket may have accepted bytes that its socket had no room for: they leave here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Transport::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Socket(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
            Transport::WebSocket(stream) => Pin::new(&mut **stream).poll_flush(cx),
            Transport::SecureWebSocket(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Socket(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Transport::WebSocket(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Transport::SecureWebSocket(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
