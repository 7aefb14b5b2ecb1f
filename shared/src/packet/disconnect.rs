//! DISCONNECT (5.0: section 3.14).

use super::{ReasonCode, UserProperties};
use bytestring::ByteString;

/// DISCONNECT: the last packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Always [`ReasonCode::Success`] ("normal disconnection") before 5.0.
    pub reason: ReasonCode,
    /// 5.0 only.
    pub properties: DisconnectProperties,
}

impl Disconnect {
    /// A DISCONNECT with this reason and nothing else.
    pub fn new(reason: ReasonCode) -> Self {
        Disconnect { reason, properties: DisconnectProperties::default() }
    }
}

/// The properties of DISCONNECT (5.0 section 3.14.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// From the client only: replaces the value of CONNECT.
    pub session_expiry_s: Option<u32>,
    /// For people, not for programs.
    pub reason_string: Option<ByteString>,
    /// In order.
    pub user: UserProperties,
    /// From the server only: where else to go.
    pub server_reference: Option<ByteString>,
}
