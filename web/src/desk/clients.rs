//! The clients' view: who is connected, whose session waits.
//!
//! The rows stand still while they are pointed at; their figures go on. What is gone stays in its row until then.

use super::ask::{Ask, Poll, Reply, Trouble, What, read, segment};
use super::sweep::Sweep;
use super::{Step, question, say, visit};
use crate::format;
use crate::i18n::words::Words;
use crate::payload::visible_line;
use crate::state::Effect;
use crate::state::desk::{Around, Spot};
use crate::state::natural;
use crate::state::place::Place;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::rc::Rc;
use tabmq_shared::api::clients::{CLIENTS_PATH, Client, ClientDetail, ClientPage, ClientRemoved, Connection};

/// A browser has less memory than a broker: no more clients than this are listed, and it is said that there are more.
pub const MAX_ROWS: usize = 50_000;

/// How many are asked for at a time.
const PAGE: &str = "1000";

/// How often one client is asked about, in milliseconds.
const DETAIL_MS: u64 = 2_000;

/// So long nobody types any more, in milliseconds, before the broker is asked.
const TYPING_MS: u64 = 250;

/// What rows are in the order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The client id.
    #[default]
    Id,
    /// The user.
    User,
    /// The address.
    Address,
    /// Version and transport.
    Protocol,
    /// Since when the connection is there, or is not.
    Since,
    /// How many subscriptions.
    Subscriptions,
    /// How many messages wait.
    Queued,
    /// How many messages came from it.
    Received,
    /// How many messages went to it.
    Sent,
}

/// What can be done here.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientsStep {
    /// Only those in which this text is found.
    Find(String),
    /// Only those that are connected, or are not.
    Connected(Option<bool>),
    /// In this order; once more: in the opposite one.
    Sort(Column),
    /// The pointer is over the rows, or has left them.
    Hold(bool),
    /// Look into this one; `None`: into none.
    Select(Option<String>),
    /// Ask whether its connection is to be ended; `true`: and the session removed.
    AskRemove(String, bool),
    /// Do it.
    Remove(String, bool),
}

/// A client, and when it was seen.
#[derive(Debug)]
struct Entry {
    client: Rc<Client>,
    sweep: u32,
    /// Whether it is in [`Clients::by_id`].
    is_ordered: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Clients {
    entries: FxHashMap<Rc<str>, Entry>,
    /// The ids of all entries, as people order them.
    by_id: Vec<Rc<str>>,
    order: Vec<Rc<str>>,
    /// How many there are at the broker, whatever is looked for.
    pub total: usize,
    /// Why there is nothing new.
    pub trouble: Option<Trouble>,
    /// What is looked for.
    pub find: String,
    /// Only those that are connected, or are not.
    pub connected: Option<bool>,
    /// The order, and whether it is the opposite.
    pub sort: (Column, bool),
    /// How many of the rows' clients are connected.
    pub connected_rows: usize,
    /// Whether no row moves.
    pub held: bool,
    /// Whether there are too many to be listed.
    pub is_cut: bool,
    /// The one that is looked into.
    pub selected: Option<String>,
    /// All of that one.
    pub detail: Option<Result<Rc<ClientDetail>, Trouble>>,
    sweep: Sweep,
    look: Poll,
    errands: Vec<Ask>,
}

impl Clients {
    /// The rows.
    pub fn rows(&self) -> &[Rc<str>] {
        &self.order
    }

    /// The client of a row; `None`: it is gone.
    pub fn get(&self, id: &str) -> Option<&Client> {
        self.entries.get(id).map(|entry| &*entry.client)
    }

    /// Whether everything was seen once.
    pub fn is_complete(&self) -> bool {
        self.sweep.complete
    }

    /// Whether rows are left out because of what is looked for.
    pub fn is_filtered(&self) -> bool {
        !self.find.trim().is_empty() || self.connected.is_some()
    }

    pub(super) fn go(&mut self, spot: &Spot) {
        if self.find != spot.find {
            self.find.clone_from(&spot.find);
            self.sweep.begin_anew();
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

    /// The same view, with nothing in it.
    pub(super) fn emptied(&self) -> Clients {
        let (find, selected) = (self.find.clone(), self.selected.clone());
        Clients { find, selected, sort: self.sort, connected: self.connected, ..Clients::default() }
    }

    pub(super) fn wanted(&mut self, now_ms: u64) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.sweep.poll.is_due(now_ms) {
            self.sweep.poll.asked();
            let query = [
                ("search", self.find.trim()),
                (
                    "connected",
                    self.connected.map_or("", |connected| if connected { "true" } else { "false" }),
                ),
                ("after", &self.sweep.after),
                ("limit", PAGE),
            ];
            asks.push(Ask::get(What::ClientPage(self.sweep.number), CLIENTS_PATH, &query));
        }
        if let Some(id) = self.selected.as_ref().filter(|_| self.look.is_due(now_ms)) {
            self.look.asked();
            asks.push(Ask::get(What::Client(id.clone()), &path(id), &[]));
        }
        asks
    }

    /// What is to be done whatever is looked at.
    pub(super) fn errands(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.errands)
    }

