//! Connect, be refused, lose, wait, come back, stop.

use crate::harness::*;
use std::time::Duration;
use tabmq_shared::client::{Backoff, Command, ConnectOptions, Event, State};
use tabmq_shared::packet::{
    Ack, Auth, ConnAck, ConnAckProperties, ConnectProperties, Disconnect, Packet, PacketType, QoS,
    ReasonCode, Subscribe, SubscribeFilter, SubscribeProperties, SubscriptionOptions, Version, Will,
    WillProperties,
};
use tabmq_shared::{ByteString, BytesMut, Time, codec};

#[test]
fn connect_says_what_the_options_say() {
    for version in VERSIONS {
        let options = ConnectOptions {
            keep_alive_s: 7,
            username: Some("user".into()),
            password: Some("word".into()),
            max_packet_size: 5_000,
            ..options(version)
        };
        let mut pair = Pair::new(options);
        assert_eq!((pair.client.state(), pair.client.poll_timeout()), (&State::Idle, None));
        pair.start();
        let connect = pair.sent_connect();
        assert_eq!((connect.version, connect.clean_start, connect.keep_alive_s), (version, true, 7));
        assert_eq!((&*connect.client_id, connect.username.as_deref()), ("me", Some("user")));
        assert_eq!(connect.password.as_deref(), Some(&b"word"[..]));
        let announced = version.is_v5().then_some(5_000);
        assert_eq!(connect.properties.maximum_packet_size, announced);
        assert_eq!(pair.client.state(), &State::Connecting { attempt: 1 });

        pair.now = pair.now + Duration::from_millis(20);
        pair.connack(false, ConnAckProperties::default());
        assert_eq!(pair.client.state().to_string(), "connected as me");
        assert_eq!(pair.client.round_trip(), Some(Duration::from_millis(20)));
        let last = pair.events.last().unwrap();
        assert!(matches!(last, Event::Connected { session_present: false, .. }), "{last:?}");
    }
}

// [MQTT-3.1.2-22 of 3.1.1] [MQTT-3.1.3-7 of 3.1.1]
#[test]
fn options_that_cannot_work_are_refused_with_words() {
    let base = |version, change: fn(&mut ConnectOptions)| {
        let mut options = options(version);
        change(&mut options);
        options
    };
    let will = |topic: &str| {
        let properties = WillProperties::default();
        Will { topic: topic.into(), payload: "x".into(), qos: QoS::AtMostOnce, retain: false, properties }
    };
    let cases = [
        (
            base(Version::V311, |o| o.password = Some("x".into())),
            "MQTT 3.1.1 takes a password only with a user name: give both",
        ),
        (
            base(Version::V31, |o| o.client_id = "".into()),
            "MQTT 3.1 needs a client id: give one of 1 to 23 characters",
        ),
        (
            base(Version::V311, |o| (o.client_id, o.clean_start) = ("".into(), false)),
            "MQTT 3.1.1 keeps no session without a client id: give one, or start clean",
        ),
        (
            ConnectOptions { will: Some(will("a/#")), ..options(Version::V5) },
            "the will's topic contains '+' or '#': wildcards are for subscribing only",
        ),
    ];
    for (options, words) in cases {
        let mut pair = Pair::new(options);
        pair.client.start(pair.now);
        pair.pump();
        pair.assert_stopped(words);
        assert_eq!(pair.commands, []);
    }
    // Only the encoder can tell.
    let mut pair =
        Pair::new(ConnectOptions { username: Some("x".repeat(70_000).into()), ..options(Version::V5) });
    pair.start();
    pair.assert_stopped("CONNECT cannot be sent: a string or binary field is longer than 65,535 bytes");
    assert_eq!(pair.commands, [Command::Close]);
}

#[test]
fn a_reconnect_continues_the_session_where_there_is_one() {
    // version, clean start, session expiry, the server's session expiry, clean start of the reconnect
    let cases = [
        (Version::V5, true, None, None, true),
        (Version::V5, true, Some(60), None, false),
        (Version::V5, true, Some(60), Some(0), true),
        (Version::V5, true, None, Some(60), false),
        (Version::V5, false, Some(60), None, false),
        (Version::V311, true, None, None, true),
        (Version::V311, false, None, None, false),
        (Version::V31, true, None, None, true),
        (Version::V31, false, None, None, false),
    ];
    for (version, clean_start, session_expiry_s, server, expected) in cases {
        let properties = ConnectProperties { session_expiry_s, ..ConnectProperties::default() };
        let mut pair = Pair::new(ConnectOptions { clean_start, properties, ..options(version) });
        pair.start();
        assert_eq!(pair.sent_connect().clean_start, clean_start);
        pair.connack(false, ConnAckProperties { session_expiry_s: server, ..ConnAckProperties::default() });
        pair.close("");
        pair.client.retry_now(pair.now);
        pair.open();
        let case = (version, clean_start, session_expiry_s, server);
        assert_eq!(pair.sent_connect().clean_start, expected, "{case:?}");
    }
}

