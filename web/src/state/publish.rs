//! The publish form: what it says, what became of what was sent, what it sends again and again, and whose answers it
//! waits for.

pub use super::draft::{Draft, DraftEdit, DraftError, Field, Flag, Form};
use super::draft::{File, Plan};
use super::request::Requests;
use super::shelf::Shelf;
use super::template::Values;
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;
use tabmq_shared::client::{Message, Outcome, PublishError, PublishId};
use tabmq_shared::packet::{Publish, ReasonCode};
use tabmq_shared::topic::TopicName;

/// While so many messages of a repetition are on their way, no further one is sent: the broker does not keep up.
const MAX_OUTSTANDING: usize = 100;

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
    /// It could not be sent: something in the form is wrong.
    Bad(DraftError),
}

/// A message that is sent again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    plan: Plan,
    every_ms: u64,
    /// How many in all; `None`: until it is stopped.
    pub times: Option<u64>,
    /// Messages that were sent.
    pub sent: u64,
    /// Of these: acknowledged by the broker, or of QoS 0 and handed to the network.
    pub arrived: u64,
    /// Messages that were refused, by the client or by the broker.
    pub failed: u64,
    /// Moments at which nothing was sent because too many were on their way.
    pub held_back: u64,
    /// When the next one is due, in Unix milliseconds; `None` when it has ended.
    next_ms: Option<u64>,
    outstanding: VecDeque<PublishId>,
}

/// A message that is to be sent now.
#[derive(Debug, PartialEq)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// A topic to which this tab must be subscribed first: an answer is to come there.
    pub listen: Option<TopicName>,
}

/// The form, and all that belongs to it.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// The form.
    pub draft: Draft,
    /// What is wrong with it; empty fields are not complained of.
    pub problem: Option<DraftError>,
    /// Whether the payload is JSON, if it is meant to be or looks like it; the byte where it stops.
    pub json: Option<Result<(), usize>>,
    /// The last message of the form.
    pub sent: Option<Sent>,
    /// The last repetition.
    pub run: Option<Run>,
    /// Requests.
    pub requests: Requests,
    /// What is remembered.
    pub shelf: Rc<Shelf>,
    /// What the last import has done.
    pub imported: Option<super::shelf::Imported>,
    client_id: String,
    count: u64,
    rng: fastrand::Rng,
}

