//! What clients may use up, and how often each limit was met. A limit that is full says no in the protocol's own words
//! and is counted; nothing waits for it, and nothing gets through.

use super::Broker;
use super::access::Identity;
use super::connect::{ConnectError, counted_as};
use crate::limit::Limit;
use tabmq_shared::packet::{Connect, ReasonCode};

/// Limits on top of those in [`BrokerConfig`](super::BrokerConfig) itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions, with and without a connection.
    pub sessions: usize,
    /// Connections of one user name; 0: no limit.
    pub connections_per_user: usize,
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Subscriptions of all sessions together.
    pub all_subscriptions: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE.
    pub filters_per_packet: usize,
    /// User properties in one packet; a will counts apart.
    pub user_properties: usize,
    /// Bytes of a topic or filter that a client names.
    pub topic_bytes: usize,
    /// Levels of a topic or filter that a client names.
    pub topic_levels: usize,
    /// Messages that wait for all sessions together.
    pub all_queues_messages: usize,
    /// Bytes that connections have been given, or could have, and have not written.
    pub all_outboxes_bytes: usize,
    /// PUBLISH packets a second from one connection; 0: no limit.
    pub message_rate: u32,
    /// Bytes a second from one connection; 0: no limit.
    pub byte_rate: u32,
    /// Seconds for the first packet, and for each further step until a client is let in.
    pub connect_timeout_s: u32,
    /// Seconds for which a connection may take nothing of what waits for it.
    pub write_timeout_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sessions: 1_000_000,
            connections_per_user: 0,
            subscriptions: 100_000,
            all_subscriptions: 5_000_000,
            filters_per_packet: 1000,
            user_properties: 1000,
            topic_bytes: 65_535,
            topic_levels: 200,
            all_queues_messages: 10_000_000,
            all_outboxes_bytes: 1024 * 1024 * 1024,
            message_rate: 0,
            byte_rate: 0,
            connect_timeout_s: 10,
            write_timeout_s: 60,
        }
    }
}

impl Broker {
    /// Counts that somebody met this limit.
    pub fn count_limit(&mut self, limit: Limit) {
        self.clients.stats.count_limit(limit);
    }

    /// Which limit a topic or filter is beyond.
    pub(super) fn topic_limit(&self, topic: &str) -> Option<Limit> {
        let limits = &self.config.limits;
        if topic.len() > limits.topic_bytes {
            return Some(Limit::TopicLength);
        }
        // Whoever has fewer bytes than that has fewer levels too, so most topics are not looked at.
        let too_deep = topic.len() >= limits.topic_levels
            && topic.bytes().filter(|byte| *byte == b'/').count() >= limits.topic_levels;
        too_deep.then_some(Limit::TopicLevels)
    }

    /// Whether there is room for this client.
    ///
    /// # Errors
    /// There is none: a sentence for the log, and [`ReasonCode::QuotaExceeded`] for the client.
    pub(super) fn check_room(
        &mut self,
        connect: &Connect,
        identity: &Identity,
        client_id: &str,
    ) -> Result<(), ConnectError> {
        let limits = &self.config.limits;
        let (limit, why) =
            if self.clients.find(client_id).is_none() && self.clients.sessions.len() >= limits.sessions {
                (Limit::Sessions, format!("there are {} sessions already", limits.sessions))
            } else if let Some(user) = counted_as(Some(identity), connect)
                && limits.connections_per_user > 0
                && self.connections_beside(user, client_id) >= limits.connections_per_user
            {
                let why = format!("the user has {} connections already", limits.connections_per_user);
                (Limit::ConnectionsPerUser, why)
            } else {
                return Ok(());
            };
        self.count_limit(limit);
        Err(ConnectError::new(ReasonCode::QuotaExceeded, why))
    }

    /// How many connections this user has, without the one that a new one with this client id takes over.
    fn connections_beside(&self, user: &str, client_id: &str) -> usize {
        let all = self.clients.users.get(user).copied().unwrap_or(0);
        let own = (self.clients.find(client_id))
            .and_then(|key| self.clients.session(key)?.link)
            .and_then(|link| self.clients.links.get(link as usize))
            .is_some_and(|link| link.user() == Some(user));
        all.saturating_sub(usize::from(own))
    }
}
