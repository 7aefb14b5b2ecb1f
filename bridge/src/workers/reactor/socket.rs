//! A socket of a reactor as a stream of the runtime's kind, and the listener whose connections become such.
//!
//! A quiet socket is watched over by the reactor's poller, which takes the least memory. But the poller is an entry of the
//! runtime's own, so each wake-up asks both, and it reads into memory that it has cleared. A busy one is the runtime's own.
//! A socket becomes the one or the other by how often it was ready lately.

use super::slots::{READABLE, SLOTS, WRITABLE};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// After so many times that it was ready a socket is looked at: is it busy?
const WINDOW: u8 = 16;

/// It is if they came within two seconds.
const BUSY_EIGHTHS: u16 = 16;

/// How much is read of a quiet socket at a time, and so cleared before.
const QUIET_READ_BYTES: usize = 2048;

/// A connection that has been accepted, and belongs to no thread yet.
#[derive(Debug)]
pub struct Stream(mio::net::TcpStream);

impl Stream {
    /// Gives it to the runtime in whose context this is called.
    ///
    /// # Errors
    /// The runtime has no room for it.
    pub fn into_tokio(self) -> io::Result<TcpStream> {
        TcpStream::from_std(self.0.into())
    }

    /// Gives it to this thread's reactor; its connection has this slot.
    pub(super) fn into_socket(mut self, slot: u32) -> io::Result<Socket> {
        SLOTS.with(|slots| slots.watch(&mut self.0, slot))?;
        Ok(Socket { home: Home::Reactor(self.0), slot, times: 0, since: eighths() })
    }

    /// Sends what is written at once (no Nagle).
    ///
    /// # Errors
    /// The socket is dead.
    pub fn set_nodelay(&self) -> io::Result<()> {
        self.0.set_nodelay(true)
    }
}

/// A listener of the runtime that leaves open where its connections are served.
#[derive(Debug)]
pub struct Listener(AsyncFd<mio::net::TcpListener>);

impl Listener {
    /// Must be called in the context of the runtime that is to accept.
    ///
    /// # Errors
    /// The runtime has no room for it.
    pub fn new(listener: tokio::net::TcpListener) -> io::Result<Self> {
        let listener = mio::net::TcpListener::from_std(listener.into_std()?);
        watched(listener).map(Listener)
    }

    /// The next connection.
    ///
    /// # Errors
    /// As of the system call: of this connection, or because there are too many.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let accept = |listener: &mio::net::TcpListener| listener.accept();
        let (stream, address) = self.0.async_io(tokio::io::Interest::READABLE, accept).await?;
        Ok((Stream(stream), address))
    }
}

/// Has the runtime watch over something that it has no type for.
#[expect(
    deprecated,
    reason = "the function in its place is unsafe: its caller must know that the descriptor stays the same"
)]
pub(super) fn watched<T: AsRawFd>(inner: T) -> io::Result<AsyncFd<T>> {
    // Both users are types of mio, which keep one descriptor as long as they live, and are never replaced.
    AsyncFd::with_interest(inner, tokio::io::Interest::READABLE)
}

/// The socket of a connection that a reactor serves. To be polled by that connection alone: it, and nobody else, is woken
/// when the socket gets ready, whatever waker it polls with.
#[derive(Debug)]
pub struct Socket {
    home: Home,
    slot: u32,
    /// When the window began, by [`eighths`].
    since: u16,
    /// How often it was ready in this window.
    times: u8,
}

/// Who watches over a socket.
#[derive(Debug)]
enum Home {
    /// The reactor's poller: the least memory.
    Reactor(mio::net::TcpStream),
    /// The runtime: the least work. Boxed, because most are not.
    Runtime(Box<TcpStream>),
    /// Nobody: the system had no room when it moved.
    Lost,
}

