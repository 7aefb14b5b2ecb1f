//! Who gets a message: the index of all subscriptions.
//!
//! [`Router::matches`] runs for every PUBLISH. A topic that is published often is answered from a cache: one hash,
//! one comparison, one reference count. The others take one look-up among the exact filters and one walk through
//! the tree of the filters with wildcards.
//!
//! In reading order:
//!
//! - `filters`: every filter in use, exact ones in a hash table, the others in `trie`.
//! - `subscribers`: who subscribed with one filter.
//! - `shared`: the groups of shared subscriptions, served in turn.
//! - `matches`: from the filters that match to one [`Target`] for each session.
//! - `cache`: the matches of hot topics, and what makes them stale.
//! - `index` and `label`: the hash table and the short byte string that all of these are made of.
//!
//! Topics and filters are chosen by hostile peers. So hashes are seeded, nothing recurses, a filter of 30,000 levels
//! takes one node, and no node of the tree is visited twice in one walk.

mod cache;
mod filters;
pub(super) mod index;
mod label;
mod matches;
mod shared;
mod subscribers;
#[cfg(test)]
mod tests;
mod trie;

use cache::Cache;
use filters::{Filters, Place};
use index::Hasher;
use matches::Collector;
use shared::Groups;
use std::num::NonZeroU32;
use std::sync::Arc;
use subscribers::Member;
use tabmq_shared::packet::{QoS, SubscriptionOptions};
use tabmq_shared::topic::{TopicFilter, TopicName};
use trie::Walk;

pub(crate) use subscribers::GroupId;

/// Index of a session in the broker's slab. Keys must be dense: the router keeps 4 bytes for every key up to the
/// highest that ever subscribed.
pub(crate) type SessionKey = u32;

/// How one session is subscribed with one filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// What SUBSCRIBE asked for.
    pub(crate) options: SubscriptionOptions,
    /// The subscription identifier (5.0 only): 1 to 268,435,455.
    pub(crate) id: Option<NonZeroU32>,
}

/// Who gets the messages to one topic. Valid until a subscription changes: ask again for every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    /// Each session once, however many of its subscriptions match. In no particular order.
    pub(crate) targets: Vec<Target>,
    /// Shared groups: one member of each gets the message.
    pub(crate) groups: Vec<SharedTarget>,
    /// Sessions that are no targets because they may not read the topic.
    pub(crate) unreadable: usize,
}

/// One session that gets a message, by one or several (overlapping) subscriptions that are not shared.
///
/// Several make one copy, with the highest QoS of all [MQTT-3.3.4-2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The session.
    pub(crate) session: SessionKey,
    /// The highest QoS of the subscriptions that match. The message's own QoS still limits it.
    pub(crate) qos: QoS,
    /// Whether at least one of them keeps the RETAIN flag as it was published.
    pub(crate) retain_as_published: bool,
    /// Whether at least one of them is no-local. If the session is the publisher itself, what it gets is said by
    /// [`Router::target_without_no_local`].
    pub(crate) no_local: bool,
    /// The identifiers of all of them, in ascending order, one for each subscription that has one (so the same one
    /// may be there twice) [MQTT-3.3.4-4]. `None` if none has one. Never empty.
    pub(crate) subscription_ids: Option<Arc<[u32]>>,
}

/// A shared group that matches: `$share/GROUP/FILTER`. Groups are per group name and filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedTarget {
    /// For [`Router::serve_group`].
    pub(crate) group: GroupId,
}

/// The index of all subscriptions. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Router {
    hasher: Hasher,
    filters: Filters,
    groups: Groups,
    cache: Cache,
    collector: Collector,
    /// Subscriptions, shared ones included.
    len: usize,
}

impl Router {
    /// A router without subscriptions. Its hashes are seeded from the system's randomness; nothing that can be seen
    /// from outside depends on the seed.
    pub(crate) fn new() -> Self {
        let hasher = Hasher::random();
        Router {
            filters: Filters::new(&hasher),
            groups: Groups::new(&hasher),
            hasher,
            cache: Cache::default(),
            collector: Collector::default(),
            len: 0,
        }
    }

    /// Adds the subscription, or replaces the one that this session has with the same filter. True if it is new.
    pub(crate) fn subscribe(
        &mut self,
        session: SessionKey,
        filter: &TopicFilter,
        subscription: Subscription,
    ) -> bool {
        self.collector.make_room_for(session);
        let member = Member { session, subscription };
        let place = self.filters.insert(filter.filter().as_bytes());
        let subscribers = self.filters.subscribers_mut(place);
        let (is_new, is_changed) = match filter.share_group() {
            Some(name) => {
                let (is_new_group, replaced) = self.groups.join(place, name, member, subscribers);
                (replaced.is_none(), is_new_group)
            }
            None => {
                let replaced = subscribers.insert(member);
                (replaced.is_none(), replaced != Some(subscription))
            }
        };
        if is_new {
            self.len += 1;
        }
        if is_changed {
            self.forget_matches(place, filter);
        }
        is_new
    }

