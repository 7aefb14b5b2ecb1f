//! How to connect: what the connection panel edits, the address bar may say, and the tab keeps over a reload.

use super::query::{self, Pair};
use bytes::Bytes;
use std::time::Duration;
use tabmq_shared::client::{Backoff, ConnectOptions};
use tabmq_shared::packet::{ConnectProperties, QoS, Version, Will, WillProperties};

/// How long the broker keeps the session of a tab that is asleep or offline, in seconds.
const SESSION_EXPIRY_S: u32 = 15 * 60;

/// In seconds. A background tab's timers may be a minute late, and the broker waits for 1.5 times the keep-alive;
/// a visible tab asks far more often, for the round-trip time.
const KEEP_ALIVE_S: u16 = 180;

/// What [`Settings::read`] knows.
const NAMES: [&str; 10] = [
    "broker",
    "version",
    "client_id",
    "username",
    "keep_alive",
    "clean",
    "will_topic",
    "will_payload",
    "will_qos",
    "will_retain",
];

/// How to connect. Everything but the password is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The broker's address; empty: the one that the page comes from.
    pub broker: String,
    /// The protocol version.
    pub version: Version,
    /// One per tab.
    pub client_id: String,
    /// Empty: none.
    pub username: String,
    /// Empty: none. Never kept, never in the address bar.
    pub password: String,
    /// Seconds; 0 is off.
    pub keep_alive_s: u16,
    /// Whether the broker is to forget the session whenever the connection ends.
    pub clean: bool,
    /// Empty: no will.
    pub will_topic: String,
    /// The will's message.
    pub will_payload: String,
    /// The will's QoS.
    pub will_qos: QoS,
    /// Whether the will is to be kept.
    pub will_retain: bool,
}

impl Settings {
    /// The defaults, for this tab.
    pub fn new(client_id: String) -> Self {
        Settings {
            broker: String::new(),
            version: Version::V5,
            client_id,
            username: String::new(),
            password: String::new(),
            keep_alive_s: KEEP_ALIVE_S,
            clean: false,
            will_topic: String::new(),
            will_payload: String::new(),
            will_qos: QoS::AtMostOnce,
            will_retain: false,
        }
    }

    /// Takes over what these pairs say; names and values that it does not know are left alone.
    pub fn read(&mut self, pairs: &[Pair]) {
        for (name, value) in pairs {
            match name.as_str() {
                "broker" => self.broker.clone_from(value),
                "version" => self.version = parse_version(value).unwrap_or(self.version),
                "client_id" if !value.is_empty() => self.client_id.clone_from(value),
                "username" => self.username.clone_from(value),
                "keep_alive" => self.keep_alive_s = value.parse().unwrap_or(self.keep_alive_s),
                "clean" => self.clean = is_true(value),
                "will_topic" => self.will_topic.clone_from(value),
                "will_payload" => self.will_payload.clone_from(value),
                "will_qos" => self.will_qos = parse_qos(value).unwrap_or(self.will_qos),
                "will_retain" => self.will_retain = is_true(value),
                _ => {}
            }
        }
    }

    /// Everything but the password, for [`read`](Settings::read).
    pub fn write(&self) -> String {
        let (version, keep_alive) = (self.version.to_string(), self.keep_alive_s.to_string());
        query::encode([
            ("broker", self.broker.as_str()),
            ("version", version.as_str()),
            ("client_id", self.client_id.as_str()),
            ("username", self.username.as_str()),
            ("keep_alive", keep_alive.as_str()),
            ("clean", if self.clean { "1" } else { "0" }),
            ("will_topic", self.will_topic.as_str()),
            ("will_payload", self.will_payload.as_str()),
            ("will_qos", qos_digit(self.will_qos)),
            ("will_retain", if self.will_retain { "1" } else { "0" }),
        ])
    }

    /// The query of the address bar that fits these settings: what was in it about other things, and the broker's
    /// address. The rest is kept by the tab and is nobody else's business, the client id least of all.
    pub fn query(&self, before: &[Pair]) -> String {
        let others = before.iter().filter(|(name, _)| !NAMES.contains(&name.as_str()));
        let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
        let broker = (!self.broker.is_empty()).then_some(("broker", self.broker.as_str()));
        query::encode(broker.into_iter().chain(others))
    }

