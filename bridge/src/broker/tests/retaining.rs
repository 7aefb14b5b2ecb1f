//! Retained messages.

use super::*;

fn retain(rig: &mut Rig, conn: Conn, topic: &str, payload: &str, qos: QoS) {
    let mut message = publish(topic, payload, qos, if qos == QoS::AtMostOnce { 0 } else { 50 });
    message.retain = true;
    rig.send(conn, Packet::Publish(message));
    rig.receive(conn);
    if qos == QoS::ExactlyOnce {
        rig.send(conn, Packet::PubRel(Ack::success(id(50))));
        rig.receive(conn);
    }
}

// [MQTT-3.3.1-8] [MQTT-3.3.1-6 of 3.1.1] [MQTT-3.3.1-7 of 3.1.1] [MQTT-3.3.1-8 of 3.1.1]
#[test]
fn set_replaced_and_cleared_only_by_an_empty_one() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V311, "a");
    let seen = |rig: &mut Rig| {
        let late = rig.join(Version::V311, "late");
        rig.subscribe(late, "t/#", QoS::AtMostOnce);
        let messages = rig.messages(late);
        assert!(messages.iter().all(|message| message.retain)); // section 3.3.1.3
        messages.iter().map(|m| String::from_utf8(m.payload.to_vec()).unwrap()).collect::<Vec<_>>()
    };
    retain(&mut rig, a, "t/1", "one", QoS::AtMostOnce);
    retain(&mut rig, a, "t/2", "two", QoS::AtMostOnce);
    assert_eq!(seen(&mut rig), ["one", "two"]); // [MQTT-3.3.1-9]
    retain(&mut rig, a, "t/1", "uno", QoS::AtMostOnce); // [MQTT-3.3.1-5]
    assert_eq!(seen(&mut rig), ["uno", "two"]);
    rig.publish(a, "t/1", ""); // not retained: it clears nothing [MQTT-3.3.1-8]
    assert_eq!(seen(&mut rig), ["uno", "two"]);
    retain(&mut rig, a, "t/1", "", QoS::AtMostOnce); // [MQTT-3.3.1-6] [MQTT-3.3.1-7]
    assert_eq!(seen(&mut rig), ["two"]);
    retain(&mut rig, a, "t/2", "", QoS::AtMostOnce);
    assert_eq!((rig.broker.stats().retained_messages, rig.broker.stats().retained_bytes), (0, 0));
}

#[test]
fn an_empty_retained_message_still_reaches_subscribers() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "t", QoS::AtMostOnce);
    retain_without_reading(&mut rig, a, "t", "");
    assert_eq!(rig.payloads(a), [""]); // [MQTT-3.3.1-6]
}

fn retain_without_reading(rig: &mut Rig, conn: Conn, topic: &str, payload: &str) {
    rig.send(conn, Packet::Publish(Publish { retain: true, ..publish(topic, payload, QoS::AtMostOnce, 0) }));
}

#[test]
fn retain_handling_decides_when_they_are_sent() {
    let cases = [
        (RetainHandling::Send, [1, 1]),      // [MQTT-3.3.1-9]
        (RetainHandling::SendIfNew, [1, 0]), // [MQTT-3.3.1-10]
        (RetainHandling::DoNotSend, [0, 0]), // [MQTT-3.3.1-11]
    ];
    for (retain_handling, expected) in cases {
        let mut rig = Rig::new();
        let a = rig.join(Version::V5, "a");
        retain(&mut rig, a, "t", "old", QoS::AtMostOnce);
        for count in expected {
            let options = SubscriptionOptions { retain_handling, ..SubscriptionOptions::default() };
            rig.subscribe_with(a, "t", options, None);
            assert_eq!(rig.payloads(a).len(), count, "{retain_handling:?}");
        }
    }
}

#[test]
fn retain_as_published_keeps_the_flag_of_live_messages() {
    for (retain_as_published, expected) in [(false, false), (true, true)] {
        let mut rig = Rig::new();
        let a = rig.join(Version::V5, "a");
        let options = SubscriptionOptions { retain_as_published, ..SubscriptionOptions::default() };
        rig.subscribe_with(a, "t", options, None);
        retain_without_reading(&mut rig, a, "t", "new");
        rig.publish(a, "t", "plain");
        let flags: Vec<bool> = rig.messages(a).iter().map(|message| message.retain).collect();
        assert_eq!(flags, [expected, false]); // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    }
}

#[test]
fn thousands_are_delivered_completely_at_each_qos_whatever_the_outbox_holds() {
    let count = 5_000;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut rig =
            Rig::with(BrokerConfig { outbox_bytes: 4096, queue_messages: 10, ..BrokerConfig::default() });
        let a = rig.join(Version::V5, "a");
        for n in 0..count {
            retain(&mut rig, a, &format!("t/{n:05}"), &n.to_string(), qos);
        }
        let late = rig.join(Version::V5, "late");
        rig.subscribe(late, "#", qos);
        let mut got = Vec::new();
        loop {
            let packets = rig.receive(late);
            if packets.is_empty() {
                break;
            }
            for packet in packets {
                match packet {
                    Packet::Publish(message) => {
                        got.push(String::from_utf8(message.payload.to_vec()).unwrap());
                        match (message.qos, message.packet_id) {
                            (QoS::AtLeastOnce, Some(id)) => rig.send(late, Packet::PubAck(Ack::success(id))),
                            (QoS::ExactlyOnce, Some(id)) => rig.send(late, Packet::PubRec(Ack::success(id))),
                            _ => {}
                        }
                    }
                    Packet::PubRel(ack) => rig.send(late, Packet::PubComp(ack)),
                    other => panic!("{other:?}"),
                }
            }
        }
        let expected: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        assert!(got == expected, "{qos:?}: {} of {}", got.len(), expected.len());
        assert_eq!(rig.broker.stats().dropped_in_all(), 0);
    }
}

