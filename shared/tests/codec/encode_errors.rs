//! What cannot be said is not written.

use tabmq_shared::codec::{EncodeError, PublishHeader, encode, encode_publish_header};
use tabmq_shared::packet::{
    Ack, AckProperties, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, Publish, PublishProperties,
    QoS, ReasonCode, SubAck, Subscribe, SubscribeFilter, SubscriptionOptions, Unsubscribe, Version, Will,
};
use tabmq_shared::{ByteString, Bytes, BytesMut};

fn check(packet: Packet, version: Version, expected: Result<(), EncodeError>) {
    let mut buffer = BytesMut::from(&b"before"[..]);
    let result = encode(&packet, version, &mut buffer);
    let invalid = |r: Result<(), EncodeError>| matches!(r, Err(EncodeError::Invalid(_)));
    assert!(result == expected || invalid(result) && invalid(expected), "{result:?} for {packet:?}");
    assert_eq!(result.is_err(), &buffer[..] == b"before", "{packet:?}");
}

const INVALID: Result<(), EncodeError> = Err(EncodeError::Invalid(""));

#[test]
fn lengths() {
    let topic = |len: usize| Publish { topic: "x".repeat(len).into(), ..publish() };
    check(Packet::Publish(topic(65_535)), Version::V311, Ok(()));
    check(Packet::Publish(topic(65_536)), Version::V311, Err(EncodeError::StringTooLong));
    let properties =
        PublishProperties { correlation_data: Some(vec![0; 65_536].into()), ..Default::default() };
    let long = Publish { properties: Some(Box::new(properties)), ..publish() };
    check(Packet::Publish(long.clone()), Version::V5, Err(EncodeError::StringTooLong));
    check(Packet::Publish(long), Version::V311, Ok(())); // no properties there
    let will = Will {
        topic: "w".into(),
        payload: vec![0; 65_536].into(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Default::default(),
    };
    let connect = Connect { will: Some(will), ..connect() };
    check(Packet::Connect(Box::new(connect)), Version::V5, Err(EncodeError::StringTooLong));

    let small = publish();
    let header = |payload_len| PublishHeader { payload_len, ..PublishHeader::of(&small) };
    let mut out = BytesMut::new();
    let most = 268_435_455 - 3; // "t" with its length
    assert_eq!(
        encode_publish_header(&header(most + 1), Version::V311, &mut out),
        Err(EncodeError::PacketTooLarge)
    );
    assert!(out.is_empty());
    assert_eq!(encode_publish_header(&header(most), Version::V311, &mut out), Ok(0));
    assert_eq!(&out[..], b"\x30\xFF\xFF\xFF\x7F\x00\x01t");
}

#[test]
fn contradictions() {
    let nul = Publish { topic: "a\0".into(), ..publish() };
    check(Packet::Publish(nul), Version::V5, Err(EncodeError::Nul));
    let publishes = [
        Publish { qos: QoS::AtLeastOnce, ..publish() },
        Publish { packet_id: PacketId::new(1), ..publish() },
        Publish { dup: true, ..publish() },
        Publish { topic: ByteString::new(), ..publish() },
        with(PublishProperties { response_topic: Some("a/#".into()), ..Default::default() }),
        with(PublishProperties { subscription_ids: vec![0], ..Default::default() }),
        with(PublishProperties { subscription_ids: vec![268_435_456], ..Default::default() }),
    ];
    for publish in publishes {
        check(Packet::Publish(publish), Version::V5, INVALID);
    }
    let aliased = Publish { topic: ByteString::new(), topic_alias: PacketId::new(1), ..publish() };
    check(Packet::Publish(aliased.clone()), Version::V5, Ok(()));
    check(Packet::Publish(aliased), Version::V311, INVALID);

    check(Packet::PubAck(Ack::with_reason(id(), ReasonCode::GrantedQoS1)), Version::V5, INVALID);
    check(Packet::PubAck(Ack::with_reason(id(), ReasonCode::GrantedQoS1)), Version::V311, Ok(()));
    let explained = AckProperties { reason_string: Some("\0".into()), ..Default::default() };
    let ack = Ack { properties: Some(Box::new(explained)), ..Ack::success(id()) };
    check(Packet::PubAck(ack), Version::V5, Err(EncodeError::Nul));

    let auth =
        Auth { reason: ReasonCode::Success, method: None, data: None, reason_string: None, user: vec![] };
    check(Packet::Auth(Box::new(auth.clone())), Version::V311, INVALID);
    let nameless = Auth { data: Some(Bytes::new()), ..auth };
    check(Packet::Auth(Box::new(nameless)), Version::V5, INVALID);
    check(Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Banned))), Version::V5, INVALID);
}

