//! `/api/v1/clients`: who is there, all of one client, and sending it away.

use super::AppState;
use super::extract::{Asked, page_size, place};
use super::problem::ApiError;
use crate::broker::{Broker, ClientView, ConnectionView, SubscriptionView, TransportKind};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use std::ops::ControlFlow;
use tabmq_shared::api::clients::{
    Client, ClientDetail, ClientPage, ClientQuery, ClientRemoval, ClientRemoved, Connection, LastDisconnect,
    Subscription, Will,
};
use tabmq_shared::packet::ReasonCode;

/// As many clients are looked at before the broker's lock is given back.
const AT_A_TIME: u32 = 256;

/// As many are looked at for one answer: a search that finds little goes on with the next page.
const FOR_ONE_ANSWER: u32 = 200_000;

/// As many subscriptions of a client are shown.
const SUBSCRIPTIONS: usize = 1000;

/// `GET /api/v1/clients`
pub(super) async fn list(
    State(state): State<AppState>,
    Asked(query): Asked<ClientQuery>,
) -> Result<Json<ClientPage>, ApiError> {
    let limit = page_size(query.limit)?;
    let wanted = Wanted { search: query.search.map(|text| text.to_lowercase()), connected: query.connected };
    let mut next = Some(place::<u32>(query.after.as_deref())?.unwrap_or(0));
    let mut clients = Vec::new();
    let mut looked_at = 0;
    while let Some(from) = next.filter(|_| clients.len() < limit && looked_at < FOR_ONE_ANSWER) {
        next = state.hub.look(|broker, now| {
            broker.inspect_clients(from, AT_A_TIME, now, |view| {
                if wanted.has(&view) {
                    clients.push(client(&view));
                }
                if clients.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        });
        looked_at += AT_A_TIME;
        tokio::task::yield_now().await;
    }
    let total = state.hub.look(|broker, _| broker.stats().sessions);
    Ok(Json(ClientPage { clients, next: next.map(|next| next.to_string()), total }))
}

/// `GET /api/v1/clients/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<ClientDetail>, ApiError> {
    state
        .hub
        .look(|broker, now| {
            let (view, subscriptions) = broker.inspect_client(&id, now)?;
            let mut list: Vec<Subscription> = subscriptions.take(SUBSCRIPTIONS).map(subscription).collect();
            list.sort_unstable_by(|a, b| a.filter.cmp(&b.filter));
            Some(detail(&view, list))
        })
        .map(Json)
        .ok_or_else(|| unknown(&id))
}

/// `DELETE /api/v1/clients/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Asked(removal): Asked<ClientRemoval>,
) -> Result<Json<ClientRemoved>, ApiError> {
    let is_bridge = |broker: &Broker, now| {
        let (view, _) = broker.inspect_client(&id, now)?;
        Some(view.connection.is_some_and(|connection| connection.peer.transport == TransportKind::Bridge))
    };
    if state.hub.look(is_bridge) == Some(true) {
        let detail = "this is one of the broker's own bridges, which would come back: take it out of the configuration";
        return Err(ApiError::unprocessable(detail));
    }
    let sent_away = state.hub.send_away(&id, removal.session).ok_or_else(|| unknown(&id))?;
    Ok(Json(ClientRemoved {
        disconnected: sent_away.disconnected,
        session_removed: sent_away.session_removed,
    }))
}

fn unknown(id: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no client with the id {id:?}"))
}

/// What is searched for.
struct Wanted {
    /// In lower case.
    search: Option<String>,
    connected: Option<bool>,
}

impl Wanted {
    fn has(&self, view: &ClientView<'_>) -> bool {
        if self.connected.is_some_and(|connected| connected != view.connection.is_some()) {
            return false;
        }
        let Some(search) = &self.search else { return true };
        let contains = |text: &str| text.to_lowercase().contains(search);
        contains(view.id)
            || view.user.is_some_and(contains)
            || (view.connection.as_ref())
                .is_some_and(|connection| connection.peer.address.to_string().contains(search))
    }
}

fn client(view: &ClientView<'_>) -> Client {
    Client {
        id: view.id.to_owned(),
        user: view.user.map(str::to_owned),
        connection: view.connection.as_ref().map(connection),
        last_disconnect: view.last_disconnect.map(|end| LastDisconnect {
            ago_s: end.ago.as_secs(),
            reason: end.cause.to_string(),
            how: crate::history::ending(end.cause),
            code: end.cause.code().map(ReasonCode::as_u8),
            address: end.address.to_string(),
        }),
        session_expiry_s: view.session_expiry_s,
        subscriptions: view.subscriptions,
        queued_messages: view.queued_messages,
        queued_bytes: view.queued_bytes,
        in_flight: view.in_flight,
        will_topic: view.will.map(|will| will.topic.to_owned()),
    }
}

fn connection(view: &ConnectionView) -> Connection {
    Connection {
        since_s: view.since.as_secs(),
        address: view.peer.address.to_string(),
        transport: view.peer.transport.to_string(),
        protocol_version: view.version.to_string(),
        keep_alive_s: view.keep_alive_s,
        clean_start: view.clean_start,
        messages_received: view.traffic.messages_received,
        messages_sent: view.traffic.messages_sent,
        bytes_received: view.traffic.bytes_received,
        bytes_sent: view.traffic.bytes_sent,
        outbox_bytes: view.outbox_bytes,
        certificate: view.peer.certificate.as_ref().map(|certificate| certificate.subject.clone()),
    }
}

fn detail(view: &ClientView<'_>, subscription_list: Vec<Subscription>) -> ClientDetail {
    ClientDetail {
        client: client(view),
        groups: view.groups.iter().map(|group| group.to_string()).collect(),
        subscription_list,
        will: view.will.map(|will| Will {
            topic: will.topic.to_owned(),
            qos: will.qos.as_u8(),
            retain: will.retain,
            payload_bytes: will.payload_bytes,
            delay_s: will.delay_s,
        }),
        unfinished: view.unfinished,
    }
}

fn subscription(view: SubscriptionView) -> Subscription {
    Subscription {
        filter: view.filter.as_str().to_owned(),
        qos: view.qos.as_u8(),
        no_local: view.no_local,
        retain_as_published: view.retain_as_published,
        retain_handling: view.retain_handling,
        id: view.id,
        resting: view.resting,
    }
}
