//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (5.0: sections 3.8 to 3.11).

use super::ack::decode_properties;
use super::property::{Property, nonzero_u32, once};
use super::reader::{Reader, push_user};
use super::writer::{Sink, WriteProperties};
use super::{DecodeError, Limits, text};
use crate::packet::{
    PacketId, PacketType, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    SubscribeProperties, SubscriptionOptions, Unsubscribe, UserProperties, Version,
};
use bytestring::ByteString;

const NO_LOCAL: u8 = 0b0100;
const RETAIN_AS_PUBLISHED: u8 = 0b1000;

/// Reads what follows the fixed header.
pub(super) fn decode(r: &mut Reader<'_>, version: Version) -> Result<Subscribe, DecodeError> {
    let packet_id = request_id(r)?;
    let mut properties = SubscribeProperties::default();
    if version.is_v5() {
        let limits = r.limits;
        r.properties(|property| apply(&mut properties, property, limits))?;
    }
    let mut filters = Vec::new();
    while !r.is_empty() {
        check_room(&filters, r.limits)?;
        let filter = filter(r, version)?;
        let options = options(r.u8("subscription options")?, version)?;
        // [MQTT-3.8.3-4]
        if options.no_local && filter.starts_with("$share/") {
            return Err(DecodeError::protocol("no local on a shared subscription"));
        }
        filters.push(SubscribeFilter { filter, options });
    }
    if filters.is_empty() {
        return Err(no_filters()); // [MQTT-3.8.3-2] [MQTT-3.8.3-3 of 3.1.1]
    }
    Ok(Subscribe { packet_id, properties, filters })
}

/// Reads what follows the fixed header.
pub(super) fn decode_suback(r: &mut Reader<'_>, version: Version) -> Result<SubAck, DecodeError> {
    let packet_id = r.packet_id()?;
    let mut reasons = Vec::new();
    if version.is_v5() {
        let properties = decode_properties(r)?;
        while !r.is_empty() {
            reasons.push(r.reason(PacketType::SubAck)?); // [MQTT-3.9.3-2]
        }
        return Ok(SubAck { packet_id, properties, reasons });
    }
    while !r.is_empty() {
        // [MQTT-3.9.3-2 of 3.1.1]: 0, 1, 2 and 0x80 only
        let reason = match r.u8("return code")? {
            0 => ReasonCode::Success,
            1 => ReasonCode::GrantedQoS1,
            2 => ReasonCode::GrantedQoS2,
            0x80 => ReasonCode::UnspecifiedError,
            byte => return Err(DecodeError::protocol(format!("0x{byte:02X} is not a return code"))),
        };
        reasons.push(reason);
    }
    Ok(SubAck { packet_id, properties: Default::default(), reasons })
}

/// Reads what follows the fixed header.
pub(super) fn decode_unsubscribe(r: &mut Reader<'_>, version: Version) -> Result<Unsubscribe, DecodeError> {
    let packet_id = request_id(r)?;
    let mut user = UserProperties::new();
    if version.is_v5() {
        let limits = r.limits;
        r.properties(|property| match property {
            Property::UserProperty(pair) => push_user(&mut user, pair, limits),
            other => Err(malformed_property(&other)),
        })?;
    }
    let mut filters = Vec::new();
    while !r.is_empty() {
        check_room(&filters, r.limits)?;
        filters.push(filter(r, version)?);
    }
    if filters.is_empty() {
        return Err(no_filters()); // [MQTT-3.10.3-2]
    }
    Ok(Unsubscribe { packet_id, user, filters })
}

/// Reads what follows the fixed header.
pub(super) fn decode_unsuback(r: &mut Reader<'_>, version: Version) -> Result<SubAck, DecodeError> {
    let packet_id = r.packet_id()?;
    let mut ack = SubAck { packet_id, properties: Default::default(), reasons: Vec::new() };
    if version.is_v5() {
        ack.properties = decode_properties(r)?;
        while !r.is_empty() {
            ack.reasons.push(r.reason(PacketType::UnsubAck)?); // [MQTT-3.11.3-2]
        }
    }
    Ok(ack)
}

/// Describes what follows the fixed header.
pub(super) fn write<S: Sink>(subscribe: &Subscribe, version: Version, sink: &mut S) {
    sink.u16(subscribe.packet_id.get());
    if version.is_v5() {
        sink.properties(&subscribe.properties);
    }
    sink.require(!subscribe.filters.is_empty(), "SUBSCRIBE without a filter");
    for SubscribeFilter { filter, options } in &subscribe.filters {
        write_filter(filter, sink);
        sink.u8(options_byte(*options, version));
        let shared = version.is_v5() && filter.starts_with("$share/");
        sink.require(!(options.no_local && shared), "no local on a shared subscription"); // [MQTT-3.8.3-4]
    }
}

