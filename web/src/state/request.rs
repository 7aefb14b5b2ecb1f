//! Requests and their answers (MQTT 5.0, section 4.10): a message with a response topic and correlation data, and the
//! message that comes back.

use bytes::Bytes;
use std::collections::VecDeque;
use tabmq_shared::client::{Outcome, PublishError, PublishId};
use tabmq_shared::packet::{Publish, ReasonCode};

/// So many are remembered.
const MAX_REQUESTS: usize = 50;

/// An answer is kept up to this size beside its request; all of it is in the message list.
const ANSWER_BYTES: usize = 4096;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which of the form's messages it was.
    pub number: u64,
    /// Where it went.
    pub topic: String,
    /// Where the answer is to come.
    pub response_topic: String,
    /// What the answer has to repeat.
    pub correlation: Bytes,
    /// When it was sent, in Unix milliseconds.
    pub at_ms: u64,
    /// How long the answer is waited for.
    pub within_ms: u64,
    /// Whether the broker said that nobody is subscribed to the request's topic.
    pub unheard: bool,
    /// What came back.
    pub answer: Answer,
    id: Option<PublishId>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing so far.
    Waiting,
    /// Nothing in time. It may still come.
    TimedOut,
    /// An answer.
    Came {
        /// Milliseconds after the request.
        after_ms: u64,
        /// Its payload, or the beginning of it.
        payload: Bytes,
        /// The length of all of it, in bytes.
        len: usize,
        /// Whether it repeats the correlation data; one that has none may be the answer to something else.
        certain: bool,
        /// How many more came.
        more: u64,
    },
    /// The request was not sent.
    NotSent(PublishError),
    /// The broker has refused the request.
    Refused(ReasonCode),
    /// The broker has refused the subscription to the response topic.
    Unsubscribed(ReasonCode),
}

/// The requests of this page, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests(VecDeque<Request>);

impl Requests {
    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.0.iter().rev()
    }

    /// Remembers a request that is about to be sent.
    pub(super) fn add(
        &mut self,
        number: u64,
        topic: String,
        answer_to: (String, Bytes),
        at_ms: u64,
        within_ms: u64,
    ) {
        let (response_topic, correlation) = answer_to;
        if self.0.len() >= MAX_REQUESTS {
            self.0.pop_front();
        }
        let (unheard, answer, id) = (false, Answer::Waiting, None);
        self.0.push_back(Request {
            number,
            topic,
            response_topic,
            correlation,
            at_ms,
            within_ms,
            unheard,
            answer,
            id,
        });
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The client has taken the request with this number, or refused it.
    pub(super) fn accepted(&mut self, number: u64, result: &Result<PublishId, PublishError>) {
        let Some(request) = self.0.iter_mut().rev().find(|request| request.number == number) else { return };
        match result {
            Ok(id) => request.id = Some(*id),
            Err(error) => request.answer = Answer::NotSent(error.clone()),
        }
    }

    /// What became of a message that may be a request.
    pub(super) fn outcome(&mut self, id: PublishId, outcome: &Outcome) {
        let Some(request) = self.0.iter_mut().rev().find(|request| request.id == Some(id)) else { return };
        match outcome {
            Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers) => request.unheard = true,
            Outcome::Acknowledged(reason) if reason.is_error() => request.answer = Answer::Refused(*reason),
            Outcome::Failed(error) => request.answer = Answer::NotSent(error.clone()),
            Outcome::Sent | Outcome::Acknowledged(_) => {}
        }
    }

    /// The broker's word on the subscription to a response topic.
    pub(super) fn subscribed(&mut self, filter: &str, result: ReasonCode) {
        if result.is_error() {
            for request in self.0.iter_mut().filter(|request| request.response_topic == filter) {
                if request.answer == Answer::Waiting {
                    request.answer = Answer::Unsubscribed(result);
                }
            }
        }
    }

    /// Whether a message may be an answer: a cheap look, since messages come by the ten thousand.
    pub(super) fn wants(&self, publish: &Publish) -> bool {
        self.0.iter().any(|request| *request.response_topic == *publish.topic)
    }

    /// A message has come: perhaps it is an answer.
    pub(super) fn message(&mut self, publish: &Publish, now_ms: u64) {
        let correlation = publish.properties.as_deref().and_then(|p| p.correlation_data.as_ref());
        let on_topic = |request: &&mut Request| *request.response_topic == *publish.topic;
        let request = match correlation {
            Some(data) => {
                self.0.iter_mut().rev().filter(on_topic).find(|request| request.correlation == data)
            }
            // Before 5.0 there is no correlation data, and a responder may forget it: the oldest that waits.
            None => self.0.iter_mut().filter(on_topic).find(|request| request.is_open()),
        };
        let Some(request) = request else { return };
        if let Answer::Came { more, .. } = &mut request.answer {
            *more += 1;
            return;
        }
        let head = publish.payload.get(..ANSWER_BYTES).unwrap_or(&publish.payload);
        request.answer = Answer::Came {
            after_ms: now_ms.saturating_sub(request.at_ms),
            payload: Bytes::copy_from_slice(head),
            len: publish.payload.len(),
            certain: correlation.is_some(),
            more: 0,
        };
    }

    /// Gives up those whose time is over.
    pub(super) fn expire(&mut self, now_ms: u64) {
        for request in self.0.iter_mut().filter(|request| request.answer == Answer::Waiting) {
            if request.at_ms.saturating_add(request.within_ms) <= now_ms {
                request.answer = Answer::TimedOut;
            }
        }
    }

    /// When [`expire`](Self::expire) has something to do, in Unix milliseconds.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let waiting = self.0.iter().filter(|request| request.answer == Answer::Waiting);
        waiting.map(|request| request.at_ms.saturating_add(request.within_ms)).min()
    }
}

