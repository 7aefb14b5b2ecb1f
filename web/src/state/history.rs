//! The messages that are kept, newest last, bounded by count and by bytes; and the lists that are shown of them.
//!
//! A [`Listing`] is an index into the history: the numbers of the entries that pass its matcher. It is kept up to
//! date message by message, so that a list of 100,000 costs as much per frame as a list of forty.

use super::filter::Search;
use super::query;
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;
use tabmq_shared::client::Outcome;
use tabmq_shared::packet::{PublishProperties, QoS};

/// What a message costs beside its payload, roughly: the struct, the index entries, the allocator.
const OVERHEAD_BYTES: usize = 160;

/// A message as it came, or as it was sent.
#[derive(Clone, Debug, Default)]
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
    /// Which way it went.
    pub direction: Direction,
    /// The colours of the subscriptions that it came for, a bit each.
    pub colours: u8,
}

/// Which way a message went.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Direction {
    /// From the broker.
    #[default]
    Received,
    /// To the broker; and what became of it, once that is known.
    Sent(Option<Rc<Outcome>>),
    /// To the broker, but the connection was made anew before anybody heard what became of it.
    Abandoned,
}

impl Direction {
    /// Whether it went from here.
    pub const fn is_sent(&self) -> bool {
        !matches!(self, Direction::Received)
    }
}

impl Message {
    /// A message without flags and properties.
    pub fn received(seq: u64, at_ms: u64, topic: Rc<str>, payload: Bytes, qos: QoS) -> Message {
        Message { seq, at_ms, topic, payload, qos, ..Message::default() }
    }
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

impl Limits {
    /// From what [`write`](Self::write) wrote, and the usual values where it says nothing.
    pub fn read(text: &str) -> Self {
        let mut limits = Limits::default();
        for (name, value) in query::decode(text) {
            let Ok(value) = value.parse::<usize>() else { continue };
            match name.as_str() {
                "entries" => limits.entries = value,
                "bytes" => limits.bytes = value,
                _ => {}
            }
        }
        limits
    }

    /// Both as text.
    pub fn write(&self) -> String {
        let (entries, bytes) = (self.entries.to_string(), self.bytes.to_string());
        query::encode([("entries", entries.as_str()), ("bytes", bytes.as_str())])
    }
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
    /// What was cleared last, and the number of its first entry: for as long as that can be undone.
    cleared: Option<(u64, VecDeque<Entry>)>,
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
        self.trim();
    }

    /// How much is kept at most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Keeps no more than this from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.trim();
    }

    /// How many bytes are kept, with an estimate of what each message costs beside its payload.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest entry came, in Unix milliseconds.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.entries.front().map(|entry| match entry {
            Entry::Message(message) => message.at_ms,
            Entry::Gap { to_ms, .. } => *to_ms,
        })
    }

    /// More is known of a message that was sent; nothing happens if it is not kept any more.
    pub fn set_direction(&mut self, seq: u64, direction: Direction) {
        let at = seq.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(Entry::Message(message)) = at.and_then(|at| self.entries.get_mut(at)) {
            message.direction = direction;
        }
    }

    fn trim(&mut self) {
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

    /// The messages that are kept, the oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Gap { .. } => None,
        })
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

    /// Clears all entries away; their numbers are not used again. Until [`forget_cleared`](Self::forget_cleared), they
    /// can be brought back. Returns how many there were.
    pub fn clear(&mut self) -> usize {
        let (first, entries) = (self.first, std::mem::take(&mut self.entries));
        let count = entries.len();
        self.first += count as u64;
        self.cleared = Some((first, entries));
        self.bytes = 0;
        self.dropped = 0;
        self.list.rows.clear();
        self.topic.rows.clear();
        self.list.thaw();
        self.topic.thaw();
        count
    }

    /// Brings back what was cleared last, as far as there is room.
    pub fn restore(&mut self) {
        let Some((first, mut entries)) = self.cleared.take() else { return };
        // If later ones have gone to make room, there is none for these.
        if first + entries.len() as u64 != self.first {
            return;
        }
        entries.append(&mut self.entries);
        self.first = first;
        self.bytes = entries.iter().map(cost).sum();
        self.entries = entries;
        let (list, topic) = (self.list.matcher.clone(), self.topic.matcher.clone());
        self.list.fill(list, self.first, &self.entries);
        self.topic.fill(topic, self.first, &self.entries);
        self.trim();
    }

    /// Gives the memory back of what was cleared.
    pub fn forget_cleared(&mut self) {
        self.cleared = None;
    }

    /// Changes what the message list shows.
    pub fn set_list(&mut self, matcher: Matcher) {
        self.list.set_matcher(matcher, self.first, &self.entries);
    }

    /// Changes what the list of the selected topic shows. Where another one stood still, the new one does not.
    pub fn set_topic(&mut self, matcher: Matcher) {
        if self.topic.matcher != matcher {
            self.topic.thaw();
        }
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
    /// Messages that the search finds, and gaps.
    Search(Search),
}