#[test]
fn contradictions_in_requests() {
    let password = Connect { password: Some(Bytes::new()), ..connect() };
    check(Packet::Connect(Box::new(password.clone())), Version::V5, Ok(()));
    let password = Connect { version: Version::V311, ..password };
    check(Packet::Connect(Box::new(password)), Version::V311, INVALID);
    let mut tiny = connect();
    tiny.properties.maximum_packet_size = Some(0);
    check(Packet::Connect(Box::new(tiny)), Version::V5, INVALID);
    let mut silent = connect();
    silent.properties.authentication_data = Some(Bytes::new());
    check(Packet::Connect(Box::new(silent)), Version::V5, INVALID);
    let refused =
        ConnAck { session_present: true, reason: ReasonCode::Banned, properties: Default::default() };
    check(Packet::ConnAck(Box::new(refused)), Version::V5, INVALID);

    let shared = SubscriptionOptions { no_local: true, ..Default::default() };
    for filters in [vec![], vec![("", Default::default())], vec![("$share/g/a", shared)]] {
        let filters = filters.into_iter();
        let filters = filters.map(|(f, options)| SubscribeFilter { filter: f.into(), options }).collect();
        let subscribe = Subscribe { packet_id: id(), properties: Default::default(), filters };
        check(Packet::Subscribe(Box::new(subscribe)), Version::V5, INVALID);
    }
    let unsubscribe = Unsubscribe { packet_id: id(), user: vec![], filters: vec![] };
    check(Packet::Unsubscribe(Box::new(unsubscribe)), Version::V311, INVALID);
    let reasons = vec![ReasonCode::NoSubscriptionExisted];
    let suback = SubAck { packet_id: id(), properties: Default::default(), reasons };
    check(Packet::SubAck(Box::new(suback)), Version::V5, INVALID);
}

/// Before 5.0 there are few codes: the nearest is taken.
#[test]
fn old_return_codes() {
    let cases =
        [(ReasonCode::Banned, 5), (ReasonCode::ServerBusy, 3), (ReasonCode::BadAuthenticationMethod, 4)];
    for (reason, code) in cases {
        let ack = ConnAck { session_present: false, reason, properties: Default::default() };
        let mut buffer = BytesMut::new();
        encode(&Packet::ConnAck(Box::new(ack)), Version::V311, &mut buffer).unwrap();
        assert_eq!(&buffer[..], [0x20, 2, 0, code]);
    }
    let reasons = vec![ReasonCode::TopicFilterInvalid, ReasonCode::GrantedQoS1];
    let suback = SubAck { packet_id: id(), properties: Default::default(), reasons };
    let mut buffer = BytesMut::new();
    encode(&Packet::SubAck(Box::new(suback)), Version::V31, &mut buffer).unwrap();
    assert_eq!(&buffer[..], [0x90, 4, 0, 1, 0x80, 1]);
}

fn publish() -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "t".into(),
        packet_id: None,
        topic_alias: None,
        properties: None,
        payload: Bytes::new(),
    }
}

fn with(properties: PublishProperties) -> Publish {
    Publish { properties: Some(Box::new(properties)), ..publish() }
}

fn connect() -> Connect {
    Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: "c".into(),
        will: None,
        username: None,
        password: None,
        properties: Default::default(),
    }
}

fn id() -> PacketId {
    PacketId::MIN
}
