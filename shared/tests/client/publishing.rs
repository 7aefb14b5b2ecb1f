//! Messages to the server: acknowledgements, order, limits, redelivery.

use crate::harness::*;
use std::num::NonZeroU16;
use tabmq_shared::client::{ConnectOptions, Event, Message, Outcome, PublishError};
use tabmq_shared::packet::{Ack, ConnAckProperties, Packet, PublishProperties, QoS, ReasonCode, Version};

const ACKNOWLEDGED: Outcome = Outcome::Acknowledged(SUCCESS);

fn plain(version: Version) -> Pair {
    Pair::connected(options(version), ConnAckProperties::default())
}

fn puback(n: u16) -> Packet {
    Packet::PubAck(Ack::success(id(n)))
}

fn pubrec(n: u16) -> Packet {
    Packet::PubRec(Ack::success(id(n)))
}

fn pubcomp(n: u16) -> Packet {
    Packet::PubComp(Ack::success(id(n)))
}

// [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-4]
#[test]
fn each_qos_in_each_version() {
    for version in VERSIONS {
        let mut pair = plain(version);
        pair.publish("zero", Q0);
        assert_eq!(pair.sent(), ["PUBLISH zero q0"]);
        assert_eq!(pair.published(), [(1, Outcome::Sent)]);

        pair.publish("one", Q1);
        assert_eq!(pair.sent(), ["PUBLISH 1 one q1"]);
        assert_eq!(pair.published(), []);
        pair.server(puback(1));
        assert_eq!(pair.published(), [(2, ACKNOWLEDGED)]);

        pair.publish("two", Q2);
        assert_eq!(pair.sent(), ["PUBLISH 2 two q2"]);
        pair.server(pubrec(2));
        assert_eq!(pair.sent(), ["PUBREL 2"]);
        assert_eq!((pair.published(), pair.client.pending().in_flight), (vec![], 1));
        pair.server(pubcomp(2));
        assert_eq!(pair.published(), [(3, ACKNOWLEDGED)]);
        assert!(pair.client.pending().is_empty());
    }
}

#[test]
fn reasons_of_acknowledgements_are_handed_on() {
    let mut pair = plain(Version::V5);
    for (topic, qos) in [("one", Q1), ("two", Q2), ("three", Q2)] {
        pair.publish(topic, qos);
    }
    pair.clear();
    pair.server(Packet::PubAck(Ack::with_reason(id(1), ReasonCode::QuotaExceeded)));
    pair.server(Packet::PubRec(Ack::with_reason(id(2), ReasonCode::NotAuthorized)));
    assert_eq!(pair.sent(), [""; 0], "no PUBREL for a refused message");
    pair.server(Packet::PubRec(Ack::with_reason(id(3), ReasonCode::NoMatchingSubscribers)));
    pair.server(pubcomp(3));
    let reasons = [ReasonCode::QuotaExceeded, ReasonCode::NotAuthorized, ReasonCode::NoMatchingSubscribers];
    let expected: Vec<_> = (1..).zip(reasons.map(Outcome::Acknowledged)).collect();
    assert_eq!(pair.published(), expected);
}

#[test]
fn stray_acknowledgements() {
    for version in VERSIONS {
        let mut pair = plain(version);
        for packet in [puback(5), pubcomp(5), pubrec(5)] {
            pair.server(packet);
        }
        let expected = if version.is_v5() { "PUBREL 5 0x92" } else { "PUBREL 5" };
        assert_eq!(pair.sent(), [expected]);
        assert!(pair.client.state().is_connected());
    }
}

