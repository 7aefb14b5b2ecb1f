//! What this tab is subscribed to, what the broker said to it, and what the form for a subscription says.

use super::query;
use super::settings::{parse_qos, qos_digit};
use std::num::NonZeroU32;
use tabmq_shared::client::Subscription;
use tabmq_shared::packet::{PublishProperties, ReasonCode, RetainHandling, SubscriptionOptions};
use tabmq_shared::topic::{self, TopicError, TopicFilter, TopicName};

/// So many colours tell subscriptions apart; further ones share them.
pub const COLOURS: u8 = 8;

/// The largest subscription identifier (section 3.8.2.1.2).
const MAX_ID: u32 = 268_435_455;

/// One subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is asked for.
    pub filter: TopicFilter,
    /// How it is asked for.
    pub options: SubscriptionOptions,
    /// Comes back with each of its messages.
    pub id: Option<NonZeroU32>,
    /// Whether the broker is not to send anything for it at the moment.
    pub paused: bool,
    /// Below [`COLOURS`]: marks its messages.
    pub colour: u8,
    /// The broker's word on it: `None` until it has spoken, the granted QoS, or an error.
    pub answer: Option<ReasonCode>,
}

impl Row {
    /// As the client takes it.
    pub fn subscription(&self) -> Subscription {
        Subscription { filter: self.filter.clone(), options: self.options, id: self.id }
    }

    /// Options and state in one word, for the tab's storage: `1.l.p.h2.i7.z`.
    fn code(&self) -> String {
        let SubscriptionOptions { qos, no_local, retain_as_published, retain_handling } = self.options;
        let mut code = qos_digit(qos).to_owned();
        for (on, part) in [
            (no_local, ".l"),
            (retain_as_published, ".p"),
            (retain_handling == RetainHandling::SendIfNew, ".h1"),
            (retain_handling == RetainHandling::DoNotSend, ".h2"),
            (self.paused, ".z"),
        ] {
            if on {
                code.push_str(part);
            }
        }
        match self.id {
            Some(id) => format!("{code}.i{id}"),
            None => code,
        }
    }

    /// From a filter and the opposite of [`code`](Self::code).
    fn parse(code: &str, filter: String) -> Option<Self> {
        let mut parts = code.split('.');
        let qos = parse_qos(parts.next()?)?;
        let filter = TopicFilter::new(filter).ok()?;
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        let mut row = Row { filter, options, id: None, paused: false, colour: 0, answer: None };
        for part in parts {
            match part {
                "l" => row.options.no_local = true,
                "p" => row.options.retain_as_published = true,
                "h1" => row.options.retain_handling = RetainHandling::SendIfNew,
                "h2" => row.options.retain_handling = RetainHandling::DoNotSend,
                "z" => row.paused = true,
                other => row.id = other.strip_prefix('i').and_then(|id| parse_id(id).ok()).flatten(),
            }
        }
        Some(row)
    }
}

/// The form for a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The one that is changed; `None`: a new one.
    pub editing: Option<TopicFilter>,
    /// The filter as typed, without `$share/GROUP/` if there is a group.
    pub filter: String,
    /// The group of a shared subscription; empty: not shared.
    pub group: String,
    /// How to ask for it.
    pub options: SubscriptionOptions,
    /// The identifier as typed.
    pub id: String,
    /// What is wrong with it, once it was tried.
    pub error: Option<DraftError>,
}

/// What is wrong with the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// The filter is none.
    Filter(TopicError),
    /// The identifier is not a whole number from 1 to 268,435,455.
    Id,
    /// A shared subscription cannot be without one's own messages [MQTT-3.8.3-4].
    SharedNoLocal,
}

impl Default for Draft {
    /// At QoS 0, so that retained messages say that they are also when they change.
    fn default() -> Self {
        Draft {
            editing: None,
            filter: String::new(),
            group: String::new(),
            options: SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::default() },
            id: String::new(),
            error: None,
        }
    }
}

impl Draft {
    /// With what a subscription says.
    fn of(row: &Row) -> Self {
        let text = row.filter.as_str();
        let shared = text.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        let (group, filter) = shared.unwrap_or(("", text));
        Draft {
            editing: Some(row.filter.clone()),
            filter: filter.to_owned(),
            group: group.to_owned(),
            options: row.options,
            id: row.id.map(|id| id.to_string()).unwrap_or_default(),
            error: None,
        }
    }

