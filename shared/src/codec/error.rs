//! What can be wrong, in each direction.

use crate::packet::{PacketType, ReasonCode, Version};

/// Why bytes are not a packet, or not one that this sender may send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// What a 5.0 peer is told.
    pub reason: ReasonCode,
    /// What is wrong, as a sentence for a log.
    pub message: String,
    /// For a CONNECT: the version in whose form a CONNACK with `reason` answers it. `None`: close without a word,
    /// which is what 3.1 and 3.1.1 want for all but an unsupported version [MQTT-3.1.4-1 of 3.1.1].
    pub version: Option<Version>,
}

/// Why a packet has no form on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than its two-byte length can say.
    #[error("a string or binary field is longer than 65,535 bytes")]
    StringTooLong,
    /// [MQTT-1.5.4-2]
    #[error("a string contains the character U+0000")]
    Nul,
    /// More than a remaining length can say.
    #[error("the packet is larger than 268,435,460 bytes")]
    PacketTooLarge,
    /// The value contradicts itself or the version, as the sentence says.
    #[error("{0}")]
    Invalid(&'static str),
}

impl DecodeError {
    /// The bytes do not follow the format.
    #[cold]
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        DecodeError::new(ReasonCode::MalformedPacket, message)
    }

    /// The bytes can be read, but say what must not be said.
    #[cold]
    pub(super) fn protocol(message: impl Into<String>) -> Self {
        DecodeError::new(ReasonCode::ProtocolError, message)
    }

    pub(super) fn new(reason: ReasonCode, message: impl Into<String>) -> Self {
        DecodeError { reason, message: message.into(), version: None }
    }

    /// The same error, to be answered in the form of `version`.
    pub(super) fn answered_in(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// The same error with another code for the peer.
    pub(super) fn with_reason(mut self, reason: ReasonCode) -> Self {
        self.reason = reason;
        self
    }

    /// Names the packet that it was found in.
    pub(super) fn within(mut self, packet: PacketType) -> Self {
        self.message = format!("{}: {}", packet.name(), self.message);
        self
    }
}
