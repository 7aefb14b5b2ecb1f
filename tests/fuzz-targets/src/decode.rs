//! Bytes from a peer. The first byte says which version and which side; the rest is what comes.
//!
//! Whatever comes: no panic, the same packets whether the bytes come at once or one by one, and what was decoded can be
//! encoded, in exactly the size that was foreseen, and decoded again to the same packet.

use tabmq_shared::BytesMut;
use tabmq_shared::codec::{self, DecodeError, Limits};
use tabmq_shared::packet::{Packet, Version};

/// Takes these bytes for what a peer sends.
///
/// # Panics
/// That is a finding.
pub fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let version = [Version::V31, Version::V311, Version::V5][usize::from(first % 3)];
    let limits = match first / 3 % 3 {
        0 => Limits::of_server(),
        1 => Limits::of_client(),
        _ => Limits { max_packet_size: 64, ..Limits::default() },
    };
    let (packets, error) = decode_all(bytes, bytes.len(), version, &limits);
    let (again, same_error) = decode_all(bytes, 1, version, &limits);
    assert_eq!((&packets, &error), (&again, &same_error), "one by one");
    for packet in packets {
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { version };
        let mut encoded = BytesMut::new();
        codec::encode(&packet, version, &mut encoded).expect("what was decoded can be encoded");
        assert_eq!(encoded.len(), codec::encoded_size(&packet, version));
        let limits = Limits { max_packet_size: Limits::default().max_packet_size, ..limits };
        let decoded = codec::decode(&mut encoded, version, &limits).expect("what was encoded can be decoded");
        assert_eq!(decoded, Some(packet));
        assert!(encoded.is_empty());
    }
}

/// Everything that `bytes` are, if they come `step` at a time.
fn decode_all(
    bytes: &[u8],
    step: usize,
    version: Version,
    limits: &Limits,
) -> (Vec<Packet>, Option<DecodeError>) {
    let mut packets = Vec::new();
    let mut buffer = BytesMut::new();
    for chunk in bytes.chunks(step.max(1)) {
        buffer.extend_from_slice(chunk);
        loop {
            match codec::decode(&mut buffer, version, limits) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
    }
    (packets, None)
}
