//! Access rules as clients meet them. Who may do what is decided by a policy of a few lines; the rules themselves are
//! tested where they are.

use super::*;
use std::collections::HashSet;
use std::net::IpAddr;

/// What nobody may do: `user action topic`, with `*` for everybody; and users who are gone.
#[derive(Default)]
struct Denied {
    what: HashSet<String>,
    gone: Option<&'static str>,
}

struct DeniedTo {
    user: String,
    what: HashSet<String>,
}

impl Access for Denied {
    fn permits(&self, client: Client<'_>) -> Option<Arc<dyn Permits>> {
        assert_eq!(client.address, IpAddr::from([127, 0, 0, 1]));
        let user = client.identity.user.as_deref().unwrap_or_default().to_owned();
        Some(Arc::new(DeniedTo { user, what: self.what.clone() }))
    }

    fn recognise(&self, identity: &Identity) -> Result<Identity, String> {
        match self.gone == identity.user.as_deref() && self.gone.is_some() {
            true => Err("gone".to_owned()),
            false => Ok(identity.clone()),
        }
    }
}

impl Permits for DeniedTo {
    fn allows(&self, action: Action, topic: &str) -> bool {
        [self.user.as_str(), "*"].iter().all(|user| !self.what.contains(&format!("{user} {action} {topic}")))
    }

    fn because(&self, _action: Action, _topic: &str) -> String {
        "of a test".to_owned()
    }
}

fn denied(what: &[&str]) -> Arc<dyn Access> {
    Arc::new(Denied { what: what.iter().map(|what| (*what).to_owned()).collect(), gone: None })
}

impl Rig {
    fn denying(what: &[&str]) -> Rig {
        let mut rig = Rig::new();
        rig.deny(what);
        rig
    }

    fn deny(&mut self, what: &[&str]) {
        self.broker.set_access(denied(what), self.now);
    }

    /// Lets a client in that has proved to be this user.
    fn log_in(&mut self, connect: &Connect, user: &str) -> (Conn, bool) {
        let identity = Identity { user: Some(user.into()), ..Identity::default() };
        self.admit(connect, identity)
    }

    fn admit(&mut self, connect: &Connect, identity: Identity) -> (Conn, bool) {
        let admitted = Admitted { identity, last_data: None };
        let id = self.broker.connect(connect, admitted, Self::peer(), self.now).unwrap();
        let conn = Conn { id, version: connect.version };
        let Packet::ConnAck(connack) = self.take_first(conn) else { panic!("no CONNACK") };
        (conn, connack.session_present)
    }

    /// The events of refusals since the last call: `action topic`.
    fn refusals(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        self.broker.drain_events(&mut events);
        let told = events.into_iter().filter_map(|event| match event {
            Event::Denied { action, topic, why, .. } => {
                assert_eq!(why, "of a test");
                Some(format!("{action} {topic}"))
            }
            _ => None,
        });
        told.collect()
    }

    fn denied_and_dropped(&self, action: Action, reason: DropReason) -> (u64, u64) {
        let stats = self.broker.stats();
        (stats.denied(action), stats.dropped(reason))
    }
}

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

#[test]
fn a_message_that_is_not_allowed_goes_nowhere() {
    for version in VERSIONS {
        let mut rig = Rig::denying(&["* publish no"]);
        let (publisher, watcher) = (rig.join(version, "p"), rig.join(Version::V5, "w"));
        rig.subscribe(watcher, "#", QoS::ExactlyOnce);
        // 5.0 is told; before, all looks well and is counted [MQTT-3.3.5-2 of 3.1.1]
        let told = if version.is_v5() { ReasonCode::NotAuthorized } else { ReasonCode::Success };
        assert_eq!(rig.publish_acknowledged(publisher, "no", "1"), told);
        rig.send(publisher, Packet::Publish(publish("no", "2", QoS::ExactlyOnce, 5)));
        match rig.take_first(publisher) {
            Packet::PubRec(ack) => assert_eq!(ack.reason, told),
            other => panic!("{other:?}"),
        }
        rig.publish(publisher, "no", "3");
        rig.publish(publisher, "yes", "4");
        assert_eq!(rig.payloads(watcher), ["4"]);
        let silent = if version.is_v5() { 1 } else { 3 };
        assert_eq!(rig.denied_and_dropped(Action::Publish, DropReason::NotAuthorized), (3, silent));
        assert_eq!(rig.refusals(), ["publish no"], "a burst is told once");
        rig.pass(Duration::from_secs(2));
        rig.publish(publisher, "no", "5");
        assert_eq!(rig.refusals(), ["publish no"]);
    }
}

