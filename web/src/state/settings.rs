//! How to connect: what the connection panel edits, the address bar may say, and the tab keeps over a reload.

mod fields;

pub use fields::{Field, Form, Kind};

use super::draft::Form as DataForm;
use super::query::{self, Pair};
use bytes::Bytes;
use bytestring::ByteString;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;
use tabmq_shared::client::{Backoff, ConnectOptions};
use tabmq_shared::packet::{ConnectProperties, QoS, UserProperties, Version, Will, WillProperties};

/// How long the broker keeps the session of a tab that is asleep or offline, in seconds.
const SESSION_EXPIRY_S: u32 = 15 * 60;

/// In seconds. A background tab's timers may be a minute late, and the broker waits for 1.5 times the keep-alive;
/// a visible tab asks far more often, for the round-trip time.
const KEEP_ALIVE_S: u16 = 180;

/// The highest topic alias that the broker may use.
const TOPIC_ALIAS_MAXIMUM: u16 = 1024;

/// How to connect. Everything but secrets is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the connection is called; empty: after its broker.
    pub name: String,
    /// The broker's address; empty: the one that the page comes from.
    pub broker: String,
    /// The protocol version.
    pub version: Version,
    /// One per tab. Empty: the broker chooses one.
    pub client_id: String,
    /// Empty: none.
    pub username: String,
    /// Empty: none. Never in the address bar, and kept only in a profile, if that is asked for.
    pub password: String,
    /// Seconds; 0 is off.
    pub keep_alive_s: u16,
    /// Whether the broker is to forget the session whenever the connection ends.
    pub clean: bool,
    /// What only MQTT 5 can say in CONNECT.
    pub v5: V5Settings,
    /// Empty: no will.
    pub will_topic: String,
    /// The will's message.
    pub will_payload: String,
    /// The will's QoS.
    pub will_qos: QoS,
    /// Whether the will is to be kept.
    pub will_retain: bool,
    /// What only MQTT 5 can say of the will.
    pub will_v5: WillV5Settings,
}

/// What only MQTT 5 can say in CONNECT (section 3.1.2.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V5Settings {
    /// Seconds that the session outlives the connection, unless it is to be forgotten.
    pub session_expiry_s: u32,
    /// How many QoS 1 and 2 messages may be unacknowledged; `None`: 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// In bytes; `None`: what the client takes anyway.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The highest topic alias that the broker may use; 0: none.
    pub topic_alias_maximum: u16,
    /// Whether the broker is asked for the basis of response topics.
    pub request_response: bool,
    /// Whether the broker may give reasons in words.
    pub request_problem: bool,
    /// In order.
    pub user: UserPairs,
    /// How to show who it is.
    pub auth: AuthSettings,
}

/// Enhanced authentication (section 4.12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthSettings {
    /// By which method.
    pub kind: AuthKind,
    /// The name of another method.
    pub method: String,
    /// How its data is written: text, hex or base64.
    pub form: DataForm,
    /// What CONNECT says by it, as typed. A secret as the password is.
    pub data: String,
}

/// How data of another method can be written.
pub const DATA_FORMS: [DataForm; 3] = [DataForm::Text, DataForm::Hex, DataForm::Base64];

/// A method to show who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthKind {
    /// User name and password.
    #[default]
    Plain,
    /// They too, but the password does not travel: SCRAM-SHA-256.
    Scram,
    /// A method that the page knows nothing of: one step, in CONNECT.
    Other,
}

impl AuthKind {
    /// In the order in which they are offered.
    pub const ALL: [AuthKind; 3] = [AuthKind::Plain, AuthKind::Scram, AuthKind::Other];

    /// Its name in what is kept.
    pub const fn name(self) -> &'static str {
        match self {
            AuthKind::Plain => "",
            AuthKind::Scram => "scram",
            AuthKind::Other => "other",
        }
    }
}

/// What only MQTT 5 can say of the will (section 3.1.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillV5Settings {
    /// Seconds between the end of the connection and the will.
    pub delay_s: Option<u32>,
    /// Seconds that the will is of use; `None`: for ever.
    pub expiry_s: Option<u32>,
    /// Whether to say that it is text.
    pub is_text: bool,
    /// Empty: not said.
    pub content_type: String,
    /// Empty: none.
    pub response_topic: String,
    /// Empty: none.
    pub correlation: String,
    /// In order.
    pub user: UserPairs,
}

/// Names and values of user properties.
pub type UserPairs = Vec<(String, String)>;

impl Default for V5Settings {
    fn default() -> Self {
        V5Settings {
            session_expiry_s: SESSION_EXPIRY_S,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: TOPIC_ALIAS_MAXIMUM,
            request_response: false,
            request_problem: true,
            user: Vec::new(),
            auth: AuthSettings::default(),
        }
    }
}