impl Request {
    /// Whether an answer would still be news.
    const fn is_open(&self) -> bool {
        matches!(self.answer, Answer::Waiting | Answer::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::packet::{PublishProperties, QoS};

    fn publish(topic: &str, payload: &'static str, correlation: Option<&'static [u8]>) -> Publish {
        let properties = correlation.map(|data| {
            let correlation_data = Some(Bytes::from_static(data));
            Box::new(PublishProperties { correlation_data, ..PublishProperties::default() })
        });
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: topic.into(),
            packet_id: None,
            topic_alias: None,
            properties,
            payload: payload.into(),
        }
    }

    fn two() -> Requests {
        let mut requests = Requests::default();
        for number in [1, 2] {
            let correlation = Bytes::from(vec![u8::try_from(number).unwrap()]);
            requests.add(number, "ask".into(), ("reply".into(), correlation), 100 * number, 1000);
            requests.accepted(number, &Ok(PublishId(number)));
        }
        requests
    }

    fn answers(requests: &Requests) -> Vec<&Answer> {
        requests.iter().map(|request| &request.answer).collect()
    }

    #[test]
    fn answers_find_their_requests() {
        let mut requests = two();
        requests.message(&publish("elsewhere", "x", Some(b"\x01")), 150);
        requests.message(&publish("reply", "stranger", Some(b"\x09")), 150);
        assert_eq!(answers(&requests), [&Answer::Waiting, &Answer::Waiting]);
        requests.message(&publish("reply", "one", Some(b"\x01")), 350);
        requests.message(&publish("reply", "one again", Some(b"\x01")), 360);
        let came = |after_ms, payload: &'static str, certain, more| Answer::Came {
            after_ms,
            payload: payload.into(),
            len: payload.len(),
            certain,
            more,
        };
        assert_eq!(answers(&requests), [&Answer::Waiting, &came(250, "one", true, 1)]);
        requests.message(&publish("reply", "no data", None), 400);
        assert_eq!(answers(&requests), [&came(200, "no data", false, 0), &came(250, "one", true, 1)]);
    }

    #[test]
    fn time_is_over_and_a_late_answer_still_counts() {
        let mut requests = two();
        assert_eq!(requests.due_ms(), Some(1100));
        requests.outcome(PublishId(1), &Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers));
        requests.expire(1100);
        assert_eq!(answers(&requests), [&Answer::Waiting, &Answer::TimedOut]);
        assert!(requests.iter().last().unwrap().unheard);
        assert_eq!(requests.due_ms(), Some(1200));
        requests.message(&publish("reply", "late", Some(b"\x01")), 5000);
        assert!(matches!(answers(&requests)[1], Answer::Came { after_ms: 4900, .. }));
    }

    #[test]
    fn what_was_not_sent_is_not_waited_for() {
        let mut requests = two();
        requests.accepted(2, &Err(PublishError::Expired));
        requests.outcome(PublishId(1), &Outcome::Acknowledged(ReasonCode::NotAuthorized));
        assert_eq!(
            answers(&requests),
            [&Answer::NotSent(PublishError::Expired), &Answer::Refused(ReasonCode::NotAuthorized)]
        );
        assert_eq!(requests.due_ms(), None);
        let mut requests = two();
        requests.subscribed("reply", ReasonCode::GrantedQoS1);
        assert_eq!(requests.due_ms(), Some(1100));
        requests.subscribed("reply", ReasonCode::NotAuthorized);
        assert_eq!(requests.due_ms(), None);
    }

    #[test]
    fn bounded() {
        let mut requests = Requests::default();
        for number in 0..1000 {
            requests.add(number, "a".into(), ("b".into(), Bytes::new()), 0, 0);
        }
        assert_eq!(requests.iter().count(), MAX_REQUESTS);
        assert_eq!(requests.iter().next().unwrap().number, 999);
    }
}
