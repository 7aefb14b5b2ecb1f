//! `GET /api/v1/info`: what the broker says of itself.

use super::{AppState, Doors};
use crate::bridges::Statuses;
use axum::Json;
use axum::extract::State;
use tabmq_shared::api::{Clients, Info, Limits, Listener, Messages, Mode, WEBSOCKET_PATH};
use tabmq_shared::packet::Version;

/// What does not change while the broker runs.
#[derive(Clone)]
pub struct ServerInfo {
    /// Where it listens, as bound.
    pub listeners: Vec<Listener>,
    /// What clients have to keep to.
    pub limits: Limits,
    /// The bridges, which do change.
    pub bridges: Statuses,
    /// What the listeners count.
    pub doors: Doors,
}

pub(super) async fn info(State(state): State<AppState>) -> Json<Info> {
    let stats = state.hub.stats();
    let versions = [Version::V31, Version::V311, Version::V5];
    Json(Info {
        mode: Mode::Broker,
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_versions: versions.iter().map(Version::to_string).collect(),
        uptime_s: state.hub.uptime().as_secs(),
        listeners: state.info.listeners.clone(),
        websocket_path: WEBSOCKET_PATH.to_owned(),
        clients: Clients {
            connected: stats.clients_connected,
            maximum: stats.clients_maximum,
            sessions: stats.sessions,
            subscriptions: stats.subscriptions,
        },
        messages: Messages {
            received: stats.publish_received,
            sent: stats.publish_sent,
            dropped: stats.dropped_in_all(),
            retained: stats.retained_messages,
            queued: stats.queued_messages,
            bytes_received: stats.bytes_received,
            bytes_sent: stats.bytes_sent,
        },
        limits: state.info.limits,
        bridges: state.info.bridges.describe(),
    })
}
