//! Strategies for every packet that is valid in a version.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::num::{NonZeroU16, NonZeroU32};
use tabmq_shared::packet::{
    Ack, AckProperties, Auth, ConnAck, ConnAckProperties, Connect, ConnectProperties, Disconnect,
    DisconnectProperties, Packet, PacketId, PacketType, Publish, PublishProperties, QoS, ReasonCode,
    RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscribeProperties, SubscriptionOptions,
    Unsubscribe, UserProperties, Version, Will, WillProperties,
};
use tabmq_shared::{ByteString, Bytes};

/// Any version.
pub fn version() -> impl Strategy<Value = Version> {
    select(&[Version::V31, Version::V311, Version::V5][..])
}

/// Any packet that `version` has, from either side.
pub fn packet(version: Version) -> BoxedStrategy<Packet> {
    let common = prop_oneof![
        1 => connect(version).prop_map(|p| Packet::Connect(Box::new(p))),
        1 => connack(version).prop_map(|p| Packet::ConnAck(Box::new(p))),
        4 => publish(version).prop_map(Packet::Publish),
        1 => ack(version, PacketType::PubAck).prop_map(Packet::PubAck),
        1 => ack(version, PacketType::PubRec).prop_map(Packet::PubRec),
        1 => ack(version, PacketType::PubRel).prop_map(Packet::PubRel),
        1 => ack(version, PacketType::PubComp).prop_map(Packet::PubComp),
        2 => subscribe(version).prop_map(|p| Packet::Subscribe(Box::new(p))),
        1 => suback(version).prop_map(|p| Packet::SubAck(Box::new(p))),
        1 => unsubscribe(version).prop_map(|p| Packet::Unsubscribe(Box::new(p))),
        1 => unsuback(version).prop_map(|p| Packet::UnsubAck(Box::new(p))),
        1 => Just(Packet::PingReq),
        1 => Just(Packet::PingResp),
        1 => disconnect(version).prop_map(|p| Packet::Disconnect(Box::new(p))),
    ];
    if version.is_v5() {
        prop_oneof![14 => common, 1 => auth().prop_map(|p| Packet::Auth(Box::new(p)))].boxed()
    } else {
        common.boxed()
    }
}

/// Any PUBLISH.
pub fn publish(version: Version) -> impl Strategy<Value = Publish> {
    let properties = if version.is_v5() { of(publish_properties()).boxed() } else { Just(None).boxed() };
    let alias = if version.is_v5() { of(nonzero_u16()).boxed() } else { Just(None).boxed() };
    let topic = (topic(), any::<bool>());
    (any::<bool>(), qos(), any::<bool>(), topic, packet_id(), alias, properties, payload()).prop_map(
        |(dup, qos, retain, (topic, empty), id, topic_alias, properties, payload)| Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain,
            topic: if empty && topic_alias.is_some() { ByteString::new() } else { topic },
            packet_id: (qos != QoS::AtMostOnce).then_some(id),
            topic_alias,
            properties: properties.filter(|p| !p.is_empty()).map(Box::new),
            payload,
        },
    )
}

fn connect(version: Version) -> impl Strategy<Value = Connect> {
    let properties =
        if version.is_v5() { connect_properties().boxed() } else { Just(Default::default()).boxed() };
    let login = (of(name()), of(binary()));
    (any::<bool>(), any::<u16>(), name(), of(will(version)), login, properties).prop_map(
        move |(clean_start, keep_alive_s, client_id, will, (username, password), properties)| Connect {
            version,
            is_bridge: false,
            clean_start,
            keep_alive_s,
            client_id,
            will,
            password: password.filter(|_| version.is_v5() || username.is_some()),
            username,
            properties,
        },
    )
}

fn connect_properties() -> impl Strategy<Value = ConnectProperties> {
    let numbers = (of(any::<u32>()), of(nonzero_u16()), of(1..=u32::MAX), of(any::<u16>()));
    (numbers, of(any::<bool>()), of(any::<bool>()), user(), of(string()), of(binary())).prop_map(
        |((expiry, receive, size, aliases), response, problem, user, method, data)| ConnectProperties {
            session_expiry_s: expiry,
            receive_maximum: receive,
            maximum_packet_size: size,
            topic_alias_maximum: aliases,
            request_response_information: response,
            request_problem_information: problem,
            user,
            authentication_data: data.filter(|_| method.is_some()),
            authentication_method: method,
        },
    )
}

fn will(version: Version) -> impl Strategy<Value = Will> {
    let properties =
        if version.is_v5() { will_properties().boxed() } else { Just(Default::default()).boxed() };
    (topic(), binary(), qos(), any::<bool>(), properties).prop_map(
        |(topic, payload, qos, retain, properties)| Will { topic, payload, qos, retain, properties },
    )
}