#[test]
fn a_new_value_does_not_overtake_the_old_one() {
    let mut rig = Rig::with(BrokerConfig { outbox_bytes: 64, ..BrokerConfig::default() });
    let a = rig.join(Version::V5, "a");
    for n in 0..20 {
        retain(&mut rig, a, &format!("t/{n:02}"), "old", QoS::AtMostOnce);
    }
    let late = rig.join(Version::V5, "late");
    rig.subscribe(late, "#", QoS::AtMostOnce);
    rig.publish(a, "t/19", "new");
    let values: Vec<String> = rig
        .messages(late)
        .iter()
        .filter(|message| message.topic == "t/19")
        .map(|message| String::from_utf8(message.payload.to_vec()).unwrap())
        .collect();
    assert_eq!(values, ["old", "new"]);
}

#[test]
fn expired_ones_are_neither_sent_nor_kept() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    let mut message = Publish { retain: true, ..publish("t", "old", QoS::AtMostOnce, 0) };
    message.properties =
        Some(Box::new(PublishProperties { message_expiry_s: Some(10), ..Default::default() }));
    rig.send(a, Packet::Publish(message));
    rig.pass(Duration::from_secs(4));
    rig.subscribe(a, "t", QoS::AtMostOnce);
    // [MQTT-3.3.2-6]
    assert_eq!(rig.messages(a)[0].properties.as_ref().unwrap().message_expiry_s, Some(6));
    rig.pass(Duration::from_secs(6));
    rig.subscribe(a, "t", QoS::AtMostOnce);
    assert_eq!(rig.payloads(a), Vec::<String>::new());
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.broker.stats().retained_messages, 0);
}

#[test]
fn their_number_is_bounded_and_what_is_over_is_counted() {
    let mut rig = Rig::with(BrokerConfig { retained_messages: 2, ..BrokerConfig::default() });
    let a = rig.join(Version::V5, "a");
    for topic in ["1", "2", "3", "1"] {
        retain(&mut rig, a, topic, "x", QoS::AtMostOnce);
    }
    let stats = rig.broker.stats();
    assert_eq!((stats.retained_messages, stats.dropped(DropReason::RetainedFull)), (2, 1));
}

#[test]
fn subscribing_again_and_again_without_reading_is_refused_in_the_end() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    for n in 0..6_000 {
        retain(&mut rig, a, &format!("t/{n}"), "x", QoS::AtMostOnce);
    }
    let mut last = ReasonCode::Success;
    for n in 0..5 {
        let filter = SubscribeFilter { filter: "#".into(), options: options(QoS::AtMostOnce) };
        let subscribe = Subscribe {
            packet_id: id(n + 1),
            properties: SubscribeProperties::default(),
            filters: vec![filter],
        };
        rig.send(a, Packet::Subscribe(Box::new(subscribe)));
    }
    for packet in rig.receive(a) {
        if let Packet::SubAck(suback) = packet {
            last = suback.reasons[0];
        }
    }
    assert_eq!(last, ReasonCode::QuotaExceeded);
}

#[test]
fn sys_topics_are_there_and_are_the_servers_own() {
    let mut rig = Rig::exactly(BrokerConfig::default());
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "#", QoS::AtMostOnce);
    assert_eq!(rig.payloads(a), Vec::<String>::new()); // [MQTT-4.7.2-1]
    assert_eq!(rig.publish_acknowledged(a, "$SYS/broker/uptime", "lie"), ReasonCode::NotAuthorized);
    rig.publish(a, "$SYS/broker/uptime", "lie");
    assert_eq!(rig.broker.stats().dropped(DropReason::NotAuthorized), 1);
    rig.subscribe(a, "$SYS/broker/clients/connected", QoS::AtMostOnce);
    assert_eq!(rig.payloads(a), ["0"]);
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.payloads(a), ["1"]);
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.payloads(a), Vec::<String>::new(), "only changes are published");
}

#[test]
fn qos_0_that_waits_behind_retained_messages_is_not_overtaken_by_qos_0() {
    let mut rig = Rig::new();
    let b = rig.join(Version::V5, "b");
    let mut kept = publish("kept", "1", QoS::AtLeastOnce, 1);
    kept.retain = true;
    rig.send(b, Packet::Publish(kept));
    let mut narrow = connect(Version::V5, "a");
    narrow.properties.receive_maximum = PacketId::new(1);
    let (a, _) = rig.connect(narrow);
    // The SUBACK is taken off later: until then the retained message waits.
    let subscribe = Subscribe {
        packet_id: id(1),
        properties: SubscribeProperties::default(),
        filters: vec![SubscribeFilter { filter: "#".into(), options: options(QoS::AtLeastOnce) }],
    };
    rig.send(a, Packet::Subscribe(Box::new(subscribe)));
    rig.send(b, Packet::Publish(publish("t", "2", QoS::AtLeastOnce, 2)));
    rig.publish(b, "t", "3");
    let first = rig.messages(a);
    assert_eq!(first.len(), 1, "the quota is used up");
    rig.publish(b, "t", "4");
    let mut payloads = rig.payloads(a);
    rig.send(a, Packet::PubAck(Ack::success(first[0].packet_id.unwrap())));
    payloads.extend(rig.payloads(a));
    assert_eq!(payloads, ["2", "3", "4"]); // [MQTT-4.6.0-5]
}
