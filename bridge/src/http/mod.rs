//! The HTTP side: the page at `/`, the API under `/api/v1`, and `/healthz`. MQTT over WebSocket joins the same router
//! from [`listener::ws`](crate::listener::ws).
//!
//! - [`connection`]: HTTP/1.1 on one TCP connection.
//! - `page`: the embedded page; `negotiation`: which form of it a browser gets.
//! - `publish`, `info`, `clients`, `retained`, `receivers`: the API. `extract`: what a request brings; `problem`: errors.
//! - [`gateway`]: the API of a gateway, which has another broker behind it.
//! - `access`: roles. [`origin`]: which web pages may use all this.

pub(crate) mod access;
mod clients;
pub mod connection;
mod extract;
pub mod gateway;
mod info;
mod negotiation;
pub mod origin;
mod page;
mod problem;
mod publish;
mod receivers;
mod retained;

pub use info::ServerInfo;

use crate::auth::{Gatekeeper, Role};
use crate::hub::Hub;
use access::protect;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use origin::OriginPolicy;
use problem::ApiError;
use std::sync::Arc;
use tabmq_shared::api;
use tabmq_shared::api::clients::CLIENTS_PATH;
use tabmq_shared::api::receivers::SUBSCRIPTIONS_PATH;
use tabmq_shared::api::retained::RETAINED_PATH;

/// What the handlers work with.
#[derive(Clone)]
struct AppState {
    hub: Arc<Hub>,
    info: Arc<ServerInfo>,
}

/// All that one HTTP listener serves; `websocket` is what answers at [`api::WEBSOCKET_PATH`].
pub fn router(
    hub: Arc<Hub>,
    info: ServerInfo,
    gate: &Arc<Gatekeeper>,
    origins: Arc<OriginPolicy>,
    websocket: MethodRouter,
) -> Router {
    let max_packet_size = hub.max_packet_size();
    let client = protect(gate, Role::Viewer, get(clients::show)).merge(protect(
        gate,
        Role::Admin,
        delete(clients::remove),
    ));
    let retained = protect(gate, Role::Viewer, get(retained::list)).merge(protect(
        gate,
        Role::Publisher,
        delete(retained::remove),
    ));
    let api = Router::new()
        .route(api::PUBLISH_PATH, protect(gate, Role::Publisher, post(publish::publish)))
        .route(api::INFO_PATH, protect(gate, Role::Viewer, get(info::info)))
        .route(CLIENTS_PATH, protect(gate, Role::Viewer, get(clients::list)))
        .route(&format!("{CLIENTS_PATH}/{{id}}"), client)
        .route(RETAINED_PATH, retained)
        .route(SUBSCRIPTIONS_PATH, protect(gate, Role::Viewer, get(receivers::list)))
        .with_state(AppState { hub, info: Arc::new(info) });
    site(api, max_packet_size, origins, websocket)
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
        .route(api::WEBSOCKET_PATH, websocket)
        .route("/healthz", get(async || "ok\n"))
        .merge(api)
        .fallback(anything_else)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(origins, origin::check))
        .layer(map_response(harden))
}

async fn no_such_api() -> ApiError {
    let detail = format!("there is no such address here: {} and {} exist", api::PUBLISH_PATH, api::INFO_PATH);
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