#[test]
fn what_is_retained_must_be_allowed_as_well() {
    let mut rig = Rig::denying(&["* retain a", "* publish b"]);
    let (publisher, watcher) = (rig.join(Version::V5, "p"), rig.join(Version::V5, "w"));
    let mut retain = |topic: &str| {
        let message = Publish { retain: true, ..publish(topic, "1", QoS::AtLeastOnce, 9) };
        rig.send(publisher, Packet::Publish(message));
        match rig.take_first(publisher) {
            Packet::PubAck(ack) => ack.reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(retain("a"), ReasonCode::NotAuthorized);
    assert_eq!(retain("b"), ReasonCode::NotAuthorized);
    assert_eq!(retain("c"), ReasonCode::NoMatchingSubscribers);
    assert_eq!(rig.publish_acknowledged(publisher, "a", "2"), ReasonCode::NoMatchingSubscribers);
    rig.subscribe(watcher, "#", QoS::AtMostOnce);
    let topics: Vec<_> = rig.messages(watcher).into_iter().map(|message| message.topic.to_string()).collect();
    assert_eq!(topics, ["c"]);
}

/// A topic alias is resolved before anybody asks what is allowed.
#[test]
fn an_alias_does_not_get_around_the_rules() {
    let mut rig = Rig::denying(&["* publish no"]);
    let (publisher, watcher) = (rig.join(Version::V5, "p"), rig.join(Version::V5, "w"));
    rig.subscribe(watcher, "#", QoS::AtMostOnce);
    for (topic, payload) in [("no", "1"), ("", "2"), ("yes", "3"), ("", "4"), ("no", "5"), ("", "6")] {
        let message =
            Publish { topic_alias: 1.try_into().ok(), ..publish(topic, payload, QoS::AtMostOnce, 0) };
        rig.send(publisher, Packet::Publish(message));
    }
    assert_eq!(rig.payloads(watcher), ["3", "4"]);
    assert!(!rig.broker.has_ended(publisher.id));
}

#[test]
fn a_subscription_that_is_not_allowed_is_refused_alone() {
    for version in VERSIONS {
        let mut rig = Rig::denying(&["* subscribe no", "* subscribe no/#"]);
        let conn = rig.join(version, "c");
        let filters = ["a", "no", "no/#", "$share/g/no"];
        // Shared subscriptions are 5.0's; before, it is a filter as any other.
        let filters = &filters[..if version.is_v5() { 4 } else { 3 }];
        let filters = filters
            .iter()
            .map(|filter| SubscribeFilter { filter: (*filter).into(), options: options(QoS::AtMostOnce) });
        let subscribe = Subscribe {
            packet_id: id(1),
            properties: SubscribeProperties::default(),
            filters: filters.collect(),
        };
        rig.send(conn, Packet::Subscribe(Box::new(subscribe)));
        let Packet::SubAck(suback) = rig.take_first(conn) else { panic!() };
        assert_eq!(suback.reasons[0], ReasonCode::Success);
        for reason in &suback.reasons[1..] {
            // In 3.1.1 there is one word for it, 0x80.
            let expected =
                if version.is_v5() { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError };
            assert_eq!(*reason, expected, "{version}");
        }
        rig.publish(conn, "no", "1");
        rig.publish(conn, "a", "2");
        assert_eq!(rig.payloads(conn), ["2"]);
    }
}

#[test]
fn what_may_not_be_received_is_left_out_of_a_wider_subscription() {
    let mut rig = Rig::denying(&["bob receive secret", "* receive nobody"]);
    let publisher = rig.join(Version::V5, "p");
    let (ann, _) = rig.log_in(&connect(Version::V5, "a"), "ann");
    let (bob, _) = rig.log_in(&connect(Version::V5, "b"), "bob");
    for round in 0..4 {
        for conn in [ann, bob] {
            if round == 0 {
                rig.subscribe(conn, "#", QoS::AtLeastOnce);
            }
        }
        for topic in ["secret", "open", "nobody"] {
            rig.publish(publisher, topic, topic);
        }
        // In every round the same, also when the router knows the topic.
        assert_eq!(rig.payloads(ann), ["secret", "open"], "round {round}");
        assert_eq!(rig.payloads(bob), ["open"], "round {round}");
    }
    assert_eq!(rig.denied_and_dropped(Action::Receive, DropReason::NotReadable), (12, 12));
}

#[test]
fn a_shared_subscription_serves_those_who_may() {
    let mut rig = Rig::denying(&["bob receive t"]);
    let publisher = rig.join(Version::V5, "p");
    let (ann, _) = rig.log_in(&connect(Version::V5, "a"), "ann");
    let (bob, _) = rig.log_in(&connect(Version::V5, "b"), "bob");
    for conn in [ann, bob] {
        rig.subscribe(conn, "$share/g/t", QoS::AtLeastOnce);
    }
    for n in 0..4 {
        rig.publish(publisher, "t", &n.to_string());
    }
    assert_eq!((rig.payloads(ann).len(), rig.payloads(bob).len()), (4, 0));
}

#[test]
fn retained_messages_are_for_those_who_may() {
    let mut rig = Rig::denying(&["bob receive t"]);
    let publisher = rig.join(Version::V5, "p");
    let retain =
        |topic| Packet::Publish(Publish { retain: true, ..publish(topic, topic, QoS::AtMostOnce, 0) });
    rig.send(publisher, retain("t"));
    rig.send(publisher, retain("u"));
    for (user, expected) in [("ann", &["t", "u"][..]), ("bob", &["u"])] {
        let (conn, _) = rig.log_in(&connect(Version::V5, user), user);
        rig.subscribe(conn, "#", QoS::AtMostOnce);
        assert_eq!(rig.payloads(conn), expected, "{user}");
    }
    assert_eq!(rig.denied_and_dropped(Action::Receive, DropReason::NotReadable), (1, 1));
}

#[test]
fn a_will_must_be_allowed() {
    let mut rig = Rig::denying(&["* publish no", "* retain keep"]);
    let with_will = |topic: &str, retain| Connect {
        will: Some(Will {
            topic: topic.into(),
            payload: Bytes::from_static(b"gone"),
            qos: QoS::AtMostOnce,
            retain,
            properties: WillProperties::default(),
        }),
        ..connect(Version::V5, "w")
    };
    for (topic, retain) in [("no", false), ("keep", true)] {
        let connect = with_will(topic, retain);
        let error = rig.broker.connect(&connect, Admitted::default(), Rig::peer(), rig.now).unwrap_err();
        assert_eq!(error.reason, ReasonCode::NotAuthorized, "{topic}");
    }
    let watcher = rig.join(Version::V5, "watcher");
    rig.subscribe(watcher, "#", QoS::AtMostOnce);
    // Allowed when the client came, and when it went.
    let (conn, _) = rig.connect(with_will("keep", false));
    rig.lose(conn);
    assert_eq!(rig.payloads(watcher), ["gone"]);
    // Allowed when it came, but not any more.
    let (conn, _) = rig.connect(with_will("later", false));
    rig.deny(&["* publish later"]);
    rig.lose(conn);
    assert_eq!(rig.payloads(watcher), [""; 0]);
    assert_eq!(rig.broker.stats().dropped(DropReason::NotAuthorized), 1);
}

#[test]
fn other_rules_hold_at_once_for_those_who_are_there() {
    let mut rig = Rig::denying(&[]);
    let (publisher, watcher) = (rig.join(Version::V5, "p"), rig.join(Version::V5, "w"));
    rig.subscribe(watcher, "a", QoS::AtLeastOnce);
    rig.subscribe(watcher, "b/+", QoS::AtLeastOnce);
    rig.subscribe_with(watcher, "$share/g/c", options(QoS::AtLeastOnce), None);
    let publish = |rig: &mut Rig| {
        for topic in ["a", "b/1", "c"] {
            rig.publish(publisher, topic, topic);
        }
        let mut payloads = rig.payloads(watcher);
        payloads.sort_unstable();
        payloads
    };
    for _ in 0..3 {
        assert_eq!(publish(&mut rig), ["a", "b/1", "c"]); // also from the router's memory
    }
    rig.deny(&["* subscribe a", "* receive b/1", "* subscribe c"]);
    assert_eq!(publish(&mut rig), [""; 0]);
    assert_eq!(rig.broker.stats().subscriptions, 1);
    // A subscription that rests can be ended, and made again only if that is allowed.
    assert_eq!(rig.subscribe_with(watcher, "a", options(QoS::AtMostOnce), None), ReasonCode::NotAuthorized);
    rig.deny(&["* subscribe c"]);
    assert_eq!(publish(&mut rig), ["a", "b/1"]);
    rig.deny(&[]);
    assert_eq!(publish(&mut rig), ["a", "b/1", "c"]);
    rig.deny(&["* publish a", "* publish b/1", "* publish c"]);
    assert_eq!(publish(&mut rig), [""; 0]);
    rig.broker.set_access(Arc::new(NoRules), rig.now);
    assert_eq!(publish(&mut rig), ["a", "b/1", "c"]);
}

#[test]
fn what_is_queued_or_in_flight_is_looked_at_again() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut rig = Rig::denying(&[]);
        let publisher = rig.join(Version::V5, "p");
        let mut small = resume(Version::V5, "w");
        small.properties.receive_maximum = NonZeroU16::new(2);
        let (watcher, _) = rig.connect(small.clone());
        rig.subscribe(watcher, "#", qos);
        for topic in ["a", "b", "a", "b", "a", "b"] {
            rig.send(publisher, Packet::Publish(super::publish(topic, topic, qos, 3)));
            rig.send(publisher, Packet::PubRel(Ack::success(id(3))));
        }
        assert_eq!(rig.payloads(watcher), ["a", "b"], "in flight; four are queued");
        rig.lose(watcher);
        rig.deny(&["* receive b"]);
        let (watcher, present) = rig.admit(&small, Identity::default());
        assert!(present);
        let mut got = Vec::new();
        loop {
            let messages = rig.messages(watcher);
            if messages.is_empty() {
                break;
            }
            for message in messages {
                got.push(message.topic.to_string());
                let id = message.packet_id.unwrap();
                match qos {
                    QoS::ExactlyOnce => {
                        rig.send(watcher, Packet::PubRec(Ack::success(id)));
                        rig.send(watcher, Packet::PubComp(Ack::success(id)));
                    }
                    _ => rig.send(watcher, Packet::PubAck(Ack::success(id))),
                }
            }
        }
        assert_eq!(got, ["a", "a", "a"], "{qos:?}");
        assert_eq!(rig.broker.stats().dropped(DropReason::NotReadable), 3);
        assert_eq!(rig.broker.stats().queued_messages, 0);
    }
}