impl Socket {
    /// Ready when a read will probably bring something, be it the end.
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.home {
            Home::Runtime(stream) => stream.poll_read_ready(cx),
            Home::Reactor(_) if !is(self.slot, READABLE) => Poll::Pending,
            Home::Reactor(_) | Home::Lost => Poll::Ready(Ok(())),
        }
    }

    /// Counts that it was ready, or that something has to wait until it is; moves it home if it is busy or quiet by now.
    fn count(&mut self, cx: &Context<'_>) {
        self.times += 1;
        if self.times >= WINDOW {
            self.end_window(eighths(), cx);
        }
    }

    fn end_window(&mut self, now: u16, cx: &Context<'_>) {
        let busy = now.wrapping_sub(self.since) < BUSY_EIGHTHS;
        (self.times, self.since) = (0, now);
        let moved = match (mem::replace(&mut self.home, Home::Lost), busy) {
            (Home::Reactor(stream), true) => to_runtime(stream),
            (Home::Runtime(stream), false) => to_reactor(*stream, self.slot),
            (stays, _) => {
                self.home = stays;
                return;
            }
        };
        self.home = moved.unwrap_or(Home::Lost);
        // What the connection waits for was asked of the one before: it asks again.
        cx.waker().wake_by_ref();
    }
}

/// Eighths of seconds since the first call, round and round in a bit more than two hours: who is mistaken for busy then is
/// found out sixteen times later.
fn eighths() -> u16 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    ((START.elapsed().as_millis() / 125) & u128::from(u16::MAX)) as u16
}

fn is(slot: u32, what: u8) -> bool {
    SLOTS.with(|slots| slots.is(slot, what))
}

/// From the reactor's poller to the runtime. What has become ready meanwhile is told at once by the new one.
fn to_runtime(mut stream: mio::net::TcpStream) -> io::Result<Home> {
    SLOTS.with(|slots| slots.leave(&mut stream))?;
    Ok(Home::Runtime(Box::new(TcpStream::from_std(stream.into())?)))
}

/// And back.
fn to_reactor(stream: TcpStream, slot: u32) -> io::Result<Home> {
    let mut stream = mio::net::TcpStream::from_std(stream.into_std()?);
    SLOTS.with(|slots| slots.watch(&mut stream, slot))?;
    Ok(Home::Reactor(stream))
}

fn lost<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::other("the system had no room to watch over the socket")))
}

