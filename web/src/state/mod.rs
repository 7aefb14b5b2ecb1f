//! What the page knows, and the one function that changes it.
//!
//! [`AppState::apply`] takes an [`Action`], be it a click or a message from the broker, changes the state and says what
//! is to be done outside, as [`Effect`]s. It touches neither browser nor network, so all of it is tested natively.
//!
//! A page has several connections, each with a state of its own: the [`workspace`] hands the actions out.
//!
//! Messages arrive by the ten thousand; so the state is one value that is changed in place, and the page looks at it
//! once per frame. Nothing is "the latest message" of a render: each message is recorded when it comes.

mod action;
pub mod demo;
pub mod history;
mod natural;
pub mod publish;
pub mod query;
pub mod settings;
pub mod subscriptions;
pub mod toasts;
pub mod topics;
mod ui;
mod view;
pub mod workspace;

pub use action::{Action, Clock, DraftEdit, Effect};
pub use ui::{BrokerInfo, Dialog, Location, Look, Selection, Tab, Theme, Ui};
pub use view::View;
pub use workspace::{ConnectionId, PageAction, Workspace};

use crate::format;
use crate::i18n::{Phrase, Text};
use crate::payload::Format;
use bytes::Bytes;
use history::{Entry, History, Matcher, Message};
use publish::Publishing;
use settings::Settings;
use std::rc::Rc;
use subscriptions::Subscriptions;
use tabmq_shared::Time;
use tabmq_shared::client::{self, Event};
use tabmq_shared::packet::Publish;
use tabmq_shared::topic::TopicFilter;
use topics::{LAST_VALUE_BYTES, LastValue, Needle, Topics};

/// A payload up to this size is copied out of the read buffer: otherwise a topic with ten bytes would keep the
/// buffer's sixty-four thousand.
const COPY_BELOW_BYTES: usize = 16 * 1024;

/// The whole state.
#[derive(Debug)]
pub struct AppState {
    /// Time, as it was at the last action that told it.
    pub clock: Clock,
    /// How the page connects.
    pub settings: Settings,
    /// Where the connection is, and all that is known of it.
    pub connection: Connection,
    /// The broker's own words about itself; only TabMQ has any.
    pub broker: Option<Rc<BrokerInfo>>,
    /// Every topic.
    pub topics: Topics,
    /// The messages that are kept.
    pub history: History,
    /// Counters.
    pub counters: Counters,
    /// What this tab is subscribed to.
    pub subscriptions: Subscriptions,
    /// The publish form.
    pub publishing: Publishing,
    /// What is looked at.
    pub selection: Selection,
    /// The rest of what is seen.
    pub ui: Ui,
    /// How far the demo device is, if it runs.
    pub demo: Option<u64>,
    /// By topic; only where somebody has said so, which is seldom.
    formats: Vec<(Rc<str>, Format)>,
    now: Time,
}

/// The connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Where the client is.
    pub state: client::State,
    /// The address in use.
    pub url: String,
    /// Milliseconds until the next attempt, while one is waited for.
    pub retry_in_ms: u64,
    /// From question to answer, in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// When it was lost, in Unix milliseconds; until it is back.
    lost_at_ms: Option<u64>,
}

/// How much has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Messages since the page was loaded; each is counted, shown or not.
    pub received: u64,
    /// Messages in the last second.
    pub rate: u64,
    last_received: u64,
    last_ms: u64,
}

impl AppState {
    /// What the broker says of itself, while the page is connected to the broker that it comes from: of another one its
    /// ports would be a lie.
    pub fn broker_of_the_page(&self) -> Option<&BrokerInfo> {
        self.broker.as_deref().filter(|_| self.settings.broker.is_empty())
    }

    /// Before anything has happened.
    pub fn new(settings: Settings, subscriptions: Subscriptions, look: Look) -> Self {
        let client_id = settings.client_id.clone();
        let mut state = AppState {
            clock: Clock::default(),
            settings,
            connection: Connection {
                state: client::State::Idle,
                url: String::new(),
                retry_in_ms: 0,
                round_trip_ms: None,
                lost_at_ms: None,
            },
            broker: None,
            topics: Topics::default(),
            history: History::default(),
            counters: Counters::default(),
            subscriptions,
            publishing: Publishing::ready(&client_id),
            selection: Selection::default(),
            ui: Ui::new(look),
            demo: None,
            formats: Vec::new(),
            now: Time::ZERO,
        };
        state.relist();
        state
    }