    /// Removes the subscription that this session has with this filter. True if there was one.
    pub(crate) fn unsubscribe(&mut self, session: SessionKey, filter: &TopicFilter) -> bool {
        let Some(place) = self.filters.find(filter.filter().as_bytes()) else {
            return false;
        };
        let subscribers = self.filters.subscribers_mut(place);
        let (existed, is_changed) = match filter.share_group() {
            Some(name) => self.groups.leave(place, name, session, subscribers),
            None => {
                let existed = subscribers.remove(session).is_some();
                (existed, existed)
            }
        };
        if existed {
            self.len -= 1;
            self.filters.release_if_unused(place);
        }
        if is_changed {
            self.forget_matches(place, filter);
        }
        existed
    }

    /// How this session is subscribed with this filter.
    pub(crate) fn subscription(&self, session: SessionKey, filter: &TopicFilter) -> Option<Subscription> {
        let place = self.filters.find(filter.filter().as_bytes())?;
        match filter.share_group() {
            Some(name) => self.groups.subscription(self.groups.find(place, name)?, session),
            None => self.filters.subscribers(place).get(session),
        }
    }

    /// Forgets what is kept for the topics that `filter` matches: who may read them may have changed.
    pub(crate) fn forget_matches_of(&mut self, filter: &TopicFilter) {
        if let Some(place) = self.filters.find(filter.filter().as_bytes()) {
            self.forget_matches(place, filter);
        }
    }

    /// Subscriptions in all, shared ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Who gets a message to `topic`. What `readable` leaves of the sessions that are subscribed is kept with it.
    pub(crate) fn matches(
        &mut self,
        topic: &TopicName,
        readable: impl FnOnce(Arc<Matches>) -> Arc<Matches>,
    ) -> Arc<Matches> {
        let topic = topic.as_str().as_bytes();
        let hash = self.hasher.hash(topic);
        if let Some(matches) = self.cache.get(hash, topic) {
            return matches;
        }
        let matches = readable(self.collector.collect(&self.filters, hash, topic));
        self.cache.offer(hash, topic, &matches);
        matches
    }

    /// What `session` gets of a message to `topic` without its no-local subscriptions: for the case that it is itself
    /// the publisher and its [`Target::no_local`] is set [MQTT-3.8.3-3]. Not cached.
    pub(crate) fn target_without_no_local(&self, session: SessionKey, topic: &TopicName) -> Option<Target> {
        let topic = topic.as_str().as_bytes();
        matches::collect_for_one(&self.filters, self.hasher.hash(topic), topic, session, |subscription| {
            !subscription.options.no_local
        })
    }

    /// Visits the subscriptions that match `topic` as (filter, group, session, subscription), without the first `skip`
    /// of them and `limit` at the most. How many there are. For those who look on, not for messages.
    pub(crate) fn for_each_subscription(
        &self,
        topic: &TopicName,
        skip: usize,
        limit: usize,
        mut visit: impl FnMut(&str, Option<&str>, SessionKey, &Subscription),
    ) -> usize {
        let topic = topic.as_str().as_bytes();
        let mut places = Vec::new();
        self.filters.find_matching(self.hasher.hash(topic), topic, &mut Walk::default(), &mut places);
        let (mut total, mut visited) = (0_usize, 0_usize);
        let mut take = |filter: &str, group: Option<&str>, members: &[Member]| {
            let first = skip.saturating_sub(total);
            total += members.len();
            for member in members.iter().skip(first).take(limit - visited) {
                visited += 1;
                visit(filter, group, member.session, &member.subscription);
            }
        };
        for place in places {
            let (filter, subscribers) = (self.filters.text(place), self.filters.subscribers(place));
            take(&filter, None, subscribers.plain());
            for group in subscribers.groups() {
                if let Some((name, members)) = self.groups.members(*group) {
                    take(&filter, Some(name), members);
                }
            }
        }
        total
    }

    /// Offers a message to the members of a group in turn, beginning behind the one that was served last, until one
    /// accepts. Whether one did; false also if the group is no more.
    pub(crate) fn serve_group(
        &mut self,
        group: GroupId,
        accept: impl FnMut(SessionKey, &Subscription) -> bool,
    ) -> bool {
        self.groups.serve(group, accept)
    }

    /// Marks what the cache knows about topics that `filter` matches as stale.
    fn forget_matches(&mut self, place: Place, filter: &TopicFilter) {
        let filter = filter.filter().as_bytes();
        match place {
            Place::Exact(_) => self.cache.forget_topic(self.hasher.hash(filter), filter),
            Place::Wild(_) => self.cache.forget_matching(filter),
        }
    }
}

#[cfg(test)]
impl Router {
    /// The group of a filter `$share/GROUP/FILTER`, if it has members.
    pub(crate) fn group_of(&self, filter: &TopicFilter) -> Option<GroupId> {
        let place = self.filters.find(filter.filter().as_bytes())?;
        self.groups.find(place, filter.share_group()?)
    }

    /// How many members the group has; 0 if it is no more.
    pub(crate) fn group_members(&self, group: GroupId) -> usize {
        self.groups.member_count(group)
    }
}