/// The quota holds messages back, and those behind keep their places, QoS 0 too.
// [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
#[test]
fn the_quota_is_kept_and_the_order_too() {
    let limits = ConnAckProperties { receive_maximum: NonZeroU16::new(2), ..ConnAckProperties::default() };
    let mut pair = Pair::connected(options(Version::V5), limits);
    for (topic, qos) in [("a", Q1), ("b", Q2), ("c", Q0), ("d", Q1), ("e", Q0), ("f", Q1)] {
        pair.publish(topic, qos);
    }
    assert_eq!(pair.sent(), ["PUBLISH 1 a q1", "PUBLISH 2 b q2", "PUBLISH c q0"]);
    pair.server(pubrec(2));
    assert_eq!(pair.sent(), ["PUBREL 2"], "still unacknowledged [MQTT-3.3.4-7]");
    assert_eq!(pair.client.pending().queued_messages, 3);
    pair.server(pubcomp(2));
    assert_eq!(pair.sent(), ["PUBLISH 3 d q1", "PUBLISH e q0"]);
    pair.server(puback(1));
    assert_eq!(pair.sent(), ["PUBLISH 4 f q1"]);

    // Without a word of the server the client's own limit holds.
    let mut pair =
        Pair::connected(ConnectOptions { max_in_flight: 1, ..options(Version::V311) }, Default::default());
    pair.publish("a", Q1);
    pair.publish("b", Q1);
    assert_eq!(pair.sent(), ["PUBLISH 1 a q1"]);
}

// [MQTT-3.3.4-8]
#[test]
fn a_used_up_quota_holds_up_nothing_else() {
    let limits = ConnAckProperties { receive_maximum: NonZeroU16::new(1), ..ConnAckProperties::default() };
    let mut pair = Pair::connected(options(Version::V5), limits);
    pair.publish("a", Q2);
    pair.client.subscribe(vec![subscription("s", Q0)], pair.now);
    pair.pump();
    pair.server(pubrec(1));
    pair.server(from_server("from the server", Q1, 9));
    assert_eq!(pair.sent(), ["PUBLISH 1 a q2", "SUBSCRIBE 2 s", "PUBREL 1", "PUBACK 9"]);
}

// [MQTT-4.6.0-4]
#[test]
fn pubrels_are_in_the_order_of_the_pubrecs() {
    for version in VERSIONS {
        let mut pair = plain(version);
        for topic in ["a", "b", "c"] {
            pair.publish(topic, Q2);
        }
        pair.clear();
        for n in [2, 3, 1] {
            pair.server(pubrec(n));
        }
        assert_eq!(pair.sent(), ["PUBREL 2", "PUBREL 3", "PUBREL 1"]);
    }
}

#[test]
fn whole_packets_are_coalesced_up_to_the_limit() {
    let mut pair = plain(Version::V5);
    for n in 0..100 {
        pair.client.publish(message(&format!("topic/{n}"), Q0), pair.now).unwrap();
    }
    let all = pair.client.pending().queued_messages;
    let first = pair.client.poll_transmit(200).unwrap();
    assert!(first.len() >= 200 && first.len() < 220, "{}", first.len());
    let left = pair.client.pending().queued_messages;
    assert!(left < all && left > 80, "messages wait in the queue, not in a buffer");
    assert_eq!(pair.client.pending().unsent_bytes, 0);
    assert_eq!(pair.client.poll_transmit(0), None, "no room: nothing new");
    let large = Message::new(message("large", Q0).topic, vec![0; 5_000], QoS::AtMostOnce, false);
    pair.pump();
    pair.client.publish(large, pair.now).unwrap();
    assert!(
        pair.client.poll_transmit(10).unwrap().len() > 5_000,
        "one that is larger than the limit is sent, too"
    );
}

#[test]
fn messages_before_the_connection_wait() {
    let mut pair = Pair::new(options(Version::V5));
    for (topic, qos) in [("a", Q1), ("b", Q0), ("c", Q2)] {
        pair.publish(topic, qos);
    }
    pair.start();
    assert_eq!(pair.sent(), ["CONNECT"]);
    pair.connack(false, ConnAckProperties::default());
    assert_eq!(pair.sent(), ["PUBLISH 1 a q1", "PUBLISH b q0", "PUBLISH 2 c q2"]);
    assert_eq!(pair.published(), [(2, Outcome::Sent)]);
}

