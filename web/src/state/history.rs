//! The messages that are kept, newest last, bounded by count and by bytes; and the lists that are shown of them.
//!
//! A [`Listing`] is an index into the history: the numbers of the entries that pass its matcher. It is kept up to
//! date message by message, so that a list of 100,000 costs as much per frame as a list of forty.

use super::topics::Needle;
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;
use tabmq_shared::packet::{PublishProperties, QoS};

/// What a message costs beside its payload, roughly: the struct, the index entries, the allocator.
const OVERHEAD_BYTES: usize = 160;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its place in the order of arrival, from 0, never used twice.
    pub seq: u64,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// The topic, shared with the tree.
    pub topic: Rc<str>,
    /// The bytes, whole.
    pub payload: Bytes,
    /// The QoS of its last hop.
    pub qos: QoS,
    /// Whether the broker had kept it.
    pub retain: bool,
    /// Whether it may be a second delivery.
    pub dup: bool,
    /// 5.0 only.
    pub properties: Option<Rc<PublishProperties>>,
}

/// What stands in the list.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A message.
    Message(Message),
    /// Between these two moments (Unix milliseconds) there was no connection.
    Gap {
        /// When it was lost.
        from_ms: u64,
        /// When it was there again.
        to_ms: u64,
        /// Whether the broker kept the session, so that only QoS 0 messages can be missing.
        resumed: bool,
    },
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries.
    pub entries: usize,
    /// Bytes, with an estimate of what a message costs beside its payload.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { entries: 100_000, bytes: 64_000_000 }
    }
}

/// Everything that is kept, and what is listed of it.
#[derive(Debug, Default)]
pub struct History {
    limits: Limits,
    entries: VecDeque<Entry>,
    /// The number of the oldest entry.
    first: u64,
    bytes: usize,
    dropped: u64,
    /// The message list.
    pub list: Listing,
    /// The messages of the selected topic.
    pub topic: Listing,
}

impl History {
    /// An empty history with other limits than the usual ones.
    pub fn with_limits(limits: Limits) -> Self {
        History { limits, ..History::default() }
    }

    /// The number that the next entry will have.
    pub fn next_seq(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Adds an entry and lets the oldest go.
    pub fn push(&mut self, entry: Entry) {
        let seq = self.next_seq();
        self.list.push(seq, &entry);
        self.topic.push(seq, &entry);
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > self.limits.entries.max(1)
            || (self.bytes > self.limits.bytes && self.entries.len() > 1)
        {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= cost(&oldest);
            self.list.forget(self.first);
            self.topic.forget(self.first);
            self.first += 1;
            self.dropped += 1;
        }
    }

    /// The entry with this number, if it is still there.
    pub fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    /// The message with this number, if it is one and still there.
    pub fn message(&self, seq: u64) -> Option<&Message> {
        match self.get(seq)? {
            Entry::Message(message) => Some(message),
            Entry::Gap { .. } => None,
        }
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries have gone to make room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Forgets all entries; their numbers are not used again.
    pub fn clear(&mut self) {
        self.first = self.next_seq();
        self.entries.clear();
        self.bytes = 0;
        self.dropped = 0;
        self.list.rows.clear();
        self.topic.rows.clear();
        self.list.thaw();
        self.topic.thaw();
    }

    /// Changes what the message list shows.
    pub fn set_list(&mut self, matcher: Matcher) {
        self.list.set_matcher(matcher, self.first, &self.entries);
    }

    /// Changes what the list of the selected topic shows.
    pub fn set_topic(&mut self, matcher: Matcher) {
        self.topic.set_matcher(matcher, self.first, &self.entries);
    }
}

/// Which entries belong to a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Matcher {
    /// None: nothing is selected.
    #[default]
    Nothing,
    /// Messages of one topic.
    Topic(Rc<str>),
    /// Messages in whose topic or payload the needle is found, and gaps.
    Search {
        /// What to look for; an empty one finds everything.
        needle: Needle,
        /// Leave out topics that begin with `$`.
        hide_system: bool,
    },
}

impl Matcher {
    fn matches(&self, entry: &Entry) -> bool {
        match (self, entry) {
            (Matcher::Nothing, _) | (Matcher::Topic(_), Entry::Gap { .. }) => false,
            (Matcher::Topic(topic), Entry::Message(message)) => *topic == message.topic,
            (Matcher::Search { .. }, Entry::Gap { .. }) => true,
            (Matcher::Search { needle, hide_system }, Entry::Message(message)) => {
                if *hide_system && message.topic.starts_with('$') {
                    return false;
                }
                needle.is_empty() || needle.finds(&message.topic) || needle.finds_in(&message.payload)
            }
        }
    }
}

/// A list of entries, newest first, that can stand still while the history goes on.
#[derive(Debug, Default)]
pub struct Listing {
    matcher: Matcher,
    /// Numbers of entries, ascending.
    rows: VecDeque<u64>,
    frozen: Option<Frozen>,
}

#[derive(Debug, Clone, Copy)]
struct Frozen {
    /// Entries from this number on came later.
    until: u64,
    /// How many rows there were: the list does not shrink under the reader when old entries go.
    len: usize,
}

impl Listing {
    /// How many rows are shown.
    pub fn len(&self) -> usize {
        self.frozen.map_or(self.rows.len(), |frozen| frozen.len)
    }

    /// Whether no row is shown.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the entry in this row, from the newest; `None` where it has gone since the list was frozen.
    pub fn seq(&self, row: usize) -> Option<u64> {
        let end = self.shown_end();
        self.rows.get(end.checked_sub(row + 1)?).copied()
    }

    /// The row of this entry, from the newest.
    pub fn row(&self, seq: u64) -> Option<usize> {
        let position = self.rows.binary_search(&seq).ok()?;
        self.shown_end().checked_sub(position + 1)
    }

