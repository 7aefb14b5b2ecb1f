//! What a node keeps of its last message.

use tabmq_shared::packet::QoS;

/// The longest payload that a node keeps by itself, in bytes. A longer one is cut, and said to be.
pub const LAST_VALUE_BYTES: usize = 1024;

/// A message as the tree sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Arrival<'a> {
    /// Its number in the history.
    pub(in crate::state) seq: u64,
    /// When it came, in Unix milliseconds.
    pub(in crate::state) at_ms: u64,
    /// The whole payload.
    pub(in crate::state) payload: &'a [u8],
    /// The QoS of its last hop.
    pub(in crate::state) qos: QoS,
    /// Whether the broker had kept it.
    pub(in crate::state) retain: bool,
}

/// What a node keeps of its last message.
#[derive(Clone, Debug)]
pub struct LastValue {
    /// Its number in the history, which may have let it go since.
    pub seq: u64,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// The payload, or its first [`LAST_VALUE_BYTES`].
    pub head: Vec<u8>,
    /// The payload's whole length in bytes.
    pub len: usize,
    /// The QoS of its last hop.
    pub qos: QoS,
    /// Whether the broker had kept it.
    pub retain: bool,
}

impl LastValue {
    /// Of this message.
    pub(in crate::state) fn new(arrival: Arrival<'_>) -> Self {
        let Arrival { seq, at_ms, payload, qos, retain } = arrival;
        LastValue { seq, at_ms, head: head(payload).to_vec(), len: payload.len(), qos, retain }
    }

    /// Of another message from now on, in the same memory. Whether that says something else.
    pub(super) fn replace(&mut self, arrival: Arrival<'_>) -> bool {
        let Arrival { seq, at_ms, payload, qos, retain } = arrival;
        (self.seq, self.at_ms, self.qos, self.retain) = (seq, at_ms, qos, retain);
        let head = head(payload);
        if self.len == payload.len() && self.head == head {
            return false;
        }
        self.len = payload.len();
        self.head.clear();
        self.head.extend_from_slice(head);
        true
    }
}

fn head(payload: &[u8]) -> &[u8] {
    payload.get(..LAST_VALUE_BYTES).unwrap_or(payload)
}
