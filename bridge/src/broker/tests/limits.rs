//! What a client may use up: it is told no, it is counted, and everybody else goes on.

use super::*;
use crate::broker::Limit;

fn rig(limits: Limits) -> Rig {
    Rig::with(BrokerConfig { limits, ..BrokerConfig::default() })
}

fn refused(rig: &mut Rig, connect: &Connect) -> ReasonCode {
    rig.broker.connect(connect, Admitted::default(), Rig::peer(), rig.now).unwrap_err().reason
}

#[test]
fn sessions() {
    let mut rig = rig(Limits { sessions: 2, ..Limits::default() });
    let kept = rig.connect(resume(Version::V5, "kept")).0;
    rig.lose(kept);
    let second = rig.join(Version::V311, "second");
    assert_eq!(refused(&mut rig, &connect(Version::V5, "third")), ReasonCode::QuotaExceeded);
    assert_eq!(rig.broker.stats().limited(Limit::Sessions), 1);
    // Who has one comes back, and an end makes room.
    rig.connect(resume(Version::V5, "kept"));
    rig.lose(second);
    rig.join(Version::V5, "third");
}

#[test]
fn connections_of_one_user() {
    let mut rig = rig(Limits { connections_per_user: 2, ..Limits::default() });
    let of = |user: &str, id: &str| Connect { username: Some(user.into()), ..connect(Version::V5, id) };
    let first = rig.connect(of("ann", "a")).0;
    rig.connect(of("ann", "b"));
    assert_eq!(refused(&mut rig, &of("ann", "c")), ReasonCode::QuotaExceeded);
    assert_eq!(rig.broker.stats().limited(Limit::ConnectionsPerUser), 1);
    rig.connect(of("bob", "d"));
    rig.join(Version::V5, "nobody");
    // Taking over one's own connection is none more.
    let first_again = rig.connect(of("ann", "a")).0;
    rig.broker.release(first.id);
    rig.lose(first_again);
    rig.connect(of("ann", "c"));
    assert_eq!(refused(&mut rig, &of("ann", "e")), ReasonCode::QuotaExceeded);
}

#[test]
fn subscriptions() {
    let mut rig = rig(Limits { subscriptions: 2, all_subscriptions: 3, ..Limits::default() });
    let [a, b] = ["a", "b"].map(|id| rig.join(Version::V5, id));
    let mut subscribe = |conn, filter: &str| rig.subscribe_with(conn, filter, options(QoS::AtMostOnce), None);
    assert_eq!(subscribe(a, "1"), ReasonCode::Success);
    assert_eq!(subscribe(a, "2"), ReasonCode::Success);
    assert_eq!(subscribe(a, "3"), ReasonCode::QuotaExceeded);
    assert_eq!(subscribe(a, "2"), ReasonCode::Success, "none more");
    assert_eq!(subscribe(b, "1"), ReasonCode::Success);
    assert_eq!(subscribe(b, "2"), ReasonCode::QuotaExceeded);
    let stats = rig.broker.stats();
    assert_eq!((stats.limited(Limit::Subscriptions), stats.limited(Limit::AllSubscriptions)), (1, 1));
    rig.disconnect(a, ReasonCode::Success);
    assert_eq!(rig.subscribe_with(b, "2", options(QoS::AtMostOnce), None), ReasonCode::Success);
}

