//! Connect, lose, wait, stop.

use super::queue::Queued;
use super::{
    Client, Command, Event, InFlight, Link, Outcome, PublishError, PublishId, ServerLimits, State, Why,
};
use crate::Time;
use crate::codec;
use crate::packet::{
    ConnAck, ConnAckProperties, Connect, Disconnect, Packet, PacketType, QoS, ReasonCode, Version,
};
use crate::session::{InboundAliases, OutboundAliases};
use bytestring::ByteString;
use std::num::NonZeroU16;
use std::time::Duration;

/// A connection that lasted so long was a success: the next attempt is a first one again.
const LASTING: Duration = Duration::from_secs(10);

impl Client {
    /// Begins to connect. Does nothing if that is under way already; while waiting, waits no longer.
    pub fn start(&mut self, now: Time) {
        self.now = now;
        match self.state {
            State::Idle | State::Stopped { .. } => {
                self.attempt = 1;
                self.open();
            }
            State::Waiting { .. } => self.open(),
            State::Opening { .. } | State::Connecting { .. } | State::Connected { .. } => {}
        }
    }

    /// The user does not want to wait for the next attempt, or the network is back.
    pub fn retry_now(&mut self, now: Time) {
        self.now = now;
        if let State::Waiting { .. } = self.state {
            self.open();
        }
    }

    /// The transport is open: CONNECT goes out.
    pub fn handle_opened(&mut self, now: Time) {
        self.now = now;
        if !matches!(self.state, State::Opening { .. }) {
            return;
        }
        let connect = match self.connect_packet() {
            Ok(connect) => Packet::Connect(Box::new(connect)),
            Err(words) => return self.give_up(Why::AuthenticationFailed(words)),
        };
        if let Err(error) = codec::encode(&connect, self.options.version, &mut self.out) {
            self.give_up(Why::BadOptions(format!("CONNECT cannot be sent: {error}")));
            return;
        }
        self.link.since = now;
        self.set_state(State::Connecting { attempt: self.attempt });
    }

    /// The transport is gone, or could not be opened. `words` say why, for people; they may be empty.
    ///
    /// Not for a transport that the client itself gave up with [`Command::Close`].
    pub fn handle_closed(&mut self, words: impl Into<String>, now: Time) {
        self.now = now;
        let words = words.into();
        let why = match self.state {
            State::Opening { .. } => Why::Unreachable(words),
            State::Connecting { .. } => Why::ClosedBeforeConnAck { version: self.options.version, words },
            State::Connected { .. } => Why::Lost(words),
            State::Idle | State::Waiting { .. } | State::Stopped { .. } => return,
        };
        self.out.clear();
        self.end(why);
    }

    /// Says good-bye and stays away until [`start`](Self::start). What waits keeps waiting.
    ///
    /// [`ReasonCode::DisconnectWithWill`] has the server publish the will; before 5.0 that is done by saying nothing.
    pub fn disconnect(&mut self, reason: ReasonCode, now: Time) {
        self.now = now;
        match self.state {
            State::Stopped { .. } => return,
            State::Idle | State::Waiting { .. } => {}
            State::Opening { .. } => self.command(Command::Close),
            State::Connecting { .. } | State::Connected { .. } => {
                if self.options.version.is_v5() || reason == ReasonCode::Success {
                    self.say_good_bye(reason);
                }
                self.command(Command::Close); // [MQTT-3.14.4-1], [MQTT-3.14.4-2]
            }
        }
        self.end(Why::Disconnected);
    }