    /// How many rows came since the list was frozen.
    pub fn newer(&self) -> usize {
        self.rows.len() - self.shown_end()
    }

    /// Stands still, or goes on with what came meanwhile.
    pub fn set_frozen(&mut self, frozen: bool) {
        match (frozen, self.frozen) {
            (true, None) => {
                let until = self.rows.back().map_or(0, |seq| seq + 1);
                self.frozen = Some(Frozen { until, len: self.rows.len() });
            }
            (false, Some(_)) => self.thaw(),
            _ => {}
        }
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    fn thaw(&mut self) {
        self.frozen = None;
    }

    fn shown_end(&self) -> usize {
        match self.frozen {
            Some(frozen) => self.rows.partition_point(|seq| *seq < frozen.until),
            None => self.rows.len(),
        }
    }

    fn push(&mut self, seq: u64, entry: &Entry) {
        if self.matcher.matches(entry) {
            self.rows.push_back(seq);
        }
    }

    fn forget(&mut self, seq: u64) {
        if self.rows.front() == Some(&seq) {
            self.rows.pop_front();
        }
    }

    fn set_matcher(&mut self, matcher: Matcher, first: u64, entries: &VecDeque<Entry>) {
        if self.matcher == matcher {
            return;
        }
        self.matcher = matcher;
        self.rows.clear();
        for (seq, entry) in (first..).zip(entries) {
            self.push(seq, entry);
        }
        let end = self.shown_end();
        if let Some(frozen) = &mut self.frozen {
            frozen.len = end;
        }
    }
}

fn cost(entry: &Entry) -> usize {
    match entry {
        Entry::Message(message) => OVERHEAD_BYTES + message.payload.len(),
        Entry::Gap { .. } => OVERHEAD_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Matcher {
        Matcher::Search { needle: Needle::default(), hide_system: false }
    }

    fn history(entries: usize, bytes: usize) -> History {
        let mut history = History::with_limits(Limits { entries, bytes });
        history.set_list(everything());
        history
    }

    fn message(history: &mut History, topic: &str, payload: &[u8]) {
        let seq = history.next_seq();
        history.push(Entry::Message(Message {
            seq,
            at_ms: 0,
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload),
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            properties: None,
        }));
    }

    fn listed(listing: &Listing) -> Vec<Option<u64>> {
        (0..listing.len()).map(|row| listing.seq(row)).collect()
    }

    #[test]
    fn the_oldest_go_first() {
        let mut history = history(3, usize::MAX);
        for _ in 0..5 {
            message(&mut history, "a", b"x");
        }
        assert_eq!(listed(&history.list), [Some(4), Some(3), Some(2)]);
        assert_eq!(
            (history.dropped(), history.message(1).is_none(), history.message(2).is_some()),
            (2, true, true)
        );
    }

    #[test]
    fn bytes_are_bounded_but_one_message_always_stays() {
        let mut history = history(100, 2 * (OVERHEAD_BYTES + 10));
        for _ in 0..3 {
            message(&mut history, "a", &[0; 10]);
        }
        assert_eq!(history.len(), 2);
        message(&mut history, "a", &[0; 10_000]);
        assert_eq!((history.len(), history.dropped()), (1, 3));
    }

    #[test]
    fn a_frozen_list_stands_still() {
        let mut history = history(4, usize::MAX);
        for _ in 0..3 {
            message(&mut history, "a", b"x");
        }
        history.list.set_frozen(true);
        message(&mut history, "a", b"x");
        assert_eq!((listed(&history.list), history.list.newer()), (vec![Some(2), Some(1), Some(0)], 1));
        message(&mut history, "a", b"x"); // 0 goes: its row stays, empty
        assert_eq!((listed(&history.list), history.list.newer()), (vec![Some(2), Some(1), None], 2));
        history.list.set_frozen(false);
        assert_eq!(
            (listed(&history.list), history.list.newer()),
            (vec![Some(4), Some(3), Some(2), Some(1)], 0)
        );
    }

    #[test]
    fn frozen_while_empty() {
        let mut history = history(4, usize::MAX);
        history.list.set_frozen(true);
        message(&mut history, "a", b"x");
        assert_eq!((history.list.len(), history.list.newer()), (0, 1));
    }

    #[test]
    fn searches() {
        let mut history = history(100, usize::MAX);
        message(&mut history, "home/Temp", b"21");
        message(&mut history, "$SYS/uptime", b"5");
        message(&mut history, "home/door", b"Open");
        history.push(Entry::Gap { from_ms: 1, to_ms: 2, resumed: false });
        let cases: [(&str, bool, &[u64]); 6] = [
            ("", false, &[3, 2, 1, 0]),
            ("", true, &[3, 2, 0]),
            ("temp", true, &[3, 0]),
            ("OPEN", true, &[3, 2]),
            ("home/+", true, &[3, 2, 0]),
            ("$SYS/#", false, &[3, 1]),
        ];
        for (typed, hide_system, expected) in cases {
            history.set_list(Matcher::Search { needle: Needle::new(typed), hide_system });
            let listed: Vec<_> = listed(&history.list).into_iter().flatten().collect();
            assert_eq!(listed, expected, "{typed:?}");
        }
        history.set_topic(Matcher::Topic("home/door".into()));
        message(&mut history, "home/door", b"closed");
        assert_eq!(listed(&history.topic), [Some(4), Some(2)]);
        assert_eq!(history.topic.row(2), Some(1));
    }

    #[test]
    fn cleared() {
        let mut history = history(100, usize::MAX);
        message(&mut history, "a", b"x");
        history.list.set_frozen(true);
        history.clear();
        message(&mut history, "a", b"x");
        assert_eq!(listed(&history.list), [Some(1)]);
    }
}
