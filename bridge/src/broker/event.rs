//! What the broker tells the people who run it: one value for each line on the console.

use super::access::Action;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tabmq_shared::ByteString;
use tabmq_shared::packet::{QoS, ReasonCode, Version};

/// By which way a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// MQTT over TCP.
    Tcp,
    /// MQTT over TLS.
    Tls,
    /// MQTT over WebSocket.
    WebSocket,
    /// MQTT over secure WebSocket.
    SecureWebSocket,
    /// Not at all: it is one of the broker's own bridges.
    Bridge,
}

impl TransportKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [TransportKind; 5] = [
        TransportKind::Tcp,
        TransportKind::Tls,
        TransportKind::WebSocket,
        TransportKind::SecureWebSocket,
        TransportKind::Bridge,
    ];
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransportKind::Tcp => "tcp",
            TransportKind::Tls => "tls",
            TransportKind::WebSocket => "ws",
            TransportKind::SecureWebSocket => "wss",
            TransportKind::Bridge => "bridge",
        })
    }
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// By which way.
    pub transport: TransportKind,
    /// What the client's certificate says, if it has shown one. It has been verified.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// A client without a certificate.
    pub fn new(address: SocketAddr, transport: TransportKind) -> Self {
        Peer { address, transport, certificate: None }
    }
}

/// Who a client is, by the certificate that it has shown in the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The user name that it stands for, if the settings say that it does.
    pub user: Option<ByteString>,
    /// The whole subject, such as `CN=alice, O=Example`.
    pub subject: String,
    /// Who has signed it.
    pub issuer: String,
    /// Its number, in hexadecimal, unique for the issuer.
    pub serial: String,
}

/// Why a connection ended. `Display` is a sentence for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectCause {
    /// The client sent DISCONNECT with this reason.
    Client(ReasonCode),
    /// The transport ended without DISCONNECT; the text says how, if it was an error.
    TransportClosed(Option<String>),
    /// Nothing came from the client for 1.5 times its keep-alive, given here in seconds.
    KeepAlive {
        /// Seconds, as the client or the server asked.
        keep_alive_s: u16,
    },
    /// Another connection came with the same client id.
    TakenOver,
    /// The client broke the protocol: the reason that it was told, and what it did.
    ProtocolViolation(ReasonCode, String),
    /// The server decided to end it: the reason that the client was told, and why.
    Server(ReasonCode, String),
}

impl DisconnectCause {
    /// The reason code that was sent, by the client or by the server; before 5.0 nothing is.
    pub const fn code(&self) -> Option<ReasonCode> {
        match self {
            DisconnectCause::TransportClosed(_) => None,
            DisconnectCause::KeepAlive { .. } => Some(ReasonCode::KeepAliveTimeout),
            DisconnectCause::TakenOver => Some(ReasonCode::SessionTakenOver),
            DisconnectCause::Client(reason)
            | DisconnectCause::ProtocolViolation(reason, _)
            | DisconnectCause::Server(reason, _) => Some(*reason),
        }
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DisconnectCause::Client(ReasonCode::Success) => f.write_str("the client disconnected"),
            DisconnectCause::Client(reason) => write!(f, "the client disconnected: {reason}"),
            DisconnectCause::TransportClosed(None) => {
                f.write_str("the connection was closed without DISCONNECT")
            }
            DisconnectCause::TransportClosed(Some(error)) => write!(f, "the connection was lost: {error}"),
            DisconnectCause::KeepAlive { keep_alive_s } => {
                write!(f, "nothing was received for 1.5 times the keep-alive of {keep_alive_s} s")
            }
            DisconnectCause::TakenOver => f.write_str("another connection uses the same client id"),
            DisconnectCause::ProtocolViolation(reason, what) => write!(f, "{what}: {reason}"),
            DisconnectCause::Server(reason, why) => write!(f, "{why}: {reason}"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client was let in.
    Connected {
        /// Its id, also if the server chose it.
        client_id: Arc<str>,
        /// The user that it has proved to be; without user accounts, the name that it gave.
        username: Option<ByteString>,
        /// Where it comes from.
        peer: Peer,
        /// What it speaks.
        version: Version,
        /// Whether state from before was found.
        session_present: bool,
        /// Seconds; 0 is off.
        keep_alive_s: u16,
    },
    /// A client was not let in, or did not begin as it must.
    Refused {
        /// Its id, if it came to that.
        client_id: Option<ByteString>,
        /// Its user name, if it gave one.
        username: Option<ByteString>,
        /// Where it comes from.
        peer: Peer,
        /// What it was told.
        reason: ReasonCode,
        /// A sentence.
        why: String,
    },
    /// A client is gone.
    Disconnected {
        /// Its id.
        client_id: Arc<str>,
        /// Where it came from.
        peer: Peer,
        /// How it ended.
        cause: DisconnectCause,
    },
    /// A subscription was made, or refused.
    Subscribed {
        /// Who asked.
        client_id: Arc<str>,
        /// As it was asked for.
        filter: ByteString,
        /// The granted QoS, or why not.
        result: ReasonCode,
    },
    /// A subscription was ended.
    Unsubscribed {
        /// Who asked.
        client_id: Arc<str>,
        /// As it was asked for.
        filter: ByteString,
        /// Success, or that there was none.
        result: ReasonCode,
    },
    /// The access rules said no to a client that is connected. Told at most once a second for each client.
    Denied {
        /// Who.
        client_id: Arc<str>,
        /// The user that it is logged in as.
        user: Option<Arc<str>>,
        /// To what.
        action: Action,
        /// The topic, or the filter.
        topic: ByteString,
        /// The rule that decides.
        why: String,
        /// How many refusals there were since the last one that was told.
        untold: u64,
    },
    /// A message was accepted. Made only where [`BrokerConfig::message_events`](super::BrokerConfig) or
    /// somebody who listens asks for it.
    Published {
        /// Who sent it; `None` is the server itself.
        client_id: Option<Arc<str>>,
        /// Where to.
        topic: ByteString,
        /// As it was sent.
        qos: QoS,
        /// Payload in bytes.
        payload_bytes: usize,
        /// As it was sent.
        retain: bool,
        /// How many subscribers got it or have it queued. 0: not consumed.
        receivers: usize,
    },
}
