//! CONNECT and CONNACK (5.0: sections 3.1 and 3.2).

use super::header::{self, FixedHeader};
use super::property::{self, Property, PropertyId, flag, nonzero_u16, nonzero_u32, once};
use super::reader::{Reader, push_user};
use super::writer::{Sink, WriteProperties};
use super::{DecodeError, Limits, text};
use crate::packet::{
    ConnAck, ConnAckProperties, Connect, ConnectProperties, PacketType, QoS, ReasonCode, Version, Will,
    WillProperties,
};
use bytestring::ByteString;
use std::num::{NonZeroU16, NonZeroU32};

/// Of the protocol level, before 5.0: the client is a bridge.
const BRIDGE: u8 = 0x80;

const RESERVED: u8 = 0b0000_0001;
const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS_SHIFT: u8 = 3;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// Reads what follows the fixed header. Errors say in which version to answer.
pub(super) fn decode(r: &mut Reader<'_>, header: &FixedHeader) -> Result<Connect, DecodeError> {
    let (version, is_bridge) = version(r)?;
    let connect = decode_as(version, r, header).map(|connect| Connect { is_bridge, ..connect });
    let connect = connect.and_then(|connect| r.finish().map(|()| connect));
    // [MQTT-3.1.4-1 of 3.1.1]: what does not conform is closed without a CONNACK; 5.0 may say why [MQTT-3.1.4-1].
    connect.map_err(|e| if version.is_v5() { e.answered_in(version) } else { e })
}

/// Reads what follows the fixed header.
pub(super) fn decode_ack(r: &mut Reader<'_>, version: Version) -> Result<ConnAck, DecodeError> {
    let flags = r.u8("acknowledge flags")?;
    // [MQTT-3.2.2-1]; in 3.1 the byte is not used
    if flags & !1 != 0 && version != Version::V31 {
        return Err(DecodeError::malformed("reserved acknowledge flags are set"));
    }
    let session_present = flags == 1 && version != Version::V31;
    let mut properties = ConnAckProperties::default();
    let reason = if version.is_v5() {
        let reason = r.reason(PacketType::ConnAck)?; // [MQTT-3.2.2-8]
        let limits = r.limits;
        r.properties(|property| apply_ack(&mut properties, property, limits))?;
        reason
    } else {
        let code = r.u8("return code")?;
        from_return_code(code).ok_or_else(|| DecodeError::protocol(format!("{code} is not a return code")))?
    };
    if session_present && reason != ReasonCode::Success {
        return Err(DecodeError::protocol("session present in a refusal")); // [MQTT-3.2.2-6]
    }
    Ok(ConnAck { session_present, reason, properties })
}

/// Describes what follows the fixed header.
pub(super) fn write<S: Sink>(connect: &Connect, sink: &mut S) {
    let Connect { version, will, username, password, .. } = connect;
    sink.string(version.name());
    sink.require(!(connect.is_bridge && version.is_v5()), "the mark of a bridge in 5.0");
    sink.u8(version.level() | if connect.is_bridge { BRIDGE } else { 0 });
    sink.u8(connect_flags(connect));
    sink.u16(connect.keep_alive_s);
    if version.is_v5() {
        sink.properties(&connect.properties);
    }
    sink.string(&connect.client_id); // [MQTT-3.1.3-1]: in this order
    if let Some(will) = will {
        if version.is_v5() {
            sink.properties(&will.properties);
        }
        let valid = !will.topic.is_empty() && !will.topic.contains(['+', '#']);
        sink.require(valid, "a will topic that is empty or contains a wildcard");
        sink.string(&will.topic);
        sink.binary(&will.payload);
    }
    if let Some(username) = username {
        sink.string(username);
    }
    if let Some(password) = password {
        let valid = version.is_v5() || username.is_some(); // [MQTT-3.1.2-22 of 3.1.1]
        sink.require(valid, "a password without a user name before 5.0");
        sink.binary(password);
    }
}

/// Describes what follows the fixed header.
pub(super) fn write_ack<S: Sink>(ack: &ConnAck, version: Version, sink: &mut S) {
    let valid = ack.reason.allowed_in(PacketType::ConnAck);
    sink.require(valid, "a reason code of another packet");
    let present = ack.session_present && version != Version::V31;
    sink.require(!present || ack.reason == ReasonCode::Success, "session present in a refusal"); // [MQTT-3.2.2-6]
    sink.u8(u8::from(present));
    if version.is_v5() {
        sink.u8(ack.reason.as_u8());
        sink.properties(&ack.properties);
    } else {
        sink.u8(to_return_code(ack.reason));
    }
}

