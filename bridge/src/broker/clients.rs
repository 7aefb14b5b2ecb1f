//! Sessions and links, and how a message gets from the router into an outbox.

use super::BrokerConfig;
use super::access::{Action, Identity};
use super::event::TransportKind;
use super::message::{Delivery, Encoded, Message, Outbound, Own};
use super::router::index::{Hasher, Index};
use super::router::{GroupId, SessionKey};
use super::session::{ConnId, Link, LinkKey, Session, Wake};
use super::stats::{DropReason, Stats};
use crate::outbox::WriteQueue;
use bytes::BytesMut;
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;
use tabmq_shared::Time;
use tabmq_shared::codec;
use tabmq_shared::packet::{Ack, Packet, PacketId, QoS, ReasonCode};
use tabmq_shared::session::{Assigned, Resend};

/// What a topic alias adds to a packet at the most: the property, and a longer properties' length.
const ALIAS_BYTES: usize = 8;

/// Who has more than this to be written is slow. A payload of 2 kB that waits for it would keep alive the buffer of up to
/// 256 KiB into which it was read, and nobody would count that.
const LAGGING_BYTES: usize = 256 * 1024;

/// Everybody that the broker knows, and what waits for them.
pub(super) struct Clients {
    pub(super) sessions: Slab<Session>,
    /// Sessions by client id.
    pub(super) by_id: Index,
    hasher: Hasher,
    /// Who most clients are.
    nobody: Arc<Identity>,
    /// How many connections each user has.
    pub(super) users: HashMap<Box<str>, usize>,
    pub(super) links: Slab<Link>,
    /// How many connections there are of each [`TransportKind`].
    pub(super) by_transport: [usize; TransportKind::ALL.len()],
    pub(super) stats: Stats,
    /// How often [`Clients::deliver`] was called.
    pub(super) deliveries: u64,
    /// Connections that have something to write since the last [`Broker::drain_wakes`](super::Broker::drain_wakes).
    pub(super) wakes: Vec<Wake>,
    /// The connection whose packets are being handled: it looks into its outbox by itself.
    pub(super) current: Option<LinkKey>,
    /// Whether there may be rules about what somebody may do.
    pub(super) limited: bool,
    limits: Limits,
    /// [`Limits::outbox_bytes`], or less while all connections together have too much to write.
    outbox_bytes: usize,
    /// Where control packets are encoded.
    control: BytesMut,
}

/// The part of the configuration that is needed at every delivery.
struct Limits {
    outbox_bytes: usize,
    /// What is queued leaves the queue only while the outbox holds less than this.
    outbox_refill_bytes: usize,
    queue_messages: usize,
    queue_bytes: usize,
    all_queues_bytes: usize,
    all_queues_messages: usize,
    all_outboxes_bytes: u64,
}

impl Limits {
    fn new(config: &BrokerConfig) -> Self {
        Limits {
            outbox_bytes: config.outbox_bytes,
            outbox_refill_bytes: config.outbox_bytes.min(256 * 1024),
            queue_messages: config.queue_messages,
            queue_bytes: config.queue_bytes,
            all_queues_bytes: config.all_queues_bytes,
            all_queues_messages: config.limits.all_queues_messages,
            all_outboxes_bytes: config.limits.all_outboxes_bytes as u64,
        }
    }
}

/// How a message is to be sent to one session.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) replayed: bool,
    pub(super) subscription_ids: Option<Arc<[u32]>>,
    pub(super) group: Option<GroupId>,
}

impl Route {
    /// The way that a message which has waited was to go.
    fn of(delivery: &Delivery) -> Self {
        Route {
            qos: delivery.qos,
            retain: delivery.retain,
            replayed: delivery.replayed,
            subscription_ids: delivery.subscription_ids.clone(),
            group: delivery.group,
        }
    }

    fn delivery(&self, message: Arc<Message>) -> Delivery {
        Delivery {
            message,
            qos: self.qos,
            retain: self.retain,
            replayed: self.replayed,
            subscription_ids: self.subscription_ids.clone(),
            group: self.group,
        }
    }
}

/// What [`Clients::take_output`] has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// There is something to write.
    Data {
        /// The outbox was full: there is more to take as soon as this is written. Otherwise the waker tells.
        more: bool,
    },
    /// There is nothing; the waker is called when there is.
    Idle,
    /// Everything has been taken, and nothing will come: close the transport.
    Close,
}

