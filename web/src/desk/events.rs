//! The events' view: what happens in the broker, the newest first.

use super::ask::{Trouble, with_query};
use super::stream::{Heard, Listening, Purpose};
use crate::state::Effect;
use crate::state::desk::Spot;
use crate::state::needle::Needle;
use crate::state::place::Place;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use tabmq_shared::api::events::{BrokerEvent, EVENTS_PATH, Happening, Kind};

/// So many are kept; the oldest go first.
pub const MAX_EVENTS: usize = 5_000;

/// So many of the past are wanted at first.
const PAST: &str = "500";

/// What can be done here.
#[derive(Clone, Debug, PartialEq)]
pub enum EventsStep {
    /// Only those in which this text is found, or whose topic this filter matches.
    Find(String),
    /// Listen for this kind, or do not.
    Kind(Kind, bool),
    /// Stop or go on listing.
    Pause(bool),
    /// The pointer is over the rows, or has left them; or they are scrolled away from the newest.
    Hold(bool),
    /// Clear them away.
    Clear,
    /// Go to the events of this client.
    OfClient(String),
}

/// An event as a row shows it.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Its number here.
    pub seq: u64,
    /// What happened.
    pub event: BrokerEvent,
}

/// All of them.
#[derive(Debug)]
pub struct Events {
    /// The oldest first.
    rows: VecDeque<Rc<Row>>,
    listed: Vec<Rc<Row>>,
    next_seq: u64,
    /// Those that came since the list stands still.
    pub newer: usize,
    /// Those that have gone to make room.
    pub gone: u64,
    /// What is looked for.
    pub find: String,
    /// What is listened for.
    pub kinds: BTreeSet<Kind>,
    /// Whether somebody has paused the list.
    pub paused: bool,
    /// Whether the pointer is over it.
    pub held: bool,
    /// Whether the stream is there.
    pub live: bool,
    /// Why it is not.
    pub trouble: Option<Trouble>,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            rows: VecDeque::new(),
            listed: Vec::new(),
            next_seq: 0,
            newer: 0,
            gone: 0,
            find: String::new(),
            kinds: Kind::ALL
                .into_iter()
                .filter(|kind| !kind.is_of_messages() && *kind != Kind::Lost)
                .collect(),
            paused: false,
            held: false,
            live: false,
            trouble: None,
        }
    }
}

impl Events {
    /// The rows, the newest first.
    pub fn row(&self, at: usize) -> Option<&Rc<Row>> {
        self.listed.get(self.listed.len().checked_sub(at + 1)?)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// How many are kept, listed or not.
    pub fn kept(&self) -> usize {
        self.rows.len()
    }

    /// Whether the list stands still.
    pub fn is_frozen(&self) -> bool {
        self.paused || self.held
    }

    pub(super) fn go(&mut self, spot: &Spot) {
        if self.find != spot.find {
            self.find.clone_from(&spot.find);
            self.list();
        }
    }

    pub(super) fn spot(&self) -> Spot {
        Spot { find: self.find.clone(), item: String::new() }
    }

    pub(super) fn emptied(&self) -> Events {
        Events { find: self.find.clone(), kinds: self.kinds.clone(), ..Events::default() }
    }

    pub(super) fn listening(&self) -> Listening {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
        let query = [("kinds", &*kinds.join(",")), ("last", PAST)];
        Listening::new(Purpose::Events, with_query(EVENTS_PATH, &query))
    }

    pub(super) fn heard(&mut self, heard: Heard) {
        if heard.opened {
            (self.live, self.trouble) = (true, None);
        }
        if let Some(trouble) = heard.ended {
            (self.live, self.trouble) = (false, Some(trouble));
        }
        heard.events.into_iter().for_each(|event| self.push(event));
    }

    fn push(&mut self, event: BrokerEvent) {
        let row = Rc::new(Row { seq: self.next_seq, event });
        self.next_seq += 1;
        let passes = self.passes(&Needle::new(&self.find), &row.event);
        self.rows.push_back(row.clone());
        if self.rows.len() > MAX_EVENTS {
            self.rows.pop_front();
            self.gone += 1;
        }
        match (passes, self.is_frozen()) {
            (false, _) => {}
            (true, true) => self.newer += 1,
            (true, false) => {
                self.listed.push(row);
                // Now and then, not each time: the front of a long list is far from its end.
                if self.listed.len() > MAX_EVENTS + MAX_EVENTS / 10 {
                    self.listed.drain(..MAX_EVENTS / 10);
                }
            }
        }
    }

    pub(super) fn apply(&mut self, step: &EventsStep, _now_ms: u64) -> Vec<Effect> {
        match step {
            EventsStep::Find(text) => {
                self.find.clone_from(text);
                self.list();
                return vec![Effect::Locate];
            }
            EventsStep::Kind(kind, on) => {
                if *on {
                    self.kinds.insert(*kind);
                } else {
                    // Without any, there would be nothing to listen for.
                    let others = self.kinds.iter().any(|other| other != kind);
                    let _ = others && self.kinds.remove(kind);
                }
                self.list();
            }
            EventsStep::Pause(paused) => {
                self.paused = *paused;
                self.thaw();
            }
            EventsStep::Hold(held) => {
                self.held = *held;
                self.thaw();
            }
            EventsStep::Clear => {
                self.rows.clear();
                self.gone = 0;
                self.list();
            }
            EventsStep::OfClient(id) => {
                self.find.clone_from(id);
                self.list();
                return vec![super::visit(Place::Events), Effect::Locate];
            }
        }
        Vec::new()
    }

    fn thaw(&mut self) {
        if !self.is_frozen() && self.newer > 0 {
            self.list();
        }
    }

    fn list(&mut self) {
        let needle = Needle::new(&self.find);
        let rows = self.rows.iter().filter(|row| self.passes(&needle, &row.event));
        self.listed = rows.cloned().collect();
        self.newer = 0;
    }

    /// What is lost is always told.
    fn passes(&self, needle: &Needle, event: &BrokerEvent) -> bool {
        let kind = event.what.kind();
        kind == Kind::Lost
            || (self.kinds.contains(&kind)
                && (needle.is_empty() || finds(needle, self.find.trim(), &event.what)))
    }
}

fn finds(needle: &Needle, text: &str, what: &Happening) -> bool {
    let finds = |text: &str| needle.finds(text);
    let (user, address, topic) = match what {
        Happening::Connected { user, address, .. } => (user.as_deref(), Some(address.as_str()), None),
        Happening::Refused { user, address, .. } => (user.as_deref(), Some(address.as_str()), None),
        Happening::Disconnected { address, .. } => (None, Some(address.as_str()), None),
        Happening::Subscribed { filter, .. } | Happening::Unsubscribed { filter, .. } => {
            (None, None, Some(filter.as_str()))
        }
        Happening::Denied { user, topic, .. } => (user.as_deref(), None, Some(topic.as_str())),
        Happening::Published(message) | Happening::Unconsumed(message) => {
            (None, None, Some(message.topic.as_str()))
        }
        Happening::Lost { .. } => (None, None, None),
    };
    let by_text = |field: &str| needle.finds_in(field.as_bytes());
    what.client_id().is_some_and(by_text)
        || user.is_some_and(by_text)
        || address.is_some_and(by_text)
        || topic.is_some_and(|topic| topic == text || finds(topic))
}
