//! What a message costs in the broker's core, without sockets: `cargo bench -p tabmq`.
//!
//! - `matching`: a PUBLISH that nobody gets, among so many subscriptions of others: what finding the receivers costs.
//! - `fan_out`: a PUBLISH to so many subscribers, whose outboxes are taken; the rate counts deliveries.
//! - `rules`: one publisher and one subscriber, under so many access rules, of which the last one decides; to one topic, whose
//!   answers are remembered, and to 1,000 in turn, whose answers are not.
//! - `one_at_a_time`: the same where each read brings one message only, as from devices that speak now and then.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark of packets that it made itself")]

use bytes::{Buf, Bytes, BytesMut};
use divan::Bencher;
use divan::counter::ItemsCount;
use std::net::SocketAddr;
use std::sync::Arc;
use tabmq::auth::{RuleTable, Security, SecuritySettings};
use tabmq::broker::{Admitted, Broker, BrokerConfig, ConnId, NoMethods, Output, Peer, TransportKind, Wake};
use tabmq::outbox::WriteQueue;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    Connect, ConnectProperties, Packet, PacketId, Publish, QoS, Subscribe, SubscribeFilter,
    SubscribeProperties, SubscriptionOptions, Version,
};
use tabmq_shared::{ByteString, Time};

/// Messages that one read brings.
const BATCH: usize = 100;

fn main() {
    divan::main();
}

/// A broker with its clients, and no clock: time stands still.
struct Rig {
    broker: Broker,
    subscribers: Vec<ConnId>,
    publisher: ConnId,
    queue: WriteQueue,
}

impl Rig {
    fn new() -> Self {
        let config = BrokerConfig { sys_interval_s: 0, ..BrokerConfig::default() };
        let mut broker = Broker::new(config, Arc::new(NoMethods), 1, Time::ZERO);
        let publisher = connect(&mut broker, "publisher");
        Rig { broker, subscribers: Vec::new(), publisher, queue: WriteQueue::default() }
    }

    fn subscriber(&mut self, filters: impl Iterator<Item = String>, qos: QoS) {
        let conn = connect(&mut self.broker, &format!("subscriber-{}", self.subscribers.len()));
        let filters: Vec<SubscribeFilter> = filters
            .map(|filter| SubscribeFilter {
                filter: ByteString::from(filter),
                options: SubscriptionOptions { qos, ..SubscriptionOptions::default() },
            })
            .collect();
        for chunk in filters.chunks(1000) {
            let subscribe = Subscribe {
                packet_id: PacketId::new(1).unwrap(),
                properties: SubscribeProperties::default(),
                filters: chunk.to_vec(),
            };
            let mut packets = vec![Packet::Subscribe(Box::new(subscribe))];
            self.broker.handle_packets(conn, &mut packets, 1, Time::ZERO);
            self.take(conn);
        }
        self.subscribers.push(conn);
    }

    /// Takes what waits for this connection, as if it were written. Returns the number of bytes.
    fn take(&mut self, conn: ConnId) -> usize {
        let mut bytes = 0;
        while let Output::Data { .. } =
            self.broker.take_output(conn, &mut self.queue, &Wake::noop(), Time::ZERO)
        {
            let waiting = self.queue.remaining();
            if waiting == 0 {
                break;
            }
            bytes += waiting;
            self.queue.advance(waiting);
        }
        bytes
    }

    /// Brings one read of messages to the broker, and takes what comes of it at all ends.
    fn publish(&mut self, mut packets: Vec<Packet>) -> usize {
        self.broker.handle_packets(self.publisher, &mut packets, 64 * BATCH, Time::ZERO);
        let mut bytes = self.take(self.publisher);
        for index in 0..self.subscribers.len() {
            let conn = self.subscribers.get(index).copied().unwrap();
            bytes += self.take(conn);
        }
        self.broker.drain_wakes(&mut Vec::new());
        bytes
    }
}

fn connect(broker: &mut Broker, client_id: &str) -> ConnId {
    let connect = Connect {
        version: Version::V311,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: ByteString::from(client_id),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    };
    let peer = Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)), TransportKind::Tcp);
    let conn = broker.connect(&connect, Admitted::default(), peer, Time::ZERO).unwrap();
    let mut queue = WriteQueue::default();
    while let Output::Data { .. } = broker.take_output(conn, &mut queue, &Wake::noop(), Time::ZERO) {
        if !queue.has_remaining() {
            break;
        }
        queue.advance(queue.remaining());
    }
    conn
}

