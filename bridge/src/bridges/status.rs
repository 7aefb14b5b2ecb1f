//! How a bridge is, for the API, `$SYS` and the console.

use std::time::Instant;
use tabmq_shared::api::{self, BridgeState};
use tabmq_shared::packet::Version;

/// Why a message did not pass, though a rule says that it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The other broker said no.
    Refused,
    /// It is larger than the other broker takes.
    TooLarge,
    /// Its time was over before it could be sent.
    Expired,
    /// QoS 0, and more waited than the bridge holds.
    QueueFull,
    /// The other broker does not take its QoS or its retain flag, or its properties have no form there.
    Impossible,
    /// Its topic on the other side would be none, or the broker's own.
    NoSuchTopic,
}

/// How a bridge is.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) state: BridgeState,
    pub(super) since: Instant,
    pub(super) why: Option<String>,
    pub(super) version: Version,
    /// Messages that the other broker has got.
    pub(super) sent: u64,
    /// Messages that came from there.
    pub(super) received: u64,
    /// Messages that came back, and were let go.
    pub(super) echoes: u64,
    pub(super) lost: api::BridgeLosses,
}

impl Status {
    pub(super) fn new(version: Version) -> Status {
        Status {
            state: BridgeState::Connecting,
            since: Instant::now(),
            why: None,
            version,
            sent: 0,
            received: 0,
            echoes: 0,
            lost: api::BridgeLosses::default(),
        }
    }

    /// Whether this is a change.
    pub(super) fn set_state(&mut self, state: BridgeState, why: Option<String>) -> bool {
        let changed = self.state != state;
        if changed {
            self.since = Instant::now();
        }
        (self.state, self.why) = (state, why);
        changed
    }

    pub(super) fn count(&mut self, loss: Loss) {
        let lost = &mut self.lost;
        *match loss {
            Loss::Refused => &mut lost.refused,
            Loss::TooLarge => &mut lost.too_large,
            Loss::Expired => &mut lost.expired,
            Loss::QueueFull => &mut lost.queue_full,
            Loss::Impossible => &mut lost.impossible,
            Loss::NoSuchTopic => &mut lost.no_such_topic,
        } += 1;
    }

    pub(super) fn describe(&self, name: &str, address: &str) -> api::Bridge {
        api::Bridge {
            name: name.to_owned(),
            address: address.to_owned(),
            state: self.state,
            since_s: self.since.elapsed().as_secs(),
            why: self.why.clone(),
            protocol_version: self.version.to_string(),
            sent: self.sent,
            received: self.received,
            echoes: self.echoes,
            lost: self.lost,
        }
    }
}