/// Does `attempt`, which transfers up to `most` bytes, if the socket is ready for it.
fn transfer(
    slot: u32,
    what: u8,
    most: usize,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    while is(slot, what) {
        match attempt() {
            Ok(count) => {
                // Less than there was room for: the next attempt would find nothing. An event will tell.
                if count > 0 && count < most {
                    SLOTS.with(|slots| slots.spent(slot, what));
                }
                return Poll::Ready(Ok(count));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                SLOTS.with(|slots| slots.blocked(slot, what));
                return Poll::Pending;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Pending
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let slot = self.slot;
        match &mut self.home {
            Home::Runtime(stream) => ready!(Pin::new(&mut **stream).poll_read(cx, buf))?,
            Home::Reactor(_) if !is(slot, READABLE) => return Poll::Pending, // before anything is cleared
            Home::Reactor(stream) => {
                let most = buf.remaining().min(QUIET_READ_BYTES);
                let room = buf.initialize_unfilled_to(most);
                let count = ready!(transfer(slot, READABLE, most, || stream.read(room)))?;
                buf.advance(count);
            }
            Home::Lost => return lost(),
        }
        self.count(cx);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let slot = self.slot;
        let written = match &mut self.home {
            Home::Runtime(stream) => return Pin::new(&mut **stream).poll_write(cx, buf),
            Home::Reactor(stream) => transfer(slot, WRITABLE, buf.len(), || stream.write(buf)),
            Home::Lost => lost(),
        };
        if written.is_pending() {
            self.count(cx);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let slot = self.slot;
        let written = match &mut self.home {
            Home::Runtime(stream) => return Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
            Home::Reactor(stream) => {
                let most = bufs.iter().map(|buf| buf.len()).sum();
                transfer(slot, WRITABLE, most, || stream.write_vectored(bufs))
            }
            Home::Lost => lost(),
        };
        if written.is_pending() {
            self.count(cx);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.home {
            Home::Runtime(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Home::Reactor(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Home::Lost => lost(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Life, serve_one};
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Answers each byte by another one that says where the socket is at home; before it looks, `at_byte` is told of the
    /// byte.
    fn tell_home(
        mut socket: Socket,
        at_byte: impl Fn(&mut Socket, u8, &Context<'_>) + Send + Sync + 'static,
    ) -> Life {
        Box::pin(async move {
            while let Ok(byte) = socket.read_u8().await {
                poll_fn(|cx| {
                    at_byte(&mut socket, byte, cx);
                    Poll::Ready(())
                })
                .await;
                let home = match socket.home {
                    Home::Reactor(_) => b'r',
                    Home::Runtime(_) => b't',
                    Home::Lost => b'l',
                };
                socket.write_u8(home).await.unwrap();
            }
        })
    }

    #[tokio::test]
    async fn a_busy_socket_moves_to_the_runtime_and_a_quiet_one_back() {
        let (_workers, mut client) = serve_one(|socket| {
            tell_home(socket, |socket, byte, cx| {
                let later = u16::from(byte) * 8;
                socket.end_window(socket.since.wrapping_add(later), cx);
            })
        })
        .await;
        let mut homes = Vec::new();
        for seconds in [10, 0, 1, 3, 100, 1, 10, 0] {
            client.write_u8(seconds).await.unwrap();
            homes.push(client.read_u8().await.unwrap());
        }
        assert_eq!(homes, *b"rttrrtrt");
    }

    #[tokio::test]
    async fn sixteen_times_in_a_moment_are_busy() {
        let (_workers, mut client) = serve_one(|socket| tell_home(socket, |_, _, _| ())).await;
        for n in 1..100 {
            client.write_u8(0).await.unwrap();
            let home = client.read_u8().await.unwrap();
            // A machine that takes two seconds for sixteen bytes would be right to call that quiet.
            assert!(home == b'r' || n >= u32::from(WINDOW), "at byte {n}");
            if home == b't' {
                return;
            }
        }
        panic!("never busy");
    }

    /// Much is on its way in both directions while the socket moves to and fro: nothing is lost, nobody waits for ever.
    #[tokio::test]
    async fn what_is_on_its_way_arrives_wherever_the_socket_is() {
        const BYTES: usize = 2_000_000;
        let (_workers, client) = serve_one(|mut socket| {
            Box::pin(async move {
                let (mut got, mut sent, mut turn) = (0, 0, 0);
                let (mut room, data) = (vec![0; 10_000], vec![7; 10_000]);
                poll_fn(|cx| {
                    loop {
                        turn += 1;
                        if turn % 5 == 0 {
                            let seconds = if turn % 2 == 0 { 0 } else { 10 };
                            socket.end_window(socket.since.wrapping_add(seconds * 8), cx);
                        }
                        let mut progress = false;
                        let left = &data[..(BYTES - sent).min(data.len())];
                        if !left.is_empty()
                            && let Poll::Ready(n) = Pin::new(&mut socket).poll_write(cx, left)
                        {
                            sent += n.unwrap();
                            progress = true;
                        }
                        let mut into = ReadBuf::new(&mut room);
                        if got < BYTES && Pin::new(&mut socket).poll_read(cx, &mut into).is_ready() {
                            got += into.filled().len();
                            progress = true;
                        }
                        if (got, sent) == (BYTES, BYTES) {
                            return Poll::Ready(());
                        } else if !progress {
                            return Poll::Pending;
                        }
                    }
                })
                .await;
            })
        })
        .await;
        let (mut from, mut to) = client.into_split();
        let writing = tokio::spawn(async move { to.write_all(&vec![1; BYTES]).await.map(|()| to) });
        let mut all = Vec::new();
        from.read_to_end(&mut all).await.unwrap();
        assert!(all.len() == BYTES && all.iter().all(|byte| *byte == 7), "{} bytes", all.len());
        writing.await.unwrap().unwrap();
    }
}
