//! What comes in, and whom it reaches.
//!
//! The order of steps is the same for every message and must stay so: resolve the alias, validate, authorise, QoS 2
//! deduplication, retained, match, deliver, acknowledge, event.

use super::access::Action;
use super::authorise::readable;
use super::clients::Route;
use super::event::Event;
use super::inspect::Kept;
use super::message::{Message, Outbound, ServerMessage, expires_at};
use super::router::{GroupId, SessionKey};
use super::session::ConnId;
use super::stats::DropReason;
use super::timers::Timer;
use super::{Broker, Violation};
use crate::limit::Limit;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::packet::{Ack, Packet, PacketId, Publish, QoS, ReasonCode};
use tabmq_shared::session::{AliasError, InboundAliases, Received};
use tabmq_shared::topic::{TopicError, TopicName};

/// How often expired retained messages are looked for. They are never sent in between either.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What became of a [`ServerMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishOutcome {
    /// How many sessions got it, or have it queued.
    pub receivers: usize,
}

impl Broker {
    /// Publishes a message from the server itself.
    pub fn publish(&mut self, message: ServerMessage, now: Time) -> PublishOutcome {
        PublishOutcome { receivers: self.accept(message.into_message(now), None, now) }
    }

    /// Publishes a message that a part of the server, which has a connection like a client, has got from elsewhere: its
    /// own subscriptions with no-local do not get it.
    pub fn publish_from(&mut self, conn: ConnId, message: ServerMessage, now: Time) -> PublishOutcome {
        let from = self.clients.link(conn).and_then(|link| link.session);
        PublishOutcome { receivers: self.accept(message.into_message(now), from, now) }
    }

