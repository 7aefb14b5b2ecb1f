//! What is sent when the transport takes more.

use super::queue::Queued;
use super::subscriptions::{self, Request};
use super::{
    Client, Event, InFlight, Message, Outcome, PublishError, PublishId, ServerLimits, State, Subscription,
};
use crate::Time;
use crate::codec::{self, MAX_PACKET_SIZE, PublishHeader};
use crate::packet::{
    Ack, Packet, PacketId, QoS, ReasonCode, Subscribe, SubscribeFilter, SubscribeProperties, Unsubscribe,
    Version,
};
use crate::session::{Assigned, OutboundAliases, PubRecOutcome, Resend};
use crate::topic::{TopicFilter, TopicName};
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// What a topic alias adds to a packet: the property, and a byte if that makes the lengths longer by one each.
const ALIAS_BYTES: usize = 5;

impl Client {
    /// Accepts a message for publishing, with or without a connection.
    ///
    /// When the queue is full, a connected client says so: wait until messages were sent. A client without connection
    /// gives up its oldest QoS 0 messages for the new one.
    ///
    /// # Errors
    /// The message was not accepted.
    pub fn publish(&mut self, message: Message, now: Time) -> Result<PublishId, PublishError> {
        self.now = now;
        check_properties(&message, self.options.version)?;
        if let Some(limits) = self.limits_now() {
            check_limits(&message, self.options.version, limits)?;
        }
        let bytes = message.bytes();
        if !self.queue.has_room(bytes) {
            if self.state.is_connected() || !self.queue.can_make_room(bytes) {
                return Err(self.queue.full());
            }
            self.make_room(bytes);
        }
        let id = PublishId(self.next_publish_id);
        self.next_publish_id += 1;
        self.queue.push_back(Queued { id, message, since: now });
        Ok(id)
    }

    /// Encodes packets until there are about `max_bytes`: requests first (nobody wants them to wait for a quota), then
    /// what an earlier connection left unacknowledged, then new messages.
    pub(super) fn fill(&mut self, max_bytes: usize) {
        while self.out.len() < max_bytes {
            if !(self.send_request() || self.send_again() || self.send_new()) {
                return;
            }
        }
    }

    fn limits_now(&self) -> Option<&ServerLimits> {
        match &self.state {
            State::Connected { limits, .. } => Some(limits),
            _ => None,
        }
    }

    /// Gives up the oldest QoS 0 messages until the queue has room.
    fn make_room(&mut self, bytes: usize) {
        let why = self.queue.full();
        let mut count = 0;
        while !self.queue.has_room(bytes) {
            let Some(given_up) = self.queue.give_way() else { break };
            count += 1;
            self.failed(given_up.id, why.clone());
        }
        self.events.push_back(Event::Dropped { count, why });
    }

    /// Sends the next SUBSCRIBE or UNSUBSCRIBE. Whether there was something to do.
    fn send_request(&mut self) -> bool {
        if !self.subscriptions.has_waiting() {
            return false;
        }
        let Some(limits) = self.limits_now().cloned() else { return false };
        let Some(id) = self.outgoing.reserve() else { return false };
        let Some(request) = self.subscriptions.next() else { return false };
        let request = self.without_impossible(request, &limits);
        let (request, rest) = subscriptions::split(request, &limits);
        if let Some(rest) = rest {
            self.subscriptions.put_back(rest);
        }
        let packet = match &request {
            Request::Subscribe(list) if !list.is_empty() => subscribe_packet(id, list, &limits),
            Request::Unsubscribe(list) if !list.is_empty() => unsubscribe_packet(id, list),
            _ => {
                self.outgoing.unreserve(id);
                return true;
            }
        };
        self.send(&packet);
        self.subscriptions.sent(id, request);
        true
    }