impl Settings {
    /// The defaults, for this tab.
    pub fn new(client_id: String) -> Self {
        Settings {
            name: String::new(),
            broker: String::new(),
            version: Version::V5,
            client_id,
            username: String::new(),
            password: String::new(),
            keep_alive_s: KEEP_ALIVE_S,
            clean: false,
            v5: V5Settings::default(),
            will_topic: String::new(),
            will_payload: String::new(),
            will_qos: QoS::AtMostOnce,
            will_retain: false,
            will_v5: WillV5Settings::default(),
        }
    }

    /// Takes over what these pairs say, but no secret; names and values that it does not know are left alone.
    pub fn read(&mut self, pairs: &[Pair]) {
        for (name, value) in pairs {
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let emptied_id = field == Some(Field::ClientId) && value.is_empty();
            if let Some(field) = field.filter(|field| !field.is_secret() && !emptied_id) {
                let _ = field.set(self, value);
            }
        }
    }

    /// Everything but secrets, for [`read`](Settings::read); what is as usual is left out.
    pub fn write(&self) -> String {
        let usual = Settings::new(String::new());
        let pairs = Field::ALL.into_iter().filter(|field| !field.is_secret());
        let pairs = pairs.map(|field| (field.name(), field.get(self), field.get(&usual)));
        let pairs: Vec<_> = pairs.filter(|(_, value, usual)| value != usual).collect();
        query::encode(pairs.iter().map(|(name, value, _)| (*name, value.as_str())))
    }

    /// The query of the address bar that fits these settings: what was in it about other things, and the broker's
    /// address. The rest is kept by the tab and is nobody else's business, the client id least of all.
    pub fn query(&self, before: &[Pair]) -> String {
        let known = |name: &str| Field::ALL.into_iter().any(|field| field.name() == name);
        // What is looked at stands behind `#`.
        let others = before.iter().filter(|(name, _)| !known(name) && name != "view");
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
        let V5Settings { receive_maximum, topic_alias_maximum, request_response, request_problem, .. } =
            self.v5;
        let (authentication_method, authentication_data) = match self.v5.auth.kind {
            AuthKind::Other => self.other_method(),
            AuthKind::Plain | AuthKind::Scram => (None, None),
        };
        let scram = self.uses_scram();
        let properties = ConnectProperties {
            session_expiry_s: Some(if self.clean { 0 } else { self.v5.session_expiry_s }),
            receive_maximum,
            maximum_packet_size: self.v5.maximum_packet_size.map(NonZeroU32::get),
            topic_alias_maximum: Some(topic_alias_maximum),
            request_response_information: request_response.then_some(true),
            request_problem_information: (!request_problem).then_some(false),
            user: user_properties(&self.v5.user),
            authentication_method,
            authentication_data,
        };
        ConnectOptions {
            version: self.version,
            client_id: self.client_id.as_str().into(),
            clean_start: true,
            keep_alive_s: self.keep_alive_s,
            // The method speaks of them, and does not say the password.
            username: some(&self.username).filter(|_| !scram),
            password: some(&self.password).filter(|_| !scram),
            will: self.will(),
            properties,
            // Somebody looks at it: 30 seconds, the usual maximum, are long then.
            reconnect: Some(Backoff { min: Duration::from_millis(500), max: Duration::from_secs(15) }),
            ..ConnectOptions::default()
        }
    }

    /// Whether user name and password are shown by SCRAM, in place of being sent.
    pub fn uses_scram(&self) -> bool {
        self.version == Version::V5 && self.v5.auth.kind == AuthKind::Scram
    }

    /// Another method's name and data.
    #[inline(never)]
    fn other_method(&self) -> (Option<ByteString>, Option<Bytes>) {
        if self.version != Version::V5 {
            return (None, None);
        }
        let AuthSettings { method, form, data, .. } = &self.v5.auth;
        let bytes = form.bytes(data).ok().filter(|bytes| !bytes.is_empty());
        (Some(method.as_str().into()), bytes)
    }

    fn will(&self) -> Option<Will> {
        let v5 = &self.will_v5;
        (!self.will_topic.is_empty()).then(|| Will {
            topic: self.will_topic.as_str().into(),
            payload: Bytes::from(self.will_payload.clone()),
            qos: self.will_qos,
            retain: self.will_retain,
            properties: WillProperties {
                delay_interval_s: v5.delay_s,
                payload_format_utf8: v5.is_text.then_some(true),
                message_expiry_s: v5.expiry_s,
                content_type: some(&v5.content_type),
                response_topic: some(&v5.response_topic),
                correlation_data: some(&v5.correlation),
                user: user_properties(&v5.user),
            },
        })
    }
}

fn some<T: From<String>>(text: &str) -> Option<T> {
    (!text.is_empty()).then(|| text.to_owned().into())
}

