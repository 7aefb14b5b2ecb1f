//! How messages get from publishers to subscribers.

use super::*;

// [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-2.2.1-2] [MQTT-3.3.1-2]
#[test]
fn qos_is_the_lower_of_both() {
    let all = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    for version in [Version::V31, Version::V311, Version::V5] {
        for published in all {
            for subscribed in all {
                let mut rig = Rig::new();
                let a = rig.join(version, "a");
                rig.subscribe(a, "t", subscribed);
                rig.send(a, Packet::Publish(publish("t", "x", published, u16::from(published != all[0]))));
                let message = rig.messages(a).remove(0);
                assert_eq!(message.qos, published.min(subscribed)); // [MQTT-3.8.4-8]
                assert_eq!(message.packet_id.is_some(), message.qos != QoS::AtMostOnce);
                assert!(!message.dup);
            }
        }
    }
}

// [MQTT-3.3.4-3]
#[test]
fn overlapping_subscriptions_make_one_copy_with_the_highest_qos_and_all_identifiers() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    for (filter, qos, id) in
        [("t/#", QoS::AtMostOnce, Some(7)), ("t/+", QoS::ExactlyOnce, Some(9)), ("#", QoS::AtLeastOnce, None)]
    {
        rig.subscribe_with(a, filter, options(qos), id);
    }
    rig.send(a, Packet::Publish(publish("t/1", "x", QoS::ExactlyOnce, 1)));
    let messages = rig.messages(a);
    assert_eq!((messages.len(), messages[0].qos), (1, QoS::ExactlyOnce)); // [MQTT-3.3.4-2]
    let mut ids = messages[0].properties.as_ref().unwrap().subscription_ids.clone();
    ids.sort_unstable();
    assert_eq!(ids, [7, 9]); // [MQTT-3.3.4-4]
}

#[test]
fn no_local_keeps_a_publishers_messages_from_itself() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    let b = rig.join(Version::V5, "b");
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    for conn in [a, b] {
        rig.subscribe_with(conn, "t", no_local, None);
    }
    rig.publish(a, "t", "x");
    assert_eq!((rig.payloads(a).len(), rig.payloads(b).len()), (0, 1)); // [MQTT-3.8.3-3]
    rig.subscribe(a, "#", QoS::AtMostOnce);
    rig.publish(a, "t", "y");
    assert_eq!(rig.payloads(a), ["y"], "the other subscription is not no-local");
}

#[test]
fn a_bridge_of_another_broker_gets_back_nothing_and_keeps_the_flag_for_retained() {
    let mut rig = Rig::new();
    let (a, _) = rig.connect(Connect { is_bridge: true, ..connect(Version::V311, "a") });
    let b = rig.join(Version::V311, "b");
    for conn in [a, b] {
        rig.subscribe(conn, "#", QoS::AtMostOnce);
    }
    rig.publish(a, "t", "x");
    assert_eq!((rig.payloads(a).len(), rig.payloads(b).len()), (0, 1));
    rig.send(b, Packet::Publish(Publish { retain: true, ..publish("t", "y", QoS::AtMostOnce, 0) }));
    let retain = |rig: &mut Rig, conn| rig.messages(conn).iter().map(|m| m.retain).collect::<Vec<_>>();
    assert_eq!((retain(&mut rig, a), retain(&mut rig, b)), (vec![true], vec![false]));
}

