//! Who comes and who goes: CONNECT, take-over, the end of a connection, the end of a session.

use super::access::{Admitted, Identity};
use super::authenticate::Authenticated;
use super::event::{DisconnectCause, Event, Peer, TransportKind};
use super::message::Outbound;
use super::router::SessionKey;
use super::session::{Absence, ConnId, Ended, Link, LinkKey, NEVER, Session};
use super::timers::Timer;
use super::will::pending_will;
use super::{Broker, Violation};
use bytes::{Bytes, BytesMut};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::packet::{
    ConnAck, ConnAckProperties, Connect, Disconnect, Packet, QoS, ReasonCode, Version,
};
use tabmq_shared::session::OutboundAliases;
use tabmq_shared::{ByteString, Time, codec};

/// What the client ids of the broker's own bridges begin with, and nobody else's: a client with such an id would take a
/// bridge's session over.
pub(crate) const BRIDGE_CLIENT_IDS: &str = "$bridge/";

/// A CONNECT that is not accepted: the CONNACK's reason, and a sentence for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// What the client is told.
    pub reason: ReasonCode,
    /// What the console says.
    pub why: String,
    /// Where else to go.
    pub server_reference: Option<String>,
}

impl ConnectError {
    pub(super) fn new(reason: ReasonCode, why: impl Into<String>) -> Self {
        ConnectError { reason, why: why.into(), server_reference: None }
    }
}

impl Broker {
    /// Lets an authenticated client in: answers CONNACK into its outbox and takes over its session.
    ///
    /// # Errors
    /// The CONNECT asks for what this server does not do. The caller answers CONNACK and closes.
    pub fn connect(
        &mut self,
        connect: &Connect,
        admitted: Admitted,
        peer: Peer,
        now: Time,
    ) -> Result<ConnId, ConnectError> {
        let Admitted { identity, last_data } = admitted;
        if connect.client_id.starts_with(BRIDGE_CLIENT_IDS) != (peer.transport == TransportKind::Bridge) {
            let why = format!("client ids that begin with {BRIDGE_CLIENT_IDS} are the broker's own bridges'");
            return Err(ConnectError::new(ReasonCode::ClientIdentifierNotValid, why));
        }
        let assigned_id = self.check_connect(connect)?;
        let will = connect.will.clone().map(pending_will).transpose()?;
        let client_id: Arc<str> = Arc::from(assigned_id.as_deref().unwrap_or(&connect.client_id));
        self.check_room(connect, &identity, &client_id)?;
        let address = address_of(&peer);
        let rights = self.rights_of(&identity, &client_id, address, will.as_ref())?;
        let expiry_s = session_expiry(connect).min(self.config.max_session_expiry_s);
        let mut connack = ConnAck {
            session_present: false,
            reason: ReasonCode::Success,
            properties: match connect.version {
                Version::V5 => self.connack_properties(connect, &client_id, assigned_id, last_data, expiry_s),
                _ => ConnAckProperties::default(),
            },
        };
        let connack_bytes = codec::encoded_size(&Packet::ConnAck(Box::new(connack.clone())), connect.version);
        if connect.properties.maximum_packet_size.is_some_and(|max| connack_bytes > max as usize) {
            let why = format!(
                "not even the CONNACK fits into its maximum packet size: it needs {connack_bytes} bytes"
            );
            return Err(ConnectError::new(ReasonCode::PacketTooLarge, why)); // [MQTT-3.1.2-24]
        }
        self.take_over(&client_id, connect, &identity, now);
        let identity = self.clients.shared_identity(identity);
        let (key, session_present) = self.open_session(&client_id, &identity);
        connack.session_present = session_present;
        let send_quota = self.send_quota(connect);
        let receive_maximum = self.receive_maximum(connect.version);
        if let Some(session) = self.clients.session_mut(key) {
            session.expiry_s = expiry_s;
            session.resume(send_quota, receive_maximum);
            session.will = will.map(Box::new);
            session.identity = identity;
        }
        let conn = self.open_link(key, connect, peer.clone(), now);
        self.set_rights(key, rights, session_present);
        self.set_authorisation(conn, key, now);
        self.clients.current = Some(conn.link); // it has no waker yet: it takes its output by itself
        self.clients.send_control(conn.link, &Packet::ConnAck(Box::new(connack)));
        self.clients.current = None;
        let stats = &mut self.clients.stats;
        stats.connects += 1;
        stats.packets_received += 1;
        self.clients.count_connection(peer.transport, 1);
        let user = self.clients.session(key).and_then(|session| session.identity.user.as_deref());
        let username = user.map(ByteString::from).or_else(|| connect.username.clone());
        self.events.push(Event::Connected {
            client_id,
            username,
            peer,
            version: connect.version,
            session_present,
            keep_alive_s: connect.keep_alive_s,
        });
        Ok(conn)
    }

