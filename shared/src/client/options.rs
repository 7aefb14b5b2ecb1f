//! What the caller says: how to connect, what to publish, what to subscribe to.

use crate::packet::{ConnectProperties, PublishProperties, QoS, SubscriptionOptions, Version, Will};
use crate::topic::{TopicFilter, TopicName};
use bytes::Bytes;
use bytestring::ByteString;
use std::num::NonZeroU32;
use std::time::Duration;

/// How to connect, and what to do when the connection is lost.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The version to speak.
    pub version: Version,
    /// Say that this is a bridge, see [`Connect::is_bridge`](crate::packet::Connect::is_bridge). Before 5.0 only, and many
    /// servers refuse it.
    pub is_bridge: bool,
    /// Empty: the server chooses one, which is used again after a reconnect (5.0 only says which; 3.1 needs one).
    pub client_id: ByteString,
    /// Begin the first connection with a new session. False says that the caller continues a session, be it an empty
    /// one. Reconnects of the same [`Client`](super::Client) continue the session wherever it outlives a connection.
    pub clean_start: bool,
    /// Seconds; 0 is off. The server may choose another value.
    pub keep_alive_s: u16,
    /// User name, if any.
    pub username: Option<ByteString>,
    /// Password, if any. Before 5.0 only together with a user name.
    pub password: Option<Bytes>,
    /// What the server publishes when this client is gone without a word.
    pub will: Option<Will>,
    /// 5.0 only. The maximum packet size is announced from [`max_packet_size`](Self::max_packet_size) if it is absent
    /// here.
    pub properties: ConnectProperties,
    /// When to try again after a failed or lost connection; `None`: never, [`State::Stopped`](super::State) instead.
    pub reconnect: Option<Backoff>,
    /// How long to wait for an open transport and a CONNACK, together.
    pub connect_timeout: Duration,
    /// How many messages wait at most until they can be sent, offline or for the server's quota.
    pub offline_messages: usize,
    /// How many bytes (topics, payloads, properties) they hold at most.
    pub offline_bytes: usize,
    /// How many QoS 1 and 2 messages are unacknowledged at most, if the server allows as many. At least 1.
    pub max_in_flight: u16,
    /// The largest packet in bytes that is accepted from the server.
    pub max_packet_size: u32,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        ConnectOptions {
            version: Version::V5,
            is_bridge: false,
            client_id: ByteString::new(),
            clean_start: true,
            keep_alive_s: 60,
            username: None,
            password: None,
            will: None,
            properties: ConnectProperties::default(),
            reconnect: Some(Backoff::default()),
            connect_timeout: Duration::from_secs(15),
            offline_messages: 10_000,
            offline_bytes: 64 << 20,
            max_in_flight: 500,
            max_packet_size: 64 << 20,
        }
    }
}

impl ConnectOptions {
    /// What is wrong with them, as a sentence with the remedy. The server would refuse these, or not understand them.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(will) = &self.will
            && let Err(error) = TopicName::new(will.topic.clone())
        {
            return Err(format!("the will's topic {error}"));
        }
        match self.version {
            Version::V5 => {}
            // [MQTT-3.1.2-22] of 3.1.1
            _ if self.password.is_some() && self.username.is_none() => {
                return Err(format!(
                    "MQTT {} takes a password only with a user name: give both",
                    self.version
                ));
            }
            Version::V31 if self.client_id.is_empty() => {
                return Err("MQTT 3.1 needs a client id: give one of 1 to 23 characters".into());
            }
            // [MQTT-3.1.3-7] of 3.1.1
            Version::V311 if self.client_id.is_empty() && !self.clean_start => {
                return Err(
                    "MQTT 3.1.1 keeps no session without a client id: give one, or start clean".into()
                );
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn receive_maximum(&self) -> u16 {
        match (self.version, self.properties.receive_maximum) {
            (Version::V5, Some(max)) => max.get(),
            _ => u16::MAX,
        }
    }

    /// The largest packet that is accepted.
    pub(super) fn packet_limit(&self) -> u32 {
        match (self.version, self.properties.maximum_packet_size) {
            (Version::V5, Some(max)) => max,
            _ => self.max_packet_size,
        }
    }

    pub(super) fn topic_alias_maximum(&self) -> u16 {
        match self.version {
            Version::V5 => self.properties.topic_alias_maximum.unwrap_or(0),
            _ => 0,
        }
    }
}

/// How long to wait between attempts: doubled from `min` to `max`, less up to a half at random, so that a thousand
/// clients do not come back at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second attempt.
    pub min: Duration,
    /// Never longer.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { min: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait before attempt number `attempt`. The first attempt after a connection that had lasted is number 1.
    pub(super) fn delay(self, attempt: u32, rng: &mut fastrand::Rng) -> Duration {
        let doublings = attempt.saturating_sub(2).min(31);
        let whole = self.min.saturating_mul(1 << doublings).min(self.max);
        let whole_ms = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(rng.u64(whole_ms / 2..=whole_ms))
    }
}

/// An application message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub topic: TopicName,
    /// The bytes.
    pub payload: Bytes,
    /// Quality of service.
    pub qos: QoS,
    /// Whether the server keeps it for later subscribers.
    pub retain: bool,
    /// Not sent before 5.0. Subscription identifiers are never sent by a client and must be absent [MQTT-3.3.4-6].
    pub properties: Option<Box<PublishProperties>>,
}

impl Message {
    /// A message without properties.
    pub fn new(topic: TopicName, payload: impl Into<Bytes>, qos: QoS, retain: bool) -> Self {
        Message { topic, payload: payload.into(), qos, retain, properties: None }
    }

    /// Roughly what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let properties = self.properties.as_deref().map_or(0, |p| {
            let user: usize = p.user.iter().map(|(name, value)| name.len() + value.len()).sum();
            let texts = [&p.content_type, &p.response_topic].into_iter().flatten().map(|s| s.len());
            user + texts.sum::<usize>() + p.correlation_data.as_ref().map_or(0, Bytes::len)
        });
        self.topic.as_str().len() + self.payload.len() + properties
    }
}

/// A filter to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What to receive. It is the key: a second subscription with the same filter replaces the first.
    pub filter: TopicFilter,
    /// How to receive it. Before 5.0 only the QoS counts.
    pub options: SubscriptionOptions,
    /// Comes back with each message: 1 to 268,435,455. Left out if the server does not know such things.
    pub id: Option<NonZeroU32>,
}
