//! The HTTP side: the page at `/`, the API under `/api/v1`, and `/healthz`. MQTT over WebSocket joins the same router
//! from [`listener::ws`](crate::listener::ws).
//!
//! - [`connection`]: HTTP/1.1 on one TCP connection.
//! - `page`: the embedded page; `negotiation`: which form of it a browser gets.
//! - `publish`, `info`, `me`, `clients`, `retained`, `receivers`, `events`, `vitals` (all counters): the API; `metrics`: the
//!   counters for Prometheus; `openapi`: the API's description. `extract`: what a request brings; `problem`: errors.
//! - [`gateway`]: the API of a gateway, which has another broker behind it.
//! - `access`: roles. [`origin`]: which web pages may use all this.

pub(crate) mod access;
mod clients;
pub mod connection;
mod events;
mod extract;
pub mod gateway;
mod info;
mod me;
mod metrics;
mod negotiation;
mod openapi;
pub mod origin;
mod page;
mod problem;
mod publish;
mod receivers;
mod retained;
mod vitals;

pub use info::ServerInfo;
pub use vitals::{DoorStats, Doors};

use crate::auth::{Gatekeeper, Role};
use crate::hub::Hub;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use openapi::{Api, OPENAPI_PATH, Operation};
use origin::OriginPolicy;
use problem::ApiError;
use std::sync::Arc;
use tabmq_shared::api::clients::{
    CLIENTS_PATH, ClientDetail, ClientPage, ClientQuery, ClientRemoval, ClientRemoved,
};
use tabmq_shared::api::events::{BrokerEvent, EVENTS_PATH, EventQuery};
use tabmq_shared::api::me::{ME_PATH, Me};
use tabmq_shared::api::receivers::{ReceiverPage, ReceiverQuery, SUBSCRIPTIONS_PATH};
use tabmq_shared::api::retained::{
    RETAINED_PATH, RetainedPage, RetainedQuery, RetainedRemoval, RetainedRemoved,
};
use tabmq_shared::api::stats::{METRICS_PATH, STATS_PATH, Stats};
use tabmq_shared::api::{INFO_PATH, Info, PUBLISH_PATH, PublishRequest, PublishResponse, WEBSOCKET_PATH};
use utoipa::openapi::HttpMethod;
use vitals::{Answers, Vitals};

/// What the handlers work with.
#[derive(Clone)]
struct AppState {
    hub: Arc<Hub>,
    info: Arc<ServerInfo>,
    vitals: Arc<Vitals>,
}

/// All that one HTTP listener serves; `websocket` is what answers at [`WEBSOCKET_PATH`].
pub fn router(
    hub: Arc<Hub>,
    info: ServerInfo,
    gate: &Arc<Gatekeeper>,
    origins: Arc<OriginPolicy>,
    websocket: MethodRouter,
) -> Router {
    let max_packet_size = hub.max_packet_size();
    let vitals =
        Vitals { gate: Arc::clone(gate), doors: Arc::clone(&info.doors), answers: Answers::default() };
    let state = AppState { hub, info: Arc::new(info), vitals: Arc::new(vitals) };
    let counted = from_fn_with_state(Arc::clone(&state.vitals), vitals::count_answer);
    site(api(gate).with_state(state), max_packet_size, origins, websocket).layer(counted)
}

/// The broker's API, each address with the role that it needs.
fn api(gate: &Arc<Gatekeeper>) -> Router<AppState> {
    use HttpMethod::{Delete, Get, Post};
    use Role::{Admin, Publisher, Viewer};
    const CLIENT: &str = "/api/v1/clients/{id}";
    let id = "The client id, percent-encoded";
    let clients = Operation::new::<ClientPage>(Get, CLIENTS_PATH, Viewer, "Clients and sessions");
    let client = Operation::new::<ClientDetail>(Get, CLIENT, Viewer, "One client").in_path("id", id);
    let away = Operation::new::<ClientRemoved>(Delete, CLIENT, Admin, "Ends a client's connection");
    let away = away.in_path("id", id).query::<ClientRemoval>();
    let kept = Operation::new::<RetainedPage>(Get, RETAINED_PATH, Viewer, "Retained messages");
    let clear =
        Operation::new::<RetainedRemoved>(Delete, RETAINED_PATH, Publisher, "Removes retained messages");
    let who = Operation::new::<ReceiverPage>(Get, SUBSCRIPTIONS_PATH, Viewer, "Who would get a message");
    let stream = Operation::text(EVENTS_PATH, "text/event-stream", Viewer, "What happens, as it happens");
    let stream = stream.query::<EventQuery>().events::<BrokerEvent>();
    let stats = Operation::new::<Stats>(Get, STATS_PATH, Viewer, "All counters");
    let metrics = Operation::text(METRICS_PATH, metrics::CONTENT_TYPE, Viewer, "All counters for Prometheus");
    let publish = Operation::new::<PublishResponse>(Post, PUBLISH_PATH, Publisher, "Publishes a message");
    let publish = publish.body::<PublishRequest>();
    let info = Operation::new::<Info>(Get, INFO_PATH, Viewer, "What the broker says of itself");
    Api::new(gate)
        .with(publish, post(publish::publish))
        .with(info, get(info::info))
        .with(Operation::new::<Me>(Get, ME_PATH, Viewer, "Who asks"), get(me::me))
        .with(clients.query::<ClientQuery>(), get(clients::list))
        .with(client, get(clients::show))
        .with(away, delete(clients::remove))
        .with(kept.query::<RetainedQuery>(), get(retained::list))
        .with(clear.query::<RetainedRemoval>(), delete(retained::remove))
        .with(who.query::<ReceiverQuery>(), get(receivers::list))
        .with(stream, get(events::events))
        .with(stats, get(vitals::stats))
        .with(metrics, get(metrics::metrics))
        .finish()
}

/// The page, MQTT over WebSocket, and an API around which all that is the same for every API.
fn site(api: Router, max_packet_size: u32, origins: Arc<OriginPolicy>, websocket: MethodRouter) -> Router {
    // Twice the largest payload: base64 and escaped text take more room than what they stand for.
    let body_limit = usize::try_from(max_packet_size).unwrap_or(usize::MAX).saturating_mul(2);
    let api = api
        .route("/api/{*rest}", axum::routing::any(no_such_api))
        .route("/api", axum::routing::any(no_such_api))
        .layer(DefaultBodyLimit::max(body_limit.saturating_add(64 * 1024)));
    Router::new()
        .route(WEBSOCKET_PATH, websocket)
        .route("/healthz", get(async || "ok\n"))
        .merge(api)
        .fallback(anything_else)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(origins, origin::check))
        .layer(map_response(harden))
}

async fn no_such_api() -> ApiError {
    let detail = format!(
        "there is no such address here; {INFO_PATH} is one, and a broker's {OPENAPI_PATH} has them all"
    );
    ApiError::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not work with {}: see the header Allow", request.uri().path(), request.method()),
    )
}

/// The page and its files, or nothing.
async fn anything_else(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    page::serve(request.uri().path(), request.headers())
}

/// Headers that every response has, so that a browser does with it what was meant and nothing else.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests;
