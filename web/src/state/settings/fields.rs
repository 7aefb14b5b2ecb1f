//! The settings as a list of fields: one table for the connection panel, the address bar, the tab's storage and the
//! profiles.

use super::{AuthKind, DATA_FORMS, Settings, UserPairs, parse_qos, parse_version, qos_digit};
use crate::i18n::Text;
use crate::state::draft::Form as DataForm;
use std::str::FromStr;
use tabmq_shared::topic::TopicName;

/// How a field is edited, and written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// One line that nobody is to read.
    Password,
    /// A whole number.
    Number,
    /// Yes or no: `1` or `0`.
    Check,
    /// Lines of `name=value`.
    Pairs,
    /// A choice of few.
    Choice,
}

macro_rules! fields {
    ($($field:ident: $name:literal, $kind:ident, $label:ident;)*) => {
        /// A field of the settings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the settings' own fields are described there")]
        pub enum Field { $($field,)* }

        impl Field {
            /// All of them.
            pub const ALL: [Field; [$($name),*].len()] = [$(Field::$field),*];

            /// In the address bar, the storage and JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$field => $name,)* }
            }

            /// How it is edited.
            pub const fn kind(self) -> Kind {
                match self { $(Field::$field => Kind::$kind,)* }
            }

            /// What it is called.
            pub const fn label(self) -> Text {
                match self { $(Field::$field => Text::$label,)* }
            }
        }
    };
}

fields! {
    Name: "name", Text, ConnectionName;
    Broker: "broker", Text, BrokerAddress;
    Version: "version", Choice, Version;
    KeepAlive: "keep_alive", Number, KeepAlive;
    ClientId: "client_id", Text, ClientId;
    UserName: "username", Text, UserName;
    Password: "password", Password, Password;
    Clean: "clean", Check, CleanSession;
    SessionExpiry: "session_expiry", Number, SessionExpiry;
    ReceiveMaximum: "receive_maximum", Number, ReceiveMaximum;
    MaximumPacketSize: "max_packet_size", Number, MaximumPacketSize;
    TopicAliasMaximum: "topic_alias_maximum", Number, TopicAliasMaximum;
    RequestResponse: "request_response", Check, RequestResponse;
    RequestProblem: "request_problem", Check, RequestProblem;
    UserProperties: "user_properties", Pairs, UserProperties;
    Auth: "auth", Choice, AuthKind;
    AuthMethod: "auth_method", Text, AuthMethod;
    AuthForm: "auth_form", Choice, AuthForm;
    AuthData: "auth_data", Text, AuthData;
    WillTopic: "will_topic", Text, WillTopic;
    WillPayload: "will_payload", Text, WillPayload;
    WillQoS: "will_qos", Choice, WillQoS;
    WillRetain: "will_retain", Check, WillRetain;
    WillDelay: "will_delay", Number, WillDelay;
    WillExpiry: "will_expiry", Number, WillExpiry;
    WillIsText: "will_text", Check, WillIsText;
    WillContentType: "will_content_type", Text, PropContentType;
    WillResponseTopic: "will_response_topic", Text, PropResponse;
    WillCorrelation: "will_correlation", Text, PropCorrelation;
    WillUserProperties: "will_user_properties", Pairs, UserProperties;
}

impl Field {
    /// Whether it is kept only if that is asked for, and never in the address bar.
    pub const fn is_secret(self) -> bool {
        matches!(self, Field::Password | Field::AuthData)
    }