    /// The client's options.
    ///
    /// The first connection of a page begins with a new session: a page that was reloaded has lost its half of the old
    /// one, and must not go on with the broker's half [MQTT-3.2.2-4]. Its subscriptions are made anew and bring the
    /// retained messages with them. A later connection of the same page continues the session.
    pub fn options(&self) -> ConnectOptions {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let expiry_s = if self.clean { 0 } else { SESSION_EXPIRY_S };
        ConnectOptions {
            version: self.version,
            client_id: self.client_id.as_str().into(),
            clean_start: true,
            keep_alive_s: self.keep_alive_s,
            username: some(&self.username).map(Into::into),
            password: some(&self.password).map(Bytes::from),
            will: self.will(),
            properties: ConnectProperties {
                session_expiry_s: Some(expiry_s),
                topic_alias_maximum: Some(1024),
                ..ConnectProperties::default()
            },
            // Somebody looks at it: 30 seconds, the usual maximum, are long then.
            reconnect: Some(Backoff { min: Duration::from_millis(500), max: Duration::from_secs(15) }),
            ..ConnectOptions::default()
        }
    }

    fn will(&self) -> Option<Will> {
        (!self.will_topic.is_empty()).then(|| Will {
            topic: self.will_topic.as_str().into(),
            payload: Bytes::from(self.will_payload.clone()),
            qos: self.will_qos,
            retain: self.will_retain,
            properties: WillProperties::default(),
        })
    }
}

/// `3.1`, `3.1.1`, `5` or `5.0`.
pub fn parse_version(text: &str) -> Option<Version> {
    match text {
        "3.1" => Some(Version::V31),
        "3.1.1" => Some(Version::V311),
        "5" | "5.0" => Some(Version::V5),
        _ => None,
    }
}

/// `0`, `1` or `2`.
pub fn parse_qos(text: &str) -> Option<QoS> {
    text.parse().ok().and_then(QoS::from_u8)
}

/// The opposite of [`parse_qos`].
pub const fn qos_digit(qos: QoS) -> &'static str {
    match qos {
        QoS::AtMostOnce => "0",
        QoS::AtLeastOnce => "1",
        QoS::ExactlyOnce => "2",
    }
}

fn is_true(text: &str) -> bool {
    matches!(text, "" | "1" | "true" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_without_the_password() {
        let settings = Settings {
            broker: "ws://host:8083/mqtt".into(),
            version: Version::V311,
            username: "me".into(),
            password: "secret".into(),
            keep_alive_s: 20,
            clean: true,
            will_topic: "a/will".into(),
            will_payload: "gone & forgotten".into(),
            will_qos: QoS::AtLeastOnce,
            will_retain: true,
            ..Settings::new("tab-1".into())
        };
        let written = settings.write();
        assert!(!written.contains("secret"));
        let mut read = Settings::new("other".into());
        read.read(&query::decode(&written));
        assert_eq!(read, Settings { password: String::new(), ..settings });
    }

    #[test]
    fn the_address_bar_keeps_the_broker_and_what_it_does_not_know() {
        let mut settings = Settings::new("tab-1".into());
        let before = query::decode("client_id=x&theme=dark&will_topic=w&broker=ws://old");
        assert_eq!(settings.query(&before), "theme=dark");
        settings.broker = "ws://new/mqtt".into();
        assert_eq!(settings.query(&before), "broker=ws://new/mqtt&theme=dark");
        let kept = settings.write();
        assert!(query::decode(&kept).iter().all(|(name, _)| NAMES.contains(&name.as_str())), "{kept}");
    }

    #[test]
    fn nonsense_is_left_alone() {
        let mut settings = Settings::new("tab-1".into());
        settings.read(&query::decode("version=9&keep_alive=-1&will_qos=3&password=x&client_id="));
        assert_eq!(settings, Settings::new("tab-1".into()));
    }

    #[test]
    fn options() {
        let mut settings = Settings::new("tab-1".into());
        let options = settings.options();
        assert!(options.clean_start && options.will.is_none() && options.username.is_none());
        assert_eq!(options.properties.session_expiry_s, Some(SESSION_EXPIRY_S));
        settings.will_topic = "w".into();
        settings.clean = true;
        let options = settings.options();
        assert_eq!(options.properties.session_expiry_s, Some(0));
        assert_eq!(options.will.unwrap().topic, "w");
    }
}
