//! The broker's core under three clients that do anything at any time: structured packets, raw bytes, connections that
//! end and come again, time that passes.
//!
//! Whatever they do: no panic, what the broker sends can be decoded and keeps the client's limits, and when all have
//! left and their sessions are over, nothing of them is left.

use arbitrary::Arbitrary;
use bytes::{Buf, BytesMut};
use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;
use tabmq::broker::{Admitted, Broker, BrokerConfig, ConnId, NoMethods, Output, Peer, TransportKind, Wake};
use tabmq::outbox::WriteQueue;
use tabmq_shared::Time;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::*;

const CLIENTS: usize = 3;

const TOPICS: [&str; 6] = ["a", "a/b", "a/b/c", "$SYS/x", "/", "long/topic/with/levels"];

const FILTERS: [&str; 10] =
    ["a", "a/+", "a/#", "#", "+/+", "$share/g/a/#", "$share/h/+/b", "$SYS/#", "bad/#/x", "$share/g"];

/// What happens in one run.
#[derive(Arbitrary, Debug)]
pub struct Input {
    receive_maximum: u8,
    max_in_flight: u8,
    queue_messages: u8,
    outbox_bytes: u16,
    retained_messages: u8,
    ops: Vec<(u8, Op)>,
}

#[derive(Arbitrary, Debug)]
enum Op {
    Connect {
        version: u8,
        clean: bool,
        expiry_s: Expiry,
        limits: ClientLimits,
        will: Option<SomeWill>,
    },
    /// What a client of this version might send, byte by byte.
    Bytes(Vec<u8>),
    Publish(SomePublish),
    Ack {
        kind: u8,
        id: u8,
        failed: bool,
    },
    /// The right answer to everything that was received and not answered.
    AnswerAll,
    Subscribe {
        filters: Vec<(u8, u8)>,
        id: u8,
    },
    Unsubscribe {
        filters: Vec<u8>,
    },
    Ping,
    Disconnect {
        with_will: bool,
        expiry_s: Option<Expiry>,
    },
    Lose,
    /// Reads what the broker has for it.
    Read,
    Pass {
        seconds: u16,
    },
    HandleTimeout,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Expiry {
    None,
    Seconds(u8),
    Never,
}

#[derive(Arbitrary, Debug)]
struct ClientLimits {
    keep_alive_s: u8,
    receive_maximum: u8,
    packet_size: Option<u8>,
    aliases: u8,
}

#[derive(Arbitrary, Debug)]
struct SomeWill {
    topic: u8,
    qos: u8,
    retain: bool,
    delay_s: u8,
}

#[derive(Arbitrary, Debug)]
struct SomePublish {
    topic: u8,
    qos: u8,
    id: u8,
    retain: bool,
    dup: bool,
    alias: u8,
    expiry_s: Option<u8>,
    payload_bytes: u16,
}

/// A client, as far as it must be known what it may expect.
struct Client {
    conn: ConnId,
    version: Version,
    packet_size: usize,
    receive_maximum: usize,
    /// Sent by the broker at QoS 1 and 2 on this connection, and not acknowledged to the end.
    in_flight: BTreeSet<PacketId>,
    /// What would answer it, in order.
    answers: Vec<Packet>,
    queue: WriteQueue,
    received: BytesMut,
}

struct World {
    broker: Broker,
    now: Time,
    clients: [Option<Client>; CLIENTS],
}

/// Lets it happen.
///
/// # Panics
/// That is a finding.
pub fn run(input: Input) {
    let config = BrokerConfig {
        receive_maximum: at_least_1(input.receive_maximum),
        max_in_flight: at_least_1(input.max_in_flight),
        queue_messages: input.queue_messages.into(),
        outbox_bytes: input.outbox_bytes.into(),
        retained_messages: input.retained_messages.into(),
        topic_alias_maximum: 3,
        message_events: true,
        sys_interval_s: 0,
        ..BrokerConfig::default()
    };
    let broker = Broker::new(config, Arc::new(NoMethods), 1, Time::ZERO);
    let mut world = World { broker, now: Time::ZERO, clients: [const { None }; CLIENTS] };
    for (who, op) in input.ops {
        world.act(usize::from(who) % CLIENTS, op);
        let stats = world.broker.stats();
        assert!(stats.sessions <= CLIENTS && stats.clients_connected <= stats.sessions);
    }
    world.leave();
}

fn at_least_1(n: u8) -> NonZeroU16 {
    NonZeroU16::new(n.into()).unwrap_or(NonZeroU16::MIN)
}

impl World {
    fn act(&mut self, who: usize, op: Op) {
        match op {
            Op::Connect { version, clean, expiry_s, limits, will } => {
                let version = [Version::V31, Version::V311, Version::V5][usize::from(version % 3)];
                self.connect(who, connect(who, version, clean, expiry_s, &limits, will));
            }
            Op::Pass { seconds } => {
                self.now = self.now + Duration::from_secs(seconds.into());
                self.broker.handle_timeout(self.now);
            }
            Op::HandleTimeout => self.broker.handle_timeout(self.now),
            Op::Read => self.read(who),
            Op::Lose => self.lose(who),
            Op::AnswerAll => {
                let answers = self.clients[who].as_mut().map(|client| std::mem::take(&mut client.answers));
                self.send(who, answers.unwrap_or_default());
            }
            Op::Bytes(bytes) => self.send_bytes(who, BytesMut::from(&bytes[..])),
            Op::Publish(publish) => self.send(who, vec![publish.packet()]),
            Op::Ack { kind, id, failed } => self.send(who, vec![ack(kind, id, failed)]),
            Op::Subscribe { filters, id } => self.send(who, vec![subscribe(&filters, id)]),
            Op::Unsubscribe { filters } => self.send(who, vec![unsubscribe(&filters)]),
            Op::Ping => self.send(who, vec![Packet::PingReq]),
            Op::Disconnect { with_will, expiry_s } => {
                let reason = if with_will { ReasonCode::DisconnectWithWill } else { ReasonCode::Success };
                let mut disconnect = Disconnect::new(reason);
                disconnect.properties.session_expiry_s = expiry_s.and_then(Expiry::seconds);
                self.send(who, vec![Packet::Disconnect(Box::new(disconnect))]);
            }
        }
        self.drain();
    }

