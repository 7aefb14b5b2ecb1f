//! Deadlines: connecting, waiting, keep-alive.

use super::{Client, Link, Ping, State, Why};
use crate::Time;
use crate::packet::Packet;
use std::time::Duration;

/// How long the answer to a PINGREQ is waited for: as long as the keep-alive, but within these.
const PATIENCE_MIN: Duration = Duration::from_secs(2);
const PATIENCE_MAX: Duration = Duration::from_secs(30);

impl Client {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Time> {
        match &self.state {
            State::Idle | State::Stopped { .. } => None,
            State::Opening { .. } | State::Connecting { .. } => Some(self.link.connect_deadline),
            State::Waiting { until, .. } => Some(*until),
            State::Connected { .. } => match self.link.ping {
                Some(ping) => Some(self.link.silence_deadline(ping)),
                None => self.link.ping_due(),
            },
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match &self.state {
            State::Idle | State::Stopped { .. } => {}
            State::Opening { .. } => self.give_up(Why::ConnectTimeout { opened: false }),
            State::Connecting { .. } => self.give_up(Why::ConnectTimeout { opened: true }),
            State::Waiting { .. } => self.open(),
            State::Connected { .. } if self.link.ping.is_some() => self.give_up(Why::NoAnswer),
            State::Connected { .. } => {
                self.ping(self.link.keep_alive.clamp(PATIENCE_MIN, PATIENCE_MAX)); // [MQTT-3.1.2-20]
            }
        }
    }

    /// Asks whether the server is still there, for instance after the computer slept. If nothing comes within
    /// `patience`, the transport is given up.
    pub fn probe(&mut self, now: Time, patience: Duration) {
        self.now = now;
        if !self.state.is_connected() {
            return;
        }
        match &mut self.link.ping {
            None => self.ping(patience),
            Some(ping) => {
                (ping.from, ping.patience) = (now, patience.min(ping.patience));
            }
        }
    }

    pub(super) fn on_pingresp(&mut self) {
        if let Some(ping) = self.link.ping.take() {
            self.round_trip = Some(self.now - ping.sent);
        }
    }

    fn ping(&mut self, patience: Duration) {
        self.send(&Packet::PingReq);
        self.link.ping = Some(Ping { sent: self.now, from: self.now, patience });
    }
}

impl Link {
    /// The moment of the next PINGREQ: before nothing was sent for the keep-alive [MQTT-3.1.2-20], a tenth earlier as
    /// a margin; and when nothing was received for as long, so that a client that only sends notices an end, too.
    fn ping_due(&self) -> Option<Time> {
        if self.keep_alive.is_zero() {
            return None;
        }
        Some(self.last_sent.min(self.last_received) + self.keep_alive * 9 / 10)
    }

    /// When the silence has lasted too long. Anything that was received is a sign of life: the PINGRESP may be
    /// queued behind a large message.
    fn silence_deadline(&self, ping: Ping) -> Time {
        ping.from.max(self.last_received) + ping.patience
    }
}
