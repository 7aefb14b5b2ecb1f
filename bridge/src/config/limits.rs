//! Settings that become limits.

use super::ConfigError;
use super::settings::Layer;
use crate::broker::Limits;
use crate::gate::GateConfig;
use crate::units;

/// What connections have to keep to before they are clients.
pub(super) fn gate(layer: &Layer) -> GateConfig {
    let defaults = GateConfig::default();
    GateConfig {
        connections: layer.max_connections.unwrap_or(defaults.connections),
        per_address: layer.max_connections_per_address.unwrap_or(defaults.per_address),
        pending: layer.max_pending.unwrap_or(defaults.pending),
        rate: layer.connect_rate.unwrap_or(defaults.rate),
        rate_per_address: layer.connect_rate_per_address.unwrap_or(defaults.rate_per_address),
    }
}

/// What clients have to keep to.
pub(super) fn clients(layer: &Layer) -> Result<Limits, ConfigError> {
    let defaults = Limits::default();
    let at_least_1 = |name: &str, value: Option<usize>, default: usize| match value {
        Some(0) => Err(ConfigError::Invalid(format!("{name} is 0: it must be at least 1"))),
        value => Ok(value.unwrap_or(default)),
    };
    let seconds = |name: &str, value: Option<units::Span>, default: u32| match value.map(|span| span.0) {
        Some(0) => Err(ConfigError::Invalid(format!("{name} is 0: it must be at least 1s"))),
        value => Ok(value.unwrap_or(default)),
    };
    let byte_rate = match layer.byte_rate {
        None => defaults.byte_rate,
        Some(rate) => u32::try_from(rate.0)
            .map_err(|_| ConfigError::Invalid("byte-rate is 4GiB or more: say 0 for no limit".to_owned()))?,
    };
    Ok(Limits {
        sessions: at_least_1("max-sessions", layer.max_sessions, defaults.sessions)?,
        connections_per_user: layer.max_connections_per_user.unwrap_or(defaults.connections_per_user),
        subscriptions: layer.max_subscriptions.unwrap_or(defaults.subscriptions),
        all_subscriptions: layer.all_subscriptions.unwrap_or(defaults.all_subscriptions),
        filters_per_packet: at_least_1("max-filters", layer.max_filters, defaults.filters_per_packet)?,
        user_properties: layer.max_user_properties.unwrap_or(defaults.user_properties),
        topic_bytes: at_least_1("max-topic-length", layer.max_topic_length, defaults.topic_bytes)?,
        topic_levels: at_least_1("max-topic-levels", layer.max_topic_levels, defaults.topic_levels)?,
        all_queues_messages: layer.all_queues_messages.unwrap_or(defaults.all_queues_messages),
        all_outboxes_bytes: (layer.all_outboxes_bytes)
            .map_or(defaults.all_outboxes_bytes, |size| usize::try_from(size.0).unwrap_or(usize::MAX)),
        message_rate: layer.message_rate.unwrap_or(defaults.message_rate),
        byte_rate,
        connect_timeout_s: seconds("connect-timeout", layer.connect_timeout, defaults.connect_timeout_s)?,
        write_timeout_s: seconds("write-timeout", layer.write_timeout, defaults.write_timeout_s)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{DropReason, Limit};

    const PAGE: &str = include_str!("../../../docs/limits.md");

    /// The cells of the row of this setting.
    fn row(setting: &str) -> Vec<&'static str> {
        let line = PAGE.lines().find(|line| line.starts_with(&format!("| `{setting}` |")));
        let line = line.unwrap_or_else(|| panic!("docs/limits.md says nothing of {setting}"));
        line.split('|').map(str::trim).collect()
    }

    #[test]
    fn the_page_has_every_limit_with_its_default() {
        for flag in Layer::flags().get_arguments() {
            let name = flag.get_long().unwrap();
            if !matches!(flag.get_help_heading(), Some("Connections" | "Limits")) || name == "sys-interval" {
                continue;
            }
            let help = flag.get_help().unwrap().to_string();
            let default = help.split_once("[default: ").unwrap().1.split_once(']').unwrap().0;
            let shown = row(name)[2];
            let first = shown.split([':', ',']).next().unwrap();
            assert_eq!(first, default, "docs/limits.md, {name}: {shown}");
        }
    }

    #[test]
    fn the_page_has_every_counter() {
        for limit in Limit::ALL {
            let counter = format!("`limits/{}`", limit.name());
            assert!(PAGE.contains(&counter), "docs/limits.md has no {counter}");
        }
        use DropReason::*;
        for reason in [OutboxFull, AllOutboxesFull, QueueFull, AllQueuesFull, RetainedFull, TopicTooLong] {
            let counter = format!("`publish/messages/dropped/{}`", reason.name());
            assert!(PAGE.contains(&counter), "docs/limits.md has no {counter}");
        }
    }
}
