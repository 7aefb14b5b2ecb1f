//! PUBLISH (5.0: section 3.3).

use super::property::{self, Property, PropertyId, flag, nonzero_u16, once};
use super::reader::{Reader, push_user};
use super::writer::{Sink, Sizer, WriteProperties, var_int_size};
use super::{DecodeError, EncodeError, Limits, Sender, header};
use crate::packet::{PacketId, PacketType, Publish, PublishProperties, QoS, ReasonCode, Version};
use bytes::{BufMut, BytesMut};
use std::num::NonZeroU16;

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

/// All of a PUBLISH but its payload, borrowed: for a sender that writes one message to many receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishHeader<'a> {
    /// Whether this may be a second delivery. Must be false at QoS 0 [MQTT-3.3.1-2].
    pub dup: bool,
    /// Quality of service of this hop.
    pub qos: QoS,
    /// To the server: keep it. To the client: it was kept.
    pub retain: bool,
    /// A valid topic name; empty only together with a topic alias.
    pub topic: &'a str,
    /// Must be there exactly if the QoS is 1 or 2 [MQTT-2.2.1-2].
    pub packet_id: Option<PacketId>,
    /// Left out before 5.0.
    pub topic_alias: Option<NonZeroU16>,
    /// Left out before 5.0.
    pub properties: Option<&'a PublishProperties>,
    /// The size of the payload in bytes.
    pub payload_len: usize,
}

impl<'a> PublishHeader<'a> {
    /// The header of `publish`.
    pub fn of(publish: &'a Publish) -> Self {
        PublishHeader {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: &publish.topic,
            packet_id: publish.packet_id,
            topic_alias: publish.topic_alias,
            properties: publish.properties.as_deref(),
            payload_len: publish.payload.len(),
        }
    }

    /// The low four bits of the first byte.
    pub(super) fn flags(&self) -> u8 {
        let dup = if self.dup { DUP } else { 0 };
        dup | self.qos.as_u8() << 1 | u8::from(self.retain)
    }
}

/// Appends all that precedes the payload; on an error, nothing.
///
/// Returns where the two bytes of the packet identifier are, counted from the first byte that was appended, so that
/// the caller can copy the header and patch them; 0 at QoS 0, where there are none.
pub fn encode_publish_header(
    header: &PublishHeader<'_>,
    version: Version,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let mut sizer = Sizer::default();
    write(header, version, &mut sizer);
    let header_len = sizer.len();
    sizer.add(header.payload_len);
    let remaining = sizer.finish()?;
    out.reserve(header::MAX_LENGTH + header_len);
    out.put_u8((PacketType::Publish as u8) << 4 | header.flags());
    Sink::var_int(out, remaining);
    write(header, version, out);
    Ok(match header.packet_id {
        Some(_) => 1 + var_int_size(remaining) + 2 + header.topic.len(),
        None => 0,
    })
}

/// The size in bytes of the whole packet, payload included.
pub fn publish_size(header: &PublishHeader<'_>, version: Version) -> usize {
    let mut sizer = Sizer::default();
    write(header, version, &mut sizer);
    sizer.add(header.payload_len);
    1 + var_int_size(sizer.len()) + sizer.len()
}

