//! The broker's view: how it is, and how it was in the last minutes.

use super::ask::{Ask, Poll, Reply, Trouble, What, read};
use crate::state::Effect;
use std::collections::VecDeque;
use std::rc::Rc;
use tabmq_shared::api::stats::{STATS_PATH, Stats};
use tabmq_shared::api::{GatewayInfo, INFO_PATH, Info};

/// How often it is asked about, in milliseconds.
const EVERY_MS: u64 = 2_000;
const PATIENCE_MS: u64 = 3_000;

/// So many points of time are kept: five minutes.
const POINTS: usize = 150;

/// What was reckoned for a moment: for each second, or as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// PUBLISH packets received, in a second.
    pub messages_received: u64,
    /// PUBLISH packets sent, in a second.
    pub messages_sent: u64,
    /// Bytes received, in a second.
    pub bytes_received: u64,
    /// Bytes sent, in a second.
    pub bytes_sent: u64,
    /// Messages lost, in a second, rounded up.
    pub dropped: u64,
    /// Thousandths of a processor.
    pub cpu_milli: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Clients that are connected.
    pub clients: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Figures {
    /// What the broker says of itself.
    pub info: Option<Rc<Info>>,
    /// What a gateway says of itself.
    pub gateway: Option<Rc<GatewayInfo>>,
    /// The counters.
    pub stats: Option<Rc<Stats>>,
    /// The last minutes, the oldest first.
    pub points: VecDeque<Point>,
    /// Why there is nothing new.
    pub trouble: Option<Trouble>,
    info_poll: Poll,
    stats_poll: Poll,
}

impl Figures {
    pub(super) fn wanted(&mut self, is_gateway: bool, now_ms: u64) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.info_poll.is_due(now_ms) {
            self.info_poll.asked();
            asks.push(Ask::get(What::Info, INFO_PATH, &[]));
        }
        if !is_gateway && self.stats_poll.is_due(now_ms) {
            self.stats_poll.asked();
            asks.push(Ask::get(What::Stats, STATS_PATH, &[]));
        }
        asks
    }

    pub(super) fn forget_questions(&mut self) {
        self.info_poll.at_once();
        self.stats_poll.at_once();
    }

    pub(super) fn answered(
        &mut self,
        what: &What,
        reply: &Result<Reply, Trouble>,
        now_ms: u64,
    ) -> Vec<Effect> {
        let (poll, trouble) = match what {
            What::Info => (&mut self.info_poll, read_info(reply, &mut self.info, &mut self.gateway)),
            _ => {
                let stats = read::<Stats>(reply);
                let trouble = stats.as_ref().err().cloned();
                if let Ok(stats) = stats {
                    push(&mut self.points, self.stats.as_deref(), &stats);
                    self.stats = Some(Rc::new(stats));
                }
                (&mut self.stats_poll, trouble)
            }
        };
        poll.again_in(now_ms, if trouble.is_some() { PATIENCE_MS } else { EVERY_MS });
        self.trouble = trouble;
        Vec::new()
    }
}

fn read_info(
    reply: &Result<Reply, Trouble>,
    info: &mut Option<Rc<Info>>,
    gateway: &mut Option<Rc<GatewayInfo>>,
) -> Option<Trouble> {
    match (read::<Info>(reply), read::<GatewayInfo>(reply)) {
        (Ok(new), _) => (*info, *gateway) = (Some(Rc::new(new)), None),
        (_, Ok(new)) => (*info, *gateway) = (None, Some(Rc::new(new))),
        (Err(trouble), _) => return Some(trouble),
    }
    None
}

fn push(points: &mut VecDeque<Point>, before: Option<&Stats>, now: &Stats) {
    let Some(before) = before.filter(|before| before.uptime_ms < now.uptime_ms) else {
        // The first answer, or that of a broker that was started anew.
        points.clear();
        return;
    };
    let elapsed_ms = now.uptime_ms - before.uptime_ms;
    let rate = |before: u64, now: u64| now.saturating_sub(before).saturating_mul(1000).div_ceil(elapsed_ms);
    let dropped = |stats: &Stats| stats.dropped.values().fold(0u64, |sum, n| sum.saturating_add(*n));
    if points.len() >= POINTS {
        points.pop_front();
    }
    let (was, is) = (&before.traffic, &now.traffic);
    points.push_back(Point {
        messages_received: rate(was.messages_received, is.messages_received),
        messages_sent: rate(was.messages_sent, is.messages_sent),
        bytes_received: rate(was.bytes_received, is.bytes_received),
        bytes_sent: rate(was.bytes_sent, is.bytes_sent),
        dropped: rate(dropped(before), dropped(now)),
        cpu_milli: rate(before.cpu_ms.unwrap_or(0), now.cpu_ms.unwrap_or(0)),
        memory: now.memory_bytes.unwrap_or(0),
        clients: now.clients.connected.values().fold(0u64, |sum, n| sum.saturating_add(*n)),
    });
}
