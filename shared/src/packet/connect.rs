//! CONNECT and CONNACK (5.0: sections 3.1 and 3.2).

use super::{QoS, ReasonCode, UserProperties, Version};
use bytes::Bytes;
use bytestring::ByteString;
use std::num::NonZeroU16;

/// CONNECT: the first packet of a connection [MQTT-3.1.0-1].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The version that the client speaks from here on.
    pub version: Version,
    /// The client is a bridge of another broker. Mosquitto's invention for 3.1 and 3.1.1, the highest bit of the protocol
    /// level: as if each of its subscriptions had no-local and retain-as-published, which 5.0 has. In 5.0 always false.
    pub is_bridge: bool,
    /// MQTT 3.1.1 and 3.1 call it "clean session".
    pub clean_start: bool,
    /// Seconds; 0 turns keep-alive off.
    pub keep_alive_s: u16,
    /// May be empty: the server then chooses one (5.0, 3.1.1 with a clean session).
    pub client_id: ByteString,
    /// The message to publish when the connection ends without DISCONNECT.
    pub will: Option<Will>,
    /// User name, if there is one.
    pub username: Option<ByteString>,
    /// Password, if there is one. Before 5.0 only together with a user name [MQTT-3.1.2-22 of 3.1.1].
    pub password: Option<Bytes>,
    /// 5.0 only.
    pub properties: ConnectProperties,
}

/// The properties of CONNECT (5.0 section 3.1.2.11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectProperties {
    /// Seconds; absent is 0: the session ends with the connection. `u32::MAX`: never.
    pub session_expiry_s: Option<u32>,
    /// How many QoS 1 and 2 publications the client takes at a time; absent is 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The largest packet in bytes that the client takes; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// The highest topic alias that the client takes; absent is 0: none.
    pub topic_alias_maximum: Option<u16>,
    /// Whether the client asks for response information; absent is no.
    pub request_response_information: Option<bool>,
    /// Whether the server may send reason strings and user properties everywhere; absent is yes.
    pub request_problem_information: Option<bool>,
    /// In order.
    pub user: UserProperties,
    /// The name of the enhanced authentication's method.
    pub authentication_method: Option<ByteString>,
    /// The first data of that method.
    pub authentication_data: Option<Bytes>,
}

/// The will: what the server publishes for a client that is gone (5.0 section 3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// A valid topic name: the decoder has checked it.
    pub topic: ByteString,
    /// At most 65,535 bytes.
    pub payload: Bytes,
    /// The QoS to publish with.
    pub qos: QoS,
    /// Whether to keep it as the retained message.
    pub retain: bool,
    /// 5.0 only.
    pub properties: WillProperties,
}

/// The properties of a will (5.0 section 3.1.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillProperties {
    /// Seconds to wait before publishing; absent is 0.
    pub delay_interval_s: Option<u32>,
    /// Whether the payload is UTF-8 text; absent is unspecified.
    pub payload_format_utf8: Option<bool>,
    /// Seconds that the message is of use; absent is for ever.
    pub message_expiry_s: Option<u32>,
    /// A MIME type or whatever the applications agreed on.
    pub content_type: Option<ByteString>,
    /// A topic name for the answer.
    pub response_topic: Option<ByteString>,
    /// What ties the answer to the request.
    pub correlation_data: Option<Bytes>,
    /// In order.
    pub user: UserProperties,
}

/// CONNACK: the answer to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server has state from before [MQTT-3.2.2-3]. 3.1 has no such flag: always false there.
    pub session_present: bool,
    /// For 3.1 and 3.1.1 the codec maps the five return codes to and from reason codes.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: ConnAckProperties,
}

/// The properties of CONNACK (5.0 section 3.2.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds, if the server does not take the client's value.
    pub session_expiry_s: Option<u32>,
    /// How many QoS 1 and 2 publications the server takes at a time; absent is 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// 0 or 1; absent is 2.
    pub maximum_qos: Option<QoS>,
    /// Absent is true.
    pub retain_available: Option<bool>,
    /// Bytes; absent is no limit beyond the protocol's.
    pub maximum_packet_size: Option<u32>,
    /// The client id that the server chose.
    pub assigned_client_id: Option<ByteString>,
    /// The highest topic alias that the server takes; absent is 0: none.
    pub topic_alias_maximum: Option<u16>,
    /// For people, not for programs.
    pub reason_string: Option<ByteString>,
    /// In order.
    pub user: UserProperties,
    /// Absent is true.
    pub wildcard_subscription_available: Option<bool>,
    /// Absent is true.
    pub subscription_ids_available: Option<bool>,
    /// Absent is true.
    pub shared_subscription_available: Option<bool>,
    /// Seconds, in place of the client's keep-alive [MQTT-3.2.2-21].
    pub server_keep_alive_s: Option<u16>,
    /// The basis for response topics.
    pub response_information: Option<ByteString>,
    /// Where else to go.
    pub server_reference: Option<ByteString>,
    /// The name of the enhanced authentication's method.
    pub authentication_method: Option<ByteString>,
    /// The last data of that method.
    pub authentication_data: Option<Bytes>,
}
