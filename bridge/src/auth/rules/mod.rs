//! Access rules: who may publish, subscribe, receive and retain, and where.
//!
//! The first rule that speaks of a client, an action and a topic decides. As soon as there is any rule, what no rule
//! speaks of is denied.
//!
//! - `publish` includes `retain`, and `subscribe` includes `receive`. The narrow words are there to deny a part: a rule
//!   that denies `retain` before one that allows `publish`.
//! - A subscription is allowed by a rule that covers its whole filter: `a/#` covers `a/+/b`, but not `#`. What comes by a
//!   subscription is looked at once more, message by message, as `receive`: so "deny `secret/#`, allow `#`" lets clients
//!   subscribe to `#`, and they never see what is below `secret`.
//! - [`Reach::Touching`] is how mosquitto sees it: a subscription is allowed if anything that it can bring may be read.

pub(crate) mod mosquitto;
mod pattern;

pub(crate) use pattern::Pattern;

use crate::broker::{Action, Actions, Client, Grant, Permits};
use ipnet::IpNet;
use pattern::Topics;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A rule as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) who: Who,
    pub(crate) allow: bool,
    pub(crate) actions: Actions,
    pub(crate) reach: Reach,
    pub(crate) topics: Vec<Pattern>,
    pub(crate) origin: Origin,
}

/// Whom a rule speaks of: those whom each part that is given speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) users: Option<Vec<String>>,
    pub(crate) groups: Option<Vec<String>>,
    /// Client ids, with `*` for any number of characters.
    pub(crate) client_ids: Option<Vec<String>>,
    pub(crate) addresses: Option<Vec<IpNet>>,
    /// Those who are logged in as no user.
    pub(crate) anonymous: bool,
}

/// How a rule allows subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of which every topic is among the rule's.
    #[default]
    Covering,
    /// Those of which any topic is among the rule's.
    Touching,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// All rules, in order, with what is needed to find those that speak of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    rules: Vec<Arc<Rule>>,
    by_user: HashMap<String, Vec<usize>>,
    by_group: HashMap<String, Vec<usize>>,
    /// Rules that name neither users nor groups.
    others: Vec<usize>,
}

impl Policy {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let mut policy = Policy { rules: rules.into_iter().map(Arc::new).collect(), ..Policy::default() };
        for (position, rule) in policy.rules.iter().enumerate() {
            let (index, names) = match (&rule.who.users, &rule.who.groups) {
                (Some(users), _) => (&mut policy.by_user, users),
                (None, Some(groups)) => (&mut policy.by_group, groups),
                (None, None) => {
                    policy.others.push(position);
                    continue;
                }
            };
            for name in names {
                index.entry(name.clone()).or_default().push(position);
            }
        }
        policy
    }

    /// Whether everything is allowed, because nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|rule| &**rule)
    }

    /// What this client may do; `None`: everything.
    pub(crate) fn permits(&self, client: Client<'_>) -> Option<Arc<ClientRules>> {
        let grants = client.identity.grants.as_deref();
        if self.is_empty() && grants.is_none() {
            return None;
        }
        let user = client.identity.user.as_deref();
        let mut positions: Vec<usize> = self.others.clone();
        positions.extend(user.and_then(|user| self.by_user.get(user)).into_iter().flatten());
        let groups = client.identity.groups.iter();
        positions.extend(groups.filter_map(|group| self.by_group.get(&**group)).flatten());
        positions.sort_unstable();
        positions.dedup();
        let rules = positions.into_iter().filter_map(|position| self.rules.get(position));
        let mut lines: Vec<Line> =
            rules.filter(|rule| rule.who.are(client)).flat_map(|rule| Line::of(rule, client)).collect();
        lines.extend(grants.unwrap_or_default().iter().filter_map(|grant| Line::granted(grant, client)));
        Some(Arc::new(ClientRules { lines }))
    }
}

impl Who {
    /// Everybody.
    pub(crate) fn anyone() -> Who {
        Who::default()
    }

