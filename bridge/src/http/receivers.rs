//! `/api/v1/subscriptions`: who would get a message.

use super::AppState;
use super::extract::{Asked, page_size, place};
use super::problem::ApiError;
use crate::broker::ReceiverView;
use axum::Json;
use axum::extract::State;
use tabmq_shared::api::receivers::{Receiver, ReceiverPage, ReceiverQuery};
use tabmq_shared::topic::TopicName;

/// As many subscriptions are copied before the broker's lock is given back.
const AT_A_TIME: usize = 250;

/// `GET /api/v1/subscriptions`
pub(super) async fn list(
    State(state): State<AppState>,
    Asked(query): Asked<ReceiverQuery>,
) -> Result<Json<ReceiverPage>, ApiError> {
    let limit = page_size(query.limit)?;
    let topic =
        TopicName::new(query.topic).map_err(|error| ApiError::unprocessable(format!("the topic {error}")))?;
    let mut at = place::<usize>(query.after.as_deref())?.unwrap_or(0);
    let end = at.saturating_add(limit);
    let mut receivers = Vec::new();
    loop {
        let count = AT_A_TIME.min(end - at);
        let total = state.hub.look(|broker, _| {
            broker.inspect_receivers(&topic, at, count, |view| receivers.push(receiver(&view)))
        });
        at += count;
        if at >= end || at >= total {
            let next = (at < total).then(|| at.to_string());
            return Ok(Json(ReceiverPage { receivers, next, total }));
        }
        tokio::task::yield_now().await;
    }
}

fn receiver(view: &ReceiverView<'_>) -> Receiver {
    Receiver {
        client_id: view.client_id.to_owned(),
        filter: view.filter.to_owned(),
        qos: view.qos.as_u8(),
        group: view.group.map(str::to_owned),
        no_local: view.no_local,
        connected: view.connected,
        denied: view.denied,
    }
}
