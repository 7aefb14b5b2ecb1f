//! Shared subscriptions.

use super::*;

const WORK: &str = "$share/g/work";

fn members(rig: &mut Rig, qos: QoS, names: &[&str]) -> Vec<Conn> {
    let join = |name: &&str| {
        let (conn, _) = rig.connect(resume(Version::V5, name));
        rig.subscribe(conn, WORK, qos);
        conn
    };
    names.iter().map(join).collect()
}

#[test]
fn each_member_gets_a_fair_share() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let conns: Vec<Conn> = ["a", "b", "c"].iter().map(|name| rig.join(version, name)).collect();
        for conn in &conns {
            rig.subscribe(*conn, WORK, QoS::AtMostOnce);
        }
        let outsider = rig.join(version, "o");
        rig.subscribe(outsider, "work", QoS::AtMostOnce);
        for n in 0..30 {
            rig.publish(outsider, "work", &n.to_string());
        }
        let mut all: Vec<String> = Vec::new();
        for conn in conns {
            let got = rig.payloads(conn);
            assert_eq!(got.len(), 10);
            all.extend(got);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 30, "each message once");
        assert_eq!(rig.payloads(outsider).len(), 30, "an ordinary subscription gets all");
    }
}

#[test]
fn groups_are_per_filter() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    rig.subscribe(a, "$share/g/x", QoS::AtMostOnce);
    rig.subscribe(a, "$share/g/+", QoS::AtMostOnce);
    rig.subscribe(a, "$share/h/x", QoS::AtMostOnce);
    rig.publish(a, "x", "m");
    assert_eq!(rig.payloads(a).len(), 3);
}

#[test]
fn absent_members_are_passed_over() {
    let mut rig = Rig::new();
    let conns = members(&mut rig, QoS::AtLeastOnce, &["a", "b"]);
    rig.lose(conns[0]);
    let publisher = rig.join(Version::V5, "p");
    for n in 0..10 {
        rig.publish_acknowledged(publisher, "work", &n.to_string());
    }
    assert_eq!(rig.payloads(conns[1]).len(), 10);
}

#[test]
fn if_all_are_absent_one_of_them_keeps_it() {
    let mut rig = Rig::new();
    let conns = members(&mut rig, QoS::AtLeastOnce, &["a", "b"]);
    for conn in &conns {
        rig.lose(*conn);
    }
    let publisher = rig.join(Version::V5, "p");
    for n in 0..10 {
        assert_eq!(rig.publish_acknowledged(publisher, "work", &n.to_string()), ReasonCode::Success);
    }
    let mut got = 0;
    for name in ["a", "b"] {
        let (conn, _) = rig.connect(resume(Version::V5, name));
        got += rig.payloads(conn).len();
    }
    assert_eq!(got, 10);
}

#[test]
fn full_members_are_passed_over() {
    let mut rig = Rig::new();
    let mut narrow = resume(Version::V5, "a");
    narrow.properties.receive_maximum = PacketId::new(1);
    let (a, _) = rig.connect(narrow);
    rig.subscribe(a, WORK, QoS::AtLeastOnce);
    let b = members(&mut rig, QoS::AtLeastOnce, &["b"])[0];
    let publisher = rig.join(Version::V5, "p");
    for n in 0..10 {
        rig.publish_acknowledged(publisher, "work", &n.to_string());
    }
    assert_eq!((rig.payloads(a).len(), rig.payloads(b).len()), (1, 9));
}

#[test]
fn what_a_leaving_member_had_not_acknowledged_goes_to_another_unless_it_was_sent_at_qos_2() {
    for (qos, expected) in [(QoS::AtLeastOnce, 2), (QoS::ExactlyOnce, 0)] {
        let mut rig = Rig::new();
        let a = rig.join(Version::V5, "a"); // its session ends with its connection
        rig.subscribe(a, WORK, qos);
        let publisher = rig.join(Version::V5, "p");
        for n in 1..=2 {
            rig.send(publisher, Packet::Publish(publish("work", "m", qos, n)));
        }
        assert_eq!(rig.messages(a).len(), 2);
        let b = members(&mut rig, qos, &["b"])[0];
        rig.lose(a);
        assert_eq!(rig.payloads(b).len(), expected, "{qos:?}"); // [MQTT-4.8.2-5]
    }
}

#[test]
fn nothing_retained_is_sent_and_no_local_is_an_error() {
    let mut rig = Rig::new();
    let a = rig.join(Version::V5, "a");
    let mut retained = publish("work", "old", QoS::AtMostOnce, 0);
    retained.retain = true;
    rig.send(a, Packet::Publish(retained));
    rig.subscribe(a, WORK, QoS::AtMostOnce);
    assert_eq!(rig.payloads(a), Vec::<String>::new());
    let filter = SubscribeFilter {
        filter: WORK.into(),
        options: SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() },
    };
    let subscribe =
        Subscribe { packet_id: id(2), properties: SubscribeProperties::default(), filters: vec![filter] };
    // [MQTT-3.8.3-4]; the decoder says so before the broker can
    let violation = rig.broker.handle_subscribe(a.id, 0, subscribe, rig.now).unwrap_err();
    assert_eq!(violation.reason, ReasonCode::ProtocolError);
}

#[test]
fn unsubscribing_leaves_the_group() {
    let mut rig = Rig::new();
    let conns = members(&mut rig, QoS::AtMostOnce, &["a", "b"]);
    let unsubscribe = Unsubscribe { packet_id: id(9), user: vec![], filters: vec![WORK.into(), WORK.into()] };
    rig.send(conns[0], Packet::Unsubscribe(Box::new(unsubscribe)));
    let Packet::UnsubAck(unsuback) = rig.receive(conns[0]).remove(0) else { panic!() };
    assert_eq!(unsuback.reasons, [ReasonCode::Success, ReasonCode::NoSubscriptionExisted]); // [MQTT-3.10.4-1]
    for _ in 0..4 {
        rig.publish(conns[0], "work", "m");
    }
    assert_eq!((rig.payloads(conns[0]).len(), rig.payloads(conns[1]).len()), (0, 4));
    assert_eq!(rig.broker.stats().shared_subscriptions, 1);
}