    /// CONNACK, in state Connecting.
    pub(super) fn on_connack(&mut self, ack: ConnAck) {
        if ack.reason.is_error() {
            return self.refused(ack);
        }
        let clean = self.link.clean_start;
        if ack.session_present && clean {
            // [MQTT-3.2.2-2] [MQTT-3.2.2-4]
            let words = "CONNACK says that there is a session, after a clean start";
            return self.protocol_error(ReasonCode::ProtocolError, words);
        }
        if !self.check_authentication(ack.properties.authentication_data.as_ref()) {
            return;
        }
        if let Some(id) = &ack.properties.assigned_client_id {
            self.client_id = ByteString::from(&**id);
        }
        let limits = self.limits(&ack.properties);
        self.session_expiry_s = limits.session_expiry_s;
        self.round_trip = Some(self.now - self.link.since);
        self.link.since = self.now;
        self.link.last_received = self.now;
        self.link.keep_alive = Duration::from_secs(limits.keep_alive_s.into());
        self.link.inbound_aliases = InboundAliases::new(self.options.topic_alias_maximum());
        self.link.outbound_aliases = OutboundAliases::new(limits.topic_alias_maximum);

        // 3.1 cannot say whether there is a session: take its word that it keeps one, but subscribe again.
        let unsaid = self.options.version == Version::V31 && !clean && self.connected_before;
        self.connected_before = true;
        let window = limits.receive_maximum.min(self.max_in_flight());
        self.set_state(State::Connected { session_present: ack.session_present, limits: Box::new(limits) });
        let session_present = ack.session_present;
        self.events.push_back(Event::Connected { session_present, properties: Box::new(ack.properties) });
        if !session_present {
            for filter in self.subscriptions.session_lost() {
                let result = ReasonCode::NoSubscriptionExisted;
                self.events.push_back(Event::Unsubscribed { filter, result });
            }
            if !unsaid {
                self.session_lost();
            }
        }
        self.outgoing.resume(window);
        self.incoming.resume(self.options.receive_maximum());
    }

    /// The server sent something wrong: it is told in 5.0 (section 4.13.1), and left.
    pub(super) fn protocol_error(&mut self, reason: ReasonCode, words: impl Into<String>) {
        let message = words.into();
        if self.options.version.is_v5() {
            self.say_good_bye(reason);
        }
        self.events.push_back(Event::ProtocolError { reason, message: message.clone() });
        self.leave(Why::ProtocolError(message));
    }

    /// Leaves a transport on which nothing more is to be said.
    pub(super) fn give_up(&mut self, why: Why) {
        self.out.clear();
        self.leave(why);
    }

    /// Leaves a transport as soon as it has taken what was said.
    pub(super) fn leave(&mut self, why: Why) {
        self.command(Command::Close);
        self.end(why);
    }

    /// DISCONNECT, behind what waits for the transport.
    pub(super) fn say_good_bye(&mut self, reason: ReasonCode) {
        let sayable = reason.allowed_in(PacketType::Disconnect);
        let reason = if sayable { reason } else { ReasonCode::UnspecifiedError };
        self.send(&Packet::Disconnect(Box::new(Disconnect::new(reason))));
    }

    /// Asks for a transport.
    pub(super) fn open(&mut self) {
        if let Err(words) = self.options.check() {
            return self.set_state(State::Stopped { why: Why::BadOptions(words) });
        }
        self.link = Link::new(self.now, self.options.connect_timeout);
        self.out.clear();
        self.command(Command::Open);
        self.set_state(State::Opening { attempt: self.attempt });
    }

    /// Encodes a packet behind those that wait for the transport.
    pub(super) fn send(&mut self, packet: &Packet) {
        // Only packets come here that this client composed of parts that fit: identifiers and reasons.
        let result = codec::encode(packet, self.options.version, &mut self.out);
        debug_assert!(result.is_ok(), "{result:?} for {packet:?}");
    }

    /// The connection is over, or there was none: wait or stop. The transport is dealt with already.
    fn end(&mut self, why: Why) {
        if self.state.is_connected() && self.now - self.link.since >= LASTING {
            self.attempt = 0;
        }
        self.subscriptions.connection_lost();
        self.link = Link::new(self.now, self.options.connect_timeout);
        match self.options.reconnect {
            Some(backoff) if !why.is_final() => {
                self.attempt = self.attempt.saturating_add(1);
                let until = self.now + backoff.delay(self.attempt, &mut self.rng);
                self.set_state(State::Waiting { until, attempt: self.attempt, why });
            }
            _ => self.set_state(State::Stopped { why }),
        }
    }

    fn refused(&mut self, ack: ConnAck) {
        let ConnAck { reason, properties, .. } = ack;
        let ConnAckProperties { reason_string, server_reference, .. } = properties;
        self.give_up(Why::Refused { reason, reason_string, server_reference });
    }