    /// Another connection's state, before anything has happened to it, in the same surroundings.
    pub(crate) fn beside(&self, settings: Settings, subscriptions: Subscriptions) -> Self {
        AppState {
            clock: self.clock,
            now: self.now,
            broker: self.broker.clone(),
            ..AppState::new(settings, subscriptions, self.ui.look)
        }
    }

    /// Changes the state and says what is to be done.
    pub fn apply(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Page(_) => Vec::new(),
            Action::Event(event) => self.event(event),
            Action::Connection { state, url } => self.connection_changed(state, url),
            Action::RoundTrip(ms) => {
                self.connection.round_trip_ms = ms;
                Vec::new()
            }
            Action::Tick(clock, now) => self.tick(clock, now),
            Action::Broker(info) => {
                self.broker = Some(Rc::new(info));
                Vec::new()
            }
            Action::Located(location) => self.located(location),
            Action::Select(path) => self.select(&path),
            Action::SelectMessage(seq) => self.select_message(seq),
            Action::SelectLatest => self.changed(|s| s.selection.message = None),
            Action::Expand(id, expanded) => self.changed(|s| s.topics.set_expanded(id, expanded)),
            Action::ExpandAll(expanded) => self.changed(|s| s.topics.set_all_expanded(expanded)),
            Action::TreeFilter(text) => {
                self.topics.set_filter(&text);
                vec![Effect::Locate]
            }
            Action::TreeHold(held) => self.changed(|s| s.topics.hold(held)),
            Action::ListFilter(text) => {
                self.ui.list_filter = text;
                self.relist();
                vec![Effect::Locate]
            }
            Action::HideSystem(hide) => {
                self.ui.hide_system = hide;
                self.relist();
                Vec::new()
            }
            Action::Pause(paused) => {
                self.ui.paused = paused;
                self.refreeze()
            }
            Action::ListHold(held) => {
                self.ui.list_held = held;
                self.refreeze()
            }
            Action::ListAway(away) => {
                self.ui.list_away = away;
                self.refreeze()
            }
            Action::Clear => {
                self.history.clear();
                self.refreeze()
            }
            Action::Format(format) => self.set_format(format),
            Action::Copy(text) => {
                self.say(Text::Copied);
                vec![Effect::Copy(text)]
            }
            Action::Draft(edit) => self.edit_draft(edit),
            Action::Send => self.send(),
            Action::Accepted(result) => self.changed(|s| s.publishing.accepted(result)),
            Action::SubscriptionDraft(filter, qos) => self.changed(|s| {
                s.subscriptions.draft = subscriptions::Draft { filter, qos, error: None };
            }),
            Action::Subscribe => self.subscribe(),
            Action::Unsubscribe(filter) => {
                self.subscriptions.remove(&filter);
                vec![Effect::Unsubscribe(filter), Effect::KeepSubscriptions]
            }
            Action::Settings(settings) => {
                self.settings = *settings;
                self.ui.dialog = None;
                vec![Effect::KeepSettings, Effect::LocateBroker, Effect::Start]
            }
            Action::RetryNow => vec![Effect::RetryNow],
            Action::Wake => vec![Effect::Probe],
            Action::Dialog(dialog) => self.changed(|s| s.ui.dialog = dialog),
            Action::Ask(question) => self.changed(|s| s.ui.question = Some(*question)),
            Action::Answer(yes) => {
                let question = self.ui.question.take().filter(|_| yes);
                question.into_iter().map(|question| Effect::Act(question.then)).collect()
            }
            Action::Undo(toast) => {
                let undo = self.ui.toasts.take(toast);
                undo.into_iter().map(|action| Effect::Act(Box::new(action))).collect()
            }
            Action::Dismiss(toast) => self.changed(|s| drop(s.ui.toasts.take(toast))),
            Action::Tab(tab) => {
                self.ui.tab = tab;
                vec![Effect::Locate]
            }
            Action::Look(look) => {
                self.ui.look = look;
                vec![Effect::ShowLook]
            }
            Action::Demo(on) => self.changed(|s| s.demo = on.then_some(0)),
            Action::OpenTab => vec![Effect::OpenTab],
        }
    }

    /// Brings what is derived up to date; to be called before painting.
    pub fn refresh(&mut self) {
        self.topics.refresh();
    }

    /// The message that the detail pane shows, the one that was chosen or the topic's last, and the length of its
    /// whole payload, of which no more than the head may be left.
    pub fn shown_message(&self) -> Option<(Message, usize)> {
        let newest = || self.history.topic.seq(0).and_then(|seq| self.history.message(seq));
        if let Some(message) = self.selection.message.as_ref().or_else(newest) {
            return Some((message.clone(), message.payload.len()));
        }
        let node = self.topics.node(self.topics.find(self.selection.path.as_deref()?)?)?;
        let (topic, last) = (node.topic.clone()?, node.last.clone()?);
        let LastValue { seq, at_ms, head, len, qos, retain } = last;
        Some((Message { seq, at_ms, topic, payload: head, qos, retain, dup: false, properties: None }, len))
    }

    /// How the payloads of this topic are to be shown, if somebody has said so.
    pub fn format(&self, topic: &str) -> Option<Format> {
        self.formats.iter().find(|(known, _)| **known == *topic).map(|(_, format)| *format)
    }

    /// What the address bar says.
    pub fn location(&self) -> Location {
        Location {
            topic: self.selection.path.as_deref().unwrap_or_default().to_owned(),
            list_filter: self.ui.list_filter.clone(),
            tree_filter: self.topics.filter().to_owned(),
            tab: self.ui.tab,
        }
    }

    fn changed(&mut self, change: impl FnOnce(&mut Self)) -> Vec<Effect> {
        change(self);
        Vec::new()
    }

    fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Message(publish) => self.receive(publish),
            Event::Published { id, outcome } => self.publishing.outcome(id, outcome),
            Event::Subscribed { filter, result } => self.subscriptions.answered(&filter, result),
            Event::Connected { session_present, .. } => self.connected(session_present),
            Event::Dropped { count, why } => {
                let words = Phrase::from(Text::GivenUp).with("n", format::thousands(count));
                self.say(words.with("why", why.to_string()));
            }
            // The rest is in the state that comes with it.
            Event::StateChanged
            | Event::Unsubscribed { .. }
            | Event::ServerDisconnect { .. }
            | Event::ProtocolError { .. } => {}
        }
        Vec::new()
    }

    /// Says something for a moment.
    fn say(&mut self, words: impl Into<Phrase>) {
        self.ui.toasts.say(words.into(), None, self.clock.unix_ms);
    }

    fn receive(&mut self, publish: Publish) {
        self.counters.received += 1;
        let payload = match publish.payload.len() {
            0..COPY_BELOW_BYTES => Bytes::copy_from_slice(&publish.payload),
            _ => publish.payload,
        };
        let seq = self.history.next_seq();
        let at_ms = self.clock.unix_ms;
        let head = match payload.len() {
            0..=LAST_VALUE_BYTES => payload.clone(),
            _ => Bytes::copy_from_slice(payload.get(..LAST_VALUE_BYTES).unwrap_or_default()),
        };
        let (qos, retain) = (publish.qos, publish.retain);
        let value = LastValue { seq, at_ms, head, len: payload.len(), qos, retain };
        let topic = self.topics.record(&publish.topic, value);
        let properties = publish.properties.map(|properties| Rc::new(*properties));
        let dup = publish.dup;
        self.history.push(Entry::Message(Message {
            seq,
            at_ms,
            topic,
            payload,
            qos,
            retain,
            dup,
            properties,
        }));
    }

    fn connected(&mut self, session_present: bool) {
        if !session_present {
            self.subscriptions.forget_answers();
        }
        if let Some(from_ms) = self.connection.lost_at_ms.take() {
            let to_ms = self.clock.unix_ms;
            self.history.push(Entry::Gap { from_ms, to_ms, resumed: session_present });
        }
    }

    fn connection_changed(&mut self, state: client::State, url: String) -> Vec<Effect> {
        let was_connected = self.connection.state.is_connected();
        if was_connected && !state.is_connected() {
            self.connection.lost_at_ms = Some(self.clock.unix_ms);
            self.connection.round_trip_ms = None;
        }
        self.connection.state = state;
        self.connection.url = url;
        self.count_down();
        Vec::new()
    }

    fn tick(&mut self, clock: Clock, now: Time) -> Vec<Effect> {
        self.clock = clock;
        self.now = now;
        self.count_down();
        self.ui.toasts.expire(clock.unix_ms);
        let counters = &mut self.counters;
        let elapsed_ms = clock.unix_ms.saturating_sub(counters.last_ms);
        if elapsed_ms < 900 {
            return Vec::new();
        }
        let since = counters.received - counters.last_received;
        counters.rate = since.saturating_mul(1000) / elapsed_ms;
        (counters.last_received, counters.last_ms) = (counters.received, clock.unix_ms);
        match &mut self.demo {
            Some(n) if self.connection.state.is_connected() => {
                *n += 1;
                demo::messages(*n - 1).into_iter().map(Effect::Publish).collect()
            }
            _ => Vec::new(),
        }
    }

    fn count_down(&mut self) {
        self.connection.retry_in_ms = match &self.connection.state {
            client::State::Waiting { until, .. } => {
                u64::try_from((*until - self.now).as_millis()).unwrap_or(0)
            }
            _ => 0,
        };
    }

    fn located(&mut self, location: Location) -> Vec<Effect> {
        self.topics.set_filter(&location.tree_filter);
        self.ui.list_filter = location.list_filter;
        self.ui.tab = location.tab;
        self.relist();
        match location.topic.is_empty() {
            true => Vec::new(),
            false => self.select(&location.topic),
        }
    }

    fn select(&mut self, path: &str) -> Vec<Effect> {
        let path: Rc<str> = path.into();
        if let Some(id) = self.topics.find_path(&path) {
            self.topics.reveal(id);
        }
        // Topics that begin with `$` are the broker's to publish to.
        if !path.starts_with('$') {
            self.publishing.draft.topic = path.to_string();
        }
        self.history.set_topic(Matcher::Topic(path.clone()));
        self.selection = Selection { path: Some(path), message: None };
        vec![Effect::Locate]
    }

    fn select_message(&mut self, seq: u64) -> Vec<Effect> {
        let Some(message) = self.history.message(seq).cloned() else { return Vec::new() };
        if self.selection.path.as_deref() != Some(&*message.topic) {
            self.select(&message.topic);
        }
        self.selection.message = Some(message);
        vec![Effect::Locate]
    }

    fn set_format(&mut self, format: Format) -> Vec<Effect> {
        if let Some(path) = &self.selection.path {
            self.formats.retain(|(known, _)| known != path);
            self.formats.push((path.clone(), format));
        }
        Vec::new()
    }

    fn relist(&mut self) {
        let needle = Needle::new(&self.ui.list_filter);
        // Who looks for something beginning with '$' wants to see it.
        let hide_system = self.ui.hide_system && !self.ui.list_filter.starts_with('$');
        self.history.set_list(Matcher::Search { needle, hide_system });
    }

    fn refreeze(&mut self) -> Vec<Effect> {
        let frozen = self.ui.paused || self.ui.list_held || self.ui.list_away;
        self.history.list.set_frozen(frozen);
        Vec::new()
    }

    fn edit_draft(&mut self, edit: DraftEdit) -> Vec<Effect> {
        let draft = &mut self.publishing.draft;
        match edit {
            DraftEdit::Topic(topic) => draft.topic = topic,
            DraftEdit::Payload(payload) => draft.payload = payload,
            DraftEdit::QoS(qos) => draft.qos = qos,
            DraftEdit::Retain(retain) => draft.retain = retain,
        }
        Vec::new()
    }

    fn send(&mut self) -> Vec<Effect> {
        match self.publishing.send(self.clock.unix_ms) {
            Some(message) => vec![Effect::Send(message)],
            None => Vec::new(),
        }
    }

    fn subscribe(&mut self) -> Vec<Effect> {
        let draft = &mut self.subscriptions.draft;
        let filter = match TopicFilter::new(draft.filter.trim().to_owned()) {
            Ok(filter) => filter,
            Err(error) => {
                draft.error = Some(error);
                return Vec::new();
            }
        };
        let qos = draft.qos;
        draft.filter.clear();
        self.subscriptions.add(filter.clone(), qos);
        vec![Effect::Subscribe(filter), Effect::KeepSubscriptions]
    }
}

#[cfg(test)]
mod tests;
