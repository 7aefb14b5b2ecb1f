//! Statements of the specification that no other test proves in passing. Each test names its own.

use super::*;
use std::collections::BTreeSet;

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

fn subscribe_packet(filters: &[&str], qos: QoS) -> Packet {
    let filter = |filter: &&str| SubscribeFilter { filter: (*filter).into(), options: options(qos) };
    Packet::Subscribe(Box::new(Subscribe {
        packet_id: id(3),
        properties: SubscribeProperties::default(),
        filters: filters.iter().map(filter).collect(),
    }))
}

fn will(retain: bool) -> Will {
    Will {
        topic: "will".into(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain,
        properties: WillProperties::default(),
    }
}

// [MQTT-3.1.3-5]
#[test]
fn client_ids_of_1_to_23_letters_and_digits_are_accepted() {
    let mut rig = Rig::new();
    for version in VERSIONS {
        for client_id in ["0", "abcdefghijklmnopqrstuvw", "xyzABCDEFGHIJKLMNOPQRST", "UVWXYZ0123456789"] {
            rig.join(version, client_id);
        }
    }
    assert_eq!(rig.broker.stats().sessions, 4);
}

// [MQTT-3.1.3-2]
#[test]
fn a_session_belongs_to_its_client_id() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let (a, _) = rig.connect(resume(version, "a"));
        rig.subscribe(a, "t", QoS::AtLeastOnce);
        rig.lose(a);
        let (b, connack) = rig.connect(resume(version, "b"));
        assert!(!connack.session_present);
        rig.publish_acknowledged(b, "t", "x");
        assert_eq!(rig.payloads(b), Vec::<String>::new());
        let (a, _) = rig.connect(resume(version, "a"));
        assert_eq!(rig.payloads(a), ["x"]);
    }
}

// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]
#[test]
fn an_assigned_client_id_is_unique_and_names_the_session() {
    let mut rig = Rig::new();
    let mut anonymous = resume(Version::V5, "");
    let ids: Vec<ByteString> = (0..2)
        .map(|_| rig.connect(anonymous.clone()).1.properties.assigned_client_id.expect("an id"))
        .collect();
    assert_ne!(ids[0], ids[1]);
    anonymous.client_id = ids[0].clone();
    let (_, connack) = rig.connect(anonymous);
    assert!(connack.session_present);
    assert_eq!(connack.properties.assigned_client_id, None);
}

// [MQTT-3.2.0-2] [MQTT-3.1.0-2] [MQTT-4.8.0-1 of 3.1.1]
#[test]
fn a_second_connect_gets_no_connack() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let a = rig.join(version, "a");
        rig.send(a, Packet::Connect(Box::new(connect(version, "a"))));
        let packets = rig.receive(a);
        assert!(packets.iter().all(|packet| matches!(packet, Packet::Disconnect(_))), "{packets:?}");
        assert_eq!(packets.len(), usize::from(version.is_v5()));
        assert!(rig.broker.has_ended(a.id));
    }
}

// [MQTT-3.2.2-13]
#[test]
fn a_will_to_be_retained_is_refused_where_nothing_is_retained() {
    let features = Features { retain: false, ..Features::default() };
    let mut rig = Rig::with(BrokerConfig { features, ..BrokerConfig::default() });
    for (retain, refused) in [(false, false), (true, true)] {
        let with_will = Connect { will: Some(will(retain)), ..connect(Version::V5, "c") };
        let result = rig.broker.connect(&with_will, Admitted::default(), Rig::peer(), rig.now);
        assert_eq!(result.err().map(|e| e.reason), refused.then_some(ReasonCode::RetainNotSupported));
    }
}

// [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.2-12 of 3.1.1] [MQTT-3.1.2-7 of 3.1.1]
#[test]
fn a_will_is_retained_only_if_it_says_so() {
    for version in VERSIONS {
        for (will, retained) in [(None, 0), (Some(will(false)), 0), (Some(will(true)), 1)] {
            let mut rig = Rig::new();
            let (conn, _) = rig.connect(Connect { will, ..connect(version, "c") });
            rig.lose(conn);
            assert_eq!(rig.broker.stats().retained_messages, retained, "it outlives the session");
            assert_eq!(rig.broker.stats().sessions, 0);
        }
    }
}

