//! What was encoded decodes to the same; what was not must not panic.

use crate::support::packets;
use proptest::prelude::*;
use tabmq_shared::BytesMut;
use tabmq_shared::codec::{
    Limits, PublishHeader, Sender, decode, encode, encode_publish_header, encoded_size, publish_size,
};
use tabmq_shared::packet::{Packet, PacketId, Version};

fn versioned_packet() -> impl Strategy<Value = (Version, Packet)> {
    packets::version().prop_flat_map(|version| (Just(version), packets::packet(version)))
}

fn encoded(packet: &Packet, version: Version) -> BytesMut {
    let mut buffer = BytesMut::new();
    encode(packet, version, &mut buffer).unwrap();
    buffer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn identity((version, packet) in versioned_packet()) {
        let mut buffer = encoded(&packet, version);
        prop_assert_eq!(buffer.len(), encoded_size(&packet, version));
        prop_assert_eq!(decode(&mut buffer, version, &Limits::default()).unwrap(), Some(packet));
        prop_assert!(buffer.is_empty());
    }

    /// Several packets in a row, fed in pieces: nothing is lost, nothing comes early.
    #[test]
    fn any_split(
        (version, packets) in packets::version()
            .prop_flat_map(|v| (Just(v), proptest::collection::vec(packets::packet(v), 1..5))),
        piece in 1..9_usize,
    ) {
        let mut stream = BytesMut::new();
        for packet in &packets {
            encode(packet, version, &mut stream).unwrap();
        }
        let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
        for bytes in stream.chunks(piece) {
            buffer.extend_from_slice(bytes);
            while let Some(packet) = decode(&mut buffer, version, &Limits::default()).unwrap() {
                read.push(packet);
            }
        }
        prop_assert_eq!(read, packets);
    }

    /// A packet that is cut off is waited for, not refused.
    #[test]
    fn every_prefix_is_incomplete((version, packet) in versioned_packet()) {
        let whole = encoded(&packet, version);
        for len in 0..whole.len().min(300) {
            let mut part = BytesMut::from(&whole[..len]);
            prop_assert_eq!(decode(&mut part, version, &Limits::default()), Ok(None));
            prop_assert_eq!(&part[..], &whole[..len]);
        }
    }

    #[test]
    fn garbage_does_not_panic(version in packets::version(), bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        drain(&bytes, version);
    }

    /// Garbage with a header that fits gets further.
    #[test]
    fn framed_garbage_does_not_panic(
        version in packets::version(),
        first in any::<u8>(),
        body in proptest::collection::vec(prop_oneof![0..44_u8, any::<u8>()], 0..60),
    ) {
        let mut bytes = vec![first, body.len() as u8];
        bytes.extend(body);
        drain(&bytes, version);
    }

    /// A valid packet with a few bytes changed: an error or another packet, which must then encode again.
    #[test]
    fn mutations_do_not_panic(
        (version, packet) in versioned_packet(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&packet, version).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for decoded in drain(&bytes, version) {
            let spoken = if let Packet::Connect(c) = &decoded { c.version } else { version };
            let again = decode(&mut encoded(&decoded, spoken), spoken, &Limits::default()).unwrap().unwrap();
            prop_assert_eq!(again, decoded);
        }
    }

    /// The header that is written for many receivers is the packet's own, and the packet id is where it says.
    #[test]
    fn publish_header((version, publish) in packets::version().prop_flat_map(|v| (Just(v), packets::publish(v)))) {
        let header = PublishHeader::of(&publish);
        let mut bytes = BytesMut::from(&b"before"[..]);
        let at = encode_publish_header(&header, version, &mut bytes).unwrap();
        let mut bytes = bytes.split_off(6);
        bytes.extend_from_slice(&publish.payload);
        prop_assert_eq!(bytes.len(), publish_size(&header, version));
        prop_assert_eq!(&bytes, &encoded(&Packet::Publish(publish.clone()), version));
        if publish.packet_id.is_none() {
            prop_assert_eq!(at, 0);
            return Ok(());
        }
        bytes[at..at + 2].copy_from_slice(&[0x12, 0x34]);
        let patched = decode(&mut bytes, version, &Limits::default()).unwrap();
        let expected = tabmq_shared::packet::Publish { packet_id: PacketId::new(0x1234), ..publish };
        prop_assert_eq!(patched, Some(Packet::Publish(expected)));
    }
}

/// Decodes until an error or the end, from each side.
fn drain(bytes: &[u8], version: Version) -> Vec<Packet> {
    let mut packets = Vec::new();
    for sender in [None, Some(Sender::Client), Some(Sender::Server)] {
        let limits = Limits { sender, ..Limits::default() };
        let mut buffer = BytesMut::from(bytes);
        while let Ok(Some(packet)) = decode(&mut buffer, version, &limits) {
            packets.push(packet);
        }
    }
    packets
}

/// A peer that announces much and sends little does not make us allocate it.
#[test]
fn an_announced_size_is_not_allocated() {
    let mut buffer = BytesMut::from(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b'a'][..]);
    assert_eq!(decode(&mut buffer, Version::V5, &Limits::default()), Ok(None));
    assert!(buffer.capacity() < 128 * 1024, "{}", buffer.capacity());
    assert!(buffer.capacity() >= 64 * 1024, "{}", buffer.capacity());
}

/// The payload and the topic are slices of what was read, not copies.
#[test]
fn a_publish_is_not_copied() {
    let mut buffer = BytesMut::from(&b"\x30\x0c\x00\x05topic\x00body"[..]);
    let range = buffer.as_ptr_range();
    let Ok(Some(Packet::Publish(publish))) = decode(&mut buffer, Version::V5, &Limits::default()) else {
        panic!("not a PUBLISH");
    };
    assert_eq!((&publish.topic[..], &publish.payload[..]), ("topic", &b"body"[..]));
    assert!(range.contains(&publish.payload.as_ptr()));
    assert!(range.contains(&publish.topic.as_bytes().as_ptr()));
}