    /// What the field says.
    pub fn get(self, settings: &Settings) -> String {
        let flag = |on: bool| if on { "1" } else { "0" }.to_owned();
        let (v5, will) = (&settings.v5, &settings.will_v5);
        match self {
            Field::Name => settings.name.clone(),
            Field::Broker => settings.broker.clone(),
            Field::Version => settings.version.to_string(),
            Field::KeepAlive => settings.keep_alive_s.to_string(),
            Field::ClientId => settings.client_id.clone(),
            Field::UserName => settings.username.clone(),
            Field::Password => settings.password.clone(),
            Field::Clean => flag(settings.clean),
            Field::SessionExpiry => v5.session_expiry_s.to_string(),
            Field::ReceiveMaximum => number(v5.receive_maximum),
            Field::MaximumPacketSize => number(v5.maximum_packet_size),
            Field::TopicAliasMaximum => v5.topic_alias_maximum.to_string(),
            Field::RequestResponse => flag(v5.request_response),
            Field::RequestProblem => flag(v5.request_problem),
            Field::UserProperties => lines(&v5.user),
            Field::Auth => v5.auth.kind.name().to_owned(),
            Field::AuthMethod => v5.auth.method.clone(),
            Field::AuthForm => v5.auth.form.name().to_owned(),
            Field::AuthData => v5.auth.data.clone(),
            Field::WillTopic => settings.will_topic.clone(),
            Field::WillPayload => settings.will_payload.clone(),
            Field::WillQoS => qos_digit(settings.will_qos).to_owned(),
            Field::WillRetain => flag(settings.will_retain),
            Field::WillDelay => number(will.delay_s),
            Field::WillExpiry => number(will.expiry_s),
            Field::WillIsText => flag(will.is_text),
            Field::WillContentType => will.content_type.clone(),
            Field::WillResponseTopic => will.response_topic.clone(),
            Field::WillCorrelation => will.correlation.clone(),
            Field::WillUserProperties => lines(&will.user),
        }
    }

    /// Takes over what was typed.
    ///
    /// # Errors
    /// It cannot be meant; the text says what can. The setting stays as it was.
    pub fn set(self, settings: &mut Settings, value: &str) -> Result<(), Text> {
        let (v5, will) = (&mut settings.v5, &mut settings.will_v5);
        match self {
            Field::Name => value.trim().clone_into(&mut settings.name),
            Field::Broker => settings.broker = broker(value)?,
            Field::Version => settings.version = parse_version(value).ok_or(Text::BadVersion)?,
            Field::KeepAlive => settings.keep_alive_s = whole(value, Text::BadU16)?,
            Field::ClientId => value.clone_into(&mut settings.client_id),
            Field::UserName => value.clone_into(&mut settings.username),
            Field::Password => value.clone_into(&mut settings.password),
            Field::Clean => settings.clean = flag(value),
            Field::SessionExpiry => v5.session_expiry_s = whole(value, Text::BadU32)?,
            Field::ReceiveMaximum => v5.receive_maximum = optional(value, Text::BadNonZeroU16)?,
            Field::MaximumPacketSize => v5.maximum_packet_size = optional(value, Text::BadNonZeroU32)?,
            Field::TopicAliasMaximum => v5.topic_alias_maximum = whole(value, Text::BadU16)?,
            Field::RequestResponse => v5.request_response = flag(value),
            Field::RequestProblem => v5.request_problem = flag(value),
            Field::UserProperties => v5.user = pairs(value)?,
            Field::Auth => {
                let kind = AuthKind::ALL.into_iter().find(|kind| kind.name() == value);
                v5.auth.kind = kind.ok_or(Text::BadAuthMethod)?;
            }
            Field::AuthMethod if v5.auth.kind == AuthKind::Other && value.trim().is_empty() => {
                return Err(Text::BadAuthMethod);
            }
            Field::AuthMethod => value.trim().clone_into(&mut v5.auth.method),
            Field::AuthForm => {
                let form = DataForm::named(value).filter(|form| DATA_FORMS.contains(form));
                v5.auth.form = form.ok_or(Text::BadAuthData)?;
            }
            Field::AuthData => {
                v5.auth.form.bytes(value).map_err(|_| Text::BadAuthData)?;
                value.clone_into(&mut v5.auth.data);
            }
            Field::WillTopic => settings.will_topic = topic(value)?,
            Field::WillPayload => value.clone_into(&mut settings.will_payload),
            Field::WillQoS => settings.will_qos = parse_qos(value).ok_or(Text::BadQoS)?,
            Field::WillRetain => settings.will_retain = flag(value),
            Field::WillDelay => will.delay_s = optional(value, Text::BadU32)?,
            Field::WillExpiry => will.expiry_s = optional(value, Text::BadU32)?,
            Field::WillIsText => will.is_text = flag(value),
            Field::WillContentType => value.clone_into(&mut will.content_type),
            Field::WillResponseTopic => will.response_topic = topic(value)?,
            Field::WillCorrelation => value.clone_into(&mut will.correlation),
            Field::WillUserProperties => will.user = pairs(value)?,
        }
        Ok(())
    }
}

