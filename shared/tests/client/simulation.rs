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
const MESSAGES: u32 = 40;

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

/// Bytes on their way, and bytes that have come but are not a whole packet.
enum Transport {
    Closed,
    Opening,
    Open { up: BytesMut, down: BytesMut, at_broker: BytesMut, at_client: BytesMut },
}

impl World {
    fn new(seed: u64, forgetful: bool) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let version = if rng.bool() { Version::V5 } else { Version::V311 };
        let mut options = ConnectOptions { clean_start: false, keep_alive_s: 10, ..options(version) };
        options.properties.session_expiry_s = Some(3_600);
        options.properties.receive_maximum = NonZeroU16::new(rng.u16(1..6));
        let window =
            if version.is_v5() { options.properties.receive_maximum.map_or(5, NonZeroU16::get) } else { 5 };
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
            if self.client.pending().is_empty() && self.client.state().is_connected() && self.broker.is_idle()
            {
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
                if self.rng.bool() {
                    self.client.retry_now(self.now);
                }
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
                let [up, down, at_broker, at_client] = [(); 4].map(|()| BytesMut::new());
                self.transport = Transport::Open { up, down, at_broker, at_client };
                self.client.handle_opened(self.now);
            }
        }
        self.poll();
    }

    /// The transport takes bytes of both sides.
    fn write(&mut self) {
        if let Transport::Open { up, down, .. } = &mut self.transport {
            let some = self.rng.usize(1..200);
            up.extend(self.client.poll_transmit(some));
            self.broker.transmit(down);
        }
    }

    /// The transport delivers some of the bytes.
    fn deliver(&mut self) {
        let Transport::Open { up, down, at_broker, at_client } = &mut self.transport else { return };
        at_broker.unsplit(up.split_to(self.rng.usize(0..=up.len())));
        at_client.unsplit(down.split_to(self.rng.usize(0..=down.len())));
        self.broker.receive(at_broker);
        if !at_client.is_empty() {
            self.client.handle_data(at_client, self.now);
        }
    }

    /// The connection is lost, with a part of what was on its way.
    fn lose(&mut self) {
        self.deliver();
        if let Transport::Open { .. } = self.transport {
            self.transport = Transport::Closed;
            self.counts.lost += 1;
            self.broker.lost(&mut self.rng);
            self.client.handle_closed("lost", self.now);
        }
    }

    /// Looks at what the client says.
    fn poll(&mut self) {
        while let Some(command) = self.client.poll_command() {
            if let Transport::Open { .. } = self.transport {
                assert_eq!(command, Command::Close, "seed {}", self.seed);
                self.counts.lost += 1;
                self.broker.lost(&mut self.rng);
            }
            self.transport = match command {
                Command::Open => Transport::Opening,
                Command::Close => Transport::Closed,
            };
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Message(publish) => self.received.push(number(&publish.payload)),
                Event::Published { id, outcome } => {
                    let before = self.outcomes.insert(id.0, outcome);
                    assert_eq!(before, None, "seed {}: {id:?} has two ends", self.seed);
                }
                Event::ProtocolError { message, .. } => panic!("seed {}: {message}", self.seed),
                _ => {}
            }
        }
    }

    fn check(&self) {
        let seed = self.seed;
        for (n, qos) in self.published.iter().enumerate() {
            let outcome = self.outcomes.get(&(n as u64 + 1));
            let expected = match qos {
                QoS::AtMostOnce => Outcome::Sent,
                _ => Outcome::Acknowledged(ReasonCode::Success),
            };
            assert_eq!(outcome, Some(&expected), "seed {seed}, message {n}");
        }
        // A broker that forgets its session cannot know that a message came before.
        let exact = !self.broker.forgetful;
        check_stream(
            &format!("seed {seed}, to the broker"),
            &self.published,
            &self.broker.received,
            true,
            exact,
        );
        let name = format!("seed {seed}, to the client");
        check_stream(&name, &self.broker.published, &self.received, !self.broker.forgetful, exact);
    }
}

