//! Every filter in use, and who subscribed with it.

use super::index::{Hasher, Index};
use super::label::Label;
use super::subscribers::Subscribers;
use super::trie::{FilterTrie, Walk};
use slab::Slab;

/// Where a filter lies. Stays the same as long as the filter has subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A filter without wildcards.
    Exact(u32),
    /// A filter with wildcards: its node in the tree.
    Wild(u32),
}

/// Filters without wildcards in a hash table, the others in a tree.
#[derive(Debug)]
pub(super) struct Filters {
    exact: ExactFilters,
    wild: FilterTrie,
}

impl Filters {
    pub(super) fn new(hasher: &Hasher) -> Self {
        Filters { exact: ExactFilters::new(hasher), wild: FilterTrie::new(hasher) }
    }

    pub(super) fn find(&self, filter: &[u8]) -> Option<Place> {
        if has_wildcards(filter) {
            self.wild.find(filter).map(Place::Wild)
        } else {
            self.exact.find(self.exact.hasher.hash(filter), filter).map(Place::Exact)
        }
    }

    /// The place of a filter, new if need be. The caller subscribes somebody there at once.
    pub(super) fn insert(&mut self, filter: &[u8]) -> Place {
        if has_wildcards(filter) {
            Place::Wild(self.wild.insert(filter))
        } else {
            Place::Exact(self.exact.insert(filter))
        }
    }

    /// The filter that lies there.
    pub(super) fn text(&self, place: Place) -> String {
        let bytes = match place {
            Place::Exact(at) => self.exact.entry(at).topic.as_bytes().to_vec(),
            Place::Wild(at) => self.wild.filter(at),
        };
        String::from_utf8_lossy(&bytes).into_owned() // it came as text
    }

    pub(super) fn subscribers(&self, place: Place) -> &Subscribers {
        match place {
            Place::Exact(at) => &self.exact.entry(at).subscribers,
            Place::Wild(at) => self.wild.subscribers(at),
        }
    }

    pub(super) fn subscribers_mut(&mut self, place: Place) -> &mut Subscribers {
        match place {
            Place::Exact(at) => &mut self.exact.entry_mut(at).subscribers,
            Place::Wild(at) => self.wild.subscribers_mut(at),
        }
    }

    /// Frees the place if nobody is subscribed there any more.
    pub(super) fn release_if_unused(&mut self, place: Place) {
        if self.subscribers(place).is_none() {
            match place {
                Place::Exact(at) => self.exact.remove(at),
                Place::Wild(at) => self.wild.remove(at),
            }
        }
    }

    /// Adds the places of all filters that match `topic` to `found`. `hash` is the topic's.
    pub(super) fn find_matching(&self, hash: u64, topic: &[u8], walk: &mut Walk, found: &mut Vec<Place>) {
        found.extend(self.exact.find(hash, topic).map(Place::Exact));
        self.wild.find_matching(topic, walk, |at| found.push(Place::Wild(at)));
    }

    /// Checks all invariants; how many exact filters and nodes of the tree there are.
    #[cfg(test)]
    pub(super) fn check(&self) -> (usize, usize) {
        assert_eq!(self.exact.by_topic.len(), self.exact.entries.len());
        (self.exact.entries.len(), self.wild.check())
    }
}

fn has_wildcards(filter: &[u8]) -> bool {
    filter.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

#[derive(Debug)]
struct ExactFilters {
    hasher: Hasher,
    entries: Slab<ExactFilter>,
    by_topic: Index,
}

#[derive(Debug)]
struct ExactFilter {
    topic: Label,
    subscribers: Subscribers,
}

impl ExactFilters {
    fn new(hasher: &Hasher) -> Self {
        ExactFilters { hasher: hasher.clone(), entries: Slab::new(), by_topic: Index::default() }
    }

    fn find(&self, hash: u64, topic: &[u8]) -> Option<u32> {
        self.by_topic.find(hash, |at| self.entry(at).topic.as_bytes() == topic)
    }

    fn insert(&mut self, topic: &[u8]) -> u32 {
        let hash = self.hasher.hash(topic);
        if let Some(at) = self.find(hash, topic) {
            return at;
        }
        let entry = ExactFilter { topic: Label::from(topic), subscribers: Subscribers::None };
        let at = self.entries.insert(entry) as u32;
        self.by_topic.insert(hash, at);
        at
    }

    fn remove(&mut self, at: u32) {
        let removed = self.entries.remove(at as usize);
        self.by_topic.remove(self.hasher.hash(removed.topic.as_bytes()), at);
    }

    #[expect(clippy::indexing_slicing, reason = "positions come from `insert` and `find`, never from a peer")]
    fn entry(&self, at: u32) -> &ExactFilter {
        &self.entries[at as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "as above")]
    fn entry_mut(&mut self, at: u32) -> &mut ExactFilter {
        &mut self.entries[at as usize]
    }
}