#[test]
fn client_ids_of_the_brokers_own_bridges_are_nobody_elses() {
    let mut rig = Rig::new();
    let error = rig
        .broker
        .connect(&connect(Version::V5, "$bridge/x"), Admitted::default(), Rig::peer(), rig.now)
        .unwrap_err();
    assert_eq!(error.reason, ReasonCode::ClientIdentifierNotValid);
    let own = Peer { transport: TransportKind::Bridge, ..Rig::peer() };
    assert!(
        rig.broker.connect(&connect(Version::V5, "x"), Admitted::default(), own.clone(), rig.now).is_err()
    );
    let conn =
        rig.broker.connect(&connect(Version::V5, "$bridge/x"), Admitted::default(), own, rig.now).unwrap();
    // What it brings in does not come back to it, unless another subscription wants it.
    let conn = Conn { id: conn, version: Version::V5 };
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    rig.receive(conn);
    rig.subscribe_with(conn, "#", no_local, None);
    let other = rig.join(Version::V5, "other");
    rig.subscribe(other, "#", QoS::AtMostOnce);
    let message = ServerMessage {
        topic: tabmq_shared::topic::TopicName::new("t").unwrap(),
        payload: Bytes::from_static(b"1"),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: None,
    };
    assert_eq!(rig.broker.publish_from(conn.id, message, rig.now).receivers, 1);
    assert_eq!((rig.payloads(conn).len(), rig.payloads(other).len()), (0, 1));
}

#[test]
fn a_subscription_is_replaced() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V311, "a");
    rig.subscribe(a, "t", QoS::AtMostOnce);
    rig.subscribe(a, "t", QoS::AtLeastOnce); // [MQTT-3.8.4-3]
    rig.send(a, Packet::Publish(publish("t", "x", QoS::AtLeastOnce, 1)));
    let messages = rig.messages(a);
    assert_eq!((messages.len(), messages[0].qos), (1, QoS::AtLeastOnce));
}

// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-2.2.1-6]
#[test]
fn each_filter_has_its_code() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    let filters = ["ok", "bad/#/x", "$share/g", "ok/+"]
        .map(|filter| SubscribeFilter { filter: filter.into(), options: options(QoS::AtLeastOnce) });
    let subscribe =
        Subscribe { packet_id: id(5), properties: SubscribeProperties::default(), filters: filters.to_vec() };
    // By hand: the decoder may refuse such filters before the broker sees them.
    rig.broker.handle_subscribe(a.id, 0, subscribe, rig.now).unwrap();
    let Packet::SubAck(suback) = rig.receive(a).remove(0) else { panic!() };
    let expected = [
        ReasonCode::GrantedQoS1,
        ReasonCode::TopicFilterInvalid,
        ReasonCode::TopicFilterInvalid,
        ReasonCode::GrantedQoS1,
    ];
    assert_eq!((suback.packet_id, suback.reasons.as_slice()), (id(5), &expected[..])); // [MQTT-3.8.4-6]
}

#[test]
fn nobody_there_is_told_to_5_0_publishers() {
    for (version, reason) in
        [(Version::V311, ReasonCode::Success), (Version::V5, ReasonCode::NoMatchingSubscribers)]
    {
        let mut rig = Rig::new();
        let a = rig.join(version, "a");
        assert_eq!(rig.publish_acknowledged(a, "t", "x"), reason);
        rig.subscribe(a, "t", QoS::AtMostOnce);
        assert_eq!(rig.publish_acknowledged(a, "t", "x"), ReasonCode::Success);
    }
}

// [MQTT-4.3.3-8] [MQTT-2.2.1-5] [MQTT-3.1.2-23] [MQTT-4.3.3-2 of 3.1.1]
#[test]
fn qos_2_from_a_client_is_taken_once_also_across_a_reconnect() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let listener = rig.join(version, "l");
        rig.subscribe(listener, "t", QoS::AtMostOnce);
        let (mut a, _) = rig.connect(resume(version, "a"));
        let first = publish("t", "once", QoS::ExactlyOnce, 5);
        let again = Publish { dup: true, ..first.clone() };
        rig.send(a, Packet::Publish(first.clone()));
        rig.send(a, Packet::Publish(again.clone()));
        rig.lose(a);
        (a, _) = rig.connect(resume(version, "a"));
        rig.send(a, Packet::Publish(again)); // [MQTT-4.3.3-10]
        assert_eq!(rig.receive(a), [Packet::PubRec(Ack::success(id(5)))]);
        assert_eq!(rig.payloads(listener), ["once"]);
        rig.send(a, Packet::PubRel(Ack::success(id(5))));
        assert_eq!(rig.receive(a), [Packet::PubComp(Ack::success(id(5)))]); // [MQTT-4.3.3-11]
        rig.send(a, Packet::Publish(first)); // the id is free: a new message [MQTT-4.3.3-12]
        assert_eq!(rig.payloads(listener), ["once"]);
    }
}

