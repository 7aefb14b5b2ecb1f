//! The view of what the broker keeps: one message for each topic, whoever has published it and whenever.
//!
//! Before anything is cleared, all of it is fetched, so that it is counted, and can be published again:
//!
//! ```text
//!  AskClear --Keep pages--> question --Clear--> the broker --> toast with undo --Restore, one by one--> the broker
//! ```

use super::ask::{Ask, Poll, Reply, Trouble, What, read};
use super::gone::Gone;
use super::sweep::Sweep;
use super::{Step, question, say, visit};
use crate::format;
use crate::i18n::words::Words;
use crate::payload::visible_line;
use crate::state::desk::{Around, Spot};
use crate::state::needle::Needle;
use crate::state::place::Place;
use crate::state::{Action, Effect};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use tabmq_shared::api::retained::{RETAINED_PATH, RetainedMessage, RetainedPage, RetainedRemoved};
use tabmq_shared::api::{PUBLISH_PATH, Properties, PublishRequest, PublishResponse};
use tabmq_shared::topic::TopicFilter;

/// No more than this are listed; it is said that there are more.
pub const MAX_ROWS: usize = 200_000;

/// How many are asked for at a time, and how many bytes of each payload.
const PAGE: &str = "1000";
const PREVIEW: &str = "200";

/// As much of one payload as the broker shows.
const WHOLE: &str = "65536";

/// What is cleared can be brought back up to so much.
const KEPT_MESSAGES: usize = 20_000;
const KEPT_BYTES: usize = 32 << 20;

/// So many topics are named when it is asked about.
const NAMED: usize = 100;

const DETAIL_MS: u64 = 3_000;
const TYPING_MS: u64 = 250;

/// What rows are in the order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The topic, level by level.
    #[default]
    Topic,
    /// The payload's length.
    Size,
    /// When it was published.
    Age,
    /// By whom.
    Publisher,
}

/// What can be done here.
#[derive(Clone, Debug, PartialEq)]
pub enum RetainedStep {
    /// Only topics in which this text is found, or which this topic filter matches.
    Find(String),
    /// In this order; once more: in the opposite one.
    Sort(Column),
    /// The pointer is over the rows, or has left them.
    Hold(bool),
    /// Look into this topic's message; `None`: into none.
    Select(Option<String>),
    /// Ask whether what is kept under this filter is to be cleared.
    AskClear(String),
    /// Clear it.
    Clear(String, Rc<Kept>),
    /// Publish it again.
    Restore(Rc<Kept>),
}

/// What can be brought back.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    messages: Vec<PublishRequest>,
    /// What is cleared besides, and cannot be brought back.
    lost: usize,
    bytes: usize,
    topics: Vec<String>,
}

/// A message as a row shows it.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// All that the broker says.
    pub message: RetainedMessage,
    /// Its first bytes; `None`: this user may not read them.
    pub payload: Option<Bytes>,
    /// When it was published, in Unix milliseconds.
    pub at_ms: u64,
}

impl Row {
    fn new(message: RetainedMessage, now_ms: u64) -> Rc<Row> {
        let payload = message.payload_base64.as_deref().and_then(|text| STANDARD.decode(text).ok());
        let at_ms = now_ms.saturating_sub(message.age_s.saturating_mul(1000));
        // The bytes are here once, not twice.
        let message = RetainedMessage { payload_base64: None, ..message };
        Rc::new(Row { message, payload: payload.map(Bytes::from), at_ms })
    }

    /// Whether it is the same message, seen at another time.
    fn is_as(&self, other: &Row) -> bool {
        let key = |row: &Row| {
            let message = &row.message;
            (message.qos, message.payload_bytes, message.expires_in_s)
        };
        let (a, b) = (&self.message, &other.message);
        // When it was published is known to the second, give or take one.
        self.at_ms.abs_diff(other.at_ms) <= 1_500
            && key(self) == key(other)
            && a.topic == b.topic
            && a.publisher == b.publisher
            && a.properties == b.properties
            && self.payload == other.payload
    }
}