impl Matcher {
    fn matches(&self, entry: &Entry) -> bool {
        match (self, entry) {
            (Matcher::Nothing, _) | (Matcher::Topic(_), Entry::Gap { .. }) => false,
            (Matcher::Topic(topic), Entry::Message(message)) => *topic == message.topic,
            (Matcher::Search(search), entry) => search.finds(entry),
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
        if self.matcher != matcher {
            self.fill(matcher, first, entries);
        }
    }

    fn fill(&mut self, matcher: Matcher, first: u64, entries: &VecDeque<Entry>) {
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

    use crate::state::filter::ListFilter;

    fn everything() -> Matcher {
        Matcher::Search(Search::new(&ListFilter { hide_system: false, ..ListFilter::default() }))
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
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload),
            ..Message::default()
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
            let filter = ListFilter { text: typed.into(), hide_system, ..ListFilter::default() };
            history.set_list(Matcher::Search(Search::new(&filter)));
            let listed: Vec<_> = listed(&history.list).into_iter().flatten().collect();
            assert_eq!(listed, expected, "{typed:?}");
        }
        history.set_topic(Matcher::Topic("home/door".into()));
        message(&mut history, "home/door", b"closed");
        assert_eq!(listed(&history.topic), [Some(4), Some(2)]);
        assert_eq!(history.topic.row(2), Some(1));
    }

    #[test]
    fn clearing_can_be_undone_unless_the_room_is_taken() {
        let mut history = history(4, usize::MAX);
        message(&mut history, "a", b"1");
        message(&mut history, "a", b"2");
        assert_eq!(history.clear(), 2);
        message(&mut history, "a", b"3");
        history.restore();
        assert_eq!(listed(&history.list), [Some(2), Some(1), Some(0)]);
        assert_eq!(history.bytes(), 3 * (OVERHEAD_BYTES + 1));

        history.clear();
        for _ in 0..5 {
            message(&mut history, "a", b"x");
        }
        history.restore();
        assert_eq!(history.len(), 4);
        assert!(history.message(2).is_none() && history.message(7).is_some());

        history.clear();
        history.forget_cleared();
        history.restore();
        assert!(history.is_empty());
    }

    #[test]
    fn smaller_limits_hold_at_once() {
        let mut history = history(10, usize::MAX);
        for _ in 0..6 {
            message(&mut history, "a", b"x");
        }
        history.set_limits(Limits { entries: 2, bytes: usize::MAX });
        assert_eq!((history.len(), history.dropped()), (2, 4));
    }

    #[test]
    fn what_became_of_a_message() {
        let mut history = history(2, usize::MAX);
        for _ in 0..3 {
            message(&mut history, "a", b"x");
        }
        let sent = Direction::Sent(Some(Rc::new(Outcome::Sent)));
        history.set_direction(0, sent.clone()); // gone: nobody asks any more
        history.set_direction(2, sent.clone());
        assert_eq!(history.message(2).unwrap().direction, sent);
        assert_eq!(history.message(1).unwrap().direction, Direction::Received);
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