    /// Counts a connection that was refused before or by [`Broker::connect`].
    pub fn count_refused(&mut self) {
        self.clients.stats.refused += 1;
    }

    /// The client id to assign, if the client left it to the server.
    fn check_connect(&mut self, connect: &Connect) -> Result<Option<String>, ConnectError> {
        let error = |reason, why: &str| Err(ConnectError::new(reason, why));
        if self.shutting_down {
            return error(ReasonCode::ServerUnavailable, "the server is stopping");
        }
        let features = &self.config.features;
        if let Some(redirect) = &features.redirect {
            let reason = match redirect.permanent {
                true => ReasonCode::ServerMoved,
                false => ReasonCode::UseAnotherServer,
            };
            let server_reference = Some(redirect.server.clone());
            let why = format!("clients are sent to {}", redirect.server);
            return Err(ConnectError { reason, why, server_reference });
        }
        if let Some(will) = &connect.will {
            if let Some(limit) = self.topic_limit(&will.topic) {
                self.clients.stats.count_limit(limit);
                return error(ReasonCode::TopicNameInvalid, "the will's topic is too long or too deep");
            }
            if will.qos > features.maximum_qos {
                return error(ReasonCode::QoSNotSupported, "the will's QoS is too high"); // [MQTT-3.2.2-12]
            }
            if will.retain && !features.retain {
                return error(ReasonCode::RetainNotSupported, "the will is to be retained"); // [MQTT-3.2.2-13]
            }
        }
        if !connect.client_id.is_empty() {
            return Ok(None);
        }
        match connect.version {
            // 3.1: the identifier is between 1 and 23 characters long
            Version::V31 => error(ReasonCode::ClientIdentifierNotValid, "an empty client id in MQTT 3.1"),
            // [MQTT-3.1.3-8 of 3.1.1]
            Version::V311 if !connect.clean_start => {
                error(ReasonCode::ClientIdentifierNotValid, "an empty client id without clean session")
            }
            _ => Ok(Some(self.unused_client_id())), // [MQTT-3.1.3-6]
        }
    }

    fn unused_client_id(&mut self) -> String {
        loop {
            let id = format!("auto-{:016x}", self.rng.u64(..));
            if self.clients.find(&id).is_none() {
                return id;
            }
        }
    }

    /// Ends the connection that has this client id [MQTT-3.1.4-3], and settles the will of the one before.
    fn take_over(&mut self, client_id: &str, connect: &Connect, identity: &Identity, now: Time) {
        let Some(key) = self.clients.find(client_id) else { return };
        if let Some(conn) = self.conn_of(key) {
            self.end_connection(conn, DisconnectCause::TakenOver, now);
        }
        // That may have been the end of the session as well.
        let Some(session) = self.clients.session(key).filter(|session| *session.client_id == *client_id)
        else {
            return;
        };
        if session.expires_at().is_some_and(|at| at <= now) {
            self.expire_session(key, now);
        } else if connect.clean_start || session.identity.user != identity.user {
            // [MQTT-3.1.2-4]; it publishes the will [MQTT-3.1.2-8]. What one user's session has is not another one's.
            self.end_session(key, now);
        } else {
            self.cancel_will(key); // [MQTT-3.1.3-9]
        }
    }

