//! What JavaScript may ask for. A name that is not known is an error, as is a number that the protocol does not know.

use bytes::Bytes;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;
use tabmq_shared::ByteString;
use tabmq_shared::client::{self, Backoff};
use tabmq_shared::packet::{
    ConnectProperties, PublishProperties, RetainHandling, SubscriptionOptions, Version, Will, WillProperties,
};

/// The largest subscription identifier (5.0 section 3.8.2.1.2).
const MAX_SUBSCRIPTION_ID: u32 = 268_435_455;

/// How to connect. `index.d.ts` says what each means.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConnectOptions {
    version: Option<String>,
    client_id: String,
    clean_start: Option<bool>,
    keep_alive_s: Option<u16>,
    username: Option<String>,
    password: Option<Data>,
    will: Option<WillOptions>,
    session_expiry_s: Option<u32>,
    receive_maximum: Option<NonZeroU16>,
    topic_alias_maximum: Option<u16>,
    request_response_information: Option<bool>,
    request_problem_information: Option<bool>,
    user_properties: Vec<(String, String)>,
    reconnect: Option<bool>,
    reconnect_min_ms: Option<u32>,
    reconnect_max_ms: Option<u32>,
    connect_timeout_ms: Option<u32>,
    queue_messages: Option<usize>,
    queue_bytes: Option<usize>,
    max_in_flight: Option<u16>,
    max_packet_size: Option<u32>,
}

/// What the broker publishes when this client is gone without a word.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WillOptions {
    topic: String,
    payload: Option<Data>,
    qos: Qos,
    retain: bool,
    delay_s: Option<u32>,
    message_expiry_s: Option<u32>,
    payload_is_utf8: Option<bool>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data: Option<Data>,
    user_properties: Vec<(String, String)>,
}

/// How to publish.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PublishOptions {
    /// Quality of service.
    pub qos: Qos,
    /// Whether the broker keeps the message for later subscribers.
    pub retain: bool,
    message_expiry_s: Option<u32>,
    payload_is_utf8: Option<bool>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data: Option<Data>,
    user_properties: Vec<(String, String)>,
}

/// How to subscribe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SubscribeOptions {
    qos: Qos,
    no_local: bool,
    retain_as_published: bool,
    retain_handling: Retained,
    subscription_id: Option<u32>,
}

/// Quality of service: the numbers 0, 1 and 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Qos(tabmq_shared::packet::QoS);

/// When retained messages are sent.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Retained {
    /// On every SUBSCRIBE.
    #[default]
    Send,
    /// Only if the subscription is new.
    SendIfNew,
    /// Never.
    DoNotSend,
}

/// A string, as UTF-8, or a Uint8Array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Data(Vec<u8>);

impl ConnectOptions {
    /// As the client takes them.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn checked(self) -> Result<client::ConnectOptions, String> {
        let defaults = client::ConnectOptions::default();
        let version = match self.version.as_deref() {
            None | Some("5" | "5.0") => Version::V5,
            Some("3.1.1") => Version::V311,
            Some("3.1") => Version::V31,
            Some(other) => {
                return Err(format!("version '{other}' is not known: give '5', '3.1.1' or '3.1'"));
            }
        };
        let backoff = Backoff::default();
        let ms = |ms: Option<u32>, default| ms.map_or(default, |ms| Duration::from_millis(ms.into()));
        let backoff = Backoff {
            min: ms(self.reconnect_min_ms, backoff.min),
            max: ms(self.reconnect_max_ms, backoff.max),
        };
        Ok(client::ConnectOptions {
            version,
            is_bridge: false,
            client_id: self.client_id.into(),
            clean_start: self.clean_start.unwrap_or(defaults.clean_start),
            keep_alive_s: self.keep_alive_s.unwrap_or(defaults.keep_alive_s),
            username: self.username.map(ByteString::from),
            password: self.password.map(|Data(bytes)| Bytes::from(bytes)),
            will: self.will.map(WillOptions::will),
            properties: ConnectProperties {
                session_expiry_s: self.session_expiry_s,
                receive_maximum: self.receive_maximum,
                topic_alias_maximum: self.topic_alias_maximum,
                request_response_information: self.request_response_information,
                request_problem_information: self.request_problem_information,
                user: pairs(self.user_properties),
                ..ConnectProperties::default()
            },
            reconnect: self.reconnect.unwrap_or(true).then_some(backoff),
            connect_timeout: ms(self.connect_timeout_ms, defaults.connect_timeout),
            offline_messages: self.queue_messages.unwrap_or(defaults.offline_messages),
            offline_bytes: self.queue_bytes.unwrap_or(defaults.offline_bytes),
            max_in_flight: self.max_in_flight.unwrap_or(defaults.max_in_flight).max(1),
            max_packet_size: self.max_packet_size.unwrap_or(defaults.max_packet_size),
        })
    }
}

impl WillOptions {
    fn will(self) -> Will {
        Will {
            topic: self.topic.into(),
            payload: self.payload.unwrap_or_default().0.into(),
            qos: self.qos.0,
            retain: self.retain,
            properties: WillProperties {
                delay_interval_s: self.delay_s,
                payload_format_utf8: self.payload_is_utf8,
                message_expiry_s: self.message_expiry_s,
                content_type: self.content_type.map(ByteString::from),
                response_topic: self.response_topic.map(ByteString::from),
                correlation_data: self.correlation_data.map(|Data(bytes)| bytes.into()),
                user: pairs(self.user_properties),
            },
        }
    }
}