/// Describes what follows the fixed header.
pub(super) fn write_suback<S: Sink>(ack: &SubAck, version: Version, sink: &mut S) {
    sink.u16(ack.packet_id.get());
    if version.is_v5() {
        sink.properties(&ack.properties);
    }
    for &reason in &ack.reasons {
        sink.require(reason.allowed_in(PacketType::SubAck), "a reason code of another packet");
        // [MQTT-3.9.3-2 of 3.1.1]: one code for all failures
        let failed = !version.is_v5() && reason.is_error();
        sink.u8(if failed { ReasonCode::UnspecifiedError.as_u8() } else { reason.as_u8() });
    }
}

/// Describes what follows the fixed header.
pub(super) fn write_unsubscribe<S: Sink>(unsubscribe: &Unsubscribe, version: Version, sink: &mut S) {
    sink.u16(unsubscribe.packet_id.get());
    if version.is_v5() {
        sink.properties(&unsubscribe.user);
    }
    sink.require(!unsubscribe.filters.is_empty(), "UNSUBSCRIBE without a filter");
    for filter in &unsubscribe.filters {
        write_filter(filter, sink);
    }
}

/// Describes what follows the fixed header.
pub(super) fn write_unsuback<S: Sink>(ack: &SubAck, version: Version, sink: &mut S) {
    sink.u16(ack.packet_id.get());
    if version.is_v5() {
        sink.properties(&ack.properties);
        for &reason in &ack.reasons {
            sink.require(reason.allowed_in(PacketType::UnsubAck), "a reason code of another packet");
            sink.u8(reason.as_u8());
        }
    }
}

/// The packet identifier of a request [MQTT-2.2.1-3].
fn request_id(r: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
    r.packet_id().map_err(|e| e.with_reason(ReasonCode::MalformedPacket))
}

fn filter(r: &mut Reader<'_>, version: Version) -> Result<ByteString, DecodeError> {
    let filter = r.string("topic filter")?; // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    text::check_filter(&filter, version, r.limits)?;
    Ok(filter)
}

fn write_filter<S: Sink>(filter: &str, sink: &mut S) {
    sink.require(!filter.is_empty(), "an empty topic filter"); // [MQTT-4.7.3-1]
    sink.string(filter);
}

fn options(byte: u8, version: Version) -> Result<SubscriptionOptions, DecodeError> {
    let reserved = match version {
        Version::V31 => 0, // "not used"
        Version::V311 => 0b1111_1100,
        Version::V5 => 0b1100_0000,
    };
    if byte & reserved != 0 {
        // [MQTT-3.8.3-5] [MQTT-3-8.3-4 of 3.1.1]
        return Err(DecodeError::malformed("reserved bits of the subscription options are set"));
    }
    let qos = QoS::from_u8(byte & 3).ok_or_else(|| DecodeError::malformed("the QoS of a filter is 3"))?;
    if !version.is_v5() {
        return Ok(SubscriptionOptions { qos, ..Default::default() });
    }
    let retain_handling = match byte >> 4 & 3 {
        0 => RetainHandling::Send,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(DecodeError::malformed("the retain handling of a filter is 3")),
    };
    let no_local = byte & NO_LOCAL != 0;
    let retain_as_published = byte & RETAIN_AS_PUBLISHED != 0;
    Ok(SubscriptionOptions { qos, no_local, retain_as_published, retain_handling })
}

fn options_byte(options: SubscriptionOptions, version: Version) -> u8 {
    let mut byte = options.qos.as_u8();
    if version.is_v5() {
        byte |= if options.no_local { NO_LOCAL } else { 0 };
        byte |= if options.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
        byte |= (options.retain_handling as u8) << 4;
    }
    byte
}

fn apply(p: &mut SubscribeProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::SubscriptionIdentifier(n) => once(&mut p.subscription_id, nonzero_u32(n, id)?, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        other => Err(malformed_property(&other)),
    }
}

/// In these two packets a property that does not belong is 0x81: see the [module's](super) rule.
fn malformed_property(property: &Property) -> DecodeError {
    property.not_allowed().with_reason(ReasonCode::MalformedPacket)
}

fn check_room<T>(filters: &[T], limits: &Limits) -> Result<(), DecodeError> {
    if filters.len() < limits.max_filters {
        return Ok(());
    }
    let text = format!("more than {} topic filters", limits.max_filters);
    Err(DecodeError::new(ReasonCode::QuotaExceeded, text))
}

fn no_filters() -> DecodeError {
    DecodeError::malformed("there is no topic filter")
}

impl WriteProperties for SubscribeProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        if let Some(id) = self.subscription_id {
            sink.property_subscription_id(id.get());
        }
        sink.user_properties(&self.user);
    }
}

impl WriteProperties for UserProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.user_properties(self);
    }
}
