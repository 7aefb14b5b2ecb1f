//! TCP and WebSocket as a byte stream, with or without TLS, from the client's side. WebSocket is tungstenite's: the broker's own frames
//! (see [`listener::ws`](crate::listener::ws)) are checked by it, and the other way round.

use super::target::{Target, Way};
use crate::tls::{self, ClientStream, ClientTls};
use futures_util::{Sink, Stream};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tabmq_shared::Bytes;
use tabmq_shared::packet::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::either::Either;

/// The most that is put into one WebSocket frame.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// A broker's address, and what it takes to get there.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) target: Target,
    /// Set if the target is secure.
    pub(crate) tls: Option<ClientTls>,
    /// The address of this machine from which the connection is made; `None`: the system chooses.
    pub(crate) source: Option<IpAddr>,
}

impl Route {
    /// From an address that the system chooses. `tls` is set if the target is secure.
    pub(crate) fn new(target: Target, tls: Option<ClientTls>) -> Self {
        Route { target, tls, source: None }
    }
}

/// A connection to a broker.
pub(crate) enum Transport {
    /// MQTT on the stream itself.
    Bare(ClientStream),
    WebSocket {
        stream: Box<WebSocketStream<ClientStream>>,
        /// What was received and not read yet.
        received: Bytes,
    },
}

/// Connects. The error is a sentence that says what to do.
pub(crate) async fn connect(route: Route, version: Version) -> Result<Transport, String> {
    let Route { target, tls, source } = route;
    let stream = connect_tcp(&target, source).await?;
    // It can fail only for a socket that is dead already, and then the first write says so.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => Either::Left(stream),
        Some(tls) => Either::Right(Box::new(tls.connect(stream, &target.host).await?)),
    };
    match &target.way {
        Way::Tcp => Ok(Transport::Bare(stream)),
        Way::WebSocket { path } => upgrade(stream, &target, path, version).await,
    }
}

async fn connect_tcp(target: &Target, source: Option<IpAddr>) -> Result<TcpStream, String> {
    let host = (target.host.as_str(), target.port);
    let addresses: Vec<_> = tokio::net::lookup_host(host)
        .await
        .map_err(|error| format!("the host '{}' is not known ({error})", target.host.escape_debug()))?
        .collect();
    let connected = match source {
        None => TcpStream::connect(addresses.as_slice()).await,
        Some(source) => connect_from(source, &addresses).await,
    };
    connected.map_err(|error| match (error.kind(), source) {
        (ErrorKind::ConnectionRefused, _) => {
            format!("connection refused: is a broker running at {target}? start one with `tabmq`")
        }
        (ErrorKind::AddrNotAvailable, Some(source)) => {
            format!("{target} cannot be reached from {source}: {error}; is it an address of this machine?")
        }
        _ => format!("{target} cannot be reached: {error}"),
    })
}

/// Tries one address after the other, as `TcpStream::connect` does.
async fn connect_from(source: IpAddr, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = ErrorKind::AddrNotAvailable.into();
    for address in addresses.iter().filter(|address| address.is_ipv4() == source.is_ipv4()) {
        let socket = if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(SocketAddr::new(source, 0))?;
        match socket.connect(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn upgrade(
    stream: ClientStream,
    target: &Target,
    path: &str,
    version: Version,
) -> Result<Transport, String> {
    let url = format!("{}://{target}{path}", if target.secure { "wss" } else { "ws" });
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| format!("{url} is not a WebSocket address: {error}"))?;
    // [MQTT-6.0.0-3]; brokers that speak 3.1 over WebSocket know this other name for it.
    let subprotocol = if version == Version::V31 { "mqttv3.1" } else { "mqtt" };
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    // What is written is written: the state machine decides how much at a time.
    let config = WebSocketConfig::default().write_buffer_size(0).max_message_size(None).max_frame_size(None);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((stream, _response)) => {
            Ok(Transport::WebSocket { stream: Box::new(stream), received: Bytes::new() })
        }
        Err(tungstenite::Error::Http(response)) => {
            let body = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
            // A sentence helps; a web page does not.
            let words = body.lines().next().filter(|line| !line.starts_with('<')).unwrap_or_default();
            let (status, words) = (response.status(), words.escape_debug());
            Err(format!("{target} answers the WebSocket at {path} with {status}: check the path. {words}"))
        }
        Err(error) => Err(match &error {
            tungstenite::Error::Io(error) if let Some(refusal) = tls::refusal(error) => refusal,
            error => format!("{target} speaks no MQTT over WebSocket at {path}: {error}"),
        }),
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (stream, received) = match &mut *self {
            Transport::Bare(stream) => return Pin::new(stream).poll_read(cx, buf),
            Transport::WebSocket { stream, received } => (stream, received),
        };
        while received.is_empty() {
            match ready!(Pin::new(&mut **stream).poll_next(cx)) {
                Some(Ok(Message::Binary(payload))) => *received = payload,
                // [MQTT-6.0.0-1]
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(
                        ErrorKind::InvalidData,
                        "the server sent a text frame",
                    )));
                }
                Some(Ok(Message::Close(Some(frame)))) if !frame.reason.is_empty() => {
                    let words = format!("the server closed it: {}", frame.reason.escape_debug());
                    return Poll::Ready(Err(io::Error::new(ErrorKind::ConnectionAborted, words)));
                }
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
            }
        }
        buf.put_slice(&received.split_to(received.len().min(buf.remaining())));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = match &mut *self {
            Transport::Bare(stream) => return Pin::new(stream).poll_write(cx, buf),
            Transport::WebSocket { stream, .. } => Pin::new(&mut **stream),
        };
        // Ready only when what was accepted before is written: that bounds the queue below.
        let mut stream = stream;
        ready!(stream.as_mut().poll_flush(cx)).map_err(into_io)?;
        ready!(stream.as_mut().poll_ready(cx)).map_err(into_io)?;
        let part = buf.get(..buf.len().min(MAX_FRAME_BYTES)).unwrap_or_default();
        stream.start_send(Message::Binary(Bytes::copy_from_slice(part))).map_err(into_io)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Transport::Bare(stream) => Pin::new(stream).poll_flush(cx),
            Transport::WebSocket { stream, .. } => Pin::new(&mut **stream).poll_flush(cx).map_err(into_io),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Transport::Bare(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::WebSocket { stream, .. } => Pin::new(&mut **stream).poll_close(cx).map_err(into_io),
        }
    }
}

fn into_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
