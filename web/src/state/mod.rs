//! What the page knows, and the one function that changes it.
//!
//! [`AppState::apply`] takes an [`Action`], a click for example, changes the state and says what is to be done outside, as
//! [`Effect`]s; [`AppState::hear`] does the same with what the client reports, messages above all. They touch neither
//! browser nor network, so all of it is tested natively.
//!
//! A page has several connections, each with a state of its own: the [`workspace`] hands the actions out.
//!
//! Messages arrive by the ten thousand; so the state is one value that is changed in place, and the page looks at it
//! once per frame. Nothing is "the latest message" of a render: each message is recorded when it comes.

mod action;
pub mod charts;
mod counters;
pub mod demo;
pub mod desk;
pub mod draft;
pub mod filter;
pub mod history;
pub mod layout;
pub mod natural;
pub mod needle;
mod outgoing;
mod payloads;
pub mod place;
pub mod profiles;
pub mod publish;
pub mod query;
pub mod recording;
pub mod request;
mod retained;
pub mod settings;
pub mod shapes;
pub mod shelf;
pub mod shortcuts;
pub mod subscriptions;
pub mod tape;
pub mod template;
pub mod toasts;
pub mod topics;
mod traffic;
mod ui;
mod view;
pub mod workspace;

pub use action::{Action, Clock, Effect, File, PublishAction};
pub use counters::Counters;
pub use draft::{DraftEdit, Half, line_and_column};
pub use ui::{BrokerInfo, Dialog, Location, Look, Selection, Tab, Theme, Ui};
pub use view::View;
pub use workspace::{ConnectionId, PageAction, Workspace};

use crate::format;
use crate::i18n::{Phrase, Text};
use bytes::Bytes;
use charts::{Births, ChartSlot};
use desk::Spot;
use filter::Search;
use history::{Direction, History, Limits, Matcher, Message};
use layout::Layout;
use payloads::Payloads;
use place::Place;
use publish::{Field, Publishing};
use rustc_hash::FxHashMap;
use settings::Settings;
use shapes::{Shape, Shapes};
use std::rc::Rc;
use subscriptions::Subscriptions;
use tabmq_decoders::protobuf::SourceFile;
use tabmq_shared::Time;
use tabmq_shared::client::{self, PublishId};
use tabmq_shared::topic::TopicFilter;
use tape::Tape;
use topics::{LastValue, Topics};

