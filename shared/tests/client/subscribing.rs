//! Subscriptions: sent, remembered, sent again.

use crate::harness::*;
use std::num::NonZeroU32;
use tabmq_shared::client::{ConnectOptions, Event, Subscription};
use tabmq_shared::packet::{
    AckProperties, ConnAckProperties, Packet, ReasonCode, SubAck, SubscribeFilter, SubscriptionOptions,
    Version,
};
use tabmq_shared::topic::TopicFilter;

const GRANTED_1: ReasonCode = ReasonCode::GrantedQoS1;

fn suback(n: u16, reasons: &[ReasonCode]) -> Packet {
    let reasons = reasons.to_vec();
    Packet::SubAck(Box::new(SubAck { packet_id: id(n), properties: AckProperties::default(), reasons }))
}

fn unsuback(n: u16, reasons: &[ReasonCode]) -> Packet {
    let reasons = reasons.to_vec();
    Packet::UnsubAck(Box::new(SubAck { packet_id: id(n), properties: AckProperties::default(), reasons }))
}

fn answer(filter: &str, result: ReasonCode) -> (String, ReasonCode) {
    (filter.into(), result)
}

impl Pair {
    fn subscribe(&mut self, filters: &[&str]) {
        let subscriptions = filters.iter().map(|filter| subscription(filter, Q1)).collect();
        self.client.subscribe(subscriptions, self.now);
        self.pump();
    }

    fn unsubscribe(&mut self, filters: &[&str]) {
        let filters = filters.iter().map(|filter| TopicFilter::new(*filter).unwrap()).collect();
        self.client.unsubscribe(filters, self.now);
        self.pump();
    }

    fn lose(&mut self) {
        self.close("");
        self.clear();
    }

    /// Comes back, and tells what is sent behind CONNECT.
    fn come_back(&mut self, session_present: bool) -> Vec<String> {
        self.client.retry_now(self.now);
        self.open();
        self.sent.clear();
        self.connack(session_present, ConnAckProperties::default());
        self.sent()
    }
}

#[test]
fn in_each_version() {
    for version in VERSIONS {
        let mut pair = Pair::connected(options(version), ConnAckProperties::default());
        pair.subscribe(&["a", "b/#"]);
        assert_eq!(pair.sent(), ["SUBSCRIBE 1 a,b/#"]);
        assert_eq!(pair.client.pending().requests, 1);
        pair.server(suback(1, &[GRANTED_1, SUCCESS]));
        assert_eq!(pair.filters(), [answer("+a", GRANTED_1), answer("+b/#", SUCCESS)]);
        pair.unsubscribe(&["a", "b/#"]);
        assert_eq!(pair.sent(), ["UNSUBSCRIBE 2 a,b/#"]);
        let second = if version.is_v5() { ReasonCode::NoSubscriptionExisted } else { SUCCESS };
        pair.server(unsuback(
            2,
            if version.is_v5() { &[SUCCESS, ReasonCode::NoSubscriptionExisted] } else { &[] },
        ));
        assert_eq!(pair.filters(), [answer("-a", SUCCESS), answer("-b/#", second)]);
        assert!(pair.client.pending().is_empty());
    }
}

#[test]
fn options_and_identifiers() {
    let with_id =
        |filter: &str, id: u32| Subscription { id: NonZeroU32::new(id), ..subscription(filter, Q2) };
    let options = SubscriptionOptions { no_local: true, ..subscription("x", Q2).options };
    for (available, expected) in [(None, Some(5)), (Some(false), None)] {
        let limits =
            ConnAckProperties { subscription_ids_available: available, ..ConnAckProperties::default() };
        let mut pair = Pair::connected(crate::harness::options(Version::V5), limits);
        let list = vec![
            with_id("a", 5),
            Subscription { options, ..with_id("b", 5) },
            with_id("c", 6),
            with_id("d", 0),
        ];
        pair.client.subscribe(list, pair.now);
        pair.pump();
        let Packet::Subscribe(first) = pair.sent[0].clone() else { panic!() };
        assert_eq!(first.properties.subscription_id.map(NonZeroU32::get), expected);
        assert_eq!(first.filters[1], SubscribeFilter { filter: "b".into(), options });
        assert_eq!(pair.sent(), ["SUBSCRIBE 1 a,b", "SUBSCRIBE 2 c", "SUBSCRIBE 3 d"], "one identifier each");
    }
}