    /// Answers for the server what it would close the connection for, and leaves it out.
    fn without_impossible(&mut self, request: Request, limits: &ServerLimits) -> Request {
        match request {
            Request::Subscribe(mut list) => {
                list.retain(|subscription| {
                    let Some(result) = subscription.refused_by(limits) else { return true };
                    let filter = subscription.filter.clone();
                    self.events.push_back(Event::Subscribed { filter, result });
                    false
                });
                Request::Subscribe(list)
            }
            Request::Unsubscribe(mut list) => {
                list.retain(|filter| {
                    if subscriptions::is_too_large(filter, limits) {
                        // It cannot have been subscribed to either.
                        let result = ReasonCode::NoSubscriptionExisted;
                        self.events.push_back(Event::Unsubscribed { filter: filter.clone(), result });
                        return false;
                    }
                    true
                });
                Request::Unsubscribe(list)
            }
        }
    }

    /// Sends one message or PUBREL again. Whether there was something to do.
    fn send_again(&mut self) -> bool {
        let State::Connected { limits, .. } = &self.state else { return false };
        let Some((id, resend)) = self.outgoing.next_resend() else { return false };
        let (message, qos) = match resend {
            Resend::Publish(sent, qos) => (&sent.message, qos),
            Resend::Release => {
                self.send(&Packet::PubRel(Ack::success(id)));
                return true;
            }
        };
        let version = self.options.version;
        let header = PublishHeader { dup: true, ..header(message, Some(id)) }; // [MQTT-3.3.1-1]
        let result = check_size(&header, version, limits).and_then(|_| {
            write(&header, &message.payload, version, &mut self.out) //
        });
        if let Err(why) = result {
            // The limits of this connection are narrower than those of the one that sent it first.
            self.give_up_in_flight(id, qos, why);
        }
        true
    }

    fn give_up_in_flight(&mut self, id: PacketId, qos: QoS, why: PublishError) {
        let given_up = match qos {
            QoS::ExactlyOnce => match self.outgoing.pubrec(id, ReasonCode::UnspecifiedError) {
                PubRecOutcome::Ended(sent) => Some(sent),
                _ => None,
            },
            _ => self.outgoing.puback(id),
        };
        if let Some(sent) = given_up {
            self.failed(sent.id, why);
        }
    }

    /// Sends the first message of the queue. Whether there was something to do.
    fn send_new(&mut self) -> bool {
        let packet_id = match self.queue.front() {
            None => return false,
            // Messages keep their order, so QoS 0 waits behind what waits for the quota.
            Some(queued) if queued.message.qos == QoS::AtMostOnce => None,
            Some(_) => match self.outgoing.next_id() {
                Some(id) => Some(id),
                None => return false,
            },
        };
        let Some(Queued { id, mut message, since }) = self.queue.pop_front() else { return false };
        match self.write_new(&mut message, packet_id, since) {
            Err(why) => self.failed(id, why),
            Ok(()) if packet_id.is_none() => self.published(id, Outcome::Sent),
            Ok(()) => {
                let qos = message.qos;
                let pushed = self.outgoing.push(InFlight { id, message, since: self.now }, qos);
                debug_assert_eq!(pushed.ok(), packet_id);
            }
        }
        true
    }

    fn write_new(
        &mut self,
        message: &mut Message,
        packet_id: Option<PacketId>,
        since: Time,
    ) -> Result<(), PublishError> {
        let State::Connected { limits, .. } = &self.state else { return Ok(()) };
        let version = self.options.version;
        check_limits(message, version, limits)?;
        count_down_expiry(message, self.now - since)?;
        let mut header = header(message, packet_id);
        let spare = check_size(&header, version, limits)?;
        if spare >= ALIAS_BYTES {
            match self.link.outbound_aliases.assign(message.topic.as_byte_string()) {
                Assigned::None => {}
                Assigned::New(alias) => header.topic_alias = Some(alias),
                Assigned::Known(alias) => (header.topic, header.topic_alias) = ("", Some(alias)),
            }
        }
        let written = write(&header, &message.payload, version, &mut self.out);
        if written.is_err() {
            // A new alias may not have left, so none counts. The server does not mind to be told again.
            self.link.outbound_aliases = OutboundAliases::new(limits.topic_alias_maximum);
        }
        written
    }
}

