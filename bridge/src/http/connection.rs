//! HTTP/1.1 on one connection. Not HTTP/2: browsers speak it over TLS only, and a WebSocket needs its own
//! connection anyway.

use crate::gate::Place;
use crate::patience::{Patience, Patient};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::UPGRADE;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;
use tracing::debug;

/// A request's head must have come within this time; it also ends connections that nobody uses any more.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The most that a request's head may be long, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// The address at which a request came in: a request extension.
#[derive(Clone, Copy, Debug)]
pub struct LocalAddress(pub SocketAddr);

/// The addresses of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The client's.
    pub peer: SocketAddr,
    /// The server's.
    pub local: SocketAddr,
}

/// What all connections of a listener have in common.
#[derive(Clone)]
pub struct Service {
    /// What answers. It finds the client's address as [`ConnectInfo`] in each request, and the server's as
    /// [`LocalAddress`].
    pub router: Router,
    /// For how long somebody may take nothing of an answer.
    pub patience: Arc<dyn Patience>,
    /// Ends all of them, each after the answer that it is at.
    pub stop: CancellationToken,
}

/// Serves a TCP connection: see [`serve_stream`].
pub async fn serve(stream: TcpStream, peer: SocketAddr, place: Place, service: Service) {
    let Ok(local) = stream.local_addr() else { return }; // the client is gone already
    serve_stream(stream, Ends { peer, local }, place, service).await;
}

/// Answers requests until the client or the service ends it, or one of them becomes a WebSocket.
///
/// The connection's place is a request extension too: a WebSocket keeps it.
pub async fn serve_stream<S>(stream: S, ends: Ends, place: Place, service: Service)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ends { peer, local } = ends;
    let Service { router, patience, stop } = service;
    let place = Arc::new(place);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(LocalAddress(local));
        match request.headers().contains_key(UPGRADE) {
            true => drop(request.extensions_mut().insert(Arc::clone(&place))),
            false => place.settle(),
        }
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, patience)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(address = %peer, error = error.to_string().as_str(), "HTTP connection ended");
    }
}
