//! From the filters that match a topic to one target for each session.

use super::filters::{Filters, Place};
use super::subscribers::Member;
use super::trie::Walk;
use super::{Matches, SessionKey, SharedTarget, Subscription, Target};
use std::sync::Arc;

/// Builds [`Matches`]. What it needs meanwhile it keeps for the next time, so that nothing but the result is
/// allocated.
#[derive(Debug, Default)]
pub(super) struct Collector {
    walk: Walk,
    found: Vec<Place>,
    merger: Merger,
    /// The answer for all topics that nobody subscribed to.
    nobody: Arc<Matches>,
}

impl Collector {
    /// Must be called for each session before it is subscribed.
    pub(super) fn make_room_for(&mut self, session: SessionKey) {
        let needed = session as usize + 1;
        if self.merger.position_of.len() < needed {
            self.merger.position_of.resize(needed, ABSENT);
        }
    }

    /// Who gets a message to `topic`; `hash` is the topic's.
    pub(super) fn collect(&mut self, filters: &Filters, hash: u64, topic: &[u8]) -> Arc<Matches> {
        self.found.clear();
        filters.find_matching(hash, topic, &mut self.walk, &mut self.found);
        let subscribers = self.found.iter().map(|place| filters.subscribers(*place));
        let groups: Vec<_> = subscribers
            .clone()
            .flat_map(|subscribers| subscribers.groups())
            .map(|group| SharedTarget { group: *group })
            .collect();
        let mut sets =
            subscribers.map(|subscribers| subscribers.plain()).filter(|members| !members.is_empty());
        let targets = match (sets.next(), sets.next()) {
            (None, _) if groups.is_empty() => return self.nobody.clone(),
            (None, _) => Vec::new(),
            // The usual case, in which no session can be there twice.
            (Some(only), None) => targets_of(only),
            (Some(first), Some(second)) => self.merger.merge([first, second].into_iter().chain(sets)),
        };
        Arc::new(Matches { targets, groups, unreadable: 0 })
    }
}

/// What one session gets of a message to `topic` by those of its subscriptions for which `counts` is true.
pub(super) fn collect_for_one(
    filters: &Filters,
    hash: u64,
    topic: &[u8],
    session: SessionKey,
    counts: impl Fn(&Subscription) -> bool,
) -> Option<Target> {
    let mut found = Vec::new();
    filters.find_matching(hash, topic, &mut Walk::default(), &mut found);
    let mut subscriptions =
        found.iter().filter_map(|place| filters.subscribers(*place).get(session)).filter(counts);
    let first = subscriptions.next()?;
    let mut target = target_of(session, &first);
    let mut ids = Vec::from_iter(first.id.map(u32::from));
    for subscription in subscriptions {
        target.add(&subscription);
        ids.extend(subscription.id.map(u32::from));
    }
    ids.sort_unstable();
    target.subscription_ids = IdLists::default().share(&ids);
    Some(target)
}

fn targets_of(members: &[Member]) -> Vec<Target> {
    let mut lists = IdLists::default();
    let target = |member: &Member| {
        let mut target = target_of(member.session, &member.subscription);
        if let Some(id) = member.subscription.id {
            target.subscription_ids = lists.share(&[id.get()]);
        }
        target
    };
    members.iter().map(target).collect()
}

/// The target that one subscription makes, without its identifier.
fn target_of(session: SessionKey, subscription: &Subscription) -> Target {
    let options = &subscription.options;
    Target {
        session,
        qos: options.qos,
        retain_as_published: options.retain_as_published,
        no_local: options.no_local,
        subscription_ids: None,
    }
}

impl Target {
    /// Adds what another subscription of the session brings, apart from its identifier.
    fn add(&mut self, subscription: &Subscription) {
        let options = &subscription.options;
        self.qos = self.qos.max(options.qos); // [MQTT-3.3.4-2]
        self.retain_as_published |= options.retain_as_published;
        self.no_local |= options.no_local;
    }
}

/// Merges several sets of subscribers in time proportional to their sizes.
#[derive(Debug, Default)]
struct Merger {
    /// For each session its position among the targets, or [`ABSENT`]. All absent between two calls.
    position_of: Vec<u32>,
    /// Position among the targets in the upper half, a subscription identifier in the lower.
    ids: Vec<u64>,
}

const ABSENT: u32 = u32::MAX;

impl Merger {
    fn merge<'a>(&mut self, sets: impl Iterator<Item = &'a [Member]>) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        self.ids.clear();
        for Member { session, subscription } in sets.flatten() {
            let Some(position) = self.position_of.get_mut(*session as usize) else {
                continue; // no such session: each was announced by `make_room_for`
            };
            match targets.get_mut(*position as usize) {
                Some(target) => target.add(subscription),
                None => {
                    *position = targets.len() as u32;
                    targets.push(target_of(*session, subscription));
                }
            }
            if let Some(id) = subscription.id {
                self.ids.push(u64::from(*position) << 32 | u64::from(id.get()));
            }
        }
        for target in &targets {
            if let Some(position) = self.position_of.get_mut(target.session as usize) {
                *position = ABSENT;
            }
        }
        self.distribute_ids(&mut targets);
        targets.shrink_to_fit();
        targets
    }

    fn distribute_ids(&mut self, targets: &mut [Target]) {
        self.ids.sort_unstable();
        let (mut lists, mut list) = (IdLists::default(), Vec::new());
        for of_one in self.ids.chunk_by(|a, b| a >> 32 == b >> 32) {
            list.clear();
            list.extend(of_one.iter().map(|id| *id as u32));
            let position = of_one.first().map(|id| (id >> 32) as usize);
            if let Some(target) = position.and_then(|position| targets.get_mut(position)) {
                target.subscription_ids = lists.share(&list);
            }
        }
    }
}

/// Lists of identifiers. Equal ones are shared: all clients of one make tend to use the same few numbers.
#[derive(Default)]
struct IdLists {
    recent: [Option<Arc<[u32]>>; 8],
}

impl IdLists {
    fn share(&mut self, ids: &[u32]) -> Option<Arc<[u32]>> {
        let slot = *ids.last()? as usize % self.recent.len();
        let recent = self.recent.get_mut(slot)?;
        if recent.as_deref() != Some(ids) {
            *recent = Some(ids.into());
        }
        recent.clone()
    }
}
