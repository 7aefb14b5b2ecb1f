//! Writes the data types of section 1.5. Each packet is described once, for a [`Sink`]: first the [`Sizer`] measures
//! it and finds all that is wrong, then the buffer takes it and nothing can fail any more.

use super::property::PropertyId;
use super::{EncodeError, MAX_PACKET_SIZE, header};
use crate::packet::UserProperties;
use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

/// The largest variable byte integer.
const MAX_VAR_INT: u32 = 268_435_455;

/// Where the fields of a packet go.
pub(super) trait Sink {
    /// Whether to look for what cannot be encoded: once is enough.
    const CHECKS: bool;

    /// Bytes as they are.
    fn raw(&mut self, bytes: &[u8]);

    /// Remembers that the packet cannot be encoded.
    fn refuse(&mut self, error: EncodeError);

    fn u8(&mut self, n: u8) {
        self.raw(&[n]);
    }

    fn u16(&mut self, n: u16) {
        self.raw(&n.to_be_bytes());
    }

    fn u32(&mut self, n: u32) {
        self.raw(&n.to_be_bytes());
    }

    /// A variable byte integer, in its shortest form [MQTT-1.5.5-1].
    fn var_int(&mut self, mut n: usize) {
        loop {
            let low = (n & 0x7F) as u8;
            n >>= 7;
            if n == 0 {
                return self.u8(low);
            }
            self.u8(low | 0x80);
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        if Self::CHECKS && bytes.len() > usize::from(u16::MAX) {
            self.refuse(EncodeError::StringTooLong);
        }
        self.u16(bytes.len() as u16);
        self.raw(bytes);
    }

    fn string(&mut self, s: &str) {
        if Self::CHECKS && s.as_bytes().contains(&0) {
            self.refuse(EncodeError::Nul); // [MQTT-1.5.4-2]
        }
        self.binary(s.as_bytes());
    }

    /// Refuses the packet with `message` unless `valid`.
    fn require(&mut self, valid: bool, message: &'static str) {
        if Self::CHECKS && !valid {
            self.refuse(EncodeError::Invalid(message));
        }
    }

    fn property_u8(&mut self, id: PropertyId, value: Option<u8>) {
        if let Some(n) = value {
            self.u8(id as u8);
            self.u8(n);
        }
    }

    fn property_flag(&mut self, id: PropertyId, value: Option<bool>) {
        self.property_u8(id, value.map(u8::from));
    }

    fn property_u16(&mut self, id: PropertyId, value: Option<u16>) {
        if let Some(n) = value {
            self.u8(id as u8);
            self.u16(n);
        }
    }

    fn property_u32(&mut self, id: PropertyId, value: Option<u32>) {
        if let Some(n) = value {
            self.u8(id as u8);
            self.u32(n);
        }
    }

    fn property_string(&mut self, id: PropertyId, value: Option<&ByteString>) {
        if let Some(s) = value {
            self.u8(id as u8);
            self.string(s);
        }
    }

    fn property_binary(&mut self, id: PropertyId, value: Option<&Bytes>) {
        if let Some(bytes) = value {
            self.u8(id as u8);
            self.binary(bytes);
        }
    }

    fn property_response_topic(&mut self, topic: Option<&ByteString>) {
        // [MQTT-3.3.2-14]
        let valid = topic.is_none_or(|t| !t.is_empty() && !t.contains(['+', '#']));
        self.require(valid, "a response topic that is empty or contains a wildcard");
        self.property_string(PropertyId::ResponseTopic, topic);
    }

    fn property_subscription_id(&mut self, id: u32) {
        self.require((1..=MAX_VAR_INT).contains(&id), "a subscription identifier outside 1 to 268,435,455");
        self.u8(PropertyId::SubscriptionIdentifier as u8);
        self.var_int(id as usize);
    }

    fn user_properties(&mut self, list: &UserProperties) {
        for (name, value) in list {
            self.u8(PropertyId::UserProperty as u8);
            self.string(name);
            self.string(value);
        }
    }

    /// The property length and the properties. None at all still have a length [MQTT-2.2.2-1].
    fn properties(&mut self, properties: &impl WriteProperties)
    where
        Self: Sized,
    {
        self.var_int(size_of(properties));
        properties.write(self);
    }
}

/// A set of properties that can be written.
pub(super) trait WriteProperties {
    fn write<S: Sink>(&self, sink: &mut S);
}

/// The size in bytes of properties without their length.
pub(super) fn size_of(properties: &impl WriteProperties) -> usize {
    let mut sizer = Sizer::default();
    properties.write(&mut sizer);
    sizer.len
}

/// The size in bytes of a variable byte integer.
pub(super) fn var_int_size(n: usize) -> usize {
    match n {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Counts, and keeps the first thing that is wrong.
#[derive(Default)]
pub(super) struct Sizer {
    len: usize,
    error: Option<EncodeError>,
}

impl Sizer {
    /// The bytes counted so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Counts bytes that are not at hand.
    pub(super) fn add(&mut self, count: usize) {
        self.len = self.len.saturating_add(count);
    }

    /// The remaining length, if the packet can be encoded.
    pub(super) fn finish(self) -> Result<usize, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None if self.len > MAX_PACKET_SIZE as usize - header::MAX_LENGTH => {
                Err(EncodeError::PacketTooLarge)
            }
            None => Ok(self.len),
        }
    }
}

impl Sink for Sizer {
    const CHECKS: bool = true;

    fn raw(&mut self, bytes: &[u8]) {
        self.add(bytes.len());
    }

    fn refuse(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

impl Sink for BytesMut {
    const CHECKS: bool = false;

    fn raw(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }

    fn refuse(&mut self, _: EncodeError) {}
}