#[test]
fn stray_acknowledgements_are_answered_or_ignored() {
    let not_found = |id| Ack::with_reason(id, ReasonCode::PacketIdentifierNotFound);
    let cases: [(Packet, Vec<Packet>); 4] = [
        (Packet::PubAck(Ack::success(id(9))), vec![]),
        (Packet::PubComp(Ack::success(id(9))), vec![]),
        (Packet::PubRec(Ack::success(id(9))), vec![Packet::PubRel(not_found(id(9)))]),
        (Packet::PubRel(Ack::success(id(9))), vec![Packet::PubComp(not_found(id(9)))]),
    ];
    for (stray, answer) in cases {
        let mut rig = Rig::new();
        let a = rig.join(Version::V5, "a");
        rig.send(a, stray);
        assert_eq!(rig.receive(a), answer);
        assert!(!rig.broker.has_ended(a.id));
    }
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_ends_the_connection() {
    type Wrong = fn(Ack) -> Packet;
    let cases: [(QoS, bool, Wrong); 6] = [
        (QoS::AtLeastOnce, false, Packet::PubRec),
        (QoS::AtLeastOnce, false, Packet::PubComp),
        (QoS::ExactlyOnce, false, Packet::PubAck),
        (QoS::ExactlyOnce, false, Packet::PubComp),
        (QoS::ExactlyOnce, true, Packet::PubAck),
        (QoS::ExactlyOnce, true, |ack| Packet::PubRel(Ack { packet_id: id(9), ..ack })), // another matter
    ];
    for (qos, recorded, wrong) in cases {
        for version in [Version::V311, Version::V5] {
            let mut rig = Rig::new();
            let a = rig.join(version, "a");
            rig.subscribe(a, "t", qos);
            let b = rig.join(version, "b");
            rig.send(b, Packet::Publish(publish("t", "x", qos, 1)));
            let sent = rig.messages(a).remove(0).packet_id.unwrap();
            if recorded {
                rig.send(a, Packet::PubRec(Ack::success(sent)));
                assert_eq!(rig.receive(a), [Packet::PubRel(Ack::success(sent))]);
            }
            let packet = wrong(Ack::success(sent));
            let name = format!("{packet:?} at {qos:?}");
            if matches!(packet, Packet::PubRel(_)) {
                rig.send(a, packet);
                assert!(!rig.broker.has_ended(a.id), "{name}");
                continue;
            }
            rig.send(a, packet);
            assert_eq!(rig.farewell(a), version.is_v5().then_some(ReasonCode::ProtocolError), "{name}");
        }
    }
}

// [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
#[test]
fn receive_maximum_of_the_client_bounds_what_is_in_flight() {
    let mut rig = Rig::new();
    let mut narrow = connect(Version::V5, "a");
    narrow.properties.receive_maximum = PacketId::new(2);
    let (a, _) = rig.connect(narrow);
    rig.subscribe(a, "t", QoS::ExactlyOnce);
    let b = rig.join(Version::V5, "b");
    for n in 0..5 {
        rig.publish_acknowledged(b, "t", &n.to_string());
    }
    let first = rig.messages(a);
    assert_eq!(first.len(), 2); // [MQTT-3.3.4-9]
    rig.publish(b, "t", "qos 0 is not held up");
    assert_eq!(rig.payloads(a).len(), 1);
    rig.send(a, Packet::PubAck(Ack::success(first[1].packet_id.unwrap())));
    assert_eq!(rig.payloads(a), ["2"], "an acknowledgement out of order makes room as well");
    for n in 0..3 {
        let _ = n;
        rig.send(a, Packet::PubAck(Ack::success(first[0].packet_id.unwrap())));
    }
    assert_eq!(rig.payloads(a), ["3"], "only one of three was not stray");
}

#[test]
fn receive_maximum_of_the_server_is_enforced() {
    let config = BrokerConfig { receive_maximum: PacketId::new(2).unwrap(), ..BrokerConfig::default() };
    let mut rig = Rig::with(config);
    let (a, connack) = rig.connect(connect(Version::V5, "a"));
    assert_eq!(connack.properties.receive_maximum, PacketId::new(2));
    for n in 1..=2 {
        rig.send(a, Packet::Publish(publish("t", "x", QoS::ExactlyOnce, n)));
    }
    assert!(!rig.broker.has_ended(a.id));
    rig.send(a, Packet::Publish(publish("t", "x", QoS::ExactlyOnce, 3)));
    assert_eq!(rig.farewell(a), Some(ReasonCode::ReceiveMaximumExceeded)); // [MQTT-3.3.4-7]
}

// [MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6]
// [MQTT-3.1.2-4 of 3.1.1] [MQTT-3.1.2-5 of 3.1.1] [MQTT-4.1.0-1 of 3.1.1] [MQTT-4.4.0-1 of 3.1.1]
#[test]
fn what_was_in_flight_comes_first_and_in_order_after_a_reconnect() {
    for version in [Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let (mut a, _) = rig.connect(resume(version, "a"));
        rig.subscribe(a, "t", QoS::ExactlyOnce);
        let b = rig.join(version, "b");
        for (n, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce), (3, QoS::ExactlyOnce)] {
            rig.send(b, Packet::Publish(publish("t", &n.to_string(), qos, n)));
        }
        let sent = rig.messages(a);
        assert_eq!(sent.len(), 3);
        let released = sent[1].packet_id.unwrap();
        rig.send(a, Packet::PubRec(Ack::success(released)));
        rig.lose(a);
        rig.publish_acknowledged(b, "t", "4");
        rig.publish(b, "t", "QoS 0 does not wait for an absent client");
        (a, _) = rig.connect(resume(version, "a"));
        let packets = rig.receive(a);
        let messages: Vec<_> = packets
            .iter()
            .filter_map(|packet| match packet {
                Packet::Publish(p) => Some((p.payload.clone(), p.dup, p.packet_id)),
                _ => None,
            })
            .collect();
        // [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1]
        assert_eq!(messages[0], (Bytes::from("1"), true, sent[0].packet_id));
        assert_eq!(messages[1], (Bytes::from("3"), true, sent[2].packet_id));
        assert_eq!((&messages[2].0, messages[2].1, messages.len()), (&Bytes::from("4"), false, 3));
        assert!(packets.contains(&Packet::PubRel(Ack::success(released))));
    }
}

