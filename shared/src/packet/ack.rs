//! PUBACK, PUBREC, PUBREL and PUBCOMP (5.0: sections 3.4 to 3.7). All four have one shape.

use super::{PacketId, ReasonCode, UserProperties};
use bytestring::ByteString;

/// One of the four acknowledgements; which one is said by the [`Packet`](super::Packet) variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// Always [`ReasonCode::Success`] before 5.0, where the wire has no place for it.
    pub reason: ReasonCode,
    /// 5.0 only; `None` if there are none.
    pub properties: Option<Box<AckProperties>>,
}

impl Ack {
    /// The plain acknowledgement.
    pub const fn success(packet_id: PacketId) -> Self {
        Ack { packet_id, reason: ReasonCode::Success, properties: None }
    }

    /// An acknowledgement that says something other than success.
    pub const fn with_reason(packet_id: PacketId, reason: ReasonCode) -> Self {
        Ack { packet_id, reason, properties: None }
    }
}

/// The properties of an acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AckProperties {
    /// For people, not for programs.
    pub reason_string: Option<ByteString>,
    /// In order.
    pub user: UserProperties,
}
