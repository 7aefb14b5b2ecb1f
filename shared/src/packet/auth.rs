//! AUTH (5.0: section 3.15).

use super::{ReasonCode, UserProperties};
use bytes::Bytes;
use bytestring::ByteString;

/// AUTH: one step of an enhanced authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue authentication, or re-authenticate.
    pub reason: ReasonCode,
    /// The method of CONNECT. Absent only in the two-byte form of the packet.
    pub method: Option<ByteString>,
    /// What the method says.
    pub data: Option<Bytes>,
    /// For people, not for programs.
    pub reason_string: Option<ByteString>,
    /// In order.
    pub user: UserProperties,
}
