//! One client with its wire.

use super::super::*;
use super::books::{About, Kind};
use super::topic;
use super::wire::Wire;
use std::num::NonZeroU32;
use tabmq_shared::client::{Client, Command, ConnectOptions, Message, Subscription};
use tabmq_shared::topic::{TopicFilter, TopicName};

/// How many groups of shared subscriptions there are.
pub(super) const GROUPS: usize = 2;

pub(super) struct Peer {
    pub(super) about: About,
    pub(super) client: Client,
    pub(super) wire: Option<Wire>,
    /// The client has asked for a wire and waits for it.
    opening: bool,
    at_client: BytesMut,
}

impl Peer {
    /// The peer with this number among so many.
    pub(super) fn new(n: usize, count: usize, rng: &mut fastrand::Rng) -> Peer {
        let version = [Version::V5, Version::V5, Version::V311, Version::V31][rng.usize(0..4)];
        // The first one stays, so that every group has somebody.
        let lasting = n == 0 || rng.u8(0..4) > 0;
        let mut options = ConnectOptions {
            client_id: ByteString::from(n.to_string()),
            clean_start: !lasting,
            keep_alive_s: [0, 2, 60][rng.usize(0..3)],
            max_in_flight: rng.u16(1..10),
            ..ConnectOptions::default()
        };
        options.properties.session_expiry_s = lasting.then_some(*rng.choice(&[3600, u32::MAX]).unwrap());
        options.properties.receive_maximum = NonZeroU16::new(rng.u16(1..10));
        options.properties.topic_alias_maximum = Some(rng.u16(0..4));
        let will_delay_s = if version.is_v5() { rng.u32(0..3) } else { 0 };
        options.will = rng.bool().then(|| Will {
            topic: format!("will/{n}").into(),
            payload: Bytes::from(n.to_string()),
            qos: QoS::ExactlyOnce,
            retain: false,
            properties: WillProperties { delay_interval_s: Some(will_delay_s), ..WillProperties::default() },
        });
        let mut client = Client::new(options.clone(), rng.u64(..));
        let subscriptions = subscriptions(n, count, version, rng);
        let about = About {
            lasting,
            will_at_once: options.will.is_some().then_some(will_delay_s == 0),
            subscriptions: subscriptions.clone(),
        };
        client.subscribe(subscriptions, Time::ZERO);
        Peer { about, client, wire: None, opening: false, at_client: BytesMut::new() }
    }

    /// What it publishes next.
    pub(super) fn message(&self, number: usize, rng: &mut fastrand::Rng) -> (Kind, QoS, Message) {
        let kind = match rng.u32(0..10) {
            0..5 => Kind::Plain(rng.usize(0..3)),
            5..7 => Kind::Work(rng.usize(0..GROUPS)),
            7..9 => Kind::Retained,
            _ => Kind::Passing,
        };
        let n: usize = self.client.options().client_id.parse().unwrap();
        let qos = match kind {
            // The newest must be known: never lost, and never followed by an older one that QoS 1 repeats.
            Kind::Retained => QoS::from_u8(1 + n as u8 % 2),
            _ => QoS::from_u8(rng.u8(0..3)),
        };
        let qos = qos.unwrap();
        let mut payload = number.to_string();
        if rng.u32(0..20) == 0 {
            payload.push_str(&" ".repeat(crate::outbox::SHARED_PAYLOAD_BYTES)); // one of those that are shared
        }
        let name = TopicName::new(topic(kind, n)).unwrap();
        (kind, qos, Message::new(name, payload, qos, kind == Kind::Retained))
    }

    /// Subscribes again to what may be subscribed to at any time, or takes that back.
    pub(super) fn subscribe_anew(&mut self, rng: &mut fastrand::Rng, now: Time) {
        let passing = subscription("passing/#", QoS::ExactlyOnce);
        match rng.u32(0..3) {
            0 => self.client.subscribe(vec![passing], now),
            1 => self.client.unsubscribe(vec![passing.filter], now),
            _ => {
                let all = self.about.subscriptions.iter();
                let again = all.filter(|s| s.filter.as_str() == "retained/#").cloned().collect();
                self.client.subscribe(again, now);
            }
        }
    }

    /// The transport takes bytes.
    pub(super) fn write(&mut self, rng: &mut fastrand::Rng) {
        if let Some(wire) = self.wire.as_mut().filter(|wire| !wire.up_ended) {
            wire.up.extend(self.client.poll_transmit(rng.usize(1..300)));
        }
    }

