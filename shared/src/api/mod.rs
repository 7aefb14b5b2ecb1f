//! The HTTP API's types: what it takes, and what it answers. Apart from the domain types, so that either can change without
//! the other.
//!
//! Publishing and what the broker says of itself are here; [`clients`], [`retained`], [`receivers`] (who gets a
//! message), [`events`], [`stats`] and [`me`] (who asks) have a file each. What a gateway answers is [`GatewayInfo`]; of
//! the others it has none.

mod bridge;
pub mod clients;
pub mod events;
mod gateway;
pub mod me;
pub mod receivers;
pub mod retained;
pub mod stats;

pub use bridge::{Bridge, BridgeLosses, BridgeState};
pub use gateway::{Connections, GatewayInfo, Traffic, Upstream, UpstreamState};

use serde::{Deserialize, Serialize};

/// The path of [`PublishRequest`].
pub const PUBLISH_PATH: &str = "/api/v1/publish";

/// The path of [`Info`].
pub const INFO_PATH: &str = "/api/v1/info";

/// The path of MQTT over WebSocket.
pub const WEBSOCKET_PATH: &str = "/mqtt";

/// A message to publish; the server is its sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// A topic name, without wildcards.
    pub topic: String,
    /// The payload as text. With neither this nor `payload_base64` it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The payload as bytes, in standard base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// 0, 1 or 2.
    #[serde(default)]
    pub qos: u8,
    /// Whether to keep it as the topic's retained message; an empty payload then removes that.
    #[serde(default)]
    pub retain: bool,
    /// What MQTT 5 subscribers see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
}

/// The properties of a message (MQTT 5.0 section 3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Properties {
    /// Whether the payload is UTF-8 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_format_utf8: Option<bool>,
    /// Seconds that the message is of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_expiry_s: Option<u32>,
    /// A MIME type or whatever the applications agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// A topic name for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// What ties the answer to the request: bytes in standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_data_base64: Option<String>,
    /// Pairs of name and value. A list, because order counts and names may repeat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<(String, String)>,
}

/// What became of a [`PublishRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublishResponse {
    /// How many subscribers got the message or have it queued. A gateway does not know: its broker has the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<usize>,
}

/// Who answers at [`INFO_PATH`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The broker itself, with [`Info`].
    #[default]
    Broker,
    /// A gateway to another broker, with [`GatewayInfo`].
    Gateway,
}

/// What the broker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Info {
    /// [`Mode::Broker`].
    #[serde(default)]
    pub mode: Mode,
    /// `tabmq`.
    pub name: String,
    /// The broker's version.
    pub version: String,
    /// The versions of MQTT that every listener speaks.
    pub protocol_versions: Vec<String>,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// The path of MQTT over WebSocket on the `http` listeners.
    pub websocket_path: String,
    /// Who is there.
    pub clients: Clients,
    /// What passed through.
    pub messages: Messages,
    /// What clients have to keep to.
    pub limits: Limits,
    /// Its bridges to other brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<Bridge>,
}

/// A listener of the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Listener {
    /// `mqtt` or `http`.
    pub kind: String,
    /// IP address and port, as bound.
    pub address: String,
}

/// Who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Clients {
    /// Connected now.
    pub connected: usize,
    /// The most that were connected at a time.
    pub maximum: usize,
    /// Sessions, with and without a connection.
    pub sessions: usize,
    /// Subscriptions of all of them.
    pub subscriptions: usize,
}

/// What passed through, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Messages {
    /// PUBLISH packets received.
    pub received: u64,
    /// PUBLISH packets sent.
    pub sent: u64,
    /// Messages that somebody should have had and did not get, for whatever reason.
    pub dropped: u64,
    /// Retained now.
    pub retained: usize,
    /// Waiting now in queues.
    pub queued: usize,
    /// Bytes received, all packets.
    pub bytes_received: u64,
    /// Bytes sent, all packets.
    pub bytes_sent: u64,
}

/// What clients have to keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// The largest packet that a client may send, in bytes.
    pub max_packet_size: u32,
    /// How many publications at QoS 2 a client may have unfinished.
    pub receive_maximum: u16,
    /// How many topic aliases a client may use.
    pub topic_alias_maximum: u16,
    /// The longest time in seconds that the session of an absent client is kept; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_expiry_s: Option<u32>,
}

/// An error of the API (RFC 9457), sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence that helps.
    pub detail: String,
}

/// Checks that `value` is the same after it was JSON.
#[cfg(test)]
fn there_and_back<T>(value: &T)
where
    T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_requests() {
        let check = |json: &str| serde_json::from_str::<PublishRequest>(json);
        let minimal = PublishRequest { topic: "a".into(), ..PublishRequest::default() };
        assert_eq!(check(r#"{"topic":"a"}"#).unwrap(), minimal);
        let full = r#"{"topic":"a","payload":"x","qos":2,"retain":true,"properties":{"user":[["k","v"],["k","w"]]}}"#;
        assert_eq!(serde_json::to_string(&check(full).unwrap()).unwrap(), full);
        for bad in [
            r#"{}"#,
            r#"{"topic":"a","qso":1}"#,
            r#"{"topic":"a","payload":1}"#,
            r#"{"topic":"a","properties":{"x":1}}"#,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
