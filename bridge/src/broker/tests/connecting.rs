//! CONNECT, sessions, take-over, keep-alive, and what ends a connection.

use super::*;

// [MQTT-3.1.4-5] [MQTT-3.2.0-1]
#[test]
fn connack_of_a_new_session() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let (_, connack) = Rig::new().connect(connect(version, "c"));
        assert_eq!((connack.session_present, connack.reason), (false, ReasonCode::Success)); // [MQTT-3.2.2-2]
        assert_eq!(connack.properties.maximum_packet_size.is_some(), version.is_v5());
    }
}

#[test]
fn an_empty_client_id_is_given_one_or_refused() {
    let cases = [
        (Version::V5, true, None),
        (Version::V5, false, None), // [MQTT-3.1.3-6]
        (Version::V311, true, None),
        (Version::V311, false, Some(ReasonCode::ClientIdentifierNotValid)), // [MQTT-3.1.3-8 of 3.1.1] [MQTT-3.1.3-9 of 3.1.1]
        (Version::V31, true, Some(ReasonCode::ClientIdentifierNotValid)),
    ];
    for (version, clean_start, refusal) in cases {
        let mut rig = Rig::new();
        let connect = Connect { clean_start, ..connect(version, "") };
        match rig.broker.connect(&connect, Admitted::default(), Rig::peer(), rig.now) {
            Ok(id) => {
                assert_eq!(refusal, None);
                let Packet::ConnAck(connack) = rig.receive(Conn { id, version }).remove(0) else { panic!() };
                // [MQTT-3.2.2-16]
                assert_eq!(connack.properties.assigned_client_id.is_some(), version.is_v5());
            }
            Err(error) => assert_eq!(Some(error.reason), refusal, "{version}"),
        }
    }
}

#[test]
fn a_client_that_does_not_even_take_connack_is_not_let_in() {
    let mut rig = Rig::new();
    let kept = rig.connect(resume(Version::V5, "c")).0;
    let mut tiny = connect(Version::V5, "c");
    tiny.properties.maximum_packet_size = Some(5);
    let error = rig.broker.connect(&tiny, Admitted::default(), Rig::peer(), rig.now).unwrap_err();
    assert_eq!(error.reason, ReasonCode::PacketTooLarge); // [MQTT-3.1.2-24]
    assert!(!rig.broker.has_ended(kept.id), "nor does it take anything over");
}

// [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-3] [MQTT-3.2.2-2 of 3.1.1]
// [MQTT-3.2.2-3 of 3.1.1] [MQTT-3.1.2-4 of 3.1.1] [MQTT-3.1.2-6 of 3.1.1]
#[test]
fn a_session_is_found_again_if_it_was_kept() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let (conn, connack) = rig.connect(resume(version, "c"));
        assert!(!connack.session_present);
        rig.subscribe(conn, "a", QoS::AtLeastOnce);
        rig.disconnect(conn, ReasonCode::Success);
        let (_, connack) = rig.connect(resume(version, "c"));
        // [MQTT-3.2.2-3]; 3.1 has no such flag
        assert_eq!(connack.session_present, version != Version::V31, "{version}");
        assert_eq!(rig.broker.stats().subscriptions, 1);
        let (_, connack) = rig.connect(connect(version, "c"));
        assert!(!connack.session_present); // [MQTT-3.1.2-4]
        assert_eq!(rig.broker.stats().subscriptions, 0);
    }
}

// [MQTT-4.1.0-2] [MQTT-3.1.2-23]
#[test]
fn a_session_ends_when_its_time_is_over() {
    let cases =
        [(Some(10), 9, true), (Some(10), 10, false), (None, 0, false), (Some(u32::MAX), 1_000_000, true)];
    for (expiry_s, after_s, found) in cases {
        let mut rig = Rig::new();
        let mut first = connect(Version::V5, "c");
        first.properties.session_expiry_s = expiry_s;
        let (conn, _) = rig.connect(first);
        rig.lose(conn);
        rig.pass(Duration::from_secs(after_s));
        let again = Connect { clean_start: false, ..connect(Version::V5, "c") };
        assert_eq!(rig.connect(again).1.session_present, found, "{expiry_s:?} after {after_s} s");
    }
}

