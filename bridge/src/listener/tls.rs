//! MQTT, or HTTP, over TLS: the byte stream inside. How it comes about is in [`super::handshake`].

use super::ws::ReadReady;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::server::TlsStream;

/// The server's end of a TLS connection.
///
/// A client that closes its socket without a word of TLS before it has ended the stream as well as one that says so: MQTT
/// and WebSocket know by themselves what is missing, and many devices do no more than that.
#[derive(Debug)]
pub struct Stream(TlsStream<TcpStream>);

impl Stream {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Stream(stream)
    }

    /// The client's certificate, if it has shown one that the handshake accepts.
    pub fn client_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.0.get_ref().1.peer_certificates().and_then(|chain| chain.first())
    }

    /// The socket below.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.0.get_mut().0
    }
}

impl ReadReady for Stream {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (socket, session) = self.0.get_mut();
        // If it wants nothing, something that was read before waits in it, or the end.
        match session.wants_read() {
            true => socket.poll_read_ready(cx),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            result => result,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
