//! `/api/v1/retained`: what is kept for those who subscribe later, and removing it.

use super::AppState;
use super::access::Caller;
use super::extract::{Asked, page_size};
use super::problem::ApiError;
use crate::broker::{Client, RetainedView, ServerMessage};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::ops::ControlFlow;
use tabmq_shared::api::Properties;
use tabmq_shared::api::retained::{
    RetainedMessage, RetainedPage, RetainedQuery, RetainedRemoval, RetainedRemoved,
};
use tabmq_shared::packet::{PublishProperties, QoS};
use tabmq_shared::topic::{TopicFilter, TopicName};

/// As many topics are looked at before the broker's lock is given back.
const AT_A_TIME: usize = 256;

/// As many are looked at for one answer: rules or a filter that leave little go on with the next page.
const FOR_ONE_ANSWER: usize = 200_000;

/// How much of a payload is shown if nothing is said, and at the most, in bytes.
const USUAL_PREVIEW: usize = 256;
const LARGEST_PREVIEW: usize = 64 * 1024;

/// Payload bytes of one answer; the message that goes beyond them is its last.
const PREVIEWS_BYTES: usize = 4 * 1024 * 1024;

/// `GET /api/v1/retained`
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<RetainedQuery>,
) -> Result<Json<RetainedPage>, ApiError> {
    let limit = page_size(query.limit)?;
    let preview = match query.preview.unwrap_or(USUAL_PREVIEW) {
        bytes @ 0..=LARGEST_PREVIEW => bytes,
        bytes => {
            let detail = format!("preview is {bytes}: it may be 0 to {LARGEST_PREVIEW} bytes");
            return Err(ApiError::unprocessable(detail));
        }
    };
    let filter = topic_filter(query.filter.as_deref().unwrap_or("#"))?;
    let may_read = state.hub.look(|broker, _| broker.may_read(caller.client()));
    let (mut messages, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
    let mut after = query.after;
    let next = loop {
        let next = state.hub.look(|broker, now| {
            broker.inspect_retained(&filter, after.as_deref(), AT_A_TIME, now, |view| {
                let shown = may_read(view.topic.as_str()).then_some(preview);
                bytes += shown.unwrap_or(0).min(view.payload.len());
                messages.push(message(&view, shown));
                match messages.len() < limit && bytes < PREVIEWS_BYTES {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })
        });
        looked_at += AT_A_TIME;
        if next.is_none() || messages.len() >= limit || bytes >= PREVIEWS_BYTES || looked_at >= FOR_ONE_ANSWER
        {
            break next;
        }
        after = next;
        tokio::task::yield_now().await;
    };
    let stats = state.hub.stats();
    Ok(Json(RetainedPage {
        messages,
        next,
        total: stats.retained_messages,
        total_bytes: stats.retained_bytes,
    }))
}

/// `DELETE /api/v1/retained`
pub(super) async fn remove(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Asked(removal): Asked<RetainedRemoval>,
) -> Result<Json<RetainedRemoved>, ApiError> {
    match (removal.topic, removal.filter) {
        (Some(topic), None) => {
            let topic = TopicName::new(topic)
                .map_err(|error| ApiError::unprocessable(format!("the topic {error}")))?;
            let mut removed = RetainedRemoved::default();
            remove_one(&state, &caller, topic, &mut removed);
            match removed {
                RetainedRemoved { removed: 0, denied: 0 } => {
                    Err(ApiError::new(StatusCode::NOT_FOUND, "nothing is retained at this topic"))
                }
                RetainedRemoved { denied: 1.., .. } => {
                    let detail =
                        "the access rules do not let this user remove what is retained at this topic";
                    Err(ApiError::new(StatusCode::FORBIDDEN, detail))
                }
                removed => Ok(Json(removed)),
            }
        }
        (None, Some(filter)) => Ok(Json(remove_matching(&state, &caller, &topic_filter(&filter)?).await)),
        _ => Err(ApiError::unprocessable("give either topic (one) or filter (all that match)")),
    }
}

/// Removes all that match, some at a time. What is published meanwhile behind the place that it has come to goes as well.
async fn remove_matching(state: &AppState, caller: &Caller, filter: &TopicFilter) -> RetainedRemoved {
    let mut removed = RetainedRemoved::default();
    let mut after: Option<String> = None;
    loop {
        let mut topics = Vec::new();
        after = state.hub.look(|broker, now| {
            broker.inspect_retained(filter, after.as_deref(), AT_A_TIME, now, |view| {
                topics.push(view.topic.clone());
                ControlFlow::Continue(())
            })
        });
        for topic in topics {
            remove_one(state, caller, topic, &mut removed);
        }
        if after.is_none() {
            return removed;
        }
        tokio::task::yield_now().await;
    }
}

fn remove_one(state: &AppState, caller: &Caller, topic: TopicName, removed: &mut RetainedRemoved) {
    let message =
        ServerMessage { topic, payload: Bytes::new(), qos: QoS::AtMostOnce, retain: true, properties: None };
    if is_the_brokers(message.topic.as_str()) {
        removed.denied += usize::from(state.hub.look(|broker, _| broker.retains(&message.topic)));
    } else if let Err(why) = state.hub.may_publish(&caller.identity, caller.address, &message) {
        if state.hub.look(|broker, _| broker.retains(&message.topic)) {
            removed.denied += 1;
            state.hub.tell_denied(&caller.identity, &message, why);
        }
    } else if state.hub.clear_retained(message.topic) {
        removed.removed += 1;
    }
}

/// What the broker itself writes.
pub(super) fn is_the_brokers(topic: &str) -> bool {
    topic == "$SYS" || topic.starts_with("$SYS/")
}

fn topic_filter(text: &str) -> Result<TopicFilter, ApiError> {
    TopicFilter::new(text.to_owned()).map_err(|error| ApiError::unprocessable(format!("the filter {error}")))
}

/// `preview` is how much of the payload is shown; `None`: it must not be.
fn message(view: &RetainedView<'_>, preview: Option<usize>) -> RetainedMessage {
    let shown = |bytes: usize| STANDARD.encode(view.payload.get(..bytes).unwrap_or(view.payload));
    RetainedMessage {
        topic: view.topic.as_str().to_owned(),
        qos: view.qos.as_u8(),
        payload_bytes: view.payload.len(),
        payload_base64: preview.map(shown),
        age_s: view.age.as_secs(),
        expires_in_s: view.expires_in.map(|time| time.as_secs()),
        publisher: view.publisher.map(str::to_owned),
        properties: view.properties.filter(|_| preview.is_some()).map(properties),
    }
}

fn properties(of: &PublishProperties) -> Properties {
    Properties {
        payload_format_utf8: of.payload_format_utf8,
        message_expiry_s: of.message_expiry_s,
        content_type: of.content_type.as_ref().map(|text| text.to_string()),
        response_topic: of.response_topic.as_ref().map(|text| text.to_string()),
        correlation_data_base64: of.correlation_data.as_ref().map(|data| STANDARD.encode(data)),
        user: of.user.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

impl Caller {
    /// As rules see it.
    fn client(&self) -> Client<'_> {
        Client { identity: &self.identity, client_id: "", address: self.address }
    }
}