fn will_properties() -> impl Strategy<Value = WillProperties> {
    let strings = (of(string()), of(topic()), of(binary()));
    (of(any::<u32>()), of(any::<bool>()), of(any::<u32>()), strings, user()).prop_map(
        |(delay, utf8, expiry, (content_type, response_topic, correlation_data), user)| WillProperties {
            delay_interval_s: delay,
            payload_format_utf8: utf8,
            message_expiry_s: expiry,
            content_type,
            response_topic,
            correlation_data,
            user,
        },
    )
}

fn connack(version: Version) -> BoxedStrategy<ConnAck> {
    if !version.is_v5() {
        use ReasonCode::*;
        let codes = [
            Success,
            UnsupportedProtocolVersion,
            ClientIdentifierNotValid,
            ServerUnavailable,
            BadUserNameOrPassword,
            NotAuthorized,
        ];
        return (any::<bool>(), select(codes.to_vec()))
            .prop_map(move |(present, reason)| ConnAck {
                session_present: present && version == Version::V311 && reason == Success,
                reason,
                properties: Default::default(),
            })
            .boxed();
    }
    (any::<bool>(), reason(PacketType::ConnAck), connack_properties())
        .prop_map(|(present, reason, properties)| ConnAck {
            session_present: present && reason == ReasonCode::Success,
            reason,
            properties,
        })
        .boxed()
}

fn connack_properties() -> impl Strategy<Value = ConnAckProperties> {
    let qos = select(&[QoS::AtMostOnce, QoS::AtLeastOnce][..]);
    let numbers = (of(any::<u32>()), of(nonzero_u16()), of(qos), of(1..=u32::MAX), of(any::<u16>()));
    let flags = (of(any::<bool>()), of(any::<bool>()), of(any::<bool>()), of(any::<bool>()));
    let strings = (of(string()), of(string()), of(string()), of(string()));
    (numbers, flags, strings, user(), of(any::<u16>()), of(string()), of(binary())).prop_map(
        |(numbers, flags, strings, user, server_keep_alive_s, method, data)| ConnAckProperties {
            session_expiry_s: numbers.0,
            receive_maximum: numbers.1,
            maximum_qos: numbers.2,
            maximum_packet_size: numbers.3,
            topic_alias_maximum: numbers.4,
            retain_available: flags.0,
            wildcard_subscription_available: flags.1,
            subscription_ids_available: flags.2,
            shared_subscription_available: flags.3,
            assigned_client_id: strings.0,
            reason_string: strings.1,
            response_information: strings.2,
            server_reference: strings.3,
            user,
            server_keep_alive_s,
            authentication_method: method,
            authentication_data: data,
        },
    )
}

fn publish_properties() -> impl Strategy<Value = PublishProperties> {
    let strings = (of(string()), of(topic()), of(binary()));
    let ids = vec(1..=268_435_455_u32, 0..3);
    (of(any::<bool>()), of(any::<u32>()), strings, ids, user()).prop_map(
        |(utf8, expiry, (content_type, response_topic, correlation_data), ids, user)| PublishProperties {
            payload_format_utf8: utf8,
            message_expiry_s: expiry,
            content_type,
            response_topic,
            correlation_data,
            subscription_ids: ids,
            user,
        },
    )
}

fn ack(version: Version, packet: PacketType) -> BoxedStrategy<Ack> {
    if !version.is_v5() {
        return packet_id().prop_map(Ack::success).boxed();
    }
    let properties =
        of(ack_properties()).prop_map(|p| p.filter(|p| *p != AckProperties::default()).map(Box::new));
    (packet_id(), reason(packet), properties)
        .prop_map(|(packet_id, reason, properties)| Ack { packet_id, reason, properties })
        .boxed()
}

fn ack_properties() -> impl Strategy<Value = AckProperties> {
    (of(string()), user()).prop_map(|(reason_string, user)| AckProperties { reason_string, user })
}

fn subscribe(version: Version) -> impl Strategy<Value = Subscribe> {
    let v5 = version.is_v5();
    let filters = vec((filter(), options()), 1..4).prop_map(move |list| {
        let filter = |(filter, options): (ByteString, SubscriptionOptions)| SubscribeFilter {
            options: SubscriptionOptions {
                qos: options.qos,
                no_local: options.no_local && v5 && !filter.starts_with("$share/"),
                retain_as_published: options.retain_as_published && v5,
                retain_handling: if v5 { options.retain_handling } else { RetainHandling::Send },
            },
            filter,
        };
        list.into_iter().map(filter).collect()
    });
    (packet_id(), of(1..=268_435_455_u32), user(), filters).prop_map(move |(packet_id, id, user, filters)| {
        let subscription_id = id.and_then(NonZeroU32::new);
        let properties = SubscribeProperties { subscription_id, user };
        Subscribe { packet_id, properties: if v5 { properties } else { Default::default() }, filters }
    })
}

