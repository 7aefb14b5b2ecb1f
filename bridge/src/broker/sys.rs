//! The `$SYS` topics: what mosquitto's are called, so that what reads those reads ours.

use super::access::Action;
use super::stats::{DropReason, Stats};
use super::timers::Timer;
use super::{Broker, ServerMessage};
use crate::limit::Limit;
use bytes::Bytes;
use std::borrow::Cow;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::packet::QoS;
use tabmq_shared::topic::TopicName;

/// When the broker started, and what was published last: only changes are published.
pub(super) struct Sys {
    started: Time,
    last: Vec<String>,
}

impl Sys {
    pub(super) fn new(started: Time) -> Self {
        Sys { started, last: Vec::new() }
    }
}

impl Broker {
    /// Publishes the version and the first values.
    pub(super) fn start_sys(&mut self, now: Time) {
        if self.config.sys_interval_s > 0 {
            self.publish_sys("version", concat!("tabmq version ", env!("CARGO_PKG_VERSION")).to_owned(), now);
            self.update_sys(now);
        }
    }

    /// Publishes what has changed and sets the next time.
    pub(super) fn update_sys(&mut self, now: Time) {
        if self.config.sys_interval_s == 0 {
            return; // switched off meanwhile
        }
        let values = values(&self.stats(), now.since(self.sys.started));
        let last = std::mem::take(&mut self.sys.last);
        for (index, (name, value)) in values.iter().enumerate() {
            if last.get(index) != Some(value) {
                self.publish_sys(name, value.clone(), now);
            }
        }
        self.sys.last = values.into_iter().map(|(_, value)| value).collect();
        self.timers.set(now + Duration::from_secs(u64::from(self.config.sys_interval_s)), Timer::Sys);
    }

    fn publish_sys(&mut self, name: &str, value: String, now: Time) {
        if let Ok(topic) = TopicName::new(format!("$SYS/broker/{name}")) {
            let payload = Bytes::from(value);
            self.publish(
                ServerMessage { topic, payload, qos: QoS::AtMostOnce, retain: true, properties: None },
                now,
            );
        }
    }

    /// Retained messages that clients published, without the broker's own.
    pub fn for_each_retained(&self, mut visit: impl FnMut(&TopicName, &Bytes, QoS)) {
        for message in
            self.retained.iter().map(|kept| &kept.message).filter(|message| !message.topic.is_dollar())
        {
            visit(&message.topic, &message.payload, message.qos);
        }
    }
}

fn values(stats: &Stats, uptime: Duration) -> Vec<(Cow<'static, str>, String)> {
    let disconnected = stats.sessions.saturating_sub(stats.clients_connected);
    let slow = [DropReason::OutboxFull, DropReason::AllOutboxesFull, DropReason::QueueFull];
    let slow: u64 = slow.into_iter().map(|reason| stats.dropped(reason)).sum();
    let mut values = vec![
        ("uptime", format!("{} seconds", uptime.as_secs())),
        ("clients/total", stats.sessions.to_string()),
        ("clients/connected", stats.clients_connected.to_string()),
        ("clients/active", stats.clients_connected.to_string()),
        ("clients/disconnected", disconnected.to_string()),
        ("clients/inactive", disconnected.to_string()),
        ("clients/maximum", stats.clients_maximum.to_string()),
        ("clients/expired", stats.sessions_expired.to_string()),
        ("clients/accepted", stats.connects.to_string()),
        ("clients/refused", stats.refused.to_string()),
        ("messages/received", stats.packets_received.to_string()),
        ("messages/sent", stats.packets_sent.to_string()),
        ("messages/stored", (stats.retained_messages + stats.queued_messages).to_string()),
        ("store/messages/count", (stats.retained_messages + stats.queued_messages).to_string()),
        ("store/messages/bytes", (stats.retained_bytes + stats.queued_bytes).to_string()),
        ("publish/messages/received", stats.publish_received.to_string()),
        ("publish/messages/sent", stats.publish_sent.to_string()),
        ("publish/messages/dropped", stats.dropped_in_all().to_string()),
        ("publish/messages/dropped/slow_receiver", slow.to_string()),
        ("publish/bytes/received", stats.publish_bytes_received.to_string()),
        ("publish/bytes/sent", stats.publish_bytes_sent.to_string()),
        ("bytes/received", stats.bytes_received.to_string()),
        ("bytes/sent", stats.bytes_sent.to_string()),
        ("store/in_flight/bytes", stats.in_flight_bytes.to_string()),
        ("store/outboxes/bytes", stats.outbox_bytes().to_string()),
        ("subscriptions/count", stats.subscriptions.to_string()),
        ("shared_subscriptions/count", stats.shared_subscriptions.to_string()),
        ("retained messages/count", stats.retained_messages.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (Cow::Borrowed(name), value))
    .collect::<Vec<_>>();
    let drops = DropReason::ALL.into_iter();
    values.extend(drops.map(|reason| {
        (format!("publish/messages/dropped/{}", reason.name()).into(), stats.dropped(reason).to_string())
    }));
    let limits = Limit::ALL.iter();
    values.extend(
        limits.map(|limit| (format!("limits/{}", limit.name()).into(), stats.limited(*limit).to_string())),
    );
    let denied = Action::ALL.into_iter();
    values.extend(denied.map(|action| (format!("denied/{action}").into(), stats.denied(action).to_string())));
    values
}