#[test]
fn topics() {
    let mut rig = rig(Limits { topic_bytes: 10, topic_levels: 3, ..Limits::default() });
    let a = rig.join(Version::V5, "a");
    for (topic, good) in [("1234567890", true), ("12345678901", false), ("a/b/c", true), ("a/b/c/", false)] {
        let granted = rig.subscribe_with(a, topic, options(QoS::AtMostOnce), None);
        let expected = if good { ReasonCode::Success } else { ReasonCode::TopicFilterInvalid };
        assert_eq!(granted, expected, "{topic}");
        let published = rig.publish_acknowledged(a, topic, "x");
        let expected = if good { ReasonCode::Success } else { ReasonCode::TopicNameInvalid };
        assert_eq!(published, expected, "{topic}");
        rig.publish(a, topic, "y");
        assert_eq!(rig.payloads(a), if good { vec!["x", "y"] } else { vec![] }, "{topic}");
    }
    let will = Will {
        topic: "a/b/c/d".into(),
        payload: Bytes::new(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: WillProperties::default(),
    };
    let with_will = Connect { will: Some(will), ..connect(Version::V5, "b") };
    assert_eq!(refused(&mut rig, &with_will), ReasonCode::TopicNameInvalid);
    let stats = rig.broker.stats();
    assert_eq!((stats.limited(Limit::TopicLength), stats.limited(Limit::TopicLevels)), (3, 4));
    assert_eq!(stats.dropped(DropReason::TopicTooLong), 4);
}

#[test]
fn a_retained_message_does_not_grow_beyond_the_limit() {
    let mut rig = Rig::with(BrokerConfig { retained_bytes: 2000, ..BrokerConfig::default() });
    let a = rig.join(Version::V5, "a");
    let retain = |rig: &mut Rig, payload: &str| {
        rig.send(a, Packet::Publish(Publish { retain: true, ..publish("t", payload, QoS::AtMostOnce, 0) }));
    };
    retain(&mut rig, "small");
    assert_eq!(rig.broker.stats().retained_messages, 1);
    retain(&mut rig, &"x".repeat(3000));
    let stats = rig.broker.stats();
    assert_eq!((stats.retained_messages, stats.retained_bytes), (0, 0), "rather none than an old one");
    assert_eq!(stats.dropped(DropReason::RetainedFull), 1);
    retain(&mut rig, "again");
    assert_eq!(rig.broker.stats().retained_messages, 1);
}

#[test]
fn withheld_acknowledgements_keep_no_more_than_the_queue_may() {
    let payload = "x".repeat(1000);
    let config = BrokerConfig { queue_bytes: 10_000, ..BrokerConfig::default() };
    let mut rig = Rig::with(config);
    let [reader, writer] = ["reader", "writer"].map(|id| rig.join(Version::V5, id));
    rig.subscribe(reader, "t", QoS::AtLeastOnce);
    for _ in 0..100 {
        rig.publish(writer, "t", &payload);
    }
    rig.messages(reader);
    for _ in 0..100 {
        rig.send(writer, Packet::Publish(publish("t", &payload, QoS::AtLeastOnce, 1)));
        rig.receive(writer);
    }
    let in_flight = rig.messages(reader);
    let stats = rig.broker.stats();
    assert!((8..=10).contains(&in_flight.len()), "{}", in_flight.len());
    assert!(stats.in_flight_bytes <= 12_000 && stats.queued_bytes <= 10_000, "{stats:?}");
    assert_eq!(stats.dropped(DropReason::QueueFull) as usize, 100 - in_flight.len() - stats.queued_messages);
    // Each acknowledgement lets another one out, and in the end nothing is counted any more.
    let mut waiting = in_flight;
    let mut received = 0;
    while let Some(message) = waiting.pop() {
        received += 1;
        rig.send(reader, Packet::PubAck(Ack::success(message.packet_id.unwrap())));
        waiting.extend(rig.messages(reader));
    }
    let stats = rig.broker.stats();
    assert_eq!((stats.in_flight_bytes, stats.queued_bytes, stats.queued_messages), (0, 0, 0));
    assert!(received >= 16, "{received}");
}

#[test]
fn what_was_in_flight_is_not_counted_after_its_session() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut rig = Rig::new();
        let [reader, writer] = ["reader", "writer"].map(|id| rig.join(Version::V5, id));
        rig.subscribe(reader, "t", QoS::ExactlyOnce);
        for n in 1..=5 {
            rig.send(writer, Packet::Publish(publish("t", "x", qos, n)));
        }
        let messages = rig.messages(reader);
        assert_eq!(messages.len(), 5);
        assert!(rig.broker.stats().in_flight_bytes > 0);
        if qos == QoS::ExactlyOnce {
            let id = messages[0].packet_id.unwrap();
            rig.send(reader, Packet::PubRec(Ack::success(id)));
            rig.send(reader, Packet::PubRec(Ack::success(id)));
            let refusal = ReasonCode::QuotaExceeded;
            rig.send(reader, Packet::PubRec(Ack::with_reason(messages[1].packet_id.unwrap(), refusal)));
        }
        rig.lose(reader);
        assert_eq!(rig.broker.stats().in_flight_bytes, 0, "{qos:?}");
    }
}

#[test]
fn messages_that_wait_for_all_together() {
    let mut rig = rig(Limits { all_queues_messages: 3, ..Limits::default() });
    for id in ["a", "b"] {
        let conn = rig.connect(resume(Version::V5, id)).0;
        rig.subscribe(conn, "t", QoS::AtLeastOnce);
        rig.lose(conn);
    }
    let writer = rig.join(Version::V5, "writer");
    for _ in 0..2 {
        rig.send(writer, Packet::Publish(publish("t", "x", QoS::AtLeastOnce, 1)));
    }
    let stats = rig.broker.stats();
    assert_eq!((stats.queued_messages, stats.dropped(DropReason::AllQueuesFull)), (3, 1));
}