    pub(super) fn conn_of(&self, key: SessionKey) -> Option<ConnId> {
        let link = self.clients.session(key)?.link?;
        let serial = self.clients.links.get(link as usize)?.serial;
        Some(ConnId { link, serial })
    }

    /// The session for this client, and whether it existed.
    fn open_session(&mut self, client_id: &Arc<str>, identity: &Arc<Identity>) -> (SessionKey, bool) {
        if let Some(key) = self.clients.find(client_id) {
            self.end_absence(key);
            return (key, true);
        }
        (self.clients.add_session(Session::new(client_id.clone(), identity.clone())), false)
    }

    /// The client is back, or its session is at its end.
    fn end_absence(&mut self, key: SessionKey) {
        if let Some(session) = self.clients.session_mut(key)
            && let Some(absence) = session.absence.take()
            && let Some(at) = absence.expires_at
        {
            self.timers.cancel(at, Timer::SessionExpiry(key));
        }
    }

    fn send_quota(&self, connect: &Connect) -> NonZeroU16 {
        connect.properties.receive_maximum.unwrap_or(NonZeroU16::MAX).min(self.config.max_in_flight)
    }

    /// A client of before 5.0 cannot be told of a maximum, so it has none but the number of packet identifiers.
    fn receive_maximum(&self, version: Version) -> NonZeroU16 {
        if version.is_v5() { self.config.receive_maximum } else { NonZeroU16::MAX }
    }

    fn open_link(&mut self, key: SessionKey, connect: &Connect, peer: Peer, now: Time) -> ConnId {
        self.next_serial = self.next_serial.wrapping_add(1);
        let properties = &connect.properties;
        let alias_maximum = properties.topic_alias_maximum.unwrap_or(0);
        let keep_alive_s = self.keep_alive_s(connect);
        let mut link = Link::new(self.next_serial, key, peer, connect.version, now);
        link.clean_start = connect.clean_start;
        link.is_bridge = connect.is_bridge;
        link.alias_maximum = if connect.version.is_v5() { self.config.topic_alias_maximum } else { 0 };
        link.outbound_aliases = (alias_maximum > 0).then(|| Box::new(OutboundAliases::new(alias_maximum)));
        link.max_packet_size = properties.maximum_packet_size.unwrap_or(u32::MAX);
        link.keep_alive_s = keep_alive_s;
        link.expiry_was_zero = properties.session_expiry_s.unwrap_or(0) == 0;
        let identity = self.clients.session(key).map(|session| &*session.identity);
        if let Some(user) = counted_as(identity, connect) {
            link.credentials_mut().user = Some(user.into());
            *self.clients.users.entry(user.into()).or_default() += 1;
        }
        if let Some(method) = &properties.authentication_method {
            let method = ByteString::from(method.to_string());
            link.credentials_mut().authenticated = Some(Authenticated { method, again: None });
        }
        let conn = ConnId { link: self.clients.links.insert(link) as LinkKey, serial: self.next_serial };
        if let Some(session) = self.clients.session_mut(key) {
            session.link = Some(conn.link);
        }
        if keep_alive_s > 0 {
            self.set_keep_alive(key, now + grace(keep_alive_s));
        }
        conn
    }

    /// Seconds; 0 is off.
    fn keep_alive_s(&self, connect: &Connect) -> u16 {
        match self.config.server_keep_alive_s {
            Some(server)
                if connect.version.is_v5()
                    && (connect.keep_alive_s == 0 || connect.keep_alive_s > server) =>
            {
                server
            }
            _ => connect.keep_alive_s,
        }
    }

