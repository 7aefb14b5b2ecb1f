//! Who may do what at which time.

use super::super::*;
use super::packets::{FILTERS, TOPICS};
use std::collections::{HashMap, HashSet};

/// Who connects: two users, and somebody without a name.
pub(super) const USERS: &[Option<&str>] = &[None, Some("ann"), Some("bob")];

/// What is denied, to whom; all else is allowed. Without anything that is denied there are no rules at all.
#[derive(Debug, Default)]
pub(super) struct Rules {
    denied: HashSet<(Option<&'static str>, u8, &'static str)>,
    gone: Option<&'static str>,
}

impl Rules {
    pub(super) fn any(rng: &mut fastrand::Rng) -> Rules {
        let mut rules = Rules::default();
        let density = rng.choice([0.0, 0.1, 0.3]).unwrap();
        for user in USERS {
            for action in Action::ALL {
                for topic in TOPICS.iter().chain(FILTERS) {
                    if rng.f64() < density {
                        rules.denied.insert((*user, action as u8, without_group(topic)));
                    }
                }
            }
        }
        if rng.u8(0..4) == 0 {
            rules.gone = *rng.choice(USERS).unwrap();
        }
        rules
    }

    pub(super) fn is_gone(&self, user: Option<&str>) -> bool {
        user.is_some() && self.gone == user
    }

    pub(super) fn allow(&self, user: Option<&str>, action: Action, topic: &str) -> bool {
        let is_meant = |(who, what, place): &(Option<&str>, u8, &str)| {
            *who == user && *what == action as u8 && *place == topic
        };
        !self.denied.iter().any(is_meant)
    }
}

/// A filter as rules see it.
fn without_group(filter: &'static str) -> &'static str {
    filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')).map_or(filter, |(_, filter)| filter)
}

/// The broker holds the rules and asks them for each client.
impl Access for Rules {
    fn permits(&self, client: super::super::Client<'_>) -> Option<Arc<dyn Permits>> {
        if self.denied.is_empty() {
            return None;
        }
        let user = client.identity.user.clone();
        let (denied, gone) = (self.denied.clone(), self.gone);
        Some(Arc::new(OneClient { user, rules: Rules { denied, gone } }))
    }

    fn recognise(&self, identity: &Identity) -> Result<Identity, String> {
        match self.is_gone(identity.user.as_deref()) {
            true => Err("gone".to_owned()),
            false => Ok(identity.clone()),
        }
    }
}

struct OneClient {
    user: Option<Arc<str>>,
    rules: Rules,
}

impl Permits for OneClient {
    fn allows(&self, action: Action, topic: &str) -> bool {
        self.rules.allow(self.user.as_deref(), action, topic)
    }

    fn because(&self, _action: Action, _topic: &str) -> String {
        "of a test".to_owned()
    }
}

/// What was published, by whom, and under which rules.
#[derive(Default)]
pub(super) struct Ledger(HashMap<Bytes, Vec<Sent>>);

struct Sent {
    user: Option<&'static str>,
    retain: bool,
    rules: Arc<Rules>,
}

impl Ledger {
    pub(super) fn note(&mut self, publish: &Publish, user: Option<&'static str>, rules: &Arc<Rules>) {
        let sent = Sent { user, retain: publish.retain, rules: rules.clone() };
        self.0.entry(publish.payload.clone()).or_default().push(sent);
    }

    /// A message has come: its sender was allowed to send it. Which topic an alias meant is seen only here.
    pub(super) fn check(&self, received: &Publish, topic: &str) {
        if received.payload.starts_with(b"will") {
            return; // looked at when it was left
        }
        let may_have_come = |sent: &Sent| {
            sent.rules.allow(sent.user, Action::Publish, topic)
                && (!sent.retain || sent.rules.allow(sent.user, Action::Retain, topic))
        };
        let sent = self.0.get(&received.payload).expect("a message that nobody has sent");
        assert!(sent.iter().any(may_have_come), "{topic}: its sender was not allowed to publish it");
    }
}
