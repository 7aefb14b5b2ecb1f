//! Messages that were accepted and never sent: for want of a connection, of quota, or of room in the transport.

use super::{Message, PublishError, PublishId};
use crate::Time;
use crate::packet::QoS;
use std::collections::VecDeque;

/// First in, first out; bounded in messages and bytes.
#[derive(Debug)]
pub(super) struct Queue {
    messages: VecDeque<Queued>,
    bytes: usize,
    /// How many are of QoS 0.
    qos0: usize,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) id: PublishId,
    pub(super) message: Message,
    /// When the caller handed it over: its expiry counts from there.
    pub(super) since: Time,
}

impl Queue {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Queue { messages: VecDeque::new(), bytes: 0, qos0: 0, max_messages, max_bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one more message of this size is within the limits.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < self.max_messages && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    pub(super) fn full(&self) -> PublishError {
        PublishError::QueueFull { messages: self.messages.len(), bytes: self.bytes }
    }

    /// Whether a message of this size could have room if QoS 0 messages gave way.
    pub(super) fn can_make_room(&self, bytes: usize) -> bool {
        if self.has_room(bytes) {
            return true;
        }
        let qos0 = self.messages.iter().filter(|queued| queued.message.qos == QoS::AtMostOnce);
        let qos0_bytes: usize = qos0.map(|queued| queued.message.bytes()).sum();
        self.messages.len() - self.qos0 < self.max_messages
            && (self.bytes - qos0_bytes).saturating_add(bytes) <= self.max_bytes
    }

    /// Takes the oldest QoS 0 message out.
    pub(super) fn give_way(&mut self) -> Option<Queued> {
        if self.qos0 == 0 {
            return None;
        }
        let index = self.messages.iter().position(|queued| queued.message.qos == QoS::AtMostOnce)?;
        let queued = self.messages.remove(index)?;
        self.forget(&queued);
        Some(queued)
    }

    pub(super) fn push_back(&mut self, queued: Queued) {
        self.count(&queued);
        self.messages.push_back(queued);
    }

    /// For what was in flight: it comes first, whatever the limits say.
    pub(super) fn push_front(&mut self, queued: Queued) {
        self.count(&queued);
        self.messages.push_front(queued);
    }

    pub(super) fn front(&self) -> Option<&Queued> {
        self.messages.front()
    }

    pub(super) fn pop_front(&mut self) -> Option<Queued> {
        let queued = self.messages.pop_front()?;
        self.forget(&queued);
        Some(queued)
    }

    fn count(&mut self, queued: &Queued) {
        self.bytes += queued.message.bytes();
        self.qos0 += usize::from(queued.message.qos == QoS::AtMostOnce);
    }

    fn forget(&mut self, queued: &Queued) {
        self.bytes -= queued.message.bytes();
        self.qos0 -= usize::from(queued.message.qos == QoS::AtMostOnce);
    }
}