/// Messages as one read brings them: slices of one buffer.
fn messages(count: usize, topic: impl Fn(usize) -> String) -> BytesMut {
    let mut bytes = BytesMut::new();
    for i in 0..count {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: ByteString::from(topic(i)),
            packet_id: None,
            topic_alias: None,
            properties: None,
            payload: Bytes::from_static(&[b'x'; 64]),
        };
        codec::encode(&Packet::Publish(publish), Version::V311, &mut bytes).unwrap();
    }
    bytes
}

fn decode(bytes: &BytesMut) -> Vec<Packet> {
    let mut bytes = bytes.clone();
    let mut packets = Vec::with_capacity(BATCH);
    while let Some(packet) = codec::decode(&mut bytes, Version::V311, &Limits::of_server()).unwrap() {
        packets.push(packet);
    }
    packets
}

/// Rules of which the last one speaks of the topics here.
fn rules_for_all(count: usize) -> Arc<Security> {
    #[derive(serde::Deserialize)]
    struct Tables {
        #[serde(default)]
        rule: Vec<RuleTable>,
    }
    let topic = |n: usize| if n + 1 == count { "t/#".to_owned() } else { format!("plant/{n}/+/state/#") };
    let text: String = (0..count)
        .map(|n| format!("[[rule]]\nallow = 'all'\nanyone = true\ntopic = '{}'\n", topic(n)))
        .collect();
    let Tables { rule } = toml::from_str(&text).unwrap();
    Arc::new(Security::load(&SecuritySettings { rules: rule, ..SecuritySettings::default() }).unwrap())
}

#[divan::bench(args = [(0, 1), (1, 1), (100, 1), (0, 1_000), (1, 1_000), (100, 1_000)])]
fn rules(bencher: Bencher<'_, '_>, (rules, topics): (usize, usize)) {
    let mut rig = Rig::new();
    rig.broker.set_access(rules_for_all(rules), Time::ZERO);
    rig.subscriber(std::iter::once("t/#".to_owned()), QoS::AtMostOnce);
    let mut round = 0;
    let inputs = || {
        round += 1;
        decode(&messages(BATCH, |i| format!("t/{}/state", (round * BATCH + i) % topics)))
    };
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(inputs).bench_local_values(|packets| {
        let bytes = rig.publish(packets);
        assert!(bytes > 64 * BATCH, "the subscriber gets every message");
    });
}

/// How the filters of the others look.
#[derive(Clone, Copy, Debug)]
enum Filters {
    /// `t/N`: no wildcards.
    Exact,
    /// `t/N/+/x`: each is a branch of its own.
    Plus,
    /// `t/N/#`
    Hash,
}

impl Filters {
    fn filter(self, n: usize) -> String {
        match self {
            Filters::Exact => format!("t/{n}"),
            Filters::Plus => format!("t/{n}/+/x"),
            Filters::Hash => format!("t/{n}/#"),
        }
    }
}

fn subscriptions() -> impl Iterator<Item = (Filters, usize)> {
    [1, 1_000, 100_000, 1_000_000]
        .into_iter()
        .flat_map(|count| [Filters::Exact, Filters::Plus, Filters::Hash].map(|filters| (filters, count)))
}

/// Topics that change, so that no cache knows them, and a topic that stays, as hot ones do.
#[divan::bench(args = subscriptions(), sample_count = 20)]
fn matching(bencher: Bencher<'_, '_>, (filters, subscriptions): (Filters, usize)) {
    let mut rig = Rig::new();
    rig.subscriber((0..subscriptions).map(|n| filters.filter(n)), QoS::AtMostOnce);
    let mut round = 0;
    let inputs = || {
        round += 1;
        decode(&messages(BATCH, |i| format!("t/{}/none/y", (round * BATCH + i) * 7919 % 1_000_003)))
    };
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(inputs)
        .bench_local_values(|packets| rig.publish(packets));
}

/// One topic, so many subscribers.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000], sample_count = 20)]
fn fan_out(bencher: Bencher<'_, '_>, subscribers: usize) {
    deliver(bencher, subscribers, BATCH);
}

#[divan::bench(args = [1, 10, 100])]
fn one_at_a_time(bencher: Bencher<'_, '_>, subscribers: usize) {
    deliver(bencher, subscribers, 1);
}

fn deliver(bencher: Bencher<'_, '_>, subscribers: usize, batch: usize) {
    let mut rig = Rig::new();
    for _ in 0..subscribers {
        rig.subscriber(std::iter::once("hot".to_owned()), QoS::AtMostOnce);
    }
    let messages = messages(batch, |_| "hot".to_owned());
    bencher
        .counter(ItemsCount::new(batch * subscribers))
        .with_inputs(|| decode(&messages))
        .bench_local_values(|packets| {
            let bytes = rig.publish(packets);
            assert_eq!(bytes, messages.len() * subscribers, "every subscriber gets every message");
        });
}