#[test]
fn a_lost_connection_with_the_session_kept() {
    for version in [Version::V311, Version::V5] {
        let mut pair = Pair::connected(with_session(version), ConnAckProperties::default());
        for (topic, qos) in [("a", Q2), ("b", Q1), ("c", Q2), ("d", Q1)] {
            pair.publish(topic, qos);
        }
        pair.server(pubrec(1));
        pair.server(puback(2));
        pair.clear();
        pair.close("");
        pair.publish("e", Q1);
        pair.client.retry_now(pair.now);
        pair.open();
        pair.sent.clear();
        let limits =
            ConnAckProperties { receive_maximum: NonZeroU16::new(2), ..ConnAckProperties::default() };
        pair.connack(true, limits);
        // [MQTT-4.4.0-1] [MQTT-3.3.1-1]
        let mut expected = vec!["PUBREL 1", "PUBLISH 3 c q2 dup", "PUBLISH 4 d q1 dup"];
        if !version.is_v5() {
            expected.push("PUBLISH 5 e q1"); // no quota in 3.1.1
        }
        assert_eq!(pair.sent(), expected);
        for packet in [pubcomp(1), pubrec(3), pubcomp(3), puback(4), puback(5)] {
            pair.server(packet);
        }
        let published: Vec<u64> = pair.published().iter().map(|(id, _)| *id).collect();
        assert_eq!(published, [1, 3, 4, 5]);
        assert!(pair.client.pending().is_empty());
    }
}

// [MQTT-3.2.2-5]
#[test]
fn a_lost_connection_with_the_session_lost() {
    for version in VERSIONS {
        let mut pair = Pair::connected(options(version), ConnAckProperties::default());
        for (topic, qos) in [("a", Q2), ("b", Q1), ("c", Q2)] {
            pair.publish(topic, qos);
        }
        pair.server(pubrec(1));
        pair.clear();
        pair.close("");
        pair.publish("d", Q0);
        pair.reconnect_from_waiting(false);
        // What PUBREC has confirmed is done; the rest is sent again as new, before what came later.
        assert_eq!(pair.published()[0], (1, ACKNOWLEDGED));
        assert_eq!(pair.sent(), ["PUBLISH 4 b q1", "PUBLISH 5 c q2", "PUBLISH d q0"]);
        for packet in [pubcomp(1), puback(4), pubrec(5), pubcomp(5)] {
            pair.server(packet);
        }
        let published: Vec<u64> = pair.published().iter().map(|(id, _)| *id).collect();
        assert_eq!(published, [2, 3], "each once");
        assert!(pair.client.pending().is_empty());
    }
}

impl Pair {
    fn reconnect_from_waiting(&mut self, session_present: bool) {
        self.client.retry_now(self.now);
        self.open();
        self.sent.clear();
        self.connack(session_present, ConnAckProperties::default());
    }
}

/// MQTT 3.1 has no "session present": a client that keeps its session goes on as if the server did, too.
#[test]
fn a_lost_connection_in_3_1() {
    let mut pair = Pair::connected(with_session(Version::V31), ConnAckProperties::default());
    pair.client.subscribe(vec![subscription("s", Q1)], pair.now);
    pair.publish("a", Q1);
    pair.publish("b", Q2);
    pair.server(pubrec(3));
    pair.clear();
    pair.close("");
    pair.reconnect_from_waiting(false);
    assert_eq!(pair.sent(), ["SUBSCRIBE 4 s", "PUBLISH 2 a q1 dup", "PUBREL 3"]);
}

