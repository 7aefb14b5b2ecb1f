//! What comes and goes: messages, what became of them, and the gaps between connections.

use super::history::{Direction, Entry, Message};
use super::topics::Arrival;
use super::{AppState, Effect};
use crate::format;
use crate::i18n::{Phrase, Text};
use std::rc::Rc;
use tabmq_shared::client::{self, Event, Outcome, PublishError, PublishId};
use tabmq_shared::packet::Publish;

impl AppState {
    /// What the client reports, in order; and what is to be done.
    pub fn hear(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            match event {
                Event::Message(publish) => {
                    self.receive(publish, self.clock.unix_ms);
                    if self.tape.recording.is_some() {
                        effects.extend(self.tape_message());
                    }
                }
                event => self.hear_rare(event),
            }
        }
        effects
    }

    /// What comes seldom, compared with messages.
    fn hear_rare(&mut self, event: Event) {
        match event {
            Event::Published { id, outcome } => self.published(id, outcome),
            Event::Subscribed { filter, result } => {
                self.publishing_mut().requests.subscribed(filter.as_str(), result);
                self.subscriptions.answered(&filter, result);
            }
            Event::Connected { session_present, .. } => self.connected(session_present),
            Event::Dropped { count, why } => self.given_up(count, &why),
            // Messages are heard elsewhere; the rest is in the state that comes with it.
            Event::Message(_)
            | Event::StateChanged
            | Event::Unsubscribed { .. }
            | Event::ServerDisconnect { .. }
            | Event::ProtocolError { .. } => {}
        }
    }

    /// A message has come. This is done for each of them, by the hundred thousand a second: what many messages share is not
    /// made for each, and what only those need that are looked at is left to who shows them.
    pub(super) fn receive(&mut self, publish: Publish, at_ms: u64) {
        self.counters.received += 1;
        if self.publishing.requests.wants(&publish) {
            let now_ms = self.clock.unix_ms;
            self.publishing_mut().received(&publish, now_ms);
        }
        let Publish { dup, qos, retain, topic, properties, payload, .. } = publish;
        let seq = self.history.next_seq();
        let arrival = Arrival { seq, at_ms, payload: &payload, qos, retain };
        let subscriptions = &self.subscriptions;
        let by_id = subscriptions.colours_by_id(properties.as_deref());
        let reckon = || subscriptions.colours(&topic);
        let (topic, colours) = match self.topics.record(&topic, arrival) {
            Some(node) => {
                let shared = node.topic.clone().unwrap_or_else(|| Rc::from(&*topic));
                (shared, by_id.unwrap_or_else(|| node.colours(subscriptions.revision, reckon)))
            }
            None => (Rc::from(&*topic), by_id.unwrap_or_else(reckon)),
        };
        let message = Message {
            seq,
            at_ms,
            topic,
            payload: self.payloads.keep(payload),
            qos,
            retain,
            dup,
            properties: properties.map(|properties| Rc::new(*properties)),
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
