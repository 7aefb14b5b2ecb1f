//! What the client says: its state, events, and errors in words that name the remedy.

use crate::Time;
use crate::codec::EncodeError;
use crate::packet::{ConnAckProperties, Publish, QoS, ReasonCode, Version};
use crate::topic::TopicFilter;
use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;
use std::num::NonZeroU16;

/// Where the client is. [`Client`](super::Client) draws how it gets there.
///
/// `attempt` is the number of the attempt that is being made or comes next; it is 1 again after a connection that
/// lasted a while.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Never started.
    Idle,
    /// Waits for the transport to open.
    Opening {
        /// Its number.
        attempt: u32,
    },
    /// CONNECT was sent, CONNACK has not come.
    Connecting {
        /// Its number.
        attempt: u32,
    },
    /// CONNACK said yes.
    Connected {
        /// Whether the server still had the session.
        session_present: bool,
        /// What the server allows.
        limits: Box<ServerLimits>,
    },
    /// Waits for the next attempt.
    Waiting {
        /// When it will be.
        until: Time,
        /// Its number.
        attempt: u32,
        /// Why the last one failed or the connection was lost.
        why: Why,
    },
    /// Until [`start`](super::Client::start) is called again.
    Stopped {
        /// Why.
        why: Why,
    },
}

impl State {
    /// Whether messages flow.
    pub const fn is_connected(&self) -> bool {
        matches!(self, State::Connected { .. })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Idle => f.write_str("not connected"),
            State::Opening { attempt: 1 } | State::Connecting { attempt: 1 } => f.write_str("connecting"),
            State::Opening { attempt } | State::Connecting { attempt } => {
                write!(f, "connecting, attempt {attempt}")
            }
            State::Connected { limits, .. } if limits.client_id.is_empty() => f.write_str("connected"),
            State::Connected { limits, .. } => write!(f, "connected as {}", limits.client_id),
            State::Waiting { why, .. } => write!(f, "{why}; trying again soon"),
            State::Stopped { why } => fmt::Display::fmt(why, f),
        }
    }
}

/// What the server said in CONNACK, with the protocol's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The id in use: the client's own, or the one that the server chose.
    pub client_id: ByteString,
    /// How many QoS 1 and 2 messages may be unacknowledged.
    pub receive_maximum: NonZeroU16,
    /// The highest QoS of a PUBLISH.
    pub maximum_qos: QoS,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// Bytes.
    pub maximum_packet_size: u32,
    /// 0: none.
    pub topic_alias_maximum: u16,
    /// Seconds; what is kept, whoever chose it. 0: off.
    pub keep_alive_s: u16,
    /// Seconds that the session outlives the connection; `u32::MAX`: for ever.
    pub session_expiry_s: u32,
    /// Whether filters may have wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_ids_available: bool,
    /// Whether `$share/…` is known.
    pub shared_subscription_available: bool,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// [`Client::state`](super::Client::state) has a new value.
    StateChanged,
    /// CONNACK said yes. Follows the [`StateChanged`](Event::StateChanged).
    Connected {
        /// Whether the server still had the session.
        session_present: bool,
        /// All that it said (empty before 5.0).
        properties: Box<ConnAckProperties>,
    },
    /// A message for a subscription. The topic is always there, the alias never; QoS 2 comes exactly once. Topic and
    /// payload are slices of the read buffer: copy what is kept for long.
    Message(Publish),
    /// What became of a message. Comes exactly once for each [`PublishId`].
    Published {
        /// From [`publish`](super::Client::publish).
        id: PublishId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The server's answer for one filter; comes again when it was subscribed again after a reconnect.
    Subscribed {
        /// As it was subscribed.
        filter: TopicFilter,
        /// The granted QoS, or an error.
        result: ReasonCode,
    },
    /// The server's answer for one filter.
    Unsubscribed {
        /// As it was unsubscribed.
        filter: TopicFilter,
        /// Success, "no subscription existed", or an error.
        result: ReasonCode,
    },
    /// The summary for people: so many messages were given up. Each had its [`Published`](Event::Published), too.
    Dropped {
        /// How many.
        count: u64,
        /// Why.
        why: PublishError,
    },
    /// The server said good-bye (5.0).
    ServerDisconnect {
        /// Why.
        reason: ReasonCode,
        /// In the server's words.
        reason_string: Option<ByteString>,
        /// Where else to go.
        server_reference: Option<ByteString>,
    },
    /// The server sent what it must not send. The connection was given up.
    ProtocolError {
        /// What it was told (5.0).
        reason: ReasonCode,
        /// What was wrong.
        message: String,
    },
}

