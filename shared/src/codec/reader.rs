//! Reads the data types of section 1.5 off the bytes of one packet. Nothing here can panic.

use super::property::Property;
use super::{DecodeError, Limits, text};
use crate::packet::{PacketId, PacketType, ReasonCode, UserProperties};
use bytes::{Buf, Bytes};
use bytestring::ByteString;
use std::num::NonZeroU16;

/// The rest of one packet, or of the properties in it. What it hands out are slices of the same memory.
pub(super) struct Reader<'a> {
    rest: Bytes,
    pub(super) limits: &'a Limits,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: Bytes, limits: &'a Limits) -> Self {
        Reader { rest, limits }
    }

    /// Leaves out `count` bytes that have been looked at before.
    pub(super) fn skip(&mut self, count: usize) {
        self.rest.advance(count.min(self.rest.len()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left, as a payload.
    pub(super) fn into_rest(self) -> Bytes {
        self.rest
    }

    /// Fails if anything is left: the packet is longer than its fields.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(DecodeError::malformed(format!("{n} bytes are left over"))),
        }
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.rest.try_get_u8().map_err(|_| ends_within(what))
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.rest.try_get_u16().map_err(|_| ends_within(what))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.rest.try_get_u32().map_err(|_| ends_within(what))
    }

    /// A variable byte integer in its shortest form [MQTT-1.5.5-1].
    pub(super) fn var_int(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8(what)?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::malformed(format!("the {what} is not in its shortest form")));
                }
                return Ok(value);
            }
        }
        Err(DecodeError::malformed(format!("the {what} has more than four bytes")))
    }

    /// Binary data: a two-byte length and as many bytes.
    pub(super) fn binary(&mut self, what: &'static str) -> Result<Bytes, DecodeError> {
        let len = usize::from(self.u16(what)?);
        self.take(len, what)
    }

    /// A UTF-8 string without U+0000: see [`text::string`].
    pub(super) fn string(&mut self, what: &'static str) -> Result<ByteString, DecodeError> {
        text::string(self.binary(what)?, what)
    }

    /// A string that names something: see [`text::check_identifier`].
    pub(super) fn identifier(&mut self, what: &'static str) -> Result<ByteString, DecodeError> {
        let string = self.string(what)?;
        text::check_identifier(&string, what, self.limits)?;
        Ok(string)
    }

    /// A topic name: see [`text::topic_name`].
    pub(super) fn topic_name(&mut self, what: &'static str) -> Result<ByteString, DecodeError> {
        text::topic_name(self.binary(what)?, what, self.limits)
    }

    /// A packet identifier, which is never 0 [MQTT-2.2.1-3] [MQTT-2.3.1-1 of 3.1.1].
    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        NonZeroU16::new(self.u16("packet identifier")?).ok_or_else(zero_packet_id)
    }

    /// A reason code that `packet` may carry.
    pub(super) fn reason(&mut self, packet: PacketType) -> Result<ReasonCode, DecodeError> {
        let byte = self.u8("reason code")?;
        ReasonCode::from_u8(byte)
            .filter(|reason| reason.allowed_in(packet))
            .ok_or_else(|| DecodeError::protocol(format!("0x{byte:02X} is not a reason code of this packet")))
    }

    /// Reads the property length and then hands each property to `apply`.
    pub(super) fn properties(
        &mut self,
        mut apply: impl FnMut(Property) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let len = self.var_int("property length")? as usize;
        if len == 0 {
            return Ok(());
        }
        let mut section = Reader::new(self.take(len, "properties")?, self.limits);
        while !section.is_empty() {
            apply(Property::read(&mut section)?)?;
        }
        Ok(())
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<Bytes, DecodeError> {
        if len > self.rest.len() {
            return Err(ends_within(what));
        }
        Ok(self.rest.split_to(len))
    }
}

/// The error for packet identifier 0.
pub(super) fn zero_packet_id() -> DecodeError {
    DecodeError::protocol("the packet identifier is 0")
}

/// Adds one user property, within the limit.
pub(super) fn push_user(
    list: &mut UserProperties,
    pair: (ByteString, ByteString),
    limits: &Limits,
) -> Result<(), DecodeError> {
    if list.len() >= limits.max_user_properties {
        let text = format!("more than {} user properties", limits.max_user_properties);
        return Err(DecodeError::new(ReasonCode::PacketTooLarge, text));
    }
    list.push(pair);
    Ok(())
}

fn ends_within(what: &'static str) -> DecodeError {
    DecodeError::malformed(format!("ends within the {what}"))
}