    pub(super) fn handle_publish(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        publish: Publish,
        now: Time,
    ) -> Result<(), Violation> {
        self.clients.stats.publish_received += 1;
        self.clients.stats.publish_bytes_received += publish.payload.len() as u64;
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        let message = self.resolve(conn, publish, now)?;
        let refusal = match self.topic_limit(message.topic.as_str()) {
            None => self.refusal(key, &message, now),
            Some(limit) => {
                self.count_limit(limit);
                self.clients.stats.count_drop(DropReason::TopicTooLong);
                Some(ReasonCode::TopicNameInvalid)
            }
        };
        if refusal == Some(ReasonCode::NotAuthorized) && !self.can_refuse(conn, qos) {
            self.clients.stats.count_drop(DropReason::NotAuthorized);
        }
        match (qos, packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                let reason = refusal.unwrap_or_else(|| reason_for(self.accept(message, Some(key), now)));
                self.acknowledge(conn, Packet::PubAck, id, reason); // [MQTT-4.3.2-4]
            }
            (QoS::ExactlyOnce, Some(id)) => {
                let reason = self.receive_once(key, id, message, refusal, now)?;
                self.acknowledge(conn, Packet::PubRec, id, reason); // [MQTT-4.3.3-8]
            }
            _ => match refusal {
                None => {
                    self.accept(message, Some(key), now);
                }
                Some(ReasonCode::TopicNameInvalid | ReasonCode::NotAuthorized) => {}
                Some(reason) => {
                    return Err(Violation::new(reason, "PUBLISH with a payload that is not UTF-8"));
                }
            },
        }
        Ok(())
    }

    /// The message that a PUBLISH carries: its alias resolved, its topic valid.
    fn resolve(&mut self, conn: ConnId, publish: Publish, now: Time) -> Result<Message, Violation> {
        let Some(link) = self.clients.link_mut(conn) else {
            return Err(Violation::new(ReasonCode::UnspecifiedError, "no connection"));
        };
        link.traffic.messages_received += 1;
        if publish.properties.as_ref().is_some_and(|properties| !properties.subscription_ids.is_empty()) {
            let what = "PUBLISH with a subscription identifier, which only a server sends"; // [MQTT-3.3.4-6]
            return Err(Violation::new(ReasonCode::ProtocolError, what));
        }
        let features = &self.config.features;
        if publish.qos > features.maximum_qos {
            let what = "PUBLISH with a QoS that this server does not offer"; // [MQTT-3.2.2-11]
            return Err(Violation::new(ReasonCode::QoSNotSupported, what));
        }
        if publish.retain && !features.retain {
            let what = "PUBLISH with RETAIN, which this server does not offer"; // [MQTT-3.2.2-14]
            return Err(Violation::new(ReasonCode::RetainNotSupported, what));
        }
        let topic = match publish.topic_alias {
            None => publish.topic,
            Some(_) => (link.inbound_aliases)
                .get_or_insert_with(|| Box::new(InboundAliases::new(link.alias_maximum)))
                .resolve(publish.topic_alias, publish.topic)
                .map_err(|error| Violation::new(error.reason(), error.to_string()))?,
        };
        let topic = TopicName::new(topic).map_err(|error| match error {
            TopicError::Empty => {
                Violation::new(AliasError::NoTopic.reason(), AliasError::NoTopic.to_string())
            }
            error => {
                Violation::new(ReasonCode::TopicNameInvalid, format!("PUBLISH with a topic that {error}"))
            }
        })?;
        Ok(Message {
            expires_at: expires_at(publish.properties.as_deref(), now),
            topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            properties: publish.properties,
        })
    }

    /// Why a message from a client is not accepted, though the packet is well-formed.
    fn refusal(&mut self, key: SessionKey, message: &Message, now: Time) -> Option<ReasonCode> {
        let utf8 = message.properties.as_ref().and_then(|properties| properties.payload_format_utf8);
        if utf8 == Some(true) && std::str::from_utf8(&message.payload).is_err() {
            return Some(ReasonCode::PayloadFormatInvalid); // section 3.3.2.3.2
        }
        // "The Server SHOULD prevent Clients from using such Topic Names to exchange messages" (section 4.7.2)
        let name = message.topic.as_str();
        let reserved = name == "$SYS" || name.starts_with("$SYS/") || name.starts_with("$share/");
        let allowed = !reserved && (!self.clients.limited || self.may_publish(key, message, now));
        (!allowed).then_some(ReasonCode::NotAuthorized)
    }

    /// Whether the rules let the session publish this; if not, that is counted and told.
    pub(super) fn may_publish(&mut self, key: SessionKey, message: &Message, now: Time) -> bool {
        let topic = message.topic.as_str();
        self.authorise(key, Action::Publish, topic, now)
            && (!message.retain || self.authorise(key, Action::Retain, topic, now))
    }

    /// Whether an acknowledgement can tell the client that its message was not accepted.
    fn can_refuse(&self, conn: ConnId, qos: QoS) -> bool {
        qos != QoS::AtMostOnce && self.clients.link(conn).is_some_and(|link| link.version.is_v5())
    }

    /// QoS 2: accepts the message the first time that its packet id comes [MQTT-4.3.3-10].
    fn receive_once(
        &mut self,
        key: SessionKey,
        id: PacketId,
        message: Message,
        refusal: Option<ReasonCode>,
        now: Time,
    ) -> Result<ReasonCode, Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(ReasonCode::UnspecifiedError) };
        let flow = session.flow_mut();
        match flow.incoming.publish(id) {
            Received::New => {}
            Received::Duplicate => return Ok(ReasonCode::Success),
            Received::TooMany => {
                self.count_limit(Limit::ReceiveMaximum);
                let what = "more QoS 2 messages without PUBREL than the receive maximum"; // [MQTT-3.3.4-7]
                return Err(Violation::new(ReasonCode::ReceiveMaximumExceeded, what));
            }
        }
        if let Some(reason) = refusal {
            flow.incoming.forget(id);
            return Ok(reason);
        }
        Ok(reason_for(self.accept(message, Some(key), now)))
    }

    fn acknowledge(&mut self, conn: ConnId, packet: fn(Ack) -> Packet, id: PacketId, reason: ReasonCode) {
        let Some(link) = self.clients.link(conn) else { return };
        // Before 5.0 there is no way to say no [MQTT-3.3.5-2 of 3.1.1].
        let reason = if link.version.is_v5() { reason } else { ReasonCode::Success };
        self.clients.send_control(conn.link, &packet(Ack::with_reason(id, reason)));
    }

    /// Takes a valid and authorised message: retains it, delivers it, and says how many sessions it reached.
    pub(super) fn accept(&mut self, message: Message, from: Option<SessionKey>, now: Time) -> usize {
        if message.retain {
            self.retain(&message, from, now);
        }
        let receivers = self.route(&message, from, now);
        if self.config.message_events || self.message_listeners > 0 {
            let client_id = from.and_then(|key| Some(self.clients.session(key)?.client_id.clone()));
            self.events.push(Event::Published {
                client_id,
                topic: message.topic.as_byte_string().clone(),
                qos: message.qos,
                payload_bytes: message.payload.len(),
                retain: message.retain,
                receivers,
            });
        }
        receivers
    }

    fn retain(&mut self, message: &Message, from: Option<SessionKey>, now: Time) {
        if message.payload.is_empty() {
            let old = self.retained.remove(&message.topic); // [MQTT-3.3.1-6]
            self.account_retained(None, old);
            return;
        }
        let old_weight = self.retained.get(&message.topic).map(|old| old.message.weight());
        let bytes = (self.clients.stats.retained_bytes.saturating_sub(old_weight.unwrap_or(0)))
            .saturating_add(message.weight());
        let one_more = old_weight.is_none() && self.retained.len() >= self.config.retained_messages;
        if one_more || bytes > self.config.retained_bytes {
            self.clients.stats.count_drop(DropReason::RetainedFull);
            // Rather none than one that is not true any more (section 3.3.1.3: "there will be no Retained Message").
            let old = self.retained.remove(&message.topic);
            self.account_retained(None, old);
            return;
        }
        let publisher = from.and_then(|key| Some(self.clients.session(key)?.client_id.clone()));
        let kept = Kept { message: message.keep(), at: now, publisher };
        let old = self.retained.set(&message.topic, kept); // [MQTT-3.3.1-5]
        self.account_retained(Some(message), old);
    }

    fn account_retained(&mut self, new: Option<&Message>, old: Option<Kept>) {
        let bytes = &mut self.clients.stats.retained_bytes;
        *bytes = bytes
            .saturating_add(new.map_or(0, Message::weight))
            .saturating_sub(old.map_or(0, |old| old.message.weight()));
    }

    fn route(&mut self, message: &Message, from: Option<SessionKey>, now: Time) -> usize {
        let Broker { router, clients, .. } = self;
        let matches = router.matches(&message.topic, |matches| match clients.limited {
            true => readable(clients, message.topic.as_str(), matches),
            false => matches,
        });
        if matches.unreadable > 0 {
            clients.stats.count_denied(Action::Receive, matches.unreadable);
            clients.stats.count_drops(DropReason::NotReadable, matches.unreadable);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut out = Outbound::new(message, &mut scratch, now);
        let mut receivers = 0;
        for target in &matches.targets {
            let own;
            let target = if target.no_local && from == Some(target.session) {
                // [MQTT-3.8.3-3] not back to its publisher, unless another of its subscriptions matches as well
                match self.router.target_without_no_local(target.session, &message.topic) {
                    Some(without) => {
                        own = without;
                        &own
                    }
                    None => continue,
                }
            } else {
                target
            };
            let route = Route {
                qos: message.qos.min(target.qos),
                retain: target.retain_as_published && message.retain, // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
                replayed: false,
                subscription_ids: target.subscription_ids.clone(),
                group: None,
            };
            receivers += usize::from(self.clients.deliver(target.session, &mut out, &route));
        }
        for target in &matches.groups {
            receivers += usize::from(self.deliver_to_group(target.group, &mut out, message.retain));
        }
        self.scratch = scratch;
        receivers
    }

    /// Delivers to one member of a shared subscription: to one that can take it now, else to one that can queue it
    /// (section 4.8.2).
    pub(super) fn deliver_to_group(&mut self, group: GroupId, out: &mut Outbound<'_>, retain: bool) -> bool {
        let Broker { router, clients, .. } = self;
        let published_qos = out.message.qos;
        let (limited, topic) = (clients.limited, out.message.topic.as_str());
        for ready_only in [true, false] {
            let served = router.serve_group(group, |session, subscription| {
                let qos = published_qos.min(subscription.options.qos);
                if limited && !clients.may_receive(session, topic) {
                    return false;
                }
                let can_take = match ready_only {
                    true => clients.is_ready(session, qos),
                    false => qos != QoS::AtMostOnce && clients.has_room(session, out.message.weight()),
                };
                let route = Route {
                    qos,
                    retain: subscription.options.retain_as_published && retain,
                    replayed: false,
                    subscription_ids: subscription.id.map(|id| [id.get()].into()),
                    group: Some(group),
                };
                can_take && clients.deliver(session, out, &route)
            });
            if served {
                return true;
            }
        }
        self.clients.stats.count_drop(DropReason::QueueFull);
        false
    }

    pub(super) fn schedule_sweep(&mut self, now: Time) {
        self.timers.set(now + SWEEP_INTERVAL, Timer::RetainedSweep);
    }

    /// Forgets retained messages that have expired.
    pub(super) fn sweep_retained(&mut self, now: Time) {
        let expired: Vec<TopicName> = (self.retained.iter().map(|kept| &kept.message))
            .filter(|message| message.is_expired(now))
            .map(|message| message.topic.clone())
            .collect();
        for topic in expired {
            let old = self.retained.remove(&topic);
            self.account_retained(None, old);
        }
    }
}

fn reason_for(receivers: usize) -> ReasonCode {
    if receivers == 0 { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success }
}
