//! `GET /api/v1/stats`: all counters. [`metrics`](super::metrics) writes the same numbers for Prometheus.

use super::AppState;
use crate::auth::Gatekeeper;
use crate::broker::{self, Action, DropReason, Limit, TransportKind};
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tabmq_shared::api::stats::{
    ClientStats, EventStats, HttpStats, KeptStats, LoginStats, Stats, TlsStats, TrafficStats,
};

/// What the listeners know: connections and TLS handshakes.
pub type Doors = Arc<dyn Fn() -> DoorStats + Send + Sync>;

/// Connections and TLS handshakes.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoorStats {
    /// Open connections of all listeners.
    pub connections: usize,
    /// How TLS handshakes have ended.
    pub tls: TlsStats,
}

/// `GET /api/v1/stats`
pub(super) async fn stats(State(state): State<AppState>) -> Json<Stats> {
    Json(state.vitals.read(&state.hub))
}

/// Answers by the class of their status.
#[derive(Debug, Default)]
pub(super) struct Answers([AtomicU64; CLASSES.len()]);

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Answers {
    fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.0.get(class)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The middleware that counts answers.
pub(super) async fn count_answer(
    State(vitals): State<Arc<Vitals>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    vitals.answers.count(response.status());
    response
}

/// Where the numbers outside of the broker's core come from.
pub(super) struct Vitals {
    pub(super) gate: Arc<Gatekeeper>,
    pub(super) doors: Doors,
    pub(super) answers: Answers,
}

impl Vitals {
    /// All numbers as they are now.
    pub(super) fn read(&self, hub: &Hub) -> Stats {
        let (core, transports) = hub.look(|broker, _| (broker.stats(), broker.connected_by_transport()));
        let doors = (self.doors)();
        let logins = self.gate.counters();
        let (readers, lost) = hub.event_readers();
        let names = CLASSES.iter().map(|class| (*class).to_owned());
        let answers = names.zip(self.answers.0.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        Stats {
            uptime_ms: u64::try_from(hub.uptime().as_millis()).unwrap_or(u64::MAX),
            memory_bytes: memory_bytes(),
            cpu_ms: cpu_ms(),
            clients: client_stats(&core, transports, doors.connections),
            traffic: traffic_stats(&core),
            kept: kept_stats(&core),
            dropped: named(DropReason::ALL.iter().map(|reason| (reason.name(), core.dropped(*reason)))),
            denied: named(Action::ALL.iter().map(|action| (action.name(), core.denied(*action)))),
            limits: named(Limit::ALL.iter().map(|limit| (limit.name(), core.limited(*limit)))),
            logins: LoginStats {
                failures: logins.failures,
                throttled: logins.throttled,
                overrun: logins.overrun,
            },
            tls: doors.tls,
            http: HttpStats { answers },
            events: EventStats { readers: readers as u64, lost },
        }
    }
}

fn named<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<String, u64> {
    counts.map(|(name, count)| (name.to_owned(), count)).collect()
}

fn client_stats(
    core: &broker::Stats,
    transports: [usize; TransportKind::ALL.len()],
    connections: usize,
) -> ClientStats {
    let connected = TransportKind::ALL.iter().map(TransportKind::to_string);
    ClientStats {
        connections: connections as u64,
        connected: connected.zip(transports.map(|count| count as u64)).collect(),
        maximum: core.clients_maximum as u64,
        sessions: core.sessions as u64,
        sessions_expired: core.sessions_expired,
        connects: core.connects,
        refused: core.refused,
        subscriptions: core.subscriptions as u64,
        shared_subscriptions: core.shared_subscriptions as u64,
    }
}

fn traffic_stats(core: &broker::Stats) -> TrafficStats {
    TrafficStats {
        packets_received: core.packets_received,
        packets_sent: core.packets_sent,
        messages_received: core.publish_received,
        messages_sent: core.publish_sent,
        payload_bytes_received: core.publish_bytes_received,
        payload_bytes_sent: core.publish_bytes_sent,
        bytes_received: core.bytes_received,
        bytes_sent: core.bytes_sent,
    }
}

fn kept_stats(core: &broker::Stats) -> KeptStats {
    KeptStats {
        retained_messages: core.retained_messages as u64,
        retained_bytes: core.retained_bytes as u64,
        queued_messages: core.queued_messages as u64,
        queued_bytes: core.queued_bytes as u64,
        in_flight_bytes: core.in_flight_bytes as u64,
        outbox_bytes: core.outbox_bytes(),
    }
}

/// The memory that this process has in the machine's, where the system has `/proc`.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The processor time that this process has used.
#[cfg(unix)]
fn cpu_ms() -> Option<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    seconds.checked_mul(1000)?.checked_add(u64::try_from(time.tv_nsec).ok()? / 1_000_000)
}

#[cfg(not(unix))]
fn cpu_ms() -> Option<u64> {
    None
}