/// Reads protocol name and level, and in it whether the client is a bridge.
fn version(r: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    let unsupported = |text: String| DecodeError::new(ReasonCode::UnsupportedProtocolVersion, text);
    let name = r.binary("protocol name")?;
    if !matches!(&name[..], b"MQTT" | b"MQIsdp") {
        return Err(unsupported("the protocol name is neither MQTT nor MQIsdp".to_owned())); // [MQTT-3.1.2-1]
    }
    let level = r.u8("protocol level")?;
    for version in [Version::V31, Version::V311, Version::V5] {
        let level_alone = if version.is_v5() { level } else { level & !BRIDGE };
        if name == version.name() && level_alone == version.level() {
            return Ok((version, level_alone != level));
        }
    }
    // [MQTT-3.1.2-2]: answered in the form that the client most likely reads.
    let form = match level & !BRIDGE {
        3 => Version::V31,
        4 => Version::V311,
        _ => Version::V5,
    };
    let name = String::from_utf8_lossy(&name);
    Err(unsupported(format!("there is no protocol {name} of level {level}")).answered_in(form))
}

/// Reads what follows the protocol level.
fn decode_as(version: Version, r: &mut Reader<'_>, header: &FixedHeader) -> Result<Connect, DecodeError> {
    // 3.1 calls these flags and the lowest connect flag "not used".
    if version != Version::V31 && header.flags != 0 {
        return Err(DecodeError::malformed("flags of the first byte are set")); // [MQTT-2.1.3-1]
    }
    if version.is_v5() && !header.is_minimal() {
        return Err(header::not_minimal()); // [MQTT-1.5.5-1]
    }
    let flags = r.u8("connect flags")?;
    if version != Version::V31 && flags & RESERVED != 0 {
        return Err(DecodeError::malformed("the reserved connect flag is set")); // [MQTT-3.1.2-3]
    }
    if flags & PASSWORD != 0 && flags & USER_NAME == 0 && !version.is_v5() {
        return Err(DecodeError::malformed("a password without a user name")); // [MQTT-3.1.2-22 of 3.1.1]
    }
    let keep_alive_s = r.u16("keep alive")?;
    let mut properties = ConnectProperties::default();
    if version.is_v5() {
        let limits = r.limits;
        r.properties(|property| apply(&mut properties, property, limits))?;
        if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
            return Err(DecodeError::protocol("authentication data without a method")); // section 3.1.2.11.10
        }
    }
    let client_id = client_id(version, r)?;
    let will = will(version, flags, r)?;
    // 3.1: "the remaining length takes precedence over the user name flag", and over the password flag.
    let present = |bit: u8, r: &Reader<'_>| flags & bit != 0 && !(version == Version::V31 && r.is_empty());
    // [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.3-12]
    let username = if present(USER_NAME, r) { Some(r.identifier("user name")?) } else { None };
    // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
    let password = if present(PASSWORD, r) { Some(r.binary("password")?) } else { None };
    let clean_start = flags & CLEAN_START != 0;
    let is_bridge = false; // the caller knows
    Ok(Connect {
        version,
        is_bridge,
        clean_start,
        keep_alive_s,
        client_id,
        will,
        username,
        password,
        properties,
    })
}

/// Reads the client identifier, which may be empty [MQTT-3.1.3-3] [MQTT-3.1.3-4].
fn client_id(version: Version, r: &mut Reader<'_>) -> Result<ByteString, DecodeError> {
    let bytes = r.binary("client identifier")?;
    let checked = text::string(bytes, "client identifier").and_then(|id| {
        text::check_identifier(&id, "client identifier", r.limits)?;
        Ok(id)
    });
    // [MQTT-3.1.3-8]
    checked.map_err(|e| if version.is_v5() { e.with_reason(ReasonCode::ClientIdentifierNotValid) } else { e })
}

/// Reads the will, if the flags say that there is one.
fn will(version: Version, flags: u8, r: &mut Reader<'_>) -> Result<Option<Will>, DecodeError> {
    let qos = QoS::from_u8(flags >> WILL_QOS_SHIFT & 3);
    let retain = flags & WILL_RETAIN != 0;
    if flags & WILL == 0 {
        // [MQTT-3.1.2-11] [MQTT-3.1.2-13]; 3.1 ignores them
        if version != Version::V31 && (qos != Some(QoS::AtMostOnce) || retain) {
            return Err(DecodeError::malformed("will QoS or will retain without a will"));
        }
        return Ok(None);
    }
    let qos = qos.ok_or_else(|| DecodeError::malformed("the will QoS is 3"))?; // [MQTT-3.1.2-12]
    let mut properties = WillProperties::default();
    if version.is_v5() {
        let limits = r.limits;
        r.properties(|property| apply_will(&mut properties, property, limits))?;
    }
    // [MQTT-3.1.2-9] [MQTT-3.1.3-11]
    let topic = r.topic_name("will topic")?;
    if topic.is_empty() {
        return Err(DecodeError::malformed("the will topic is empty")); // [MQTT-4.7.3-1]
    }
    let payload = r.binary("will payload")?;
    Ok(Some(Will { topic, payload, qos, retain, properties }))
}