/// A tick that comes so late, in milliseconds, comes after a sleep.
const ASLEEP_MS: u64 = 15_000;

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
    /// Where their payloads lie.
    payloads: Payloads,
    /// Counters.
    pub counters: Counters,
    /// What this tab is subscribed to.
    pub subscriptions: Subscriptions,
    /// The publish form.
    pub publishing: Rc<Publishing>,
    /// Recordings, exports, files.
    pub tape: Tape,
    /// What is looked at.
    pub selection: Selection,
    /// The rest of what is seen.
    pub ui: Ui,
    /// How far the demo device is, if it runs.
    pub demo: Option<u64>,
    /// Messages in the list that were sent from here and whose outcome is not known: their numbers.
    sending: FxHashMap<PublishId, u64>,
    /// How payloads are looked at, by topic.
    pub shapes: Shapes,
    /// Schemas of Protobuf that were dropped on the page.
    pub schema: Rc<[SourceFile]>,
    /// The charts.
    pub charts: ChartSlot,
    /// What explains later messages of Sparkplug B.
    pub births: Births,
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
            payloads: Payloads::default(),
            counters: Counters::default(),
            subscriptions,
            tape: Tape::default(),
            publishing: Rc::new(Publishing::ready(&client_id, 0)),
            selection: Selection::default(),
            ui: Ui::new(look),
            demo: None,
            sending: FxHashMap::default(),
            shapes: Shapes::default(),
            schema: Rc::new([]),
            charts: ChartSlot::default(),
            births: Births::default(),
            now: Time::ZERO,
        };
        state.relist();
        state
    }

    /// The same with a tree that looks like this, and as much in the message list as these limits say.
    pub fn with(mut self, layout: Layout, limits: Limits) -> Self {
        self.topics = Topics::with_layout(layout);
        self.history.set_limits(limits);
        self
    }

    /// Another connection's state, before anything has happened to it, in the same surroundings.
    pub(crate) fn beside(&self, settings: Settings, subscriptions: Subscriptions) -> Self {
        let state = AppState {
            clock: self.clock,
            now: self.now,
            broker: self.broker.clone(),
            shapes: self.shapes.clone(),
            schema: self.schema.clone(),
            charts: self.charts.beside(),
            ..AppState::new(settings, subscriptions, self.ui.look)
        };
        state.with(Layout::default(), self.history.limits())
    }

    /// Changes the state and says what is to be done.
    pub fn apply(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Connection { state, url } => self.connection_changed(state, url),
            Action::RoundTrip(ms) => self.changed(|s| s.connection.round_trip_ms = ms),
            Action::Tick(clock, now) => self.tick(clock, now),
            Action::Located(location) => self.located(location),
            action => self.apply_rare(action),
        }
    }

    /// What comes seldom, compared with messages, and has no part in the first paint.
    #[inline(never)]
    fn apply_rare(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Say(words, undo) => {
                self.changed(|s| s.ui.toasts.say(words, undo.map(|undo| *undo), s.clock.unix_ms))
            }
            Action::Broker(info) => {
                let figures = self.subscriptions.figures(info.upstream.is_none());
                self.broker = Some(Rc::new(info));
                figures.map_or_else(Vec::new, |filter| {
                    vec![Effect::Subscribe(filter), Effect::KeepSubscriptions]
                })
            }
            Action::Select(path) => self.select(&path),
            Action::SelectMessage(seq) => self.select_message(seq),
            Action::SelectLatest => self.changed(|s| s.selection.message = None),
            Action::Expand(id, expanded) => self.relaid(|topics| topics.set_expanded(id, expanded)),
            Action::ExpandBelow(id, expanded) => {
                self.relaid(|topics| topics.set_expanded_below(id, expanded))
            }
            Action::ExpandAll(expanded) => self.relaid(|topics| topics.set_all_expanded(expanded)),
            Action::Pin(path, pinned) => self.relaid(|topics| topics.pin(&path, pinned)),
            Action::Hide(path) => {
                let undo = Action::Unhide(Some(path.clone()));
                self.say_with_undo(Phrase::from(Text::Hidden).with("topic", &path), undo);
                self.relaid(|topics| topics.hide(&path))
            }
            Action::Unhide(path) => self.relaid(|topics| topics.unhide(path.as_deref())),
            Action::OnlyChanged(on) => {
                let since = on.then(|| self.history.next_seq());
                self.changed(|s| s.topics.set_changed_since(since))
            }
            Action::AskClearRetained(path) => self.ask_clear_retained(&path),
            Action::ClearRetained(path) => self.clear_retained(&path),
            Action::RestoreRetained(messages) => self.restore_retained(*messages),
            Action::PublishHere(path) => self.publish_here(&path),
            Action::TreeFilter(text) => {
                self.topics.set_filter(&text);
                vec![Effect::Locate]
            }
            Action::TreeHold(held) => self.changed(|s| s.topics.hold(held)),
            Action::ListText(text) => {
                self.ui.list_filter.text = text;
                self.relist();
                vec![Effect::Locate]
            }
            Action::ListFilter(filter) => {
                self.ui.list_filter = filter;
                self.relist();
                vec![Effect::Locate]
            }
            Action::MoreFilters(shown) => self.changed(|s| s.ui.more_filters = shown),
            Action::Limits(limits) => {
                self.history.set_limits(limits);
                vec![Effect::KeepLimits]
            }
            Action::Pause(paused) => {
                self.ui.paused = paused;
                self.refreeze()
            }
            Action::ListHold(held) => {
                self.ui.list_held = held;
                self.refreeze()
            }
            Action::DetailHold(held) => self.changed(|s| s.history.topic.set_frozen(held)),
            Action::ListAway(away) => {
                self.ui.list_away = away;
                self.refreeze()
            }
            Action::Clear => {
                let words = Phrase::from(Text::ClearedMessages);
                let count = self.history.clear();
                self.say_with_undo(words.with("n", format::thousands(count as u64)), Action::Unclear);
                self.refreeze()
            }
            Action::Unclear => {
                self.history.restore();
                self.refreeze()
            }
            Action::Shape(shape) => self.set_shape(*shape),
            Action::Schema(files) => {
                self.schema = files.into();
                vec![Effect::KeepSchema]
            }
            Action::Shapes(shapes) => self.changed(|s| s.shapes = Rc::unwrap_or_clone(shapes)),
            Action::Save(file) => vec![Effect::Save(file)],
            Action::Chart(action) => {
                let again = self.charts.apply(action, self.clock.unix_ms);
                self.rechart(again);
                vec![Effect::Locate]
            }
            Action::ChartsReady(maker) => self.changed(|s| {
                let again = s.charts.make(maker);
                s.rechart(again);
            }),
            Action::ChartsRefill => self.changed(|s| s.rechart(true)),
            Action::Copy(text) => vec![Effect::Copy(text)],
            Action::CopyLink => vec![Effect::CopyLink],
            Action::Draft(edit) => self.changed(|s| s.publishing_mut().edit(edit)),
            Action::Send => self.send(),
            Action::Accepted(result) => self.changed(|s| s.publishing_mut().accepted(result)),
            Action::Publish(action) => self.publish_action(action),
            Action::Tape(action) => self.tape_action(action),
            Action::Shelf(shelf) => self.changed(|s| s.publishing_mut().shelf = shelf),
            Action::Sent(message, result) => {
                self.sent(*message, result);
                self.tape_message()
            }
            Action::SubscriptionDraft(draft) => self.changed(|s| s.subscriptions.draft = *draft),
            Action::EditSubscription(filter) => self.changed(|s| {
                s.subscriptions.edit(&filter);
                s.ui.dialog = Some(Dialog::Subscription);
            }),
            Action::Subscribe => self.subscribe(),
            Action::SubscribeTo(filter) => {
                let filter = self.subscriptions.add_usual(&filter);
                filter.map_or_else(Vec::new, |filter| {
                    vec![Effect::Subscribe(filter), Effect::KeepSubscriptions]
                })
            }
            Action::Resubscribe(row, at) => {
                let filter = row.filter.clone();
                self.subscriptions.bring_back(*row, at);
                vec![Effect::Subscribe(filter), Effect::KeepSubscriptions]
            }
            Action::Unsubscribe(filter) => self.unsubscribe(filter),
            Action::PauseSubscription(filter, paused) => {
                self.subscriptions.pause(&filter, paused);
                let effect = if paused { Effect::Unsubscribe } else { Effect::Subscribe };
                vec![effect(filter), Effect::KeepSubscriptions]
            }
            Action::Settings(settings) => {
                self.settings = *settings;
                self.ui.dialog = None;
                self.forget_sending();
                vec![Effect::KeepSettings, Effect::LocateBroker, Effect::Start]
            }
            Action::RetryNow => vec![Effect::RetryNow],
            Action::Disconnect => {
                self.ui.dialog = None;
                vec![Effect::Stop]
            }
            Action::Wake => vec![Effect::Probe],
            // A recorded session has no connection to be set: a new one is meant.
            Action::Dialog(Some(Dialog::Connection)) if self.is_session() => {
                self.changed(|s| s.ui.dialog = Some(Dialog::NewConnection))
            }
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
            Action::Place(place) => {
                self.ui.place = place;
                vec![Effect::Locate]
            }
            Action::Tab(tab) => {
                self.ui.tab = tab;
                self.ui.place = Place::Explore;
                vec![Effect::Locate]
            }
            Action::Look(look) => {
                self.ui.look = look;
                vec![Effect::ShowLook]
            }
            Action::Demo(on) => self.changed(|s| s.demo = on.then_some(0)),
            Action::OpenTab => vec![Effect::OpenTab],
            // The workspace has done it, or it is not rare.
            _ => Vec::new(),
        }
    }

    /// Brings what is derived up to date; to be called before painting.
    pub fn refresh(&mut self) {
        self.topics.refresh();
        self.counters.painted += 1;
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
        let payload = Bytes::from(head);
        Some((Message { seq, at_ms, topic, payload, qos, retain, ..Message::default() }, len))
    }

    /// What the address bar says.
    pub fn location(&self) -> Location {
        Location {
            topic: self.selection.path.as_deref().unwrap_or_default().to_owned(),
            list_filter: self.ui.list_filter.clone(),
            tree_filter: self.topics.filter().to_owned(),
            tab: self.ui.tab,
            charts: self.charts.link(),
            place: self.ui.place,
            spot: Spot::default(),
        }
    }

    fn changed(&mut self, change: impl FnOnce(&mut Self)) -> Vec<Effect> {
        change(self);
        Vec::new()
    }

    /// Says something for a moment, with a way back.
    fn say_with_undo(&mut self, words: Phrase, undo: Action) {
        self.ui.toasts.say(words, Some(undo), self.clock.unix_ms);
    }

    /// Says something for a moment.
    fn say(&mut self, words: impl Into<Phrase>) {
        self.ui.toasts.say(words.into(), None, self.clock.unix_ms);
    }

    fn connection_changed(&mut self, state: client::State, url: String) -> Vec<Effect> {
        let was_connected = self.connection.state.is_connected();
        if was_connected && !state.is_connected() {
            self.connection.lost_at_ms = Some(self.clock.unix_ms);
            self.connection.round_trip_ms = None;
        }
        self.connection.state = state;
        let before = std::mem::replace(&mut self.connection.url, url);
        if before != self.connection.url && !before.is_empty() {
            self.another_broker();
        }
        self.count_down();
        Vec::new()
    }

    /// What the broker before has said is not true of this one: topics and values go, retained ones above all, and
    /// messages can be brought back.
    #[inline(never)]
    fn another_broker(&mut self) {
        self.topics = Topics::with_layout(self.topics.layout().clone());
        self.topics.set_filter(&self.location().tree_filter);
        let count = self.history.clear();
        if count > 0 {
            let words = Phrase::from(Text::AnotherBroker).with("n", format::thousands(count as u64));
            self.say_with_undo(words, Action::Unclear);
        }
        self.refreeze();
    }

    fn tick(&mut self, clock: Clock, now: Time) -> Vec<Effect> {
        self.clock = clock;
        self.now = now;
        self.count_down();
        self.ui.toasts.expire(clock.unix_ms);
        if !self.ui.toasts.rows().iter().any(|toast| toast.undo.as_deref() == Some(&Action::Unclear)) {
            self.history.forget_cleared();
        }
        let Some((elapsed_ms, is_first)) = self.counters.second_over(clock.unix_ms) else {
            return self.due();
        };
        self.topics.measure(elapsed_ms);
        let mut effects = self.due();
        // No timer is this late in a page that is awake: the machine slept, and the connection may be dead.
        if elapsed_ms > ASLEEP_MS && !is_first {
            effects.push(Effect::Probe);
        }
        if let Some(n) = self.demo.as_mut().filter(|_| self.connection.state.is_connected()) {
            *n += 1;
            effects.extend(demo::messages(*n - 1).into_iter().map(Effect::Publish));
        }
        effects
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
        self.ui.place = location.place;
        let again = self.charts.read(&location.charts);
        self.rechart(again);
        self.relist();
        match location.topic.is_empty() {
            true => self.selection = Selection::default(),
            // The address bar says it already.
            false => drop(self.select(&location.topic)),
        }
        Vec::new()
    }

    fn select(&mut self, path: &str) -> Vec<Effect> {
        let path: Rc<str> = path.into();
        if let Some(id) = self.topics.find_path(&path) {
            self.topics.reveal(id);
        }
        // Topics that begin with `$` are the broker's to publish to.
        if !path.starts_with('$') {
            self.publishing_mut().edit(DraftEdit::Text(Field::Topic, path.to_string()));
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

    fn set_shape(&mut self, shape: Shape) -> Vec<Effect> {
        match &self.selection.path {
            Some(path) => self.shapes.set(path.clone(), shape),
            None => return Vec::new(),
        }
        vec![Effect::KeepShapes]
    }

    /// Tells the charts of all messages that are kept: those that they know already change nothing.
    fn rechart(&mut self, again: bool) {
        if again && !self.charts.is_empty() {
            let received = |message: &&Message| message.direction == Direction::Received;
            for message in self.history.messages().filter(received) {
                self.charts.record(message, &self.births);
            }
        }
    }

    fn relist(&mut self) {
        self.history.set_list(Matcher::Search(Search::new(&self.ui.list_filter)));
    }

    fn refreeze(&mut self) -> Vec<Effect> {
        let frozen = self.ui.paused || self.ui.list_held || self.ui.list_away;
        self.history.list.set_frozen(frozen);
        Vec::new()
    }

    fn subscribe(&mut self) -> Vec<Effect> {
        let Some((filter, replaced)) = self.subscriptions.submit() else { return Vec::new() };
        self.ui.dialog.take_if(|dialog| *dialog == Dialog::Subscription);
        let unsubscribe = replaced.map(Effect::Unsubscribe);
        unsubscribe.into_iter().chain([Effect::Subscribe(filter), Effect::KeepSubscriptions]).collect()
    }

    fn unsubscribe(&mut self, filter: TopicFilter) -> Vec<Effect> {
        if let Some((row, at)) = self.subscriptions.remove(&filter) {
            let words = Phrase::from(Text::Unsubscribed).with("filter", row.filter.as_str());
            self.say_with_undo(words, Action::Resubscribe(Box::new(row), at));
        }
        vec![Effect::Unsubscribe(filter), Effect::KeepSubscriptions]
    }

    fn publish_here(&mut self, path: &str) -> Vec<Effect> {
        self.publishing_mut().edit(DraftEdit::Text(Field::Topic, path.to_owned()));
        self.ui.tab = Tab::Publish;
        self.ui.place = Place::Explore;
        vec![Effect::Locate, Effect::Focus("publish-payload")]
    }

    /// Changes how the tree looks, and keeps that.
    fn relaid(&mut self, change: impl FnOnce(&mut Topics)) -> Vec<Effect> {
        change(&mut self.topics);
        vec![Effect::KeepLayout]
    }
}

#[cfg(test)]
mod tests;
