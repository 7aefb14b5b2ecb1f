//! Clearing retained messages: counted, asked about, and taken back if need be.
//!
//! A client cannot ask which messages a broker keeps. What is known here is what has come with the RETAIN flag: on
//! subscribing, and later through subscriptions that keep the flag as it was published.

use super::toasts::Question;
use super::topics::{Arrival, LastValue};
use super::{Action, AppState, Effect};
use crate::format;
use crate::i18n::{Phrase, Text};
use crate::payload::visible_line;
use bytes::Bytes;
use std::rc::Rc;
use tabmq_shared::client::Message;
use tabmq_shared::packet::{PublishProperties, QoS};
use tabmq_shared::topic::TopicName;

/// So many topics are named when it is asked about.
const NAMED: usize = 100;

impl AppState {
    pub(super) fn ask_clear_retained(&mut self, path: &str) -> Vec<Effect> {
        let found = self.retained_at(path);
        let n = format::thousands(found.len() as u64);
        if found.is_empty() {
            self.say(Phrase::from(Text::NothingRetained).with("topic", visible_line(path)));
            return Vec::new();
        }
        let lost = found.iter().filter(|(topic, value)| self.whole(topic, value).is_none()).count();
        let mut lines: Vec<_> = found.iter().take(NAMED).map(|(topic, _)| visible_line(topic)).collect();
        if found.len() > NAMED {
            lines.push(format!("\u{2026} + {}", format::thousands((found.len() - NAMED) as u64)));
        }
        let words = match lost {
            0 => Phrase::from(Text::AskClearRetained),
            lost => Phrase::from(Text::AskClearRetainedLong).with("lost", format::thousands(lost as u64)),
        };
        self.ui.question = Some(Question {
            words: words.with("n", n.clone()).with("topic", visible_line(path)),
            lines,
            yes: Phrase::from(Text::ClearRetainedCount).with("n", n),
            then: Box::new(Action::ClearRetained(path.to_owned())),
        });
        Vec::new()
    }

    pub(super) fn clear_retained(&mut self, path: &str) -> Vec<Effect> {
        let found = self.retained_at(path);
        let (mut effects, mut undo) = (Vec::new(), Vec::new());
        for (topic, value) in found {
            let Ok(name) = TopicName::new(topic.to_string()) else { continue };
            undo.extend(self.whole(&topic, &value));
            // An empty retained message ends the one before [MQTT-3.3.1-6]; at QoS 1 the broker says whether it did.
            effects.push(Effect::Publish(Message::new(name, Bytes::new(), QoS::AtLeastOnce, true)));
            self.topics.set_retained(&topic, None);
        }
        let words = Phrase::from(Text::ClearedRetained).with("n", format::thousands(effects.len() as u64));
        self.say_with_undo(words, Action::RestoreRetained(Box::new(undo)));
        effects
    }

    pub(super) fn restore_retained(&mut self, messages: Vec<Message>) -> Vec<Effect> {
        let words = Phrase::from(Text::RestoredRetained);
        self.say(words.with("n", format::thousands(messages.len() as u64)));
        for Message { topic, payload, qos, .. } in &messages {
            let at_ms = self.clock.unix_ms;
            let seq = self.history.next_seq();
            let value = LastValue::new(Arrival { seq, at_ms, payload, qos: *qos, retain: true });
            self.topics.set_retained(topic.as_str(), Some(value));
        }
        messages.into_iter().map(Effect::Publish).collect()
    }

    /// How many retained messages are known at this path and below.
    pub fn retained_count(&self, path: &str) -> usize {
        self.retained_at(path).len()
    }

    fn retained_at(&self, path: &str) -> Vec<(Rc<str>, LastValue)> {
        let found = self.topics.find_path(path).map(|id| self.topics.retained_below(id)).unwrap_or_default();
        // Topics that begin with `$` are the broker's to publish to.
        found.into_iter().filter(|(topic, _)| !topic.starts_with('$')).collect()
    }

    /// What the broker keeps, to be published again, if all of it is still here.
    fn whole(&self, topic: &str, value: &LastValue) -> Option<Message> {
        let kept = self.history.message(value.seq).filter(|message| *message.topic == *topic);
        let payload = match kept {
            Some(message) => message.payload.clone(),
            None if value.head.len() == value.len => Bytes::copy_from_slice(&value.head),
            None => return None,
        };
        let mut message = Message::new(TopicName::new(topic.to_owned()).ok()?, payload, value.qos, true);
        message.properties = kept.and_then(|kept| kept.properties.as_deref()).map(|properties| {
            // Those say what the broker delivered it for; a client must not send them [MQTT-3.3.4-6].
            Box::new(PublishProperties { subscription_ids: Vec::new(), ..properties.clone() })
        });
        Some(message)
    }
}
