//! Binding, and the accept loop that all listeners share.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tracing::warn;

/// Connections that wait to be accepted, at most. The system may cap it (Linux: `net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// The pause after the system refused to hand out a connection: some other must end first.
const PAUSE: Duration = Duration::from_millis(200);

/// The shortest time between two warnings about that.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

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
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Hands each new connection to `on_connection`, for ever. Ends only by being dropped.
pub async fn run(listener: TcpListener, mut on_connection: impl FnMut(TcpStream, SocketAddr)) {
    let mut last_warning: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => on_connection(stream, address),
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
