//! Server-sent events (HTML Living Standard, section 9.2), as they come over `fetch`: unlike the browser's own
//! `EventSource`, that can say who asks without putting it into an address.
//!
//! One stream at a time: browsers have few connections for each host, and all tabs share them.

use super::Order;
use super::ask::{Login, Trouble};
use std::rc::Rc;
use tabmq_shared::api::events::BrokerEvent;

/// Lost, the stream is opened again after this, in milliseconds; twice as late each time, up to the last.
const AGAIN_MS: u64 = 500;
const AGAIN_MAX_MS: u64 = 15_000;

/// A line that is longer is no event.
const MAX_LINE: usize = 64 << 10;

/// What a stream is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The events' view.
    Events,
    /// Who sends messages on this topic.
    Talk(String),
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Its number.
    pub serial: u32,
    /// What for.
    pub purpose: Purpose,
    /// Path and query.
    pub path: String,
    /// What to go on behind.
    pub after: Option<String>,
    /// Who asks.
    pub login: Option<Rc<Login>>,
}

impl Listening {
    pub(super) fn new(purpose: Purpose, path: String) -> Self {
        Listening { serial: 0, purpose, path, after: None, login: None }
    }
}

/// What is heard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It is there.
    Open,
    /// So many bytes more.
    Bytes(Vec<u8>),
    /// It has ended, or could not be opened.
    Ended(Trouble),
}

/// What of it is of interest.
#[derive(Debug, Default)]
pub struct Heard {
    /// It is there now.
    pub opened: bool,
    /// What has happened.
    pub events: Vec<BrokerEvent>,
    /// It has ended.
    pub ended: Option<Trouble>,
}

/// The stream that is listened to.
#[derive(Debug, Default)]
pub struct Stream {
    now: Option<Rc<Listening>>,
    serial: u32,
    line: Vec<u8>,
    /// The last event's id, for whoever goes on.
    last: Option<(Purpose, String)>,
    failures: u32,
    again_ms: Option<u64>,
}

impl Stream {
    /// This is wanted now: what is to be done for it.
    pub(super) fn wanted(
        &mut self,
        wanted: Option<Listening>,
        login: Option<Rc<Login>>,
        now_ms: u64,
    ) -> Option<Order> {
        let Some(wanted) = wanted else {
            self.again_ms = None;
            return self.now.take().map(|_| Order::Silence);
        };
        let is_same = |now: &Rc<Listening>| (&now.purpose, &now.path) == (&wanted.purpose, &wanted.path);
        if self.now.as_ref().is_some_and(is_same) {
            // The same: again, if it was lost a while ago.
            if self.again_ms.is_none_or(|again_ms| now_ms < again_ms) {
                return None;
            }
        } else {
            self.failures = 0;
        }
        let after = self.last.as_ref().filter(|(purpose, _)| *purpose == wanted.purpose);
        let after = after.map(|(_, id)| id.clone());
        self.serial = self.serial.wrapping_add(1);
        self.again_ms = None;
        self.line.clear();
        let listening = Rc::new(Listening { serial: self.serial, after, login, ..wanted });
        self.now = Some(listening.clone());
        Some(Order::Listen(listening))
    }

    /// What this news says, and for whom; nothing if the stream is not listened to any more.
    pub(super) fn heard(&mut self, serial: u32, news: &News, now_ms: u64) -> Option<(Rc<Listening>, Heard)> {
        let now = self.now.clone().filter(|now| now.serial == serial)?;
        let mut heard = Heard::default();
        match news {
            News::Open => {
                heard.opened = true;
                self.failures = 0;
            }
            News::Bytes(bytes) => {
                heard.events = self.read(bytes);
                if let Some(event) = heard.events.last() {
                    self.last = Some((now.purpose.clone(), event.id.clone()));
                }
            }
            News::Ended(trouble) => {
                let wait_ms = AGAIN_MS << self.failures.min(10);
                self.failures = self.failures.saturating_add(1);
                self.again_ms = Some(now_ms.saturating_add(wait_ms.min(AGAIN_MAX_MS)));
                heard.ended = Some(trouble.clone());
            }
        }
        Some((now, heard))
    }

    /// Do not wait any longer.
    pub(super) fn again(&mut self) {
        self.again_ms = self.again_ms.map(|_| 0);
    }

    /// The events in these bytes and what came before. What cannot be read is left out: `id` and kind are in the data.
    fn read(&mut self, bytes: &[u8]) -> Vec<BrokerEvent> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() <= MAX_LINE {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let data = line.strip_prefix(b"data:").map(|data| serde_json::from_slice(data.trim_ascii()));
                events.extend(data.and_then(Result::ok));
            }
        }
        events
    }
}