/// What is on its way to being cleared.
#[derive(Debug, Default)]
struct Keeping {
    filter: String,
    kept: Kept,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Retained {
    /// In the broker's order, of the last complete walk and of the one that goes on.
    all: Rc<Vec<Rc<Row>>>,
    coming: Vec<Rc<Row>>,
    gone: Gone<Rc<Row>>,
    order: Rc<Vec<Rc<Row>>>,
    /// The rows' payloads, in bytes.
    pub rows_bytes: u64,
    /// Why there is nothing new.
    pub trouble: Option<Trouble>,
    /// What is looked for.
    pub find: String,
    /// The order, and whether it is the opposite.
    pub sort: (Column, bool),
    /// Whether no row moves.
    pub held: bool,
    /// Whether there are too many to be listed.
    pub is_cut: bool,
    /// The topic that is looked into.
    pub selected: Option<String>,
    /// Its message.
    pub detail: Option<Result<Rc<Row>, Trouble>>,
    keeping: Option<Keeping>,
    /// What is about to be cleared.
    cleared: Option<Rc<Kept>>,
    restoring: VecDeque<PublishRequest>,
    restored: (usize, usize),
    sweep: Sweep,
    look: Poll,
    errands: Vec<Ask>,
}

impl Retained {
    /// The rows.
    pub fn rows(&self) -> &[Rc<Row>] {
        &self.order
    }

    /// Whether everything was seen once.
    pub fn is_complete(&self) -> bool {
        self.sweep.complete
    }

    /// Whether it is being counted what would be cleared, or what was cleared is being brought back.
    pub fn is_busy(&self) -> bool {
        self.keeping.is_some() || !self.restoring.is_empty()
    }

    /// The topic filter that is typed, if all that it matches can be cleared at once.
    pub fn clearable(&self) -> Option<String> {
        match self.find.trim() {
            "" => Some("#".to_owned()),
            text => TopicFilter::new(text.to_owned())
                .ok()
                .filter(TopicFilter::has_wildcards)
                .map(|_| text.to_owned()),
        }
    }

    pub(super) fn go(&mut self, spot: &Spot) {
        if self.find != spot.find {
            self.find.clone_from(&spot.find);
            self.sweep.begin_anew();
            self.coming.clear();
            self.arrange();
        }
        let item = Some(spot.item.clone()).filter(|item| !item.is_empty());
        if self.selected != item {
            self.select(item);
        }
    }

    pub(super) fn spot(&self) -> Spot {
        Spot { find: self.find.clone(), item: self.selected.clone().unwrap_or_default() }
    }

    pub(super) fn emptied(&self) -> Retained {
        let (find, selected) = (self.find.clone(), self.selected.clone());
        Retained { find, selected, sort: self.sort, ..Retained::default() }
    }

    pub(super) fn wanted(&mut self, now_ms: u64) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.sweep.poll.is_due(now_ms) {
            self.sweep.poll.asked();
            let filter = self.clearable().unwrap_or_default();
            let query =
                [("filter", &*filter), ("after", &self.sweep.after), ("limit", PAGE), ("preview", PREVIEW)];
            asks.push(Ask::get(What::RetainedPage(self.sweep.number), RETAINED_PATH, &query));
        }
        if let Some(topic) = self.selected.as_ref().filter(|_| self.look.is_due(now_ms)) {
            self.look.asked();
            let query = [("filter", topic.as_str()), ("limit", "1"), ("preview", WHOLE)];
            asks.push(Ask::get(What::RetainedOne(topic.clone()), RETAINED_PATH, &query));
        }
        asks
    }

