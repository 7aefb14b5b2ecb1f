//! What a server can be set not to offer: CONNACK says so, and it is enforced.

use super::*;

fn rig(features: Features) -> Rig {
    Rig::with(BrokerConfig { features, ..BrokerConfig::default() })
}

#[test]
fn everything_is_offered_unless_set_otherwise_and_then_not_mentioned() {
    let properties = Rig::new().connect(connect(Version::V5, "c")).1.properties;
    let expected = ConnAckProperties {
        maximum_packet_size: properties.maximum_packet_size,
        topic_alias_maximum: properties.topic_alias_maximum,
        ..ConnAckProperties::default()
    };
    assert_eq!(properties, expected);
}

#[test]
fn maximum_qos() {
    let features = Features { maximum_qos: QoS::AtLeastOnce, ..Features::default() };
    let mut rig = rig(features);
    let (a, connack) = rig.connect(connect(Version::V5, "a"));
    assert_eq!(connack.properties.maximum_qos, Some(QoS::AtLeastOnce)); // [MQTT-3.2.2-9]
    let granted = rig.subscribe_with(a, "t", options(QoS::ExactlyOnce), None); // [MQTT-3.2.2-10]
    assert_eq!(granted, ReasonCode::GrantedQoS1);
    rig.send(a, Packet::Publish(publish("t", "x", QoS::ExactlyOnce, 1)));
    assert_eq!(rig.farewell(a), Some(ReasonCode::QoSNotSupported)); // [MQTT-3.2.2-11]
    let will = Will {
        topic: "w".into(),
        payload: Bytes::new(),
        qos: QoS::ExactlyOnce,
        retain: false,
        properties: WillProperties::default(),
    };
    let with_will = Connect { will: Some(will), ..connect(Version::V5, "b") };
    let error = rig.broker.connect(&with_will, Admitted::default(), Rig::peer(), rig.now).unwrap_err();
    assert_eq!(error.reason, ReasonCode::QoSNotSupported); // [MQTT-3.2.2-12]
}

#[test]
fn retain_available() {
    let mut rig = rig(Features { retain: false, ..Features::default() });
    let (a, connack) = rig.connect(connect(Version::V5, "a"));
    assert_eq!(connack.properties.retain_available, Some(false));
    rig.send(a, Packet::Publish(Publish { retain: true, ..publish("t", "x", QoS::AtMostOnce, 0) }));
    assert_eq!(rig.farewell(a), Some(ReasonCode::RetainNotSupported)); // [MQTT-3.2.2-14]
}

#[test]
fn kinds_of_subscription() {
    type Off = fn(&mut Features);
    type Told = fn(&ConnAckProperties) -> Option<bool>;
    let cases: [(Off, Told, &str, Option<u32>, ReasonCode); 3] = [
        (
            |features| features.wildcard_subscriptions = false,
            |properties| properties.wildcard_subscription_available,
            "a/#",
            None,
            ReasonCode::WildcardSubscriptionsNotSupported,
        ),
        (
            |features| features.subscription_ids = false,
            |properties| properties.subscription_ids_available,
            "a",
            Some(1),
            ReasonCode::SubscriptionIdentifiersNotSupported,
        ),
        (
            |features| features.shared_subscriptions = false,
            |properties| properties.shared_subscription_available,
            "$share/g/a",
            None,
            ReasonCode::SharedSubscriptionsNotSupported,
        ),
    ];
    for (off, told, filter, id, reason) in cases {
        let mut features = Features::default();
        off(&mut features);
        let mut rig = rig(features);
        let (a, connack) = rig.connect(connect(Version::V5, "a"));
        assert_eq!(told(&connack.properties), Some(false));
        assert_eq!(rig.subscribe_with(a, filter, SubscriptionOptions::default(), id), reason);
        assert_eq!(rig.broker.stats().subscriptions, 0);
    }
}

#[test]
fn response_information_is_for_those_who_ask() {
    let mut rig = rig(Features { response_prefix: Some("answers".into()), ..Features::default() });
    for (asked, told) in [(None, None), (Some(false), None), (Some(true), Some("answers/c"))] {
        let mut connect = connect(Version::V5, "c");
        connect.properties.request_response_information = asked;
        let (_, connack) = rig.connect(connect);
        assert_eq!(connack.properties.response_information.as_deref(), told); // [MQTT-3.1.2-28]
    }
}

#[test]
fn clients_can_be_sent_elsewhere() {
    for (permanent, reason) in [(true, ReasonCode::ServerMoved), (false, ReasonCode::UseAnotherServer)] {
        let redirect = Some(Redirect { server: "other:1883".into(), permanent });
        let mut rig = rig(Features { redirect, ..Features::default() });
        let error = rig
            .broker
            .connect(&connect(Version::V5, "c"), Admitted::default(), Rig::peer(), rig.now)
            .unwrap_err();
        assert_eq!((error.reason, error.server_reference.as_deref()), (reason, Some("other:1883")));
    }
}