impl Publishing {
    /// A form that can be sent as it is. `seed` is where chance comes from.
    pub fn ready(client_id: &str, seed: u64) -> Self {
        Publishing {
            draft: Draft::text_message("hello", &format!("Hello from {client_id}")),
            problem: None,
            json: None,
            sent: None,
            run: None,
            requests: Requests::default(),
            shelf: Rc::default(),
            imported: None,
            client_id: client_id.to_owned(),
            count: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Changes the form.
    pub fn edit(&mut self, edit: DraftEdit) {
        self.draft.edit(edit);
        self.check();
    }

    /// Puts another form in its place.
    pub fn load(&mut self, draft: Draft) {
        // A file cannot be remembered, but the one that was chosen last may be meant.
        let file = self.draft.file.take();
        self.draft = draft;
        self.draft.file = self.draft.file.take().or(file);
        self.check();
    }

    fn check(&mut self) {
        self.json = self.draft.json();
        let problem = self.draft.plan().err();
        self.problem = problem.filter(|problem| !self.draft.text(problem.field()).is_empty());
    }

    /// Takes the form's message to be sent, and begins the repetition if one is asked for; `None` if something is
    /// wrong, which is then said.
    pub fn send(&mut self, at_ms: u64) -> Option<Outgoing> {
        self.run = None;
        self.count += 1;
        let draft = self.draft.clone();
        let outgoing = draft.plan().and_then(|plan| {
            let first = self.make(&plan, 1, at_ms)?;
            if let Some(repeat) = plan.repeat {
                let mut run = Run::new(plan, repeat, at_ms);
                run.advance(at_ms);
                self.run = Some(run);
            }
            Ok(first)
        });
        let (progress, outgoing) = match outgoing {
            Ok(outgoing) => (Progress::Sending(None), Some(outgoing)),
            Err(problem) => (Progress::Bad(problem), None),
        };
        let topic = outgoing.as_ref().map_or(self.draft.text(Field::Topic), |out| out.message.topic.as_str());
        self.sent = Some(Sent { number: self.count, topic: topic.to_owned(), at_ms, progress });
        if outgoing.is_some() {
            self.shelf_mut().remember(&draft);
        }
        outgoing
    }

    /// What a repetition sends at this moment, if it is due; ends the patience of requests.
    pub fn due(&mut self, now_ms: u64) -> Option<Outgoing> {
        self.requests.expire(now_ms);
        let run = self.run.as_mut().filter(|run| run.next_ms.is_some_and(|next| next <= now_ms))?;
        if run.outstanding.len() >= MAX_OUTSTANDING {
            run.held_back += 1;
            run.postpone(now_ms);
            return None;
        }
        let n = run.sent + 1;
        let plan = run.plan.clone();
        run.advance(now_ms);
        self.count += 1;
        let outgoing = self.make(&plan, n, now_ms);
        let (number, at_ms) = (self.count, now_ms);
        match outgoing {
            Ok(outgoing) => {
                let topic = outgoing.message.topic.as_str().to_owned();
                self.sent = Some(Sent { number, topic, at_ms, progress: Progress::Sending(None) });
                Some(outgoing)
            }
            Err(problem) => {
                // The topic depends on a variable and is no topic name any more.
                let topic = self.draft.text(Field::Topic).to_owned();
                self.sent = Some(Sent { number, topic, at_ms, progress: Progress::Bad(problem) });
                self.stop();
                None
            }
        }
    }

    /// When [`due`](Self::due) has something to do, in Unix milliseconds.
    pub fn due_ms(&self) -> Option<u64> {
        let run = self.run.as_ref().and_then(|run| run.next_ms);
        run.into_iter().chain(self.requests.due_ms()).min()
    }

    /// Ends the repetition.
    pub fn stop(&mut self) {
        if let Some(run) = &mut self.run {
            run.next_ms = None;
        }
    }

    /// The client has taken the message, or refused it.
    pub fn accepted(&mut self, result: Result<PublishId, PublishError>) {
        let Some(sent) = &mut self.sent else { return };
        self.requests.accepted(sent.number, &result);
        if let Some(run) = &mut self.run {
            match &result {
                Ok(id) => run.outstanding.push_back(*id),
                Err(_) => run.failed += 1,
            }
        }
        sent.progress = match result {
            Ok(id) => Progress::Sending(Some(id)),
            Err(error) => Progress::Failed(error),
        };
    }

    /// What became of a message.
    pub fn outcome(&mut self, id: PublishId, outcome: Outcome) {
        self.requests.outcome(id, &outcome);
        if let Some(run) = &mut self.run {
            run.outcome(id, &outcome);
        }
        let Some(sent) = &mut self.sent else { return };
        if sent.progress == Progress::Sending(Some(id)) {
            sent.progress = match outcome {
                Outcome::Sent => Progress::Sent,
                Outcome::Acknowledged(reason) => Progress::Acknowledged(reason),
                Outcome::Failed(error) => Progress::Failed(error),
            };
        }
    }

    /// A message has come: perhaps an answer.
    pub fn received(&mut self, publish: &Publish, now_ms: u64) {
        self.requests.message(publish, now_ms);
    }

    /// What is remembered, to be changed.
    pub fn shelf_mut(&mut self) -> &mut Shelf {
        Rc::make_mut(&mut self.shelf)
    }

    /// Another client id: variables name it.
    pub fn set_client_id(&mut self, client_id: &str) {
        client_id.clone_into(&mut self.client_id);
    }

    /// The response topic of a request for which nobody has said one.
    pub fn default_response_topic(&self) -> String {
        format!("reply/{}", self.client_id)
    }

    /// Forgets the requests.
    pub fn clear_requests(&mut self) {
        self.requests.clear();
    }

    /// A file was chosen for the payload.
    pub fn set_file(&mut self, name: String, bytes: Bytes) {
        self.edit(DraftEdit::File(File { name, bytes }));
    }

    /// One message of a plan; a request is remembered.
    fn make(&mut self, plan: &Plan, n: u64, now_ms: u64) -> Result<Outgoing, DraftError> {
        let mut values = Values { n, now_ms, client_id: &self.client_id, rng: &mut self.rng };
        let mut message = plan.message(&mut values)?;
        let Some(within_ms) = plan.answer_within_ms else { return Ok(Outgoing { message, listen: None }) };
        let mut properties = plan.properties.clone();
        let response = match properties.response_topic.take() {
            Some(topic) => topic,
            None => self.default_response_topic().into(),
        };
        let listen = TopicName::new(response.clone())
            .map_err(|error| DraftError::Topic(Field::ResponseTopic, error))?;
        // The same data in each repetition would give all answers to one request.
        let correlation = match properties.correlation_data.take() {
            Some(data) if plan.repeat.is_none() => data,
            data => {
                let mut bytes = data.map(Vec::from).unwrap_or_default();
                bytes.extend(format!("{:08x}", self.rng.u32(..)).into_bytes());
                Bytes::from(bytes)
            }
        };
        properties.response_topic = Some(response.clone());
        properties.correlation_data = Some(correlation.clone());
        message.properties = Some(Box::new(properties));
        let topic = message.topic.as_str().to_owned();
        self.requests.add(self.count, topic, (response.to_string(), correlation), now_ms, within_ms);
        Ok(Outgoing { message, listen: Some(listen) })
    }
}

impl Run {
    fn new(plan: Plan, repeat: super::draft::Repeat, now_ms: u64) -> Self {
        let super::draft::Repeat { every_ms, times } = repeat;
        Run {
            plan,
            every_ms,
            times,
            sent: 0,
            arrived: 0,
            failed: 0,
            held_back: 0,
            next_ms: Some(now_ms),
            outstanding: VecDeque::new(),
        }
    }

    /// Whether messages are still to come.
    pub const fn is_running(&self) -> bool {
        self.next_ms.is_some()
    }

    /// Messages that are on their way.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// One is sent: the next is due a distance later, or there is none.
    fn advance(&mut self, now_ms: u64) {
        self.sent += 1;
        match self.times.is_some_and(|times| self.sent >= times) {
            true => self.next_ms = None,
            false => self.postpone(now_ms),
        }
    }

    /// In step with the first one; what a sleeping tab has missed is not made up for.
    fn postpone(&mut self, now_ms: u64) {
        if let Some(next) = &mut self.next_ms {
            let missed = now_ms.saturating_sub(*next) / self.every_ms.max(1);
            *next = next.saturating_add(self.every_ms.saturating_mul(missed + 1));
        }
    }

    fn outcome(&mut self, id: PublishId, outcome: &Outcome) {
        let Ok(place) = self.outstanding.binary_search(&id) else { return };
        self.outstanding.remove(place);
        match outcome {
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Acknowledged(reason) if reason.is_error() => self.failed += 1,
            Outcome::Sent | Outcome::Acknowledged(_) => self.arrived += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::topic::TopicError;

    fn ready() -> Publishing {
        Publishing::ready("tab-1", 1)
    }

    fn text(publishing: &mut Publishing, field: Field, text: &str) {
        publishing.edit(DraftEdit::Text(field, text.into()));
    }

    fn repeating(every: &str, times: &str) -> Publishing {
        let mut publishing = ready();
        text(&mut publishing, Field::Payload, "{{n}}");
        text(&mut publishing, Field::Every, every);
        text(&mut publishing, Field::Times, times);
        publishing.edit(DraftEdit::Flag(Flag::Repeat, true));
        publishing
    }

    #[test]
    fn follows_the_last_message_only() {
        let mut publishing = ready();
        assert_eq!(publishing.send(5).unwrap().message.payload, "Hello from tab-1");
        publishing.accepted(Ok(PublishId(1)));
        publishing.send(6);
        publishing.accepted(Ok(PublishId(2)));
        publishing.outcome(PublishId(1), Outcome::Sent);
        assert_eq!(publishing.sent.as_ref().unwrap().progress, Progress::Sending(Some(PublishId(2))));
        publishing.outcome(PublishId(2), Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers));
        let sent = publishing.sent.unwrap();
        assert_eq!(sent.progress, Progress::Acknowledged(ReasonCode::NoMatchingSubscribers));
        assert_eq!((sent.number, sent.at_ms), (2, 6));
        assert_eq!(publishing.shelf.sent.len(), 1, "the same message twice is remembered once");
    }

    #[test]
    fn what_is_wrong_is_not_sent_and_said_while_it_is_typed() {
        let mut publishing = ready();
        text(&mut publishing, Field::Topic, "a/#");
        let problem = DraftError::Topic(Field::Topic, TopicError::WildcardInName);
        assert_eq!(publishing.problem, Some(problem.clone()));
        assert_eq!(publishing.send(0), None);
        assert_eq!(publishing.sent.as_ref().unwrap().progress, Progress::Bad(problem));
        assert!(publishing.shelf.sent.is_empty());
        text(&mut publishing, Field::Topic, "");
        assert_eq!(publishing.problem, None, "nobody is blamed for an empty field");
        text(&mut publishing, Field::Topic, "a");
        text(&mut publishing, Field::Payload, "[1,");
        assert_eq!((publishing.problem.clone(), publishing.json), (None, Some(Err(3))));
        publishing.edit(DraftEdit::Form(Form::Json));
        assert_eq!(publishing.problem, Some(DraftError::Json { at: 3 }));
    }

    #[test]
    fn repeats_in_step_and_counts() {
        let mut publishing = repeating("0.5", "3");
        assert_eq!(publishing.send(1000).unwrap().message.payload, "1");
        publishing.accepted(Ok(PublishId(1)));
        assert_eq!(publishing.due_ms(), Some(1500));
        assert_eq!(publishing.due(1400), None);
        assert_eq!(publishing.due(1520).unwrap().message.payload, "2");
        publishing.accepted(Ok(PublishId(2)));
        assert_eq!(publishing.due_ms(), Some(2000), "late by 20 ms, and still in step");
        publishing.outcome(PublishId(2), Outcome::Acknowledged(ReasonCode::NotAuthorized));
        publishing.outcome(PublishId(1), Outcome::Sent);
        // A tab that slept: one message, not seventeen.
        assert_eq!(publishing.due(9999).unwrap().message.payload, "3");
        publishing.accepted(Err(PublishError::Expired));
        assert_eq!((publishing.due_ms(), publishing.due(20_000)), (None, None));
        let run = publishing.run.unwrap();
        assert_eq!((run.sent, run.arrived, run.failed, run.outstanding()), (3, 1, 2, 0));
        assert!(!run.is_running());
    }

    #[test]
    fn a_repetition_ends_when_it_is_stopped_or_something_else_is_sent() {
        let mut publishing = repeating("1", "");
        publishing.send(0);
        publishing.stop();
        assert_eq!(publishing.due_ms(), None);
        publishing.send(0);
        assert!(publishing.due_ms().is_some());
        publishing.edit(DraftEdit::Flag(Flag::Repeat, false));
        publishing.send(5);
        assert_eq!(publishing.due_ms(), None);
    }

    #[test]
    fn a_repetition_waits_for_a_slow_broker() {
        let mut publishing = repeating("0.01", "");
        publishing.send(0);
        publishing.accepted(Ok(PublishId(0)));
        for n in 1..200 {
            if publishing.due(n * 10).is_some() {
                publishing.accepted(Ok(PublishId(n)));
            }
        }
        let run = publishing.run.as_ref().unwrap();
        assert_eq!((run.outstanding(), run.held_back), (MAX_OUTSTANDING, 100));
        publishing.outcome(PublishId(0), Outcome::Sent);
        assert!(publishing.due(5000).is_some());
    }

    #[test]
    fn a_request_says_where_the_answer_is_to_come() {
        let mut publishing = ready();
        publishing.edit(DraftEdit::Flag(Flag::Request, true));
        let outgoing = publishing.send(10).unwrap();
        let properties = outgoing.message.properties.unwrap();
        assert_eq!(properties.response_topic.as_deref(), Some("reply/tab-1"));
        assert_eq!(properties.correlation_data.as_ref().map(Bytes::len), Some(8));
        assert_eq!(outgoing.listen.unwrap().as_str(), "reply/tab-1");
        publishing.accepted(Ok(PublishId(1)));
        assert_eq!(publishing.due_ms(), Some(10_010));

        text(&mut publishing, Field::ResponseTopic, "my/answers");
        text(&mut publishing, Field::Correlation, "abc");
        let properties = publishing.send(20).unwrap().message.properties.unwrap();
        assert_eq!(properties.response_topic.as_deref(), Some("my/answers"));
        assert_eq!(properties.correlation_data.as_deref(), Some(b"abc".as_slice()));
        assert_eq!(publishing.requests.iter().count(), 2);

        // Repeated requests differ in their data.
        publishing.edit(DraftEdit::Flag(Flag::Repeat, true));
        publishing.send(30);
        publishing.due(1030);
        let data: Vec<_> = publishing.requests.iter().take(2).map(|r| r.correlation.clone()).collect();
        assert!(data[0] != data[1] && data[0].starts_with(b"abc"));
    }
}
