//! The broker as its clients see it: packets in, packets out, and a clock that the test owns.

mod access;
mod anything;
mod connecting;
mod delivering;
mod features;
mod limits;
mod methods;
mod retaining;
mod sharing;
mod simulation;
mod statements;
mod wills;

use super::*;
use crate::outbox::WriteQueue;
use bytes::{Buf, Bytes};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;
use tabmq_shared::ByteString;
use tabmq_shared::codec;
use tabmq_shared::packet::*;

/// A broker and its clock.
struct Rig {
    broker: Broker,
    now: Time,
    /// What has been received and not looked at.
    inboxes: HashMap<ConnId, Vec<Packet>>,
}

/// One connection, as its client sees it.
#[derive(Clone, Copy)]
struct Conn {
    id: ConnId,
    version: Version,
}

fn id(n: u16) -> PacketId {
    PacketId::new(n).unwrap()
}

/// A CONNECT of this client: clean, without keep-alive.
fn connect(version: Version, client_id: &str) -> Connect {
    Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: ByteString::from(client_id),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    }
}

/// A CONNECT that goes on with a session, which is kept for an hour (5.0) or for ever.
fn resume(version: Version, client_id: &str) -> Connect {
    let mut connect = Connect { clean_start: false, ..connect(version, client_id) };
    connect.properties.session_expiry_s = version.is_v5().then_some(3600);
    connect
}

fn publish(topic: &str, payload: &str, qos: QoS, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: ByteString::from(topic),
        packet_id: PacketId::new(packet_id),
        topic_alias: None,
        properties: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions { qos, ..SubscriptionOptions::default() }
}

impl Rig {
    fn new() -> Self {
        Rig::with(BrokerConfig::default())
    }

    /// Without `$SYS`, so that what is counted is what the test did.
    fn with(config: BrokerConfig) -> Self {
        let config = BrokerConfig { sys_interval_s: 0, ..config };
        Rig::exactly(config)
    }

    fn exactly(config: BrokerConfig) -> Self {
        Rig {
            broker: Broker::new(config, Arc::new(methods::Echo), 7, Time::ZERO),
            now: Time::ZERO,
            inboxes: HashMap::new(),
        }
    }

    fn peer() -> Peer {
        Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)), TransportKind::Tcp)
    }

    /// Lets a client in and takes its CONNACK off.
    fn connect(&mut self, connect: Connect) -> (Conn, ConnAck) {
        let version = connect.version;
        let id = self.broker.connect(&connect, Admitted::default(), Self::peer(), self.now).unwrap();
        let conn = Conn { id, version };
        match self.take_first(conn) {
            Packet::ConnAck(connack) => (conn, *connack),
            other => panic!("{other:?} in place of CONNACK"),
        }
    }

    fn join(&mut self, version: Version, client_id: &str) -> Conn {
        self.connect(connect(version, client_id)).0
    }

    fn send(&mut self, conn: Conn, packet: Packet) {
        // As bytes and back, as in life.
        let mut bytes = BytesMut::new();
        codec::encode(&packet, conn.version, &mut bytes).unwrap();
        let len = bytes.len();
        let packet = codec::decode(&mut bytes, conn.version, &codec::Limits::default()).unwrap().unwrap();
        self.broker.handle_packets(conn.id, &mut vec![packet], len, self.now);
    }

    /// Everything that waits for this connection.
    fn receive(&mut self, conn: Conn) -> Vec<Packet> {
        let mut bytes = BytesMut::new();
        let mut queue = WriteQueue::default();
        while let Output::Data { .. } = self.broker.take_output(conn.id, &mut queue, &Wake::noop(), self.now)
        {
            while queue.has_remaining() {
                bytes.extend_from_slice(queue.chunk());
                queue.advance(queue.chunk().len());
            }
        }
        let mut packets = self.inboxes.remove(&conn.id).unwrap_or_default();
        while let Some(packet) = codec::decode(&mut bytes, conn.version, &codec::Limits::default()).unwrap() {
            packets.push(packet);
        }
        assert!(bytes.is_empty(), "a part of a packet");
        packets
    }

    /// The first packet that waits; the others go on waiting.
    fn take_first(&mut self, conn: Conn) -> Packet {
        let mut packets = self.receive(conn);
        let first = packets.remove(0);
        self.inboxes.insert(conn.id, packets);
        first
    }

    /// The messages that wait, without what else does.
    fn messages(&mut self, conn: Conn) -> Vec<Publish> {
        let packets = self.receive(conn).into_iter();
        packets
            .filter_map(|packet| if let Packet::Publish(publish) = packet { Some(publish) } else { None })
            .collect()
    }

    /// The payloads of the messages that wait.
    fn payloads(&mut self, conn: Conn) -> Vec<String> {
        let text = |message: Publish| String::from_utf8(message.payload.to_vec()).unwrap();
        self.messages(conn).into_iter().map(text).collect()
    }

    fn subscribe_with(
        &mut self,
        conn: Conn,
        filter: &str,
        options: SubscriptionOptions,
        id_: Option<u32>,
    ) -> ReasonCode {
        let subscribe = Subscribe {
            packet_id: id(1),
            properties: SubscribeProperties {
                subscription_id: id_.map(|id| id.try_into().unwrap()),
                user: Vec::new(),
            },
            filters: vec![SubscribeFilter { filter: ByteString::from(filter), options }],
        };
        self.send(conn, Packet::Subscribe(Box::new(subscribe)));
        match self.take_first(conn) {
            Packet::SubAck(suback) => suback.reasons[0],
            other => panic!("{other:?} in place of SUBACK"),
        }
    }

    fn subscribe(&mut self, conn: Conn, filter: &str, qos: QoS) {
        let reason = self.subscribe_with(conn, filter, options(qos), None);
        assert_eq!(reason.as_u8(), qos.as_u8());
    }

    fn publish(&mut self, conn: Conn, topic: &str, payload: &str) {
        self.send(conn, Packet::Publish(publish(topic, payload, QoS::AtMostOnce, 0)));
    }

    /// QoS 1, its PUBACK taken off.
    fn publish_acknowledged(&mut self, conn: Conn, topic: &str, payload: &str) -> ReasonCode {
        self.send(conn, Packet::Publish(publish(topic, payload, QoS::AtLeastOnce, 77)));
        let mut packets = self.receive(conn);
        let at = packets
            .iter()
            .position(|packet| matches!(packet, Packet::PubAck(ack) if ack.packet_id == id(77)));
        let Packet::PubAck(ack) = packets.remove(at.unwrap()) else { unreachable!() };
        self.inboxes.insert(conn.id, packets);
        ack.reason
    }

    /// The transport breaks.
    fn lose(&mut self, conn: Conn) {
        self.broker.handle_transport_end(conn.id, Some("reset".into()), self.now);
        self.broker.release(conn.id);
    }

    fn disconnect(&mut self, conn: Conn, reason: ReasonCode) {
        self.send(conn, Packet::Disconnect(Box::new(Disconnect::new(reason))));
        assert_eq!(self.receive(conn), vec![]);
        self.broker.release(conn.id);
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.broker.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.broker.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// The reason of the DISCONNECT that ends what waits for this connection, which is closed then.
    fn farewell(&mut self, conn: Conn) -> Option<ReasonCode> {
        let packets = self.receive(conn);
        assert!(self.broker.has_ended(conn.id), "the connection is still served; {packets:?}");
        match packets.last() {
            Some(Packet::Disconnect(disconnect)) => Some(disconnect.reason),
            _ => None,
        }
    }
}