    pub(super) fn forget_questions(&mut self) {
        self.sweep.begin();
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
            What::ClientPage(sweep) if *sweep == self.sweep.number => self.page(read(reply), now_ms),
            What::Client(id) if self.selected.as_ref() == Some(id) => {
                let detail = read(reply);
                // Who is gone stays away until it is looked for again.
                let every_ms = if matches!(detail, Err(Trouble::Missing)) { u64::MAX } else { DETAIL_MS };
                self.look.again_in(now_ms, every_ms);
                self.looked_into(detail);
            }
            What::RemoveClient { id, session } => return self.removed(id, *session, read(reply), around),
            _ => {}
        }
        Vec::new()
    }

    fn page(&mut self, page: Result<ClientPage, Trouble>, now_ms: u64) {
        let page = match page {
            Ok(page) => page,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return self.sweep.failed(now_ms);
            }
        };
        self.trouble = None;
        self.total = page.total;
        let sweep = self.sweep.number;
        for client in page.clients {
            let has_room = self.entries.len() < MAX_ROWS || self.entries.contains_key(&*client.id);
            self.is_cut |= !has_room;
            match self.entries.get_mut(&*client.id) {
                Some(entry) => (entry.client, entry.sweep) = (Rc::new(client), sweep),
                None if has_room => {
                    let id = client.id.as_str().into();
                    self.entries.insert(id, Entry { client: Rc::new(client), sweep, is_ordered: false });
                }
                None => {}
            }
        }
        let shows = self.sweep.shows(page.next.is_none(), self.order.len(), self.entries.len());
        if self.sweep.turned(page.next.as_deref(), now_ms) {
            self.entries.retain(|_, entry| entry.sweep == sweep);
            self.is_cut &= self.entries.len() >= MAX_ROWS;
        }
        if shows {
            self.order_ids();
            self.arrange();
        }
    }

    fn looked_into(&mut self, detail: Result<ClientDetail, Trouble>) {
        if let Ok(detail) = &detail
            && let Some(entry) = self.entries.get_mut(&*detail.client.id)
        {
            entry.client = Rc::new(detail.client.clone());
        }
        // What is known stays while the broker is silent.
        if !matches!((&detail, &self.detail), (Err(Trouble::Unreachable), Some(Ok(_)))) {
            self.detail = Some(detail.map(Rc::new));
        }
    }

    fn removed(
        &mut self,
        id: &str,
        session: bool,
        removed: Result<ClientRemoved, Trouble>,
        around: &Around<'_>,
    ) -> Vec<Effect> {
        let lang = around.lang;
        let id = visible_line(id);
        let words = match removed {
            Ok(ClientRemoved { session_removed: true, .. }) if session => {
                lang.fill_words(Words::SessionRemoved, &[("id", &id)])
            }
            Ok(ClientRemoved { disconnected: true, .. }) => {
                lang.fill_words(Words::Disconnected, &[("id", &id)])
            }
            Ok(_) | Err(Trouble::Missing) => lang.fill_words(Words::WasGone, &[("id", &id)]),
            Err(trouble) => trouble.words(lang),
        };
        self.look.at_once();
        self.sweep.begin();
        vec![say(words, None)]
    }

    pub(super) fn apply(&mut self, step: &ClientsStep, around: &Around<'_>) -> Vec<Effect> {
        let now_ms = around.clock.unix_ms;
        match step {
            ClientsStep::Find(text) => {
                self.find.clone_from(text);
                self.sweep.begin_anew();
                self.sweep.poll.not_before(now_ms, TYPING_MS);
                self.arrange_now();
                return vec![Effect::Locate];
            }
            ClientsStep::Connected(connected) => {
                self.connected = *connected;
                self.sweep.begin_anew();
                self.arrange_now();
            }
            ClientsStep::Sort(column) => {
                let (before, opposite) = self.sort;
                self.sort = (*column, before == *column && !opposite);
                self.arrange_now();
            }
            ClientsStep::Hold(held) => {
                self.held = *held;
                self.arrange();
            }
            ClientsStep::Select(id) => {
                self.select(id.clone());
                return vec![Effect::Locate, visit(Place::Clients)];
            }
            ClientsStep::AskRemove(id, session) => return vec![self.ask_remove(id, *session, around)],
            ClientsStep::Remove(id, session) => {
                let what = What::RemoveClient { id: id.clone(), session: *session };
                let query = [("session", if *session { "true" } else { "" })];
                self.errands.push(Ask::delete(what, &path(id), &query));
            }
        }
        Vec::new()
    }

    fn select(&mut self, id: Option<String>) {
        self.selected = id;
        self.detail = None;
        self.look.at_once();
    }

    fn ask_remove(&self, id: &str, session: bool, around: &Around<'_>) -> Effect {
        let lang = around.lang;
        let detail = self.detail.as_ref().and_then(|detail| detail.as_ref().ok());
        let client =
            detail.map(|detail| &detail.client).filter(|client| client.id == id).or_else(|| self.get(id));
        let n = |n: Option<usize>| format::thousands(n.unwrap_or(0) as u64);
        let values = [
            ("id", &*visible_line(id)),
            ("subscriptions", &n(client.map(|client| client.subscriptions))),
            ("queued", &n(client.map(|client| client.queued_messages))),
        ];
        let (ask, hint, yes) = match session {
            false => (Words::AskDisconnect, Words::AskDisconnectHint, Words::Disconnect),
            true => (Words::AskRemoveSession, Words::AskRemoveSessionHint, Words::RemoveSession),
        };
        let then = Step::Clients(ClientsStep::Remove(id.to_owned(), session));
        let lines = vec![lang.fill_words(hint, &values)];
        question(lang.fill_words(ask, &values), lines, lang.w(yes).to_owned(), then)
    }

    /// Makes the rows anew, unless they are held.
    fn arrange(&mut self) {
        if !self.held {
            self.arrange_now();
        }
    }

    fn arrange_now(&mut self) {
        let needle = self.find.trim().to_lowercase();
        let passes = |client: &Client| {
            self.connected.is_none_or(|connected| connected == client.connection.is_some())
                && finds(client, &needle)
        };
        let known = self.by_id.iter().filter_map(|id| Some((id, &*self.entries.get(id)?.client)));
        let mut rows: Vec<_> = known.filter(|(_, client)| passes(client)).collect();
        let (column, opposite) = self.sort;
        match (column, opposite) {
            (Column::Id, false) => {}
            (Column::Id, true) => rows.reverse(),
            // Those that are equal stay in the order of their ids.
            (_, false) => rows.sort_by(|(_, a), (_, b)| compare(column, a, b)),
            (_, true) => rows.sort_by(|(_, a), (_, b)| compare(column, b, a)),
        }
        self.connected_rows = rows.iter().filter(|(_, client)| client.connection.is_some()).count();
        self.order = rows.into_iter().map(|(id, _)| id.clone()).collect();
    }

    /// Brings the ids into their order. Most of them were in it before, which makes it cheap.
    fn order_ids(&mut self) {
        let entries = &mut self.entries;
        self.by_id.retain(|id| entries.contains_key(id));
        let new = entries.iter_mut().filter_map(|(id, entry)| {
            let is_new = !std::mem::replace(&mut entry.is_ordered, true);
            is_new.then(|| id.clone())
        });
        self.by_id.extend(new);
        self.by_id.sort_by(|a, b| natural::compare(a, b));
    }
}