#[test]
fn an_error_in_puback_or_pubrec_ends_the_message() {
    let mut rig = Rig::new();
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    rig.subscribe(a, "t", QoS::ExactlyOnce);
    let b = rig.join(Version::V5, "b");
    for (n, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce)] {
        rig.send(b, Packet::Publish(publish("t", "x", qos, n)));
    }
    let sent = rig.messages(a);
    rig.send(a, Packet::PubAck(Ack::with_reason(sent[0].packet_id.unwrap(), ReasonCode::QuotaExceeded)));
    rig.send(a, Packet::PubRec(Ack::with_reason(sent[1].packet_id.unwrap(), ReasonCode::QuotaExceeded)));
    assert_eq!(rig.receive(a), vec![]); // no PUBREL [MQTT-4.3.3-4]
    rig.lose(a);
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    assert_eq!(rig.receive(a), vec![]); // [MQTT-4.4.0-2]
}

// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
#[test]
fn properties_travel_to_5_0_and_are_left_out_for_others() {
    let properties = PublishProperties {
        payload_format_utf8: Some(true),
        message_expiry_s: Some(60),
        content_type: Some("text/plain".into()),
        response_topic: Some("answer".into()),
        correlation_data: Some(Bytes::from_static(b"7")),
        subscription_ids: vec![],
        user: vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into())],
    };
    let mut rig = Rig::new();
    let publisher = rig.join(Version::V5, "p");
    let mut message = publish("t", "x", QoS::AtLeastOnce, 1);
    message.properties = Some(Box::new(properties.clone()));
    message.retain = true;
    let listeners: Vec<Conn> = [Version::V31, Version::V311, Version::V5]
        .into_iter()
        .map(|version| {
            let conn = rig.join(version, &version.to_string());
            rig.subscribe(conn, "t", QoS::AtLeastOnce);
            conn
        })
        .collect();
    rig.send(publisher, Packet::Publish(message));
    for conn in listeners {
        rig.subscribe(conn, "t", QoS::AtLeastOnce); // the retained one as well
        let messages = rig.messages(conn);
        assert_eq!(messages.len(), 2);
        for message in messages {
            let expected = conn.version.is_v5().then(|| Box::new(properties.clone()));
            assert_eq!((message.properties, message.payload.as_ref()), (expected, &b"x"[..])); // [MQTT-3.3.2-17]
        }
    }
}