/// What this server does not take.
fn check_limits(message: &Message, version: Version, limits: &ServerLimits) -> Result<(), PublishError> {
    if message.qos > limits.maximum_qos {
        return Err(PublishError::QoSNotSupported { max: limits.maximum_qos }); // [MQTT-3.2.2-11]
    }
    if message.retain && !limits.retain_available {
        return Err(PublishError::RetainNotSupported); // [MQTT-3.2.2-14]
    }
    check_size(&header(message, Some(PacketId::MIN)), version, limits).map(|_| ())
}

/// What no server takes. Once for a message, so that a mistake is said to who made it.
fn check_properties(message: &Message, version: Version) -> Result<(), PublishError> {
    let Some(properties) = message.properties.as_deref().filter(|_| version.is_v5()) else { return Ok(()) };
    if !properties.subscription_ids.is_empty() {
        return Err(PublishError::SubscriptionIds); // [MQTT-3.3.4-6]
    }
    if let Some(topic) = &properties.response_topic
        && TopicName::new(topic.clone()).is_err()
    {
        return Err(PublishError::BadResponseTopic); // [MQTT-3.3.2-14]
    }
    // The encoder knows what else has no form on the wire.
    write(&header(message, Some(PacketId::MIN)), &Bytes::new(), version, &mut BytesMut::new())
}

/// Takes the time that a message has waited off its expiry interval.
fn count_down_expiry(message: &mut Message, waited: Duration) -> Result<(), PublishError> {
    let Some(properties) = &mut message.properties else { return Ok(()) };
    let Some(expiry_s) = &mut properties.message_expiry_s else { return Ok(()) };
    let waited_s = u32::try_from(waited.as_secs()).unwrap_or(u32::MAX);
    if waited_s > 0 && waited_s >= *expiry_s {
        return Err(PublishError::Expired);
    }
    *expiry_s -= waited_s;
    Ok(())
}

fn header(message: &Message, packet_id: Option<PacketId>) -> PublishHeader<'_> {
    PublishHeader {
        dup: false,
        qos: message.qos,
        retain: message.retain,
        topic: message.topic.as_str(),
        packet_id: packet_id.filter(|_| message.qos != QoS::AtMostOnce),
        topic_alias: None,
        properties: message.properties.as_deref(),
        payload_len: message.payload.len(),
    }
}

/// How many bytes larger the packet could be.
fn check_size(
    header: &PublishHeader<'_>,
    version: Version,
    limits: &ServerLimits,
) -> Result<usize, PublishError> {
    let bytes = codec::publish_size(header, version);
    let max = limits.maximum_packet_size.min(MAX_PACKET_SIZE);
    (max as usize).checked_sub(bytes).ok_or(PublishError::TooLarge { bytes, max }) // [MQTT-3.2.2-15]
}

fn write(
    header: &PublishHeader<'_>,
    payload: &Bytes,
    version: Version,
    out: &mut BytesMut,
) -> Result<(), PublishError> {
    codec::encode_publish_header(header, version, out).map_err(PublishError::NotEncodable)?;
    out.extend_from_slice(payload);
    Ok(())
}

fn subscribe_packet(packet_id: PacketId, list: &[Subscription], limits: &ServerLimits) -> Packet {
    let id = list.first().and_then(|subscription| subscription.id);
    let subscription_id = id.filter(|_| limits.subscription_ids_available);
    Packet::Subscribe(Box::new(Subscribe {
        packet_id,
        properties: SubscribeProperties { subscription_id, user: Vec::new() },
        filters: list
            .iter()
            .map(|s| SubscribeFilter { filter: s.filter.as_byte_string().clone(), options: s.options })
            .collect(),
    }))
}

fn unsubscribe_packet(packet_id: PacketId, list: &[TopicFilter]) -> Packet {
    let filters = list.iter().map(|filter| filter.as_byte_string().clone()).collect();
    Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, user: Vec::new(), filters }))
}
