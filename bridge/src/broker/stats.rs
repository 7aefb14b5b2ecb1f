//! Counters: what `$SYS`, the HTTP API and the metrics show.

use super::access::Action;
use crate::limit::Limit;

/// Why a message was not delivered to somebody who should have had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// QoS 0, and what waits for the connection had reached its limit: the receiver is too slow.
    OutboxFull,
    /// The same, sooner than otherwise, because what waits for all connections together had reached its limit.
    AllOutboxesFull,
    /// The session's queue had reached its limit in messages or bytes.
    QueueFull,
    /// The queues of all sessions together had reached their limit in messages or bytes.
    AllQueuesFull,
    /// The packet would be larger than the receiver takes [MQTT-3.1.2-24].
    PacketTooLarge,
    /// The message expired while it waited [MQTT-3.3.2-5].
    Expired,
    /// The retained messages had reached their limit in number or bytes; the message was delivered, but not retained.
    RetainedFull,
    /// The publisher may not publish there, and its protocol version or QoS has no way to tell it.
    NotAuthorized,
    /// The receiver may not read the topic.
    NotReadable,
    /// The topic is too long or has too many levels, and there is no way to tell the publisher.
    TopicTooLong,
}

impl DropReason {
    /// All of them, in the order of [`Stats::dropped`].
    pub const ALL: [DropReason; 10] = [
        DropReason::OutboxFull,
        DropReason::AllOutboxesFull,
        DropReason::QueueFull,
        DropReason::AllQueuesFull,
        DropReason::PacketTooLarge,
        DropReason::Expired,
        DropReason::RetainedFull,
        DropReason::NotAuthorized,
        DropReason::NotReadable,
        DropReason::TopicTooLong,
    ];

    /// A stable name for metrics and the API.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::OutboxFull => "outbox_full",
            DropReason::AllOutboxesFull => "all_outboxes_full",
            DropReason::QueueFull => "queue_full",
            DropReason::AllQueuesFull => "all_queues_full",
            DropReason::PacketTooLarge => "packet_too_large",
            DropReason::Expired => "expired",
            DropReason::RetainedFull => "retained_full",
            DropReason::NotAuthorized => "not_authorized",
            DropReason::NotReadable => "not_readable",
            DropReason::TopicTooLong => "topic_too_long",
        }
    }
}

/// What has happened since the start, and what is there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Clients that are connected now.
    pub clients_connected: usize,
    /// The most that were connected at a time.
    pub clients_maximum: usize,
    /// Sessions, with and without a connection.
    pub sessions: usize,
    /// Sessions that ended because their time ran out.
    pub sessions_expired: u64,
    /// Connections that were accepted.
    pub connects: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Shared ones among them.
    pub shared_subscriptions: usize,
    /// Retained messages.
    pub retained_messages: usize,
    /// Their topics and payloads, in bytes.
    pub retained_bytes: usize,
    /// Messages that wait in queues.
    pub queued_messages: usize,
    /// Their weight in bytes.
    pub queued_bytes: usize,
    /// The weight in bytes of messages that were sent and not acknowledged.
    pub in_flight_bytes: usize,
    /// Control packets received.
    pub packets_received: u64,
    /// Control packets sent.
    pub packets_sent: u64,
    /// PUBLISH packets received.
    pub publish_received: u64,
    /// PUBLISH packets sent.
    pub publish_sent: u64,
    /// Payload bytes received.
    pub publish_bytes_received: u64,
    /// Payload bytes sent.
    pub publish_bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent (handed to connections).
    pub bytes_sent: u64,
    /// As many of them as have been written, or were thrown away with their connection.
    pub bytes_settled: u64,
    dropped: [u64; DropReason::ALL.len()],
    denied: [u64; Action::ALL.len()],
    limited: [u64; Limit::COUNT],
}

impl Stats {
    /// How many messages were dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many messages were dropped in all.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// How often access rules have said no to this.
    pub fn denied(&self, action: Action) -> u64 {
        self.denied.get(action as usize).copied().unwrap_or_default()
    }

    /// How often somebody met this limit.
    pub fn limited(&self, limit: Limit) -> u64 {
        self.limited.get(limit as usize).copied().unwrap_or_default()
    }

    /// Bytes that connections have been handed, or could take, and have not written.
    pub fn outbox_bytes(&self) -> u64 {
        self.bytes_sent.saturating_sub(self.bytes_settled)
    }

    pub(super) fn count_limit(&mut self, limit: Limit) {
        if let Some(counter) = self.limited.get_mut(limit as usize) {
            *counter += 1;
        }
    }

    pub(super) fn count_denied(&mut self, action: Action, times: usize) {
        if let Some(counter) = self.denied.get_mut(action as usize) {
            *counter += times as u64;
        }
    }

    pub(super) fn count_drops(&mut self, reason: DropReason, messages: usize) {
        if let Some(counter) = self.dropped.get_mut(reason as usize) {
            *counter += messages as u64;
        }
    }

    pub(super) fn count_drop(&mut self, reason: DropReason) {
        self.count_drops(reason, 1);
    }
}
