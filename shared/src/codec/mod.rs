//! Bytes to packets and back (5.0: chapters 1.5, 2 and 3).
//!
//! One codec for all versions and for both sides: [`decode`] takes whole packets off a read buffer, [`encode`]
//! appends them to a write buffer. Each packet family has one file that reads and writes it, so that the two can be
//! compared; below them are `property` (the table of properties), `reader` and `writer`.
//!
//! Decoding is strict. Where a packet breaks a rule, the [`DecodeError`] carries the reason code for the peer:
//!
//! - what the numbered statement that was broken says, if it says;
//! - otherwise what Eclipse Mosquitto's packet vectors expect, the field's best public conformance data. They say
//!   0x82 for a property that does not belong in the packet (0x81 in SUBSCRIBE and UNSUBSCRIBE) and 0x81 for nearly
//!   everything else.
//!
//! In MQTT 3.1 and 3.1.1 there is nobody to tell, and the connection is closed.

mod ack;
mod connect;
mod disconnect;
mod error;
mod header;
mod property;
mod publish;
mod reader;
mod subscribe;
mod text;
mod writer;

pub use error::{DecodeError, EncodeError};
pub use publish::{PublishHeader, encode_publish_header, publish_size};

use crate::packet::{Packet, PacketType, Version};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use header::FixedHeader;
use reader::Reader;
use writer::{Sink, Sizer, var_int_size};

/// The largest packet that a remaining length can describe, in bytes, fixed header included.
pub const MAX_PACKET_SIZE: u32 = 268_435_460;

/// How far ahead, in bytes, `decode` asks for room when it knows that more must come. A peer that announces 256 MB
/// gets that much only as it sends it.
const RESERVE_BYTES: usize = 64 * 1024;

/// What a decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet in bytes, fixed header included. At most [`MAX_PACKET_SIZE`], the protocol's own limit.
    pub max_packet_size: u32,
    /// The most user properties in one packet (a will counts apart from its CONNECT).
    pub max_user_properties: usize,
    /// The most filters in one SUBSCRIBE or UNSUBSCRIBE. A filter may have a single byte, so without this limit a packet
    /// of 16 MB would become four million of them.
    pub max_filters: usize,
    /// Who the bytes come from: packets that only the other side may send are protocol errors. `None` takes both.
    pub sender: Option<Sender>,
    /// Whether topics, filters, client ids and user names may hold control characters and Unicode non-characters.
    /// A receiver may take either view (5.0 section 1.5.4); a client must put up with what its server lets through.
    pub allow_control_characters: bool,
}

impl Limits {
    /// What a server accepts from clients.
    pub const fn of_server() -> Self {
        Limits::new(Some(Sender::Client), false)
    }

    /// What a client accepts from its server.
    pub const fn of_client() -> Self {
        Limits::new(Some(Sender::Server), true)
    }

    const fn new(sender: Option<Sender>, allow_control_characters: bool) -> Self {
        Limits {
            max_packet_size: MAX_PACKET_SIZE,
            max_user_properties: 1_000,
            max_filters: 65_535,
            sender,
            allow_control_characters,
        }
    }
}