// [MQTT-3.1.3-10] [MQTT-3.3.2-18]
#[test]
fn user_properties_of_a_will_keep_their_order() {
    let mut rig = Rig::new();
    let listener = rig.join(Version::V5, "l");
    rig.subscribe(listener, "will", QoS::AtMostOnce);
    let user: UserProperties =
        [("b", "1"), ("a", "2"), ("b", "0")].map(|(name, value)| (name.into(), value.into())).to_vec();
    let mut will = will(false);
    will.properties.user = user.clone();
    let (conn, _) = rig.connect(Connect { will: Some(will), ..connect(Version::V5, "c") });
    rig.lose(conn);
    assert_eq!(rig.messages(listener)[0].properties.as_ref().unwrap().user, user);
}

// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]
#[test]
fn topic_aliases_stay_within_the_clients_maximum() {
    for (maximum, allowed) in [(None, 0), (Some(0), 0), (Some(2), 2)] {
        let mut rig = Rig::new();
        let mut listening = connect(Version::V5, "l");
        listening.properties.topic_alias_maximum = maximum;
        let (listener, _) = rig.connect(listening);
        rig.subscribe(listener, "#", QoS::AtMostOnce);
        let publisher = rig.join(Version::V5, "p");
        for n in 0..50 {
            rig.publish(publisher, &format!("topic/{}", n % 5), "x");
        }
        let messages = rig.messages(listener);
        assert_eq!(messages.len(), 50);
        let aliases: BTreeSet<u16> =
            messages.iter().filter_map(|message| Some(message.topic_alias?.get())).collect();
        assert_eq!(aliases, (1..=allowed).collect(), "{maximum:?}");
    }
}

// [MQTT-3.3.2-12]
#[test]
fn every_topic_alias_up_to_the_servers_maximum_is_accepted() {
    let mut rig = Rig::with(BrokerConfig { topic_alias_maximum: 3, ..BrokerConfig::default() });
    let (a, connack) = rig.connect(connect(Version::V5, "a"));
    assert_eq!(connack.properties.topic_alias_maximum, Some(3));
    rig.subscribe(a, "#", QoS::AtMostOnce);
    for topic in ["one", ""] {
        for n in 1..=3 {
            let alias = PacketId::new(n);
            let message = Publish { topic_alias: alias, ..publish(topic, "x", QoS::AtMostOnce, 0) };
            rig.send(a, Packet::Publish(message));
        }
    }
    assert_eq!(rig.messages(a).len(), 6);
}

// [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
// [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]
#[test]
fn answers_have_no_reason_strings_and_no_user_properties() {
    let mut rig = Rig::new();
    let mut without = connect(Version::V5, "a");
    without.properties.request_problem_information = Some(false);
    without.properties.maximum_packet_size = Some(20);
    let (a, _) = rig.connect(Connect { keep_alive_s: 0, ..without });
    rig.send(a, Packet::Publish(publish("$SYS/x", "", QoS::AtLeastOnce, 1)));
    rig.send(a, Packet::Publish(publish("$SYS/x", "", QoS::ExactlyOnce, 2)));
    rig.send(a, Packet::PubRec(Ack::success(id(3))));
    rig.send(a, Packet::PubRel(Ack::success(id(4))));
    rig.send(a, subscribe_packet(&["bad/#/x"], QoS::AtMostOnce));
    let filters = vec!["nothing".into()];
    rig.send(a, Packet::Unsubscribe(Box::new(Unsubscribe { packet_id: id(5), user: vec![], filters })));
    let suback = |reason| {
        Box::new(SubAck { packet_id: id(3), properties: AckProperties::default(), reasons: vec![reason] })
    };
    let unsuback = SubAck { packet_id: id(5), ..*suback(ReasonCode::NoSubscriptionExisted) };
    let expected = [
        Packet::PubAck(Ack::with_reason(id(1), ReasonCode::NotAuthorized)),
        Packet::PubRec(Ack::with_reason(id(2), ReasonCode::NotAuthorized)),
        Packet::PubRel(Ack::with_reason(id(3), ReasonCode::PacketIdentifierNotFound)),
        Packet::PubComp(Ack::with_reason(id(4), ReasonCode::PacketIdentifierNotFound)),
        Packet::SubAck(suback(ReasonCode::TopicFilterInvalid)),
        Packet::UnsubAck(Box::new(unsuback)),
    ];
    assert_eq!(rig.receive(a), expected);
}