#[test]
fn who_is_gone_is_shown_out() {
    let mut rig = Rig::denying(&[]);
    let (ann, _) = rig.log_in(&connect(Version::V5, "a"), "ann");
    let (bob, _) = rig.log_in(&connect(Version::V311, "b"), "bob");
    let nobody = rig.join(Version::V5, "n");
    let access = |gone| Arc::new(Denied { gone: Some(gone), ..Denied::default() });
    rig.broker.set_access(access("ann"), rig.now);
    assert_eq!(rig.farewell(ann), Some(ReasonCode::NotAuthorized));
    assert!(!rig.broker.has_ended(bob.id) && !rig.broker.has_ended(nobody.id));
    rig.broker.set_access(access("bob"), rig.now);
    assert_eq!(rig.farewell(bob), None, "closed without a word: 3.1.1 has none");
}

#[test]
fn one_users_session_is_not_another_ones() {
    let mut rig = Rig::new();
    let publisher = rig.join(Version::V5, "p");
    let (ann, _) = rig.log_in(&resume(Version::V5, "c"), "ann");
    rig.subscribe(ann, "#", QoS::AtLeastOnce);
    rig.lose(ann);
    rig.send(publisher, Packet::Publish(publish("t", "for ann", QoS::AtLeastOnce, 1)));
    let (bob, present) = rig.log_in(&resume(Version::V5, "c"), "bob");
    assert!(!present);
    assert_eq!(rig.payloads(bob), [""; 0]);
    let (_, present) = rig.log_in(&resume(Version::V5, "c"), "bob");
    assert!(present);
    let (_, present) = rig.connect_again("c");
    assert!(!present, "nor does somebody without a name get it");
}

impl Rig {
    fn connect_again(&mut self, client_id: &str) -> (Conn, bool) {
        self.admit(&resume(Version::V5, client_id), Identity::default())
    }
}

/// The end of a token: 0xA0, or for those before 5.0 the end of the connection.
#[test]
fn credentials_end() {
    for version in [Version::V311, Version::V5] {
        let mut rig = Rig::new();
        let identity = Identity {
            user: Some("ann".into()),
            valid_for: Some(Duration::from_secs(60)),
            ..Identity::default()
        };
        let (conn, _) = rig.admit(&connect(version, "c"), identity.clone());
        rig.pass(Duration::from_secs(59));
        assert!(!rig.broker.has_ended(conn.id));
        rig.pass(Duration::from_secs(2));
        let expected = version.is_v5().then_some(ReasonCode::MaximumConnectTime);
        assert_eq!(rig.farewell(conn), expected);
        // One that ends before leaves no timer behind.
        let (conn, _) = rig.admit(&connect(version, "c"), identity);
        rig.lose(conn);
        rig.pass(Duration::from_secs(61));
        assert_eq!(rig.broker.stats().clients_connected, 0);
    }
}
