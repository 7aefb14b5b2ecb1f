//! All counters: `/api/v1/stats`. `/metrics` has the same numbers for Prometheus.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The path of [`Stats`].
pub const STATS_PATH: &str = "/api/v1/stats";

/// The path of the same numbers in the text format of OpenMetrics, which Prometheus reads.
pub const METRICS_PATH: &str = "/metrics";

/// What is there now, and what has happened since the start. Maps have every name, also where the number is 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Milliseconds since the start: two answers make a rate.
    pub uptime_ms: u64,
    /// The broker's memory, in bytes; absent: this system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The processor time that the broker has used, in milliseconds; absent: this system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Who comes and goes.
    pub clients: ClientStats,
    /// What passes.
    pub traffic: TrafficStats,
    /// Messages that are kept.
    pub kept: KeptStats,
    /// Messages that somebody should have had and did not get, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// How often access rules have said no, by action.
    pub denied: BTreeMap<String, u64>,
    /// How often each limit was met, by the name of its setting.
    pub limits: BTreeMap<String, u64>,
    /// How logging in went wrong.
    pub logins: LoginStats,
    /// How TLS handshakes have ended.
    pub tls: TlsStats,
    /// The page and the API.
    pub http: HttpStats,
    /// The stream of events.
    pub events: EventStats,
}

/// Who comes and goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientStats {
    /// Open connections of all listeners: those of HTTP, and those that are not let in yet, are among them.
    pub connections: u64,
    /// Clients that are connected now, by transport: `tcp`, `tls`, `ws`, `wss`, `bridge`.
    pub connected: BTreeMap<String, u64>,
    /// The most that were connected at a time.
    pub maximum: u64,
    /// Sessions, with and without a connection.
    pub sessions: u64,
    /// Sessions whose time ran out.
    pub sessions_expired: u64,
    /// Connections that were let in.
    pub connects: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Subscriptions of all sessions.
    pub subscriptions: u64,
    /// Shared ones among them.
    pub shared_subscriptions: u64,
}

/// What passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficStats {
    /// Control packets received.
    pub packets_received: u64,
    /// Control packets sent.
    pub packets_sent: u64,
    /// PUBLISH packets received.
    pub messages_received: u64,
    /// PUBLISH packets sent.
    pub messages_sent: u64,
    /// Payload bytes received.
    pub payload_bytes_received: u64,
    /// Payload bytes sent.
    pub payload_bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
}

/// Messages that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptStats {
    /// Retained messages.
    pub retained_messages: u64,
    /// What they weigh, in bytes.
    pub retained_bytes: u64,
    /// Messages that wait in queues.
    pub queued_messages: u64,
    /// What they weigh, in bytes.
    pub queued_bytes: u64,
    /// What those weigh that were sent and not acknowledged, in bytes.
    pub in_flight_bytes: u64,
    /// Bytes that wait to be written to clients.
    pub outbox_bytes: u64,
}

/// How logging in went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginStats {
    /// Wrong user names, passwords and tokens.
    pub failures: u64,
    /// Attempts that were not looked at, after too many failures.
    pub throttled: u64,
    /// Attempts that were not looked at, because too many others waited.
    pub overrun: u64,
}

/// How TLS handshakes have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsStats {
    /// Going on now.
    pub pending: u64,
    /// Done.
    pub done: u64,
    /// Refused by one of the two sides.
    pub refused: u64,
    /// Not done in time.
    pub out_of_time: u64,
    /// Given up for newer ones.
    pub pushed_out: u64,
}

/// The page and the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HttpStats {
    /// Answers, by the class of their status: `2xx`, `3xx`, `4xx`, `5xx`; `1xx` are WebSockets.
    pub answers: BTreeMap<String, u64>,
}

/// The stream of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventStats {
    /// Who reads it now.
    pub readers: u64,
    /// Events that were lost to readers because they were slow, or came back late.
    pub lost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::there_and_back;

    #[test]
    fn stats() {
        let map = |name: &str| BTreeMap::from([(name.to_owned(), 7)]);
        there_and_back(&Stats {
            uptime_ms: 1,
            memory_bytes: Some(2),
            cpu_ms: Some(3),
            clients: ClientStats { connected: map("tcp"), ..ClientStats::default() },
            dropped: map("queue_full"),
            denied: map("publish"),
            limits: map("max-sessions"),
            http: HttpStats { answers: map("2xx") },
            ..Stats::default()
        });
        there_and_back(&Stats::default());
    }
}
