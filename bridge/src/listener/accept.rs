//! Binding, and the accept loop that all listeners share.

use crate::gate::{Entry, Gate};
use crate::limit::Limit;
use crate::workers;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tracing::warn;

/// Connections that wait to be accepted, at most. The system may cap it (Linux: `net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// The pause after the system refused to hand out a connection: some other must end first.
const PAUSE: Duration = Duration::from_millis(200);

/// The shortest time between two warnings about that.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Whether an accepted socket has TCP_NODELAY from its listener, which saves a system call for each.
const NODELAY_IS_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Listens on `address`. Port 0: the system chooses one.
///
/// Must be called inside a tokio runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a restart need not wait for the last connections of the run before to be forgotten. On Windows the
    // option means something else: it lets two programs have the port at once.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // What is sent goes at once (no Nagle): packets are gathered before they are written. Where accepted sockets have it
    // from their listener, it costs nothing.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where connections are counted before they are served.
#[derive(Clone)]
pub struct Entrance {
    /// Who counts them.
    pub gate: Arc<Gate>,
    /// Told of each limit that was met.
    pub count: Arc<dyn Fn(Limit) + Send + Sync>,
}

impl Entrance {
    /// Everybody may come in.
    pub fn open() -> Self {
        Entrance { gate: Gate::open(), count: Arc::new(|_| ()) }
    }
}

/// A listening socket; they differ in who watches over what they accept.
pub trait Listen {
    /// What is accepted.
    type Stream;

    /// The next connection, as the system call gives it.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// What is sent goes at once (no Nagle).
    fn set_nodelay(stream: &Self::Stream) -> io::Result<()>;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        TcpListener::accept(self)
    }

    fn set_nodelay(stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)
    }
}

impl Listen for workers::Listener {
    type Stream = workers::Stream;

    fn accept(&self) -> impl Future<Output = io::Result<(workers::Stream, SocketAddr)>> + Send {
        workers::Listener::accept(self)
    }

    fn set_nodelay(stream: &workers::Stream) -> io::Result<()> {
        stream.set_nodelay()
    }
}

/// Hands each new connection to `on_connection`, for ever. Ends only by being dropped.
pub async fn run<L: Listen>(
    listener: L,
    entrance: Entrance,
    mut on_connection: impl FnMut(L::Stream, SocketAddr, Entry),
) {
    let mut last_warning: Option<Instant> = None;
    let mut refusals = Refusals::default();
    loop {
        if let Some(wait) = entrance.gate.wait(Instant::now()) {
            // Whoever comes meanwhile waits in the backlog.
            (entrance.count)(Limit::ConnectRate);
            tokio::time::sleep(wait).await;
        }
        match listener.accept().await {
            Ok((stream, address)) => {
                if !NODELAY_IS_INHERITED {
                    // It can fail only for a socket that is dead already, and then the first read says so.
                    let _ = L::set_nodelay(&stream);
                }
                match entrance.gate.ask(address.ip(), Instant::now()) {
                    Ok(Entry::Refused(limit, farewell)) => {
                        (entrance.count)(limit);
                        refusals.warn(limit, address);
                        on_connection(stream, address, Entry::Refused(limit, farewell));
                    }
                    Ok(admitted) => on_connection(stream, address, admitted),
                    Err(limit) => {
                        (entrance.count)(limit);
                        refusals.warn(limit, address);
                    }
                }
            }
            Err(error) if is_about_one_connection(&error) => {}
            // Out of file descriptors or memory. The connection stays in the backlog, so without a pause the loop
            // would spin.
            Err(error) => {
                if last_warning.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                    last_warning = Some(Instant::now());
                    warn!(error = error.to_string().as_str(), "cannot accept connections for the moment");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One line for many refusals: a flood must not fill the log.
#[derive(Default)]
struct Refusals {
    untold: u64,
    last_warning: Option<Instant>,
}

impl Refusals {
    fn warn(&mut self, limit: Limit, address: SocketAddr) {
        self.untold += 1;
        if self.last_warning.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            warn!(
                limit = limit.name(),
                %address,
                refused = self.untold,
                "connections refused: a limit is reached"
            );
            *self = Refusals { untold: 0, last_warning: Some(Instant::now()) };
        }
    }
}

/// Whether a connection died before it was accepted, which says nothing about the next.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}