impl Clients {
    pub(super) fn new(config: &BrokerConfig) -> Self {
        Clients {
            sessions: Slab::new(),
            by_id: Index::default(),
            hasher: Hasher::random(),
            nobody: Arc::default(),
            users: HashMap::new(),
            links: Slab::new(),
            by_transport: Default::default(),
            stats: Stats::default(),
            deliveries: 0,
            wakes: Vec::new(),
            current: None,
            limited: false,
            limits: Limits::new(config),
            outbox_bytes: config.outbox_bytes,
            control: BytesMut::new(),
        }
    }

    pub(super) fn reconfigure(&mut self, config: &BrokerConfig) {
        self.limits = Limits::new(config);
        self.outbox_bytes = config.outbox_bytes;
    }

    pub(super) fn session(&self, key: SessionKey) -> Option<&Session> {
        self.sessions.get(key as usize)
    }

    pub(super) fn session_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.sessions.get_mut(key as usize)
    }

    /// The session with this client id.
    pub(super) fn find(&self, client_id: &str) -> Option<SessionKey> {
        self.by_id.find(self.hasher.hash(client_id.as_bytes()), |key| {
            self.session(key).is_some_and(|session| *session.client_id == *client_id)
        })
    }

    /// Adds a session whose client id is new.
    pub(super) fn add_session(&mut self, session: Session) -> SessionKey {
        let hash = self.hasher.hash(session.client_id.as_bytes());
        let key = self.sessions.insert(session) as SessionKey;
        self.by_id.insert(hash, key);
        key
    }

    pub(super) fn remove_session(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.try_remove(key as usize) {
            self.by_id.remove(self.hasher.hash(session.client_id.as_bytes()), key);
        }
    }

    /// The identity as sessions keep it.
    pub(super) fn shared_identity(&self, identity: Identity) -> Arc<Identity> {
        if identity == *self.nobody { Arc::clone(&self.nobody) } else { Arc::new(identity) }
    }

    /// The link of this connection, unless it has been released.
    pub(super) fn link(&self, conn: ConnId) -> Option<&Link> {
        self.links.get(conn.link as usize).filter(|link| link.serial == conn.serial)
    }

    pub(super) fn link_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        self.links.get_mut(conn.link as usize).filter(|link| link.serial == conn.serial)
    }

    /// Whether the session may get messages to this topic.
    pub(super) fn may_receive(&mut self, key: SessionKey, topic: &str) -> bool {
        self.session_mut(key).is_some_and(|session| session.rights.allow(Action::Receive, topic))
    }

    /// Whether a message could be sent to the session at once.
    pub(super) fn is_ready(&self, key: SessionKey, qos: QoS) -> bool {
        let Some(session) = self.session(key) else { return false };
        let Some(link) = session.link.and_then(|link| self.links.get(link as usize)) else { return false };
        session.has_empty_queue()
            && link.outbox.data_bytes() < self.limits.outbox_bytes
            && (qos == QoS::AtMostOnce || session.can_send(self.limits.queue_bytes))
    }

    /// Whether a message of this weight could be queued for the session.
    pub(super) fn has_room(&self, key: SessionKey, weight: usize) -> bool {
        self.session(key).is_some_and(|session| !self.is_full(session, weight)) && !self.all_are_full(weight)
    }

    fn is_full(&self, session: &Session, weight: usize) -> bool {
        let (live, bytes) = session.flow().map_or((0, 0), |flow| (flow.queue.live(), flow.queue.bytes()));
        live >= self.limits.queue_messages || bytes.saturating_add(weight) > self.limits.queue_bytes
    }

    fn all_are_full(&self, weight: usize) -> bool {
        let bytes = self.stats.queued_bytes.saturating_add(self.stats.in_flight_bytes);
        bytes.saturating_add(weight) > self.limits.all_queues_bytes
            || self.stats.queued_messages >= self.limits.all_queues_messages
    }

    /// A message is not in flight any more.
    pub(super) fn landed(&mut self, key: SessionKey, delivery: &Delivery) {
        let weight = delivery.message.weight();
        self.stats.in_flight_bytes = self.stats.in_flight_bytes.saturating_sub(weight);
        if let Some(flow) = self.session_mut(key).and_then(Session::some_flow) {
            flow.in_flight_bytes = flow.in_flight_bytes.saturating_sub(weight);
        }
    }

    /// A connection has written, or lost, what it was handed. While all of them together have too much to write, each
    /// may have only a little.
    fn settle(&mut self, bytes: usize) {
        self.stats.bytes_settled += bytes as u64;
        self.outbox_bytes = match self.stats.outbox_bytes() > self.limits.all_outboxes_bytes {
            true => self.limits.outbox_refill_bytes / 4,
            false => self.limits.outbox_bytes,
        };
    }

    /// One connection more (1) or less (-1).
    pub(super) fn count_connection(&mut self, transport: TransportKind, change: isize) {
        let stats = &mut self.stats;
        stats.clients_connected = stats.clients_connected.saturating_add_signed(change);
        stats.clients_maximum = stats.clients_maximum.max(stats.clients_connected);
        if let Some(count) = self.by_transport.get_mut(transport as usize) {
            *count = count.saturating_add_signed(change);
        }
    }

    /// A user has a connection less.
    pub(super) fn forget_user(&mut self, key: LinkKey) {
        let credentials = self.links.get_mut(key as usize).and_then(|link| link.credentials.as_mut());
        let Some(user) = credentials.and_then(|credentials| credentials.user.take()) else { return };
        if let Some(count) = self.users.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&user);
            }
        }
    }

    /// Frees a link.
    pub(super) fn remove_link(&mut self, key: LinkKey) {
        if let Some(link) = self.links.try_remove(key as usize) {
            self.settle(link.handed_bytes + link.outbox.data_bytes() + link.outbox.control_bytes());
        }
    }

    /// Puts a control packet into the outbox of this connection.
    pub(super) fn send_control(&mut self, link_key: LinkKey, packet: &Packet) {
        let Some(link) = self.links.get_mut(link_key as usize) else { return };
        self.control.clear();
        // Only strings that are too long can fail, and the broker's own are short.
        if codec::encode(packet, link.version, &mut self.control).is_err() {
            return;
        }
        link.outbox.control().extend_from_slice(&self.control);
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += self.control.len() as u64;
        wake(link, link_key, self.current, &mut self.wakes);
    }

    /// Delivers a message to a session: into its outbox, or its queue. False if it was dropped, which is counted.
    pub(super) fn deliver(&mut self, key: SessionKey, out: &mut Outbound<'_>, route: &Route) -> bool {
        self.deliveries += 1;
        let Some(session) = self.sessions.get_mut(key as usize) else { return false };
        let link = session.link.and_then(|key| Some((key, self.links.get_mut(key as usize)?)));
        let Some((link_key, link)) = link else {
            // [MQTT-3.1.2-5 of 3.1.1] [MQTT-4.5.0-1] QoS 1 and 2 wait for an absent client; QoS 0 does not
            return route.qos != QoS::AtMostOnce && self.enqueue(key, out, route);
        };
        if route.qos == QoS::AtMostOnce {
            if session.flow().is_some_and(|flow| flow.queue.holds_up_qos_0()) {
                return self.enqueue(key, out, route);
            }
            if link.outbox.data_bytes() >= self.outbox_bytes {
                self.stats.count_drop(match link.outbox.data_bytes() >= self.limits.outbox_bytes {
                    true => DropReason::OutboxFull,
                    false => DropReason::AllOutboxesFull,
                });
                return false;
            }
        } else if !session.has_empty_queue()
            || !session.can_send(self.limits.queue_bytes)
            || self.stats.in_flight_bytes >= self.limits.all_queues_bytes
            || link.outbox.data_bytes() >= self.outbox_bytes
        {
            return self.enqueue(key, out, route);
        }
        if link.outbox.data_bytes() >= LAGGING_BYTES {
            out.leave_read_buffer();
        }
        let kept = (route.qos != QoS::AtMostOnce).then(|| out.keep());
        let Some(packet) = encode_for(link, out, route, false, false) else {
            self.stats.count_drop(DropReason::PacketTooLarge);
            return false;
        };
        let id = match kept {
            None => None,
            Some(message) => {
                let weight = message.weight();
                self.stats.in_flight_bytes += weight;
                let flow = session.flow_mut();
                flow.in_flight_bytes += weight;
                flow.outgoing.push(route.delivery(message), route.qos).ok()
            }
        };
        write(link, packet, id, &mut self.stats);
        wake(link, link_key, self.current, &mut self.wakes);
        true
    }

    /// Puts a message behind what waits for a session already.
    pub(super) fn enqueue(&mut self, key: SessionKey, out: &mut Outbound<'_>, route: &Route) -> bool {
        let Some(session) = self.sessions.get(key as usize) else { return false };
        let weight = out.message.weight();
        // Retained messages that answer a SUBSCRIBE are bounded by their number, see `Broker::replay_retained`.
        let full = if !route.replayed && self.is_full(session, weight) {
            Some(DropReason::QueueFull)
        } else if self.all_are_full(weight) {
            Some(DropReason::AllQueuesFull)
        } else {
            None
        };
        if let Some(reason) = full {
            self.stats.count_drop(reason);
            return false;
        }
        let Some(session) = self.sessions.get_mut(key as usize) else { return false };
        session.flow_mut().queue.push(route.delivery(out.keep()));
        self.stats.queued_messages += 1;
        self.stats.queued_bytes += weight;
        true
    }

    /// Moves what waits for a session into the outbox of its connection, as far as quota and outbox allow: first what
    /// was in flight when the last connection ended, then the queue.
    pub(super) fn pump(&mut self, key: SessionKey, scratch: &mut BytesMut, now: Time) {
        if self.session(key).and_then(Session::flow).is_none() {
            return; // most sessions keep nothing
        }
        self.resend(key, scratch, now);
        let Some(session) = self.sessions.get_mut(key as usize) else { return };
        let Some(link_key) = session.link else { return };
        let Some(link) = self.links.get_mut(link_key as usize) else { return };
        let mut sent = false;
        while link.outbox.data_bytes() < self.limits.outbox_refill_bytes {
            match session.flow().and_then(|flow| flow.queue.front()) {
                None => break,
                Some(front) if front.qos != QoS::AtMostOnce && !session.can_send(self.limits.queue_bytes) => {
                    break;
                }
                Some(_) => {}
            }
            let Some(delivery) = session.flow_mut().queue.pop() else { break };
            self.stats.queued_messages -= 1;
            self.stats.queued_bytes -= delivery.message.weight();
            if delivery.message.is_expired(now) {
                self.stats.count_drop(DropReason::Expired); // [MQTT-3.3.2-5]
                continue;
            }
            if session.rights.recheck()
                && !session.rights.allow(Action::Receive, delivery.message.topic.as_str())
            {
                self.stats.count_denied(Action::Receive, 1);
                self.stats.count_drop(DropReason::NotReadable);
                continue;
            }
            let message = delivery.message.clone();
            let mut out = Outbound::from_kept(&message, scratch, now);
            let route = Route::of(&delivery);
            let Some(packet) = encode_for(link, &mut out, &route, false, true) else {
                self.stats.count_drop(DropReason::PacketTooLarge);
                continue;
            };
            let id = match route.qos {
                QoS::AtMostOnce => None,
                qos => {
                    let weight = message.weight();
                    self.stats.in_flight_bytes += weight;
                    let flow = session.flow_mut();
                    flow.in_flight_bytes += weight;
                    flow.outgoing.push(delivery, qos).ok()
                }
            };
            write(link, packet, id, &mut self.stats);
            sent = true;
        }
        if sent {
            wake(link, link_key, self.current, &mut self.wakes);
        }
    }

    /// Sends again what was in flight, in the original order, with the original packet ids [MQTT-4.4.0-1].
    fn resend(&mut self, key: SessionKey, scratch: &mut BytesMut, now: Time) {
        loop {
            let Some(session) = self.sessions.get_mut(key as usize) else { return };
            let Some(link_key) = session.link else { return };
            let Some(link) = self.links.get_mut(link_key as usize) else { return };
            if link.outbox.data_bytes() >= self.limits.outbox_refill_bytes {
                return;
            }
            let (id, delivery) = match session.some_flow().and_then(|flow| flow.outgoing.next_resend()) {
                None => return,
                Some((id, Resend::Release)) => {
                    self.send_control(link_key, &Packet::PubRel(Ack::success(id)));
                    continue;
                }
                Some((id, Resend::Publish(delivery, _))) => (id, delivery.clone()),
            };
            let route = Route::of(&delivery);
            let mut out = Outbound::from_kept(&delivery.message, scratch, now);
            let readable = !session.rights.recheck()
                || session.rights.allow(Action::Receive, delivery.message.topic.as_str());
            let packet = readable.then(|| encode_for(link, &mut out, &route, true, true)).flatten();
            match packet {
                Some(packet) => {
                    write(link, packet, Some(id), &mut self.stats);
                    wake(link, link_key, self.current, &mut self.wakes);
                }
                // The client may not read it any more, or the new connection takes only smaller packets: the message
                // counts as delivered [MQTT-3.1.2-25].
                None => {
                    match delivery.qos {
                        QoS::ExactlyOnce => {
                            drop(session.flow_mut().outgoing.pubrec(id, ReasonCode::PacketTooLarge));
                        }
                        _ => drop(session.flow_mut().outgoing.puback(id)),
                    }
                    self.landed(key, &delivery);
                    self.stats.count_denied(Action::Receive, usize::from(!readable));
                    self.stats.count_drop(match readable {
                        true => DropReason::PacketTooLarge,
                        false => DropReason::NotReadable,
                    });
                }
            }
        }
    }

    /// Hands over what waits for a connection. Called by the connection when it has written all that it had.
    pub(super) fn take_output(&mut self, conn: ConnId, queue: &mut WriteQueue, wake: &Wake) -> Output {
        let refill_bytes = self.limits.outbox_refill_bytes;
        let Some(link) = self.link_mut(conn) else { return Output::Close };
        let written = std::mem::take(&mut link.handed_bytes);
        self.settle(written);
        let Some(link) = self.link_mut(conn) else { return Output::Close };
        if !link.outbox.is_empty() {
            // Also if nothing is queued: asking once too often costs little.
            let more = link.outbox.data_bytes() >= refill_bytes || link.session.is_none();
            link.handed_bytes = link.outbox.data_bytes() + link.outbox.control_bytes();
            link.traffic.bytes_sent += link.handed_bytes as u64;
            link.outbox.drain_into(queue);
            register(link, wake);
            return Output::Data { more };
        }
        queue.recycle();
        if link.session.is_none() {
            return Output::Close;
        }
        register(link, wake);
        Output::Idle
    }

    /// Empties a session's queue.
    pub(super) fn clear_queue(&mut self, key: SessionKey) -> Vec<Delivery> {
        let flow = self.sessions.get_mut(key as usize).and_then(Session::some_flow);
        let Some(flow) = flow else { return Vec::new() };
        let mut cleared = Vec::with_capacity(flow.queue.len());
        while let Some(delivery) = flow.queue.pop() {
            self.stats.queued_messages -= 1;
            self.stats.queued_bytes -= delivery.message.weight();
            cleared.push(delivery);
        }
        cleared
    }
}

