//! Bridges to other brokers, as [`Info`](super::Info) has them.

use serde::{Deserialize, Serialize};

/// A bridge to another broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bridge {
    /// As it was configured.
    pub name: String,
    /// The other broker.
    pub address: String,
    /// How it is.
    pub state: BridgeState,
    /// Seconds since the state was another one.
    pub since_s: u64,
    /// Why it is not connected, with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The version of MQTT that it speaks.
    pub protocol_version: String,
    /// Messages that the other broker has got.
    pub sent: u64,
    /// Messages that came from there.
    pub received: u64,
    /// Messages that came back from there and were let go.
    pub echoes: u64,
    /// Messages that should have passed and did not. Those that the queue of the bridge's session here had no room for
    /// are counted with everybody's.
    pub lost: BridgeLosses,
}

/// How a bridge is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BridgeState {
    /// On the way, for the first time.
    #[default]
    Connecting,
    /// Messages flow.
    Connected,
    /// There is no connection; it tries again by itself.
    Disconnected,
}

/// Messages that did not pass, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BridgeLosses {
    /// The other broker said no.
    pub refused: u64,
    /// Larger than the other broker takes.
    pub too_large: u64,
    /// Their time was over before they could be sent.
    pub expired: u64,
    /// QoS 0, and more waited than the bridge holds.
    pub queue_full: u64,
    /// The other broker does not take their QoS, retain flag or properties.
    pub impossible: u64,
    /// Their topic would be none on the other side, or the broker's own.
    pub no_such_topic: u64,
}
