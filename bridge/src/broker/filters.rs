//! The filters of one session.

use std::collections::HashSet;
use std::mem;
use tabmq_shared::topic::TopicFilter;

/// Up to this many are looked through one by one.
const FEW: usize = 8;

/// What follows each filter of a few: the one character that is in none of them [MQTT-4.7.3-2].
const END: char = '\0';

/// A set of filters: one text while there are few of them, as most sessions have, because each string of its own would
/// cost more than what is in it.
#[derive(Debug)]
pub(super) enum Filters {
    Few(Box<str>),
    #[expect(
        clippy::box_collection,
        reason = "a table is three times the size of a text, and few sessions have one"
    )]
    Many(Box<HashSet<Box<str>>>),
}

impl Default for Filters {
    fn default() -> Self {
        Filters::Few(Box::default())
    }
}

impl Filters {
    pub(super) fn len(&self) -> usize {
        match self {
            Filters::Few(text) => few(text).count(),
            Filters::Many(table) => table.len(),
        }
    }

    pub(super) fn contains(&self, filter: &TopicFilter) -> bool {
        match self {
            Filters::Few(text) => few(text).any(|other| other == filter.as_str()),
            Filters::Many(table) => table.contains(filter.as_str()),
        }
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = TopicFilter> {
        let (text, table) = match self {
            Filters::Few(text) => (&**text, None),
            Filters::Many(table) => ("", Some(table)),
        };
        let many = table.into_iter().flat_map(|table| table.iter()).map(|filter| &**filter);
        few(text).chain(many).filter_map(|filter| TopicFilter::new(filter.to_owned()).ok())
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, filter: &TopicFilter) -> bool {
        let is_new = !self.contains(filter);
        match self {
            _ if !is_new => {}
            Filters::Few(text) if few(text).count() < FEW => {
                *text = [&**text, filter.as_str(), "\0"].concat().into_boxed_str();
            }
            Filters::Few(text) => {
                let all = few(text).chain([filter.as_str()]);
                *self = Filters::Many(Box::new(all.map(Box::from).collect()));
            }
            Filters::Many(table) => drop(table.insert(filter.as_str().into())),
        }
        is_new
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, filter: &TopicFilter) -> bool {
        match self {
            Filters::Few(text) => {
                let mut rest = String::with_capacity(text.len());
                for other in few(text).filter(|other| *other != filter.as_str()) {
                    rest.push_str(other);
                    rest.push(END);
                }
                let was_there = rest.len() < text.len();
                *text = rest.into_boxed_str();
                was_there
            }
            Filters::Many(table) => table.remove(filter.as_str()),
        }
    }

    /// All of them; the set is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<TopicFilter> {
        mem::take(self).iter().collect()
    }
}

fn few(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator(END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_the_same_set() {
        let filter = |n: usize| TopicFilter::new(format!("a/{n}")).unwrap();
        let mut filters = Filters::default();
        for count in [1, FEW, FEW + 1, 100] {
            for n in 0..count {
                assert!(filters.insert(&filter(n)), "{n}");
                assert!(!filters.insert(&filter(n)) && filters.contains(&filter(n)));
            }
            assert!(!filters.contains(&filter(count)) && !filters.remove(&filter(count)));
            assert!(filters.remove(&filter(0)) && !filters.remove(&filter(0)));
            assert_eq!((filters.len(), filters.iter().count()), (count - 1, count - 1));
            let mut rest: Vec<_> = filters.take().iter().map(|f| f.as_str().to_owned()).collect();
            rest.sort();
            let mut expected: Vec<_> = (1..count).map(|n| format!("a/{n}")).collect();
            expected.sort();
            assert_eq!(rest, expected);
            assert!(filters.take().is_empty());
        }
    }
}