    fn connect(&mut self, who: usize, connect: Connect) {
        let version = connect.version;
        let properties = &connect.properties;
        let packet_size = properties.maximum_packet_size.map_or(usize::MAX, |size| size as usize);
        let receive_maximum = properties.receive_maximum.map_or(usize::MAX, |max| max.get().into());
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), TransportKind::Tcp);
        let Ok(conn) = self.broker.connect(&connect, Admitted::default(), peer, self.now) else { return };
        let client = Client {
            conn,
            version,
            packet_size,
            receive_maximum,
            in_flight: BTreeSet::new(),
            answers: Vec::new(),
            queue: WriteQueue::default(),
            received: BytesMut::new(),
        };
        if let Some(old) = self.clients[who].replace(client) {
            assert!(self.broker.has_ended(old.conn), "taken over");
            self.broker.release(old.conn);
        }
    }

    /// Sends packets as bytes, so that only what a decoder lets through reaches the broker.
    fn send(&mut self, who: usize, packets: Vec<Packet>) {
        let Some(client) = &mut self.clients[who] else { return };
        let mut bytes = BytesMut::new();
        for packet in packets {
            let _ = codec::encode(&packet, client.version, &mut bytes);
        }
        self.send_bytes(who, bytes);
    }

    fn send_bytes(&mut self, who: usize, mut bytes: BytesMut) {
        let Some(client) = &mut self.clients[who] else { return };
        let len = bytes.len();
        let mut packets = Vec::new();
        let error = loop {
            match codec::decode(&mut bytes, client.version, &Limits::of_server()) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let conn = client.conn;
        let mut batch = Vec::new();
        for packet in packets {
            // The ends of deliveries: the broker may begin as many others. They may fit something that is on its way, so
            // that the client has to look first.
            let ended = match &packet {
                Packet::PubAck(ack) | Packet::PubComp(ack) => Some(ack.packet_id),
                Packet::PubRec(ack) if ack.reason.is_error() => Some(ack.packet_id),
                _ => None,
            };
            if let Some(id) = ended {
                self.broker.handle_packets(conn, &mut batch, 0, self.now);
                self.read(who);
                let Some(client) = &mut self.clients[who] else { return };
                client.in_flight.remove(&id);
            }
            batch.push(packet);
        }
        self.broker.handle_packets(conn, &mut batch, len, self.now);
        if let Some(error) = error {
            self.broker.handle_decode_error(conn, error, self.now);
        }
        if self.broker.has_ended(conn) {
            self.read(who);
        }
    }

    fn read(&mut self, who: usize) {
        let Some(client) = &mut self.clients[who] else { return };
        loop {
            match self.broker.take_output(client.conn, &mut client.queue, &Wake::noop(), self.now) {
                Output::Data { .. } => client.take(),
                Output::Idle => return,
                Output::Close => break,
            }
        }
        self.broker.release(client.conn);
        self.clients[who] = None;
    }

    fn lose(&mut self, who: usize) {
        let Some(client) = self.clients[who].take() else { return };
        self.broker.handle_transport_end(client.conn, None, self.now);
        self.broker.release(client.conn);
    }

    fn drain(&mut self) {
        self.broker.drain_wakes(&mut Vec::new());
        self.broker.drain_events(&mut Vec::new());
    }

    /// Everybody leaves for good.
    fn leave(&mut self) {
        let limits = ClientLimits { keep_alive_s: 0, receive_maximum: 0, packet_size: None, aliases: 0 };
        for who in 0..CLIENTS {
            self.connect(who, connect(who, Version::V5, true, Expiry::None, &limits, None));
            self.lose(who);
        }
        self.drain();
        let stats = self.broker.stats();
        let left = (stats.clients_connected, stats.sessions, stats.subscriptions, stats.shared_subscriptions);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!((stats.queued_messages, stats.queued_bytes, self.broker.connections()), (0, 0, 0));
        if stats.retained_messages == 0 {
            assert_eq!(stats.retained_bytes, 0);
        }
    }
}