fn connect_flags(connect: &Connect) -> u8 {
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    let mut flags = bit(connect.clean_start, CLEAN_START)
        | bit(connect.username.is_some(), USER_NAME)
        | bit(connect.password.is_some(), PASSWORD);
    if let Some(will) = &connect.will {
        flags |= WILL | will.qos.as_u8() << WILL_QOS_SHIFT | bit(will.retain, WILL_RETAIN);
    }
    flags
}

/// The five refusals of 3.1 and 3.1.1 (there section 3.2.2.3).
fn from_return_code(code: u8) -> Option<ReasonCode> {
    Some(match code {
        0 => ReasonCode::Success,
        1 => ReasonCode::UnsupportedProtocolVersion,
        2 => ReasonCode::ClientIdentifierNotValid,
        3 => ReasonCode::ServerUnavailable,
        4 => ReasonCode::BadUserNameOrPassword,
        5 => ReasonCode::NotAuthorized,
        _ => return None,
    })
}

/// The nearest of the five refusals: what has none of its own is "not authorised" if the client is at fault and
/// "server unavailable" if trying later may help.
fn to_return_code(reason: ReasonCode) -> u8 {
    match reason {
        ReasonCode::Success => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => 4,
        ReasonCode::ServerUnavailable
        | ReasonCode::ServerBusy
        | ReasonCode::UnspecifiedError
        | ReasonCode::ImplementationSpecificError
        | ReasonCode::UseAnotherServer
        | ReasonCode::ServerMoved
        | ReasonCode::QuotaExceeded
        | ReasonCode::ConnectionRateExceeded => 3,
        _ => 5,
    }
}

fn apply(p: &mut ConnectProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::SessionExpiryInterval(n) => once(&mut p.session_expiry_s, n, id),
        Property::ReceiveMaximum(n) => once(&mut p.receive_maximum, nonzero_u16(n, id)?, id),
        Property::MaximumPacketSize(n) => once(&mut p.maximum_packet_size, packet_size(n, id)?, id),
        Property::TopicAliasMaximum(n) => once(&mut p.topic_alias_maximum, n, id),
        Property::RequestResponseInformation(n) => {
            once(&mut p.request_response_information, flag(n, id)?, id)
        }
        Property::RequestProblemInformation(n) => once(&mut p.request_problem_information, flag(n, id)?, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        Property::AuthenticationMethod(s) => once(&mut p.authentication_method, s, id),
        Property::AuthenticationData(data) => once(&mut p.authentication_data, data, id),
        other => Err(other.not_allowed()),
    }
}

fn apply_will(p: &mut WillProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::WillDelayInterval(n) => once(&mut p.delay_interval_s, n, id),
        Property::PayloadFormatIndicator(n) => once(&mut p.payload_format_utf8, flag(n, id)?, id),
        Property::MessageExpiryInterval(n) => once(&mut p.message_expiry_s, n, id),
        Property::ContentType(s) => once(&mut p.content_type, s, id),
        Property::ResponseTopic(s) => once(&mut p.response_topic, property::response_topic(s, limits)?, id),
        Property::CorrelationData(data) => once(&mut p.correlation_data, data, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        other => Err(other.not_allowed()),
    }
}

fn apply_ack(p: &mut ConnAckProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::SessionExpiryInterval(n) => once(&mut p.session_expiry_s, n, id),
        Property::ReceiveMaximum(n) => once(&mut p.receive_maximum, nonzero_u16(n, id)?, id),
        Property::MaximumQoS(n) => once(&mut p.maximum_qos, maximum_qos(n)?, id),
        Property::RetainAvailable(n) => once(&mut p.retain_available, flag(n, id)?, id),
        Property::MaximumPacketSize(n) => once(&mut p.maximum_packet_size, packet_size(n, id)?, id),
        Property::AssignedClientIdentifier(s) => once(&mut p.assigned_client_id, s, id),
        Property::TopicAliasMaximum(n) => once(&mut p.topic_alias_maximum, n, id),
        Property::ReasonString(s) => once(&mut p.reason_string, s, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        Property::WildcardSubscriptionAvailable(n) => {
            once(&mut p.wildcard_subscription_available, flag(n, id)?, id)
        }
        Property::SubscriptionIdentifierAvailable(n) => {
            once(&mut p.subscription_ids_available, flag(n, id)?, id)
        }
        Property::SharedSubscriptionAvailable(n) => {
            once(&mut p.shared_subscription_available, flag(n, id)?, id)
        }
        Property::ServerKeepAlive(n) => once(&mut p.server_keep_alive_s, n, id),
        Property::ResponseInformation(s) => once(&mut p.response_information, s, id),
        Property::ServerReference(s) => once(&mut p.server_reference, s, id),
        Property::AuthenticationMethod(s) => once(&mut p.authentication_method, s, id),
        Property::AuthenticationData(data) => once(&mut p.authentication_data, data, id),
        other => Err(other.not_allowed()),
    }
}

