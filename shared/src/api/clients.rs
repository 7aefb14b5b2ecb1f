//! Clients and their sessions: `/api/v1/clients`.

use super::events::Ending;
use serde::{Deserialize, Serialize};

/// The path of [`ClientPage`]; behind it, `/` and a client id (percent-encoded) is the path of [`ClientDetail`].
pub const CLIENTS_PATH: &str = "/api/v1/clients";

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields, default)]
pub struct ClientQuery {
    /// Only clients with this text in their client id, user name or address, whatever its case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Only those that are connected, or only those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// [`ClientPage::next`] of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at the most: 1 to 1,000; 100 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Some of the clients, in no order that means anything. A client that is there all the time while one page after the
/// other is asked for is on exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientPage {
    /// No more than were asked for; there may be fewer, or none, and more on the next page.
    pub clients: Vec<Client>,
    /// Where the next page begins; absent: this is the last one. It means nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// All clients that there are, whatever was searched for.
    pub total: usize,
}

/// A client: its session, and the connection if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Client {
    /// The client id.
    pub id: String,
    /// The user that it has proved to be; without user accounts, the name that it gave at its connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The connection; absent: there is none now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// How the connection before ended, if the session is older than this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_disconnect: Option<LastDisconnect>,
    /// Seconds for which the session outlives its connection; 0: it ends with it; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_expiry_s: Option<u32>,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// Messages that wait for it.
    pub queued_messages: usize,
    /// What they weigh, in bytes.
    pub queued_bytes: usize,
    /// Messages that were sent at QoS 1 and 2 and are not acknowledged yet.
    pub in_flight: usize,
    /// The topic of its will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will_topic: Option<String>,
}

/// A client's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Connection {
    /// Seconds since the client was let in.
    pub since_s: u64,
    /// IP address and port.
    pub address: String,
    /// `tcp`, `tls`, `ws`, `wss`, or `bridge` for one of the broker's own bridges.
    pub transport: String,
    /// The version of MQTT: `3.1`, `3.1.1` or `5.0`.
    pub protocol_version: String,
    /// Seconds; 0: none.
    pub keep_alive_s: u16,
    /// Whether it asked for a session without a past.
    pub clean_start: bool,
    /// PUBLISH packets from the client.
    pub messages_received: u64,
    /// PUBLISH packets to the client.
    pub messages_sent: u64,
    /// Bytes from the client, all packets.
    pub bytes_received: u64,
    /// Bytes to the client, all packets.
    pub bytes_sent: u64,
    /// Bytes that wait to be written to the client.
    pub outbox_bytes: usize,
    /// The subject of its certificate, if it has shown one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastDisconnect {
    /// Seconds since then.
    pub ago_s: u64,
    /// Why, as a sentence.
    pub reason: String,
    /// The same for programs.
    #[serde(default)]
    pub how: Ending,
    /// As in [`Disconnected`](super::events::Happening::Disconnected).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// Where it came from.
    pub address: String,
}

/// All that is known of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientDetail {
    /// What the list says as well.
    #[serde(flatten)]
    pub client: Client,
    /// The groups of its user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Its subscriptions, 1,000 at the most, in the order of their filters.
    pub subscription_list: Vec<Subscription>,
    /// Its will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will: Option<Will>,
    /// Messages at QoS 2 that it has begun to send and not finished.
    pub unfinished: usize,
}

/// A subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscription {
    /// As the client wrote it, `$share/GROUP/` included.
    pub filter: String,
    /// The granted QoS.
    pub qos: u8,
    /// Whether its own messages do not come back.
    pub no_local: bool,
    /// Whether messages keep their RETAIN flag.
    pub retain_as_published: bool,
    /// What it asked for at SUBSCRIBE: 0 retained messages, 1 if the subscription is new, 2 none.
    pub retain_handling: u8,
    /// The subscription identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The access rules do not allow it any more: it rests until they do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resting: bool,
}

/// A will that is published unless the client says goodbye.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Will {
    /// Where to.
    pub topic: String,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// Payload in bytes.
    pub payload_bytes: usize,
    /// Seconds between the end of the connection and the will.
    pub delay_s: u32,
}

/// What to do with a client besides ending its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields, default)]
pub struct ClientRemoval {
    /// Whether its session goes as well: subscriptions, and what waits for it.
    pub session: bool,
}

/// What became of a [`ClientRemoval`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClientRemoved {
    /// There was a connection, and it has been ended.
    pub disconnected: bool,
    /// There is no session any more: it was removed, or ended with its connection.
    pub session_removed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::there_and_back;

    #[test]
    fn clients() {
        let connection = Connection {
            address: "127.0.0.1:1".into(),
            transport: "tcp".into(),
            protocol_version: "5.0".into(),
            keep_alive_s: 60,
            ..Connection::default()
        };
        let client = Client {
            id: "a".into(),
            user: Some("u".into()),
            connection: Some(connection),
            session_expiry_s: Some(0),
            ..Client::default()
        };
        there_and_back(&ClientPage { clients: vec![client.clone()], next: Some("7".into()), total: 9 });
        there_and_back(&ClientPage::default());
        let absent = Client {
            id: "b".into(),
            last_disconnect: Some(LastDisconnect {
                ago_s: 1,
                reason: "why".into(),
                address: "::1".into(),
                ..LastDisconnect::default()
            }),
            will_topic: Some("w".into()),
            ..Client::default()
        };
        let subscription = Subscription {
            filter: "a/#".into(),
            qos: 2,
            id: Some(5),
            resting: true,
            ..Subscription::default()
        };
        there_and_back(&ClientDetail {
            client: absent,
            groups: vec!["staff".into()],
            subscription_list: vec![subscription, Subscription::default()],
            will: Some(Will { topic: "w".into(), qos: 1, retain: true, payload_bytes: 3, delay_s: 4 }),
            unfinished: 2,
        });
        // A list's client is a part of the detail, without a level of its own.
        let detail = ClientDetail { client, ..ClientDetail::default() };
        assert_eq!(serde_json::to_value(&detail).unwrap()["id"], "a");
    }

    #[test]
    fn queries_and_removals() {
        let query = ClientQuery {
            search: Some("x".into()),
            connected: Some(true),
            after: Some("7".into()),
            limit: Some(5),
        };
        there_and_back(&query);
        assert_eq!(serde_json::to_string(&ClientQuery::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<ClientQuery>(r#"{"serach":"x"}"#).is_err());
        there_and_back(&ClientRemoval { session: true });
        there_and_back(&ClientRemoved { disconnected: true, session_removed: false });
    }
}
