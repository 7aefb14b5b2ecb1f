//! DISCONNECT and AUTH (5.0: sections 3.14 and 3.15).

use super::property::{Property, PropertyId, once};
use super::reader::{Reader, push_user};
use super::writer::{Sink, WriteProperties};
use super::{DecodeError, Limits, Sender};
use crate::packet::{
    Auth, Disconnect, DisconnectProperties, PacketType, ReasonCode, UserProperties, Version,
};

/// Reads what follows the fixed header.
pub(super) fn decode(r: &mut Reader<'_>, version: Version) -> Result<Disconnect, DecodeError> {
    let mut disconnect = Disconnect::new(ReasonCode::Success);
    // Section 3.14.2.1: with a remaining length of 0 the reason is normal disconnection.
    if !version.is_v5() || r.is_empty() {
        return Ok(disconnect);
    }
    disconnect.reason = r.reason(PacketType::Disconnect)?; // [MQTT-3.14.2-1]
    // Section 3.14.2.2.1: with a remaining length below 2 there is no property length.
    if !r.is_empty() {
        let limits = r.limits;
        r.properties(|property| apply(&mut disconnect.properties, property, limits))?;
    }
    Ok(disconnect)
}

/// Reads what follows the fixed header.
pub(super) fn decode_auth(r: &mut Reader<'_>) -> Result<Auth, DecodeError> {
    let user = UserProperties::new();
    let mut auth = Auth { reason: ReasonCode::Success, method: None, data: None, reason_string: None, user };
    // Section 3.15.2.1: success without properties may be a remaining length of 0.
    if r.is_empty() {
        return Ok(auth);
    }
    auth.reason = r.reason(PacketType::Auth)?; // [MQTT-3.15.2-1]
    if auth.reason == ReasonCode::Success && r.is_empty() {
        return Ok(auth);
    }
    let limits = r.limits;
    r.properties(|property| apply_auth(&mut auth, property, limits))?;
    if auth.method.is_none() {
        return Err(DecodeError::protocol("the authentication method is missing")); // section 3.15.2.2.2
    }
    Ok(auth)
}

/// Describes what follows the fixed header, in the shortest form.
pub(super) fn write<S: Sink>(disconnect: &Disconnect, version: Version, sink: &mut S) {
    if !version.is_v5() {
        return;
    }
    sink.require(disconnect.reason.allowed_in(PacketType::Disconnect), "a reason code of another packet");
    let has_properties = disconnect.properties != DisconnectProperties::default();
    if disconnect.reason != ReasonCode::Success || has_properties {
        sink.u8(disconnect.reason.as_u8());
    }
    if has_properties {
        sink.properties(&disconnect.properties);
    }
}

/// Describes what follows the fixed header, in the shortest form.
pub(super) fn write_auth<S: Sink>(auth: &Auth, version: Version, sink: &mut S) {
    sink.require(version.is_v5(), "AUTH does not exist before 5.0");
    sink.require(auth.reason.allowed_in(PacketType::Auth), "a reason code of another packet");
    let is_empty = auth.data.is_none() && auth.reason_string.is_none() && auth.user.is_empty();
    if auth.reason == ReasonCode::Success && auth.method.is_none() && is_empty {
        return;
    }
    sink.require(auth.method.is_some(), "AUTH without an authentication method");
    sink.u8(auth.reason.as_u8());
    sink.properties(auth);
}

fn apply(p: &mut DisconnectProperties, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        // [MQTT-3.14.2-2]
        Property::SessionExpiryInterval(_) if limits.sender == Some(Sender::Server) => {
            Err(property.not_allowed())
        }
        Property::SessionExpiryInterval(n) => once(&mut p.session_expiry_s, n, id),
        Property::ReasonString(s) => once(&mut p.reason_string, s, id),
        Property::UserProperty(pair) => push_user(&mut p.user, pair, limits),
        Property::ServerReference(s) => once(&mut p.server_reference, s, id),
        other => Err(other.not_allowed()),
    }
}

fn apply_auth(auth: &mut Auth, property: Property, limits: &Limits) -> Result<(), DecodeError> {
    let id = property.id();
    match property {
        Property::AuthenticationMethod(s) => once(&mut auth.method, s, id),
        Property::AuthenticationData(data) => once(&mut auth.data, data, id),
        Property::ReasonString(s) => once(&mut auth.reason_string, s, id),
        Property::UserProperty(pair) => push_user(&mut auth.user, pair, limits),
        other => Err(other.not_allowed()),
    }
}

impl WriteProperties for DisconnectProperties {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.property_u32(PropertyId::SessionExpiryInterval, self.session_expiry_s);
        sink.property_string(PropertyId::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user);
        sink.property_string(PropertyId::ServerReference, self.server_reference.as_ref());
    }
}

impl WriteProperties for Auth {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.property_string(PropertyId::AuthenticationMethod, self.method.as_ref());
        sink.property_binary(PropertyId::AuthenticationData, self.data.as_ref());
        sink.property_string(PropertyId::ReasonString, self.reason_string.as_ref());
        sink.user_properties(&self.user);
    }
}
