//! The client against a model of a broker, over a connection that is slow, cut anywhere and lost at any moment.
//!
//! Each run is a seed. Both sides publish numbered messages; in the end the connection holds, everything settles, and
//! the books are compared: QoS 1 at least once, QoS 2 exactly once, QoS 0 at most once, each in order. If the broker
//! forgets the session at times, the client's messages still all arrive.

use crate::harness::{options, subscription};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::time::Duration;
use tabmq_shared::client::{Client, Command, ConnectOptions, Event, Message, Outcome};
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    Ack, AckProperties, ConnAck, ConnAckProperties, Packet, Publish, QoS, ReasonCode, SubAck, Version,
};
use tabmq_shared::session::InboundAliases;
use tabmq_shared::topic::TopicName;
use tabmq_shared::{ByteString, Bytes, BytesMut, Time};

const RUNS: u64 = 2_000;
/// How many messages each side publishes in a run.
const MESSAGES: u32 = 25;

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    let mut total = Counts::default();
    for seed in 0..RUNS {
        World::new(seed, false).run(&mut total);
    }
    // The runs are worth something only if the connection was lost often, and in the middle of things.
    assert!(total.lost > 5 * RUNS && total.repeated > RUNS && total.resumed > RUNS, "{total:?}");
}

#[test]
fn nothing_is_lost_if_the_broker_forgets() {
    let mut total = Counts::default();
    for seed in 0..RUNS {
        World::new(seed, true).run(&mut total);
    }
    assert!(total.forgotten > RUNS && total.repeated > RUNS, "{total:?}");
}

#[derive(Debug, Default)]
struct Counts {
    lost: u64,
    resumed: u64,
    repeated: u64,
    forgotten: u64,
}

struct World {
    seed: u64,
    rng: fastrand::Rng,
    now: Time,
    client: Client,
    broker: Broker,
    transport: Transport,
    /// What the client has published: the QoS of each.
    published: Vec<QoS>,
    outcomes: BTreeMap<u64, Outcome>,
    /// What the client was handed.
    received: Vec<u32>,
    counts: Counts,
}

/// Bytes on their way.
enum Transport {
    Closed,
    Opening,
    Open { up: BytesMut, down: BytesMut },
}

impl World {
    fn new(seed: u64, forgetful: bool) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let version = if rng.bool() { Version::V5 } else { Version::V311 };
        let mut options = ConnectOptions { clean_start: false, keep_alive_s: 10, ..options(version) };
        options.properties.session_expiry_s = Some(3_600);
        options.properties.receive_maximum = NonZeroU16::new(rng.u16(1..6));
        let window = if version.is_v5() { options.properties.receive_maximum.map_or(5, NonZeroU16::get) } else { 5 };
        let limits = ConnAckProperties {
            receive_maximum: NonZeroU16::new(rng.u16(1..6)),
            topic_alias_maximum: Some(rng.u16(0..3)),
            ..ConnAckProperties::default()
        };
        let mut client = Client::new(options, seed);
        client.subscribe(vec![subscription("to/client", QoS::ExactlyOnce)], Time::ZERO);
        client.start(Time::ZERO);
        World {
            seed,
            rng,
            now: Time::ZERO,
            client,
            broker: Broker::new(version, limits, window.into(), forgetful),
            transport: Transport::Closed,
            published: Vec::new(),
            outcomes: BTreeMap::new(),
            received: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn run(mut self, total: &mut Counts) {
        while self.published.len() < MESSAGES as usize || self.broker.published.len() < MESSAGES as usize {
            self.step();
        }
        for _ in 0..10_000 {
            self.settle();
            if self.client.pending().is_empty() && self.client.state().is_connected() && self.broker.is_idle() {
                self.check();
                total.lost += self.counts.lost;
                total.resumed += self.broker.resumed;
                total.repeated += self.broker.repeated;
                total.forgotten += self.broker.forgotten;
                return;
            }
        }
        panic!("seed {}: never settles: {:?}, {:?}", self.seed, self.client.state(), self.client.pending());
    }

    /// One thing happens.
    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..20 if self.published.len() < MESSAGES as usize => self.publish(),
            20..40 if self.broker.published.len() < MESSAGES as usize => {
                let qos = qos(&mut self.rng);
                self.broker.publish(qos);
            }
            40..60 => self.write(),
            60..90 => self.deliver(),
            90..94 => {
                self.now = self.now + Duration::from_millis(self.rng.u64(0..3_000));
                self.client.handle_timeout(self.now);
            }
            94..97 => self.lose(),
            _ => self.open(),
        }
        self.poll();
    }

    /// Everything that can happen does, and nothing is lost.
    fn settle(&mut self) {
        self.now = self.now + Duration::from_millis(100);
        self.client.handle_timeout(self.now);
        self.poll();
        self.open();
        self.write();
        self.deliver();
        self.poll();
    }

    fn publish(&mut self) {
        let n = self.published.len() as u32;
        let qos = qos(&mut self.rng);
        let topic = TopicName::new(["to/broker", "to/broker/too"][self.rng.usize(0..2)]).unwrap();
        let message = Message::new(topic, n.to_string(), qos, false);
        self.client.publish(message, self.now).unwrap();
        self.published.push(qos);
    }

    /// The transport opens, or does not.
    fn open(&mut self) {
        if matches!(self.transport, Transport::Opening) {
            if self.rng.u32(0..4) == 0 {
                self.transport = Transport::Closed;
                self.client.handle_closed("refused", self.now);
            } else {
                self.transport = Transport::Open { up: BytesMut::new(), down: BytesMut::new() };
                self.client.handle_opened(self.now);
            }
        }
        self.poll();
    }

    /// The transport takes bytes of both sides.
    fn write(&mut self) {
        if let Transport::Open { up, down } = &mut self.transport {
            if let Some(bytes) = self.client.poll_transmit(self.rng.usize(1..200)) {
                up.extend_from_slice(&bytes);
            }
            self.broker.transmit(down);
        }
    }

    /// The transport delivers some of the bytes.
    fn deliver(&mut self) {
        let Transport::Open { up, down } = &mut self.transport else { return };
        let taken = self.rng.usize(0..=up.len());
        let mut bytes = up.split_to(taken);
        let taken = self.rng.usize(0..=down.len());
        let to_client = down.split_to(taken);
        if !self.broker.receive(&mut bytes) {
            self.lose();
        } else if !to_client.is_empty() {
            self.client_bytes.extend_from_slice(&to_client);
            self.client.handle_data(&mut self.client_bytes, self.now);
        }
    }

    /// The connection is lost, with a part of what was on its way.
    fn lose(&mut self) {
        self.deliver_last();
        if let Transport::Open { .. } = std::mem::replace(&mut self.transport, Transport::Closed) {
            self.counts.lost += 1;
            self.broker.lost();
            self.client.handle_closed("lost", self.now);
        }
    }
}