#[test]
fn the_assigned_client_id_is_used_again() {
    let mut pair = Pair::new(ConnectOptions { client_id: "".into(), ..options(Version::V5) });
    pair.start();
    assert_eq!(pair.sent_connect().client_id, "");
    let assigned_client_id = Some(ByteString::from("chosen"));
    pair.connack(false, ConnAckProperties { assigned_client_id, ..ConnAckProperties::default() });
    assert_eq!(pair.client.state().to_string(), "connected as chosen");
    pair.close("");
    pair.client.retry_now(pair.now);
    pair.open();
    assert_eq!(pair.sent_connect().client_id, "chosen"); // [MQTT-3.2.2-16]
}

/// Every reason that a CONNACK can have: refused for good or not, and in which words.
#[test]
fn refusals() {
    let finally = [
        (ReasonCode::MalformedPacket, "malformed packet"),
        (ReasonCode::ProtocolError, "protocol error"),
        (
            ReasonCode::UnsupportedProtocolVersion,
            "the server does not speak this MQTT version: try another one",
        ),
        (ReasonCode::ClientIdentifierNotValid, "the server does not take this client id: choose another one"),
        (ReasonCode::BadUserNameOrPassword, "bad user name or password"),
        (ReasonCode::NotAuthorized, "not authorised: check user name, password and permissions"),
        (ReasonCode::Banned, "this client is banned: ask who runs the server"),
        (ReasonCode::BadAuthenticationMethod, "the server does not know this authentication method"),
        (ReasonCode::TopicNameInvalid, "the server does not take the will's topic: choose another one"),
        (ReasonCode::PacketTooLarge, "the CONNECT is too large for the server: shorten the will"),
        (ReasonCode::PayloadFormatInvalid, "the will's payload is not what its format says"),
        (ReasonCode::RetainNotSupported, "the server keeps no retained messages: use a will without retain"),
        (ReasonCode::QoSNotSupported, "the server does not support the will's QoS: use a lower one"),
        (ReasonCode::UseAnotherServer, "use another server for now"),
        (ReasonCode::ServerMoved, "the server has moved: use the new address"),
    ];
    let for_now = [
        (ReasonCode::UnspecifiedError, "unspecified error"),
        (ReasonCode::ImplementationSpecificError, "implementation specific error"),
        (ReasonCode::ServerUnavailable, "the server is not available now"),
        (ReasonCode::ServerBusy, "the server is busy"),
        (ReasonCode::QuotaExceeded, "a quota of the server is used up"),
        (ReasonCode::ConnectionRateExceeded, "too many connections at a time"),
    ];
    let possible = ReasonCode::ALL.iter().filter(|r| r.is_error() && r.allowed_in(PacketType::ConnAck));
    assert_eq!(possible.count(), finally.len() + for_now.len(), "all that a CONNACK can say");
    for (is_final, cases) in [(true, &finally[..]), (false, &for_now[..])] {
        for (reason, words) in cases {
            let mut pair = refused(Version::V5, *reason, ConnAckProperties::default());
            assert_eq!(pair.commands, [Command::Close]);
            assert_eq!(pair.sent(), [""; 0], "nothing is said after a refusal");
            let words = format!("refused: {words}");
            if is_final { pair.assert_stopped(&words) } else { pair.assert_waiting(&words) }
        }
    }
    refused(Version::V311, ReasonCode::NotAuthorized, ConnAckProperties::default())
        .assert_stopped("refused: not authorised: check user name, password and permissions");
    refused(Version::V31, ReasonCode::ServerUnavailable, ConnAckProperties::default())
        .assert_waiting("refused: the server is not available now");
    let properties = ConnAckProperties {
        reason_string: Some("since May".into()),
        server_reference: Some("other:1883".into()),
        ..ConnAckProperties::default()
    };
    refused(Version::V5, ReasonCode::ServerMoved, properties)
        .assert_stopped("refused: the server has moved: use the new address: other:1883 (since May)");
}