/// The packet as this link's client is to get it; `None` if it does not take packets that large.
#[inline(always)] // measured: the returned struct otherwise goes through memory, once for each receiver
fn encode_for<'o>(
    link: &mut Link,
    out: &'o mut Outbound<'_>,
    route: &Route,
    dup: bool,
    waited: bool,
) -> Option<Encoded<'o>> {
    let (version, qos, retain) = (link.version, route.qos, route.retain);
    let max_packet_size = link.max_packet_size as usize;
    let subscription_ids = match &route.subscription_ids {
        Some(ids) if version.is_v5() => ids,
        _ => &[][..],
    };
    let waited = waited && version.is_v5() && out.message.expires_at.is_some();
    let mut own = Own { dup, subscription_ids, waited, ..Own::default() };
    if let Some(aliases) = &mut link.outbound_aliases {
        // The client learns a new alias from the packet itself, so an alias is given only to what is sure to be sent.
        let size = out.special(version, qos, retain, &own)?.packet_bytes();
        if size.saturating_add(ALIAS_BYTES) <= max_packet_size {
            match aliases.assign(out.message.topic.as_byte_string()) {
                Assigned::None => {}
                Assigned::New(alias) => own.topic_alias = Some(alias),
                Assigned::Known(alias) => (own.topic_alias, own.omit_topic) = (Some(alias), true),
            }
        }
    }
    let plain = !dup && !waited && subscription_ids.is_empty() && own.topic_alias.is_none();
    let packet = match plain {
        true => out.common(version, qos, retain)?,
        false => out.special(version, qos, retain, &own)?,
    };
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    (packet.packet_bytes() <= max_packet_size).then_some(packet)
}