impl Client {
    /// Takes what the broker sends, and checks that it may.
    fn take(&mut self) {
        while self.queue.has_remaining() {
            let chunk = self.queue.chunk();
            self.received.extend_from_slice(chunk);
            let len = chunk.len();
            self.queue.advance(len);
        }
        loop {
            let before = self.received.len();
            let packet = codec::decode(&mut self.received, self.version, &Limits::of_client())
                .expect("what the broker sends can be decoded");
            let Some(packet) = packet else { break };
            let size = before - self.received.len();
            assert!(size <= self.packet_size, "{size} bytes: {packet:?}");
            self.note(packet);
        }
        assert!(self.received.is_empty(), "a part of a packet");
    }

    fn note(&mut self, packet: Packet) {
        match packet {
            Packet::Publish(publish) => {
                let Some(id) = publish.packet_id else { return };
                self.in_flight.insert(id);
                assert!(self.in_flight.len() <= self.receive_maximum, "[MQTT-3.3.4-9]");
                let make = if publish.qos == QoS::AtLeastOnce { Packet::PubAck } else { Packet::PubRec };
                self.answers.push(make(Ack::success(id)));
            }
            Packet::PubRel(ack) => self.answers.push(Packet::PubComp(Ack::success(ack.packet_id))),
            _ => {}
        }
    }
}

impl Expiry {
    fn seconds(self) -> Option<u32> {
        match self {
            Expiry::None => None,
            Expiry::Seconds(seconds) => Some(seconds.into()),
            Expiry::Never => Some(u32::MAX),
        }
    }
}