    /// What the form says.
    fn row(&self) -> Result<Row, DraftError> {
        let filter = match self.group.trim() {
            "" => self.filter.trim().to_owned(),
            group => format!("$share/{group}/{}", self.filter.trim()),
        };
        let filter = TopicFilter::new(filter).map_err(DraftError::Filter)?;
        let id = parse_id(&self.id)?;
        if filter.as_str().starts_with("$share/") && self.options.no_local {
            return Err(DraftError::SharedNoLocal);
        }
        Ok(Row { filter, options: self.options, id, paused: false, colour: 0, answer: None })
    }
}

fn parse_id(text: &str) -> Result<Option<NonZeroU32>, DraftError> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(id) if NonZeroU32::get(id) <= MAX_ID => Ok(Some(id)),
            _ => Err(DraftError::Id),
        },
    }
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscriptions {
    /// In the order in which they were made.
    pub rows: Vec<Row>,
    /// The form.
    pub draft: Draft,
    /// Another number whenever the filters have changed: what was reckoned from them before is void.
    pub revision: u32,
    /// The broker's own figures are to be subscribed to as well, once it is known that it is one of ours.
    pub wants_figures: bool,
}

/// Where a broker publishes its own figures.
const FIGURES: &str = "$SYS/#";

impl Subscriptions {
    /// What a tab is subscribed to that was never told anything: everything, and the broker's own figures if it is one of
    /// ours. Others may close the connection of whoever asks for `$SYS` (rumqttd does).
    pub fn first_visit(own_broker: bool) -> Self {
        let mut subscriptions = Subscriptions::default();
        let filters: &[&str] = if own_broker { &["#", FIGURES] } else { &["#"] };
        for filter in filters {
            subscriptions.add_usual(filter);
        }
        subscriptions
    }

    /// The same while it is not known yet whether the page comes from a broker of ours or from a gateway.
    pub fn first_visit_of_the_page() -> Self {
        Subscriptions { wants_figures: true, ..Subscriptions::first_visit(false) }
    }

    /// Now it is known. What is to be subscribed to besides.
    pub fn figures(&mut self, own_broker: bool) -> Option<TopicFilter> {
        let wanted = std::mem::take(&mut self.wants_figures) && own_broker;
        wanted.then(|| self.add_usual(FIGURES)).flatten()
    }

    /// From what [`write`](Subscriptions::write) wrote.
    pub fn read(text: &str) -> Self {
        let mut subscriptions = Subscriptions::default();
        for (code, filter) in query::decode(text) {
            if let Some(row) = Row::parse(&code, filter) {
                subscriptions.put(row);
            }
        }
        subscriptions
    }

    /// Filters and options as text.
    pub fn write(&self) -> String {
        let codes: Vec<_> = self.rows.iter().map(|row| (row.code(), row.filter.as_str())).collect();
        query::encode(codes.iter().map(|(code, filter)| (code.as_str(), *filter)))
    }

    /// Adds one at QoS 0, so that retained messages say that they are also when they change; returns its filter.
    pub(super) fn add_usual(&mut self, filter: &str) -> Option<TopicFilter> {
        let row = Row::parse("0.p", filter.to_owned())?;
        let filter = row.filter.clone();
        self.put(row);
        Some(filter)
    }

    /// Adds one, or changes the one with this filter; its answer is still to come.
    pub(super) fn put(&mut self, row: Row) {
        self.revision = self.revision.wrapping_add(1);
        if let Some(known) = self.rows.iter_mut().find(|known| known.filter == row.filter) {
            *known = Row { colour: known.colour, answer: None, ..row };
            return;
        }
        let taken = |colour: u8| self.rows.iter().filter(|row| row.colour == colour).count();
        let colour = (0..COLOURS).min_by_key(|colour| taken(*colour)).unwrap_or(0);
        self.rows.push(Row { colour, answer: None, ..row });
    }

    /// Brings back one that was removed from this place, with the colour that its messages have.
    pub(super) fn bring_back(&mut self, row: Row, at: usize) {
        if self.rows.iter().any(|known| known.filter == row.filter) {
            return self.put(row);
        }
        self.revision = self.revision.wrapping_add(1);
        let at = at.min(self.rows.len());
        self.rows.insert(at, Row { answer: None, ..row });
    }

    /// Whether messages to this topic come anyway.
    pub fn covers(&self, topic: &TopicName) -> bool {
        let comes = |row: &&Row| !row.paused && row.answer.is_none_or(|answer| !answer.is_error());
        self.rows
            .iter()
            .filter(comes)
            .any(|row| row.filter.share_group().is_none() && row.filter.matches(topic))
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, filter: &TopicFilter) -> Option<(Row, usize)> {
        self.revision = self.revision.wrapping_add(1);
        let at = self.rows.iter().position(|row| row.filter == *filter)?;
        Some((self.rows.remove(at), at))
    }

