//! Packets where they were received, without a copy.
//!
//! The project's codec gives packets that own what is in them, which a client needs. A load generator looks at millions
//! of PUBLISH packets and acknowledgements only for a moment, so those are read in place; all others go through the
//! codec. A malformed one is an error here too: what is measured should be MQTT.

use tabmq_shared::BytesMut;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Packet, QoS, Version};

/// One packet from the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<'a> {
    Publish(Publication<'a>),
    Ack(Acknowledgement),
    Other(Packet),
}

/// What matters of a PUBLISH.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publication<'a> {
    pub(super) qos: QoS,
    pub(super) dup: bool,
    pub(super) retain: bool,
    /// 0 at QoS 0.
    pub(super) packet_id: u16,
    pub(super) payload: &'a [u8],
}

/// What matters of a PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    pub(super) kind: AckPacket,
    pub(super) packet_id: u16,
    /// Whether it says that something was wrong.
    pub(super) failed: bool,
}

/// The first byte of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(clippy::enum_variant_names, reason = "the specification's names")]
pub(super) enum AckPacket {
    PubAck = 0x40,
    PubRec = 0x50,
    PubRel = 0x62,
    PubComp = 0x70,
}

impl AckPacket {
    /// The packet that means success.
    pub(super) fn packet(self, packet_id: u16) -> [u8; 4] {
        let [high, low] = packet_id.to_be_bytes();
        [self as u8, 2, high, low]
    }
}

/// Reads the packet at the front of `bytes` and says how long it is; `Ok(None)`: it is not all there yet.
pub(super) fn read(bytes: &[u8], version: Version) -> Result<Option<(Received<'_>, usize)>, String> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((remaining, length_bytes)) = variable_length(rest)? else { return Ok(None) };
    let total = 1 + length_bytes + remaining;
    let Some(body) = bytes.get(1 + length_bytes..total) else { return Ok(None) };
    let received = match first >> 4 {
        3 => publication(first, body, version).map(Received::Publish),
        4..=7 => acknowledgement(first, body, version).map(Received::Ack),
        _ => {
            return Ok(Some((
                Received::Other(other(bytes.get(..total).unwrap_or_default(), version)?),
                total,
            )));
        }
    };
    match received {
        Some(received) => Ok(Some((received, total))),
        None => Err(format!("the server sent a malformed packet: its first byte is 0x{first:02X}")),
    }
}

fn publication(first: u8, body: &[u8], version: Version) -> Option<Publication<'_>> {
    let qos = QoS::from_u8(first >> 1 & 3)?;
    let (topic_length, rest) = body.split_first_chunk()?;
    let mut rest = rest.get(usize::from(u16::from_be_bytes(*topic_length))..)?;
    let mut packet_id = 0;
    if qos != QoS::AtMostOnce {
        let (id, behind) = rest.split_first_chunk()?;
        packet_id = u16::from_be_bytes(*id);
        if packet_id == 0 {
            return None; // [MQTT-2.2.1-3]
        }
        rest = behind;
    }
    if version.is_v5() {
        let (length, length_bytes) = variable_length(rest).ok()??;
        rest = rest.get(length_bytes + length..)?;
    }
    let (dup, retain) = (first & 0b1000 != 0, first & 1 != 0);
    Some(Publication { qos, dup, retain, packet_id, payload: rest })
}

fn acknowledgement(first: u8, body: &[u8], version: Version) -> Option<Acknowledgement> {
    let kind = match first {
        0x40 => AckPacket::PubAck,
        0x50 => AckPacket::PubRec,
        0x62 => AckPacket::PubRel,
        0x70 => AckPacket::PubComp,
        _ => return None, // [MQTT-2.1.3-1]
    };
    let (id, rest) = body.split_first_chunk()?;
    let reason = rest.first().copied().filter(|_| version.is_v5());
    Some(Acknowledgement {
        kind,
        packet_id: u16::from_be_bytes(*id),
        failed: reason.is_some_and(|r| r >= 0x80),
    })
}

fn other(whole: &[u8], version: Version) -> Result<Packet, String> {
    let packet = codec::decode(&mut BytesMut::from(whole), version, &Limits::of_client());
    let packet = packet.map_err(|error| format!("the server sent a malformed packet: {error}"))?;
    packet.ok_or_else(|| "the server sent half a packet".to_owned())
}

