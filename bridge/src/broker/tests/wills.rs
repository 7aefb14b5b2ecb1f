//! Wills: when they are published, and when not.

use super::*;

fn with_will(mut connect: Connect, delay_s: Option<u32>) -> Connect {
    connect.will = Some(Will {
        topic: "will".into(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: WillProperties { delay_interval_s: delay_s, ..WillProperties::default() },
    });
    connect
}

/// A rig with a listener, and a client with a will.
fn rig(connect: Connect) -> (Rig, Conn, Conn) {
    let mut rig = Rig::new();
    let listener = rig.join(Version::V5, "listener");
    rig.subscribe(listener, "will", QoS::AtMostOnce);
    let (conn, _) = rig.connect(connect);
    (rig, listener, conn)
}

// [MQTT-3.1.2-7] [MQTT-3.14.4-3] [MQTT-3.1.2-8 of 3.1.1]
#[test]
fn the_end_decides_whether_the_will_is_published() {
    type End = fn(&mut Rig, Conn);
    let ends: [(&str, End, bool); 6] = [
        ("transport lost", |rig, conn| rig.lose(conn), true), // [MQTT-3.1.2-8]
        ("DISCONNECT", |rig, conn| rig.disconnect(conn, ReasonCode::Success), false), // [MQTT-3.1.2-10]
        ("protocol error", |rig, conn| rig.send(conn, Packet::PingResp), true),
        ("keep-alive", |rig, _| rig.pass(Duration::from_secs(15)), true),
        (
            "take-over",
            |rig, conn| {
                rig.join(conn.version, "c");
            },
            true,
        ),
        ("server stop", |rig, _| rig.broker.shut_down(rig.now), true),
    ];
    for version in [Version::V31, Version::V311, Version::V5] {
        for (name, end, published) in ends {
            let connect = Connect { keep_alive_s: 10, ..connect(version, "c") };
            let (mut rig, listener, conn) = rig(with_will(connect, None));
            end(&mut rig, conn);
            let expected = if published { vec!["gone"] } else { vec![] };
            assert_eq!(rig.payloads(listener), expected, "{name}, {version}");
        }
    }
}

#[test]
fn disconnect_with_will_publishes_it() {
    let (mut rig, listener, conn) = rig(with_will(connect(Version::V5, "c"), None));
    rig.disconnect(conn, ReasonCode::DisconnectWithWill); // section 3.14.2.1
    assert_eq!(rig.payloads(listener), ["gone"]);
}

#[test]
fn a_delayed_will_waits() {
    let (mut rig, listener, conn) = rig(with_will(resume(Version::V5, "c"), Some(5)));
    rig.lose(conn);
    rig.pass(Duration::from_millis(4_999));
    assert_eq!(rig.payloads(listener), Vec::<String>::new());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.payloads(listener), ["gone"]);
    rig.pass(Duration::from_secs(4000)); // the session ends as well
    assert_eq!(rig.payloads(listener), Vec::<String>::new(), "once");
}

#[test]
fn a_reconnect_cancels_a_delayed_will() {
    let (mut rig, listener, conn) = rig(with_will(resume(Version::V5, "c"), Some(5)));
    rig.lose(conn);
    rig.pass(Duration::from_secs(4));
    let (conn, _) = rig.connect(resume(Version::V5, "c")); // [MQTT-3.1.3-9]
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.payloads(listener), Vec::<String>::new());
    rig.lose(conn); // it has no will any more
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.payloads(listener), Vec::<String>::new());
}

#[test]
fn the_end_of_the_session_cuts_the_delay() {
    let mut short = with_will(resume(Version::V5, "c"), Some(60));
    short.properties.session_expiry_s = Some(5);
    let (mut rig, listener, conn) = rig(short);
    rig.lose(conn);
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.payloads(listener), ["gone"]);
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.payloads(listener), Vec::<String>::new());
}

#[test]
fn a_clean_start_ends_the_session_and_so_the_delay() {
    let (mut rig, listener, conn) = rig(with_will(resume(Version::V5, "c"), Some(60)));
    rig.lose(conn);
    rig.join(Version::V5, "c");
    assert_eq!(rig.payloads(listener), ["gone"]);
}

#[test]
fn a_will_has_properties_and_can_be_retained() {
    let mut connect = with_will(connect(Version::V5, "c"), None);
    if let Some(will) = &mut connect.will {
        will.retain = true; // [MQTT-3.1.2-15]
        will.properties.content_type = Some("text/plain".into());
        will.properties.message_expiry_s = Some(100);
        will.properties.user = vec![("k".into(), "v".into())];
    }
    let (mut rig, listener, conn) = rig(connect);
    rig.pass(Duration::from_secs(1000)); // the expiry begins when the will is published
    rig.lose(conn);
    let live = rig.messages(listener).remove(0);
    assert!(!live.retain);
    let late = rig.join(Version::V5, "late");
    rig.subscribe(late, "will", QoS::AtLeastOnce);
    let retained = rig.messages(late).remove(0);
    assert!(retained.retain);
    assert_eq!(retained.qos, QoS::AtLeastOnce); // the will's own QoS, up to the subscription's
    for message in [live, retained] {
        let properties = message.properties.unwrap();
        assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
        assert_eq!(properties.message_expiry_s, Some(100));
        assert_eq!(properties.user.len(), 1);
    }
}

#[test]
fn a_will_that_is_not_what_it_says_is_refused() {
    let mut connect = with_will(connect(Version::V5, "c"), None);
    if let Some(will) = &mut connect.will {
        will.properties.payload_format_utf8 = Some(true);
        will.payload = Bytes::from_static(&[0xC0]);
    }
    let mut rig = Rig::new();
    let error = rig.broker.connect(&connect, Admitted::default(), Rig::peer(), rig.now).unwrap_err();
    assert_eq!(error.reason, ReasonCode::PayloadFormatInvalid);
}