    /// What this server grants, where it is not the default (5.0 section 3.2.2.3).
    fn connack_properties(
        &self,
        connect: &Connect,
        client_id: &str,
        assigned_client_id: Option<String>,
        last_data: Option<Bytes>,
        expiry_s: u32,
    ) -> ConnAckProperties {
        let keep_alive_s = self.keep_alive_s(connect);
        let features = &self.config.features;
        let asked = connect.properties.request_response_information.unwrap_or(false);
        let response_prefix = features.response_prefix.as_ref().filter(|_| asked); // [MQTT-3.1.2-28]
        ConnAckProperties {
            // [MQTT-3.2.2-16]
            assigned_client_id: assigned_client_id.map(ByteString::from),
            session_expiry_s: (expiry_s != session_expiry(connect)).then_some(expiry_s),
            receive_maximum: Some(self.config.receive_maximum).filter(|max| *max != NonZeroU16::MAX),
            maximum_packet_size: Some(self.config.max_packet_size),
            topic_alias_maximum: Some(self.config.topic_alias_maximum).filter(|max| *max > 0),
            // [MQTT-3.1.2-21]
            server_keep_alive_s: (keep_alive_s != connect.keep_alive_s).then_some(keep_alive_s),
            maximum_qos: Some(features.maximum_qos).filter(|max| *max != QoS::ExactlyOnce),
            retain_available: (!features.retain).then_some(false),
            wildcard_subscription_available: (!features.wildcard_subscriptions).then_some(false),
            subscription_ids_available: (!features.subscription_ids).then_some(false),
            shared_subscription_available: (!features.shared_subscriptions).then_some(false),
            response_information: response_prefix.map(|prefix| format!("{prefix}/{client_id}").into()),
            // [MQTT-4.12.0-5]
            authentication_method: connect.properties.authentication_method.clone(),
            authentication_data: last_data,
            ..ConnAckProperties::default()
        }
    }

    pub(super) fn handle_disconnect(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        disconnect: &Disconnect,
        now: Time,
    ) -> Result<(), Violation> {
        if let Some(expiry_s) = disconnect.properties.session_expiry_s {
            if expiry_s > 0 && self.clients.link(conn).is_some_and(|link| link.expiry_was_zero) {
                let what = "DISCONNECT sets a session expiry, though CONNECT had none";
                return Err(Violation::new(ReasonCode::ProtocolError, what)); // section 3.14.2.2.2
            }
            let expiry_s = expiry_s.min(self.config.max_session_expiry_s);
            if let Some(session) = self.clients.session_mut(key) {
                session.expiry_s = expiry_s;
            }
        }
        if disconnect.reason == ReasonCode::Success
            && let Some(session) = self.clients.session_mut(key)
        {
            session.will = None; // [MQTT-3.1.2-10] [MQTT-3.14.4-3]
        }
        self.end_connection(conn, DisconnectCause::Client(disconnect.reason), now);
        Ok(())
    }

    /// The client is gone: its transport has ended, or failed with this error.
    pub fn handle_transport_end(&mut self, conn: ConnId, error: Option<String>, now: Time) {
        self.end_connection(conn, DisconnectCause::TransportClosed(error), now);
    }

    /// Frees what is left of a connection that has ended: its last output has been written, or cannot be.
    pub fn release(&mut self, conn: ConnId) {
        if self.clients.link(conn).is_some_and(|link| link.session.is_none()) {
            self.clients.remove_link(conn.link);
        }
    }

    /// Whether the broker, or the client by DISCONNECT, has ended this connection.
    pub fn has_ended(&self, conn: ConnId) -> bool {
        self.clients.link(conn).is_none_or(|link| link.session.is_none())
    }

    /// Whether this connection has ended by the client's DISCONNECT.
    pub fn has_left(&self, conn: ConnId) -> bool {
        self.clients.link(conn).is_some_and(|link| link.client_left)
    }

    /// Tells every client that the server stops. Their wills are published.
    pub fn shut_down(&mut self, now: Time) {
        self.shutting_down = true;
        let conns: Vec<ConnId> = (self.clients.links.iter())
            .map(|(key, link)| ConnId { link: key as LinkKey, serial: link.serial })
            .collect();
        // All wills first: then everybody who wants to know of them is still there.
        for conn in &conns {
            if let Some(key) = self.clients.link(*conn).and_then(|link| link.session) {
                self.publish_will(key, now);
            }
        }
        for conn in conns {
            let cause =
                DisconnectCause::Server(ReasonCode::ServerShuttingDown, "the server stops".to_owned());
            self.end_connection(conn, cause, now);
        }
    }

