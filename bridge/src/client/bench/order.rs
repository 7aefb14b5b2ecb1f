//! What a subscriber makes of the numbers of the messages: which came twice, late, or not at all.

/// How many gaps are remembered for each publisher. What is missing in an older one and comes later still would be taken
/// for a duplicate.
const REMEMBERED_GAPS: usize = 4096;

/// What one more message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first copy, and no later one came before it.
    InOrder,
    /// The first copy, but a later message came before it.
    Late,
    /// Not the first copy.
    Duplicate,
}

/// The messages of one publisher as one subscriber sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    /// One more than the highest number so far.
    next: u64,
    /// What is missing below `next`: ranges without their end, in order.
    gaps: Vec<(u64, u64)>,
}

impl Sequence {
    /// Notes that the message with this number came.
    pub(super) fn note(&mut self, number: u64) -> Seen {
        if number < self.next {
            return self.note_late(number);
        }
        if number > self.next {
            if self.gaps.len() >= REMEMBERED_GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push((self.next, number));
        }
        self.next = number + 1;
        Seen::InOrder
    }

    fn note_late(&mut self, number: u64) -> Seen {
        let index = self.gaps.partition_point(|(_, end)| *end <= number);
        let Some(&(start, end)) = self.gaps.get(index).filter(|(start, _)| *start <= number) else {
            return Seen::Duplicate;
        };
        let rest = [(start, number), (number + 1, end)].into_iter().filter(|(start, end)| start < end);
        self.gaps.splice(index..=index, rest);
        Seen::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Seen::{Duplicate, InOrder, Late};

    #[test]
    fn every_number_is_judged() {
        let cases: [(&[u64], &[Seen]); 6] = [
            (&[0, 1, 2], &[InOrder, InOrder, InOrder]),
            (&[0, 0, 1, 0], &[InOrder, Duplicate, InOrder, Duplicate]),
            // Lost: nothing is wrong with what does come.
            (&[0, 5, 6], &[InOrder, InOrder, InOrder]),
            (
                &[0, 5, 3, 3, 1, 4, 2, 5, 6],
                &[InOrder, InOrder, Late, Duplicate, Late, Late, Late, Duplicate, InOrder],
            ),
            (&[3, 0, 2, 1, 2], &[InOrder, Late, Late, Late, Duplicate]),
            (&[2, 6, 4, 0, 4, 7], &[InOrder, InOrder, Late, Late, Duplicate, InOrder]),
        ];
        for (numbers, expected) in cases {
            let mut sequence = Sequence::default();
            let seen: Vec<Seen> = numbers.iter().map(|number| sequence.note(*number)).collect();
            assert_eq!(seen, expected, "{numbers:?}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut sequence = Sequence::default();
        for number in 0..100_000 {
            assert_eq!(sequence.note(number * 2 + 1), InOrder);
        }
        assert_eq!(sequence.gaps.len(), REMEMBERED_GAPS);
        assert_eq!(sequence.note(199_998), Late);
    }
}
