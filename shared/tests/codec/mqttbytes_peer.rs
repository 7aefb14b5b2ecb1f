//! The codec against an independent one, mqttbytes 0.6: what we write it reads, and what it then writes is to us the
//! packet that we began with.
//!
//! Left out is what mqttbytes gets wrong: see [`peer_is_wrong`].

use crate::support::packets;
use mqttbytes::{Error, v4, v5};
use proptest::prelude::*;
use tabmq_shared::codec::{Limits, decode, encode};
use tabmq_shared::packet::{Packet, ReasonCode, Version};
use tabmq_shared::{Bytes, BytesMut};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn v311(packet in packets::packet(Version::V311)) {
        if !v4_is_wrong(&packet) {
            check(packet, Version::V311, |bytes, out| write_v4(v4::read(bytes, usize::MAX)?, out))?;
        }
    }

    #[test]
    fn v5(packet in packets::packet(Version::V5)) {
        if !peer_is_wrong(&packet) {
            check(packet, Version::V5, |bytes, out| write_v5(v5::read(bytes, usize::MAX)?, out))?;
        }
    }
}

/// Where mqttbytes 0.6 does not follow the specifications.
fn peer_is_wrong(packet: &Packet) -> bool {
    match packet {
        // The password is binary data, not text (3.1.3.6); the user name may be empty (3.1.3.5).
        Packet::Connect(connect) => {
            let text = |password: &Bytes| !password.is_empty() && std::str::from_utf8(password).is_ok();
            !connect.password.as_ref().is_none_or(text)
                || connect.username.as_ref().is_some_and(|u| u.is_empty())
        }
        // No properties still have a length (3.2.2.3): it writes none.
        Packet::ConnAck(ack) => ack.properties == Default::default(),
        // A DISCONNECT without properties may have a remaining length of 0 or 1 (3.14.2.1, 3.14.2.2.1), and 0x8C is
        // one of its reasons (3.14.2.1).
        Packet::Disconnect(disconnect) => {
            disconnect.properties == Default::default()
                || disconnect.reason == ReasonCode::BadAuthenticationMethod
        }
        // It does not know AUTH (3.15).
        Packet::Auth(_) => true,
        _ => false,
    }
}

/// A 3.1.1 CONNACK and DISCONNECT have no properties and are right.
fn v4_is_wrong(packet: &Packet) -> bool {
    matches!(packet, Packet::Connect(_)) && peer_is_wrong(packet)
}

/// Writes `packet`, has the peer read and write it, and reads that.
fn check(
    packet: Packet,
    version: Version,
    peer: impl Fn(&mut BytesMut, &mut BytesMut) -> Result<usize, Error>,
) -> Result<(), TestCaseError> {
    let mut ours = BytesMut::new();
    encode(&packet, version, &mut ours).unwrap();
    let mut theirs = BytesMut::new();
    let result = peer(&mut ours.clone(), &mut theirs);
    prop_assert!(result.is_ok(), "{result:?} on {ours:?} of {packet:?}");
    let back = decode(&mut theirs.clone(), version, &Limits::default());
    prop_assert_eq!(back, Ok(Some(packet)), "they wrote {:?}", theirs);
    Ok(())
}

fn write_v4(packet: v4::Packet, out: &mut BytesMut) -> Result<usize, Error> {
    match packet {
        v4::Packet::Connect(p) => p.write(out),
        v4::Packet::ConnAck(p) => p.write(out),
        v4::Packet::Publish(p) => p.write(out),
        v4::Packet::PubAck(p) => p.write(out),
        v4::Packet::PubRec(p) => p.write(out),
        v4::Packet::PubRel(p) => p.write(out),
        v4::Packet::PubComp(p) => p.write(out),
        v4::Packet::Subscribe(p) => p.write(out),
        v4::Packet::SubAck(p) => p.write(out),
        v4::Packet::Unsubscribe(p) => p.write(out),
        v4::Packet::UnsubAck(p) => p.write(out),
        v4::Packet::PingReq => v4::PingReq.write(out),
        v4::Packet::PingResp => v4::PingResp.write(out),
        v4::Packet::Disconnect => v4::Disconnect.write(out),
    }
}

fn write_v5(packet: v5::Packet, out: &mut BytesMut) -> Result<usize, Error> {
    match packet {
        v5::Packet::Connect(p) => p.write(out),
        v5::Packet::ConnAck(p) => p.write(out),
        v5::Packet::Publish(p) => p.write(out),
        v5::Packet::PubAck(p) => p.write(out),
        v5::Packet::PubRec(p) => p.write(out),
        v5::Packet::PubRel(p) => p.write(out),
        v5::Packet::PubComp(p) => p.write(out),
        v5::Packet::Subscribe(p) => p.write(out),
        v5::Packet::SubAck(p) => p.write(out),
        v5::Packet::Unsubscribe(p) => p.write(out),
        v5::Packet::UnsubAck(p) => p.write(out),
        v5::Packet::PingReq => v5::PingReq.write(out),
        v5::Packet::PingResp => v5::PingResp.write(out),
        v5::Packet::Disconnect(p) => p.write(out),
    }
}