/// What was published against what was received. `complete`: QoS 1 and 2 are all there; `exact`: QoS 2 came once.
fn check_stream(name: &str, published: &[QoS], received: &[u32], complete: bool, exact: bool) {
    let mut first_seen = Vec::new();
    let mut seen = BTreeSet::new();
    for n in received {
        if seen.insert(*n) {
            first_seen.push(*n);
            continue;
        }
        let qos = published[*n as usize];
        assert!(qos != QoS::AtMostOnce, "{name}: QoS 0 came twice: {n}");
        assert!(qos != QoS::ExactlyOnce || !exact, "{name}: QoS 2 came twice: {n} in {received:?}");
    }
    assert!(first_seen.is_sorted(), "{name}: {first_seen:?}");
    for (n, qos) in (0..).zip(published) {
        assert!(
            !complete || *qos == QoS::AtMostOnce || seen.contains(&n),
            "{name}: {n} is lost: {received:?}"
        );
    }
}

fn qos(rng: &mut fastrand::Rng) -> QoS {
    QoS::from_u8(rng.u8(0..3)).unwrap()
}

fn number(payload: &Bytes) -> u32 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// An honest broker with one client, in plain lists.
struct Broker {
    version: Version,
    limits: ConnAckProperties,
    /// How many QoS 1 and 2 messages the client takes at a time.
    window: usize,
    forgetful: bool,
    connected: bool,
    out: Vec<Packet>,
    aliases: InboundAliases,

    // The session
    exists: bool,
    subscribed: bool,
    queue: VecDeque<(u32, QoS)>,
    in_flight: Vec<InFlight>,
    next_id: u16,
    /// QoS 2 between PUBLISH and PUBREL: whether it came on this connection.
    unreleased: BTreeMap<u16, bool>,

    received: Vec<u32>,
    published: Vec<QoS>,
    resumed: u64,
    repeated: u64,
    forgotten: u64,
}

struct InFlight {
    id: u16,
    n: u32,
    qos: QoS,
    released: bool,
}