    /// Connections that have not been [released](Broker::release).
    pub fn connections(&self) -> usize {
        self.clients.links.len()
    }

    /// Takes a connection from its session: says farewell, settles the will, sets the session's time running. What
    /// is in the outbox still goes out; then [`Output::Close`](super::Output::Close) is said.
    pub(super) fn end_connection(&mut self, conn: ConnId, cause: DisconnectCause, now: Time) {
        let Some(link) = self.clients.link_mut(conn) else { return };
        let Some(key) = link.session.take() else { return };
        let (peer, keep_alive_at) = (link.peer(), link.keep_alive_at);
        let authorised_until =
            link.credentials.as_mut().and_then(|credentials| credentials.good_until.take());
        link.client_left = matches!(cause, DisconnectCause::Client(_));
        let farewell = farewell(link, &cause);
        let wake = link.wake.take();
        if let Some(farewell) = farewell {
            link.outbox.set_farewell(farewell);
            self.clients.stats.packets_sent += 1;
        }
        self.clients.wakes.extend(wake);
        self.timers.cancel(keep_alive_at, Timer::KeepAlive(key));
        if let Some(at) = authorised_until {
            self.timers.cancel(at, Timer::Authorisation(key));
        }
        self.clients.count_connection(peer.transport, -1);
        self.clients.forget_user(conn.link);
        let Some(session) = self.clients.session_mut(key) else { return };
        session.link = None;
        session.rest();
        session.absence = Some(Box::new(Absence { address: address_of(&peer), expires_at: None }));
        let (client_id, expiry_s) = (session.client_id.clone(), session.expiry_s);
        if expiry_s > 0 {
            let ended = Ended { at: now, cause: cause.clone(), address: peer.address };
            session.last_end = Some(Box::new(ended));
        }
        self.events.push(Event::Disconnected { client_id, peer, cause });
        if expiry_s == 0 {
            self.end_session(key, now);
            return;
        }
        if let Some(will) = &mut session.will {
            let due_at = now + Duration::from_secs(u64::from(will.delay_s));
            will.due_at = Some(due_at);
            if will.delay_s == 0 {
                self.publish_will(key, now);
            } else {
                self.timers.set(due_at, Timer::Will(key));
            }
        }
        if expiry_s != NEVER {
            let at = now + Duration::from_secs(u64::from(expiry_s));
            if let Some(absence) = self.clients.session_mut(key).and_then(|session| session.absence.as_mut())
            {
                absence.expires_at = Some(at);
            }
            self.timers.set(at, Timer::SessionExpiry(key));
        }
    }

    pub(super) fn expire_session(&mut self, key: SessionKey, now: Time) {
        self.clients.stats.sessions_expired += 1;
        self.end_session(key, now);
    }

    /// Forgets a session: its will is published if that is still due, its subscriptions end, and what it had from
    /// shared subscriptions goes to others.
    pub(super) fn end_session(&mut self, key: SessionKey, now: Time) {
        self.publish_will(key, now); // [MQTT-3.1.2-8]: the end of the session cuts the delay
        self.end_absence(key);
        let Some(session) = self.clients.session_mut(key) else { return };
        let mut orphans = Vec::new();
        if let Some(flow) = session.some_flow() {
            let in_flight_bytes = std::mem::take(&mut flow.in_flight_bytes);
            let in_flight = flow.outgoing.drain();
            orphans
                .extend(in_flight.filter(|(_, qos)| *qos == QoS::AtLeastOnce).map(|(delivery, _)| delivery));
            self.clients.stats.in_flight_bytes =
                self.clients.stats.in_flight_bytes.saturating_sub(in_flight_bytes);
        }
        let Some(session) = self.clients.session_mut(key) else { return };
        let subscriptions = session.subscriptions.take();
        for filter in &subscriptions {
            self.router.unsubscribe(key, filter);
            self.clients.stats.shared_subscriptions -= usize::from(filter.share_group().is_some());
        }
        // Never sent, or sent at QoS 1: another member of the group may have it. What was sent at QoS 2 must not go to
        // anybody else [MQTT-4.8.2-5].
        orphans.extend(self.clients.clear_queue(key));
        self.clients.remove_session(key);
        for delivery in orphans {
            if let Some(group) = delivery.group {
                let mut scratch = std::mem::take(&mut self.scratch);
                let mut out = Outbound::from_kept(&delivery.message, &mut scratch, now);
                self.deliver_to_group(group, &mut out, delivery.retain);
                self.scratch = scratch;
            }
        }
    }

