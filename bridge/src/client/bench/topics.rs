//! Topic patterns, and how many subscribers a topic has.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use tabmq_shared::topic::{TopicFilter, TopicName};

/// More comparisons of a topic with a wildcard than this are not made: then nobody knows what should have come.
const MAX_COMPARISONS: usize = 20_000_000;

/// A topic or filter in which `{i}` is the client's number and `{t}` the topic's, both from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl FromStr for Pattern {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Pattern(text.to_owned()))
    }
}

impl Pattern {
    /// The pattern as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has an `{t}`.
    pub(super) fn has_number(&self) -> bool {
        self.0.contains("{t}")
    }

    /// The text for client `i` and topic `t`.
    pub(super) fn expand(&self, i: usize, t: usize) -> String {
        match self.0.contains('{') {
            true => self.0.replace("{i}", &i.to_string()).replace("{t}", &t.to_string()),
            false => self.0.clone(),
        }
    }

    /// The valid topic names for client `i`: as many as `count` if there is an `{t}`, else one.
    pub(super) fn topics(&self, i: usize, count: usize) -> Result<Vec<TopicName>, String> {
        self.numbers(count)
            .map(|n| {
                let text = self.expand(i, n);
                TopicName::new(text.as_str())
                    .map_err(|error| format!("the topic '{}' {error}", text.escape_debug()))
            })
            .collect()
    }

    /// The valid filters for client `i`: as many as `count` if there is an `{t}`, else one.
    pub(super) fn filters(&self, i: usize, count: usize) -> Result<Vec<TopicFilter>, String> {
        self.numbers(count)
            .map(|n| {
                let text = self.expand(i, n);
                TopicFilter::new(text.as_str())
                    .map_err(|error| format!("the filter '{}' {error}", text.escape_debug()))
            })
            .collect()
    }

    fn numbers(&self, count: usize) -> std::ops::Range<usize> {
        0..if self.has_number() { count.max(1) } else { 1 }
    }
}

/// Who has subscribed to what, to say how many copies of a message must arrive.
#[derive(Debug, Default)]
pub(super) struct Audience {
    /// Filters without wildcards, each with its subscribers.
    exact: HashMap<String, Vec<u32>>,
    wild: HashMap<String, Vec<u32>>,
    /// Shared subscriptions: of each group and filter one member gets it.
    groups: HashSet<TopicFilter>,
    known: HashMap<String, u32>,
    comparisons: usize,
}

impl Audience {
    /// Adds what subscriber number `subscriber` has subscribed to.
    pub(super) fn add(&mut self, subscriber: u32, filters: &[TopicFilter]) {
        for filter in filters {
            if filter.share_group().is_some() {
                self.groups.insert(filter.clone());
                continue;
            }
            let map = if filter.has_wildcards() { &mut self.wild } else { &mut self.exact };
            map.entry(filter.filter().to_owned()).or_default().push(subscriber);
        }
    }

    /// How many copies of one message to `topic` arrive; `None`: too much work to say.
    pub(super) fn copies(&mut self, topic: &TopicName) -> Option<u32> {
        if let Some(copies) = self.known.get(topic.as_str()) {
            return Some(*copies);
        }
        self.comparisons = self.comparisons.saturating_add(self.wild.len() + self.groups.len());
        if self.comparisons > MAX_COMPARISONS {
            return None;
        }
        let wild =
            self.wild.iter().filter(|(filter, _)| tabmq_shared::topic::matches(filter, topic.as_str()));
        let mut subscribers: Vec<u32> = wild.flat_map(|(_, subscribers)| subscribers).copied().collect();
        subscribers.extend(self.exact.get(topic.as_str()).into_iter().flatten());
        // A session gets one copy, however many of its filters match (brokers may send more: those are duplicates).
        subscribers.sort_unstable();
        subscribers.dedup();
        let groups = self.groups.iter().filter(|filter| filter.matches(topic)).count();
        let copies = u32::try_from(subscribers.len() + groups).unwrap_or(u32::MAX);
        self.known.insert(topic.as_str().to_owned(), copies);
        Some(copies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let pattern = |text: &str| Pattern(text.to_owned());
        assert_eq!(pattern("a/{i}/{t}").expand(3, 7), "a/3/7");
        assert_eq!(pattern("a/{i}").topics(3, 10).unwrap(), [TopicName::new("a/3").unwrap()]);
        assert_eq!(pattern("{t}").topics(0, 2).unwrap().len(), 2);
        assert_eq!(pattern("{t}/#").filters(0, 0).unwrap(), [TopicFilter::new("0/#").unwrap()]);
        assert!(pattern("a/#").topics(0, 1).unwrap_err().contains("a/#"));
        assert!(pattern("a#").filters(0, 1).unwrap_err().contains("a#"));
    }

    #[test]
    fn copies() {
        let mut audience = Audience::default();
        let subscriptions: [(u32, &[&str]); 5] = [
            (0, &["a/b", "a/+"]),
            (1, &["a/b"]),
            (2, &["#"]),
            (3, &["$share/g/a/#", "c"]),
            (4, &["$share/g/a/#", "$share/h/a/#"]),
        ];
        for (subscriber, filters) in subscriptions {
            let filters: Vec<_> = filters.iter().map(|filter| TopicFilter::new(*filter).unwrap()).collect();
            audience.add(subscriber, &filters);
        }
        for (topic, expected) in [("a/b", 5), ("a/c", 4), ("c", 2), ("d", 1), ("$SYS/x", 0)] {
            for _ in 0..2 {
                assert_eq!(audience.copies(&TopicName::new(topic).unwrap()), Some(expected), "{topic}");
            }
        }
    }
}