    /// The server has lost the session: nothing that it knew counts any more.
    fn session_lost(&mut self) {
        self.incoming.clear();
        // The server has these, as its PUBREC said; only the end of the exchange was lost.
        for (_, id, reason) in std::mem::take(&mut self.releasing) {
            self.published(id, Outcome::Acknowledged(reason));
        }
        // Whether the server has these is not known. They are sent again as new messages: rather twice than never.
        let unacknowledged: Vec<(InFlight, QoS)> = self.outgoing.drain().collect();
        for (InFlight { id, message, since }, _) in unacknowledged.into_iter().rev() {
            self.queue.push_front(Queued { id, message, since });
        }
    }

    /// The CONNECT for the next connection.
    ///
    /// # Errors
    /// The method of authentication cannot begin.
    fn connect_packet(&mut self) -> Result<Connect, String> {
        let options = &self.options;
        // Whoever begins clean and keeps the session beyond the connection wants to come back to it.
        let resumes = options.version.is_v5() && self.connected_before && self.session_expiry_s > 0;
        let clean_start = options.clean_start && !resumes;
        self.link.clean_start = clean_start;
        let mut properties = options.properties.clone();
        if properties.maximum_packet_size.is_none() && options.max_packet_size > 0 {
            properties.maximum_packet_size = Some(options.max_packet_size);
        }
        if let Some(authentication) = &mut self.authentication {
            properties.authentication_method = Some(authentication.method().into());
            properties.authentication_data = authentication.begin()?;
        }
        Ok(Connect {
            version: options.version,
            is_bridge: options.is_bridge && !options.version.is_v5(),
            clean_start,
            keep_alive_s: options.keep_alive_s,
            client_id: self.client_id.clone(),
            will: options.will.clone(),
            username: options.username.clone(),
            password: options.password.clone(),
            properties,
        })
    }

    fn limits(&self, properties: &ConnAckProperties) -> ServerLimits {
        let own_expiry = self.options.properties.session_expiry_s.unwrap_or(0);
        ServerLimits {
            client_id: self.client_id.clone(),
            receive_maximum: properties.receive_maximum.unwrap_or(NonZeroU16::MAX),
            maximum_qos: properties.maximum_qos.unwrap_or(QoS::ExactlyOnce),
            retain_available: properties.retain_available.unwrap_or(true),
            maximum_packet_size: properties.maximum_packet_size.unwrap_or(u32::MAX),
            topic_alias_maximum: properties.topic_alias_maximum.unwrap_or(0),
            keep_alive_s: properties.server_keep_alive_s.unwrap_or(self.options.keep_alive_s), // [MQTT-3.1.2-21]
            session_expiry_s: properties.session_expiry_s.unwrap_or(own_expiry),
            wildcard_subscription_available: properties.wildcard_subscription_available.unwrap_or(true),
            subscription_ids_available: properties.subscription_ids_available.unwrap_or(true),
            shared_subscription_available: properties.shared_subscription_available.unwrap_or(true),
        }
    }

    fn max_in_flight(&self) -> NonZeroU16 {
        NonZeroU16::new(self.options.max_in_flight).unwrap_or(NonZeroU16::MIN)
    }

    fn set_state(&mut self, state: State) {
        self.state = state;
        self.events.push_back(Event::StateChanged);
    }

    fn command(&mut self, command: Command) {
        // An Open that nobody has seen needs no Close.
        if command == Command::Close && self.commands.back() == Some(&Command::Open) {
            self.commands.pop_back();
        } else {
            self.commands.push_back(command);
        }
    }

    pub(super) fn published(&mut self, id: PublishId, outcome: Outcome) {
        self.events.push_back(Event::Published { id, outcome });
    }

    pub(super) fn failed(&mut self, id: PublishId, why: PublishError) {
        self.published(id, Outcome::Failed(why));
    }
}

impl Link {
    pub(super) fn new(now: Time, connect_timeout: Duration) -> Self {
        Link {
            since: now,
            connect_deadline: now + connect_timeout,
            clean_start: true,
            last_sent: now,
            last_received: now,
            keep_alive: Duration::ZERO,
            ping: None,
            inbound_aliases: InboundAliases::new(0),
            outbound_aliases: OutboundAliases::new(0),
        }
    }
}
