//! The matches of topics that are published often.
//!
//! Bounded in entries and bytes; what was not asked for lately goes first. A topic gets in when it is asked for a
//! second or third time, so that topics that are published once pass by.
//!
//! What makes an entry stale: a change at a filter without wildcards concerns one topic, whose entry is looked up. A
//! change at a filter with wildcards is written into a short log. Each entry remembers how far it has read the log;
//! when it is asked for, it reads on and finds out whether one of the filters matches its topic. So a storm of
//! subscriptions costs the other topics some comparisons, not their entries.

use super::Matches;
use super::index::Index;
use super::label::Label;
use super::trie::matches_but_dollar;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most entries.
const MAX_ENTRIES: usize = 1 << 17;
/// The most memory for all entries together, by the estimate of [`Entry::size`].
const MAX_BYTES: usize = 64 << 20;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Cache {
    max_entries: usize,
    max_bytes: usize,
    entries: Vec<Entry>,
    by_topic: Index,
    /// Sum of the entries' sizes.
    bytes: usize,
    /// Which entry is to be looked at next when one must go.
    hand: usize,
    sightings: Sightings,
    changes: Changes,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    topic: Label,
    matches: Arc<Matches>,
    /// Bytes of memory, the lists that it refers to included.
    size: usize,
    /// The log of changes is read up to here.
    read_up_to: u64,
    is_stale: bool,
    /// Whether it was asked for since the hand last passed it.
    is_used: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Cache::new(MAX_ENTRIES, MAX_BYTES)
    }
}

impl Cache {
    fn new(max_entries: usize, max_bytes: usize) -> Self {
        Cache {
            max_entries,
            max_bytes,
            entries: Vec::new(),
            by_topic: Index::default(),
            bytes: 0,
            hand: 0,
            sightings: Sightings::default(),
            changes: Changes::default(),
        }
    }

    /// The matches of a topic with this hash, if they are known.
    pub(super) fn get(&mut self, hash: u64, topic: &[u8]) -> Option<Arc<Matches>> {
        let position = self.find(hash, topic)?;
        let entry = self.entries.get_mut(position as usize)?;
        entry.is_used = true;
        if entry.is_stale {
            return None;
        }
        if entry.read_up_to != self.changes.end {
            entry.is_stale = self.changes.may_concern(entry);
            entry.read_up_to = self.changes.end;
            if entry.is_stale {
                return None;
            }
        }
        Some(entry.matches.clone())
    }

    /// The matches of a topic for which [`Cache::get`] had none. Keeps them if it is worth it.
    pub(super) fn offer(&mut self, hash: u64, topic: &[u8], matches: &Arc<Matches>) {
        let mut entry = Entry {
            hash,
            topic: Label::Heap(Box::default()),
            matches: matches.clone(),
            size: size(topic, matches),
            read_up_to: self.changes.end,
            is_stale: false,
            is_used: true,
        };
        if let Some(position) = self.find(hash, topic) {
            if let Some(known) = self.entries.get_mut(position as usize) {
                self.bytes = self.bytes - known.size + entry.size;
                std::mem::swap(&mut entry.topic, &mut known.topic);
                *known = entry;
            }
            self.make_room(0);
        } else if self.sightings.is_second(hash) && entry.size < self.max_bytes / 4 {
            self.make_room(entry.size);
            entry.topic = Label::from(topic);
            self.bytes += entry.size;
            self.by_topic.insert(hash, self.entries.len() as u32);
            self.entries.push(entry);
        }
    }

    /// Something changed at the filter without wildcards that is this topic.
    pub(super) fn forget_topic(&mut self, hash: u64, topic: &[u8]) {
        let position = self.find(hash, topic);
        if let Some(entry) = position.and_then(|at| self.entries.get_mut(at as usize)) {
            entry.is_stale = true;
        }
    }

    /// Something changed at this filter with wildcards.
    pub(super) fn forget_matching(&mut self, filter: &[u8]) {
        if !self.entries.is_empty() {
            self.changes.record(filter);
        }
    }

    fn find(&self, hash: u64, topic: &[u8]) -> Option<u32> {
        self.by_topic.find(hash, |at| {
            self.entries
                .get(at as usize)
                .is_some_and(|entry| entry.hash == hash && entry.topic.as_bytes() == topic)
        })
    }

    /// Removes entries until there is room for one more of this size. The hand goes round and takes each that was
    /// not used since it last came by: "clock" replacement, near to least recently used.
    fn make_room(&mut self, size: usize) {
        let needs_entry = usize::from(size > 0);
        while self.bytes + size > self.max_bytes || self.entries.len() + needs_entry > self.max_entries {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get_mut(self.hand) {
                None => return, // there are no entries
                Some(entry) if entry.is_used => {
                    entry.is_used = false;
                    self.hand += 1;
                }
                Some(_) => self.remove(self.hand),
            }
        }
    }

    fn remove(&mut self, position: usize) {
        let last = self.entries.len() - 1;
        let removed = self.entries.swap_remove(position);
        self.bytes -= removed.size;
        self.by_topic.remove(removed.hash, position as u32);
        if let Some(moved) = self.entries.get(position) {
            self.by_topic.relocate(moved.hash, last as u32, position as u32);
        }
    }
}