#[test]
fn topic_aliases_both_ways() {
    let mut rig = Rig::new();
    let (a, connack) = rig.connect(connect(Version::V5, "a"));
    assert!(connack.properties.topic_alias_maximum.unwrap() > 0);
    let mut listening = connect(Version::V5, "l");
    listening.properties.topic_alias_maximum = Some(5);
    let (listener, _) = rig.connect(listening);
    rig.subscribe(listener, "#", QoS::AtLeastOnce);
    for (topic, n) in [("some/topic", 1), ("", 2)] {
        let alias = PacketId::new(3);
        rig.send(
            a,
            Packet::Publish(Publish { topic_alias: alias, ..publish(topic, "x", QoS::AtLeastOnce, n) }),
        );
    }
    let messages = rig.messages(listener);
    assert_eq!((messages[0].topic.as_ref(), messages[1].topic.as_ref()), ("some/topic", ""));
    assert!(messages[0].topic_alias.is_some());
    assert_eq!(messages[0].topic_alias, messages[1].topic_alias);
    let (a2, _) = rig.connect(connect(Version::V5, "a2"));
    rig.send(
        a2,
        Packet::Publish(Publish { topic_alias: PacketId::new(3), ..publish("", "x", QoS::AtMostOnce, 0) }),
    );
    // aliases belong to one connection [MQTT-3.3.2-7]
    assert_eq!(rig.farewell(a2), Some(ReasonCode::ProtocolError));
}

#[test]
fn packets_that_the_client_does_not_take_are_dropped_and_counted() {
    let mut rig = Rig::new();
    let mut small = resume(Version::V5, "a");
    small.properties.maximum_packet_size = Some(40);
    let (a, _) = rig.connect(small);
    rig.subscribe(a, "t", QoS::AtLeastOnce);
    let b = rig.join(Version::V5, "b");
    rig.publish_acknowledged(b, "t", &"x".repeat(50)); // [MQTT-3.1.2-24]
    rig.publish_acknowledged(b, "t", "small");
    assert_eq!(rig.payloads(a), ["small"]); // [MQTT-3.1.2-25]
    assert_eq!(rig.broker.stats().dropped(DropReason::PacketTooLarge), 1);
}

#[test]
fn what_a_new_connection_does_not_take_any_more_holds_nothing_up() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut rig = Rig::new();
        let mut large = resume(Version::V5, "a");
        large.properties.receive_maximum = PacketId::new(1);
        let mut small = large.clone();
        small.properties.maximum_packet_size = Some(40);
        let (a, _) = rig.connect(large);
        rig.subscribe(a, "t", qos);
        let b = rig.join(Version::V5, "b");
        rig.send(b, Packet::Publish(publish("t", &"x".repeat(50), qos, 1)));
        rig.send(b, Packet::Publish(publish("t", "small", qos, 2)));
        rig.lose(a);
        let (a, _) = rig.connect(small);
        assert_eq!(rig.payloads(a), ["small"]); // [MQTT-3.1.2-25]
        assert_eq!(rig.broker.stats().dropped(DropReason::PacketTooLarge), 1);
    }
}