    /// Has one paused, or has it go on.
    pub(super) fn pause(&mut self, filter: &TopicFilter, paused: bool) {
        self.revision = self.revision.wrapping_add(1);
        if let Some(row) = self.rows.iter_mut().find(|row| row.filter == *filter) {
            (row.paused, row.answer) = (paused, None);
        }
    }

    /// Begins to change one in the form.
    pub(super) fn edit(&mut self, filter: &TopicFilter) {
        if let Some(row) = self.rows.iter().find(|row| row.filter == *filter) {
            self.draft = Draft::of(row);
        }
    }

    /// Takes over what the form says: the filter to subscribe to, and the one that it replaces, if there is one. The
    /// form is empty then; or it says what is wrong.
    pub(super) fn submit(&mut self) -> Option<(TopicFilter, Option<TopicFilter>)> {
        let row = match self.draft.row() {
            Ok(row) => row,
            Err(error) => {
                self.draft.error = Some(error);
                return None;
            }
        };
        let Draft { editing, options, .. } = std::mem::take(&mut self.draft);
        if editing.is_none() {
            self.draft.options.qos = options.qos;
        }
        let filter = row.filter.clone();
        let replaced = editing.filter(|old| *old != filter);
        if let Some(old) = &replaced {
            self.remove(old);
        }
        self.put(row);
        Some((filter, replaced))
    }

    /// What is asked of the broker when a connection begins.
    pub fn wanted(&self) -> Vec<Subscription> {
        self.rows.iter().filter(|row| !row.paused).map(Row::subscription).collect()
    }

