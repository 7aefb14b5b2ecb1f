//! Who has sent a message, and who gets it: for the detail pane.
//!
//! MQTT does not tell. The broker does: who is subscribed is asked for; who sends is heard from the moment on at which
//! a topic is looked at, so the senders of older messages are not known.

use super::ask::{Ask, Poll, Reply, Trouble, What, read, with_query};
use super::stream::{Heard, Listening, Purpose};
use std::collections::VecDeque;
use std::rc::Rc;
use tabmq_shared::api::events::{EVENTS_PATH, Happening, Publication};
use tabmq_shared::api::receivers::{ReceiverPage, SUBSCRIPTIONS_PATH};

const EVERY_MS: u64 = 5_000;

/// So many receivers are asked for; it is said how many there are.
const RECEIVERS: &str = "100";

/// So many publications are remembered.
const MAX_HEARD: usize = 1_000;

/// So long after its publication a message may come here, in milliseconds.
const TOGETHER_MS: u64 = 2_000;

/// A publication, and when it was, in Unix milliseconds of this machine.
#[derive(Debug)]
struct Told {
    what: Publication,
    at_ms: u64,
}

/// What is known of the topic that is looked at.
#[derive(Debug, Default)]
pub struct Talk {
    topic: String,
    receivers: Option<Rc<ReceiverPage>>,
    told: VecDeque<Told>,
    /// This clock's time less the broker's, in milliseconds: the least that was seen, which has the least delay in it.
    skew_ms: Option<i64>,
    poll: Poll,
    /// Why it is not known.
    pub trouble: Option<Trouble>,
}

impl Talk {
    /// Who gets what is published on this topic, as far as it is known.
    pub fn receivers(&self, topic: &str) -> Option<&ReceiverPage> {
        self.receivers.as_deref().filter(|_| self.topic == topic)
    }

    /// The publication that a message of this topic, time and length comes from.
    pub fn publication(&self, topic: &str, at_ms: u64, len: usize) -> Option<&Publication> {
        let together =
            |told: &&Told| told.what.payload_bytes == len && told.at_ms.abs_diff(at_ms) <= TOGETHER_MS;
        let told = self.told.iter().filter(together).filter(|_| self.topic == topic);
        told.min_by_key(|told| told.at_ms.abs_diff(at_ms)).map(|told| &told.what)
    }

    pub(super) fn wanted(&mut self, topic: Option<&str>, now_ms: u64) -> Option<Ask> {
        let topic = topic?;
        if self.topic != topic {
            *self = Talk { topic: topic.to_owned(), ..Talk::default() };
        }
        self.poll.is_due(now_ms).then(|| {
            self.poll.asked();
            let query = [("topic", topic), ("limit", RECEIVERS)];
            Ask::get(What::Receivers(topic.to_owned()), SUBSCRIPTIONS_PATH, &query)
        })
    }

    pub(super) fn listening(&self, topic: Option<&str>) -> Option<Listening> {
        // The broker's own figures have no sender.
        let topic = topic.filter(|topic| !topic.starts_with('$'))?;
        let query = [("kinds", "published,unconsumed"), ("topic", topic)];
        Some(Listening::new(Purpose::Talk(topic.to_owned()), with_query(EVENTS_PATH, &query)))
    }

    pub(super) fn forget_questions(&mut self) {
        self.poll.at_once();
    }

    pub(super) fn answered(&mut self, topic: &str, reply: &Result<Reply, Trouble>, now_ms: u64) {
        if self.topic != topic {
            return;
        }
        self.poll.again_in(now_ms, EVERY_MS);
        match read(reply) {
            Ok(page) => (self.receivers, self.trouble) = (Some(Rc::new(page)), None),
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    pub(super) fn heard(&mut self, topic: &str, heard: Heard, now_ms: u64) {
        if self.topic != topic {
            return;
        }
        for event in heard.events {
            if let Happening::Published(what) | Happening::Unconsumed(what) = event.what {
                if self.told.len() >= MAX_HEARD {
                    self.told.pop_front();
                }
                let skew_ms = now_ms.wrapping_sub(event.time_ms).cast_signed();
                let skew_ms = self.skew_ms.map_or(skew_ms, |least| least.min(skew_ms));
                self.skew_ms = Some(skew_ms);
                self.told.push_back(Told { what, at_ms: event.time_ms.saturating_add_signed(skew_ms) });
            }
        }
    }
}