#[test]
fn disconnect_changes_the_session_expiry_but_does_not_raise_it_from_zero() {
    for (connect_s, disconnect_s, found, violation) in
        [(3600, 0, false, false), (3600, 7200, true, false), (0, 5, false, true)]
    {
        let mut rig = Rig::new();
        let mut first = connect(Version::V5, "c");
        first.properties.session_expiry_s = Some(connect_s);
        let (conn, _) = rig.connect(first);
        let mut disconnect = Disconnect::new(ReasonCode::Success);
        disconnect.properties.session_expiry_s = Some(disconnect_s);
        rig.send(conn, Packet::Disconnect(Box::new(disconnect)));
        assert_eq!(rig.farewell(conn), violation.then_some(ReasonCode::ProtocolError));
        let again = Connect { clean_start: false, ..connect(Version::V5, "c") };
        assert_eq!(rig.connect(again).1.session_present, found);
    }
}

// [MQTT-3.1.4-2 of 3.1.1]
#[test]
fn a_second_connection_with_the_same_id_ends_the_first() {
    for version in [Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let first = rig.join(version, "c");
        let second = rig.join(version, "c");
        // [MQTT-3.1.4-3]
        assert_eq!(rig.farewell(first), version.is_v5().then_some(ReasonCode::SessionTakenOver));
        rig.broker.release(first.id);
        rig.send(second, Packet::PingReq);
        assert_eq!(rig.receive(second), vec![Packet::PingResp]);
        assert_eq!((rig.broker.stats().clients_connected, rig.broker.stats().sessions), (1, 1));
    }
}

// [MQTT-4.13.1-1] [MQTT-3.14.4-2]
#[test]
fn what_a_client_must_not_send_ends_its_connection() {
    let suback =
        SubAck { packet_id: id(1), properties: AckProperties::default(), reasons: vec![ReasonCode::Success] };
    let connack =
        ConnAck { session_present: false, reason: ReasonCode::Success, properties: Default::default() };
    let auth = Auth {
        reason: ReasonCode::ContinueAuthentication,
        method: Some("m".into()),
        data: None,
        reason_string: None,
        user: vec![],
    };
    let mut with_id = publish("a", "", QoS::AtMostOnce, 0);
    with_id.properties =
        Some(Box::new(PublishProperties { subscription_ids: vec![1], ..Default::default() }));
    let mut unknown_alias = publish("", "", QoS::AtMostOnce, 0);
    unknown_alias.topic_alias = Some(id(3));
    let mut high_alias = publish("a", "", QoS::AtMostOnce, 0);
    high_alias.topic_alias = Some(id(u16::MAX));
    let mut not_utf8 = publish("a", "", QoS::AtMostOnce, 0);
    not_utf8.payload = Bytes::from_static(&[0xFF]);
    not_utf8.properties =
        Some(Box::new(PublishProperties { payload_format_utf8: Some(true), ..Default::default() }));
    let cases = [
        (Packet::Connect(Box::new(connect(Version::V5, "x"))), ReasonCode::ProtocolError), // [MQTT-3.1.0-2]
        (Packet::ConnAck(Box::new(connack)), ReasonCode::ProtocolError),
        (Packet::SubAck(Box::new(suback.clone())), ReasonCode::ProtocolError),
        (Packet::UnsubAck(Box::new(suback)), ReasonCode::ProtocolError),
        (Packet::PingResp, ReasonCode::ProtocolError),
        (Packet::Auth(Box::new(auth)), ReasonCode::ProtocolError), // [MQTT-4.12.0-7]
        (Packet::Publish(with_id), ReasonCode::ProtocolError),     // [MQTT-3.3.4-6]
        (Packet::Publish(unknown_alias), ReasonCode::ProtocolError),
        (Packet::Publish(high_alias), ReasonCode::TopicAliasInvalid), // [MQTT-3.3.2-9]
        (Packet::Publish(not_utf8), ReasonCode::PayloadFormatInvalid),
    ];
    for (packet, reason) in cases {
        let mut rig = Rig::new();
        let conn = rig.join(Version::V5, "c");
        let other = rig.join(Version::V5, "d");
        let name = format!("{packet:?}");
        rig.send(conn, packet);
        assert_eq!(rig.farewell(conn), Some(reason), "{name}");
        assert!(!rig.broker.has_ended(other.id), "nobody else notices");
    }
}