/// About how many bytes an entry takes.
fn size(topic: &[u8], matches: &Matches) -> usize {
    let ids = |target: &super::Target| target.subscription_ids.as_ref().map_or(0, |ids| 4 * ids.len());
    size_of::<Entry>()
        + topic.len()
        + size_of::<Matches>()
        + size_of_val(matches.targets.as_slice())
        + matches.targets.iter().map(ids).sum::<usize>()
        + size_of_val(matches.groups.as_slice())
}

/// Which topics were asked for already: 16 bits of the hash of one in each slot. 256 KiB, once it is used.
#[derive(Debug, Default)]
struct Sightings {
    tags: Vec<u16>,
    /// A simple random sequence.
    dice: u32,
}

impl Sightings {
    /// As many as entries: then most topics that take turns, and fit in, see themselves again.
    const SLOTS: usize = MAX_ENTRIES;

    /// Whether the slot of this hash has seen it before. If not, it takes the slot every other time: if it always
    /// did, two topics that take turns would never see themselves.
    fn is_second(&mut self, hash: u64) -> bool {
        if self.tags.is_empty() {
            self.tags = vec![0; Self::SLOTS];
        }
        let tag = (hash >> 48) as u16;
        let Some(slot) = self.tags.get_mut(hash as usize % Self::SLOTS) else {
            return false;
        };
        let is_second = *slot == tag;
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if !is_second && self.dice >> 31 == 0 {
            *slot = tag;
        }
        is_second
    }
}

/// The log of the filters with wildcards at which something changed lately.
#[derive(Debug, Default)]
struct Changes {
    filters: VecDeque<Label>,
    /// How many were ever written.
    end: u64,
}

impl Changes {
    /// The most filters that are kept.
    const CAPACITY: usize = 1024;
    /// Filters longer than this many bytes are kept as a shorter one that matches more.
    const MAX_FILTER_BYTES: usize = 256;

    fn record(&mut self, filter: &[u8]) {
        if self.filters.len() == Self::CAPACITY {
            self.filters.pop_front();
        }
        let kept = match filter.get(..Self::MAX_FILTER_BYTES) {
            None => Label::from(filter),
            Some(front) => match front.iter().rposition(|byte| *byte == b'/') {
                None => Label::from(&b"#"[..]),
                Some(slash) => Label::joined(front.get(..slash).unwrap_or_default(), b"#"),
            },
        };
        self.filters.push_back(kept);
        self.end += 1;
    }

    /// Whether the matches of an entry may have changed since it last read the log. Also true if finding out would
    /// take longer than matching anew, which takes the longer the more targets there are.
    fn may_concern(&self, entry: &Entry) -> bool {
        let unread = (self.end - entry.read_up_to) as usize;
        let worthwhile = 32 + entry.matches.targets.len();
        match self.filters.len().checked_sub(unread) {
            Some(first) if unread <= worthwhile => self
                .filters
                .range(first..)
                .any(|filter| matches_but_dollar(filter.as_bytes(), entry.topic.as_bytes())),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hasher, Target};
    use super::*;
    use tabmq_shared::packet::QoS;

    fn matches(session: u32, targets: usize) -> Arc<Matches> {
        let target = Target {
            session,
            qos: QoS::AtMostOnce,
            retain_as_published: false,
            no_local: false,
            subscription_ids: None,
        };
        Arc::new(Matches { targets: vec![target; targets], groups: Vec::new(), unreadable: 0 })
    }

    #[test]
    fn stays_within_its_limits_and_never_confuses_topics() {
        for (max_entries, max_bytes, targets) in [(10, 1 << 20, 1), (1000, 8192, 10), (1000, 8192, 60)] {
            let (hasher, mut cache) = (Hasher::random(), Cache::new(max_entries, max_bytes));
            let (mut hits, mut most) = (0, 0);
            for round in 0..20_000_u32 {
                // Small numbers often, great ones seldom.
                let number = round.wrapping_mul(0x9E37_79B9) >> 16 & (0x3F >> (round % 5));
                let topic = format!("some/topic/with/the/number/{number}");
                let hash = hasher.hash(topic.as_bytes());
                match cache.get(hash, topic.as_bytes()) {
                    Some(found) => {
                        assert_eq!(found.targets.first().map(|target| target.session), Some(number));
                        hits += 1;
                    }
                    None => {
                        cache.offer(hash, topic.as_bytes(), &matches(number, targets + round as usize % 9))
                    }
                }
                if round % 7 == 0 {
                    cache.forget_topic(hash, topic.as_bytes());
                }
                assert!(cache.entries.len() <= max_entries && cache.bytes <= max_bytes);
                assert_eq!(cache.by_topic.len(), cache.entries.len());
                assert_eq!(cache.bytes, cache.entries.iter().map(|entry| entry.size).sum::<usize>());
                most = most.max(cache.entries.len());
            }
            assert!(hits > 500, "{hits} hits");
            assert!(most == max_entries || max_bytes < 10_000, "{most} entries");
        }
    }

    #[test]
    fn what_is_asked_for_once_is_not_kept() {
        let (hasher, mut cache) = (Hasher::random(), Cache::default());
        for number in 0..1000_u32 {
            let topic = number.to_be_bytes();
            cache.offer(hasher.hash(&topic), &topic, &matches(number, 1));
        }
        assert!(cache.entries.len() < 10, "{} entries", cache.entries.len());
        assert!(cache.sightings.tags.iter().any(|tag| *tag != 0));
    }
}