#[test]
fn before_the_connection_they_wait() {
    let mut pair = Pair::new(options(Version::V5));
    pair.subscribe(&["a"]);
    pair.subscribe(&["b", "c"]);
    pair.unsubscribe(&["b"]);
    pair.publish("a", Q1);
    pair.start();
    assert_eq!(pair.sent(), ["CONNECT"]);
    pair.connack(false, ConnAckProperties::default());
    // "b" was never subscribed to: nothing to say to the server.
    assert_eq!(pair.filters(), [answer("-b", ReasonCode::NoSubscriptionExisted)]);
    assert_eq!(pair.sent(), ["SUBSCRIBE 1 a,c", "PUBLISH 2 a q1"]);
}

/// A caller that continues a session says so, and finds its subscriptions made in the order of its calls.
#[test]
fn before_the_first_connection_to_a_kept_session() {
    let mut pair = Pair::new(with_session(Version::V311));
    pair.subscribe(&["a"]);
    pair.unsubscribe(&["old"]);
    pair.start();
    pair.sent.clear();
    pair.connack(true, ConnAckProperties::default());
    assert_eq!(pair.sent(), ["SUBSCRIBE 1 a", "UNSUBSCRIBE 2 old"]);
}

#[test]
fn after_a_reconnect() {
    for session_present in [false, true] {
        let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
        pair.subscribe(&["a", "b", "refused"]);
        pair.server(suback(1, &[GRANTED_1, GRANTED_1, ReasonCode::NotAuthorized]));
        pair.unsubscribe(&["b"]);
        pair.server(unsuback(2, &[SUCCESS]));
        pair.subscribe(&["a", "c"]); // no answer yet
        pair.lose();
        pair.subscribe(&["d"]);
        let sent = pair.come_back(session_present);
        if session_present {
            assert_eq!(sent, ["SUBSCRIBE 4 a,c", "SUBSCRIBE 5 d"]);
        } else {
            assert_eq!(sent, ["SUBSCRIBE 4 a,c,d,refused"]);
            pair.server(suback(4, &[GRANTED_1; 4]));
            let all = ["+a", "+c", "+d", "+refused"].map(|filter| answer(filter, GRANTED_1));
            assert_eq!(pair.filters(), all);
        }
    }
}

#[test]
fn an_unanswered_unsubscribe() {
    for session_present in [false, true] {
        let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
        pair.subscribe(&["a"]);
        pair.server(suback(1, &[GRANTED_1]));
        pair.unsubscribe(&["a"]);
        pair.lose();
        let sent = pair.come_back(session_present);
        if session_present {
            assert_eq!(sent, ["UNSUBSCRIBE 3 a"]);
        } else {
            assert_eq!(sent, [""; 0]);
            assert_eq!(pair.filters(), [answer("-a", ReasonCode::NoSubscriptionExisted)]);
        }
    }
}

#[test]
fn unanswered_requests_keep_their_order() {
    let mut pair = Pair::connected(with_session(Version::V5), ConnAckProperties::default());
    pair.subscribe(&["a"]);
    pair.unsubscribe(&["a"]);
    pair.subscribe(&["b"]);
    pair.lose();
    assert_eq!(pair.come_back(true), ["SUBSCRIBE 4 a", "UNSUBSCRIBE 5 a", "SUBSCRIBE 6 b"]);
}