    /// Some of what is on its way arrives.
    pub(super) fn hear(&mut self, rng: &mut fastrand::Rng, now: Time) {
        let Some(wire) = &mut self.wire else { return };
        self.at_client.unsplit(wire.down.split_to(rng.usize(0..=wire.down.len())));
        if !self.at_client.is_empty() {
            self.client.handle_data(&mut self.at_client, now);
        }
        if wire.down_ended && wire.down.is_empty() {
            self.wire = None;
            self.client.handle_closed("closed", now);
        }
    }

    /// Does what the client says. The wire that it has given up, if the broker has still to hear of that.
    pub(super) fn obey(&mut self, rng: &mut fastrand::Rng, now: Time, stormy: bool) -> Option<Wire> {
        let mut orphan = None;
        while let Some(command) = self.client.poll_command() {
            match command {
                Command::Open => self.opening = true,
                Command::Close => {
                    self.opening = false;
                    if let Some(mut wire) = self.wire.take() {
                        wire.up.extend(self.client.poll_transmit(usize::MAX));
                        wire.up_ended = true;
                        orphan = known(wire);
                    }
                }
            }
        }
        if self.opening && self.wire.is_none() && rng.u32(0..3) > 0 {
            self.opening = false;
            self.at_client.clear();
            if stormy && rng.u32(0..4) == 0 {
                self.client.handle_closed("refused", now);
            } else {
                self.wire = Some(Wire::new());
                self.client.handle_opened(now);
            }
        }
        orphan
    }

    /// The connection is lost with some of what is on its way. Not everybody notices at once.
    pub(super) fn lose(&mut self, broker: &mut Broker, rng: &mut fastrand::Rng, now: Time) -> Option<Wire> {
        let mut wire = self.wire.take()?;
        wire.up.truncate(rng.usize(0..=wire.up.len()));
        match rng.u32(0..4) {
            // The broker notices, the client later.
            0 => {
                wire.down.truncate(rng.usize(0..=wire.down.len()));
                wire.up_ended = true; // what the client still writes goes nowhere
                wire.cut(broker, Some("reset"), now);
                self.wire = Some(wire);
                return None;
            }
            // Both notice.
            1 => wire.cut(broker, Some("reset"), now),
            // The client notices, the broker later.
            2 => wire.up_ended = true,
            // The client notices, the broker does not.
            _ => {}
        }
        self.client.handle_closed("lost", now);
        known(wire)
    }
}

/// A wire on which the broker has not had a CONNECT is gone: nothing was sent on it but that.
fn known(wire: Wire) -> Option<Wire> {
    (wire.is_known() && !wire.down_ended).then_some(wire)
}

/// What a peer subscribes to: ordinary subscriptions, which overlap, and shared ones.
fn subscriptions(n: usize, count: usize, version: Version, rng: &mut fastrand::Rng) -> Vec<Subscription> {
    let somebody = rng.usize(0..count);
    let filters = [
        "topic/#".to_owned(),
        "topic/+/0".to_owned(),
        format!("topic/{somebody}/+"),
        format!("topic/{somebody}/1"),
        "+/+/2".to_owned(),
    ];
    let mut all = Vec::new();
    for filter in &filters {
        if rng.bool() {
            let mut chosen = subscription(filter, QoS::from_u8(rng.u8(0..3)).unwrap());
            if version.is_v5() {
                chosen.options.no_local = rng.u8(0..4) == 0;
                chosen.id = NonZeroU32::new(rng.u32(0..4));
            }
            all.push(chosen);
        }
    }
    // All members of a group have the same QoS, so that it does not matter who is chosen.
    for group in 0..GROUPS {
        if n == 0 || rng.bool() {
            let qos = QoS::from_u8(1 + group as u8).unwrap();
            all.push(subscription(&format!("$share/g/work{group}/#"), qos));
        }
    }
    if rng.bool() {
        all.push(subscription("retained/#", QoS::from_u8(rng.u8(1..3)).unwrap()));
    }
    if rng.bool() {
        all.push(subscription("will/#", QoS::ExactlyOnce));
    }
    all
}

fn subscription(filter: &str, qos: QoS) -> Subscription {
    Subscription { filter: TopicFilter::new(filter).unwrap(), options: options(qos), id: None }
}