#[test]
fn limits_of_the_server_are_obeyed() {
    let limits = ConnAckProperties {
        maximum_qos: Some(Q1),
        retain_available: Some(false),
        maximum_packet_size: Some(50),
        ..ConnAckProperties::default()
    };
    let retained = Message { retain: true, ..message("a", Q0) };
    let sized = |n: usize| Message::new(message("a", Q1).topic, vec![0; n], Q1, false);
    let cases = [
        (message("a", Q2), Err(PublishError::QoSNotSupported { max: Q1 })), // [MQTT-3.2.2-11]
        (message("a", Q1), Ok(())),
        (retained, Err(PublishError::RetainNotSupported)), // [MQTT-3.2.2-14]
        (sized(42), Ok(())),                               // 50 bytes exactly
        (sized(43), Err(PublishError::TooLarge { bytes: 51, max: 50 })), // [MQTT-3.2.2-15]
    ];
    // Connected: said at once.
    let mut pair = Pair::connected(options(Version::V5), limits.clone());
    for (message, expected) in &cases {
        assert_eq!(&pair.client.publish(message.clone(), pair.now).map(|_| ()), expected, "{message:?}");
    }
    // Accepted before the limits were known: said then.
    let mut pair = Pair::new(options(Version::V5));
    for (message, _) in &cases {
        pair.client.publish(message.clone(), pair.now).unwrap();
    }
    pair.start();
    pair.clear();
    pair.connack(false, limits);
    let expected: Vec<(u64, Outcome)> = (1..)
        .zip(cases)
        .filter_map(|(id, (_, result))| result.err().map(|why| (id, Outcome::Failed(why))))
        .collect();
    assert_eq!(pair.published(), expected);
    assert_eq!(pair.sent().len(), 2);
}

/// A reconnect can meet narrower limits: what was in flight and is too large now is given up.
#[test]
fn a_message_in_flight_that_became_too_large() {
    let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
    for (size, qos) in [(100, Q1), (10, Q1), (100, Q2), (10, Q2)] {
        pair.client
            .publish(Message::new(message("a", qos).topic, vec![0; size], qos, false), pair.now)
            .unwrap();
    }
    pair.pump();
    let limits = ConnAckProperties { maximum_packet_size: Some(60), ..ConnAckProperties::default() };
    pair.reconnect(true, limits);
    assert_eq!(pair.sent(), ["PUBLISH 2 a q1 dup", "PUBLISH 4 a q2 dup"]);
    let failed: Vec<u64> = pair.published().iter().map(|(id, _)| *id).collect();
    assert_eq!(failed, [1, 3]);
    assert_eq!(pair.client.pending().in_flight, 2);
}

#[test]
fn impossible_properties_are_refused() {
    let with = |change: fn(&mut PublishProperties)| {
        let mut properties = PublishProperties::default();
        change(&mut properties);
        Message { properties: Some(Box::new(properties)), ..message("a", Q0) }
    };
    let cases = [
        with(|p| p.subscription_ids = vec![1]),          // [MQTT-3.3.4-6]
        with(|p| p.response_topic = Some("a/+".into())), // [MQTT-3.3.2-14]
        with(|p| p.content_type = Some("x".repeat(70_000).into())),
        with(|p| p.correlation_data = Some(vec![0; 70_000].into())),
        with(|p| p.user = vec![("a".into(), "x".repeat(70_000).into())]),
    ];
    for message in cases {
        let mut client = Pair::new(options(Version::V5)).client;
        assert!(client.publish(message.clone(), Default::default()).is_err(), "{message:?}");
        let mut client = Pair::new(options(Version::V311)).client;
        assert!(client.publish(message.clone(), Default::default()).is_ok(), "3.1.1 sends none of it");
    }
}