    /// The broker's word on one.
    pub(super) fn answered(&mut self, filter: &TopicFilter, answer: ReasonCode) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.filter == *filter && !row.paused) {
            row.answer = Some(answer);
        }
    }

    /// The connection is gone, and all answers with it.
    pub(super) fn forget_answers(&mut self) {
        for row in &mut self.rows {
            row.answer = None;
        }
    }

    /// The colours of the subscriptions that a topic matches, a bit each.
    pub(super) fn colours(&self, topic: &str) -> u8 {
        let matching = self.rows.iter().filter(|row| topic::matches(row.filter.filter(), topic));
        matching.fold(0, |colours, row| colours | 1 << row.colour)
    }

    /// The same for a message that says itself which subscriptions it came for; `None` if it does not.
    pub(super) fn colours_by_id(&self, properties: Option<&PublishProperties>) -> Option<u8> {
        let ids = properties.map(|properties| &properties.subscription_ids).filter(|ids| !ids.is_empty())?;
        let matching = self.rows.iter().filter(|row| row.id.is_some_and(|id| ids.contains(&id.get())));
        Some(matching.fold(0, |colours, row| colours | 1 << row.colour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::packet::QoS;

    fn filters(subscriptions: &Subscriptions) -> Vec<&str> {
        subscriptions.rows.iter().map(|row| row.filter.as_str()).collect()
    }

    #[test]
    fn kept() {
        let mut subscriptions = Subscriptions::first_visit(true);
        let options = SubscriptionOptions {
            qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: false,
            retain_handling: RetainHandling::DoNotSend,
        };
        let filter = TopicFilter::new("a b/+").unwrap();
        let id = NonZeroU32::new(MAX_ID);
        subscriptions.put(Row { filter, options, id, paused: true, colour: 0, answer: None });
        let read = Subscriptions::read(&subscriptions.write());
        assert_eq!(read.rows, subscriptions.rows);
        assert_eq!(Subscriptions::read("7=a&1=&1=a%23&1.x.i0=ok").rows.len(), 1);
    }

    #[test]
    fn a_foreign_broker_is_not_asked_for_its_figures() {
        assert_eq!(filters(&Subscriptions::first_visit(false)), ["#"]);
        for (own_broker, rows) in [(false, 1), (true, 2)] {
            let mut subscriptions = Subscriptions::first_visit_of_the_page();
            assert_eq!(subscriptions.rows.len(), 1, "before it is known");
            assert_eq!(subscriptions.figures(own_broker).is_some(), own_broker);
            assert_eq!((subscriptions.figures(own_broker), subscriptions.rows.len()), (None, rows), "once");
        }
    }

    #[test]
    fn the_form() {
        let mut subscriptions = Subscriptions::default();
        let draft = |filter: &str| Draft { filter: filter.into(), ..Draft::default() };
        let cases = [
            (draft("a#"), Err(DraftError::Filter(TopicError::MisplacedHash))),
            (Draft { id: "0".into(), ..draft("a") }, Err(DraftError::Id)),
            (Draft { id: "268435456".into(), ..draft("a") }, Err(DraftError::Id)),
            (Draft { id: " 7 ".into(), ..draft(" a/# ") }, Ok("a/#")),
            (Draft { group: "g".into(), ..draft("a/#") }, Ok("$share/g/a/#")),
            (Draft { group: "g+".into(), ..draft("a") }, Err(DraftError::Filter(TopicError::BadShare))),
        ];
        for (draft, expected) in cases {
            subscriptions.draft = draft.clone();
            let done = subscriptions.submit().map(|(filter, _)| filter.as_str().to_owned());
            assert_eq!(done.as_deref(), expected.ok(), "{draft:?}");
            assert_eq!(subscriptions.draft.error, expected.err(), "{draft:?}");
        }
        subscriptions.draft = Draft { group: "g".into(), ..draft("a") };
        subscriptions.draft.options.no_local = true;
        assert_eq!(
            (subscriptions.submit(), subscriptions.draft.error),
            (None, Some(DraftError::SharedNoLocal))
        );
    }

    #[test]
    fn changing_one() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add_usual("$share/g/a/#");
        let old = subscriptions.rows[0].filter.clone();
        subscriptions.edit(&old);
        assert_eq!((&*subscriptions.draft.filter, &*subscriptions.draft.group), ("a/#", "g"));
        subscriptions.draft.options.qos = QoS::AtLeastOnce;
        assert_eq!(subscriptions.submit(), Some((old.clone(), None)), "the same filter is not unsubscribed");
        assert_eq!(subscriptions.rows[0].options.qos, QoS::AtLeastOnce);
        subscriptions.edit(&old);
        subscriptions.draft.group.clear();
        let (_, replaced) = subscriptions.submit().unwrap();
        assert_eq!((replaced, filters(&subscriptions)), (Some(old), vec!["a/#"]));
    }

    #[test]
    fn the_same_filter_again_replaces_and_keeps_its_colour() {
        let mut subscriptions = Subscriptions::first_visit(true);
        let filter = TopicFilter::new("$SYS/#").unwrap();
        subscriptions.answered(&filter, ReasonCode::Success);
        subscriptions.put(Row::parse("1", "$SYS/#".into()).unwrap());
        let row = &subscriptions.rows[1];
        assert_eq!((row.options.qos, row.answer, row.colour), (QoS::AtLeastOnce, None, 1));
        assert_eq!(filters(&subscriptions), ["#", "$SYS/#"]);
        assert_eq!(subscriptions.remove(&filter).map(|(row, at)| (row.colour, at)), Some((1, 1)));
        subscriptions.add_usual("b");
        assert_eq!(subscriptions.rows[1].colour, 1, "a colour that is free again");
    }

    #[test]
    fn what_is_brought_back_has_its_place_and_its_colour() {
        let mut subscriptions = Subscriptions::first_visit(true);
        let filter = TopicFilter::new("#").unwrap();
        let (row, at) = subscriptions.remove(&filter).unwrap();
        subscriptions.add_usual("b");
        subscriptions.bring_back(row.clone(), at);
        assert_eq!(filters(&subscriptions), ["#", "$SYS/#", "b"]);
        assert_eq!(subscriptions.rows[0].colour, row.colour);
        subscriptions.bring_back(row, 7);
        assert_eq!(filters(&subscriptions), ["#", "$SYS/#", "b"], "there already");
    }

    #[test]
    fn colours() {
        let mut subscriptions = Subscriptions::default();
        for filter in ["a/#", "a/+", "$share/g/a/b", "c"] {
            subscriptions.add_usual(filter);
        }
        for (topic, expected) in [("a/b", 0b111), ("a", 0b1), ("c", 0b1000), ("d", 0)] {
            assert_eq!(subscriptions.colours(topic), expected, "{topic}");
        }
        subscriptions.rows[1].id = NonZeroU32::new(5);
        let with_ids =
            |ids: &[u32]| PublishProperties { subscription_ids: ids.to_vec(), ..Default::default() };
        assert_eq!(subscriptions.colours_by_id(Some(&with_ids(&[5, 9]))), Some(0b10));
        assert_eq!(subscriptions.colours_by_id(Some(&with_ids(&[]))), None);
        assert_eq!(subscriptions.colours_by_id(None), None);
    }

    #[test]
    fn a_paused_one_is_not_asked_for() {
        let mut subscriptions = Subscriptions::first_visit(true);
        let filter = TopicFilter::new("#").unwrap();
        subscriptions.pause(&filter, true);
        subscriptions.answered(&filter, ReasonCode::Success);
        assert_eq!(subscriptions.rows[0].answer, None);
        let wanted: Vec<_> = subscriptions.wanted().into_iter().map(|row| row.filter).collect();
        assert_eq!(wanted, [TopicFilter::new("$SYS/#").unwrap()]);
    }
}
