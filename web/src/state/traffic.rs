//! What comes and goes: messages, what became of them, and the gaps between connections.

use super::AppState;
use super::history::{Direction, Entry, Message};
use super::topics::{LAST_VALUE_BYTES, LastValue};
use crate::format;
use crate::i18n::{Phrase, Text};
use bytes::Bytes;
use std::rc::Rc;
use tabmq_shared::client::{self, Outcome, PublishError, PublishId};
use tabmq_shared::packet::Publish;

/// A payload up to this size is copied out of the read buffer: otherwise a topic with ten bytes would keep the
/// buffer's sixty-four thousand.
const COPY_BELOW_BYTES: usize = 16 * 1024;

impl AppState {
    pub(super) fn receive(&mut self, publish: Publish, at_ms: u64) {
        self.counters.received += 1;
        if self.publishing.requests.wants(&publish) {
            let now_ms = self.clock.unix_ms;
            self.publishing_mut().received(&publish, now_ms);
        }
        let payload = match publish.payload.len() {
            0..COPY_BELOW_BYTES => Bytes::copy_from_slice(&publish.payload),
            _ => publish.payload,
        };
        let seq = self.history.next_seq();
        let (qos, retain) = (publish.qos, publish.retain);
        let value = LastValue { seq, at_ms, head: head(&payload), len: payload.len(), qos, retain };
        let topic = self.topics.record(&publish.topic, value);
        let subscriptions = &self.subscriptions;
        let colours = subscriptions.colours_by_id(publish.properties.as_deref()).unwrap_or_else(|| {
            self.topics.colours(&topic, subscriptions.revision, || subscriptions.colours(&topic))
        });
        let message = Message {
            seq,
            at_ms,
            topic,
            payload,
            qos,
            retain,
            dup: publish.dup,
            properties: publish.properties.map(|properties| Rc::new(*properties)),
            direction: Direction::Received,
            colours,
        };
        self.births.keep(&message.topic, &message.payload);
        self.charts.record(&message, &self.births);
        self.history.push(Entry::Message(message));
    }

    /// This was published from here: it is listed like what comes.
    pub(super) fn sent(&mut self, message: client::Message, result: Result<PublishId, PublishError>) {
        let seq = self.history.next_seq();
        let outcome = match result {
            Ok(id) => {
                self.sending.insert(id, seq);
                None
            }
            Err(error) => Some(Rc::new(Outcome::Failed(error))),
        };
        self.history.push(Entry::Message(Message {
            seq,
            at_ms: self.clock.unix_ms,
            topic: message.topic.as_str().into(),
            payload: message.payload,
            qos: message.qos,
            retain: message.retain,
            properties: message.properties.map(|properties| Rc::new(*properties)),
            direction: Direction::Sent(outcome),
            ..Message::default()
        }));
    }

    /// What became of a message that was published from here.
    pub(super) fn published(&mut self, id: PublishId, outcome: Outcome) {
        match self.sending.remove(&id) {
            Some(seq) => self.history.set_direction(seq, Direction::Sent(Some(Rc::new(outcome.clone())))),
            None => self.say_refusal(&outcome),
        }
        self.tape_outcome(id, &outcome);
        self.publishing_mut().outcome(id, outcome);
    }

    /// Of a message that nobody watches, only the failure is worth a word.
    fn say_refusal(&mut self, outcome: &Outcome) {
        let why = match outcome {
            Outcome::Acknowledged(reason) if reason.is_error() => reason.to_string(),
            Outcome::Failed(error) => error.to_string(),
            _ => return,
        };
        self.say(Phrase::from(Text::GivenUpOne).with("why", why));
    }

    pub(super) fn given_up(&mut self, count: u64, why: &PublishError) {
        let words = Phrase::from(Text::GivenUp).with("n", format::thousands(count));
        self.say(words.with("why", why.to_string()));
    }

    pub(super) fn connected(&mut self, session_present: bool) {
        if !session_present {
            self.subscriptions.forget_answers();
        }
        if let Some(from_ms) = self.connection.lost_at_ms.take() {
            let to_ms = self.clock.unix_ms;
            self.history.push(Entry::Gap { from_ms, to_ms, resumed: session_present });
        }
    }

    /// Another client takes over, with ids of its own for what it publishes: what becomes of what the last one had on
    /// its way, nobody will hear.
    pub(super) fn forget_sending(&mut self) {
        for (_, seq) in self.sending.drain() {
            self.history.set_direction(seq, Direction::Abandoned);
        }
    }
}

/// The part of a payload that the tree keeps.
pub(super) fn head(payload: &Bytes) -> Bytes {
    match payload.len() {
        0..=LAST_VALUE_BYTES => payload.clone(),
        _ => Bytes::copy_from_slice(payload.get(..LAST_VALUE_BYTES).unwrap_or_default()),
    }
}
