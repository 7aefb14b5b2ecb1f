//! One connection, as its client sees it.

use super::super::*;
use super::rules::Rules;
use std::collections::{BTreeSet, VecDeque};
use tabmq_shared::codec::DecodeError;

/// While the broker has this many bytes of answers that were not taken, the connection is not read from.
pub(super) const MAX_CONTROL_BYTES: usize = 8 * 1024;

/// One packet in so many is spoilt.
const SPOILT: u8 = 30;

pub(super) struct Client {
    pub(super) conn: ConnId,
    pub(super) version: Version,
    pub(super) user: Option<&'static str>,
    /// What it takes at most: bytes of a packet, and messages without an acknowledgement.
    packet_size: usize,
    receive_maximum: usize,
    /// Said, and not handed over.
    said: BytesMut,
    /// What it should say to what it has received.
    pub(super) answers: Vec<Packet>,
    in_flight: BTreeSet<PacketId>,
    /// Filters of the SUBSCRIBEs that have no SUBACK.
    asked: VecDeque<Vec<ByteString>>,
    aliases: HashMap<NonZeroU16, ByteString>,
    queue: WriteQueue,
    at_client: BytesMut,
}

pub(super) fn is_ack(packet: &Packet) -> bool {
    matches!(packet, Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubComp(_))
}

impl Client {
    pub(super) fn new(
        conn: ConnId,
        connect: &Connect,
        user: Option<&'static str>,
        config: &BrokerConfig,
    ) -> Client {
        let properties = &connect.properties;
        let receive_maximum = properties.receive_maximum.map_or(u16::MAX, NonZeroU16::get);
        Client {
            conn,
            version: connect.version,
            user,
            packet_size: properties.maximum_packet_size.map_or(usize::MAX, |size| size as usize),
            receive_maximum: receive_maximum.min(config.max_in_flight.get()).into(),
            said: BytesMut::new(),
            answers: Vec::new(),
            in_flight: BTreeSet::new(),
            asked: VecDeque::new(),
            aliases: HashMap::new(),
            queue: WriteQueue::default(),
            at_client: BytesMut::new(),
        }
    }

    /// Says this, or something like it.
    pub(super) fn say(&mut self, packet: &Packet, rng: &mut fastrand::Rng) {
        let before = self.said.len();
        self.say_rightly(packet);
        if rng.u8(0..SPOILT) == 0 && self.said.len() > before {
            let at = rng.usize(before..self.said.len());
            match rng.u8(0..3) {
                0 => self.said[at] = rng.u8(..),
                1 => self.said[at] ^= 1 << rng.u8(0..8),
                _ => self.said.truncate(at),
            }
        }
    }

    pub(super) fn say_rightly(&mut self, packet: &Packet) {
        // What this version does not have is not said.
        let before = self.said.len();
        if codec::encode(packet, self.version, &mut self.said).is_err() {
            self.said.truncate(before);
        }
    }

    /// What a decoder makes of what was said: only that reaches the broker. A part of a packet waits for more.
    pub(super) fn decoded(&mut self, limits: &codec::Limits) -> (Vec<Packet>, usize, Option<DecodeError>) {
        let (before, mut packets) = (self.said.len(), Vec::new());
        let error = loop {
            match codec::decode(&mut self.said, self.version, limits) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (packets, before - self.said.len(), error)
    }

    /// Keeps the books of what the broker is about to get.
    pub(super) fn note_sent(&mut self, packet: &Packet) {
        match packet {
            Packet::Subscribe(subscribe) => {
                self.asked.push_back(subscribe.filters.iter().map(|wanted| wanted.filter.clone()).collect());
            }
            // The ends of deliveries: the broker may begin as many others.
            Packet::PubAck(ack) | Packet::PubComp(ack) => drop(self.in_flight.remove(&ack.packet_id)),
            Packet::PubRec(ack) if ack.reason.is_error() => drop(self.in_flight.remove(&ack.packet_id)),
            _ => {}
        }
    }

    /// Takes all that the broker has. False: the connection is to be closed.
    pub(super) fn read(&mut self, broker: &mut Broker, now: Time) -> bool {
        loop {
            match broker.take_output(self.conn, &mut self.queue, &Wake::noop(), now) {
                Output::Data { .. } => {
                    while self.queue.has_remaining() {
                        let chunk = self.queue.chunk();
                        self.at_client.extend_from_slice(chunk);
                        let len = chunk.len();
                        self.queue.advance(len);
                    }
                }
                Output::Idle => return true,
                Output::Close => return false,
            }
        }
    }

    /// The packets that have come.
    pub(super) fn received(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        loop {
            let before = self.at_client.len();
            let packet = codec::decode(&mut self.at_client, self.version, &codec::Limits::of_client());
            let Some(packet) = packet.expect("what the broker sends can be decoded") else { break };
            let size = before - self.at_client.len();
            assert!(size <= self.packet_size, "{size} bytes, and not more than {}", self.packet_size);
            packets.push(packet);
        }
        assert!(self.at_client.is_empty(), "a part of a packet");
        packets
    }

    /// A message: its topic, and what is to be answered.
    pub(super) fn note_message(&mut self, publish: &Publish) -> ByteString {
        let topic = match publish.topic_alias {
            Some(alias) if publish.topic.is_empty() => self.aliases.get(&alias).expect("a new alias").clone(),
            Some(alias) => {
                self.aliases.insert(alias, publish.topic.clone());
                publish.topic.clone()
            }
            None => publish.topic.clone(),
        };
        let Some(id) = publish.packet_id else { return topic };
        self.in_flight.insert(id);
        assert!(self.in_flight.len() <= self.receive_maximum, "[MQTT-3.3.4-9]");
        let make = if publish.qos == QoS::AtLeastOnce { Packet::PubAck } else { Packet::PubRec };
        self.answers.push(make(Ack::success(id)));
        topic
    }

    pub(super) fn note(&mut self, packet: Packet) {
        if let Packet::PubRel(ack) = packet {
            self.answers.push(Packet::PubComp(Ack::success(ack.packet_id)));
        }
    }

    /// Each filter has its answer, and what is denied is refused.
    pub(super) fn check_suback(&mut self, suback: &SubAck, rules: &Rules) {
        let filters = self.asked.pop_front().expect("a SUBACK that answers nothing");
        assert_eq!(filters.len(), suback.reasons.len());
        for (filter, reason) in filters.iter().zip(&suback.reasons) {
            let plain = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
            let plain = plain.map_or(&**filter, |(_, filter)| filter);
            let allowed = rules.allow(self.user, Action::Subscribe, plain);
            assert!(allowed || reason.is_error(), "{:?} {filter}: {reason}", self.user);
        }
    }
}
