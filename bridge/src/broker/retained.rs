//! Retained messages: the last one of each topic that was published with the RETAIN flag.
//!
//! A table finds the message of one topic. For filters with wildcards the topics are in order as well, level by level:
//! what `a/b/#` matches is one range; for `a/+/c` the search jumps from each `a/x` to `a/x/c` and on to what follows
//! `a/x`. A topic costs its text and two entries, whatever its depth: in a tree of levels a peer could make 65,536
//! nodes with one packet.

use super::router::index::{Hasher, Index};
use slab::Slab;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use tabmq_shared::topic::{TopicFilter, TopicName};

/// The retained messages by topic. `M` is what the broker keeps of a message; its memory is the broker's to count.
#[derive(Debug)]
pub(crate) struct Retained<M> {
    hasher: Hasher,
    entries: Slab<Entry<M>>,
    by_topic: Index,
    /// Positions in `entries`.
    in_order: BTreeMap<Arc<[u8]>, u32>,
}

#[derive(Debug)]
struct Entry<M> {
    /// The topic as [`key_of`] writes it.
    key: Arc<[u8]>,
    message: M,
}

impl<M> Retained<M> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Retained {
            hasher: Hasher::random(),
            entries: Slab::new(),
            by_topic: Index::default(),
            in_order: BTreeMap::new(),
        }
    }

    /// Keeps the message in place of the one before, which is returned [MQTT-3.3.1-5].
    pub(crate) fn set(&mut self, topic: &TopicName, message: M) -> Option<M> {
        let hash = self.hash(topic);
        if let Some(entry) = self.find(hash, topic).and_then(|at| self.entries.get_mut(at as usize)) {
            return Some(std::mem::replace(&mut entry.message, message));
        }
        let key: Arc<[u8]> = key_of(topic.as_str()).collect();
        let at = self.entries.insert(Entry { key: key.clone(), message }) as u32;
        self.by_topic.insert(hash, at);
        self.in_order.insert(key, at);
        None
    }

    /// Forgets the topic's message [MQTT-3.3.1-6].
    pub(crate) fn remove(&mut self, topic: &TopicName) -> Option<M> {
        let hash = self.hash(topic);
        let at = self.find(hash, topic)?;
        let entry = self.entries.try_remove(at as usize)?;
        self.by_topic.remove(hash, at);
        self.in_order.remove(&entry.key);
        Some(entry.message)
    }

    /// The topic's message.
    pub(crate) fn get(&self, topic: &TopicName) -> Option<&M> {
        self.message(self.find(self.hash(topic), topic)?)
    }

    /// How many topics have one.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in the order of their topics, level by level.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        self.in_order.values().filter_map(|at| self.message(*at))
    }

    /// Calls `f` with each message whose topic matches `filter`, in the order of the topics, level by level. Of a
    /// shared filter it is the part behind the group that counts.
    pub(crate) fn for_each_match(&self, filter: &TopicFilter, mut f: impl FnMut(&M)) {
        self.scan(filter, None, usize::MAX, |message| {
            f(message);
            ControlFlow::Continue(())
        });
    }

    /// The same, behind the topic `after`, until `f` breaks or `budget` topics were looked at. The last of them, behind
    /// which to go on; `None`: there are no more.
    pub(crate) fn scan(
        &self,
        filter: &TopicFilter,
        after: Option<&str>,
        mut budget: usize,
        mut f: impl FnMut(&M) -> ControlFlow<()>,
    ) -> Option<String> {
        let pattern: Vec<u8> = key_of(filter.filter()).collect();
        // Nothing before it matches.
        let mut from = literal_prefix(&pattern).to_vec();
        if let Some(after) = after {
            // The least that is greater: with one more byte, which is the least.
            from = from.max(key_of(after).chain([SEPARATOR]).collect());
        }
        'search: loop {
            let range = (Bound::Included(from.as_slice()), Bound::Unbounded);
            let mut passed = 0;
            for (key, at) in self.in_order.range::<[u8], _>(range) {
                if **key < *from {
                    passed += 1;
                    if passed > NEAR {
                        continue 'search;
                    }
                    continue;
                }
                let flow = match compare(&pattern, key) {
                    Step::Match => self.message(*at).map_or(ControlFlow::Continue(()), &mut f),
                    Step::Next => ControlFlow::Continue(()),
                    Step::Jump { kept, then } => {
                        from.clear();
                        from.extend_from_slice(key.get(..kept).unwrap_or_default());
                        from.extend_from_slice(then);
                        passed = 0;
                        ControlFlow::Continue(())
                    }
                    Step::End => return None,
                };
                budget = budget.saturating_sub(1);
                if flow.is_break() || budget == 0 {
                    return Some(topic_of(key));
                }
            }
            return None;
        }
    }

    fn hash(&self, topic: &TopicName) -> u64 {
        self.hasher.hash(topic.as_str().as_bytes())
    }

    fn find(&self, hash: u64, topic: &TopicName) -> Option<u32> {
        let is_it = |at: u32| {
            let key = self.entries.get(at as usize).map(|entry| &*entry.key);
            key.is_some_and(|key| key_of(topic.as_str()).eq(key.iter().copied()))
        };
        self.by_topic.find(hash, is_it)
    }

    fn message(&self, at: u32) -> Option<&M> {
        self.entries.get(at as usize).map(|entry| &entry.message)
    }
}

