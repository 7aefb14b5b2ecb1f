//! The client as a state machine, without I/O: for the page over WebSocket, for `tabmq pub` and `sub` over anything.
//!
//! Inputs are called `handle_*`, effects are asked for with `poll_*`; time is an argument and randomness a seed. So
//! keep-alive, reconnects and redelivery are tested without a socket and without waiting.
//!
//! - [`ConnectOptions`], [`Message`], [`Subscription`]: what the caller says.
//! - [`Client`]: the state machine. `lifecycle` (connect, lose, wait, stop), `timers` (deadlines and keep-alive),
//!   `inbound` (what the server sends), `outbound` (what is sent when the transport takes more), `queue` and
//!   `subscriptions` (what waits for it).
//! - [`Authentication`]: a method of enhanced authentication, if there is to be one.
//! - [`State`], [`Event`], [`Why`]: what the client says, in words for people where it goes to people.

mod authentication;
mod event;
mod inbound;
mod lifecycle;
mod options;
mod outbound;
mod queue;
mod subscriptions;
mod timers;

pub use authentication::Authentication;
pub use event::{Command, Event, Outcome, PublishError, PublishId, ServerLimits, State, Why};
pub use options::{Backoff, ConnectOptions, Message, Subscription};

use crate::Time;
use crate::packet::{PacketId, ReasonCode};
use crate::session::{InboundAliases, Incoming, OutboundAliases, Outgoing};
use crate::topic::TopicFilter;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use queue::Queue;
use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;
use subscriptions::Subscriptions;

/// An MQTT client.
///
/// ```text
///             start           handle_opened          CONNACK
///   Idle ------------> Opening ----------> Connecting --------> Connected
///                       ^  |                   |                    |
///             time over |  '-------------------+--------------------'
///             retry_now |                      | closed, timeout, refused, protocol error
///                       |                      v
///                       '------------------ Waiting      or Stopped, if trying again is useless or not wanted
/// ```
///
/// # How to drive it
///
/// The caller owns one transport at a time: a byte stream that delivers in order. After every call of a method that
/// takes `now` (inputs: `start`, `handle_*`, `publish`, `subscribe`, …), and whenever the transport takes more bytes:
///
/// 1. [`poll_transmit`](Self::poll_transmit) while the transport takes bytes, until `None`;
/// 2. [`poll_command`](Self::poll_command) until `None`, and obey;
/// 3. [`poll_event`](Self::poll_event) until `None`, or [`swap_events`](Self::swap_events);
/// 4. wait for bytes, for the caller's own wishes, or for [`poll_timeout`](Self::poll_timeout) to pass; then
///    [`handle_timeout`](Self::handle_timeout). Calling it too early or too often is harmless.
///
/// # What it promises
///
/// - Messages leave in the order of [`publish`](Self::publish). They are taken from a bounded queue only when the
///   transport takes bytes and the server's quota allows it.
/// - QoS 1 and 2 messages survive a lost connection. If the server still has the session, they are sent again with
///   their identifiers; if it does not, they are sent again as new messages (rather twice than never), except those
///   that the server had already confirmed with PUBREC.
/// - Every [`PublishId`] gets exactly one [`Event::Published`], as long as the client is driven.
/// - Subscriptions are remembered until they are unsubscribed, refused ones too, and subscribed again whenever the
///   server has lost the session.
#[derive(Debug)]
pub struct Client {
    options: ConnectOptions,
    authentication: Option<Box<dyn Authentication>>,
    /// The options' id, or the one that the server chose.
    client_id: ByteString,
    rng: fastrand::Rng,
    state: State,
    /// When the last input came.
    now: Time,
    /// The number of the attempt, see [`State`].
    attempt: u32,
    /// Whether a CONNACK ever said yes.
    connected_before: bool,
    link: Link,
    commands: VecDeque<Command>,
    events: VecDeque<Event>,
    /// Whole packets, encoded, in their final order.
    out: BytesMut,

    queue: Queue,
    next_publish_id: u64,
    outgoing: Outgoing<InFlight>,
    /// QoS 2 messages between PUBREC and PUBCOMP, in the order of PUBREC, with what it said.
    releasing: VecDeque<(PacketId, PublishId, ReasonCode)>,
    incoming: Incoming,
    subscriptions: Subscriptions,
    /// How long the session outlives the connection. Kept beyond the connection that negotiated it.
    session_expiry_s: u32,
    round_trip: Option<Duration>,
}

/// A message that was sent and not acknowledged.
#[derive(Clone, Debug)]
struct InFlight {
    id: PublishId,
    message: Message,
    /// When it was sent first: the message's expiry counts from there.
    since: Time,
}

