//! Rows that nobody sees any more.

/// So many rows are given back at a time: that takes a millisecond or two.
const AT_A_TIME: usize = 2_000;

/// More than this many do not wait.
const MAX_WAITING: usize = 200_000;

/// Rows that wait to be given back: to free a hundred thousand at once would take longer than a few frames.
#[derive(Debug)]
pub(super) struct Gone<T>(Vec<T>);

impl<T> Default for Gone<T> {
    fn default() -> Self {
        Gone(Vec::new())
    }
}

impl<T> Gone<T> {
    /// These are not needed any more.
    pub(super) fn take(&mut self, rows: Vec<T>) {
        match self.0.is_empty() {
            true => self.0 = rows,
            false => self.0.extend(rows),
        }
        self.0.truncate(MAX_WAITING);
    }

    /// Gives some back.
    pub(super) fn give_back(&mut self) {
        self.0.truncate(self.0.len().saturating_sub(AT_A_TIME));
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_few_at_a_time() {
        let row = Rc::new(());
        let waiting = || Rc::strong_count(&row) - 1;
        let mut gone = Gone::default();
        gone.give_back();
        gone.take(vec![row.clone(); 3_000]);
        gone.take(vec![row.clone(); 2_000]);
        assert_eq!(waiting(), 5_000);
        for left in [3_000, 1_000, 0, 0] {
            gone.give_back();
            assert_eq!(waiting(), left);
        }
        gone.take(vec![row.clone(); MAX_WAITING + 1]);
        assert_eq!(waiting(), MAX_WAITING);
    }
}
