//! Messages from the server: acknowledged in order, handed on once, aliases resolved.

use crate::harness::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::num::NonZeroU16;
use tabmq_shared::client::Event;
use tabmq_shared::packet::{Ack, ConnAckProperties, Packet, ReasonCode, Version};
use tabmq_shared::{BytesMut, codec};

fn pubrel(n: u16) -> Packet {
    Packet::PubRel(Ack::success(id(n)))
}

// [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]
// [MQTT-2.2.1-5] [MQTT-4.5.0-2] [MQTT-3.3.4-1]
#[test]
fn each_qos_in_each_version() {
    for version in VERSIONS {
        let mut pair = Pair::connected(options(version), ConnAckProperties::default());
        pair.server(from_server("zero", Q0, 0));
        pair.server(from_server("one", Q1, 7));
        pair.server(from_server("two", Q2, 8));
        assert_eq!(pair.messages(), ["zero", "one", "two"]);
        assert_eq!(pair.sent(), ["PUBACK 7", "PUBREC 8"]); // [MQTT-4.6.0-2] [MQTT-4.6.0-3]
        pair.server(from_server("one", Q1, 7));
        pair.server(from_server("two", Q2, 8));
        assert_eq!(pair.messages(), ["one"], "at least once; exactly once");
        assert_eq!(pair.sent(), ["PUBACK 7", "PUBREC 8"]);
        pair.server(pubrel(8));
        pair.server(pubrel(8));
        let stray = if version.is_v5() { "PUBCOMP 8 0x92" } else { "PUBCOMP 8" };
        assert_eq!(pair.sent(), ["PUBCOMP 8", stray]);
        pair.server(from_server("two again", Q2, 8));
        assert_eq!(pair.messages(), ["two again"], "the identifier is free again");
    }
}

#[test]
fn exactly_once_across_connections() {
    for (session_present, expected) in [(true, &[][..]), (false, &["two"])] {
        let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
        pair.server(from_server("two", Q2, 8));
        pair.clear();
        pair.reconnect(session_present, ConnAckProperties::default());
        pair.events.clear();
        pair.server(from_server("two", Q2, 8));
        assert_eq!(pair.messages(), expected, "session present: {session_present}");
        assert_eq!(pair.sent(), ["PUBREC 8"]);
    }
}

#[test]
fn the_receive_maximum_is_enforced() {
    let mut options = with_session(Version::V5);
    options.properties.receive_maximum = NonZeroU16::new(2);
    let mut pair = Pair::connected(options, ConnAckProperties::default());
    for n in 1..=2 {
        pair.server(from_server("two", Q2, n));
    }
    pair.server(pubrel(1));
    pair.server(from_server("two", Q2, 3));
    assert!(pair.client.state().is_connected());
    // What an earlier connection left behind is not in the server's new quota.
    pair.reconnect(true, ConnAckProperties::default());
    pair.server(from_server("two", Q2, 4));
    pair.server(from_server("two", Q2, 5));
    assert!(pair.client.state().is_connected());
    pair.clear();
    pair.server(from_server("two", Q2, 6));
    assert_eq!(pair.sent(), ["DISCONNECT 0x93"]); // [MQTT-3.3.4-9]
    assert!(pair.events.iter().any(|event| {
        matches!(event, Event::ProtocolError { reason: ReasonCode::ReceiveMaximumExceeded, .. })
    }));
}

// [MQTT-3.3.2-10]
#[test]
fn aliases_are_resolved() {
    let mut options = with_session(Version::V5);
    options.properties.topic_alias_maximum = Some(2);
    let mut pair = Pair::connected(options, ConnAckProperties::default());
    for (topic, alias) in [("a", 1), ("b", 2), ("", 1), ("c", 1), ("", 1), ("", 2)] {
        let Packet::Publish(mut publish) = from_server(topic, Q0, 0) else { unreachable!() };
        publish.topic_alias = NonZeroU16::new(alias);
        pair.server(Packet::Publish(publish));
    }
    let none_left = |event: &Event| !matches!(event, Event::Message(p) if p.topic_alias.is_some());
    assert!(pair.events.iter().all(none_left));
    assert_eq!(pair.messages(), ["a", "b", "a", "c", "c", "b"]);
}

