//! The receiver's side of QoS 2.

use crate::packet::PacketId;
use std::collections::VecDeque;

/// How many entries an empty list may keep allocated.
const ENTRIES_KEPT: usize = 32;

/// QoS 2 from the peer: the packet identifiers between PUBLISH and PUBREL, so that a message is handed on once.
///
/// The message itself is handed on at its PUBLISH ("method B" of section 4.3.3); what is kept here is four bytes.
///
/// The receive maximum is counted as a sender counts its quota (section 4.9), per connection: what an earlier
/// connection left behind counts only when it is published again. QoS 1 is acknowledged at once by both callers
/// and does not come here.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Sorted by identifier. Identifiers come in sequence, so changes are at the ends, where a deque is cheap.
    entries: VecDeque<Entry>,
    receive_maximum: u16,
    /// How many PUBLISHes of this connection have had no final answer.
    used: u16,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: PacketId,
    /// Whether it is part of `used`.
    counted: bool,
}

/// What a QoS 2 PUBLISH is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Hand the message on, answer PUBREC.
    New,
    /// It was handed on before: only answer PUBREC [MQTT-4.3.3-10].
    Duplicate,
    /// More than the receive maximum: DISCONNECT with 0x93, receive maximum exceeded [MQTT-3.3.4-7] [MQTT-3.3.4-9].
    TooMany,
}

impl Incoming {
    /// An empty list, which owns no memory. The receive maximum is the one that this side announced; 65,535 if it
    /// announced none or the version is older than 5.0. (0 is no value of the protocol; it refuses everything.)
    pub fn new(receive_maximum: u16) -> Self {
        Incoming { entries: VecDeque::new(), receive_maximum, used: 0 }
    }

    /// A new connection of the same session: counting begins anew, the identifiers stay.
    pub fn resume(&mut self, receive_maximum: u16) {
        self.receive_maximum = receive_maximum;
        self.used = 0;
        for entry in &mut self.entries {
            entry.counted = false;
        }
    }

    /// A PUBLISH of QoS 2.
    pub fn publish(&mut self, id: PacketId) -> Received {
        match self.find(id) {
            Ok(index) => match self.entries.get_mut(index) {
                Some(entry) if !entry.counted => {
                    if self.used >= self.receive_maximum {
                        return Received::TooMany;
                    }
                    entry.counted = true;
                    self.used += 1;
                    Received::Duplicate
                }
                _ => Received::Duplicate,
            },
            Err(_) if self.used >= self.receive_maximum => Received::TooMany,
            Err(index) => {
                self.entries.insert(index, Entry { id, counted: true });
                self.used += 1;
                Received::New
            }
        }
    }

    /// PUBREL: whether the identifier was known. If not, PUBCOMP says 0x92, packet identifier not found.
    pub fn release(&mut self, id: PacketId) -> bool {
        // The answer is PUBCOMP either way, and a sender's quota may rise with every PUBCOMP (section 4.9), also
        // for a PUBREL that it sent again. So count as generously as the sender may.
        self.used = self.used.saturating_sub(1);
        self.remove(id)
    }

    /// The PUBLISH was refused with an error in its PUBREC: the identifier is free again.
    pub fn forget(&mut self, id: PacketId) {
        if self.remove(id) {
            self.used = self.used.saturating_sub(1);
        }
    }

    /// The session ends.
    pub fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.used = 0;
    }

    /// How many identifiers wait for their PUBREL.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The identifiers that wait, in ascending order: for a store.
    pub fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.entries.iter().map(|entry| entry.id)
    }

    /// Where the identifier is, or where it belongs. The common cases first: the newest and the oldest.
    fn find(&self, id: PacketId) -> Result<usize, usize> {
        match (self.entries.front(), self.entries.back()) {
            (_, Some(back)) if back.id < id => Err(self.entries.len()),
            (Some(front), _) if front.id == id => Ok(0),
            _ => self.entries.binary_search_by_key(&id, |entry| entry.id),
        }
    }

    fn remove(&mut self, id: PacketId) -> bool {
        let Ok(index) = self.find(id) else { return false };
        self.entries.remove(index);
        if self.entries.is_empty() && self.entries.capacity() > ENTRIES_KEPT {
            self.entries = VecDeque::new();
        }
        true
    }
}