#[test]
fn what_comes_behind_the_end_is_not_heard() {
    let mut rig = Rig::new();
    let listener = rig.join(Version::V5, "l");
    rig.subscribe(listener, "#", QoS::AtMostOnce);
    let conn = rig.join(Version::V5, "c");
    let late = Packet::Publish(publish("a", "late", QoS::AtMostOnce, 0));
    rig.broker.handle_packets(conn.id, &mut vec![Packet::PingResp, late], 9, rig.now);
    assert_eq!(rig.payloads(listener), Vec::<String>::new());
}

// [MQTT-3.2.2-22]
#[test]
fn keep_alive_is_one_and_a_half_times_and_the_server_does_not_postpone_it() {
    for version in [Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let (conn, _) = rig.connect(Connect { keep_alive_s: 10, ..connect(version, "c") });
        rig.subscribe(conn, "a", QoS::AtMostOnce);
        let other = rig.join(version, "d");
        rig.pass(Duration::from_secs(9));
        rig.send(conn, Packet::PingReq);
        rig.pass(Duration::from_millis(14_999));
        rig.publish(other, "a", "x");
        assert!(!rig.broker.has_ended(conn.id));
        rig.pass(Duration::from_millis(1));
        // [MQTT-3.1.2-22]
        assert_eq!(rig.farewell(conn), version.is_v5().then_some(ReasonCode::KeepAliveTimeout));
        assert!(!rig.broker.has_ended(other.id), "keep-alive 0 is off");
    }
}

// [MQTT-3.2.2-22]
#[test]
fn the_server_can_shorten_the_keep_alive_of_5_0_clients() {
    let config = BrokerConfig { server_keep_alive_s: Some(30), ..BrokerConfig::default() };
    for (version, asked_s, told) in [
        (Version::V5, 0, Some(30)),
        (Version::V5, 60, Some(30)),
        (Version::V5, 20, None),
        (Version::V311, 60, None),
    ] {
        let (_, connack) =
            Rig::with(config.clone()).connect(Connect { keep_alive_s: asked_s, ..connect(version, "c") });
        assert_eq!(connack.properties.server_keep_alive_s, told); // [MQTT-3.1.2-21]
    }
}

#[test]
fn stopping_tells_everybody_and_lets_nobody_in() {
    let mut rig = Rig::new();
    let old = rig.join(Version::V311, "old");
    let new = rig.join(Version::V5, "new");
    rig.broker.shut_down(rig.now);
    assert_eq!(rig.farewell(old), None);
    assert_eq!(rig.farewell(new), Some(ReasonCode::ServerShuttingDown));
    assert_eq!(rig.broker.connections(), 2);
    rig.broker.release(old.id);
    rig.broker.release(new.id);
    assert_eq!(rig.broker.connections(), 0);
    assert!(
        rig.broker.connect(&connect(Version::V5, "late"), Admitted::default(), Rig::peer(), rig.now).is_err()
    );
}

#[test]
fn reconnecting_leaves_no_timers_behind() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        let (conn, _) = rig.connect(Connect { keep_alive_s: 600, ..resume(Version::V5, "c") });
        rig.lose(conn);
    }
    assert_eq!(rig.broker.timers.len(), 2, "the session's expiry and the sweep of retained messages");
}