    /// What is to be done whatever is looked at.
    pub(super) fn errands(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.errands)
    }

    pub(super) fn forget_questions(&mut self) {
        self.keeping = None;
        self.sweep.begin();
        self.coming.clear();
        self.look.at_once();
    }

    pub(super) fn answered(
        &mut self,
        what: &What,
        reply: &Result<Reply, Trouble>,
        around: &Around<'_>,
    ) -> Vec<Effect> {
        let now_ms = around.clock.unix_ms;
        match what {
            What::RetainedPage(sweep) if *sweep == self.sweep.number => self.page(read(reply), now_ms),
            What::RetainedOne(topic) if self.selected.as_ref() == Some(topic) => {
                self.look.again_in(now_ms, DETAIL_MS);
                self.looked_into(read(reply), now_ms);
            }
            What::Keep(filter) => return self.keep(filter, read(reply), around),
            What::Clear { .. } => return self.was_cleared(read(reply), around),
            What::Restore => return self.was_restored(read(reply), around),
            _ => {}
        }
        Vec::new()
    }

    fn page(&mut self, page: Result<RetainedPage, Trouble>, now_ms: u64) {
        let page = match page {
            Ok(page) => page,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return self.sweep.failed(now_ms);
            }
        };
        self.trouble = None;
        let known = &self.all;
        let first = self.coming.len();
        // What has not changed is the row that is there: so most rows of a long list are never made anew, nor all at once.
        self.coming.extend(page.messages.into_iter().enumerate().map(|(i, message)| {
            let row = Row::new(message, now_ms);
            known.get(first + i).filter(|known| known.is_as(&row)).cloned().unwrap_or(row)
        }));
        self.is_cut = self.coming.len() > MAX_ROWS;
        self.coming.truncate(MAX_ROWS);
        let next = page.next.as_deref().filter(|_| !self.is_cut);
        let is_last = next.is_none();
        let shows = self.sweep.shows(is_last, self.all.len(), self.coming.len());
        self.sweep.turned(next, now_ms);
        let all = match (shows, is_last) {
            (false, _) => return,
            (true, true) => std::mem::take(&mut self.coming),
            (true, false) => self.coming.clone(),
        };
        let before = std::mem::replace(&mut self.all, Rc::new(all));
        self.arrange();
        // While the rows are held, they are still shown, and not many are held for long.
        if let Ok(before) = Rc::try_unwrap(before) {
            self.gone.take(before);
        }
    }

    /// A moment has passed: frees some of the rows that are not needed any more.
    pub(super) fn give_back(&mut self) {
        self.gone.give_back();
    }

    fn looked_into(&mut self, page: Result<RetainedPage, Trouble>, now_ms: u64) {
        let detail = page.and_then(|page| {
            let message = page.messages.into_iter().next().ok_or(Trouble::Missing)?;
            Ok(Row::new(message, now_ms))
        });
        if !matches!((&detail, &self.detail), (Err(Trouble::Unreachable), Some(Ok(_)))) {
            self.detail = Some(detail);
        }
    }

    pub(super) fn apply(&mut self, step: &RetainedStep, around: &Around<'_>) -> Vec<Effect> {
        match step {
            RetainedStep::Find(text) => {
                self.find.clone_from(text);
                self.begin_anew(around.clock.unix_ms);
                return vec![Effect::Locate];
            }
            RetainedStep::Sort(column) => {
                let (before, opposite) = self.sort;
                self.sort = (*column, before == *column && !opposite);
                self.arrange_now();
            }
            RetainedStep::Hold(held) => {
                self.held = *held;
                self.arrange();
            }
            RetainedStep::Select(topic) => {
                self.select(topic.clone());
                // How it is looked at belongs to the topic that is looked at.
                let select = topic.clone().map(|topic| Effect::Act(Box::new(Action::Select(topic))));
                return select.into_iter().chain([visit(Place::Retained), Effect::Locate]).collect();
            }
            RetainedStep::AskClear(filter) => {
                self.keeping = Some(Keeping { filter: filter.clone(), ..Keeping::default() });
                self.ask_for_keeping(filter, "");
            }
            RetainedStep::Clear(filter, kept) => {
                self.cleared = Some(kept.clone());
                let what = What::Clear { filter: filter.clone() };
                let name = if has_wildcards(filter) { "filter" } else { "topic" };
                self.errands.push(Ask::delete(what, RETAINED_PATH, &[(name, filter)]));
            }
            RetainedStep::Restore(kept) => {
                self.restored = (0, 0);
                self.restoring.extend(kept.messages.iter().cloned());
                self.restore_next();
            }
        }
        Vec::new()
    }

    fn begin_anew(&mut self, now_ms: u64) {
        self.sweep.begin_anew();
        self.sweep.poll.not_before(now_ms, TYPING_MS);
        self.coming.clear();
        self.arrange_now();
    }

    fn select(&mut self, topic: Option<String>) {
        self.selected = topic;
        self.detail = None;
        self.look.at_once();
    }

    fn arrange(&mut self) {
        if !self.held {
            self.arrange_now();
        }
    }

    fn arrange_now(&mut self) {
        let needle = Needle::new(&self.find);
        self.order = match (needle.is_empty(), self.sort) {
            (true, (Column::Topic, false)) => self.all.clone(),
            _ => Rc::new(self.sorted(&needle)),
        };
        self.rows_bytes = self.order.iter().map(|row| row.message.payload_bytes as u64).sum();
    }

    /// The rows that are found, in the order that is wanted. By figures and ranks that are looked up once: there may be very
    /// many rows.
    fn sorted(&self, needle: &Needle) -> Vec<Rc<Row>> {
        let found = self.all.iter().filter(|row| needle.finds(&row.message.topic));
        let mut rows: Vec<_> = found.cloned().collect();
        let (column, opposite) = self.sort;
        match column {
            Column::Topic => {}
            Column::Size => rows.sort_by_cached_key(|row| std::cmp::Reverse(row.message.payload_bytes)),
            Column::Age => rows.sort_by_cached_key(|row| std::cmp::Reverse(row.at_ms)),
            Column::Publisher => {
                // Most have the publisher of the row before: to see that takes less than to look it up.
                let (mut names, mut last) = (BTreeSet::new(), None);
                for row in self.all.iter() {
                    let name = row.message.publisher.as_deref();
                    if name != std::mem::replace(&mut last, name) {
                        names.extend(name);
                    }
                }
                let ranks: FxHashMap<_, _> = names.into_iter().zip(0u32..).collect();
                // Who is not known comes last.
                let rank = |row: &Rc<Row>| ranks.get(row.message.publisher.as_deref()?).copied();
                rows.sort_by_cached_key(|row| rank(row).unwrap_or(u32::MAX));
            }
        }
        if opposite {
            rows.reverse();
        }
        rows
    }

    // Clearing

    fn ask_for_keeping(&mut self, filter: &str, after: &str) {
        let query = [("filter", filter), ("after", after), ("limit", PAGE), ("preview", WHOLE)];
        self.errands.push(Ask::get(What::Keep(filter.to_owned()), RETAINED_PATH, &query));
    }

    fn keep(
        &mut self,
        filter: &str,
        page: Result<RetainedPage, Trouble>,
        around: &Around<'_>,
    ) -> Vec<Effect> {
        let Some(mut keeping) = self.keeping.take().filter(|keeping| keeping.filter == filter) else {
            return Vec::new();
        };
        let page = match page {
            Ok(page) => page,
            Err(trouble) => return vec![say(trouble.words(around.lang), None)],
        };
        page.messages.into_iter().for_each(|message| keeping.kept.take(message));
        if let Some(next) = page.next {
            self.keeping = Some(keeping);
            self.ask_for_keeping(filter, &next);
            return Vec::new();
        }
        vec![ask_clear(filter, keeping.kept, around)]
    }

    fn was_cleared(&mut self, removed: Result<RetainedRemoved, Trouble>, around: &Around<'_>) -> Vec<Effect> {
        let lang = around.lang;
        let kept = self.cleared.take().unwrap_or_default();
        let removed = match removed {
            Ok(removed) => removed,
            Err(trouble) => return vec![say(trouble.words(lang), None)],
        };
        let n = |n: usize| format::thousands(n as u64);
        let values = [("n", &*n(removed.removed)), ("denied", &n(removed.denied))];
        let words = if removed.denied > 0 { Words::ClearedSome } else { Words::Cleared };
        self.begin_anew(around.clock.unix_ms);
        self.look.at_once();
        let undo = (removed.removed > 0 && !kept.messages.is_empty())
            .then_some(Step::Retained(RetainedStep::Restore(kept)));
        vec![say(lang.fill_words(words, &values), undo)]
    }

    /// One after the other, so that the broker has them in their order, and the browser its connections.
    fn restore_next(&mut self) {
        if let Some(body) = self.restoring.front().and_then(|request| serde_json::to_string(request).ok()) {
            self.errands.push(Ask::post(What::Restore, PUBLISH_PATH, body));
        }
    }

    fn was_restored(
        &mut self,
        published: Result<PublishResponse, Trouble>,
        around: &Around<'_>,
    ) -> Vec<Effect> {
        self.restoring.pop_front();
        match published {
            Ok(_) => self.restored.0 += 1,
            Err(_) => self.restored.1 += 1,
        }
        self.restore_next();
        if !self.restoring.is_empty() {
            return Vec::new();
        }
        self.begin_anew(around.clock.unix_ms);
        self.look.at_once();
        let (done, failed) = self.restored;
        let n = |n: usize| format::thousands(n as u64);
        let words = if failed > 0 { Words::RestoredSome } else { Words::Restored };
        vec![say(around.lang.fill_words(words, &[("n", &n(done)), ("failed", &n(failed))]), None)]
    }
}