impl Default for Limits {
    /// What [`Limits::of_server`] accepts, from both sides.
    fn default() -> Self {
        Limits::new(None, false)
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The end that sent CONNECT.
    Client,
    /// The end that answered with CONNACK.
    Server,
}

/// Takes one packet off the front of `buffer`; `Ok(None)` if it is not all there yet.
///
/// `version` is what CONNECT agreed on; for a CONNECT itself it is ignored.
///
/// The strings and the payload of a PUBLISH are slices of `buffer`'s memory: they cost nothing, and they keep all of
/// that memory alive. Who stores one for long should copy it. Other packets are copied, because what they bring
/// (client ids, filters) usually lives as long as a session.
///
/// A partial packet costs a look at its first five bytes. An error is final: what is left in `buffer` has no
/// meaning, and the connection must be closed [MQTT-4.13.1-1].
pub fn decode(
    buffer: &mut BytesMut,
    version: Version,
    limits: &Limits,
) -> Result<Option<Packet>, DecodeError> {
    if let Some(packet) = ack::decode_short_form(buffer)? {
        buffer.advance(ack::SHORT_FORM_LENGTH);
        return Ok(Some(packet));
    }
    let Some(header) = FixedHeader::peek(buffer, version, limits)? else {
        return Ok(None);
    };
    if let Some(missing) = header.total().checked_sub(buffer.len())
        && missing > 0
    {
        buffer.reserve(missing.min(RESERVE_BYTES));
        return Ok(None);
    }
    match decode_whole(buffer, &header, version, limits) {
        Ok(packet) => Ok(Some(packet)),
        Err(error) => Err(error.within(header.packet_type)),
    }
}

/// Appends `packet` to `buffer` in the form of `version`. On an error nothing has been appended.
///
/// What `version` has no place for is left out: properties before 5.0, the reason of an acknowledgement.
/// CONNECT is written in `connect.version`, whatever `version` says.
pub fn encode(packet: &Packet, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
    if let Some(bytes) = ack::encode_short_form(packet) {
        buffer.put_slice(&bytes);
        return Ok(());
    }
    let mut sizer = Sizer::default();
    write_body(packet, version, &mut sizer);
    let remaining = sizer.finish()?;
    buffer.reserve(header::MAX_LENGTH + remaining);
    buffer.put_u8(header::first_byte(packet));
    Sink::var_int(buffer, remaining);
    write_body(packet, version, buffer);
    Ok(())
}

/// The size in bytes of what [`encode`] appends, if it can encode the packet at all.
pub fn encoded_size(packet: &Packet, version: Version) -> usize {
    let mut sizer = Sizer::default();
    write_body(packet, version, &mut sizer);
    let remaining = sizer.len();
    1 + var_int_size(remaining) + remaining
}

/// Decodes the packet that `header` describes; all of it is in `buffer`.
fn decode_whole(
    buffer: &mut BytesMut,
    header: &FixedHeader,
    version: Version,
    limits: &Limits,
) -> Result<Packet, DecodeError> {
    let total = header.total();
    let frame = match header.packet_type {
        PacketType::Publish => buffer.split_to(total).freeze(),
        // Copied, so that what is kept of it does not keep the read buffer.
        _ => {
            let copy = Bytes::copy_from_slice(buffer.get(..total).unwrap_or_default());
            buffer.advance(total);
            copy
        }
    };
    let mut reader = Reader::new(frame, limits);
    reader.skip(header.len);
    let r = &mut reader;
    let packet = match header.packet_type {
        PacketType::Connect => Packet::Connect(Box::new(connect::decode(r, header)?)),
        PacketType::ConnAck => Packet::ConnAck(Box::new(connect::decode_ack(r, version)?)),
        PacketType::Publish => return Ok(Packet::Publish(publish::decode(reader, header.flags, version)?)),
        kind @ (PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp) => {
            ack::packet(kind, ack::decode(r, kind, version)?)
        }
        PacketType::Subscribe => Packet::Subscribe(Box::new(subscribe::decode(r, version)?)),
        PacketType::SubAck => Packet::SubAck(Box::new(subscribe::decode_suback(r, version)?)),
        PacketType::Unsubscribe => Packet::Unsubscribe(Box::new(subscribe::decode_unsubscribe(r, version)?)),
        PacketType::UnsubAck => Packet::UnsubAck(Box::new(subscribe::decode_unsuback(r, version)?)),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(Box::new(disconnect::decode(r, version)?)),
        PacketType::Auth => Packet::Auth(Box::new(disconnect::decode_auth(r)?)),
    };
    reader.finish()?;
    Ok(packet)
}

/// All that follows the fixed header.
fn write_body<S: Sink>(packet: &Packet, version: Version, sink: &mut S) {
    match packet {
        Packet::Connect(connect) => connect::write(connect, sink),
        Packet::ConnAck(ack) => connect::write_ack(ack, version, sink),
        Packet::Publish(publish) => {
            publish::write(&PublishHeader::of(publish), version, sink);
            sink.raw(&publish.payload);
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack::write(ack, packet.packet_type(), version, sink);
        }
        Packet::Subscribe(subscribe) => subscribe::write(subscribe, version, sink),
        Packet::SubAck(ack) => subscribe::write_suback(ack, version, sink),
        Packet::Unsubscribe(unsubscribe) => subscribe::write_unsubscribe(unsubscribe, version, sink),
        Packet::UnsubAck(ack) => subscribe::write_unsuback(ack, version, sink),
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => disconnect::write(disconnect, version, sink),
        Packet::Auth(auth) => disconnect::write_auth(auth, version, sink),
    }
}