/// The settings as they are typed: any text in any field, and what is wrong with it once it was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    values: Vec<(Field, String)>,
    errors: Vec<(Field, Text)>,
}

impl Form {
    /// With what these settings say.
    pub fn of(settings: &Settings) -> Self {
        let values = Field::ALL.into_iter().map(|field| (field, field.get(settings)));
        Form { values: values.collect(), errors: Vec::new() }
    }

    /// What is in a field.
    pub fn get(&self, field: Field) -> &str {
        self.values.iter().find(|(known, _)| *known == field).map_or("", |(_, value)| value)
    }

    /// Puts something into a field.
    pub fn set(&mut self, field: Field, value: String) {
        self.errors.retain(|(known, _)| *known != field);
        if let Some((_, old)) = self.values.iter_mut().find(|(known, _)| *known == field) {
            *old = value;
        }
    }

    /// What is wrong with a field.
    pub fn error(&self, field: Field) -> Option<Text> {
        self.errors.iter().find(|(known, _)| *known == field).map(|(_, error)| *error)
    }

    /// The settings that it says, or nothing, and the errors are there.
    pub fn settings(&mut self) -> Option<Settings> {
        let mut settings = Settings::new(String::new());
        let values = self.values.iter();
        let errors =
            values.filter_map(|(field, value)| Some((*field, field.set(&mut settings, value).err()?)));
        self.errors = errors.collect();
        self.errors.is_empty().then_some(settings)
    }
}

/// An address for a WebSocket. People also type a host, or what they would open in a browser.
fn broker(text: &str) -> Result<String, Text> {
    let text = text.trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => ("ws", rest),
            "wss" | "https" => ("wss", rest),
            _ => return Err(Text::OnlyWebSocket),
        },
        None if text.is_empty() => return Ok(String::new()),
        None => ("ws", text),
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.contains('@') {
        return Err(Text::AddressWithUser);
    }
    if !is_host_and_port(host) || rest.contains([' ', '#']) {
        return Err(Text::BadAddress);
    }
    // Almost every broker listens there; a path that was given stays, be it the empty one of `ws://host/`.
    let path = if rest.len() == host.len() { "/mqtt" } else { "" };
    Ok(format!("{scheme}://{rest}{path}"))
}

/// A name or an address, in brackets where it has colons of its own, and a port if one is given.
fn is_host_and_port(text: &str) -> bool {
    let (host, behind) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, behind))) => (host, behind),
        Some(None) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    // As in the standard of URLs; letters of any script are part of names.
    let is_forbidden = |c: char| c.is_control() || " \"#%/<>?@[\\]^`{|}".contains(c);
    !host.is_empty()
        && !host.contains(is_forbidden)
        && (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port))
}

fn topic(text: &str) -> Result<String, Text> {
    match text {
        "" => Ok(String::new()),
        text => TopicName::new(text.to_owned())
            .map(|topic| topic.as_str().to_owned())
            .map_err(|_| Text::BadTopicName),
    }
}

fn whole<T: FromStr>(text: &str, error: Text) -> Result<T, Text> {
    text.trim().parse().map_err(|_| error)
}

fn optional<T: FromStr>(text: &str, error: Text) -> Result<Option<T>, Text> {
    if text.trim().is_empty() { Ok(None) } else { whole(text, error).map(Some) }
}

fn number(n: Option<impl ToString>) -> String {
    n.map(|n| n.to_string()).unwrap_or_default()
}

fn flag(text: &str) -> bool {
    matches!(text, "" | "1" | "true" | "yes")
}