    fn are(&self, client: Client<'_>) -> bool {
        let Client { identity, client_id, address } = client;
        let user = identity.user.as_deref();
        let is_user = |users: &Vec<String>| user.is_some_and(|user| users.iter().any(|name| name == user));
        let in_group =
            |groups: &Vec<String>| groups.iter().any(|name| identity.groups.iter().any(|g| **g == **name));
        let has_id = |ids: &Vec<String>| ids.iter().any(|glob| matches_glob(glob, client_id));
        let is_there = |nets: &Vec<IpNet>| nets.iter().any(|net| net.contains(&address));
        (!self.anonymous || user.is_none())
            && self.users.as_ref().is_none_or(is_user)
            && self.groups.as_ref().is_none_or(in_group)
            && self.client_ids.as_ref().is_none_or(has_id)
            && self.addresses.as_ref().is_none_or(is_there)
    }
}

/// The rules that speak of one client.
#[derive(Debug)]
pub(crate) struct ClientRules {
    lines: Vec<Line>,
}

/// A rule and one of its topics, for one client.
#[derive(Debug)]
struct Line {
    allow: bool,
    actions: Actions,
    reach: Reach,
    topics: Topics,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Rule(Arc<Rule>),
    Token,
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// In words.
    pub(crate) because: String,
}

impl Line {
    fn of(rule: &Arc<Rule>, client: Client<'_>) -> impl Iterator<Item = Line> {
        rule.topics.iter().filter_map(move |pattern| {
            let topics = pattern.fill(client.identity.user.as_deref(), client.client_id, !rule.allow)?;
            let source = Source::Rule(rule.clone());
            Some(Line { allow: rule.allow, actions: rule.actions, reach: rule.reach, topics, source })
        })
    }

    fn granted(grant: &Grant, client: Client<'_>) -> Option<Line> {
        let pattern = Pattern::new(&grant.pattern).ok()?;
        let topics = pattern.fill(client.identity.user.as_deref(), client.client_id, false)?;
        let (actions, reach, source) = (grant.actions, Reach::Covering, Source::Token);
        Some(Line { allow: true, actions, reach, topics, source })
    }

    fn speaks_of(&self, action: Action, topic: &str) -> bool {
        self.actions.has(action)
            && match (action, self.reach) {
                (Action::Subscribe, Reach::Covering) => self.topics.cover(topic),
                (Action::Subscribe, Reach::Touching) => self.topics.overlap(topic),
                _ => self.topics.have(topic),
            }
    }
}

impl ClientRules {
    fn deciding(&self, action: Action, topic: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.speaks_of(action, topic))
    }

    pub(crate) fn decide(&self, action: Action, topic: &str) -> Decision {
        let Some(line) = self.deciding(action, topic) else {
            let because = "no rule speaks of it, and what no rule speaks of is denied".to_owned();
            return Decision { allowed: false, because };
        };
        let because = match &line.source {
            Source::Rule(rule) => format!("the rule in {}", rule.origin),
            Source::Token => "the permissions in the token".to_owned(),
        };
        Decision { allowed: line.allow, because }
    }
}

impl Permits for ClientRules {
    fn allows(&self, action: Action, topic: &str) -> bool {
        self.deciding(action, topic).is_some_and(|line| line.allow)
    }

    fn because(&self, action: Action, topic: &str) -> String {
        self.decide(action, topic).because
    }
}

/// The actions that a word of a rule stands for.
pub(crate) fn actions_of(word: &str) -> Option<Actions> {
    let actions = match word {
        "publish" => &[Action::Publish, Action::Retain][..],
        "retain" => &[Action::Retain],
        "subscribe" => &[Action::Subscribe, Action::Receive],
        "receive" => &[Action::Receive],
        "all" => &Action::ALL,
        _ => return None,
    };
    Some(actions.iter().copied().collect())
}

/// Whether `*` in `glob` can stand for something so that it is `text`. Time is bounded by the product of their lengths.
fn matches_glob(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