fn refused(version: Version, reason: ReasonCode, properties: ConnAckProperties) -> Pair {
    let mut pair = Pair::new(options(version));
    pair.start();
    pair.clear();
    pair.server(Packet::ConnAck(Box::new(ConnAck { session_present: false, reason, properties })));
    pair
}

#[test]
fn good_byes_of_the_server() {
    let finally = [
        (
            ReasonCode::SessionTakenOver,
            "taken over: another client uses the same client id: close it or choose another id",
        ),
        (
            ReasonCode::NotAuthorized,
            "disconnected: not authorised: check user name, password and permissions",
        ),
        (ReasonCode::UseAnotherServer, "disconnected: use another server for now"),
        (ReasonCode::ServerMoved, "disconnected: the server has moved: use the new address"),
    ];
    let for_now = [
        (ReasonCode::Success, "the server closed the connection"),
        (ReasonCode::ServerShuttingDown, "the server is shutting down"),
        (ReasonCode::KeepAliveTimeout, "disconnected: the server heard nothing for too long"),
        (ReasonCode::AdministrativeAction, "disconnected by an administrator"),
        (ReasonCode::TopicAliasInvalid, "topic alias invalid"),
    ];
    for (is_final, cases) in [(true, &finally[..]), (false, &for_now[..])] {
        for (reason, words) in cases {
            let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
            pair.server(Packet::Disconnect(Box::new(Disconnect::new(*reason))));
            assert_eq!(pair.commands, [Command::Close]);
            assert_eq!(pair.sent(), [""; 0]);
            assert!(matches!(&pair.events[0], Event::ServerDisconnect { reason: r, .. } if r == reason));
            if is_final { pair.assert_stopped(words) } else { pair.assert_waiting(words) }
        }
    }
}

/// What the server must not send, and what it is told.
// [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-2] [MQTT-3.2.2-4] [MQTT-4.12.0-6]
#[test]
fn wrong_packets() {
    let connack = |session_present| {
        let properties = ConnAckProperties::default();
        Packet::ConnAck(Box::new(ConnAck { session_present, reason: SUCCESS, properties }))
    };
    let subscribe = Packet::Subscribe(Box::new(Subscribe {
        packet_id: id(1),
        properties: SubscribeProperties::default(),
        filters: vec![SubscribeFilter { filter: "a".into(), options: SubscriptionOptions::default() }],
    }));
    let auth = Packet::Auth(Box::new(Auth {
        reason: ReasonCode::ContinueAuthentication,
        method: Some("x".into()),
        data: None,
        reason_string: None,
        user: Vec::new(),
    }));
    let mut no_topic = from_server("", Q0, 0);
    let mut alias_too_high = from_server("a", Q0, 0);
    for (packet, alias) in [(&mut no_topic, 1), (&mut alias_too_high, 3)] {
        if let Packet::Publish(publish) = packet {
            publish.topic_alias = Some(id(alias));
        }
    }
    let error = ReasonCode::ProtocolError;
    let cases = [
        ("before CONNACK", false, Packet::PingResp, error),
        ("before CONNACK", false, from_server("a", Q0, 0), error),
        ("session after a clean start", false, connack(true), error),
        ("AUTH without a method", false, auth.clone(), error),
        ("AUTH without a method", true, auth.clone(), error),
        ("a second CONNACK", true, connack(false), error),
        ("a client's packet", true, subscribe, error),
        ("a client's packet", true, Packet::PingReq, error),
        ("unknown alias", true, no_topic, error),
        ("alias above the maximum", true, alias_too_high, ReasonCode::TopicAliasInvalid),
    ];
    for (name, connected, packet, reason) in cases {
        for version in VERSIONS {
            let is_v5_only = matches!(packet, Packet::Auth(_)) || name.contains("alias");
            let unsaid = version == Version::V31 && name.starts_with("session");
            if version != Version::V5 && is_v5_only || unsaid {
                continue;
            }
            let mut options = options(version);
            options.properties.topic_alias_maximum = Some(2);
            let mut pair = Pair::new(options);
            pair.start();
            if connected {
                pair.connack(false, ConnAckProperties::default());
            }
            pair.clear();
            pair.server(packet.clone());
            check_protocol_error(&format!("{name}, {version}"), pair, version, reason);
        }
    }
}