/// A variable byte integer and its size; `Ok(None)`: it is not all there yet.
fn variable_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 4 {
        Ok(None)
    } else {
        Err("the server sent a length of more than four bytes".to_owned())
    }
}

/// An error, if the packet is the server's goodbye.
pub(super) fn refuse_disconnect(packet: &Packet) -> Result<(), String> {
    match packet {
        Packet::Disconnect(disconnect) => {
            Err(format!("the server ended the connection: {}", disconnect.reason))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::ByteString;
    use tabmq_shared::packet::{Ack, PacketId, Publish, PublishProperties, ReasonCode};

    fn encoded(packet: &Packet, version: Version) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        codec::encode(packet, version, &mut bytes).unwrap();
        bytes.to_vec()
    }

    fn publish(qos: QoS, properties: Option<PublishProperties>, payload: &'static [u8]) -> Packet {
        Packet::Publish(Publish {
            dup: false,
            qos,
            retain: true,
            topic: ByteString::from_static("a/b"),
            packet_id: (qos != QoS::AtMostOnce).then(|| PacketId::new(0x1234).unwrap()),
            topic_alias: None,
            properties: properties.map(Box::new),
            payload: payload.into(),
        })
    }

    #[test]
    fn what_the_codec_writes_is_read() {
        let payload: &'static [u8] = &[7; 200];
        for version in [Version::V31, Version::V311, Version::V5] {
            for (qos, packet_id) in
                [(QoS::AtMostOnce, 0), (QoS::AtLeastOnce, 0x1234), (QoS::ExactlyOnce, 0x1234)]
            {
                let properties = PublishProperties { subscription_ids: vec![1, 300], ..Default::default() };
                for properties in [None, Some(properties)] {
                    let bytes = encoded(&publish(qos, properties, payload), version);
                    let expected = Publication { qos, dup: false, retain: true, packet_id, payload };
                    let read_back = read(&bytes, version).unwrap();
                    assert_eq!(read_back, Some((Received::Publish(expected), bytes.len())));
                    for end in 0..bytes.len() {
                        assert_eq!(read(&bytes[..end], version).unwrap(), None);
                    }
                }
            }
        }
    }

    #[test]
    fn acknowledgements() {
        type Make = fn(Ack) -> Packet;
        let kinds: [(Make, AckPacket); 4] = [
            (Packet::PubAck, AckPacket::PubAck),
            (Packet::PubRec, AckPacket::PubRec),
            (Packet::PubRel, AckPacket::PubRel),
            (Packet::PubComp, AckPacket::PubComp),
        ];
        for (make, kind) in kinds {
            let id = PacketId::new(77).unwrap();
            let success = encoded(&make(Ack::success(id)), Version::V5);
            assert_eq!(success, kind.packet(77));
            let expected = Acknowledgement { kind, packet_id: 77, failed: false };
            assert_eq!(read(&success, Version::V311).unwrap(), Some((Received::Ack(expected), 4)));
        }
        let id = PacketId::new(1).unwrap();
        for (reason, failed) in
            [(ReasonCode::NoMatchingSubscribers, false), (ReasonCode::QuotaExceeded, true)]
        {
            let bytes = encoded(&Packet::PubAck(Ack::with_reason(id, reason)), Version::V5);
            let expected = Acknowledgement { kind: AckPacket::PubAck, packet_id: 1, failed };
            assert_eq!(read(&bytes, Version::V5).unwrap(), Some((Received::Ack(expected), bytes.len())));
        }
    }

    #[test]
    fn others_and_errors() {
        assert_eq!(read(&[0xD0, 0], Version::V311).unwrap(), Some((Received::Other(Packet::PingResp), 2)));
        let bad: [&[u8]; 7] = [
            &[0x30, 1, 0],                         // no room for a topic
            &[0x30, 2, 0, 1],                      // a topic longer than the packet
            &[0x32, 4, 0, 0, 0, 0],                // packet id 0
            &[0x36, 4, 0, 0, 0, 1],                // QoS 3
            &[0x60, 2, 0, 1],                      // PUBREL with the wrong flags
            &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], // a length of five bytes
            &[0xC0, 0],                            // PINGREQ, which only a client sends
        ];
        for bytes in bad {
            assert!(read(bytes, Version::V311).is_err(), "{bytes:02X?}");
        }
    }
}
