//! The publish form and what became of what was sent.

use bytes::Bytes;
use tabmq_shared::client::{Message, Outcome, PublishError, PublishId};
use tabmq_shared::packet::{QoS, ReasonCode};
use tabmq_shared::topic::{TopicError, TopicName};

/// What the form says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The topic as typed.
    pub topic: String,
    /// The payload as typed.
    pub payload: String,
    /// The QoS to send with.
    pub qos: QoS,
    /// Whether the broker is to keep it.
    pub retain: bool,
}

/// The last message that was sent from the form.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Which of the form's messages it was, from 1.
    pub number: u64,
    /// Where it went.
    pub topic: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// What is known of it.
    pub progress: Progress,
}

/// What is known of a message that was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// On its way, or waiting for the connection.
    Sending(Option<PublishId>),
    /// QoS 0: handed to the network; nobody knows more.
    Sent,
    /// QoS 1 and 2: the broker's word.
    Acknowledged(ReasonCode),
    /// It was never sent.
    Failed(PublishError),
    /// It could not be sent: the topic is not a topic name.
    BadTopic(TopicError),
}

/// Form and outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Publishing {
    /// The form.
    pub draft: Draft,
    /// The last message of the form.
    pub sent: Option<Sent>,
    count: u64,
}

impl Publishing {
    /// A form that can be sent as it is.
    pub fn ready(client_id: &str) -> Self {
        let draft =
            Draft { topic: "hello".into(), payload: format!("Hello from {client_id}"), ..Draft::default() };
        Publishing { draft, ..Publishing::default() }
    }

    /// Takes the form's message to be sent; `None` if its topic is not a topic name, which is then said.
    pub fn send(&mut self, at_ms: u64) -> Option<Message> {
        self.count += 1;
        let Draft { topic, payload, qos, retain } = &self.draft;
        let name = TopicName::new(topic.clone());
        let (progress, message) = match name {
            Ok(name) => {
                let payload = Bytes::copy_from_slice(payload.as_bytes());
                (Progress::Sending(None), Some(Message::new(name, payload, *qos, *retain)))
            }
            Err(error) => (Progress::BadTopic(error), None),
        };
        self.sent = Some(Sent { number: self.count, topic: topic.clone(), at_ms, progress });
        message
    }

    /// The client has taken the message, or refused it.
    pub fn accepted(&mut self, result: Result<PublishId, PublishError>) {
        if let Some(sent) = &mut self.sent {
            sent.progress = match result {
                Ok(id) => Progress::Sending(Some(id)),
                Err(error) => Progress::Failed(error),
            };
        }
    }

    /// What became of a message; those that are not the form's last one are of no interest here.
    pub fn outcome(&mut self, id: PublishId, outcome: Outcome) {
        let Some(sent) = &mut self.sent else { return };
        if sent.progress == Progress::Sending(Some(id)) {
            sent.progress = match outcome {
                Outcome::Sent => Progress::Sent,
                Outcome::Acknowledged(reason) => Progress::Acknowledged(reason),
                Outcome::Failed(error) => Progress::Failed(error),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_last_message_only() {
        let mut publishing = Publishing::ready("tab-1");
        assert_eq!(publishing.send(5).unwrap().payload, "Hello from tab-1");
        publishing.accepted(Ok(PublishId(1)));
        publishing.send(6);
        publishing.accepted(Ok(PublishId(2)));
        publishing.outcome(PublishId(1), Outcome::Sent);
        assert_eq!(publishing.sent.as_ref().unwrap().progress, Progress::Sending(Some(PublishId(2))));
        publishing.outcome(PublishId(2), Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers));
        let sent = publishing.sent.unwrap();
        assert_eq!(sent.progress, Progress::Acknowledged(ReasonCode::NoMatchingSubscribers));
        assert_eq!((sent.number, sent.at_ms), (2, 6));
    }

    #[test]
    fn a_bad_topic_is_not_sent() {
        let mut publishing = Publishing::default();
        publishing.draft.topic = "a/#".into();
        assert_eq!(publishing.send(0), None);
        assert_eq!(publishing.sent.unwrap().progress, Progress::BadTopic(TopicError::WildcardInName));
    }
}