impl Broker {
    fn new(version: Version, limits: ConnAckProperties, window: usize, forgetful: bool) -> Broker {
        Broker {
            version,
            limits,
            window,
            forgetful,
            connected: false,
            out: Vec::new(),
            aliases: InboundAliases::new(0),
            exists: false,
            subscribed: false,
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            next_id: 0,
            unreleased: BTreeMap::new(),
            received: Vec::new(),
            published: Vec::new(),
            resumed: 0,
            repeated: 0,
            forgotten: 0,
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
            && self.queue.is_empty()
            && self.out.is_empty()
            && self.unreleased.is_empty()
    }

    fn publish(&mut self, qos: QoS) {
        let n = self.published.len() as u32;
        // Without a subscription, or at QoS 0 without a connection, it is nobody's: as if it had never been.
        if self.subscribed && (self.connected || qos != QoS::AtMostOnce) {
            self.published.push(qos);
            self.queue.push_back((n, qos));
        }
    }

    fn lost(&mut self, rng: &mut fastrand::Rng) {
        self.connected = false;
        self.out.clear();
        self.queue.retain(|(_, qos)| *qos != QoS::AtMostOnce);
        self.unreleased.values_mut().for_each(|on_this_connection| *on_this_connection = false);
        if self.forgetful && rng.bool() {
            (self.exists, self.subscribed) = (false, false);
            self.forgotten += 1;
            self.queue.clear();
            self.in_flight.clear();
            self.unreleased.clear();
        }
    }

    fn transmit(&mut self, down: &mut BytesMut) {
        while self.connected && self.in_flight.len() < self.window {
            let Some((n, qos)) = self.queue.pop_front() else { break };
            let mut id = 0;
            if qos != QoS::AtMostOnce {
                self.next_id = self.next_id % 20 + 1; // the same identifiers come again soon
                id = self.next_id;
                self.in_flight.push(InFlight { id, n, qos, released: false });
            }
            self.out.push(to_client(n, qos, id, false));
        }
        for packet in self.out.drain(..) {
            codec::encode(&packet, self.version, down).unwrap();
        }
    }

    fn receive(&mut self, bytes: &mut BytesMut) {
        while let Some(packet) = codec::decode(bytes, self.version, &Limits::of_server()).unwrap() {
            self.handle(packet);
        }
    }

    fn handle(&mut self, packet: Packet) {
        match packet {
            Packet::Connect(_) => self.connect(),
            Packet::Publish(publish) => self.on_publish(publish),
            Packet::PubRel(ack) => {
                assert_eq!(ack.reason, ReasonCode::Success);
                self.unreleased.remove(&ack.packet_id.get());
                self.out.push(Packet::PubComp(Ack::success(ack.packet_id)));
            }
            Packet::PubAck(ack) => self.in_flight.retain(|m| m.id != ack.packet_id.get()),
            Packet::PubComp(ack) => self.in_flight.retain(|m| m.id != ack.packet_id.get()),
            Packet::PubRec(ack) => {
                let message = self.in_flight.iter_mut().find(|m| m.id == ack.packet_id.get());
                message.expect("PUBREC for nothing").released = true;
                self.out.push(Packet::PubRel(Ack::success(ack.packet_id)));
            }
            Packet::Subscribe(subscribe) => {
                self.subscribed = true;
                let (packet_id, reasons) = (subscribe.packet_id, vec![ReasonCode::GrantedQoS2]);
                let ack = SubAck { packet_id, properties: AckProperties::default(), reasons };
                self.out.push(Packet::SubAck(Box::new(ack)));
            }
            Packet::PingReq => self.out.push(Packet::PingResp),
            other => panic!("{other:?}"),
        }
    }

    fn connect(&mut self) {
        self.connected = true;
        self.aliases = InboundAliases::new(self.limits.topic_alias_maximum.unwrap_or(0));
        let properties =
            if self.version.is_v5() { self.limits.clone() } else { ConnAckProperties::default() };
        let ack = ConnAck { session_present: self.exists, reason: ReasonCode::Success, properties };
        self.out.push(Packet::ConnAck(Box::new(ack)));
        self.resumed += u64::from(self.exists);
        self.exists = true;
        for message in &self.in_flight {
            self.out.push(match message.released {
                true => Packet::PubRel(Ack::success(NonZeroU16::new(message.id).unwrap())),
                false => to_client(message.n, message.qos, message.id, true),
            });
        }
    }

    fn on_publish(&mut self, publish: Publish) {
        let topic = self.aliases.resolve(publish.topic_alias, publish.topic).unwrap();
        assert!(topic.starts_with("to/broker"));
        self.repeated += u64::from(publish.dup);
        let n = number(&publish.payload);
        match (publish.qos, publish.packet_id) {
            (QoS::AtMostOnce, _) => self.received.push(n),
            (QoS::AtLeastOnce, Some(id)) => {
                self.received.push(n);
                self.out.push(Packet::PubAck(Ack::success(id)));
            }
            (QoS::ExactlyOnce, Some(id)) => {
                match self.unreleased.insert(id.get(), true) {
                    None => self.received.push(n),
                    // [MQTT-2.2.1-3] [MQTT-4.4.0-1]
                    Some(before) => assert!(publish.dup && !before, "identifier {id} is in use"),
                }
                let now = self.unreleased.values().filter(|on_this_connection| **on_this_connection).count();
                let max = self.limits.receive_maximum.filter(|_| self.version.is_v5());
                assert!(now <= max.map_or(usize::MAX, |max| max.get().into()), "above the receive maximum");
                self.out.push(Packet::PubRec(Ack::success(id)));
            }
            (_, None) => unreachable!("the decoder has looked"),
        }
    }
}

fn to_client(n: u32, qos: QoS, id: u16, dup: bool) -> Packet {
    Packet::Publish(Publish {
        dup,
        qos,
        retain: false,
        topic: ByteString::from_static("to/client"),
        packet_id: NonZeroU16::new(id),
        topic_alias: None,
        properties: None,
        payload: n.to_string().into(),
    })
}
