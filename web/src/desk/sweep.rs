//! A long list, fetched page by page, over and over.

use super::ask::Poll;

/// Where the walk through a list is.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep {
    /// Its number: answers of an earlier one are too late.
    pub(super) number: u32,
    /// Where the next page begins; empty: at the first.
    pub(super) after: String,
    /// Pages of this walk so far.
    pages: u64,
    /// Whether a walk has come to its end: from then on there is no hurry.
    pub(super) complete: bool,
    pub(super) poll: Poll,
}

/// The first walk takes no rest between pages; later ones take this, in milliseconds.
const REST_MS: u64 = 400;

/// A short list is walked through this often, in milliseconds.
const EVERY_MS: u64 = 2_000;

/// After trouble, it is tried again in so many milliseconds.
const PATIENCE_MS: u64 = 3_000;

impl Sweep {
    /// A page has come: true if it was the last one.
    pub(super) fn turned(&mut self, next: Option<&str>, now_ms: u64) -> bool {
        self.pages += 1;
        match next {
            Some(next) => {
                self.after = next.to_owned();
                self.poll.again_in(now_ms, if self.complete { REST_MS } else { 0 });
                false
            }
            None => {
                // A list of a hundred pages is not fetched without end.
                let every_ms = EVERY_MS.saturating_mul(self.pages);
                self.begin();
                self.complete = true;
                self.poll.again_in(now_ms, every_ms);
                true
            }
        }
    }

    /// Whether the rows are to be arranged after this page, of which there were `arranged` and are `there` now. The first time,
    /// nobody has to wait for the last page to see the first one; but to arrange all of a long list again for every page
    /// would take longer than to fetch it.
    pub(super) fn shows(&self, is_last: bool, arranged: usize, there: usize) -> bool {
        is_last || !self.complete && there >= arranged.saturating_mul(2)
    }

    /// There is no page.
    pub(super) fn failed(&mut self, now_ms: u64) {
        self.poll.again_in(now_ms, PATIENCE_MS);
    }

    /// From the beginning, at once.
    pub(super) fn begin(&mut self) {
        self.number = self.number.wrapping_add(1);
        self.after.clear();
        self.pages = 0;
        self.poll.at_once();
    }

    /// From the beginning, in a hurry: something else is looked for.
    pub(super) fn begin_anew(&mut self) {
        self.begin();
        self.complete = false;
    }
}