// [MQTT-3.14.2-3] [MQTT-3.1.2-24]
#[test]
fn a_disconnect_that_would_be_too_large_comes_without_its_reason_string() {
    for (maximum, has_words) in [(None, true), (Some(20), false)] {
        let mut rig = Rig::new();
        let mut small = connect(Version::V5, "a");
        small.properties.maximum_packet_size = maximum;
        let (a, _) = rig.connect(small);
        rig.send(a, Packet::PingResp);
        let Packet::Disconnect(disconnect) = rig.receive(a).remove(0) else { panic!() };
        assert_eq!(disconnect.reason, ReasonCode::ProtocolError);
        assert_eq!(disconnect.properties.reason_string.is_some(), has_words);
        assert_eq!(disconnect.properties.session_expiry_s, None); // [MQTT-3.14.2-2]
        assert_eq!(disconnect.properties.user, []); // [MQTT-3.14.2-4]
    }
}

// [MQTT-3.3.1-3]
#[test]
fn dup_is_not_handed_on() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let a = rig.join(version, "a");
        rig.subscribe(a, "t", QoS::ExactlyOnce);
        for (n, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce)] {
            rig.send(a, Packet::Publish(Publish { dup: true, ..publish("t", "x", qos, n) }));
        }
        let flags: Vec<bool> = rig.messages(a).iter().map(|message| message.dup).collect();
        assert_eq!(flags, [false, false]);
    }
}

// [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT-4.3.2-2 of 3.1.1] [MQTT-3.3.4-1]
#[test]
fn after_puback_the_identifier_means_a_new_message() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let listener = rig.join(version, "l");
        rig.subscribe(listener, "t", QoS::AtMostOnce);
        let a = rig.join(version, "a");
        for dup in [false, true] {
            rig.send(a, Packet::Publish(Publish { dup, ..publish("t", "x", QoS::AtLeastOnce, 9) }));
            assert_eq!(rig.receive(a), [Packet::PubAck(Ack::success(id(9)))]);
        }
        assert_eq!(rig.payloads(listener).len(), 2);
    }
}

// [MQTT-4.3.3-9]
#[test]
fn after_a_pubrec_that_refuses_the_identifier_means_a_new_message() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "t", QoS::AtMostOnce);
    for (topic, reason) in [("$SYS/x", ReasonCode::NotAuthorized), ("t", ReasonCode::Success)] {
        rig.send(a, Packet::Publish(publish(topic, "x", QoS::ExactlyOnce, 9)));
        let acks: Vec<Packet> =
            rig.receive(a).into_iter().filter(|p| matches!(p, Packet::PubRec(_))).collect();
        assert_eq!(acks, [Packet::PubRec(Ack::with_reason(id(9), reason))]);
    }
    assert_eq!(rig.broker.stats().publish_sent, 1);
}

// [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT-4.3.2-1 of 3.1.1] [MQTT-4.3.3-1 of 3.1.1] [MQTT-2.3.1-1 of 3.1.1]
#[test]
fn messages_in_flight_have_identifiers_of_their_own() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let a = rig.join(version, "a");
        rig.subscribe(a, "t", QoS::ExactlyOnce);
        let b = rig.join(version, "b");
        let mut used = BTreeSet::new();
        for n in 1..=100 {
            let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            rig.send(b, Packet::Publish(publish("t", "x", qos, n)));
            let message = rig.messages(a).remove(0);
            assert!(used.insert(message.packet_id.unwrap()), "{message:?}");
            if n % 3 == 0 && qos == QoS::AtLeastOnce {
                rig.send(a, Packet::PubAck(Ack::success(message.packet_id.unwrap())));
                used.remove(&message.packet_id.unwrap());
            }
        }
    }
}

