//! The API of a gateway: the same addresses and types as the broker's, as far as a gateway can answer.

use super::extract::Body;
use super::openapi::OPENAPI_PATH;
use super::origin::OriginPolicy;
use super::problem::ApiError;
use super::{publish, site};
use crate::broker::ServerMessage;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use std::pin::Pin;
use std::sync::Arc;
use tabmq_shared::api::clients::CLIENTS_PATH;
use tabmq_shared::api::events::EVENTS_PATH;
use tabmq_shared::api::me::ME_PATH;
use tabmq_shared::api::receivers::SUBSCRIPTIONS_PATH;
use tabmq_shared::api::retained::RETAINED_PATH;
use tabmq_shared::api::stats::{METRICS_PATH, STATS_PATH};
use tabmq_shared::api::{GatewayInfo, INFO_PATH, PUBLISH_PATH, PublishRequest, PublishResponse};

/// What the API asks of a gateway.
pub trait Gateway: Send + Sync {
    /// What it says of itself.
    fn info(&self) -> GatewayInfo;

    /// Publishes through the gateway's own connection; ready when the broker has the message.
    fn publish(&self, message: ServerMessage) -> Publishing<'_>;
}

/// The end of a publication.
pub type Publishing<'a> = Pin<Box<dyn Future<Output = Result<(), PublishFailure>> + Send + 'a>>;

/// Why a message was not published. The texts are sentences that say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFailure {
    /// There is no connection to the broker, or the broker did not answer in time.
    #[error("{0}")]
    Unavailable(String),
    /// The broker said no.
    #[error("{0}")]
    Refused(String),
    /// The broker cannot take such a message.
    #[error("{0}")]
    Impossible(String),
}

/// All that a gateway serves over HTTP; `max_packet_size` bounds the bodies that it takes, in bytes.
pub fn router(
    gateway: Arc<dyn Gateway>,
    max_packet_size: u32,
    origins: Arc<OriginPolicy>,
    websocket: MethodRouter,
) -> Router {
    let api =
        Router::new().route(PUBLISH_PATH, post(publish)).route(INFO_PATH, get(info)).with_state(gateway);
    let not_here =
        [CLIENTS_PATH, RETAINED_PATH, SUBSCRIPTIONS_PATH, EVENTS_PATH, STATS_PATH, METRICS_PATH, ME_PATH];
    let api = not_here.into_iter().fold(api, |api, path| api.route(path, any(only_a_broker)));
    let api = api
        .route(&format!("{CLIENTS_PATH}/{{id}}"), any(only_a_broker))
        .route(OPENAPI_PATH, any(only_a_broker));
    site(api, max_packet_size, origins, websocket)
}

/// What only TabMQ itself as the broker can answer.
async fn only_a_broker() -> ApiError {
    let detail = format!(
        "this is a gateway to another broker, which does not tell it that: here are {PUBLISH_PATH} and {INFO_PATH}"
    );
    ApiError::new(StatusCode::NOT_IMPLEMENTED, detail)
}

async fn info(State(gateway): State<Arc<dyn Gateway>>) -> Json<GatewayInfo> {
    Json(gateway.info())
}

async fn publish(
    State(gateway): State<Arc<dyn Gateway>>,
    Body(request): Body<PublishRequest>,
) -> Result<Json<PublishResponse>, ApiError> {
    let message = publish::message(request)?;
    match gateway.publish(message).await {
        Ok(()) => Ok(Json(PublishResponse { receivers: None })),
        Err(failure) => Err(ApiError::new(status(&failure), failure.to_string())),
    }
}

fn status(failure: &PublishFailure) -> StatusCode {
    match failure {
        PublishFailure::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        PublishFailure::Refused(_) => StatusCode::BAD_GATEWAY,
        PublishFailure::Impossible(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
