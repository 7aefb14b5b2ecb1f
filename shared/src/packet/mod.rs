//! The control packets of every MQTT version, as one enum.
//!
//! The version is a parameter of the [codec](crate::codec), not of the types: a 3.1.1 packet is a packet whose
//! properties are absent. Strings and payloads are slices of the buffer that they were read from.

mod ack;
mod auth;
mod connect;
mod disconnect;
mod publish;
mod reason;
mod subscribe;

pub use ack::{Ack, AckProperties};
pub use auth::Auth;
pub use connect::{ConnAck, ConnAckProperties, Connect, ConnectProperties, Will, WillProperties};
pub use disconnect::{Disconnect, DisconnectProperties};
pub use publish::{Publish, PublishProperties};
pub use reason::ReasonCode;
pub use subscribe::{
    RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscribeProperties, SubscriptionOptions, Unsubscribe,
};

use bytestring::ByteString;
use std::num::NonZeroU16;

/// A packet identifier: 1 to 65,535 [MQTT-2.2.1-3].
pub type PacketId = NonZeroU16;

/// User properties, in the order in which they were sent [MQTT-3.3.2-18].
pub type UserProperties = Vec<(ByteString, ByteString)>;

/// The protocol versions that exist on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1 (`MQIsdp`, level 3).
    V31,
    /// MQTT 3.1.1 (`MQTT`, level 4).
    V311,
    /// MQTT 5.0 (`MQTT`, level 5).
    V5,
}

impl Version {
    /// The protocol level byte of CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Version::V31 => 3,
            Version::V311 => 4,
            Version::V5 => 5,
        }
    }

    /// The protocol name of CONNECT.
    pub const fn name(self) -> &'static str {
        match self {
            Version::V31 => "MQIsdp",
            Version::V311 | Version::V5 => "MQTT",
        }
    }

    /// Whether packets carry properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Version::V5)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Version::V31 => "3.1",
            Version::V311 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

/// Quality of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// Delivered at most once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// Delivered at least once, acknowledged by PUBACK.
    AtLeastOnce = 1,
    /// Delivered exactly once, by PUBREC, PUBREL and PUBCOMP.
    ExactlyOnce = 2,
}

impl QoS {
    /// The QoS with this number, if there is one.
    pub const fn from_u8(n: u8) -> Option<QoS> {
        match n {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// 0, 1 or 2.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Client to server: the first packet of a connection.
    Connect(Box<Connect>),
    /// Server to client: the answer to CONNECT.
    ConnAck(Box<ConnAck>),
    /// An application message, either way.
    Publish(Publish),
    /// QoS 1: the answer to PUBLISH.
    PubAck(Ack),
    /// QoS 2, first answer: the message was received.
    PubRec(Ack),
    /// QoS 2, second request: the packet identifier may be forgotten.
    PubRel(Ack),
    /// QoS 2, second answer: it is forgotten.
    PubComp(Ack),
    /// Client to server: subscribe.
    Subscribe(Box<Subscribe>),
    /// Server to client: a code for each filter.
    SubAck(Box<SubAck>),
    /// Client to server: unsubscribe.
    Unsubscribe(Box<Unsubscribe>),
    /// Server to client: a code for each filter (no codes before 5.0).
    UnsubAck(Box<SubAck>),
    /// Client to server: are you there?
    PingReq,
    /// Server to client: I am.
    PingResp,
    /// The last packet of a connection: client to server, and in 5.0 also server to client.
    Disconnect(Box<Disconnect>),
    /// 5.0: a step of an enhanced authentication.
    Auth(Box<Auth>),
}

/// The packet types with their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named as in the specification
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The name in capitals, as the specifications write it.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }
}

impl Packet {
    /// The type of this packet.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }
}
