//! What is due when.

use super::router::SessionKey;
use std::collections::BTreeSet;
use tabmq_shared::Time;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The client must have sent something by now.
    KeepAlive(SessionKey),
    /// The session of an absent client ends.
    SessionExpiry(SessionKey),
    /// The will of an absent client is published.
    Will(SessionKey),
    /// A client's credentials are no longer good.
    Authorisation(SessionKey),
    /// The `$SYS` topics are brought up to date.
    Sys,
    /// Expired retained messages are swept out.
    RetainedSweep,
}

/// Deadlines in order. Each is removed by the value with which it was set, so that reconnecting clients leave nothing
/// behind; whoever sets one remembers its time.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Time, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, at: Time, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The earliest timer, if it is due; it is removed.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let first = *self.0.first()?;
        if first.0 > now {
            return None;
        }
        self.0.remove(&first);
        Some(first.1)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