/// Section 3.2.2.3.4: 0 or 1; that 2 is taken is said by leaving it out.
fn maximum_qos(n: u8) -> Result<QoS, DecodeError> {
    QoS::from_u8(n)
        .filter(|qos| *qos != QoS::ExactlyOnce)
        .ok_or_else(|| DecodeError::protocol(format!("the property maximum QoS is {n}: it must be 0 or 1")))
}

/// Section 3.1.2.11.4: not 0.
fn packet_size(n: u32, id: PropertyId) -> Result<u32, DecodeError> {
    nonzero_u32(n, id).map(NonZeroU32::get)
}

impl WriteProperties for ConnectProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.require(self.maximum_packet_size != Some(0), "a maximum packet size of 0");
        let data_alone = self.authentication_data.is_some() && self.authentication_method.is_none();
        sink.require(!data_alone, "authentication data without a method");
        sink.property_u32(PropertyId::SessionExpiryInterval, self.session_expiry_s);
        sink.property_u16(PropertyId::ReceiveMaximum, self.receive_maximum.map(NonZeroU16::get));
        sink.property_u32(PropertyId::MaximumPacketSize, self.maximum_packet_size);
        sink.property_u16(PropertyId::TopicAliasMaximum, self.topic_alias_maximum);
        sink.property_flag(PropertyId::RequestResponseInformation, self.request_response_information);
        sink.property_flag(PropertyId::RequestProblemInformation, self.request_problem_information);
        sink.user_properties(&self.user);
        sink.property_string(PropertyId::AuthenticationMethod, self.authentication_method.as_ref());
        sink.property_binary(PropertyId::AuthenticationData, self.authentication_data.as_ref());
    }
}

impl WriteProperties for WillProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.property_u32(PropertyId::WillDelayInterval, self.delay_interval_s);
        sink.property_flag(PropertyId::PayloadFormatIndicator, self.payload_format_utf8);
        sink.property_u32(PropertyId::MessageExpiryInterval, self.message_expiry_s);
        sink.property_string(PropertyId::ContentType, self.content_type.as_ref());
        sink.property_response_topic(self.response_topic.as_ref());
        sink.property_binary(PropertyId::CorrelationData, self.correlation_data.as_ref());
        sink.user_properties(&self.user);
    }
}

impl WriteProperties for ConnAckProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.require(self.maximum_packet_size != Some(0), "a maximum packet size of 0");
        sink.require(self.maximum_qos != Some(QoS::ExactlyOnce), "a maximum QoS of 2: leave it out");
        sink.property_u32(PropertyId::SessionExpiryInterval, self.session_expiry_s);
        sink.property_u16(PropertyId::ReceiveMaximum, self.receive_maximum.map(NonZeroU16::get));
        sink.property_u8(PropertyId::MaximumQoS, self.maximum_qos.map(QoS::as_u8));
        sink.property_flag(PropertyId::RetainAvailable, self.retain_available);
        sink.property_u32(PropertyId::MaximumPacketSize, self.maximum_packet_size);
        sink.property_string(PropertyId::AssignedClientIdentifier, self.assigned_client_id.as_ref());
        sink.property_u16(PropertyId::TopicAliasMaximum, self.topic_alias_maximum);
        sink.property_string(PropertyId::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user);
        sink.property_flag(PropertyId::WildcardSubscriptionAvailable, self.wildcard_subscription_available);
        sink.property_flag(PropertyId::SubscriptionIdentifierAvailable, self.subscription_ids_available);
        sink.property_flag(PropertyId::SharedSubscriptionAvailable, self.shared_subscription_available);
        sink.property_u16(PropertyId::ServerKeepAlive, self.server_keep_alive_s);
        sink.property_string(PropertyId::ResponseInformation, self.response_information.as_ref());
        sink.property_string(PropertyId::ServerReference, self.server_reference.as_ref());
        sink.property_string(PropertyId::AuthenticationMethod, self.authentication_method.as_ref());
        sink.property_binary(PropertyId::AuthenticationData, self.authentication_data.as_ref());
    }
}