/// A jump first looks at this many of the keys that follow: walking there is cheaper than a new search.
const NEAR: usize = 8;

/// Separates levels in keys. No topic contains it [MQTT-4.7.3-2], and nothing is less: so keys are in the order of
/// their levels, and a topic is followed by everything below it.
const SEPARATOR: u8 = 0;
/// Behind a topic: the least that is greater than everything below it.
const BEHIND_ALL_BELOW: &[u8] = &[SEPARATOR + 1];

/// The key of a topic name, or the pattern of a filter.
fn key_of(topic: &str) -> impl Iterator<Item = u8> {
    topic.bytes().map(|byte| if byte == b'/' { SEPARATOR } else { byte })
}

/// The topic name that has this key.
fn topic_of(key: &[u8]) -> String {
    String::from_utf8_lossy(key).replace('\0', "/")
}

/// The levels of a pattern before the first wildcard, without the separator behind them.
fn literal_prefix(pattern: &[u8]) -> &[u8] {
    match pattern.iter().position(|byte| matches!(byte, b'+' | b'#')) {
        None => pattern,
        Some(wildcard) => pattern.get(..wildcard.saturating_sub(1)).unwrap_or_default(),
    }
}

/// How to go on after a key.
enum Step<'a> {
    /// It matches.
    Match,
    /// It does not, but the next one may.
    Next,
    /// Nothing matches before the first `kept` bytes of the key with `then` behind them, which is greater than it.
    Jump { kept: usize, then: &'a [u8] },
    /// Nothing matches any more.
    End,
}

