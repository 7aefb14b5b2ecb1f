//! Hash tables of positions in an arena, and the hash that fills them.

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher as _, RandomState};

/// A seeded hash. Peers choose topics; they must not be able to choose hashes.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    shared: SharedSeed,
    own: u64,
}

impl Hasher {
    /// Seeded by the system.
    pub(crate) fn random() -> Self {
        let seeds = RandomState::new();
        Hasher { shared: SharedSeed::from_u64(seeds.hash_one(0)), own: seeds.hash_one(1) }
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.shared);
        hasher.write(bytes);
        hasher.finish()
    }

    /// The hash of bytes that belong to something with a number.
    pub(crate) fn hash_in(&self, owner: u32, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.shared);
        hasher.write_u32(owner);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// A hash table of positions: the keys stay in the arena that the positions point into. 9 bytes for each slot, and
/// growing reads nothing but the table, since the slots keep 32 bits of the hash.
#[derive(Debug, Default)]
pub(crate) struct Index {
    slots: HashTable<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    position: u32,
}

impl Index {
    /// The position with this hash of which `is_it` says that it is the one.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let hash = upper_half(hash);
        let slot = self.slots.find(spread(hash), |slot| slot.hash == hash && is_it(slot.position))?;
        Some(slot.position)
    }

    /// Adds a position that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, position: u32) {
        let hash = upper_half(hash);
        self.slots.insert_unique(spread(hash), Slot { hash, position }, |slot| spread(slot.hash));
    }

    pub(crate) fn remove(&mut self, hash: u64, position: u32) {
        let hash = upper_half(hash);
        let is_it = |slot: &Slot| slot.hash == hash && slot.position == position;
        if let Ok(entry) = self.slots.find_entry(spread(hash), is_it) {
            entry.remove();
        }
        // After a great many have gone, give their memory back.
        if self.slots.capacity() > 1024 && self.slots.len() < self.slots.capacity() / 8 {
            self.slots.shrink_to(self.slots.len() * 2, |slot| spread(slot.hash));
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What was at `from` is now at `to`.
    pub(crate) fn relocate(&mut self, hash: u64, from: u32, to: u32) {
        let hash = upper_half(hash);
        let is_it = |slot: &Slot| slot.hash == hash && slot.position == from;
        if let Some(slot) = self.slots.find_mut(spread(hash), is_it) {
            slot.position = to;
        }
    }
}

fn upper_half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// 64 bits out of 32, for a table that takes its bucket from the lower bits and its tag from the upper ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
