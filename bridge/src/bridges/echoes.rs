//! What comes back of what was sent, from brokers that cannot be told not to (before 5.0 there is no no-local) or do not
//! care.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tabmq_shared::Time;

/// How long an echo is waited for. A message of somebody else that has the same topic and the same payload is taken for
/// one in that time, if the echo was lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many are remembered; beyond it the oldest are forgotten, and their echoes pass.
const REMEMBERED: usize = 100_000;

/// Messages that were sent and will come back, each once.
#[derive(Default)]
pub(super) struct Echoes {
    hasher: RandomState,
    /// For each message when it was sent, the oldest first.
    expected: HashMap<u64, VecDeque<Time>>,
    /// All of them in the order of sending, with those that have come back meanwhile.
    order: VecDeque<(Time, u64)>,
}

impl Echoes {
    /// A message leaves that will come back.
    pub(super) fn expect(&mut self, topic: &str, payload: &[u8], now: Time) {
        self.forget(now);
        let mark = self.hasher.hash_one((topic, payload));
        self.expected.entry(mark).or_default().push_back(now);
        self.order.push_back((now, mark));
    }

    /// Whether a message that comes is one of those. It is then expected no more.
    pub(super) fn is_one(&mut self, topic: &str, payload: &[u8], now: Time) -> bool {
        self.forget(now);
        self.take(self.hasher.hash_one((topic, payload)), now)
    }

    fn forget(&mut self, now: Time) {
        while let Some((sent, mark)) = self.order.front().copied() {
            if now.since(sent) < PATIENCE && self.order.len() < REMEMBERED {
                return;
            }
            self.order.pop_front();
            self.take(mark, sent);
        }
    }

    /// Takes the oldest with this mark out, if it was sent by then.
    fn take(&mut self, mark: u64, by: Time) -> bool {
        let Some(times) = self.expected.get_mut(&mark) else { return false };
        let taken = times.pop_front_if(|sent| *sent <= by).is_some();
        if times.is_empty() {
            self.expected.remove(&mark);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn each_echo_is_found_once() {
        let mut echoes = Echoes::default();
        echoes.expect("a", b"1", at(0));
        echoes.expect("a", b"1", at(0));
        assert!(!echoes.is_one("a", b"2", at(1)) && !echoes.is_one("b", b"1", at(1)));
        assert!(echoes.is_one("a", b"1", at(1)) && echoes.is_one("a", b"1", at(1)));
        assert!(!echoes.is_one("a", b"1", at(1)), "the third is somebody else's");
    }

    #[test]
    fn an_echo_that_does_not_come_is_forgotten() {
        let mut echoes = Echoes::default();
        echoes.expect("a", b"1", at(0));
        echoes.expect("a", b"1", at(50));
        assert!(echoes.is_one("a", b"1", at(70)), "the later one");
        assert!(!echoes.is_one("a", b"1", at(70)));
        echoes.expect("a", b"1", at(100));
        assert!(!echoes.is_one("a", b"1", at(161)));
        assert!(echoes.expected.is_empty() && echoes.order.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut echoes = Echoes::default();
        for n in 0..REMEMBERED as u32 + 1000 {
            echoes.expect("a", &n.to_be_bytes(), at(0));
        }
        assert!(echoes.order.len() <= REMEMBERED && echoes.expected.len() <= REMEMBERED);
    }
}
