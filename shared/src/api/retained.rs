//! Retained messages: `/api/v1/retained`.

use serde::{Deserialize, Serialize};

/// The path of [`RetainedPage`].
pub const RETAINED_PATH: &str = "/api/v1/retained";

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields, default)]
pub struct RetainedQuery {
    /// Only topics that match this filter; `#` if nothing is said, which leaves out those that begin with `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// [`RetainedPage::next`] of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at the most: 1 to 1,000; 100 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// How many bytes of each payload to show: 0 to 65,536; 256 if nothing is said. All payloads of one page together
    /// have 4 MiB at the most; what is beyond that is on the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<usize>,
}

/// Some of the retained messages, in the order of their topics, level by level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetainedPage {
    /// No more than were asked for; there may be fewer, or none, and more on the next page.
    pub messages: Vec<RetainedMessage>,
    /// Where the next page begins; absent: this is the last one. It means nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// All retained messages that there are, whatever was asked for; the broker's own below `$SYS` are among them.
    pub total: usize,
    /// The bytes of their topics and payloads, and what it takes to keep them.
    pub total_bytes: usize,
}

/// A retained message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetainedMessage {
    /// Its topic.
    pub topic: String,
    /// 0, 1 or 2, as it was published.
    pub qos: u8,
    /// The whole payload, in bytes.
    pub payload_bytes: usize,
    /// The payload's first bytes in standard base64; absent: the access rules do not let this user read the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// Seconds since it was published.
    pub age_s: u64,
    /// Seconds until it expires; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
    /// The client id of its publisher; absent: it came by the API, a bridge, or from the broker itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Its properties, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<super::Properties>,
}

/// Which retained messages to remove: either one topic, or all that match a filter.
///
/// It is as if an empty retained message had been published to each topic: subscribers get that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields, default)]
pub struct RetainedRemoval {
    /// This one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// All that match. Those below `$SYS` are the broker's own and stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// What became of a [`RetainedRemoval`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetainedRemoved {
    /// How many were removed.
    pub removed: usize,
    /// How many match, and stay because the access rules do not let this user publish or retain there.
    pub denied: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Properties, there_and_back};

    #[test]
    fn retained_messages() {
        let message = RetainedMessage {
            topic: "a".into(),
            qos: 1,
            payload_bytes: 1,
            payload_base64: Some("AA==".into()),
            age_s: 5,
            expires_in_s: Some(6),
            publisher: Some("c".into()),
            properties: Some(Properties { content_type: Some("t".into()), ..Properties::default() }),
        };
        let messages = vec![message, RetainedMessage::default()];
        there_and_back(&RetainedPage { messages, next: Some("a".into()), total: 2, total_bytes: 3 });
        let query = RetainedQuery { filter: Some("#".into()), preview: Some(0), ..RetainedQuery::default() };
        there_and_back(&query);
        there_and_back(&RetainedRemoval { topic: Some("a".into()), filter: None });
        there_and_back(&RetainedRemoved { removed: 1, denied: 2 });
        assert!(serde_json::from_str::<RetainedRemoval>(r#"{"topics":"a"}"#).is_err());
    }
}
