//! Which element of the document shows which row of a long list.
//!
//! Without keys, Yew lays new rows over the elements that are there from the last one backwards: a row more at the end,
//! and every element shows another row than before. Then a click that began on one row ends on another, or on none. With a
//! key of its own for each row, every row that scrolls into sight would be made anew, a dozen nodes each. So a row
//! that stays in sight keeps its element, and a row that comes takes that of one that has gone.

use yew::Html;
use yew::virtual_dom::{Key, VList, VNode};

/// The rows that are in the document, and the key of the element of each. They are few: to look for one is to walk through
/// them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    rows: Vec<(u64, Key)>,
    made: u64,
}

impl Slots {
    /// Gives keys to these rows, which are known by their numbers.
    fn arrange(&mut self, rows: &[u64]) {
        let before = std::mem::take(&mut self.rows);
        let (mut stay, free): (Vec<_>, Vec<_>) = before.into_iter().partition(|(row, _)| rows.contains(row));
        // From the first one on: when all rows are others, no element has to be moved.
        let mut free = free.into_iter();
        for &row in rows {
            let kept = stay.iter().position(|(known, _)| *known == row).map(|at| stay.remove(at));
            let key = kept.or_else(|| free.next()).map(|(_, key)| key).unwrap_or_else(|| {
                self.made += 1;
                Key::from(self.made)
            });
            self.rows.push((row, key));
        }
    }

    /// The rows as one node.
    #[inline(never)]
    pub(super) fn lay(&mut self, rows: Vec<(u64, Html)>) -> Html {
        let (numbers, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        self.arrange(&numbers);
        let keyed =
            |(row, (_, key)): (_, &(_, Key))| VNode::from(VList::with_children(vec![row], Some(key.clone())));
        rows.into_iter().zip(&self.rows).map(keyed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(slots: &mut Slots, rows: &[u64]) -> Vec<String> {
        slots.arrange(rows);
        slots.rows.iter().map(|(_, key)| key.to_string()).collect()
    }

    #[test]
    fn a_row_that_stays_keeps_its_element_and_one_that_comes_takes_a_free_one() {
        let mut slots = Slots::default();
        assert_eq!(keys(&mut slots, &[10, 20, 30]), ["1", "2", "3"]);
        // More at the end, in the middle, at the beginning.
        assert_eq!(keys(&mut slots, &[10, 20, 30, 40]), ["1", "2", "3", "4"]);
        assert_eq!(keys(&mut slots, &[5, 10, 20, 25, 30, 40]), ["5", "1", "2", "6", "3", "4"]);
        // Scrolled by two rows.
        assert_eq!(keys(&mut slots, &[20, 25, 30, 40, 50, 60]), ["2", "6", "3", "4", "5", "1"]);
        // All others: every element stays where it is.
        assert_eq!(keys(&mut slots, &[1, 2, 3, 4, 5, 6]), ["2", "6", "3", "4", "5", "1"]);
        // Fewer, and then more than ever.
        assert_eq!(keys(&mut slots, &[6]), ["1"]);
        assert_eq!(keys(&mut slots, &[7, 6]), ["7", "1"]);
    }

    #[test]
    fn no_key_is_there_twice() {
        let mut slots = Slots::default();
        assert_eq!(keys(&mut slots, &[1, 1, 2]), ["1", "2", "3"]);
        assert_eq!(keys(&mut slots, &[1, 2, 1, 1]), ["1", "3", "2", "4"]);
        assert_eq!(keys(&mut slots, &[]), [""; 0]);
    }
}