/// Compares a pattern with a key level by level.
fn compare<'a>(pattern: &'a [u8], key: &[u8]) -> Step<'a> {
    // [MQTT-4.7.2-1] a filter that begins with a wildcard does not match topics that begin with '$'
    if key.first() == Some(&b'$') && matches!(pattern.first(), Some(b'+' | b'#')) {
        return Step::Jump { kept: 0, then: b"%" }; // which follows '$'
    }
    // Where the key's level begins that is compared, and where the last one ended that '+' stood for.
    let (mut begin, mut plus_end) = (0, None);
    for wanted in pattern.split(|byte| *byte == SEPARATOR) {
        if wanted == b"#" {
            return Step::Match; // also the parent level: "sport/#" matches "sport" (section 4.7.1.2)
        }
        let Some(rest) = key.get(begin..) else {
            return Step::Next; // the key is too short, and longer ones follow it
        };
        let level = rest.split(|byte| *byte == SEPARATOR).next().unwrap_or_default();
        let end = begin + level.len();
        if wanted == b"+" {
            plus_end = Some(end);
        } else {
            match level.cmp(wanted) {
                Ordering::Equal => {}
                Ordering::Less => {
                    return Step::Jump { kept: begin, then: wanted };
                }
                Ordering::Greater => {
                    return plus_end.map_or(Step::End, |kept| Step::Jump { kept, then: BEHIND_ALL_BELOW });
                }
            }
        }
        begin = end + 1;
    }
    // The key may have more levels, as all below it have.
    if begin > key.len() { Step::Match } else { Step::Jump { kept: begin - 1, then: BEHIND_ALL_BELOW } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tabmq_shared::topic;

    fn retained(topics: &[impl AsRef<str>]) -> Retained<String> {
        let mut retained = Retained::new();
        for topic in topics {
            retained.set(&TopicName::new(topic.as_ref()).unwrap(), topic.as_ref().to_owned());
        }
        retained
    }

    fn matching(retained: &Retained<String>, filter: &str) -> Vec<String> {
        let mut found = Vec::new();
        retained.for_each_match(&TopicFilter::new(filter).unwrap(), |message| found.push(message.clone()));
        found
    }

    #[test]
    fn one_message_for_each_topic() {
        let mut retained = Retained::new();
        let [a, b] = ["a/b", "a"].map(|topic| TopicName::new(topic).unwrap());
        assert_eq!(retained.set(&a, 1), None);
        assert_eq!(retained.set(&a, 2), Some(1));
        assert_eq!((retained.get(&a), retained.get(&b), retained.len()), (Some(&2), None, 1));
        assert_eq!((retained.remove(&b), retained.remove(&a), retained.remove(&a)), (None, Some(2), None));
        assert_eq!((retained.len(), retained.iter().count()), (0, 0));
    }

    #[test]
    fn matches_in_order() {
        let topics = [
            "a b", "a/b", "a", "a/", "a/b/c", "a/b/d", "a/c/c", "a/c/c/c", "/a", "é", "$SYS/a", "$SYS",
            "a/\u{1}", "b/b", "//",
        ];
        let cases: &[(&str, &[&str])] = &[
            (
                "#",
                &[
                    "//", "/a", "a", "a/", "a/\u{1}", "a/b", "a/b/c", "a/b/d", "a/c/c", "a/c/c/c", "a b",
                    "b/b", "é",
                ],
            ),
            ("+", &["a", "a b", "é"]),
            ("+/+", &["/a", "a/", "a/\u{1}", "a/b", "b/b"]),
            ("+/b", &["a/b", "b/b"]),
            ("/+", &["/a"]),
            ("+/+/+", &["//", "a/b/c", "a/b/d", "a/c/c"]),
            ("a/#", &["a", "a/", "a/\u{1}", "a/b", "a/b/c", "a/b/d", "a/c/c", "a/c/c/c"]),
            ("a/+/c", &["a/b/c", "a/c/c"]),
            ("a/+/c/#", &["a/b/c", "a/c/c", "a/c/c/c"]),
            ("+/+/#", &["//", "/a", "a/", "a/\u{1}", "a/b", "a/b/c", "a/b/d", "a/c/c", "a/c/c/c", "b/b"]),
            ("a/+/b", &[]),
            ("a/b", &["a/b"]),
            ("a/b/c/d", &[]),
            ("$SYS/#", &["$SYS", "$SYS/a"]),
            ("$SYS/+", &["$SYS/a"]),
            ("$share/group/+/b", &["a/b", "b/b"]),
        ];
        let retained = retained(&topics);
        for (filter, expected) in cases {
            assert_eq!(matching(&retained, filter), *expected, "{filter}");
        }
        assert_eq!(retained.iter().count(), topics.len());
    }

    #[test]
    fn jumps_over_many() {
        let topics = (0..20).flat_map(|a| (0..50).map(move |b| format!("x/{a:02}/{b:02}")));
        let retained = retained(&topics.collect::<Vec<_>>());
        for wanted in 0..50 {
            let expected: Vec<_> = (0..20).map(|a| format!("x/{a:02}/{wanted:02}")).collect();
            assert_eq!(matching(&retained, &format!("x/+/{wanted:02}")), expected);
        }
    }

    #[test]
    fn deep_topics_and_filters() {
        let deep = "/".repeat(65_535);
        let retained = retained(&[&deep, "a"]);
        assert_eq!(matching(&retained, "#").len(), 2);
        assert_eq!(matching(&retained, &format!("{}#", "+/".repeat(32_000))), [deep.as_str()]);
        assert_eq!(matching(&retained, &deep), [deep.as_str()]);
    }

    proptest! {
        #[test]
        fn pages_are_the_whole(
            topics in prop::collection::btree_set("[$]?[ab%]{0,2}(/[ab%]{0,2}){0,4}", 0..60),
            filter in "([+]|[ab]{0,2})(/([+]|[ab%]{0,2})){0,3}(/#)?|#",
            limit in 1..5_usize,
            budget in 1..20_usize,
        ) {
            prop_assume!(!filter.is_empty());
            let topics: Vec<String> = topics.into_iter().filter(|topic| !topic.is_empty()).collect();
            let retained = retained(&topics);
            let (wanted, mut found, mut after) = (TopicFilter::new(filter.as_str()).unwrap(), Vec::new(), None);
            for _page in 0..=topics.len() {
                let mut left = limit;
                after = retained.scan(&wanted, after.as_deref(), budget, |message| {
                    found.push(message.clone());
                    left -= 1;
                    if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(after, None);
            prop_assert_eq!(found, matching(&retained, &filter));
        }

        #[test]
        fn agrees_with_the_definition(
            topics in prop::collection::btree_set("[$]?[ab%]{0,2}(/[ab%\u{1}]{0,2}){0,4}", 0..60),
            filters in prop::collection::vec("([+]|[$]?[ab%]{0,2})(/([+]|[ab%]{0,2})){0,3}(/#)?|#", 1..20),
        ) {
            let mut topics: Vec<String> = topics.into_iter().filter(|topic| !topic.is_empty()).collect();
            topics.sort_by(|a, b| a.split('/').cmp(b.split('/')));
            let retained = retained(&topics);
            for filter in filters.iter().filter(|filter| !filter.is_empty()) {
                let expected: Vec<_> =
                    topics.iter().filter(|topic| topic::matches(filter, topic)).cloned().collect();
                prop_assert_eq!(matching(&retained, filter), expected, "{}", filter);
            }
        }
    }
}
