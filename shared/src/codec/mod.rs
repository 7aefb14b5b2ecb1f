//! Bytes to packets and back (5.0: chapters 1.5, 2 and 3).

use crate::packet::{Packet, ReasonCode, Version};
use bytes::BytesMut;

/// What a decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet in bytes, fixed header included. At most 268,435,460, the protocol's own limit.
    pub max_packet_size: u32,
    /// The most user properties in one packet.
    pub max_user_properties: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_packet_size: 268_435_460, max_user_properties: 1_000 }
    }
}

/// Why bytes are not a packet, or not one that may be sent now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// What a 5.0 peer is told.
    pub reason: ReasonCode,
    /// What is wrong, as a sentence for a log.
    pub message: String,
}

/// Takes one packet off the front of `buffer`; `Ok(None)` if it is not all there yet.
///
/// `version` is what CONNECT agreed on; for a CONNECT itself it is ignored.
pub fn decode(buffer: &mut BytesMut, version: Version, limits: &Limits) -> Result<Option<Packet>, DecodeError> {
    let _ = (buffer, version, limits);
    Ok(None)
}

/// Appends `packet` to `buffer` in the form of `version`.
pub fn encode(packet: &Packet, version: Version, buffer: &mut BytesMut) {
    let _ = (packet, version, buffer);
}