fn connect(
    who: usize,
    version: Version,
    clean_start: bool,
    expiry_s: Expiry,
    limits: &ClientLimits,
    will: Option<SomeWill>,
) -> Connect {
    let mut properties = ConnectProperties::default();
    if version.is_v5() {
        properties.session_expiry_s = expiry_s.seconds();
        properties.receive_maximum = NonZeroU16::new(limits.receive_maximum.into());
        properties.maximum_packet_size = limits.packet_size.map(|size| 64 + u32::from(size));
        properties.topic_alias_maximum = Some(limits.aliases.into());
    }
    Connect {
        version,
        is_bridge: false,
        clean_start,
        keep_alive_s: limits.keep_alive_s.into(),
        client_id: ["x", "y", "z"][who].into(),
        will: will.map(|will| Will {
            topic: TOPICS[usize::from(will.topic) % TOPICS.len()].into(),
            payload: b"gone".as_slice().into(),
            qos: QoS::from_u8(will.qos % 3).unwrap_or_default(),
            retain: will.retain,
            properties: WillProperties {
                delay_interval_s: version.is_v5().then_some(will.delay_s.into()),
                ..WillProperties::default()
            },
        }),
        username: None,
        password: None,
        properties,
    }
}

impl SomePublish {
    fn packet(&self) -> Packet {
        let qos = QoS::from_u8(self.qos % 3).unwrap_or_default();
        let has_id = qos != QoS::AtMostOnce;
        let properties =
            PublishProperties { message_expiry_s: self.expiry_s.map(u32::from), ..Default::default() };
        // Now and then the alias alone.
        let topic = if self.alias > 127 { "" } else { TOPICS[usize::from(self.topic) % TOPICS.len()] };
        Packet::Publish(Publish {
            dup: self.dup && has_id,
            qos,
            retain: self.retain,
            topic: topic.into(),
            packet_id: has_id.then(|| at_least_1(self.id)),
            topic_alias: NonZeroU16::new((self.alias % 5).into()),
            properties: (!properties.is_empty()).then(|| Box::new(properties)),
            payload: vec![b'x'; usize::from(self.payload_bytes % 4096)].into(),
        })
    }
}

fn ack(kind: u8, id: u8, failed: bool) -> Packet {
    let id = at_least_1(id);
    let (make, refusal): (fn(Ack) -> Packet, _) = match kind % 4 {
        0 => (Packet::PubAck, ReasonCode::QuotaExceeded),
        1 => (Packet::PubRec, ReasonCode::QuotaExceeded),
        2 => (Packet::PubRel, ReasonCode::PacketIdentifierNotFound),
        _ => (Packet::PubComp, ReasonCode::PacketIdentifierNotFound),
    };
    make(Ack::with_reason(id, if failed { refusal } else { ReasonCode::Success }))
}

fn filter(n: u8) -> &'static str {
    FILTERS[usize::from(n) % FILTERS.len()]
}

fn subscribe(filters: &[(u8, u8)], subscription_id: u8) -> Packet {
    let filters = filters.iter().map(|&(n, bits)| SubscribeFilter {
        filter: filter(n).into(),
        options: SubscriptionOptions {
            qos: QoS::from_u8(bits % 3).unwrap_or_default(),
            no_local: bits & 0x40 != 0,
            retain_as_published: bits & 0x80 != 0,
            retain_handling: match bits >> 4 & 3 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                _ => RetainHandling::DoNotSend,
            },
        },
    });
    let subscription_id = NonZeroU32::new(subscription_id.into());
    Packet::Subscribe(Box::new(Subscribe {
        packet_id: NonZeroU16::MIN,
        properties: SubscribeProperties { subscription_id, user: Vec::new() },
        filters: filters.collect(),
    }))
}

fn unsubscribe(filters: &[u8]) -> Packet {
    let filters = filters.iter().map(|n| filter(*n).into()).collect();
    Packet::Unsubscribe(Box::new(Unsubscribe { packet_id: NonZeroU16::MIN, user: Vec::new(), filters }))
}
