//! A recorded session on its way out again: with its timing, faster or slower, to the same topics or below another
//! prefix. The file is read as it is needed, so that its size does not matter. For the page and for `tabmq pub`; the
//! clock, the file and the connection are the caller's.

use crate::client::{Message, Outcome, PublishError, PublishId};
use crate::record::{BadLine, Reader, Record};
use crate::topic::{TopicError, TopicName};
use std::collections::VecDeque;

/// Reading goes on while fewer messages than this wait.
const AHEAD: usize = 500;

/// While so many messages are on their way to the broker, none follows.
const MAX_OUTSTANDING: usize = 200;

/// How to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Hundredths: 100 is as it was, 200 twice as fast, 0 as fast as the broker takes it.
    pub speed: u32,
    /// Topics that begin with this…
    pub from: String,
    /// …get this in its place.
    pub to: String,
    /// Whether retain flags are kept: a replay changes retained messages then.
    pub retain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { speed: 100, from: String::new(), to: "replay/".to_owned(), retain: false }
    }
}

impl Options {
    /// Why no topic can begin with what is put in the place of `from`.
    pub fn problem(&self) -> Option<TopicError> {
        TopicName::new(self.to.clone()).err().filter(|_| !self.to.is_empty())
    }

    /// The topic to which a message goes; `None` if that is no topic name, or the broker's own.
    fn topic(&self, topic: &str) -> Option<TopicName> {
        let topic = match topic.strip_prefix(self.from.as_str()) {
            Some(rest) => format!("{}{rest}", self.to),
            None => topic.to_owned(),
        };
        // [MQTT-4.7.2-1]: topics that begin with `$` are not for clients to publish to.
        TopicName::new(topic).ok().filter(|topic| !topic.is_dollar())
    }
}

/// Where a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Messages are still to come.
    Running,
    /// All were sent.
    Done,
    /// Somebody has ended it.
    Stopped,
}

/// A replay.
#[derive(Debug)]
pub struct Replay {
    /// How.
    pub options: Options,
    /// Where it is.
    pub phase: Phase,
    /// The size of the file, in bytes; 0 if nobody knows it.
    pub size: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that were left out: their topics cannot be published to.
    pub left_out: u64,
    /// Messages that the client or the broker has refused.
    pub failed: u64,
    /// Lines that were no messages.
    pub bad: u64,
    /// The first of them.
    pub first_bad: Option<BadLine>,
    reader: Reader,
    ahead: VecDeque<(Record, u64)>,
    read_bytes: u64,
    read_all: bool,
    /// The time of the first message, and when it was sent here.
    origin: Option<(u64, u64)>,
    /// Where in the file the last sent message was, in bytes.
    at_bytes: u64,
    outstanding: VecDeque<PublishId>,
    /// Messages that [`due`](Self::due) has handed out and the client has not answered.
    leaving: usize,
}

impl Replay {
    /// A replay of a file of `size` bytes of which nothing was read.
    pub fn new(options: Options, size: u64) -> Self {
        Replay {
            options,
            phase: Phase::Running,
            size,
            sent: 0,
            left_out: 0,
            failed: 0,
            bad: 0,
            first_bad: None,
            reader: Reader::default(),
            ahead: VecDeque::new(),
            read_bytes: 0,
            read_all: false,
            origin: None,
            at_bytes: 0,
            outstanding: VecDeque::new(),
            leaving: 0,
        }
    }

    /// Whether more of the file is wanted.
    pub fn wants_more(&self) -> bool {
        self.phase == Phase::Running && !self.read_all && self.ahead.len() < AHEAD
    }

    /// How much of the file was read, in bytes.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// What comes next in the file; nothing at its end.
    pub fn feed(&mut self, bytes: &[u8]) {
        match bytes {
            [] => {
                self.read_all = true;
                self.reader.end();
            }
            bytes => self.reader.push(bytes),
        }
        self.read_bytes += bytes.len() as u64;
        while let Some(line) = self.reader.next() {
            match line {
                Ok(record) => self.ahead.push_back((record, self.read_bytes)),
                Err(bad) => {
                    self.bad += 1;
                    self.first_bad.get_or_insert(bad);
                }
            }
        }
    }

