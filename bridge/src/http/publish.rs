//! `POST /api/v1/publish`: the server as the sender of a message.

use super::AppState;
use super::access::Caller;
use super::extract::Body;
use super::problem::ApiError;
use super::retained::is_the_brokers;
use crate::broker::ServerMessage;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tabmq_shared::ByteString;
use tabmq_shared::api::{Properties, PublishRequest, PublishResponse};
use tabmq_shared::packet::{PublishProperties, QoS};
use tabmq_shared::topic::TopicName;

/// The longest string and the longest binary field of MQTT, in bytes (sections 1.5.4 and 1.5.6).
const MAX_FIELD_BYTES: usize = 65_535;

pub(super) async fn publish(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<PublishRequest>,
) -> Result<Json<PublishResponse>, ApiError> {
    let message = message(request)?;
    let size = message.topic.as_str().len().saturating_add(message.payload.len());
    let limit = state.hub.max_packet_size();
    if is_the_brokers(message.topic.as_str()) {
        let detail = "the topics below $SYS are the broker's own";
        return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
    }
    if let Err(why) = state.hub.may_publish(&caller.identity, caller.address, &message) {
        let detail = format!("the access rules do not let this user publish to {}", message.topic);
        state.hub.tell_denied(&caller.identity, &message, why);
        return Err(ApiError::new(StatusCode::FORBIDDEN, detail));
    }
    if u32::try_from(size).is_ok_and(|size| size <= limit) {
        let receivers = Some(state.hub.publish(message).receivers);
        return Ok(Json(PublishResponse { receivers }));
    }
    let detail = format!("topic and payload have {size} bytes together, and the largest packet has {limit}");
    Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}

/// Makes a message of a request, or says what is wrong with it.
pub(super) fn message(request: PublishRequest) -> Result<ServerMessage, ApiError> {
    let PublishRequest { topic, payload, payload_base64, qos, retain, properties } = request;
    let topic = topic_name("topic", topic)?;
    let payload = match (payload, payload_base64) {
        (Some(_), Some(_)) => {
            return Err(ApiError::unprocessable(
                "give either payload (text) or payload_base64 (bytes), not both",
            ));
        }
        (Some(text), None) => Bytes::from(text),
        (None, Some(base64)) => from_base64("payload_base64", &base64)?,
        (None, None) => Bytes::new(),
    };
    let qos = QoS::from_u8(qos)
        .ok_or_else(|| ApiError::unprocessable(format!("qos is {qos}: there are only 0, 1 and 2")))?;
    let properties = properties.map(|properties| message_properties(properties, &payload)).transpose()?;
    let properties = properties.filter(|properties| !properties.is_empty()).map(Box::new);
    Ok(ServerMessage { topic, payload, qos, retain, properties })
}

fn message_properties(properties: Properties, payload: &[u8]) -> Result<PublishProperties, ApiError> {
    // (section 3.3.2.3.2) the sender's part: what it calls text is text
    if properties.payload_format_utf8 == Some(true) && std::str::from_utf8(payload).is_err() {
        return Err(ApiError::unprocessable("payload_format_utf8 is true, but the payload is not UTF-8"));
    }
    let user =
        properties.user.into_iter().map(|(name, value)| Ok((field("user", name)?, field("user", value)?)));
    let correlation = properties.correlation_data_base64;
    let correlation = correlation.map(|data| from_base64("correlation_data_base64", &data)).transpose()?;
    if correlation.as_ref().is_some_and(|data| data.len() > MAX_FIELD_BYTES) {
        return Err(ApiError::unprocessable("correlation_data_base64 has more than 65,535 bytes"));
    }
    let response_topic = properties.response_topic;
    let response_topic = response_topic.map(|topic| topic_name("response_topic", topic)).transpose()?;
    Ok(PublishProperties {
        payload_format_utf8: properties.payload_format_utf8,
        message_expiry_s: properties.message_expiry_s,
        content_type: properties.content_type.map(|text| field("content_type", text)).transpose()?,
        response_topic: response_topic.map(TopicName::into_byte_string),
        correlation_data: correlation,
        subscription_ids: Vec::new(),
        user: user.collect::<Result<_, ApiError>>()?,
    })
}

/// `name` is the field's name for the error.
fn topic_name(name: &str, topic: String) -> Result<TopicName, ApiError> {
    TopicName::new(topic).map_err(|error| ApiError::unprocessable(format!("{name} {error}")))
}

/// A string that MQTT can carry [MQTT-1.5.4-2].
fn field(name: &str, text: String) -> Result<ByteString, ApiError> {
    if text.len() > MAX_FIELD_BYTES {
        return Err(ApiError::unprocessable(format!("a string in {name} has more than 65,535 bytes")));
    }
    if text.contains('\0') {
        return Err(ApiError::unprocessable(format!("a string in {name} contains the character U+0000")));
    }
    Ok(ByteString::from(text))
}

fn from_base64(name: &str, text: &str) -> Result<Bytes, ApiError> {
    let decoded = STANDARD.decode(text);
    decoded.map(Bytes::from).map_err(|error| {
        ApiError::unprocessable(format!("{name} is not standard base64 (with its padding): {error}"))
    })
}
