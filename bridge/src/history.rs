//! What has happened lately, for those who look on: the stream of events of the API.
//!
//! Two rings, one of what clients do and one of messages, so that a flood of messages does not wash away who was refused.
//! A reader is a place in each of them: who is slow, or comes back late, finds that some are gone and is told how many.
//! Nobody waits for a reader, and a reader costs nobody anything but the ring's lock. Messages are kept only while somebody
//! asks for them.

use crate::broker::{DisconnectCause, Event};
use crate::events::granted;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tabmq_shared::api::events::{BrokerEvent, Ending, Happening, Publication};
use tabmq_shared::packet::ReasonCode;
use tokio::sync::Notify;

/// As many events of each ring are kept at the most, and as many bytes of text.
const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// As many events are kept while nobody reads: whoever comes then wants to know what has just happened, and ten thousand would be
/// as much memory as five thousand idle connections.
const MAX_UNREAD: usize = 1000;

/// Texts that strangers have chosen are cut after so many bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// As many events a reader takes at a time.
const BATCH: usize = 256;

/// As many readers there are at a time.
const MAX_READERS: usize = 64;

/// The events of late.
#[derive(Debug)]
pub(crate) struct History {
    /// Tells this run of the broker from others, in the ids of events.
    run: u64,
    rings: Mutex<Rings>,
    /// Told when there is something new, or when readers must go.
    news: Notify,
    readers: AtomicUsize,
    /// Those of them that want messages.
    message_readers: AtomicUsize,
    /// Events that were gone before a reader came to them.
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Rings {
    of_clients: Ring,
    of_messages: Ring,
    /// Counts the order of all events together.
    order: u64,
    /// Raised to end all readers: they come again, and are asked again who they are.
    generation: u64,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Entry>,
    /// How many were ever put in: the number of the next one.
    end: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    order: u64,
    time_ms: u64,
    what: Arc<Happening>,
    bytes: usize,
}

/// A place in both rings: the numbers of the events that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    of_clients: u64,
    of_messages: u64,
}

/// What a reader wants to begin with.
#[derive(Clone, Debug)]
pub(crate) enum Begin {
    /// So many events of the past, as far as they are there.
    Last(usize),
    /// What comes behind the event with this id.
    Behind(String),
}

/// Reads events, each once, in order.
#[derive(Debug)]
pub(crate) struct Reader {
    history: Arc<History>,
    place: Place,
    messages: bool,
    generation: u64,
    /// The broker was started anew since the event that was to be gone on behind.
    anew: bool,
}