// [MQTT-4.3.3-7] [MQTT-4.3.3-13] [MQTT-4.3.3-5]
#[test]
fn a_message_that_has_been_sent_does_not_expire_any_more() {
    let mut rig = Rig::new();
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    rig.subscribe(a, "t", QoS::ExactlyOnce);
    let b = rig.join(Version::V5, "b");
    let mut message = publish("t", "x", QoS::ExactlyOnce, 1);
    message.properties =
        Some(Box::new(PublishProperties { message_expiry_s: Some(5), ..Default::default() }));
    rig.send(b, Packet::Publish(message));
    assert_eq!(rig.messages(a).len(), 1);
    rig.lose(a);
    rig.pass(Duration::from_secs(60));
    let (a, _) = rig.connect(resume(Version::V5, "a"));
    let again = rig.messages(a).remove(0);
    assert!(again.dup);
    let ack = Ack::success(again.packet_id.unwrap());
    rig.send(a, Packet::PubRec(ack.clone()));
    assert_eq!(rig.receive(a), [Packet::PubRel(ack.clone())]);
    rig.send(a, Packet::PubComp(ack));
    assert!(!rig.broker.has_ended(a.id));
}

// [MQTT-4.1.0-1] [MQTT-4.1.0-2 of 3.1.1]
#[test]
fn a_session_lasts_as_long_as_its_connection() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let a = rig.join(version, "a"); // its session ends with the connection, and not before
        rig.subscribe(a, "t", QoS::AtMostOnce);
        rig.pass(Duration::from_secs(1_000_000));
        rig.publish(a, "t", "x");
        assert_eq!(rig.payloads(a), ["x"]);
    }
}

// [MQTT-3.8.4-4] [MQTT-3.8.4-3 of 3.1.1]
#[test]
fn replacing_a_subscription_loses_nothing() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let (a, _) = rig.connect(resume(version, "a"));
        rig.subscribe(a, "t", QoS::AtLeastOnce);
        let b = rig.join(version, "b");
        rig.send(b, Packet::Publish(Publish { retain: true, ..publish("t", "1", QoS::AtLeastOnce, 1) }));
        rig.send(a, subscribe_packet(&["t"], QoS::ExactlyOnce));
        rig.publish_acknowledged(b, "t", "2");
        assert_eq!(rig.payloads(a), ["1", "1", "2"], "the second of them is the retained one");
    }
}

// [MQTT-3.10.4-2] [MQTT-3.10.4-3] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-2.2.1-6]
#[test]
fn unsubscribing_stops_what_is_new_and_completes_what_has_begun() {
    for version in VERSIONS {
        let mut rig = Rig::new();
        let (a, _) = rig.connect(resume(version, "a"));
        rig.subscribe(a, "t", QoS::ExactlyOnce);
        let b = rig.join(version, "b");
        rig.send(b, Packet::Publish(publish("t", "begun", QoS::ExactlyOnce, 1)));
        let begun = rig.messages(a).remove(0);
        for reasons in [[ReasonCode::Success, ReasonCode::NoSubscriptionExisted]]
            .into_iter()
            .chain([[ReasonCode::NoSubscriptionExisted; 2]])
        {
            let filters = vec!["t".into(), "other".into()];
            let unsubscribe = Unsubscribe { packet_id: id(5), user: vec![], filters };
            rig.send(a, Packet::Unsubscribe(Box::new(unsubscribe)));
            let reasons = if version.is_v5() { reasons.to_vec() } else { vec![] };
            let expected = SubAck { packet_id: id(5), properties: AckProperties::default(), reasons };
            assert_eq!(rig.receive(a), [Packet::UnsubAck(Box::new(expected))]); // [MQTT-3.11.3-1]
        }
        rig.publish_acknowledged(b, "t", "new");
        assert_eq!(rig.receive(a), []);
        rig.lose(a);
        let (a, _) = rig.connect(resume(version, "a"));
        let again = rig.messages(a);
        assert_eq!((again.len(), again[0].packet_id), (1, begun.packet_id));
        rig.send(a, Packet::PubRec(Ack::success(begun.packet_id.unwrap())));
        assert_eq!(rig.receive(a), [Packet::PubRel(Ack::success(begun.packet_id.unwrap()))]);
    }
}

// [MQTT-4.7.3-4] [MQTT-3.3.2-3] [MQTT-4.5.0-1]
#[test]
fn topics_are_compared_as_they_are() {
    let names = ["a", "A", "a/", "/a", "a//b", "a/b", "a ", "caf\u{e9}", "cafe\u{301}", "a%2Fb", "\u{feff}a"];
    let mut rig = Rig::new();
    let conns = names.map(|name| {
        let conn = rig.join(Version::V5, &format!("client {name}"));
        rig.subscribe(conn, name, QoS::AtMostOnce);
        conn
    });
    let publisher = rig.join(Version::V311, "p");
    for name in names {
        rig.publish(publisher, name, name);
    }
    for (name, conn) in names.iter().zip(conns) {
        let got: Vec<(String, String)> = (rig.messages(conn).iter())
            .map(|m| (m.topic.to_string(), String::from_utf8(m.payload.to_vec()).unwrap()))
            .collect();
        assert_eq!(got, [(name.to_string(), name.to_string())]);
    }
}

