//! What was subscribed to, and the SUBSCRIBEs and UNSUBSCRIBEs on their way.

use super::{ServerLimits, Subscription};
use crate::packet::{PacketId, ReasonCode};
use crate::topic::TopicFilter;
use std::collections::{BTreeMap, VecDeque};
use std::mem;

/// How many bytes of filters go into one packet, if it is not a single filter that is longer.
const MAX_BYTES: usize = 8 * 1024;
/// How many filters go into one packet.
const MAX_FILTERS: usize = 100;
/// What a packet has besides its filters: fixed header, packet identifier, properties.
const PACKET_OVERHEAD: usize = 16;
/// What a filter takes besides its text: length and options.
const FILTER_OVERHEAD: usize = 3;
/// The largest subscription identifier.
const MAX_SUBSCRIPTION_ID: u32 = 268_435_455;

/// Requests are sent in the order in which the caller made them; those without an answer when the connection ends
/// come first on the next.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// What the caller wants at the moment.
    wanted: BTreeMap<TopicFilter, Subscription>,
    waiting: VecDeque<Request>,
    /// Sent, not answered.
    sent: VecDeque<(PacketId, Request)>,
}

/// A SUBSCRIBE or UNSUBSCRIBE. All subscriptions of one SUBSCRIBE have the same subscription identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Subscribe(Vec<Subscription>),
    Unsubscribe(Vec<TopicFilter>),
}

impl Subscriptions {
    pub(super) fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        for subscription in &subscriptions {
            self.wanted.insert(subscription.filter.clone(), subscription.clone());
        }
        self.queue(subscriptions);
    }

    pub(super) fn unsubscribe(&mut self, filters: Vec<TopicFilter>) {
        for filter in &filters {
            self.wanted.remove(filter);
        }
        let mut filters = filters.into_iter().peekable();
        while let Some(first) = filters.next() {
            let mut bytes = first.as_str().len();
            let mut chunk = vec![first];
            while let Some(next) = filters.next_if(|f| fits(&chunk, bytes, f)) {
                bytes += next.as_str().len() + FILTER_OVERHEAD;
                chunk.push(next);
            }
            self.waiting.push_back(Request::Unsubscribe(chunk));
        }
    }

    /// Cut into packets: one subscription identifier each, and not too long.
    fn queue(&mut self, subscriptions: impl IntoIterator<Item = Subscription>) {
        let mut subscriptions = subscriptions.into_iter().peekable();
        while let Some(first) = subscriptions.next() {
            let id = first.id;
            let mut bytes = first.filter.as_str().len();
            let mut chunk = vec![first];
            while let Some(next) = subscriptions.next_if(|s| s.id == id && fits(&chunk, bytes, &s.filter)) {
                bytes += next.filter.as_str().len() + FILTER_OVERHEAD;
                chunk.push(next);
            }
            self.waiting.push_back(Request::Subscribe(chunk));
        }
    }

    /// The next request to send. Follow with [`sent`](Self::sent) or with events for its filters.
    pub(super) fn next(&mut self) -> Option<Request> {
        self.waiting.pop_front()
    }

    /// Puts the rest of a [`split`] request back in front.
    pub(super) fn put_back(&mut self, request: Request) {
        self.waiting.push_front(request);
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn sent(&mut self, id: PacketId, request: Request) {
        self.sent.push_back((id, request));
    }

    /// SUBACK or UNSUBACK: what it answers, if there is such a request.
    pub(super) fn answered(&mut self, id: PacketId, subscribe: bool) -> Option<Request> {
        let is_it = |(sent, request): &(PacketId, Request)| {
            *sent == id && subscribe == matches!(request, Request::Subscribe(_))
        };
        let index = self.sent.iter().position(is_it)?;
        self.sent.remove(index).map(|(_, request)| request)
    }

    /// What had no answer waits again, in front.
    pub(super) fn connection_lost(&mut self) {
        while let Some((_, request)) = self.sent.pop_back() {
            self.waiting.push_front(request);
        }
    }

    /// The server knows of no subscription: all that are wanted wait now. Gives the filters whose unsubscribing is
    /// thereby done.
    pub(super) fn session_lost(&mut self) -> Vec<TopicFilter> {
        self.connection_lost();
        let done = mem::take(&mut self.waiting).into_iter().flat_map(|request| match request {
            Request::Unsubscribe(filters) => filters,
            Request::Subscribe(_) => Vec::new(),
        });
        let done = done.collect();
        let mut all: Vec<Subscription> = self.wanted.values().cloned().collect();
        all.sort_by_key(|subscription| subscription.id); // stable: equal identifiers come together
        self.queue(all);
        done
    }

    /// How many requests are not answered.
    pub(super) fn pending(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}

impl Subscription {
    /// Why this subscription must not be sent to a server with these limits: it would close the connection.
    pub(super) fn refused_by(&self, limits: &ServerLimits) -> Option<ReasonCode> {
        let shared = self.filter.share_group().is_some();
        if shared && !limits.shared_subscription_available {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if shared && self.options.no_local {
            return Some(ReasonCode::ProtocolError); // [MQTT-3.8.3-4]
        }
        if self.id.is_some_and(|id| id.get() > MAX_SUBSCRIPTION_ID) {
            return Some(ReasonCode::ProtocolError); // section 3.8.2.1.2
        }
        if self.filter.has_wildcards() && !limits.wildcard_subscription_available {
            return Some(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        if is_too_large(&self.filter, limits) {
            return Some(ReasonCode::PacketTooLarge); // [MQTT-3.2.2-15]
        }
        None
    }
}

/// Whether a filter alone makes a packet that the server does not take.
pub(super) fn is_too_large(filter: &TopicFilter, limits: &ServerLimits) -> bool {
    filter.as_str().len() + FILTER_OVERHEAD + PACKET_OVERHEAD > limits.maximum_packet_size as usize
}

/// Cuts a request in two if it is too large for this server: the first part, and the rest.
pub(super) fn split(request: Request, limits: &ServerLimits) -> (Request, Option<Request>) {
    fn at<T>(mut whole: Vec<T>, limits: &ServerLimits, len: impl Fn(&T) -> usize) -> (Vec<T>, Vec<T>) {
        let room = (limits.maximum_packet_size as usize).saturating_sub(PACKET_OVERHEAD);
        let mut bytes = 0;
        let fitting = whole.iter().take_while(|item| {
            bytes += len(item) + FILTER_OVERHEAD;
            bytes <= room
        });
        let count = fitting.count().max(1).min(whole.len());
        let rest = whole.split_off(count);
        (whole, rest)
    }
    match request {
        Request::Subscribe(all) => {
            let (first, rest) = at(all, limits, |s| s.filter.as_str().len());
            (Request::Subscribe(first), (!rest.is_empty()).then_some(Request::Subscribe(rest)))
        }
        Request::Unsubscribe(all) => {
            let (first, rest) = at(all, limits, |f| f.as_str().len());
            (Request::Unsubscribe(first), (!rest.is_empty()).then_some(Request::Unsubscribe(rest)))
        }
    }
}

fn fits<T>(chunk: &[T], bytes: usize, filter: &TopicFilter) -> bool {
    chunk.len() < MAX_FILTERS && bytes + filter.as_str().len() + FILTER_OVERHEAD <= MAX_BYTES
}