/// Reads what follows the fixed header; the payload is the rest.
pub(super) fn decode(mut reader: Reader<'_>, flags: u8, version: Version) -> Result<Publish, DecodeError> {
    let r = &mut reader;
    // [MQTT-3.3.1-4]
    let qos = QoS::from_u8(flags >> 1 & 3).ok_or_else(|| DecodeError::malformed("the QoS is 3"))?;
    let dup = flags & DUP != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(DecodeError::malformed("DUP is set at QoS 0")); // [MQTT-3.3.1-2]
    }
    let topic = r.topic_name("topic name")?; // [MQTT-3.3.2-1]
    // [MQTT-2.2.1-2]
    let packet_id = if qos == QoS::AtMostOnce { None } else { Some(r.packet_id()?) };
    let (mut topic_alias, mut properties) = (None, None);
    if version.is_v5() {
        let limits = r.limits;
        r.properties(|property| match property {
            Property::TopicAlias(n) => once(&mut topic_alias, alias(n)?, PropertyId::TopicAlias),
            other => apply(properties.get_or_insert_default(), other, limits),
        })?;
    }
    if topic.is_empty() && topic_alias.is_none() {
        return Err(DecodeError::malformed("the topic name is empty")); // [MQTT-4.7.3-1]
    }
    let retain = flags & RETAIN != 0;
    Ok(Publish { dup, qos, retain, topic, packet_id, topic_alias, properties, payload: reader.into_rest() })
}

/// Describes what lies between the fixed header and the payload.
pub(super) fn write<S: Sink>(header: &PublishHeader<'_>, version: Version, sink: &mut S) {
    let has_id = header.packet_id.is_some();
    sink.require(
        has_id == (header.qos != QoS::AtMostOnce),
        "a packet identifier belongs to QoS 1 and 2 only",
    );
    sink.require(!header.dup || has_id, "DUP at QoS 0"); // [MQTT-3.3.1-2]
    sink.string(header.topic);
    if let Some(id) = header.packet_id {
        sink.u16(id.get());
    }
    match (version, header) {
        // The usual case, kept short.
        (Version::V5, PublishHeader { topic_alias: None, properties: None, .. }) => sink.var_int(0),
        (Version::V5, _) => sink.properties(header),
        (Version::V31 | Version::V311, _) => {}
    }
    let has_topic = !header.topic.is_empty() || header.topic_alias.is_some() && version.is_v5();
    sink.require(has_topic, "an empty topic name without a topic alias"); // [MQTT-4.7.3-1]
}

fn apply(p: &mut Box<PublishProperties>, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::PayloadFormatIndicator(n) => once(&mut p.payload_format_utf8, flag(n, id)?, id),
        Property::MessageExpiryInterval(n) => once(&mut p.message_expiry_s, n, id),
        Property::ContentType(s) => once(&mut p.content_type, s, id), // [MQTT-3.3.2-19]
        Property::ResponseTopic(s) => once(&mut p.response_topic, property::response_topic(s, limits)?, id),
        Property::CorrelationData(data) => once(&mut p.correlation_data, data, id),
        // [MQTT-3.3.4-6]: to a server none may be sent; to a client, one for each subscription that matched.
        Property::SubscriptionIdentifier(_) if limits.sender == Some(Sender::Client) => {
            Err(property.not_allowed())
        }
        Property::SubscriptionIdentifier(n) => {
            p.subscription_ids.push(property::nonzero_u32(n, id)?.get());
            Ok(())
        }
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        other => Err(other.not_allowed()),
    }
}

/// [MQTT-3.3.2-8]
fn alias(n: u16) -> Result<NonZeroU16, DecodeError> {
    nonzero_u16(n, PropertyId::TopicAlias).map_err(|e| e.with_reason(ReasonCode::TopicAliasInvalid))
}

impl WriteProperties for PublishHeader<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.property_u16(PropertyId::TopicAlias, self.topic_alias.map(NonZeroU16::get));
        let Some(p) = self.properties else { return };
        sink.property_flag(PropertyId::PayloadFormatIndicator, p.payload_format_utf8);
        sink.property_u32(PropertyId::MessageExpiryInterval, p.message_expiry_s);
        sink.property_string(PropertyId::ContentType, p.content_type.as_ref());
        sink.property_response_topic(p.response_topic.as_ref());
        sink.property_binary(PropertyId::CorrelationData, p.correlation_data.as_ref());
        for &id in &p.subscription_ids {
            sink.property_subscription_id(id);
        }
        sink.user_properties(&p.user); // in order [MQTT-3.3.2-18]
    }
}