fn options() -> impl Strategy<Value = SubscriptionOptions> {
    let handling = select(&[RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend][..]);
    (qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        |(qos, no_local, retain_as_published, retain_handling)| SubscriptionOptions {
            qos,
            no_local,
            retain_as_published,
            retain_handling,
        },
    )
}

fn suback(version: Version) -> BoxedStrategy<SubAck> {
    let reason = if version.is_v5() {
        reason(PacketType::SubAck).boxed()
    } else {
        use ReasonCode::*;
        select(&[Success, GrantedQoS1, GrantedQoS2, UnspecifiedError][..]).boxed()
    };
    any_suback(version, vec(reason, 1..4).boxed())
}

fn unsuback(version: Version) -> BoxedStrategy<SubAck> {
    let reasons = if version.is_v5() {
        vec(reason(PacketType::UnsubAck), 1..4).boxed()
    } else {
        Just(Vec::new()).boxed()
    };
    any_suback(version, reasons)
}

fn any_suback(version: Version, reasons: BoxedStrategy<Vec<ReasonCode>>) -> BoxedStrategy<SubAck> {
    let properties =
        if version.is_v5() { ack_properties().boxed() } else { Just(Default::default()).boxed() };
    (packet_id(), properties, reasons)
        .prop_map(|(packet_id, properties, reasons)| SubAck { packet_id, properties, reasons })
        .boxed()
}

fn unsubscribe(version: Version) -> impl Strategy<Value = Unsubscribe> {
    let user = if version.is_v5() { user().boxed() } else { Just(Vec::new()).boxed() };
    (packet_id(), user, vec(filter(), 1..4)).prop_map(|(packet_id, user, filters)| Unsubscribe {
        packet_id,
        user,
        filters,
    })
}

fn disconnect(version: Version) -> BoxedStrategy<Disconnect> {
    if !version.is_v5() {
        return Just(Disconnect::new(ReasonCode::Success)).boxed();
    }
    let properties = (of(any::<u32>()), of(string()), user(), of(string())).prop_map(
        |(session_expiry_s, reason_string, user, server_reference)| DisconnectProperties {
            session_expiry_s,
            reason_string,
            user,
            server_reference,
        },
    );
    let properties = prop_oneof![Just(DisconnectProperties::default()), properties];
    (reason(PacketType::Disconnect), properties)
        .prop_map(|(reason, properties)| Disconnect { reason, properties })
        .boxed()
}

fn auth() -> impl Strategy<Value = Auth> {
    let none =
        Auth { reason: ReasonCode::Success, method: None, data: None, reason_string: None, user: Vec::new() };
    let full = (reason(PacketType::Auth), string(), of(binary()), of(string()), user()).prop_map(
        |(reason, method, data, reason_string, user)| Auth {
            reason,
            method: Some(method),
            data,
            reason_string,
            user,
        },
    );
    prop_oneof![1 => Just(none), 4 => full]
}

fn reason(packet: PacketType) -> impl Strategy<Value = ReasonCode> {
    select(ReasonCode::ALL.iter().copied().filter(|r| r.allowed_in(packet)).collect::<Vec<_>>())
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    nonzero_u16()
}

fn nonzero_u16() -> impl Strategy<Value = NonZeroU16> {
    (1..=u16::MAX).prop_map(|n| NonZeroU16::new(n).expect("not 0"))
}

fn user() -> impl Strategy<Value = UserProperties> {
    vec((string(), string()), 0..3)
}

/// Any string that MQTT can carry.
fn string() -> impl Strategy<Value = ByteString> {
    prop_oneof![
        8 => "[^\u{0}]{0,12}".prop_map(ByteString::from),
        1 => (128..300_usize).prop_map(|n| ByteString::from("x".repeat(n))),
    ]
}

/// A client id or user name.
fn name() -> impl Strategy<Value = ByteString> {
    "[a-zA-Z0-9 é日🙂/+#-]{0,24}".prop_map(ByteString::from)
}

/// A topic name.
fn topic() -> impl Strategy<Value = ByteString> {
    "[a-z/$ é日🙂]{1,24}".prop_map(ByteString::from)
}

/// A topic filter.
fn filter() -> impl Strategy<Value = ByteString> {
    "([$]share/[a-z]{1,4}/)?([a-zé]{0,4}|[+])(/([a-z🙂]{0,4}|[+])){0,3}(/#)?"
        .prop_filter("not empty", |s| !s.is_empty())
        .prop_map(ByteString::from)
}

fn binary() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..24).prop_map(Bytes::from)
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => (100..20_000_usize, any::<u8>()).prop_map(|(n, byte)| Bytes::from(vec![byte; n])),
    ]
}