/// What the server would close the connection for is answered here.
#[test]
fn what_the_server_cannot_do() {
    let limits = ConnAckProperties {
        wildcard_subscription_available: Some(false),
        shared_subscription_available: Some(false),
        maximum_packet_size: Some(60),
        ..ConnAckProperties::default()
    };
    let mut pair = Pair::connected(options(Version::V5), limits);
    let long = "x".repeat(60);
    pair.subscribe(&["a", "b/+", "$share/g/c", &long, "d"]);
    assert_eq!(
        pair.filters(),
        [
            answer("+b/+", ReasonCode::WildcardSubscriptionsNotSupported),
            answer("+$share/g/c", ReasonCode::SharedSubscriptionsNotSupported),
            answer(&format!("+{long}"), ReasonCode::PacketTooLarge), // [MQTT-3.2.2-15]
        ]
    );
    assert_eq!(pair.sent(), ["SUBSCRIBE 1 a,d"]);
    pair.unsubscribe(&[&long]);
    assert_eq!(pair.filters(), [answer(&format!("-{long}"), ReasonCode::NoSubscriptionExisted)]);
    assert_eq!(pair.sent(), [""; 0]);
    let half = "y".repeat(20);
    pair.subscribe(&[&half, &format!("{half}/2"), &format!("{half}/3")]);
    assert_eq!(pair.sent().len(), 3, "cut to the size that the server takes");

    let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    pair.client.subscribe(vec![Subscription { options, ..subscription("$share/g/c", Q1) }], pair.now);
    pair.pump();
    assert_eq!(pair.filters(), [answer("+$share/g/c", ReasonCode::ProtocolError)]); // [MQTT-3.8.3-4]
    let id = NonZeroU32::new(268_435_456); // one too high
    pair.client.subscribe(vec![Subscription { id, ..subscription("d", Q1) }], pair.now);
    pair.pump();
    assert_eq!(pair.filters(), [answer("+d", ReasonCode::ProtocolError)]);
    assert!(pair.client.pending().is_empty());
}

#[test]
fn many_filters_make_several_packets() {
    let filters: Vec<String> = (0..1_000).map(|n| format!("some/topic/{n:04}")).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
    pair.subscribe(&filters);
    let sent = pair.sent();
    assert_eq!(sent.len(), 10);
    let all: Vec<&str> = sent.iter().flat_map(|s| s.rsplit(' ').next().unwrap().split(',')).collect();
    assert_eq!(all, filters);
    pair.reconnect(false, ConnAckProperties::default());
    assert_eq!(pair.sent().len(), 10, "one packet never has more than one answer waiting for it");
    pair.unsubscribe(&filters);
    assert_eq!(pair.sent().len(), 10);
}

#[test]
fn wrong_answers() {
    let cases = [suback(1, &[]), suback(1, &[SUCCESS]), suback(1, &[SUCCESS; 3])];
    for packet in cases {
        let mut pair = Pair::connected(options(Version::V5), ConnAckProperties::default());
        pair.subscribe(&["a", "b"]);
        pair.clear();
        let mut bytes = tabmq_shared::BytesMut::new();
        tabmq_shared::codec::encode(&packet, Version::V5, &mut bytes).unwrap();
        pair.server_bytes(&bytes);
        let is_error = |event: &Event| matches!(event, Event::ProtocolError { .. });
        assert!(pair.events.iter().any(is_error), "{packet:?}"); // [MQTT-3.8.4-6]
    }
    // Strays are left alone: also an UNSUBACK for a SUBSCRIBE.
    let mut pair = Pair::connected(options(Version::V311), ConnAckProperties::default());
    pair.subscribe(&["a"]);
    pair.server(suback(9, &[SUCCESS]));
    pair.server(unsuback(1, &[]));
    assert_eq!((pair.filters(), pair.client.pending().requests), (vec![], 1));
    pair.server(suback(1, &[ReasonCode::UnspecifiedError]));
    assert_eq!(pair.filters(), [answer("+a", ReasonCode::UnspecifiedError)]);
}

/// Identifiers are shared with PUBLISH [MQTT-2.2.1-3] but take nothing from its quota.
#[test]
fn identifiers_are_not_used_twice() {
    let mut pair =
        Pair::connected(ConnectOptions { max_in_flight: 2, ..options(Version::V5) }, Default::default());
    pair.subscribe(&["a"]);
    pair.publish("a", Q1);
    pair.unsubscribe(&["a"]);
    pair.publish("a", Q1);
    assert_eq!(pair.sent(), ["SUBSCRIBE 1 a", "PUBLISH 2 a q1", "UNSUBSCRIBE 3 a", "PUBLISH 4 a q1"]);
}
