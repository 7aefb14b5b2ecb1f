//! Any packets: well-formed ones with any content, of a client and of a server.

use super::super::*;
use std::num::NonZeroU32;

pub(super) const CLIENT_IDS: [&str; 2] = ["x", "y"];

pub(super) const TOPICS: &[&str] = &["a", "a/b", "a/b/c", "$SYS/x", "/", "long/topic/with/levels"];

pub(super) const FILTERS: &[&str] =
    &["a", "a/+", "a/#", "#", "+/+", "$share/g/a/#", "$share/h/+/b", "$SYS/#", "bad/#/x", "$share/g"];

/// Sizes of payloads in bytes: empty ones clear what is retained, large ones are shared and not copied.
const SIZES: &[usize] = &[0, 10, 10, 10, 100, 2_500];

pub(super) fn connect(rng: &mut fastrand::Rng) -> Connect {
    let version = *rng.choice(&[Version::V5, Version::V5, Version::V311, Version::V31]).unwrap();
    let is_v5 = version.is_v5();
    let will = rng.bool().then(|| Will {
        topic: topic(rng).into(),
        payload: Bytes::from_static(b"will"),
        qos: qos(rng),
        retain: rng.bool(),
        properties: WillProperties {
            delay_interval_s: is_v5.then(|| rng.u32(0..5)),
            ..WillProperties::default()
        },
    });
    let mut properties = ConnectProperties::default();
    if is_v5 {
        properties.session_expiry_s = rng.choice([None, Some(5), Some(3600), Some(u32::MAX)]).unwrap();
        properties.receive_maximum = NonZeroU16::new(rng.u16(0..4));
        properties.maximum_packet_size = rng.bool().then(|| rng.u32(64..3_000));
        properties.topic_alias_maximum = Some(rng.u16(0..4));
    }
    Connect {
        clean_start: rng.u8(0..4) == 0,
        keep_alive_s: *rng.choice(&[0, 0, 5]).unwrap(),
        will,
        properties,
        ..super::super::connect(version, CLIENT_IDS[rng.usize(0..CLIENT_IDS.len())])
    }
}

/// Any packet; messages are numbered.
pub(super) fn any(rng: &mut fastrand::Rng, version: Version, next_message: &mut u32) -> Packet {
    match rng.u32(0..100) {
        0..40 => Packet::Publish(message(rng, version, next_message)),
        40..60 => Packet::Subscribe(Box::new(subscribe(rng, version))),
        60..66 => Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: packet_id(rng),
            user: Vec::new(),
            filters: (0..rng.usize(1..3)).map(|_| filter(rng).into()).collect(),
        })),
        66..92 => ack(rng, version),
        92..96 => Packet::PingReq,
        96 => Packet::Connect(Box::new(connect(rng))),
        97 => Packet::Disconnect(Box::new(Disconnect::new(
            *rng.choice(&[ReasonCode::Success, ReasonCode::DisconnectWithWill]).unwrap(),
        ))),
        98 => Packet::Auth(Box::new(Auth {
            reason: *rng.choice(&[ReasonCode::ReAuthenticate, ReasonCode::ContinueAuthentication]).unwrap(),
            method: Some("ECHO".into()),
            data: None,
            reason_string: None,
            user: Vec::new(),
        })),
        _ => Packet::PingResp, // which only a server sends
    }
}

fn message(rng: &mut fastrand::Rng, version: Version, next_message: &mut u32) -> Publish {
    let qos = qos(rng);
    let is_v5 = version.is_v5();
    let topic_alias = is_v5.then(|| NonZeroU16::new(rng.u16(0..5))).flatten().filter(|_| rng.bool());
    // Now and then the alias alone, whether it is known or not.
    let topic = if topic_alias.is_some() && rng.bool() { "" } else { topic(rng) };
    let expiry = (is_v5 && rng.u8(0..4) == 0).then(|| rng.u32(0..10));
    let properties = PublishProperties { message_expiry_s: expiry, ..PublishProperties::default() };
    *next_message += 1;
    let size = *rng.choice(SIZES).unwrap();
    let mut payload = if size == 0 { Vec::new() } else { format!("{next_message:010}").into_bytes() };
    payload.resize(size, b'x');
    Publish {
        dup: qos != QoS::AtMostOnce && rng.u8(0..8) == 0,
        qos,
        retain: rng.u8(0..4) == 0,
        topic: topic.into(),
        packet_id: (qos != QoS::AtMostOnce).then(|| packet_id(rng)),
        topic_alias,
        properties: (!properties.is_empty()).then(|| Box::new(properties)),
        payload: payload.into(),
    }
}

fn subscribe(rng: &mut fastrand::Rng, version: Version) -> Subscribe {
    let filters = (0..rng.usize(1..4)).map(|_| SubscribeFilter {
        filter: filter(rng).into(),
        options: SubscriptionOptions {
            qos: qos(rng),
            no_local: version.is_v5() && rng.u8(0..8) == 0,
            retain_as_published: version.is_v5() && rng.bool(),
            retain_handling: match version.is_v5() {
                true => *rng
                    .choice(&[RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend])
                    .unwrap(),
                false => RetainHandling::Send,
            },
        },
    });
    let filters = filters.collect();
    let subscription_id = version.is_v5().then(|| NonZeroU32::new(rng.u32(0..3))).flatten();
    let properties = SubscribeProperties { subscription_id, user: Vec::new() };
    Subscribe { packet_id: packet_id(rng), properties, filters }
}

/// An acknowledgement that fits something, or nothing.
fn ack(rng: &mut fastrand::Rng, version: Version) -> Packet {
    let (make, refusal): (fn(Ack) -> Packet, _) = match rng.u8(0..4) {
        0 => (Packet::PubAck, ReasonCode::QuotaExceeded),
        1 => (Packet::PubRec, ReasonCode::QuotaExceeded),
        2 => (Packet::PubRel, ReasonCode::PacketIdentifierNotFound),
        _ => (Packet::PubComp, ReasonCode::PacketIdentifierNotFound),
    };
    let fails = version.is_v5() && rng.u8(0..4) == 0;
    make(Ack::with_reason(packet_id(rng), if fails { refusal } else { ReasonCode::Success }))
}

/// From a few, so that they meet again.
fn packet_id(rng: &mut fastrand::Rng) -> PacketId {
    id(rng.u16(1..8))
}

fn qos(rng: &mut fastrand::Rng) -> QoS {
    QoS::from_u8(rng.u8(0..3)).unwrap()
}

fn topic(rng: &mut fastrand::Rng) -> &'static str {
    rng.choice(TOPICS).unwrap()
}

fn filter(rng: &mut fastrand::Rng) -> &'static str {
    rng.choice(FILTERS).unwrap()
}