/// What the caller has to do with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open one, then call `handle_opened` or `handle_closed`.
    Open,
    /// Write what [`poll_transmit`](super::Client::poll_transmit) still has, as far as that goes without waiting
    /// long, close the transport and forget it: nothing may be reported of it any more.
    Close,
}

/// A message that was accepted for publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId(pub u64);

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// QoS 0: handed to the transport. Nobody knows more.
    Sent,
    /// QoS 1 and 2: the server's last word, which may be an error. Success if it is older than 5.0.
    Acknowledged(ReasonCode),
    /// It was given up.
    Failed(PublishError),
}

/// Why a message cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue is full.
    #[error("the queue is full ({messages} messages, {bytes} bytes): wait until some are sent")]
    QueueFull {
        /// What waits.
        messages: usize,
        /// What it holds.
        bytes: usize,
    },
    /// [MQTT-3.2.2-15]
    #[error("the message makes a packet of {bytes} bytes, the server takes {max}: send less at once")]
    TooLarge {
        /// The size of the packet.
        bytes: usize,
        /// The server's maximum packet size.
        max: u32,
    },
    /// [MQTT-3.2.2-11]
    #[error("the server takes messages up to QoS {} only", max.as_u8())]
    QoSNotSupported {
        /// The server's maximum.
        max: QoS,
    },
    /// [MQTT-3.2.2-14]
    #[error("the server keeps no retained messages: publish without retain")]
    RetainNotSupported,
    /// Its message expiry interval was over before it could be sent.
    #[error("the message expired before it could be sent")]
    Expired,
    /// [MQTT-3.3.2-14]
    #[error("the response topic must be a topic name without '+' and '#'")]
    BadResponseTopic,
    /// [MQTT-3.3.4-6]
    #[error("subscription identifiers are for the server to send")]
    SubscriptionIds,
    /// Something has no form on the wire.
    #[error("{0}")]
    NotEncodable(EncodeError),
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The caller said [`disconnect`](super::Client::disconnect).
    Disconnected,
    /// The options cannot work.
    BadOptions(String),
    /// The transport could not be opened.
    Unreachable(String),
    /// The transport did not open, or CONNACK did not come, in time.
    ConnectTimeout {
        /// Whether the transport had opened.
        opened: bool,
    },
    /// The transport was closed instead of a CONNACK.
    ClosedBeforeConnAck {
        /// The version that was tried.
        version: Version,
        /// The transport's words; may be empty.
        words: String,
    },
    /// The transport was closed without a good-bye.
    Lost(String),
    /// Nothing came for too long, not even the answer to a PINGREQ.
    NoAnswer,
    /// CONNACK said no.
    Refused {
        /// Why.
        reason: ReasonCode,
        /// In the server's words.
        reason_string: Option<ByteString>,
        /// Where else to go.
        server_reference: Option<ByteString>,
    },
    /// The server said good-bye (5.0).
    ServerDisconnect {
        /// Why.
        reason: ReasonCode,
        /// In the server's words.
        reason_string: Option<ByteString>,
        /// Where else to go.
        server_reference: Option<ByteString>,
    },
    /// The server sent what it must not send.
    ProtocolError(String),
    /// The server asks for a step of an enhanced authentication that this client does not know.
    AuthenticationUnsupported {
        /// What it said.
        challenge: Bytes,
    },
    /// The enhanced authentication has failed: the server is not who it claims to be, or does not keep to the method.
    AuthenticationFailed(String),
}

impl Why {
    /// Whether trying again would only meet the same end, or harm somebody.
    pub const fn is_final(&self) -> bool {
        match self {
            Why::Disconnected
            | Why::BadOptions(_)
            | Why::AuthenticationUnsupported { .. }
            | Why::AuthenticationFailed(_) => true,
            Why::Unreachable(_)
            | Why::ConnectTimeout { .. }
            | Why::ClosedBeforeConnAck { .. }
            | Why::Lost(_)
            | Why::NoAnswer
            | Why::ProtocolError(_) => false,
            Why::Refused { reason, .. } => !matches!(
                reason,
                ReasonCode::UnspecifiedError
                    | ReasonCode::ImplementationSpecificError
                    | ReasonCode::ServerUnavailable
                    | ReasonCode::ServerBusy
                    | ReasonCode::QuotaExceeded
                    | ReasonCode::ConnectionRateExceeded
            ),
            Why::ServerDisconnect { reason, .. } => matches!(
                reason,
                ReasonCode::SessionTakenOver // two clients with one id would take turns for ever
                    | ReasonCode::NotAuthorized
                    | ReasonCode::BadAuthenticationMethod
                    | ReasonCode::UseAnotherServer
                    | ReasonCode::ServerMoved
            ),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Disconnected => f.write_str("disconnected"),
            Why::BadOptions(words) => f.write_str(words),
            Why::Unreachable(words) => {
                with_words(f, "unreachable: is the broker running at this address?", words)
            }
            Why::ConnectTimeout { opened: false } => {
                f.write_str("no answer from this address in time: check host, port and firewall")
            }
            Why::ConnectTimeout { opened: true } => {
                f.write_str("the server accepted the connection but did not answer: is this an MQTT port?")
            }
            Why::ClosedBeforeConnAck { version, words } if words.is_empty() => {
                write!(f, "closed by the server at once: it may not speak MQTT {version} here")
            }
            Why::ClosedBeforeConnAck { words, .. } => write!(f, "closed before the server answered: {words}"),
            Why::Lost(words) => with_words(f, "connection lost", words),
            Why::NoAnswer => f.write_str("connection lost: the server stopped answering"),
            Why::Refused { reason, reason_string, server_reference } => {
                write!(f, "refused: {}", refusal(*reason))?;
                server_words(f, reason_string, server_reference)
            }
            Why::ServerDisconnect { reason, reason_string, server_reference } => {
                f.write_str(farewell(*reason))?;
                server_words(f, reason_string, server_reference)
            }
            Why::ProtocolError(words) => with_words(f, "the server does not keep to the protocol", words),
            Why::AuthenticationUnsupported { .. } => {
                f.write_str("the server asks for an authentication exchange that this client does not know")
            }
            Why::AuthenticationFailed(words) => with_words(f, "the authentication failed", words),
        }
    }
}