#[test]
fn a_message_expires_in_the_queue_and_counts_down() {
    let mut rig = Rig::new();
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    rig.subscribe(a, "t", QoS::AtLeastOnce);
    rig.lose(a);
    let b = rig.join(Version::V5, "b");
    for (n, seconds) in [(1, 5), (2, 30)] {
        let mut message = publish("t", &n.to_string(), QoS::AtLeastOnce, n);
        message.properties =
            Some(Box::new(PublishProperties { message_expiry_s: Some(seconds), ..Default::default() }));
        rig.send(b, Packet::Publish(message));
    }
    rig.pass(Duration::from_millis(10_500));
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    let messages = rig.messages(a);
    assert_eq!(messages.len(), 1); // [MQTT-3.3.2-5]
    assert_eq!(messages[0].properties.as_ref().unwrap().message_expiry_s, Some(20)); // [MQTT-3.3.2-6]
    assert_eq!(rig.broker.stats().dropped(DropReason::Expired), 1);
}

#[test]
fn queues_are_bounded_and_what_is_over_is_counted() {
    let mut rig = Rig::with(BrokerConfig { queue_messages: 3, ..BrokerConfig::default() });
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    rig.subscribe(a, "t", QoS::AtLeastOnce);
    rig.lose(a);
    let b = rig.join(Version::V5, "b");
    for n in 0..5 {
        rig.publish_acknowledged(b, "t", &n.to_string());
    }
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    assert_eq!(rig.payloads(a), ["0", "1", "2"]);
    let stats = rig.broker.stats();
    assert_eq!((stats.dropped(DropReason::QueueFull), stats.queued_messages, stats.queued_bytes), (2, 0, 0));
}

#[test]
fn a_slow_reader_loses_qos_0_beyond_its_limit_and_nothing_else() {
    let mut rig = Rig::with(BrokerConfig { outbox_bytes: 1000, ..BrokerConfig::default() });
    let slow = rig.join(Version::V5, "slow");
    rig.subscribe(slow, "t", QoS::AtLeastOnce);
    let b = rig.join(Version::V5, "b");
    for n in 0..100 {
        rig.publish(b, "t", &format!("{n:50}"));
    }
    rig.publish_acknowledged(b, "t", "QoS 1 waits");
    let payloads = rig.payloads(slow);
    let dropped = rig.broker.stats().dropped(DropReason::OutboxFull);
    assert_eq!(payloads.len() as u64 + dropped, 101);
    assert!(dropped > 50);
    assert_eq!(payloads.last().map(String::as_str), Some("QoS 1 waits"));
}

#[test]
fn large_payloads_are_shared_and_arrive_whole() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V311, "a");
    let b = rig.join(Version::V5, "b");
    for conn in [a, b] {
        rig.subscribe(conn, "t", QoS::ExactlyOnce);
    }
    let payload = "0123456789".repeat(100_000);
    rig.publish(a, "t", "before");
    rig.send(a, Packet::Publish(publish("t", &payload, QoS::AtLeastOnce, 4)));
    rig.publish(a, "t", "after");
    for conn in [a, b] {
        assert_eq!(rig.payloads(conn), ["before", payload.as_str(), "after"]);
    }
}

#[test]
fn the_server_publishes_to_all() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "t", QoS::AtLeastOnce);
    let message = ServerMessage {
        topic: tabmq_shared::topic::TopicName::new("t").unwrap(),
        payload: Bytes::from_static(b"hello"),
        qos: QoS::ExactlyOnce,
        retain: false,
        properties: None,
    };
    assert_eq!(rig.broker.publish(message, rig.now).receivers, 1);
    let received = rig.messages(a).remove(0);
    assert_eq!((received.qos, received.payload.as_ref()), (QoS::AtLeastOnce, &b"hello"[..]));
}
