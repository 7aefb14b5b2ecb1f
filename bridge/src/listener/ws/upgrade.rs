//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use crate::gate::Place;
use crate::patience::Patient;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

/// The subprotocols that are MQTT, the better one first. `mqttv3.1` is what clients of MQTT 3.1 offer.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Answers WebSocket upgrades and hands each connection to `on_connection`: the socket, what has been read from it
/// already, and the client's address.
///
/// The server must be hyper's over `TokioIo<Patient<S>>`, and put the client's address into the request as
/// [`ConnectInfo`], and its [`Place`].
pub fn route<S, F>(on_connection: F) -> MethodRouter
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(S, Bytes, SocketAddr, Arc<Place>) + Clone + Send + Sync + 'static,
{
    get(async move |request: Request| {
        upgrade(request, on_connection).unwrap_or_else(IntoResponse::into_response)
    })
}

fn upgrade<S, F>(mut request: Request, on_connection: F) -> Result<Response, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: FnOnce(S, Bytes, SocketAddr, Arc<Place>) + Send + 'static,
{
    let handshake = Handshake::read(request.headers())?;
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let upgraded = request.extensions_mut().remove::<OnUpgrade>();
    let place = request.extensions_mut().remove::<Arc<Place>>();
    let (Some(address), Some(upgraded), Some(place)) = (address, upgraded, place) else {
        return Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "this connection cannot become a WebSocket"));
    };
    tokio::spawn(async move {
        match upgraded.await.map(hyper::upgrade::Upgraded::downcast::<TokioIo<Patient<S>>>) {
            Ok(Ok(parts)) => {
                on_connection(parts.io.into_inner().into_inner(), parts.read_buf, address, place)
            }
            Ok(Err(_)) => debug!(%address, "the upgraded connection is not what it was"),
            Err(error) => {
                debug!(%address, error = error.to_string().as_str(), "the WebSocket upgrade failed")
            }
        }
    });
    Ok(handshake.accept())
}

/// What a good upgrade request says.
struct Handshake {
    accept_key: String,
    subprotocol: &'static str,
}

impl Handshake {
    fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        if !has_token(headers, UPGRADE, "websocket") || !has_token(headers, CONNECTION, "upgrade") {
            let text = "this address is for MQTT over WebSocket: connect to it with an MQTT client (ws://)";
            return Err(Refusal(StatusCode::UPGRADE_REQUIRED, text));
        }
        if !has_token(headers, SEC_WEBSOCKET_VERSION, "13") {
            return Err(Refusal(StatusCode::UPGRADE_REQUIRED, "the version of WebSocket spoken here is 13"));
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let key = key.ok_or(Refusal(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key is missing or not 16 bytes in base64",
        ))?;
        // [MQTT-6.0.0-3] Mosquitto lets a client in that names no subprotocol. Here it is told what is missing: such
        // a client fails elsewhere, and a WebSocket that speaks something else is better refused before it begins.
        let text = "MQTT over WebSocket needs the subprotocol 'mqtt' (header Sec-WebSocket-Protocol)";
        let subprotocol =
            SUBPROTOCOLS.into_iter().find(|name| has_token(headers, SEC_WEBSOCKET_PROTOCOL, name));
        let subprotocol = subprotocol.ok_or(Refusal(StatusCode::BAD_REQUEST, text))?;
        Ok(Handshake { accept_key: derive_accept_key(key.as_bytes()), subprotocol })
    }

    fn accept(self) -> Response {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(key) = HeaderValue::try_from(self.accept_key) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, key); // base64 is always a header value
        }
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(self.subprotocol)); // [MQTT-6.0.0-4]
        response
    }
}

/// Why there is no WebSocket, as a status and a sentence.
struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, text) = self;
        let mut response = (status, format!("{text}\n")).into_response();
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// Whether a header that is a comma-separated list contains `token`, in whatever case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|candidate| candidate.trim().eq_ignore_ascii_case(token))
}
