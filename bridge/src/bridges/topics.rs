//! Which topics pass a bridge, in which direction, and what they are called on the other side.

use std::fmt;
use std::num::NonZeroU32;
use tabmq_shared::packet::{QoS, SubscriptionOptions};
use tabmq_shared::topic::{TopicFilter, TopicName};

/// Which way messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From this broker to the other one.
    #[default]
    Out,
    /// From the other broker to this one.
    In,
    /// Both ways.
    Both,
}

/// A rule as it counts: valid on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    direction: Direction,
    qos: QoS,
    local_prefix: String,
    remote_prefix: String,
    /// The pattern behind either prefix.
    local: TopicFilter,
    remote: TopicFilter,
}

/// Why a rule cannot be. `Display` is a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRule(String);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Rule {
    /// `pattern` behind `local_prefix` is a filter here, and behind `remote_prefix` there.
    pub(super) fn new(
        pattern: &str,
        direction: Direction,
        qos: QoS,
        local_prefix: &str,
        remote_prefix: &str,
    ) -> Result<Rule, BadRule> {
        for (side, prefix) in [("local", local_prefix), ("remote", remote_prefix)] {
            if prefix.contains(['+', '#', '\0']) {
                let text = format!("the {side}-prefix '{}' contains a wildcard", prefix.escape_debug());
                return Err(BadRule(text));
            }
        }
        let filter = |prefix: &str| {
            let text = format!("{prefix}{pattern}");
            let shown = text.escape_debug().to_string();
            let filter =
                TopicFilter::new(text).map_err(|error| BadRule(format!("the filter '{shown}' {error}")))?;
            if filter.share_group().is_some() || is_reserved(filter.as_str()) {
                return Err(BadRule(format!(
                    "'{shown}' is the broker's own: $SYS and $share do not pass a bridge"
                )));
            }
            Ok(filter)
        };
        Ok(Rule {
            direction,
            qos,
            local: filter(local_prefix)?,
            remote: filter(remote_prefix)?,
            local_prefix: local_prefix.to_owned(),
            remote_prefix: remote_prefix.to_owned(),
        })
    }

    /// Whether messages go from here to there.
    pub(super) fn goes_out(&self) -> bool {
        self.direction != Direction::In
    }

    /// Whether messages come from there.
    pub(super) fn comes_in(&self) -> bool {
        self.direction != Direction::Out
    }

    /// The filter here.
    pub(super) fn local(&self) -> &TopicFilter {
        &self.local
    }

    /// The filter there.
    pub(super) fn remote(&self) -> &TopicFilter {
        &self.remote
    }

    /// The highest QoS on either side.
    pub(super) fn qos(&self) -> QoS {
        self.qos
    }

    /// How to subscribe, here and there: not to what the bridge has brought itself, and with the flag that says whether
    /// it is to be retained.
    pub(super) fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: self.qos,
            no_local: true,
            retain_as_published: true,
            ..SubscriptionOptions::default()
        }
    }

    /// The name there of a topic from here; `None`: it does not pass, or cannot.
    pub(super) fn to_remote(&self, topic: &str) -> Option<TopicName> {
        renamed(topic, &self.local_prefix, &self.remote_prefix)
    }

    /// The name here of a topic from there.
    pub(super) fn to_local(&self, topic: &str) -> Option<TopicName> {
        renamed(topic, &self.remote_prefix, &self.local_prefix)
    }
}

/// Which rule a subscription identifier means: they are numbered from 1.
pub(super) fn subscription_id(index: usize) -> Option<NonZeroU32> {
    u32::try_from(index).ok().and_then(|index| NonZeroU32::new(index.saturating_add(1)))
}

/// The rule that [`subscription_id`] has numbered.
pub(super) fn by_id(rules: &[Rule], id: u32) -> Option<&Rule> {
    usize::try_from(id).ok().and_then(|id| rules.get(id.checked_sub(1)?))
}

fn renamed(topic: &str, from: &str, to: &str) -> Option<TopicName> {
    let rest = topic.strip_prefix(from)?;
    let name = TopicName::new(format!("{to}{rest}")).ok()?;
    (!is_reserved(name.as_str())).then_some(name)
}

fn is_reserved(topic: &str) -> bool {
    topic == "$SYS" || topic.starts_with("$SYS/") || topic.starts_with("$share/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, local: &str, remote: &str) -> Result<Rule, BadRule> {
        Rule::new(pattern, Direction::Both, QoS::AtLeastOnce, local, remote)
    }

    #[test]
    fn names_on_either_side() {
        let cases = [
            ("#", "", "site/a/", "x/y", Some("site/a/x/y")),
            ("+/t", "local/", "", "local/k/t", Some("k/t")),
            ("temp", "a/", "b/", "a/temp", Some("b/temp")),
            ("temp", "a/", "b/", "c/temp", None),
            ("bc", "a", "b", "abc", Some("bbc")),
            ("#", "", "", "$SYS/x", None),
            ("y", "x", "", "x", None),
        ];
        for (pattern, local, remote, topic, expected) in cases {
            let rule = rule(pattern, local, remote).unwrap();
            let name = rule.to_remote(topic);
            assert_eq!(name.as_ref().map(TopicName::as_str), expected, "{pattern} {local} {remote} {topic}");
            if let Some(name) = name {
                assert_eq!(rule.to_local(name.as_str()).unwrap().as_str(), topic);
                assert!(
                    rule.local().matches(&TopicName::new(topic).unwrap()) && rule.remote().matches(&name)
                );
            }
        }
    }

    #[test]
    fn bad_rules_say_why() {
        let cases = [
            ("a/#/b", "", "", "'a/#/b'"),
            ("", "", "", "''"),
            ("#", "a/+/", "", "local-prefix"),
            ("#", "", "#", "remote-prefix"),
            ("$SYS/#", "", "x/", "$SYS"),
            ("#", "$share/g/", "", "$share"),
        ];
        for (pattern, local, remote, part) in cases {
            let error = rule(pattern, local, remote).unwrap_err().to_string();
            assert!(error.contains(part), "{pattern} {local} {remote}: {error}");
        }
    }

    #[test]
    fn identifiers_find_their_rule() {
        let rules = [rule("a", "", "").unwrap(), rule("b", "", "").unwrap()];
        for (index, rule) in rules.iter().enumerate() {
            let id = subscription_id(index).unwrap();
            assert_eq!(by_id(&rules, id.get()), Some(rule));
        }
        assert!(by_id(&rules, 0).is_none() && by_id(&rules, 3).is_none());
    }
}
