//! Topic aliases of one connection (5.0: section 3.3.2.3.4).

use crate::packet::ReasonCode;
use bytestring::ByteString;
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::num::NonZeroU16;

/// How many aliases an [`OutboundAliases`] uses, even if the peer would take more.
const MAX_OUTBOUND: usize = 256;
/// How many bytes of topics an [`OutboundAliases`] keeps.
const MAX_OUTBOUND_BYTES: usize = 64 * 1024;
/// The property costs 3 bytes; a topic no longer than that gains nothing.
const MIN_TOPIC_BYTES: usize = 4;
/// How many places a topic can be in.
const WAYS: usize = 4;
/// How many misses a much used alias withstands.
const MAX_HEAT: u8 = 15;

/// Aliases that the peer chose.
///
/// Memory: up to `max` topics of up to 65,535 bytes; so `max` is what a server should keep small.
#[derive(Clone, Debug)]
pub struct InboundAliases {
    /// The topic of alias `n` is at `n - 1`; empty if there is none. Grows when a higher alias comes.
    topics: Vec<ByteString>,
    max: u16,
}

/// Why a topic alias cannot be resolved. [`reason`](Self::reason) is what the peer is told in DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// [MQTT-3.3.2-9]
    #[error("topic alias {alias} is above the maximum of {max}")]
    AboveMaximum {
        /// What was sent.
        alias: u16,
        /// What this side announced.
        max: u16,
    },
    /// No topic and no alias.
    #[error("PUBLISH has neither a topic nor a topic alias")]
    NoTopic,
    /// No topic, and an alias that was never given one.
    #[error("topic alias {alias} was not given a topic on this connection")]
    Unknown {
        /// What was sent.
        alias: u16,
    },
}

impl AliasError {
    /// The reason code of the DISCONNECT.
    pub const fn reason(self) -> ReasonCode {
        match self {
            AliasError::AboveMaximum { .. } => ReasonCode::TopicAliasInvalid,
            AliasError::NoTopic | AliasError::Unknown { .. } => ReasonCode::ProtocolError,
        }
    }
}

impl InboundAliases {
    /// For a new connection. `max` is the topic alias maximum that this side announced.
    pub fn new(max: u16) -> Self {
        InboundAliases { topics: Vec::new(), max }
    }

    /// The topic that a PUBLISH with this alias and this topic means. Remembers it if both are there.
    ///
    /// # Errors
    /// The connection must be closed.
    pub fn resolve(
        &mut self,
        alias: Option<NonZeroU16>,
        topic: ByteString,
    ) -> Result<ByteString, AliasError> {
        let Some(alias) = alias else {
            return if topic.is_empty() { Err(AliasError::NoTopic) } else { Ok(topic) };
        };
        let alias = alias.get();
        if alias > self.max {
            return Err(AliasError::AboveMaximum { alias, max: self.max }); // [MQTT-3.3.2-9]
        }
        let index = usize::from(alias) - 1;
        if topic.is_empty() {
            return match self.topics.get(index) {
                Some(known) if !known.is_empty() => Ok(known.clone()),
                _ => Err(AliasError::Unknown { alias }),
            };
        }
        if index >= self.topics.len() {
            self.topics.resize(index + 1, ByteString::new());
        }
        if let Some(known) = self.topics.get_mut(index)
            && *known != topic
        {
            // A copy: the topic is a slice of the read buffer, which must not live as long as the alias.
            *known = ByteString::from(&*topic);
        }
        Ok(topic)
    }
}

/// Aliases that this side chooses.
///
/// A small hash table with four places for a topic. If all four are taken, the least used one cools by one degree
/// and gives way when it is cold: what is sent often gets and keeps an alias, and a stream of topics that come
/// once costs nothing but the look-up. At most 256 aliases and 64 KiB of topics; no memory before the first use.
#[derive(Clone, Debug)]
pub struct OutboundAliases {
    /// The entry of alias `n` is at `n - 1`.
    entries: Vec<Option<Entry>>,
    max: usize,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    topic: ByteString,
    hash: u64,
    heat: u8,
}

/// How to write a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// The topic, no alias.
    None,
    /// The topic and the alias: the peer learns it.
    New(NonZeroU16),
    /// The alias and an empty topic.
    Known(NonZeroU16),
}

impl OutboundAliases {
    /// For a new connection. `max` is the topic alias maximum that the peer announced; 0: none are used.
    pub fn new(max: u16) -> Self {
        OutboundAliases { entries: Vec::new(), max: usize::from(max).min(MAX_OUTBOUND), bytes: 0 }
    }

    /// How to write this topic in the next PUBLISH.
    ///
    /// Only for a PUBLISH that is certain to be sent, and in the order of sending: the peer learns a new alias from
    /// that packet. So measure it against the maximum packet size first, with the topic and 3 bytes more.
    pub fn assign(&mut self, topic: &ByteString) -> Assigned {
        if self.max == 0 || topic.len() < MIN_TOPIC_BYTES {
            return Assigned::None;
        }
        if self.entries.is_empty() {
            self.entries.resize(self.max, None);
        }
        let hash = hash_of(topic);
        let start = (hash % self.max as u64) as usize;
        // The place for the topic: an empty one, else the coldest.
        let mut place = start;
        let mut least = u8::MAX;
        for way in 0..WAYS.min(self.max) {
            let index = (start + way) % self.max;
            match self.entries.get_mut(index) {
                Some(Some(entry)) if entry.hash == hash && entry.topic == *topic => {
                    entry.heat = (entry.heat + 1).min(MAX_HEAT);
                    return alias_at(index).map_or(Assigned::None, Assigned::Known);
                }
                Some(Some(entry)) if entry.heat + 1 < least => {
                    (place, least) = (index, entry.heat + 1);
                }
                Some(None) if least > 0 => (place, least) = (index, 0),
                _ => {}
            }
        }
        self.put(place, topic, hash)
    }

    /// Puts the topic there, unless who is there is still warm or the bytes do not suffice.
    fn put(&mut self, index: usize, topic: &ByteString, hash: u64) -> Assigned {
        let (Some(place), Some(alias)) = (self.entries.get_mut(index), alias_at(index)) else {
            return Assigned::None;
        };
        let freed = match place {
            Some(entry) if entry.heat > 0 => {
                entry.heat -= 1;
                return Assigned::None;
            }
            Some(entry) => entry.topic.len(),
            None => 0,
        };
        if self.bytes - freed + topic.len() > MAX_OUTBOUND_BYTES {
            return Assigned::None;
        }
        self.bytes = self.bytes - freed + topic.len();
        // A copy: the topic may be a slice of a read buffer, which must not live as long as the alias.
        *place = Some(Entry { topic: ByteString::from(&**topic), hash, heat: 1 });
        Assigned::New(alias)
    }
}

fn alias_at(index: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(index + 1).ok()?)
}

/// Not for adversaries, and need not be: who finds collisions loses aliases, nothing else.
fn hash_of(topic: &ByteString) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(topic.as_bytes());
    hasher.finish()
}
