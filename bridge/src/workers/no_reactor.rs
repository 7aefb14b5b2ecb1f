//! In place of `reactor` where the system's poller cannot be an entry of another one: a plain socket is a task.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

/// The socket of a connection.
pub type Socket = TcpStream;

/// A connection that has been accepted, and belongs to no thread yet.
#[derive(Debug)]
pub struct Stream(TcpStream);

impl Stream {
    /// Gives it to the runtime in whose context this is called.
    ///
    /// # Errors
    /// The runtime has no room for it.
    pub fn into_tokio(self) -> io::Result<TcpStream> {
        TcpStream::from_std(self.0.into_std()?)
    }

    /// Sends what is written at once (no Nagle).
    ///
    /// # Errors
    /// The socket is dead.
    pub fn set_nodelay(&self) -> io::Result<()> {
        self.0.set_nodelay(true)
    }
}

/// A listener whose connections are served by workers.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Must be called in the context of the runtime that is to accept.
    ///
    /// # Errors
    /// None here.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        Ok(Listener(listener))
    }

    /// The next connection.
    ///
    /// # Errors
    /// As of the system call: of this connection, or because there are too many.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.0.accept().await.map(|(stream, address)| (Stream(stream), address))
    }
}

/// The way to a worker, from any thread.
pub(super) struct Entrance<L> {
    runtime: Handle,
    lives: PhantomData<fn(L)>,
}

impl<L> Entrance<L>
where
    L: Future<Output = ()> + Unpin + Send + 'static,
{
    pub(super) fn open(runtime: &Handle) -> io::Result<Self> {
        Ok(Entrance { runtime: runtime.clone(), lives: PhantomData })
    }

    pub(super) fn enter(&self, stream: Stream, begin: impl FnOnce(Socket) -> L + Send + 'static) {
        let _context = self.runtime.enter();
        if let Ok(socket) = stream.into_tokio() {
            self.runtime.spawn(begin(socket));
        }
    }

    /// None beside the runtime's tasks.
    pub(super) fn lives(&self) -> usize {
        0
    }
}
