//! The fixed header (5.0: section 2.1): packet type, flags, remaining length.

use super::{DecodeError, Limits, Sender};
use crate::packet::{Packet, PacketType, ReasonCode, Version};

/// The most bytes that a fixed header has.
pub(super) const MAX_LENGTH: usize = 5;

/// A fixed header that has been looked at, not yet taken off the buffer.
pub(super) struct FixedHeader {
    pub(super) packet_type: PacketType,
    /// The low four bits of the first byte. Checked, but for those of PUBLISH and CONNECT.
    pub(super) flags: u8,
    /// How many bytes follow the fixed header.
    pub(super) remaining: usize,
    /// The size of the fixed header itself, in bytes.
    pub(super) len: usize,
}

impl FixedHeader {
    /// Reads the header at the front of `buffer`; `None` if it is not all there yet.
    ///
    /// The first byte is judged as soon as it is there: a peer that begins wrongly is not waited for.
    pub(super) fn peek(
        buffer: &[u8],
        version: Version,
        limits: &Limits,
    ) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = buffer.split_first() else {
            return Ok(None);
        };
        let packet_type = check_first_byte(first, version, limits)?;
        let Some((remaining, length_bytes)) = remaining_length(rest).map_err(|e| e.within(packet_type))?
        else {
            return Ok(None);
        };
        let header = FixedHeader { packet_type, flags: first & 0x0F, remaining, len: 1 + length_bytes };
        if header.total() as u64 > u64::from(limits.max_packet_size) {
            let text =
                format!("{} bytes are more than the {} allowed", header.total(), limits.max_packet_size);
            return Err(DecodeError::new(ReasonCode::PacketTooLarge, text).within(packet_type));
        }
        // CONNECT says its version itself and is checked where that is known.
        if version.is_v5() && packet_type != PacketType::Connect && !header.is_minimal() {
            return Err(not_minimal().within(packet_type)); // [MQTT-1.5.5-1]
        }
        Ok(Some(header))
    }

    /// The size of the whole packet, in bytes.
    pub(super) fn total(&self) -> usize {
        self.len + self.remaining
    }

    /// Whether the remaining length has no more bytes than it needs. 3.1 and 3.1.1 do not ask for it.
    pub(super) fn is_minimal(&self) -> bool {
        self.len == 1 + super::var_int_size(self.remaining)
    }
}

/// The error for a remaining length with needless bytes.
pub(super) fn not_minimal() -> DecodeError {
    DecodeError::malformed("the remaining length is not in its shortest form")
}

/// The first byte of `packet`.
pub(super) fn first_byte(packet: &Packet) -> u8 {
    let packet_type = packet.packet_type();
    let flags = match packet {
        Packet::Publish(p) => super::PublishHeader::of(p).flags(),
        _ => reserved_flags(packet_type),
    };
    (packet_type as u8) << 4 | flags
}

/// What the flags of all packets but PUBLISH must be [MQTT-2.1.3-1].
fn reserved_flags(packet_type: PacketType) -> u8 {
    match packet_type {
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
        _ => 0,
    }
}

/// Whether type, flags and direction go together.
fn check_first_byte(first: u8, version: Version, limits: &Limits) -> Result<PacketType, DecodeError> {
    let Some(packet_type) = packet_type(first >> 4) else {
        return Err(DecodeError::protocol("packet type 0 is reserved")); // section 2.1.2
    };
    let wrong_way = || {
        let text = format!("{} must not be sent in this direction or version", packet_type.name());
        Err(DecodeError::protocol(text))
    };
    let allowed = limits.sender.is_none_or(|sender| may_send(sender, packet_type, version))
        && (packet_type != PacketType::Auth || version.is_v5());
    // Two rules broken at once: of a CONNACK the direction counts, of the others the flags.
    if !allowed && packet_type == PacketType::ConnAck {
        return wrong_way();
    }
    if !flags_are_valid(packet_type, first & 0x0F, version) {
        // [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]
        // [MQTT-2.2.2-2 of 3.1.1]
        let text = format!("the flags of the first byte, 0x{first:02X}, are not those of the packet type");
        return Err(DecodeError::malformed(text).within(packet_type));
    }
    if !allowed {
        return wrong_way();
    }
    Ok(packet_type)
}

fn packet_type(number: u8) -> Option<PacketType> {
    Some(match number {
        1 => PacketType::Connect,
        2 => PacketType::ConnAck,
        3 => PacketType::Publish,
        4 => PacketType::PubAck,
        5 => PacketType::PubRec,
        6 => PacketType::PubRel,
        7 => PacketType::PubComp,
        8 => PacketType::Subscribe,
        9 => PacketType::SubAck,
        10 => PacketType::Unsubscribe,
        11 => PacketType::UnsubAck,
        12 => PacketType::PingReq,
        13 => PacketType::PingResp,
        14 => PacketType::Disconnect,
        15 => PacketType::Auth,
        _ => return None,
    })
}

/// The table in section 2.1.2, "direction of flow".
fn may_send(sender: Sender, packet_type: PacketType, version: Version) -> bool {
    match packet_type {
        PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::PingReq => {
            sender == Sender::Client
        }
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
            sender == Sender::Server
        }
        PacketType::Disconnect => sender == Sender::Client || version.is_v5(),
        _ => true,
    }
}

fn flags_are_valid(packet_type: PacketType, flags: u8, version: Version) -> bool {
    let reserved = reserved_flags(packet_type);
    match (packet_type, version) {
        // Of PUBLISH they mean something; CONNECT is judged by its own version.
        (PacketType::Publish | PacketType::Connect, _) => true,
        // 3.1 calls the flags "not used"; where it asks for QoS 1, DUP may be set on a repetition.
        (_, Version::V31) => flags & 0b0110 == reserved || reserved == 0,
        _ => flags == reserved,
    }
}

/// A variable byte integer of at most four bytes: its value and its size, `None` if it does not end yet.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok(Some((value, i + 1)));
        }
    }
    if bytes.len() < 4 {
        return Ok(None);
    }
    Err(DecodeError::malformed("the remaining length has more than four bytes"))
}
