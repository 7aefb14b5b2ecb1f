//! What a gateway answers in place of [`Info`](super::Info).

use super::{Listener, Mode};
use serde::{Deserialize, Serialize};

/// What a gateway says of itself and of the broker behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GatewayInfo {
    /// [`Mode::Gateway`].
    pub mode: Mode,
    /// `tabmq`.
    pub name: String,
    /// The gateway's version.
    pub version: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// The path of MQTT over WebSocket.
    pub websocket_path: String,
    /// The broker behind it.
    pub upstream: Upstream,
    /// The browsers' connections.
    pub connections: Connections,
    /// What passed through.
    pub traffic: Traffic,
}

/// The broker behind a gateway, as the gateway's own connection sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Upstream {
    /// As it was configured, without user name and password.
    pub address: String,
    /// How the gateway's own connection is.
    pub state: UpstreamState,
    /// Seconds since the state was another one.
    pub since_s: u64,
    /// The version of MQTT that this connection speaks: the newest that the broker takes.
    pub protocol_version: String,
    /// Why it is not connected, with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How the gateway's own connection to the broker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UpstreamState {
    /// On the way.
    #[default]
    Connecting,
    /// It is there.
    Connected,
    /// The broker does not answer; the gateway tries again by itself.
    Unreachable,
    /// The broker is there and does not let the gateway itself in; browsers may have better credentials.
    Refused,
}

/// The browsers' connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connections {
    /// Open now.
    pub now: usize,
    /// As many as may be open at a time.
    pub limit: usize,
    /// Opened since the start.
    pub total: u64,
    /// Turned away by the gateway itself: too many, or a client id that it does not let through.
    pub refused: u64,
    /// Ended because the broker could not be reached or was lost.
    pub failed: u64,
}

/// What passed through, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// Bytes from browsers to the broker.
    pub up_bytes: u64,
    /// Bytes from the broker to browsers.
    pub down_bytes: u64,
}