/// Bytes come as the network likes; what is not a whole packet stays in the buffer.
#[test]
fn a_chunk_is_not_a_packet() {
    let mut bytes = BytesMut::new();
    for n in 0..5 {
        codec::encode(&from_server(&format!("topic/{n}"), Q1, n + 1), Version::V5, &mut bytes).unwrap();
    }
    for size in 1..bytes.len() {
        let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
        let mut buffer = BytesMut::new();
        for chunk in bytes.chunks(size) {
            buffer.extend_from_slice(chunk);
            pair.client.handle_data(&mut buffer, pair.now);
        }
        pair.pump();
        assert!(buffer.is_empty());
        assert_eq!(pair.messages().len(), 5, "chunks of {size}");
        assert_eq!(pair.sent(), ["PUBACK 1", "PUBACK 2", "PUBACK 3", "PUBACK 4", "PUBACK 5"]);
    }
}

/// A caller with other things to do takes some packets at a time; what is left stays in the buffer.
#[test]
fn some_at_a_time() {
    let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
    let mut buffer = BytesMut::new();
    for n in 0..5 {
        codec::encode(&from_server(&format!("topic/{n}"), Q0, 0), Version::V5, &mut buffer).unwrap();
    }
    let mut events = VecDeque::new();
    for (expected, more) in [(2, true), (2, true), (1, false), (0, false)] {
        assert_eq!(pair.client.handle_some(&mut buffer, 2, pair.now), more);
        pair.client.swap_events(&mut events);
        assert_eq!(events.len(), expected, "{events:?}");
    }
    assert!(buffer.is_empty());
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let ack = (4..=7_u8, 0..5_u8, prop_oneof![Just(0_u8), Just(0x10), Just(0x87), Just(0x92)])
        .prop_map(|(kind, id, reason)| vec![kind << 4 | u8::from(kind == 6) << 1, 3, 0, id, reason]);
    let publish = (0..3_u8, 0..5_u8).prop_map(|(qos, id)| {
        let mut bytes = BytesMut::new();
        let packet = from_server("a", [Q0, Q1, Q2][usize::from(qos)], u16::from(id));
        // An identifier of 0 at QoS 1 has no form on the wire: then nothing comes.
        let _ = codec::encode(&packet, Version::V5, &mut bytes);
        bytes.to_vec()
    });
    let answer = (0..3_usize, 0..5_u8).prop_map(|(n, id)| {
        let mut bytes = vec![[0x90, 0xB0, 0x90][n], 3 + n as u8, 0, id, 0];
        bytes.resize(bytes.len() + n, 1);
        bytes
    });
    prop_oneof![
        6 => ack,
        6 => publish,
        2 => answer,
        1 => Just(vec![0xD0, 0]),
        1 => Just(vec![0x20, 3, 0, 0, 0]),
        1 => proptest::collection::vec(any::<u8>(), 1..20),
    ]
}

proptest! {
    /// No server can make a client panic, or make it lose count of its messages.
    #[test]
    fn whatever_the_server_sends(bytes in proptest::collection::vec(anything(), 1..60)) {
        let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
        let mut ends = Vec::new();
        for (n, bytes) in bytes.iter().enumerate() {
            if n % 3 == 0 {
                pair.publish("a", [Q0, Q1, Q2][n % 9 / 3]);
            }
            if n % 7 == 0 {
                pair.client.subscribe(vec![subscription("a", Q1)], pair.now);
            }
            pair.server_bytes(bytes);
            if !pair.client.state().is_connected() {
                pair.client.retry_now(pair.now);
                pair.open();
                pair.connack(n % 2 == 0, ConnAckProperties::default());
            }
            ends.extend(pair.published().into_iter().map(|(id, _)| id));
        }
        let accepted = bytes.len().div_ceil(3);
        let pending = pair.client.pending();
        prop_assert_eq!(ends.len() + pending.in_flight + pending.queued_messages, accepted);
        ends.sort_unstable();
        ends.dedup();
        prop_assert_eq!(ends.len() + pending.in_flight + pending.queued_messages, accepted, "each ends once");
    }
}