/// A CONNACK's reason, with the remedy.
fn refusal(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::UnsupportedProtocolVersion => {
            "the server does not speak this MQTT version: try another one"
        }
        ReasonCode::ClientIdentifierNotValid => "the server does not take this client id: choose another one",
        ReasonCode::BadUserNameOrPassword => "bad user name or password",
        ReasonCode::NotAuthorized => "not authorised: check user name, password and permissions",
        ReasonCode::ServerUnavailable => "the server is not available now",
        ReasonCode::ServerBusy => "the server is busy",
        ReasonCode::Banned => "this client is banned: ask who runs the server",
        ReasonCode::BadAuthenticationMethod => "the server does not know this authentication method",
        ReasonCode::TopicNameInvalid => "the server does not take the will's topic: choose another one",
        ReasonCode::PacketTooLarge => "the CONNECT is too large for the server: shorten the will",
        ReasonCode::QuotaExceeded => "a quota of the server is used up",
        ReasonCode::PayloadFormatInvalid => "the will's payload is not what its format says",
        ReasonCode::RetainNotSupported => "the server keeps no retained messages: use a will without retain",
        ReasonCode::QoSNotSupported => "the server does not support the will's QoS: use a lower one",
        ReasonCode::UseAnotherServer => "use another server for now",
        ReasonCode::ServerMoved => "the server has moved: use the new address",
        ReasonCode::ConnectionRateExceeded => "too many connections at a time",
        other => other.text(),
    }
}

/// A DISCONNECT's reason, with the remedy.
fn farewell(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::Success => "the server closed the connection",
        ReasonCode::SessionTakenOver => {
            "taken over: another client uses the same client id: close it or choose another id"
        }
        ReasonCode::ServerShuttingDown => "the server is shutting down",
        ReasonCode::ServerBusy => "disconnected: the server is busy",
        ReasonCode::KeepAliveTimeout => "disconnected: the server heard nothing for too long",
        ReasonCode::NotAuthorized => {
            "disconnected: not authorised: check user name, password and permissions"
        }
        ReasonCode::AdministrativeAction => "disconnected by an administrator",
        ReasonCode::PacketTooLarge => "disconnected: a message was too large for the server",
        ReasonCode::MessageRateTooHigh => "disconnected: messages came too fast for the server: slow down",
        ReasonCode::QuotaExceeded => "disconnected: a quota of the server is used up",
        ReasonCode::UseAnotherServer => "disconnected: use another server for now",
        ReasonCode::ServerMoved => "disconnected: the server has moved: use the new address",
        ReasonCode::ConnectionRateExceeded => "disconnected: too many connections at a time",
        ReasonCode::MaximumConnectTime => "disconnected: the time allowed for a connection is over",
        other => other.text(),
    }
}

fn with_words(f: &mut fmt::Formatter<'_>, sentence: &str, words: &str) -> fmt::Result {
    f.write_str(sentence)?;
    if words.is_empty() { Ok(()) } else { write!(f, " ({words})") }
}

fn server_words(
    f: &mut fmt::Formatter<'_>,
    reason_string: &Option<ByteString>,
    server_reference: &Option<ByteString>,
) -> fmt::Result {
    if let Some(server) = server_reference {
        write!(f, ": {server}")?;
    }
    with_words(f, "", reason_string.as_deref().unwrap_or_default())
}
