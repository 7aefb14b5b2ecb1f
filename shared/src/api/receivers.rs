//! Who would get a message: `/api/v1/subscriptions`.

use serde::{Deserialize, Serialize};

/// The path of [`ReceiverPage`].
pub const SUBSCRIPTIONS_PATH: &str = "/api/v1/subscriptions";

/// Whose subscriptions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct ReceiverQuery {
    /// The topic of the message, without wildcards.
    pub topic: String,
    /// [`ReceiverPage::next`] of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at the most: 1 to 1,000; 100 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Some of the subscriptions that match a topic. What changes between two pages may be missing or be there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiverPage {
    /// One for each subscription, so that a client may be there more than once; it gets one copy for all of its own
    /// subscriptions, and one for each shared one for which it is chosen.
    pub receivers: Vec<Receiver>,
    /// Where the next page begins; absent: this is the last one. It means nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// All subscriptions that match.
    pub total: usize,
}

/// A subscription that matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receiver {
    /// Whose it is.
    pub client_id: String,
    /// Its filter, without `$share/GROUP/`.
    pub filter: String,
    /// The granted QoS; the message's own limits it.
    pub qos: u8,
    /// The group of a shared subscription: one member of it gets the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it gets no message of its own.
    pub no_local: bool,
    /// Whether the client is connected now. For one that is not, messages at QoS 1 and 2 wait.
    pub connected: bool,
    /// The access rules do not let it have messages of this topic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::there_and_back;

    #[test]
    fn receivers() {
        let receiver = Receiver {
            client_id: "c".into(),
            filter: "a/#".into(),
            qos: 1,
            group: Some("g".into()),
            no_local: true,
            connected: true,
            denied: true,
        };
        let receivers = vec![receiver, Receiver::default()];
        there_and_back(&ReceiverPage { receivers, next: Some("2".into()), total: 5 });
        there_and_back(&ReceiverQuery { topic: "a".into(), after: None, limit: Some(1) });
        assert!(serde_json::from_str::<ReceiverQuery>("{}").is_err(), "there must be a topic");
    }
}