fn path(id: &str) -> String {
    format!("{CLIENTS_PATH}/{}", segment(id))
}

/// What the broker finds as well; it is asked only after a while.
fn finds(client: &Client, needle: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(needle);
    let address = client.connection.as_ref().map(|connection| connection.address.as_str());
    needle.is_empty()
        || has(&client.id)
        || client.user.as_deref().is_some_and(has)
        || address.is_some_and(has)
        || client.last_disconnect.as_ref().is_some_and(|last| has(&last.address))
}

/// Figures: the largest first; what there is none of, last.
fn compare(column: Column, a: &Client, b: &Client) -> Ordering {
    let text = |a: Option<&str>, b: Option<&str>| match (a, b) {
        (Some(a), Some(b)) => natural::compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let of = |client: &Client, read: fn(&Connection) -> u64| client.connection.as_ref().map(read);
    match column {
        Column::Id => Ordering::Equal,
        Column::User => text(a.user.as_deref(), b.user.as_deref()),
        Column::Address => {
            text(a.connection.as_ref().map(|it| &*it.address), b.connection.as_ref().map(|it| &*it.address))
        }
        Column::Protocol => {
            fn protocol(client: &Client) -> Option<(&str, &str)> {
                client.connection.as_ref().map(|it| (&*it.protocol_version, &*it.transport))
            }
            protocol(b).cmp(&protocol(a))
        }
        Column::Since => {
            let since = |client: &Client| match (&client.connection, &client.last_disconnect) {
                (Some(it), _) => (0, it.since_s),
                (None, Some(last)) => (1, last.ago_s),
                (None, None) => (2, 0),
            };
            since(a).cmp(&since(b))
        }
        Column::Subscriptions => b.subscriptions.cmp(&a.subscriptions),
        Column::Queued => (b.queued_messages, b.in_flight).cmp(&(a.queued_messages, a.in_flight)),
        Column::Received => of(b, |it| it.messages_received).cmp(&of(a, |it| it.messages_received)),
        Column::Sent => of(b, |it| it.messages_sent).cmp(&of(a, |it| it.messages_sent)),
    }
}
