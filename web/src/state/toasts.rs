//! What is said for a moment, at the foot of the page, and may be taken back.

use super::Action;
use crate::i18n::{Lang, Phrase};

/// More than this hide the page.
const MAX_TOASTS: usize = 4;

/// How long something can be taken back, in milliseconds; nothing is said for longer.
const UNDO_MS: u64 = 15_000;

/// Words that are read at a glance, in English letters.
const SHORT_CHARS: usize = 40;

/// Something that is said for a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Its number, never used twice.
    pub id: u64,
    /// What is said.
    pub words: Phrase,
    /// What takes it back, if that is possible.
    pub undo: Option<Box<Action>>,
    /// Until when, in Unix milliseconds.
    until_ms: u64,
}

/// All of them, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toasts {
    rows: Vec<Toast>,
    next: u64,
}

impl Toasts {
    /// From the oldest to the newest.
    pub fn rows(&self) -> &[Toast] {
        &self.rows
    }

    /// Says something for a while that starts at `now_ms`. The same words again replace the first ones; the oldest
    /// makes room for the newest.
    pub(super) fn say(&mut self, words: Phrase, undo: Option<Action>, now_ms: u64) {
        // Long enough to be read, and to be regretted.
        let lasts_ms = match (&undo, words.values.is_empty()) {
            (Some(_), _) => UNDO_MS,
            (None, false) => 8_000,
            (None, true) if Lang::En.t(words.text).len() > SHORT_CHARS => 8_000,
            (None, true) => 2_000,
        };
        self.rows.retain(|toast| toast.words != words || toast.undo.is_some());
        if self.rows.len() >= MAX_TOASTS {
            self.rows.remove(0);
        }
        let undo = undo.map(Box::new);
        self.rows.push(Toast { id: self.next, words, undo, until_ms: now_ms.saturating_add(lasts_ms) });
        self.next += 1;
    }

    /// Takes one away; returns what undoes it.
    pub(super) fn take(&mut self, id: u64) -> Option<Action> {
        let at = self.rows.iter().position(|toast| toast.id == id)?;
        self.rows.remove(at).undo.map(|undo| *undo)
    }

    /// Time has passed.
    pub(super) fn expire(&mut self, now_ms: u64) {
        // A clock that is set back would keep them for as long.
        let lasts = |toast: &Toast| (1..=UNDO_MS).contains(&toast.until_ms.saturating_sub(now_ms));
        self.rows.retain(lasts);
    }
}

/// Something that is asked before it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What will be done.
    pub words: Phrase,
    /// More about it: a line each. Many are cut, and said to be, by whoever asks.
    pub lines: Vec<String>,
    /// What the button says that does it.
    pub yes: Phrase,
    /// What is done then.
    pub then: Box<Action>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Text;

    fn texts(toasts: &Toasts) -> Vec<Text> {
        toasts.rows().iter().map(|toast| toast.words.text).collect()
    }

    #[test]
    fn said_for_a_while() {
        let mut toasts = Toasts::default();
        toasts.say(Text::Copied.into(), None, 1000);
        toasts.say(Text::Copied.into(), None, 2000);
        assert_eq!(texts(&toasts), [Text::Copied], "the same words are said once");
        toasts.expire(3999);
        assert_eq!(toasts.rows().len(), 1);
        toasts.expire(4000);
        assert_eq!(toasts.rows(), []);
        toasts.say(Text::NotKept.into(), None, 0);
        toasts.expire(7_999);
        assert_eq!(texts(&toasts), [Text::NotKept], "a sentence takes longer to read");
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_for_hours() {
        let mut toasts = Toasts::default();
        toasts.say(Text::Clear.into(), Some(Action::Clear), 10_000_000);
        toasts.expire(10_000_000);
        assert_eq!(texts(&toasts), [Text::Clear]);
        toasts.expire(1_000);
        assert_eq!(toasts.rows(), []);
    }

    #[test]
    fn taken_back_once() {
        let mut toasts = Toasts::default();
        toasts.say(Text::Clear.into(), Some(Action::Clear), 0);
        toasts.say(Text::Clear.into(), Some(Action::RetryNow), 0);
        assert_eq!(toasts.take(0), Some(Action::Clear));
        assert_eq!(toasts.take(0), None);
        assert_eq!(toasts.take(1), Some(Action::RetryNow), "two of the same kind are two");
    }

    #[test]
    fn bounded() {
        let mut toasts = Toasts::default();
        for _ in 0..10 {
            toasts.say(Text::Clear.into(), Some(Action::Clear), 0);
        }
        assert_eq!(toasts.rows().iter().map(|toast| toast.id).collect::<Vec<_>>(), [6, 7, 8, 9]);
    }
}
