//! The properties of MQTT 5.0 (section 2.2.2): one table of identifier, name and data type.
//!
//! Which packet may carry which property is said where the packet is read: it matches the ones it knows and
//! refuses the others with [`Property::not_allowed`].

use super::reader::Reader;
use super::{DecodeError, Limits, text};
use bytes::Bytes;
use bytestring::ByteString;
use std::num::{NonZeroU16, NonZeroU32};

macro_rules! properties {
    ($($name:ident = $id:literal, $text:literal, $read:ident -> $type:ty;)*) => {
        /// The identifiers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum PropertyId { $($name = $id,)* }

        /// A property with its value, as read: the data type is right, the value not yet judged.
        #[derive(Debug)]
        #[expect(clippy::enum_variant_names, reason = "UserProperty is the specification's name")]
        pub(super) enum Property { $($name($type),)* }

        impl Property {
            /// Reads the next property.
            pub(super) fn read(reader: &mut Reader<'_>) -> Result<Property, DecodeError> {
                match reader.var_int("property identifier")? {
                    $($id => Ok(Property::$name(reader.$read($text)?)),)*
                    // Section 2.2.2.2: malformed
                    id => Err(DecodeError::malformed(format!("0x{id:02X} is not a property"))),
                }
            }

            /// Which one it is.
            pub(super) fn id(&self) -> PropertyId {
                match self { $(Property::$name(_) => PropertyId::$name,)* }
            }
        }

        impl PropertyId {
            /// The specification's name for it, in lower case. Only errors tell it.
            #[cold]
            #[inline(never)]
            fn name(self) -> &'static str {
                match self { $(PropertyId::$name => $text,)* }
            }
        }
    };
}

properties! {
    PayloadFormatIndicator = 0x01, "payload format indicator", u8 -> u8;
    MessageExpiryInterval = 0x02, "message expiry interval", u32 -> u32;
    ContentType = 0x03, "content type", string -> ByteString;
    ResponseTopic = 0x08, "response topic", string -> ByteString;
    CorrelationData = 0x09, "correlation data", binary -> Bytes;
    SubscriptionIdentifier = 0x0B, "subscription identifier", var_int -> u32;
    SessionExpiryInterval = 0x11, "session expiry interval", u32 -> u32;
    AssignedClientIdentifier = 0x12, "assigned client identifier", string -> ByteString;
    ServerKeepAlive = 0x13, "server keep alive", u16 -> u16;
    AuthenticationMethod = 0x15, "authentication method", string -> ByteString;
    AuthenticationData = 0x16, "authentication data", binary -> Bytes;
    RequestProblemInformation = 0x17, "request problem information", u8 -> u8;
    WillDelayInterval = 0x18, "will delay interval", u32 -> u32;
    RequestResponseInformation = 0x19, "request response information", u8 -> u8;
    ResponseInformation = 0x1A, "response information", string -> ByteString;
    ServerReference = 0x1C, "server reference", string -> ByteString;
    ReasonString = 0x1F, "reason string", string -> ByteString;
    ReceiveMaximum = 0x21, "receive maximum", u16 -> u16;
    TopicAliasMaximum = 0x22, "topic alias maximum", u16 -> u16;
    TopicAlias = 0x23, "topic alias", u16 -> u16;
    MaximumQoS = 0x24, "maximum QoS", u8 -> u8;
    RetainAvailable = 0x25, "retain available", u8 -> u8;
    UserProperty = 0x26, "user property", string_pair -> (ByteString, ByteString);
    MaximumPacketSize = 0x27, "maximum packet size", u32 -> u32;
    WildcardSubscriptionAvailable = 0x28, "wildcard subscription available", u8 -> u8;
    SubscriptionIdentifierAvailable = 0x29, "subscription identifiers available", u8 -> u8;
    SharedSubscriptionAvailable = 0x2A, "shared subscription available", u8 -> u8;
}

impl Property {
    /// The error for a property that does not belong in this packet.
    pub(super) fn not_allowed(&self) -> DecodeError {
        DecodeError::protocol(format!("the property {} does not belong in it", self.id().name()))
    }
}

impl Reader<'_> {
    fn string_pair(&mut self, what: &'static str) -> Result<(ByteString, ByteString), DecodeError> {
        Ok((self.string(what)?, self.string(what)?)) // [MQTT-1.5.7-1]
    }
}

/// Sets a property that may be there only once: a second one is a protocol error.
pub(super) fn once<T>(slot: &mut Option<T>, value: T, id: PropertyId) -> Result<(), DecodeError> {
    if slot.replace(value).is_some() {
        return Err(DecodeError::protocol(format!("the property {} is there twice", id.name())));
    }
    Ok(())
}

/// A byte that is 0 or 1.
pub(super) fn flag(byte: u8, id: PropertyId) -> Result<bool, DecodeError> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        n => Err(DecodeError::protocol(format!("the property {} is {n}: it must be 0 or 1", id.name()))),
    }
}

/// A two-byte integer that is not 0.
pub(super) fn nonzero_u16(n: u16, id: PropertyId) -> Result<NonZeroU16, DecodeError> {
    NonZeroU16::new(n).ok_or_else(|| is_zero(id))
}

/// An integer that is not 0.
pub(super) fn nonzero_u32(n: u32, id: PropertyId) -> Result<NonZeroU32, DecodeError> {
    NonZeroU32::new(n).ok_or_else(|| is_zero(id))
}

/// A response topic: a topic name that is not empty [MQTT-3.3.2-14].
pub(super) fn response_topic(topic: ByteString, limits: &Limits) -> Result<ByteString, DecodeError> {
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(DecodeError::protocol("the response topic is empty or contains a wildcard"));
    }
    text::check_identifier(&topic, "response topic", limits)?;
    Ok(topic)
}

fn is_zero(id: PropertyId) -> DecodeError {
    DecodeError::protocol(format!("the property {} is 0", id.name()))
}