// [MQTT-4.8.2-3]
#[test]
fn each_member_of_a_group_has_its_own_qos() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "$share/g/t", QoS::AtMostOnce);
    let b = rig.join(Version::V311, "b");
    rig.subscribe(b, "$share/g/t", QoS::ExactlyOnce);
    let publisher = rig.join(Version::V5, "p");
    for _ in 0..4 {
        rig.publish_acknowledged(publisher, "t", "x");
    }
    for (conn, qos) in [(a, QoS::AtMostOnce), (b, QoS::AtLeastOnce)] {
        let got: Vec<QoS> = rig.messages(conn).iter().map(|message| message.qos).collect();
        assert_eq!(got, [qos; 2]);
    }
}

// [MQTT-4.8.2-4] [MQTT-4.8.2-6]
#[test]
fn a_group_leaves_a_message_to_the_member_that_has_it() {
    let mut rig = Rig::new();
    let join = |rig: &mut Rig, name| rig.connect(resume(Version::V5, name)).0;
    let (a, b) = (join(&mut rig, "a"), join(&mut rig, "b"));
    rig.subscribe(a, "$share/g/t", QoS::ExactlyOnce);
    let publisher = rig.join(Version::V5, "p");
    rig.send(publisher, Packet::Publish(publish("t", "interrupted", QoS::ExactlyOnce, 1)));
    rig.send(publisher, Packet::Publish(publish("t", "refused 1", QoS::AtLeastOnce, 2)));
    rig.send(publisher, Packet::Publish(publish("t", "refused 2", QoS::ExactlyOnce, 3)));
    let messages = rig.messages(a);
    rig.subscribe(b, "$share/g/t", QoS::ExactlyOnce);
    let refusal = |n: usize| Ack::with_reason(messages[n].packet_id.unwrap(), ReasonCode::QuotaExceeded);
    rig.send(a, Packet::PubAck(refusal(1)));
    rig.send(a, Packet::PubRec(refusal(2)));
    rig.lose(a);
    assert_eq!(rig.payloads(b), Vec::<String>::new());
    let a = join(&mut rig, "a");
    assert_eq!(rig.payloads(a), ["interrupted"]);
}

// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-3.14.4-3] [MQTT-4.13.2-1]
#[test]
fn behind_disconnect_comes_nothing() {
    for reason in [ReasonCode::Success, ReasonCode::DisconnectWithWill] {
        let mut rig = Rig::new();
        let listener = rig.join(Version::V5, "l");
        rig.subscribe(listener, "#", QoS::AtMostOnce);
        let (a, _) = rig.connect(Connect { will: Some(will(false)), ..resume(Version::V5, "a") });
        let packets = [
            Packet::Disconnect(Box::new(Disconnect::new(reason))),
            Packet::Publish(publish("t", "late", QoS::AtMostOnce, 0)),
            Packet::PingReq,
        ];
        rig.broker.handle_packets(a.id, &mut packets.into(), 9, rig.now);
        assert_eq!(rig.receive(a), []);
        let output = rig.broker.take_output(a.id, &mut WriteQueue::default(), &Wake::noop(), rig.now);
        assert_eq!(output, Output::Close);
        let expected = if reason == ReasonCode::Success { vec![] } else { vec!["gone"] };
        assert_eq!(rig.payloads(listener), expected);
    }
}

// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
#[test]
fn messages_of_one_client_stay_in_order() {
    for version in VERSIONS {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let config = BrokerConfig {
                max_in_flight: PacketId::new(3).unwrap(),
                outbox_bytes: 1 << 20,
                ..BrokerConfig::default()
            };
            let mut rig = Rig::with(config);
            let a = rig.join(version, "a");
            rig.subscribe(a, "t", qos);
            let b = rig.join(version, "b");
            let numbers: Vec<String> = (1..=20).map(|n: u16| n.to_string()).collect();
            for (n, number) in (1..).zip(&numbers) {
                let n = if qos == QoS::AtMostOnce { 0 } else { n };
                rig.send(b, Packet::Publish(publish("t", number, qos, n)));
            }
            let mut got = Vec::new();
            loop {
                let messages = rig.messages(a);
                if messages.is_empty() {
                    break;
                }
                for message in messages {
                    got.push(String::from_utf8(message.payload.to_vec()).unwrap());
                    let Some(ack) = message.packet_id.map(Ack::success) else { continue };
                    if qos == QoS::AtLeastOnce {
                        rig.send(a, Packet::PubAck(ack));
                    } else {
                        rig.send(a, Packet::PubRec(ack.clone()));
                        rig.send(a, Packet::PubComp(ack));
                    }
                }
            }
            assert_eq!(got, numbers);
        }
    }
}

// [MQTT-3.3.5-2 of 3.1.1]
#[test]
fn before_5_0_a_publication_that_is_not_allowed_is_acknowledged_and_goes_nowhere() {
    for version in [Version::V31, Version::V311] {
        let mut rig = Rig::new();
        let listener = rig.join(Version::V5, "l");
        rig.subscribe(listener, "$SYS/#", QoS::AtMostOnce);
        let a = rig.join(version, "a");
        rig.send(a, Packet::Publish(publish("$SYS/x", "lie", QoS::AtLeastOnce, 1)));
        rig.send(a, Packet::Publish(publish("$SYS/x", "lie", QoS::ExactlyOnce, 2)));
        let acks = [Packet::PubAck(Ack::success(id(1))), Packet::PubRec(Ack::success(id(2)))];
        assert_eq!(rig.receive(a), acks);
        assert_eq!(rig.payloads(listener), Vec::<String>::new());
    }
}

// [MQTT-3.3.1-8 of 3.1.1] [MQTT-3.3.1-9 of 3.1.1]
#[test]
fn before_5_0_retain_says_that_a_message_is_from_before_the_subscription() {
    for version in [Version::V31, Version::V311] {
        let mut rig = Rig::new();
        let a = rig.join(version, "a");
        for payload in ["old", "new"] {
            let message = publish("t", payload, QoS::AtMostOnce, 0);
            rig.send(a, Packet::Publish(Publish { retain: true, ..message }));
            if payload == "old" {
                rig.subscribe(a, "t", QoS::AtLeastOnce);
            }
        }
        let flags: Vec<bool> = rig.messages(a).iter().map(|message| message.retain).collect();
        assert_eq!(flags, [true, false]);
    }
}

// [MQTT-3.8.3-2 of 3.1.1]
#[test]
fn before_5_0_a_subscription_that_is_not_offered_fails() {
    let features = Features { wildcard_subscriptions: false, ..Features::default() };
    let mut rig = Rig::with(BrokerConfig { features, ..BrokerConfig::default() });
    for version in [Version::V31, Version::V311] {
        let a = rig.join(version, "a");
        let no = SubscriptionOptions::default();
        assert_eq!(rig.subscribe_with(a, "a/#", no, None), ReasonCode::UnspecifiedError); // 0x80
        assert_eq!(rig.broker.stats().subscriptions, 0);
    }
}

// [MQTT-3.1.2-24]
#[test]
fn a_request_whose_answer_the_client_does_not_take_is_not_served() {
    let filters: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let many: Vec<&str> = filters.iter().map(String::as_str).collect();
    let unsubscribe = Unsubscribe {
        packet_id: id(3),
        user: vec![],
        filters: many.iter().map(|filter| (*filter).into()).collect(),
    };
    for request in [subscribe_packet(&many, QoS::AtMostOnce), Packet::Unsubscribe(Box::new(unsubscribe))] {
        for (maximum, served) in [(54, false), (55, true)] {
            let mut rig = Rig::new();
            let mut small = connect(Version::V5, "a");
            small.properties.maximum_packet_size = Some(maximum);
            let (a, _) = rig.connect(small);
            rig.send(a, request.clone());
            if served {
                assert_eq!(rig.receive(a).len(), 1);
            } else {
                assert_eq!(rig.farewell(a), Some(ReasonCode::PacketTooLarge));
                assert_eq!(rig.broker.stats().subscriptions, 0);
            }
        }
    }
}