    fn set_keep_alive(&mut self, key: SessionKey, at: Time) {
        let Some(conn) = self.conn_of(key) else { return };
        if let Some(link) = self.clients.link_mut(conn) {
            link.keep_alive_at = at;
            self.timers.set(at, Timer::KeepAlive(key));
        }
    }

    /// [MQTT-3.1.2-22] nothing received for one and a half times the keep-alive: the connection ends. What the server
    /// sends does not postpone it.
    pub(super) fn check_keep_alive(&mut self, key: SessionKey, now: Time) {
        let Some(conn) = self.conn_of(key) else { return };
        let Some(link) = self.clients.link_mut(conn) else { return };
        let deadline = link.last_received + grace(link.keep_alive_s);
        if deadline > now {
            self.set_keep_alive(key, deadline);
            return;
        }
        let cause = DisconnectCause::KeepAlive { keep_alive_s: link.keep_alive_s };
        self.end_connection(conn, cause, now);
    }
}

/// Where a client comes from, as access rules see it.
pub(super) fn address_of(peer: &Peer) -> IpAddr {
    peer.address.ip().to_canonical()
}

/// The user name under which a connection is counted: the one that was proved, else the one that was given.
pub(super) fn counted_as<'a>(identity: Option<&'a Identity>, connect: &'a Connect) -> Option<&'a str> {
    identity.and_then(|identity| identity.user.as_deref()).or(connect.username.as_deref())
}

/// One and a half times the keep-alive.
fn grace(keep_alive_s: u16) -> Duration {
    Duration::from_millis(u64::from(keep_alive_s) * 1500)
}

/// Seconds, as the client asked. Before 5.0: with the connection, or never.
fn session_expiry(connect: &Connect) -> u32 {
    match connect.version {
        Version::V5 => connect.properties.session_expiry_s.unwrap_or(0),
        _ if connect.clean_start => 0,
        _ => NEVER,
    }
}

/// The DISCONNECT that tells a 5.0 client why it is closed; before 5.0 servers have none.
fn farewell(link: &Link, cause: &DisconnectCause) -> Option<Vec<u8>> {
    let (reason, what) = match cause {
        DisconnectCause::Client(_) | DisconnectCause::TransportClosed(_) => return None,
        DisconnectCause::KeepAlive { .. } => (ReasonCode::KeepAliveTimeout, None),
        DisconnectCause::TakenOver => (ReasonCode::SessionTakenOver, None),
        DisconnectCause::ProtocolViolation(reason, what) | DisconnectCause::Server(reason, what) => {
            (*reason, Some(what))
        }
    };
    if !link.version.is_v5() {
        return None;
    }
    // [MQTT-3.14.0-1] servers may send it only after CONNACK: a link exists only then.
    let mut disconnect = Disconnect::new(reason);
    disconnect.properties.reason_string = what.map(|what| ByteString::from(what.clone()));
    let mut buffer = BytesMut::new();
    codec::encode(&Packet::Disconnect(Box::new(disconnect)), link.version, &mut buffer).ok()?;
    if buffer.len() > link.max_packet_size as usize {
        buffer.clear(); // [MQTT-3.14.2-3]
        codec::encode(&Packet::Disconnect(Box::new(Disconnect::new(reason))), link.version, &mut buffer)
            .ok()?;
    }
    Some(buffer.to_vec())
}