#[test]
fn retained_messages_that_wait_count_as_well() {
    let mut rig = rig(Limits { all_queues_messages: 3, ..Limits::default() });
    let writer = rig.join(Version::V5, "writer");
    for topic in ["1", "2", "3", "4", "5"] {
        rig.send(
            writer,
            Packet::Publish(Publish { retain: true, ..publish(topic, "x", QoS::AtMostOnce, 0) }),
        );
    }
    let reader = rig.join(Version::V5, "reader");
    rig.subscribe(reader, "#", QoS::AtMostOnce);
    assert_eq!(rig.messages(reader).len(), 3);
    assert_eq!(rig.broker.stats().dropped(DropReason::AllQueuesFull), 2);
}

#[test]
fn what_waits_for_a_slow_reader_does_not_keep_read_buffers_alive() {
    let mut rig = Rig::new();
    let slow = [rig.join(Version::V5, "slow"), rig.join(Version::V311, "slow, too")];
    for reader in slow {
        rig.subscribe(reader, "t", QoS::AtMostOnce);
    }
    let writer = rig.join(Version::V5, "writer");
    // A message of 16 kB out of a buffer of 256 kB; whether somebody still holds the buffer.
    let publish_from_a_buffer = |rig: &mut Rig| {
        let buffer = Bytes::from(vec![b'x'; 256 * 1024]);
        let payload = buffer.slice(1000..17_000);
        let packet = Packet::Publish(Publish { payload, ..publish("t", "", QoS::AtMostOnce, 0) });
        rig.broker.handle_packets(writer.id, &mut vec![packet], 16_000, rig.now);
        !buffer.is_unique()
    };
    let held: Vec<bool> = (0..40).map(|_| publish_from_a_buffer(&mut rig)).collect();
    assert!(held.starts_with(&[true; 10]), "the quick ones get no copy: {held:?}");
    assert!(held.ends_with(&[false; 20]), "{held:?}");
    for reader in slow {
        let messages = rig.messages(reader);
        assert_eq!(messages.len(), 40);
        assert!(messages.iter().all(|message| message.payload == [b'x'; 16_000][..]));
    }
}

#[test]
fn many_slow_readers_together_get_less_than_one_of_them() {
    let config = BrokerConfig {
        outbox_bytes: 1 << 20,
        limits: Limits { all_outboxes_bytes: 3 << 20, ..Limits::default() },
        ..BrokerConfig::default()
    };
    let mut rig = Rig::with(config);
    let readers: Vec<Conn> = (0..8).map(|n| rig.join(Version::V5, &format!("reader-{n}"))).collect();
    for reader in &readers {
        rig.subscribe(*reader, "t", QoS::AtMostOnce);
    }
    let writer = rig.join(Version::V5, "writer");
    let payload = "x".repeat(1000);
    for _ in 0..2000 {
        rig.publish(writer, "t", &payload);
        rig.receive(writer); // as a connection does after each read
    }
    let stats = rig.broker.stats();
    assert!(stats.outbox_bytes() < (3 << 20) + 100_000, "{}", stats.outbox_bytes());
    assert!(stats.dropped(DropReason::AllOutboxesFull) > 0);
    for reader in readers {
        assert!(!rig.messages(reader).is_empty());
        rig.lose(reader);
    }
    rig.lose(writer);
    assert_eq!(rig.broker.stats().outbox_bytes(), 0, "all is settled");
}

#[test]
fn a_new_configuration_counts_at_once() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "1", QoS::AtMostOnce);
    let limits = Limits { subscriptions: 1, ..Limits::default() };
    let config = BrokerConfig { limits, sys_interval_s: 0, ..BrokerConfig::default() };
    rig.broker.reconfigure(config, rig.now);
    assert_eq!(rig.subscribe_with(a, "2", options(QoS::AtMostOnce), None), ReasonCode::QuotaExceeded);
    let config = BrokerConfig { sys_interval_s: 10, ..BrokerConfig::default() };
    rig.broker.reconfigure(config, rig.now);
    rig.subscribe(a, "$SYS/broker/limits/max-subscriptions", QoS::AtMostOnce);
    assert_eq!(rig.payloads(a), ["1"]);
    let off = BrokerConfig { sys_interval_s: 0, ..BrokerConfig::default() };
    rig.broker.reconfigure(off, rig.now);
    rig.pass(Duration::from_secs(100));
}