/// What ends with the connection.
#[derive(Debug)]
struct Link {
    /// When the transport was asked for; when it opened; when CONNACK came: the beginning of the present phase.
    since: Time,
    /// When opening and connecting must be done.
    connect_deadline: Time,
    /// What CONNECT said.
    clean_start: bool,
    last_sent: Time,
    last_received: Time,
    /// Zero: off.
    keep_alive: Duration,
    ping: Option<Ping>,
    inbound_aliases: InboundAliases,
    outbound_aliases: OutboundAliases,
}

/// A PINGREQ without its PINGRESP.
#[derive(Clone, Copy, Debug)]
struct Ping {
    sent: Time,
    /// The beginning of `patience`.
    from: Time,
    /// How long silence is borne.
    patience: Duration,
}

/// What waits, see [`Client::pending`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Messages that were never sent.
    pub queued_messages: usize,
    /// What they hold.
    pub queued_bytes: usize,
    /// QoS 1 and 2 messages that wait for the server's last word.
    pub in_flight: usize,
    /// SUBSCRIBEs and UNSUBSCRIBEs that wait to be sent or answered.
    pub requests: usize,
    /// Encoded bytes that the transport has not taken.
    pub unsent_bytes: usize,
}

impl Pending {
    /// Whether nothing waits: everything that was asked for is done.
    pub fn is_empty(&self) -> bool {
        *self == Pending::default()
    }
}

impl Client {
    /// A client that does nothing yet. `seed` is what its jitter comes from.
    pub fn new(options: ConnectOptions, seed: u64) -> Self {
        let receive_maximum = options.receive_maximum();
        Client {
            client_id: options.client_id.clone(),
            rng: fastrand::Rng::with_seed(seed),
            state: State::Idle,
            now: Time::ZERO,
            attempt: 0,
            connected_before: false,
            link: Link::new(Time::ZERO, Duration::ZERO),
            commands: VecDeque::new(),
            events: VecDeque::new(),
            out: BytesMut::new(),
            queue: Queue::new(options.offline_messages, options.offline_bytes),
            next_publish_id: 1,
            outgoing: Outgoing::new(NonZeroU16::MAX),
            releasing: VecDeque::new(),
            incoming: Incoming::new(receive_maximum),
            subscriptions: Subscriptions::default(),
            session_expiry_s: options.properties.session_expiry_s.unwrap_or(0),
            round_trip: None,
            authentication: None,
            options,
        }
    }

    /// Says who it is by this method (5.0), in all connections that begin from now on.
    pub fn set_authentication(&mut self, authentication: Box<dyn Authentication>) {
        self.authentication = Some(authentication);
    }

    /// Subscribes, at once or as soon as there is a connection. Each filter gets an [`Event::Subscribed`].
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>, now: Time) {
        self.now = now;
        self.subscriptions.subscribe(subscriptions);
    }

    /// Unsubscribes, at once or as soon as there is a connection. Each filter gets an [`Event::Unsubscribed`].
    pub fn unsubscribe(&mut self, filters: Vec<TopicFilter>, now: Time) {
        self.now = now;
        self.subscriptions.unsubscribe(filters);
    }

    /// What the transport has to do next.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All that happened, in order; `events` must be empty. What it has allocated is used for what happens next, so that two
    /// queues that go to and fro are all there is to allocate.
    pub fn swap_events(&mut self, events: &mut VecDeque<Event>) {
        events.clear();
        std::mem::swap(&mut self.events, events);
    }

    /// Bytes for the transport: whole packets, as many as there are up to about `max_bytes`. The last packet may go
    /// beyond, so that one larger than that is sent, too.
    ///
    /// Taking the bytes means that they will be written, unless the transport is lost.
    pub fn poll_transmit(&mut self, max_bytes: usize) -> Option<Bytes> {
        if self.state.is_connected() {
            self.fill(max_bytes);
        }
        if self.out.is_empty() {
            return None;
        }
        self.link.last_sent = self.now;
        Some(self.out.split().freeze())
    }

    /// Where the client is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How it was told to connect. The client id may differ, see [`ServerLimits::client_id`].
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// From the last PINGREQ to its answer, or from CONNECT to CONNACK.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What waits.
    pub fn pending(&self) -> Pending {
        Pending {
            queued_messages: self.queue.len(),
            queued_bytes: self.queue.bytes(),
            in_flight: self.outgoing.len(),
            requests: self.subscriptions.pending(),
            unsent_bytes: self.out.len(),
        }
    }
}