impl Kept {
    /// Keeps a message, if all of it is here and there is room.
    fn take(&mut self, message: RetainedMessage) {
        // The broker's own ones stay where they are.
        if message.topic.starts_with("$SYS/") {
            return;
        }
        if self.topics.len() < NAMED {
            self.topics.push(message.topic.clone());
        }
        let payload = message.payload_base64.filter(|text| decoded_len(text) == message.payload_bytes);
        let has_room = self.messages.len() < KEPT_MESSAGES && self.bytes < KEPT_BYTES;
        let Some(payload) = payload.filter(|_| has_room) else {
            self.lost += 1;
            return;
        };
        self.bytes += message.payload_bytes;
        // It is of use as long as it would have been.
        let expiry = message.expires_in_s.map(|s| u32::try_from(s).unwrap_or(u32::MAX).max(1));
        let mut properties = message.properties;
        if expiry.is_some() {
            properties.get_or_insert_with(Properties::default).message_expiry_s = expiry;
        }
        self.messages.push(PublishRequest {
            topic: message.topic,
            payload: None,
            payload_base64: Some(payload),
            qos: message.qos,
            retain: true,
            properties,
        });
    }

    fn count(&self) -> usize {
        self.messages.len() + self.lost
    }
}

fn ask_clear(filter: &str, kept: Kept, around: &Around<'_>) -> Effect {
    let lang = around.lang;
    let n = format::thousands(kept.count() as u64);
    let (lost, topic) = (format::thousands(kept.lost as u64), visible_line(filter));
    let values = [("n", &*n), ("topic", &topic), ("lost", &lost)];
    if kept.count() == 0 {
        return say(lang.fill_words(Words::NothingKept, &values), None);
    }
    let mut lines: Vec<_> = kept.topics.iter().map(|topic| visible_line(topic)).collect();
    if kept.count() > lines.len() {
        lines.push(format!("\u{2026} + {}", format::thousands((kept.count() - lines.len()) as u64)));
    }
    let words = match (kept.lost, has_wildcards(filter)) {
        (0, true) => Words::AskClear,
        (0, false) => Words::AskClearOne,
        (_, true) => Words::AskClearLost,
        (_, false) => Words::AskClearOneLost,
    };
    let then = Step::Retained(RetainedStep::Clear(filter.to_owned(), Rc::new(kept)));
    question(lang.fill_words(words, &values), lines, lang.fill_words(Words::ClearCount, &values), then)
}

fn has_wildcards(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

/// How many bytes standard base64 with padding stands for.
fn decoded_len(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}