impl PublishOptions {
    /// The properties of the message; `None` if there are none, which is the usual case.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn properties(self) -> Result<Option<Box<PublishProperties>>, String> {
        let properties = PublishProperties {
            payload_format_utf8: self.payload_is_utf8,
            message_expiry_s: self.message_expiry_s,
            content_type: self.content_type.map(ByteString::from),
            response_topic: self.response_topic.map(ByteString::from),
            correlation_data: self.correlation_data.map(|Data(bytes)| bytes.into()),
            subscription_ids: Vec::new(),
            user: pairs(self.user_properties),
        };
        Ok((!properties.is_empty()).then(|| Box::new(properties)))
    }
}

impl SubscribeOptions {
    /// As the protocol has them.
    pub fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: self.qos.0,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling: match self.retain_handling {
                Retained::Send => RetainHandling::Send,
                Retained::SendIfNew => RetainHandling::SendIfNew,
                Retained::DoNotSend => RetainHandling::DoNotSend,
            },
        }
    }

    /// The subscription identifier.
    ///
    /// # Errors
    /// It is out of range.
    pub fn id(&self) -> Result<Option<NonZeroU32>, String> {
        let Some(id) = self.subscription_id else { return Ok(None) };
        let valid = NonZeroU32::new(id).filter(|id| id.get() <= MAX_SUBSCRIPTION_ID);
        valid.map(Some).ok_or_else(|| format!("subscriptionId {id} is not from 1 to {MAX_SUBSCRIPTION_ID}"))
    }
}

fn pairs(pairs: Vec<(String, String)>) -> Vec<(ByteString, ByteString)> {
    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

impl From<Qos> for tabmq_shared::packet::QoS {
    fn from(Qos(qos): Qos) -> Self {
        qos
    }
}

impl From<Qos> for u8 {
    fn from(Qos(qos): Qos) -> Self {
        qos.as_u8()
    }
}

impl TryFrom<u8> for Qos {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        tabmq_shared::packet::QoS::from_u8(number)
            .map(Qos)
            .ok_or_else(|| format!("qos {number} is not 0, 1 or 2"))
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a Uint8Array")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Data, E> {
                Ok(Data(text.as_bytes().to_vec()))
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Data, E> {
                Ok(Data(bytes.to_vec()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::packet::QoS;

    fn connect(json: &str) -> Result<client::ConnectOptions, String> {
        serde_json::from_str::<ConnectOptions>(json).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn nothing_asked_for_is_the_clients_own_defaults() {
        let (ours, defaults) = (connect("{}").unwrap(), client::ConnectOptions::default());
        assert_eq!(format!("{ours:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn what_is_asked_for_arrives() {
        let options = connect(
            r#"{"version": "3.1.1", "clientId": "c", "cleanStart": false, "username": "u", "password": "p",
                "will": {"topic": "gone", "payload": "x", "qos": 2, "retain": true, "delayS": 5},
                "reconnectMinMs": 100, "userProperties": [["a", "b"]]}"#,
        )
        .unwrap();
        assert_eq!((options.version, &*options.client_id, options.clean_start), (Version::V311, "c", false));
        assert_eq!(options.password.as_deref(), Some(&b"p"[..]));
        let will = options.will.unwrap();
        assert_eq!((&*will.topic, &*will.payload, will.qos), ("gone", &b"x"[..], QoS::ExactlyOnce));
        assert_eq!((will.retain, will.properties.delay_interval_s), (true, Some(5)));
        assert_eq!(options.reconnect.unwrap().min, Duration::from_millis(100));
        assert_eq!(options.properties.user, [("a".into(), "b".into())]);
        assert!(connect(r#"{"reconnect": false}"#).unwrap().reconnect.is_none());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let cases = [
            (r#"{"clientID": "c"}"#, "unknown field `clientID`"),
            (r#"{"version": "4"}"#, "give '5', '3.1.1' or '3.1'"),
            (r#"{"will": {"topic": "t", "qos": 3}}"#, "qos 3 is not 0, 1 or 2"),
            (r#"{"password": 5}"#, "a string or a Uint8Array"),
            (r#"{"receiveMaximum": 0}"#, "nonzero"),
        ];
        for (json, part) in cases {
            let error = connect(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
        let id = |json: &str| serde_json::from_str::<SubscribeOptions>(json).unwrap().id();
        assert!(id(r#"{"subscriptionId": 268435456}"#).is_err() && id(r#"{"subscriptionId": 0}"#).is_err());
        assert_eq!(id(r#"{"subscriptionId": 268435455}"#).unwrap().map(NonZeroU32::get), Some(268_435_455));
    }

    #[test]
    fn a_message_without_properties_has_none() {
        let read = |json: &str| serde_json::from_str::<PublishOptions>(json).unwrap().properties().unwrap();
        assert_eq!(read(r#"{"qos": 1, "retain": true}"#), None);
        assert_eq!(read(r#"{"contentType": "a/b"}"#).unwrap().content_type.as_deref(), Some("a/b"));
    }
}
