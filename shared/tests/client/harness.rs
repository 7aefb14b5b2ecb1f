//! A client, its transport and its clock in the hands of a test, which is the server.

use std::time::Duration;
use tabmq_shared::client::{
    Client, Command, ConnectOptions, Event, Message, Outcome, PublishId, State, Subscription,
};
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{
    ConnAck, ConnAckProperties, Connect, Packet, PacketId, Publish, QoS, ReasonCode, SubscriptionOptions,
    Version,
};
use tabmq_shared::topic::{TopicFilter, TopicName};
use tabmq_shared::{ByteString, BytesMut, Time};

pub(crate) use QoS::{AtLeastOnce as Q1, AtMostOnce as Q0, ExactlyOnce as Q2};

pub(crate) const SUCCESS: ReasonCode = ReasonCode::Success;
pub(crate) const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) now: Time,
    version: Version,
    /// What the client has sent and the test has not looked at.
    pub(crate) sent: Vec<Packet>,
    pub(crate) commands: Vec<Command>,
    pub(crate) events: Vec<Event>,
}

impl Pair {
    pub(crate) fn new(options: ConnectOptions) -> Pair {
        let version = options.version;
        Pair {
            client: Client::new(options, 1),
            now: Time::from_millis(1_000),
            version,
            sent: Vec::new(),
            commands: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Connected with these properties of CONNACK. What was sent and reported on the way is looked at no more.
    pub(crate) fn connected(options: ConnectOptions, properties: ConnAckProperties) -> Pair {
        let mut pair = Pair::new(options);
        pair.start();
        pair.connack(false, properties);
        assert!(pair.client.state().is_connected(), "{:?}", pair.client.state());
        pair.clear();
        pair
    }

    /// Starts, opens the transport, and leaves the client waiting for CONNACK.
    pub(crate) fn start(&mut self) {
        self.client.start(self.now);
        self.open();
    }

    /// The transport opens.
    pub(crate) fn open(&mut self) {
        self.pump();
        assert_eq!(self.commands.pop(), Some(Command::Open));
        self.client.handle_opened(self.now);
        self.pump();
    }

    pub(crate) fn connack(&mut self, session_present: bool, properties: ConnAckProperties) {
        self.server(Packet::ConnAck(Box::new(ConnAck { session_present, reason: SUCCESS, properties })));
    }

    /// The connection is lost; the client waits and comes back; CONNACK says whether the session was kept.
    pub(crate) fn reconnect(&mut self, session_present: bool, properties: ConnAckProperties) {
        self.close("");
        self.client.retry_now(self.now);
        self.open();
        self.sent.clear();
        self.connack(session_present, properties);
    }

    pub(crate) fn close(&mut self, words: &str) {
        self.client.handle_closed(words, self.now);
        self.pump();
    }

    /// The server sends.
    pub(crate) fn server(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        codec::encode(&packet, self.version, &mut bytes).unwrap();
        self.server_bytes(&bytes);
    }

    pub(crate) fn server_bytes(&mut self, bytes: &[u8]) {
        self.client.handle_data(&mut BytesMut::from(bytes), self.now);
        self.pump();
    }

    /// Time passes, and the client is called when it wants to be.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.client.handle_timeout(self.now);
            self.pump();
            assert!(self.client.poll_timeout().is_none_or(|next| next > due), "a timer that does not move");
        }
        self.now = end;
        self.client.handle_timeout(self.now);
        self.pump();
    }

    pub(crate) fn publish(&mut self, name: &str, qos: QoS) -> PublishId {
        let id = self.client.publish(message(name, qos), self.now).unwrap();
        self.pump();
        id
    }

