//! What happens in the broker, as it happens: `/api/v1/events`, a stream of server-sent events.
//!
//! Each has a `kind` as its `event`, an `id` to go on behind it, and a [`BrokerEvent`] in JSON as its `data`. A line
//! that begins with a colon comes every 15 s, so that a dead connection can be told. Whoever was away sends the last
//! `id` in the header `Last-Event-ID` (or as `?after=`), and gets what it has missed, as far as the broker still knows
//! it; what is missing, then or because the reader is slow, is told by [`Happening::Lost`].

use serde::{Deserialize, Serialize};

/// The path of the stream.
pub const EVENTS_PATH: &str = "/api/v1/events";

/// What to be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields, default)]
pub struct EventQuery {
    /// [`Kind`]s with commas between them; all but `published` and `unconsumed` if nothing is said. Those two are
    /// made only while somebody asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<String>,
    /// Only what concerns this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Only what concerns a topic that matches this filter: messages, denials, and subscriptions with exactly this
    /// filter or a narrower topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Goes on behind the event with this id; the header `Last-Event-ID` beats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many events of the past to begin with, if there is no id to go on behind; 0 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BrokerEvent {
    /// What to go on behind. It means nothing else.
    pub id: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened. Texts that clients have chosen are cut after 1,024 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Happening {
    /// A client was let in.
    Connected {
        /// Its client id.
        client_id: String,
        /// Its user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// IP address and port.
        address: String,
        /// As in [`Connection`](super::clients::Connection).
        transport: String,
        /// The version of MQTT.
        protocol_version: String,
        /// Whether it has a session from before.
        session_present: bool,
        /// Seconds; 0: none.
        keep_alive_s: u16,
    },
    /// A client was not let in.
    Refused {
        /// Its client id, if it came to that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// The user name that it gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// IP address and port.
        address: String,
        /// As in [`Connection`](super::clients::Connection).
        transport: String,
        /// The reason code that it was told (MQTT 5.0 section 2.4).
        code: u8,
        /// The code in words.
        reason: String,
        /// Why: what the client is not told.
        why: String,
    },
    /// A client is gone.
    Disconnected {
        /// Its client id.
        client_id: String,
        /// IP address and port.
        address: String,
        /// As in [`Connection`](super::clients::Connection).
        transport: String,
        /// Why, as a sentence.
        reason: String,
        /// The same for programs.
        #[serde(default)]
        how: Ending,
        /// The reason code that was sent (MQTT 5.0 section 2.4), by the client if it has said goodbye and by the broker
        /// otherwise; absent if none was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u8>,
        /// The client has said goodbye.
        clean: bool,
    },
    /// A client has subscribed, or tried to.
    Subscribed {
        /// Its client id.
        client_id: String,
        /// As the client wrote it.
        filter: String,
        /// What it was answered (MQTT 5.0 section 3.9.3): 0 to 2 is the granted QoS, 128 and above a refusal.
        code: u8,
        /// The code in words.
        reason: String,
    },
    /// A client has unsubscribed, or tried to.
    Unsubscribed {
        /// Its client id.
        client_id: String,
        /// As the client wrote it.
        filter: String,
        /// What it was answered (MQTT 5.0 section 3.11.3).
        code: u8,
        /// The code in words.
        reason: String,
    },
    /// The access rules said no. Told at most once a second for each client.
    Denied {
        /// Its client id; `(HTTP)` is the API.
        client_id: String,
        /// Its user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// `publish`, `retain`, `subscribe` or `receive`.
        action: String,
        /// The topic, or the filter.
        topic: String,
        /// Which rule decides.
        why: String,
        /// How many refusals of this client were not told before this one.
        untold: u64,
    },
    /// A message was accepted, and somebody got it or has it queued.
    Published(Publication),
    /// A message was accepted, and nobody is subscribed.
    Unconsumed(Publication),
    /// Some events are missing here. It has the id of the one before, so it changes nothing about where to go on.
    Lost {
        /// How many, of whatever kind; absent: the broker was started anew, and nobody knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<u64>,
    },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The client said goodbye.
    Goodbye,
    /// The connection was closed without a word.
    #[default]
    Lost,
    /// Nothing came from the client for longer than its keep-alive allows.
    Silent,
    /// Another connection came with the same client id.
    TakenOver,
    /// The client broke the protocol.
    Violation,
    /// The broker ended it.
    Ended,
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Publication {
    /// The sender; absent: the API, or the broker itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where to.
    pub topic: String,
    /// 0, 1 or 2, as it was sent.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// Payload in bytes.
    pub payload_bytes: usize,
    /// How many subscribers got it or have it queued.
    pub receivers: usize,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// [`Happening::Connected`].
    Connected,
    /// [`Happening::Refused`].
    Refused,
    /// [`Happening::Disconnected`].
    Disconnected,
    /// [`Happening::Subscribed`].
    Subscribed,
    /// [`Happening::Unsubscribed`].
    Unsubscribed,
    /// [`Happening::Denied`].
    Denied,
    /// [`Happening::Published`].
    Published,
    /// [`Happening::Unconsumed`].
    Unconsumed,
    /// [`Happening::Lost`]: always told, whatever was asked for.
    Lost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] = [
        Kind::Connected,
        Kind::Refused,
        Kind::Disconnected,
        Kind::Subscribed,
        Kind::Unsubscribed,
        Kind::Denied,
        Kind::Published,
        Kind::Unconsumed,
        Kind::Lost,
    ];

    /// As the stream writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Connected => "connected",
            Kind::Refused => "refused",
            Kind::Disconnected => "disconnected",
            Kind::Subscribed => "subscribed",
            Kind::Unsubscribed => "unsubscribed",
            Kind::Denied => "denied",
            Kind::Published => "published",
            Kind::Unconsumed => "unconsumed",
            Kind::Lost => "lost",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is about a message: made only while somebody asks for it.
    pub const fn is_of_messages(self) -> bool {
        matches!(self, Kind::Published | Kind::Unconsumed)
    }
}

impl Happening {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Happening::Connected { .. } => Kind::Connected,
            Happening::Refused { .. } => Kind::Refused,
            Happening::Disconnected { .. } => Kind::Disconnected,
            Happening::Subscribed { .. } => Kind::Subscribed,
            Happening::Unsubscribed { .. } => Kind::Unsubscribed,
            Happening::Denied { .. } => Kind::Denied,
            Happening::Published(_) => Kind::Published,
            Happening::Unconsumed(_) => Kind::Unconsumed,
            Happening::Lost { .. } => Kind::Lost,
        }
    }

    /// The client that it concerns, if it is known.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Happening::Connected { client_id, .. }
            | Happening::Disconnected { client_id, .. }
            | Happening::Subscribed { client_id, .. }
            | Happening::Unsubscribed { client_id, .. }
            | Happening::Denied { client_id, .. } => Some(client_id),
            Happening::Refused { client_id, .. } => client_id.as_deref(),
            Happening::Published(message) | Happening::Unconsumed(message) => message.client_id.as_deref(),
            Happening::Lost { .. } => None,
        }
    }

    /// The topic or filter that it concerns.
    pub fn topic(&self) -> Option<&str> {
        match self {
            Happening::Subscribed { filter, .. } | Happening::Unsubscribed { filter, .. } => Some(filter),
            Happening::Denied { topic, .. } => Some(topic),
            Happening::Published(message) | Happening::Unconsumed(message) => Some(&message.topic),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::there_and_back;

    #[test]
    fn every_kind() {
        let text = |text: &str| text.to_owned();
        let message = Publication {
            client_id: Some(text("c")),
            topic: text("t"),
            qos: 1,
            retain: true,
            payload_bytes: 5,
            receivers: 2,
        };
        let all = [
            Happening::Connected {
                client_id: text("c"),
                user: Some(text("u")),
                address: text("127.0.0.1:1"),
                transport: text("tcp"),
                protocol_version: text("5.0"),
                session_present: true,
                keep_alive_s: 60,
            },
            Happening::Refused {
                client_id: None,
                user: None,
                address: text("127.0.0.1:1"),
                transport: text("ws"),
                code: 0x86,
                reason: text("bad"),
                why: text("wrong password"),
            },
            Happening::Disconnected {
                client_id: text("c"),
                address: text("127.0.0.1:1"),
                transport: text("tcp"),
                reason: text("r"),
                how: Ending::Goodbye,
                code: Some(4),
                clean: true,
            },
            Happening::Subscribed { client_id: text("c"), filter: text("#"), code: 1, reason: text("r") },
            Happening::Unsubscribed { client_id: text("c"), filter: text("#"), code: 0, reason: text("r") },
            Happening::Denied {
                client_id: text("c"),
                user: None,
                action: text("publish"),
                topic: text("t"),
                why: text("w"),
                untold: 3,
            },
            Happening::Published(message.clone()),
            Happening::Unconsumed(Publication { client_id: None, receivers: 0, ..message }),
            Happening::Lost { events: Some(7) },
        ];
        for (what, kind) in all.into_iter().zip(Kind::ALL) {
            assert_eq!((what.kind(), Kind::from_name(kind.name())), (kind, Some(kind)));
            let event = BrokerEvent { id: text("x.1.2"), time_ms: 1_700_000_000_000, what };
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["kind"], kind.name(), "{json}");
            there_and_back(&event);
        }
        there_and_back(&Happening::Lost { events: None });
        there_and_back(&EventQuery {
            kinds: Some(text("denied,refused")),
            last: Some(9),
            ..EventQuery::default()
        });
    }
}