    /// The messages that are due, at most `max`; all of one moment in the order of the file.
    pub fn due(&mut self, now_ms: u64, max: usize) -> Vec<Message> {
        let mut due = Vec::new();
        while self.phase == Phase::Running && due.len() < max && self.on_the_way() < MAX_OUTSTANDING {
            let Some((record, at_bytes)) = self.ahead.front() else {
                if self.read_all {
                    self.phase = Phase::Done;
                }
                break;
            };
            let origin = *self.origin.get_or_insert((record.at_ms, now_ms));
            if self.moment(origin, record.at_ms) > now_ms {
                break;
            }
            self.at_bytes = *at_bytes;
            let Some((record, _)) = self.ahead.pop_front() else { break };
            match self.options.topic(&record.topic) {
                Some(topic) => {
                    let retain = record.retain && self.options.retain;
                    let message = Message::new(topic, record.payload, record.qos, retain);
                    // Subscription identifiers were of the recorder's subscriptions [MQTT-3.3.4-6].
                    let properties = record.properties.map(|mut properties| {
                        properties.subscription_ids.clear();
                        properties
                    });
                    due.push(Message { properties: properties.filter(|p| !p.is_empty()), ..message });
                    self.sent += 1;
                    self.leaving += 1;
                }
                None => self.left_out += 1,
            }
        }
        due
    }

    /// When [`due`](Self::due) has something, in Unix milliseconds; `None` while it waits for the file or the broker.
    pub fn due_ms(&self) -> Option<u64> {
        if self.phase != Phase::Running || self.on_the_way() >= MAX_OUTSTANDING {
            return None;
        }
        match self.ahead.front() {
            Some((record, _)) => Some(self.origin.map_or(0, |origin| self.moment(origin, record.at_ms))),
            None => self.read_all.then_some(0),
        }
    }

    /// The client has taken a message, or refused it.
    pub fn accepted(&mut self, result: Result<PublishId, PublishError>) {
        self.leaving = self.leaving.saturating_sub(1);
        match result {
            Ok(id) => self.outstanding.push_back(id),
            Err(_) => self.failed += 1,
        }
    }

    /// What became of a message, which may be of this replay.
    pub fn outcome(&mut self, id: PublishId, outcome: &Outcome) {
        let Ok(place) = self.outstanding.binary_search(&id) else { return };
        self.outstanding.remove(place);
        let refused = matches!(outcome, Outcome::Acknowledged(reason) if reason.is_error());
        self.failed += u64::from(refused || matches!(outcome, Outcome::Failed(_)));
    }

    /// Time passes without a connection: what comes next is due when it is back, and not all that was missed at once.
    pub fn hold(&mut self, now_ms: u64) {
        if let (Some(origin), Some((next, _))) = (&mut self.origin, self.ahead.front()) {
            *origin = (next.at_ms, now_ms);
        }
    }

