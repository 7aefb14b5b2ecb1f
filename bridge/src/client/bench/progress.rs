//! One line on standard error that is overwritten while a measurement goes on.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// The shortest time between two versions of the line.
const INTERVAL: Duration = Duration::from_millis(500);

/// The line. Without a terminal there is none: a log file is better off without.
#[derive(Debug)]
pub(super) struct Progress {
    enabled: bool,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Progress { enabled: !quiet && stderr().is_terminal(), last: None }
    }

    /// Shows what `text` gives, if the line is old enough.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.enabled && self.last.is_none_or(|last| last.elapsed() >= INTERVAL) {
            self.last = Some(Instant::now());
            // Whoever closed standard error does not want to see it.
            let _ = write!(stderr(), "\r\x1b[K{}", text());
        }
    }

    /// Removes the line, so that what follows has the place to itself.
    pub(super) fn clear(&mut self) {
        if self.enabled && self.last.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
