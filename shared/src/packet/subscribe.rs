//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (5.0: sections 3.8 to 3.11).

use super::{AckProperties, PacketId, QoS, ReasonCode, UserProperties};
use bytestring::ByteString;
use std::num::NonZeroU32;

/// SUBSCRIBE: at least one filter [MQTT-3.8.3-2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The SUBACK carries the same.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: SubscribeProperties,
    /// In order: the SUBACK has a code for each [MQTT-3.9.3-1].
    pub filters: Vec<SubscribeFilter>,
}

/// The properties of SUBSCRIBE (5.0 section 3.8.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeProperties {
    /// 1 to 268,435,455; comes back with every message that matches.
    pub subscription_id: Option<NonZeroU32>,
    /// In order.
    pub user: UserProperties,
}

/// One filter of a SUBSCRIBE with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeFilter {
    /// UTF-8 without U+0000 and not empty. In 5.0, whether it is a valid filter is the receiver's to say:
    /// an invalid one is answered by a code, the others of the packet still count. Before 5.0 the decoder
    /// refuses misplaced wildcards.
    pub filter: ByteString,
    /// How it is to be served.
    pub options: SubscriptionOptions,
}

/// Subscription options (5.0 section 3.8.3.1). Before 5.0 only the QoS is on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest QoS of what is delivered.
    pub qos: QoS,
    /// Not to the connection that published it.
    pub no_local: bool,
    /// Keep the RETAIN flag as it was published.
    pub retain_as_published: bool,
    /// Whether retained messages are sent now.
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent on a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// On every SUBSCRIBE.
    #[default]
    Send = 0,
    /// Only if the subscription did not exist before.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

/// SUBACK and UNSUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// The identifier of the request.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: AckProperties,
    /// One for each filter, in order. Empty in an UNSUBACK before 5.0.
    pub reasons: Vec<ReasonCode>,
}

/// UNSUBSCRIBE: at least one filter [MQTT-3.10.3-2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The UNSUBACK carries the same.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub user: UserProperties,
    /// In order. UTF-8 without U+0000 and not empty.
    pub filters: Vec<ByteString>,
}
