//! The broker's core: sessions, routing, retained messages, wills. Pure and synchronous: no sockets, no clock, no tasks.
//!
//! Whoever drives it holds it behind one lock and calls, in this order:
//!
//! 1. [`Broker::connect`] with the CONNECT of an authenticated client: it gives a [`ConnId`].
//! 2. [`Broker::handle_packets`] with all packets that one read brought.
//! 3. [`Broker::take_output`] whenever everything taken before has been written.
//! 4. [`Broker::drain_wakes`] and [`Broker::drain_events`] after each of the above, and act on them without the lock.
//! 5. [`Broker::handle_timeout`] at [`Broker::next_timeout`].
//! 6. [`Broker::handle_transport_end`] if the transport ends first, and [`Broker::release`] once at the very end.
//!
//! In reading order: [`connect`](self) (who comes and goes, wills), `publish` (what comes in and whom it reaches),
//! `subscribe`, `acknowledge`, `authenticate`, `access` (who may do what) and `authorise` (how that is kept), `clients` (how a message gets into an outbox), `session`,
//! `filters`, `message` (its forms), `router` (who matches), `retained`, `limits` (what clients may use up), `sys` (the `$SYS` topics), `will`, `timers`, `inspect` (what
//! others are shown).

mod access;
mod acknowledge;
mod authenticate;
mod authorise;
mod clients;
mod connect;
mod event;
mod filters;
mod inspect;
mod limits;
mod message;
mod publish;
mod retained;
mod router;
mod session;
mod stats;
mod subscribe;
mod sys;
#[cfg(test)]
mod tests;
mod timers;
mod will;

pub use crate::limit::Limit;
pub use access::{Access, Action, Actions, Admitted, Client, Grant, Identity, NoRules, Permits};
pub use authenticate::{Exchange, Methods, NoMethods, Step};
pub use clients::Output;
pub(crate) use connect::BRIDGE_CLIENT_IDS;
pub use connect::ConnectError;
pub use event::{ClientCertificate, DisconnectCause, Event, Peer, TransportKind};
pub use inspect::{
    ClientView, ConnectionView, EndView, ReceiverView, RetainedView, SentAway, SubscriptionView, WillView,
};
pub use limits::Limits;
pub use message::ServerMessage;
pub use publish::PublishOutcome;
pub use session::{ConnId, Traffic, Wake};
pub use stats::{DropReason, Stats};

use crate::outbox::WriteQueue;
use bytes::BytesMut;
use clients::Clients;
use inspect::Kept;
use retained::Retained;
use router::Router;
use std::num::NonZeroU16;
use std::sync::Arc;
use tabmq_shared::Time;
use tabmq_shared::codec::{self, DecodeError};
use tabmq_shared::packet::{Packet, QoS, ReasonCode};
use timers::{Timer, Timers};

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// The largest packet that clients may send, in bytes; also the most that is read ahead for one of them.
    pub max_packet_size: u32,
    /// How many QoS 2 publications of one 5.0 client may be unfinished at a time [MQTT-3.3.4-7].
    pub receive_maximum: NonZeroU16,
    /// How many publications at QoS 1 and 2 are in flight to one client, if it does not ask for fewer. Before 5.0 it
    /// cannot.
    pub max_in_flight: NonZeroU16,
    /// How many topic aliases one client may use.
    pub topic_alias_maximum: u16,
    /// The longest time in seconds that the session of an absent client is kept; `u32::MAX`: for ever.
    pub max_session_expiry_s: u32,
    /// Seconds: replaces the keep-alive of 5.0 clients that ask for none or for more.
    pub server_keep_alive_s: Option<u16>,
    /// How many messages wait for one session at the most.
    pub queue_messages: usize,
    /// How many bytes wait for one session at the most.
    pub queue_bytes: usize,
    /// How many bytes wait for all sessions together at the most.
    pub all_queues_bytes: usize,
    /// How many bytes wait for one connection before QoS 0 messages are dropped.
    pub outbox_bytes: usize,
    /// How many messages are retained at the most.
    pub retained_messages: usize,
    /// How many bytes of topics and payloads are retained at the most.
    pub retained_bytes: usize,
    /// What else clients may use up.
    pub limits: Limits,
    /// Whether [`Event::Published`] is wanted: it costs something at every message.
    pub message_events: bool,
    /// Seconds between two updates of the `$SYS` topics; 0: there are none.
    pub sys_interval_s: u32,
    /// What of the protocol is offered.
    pub features: Features,
}

/// What of the protocol is offered; all of it, unless somebody has a reason. A 5.0 client is told in CONNACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The highest QoS that clients may publish with, and are granted.
    pub maximum_qos: QoS,
    /// Whether clients may publish retained messages.
    pub retain: bool,
    /// Whether filters may have wildcards.
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_ids: bool,
    /// Whether there are shared subscriptions.
    pub shared_subscriptions: bool,
    /// Told to clients that ask for response information, with `/` and the client id behind it.
    pub response_prefix: Option<String>,
    /// Where clients are sent instead of being let in.
    pub redirect: Option<Redirect>,
}