#[inline(always)] // measured: the returned struct otherwise goes through memory, once for each receiver
fn write(link: &mut Link, packet: Encoded<'_>, id: Option<PacketId>, stats: &mut Stats) {
    let id = id.map(|id| (packet.id_at, id.get()));
    stats.packets_sent += 1;
    stats.publish_sent += 1;
    link.traffic.messages_sent += 1;
    stats.publish_bytes_sent += packet.payload_bytes as u64;
    stats.bytes_sent += packet.packet_bytes() as u64;
    match packet.shared_payload {
        None => link.outbox.push_small(packet.head, id),
        Some(payload) => link.outbox.push_shared(packet.head, id, payload),
    }
}

/// Sees to it that the connection looks into its outbox.
fn wake(link: &mut Link, key: LinkKey, current: Option<LinkKey>, wakes: &mut Vec<Wake>) {
    if current != Some(key)
        && !link.woken
        && let Some(wake) = &link.wake
    {
        link.woken = true;
        wakes.push(wake.clone());
    }
}

fn register(link: &mut Link, wake: &Wake) {
    link.woken = false;
    match &mut link.wake {
        Some(old) => {
            old.waker.clone_from(&wake.waker);
            old.place = wake.place;
        }
        none => *none = Some(wake.clone()),
    }
}
