//! Messages from the server: acknowledged in order, handed on once, aliases resolved.

use crate::harness::*;
use std::num::NonZeroU16;
use tabmq_shared::client::Event;
use tabmq_shared::packet::{Ack, ConnAckProperties, Packet, ReasonCode, Version};
use tabmq_shared::{BytesMut, codec};

fn pubrel(n: u16) -> Packet {
    Packet::PubRel(Ack::success(id(n)))
}

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