/// Another server to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The server reference (5.0 section 4.11).
    pub server: String,
    /// Whether it is for good.
    pub permanent: bool,
}

impl Default for Features {
    fn default() -> Self {
        Features {
            maximum_qos: QoS::ExactlyOnce,
            retain: true,
            wildcard_subscriptions: true,
            subscription_ids: true,
            shared_subscriptions: true,
            response_prefix: None,
            redirect: None,
        }
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            max_packet_size: 16 * 1024 * 1024,
            receive_maximum: NonZeroU16::MAX,
            max_in_flight: NonZeroU16::new(1000).unwrap_or(NonZeroU16::MIN),
            topic_alias_maximum: 32,
            max_session_expiry_s: u32::MAX,
            server_keep_alive_s: None,
            queue_messages: 100_000,
            queue_bytes: 64 * 1024 * 1024,
            all_queues_bytes: 1024 * 1024 * 1024,
            outbox_bytes: 8 * 1024 * 1024,
            retained_messages: 1_000_000,
            retained_bytes: 1024 * 1024 * 1024,
            limits: Limits::default(),
            message_events: false,
            sys_interval_s: 10,
            features: Features::default(),
        }
    }
}

impl BrokerConfig {
    /// What the decoders of its connections accept.
    pub fn decoding(&self) -> codec::Limits {
        codec::Limits {
            max_packet_size: self.max_packet_size,
            max_user_properties: self.limits.user_properties,
            max_filters: self.limits.filters_per_packet,
            ..codec::Limits::of_server()
        }
    }
}

/// The broker. See the [module](self) for the order of calls.
pub struct Broker {
    config: BrokerConfig,
    methods: Arc<dyn Methods>,
    access: Arc<dyn Access>,
    clients: Clients,
    router: Router,
    retained: Retained<Kept>,
    timers: Timers,
    events: Vec<Event>,
    /// How many want [`Event::Published`] besides the configuration.
    message_listeners: usize,
    /// Where outgoing packets are encoded; empty between calls.
    scratch: BytesMut,
    /// For the client ids that the broker assigns.
    rng: fastrand::Rng,
    next_serial: u32,
    sys: sys::Sys,
    shutting_down: bool,
}

/// A client broke the rules, or the server ends the connection: what it is told, and a sentence for the log.
#[derive(Debug)]
struct Violation {
    reason: ReasonCode,
    what: String,
}

impl Violation {
    fn new(reason: ReasonCode, what: impl Into<String>) -> Self {
        Violation { reason, what: what.into() }
    }
}

impl Broker {
    /// A broker without clients. `seed` makes the ids that the broker assigns unguessable, if it is.
    pub fn new(config: BrokerConfig, methods: Arc<dyn Methods>, seed: u64, now: Time) -> Self {
        let mut broker = Broker {
            clients: Clients::new(&config),
            router: Router::new(),
            retained: Retained::new(),
            timers: Timers::default(),
            events: Vec::new(),
            message_listeners: 0,
            scratch: BytesMut::new(),
            rng: fastrand::Rng::with_seed(seed),
            next_serial: 0,
            sys: sys::Sys::new(now),
            shutting_down: false,
            methods,
            access: Arc::new(NoRules),
            config,
        };
        broker.start_sys(now);
        broker.schedule_sweep(now);
        broker
    }

    /// What it was made with.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// Keeps to another configuration from now on. What was agreed with a client at its CONNECT stays so for that
    /// connection.
    pub fn reconfigure(&mut self, config: BrokerConfig, now: Time) {
        self.clients.reconfigure(&config);
        let had_sys = std::mem::replace(&mut self.config, config).sys_interval_s > 0;
        if !had_sys {
            self.start_sys(now);
        }
    }

    /// One more (1) or less (-1) wants [`Event::Published`].
    pub fn listen_to_messages(&mut self, change: isize) {
        self.message_listeners = self.message_listeners.saturating_add_signed(change);
    }

    /// Handles what one read of this connection brought, in order. `bytes` is the size of that read. The packets are
    /// taken out of the vector, which stays the caller's.
    pub fn handle_packets(&mut self, conn: ConnId, packets: &mut Vec<Packet>, bytes: usize, now: Time) {
        self.clients.stats.bytes_received += bytes as u64;
        self.clients.stats.packets_received += packets.len() as u64;
        if let Some(link) = self.clients.link_mut(conn) {
            link.last_received = now;
            link.traffic.bytes_received += bytes as u64;
        }
        self.clients.current = Some(conn.link);
        for packet in packets.drain(..) {
            // A connection that is being closed is not heard any more.
            let Some(key) = self.clients.link(conn).and_then(|link| link.session) else { break };
            if let Err(violation) = self.handle_packet(conn, key, packet, now) {
                let cause = DisconnectCause::ProtocolViolation(violation.reason, violation.what);
                self.end_connection(conn, cause, now);
            }
        }
        self.clients.current = None;
    }