fn user_properties(pairs: &UserPairs) -> UserProperties {
    pairs.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings of which nothing is as usual.
    pub(super) fn everything() -> Settings {
        Settings {
            name: "at home".into(),
            broker: "ws://host:8083/mqtt".into(),
            version: Version::V311,
            client_id: "tab-1".into(),
            username: "me".into(),
            password: "secret".into(),
            keep_alive_s: 20,
            clean: true,
            v5: V5Settings {
                session_expiry_s: 7,
                receive_maximum: NonZeroU16::new(20),
                maximum_packet_size: NonZeroU32::new(100_000),
                topic_alias_maximum: 0,
                request_response: true,
                request_problem: false,
                user: vec![("a".into(), "1=2".into()), ("a".into(), String::new())],
                auth: AuthSettings {
                    kind: AuthKind::Other,
                    method: "KERBEROS".into(),
                    form: DataForm::Hex,
                    data: "00 7f".into(),
                },
            },
            will_topic: "a/will".into(),
            will_payload: "gone & forgotten".into(),
            will_qos: QoS::AtLeastOnce,
            will_retain: true,
            will_v5: WillV5Settings {
                delay_s: Some(5),
                expiry_s: Some(60),
                is_text: true,
                content_type: "text/plain".into(),
                response_topic: "a/answer".into(),
                correlation: "7".into(),
                user: vec![("b".into(), "2".into())],
            },
        }
    }

    #[test]
    fn kept_without_the_password() {
        let settings = everything();
        let written = settings.write();
        assert!(!written.contains("secret") && !written.contains("7f"));
        let mut read = Settings::new("other".into());
        read.read(&query::decode(&written));
        let mut expected = Settings { password: String::new(), ..settings };
        expected.v5.auth.data.clear();
        assert_eq!(read, expected);
    }

    #[test]
    fn the_address_bar_keeps_the_broker_and_what_it_does_not_know() {
        let mut settings = Settings::new("tab-1".into());
        let before = query::decode("client_id=x&theme=dark&will_topic=w&broker=ws://old");
        assert_eq!(settings.query(&before), "theme=dark");
        settings.broker = "ws://new/mqtt".into();
        assert_eq!(settings.query(&before), "broker=ws://new/mqtt&theme=dark");
        let kept = settings.write();
        assert_eq!(settings.query(&query::decode(&kept)), "broker=ws://new/mqtt");
    }

    #[test]
    fn nonsense_is_left_alone() {
        let mut settings = Settings::new("tab-1".into());
        settings.read(&query::decode(
            "version=9&keep_alive=-1&will_qos=3&password=x&client_id=&auth=x&auth_data=y&auth_form=file",
        ));
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

    #[test]
    fn how_to_show_who_it_is() {
        let mut settings = everything();
        let said = |settings: &Settings| {
            let ConnectOptions { username, password, properties, .. } = settings.options();
            (
                username.is_some() && password.is_some(),
                properties.authentication_method,
                properties.authentication_data,
            )
        };
        // Before 5.0 there is none of it.
        assert_eq!(said(&settings), (true, None, None));
        settings.version = Version::V5;
        assert_eq!(said(&settings), (true, Some("KERBEROS".into()), Some(Bytes::from_static(b"\0\x7f"))));
        settings.v5.auth.data.clear();
        assert_eq!(said(&settings), (true, Some("KERBEROS".into()), None));
        settings.v5.auth.kind = AuthKind::Scram;
        assert!(settings.uses_scram());
        assert_eq!(said(&settings), (false, None, None));
        settings.version = Version::V311;
        assert!(!settings.uses_scram());
        assert_eq!(said(&settings), (true, None, None));
    }

    #[test]
    fn every_property_of_mqtt_5_reaches_connect() {
        let options = everything().options();
        let properties = options.properties;
        assert_eq!(properties.receive_maximum, NonZeroU16::new(20));
        assert_eq!(properties.maximum_packet_size, Some(100_000));
        assert_eq!(properties.topic_alias_maximum, Some(0));
        assert_eq!(properties.request_response_information, Some(true));
        assert_eq!(properties.request_problem_information, Some(false));
        assert_eq!(properties.user, [("a".into(), "1=2".into()), ("a".into(), "".into())]);
        let will = options.will.unwrap();
        let expected = WillProperties {
            delay_interval_s: Some(5),
            payload_format_utf8: Some(true),
            message_expiry_s: Some(60),
            content_type: Some("text/plain".into()),
            response_topic: Some("a/answer".into()),
            correlation_data: Some(Bytes::from_static(b"7")),
            user: vec![("b".into(), "2".into())],
        };
        assert_eq!((will.qos, will.retain, will.properties), (QoS::AtLeastOnce, true, expected));
    }
}