fn pairs(text: &str) -> Result<UserPairs, Text> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let pair =
        |line: &str| line.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
    lines.map(pair).collect::<Option<_>>().ok_or(Text::BadPairs)
}

fn lines(pairs: &UserPairs) -> String {
    let lines: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::everything;
    use super::*;

    #[test]
    fn each_field_takes_back_what_it_says() {
        let settings = everything();
        let mut other = Settings::new(String::new());
        for field in Field::ALL {
            assert_ne!(field.get(&settings), field.get(&other), "{field:?} is as usual");
            field.set(&mut other, &field.get(&settings)).unwrap();
        }
        assert_eq!(other, settings);
        assert_eq!(Form::of(&settings).settings(), Some(settings));
    }

    #[test]
    fn addresses() {
        let cases = [
            ("", Ok("")),
            (" ws://host:8083/mqtt ", Ok("ws://host:8083/mqtt")),
            ("wss://host/", Ok("wss://host/")),
            ("host", Ok("ws://host/mqtt")),
            ("host:9001", Ok("ws://host:9001/mqtt")),
            ("https://[::1]:8084", Ok("wss://[::1]:8084/mqtt")),
            ("http://host/x?y=1", Ok("ws://host/x?y=1")),
            ("WSS://Host:8084/MQTT", Ok("wss://Host:8084/MQTT")),
            ("mqtt://host", Err(Text::OnlyWebSocket)),
            ("mqtts://host:8883", Err(Text::OnlyWebSocket)),
            ("ws://", Err(Text::BadAddress)),
            ("my host", Err(Text::BadAddress)),
            ("ws://host/#x", Err(Text::BadAddress)),
            // What no browser takes would be tried for ever.
            ("ws://host:99999/", Err(Text::BadAddress)),
            ("ws://%00/mqtt", Err(Text::BadAddress)),
            ("ws://a\0b", Err(Text::BadAddress)),
            ("ws://é.example", Ok("ws://é.example/mqtt")),
            ("ws://host:0", Err(Text::BadAddress)),
            ("ws://host:/mqtt", Err(Text::BadAddress)),
            ("ws://:8083", Err(Text::BadAddress)),
            ("ws://[::1", Err(Text::BadAddress)),
            ("[::1]8083", Err(Text::BadAddress)),
            ("javascript:alert(1)", Err(Text::BadAddress)),
            // The address is shown, and part of links: no place for a password.
            ("ws://ann:secret@host:8083/mqtt", Err(Text::AddressWithUser)),
        ];
        for (typed, expected) in cases {
            assert_eq!(broker(typed), expected.map(str::to_owned), "{typed:?}");
        }
    }

    #[test]
    fn errors_stay_until_the_field_is_changed() {
        let mut form = Form::of(&Settings::new("tab-1".into()));
        for (field, value, error) in [
            (Field::KeepAlive, "70000", Text::BadU16),
            (Field::SessionExpiry, "", Text::BadU32),
            (Field::ReceiveMaximum, "0", Text::BadNonZeroU16),
            (Field::MaximumPacketSize, "-1", Text::BadNonZeroU32),
            (Field::WillTopic, "a/#", Text::BadTopicName),
            (Field::UserProperties, "a=1\nb", Text::BadPairs),
        ] {
            let before = form.get(field).to_owned();
            form.set(field, value.into());
            assert_eq!((form.settings(), form.error(field)), (None, Some(error)), "{field:?}");
            form.set(field, before);
            assert_eq!(form.error(field), None);
        }
        assert_eq!(form.settings(), Some(Settings::new("tab-1".into())));
        // Another method needs a name, and data as it is said to be written.
        for (field, value) in [(Field::Auth, "other"), (Field::AuthForm, "hex"), (Field::AuthData, "0")] {
            form.set(field, value.into());
        }
        assert_eq!(form.settings(), None);
        assert_eq!(form.error(Field::AuthMethod), Some(Text::BadAuthMethod));
        assert_eq!(form.error(Field::AuthData), Some(Text::BadAuthData));
    }
}