    fn handle_packet(
        &mut self,
        conn: ConnId,
        key: router::SessionKey,
        packet: Packet,
        now: Time,
    ) -> Result<(), Violation> {
        match packet {
            Packet::Publish(publish) => self.handle_publish(conn, key, publish, now),
            Packet::PubAck(ack) => self.handle_puback(key, &ack),
            Packet::PubRec(ack) => self.handle_pubrec(conn, key, &ack),
            Packet::PubRel(ack) => self.handle_pubrel(conn, key, &ack),
            Packet::PubComp(ack) => self.handle_pubcomp(key, &ack),
            Packet::Subscribe(subscribe) => self.handle_subscribe(conn, key, *subscribe, now),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(conn, key, *unsubscribe),
            Packet::PingReq => {
                self.clients.send_control(conn.link, &Packet::PingResp); // [MQTT-3.12.4-1]
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.handle_disconnect(conn, key, &disconnect, now),
            // [MQTT-3.1.0-2]
            Packet::Connect(_) => Err(Violation::new(ReasonCode::ProtocolError, "a second CONNECT")),
            Packet::Auth(auth) => self.handle_auth(conn, key, *auth, now),
            packet @ (Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp) => {
                let name = packet.packet_type().name();
                Err(Violation::new(ReasonCode::ProtocolError, format!("{name}, which only a server sends")))
            }
        }
    }

    /// An answer that is larger than the client takes must not be sent [MQTT-3.1.2-24], so its request is not served. For
    /// the answers that can be long; the others are shorter than the CONNACK that the client took.
    fn check_answer(&self, conn: ConnId, answer: impl FnOnce() -> Packet) -> Result<(), Violation> {
        let Some(link) = self.clients.link(conn).filter(|link| link.max_packet_size < u32::MAX) else {
            return Ok(());
        };
        if codec::encoded_size(&answer(), link.version) > link.max_packet_size as usize {
            let what = "a request whose answer would be larger than the client takes";
            return Err(Violation::new(ReasonCode::PacketTooLarge, what));
        }
        Ok(())
    }

    /// The bytes of this connection are not MQTT: it is told so and closed [MQTT-4.13.1-1].
    pub fn handle_decode_error(&mut self, conn: ConnId, error: DecodeError, now: Time) {
        match error.reason {
            ReasonCode::PacketTooLarge => self.count_limit(Limit::PacketSize),
            ReasonCode::QuotaExceeded => self.count_limit(Limit::FiltersPerPacket),
            _ => {}
        }
        self.end_connection(conn, DisconnectCause::ProtocolViolation(error.reason, error.message), now);
    }

    /// How many times a message has been given to a receiver, whatever became of it: the measure of how much work packets
    /// were.
    pub fn deliveries(&self) -> u64 {
        self.clients.deliveries
    }

    /// Hands over what waits for this connection. `queue` must be empty; its spent buffers are taken back.
    pub fn take_output(&mut self, conn: ConnId, queue: &mut WriteQueue, wake: &Wake, now: Time) -> Output {
        if let Some(key) = self.clients.link(conn).and_then(|link| link.session) {
            self.clients.current = Some(conn.link);
            self.clients.pump(key, &mut self.scratch, now);
            self.clients.current = None;
        }
        self.clients.take_output(conn, queue, wake)
    }

    /// Bytes of acknowledgements and other answers that the connection has not taken. While there are many of them,
    /// the connection should not be read from: that bounds them.
    pub fn control_bytes(&self, conn: ConnId) -> usize {
        self.clients.link(conn).map_or(0, |link| link.outbox.control_bytes())
    }

    /// Moves the wakers of all connections that have something to write now to `wakes`.
    pub fn drain_wakes(&mut self, wakes: &mut Vec<Wake>) {
        wakes.append(&mut self.clients.wakes);
    }

    /// Moves what has happened to `events`.
    pub fn drain_events(&mut self, events: &mut Vec<Event>) {
        events.append(&mut self.events);
    }

    /// When [`Broker::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Does all that is due.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::KeepAlive(key) => self.check_keep_alive(key, now),
                Timer::SessionExpiry(key) => self.expire_session(key, now),
                Timer::Will(key) => self.publish_will(key, now),
                Timer::Authorisation(key) => self.end_authorisation(key, now),
                Timer::Sys => self.update_sys(now),
                Timer::RetainedSweep => {
                    self.sweep_retained(now);
                    self.schedule_sweep(now);
                }
            }
        }
    }

    /// The counters as they are now.
    pub fn stats(&self) -> Stats {
        let mut stats = self.clients.stats.clone();
        stats.sessions = self.clients.sessions.len();
        stats.subscriptions = self.router.len();
        stats.retained_messages = self.retained.len();
        stats
    }
}