    /// Takes what the client says.
    pub(crate) fn pump(&mut self) {
        let mut bytes = BytesMut::new();
        while let Some(more) = self.client.poll_transmit(64 * 1024) {
            bytes.extend_from_slice(&more);
        }
        while let Some(packet) = codec::decode(&mut bytes, self.version, &Limits::of_server()).unwrap() {
            self.sent.push(packet);
        }
        assert!(bytes.is_empty(), "whole packets only");
        self.commands.extend(std::iter::from_fn(|| self.client.poll_command()));
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    pub(crate) fn clear(&mut self) {
        self.sent.clear();
        self.commands.clear();
        self.events.clear();
    }

    /// What was sent since the last look, in short: see [`short`].
    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|packet| short(&packet)).collect()
    }

    /// The CONNECT that was sent last.
    pub(crate) fn sent_connect(&mut self) -> Connect {
        match self.sent.pop() {
            Some(Packet::Connect(connect)) => *connect,
            other => panic!("{other:?}"),
        }
    }

    /// The names of the messages that were handed on since the last look.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        self.events
            .extract_if(.., |event| matches!(event, Event::Message(_)))
            .map(|event| match event {
                Event::Message(publish) => publish.topic.to_string(),
                _ => unreachable!(),
            })
            .collect()
    }

    /// What became of messages since the last look.
    pub(crate) fn published(&mut self) -> Vec<(u64, Outcome)> {
        self.events
            .extract_if(.., |event| matches!(event, Event::Published { .. }))
            .map(|event| match event {
                Event::Published { id, outcome } => (id.0, outcome),
                _ => unreachable!(),
            })
            .collect()
    }

    /// The answers for filters since the last look.
    pub(crate) fn filters(&mut self) -> Vec<(String, ReasonCode)> {
        let is_answer =
            |event: &mut Event| matches!(event, Event::Subscribed { .. } | Event::Unsubscribed { .. });
        self.events
            .extract_if(.., is_answer)
            .map(|event| match event {
                Event::Subscribed { filter, result } => (format!("+{filter}"), result),
                Event::Unsubscribed { filter, result } => (format!("-{filter}"), result),
                _ => unreachable!(),
            })
            .collect()
    }

    #[track_caller]
    pub(crate) fn assert_stopped(&self, words: &str) {
        assert!(matches!(self.client.state(), State::Stopped { .. }), "{:?}", self.client.state());
        assert_eq!(self.client.state().to_string(), words);
        assert_eq!(self.client.poll_timeout(), None);
    }

    #[track_caller]
    pub(crate) fn assert_waiting(&self, words: &str) {
        let State::Waiting { why, .. } = self.client.state() else { panic!("{:?}", self.client.state()) };
        assert_eq!(why.to_string(), words);
    }
}

/// A packet in a few words: `PUBLISH 1 a q1 dup`, `PUBREL 1`, `SUBSCRIBE 2 a,b`.
pub(crate) fn short(packet: &Packet) -> String {
    let name = packet.packet_type().name();
    let reason = |reason: ReasonCode| match reason {
        SUCCESS => String::new(),
        other => format!(" 0x{:02X}", other.as_u8()),
    };
    match packet {
        Packet::Publish(p) => {
            let id = p.packet_id.map_or(String::new(), |id| format!(" {id}"));
            let alias = p.topic_alias.map_or(String::new(), |alias| format!(" alias {alias}"));
            let dup = if p.dup { " dup" } else { "" };
            format!("{name}{id} {} q{}{dup}{alias}", p.topic, p.qos.as_u8())
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            format!("{name} {}{}", ack.packet_id, reason(ack.reason))
        }
        Packet::Subscribe(s) => {
            let filters: Vec<&str> = s.filters.iter().map(|f| &*f.filter).collect();
            format!("{name} {} {}", s.packet_id, filters.join(","))
        }
        Packet::Unsubscribe(u) => {
            let filters: Vec<&str> = u.filters.iter().map(|f| &**f).collect();
            format!("{name} {} {}", u.packet_id, filters.join(","))
        }
        Packet::Disconnect(d) => format!("{name}{}", reason(d.reason)),
        _ => name.into(),
    }
}

pub(crate) fn options(version: Version) -> ConnectOptions {
    ConnectOptions { version, client_id: "me".into(), ..ConnectOptions::default() }
}

/// Options of a client that keeps its session.
pub(crate) fn with_session(version: Version) -> ConnectOptions {
    let mut options = ConnectOptions { clean_start: false, ..options(version) };
    options.properties.session_expiry_s = Some(3_600);
    options
}

pub(crate) fn message(topic: &str, qos: QoS) -> Message {
    Message::new(TopicName::new(topic).unwrap(), "payload", qos, false)
}

pub(crate) fn from_server(topic: &str, qos: QoS, id: u16) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: ByteString::from(topic),
        packet_id: PacketId::new(id),
        topic_alias: None,
        properties: None,
        payload: "payload".into(),
    })
}

pub(crate) fn subscription(filter: &str, qos: QoS) -> Subscription {
    let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
    Subscription { filter: TopicFilter::new(filter).unwrap(), options, id: None }
}

pub(crate) fn id(n: u16) -> PacketId {
    PacketId::new(n).unwrap()
}

pub(crate) const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}