#[test]
fn a_full_queue() {
    let small =
        ConnectOptions { offline_messages: 3, offline_bytes: 100, max_in_flight: 1, ..options(Version::V5) };
    // Connected: the caller is told, nothing is given up.
    let mut pair = Pair::connected(small.clone(), ConnAckProperties::default());
    for _ in 0..4 {
        pair.publish("a", Q1);
    }
    let full = PublishError::QueueFull { messages: 3, bytes: 24 };
    assert_eq!(pair.client.publish(message("a", Q1), pair.now), Err(full.clone()));
    pair.server(puback(1));
    assert!(pair.client.publish(message("a", Q0), pair.now).is_ok());

    // Offline: old QoS 0 messages make room.
    let mut pair = Pair::new(small.clone());
    for (topic, qos) in [("a", Q0), ("b", Q1), ("c", Q0), ("d", Q1), ("e", Q1)] {
        pair.publish(topic, qos);
    }
    let failed = |id| (id, Outcome::Failed(full.clone()));
    assert_eq!(pair.published(), [failed(1), failed(3)]);
    assert_eq!(pair.events.len(), 2);
    assert!(pair.events.iter().all(|e| matches!(e, Event::Dropped { count: 1, .. })), "{:?}", pair.events);
    assert_eq!(pair.client.publish(message("f", Q1), pair.now), Err(full), "QoS 1 is never given up");
    pair.start();
    pair.sent.clear();
    pair.connack(false, ConnAckProperties::default());
    assert_eq!(pair.sent(), ["PUBLISH 1 b q1"]);

    // Bytes count as well; a message that cannot have room drives nobody out.
    let mut pair = Pair::new(small);
    let sized = |n: usize, qos| Message::new(message("a", qos).topic, vec![0; n], qos, false);
    pair.client.publish(sized(40, Q1), pair.now).unwrap();
    pair.client.publish(sized(40, Q0), pair.now).unwrap();
    assert!(pair.client.publish(sized(80, Q1), pair.now).is_err());
    assert_eq!(pair.client.pending().queued_messages, 2);
    pair.client.publish(sized(50, Q1), pair.now).unwrap();
    assert_eq!(pair.client.pending().queued_bytes, 92);
}

#[test]
fn what_waits_expires() {
    let expiring = |s| {
        let properties = PublishProperties { message_expiry_s: Some(s), ..PublishProperties::default() };
        Message { properties: Some(Box::new(properties)), ..message("a", Q1) }
    };
    let mut pair = Pair::new(options(Version::V5));
    for s in [5, 10, 60] {
        pair.client.publish(expiring(s), pair.now).unwrap();
    }
    pair.advance(secs(10));
    pair.start();
    pair.sent.clear();
    pair.connack(false, ConnAckProperties::default());
    let expired = |id| (id, Outcome::Failed(PublishError::Expired));
    assert_eq!(pair.published(), [expired(1), expired(2)]);
    let [Packet::Publish(publish)] = &pair.sent[..] else { panic!("{:?}", pair.sent) };
    assert_eq!(publish.properties.as_ref().unwrap().message_expiry_s, Some(50));
}

// [MQTT-3.2.2-17]
#[test]
fn aliases_shorten_topics_if_the_server_allows() {
    let limits = ConnAckProperties { topic_alias_maximum: Some(10), ..ConnAckProperties::default() };
    let mut pair = Pair::connected(with_session(Version::V5), limits.clone());
    pair.publish("long/topic", Q1);
    pair.publish("long/topic", Q0);
    let sent = pair.sent();
    let alias = sent[0].rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        sent,
        [format!("PUBLISH 1 long/topic q1 alias {alias}"), format!("PUBLISH  q0 alias {alias}")]
    );
    // A new connection knows no aliases [MQTT-3.3.2-7]
    pair.reconnect(true, limits.clone());
    pair.publish("long/topic", Q0);
    assert_eq!(
        pair.sent(),
        ["PUBLISH 1 long/topic q1 dup".to_owned(), format!("PUBLISH long/topic q0 alias {alias}")]
    );

    // No room for the alias in a packet that fits without.
    let limits = ConnAckProperties { maximum_packet_size: Some(22), ..limits };
    let mut pair = Pair::connected(options(Version::V5), limits);
    pair.publish("long/topic", Q0);
    assert_eq!(pair.sent(), ["PUBLISH long/topic q0"]);

    let mut pair = plain(Version::V5);
    pair.publish("long/topic", Q0);
    assert_eq!(pair.sent(), ["PUBLISH long/topic q0"], "absent is 0: none [MQTT-3.2.2-18]");
}
