//! The filters of one session.

use std::collections::HashSet;
use std::mem;
use tabmq_shared::topic::TopicFilter;

/// Up to this many are looked through one by one.
const FEW: usize = 8;

/// A set of filters: a list while there are few of them, as most sessions have, because a table costs four times the
/// memory of one filter.
#[derive(Debug)]
pub(super) enum Filters {
    Few(Vec<TopicFilter>),
    #[expect(
        clippy::box_collection,
        reason = "a table is twice the size of a list, and few sessions have one"
    )]
    Many(Box<HashSet<TopicFilter>>),
}

impl Default for Filters {
    fn default() -> Self {
        Filters::Few(Vec::new())
    }
}

impl Filters {
    pub(super) fn len(&self) -> usize {
        match self {
            Filters::Few(list) => list.len(),
            Filters::Many(table) => table.len(),
        }
    }

    pub(super) fn contains(&self, filter: &TopicFilter) -> bool {
        match self {
            Filters::Few(list) => list.contains(filter),
            Filters::Many(table) => table.contains(filter),
        }
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TopicFilter> {
        let (list, table) = match self {
            Filters::Few(list) => (list.as_slice(), None),
            Filters::Many(table) => (&[][..], Some(table)),
        };
        list.iter().chain(table.into_iter().flat_map(|table| table.iter()))
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, filter: TopicFilter) -> bool {
        match self {
            Filters::Few(list) if list.contains(&filter) => false,
            Filters::Few(list) if list.len() < FEW => {
                list.reserve_exact(1);
                list.push(filter);
                true
            }
            Filters::Few(list) => {
                let mut table: HashSet<_> = mem::take(list).into_iter().collect();
                table.insert(filter);
                *self = Filters::Many(Box::new(table));
                true
            }
            Filters::Many(table) => table.insert(filter),
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, filter: &TopicFilter) -> bool {
        match self {
            Filters::Few(list) => match list.iter().position(|other| other == filter) {
                Some(at) => {
                    list.swap_remove(at);
                    true
                }
                None => false,
            },
            Filters::Many(table) => table.remove(filter),
        }
    }

    /// All of them; the set is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<TopicFilter> {
        match mem::take(self) {
            Filters::Few(list) => list,
            Filters::Many(table) => table.into_iter().collect(),
        }
    }
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
                assert!(filters.insert(filter(n)), "{n}");
                assert!(!filters.insert(filter(n)) && filters.contains(&filter(n)));
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