fn check_protocol_error(name: &str, mut pair: Pair, version: Version, reason: ReasonCode) {
    let told = format!("DISCONNECT 0x{:02X}", reason.as_u8());
    let expected = if version.is_v5() { vec![told] } else { vec![] };
    assert_eq!(pair.sent(), expected, "{name}");
    assert_eq!(pair.commands, [Command::Close], "{name}");
    let told = pair.events.iter().find_map(|event| match event {
        Event::ProtocolError { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(told, Some(reason), "{name}");
    assert!(matches!(pair.client.state(), State::Waiting { .. }), "{name}: tried again, but not at once");
}

#[test]
fn malformed_bytes() {
    for version in VERSIONS {
        for connected in [false, true] {
            let mut pair = Pair::new(options(version));
            pair.start();
            if connected {
                pair.connack(false, ConnAckProperties::default());
            }
            pair.clear();
            pair.server_bytes(&b"HTTP/1.1 400 Bad Request\r\n".repeat(10));
            check_protocol_error("HTTP", pair, version, ReasonCode::MalformedPacket);
        }
    }
    let mut pair = Pair::new(ConnectOptions { max_packet_size: 100, ..options(Version::V5) });
    pair.start();
    pair.connack(false, ConnAckProperties::default());
    pair.clear();
    pair.server(from_server(&"x".repeat(100), Q0, 0));
    check_protocol_error("too large", pair, Version::V5, ReasonCode::PacketTooLarge);
}

#[test]
fn connecting_has_a_time_limit() {
    let cases = [
        (false, "no answer from this address in time: check host, port and firewall"),
        (true, "the server accepted the connection but did not answer: is this an MQTT port?"),
    ];
    for (opens, words) in cases {
        let mut pair = Pair::new(ConnectOptions { connect_timeout: secs(5), ..options(Version::V5) });
        pair.client.start(pair.now);
        pair.now = pair.now + secs(3);
        if opens {
            pair.open();
        }
        pair.pump();
        pair.clear();
        assert_eq!(pair.client.poll_timeout(), Some(Time::from_millis(6_000)), "one limit for both");
        pair.client.handle_timeout(Time::from_millis(5_999));
        assert!(matches!(pair.client.state(), State::Opening { .. } | State::Connecting { .. }));
        pair.client.handle_timeout(Time::from_millis(6_000));
        pair.pump();
        pair.assert_waiting(words);
        assert_eq!(pair.commands, [Command::Close]);
    }
}

#[test]
fn what_closed_means_depends_on_when() {
    let mut pair = Pair::new(options(Version::V31));
    pair.close("not even open");
    assert_eq!(pair.client.state(), &State::Idle);

    pair.client.start(pair.now);
    pair.close("connection refused");
    pair.assert_waiting("unreachable: is the broker running at this address? (connection refused)");
    pair.close("late");
    pair.assert_waiting("unreachable: is the broker running at this address? (connection refused)");
    pair.commands.clear();
    pair.client.retry_now(pair.now);
    pair.open();
    pair.close("");
    pair.assert_waiting("closed by the server at once: it may not speak MQTT 3.1 here");
    pair.client.retry_now(pair.now);
    pair.open();
    pair.connack(false, ConnAckProperties::default());
    pair.close("reset by peer");
    pair.assert_waiting("connection lost (reset by peer)");
    assert_eq!(pair.commands, [], "there is nothing to close");
}

#[test]
fn waits_grow_are_capped_and_vary() {
    let backoff = Backoff { min: secs(1), max: secs(10) };
    let mut pair = Pair::new(ConnectOptions { reconnect: Some(backoff), ..options(Version::V5) });
    pair.client.start(pair.now);
    let mut waits = Vec::new();
    for whole in [1, 2, 4, 8, 10, 10, 10] {
        pair.close("refused");
        let State::Waiting { until, attempt, .. } = pair.client.state() else { panic!() };
        assert_eq!(*attempt as usize, waits.len() + 2);
        let wait = *until - pair.now;
        assert!(wait >= secs(whole) / 2 && wait <= secs(whole), "{wait:?} of {whole} s");
        waits.push(wait);
        pair.commands.clear();
        pair.advance(wait - Duration::from_millis(1));
        assert_eq!(pair.commands, []);
        pair.advance(Duration::from_millis(1));
        assert_eq!(pair.commands, [Command::Open]);
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 5, "jitter: {waits:?}");

    // A connection that is lost at once is no success; one that lasted is.
    for (lasted, attempt) in [(secs(9), 9), (secs(10), 1)] {
        pair.commands = vec![Command::Open];
        pair.open();
        pair.connack(false, ConnAckProperties::default());
        pair.now = pair.now + lasted;
        pair.close("");
        let State::Waiting { until, attempt: next, .. } = pair.client.state() else { panic!() };
        assert_eq!(*next, attempt, "after {lasted:?}");
        assert_eq!(*until - pair.now <= secs(1), attempt == 1);
        pair.client.retry_now(pair.now);
        pair.pump();
    }
}

#[test]
fn without_reconnect_one_try_is_made() {
    let mut pair = Pair::new(ConnectOptions { reconnect: None, ..options(Version::V5) });
    pair.client.start(pair.now);
    pair.close("connection refused");
    pair.assert_stopped("unreachable: is the broker running at this address? (connection refused)");
    pair.client.retry_now(pair.now);
    pair.assert_stopped("unreachable: is the broker running at this address? (connection refused)");
    pair.commands.clear();
    pair.start();
    pair.connack(false, ConnAckProperties::default());
    pair.close("");
    pair.assert_stopped("connection lost");
}

#[test]
fn disconnecting() {
    // version, reason, what is said
    let cases = [
        (Version::V5, SUCCESS, vec!["DISCONNECT"]), // [MQTT-3.14.4-1]
        (Version::V5, ReasonCode::DisconnectWithWill, vec!["DISCONNECT 0x04"]),
        (Version::V5, ReasonCode::GrantedQoS1, vec!["DISCONNECT 0x80"]), // not a reason to disconnect
        (Version::V311, SUCCESS, vec!["DISCONNECT"]),
        (Version::V311, ReasonCode::DisconnectWithWill, vec![]),
    ];
    for (version, reason, said) in cases {
        let mut pair = Pair::connected(options(version), ConnAckProperties::default());
        pair.client.disconnect(reason, pair.now);
        pair.pump();
        assert_eq!(pair.sent(), said);
        assert_eq!(pair.commands, [Command::Close]);
        pair.assert_stopped("disconnected");
        pair.client.disconnect(reason, pair.now);
        pair.client.retry_now(pair.now);
        pair.pump();
        assert_eq!(pair.commands, [Command::Close], "it stays away");
        pair.commands.clear();
        pair.start();
        assert_eq!(pair.client.state(), &State::Connecting { attempt: 1 });
    }
}

#[test]
fn disconnecting_before_there_is_a_connection() {
    let mut pair = Pair::new(options(Version::V5));
    pair.client.start(pair.now);
    pair.client.disconnect(SUCCESS, pair.now);
    pair.pump();
    pair.assert_stopped("disconnected");
    assert_eq!(pair.commands, [], "nobody has seen the Open");

    pair.client.start(pair.now);
    pair.pump();
    pair.client.disconnect(SUCCESS, pair.now);
    pair.pump();
    assert_eq!(pair.commands, [Command::Open, Command::Close]);
    pair.client.handle_opened(pair.now);
    pair.pump();
    pair.assert_stopped("disconnected");
    assert_eq!(pair.sent(), [""; 0]);

    pair.commands.clear();
    pair.client.start(pair.now);
    pair.close("refused");
    pair.client.disconnect(SUCCESS, pair.now);
    pair.assert_stopped("disconnected");

    pair.commands.clear();
    pair.start();
    pair.sent.clear();
    pair.client.disconnect(SUCCESS, pair.now);
    pair.pump();
    assert_eq!(pair.sent(), ["DISCONNECT"], "CONNECT was sent, so the server is told");
}

#[test]
fn what_comes_after_the_end_is_ignored() {
    let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
    pair.client.disconnect(SUCCESS, pair.now);
    pair.pump();
    pair.clear();
    pair.server(from_server("late", Q1, 1));
    pair.server(Packet::PubAck(Ack::success(id(1))));
    assert_eq!((pair.sent(), pair.events.len()), (vec![], 0));
}

/// What was said on one transport is never said on the next.
#[test]
fn nothing_is_left_for_the_next_connection() {
    // Lost with an acknowledgement that was not taken.
    let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
    let mut bytes = BytesMut::new();
    codec::encode(&from_server("a", Q1, 1), Version::V5, &mut bytes).unwrap();
    pair.client.handle_data(&mut bytes, pair.now);
    assert_eq!(pair.client.pending().unsent_bytes, 4);
    pair.client.handle_closed("", pair.now);
    assert_eq!(pair.client.poll_transmit(1_000), None);
    pair.client.retry_now(pair.now);
    pair.open();
    assert_eq!(pair.sent(), ["CONNECT"]);
    // Left with a DISCONNECT that was not taken.
    pair.client.disconnect(SUCCESS, pair.now);
    pair.client.start(pair.now);
    pair.open();
    assert_eq!(pair.sent(), ["CONNECT"]);
    assert_eq!(pair.commands, [Command::Close]);
}