    /// Messages that were sent and of which nobody knows yet what has become of them.
    pub fn on_the_way(&self) -> usize {
        self.outstanding.len() + self.leaving
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Stopped;
            self.ahead.clear();
        }
    }

    /// From now on at another speed; nothing is repeated or skipped.
    pub fn set_speed(&mut self, speed: u32, now_ms: u64) {
        if let (Some(origin), Some((next, _))) = (self.origin, self.ahead.front()) {
            // How much of the recorded time is left until the next message.
            let left = self.moment(origin, next.at_ms).saturating_sub(now_ms);
            let left = left.saturating_mul(u64::from(self.options.speed)) / 100;
            self.origin = Some((next.at_ms.saturating_sub(left), now_ms));
        }
        self.options.speed = speed;
    }

    /// How much of the file was sent, in thousandths.
    pub fn progress(&self) -> u64 {
        match self.phase {
            Phase::Done => 1000,
            _ => self.at_bytes.saturating_mul(1000) / self.size.max(1),
        }
    }

    /// When a message is due that was recorded at `at_ms`. Clocks are set back sometimes: never before the first.
    fn moment(&self, (first_ms, began_ms): (u64, u64), at_ms: u64) -> u64 {
        let after = at_ms.saturating_sub(first_ms).saturating_mul(100);
        began_ms.saturating_add(after.checked_div(u64::from(self.options.speed)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::write_json;

    fn file(times: &[u64]) -> String {
        let mut text = String::new();
        for (n, at_ms) in times.iter().enumerate() {
            write_json(&Record { retain: true, ..Record::new(*at_ms, format!("home/{n}"), "x") }, &mut text);
        }
        text
    }

    fn started(times: &[u64], options: Options) -> Replay {
        let file = file(times);
        let mut replay = Replay::new(options, file.len() as u64);
        replay.feed(file.as_bytes());
        replay.feed(b"");
        replay
    }

    fn topics(replay: &mut Replay, now_ms: u64) -> Vec<String> {
        let due = replay.due(now_ms, 100);
        due.iter().for_each(|_| replay.accepted(Err(PublishError::Expired)));
        due.iter().map(|message| message.topic.as_str().to_owned()).collect()
    }

    #[test]
    fn with_its_timing_to_another_prefix() {
        let mut replay = started(&[5000, 5100, 5100, 6000], Options::default());
        assert_eq!(replay.due_ms(), Some(0));
        assert_eq!(topics(&mut replay, 10), ["replay/home/0"]);
        assert_eq!(replay.due_ms(), Some(110));
        assert_eq!(topics(&mut replay, 109), [""; 0]);
        assert_eq!(topics(&mut replay, 110), ["replay/home/1", "replay/home/2"]);
        assert_eq!(topics(&mut replay, 2000), ["replay/home/3"]);
        assert_eq!(topics(&mut replay, 2000), [""; 0]);
        assert_eq!((replay.phase, replay.progress(), replay.sent), (Phase::Done, 1000, 4));
    }

    #[test]
    fn faster_slower_and_at_once() {
        let times = [0, 1000, 2000];
        let mut fast = started(&times, Options { speed: 1000, ..Options::default() });
        fast.due(0, 9);
        assert_eq!(fast.due_ms(), Some(100));
        let mut slow = started(&times, Options { speed: 50, ..Options::default() });
        slow.due(0, 9);
        assert_eq!(slow.due_ms(), Some(2000));
        // Half of the distance has passed: the rest goes ten times as fast as before.
        slow.set_speed(500, 1000);
        assert_eq!(slow.due_ms(), Some(1100));
        assert_eq!(slow.due(1100, 9).len(), 1);
        assert_eq!(slow.due_ms(), Some(1300));
        let mut at_once = started(&times, Options { speed: 0, ..Options::default() });
        assert_eq!(at_once.due(0, 9).len(), 3);
    }

    #[test]
    fn without_a_connection_it_stands_still() {
        let mut replay = started(&[0, 1000, 2000], Options::default());
        replay.due(0, 9);
        replay.hold(50_000);
        assert_eq!(replay.due(50_000, 9).len(), 1);
        assert_eq!(replay.due_ms(), Some(51_000));
    }

    #[test]
    fn prefixes_and_topics_that_cannot_be_published_to() {
        let options = Options { from: "home/".into(), to: "test/home/".into(), ..Options::default() };
        assert_eq!(options.topic("home/a").unwrap().as_str(), "test/home/a");
        assert_eq!(options.topic("other").unwrap().as_str(), "other");
        assert!(options.topic("$SYS/x").is_none() && options.topic("").is_none());
        let options = Options { to: "#/".into(), ..Options::default() };
        let mut replay = started(&[0], options);
        assert_eq!((topics(&mut replay, 0).len(), replay.left_out), (0, 1));
        let problem = |to: &str| Options { to: to.into(), ..Options::default() }.problem();
        assert_eq!(problem("a/#"), Some(TopicError::WildcardInName));
        assert_eq!((problem(""), problem("a"), problem("a/")), (None, None, None));
    }

    #[test]
    fn flags_and_properties() {
        let line = "{\"topic\":\"a\",\"qos\":1,\"retain\":true,\"properties\":{\"content_type\":\"t\",\"subscription_ids\":[7]}}";
        let replayed = |retain| {
            let mut replay = Replay::new(Options { retain, ..Options::default() }, 1);
            replay.feed(line.as_bytes());
            replay.feed(b"");
            replay.due(0, 1).remove(0)
        };
        assert!(!replayed(false).retain);
        let message = replayed(true);
        assert!(message.retain && message.qos.as_u8() == 1);
        let properties = message.properties.unwrap();
        assert!(properties.subscription_ids.is_empty() && properties.content_type.is_some());
    }

    #[test]
    fn the_file_is_read_as_it_is_needed_and_the_broker_is_not_flooded() {
        let times: Vec<u64> = vec![0; 2 * AHEAD];
        let file = file(&times);
        let mut replay = Replay::new(Options::default(), file.len() as u64);
        let mut pieces = file.as_bytes().chunks(1000);
        while replay.wants_more() {
            replay.feed(pieces.next().unwrap_or_default());
        }
        assert!(replay.ahead.len() >= AHEAD && replay.ahead.len() < AHEAD + 50);
        assert_eq!(replay.due(0, 1000).len(), MAX_OUTSTANDING);
        (0..MAX_OUTSTANDING as u64).for_each(|id| replay.accepted(Ok(PublishId(id))));
        assert_eq!(replay.due_ms(), None, "the broker comes first");
        assert!(replay.progress() > 0 && replay.progress() < 1000);
        replay.outcome(PublishId(7), &Outcome::Failed(PublishError::Expired));
        assert_eq!((replay.due_ms(), replay.failed), (Some(0), 1));
        replay.stop();
        assert_eq!((replay.phase, replay.due_ms(), replay.wants_more()), (Phase::Stopped, None, false));
    }

    #[test]
    fn bad_lines_are_counted_and_the_first_is_named() {
        let mut replay = Replay::new(Options::default(), 1);
        replay.feed(b"{\"topic\":\"a\"}\nnonsense\n{}\n");
        replay.feed(b"");
        assert_eq!((replay.due(0, 9).len(), replay.bad, replay.first_bad.unwrap().line), (1, 2, 2));
    }
}
