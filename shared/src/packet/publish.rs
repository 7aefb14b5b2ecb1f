//! PUBLISH (5.0: section 3.3).

use super::{PacketId, QoS, UserProperties};
use bytes::Bytes;
use bytestring::ByteString;
use std::num::NonZeroU16;

/// PUBLISH: an application message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Whether this may be a second delivery. Always false at QoS 0 [MQTT-3.3.1-2].
    pub dup: bool,
    /// Quality of service of this hop.
    pub qos: QoS,
    /// To the server: keep it. To the client: it was kept.
    pub retain: bool,
    /// A valid topic name, or empty where a 5.0 sender relies on the topic alias. The decoder has checked it.
    pub topic: ByteString,
    /// Present exactly if the QoS is 1 or 2 [MQTT-2.2.1-2].
    pub packet_id: Option<PacketId>,
    /// 5.0 only. Belongs to one connection, so it is kept apart from the properties that travel with the message.
    pub topic_alias: Option<NonZeroU16>,
    /// 5.0 only; `None` if there are none besides the topic alias, which is the usual case and costs nothing.
    pub properties: Option<Box<PublishProperties>>,
    /// The application's bytes: a slice of the buffer that the packet was read from.
    pub payload: Bytes,
}

/// The properties of PUBLISH that travel with the message (5.0 section 3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties {
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
    /// From the server only: the identifiers of all subscriptions that matched [MQTT-3.3.4-3]. 1 to 268,435,455.
    pub subscription_ids: Vec<u32>,
    /// In order [MQTT-3.3.2-18].
    pub user: UserProperties,
}

impl PublishProperties {
    /// Whether nothing is set, so that the packet needs no properties.
    pub fn is_empty(&self) -> bool {
        self == &PublishProperties::default()
    }
}