impl History {
    pub(crate) fn new() -> Arc<History> {
        Arc::new(History {
            run: now_ms(),
            rings: Mutex::default(),
            news: Notify::new(),
            readers: AtomicUsize::new(0),
            message_readers: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// Whether somebody wants to know of messages.
    pub(crate) fn wants_messages(&self) -> bool {
        self.message_readers.load(Ordering::Relaxed) > 0
    }

    /// How many read, and how many events were lost to them.
    pub(crate) fn counts(&self) -> (usize, u64) {
        (self.readers.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Puts these events in.
    pub(crate) fn record<'a>(&self, events: impl IntoIterator<Item = &'a Event>) {
        let (time_ms, wants_messages) = (now_ms(), self.wants_messages());
        let most = if self.readers.load(Ordering::Relaxed) > 0 { MAX_EVENTS } else { MAX_UNREAD };
        let mut is_new = false;
        {
            let mut rings = self.rings.lock();
            for event in events {
                if let Some(what) = describe(event, wants_messages) {
                    rings.push(what, time_ms, most);
                    is_new = true;
                }
            }
        }
        if is_new {
            self.news.notify_waiters();
        }
    }

    /// Ends all readers. They may come again.
    pub(crate) fn end_readers(&self) {
        self.rings.lock().generation += 1;
        self.news.notify_waiters();
    }

    /// A new reader; `None`: there are too many already.
    pub(crate) fn read(self: &Arc<Self>, begin: &Begin, messages: bool) -> Option<Reader> {
        let counted = self.readers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |readers| {
            (readers < MAX_READERS).then_some(readers + 1)
        });
        counted.ok()?;
        if messages {
            self.message_readers.fetch_add(1, Ordering::Relaxed);
        }
        let rings = self.rings.lock();
        let (place, anew) = match begin {
            Begin::Last(count) => (rings.last(*count, messages), false),
            Begin::Behind(id) => match self.place_behind(id, &rings) {
                Some(place) => (place, false),
                None => (rings.last(usize::MAX, messages), true),
            },
        };
        Some(Reader { history: Arc::clone(self), place, messages, generation: rings.generation, anew })
    }

    /// The place that an id stands for; `None`: it is of another run.
    fn place_behind(&self, id: &str, rings: &Rings) -> Option<Place> {
        let mut parts = id.split('.');
        let mut next = |radix| u64::from_str_radix(parts.next()?, radix).ok();
        if next(16)? != self.run {
            return None;
        }
        let place = Place { of_clients: next(10)?, of_messages: next(10)? };
        let exists = place.of_clients <= rings.of_clients.end && place.of_messages <= rings.of_messages.end;
        exists.then_some(place)
    }

    fn id(&self, place: Place) -> String {
        format!("{:x}.{}.{}", self.run, place.of_clients, place.of_messages)
    }
}

impl Reader {
    /// The next events, when there are some; `None`: this reader must go. Never empty.
    pub(crate) async fn next(&mut self) -> Option<Vec<BrokerEvent>> {
        loop {
            let history = Arc::clone(&self.history);
            let news = history.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            match self.take() {
                None => return None,
                Some(events) if events.is_empty() => news.await,
                Some(events) => return Some(events),
            }
        }
    }

    fn take(&mut self) -> Option<Vec<BrokerEvent>> {
        let history = Arc::clone(&self.history);
        let mut events = Vec::new();
        if std::mem::take(&mut self.anew) {
            events.push(self.event(now_ms(), Happening::Lost { events: None }));
        }
        // Copied without the lock: whoever puts something in does not wait for that.
        let mut found = Vec::new();
        {
            let rings = history.rings.lock();
            if rings.generation != self.generation {
                return None;
            }
            let mut gone = rings.of_clients.catch_up(&mut self.place.of_clients);
            match self.messages {
                true => gone += rings.of_messages.catch_up(&mut self.place.of_messages),
                false => self.place.of_messages = rings.of_messages.end,
            }
            if gone > 0 {
                history.lost.fetch_add(gone, Ordering::Relaxed);
                events.push(self.event(now_ms(), Happening::Lost { events: Some(gone) }));
            }
            while found.len() < BATCH
                && let Some(entry) = rings.next(&mut self.place)
            {
                found.push((self.place, entry.time_ms, Arc::clone(&entry.what)));
            }
        }
        events.extend(found.into_iter().map(|(place, time_ms, what)| {
            let (id, what) = (history.id(place), Arc::unwrap_or_clone(what));
            BrokerEvent { id, time_ms, what }
        }));
        Some(events)
    }

    fn event(&self, time_ms: u64, what: Happening) -> BrokerEvent {
        BrokerEvent { id: self.history.id(self.place), time_ms, what }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.history.readers.fetch_sub(1, Ordering::Relaxed);
        if self.messages && self.history.message_readers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.history.rings.lock().of_messages.clear();
        }
    }
}

impl Rings {
    fn push(&mut self, what: Happening, time_ms: u64, most: usize) {
        let ring = match what.kind().is_of_messages() {
            true => &mut self.of_messages,
            false => &mut self.of_clients,
        };
        let bytes = text_bytes(&what);
        ring.push(Entry { order: self.order, time_ms, what: Arc::new(what), bytes }, most);
        self.order += 1;
    }

    /// The event at this place, which moves on.
    fn next(&self, place: &mut Place) -> Option<&Entry> {
        let client = self.of_clients.get(place.of_clients);
        let message = self.of_messages.get(place.of_messages);
        let client_is_next = match (client, message) {
            (None, None) => return None,
            (Some(client), Some(message)) => client.order < message.order,
            (client, _) => client.is_some(),
        };
        if client_is_next {
            place.of_clients += 1;
            client
        } else {
            place.of_messages += 1;
            message
        }
    }

    /// The place before the last `count` events.
    fn last(&self, count: usize, messages: bool) -> Place {
        let mut place = Place { of_clients: self.of_clients.end, of_messages: self.of_messages.end };
        let before =
            |ring: &Ring, end: u64| end.checked_sub(1).and_then(|at| Some((at, ring.get(at)?.order)));
        for _ in 0..count {
            let client = before(&self.of_clients, place.of_clients);
            let message = before(&self.of_messages, place.of_messages).filter(|_| messages);
            match (client, message) {
                (Some((at, order)), other) if other.is_none_or(|(_, earlier)| earlier < order) => {
                    place.of_clients = at;
                }
                (_, Some((at, _))) => place.of_messages = at,
                (_, None) => break,
            }
        }
        place
    }
}

impl Ring {
    fn push(&mut self, entry: Entry, most: usize) {
        self.bytes += entry.bytes;
        self.events.push_back(entry);
        self.end += 1;
        while self.events.len() > most || self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    fn get(&self, number: u64) -> Option<&Entry> {
        let first = self.end - self.events.len() as u64;
        self.events.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Moves a place to the oldest event that is still there; how many are gone.
    fn catch_up(&self, place: &mut u64) -> u64 {
        let first = self.end - self.events.len() as u64;
        let gone = first.saturating_sub(*place);
        *place += gone;
        gone
    }

    fn clear(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
    }
}

/// The event as the API has it; `None`: it is not told.
fn describe(event: &Event, wants_messages: bool) -> Option<Happening> {
    Some(match event {
        Event::Connected { client_id, username, peer, version, session_present, keep_alive_s } => {
            Happening::Connected {
                client_id: cut(client_id),
                user: username.as_deref().map(cut),
                address: peer.address.to_string(),
                transport: peer.transport.to_string(),
                protocol_version: version.to_string(),
                session_present: *session_present,
                keep_alive_s: *keep_alive_s,
            }
        }
        Event::Refused { client_id, username, peer, reason, why } => Happening::Refused {
            client_id: client_id.as_deref().map(cut),
            user: username.as_deref().map(cut),
            address: peer.address.to_string(),
            transport: peer.transport.to_string(),
            code: reason.as_u8(),
            reason: reason.text().to_owned(),
            why: cut(why),
        },
        Event::Disconnected { client_id, peer, cause } => Happening::Disconnected {
            client_id: cut(client_id),
            address: peer.address.to_string(),
            transport: peer.transport.to_string(),
            reason: cut(&cause.to_string()),
            how: ending(cause),
            code: cause.code().map(ReasonCode::as_u8),
            clean: *cause == DisconnectCause::Client(ReasonCode::Success),
        },
        Event::Subscribed { client_id, filter, result } => Happening::Subscribed {
            client_id: cut(client_id),
            filter: cut(filter),
            code: result.as_u8(),
            reason: granted(*result).to_owned(),
        },
        Event::Unsubscribed { client_id, filter, result } => Happening::Unsubscribed {
            client_id: cut(client_id),
            filter: cut(filter),
            code: result.as_u8(),
            reason: result.text().to_owned(),
        },
        Event::Denied { client_id, user, action, topic, why, untold } => Happening::Denied {
            client_id: cut(client_id),
            user: user.as_deref().map(cut),
            action: action.name().to_owned(),
            topic: cut(topic),
            why: cut(why),
            untold: *untold,
        },
        // The $SYS topics are written by a clock: nothing has happened.
        Event::Published { client_id: None, topic, .. } if topic.starts_with("$SYS/") => return None,
        Event::Published { .. } if !wants_messages => return None,
        Event::Published { client_id, topic, qos, payload_bytes, retain, receivers } => {
            let message = Publication {
                client_id: client_id.as_deref().map(cut),
                topic: cut(topic),
                qos: qos.as_u8(),
                retain: *retain,
                payload_bytes: *payload_bytes,
                receivers: *receivers,
            };
            if *receivers == 0 { Happening::Unconsumed(message) } else { Happening::Published(message) }
        }
    })
}

/// A copy of the beginning, in memory of its own.
/// For programs.
pub(crate) const fn ending(cause: &DisconnectCause) -> Ending {
    match cause {
        DisconnectCause::Client(_) => Ending::Goodbye,
        DisconnectCause::TransportClosed(_) => Ending::Lost,
        DisconnectCause::KeepAlive { .. } => Ending::Silent,
        DisconnectCause::TakenOver => Ending::TakenOver,
        DisconnectCause::ProtocolViolation(..) => Ending::Violation,
        DisconnectCause::Server(..) => Ending::Ended,
    }
}

fn cut(text: &str) -> String {
    match text.len() <= MAX_TEXT_BYTES {
        true => text.to_owned(),
        false => format!("{}…", text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default()),
    }
}

/// About how many bytes an event takes.
fn text_bytes(what: &Happening) -> usize {
    let text = what.client_id().map_or(0, str::len) + what.topic().map_or(0, str::len);
    let why = match what {
        Happening::Refused { why, .. } | Happening::Denied { why, .. } => why.len(),
        Happening::Disconnected { reason, .. } => reason.len(),
        _ => 0,
    };
    text + why + size_of::<Entry>() + size_of::<Happening>()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::packet::QoS;

    fn subscribed(n: usize) -> Event {
        let client_id = Arc::from(format!("c{n}"));
        Event::Subscribed { client_id, filter: "f".into(), result: ReasonCode::Success }
    }

    fn published(n: usize) -> Event {
        Event::Published {
            client_id: Some(Arc::from(format!("p{n}"))),
            topic: "t".into(),
            qos: QoS::AtMostOnce,
            payload_bytes: n,
            retain: false,
            receivers: n % 2,
        }
    }

    /// The clients of the events that wait, with numbers for what is lost.
    fn clients(reader: &mut Reader) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let events = reader.take().unwrap();
            if events.is_empty() {
                return all;
            }
            all.extend(events.iter().map(|event| match &event.what {
                Happening::Lost { events } => format!("lost {events:?}"),
                what => what.client_id().unwrap().to_owned(),
            }));
        }
    }

    #[test]
    fn readers_get_what_they_want_in_order() {
        let history = History::new();
        history.record(&[subscribed(0), published(0)]);
        let mut all = history.read(&Begin::Last(0), true).unwrap();
        let mut few = history.read(&Begin::Last(5), false).unwrap();
        history.record(&[published(1), subscribed(1)]);
        history.record(&[published(2)]);
        assert_eq!(clients(&mut all), ["p1", "c1", "p2"]);
        assert_eq!(clients(&mut few), ["c0", "c1"], "and no message");
        let mut last = history.read(&Begin::Last(2), true).unwrap();
        assert_eq!(clients(&mut last), ["c1", "p2"]);
        assert_eq!(history.counts(), (3, 0));
        drop((all, last));
        history.record(&[published(3)]);
        assert!(!history.wants_messages() && history.rings.lock().of_messages.events.is_empty());
    }

    #[test]
    fn who_comes_back_misses_nothing() {
        let history = History::new();
        let mut reader = history.read(&Begin::Last(0), true).unwrap();
        let _other = history.read(&Begin::Last(0), true).unwrap();
        history.record(&[subscribed(1), published(1), subscribed(2), published(2)]);
        let events = reader.take().unwrap();
        drop(reader);
        history.record(&[subscribed(3)]);
        for (at, rest) in [(0, vec!["p1", "c2", "p2", "c3"]), (2, vec!["p2", "c3"]), (3, vec!["c3"])] {
            let mut again = history.read(&Begin::Behind(events[at].id.clone()), true).unwrap();
            assert_eq!(clients(&mut again), rest, "{}", events[at].id);
        }
        // Of another run, or made up: all that there is, and a word.
        for id in ["1.0.0", "x", "", &format!("{:x}.99.0", history.run)] {
            let mut again = history.read(&Begin::Behind(id.to_owned()), false).unwrap();
            assert_eq!(clients(&mut again), ["lost None", "c1", "c2", "c3"], "{id}");
        }
    }

    #[test]
    fn while_nobody_reads_fewer_are_kept() {
        let history = History::new();
        let kept = |history: &History| history.rings.lock().of_clients.events.len();
        let record = |count: usize| (0..count).for_each(|n| history.record(&[subscribed(n)]));
        record(MAX_UNREAD + 5);
        assert_eq!(kept(&history), MAX_UNREAD);
        let mut reader = history.read(&Begin::Last(0), false).unwrap();
        record(MAX_UNREAD + 5);
        assert_eq!((kept(&history), clients(&mut reader).len()), (2 * MAX_UNREAD + 5, MAX_UNREAD + 5));
        drop(reader);
        record(1);
        assert_eq!(kept(&history), MAX_UNREAD);
    }

    #[test]
    fn what_a_slow_reader_loses_is_counted_and_bounded() {
        let history = History::new();
        let mut reader = history.read(&Begin::Last(0), true).unwrap();
        for n in 0..MAX_EVENTS + 50 {
            history.record(&[published(n)]);
        }
        history.record(&[subscribed(1)]);
        let read = clients(&mut reader);
        assert_eq!((read.len(), read[0].as_str()), (MAX_EVENTS + 2, "lost Some(50)"));
        assert_eq!((read[1].as_str(), read[MAX_EVENTS + 1].as_str()), ("p50", "c1"));
        assert_eq!(history.counts(), (1, 50));
        let long = "x".repeat(60_000);
        let denied = Event::Denied {
            client_id: Arc::from(long.as_str()),
            user: None,
            action: crate::broker::Action::Publish,
            topic: long.as_str().into(),
            why: long,
            untold: 0,
        };
        for _ in 0..MAX_EVENTS {
            history.record([&denied]);
        }
        let rings = history.rings.lock();
        let ring = &rings.of_clients;
        assert!(ring.bytes <= MAX_BYTES && ring.events.len() < MAX_EVENTS, "{}", ring.bytes);
        assert_eq!(ring.bytes, ring.events.iter().map(|entry| entry.bytes).sum::<usize>());
    }

    #[tokio::test]
    async fn readers_are_few_and_can_be_ended() {
        let history = History::new();
        let mut readers: Vec<_> =
            (0..MAX_READERS).map(|_| history.read(&Begin::Last(0), false).unwrap()).collect();
        assert!(history.read(&Begin::Last(0), false).is_none());
        let mut first = readers.pop().unwrap();
        let waiting = tokio::spawn(async move { first.next().await });
        tokio::task::yield_now().await;
        history.end_readers();
        assert_eq!(waiting.await.unwrap(), None);
        assert!(history.read(&Begin::Last(0), false).is_some());
    }
}
