//! SUBSCRIBE and UNSUBSCRIBE.

use super::access::Action;
use super::clients::Route;
use super::event::Event;
use super::inspect::Kept;
use super::message::Outbound;
use super::router::{SessionKey, Subscription};
use super::session::{ConnId, Session};
use super::stats::DropReason;
use super::{Broker, Violation};
use crate::limit::Limit;
use std::num::NonZeroU32;
use std::sync::Arc;
use tabmq_shared::packet::{
    AckProperties, Packet, PacketId, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use tabmq_shared::topic::TopicFilter;
use tabmq_shared::{ByteString, Time};

/// How many retained messages may wait for one session beyond the number that there are: a client that subscribes to
/// the same again and again without reading is refused.
const REPLAY_SLACK: usize = 10_000;

impl Broker {
    pub(super) fn handle_subscribe(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        subscribe: Subscribe,
        now: Time,
    ) -> Result<(), Violation> {
        let id = subscribe.properties.subscription_id;
        self.check_answer(conn, || {
            Packet::SubAck(answer(subscribe.packet_id, vec![ReasonCode::Success; subscribe.filters.len()]))
        })?;
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        for wanted in &subscribe.filters {
            let reason = self.subscribe_one(conn, key, wanted, id, now)?;
            self.subscription_event(key, &wanted.filter, |client_id, filter| Event::Subscribed {
                client_id,
                filter,
                result: reason,
            });
            reasons.push(reason); // [MQTT-3.8.4-6]
        }
        let suback = Packet::SubAck(answer(subscribe.packet_id, reasons)); // [MQTT-3.8.4-2]
        // In the control lane, so before any retained message that it lets out.
        self.clients.send_control(conn.link, &suback);
        Ok(())
    }

    fn subscribe_one(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        wanted: &SubscribeFilter,
        id: Option<NonZeroU32>,
        now: Time,
    ) -> Result<ReasonCode, Violation> {
        // A copy: the filter outlives the read buffer of which it is a slice.
        let Ok(filter) = TopicFilter::new(ByteString::from(wanted.filter.to_string())) else {
            return Ok(ReasonCode::TopicFilterInvalid);
        };
        let mut options = wanted.options;
        if let Some(refusal) = self.not_offered(&filter, id).or_else(|| self.no_room_for(key, &filter)) {
            return Ok(refusal);
        }
        options.qos = options.qos.min(self.config.features.maximum_qos);
        if self.clients.link(conn).is_some_and(|link| link.is_bridge) {
            options.retain_as_published = true;
            options.no_local = filter.share_group().is_none();
        }
        if filter.share_group().is_some() && options.no_local {
            let what = "a shared subscription with no-local"; // [MQTT-3.8.3-4]
            return Err(Violation::new(ReasonCode::ProtocolError, what));
        }
        if self.clients.limited && !self.authorise(key, Action::Subscribe, filter.filter(), now) {
            return Ok(ReasonCode::NotAuthorized); // section 3.9.3
        }
        let replay = match options.retain_handling {
            _ if filter.share_group().is_some() => false, // section 4.8.2: nothing retained for shared subscriptions
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => {
                !self.clients.session(key).is_some_and(|session| session.subscriptions.contains(&filter))
            }
            RetainHandling::DoNotSend => false,
        };
        if replay && !self.replay_retained(key, &filter, options.qos, id, now) {
            return Ok(ReasonCode::QuotaExceeded);
        }
        self.router.subscribe(key, &filter, Subscription { options, id }); // [MQTT-3.8.4-3]
        let is_shared = filter.share_group().is_some();
        if let Some(session) = self.clients.session_mut(key) {
            session.wake_filter(&filter);
            let is_new = session.subscriptions.insert(&filter);
            self.clients.stats.shared_subscriptions += usize::from(is_shared && is_new);
        }
        Ok(match options.qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        })
    }

    /// Why a subscription asks for what this server does not do.
    fn not_offered(&self, filter: &TopicFilter, id: Option<NonZeroU32>) -> Option<ReasonCode> {
        let features = &self.config.features;
        if !features.shared_subscriptions && filter.share_group().is_some() {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if !features.subscription_ids && id.is_some() {
            return Some(ReasonCode::SubscriptionIdentifiersNotSupported);
        }
        (!features.wildcard_subscriptions && filter.has_wildcards())
            .then_some(ReasonCode::WildcardSubscriptionsNotSupported)
    }

    /// Why a subscription is one too many, or its filter too long.
    fn no_room_for(&mut self, key: SessionKey, filter: &TopicFilter) -> Option<ReasonCode> {
        let limits = &self.config.limits;
        let subscriptions = &self.clients.session(key)?.subscriptions;
        let (limit, refusal) = if let Some(limit) = self.topic_limit(filter.as_str()) {
            (limit, ReasonCode::TopicFilterInvalid)
        } else if subscriptions.contains(filter) {
            return None;
        } else if subscriptions.len() >= limits.subscriptions {
            (Limit::Subscriptions, ReasonCode::QuotaExceeded)
        } else if self.router.len() >= limits.all_subscriptions {
            (Limit::AllSubscriptions, ReasonCode::QuotaExceeded)
        } else {
            return None;
        };
        self.count_limit(limit);
        Some(refusal)
    }

    /// Queues the retained messages that match [MQTT-3.3.1-9]. False if the session has not even taken those of its
    /// earlier requests.
    fn replay_retained(
        &mut self,
        key: SessionKey,
        filter: &TopicFilter,
        qos: QoS,
        id: Option<NonZeroU32>,
        now: Time,
    ) -> bool {
        let flow = self.clients.session(key).and_then(Session::flow);
        let waiting = flow.map_or(0, |flow| flow.queue.replayed());
        if waiting > self.retained.len().saturating_add(REPLAY_SLACK) {
            return false;
        }
        let subscription_ids: Option<Arc<[u32]>> = id.map(|id| [id.get()].into());
        let mut scratch = std::mem::take(&mut self.scratch);
        let Broker { retained, clients, .. } = self;
        retained.for_each_match(filter, |Kept { message, .. }| {
            if message.is_expired(now) {
                return;
            }
            if clients.limited && !clients.may_receive(key, message.topic.as_str()) {
                clients.stats.count_denied(Action::Receive, 1);
                clients.stats.count_drop(DropReason::NotReadable);
                return;
            }
            let route = Route {
                qos: message.qos.min(qos),
                retain: true, // section 3.3.1.3, [MQTT-3.3.1-8 of 3.1.1]
                replayed: true,
                subscription_ids: subscription_ids.clone(),
                group: None,
            };
            clients.enqueue(key, &mut Outbound::from_kept(message, &mut scratch, now), &route);
        });
        self.scratch = scratch;
        true
    }

    pub(super) fn handle_unsubscribe(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        unsubscribe: Unsubscribe,
    ) -> Result<(), Violation> {
        let Some(version) = self.clients.link(conn).map(|link| link.version) else { return Ok(()) };
        self.check_answer(conn, || {
            let reasons = vec![ReasonCode::Success; unsubscribe.filters.len()];
            Packet::UnsubAck(answer(unsubscribe.packet_id, reasons))
        })?;
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        for wanted in &unsubscribe.filters {
            let reason = self.unsubscribe_one(key, wanted);
            self.subscription_event(key, wanted, |client_id, filter| Event::Unsubscribed {
                client_id,
                filter,
                result: reason,
            });
            if version.is_v5() {
                reasons.push(reason); // [MQTT-3.11.3-1]
            }
        }
        let unsuback = Packet::UnsubAck(answer(unsubscribe.packet_id, reasons)); // [MQTT-3.10.4-5]
        self.clients.send_control(conn.link, &unsuback);
        Ok(())
    }

    fn unsubscribe_one(&mut self, key: SessionKey, wanted: &ByteString) -> ReasonCode {
        let Ok(filter) = TopicFilter::new(wanted.clone()) else { return ReasonCode::TopicFilterInvalid };
        let Some(session) = self.clients.session_mut(key) else { return ReasonCode::UnspecifiedError };
        if !session.subscriptions.remove(&filter) {
            return ReasonCode::NoSubscriptionExisted; // [MQTT-3.10.4-1]
        }
        session.wake_filter(&filter);
        self.router.unsubscribe(key, &filter); // [MQTT-3.10.4-2]
        self.clients.stats.shared_subscriptions -= usize::from(filter.share_group().is_some());
        ReasonCode::Success
    }

    fn subscription_event(
        &mut self,
        key: SessionKey,
        filter: &ByteString,
        event: impl FnOnce(Arc<str>, ByteString) -> Event,
    ) {
        if let Some(session) = self.clients.session(key) {
            let event = event(session.client_id.clone(), filter.clone());
            self.events.push(event);
        }
    }
}

fn answer(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Box<SubAck> {
    Box::new(SubAck { packet_id, properties: AckProperties::default(), reasons })
}
