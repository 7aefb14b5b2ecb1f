//! PUBACK, PUBREC, PUBREL and PUBCOMP (5.0: sections 3.4 to 3.7).

use super::property::{Property, PropertyId, once};
use super::reader::{Reader, push_user, zero_packet_id};
use super::writer::{Sink, WriteProperties};
use super::{DecodeError, Limits, header};
use crate::packet::{Ack, AckProperties, Packet, PacketId, PacketType, ReasonCode, Version};

/// Makes `ack` a packet of this type, which is one of the four.
pub(super) fn packet(packet_type: PacketType, ack: Ack) -> Packet {
    match packet_type {
        PacketType::PubRec => Packet::PubRec(ack),
        PacketType::PubRel => Packet::PubRel(ack),
        PacketType::PubComp => Packet::PubComp(ack),
        _ => Packet::PubAck(ack),
    }
}

/// The size in bytes of an acknowledgement that is a packet identifier alone, and means success.
pub(super) const SHORT_FORM_LENGTH: usize = 4;

/// Reads an acknowledgement in its short form, if that is what `buffer` begins with. It is the same in every version
/// and direction, and by far the most frequent.
pub(super) fn decode_short_form(buffer: &[u8]) -> Result<Option<Packet>, DecodeError> {
    let [first, 2, high, low, ..] = *buffer else { return Ok(None) };
    let packet_type = match first {
        0x40 => PacketType::PubAck,
        0x50 => PacketType::PubRec,
        0x62 => PacketType::PubRel,
        0x70 => PacketType::PubComp,
        _ => return Ok(None),
    };
    match PacketId::new(u16::from_be_bytes([high, low])) {
        Some(packet_id) => Ok(Some(packet(packet_type, Ack::success(packet_id)))),
        None => Err(zero_packet_id().within(packet_type)),
    }
}

/// Reads what follows the fixed header.
pub(super) fn decode(r: &mut Reader<'_>, packet: PacketType, version: Version) -> Result<Ack, DecodeError> {
    let mut ack = Ack::success(r.packet_id()?);
    if !version.is_v5() || r.is_empty() {
        return Ok(ack);
    }
    // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
    ack.reason = r.reason(packet)?;
    // Section 3.4.2.2.1: with a remaining length below 4 there is no property length.
    if !r.is_empty() {
        let properties = decode_properties(r)?;
        ack.properties = (properties != AckProperties::default()).then(|| Box::new(properties));
    }
    Ok(ack)
}

/// Reads the properties of an acknowledgement of any kind.
pub(super) fn decode_properties(r: &mut Reader<'_>) -> Result<AckProperties, DecodeError> {
    let mut properties = AckProperties::default();
    let limits = r.limits;
    r.properties(|property| apply(&mut properties, property, limits))?;
    Ok(properties)
}

/// The whole packet, if it has a short form.
pub(super) fn encode_short_form(packet: &Packet) -> Option<[u8; SHORT_FORM_LENGTH]> {
    let (Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack)) = packet
    else {
        return None;
    };
    if ack.reason != ReasonCode::Success || ack.properties.is_some() {
        return None;
    }
    let [high, low] = ack.packet_id.get().to_be_bytes();
    Some([header::first_byte(packet), 2, high, low])
}

/// Describes what follows the fixed header, in the shortest form.
pub(super) fn write<S: Sink>(ack: &Ack, packet: PacketType, version: Version, sink: &mut S) {
    sink.u16(ack.packet_id.get());
    if !version.is_v5() {
        return;
    }
    sink.require(ack.reason.allowed_in(packet), "a reason code of another packet");
    let properties = ack.properties.as_deref().filter(|p| **p != AckProperties::default());
    if ack.reason != ReasonCode::Success || properties.is_some() {
        sink.u8(ack.reason.as_u8());
    }
    if let Some(properties) = properties {
        sink.properties(properties);
    }
}

fn apply(p: &mut AckProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::ReasonString(s) => once(&mut p.reason_string, s, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        other => Err(other.not_allowed()),
    }
}

impl WriteProperties for AckProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.property_string(PropertyId::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user);
    }
}
