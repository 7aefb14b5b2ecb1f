//! What a client may do: who it is, what the rules say, and what is remembered of their answers.
//!
//! The core knows no rule. It asks [`Access`] once for each client, and [`Permits`] for each topic that the client has
//! not used lately. Where there are no rules nothing is asked and nothing is remembered.

use bytes::Bytes;
use std::fmt;
use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::Time;

/// How many topics a session remembers the answers for.
const REMEMBERED: usize = 16;

/// Longer topics are asked for each time, so that what a session remembers stays small.
const REMEMBERED_BYTES: usize = 256;

/// The console is told of one client's refusals at most this often; what comes in between is counted.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// Something that a rule can allow or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To send messages to a topic.
    Publish,
    /// To send messages that are retained: asked in addition to [`Action::Publish`].
    Retain,
    /// To make a subscription.
    Subscribe,
    /// To get the messages of a topic, by whatever subscription.
    Receive,
}

impl Action {
    /// All of them, in the order of [`Stats::denied`](super::Stats::denied).
    pub const ALL: [Action; 4] = [Action::Publish, Action::Retain, Action::Subscribe, Action::Receive];

    /// As rules, metrics and the console write it.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Retain => "retain",
            Action::Subscribe => "subscribe",
            Action::Receive => "receive",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Action`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    /// All actions.
    pub const ALL: Actions = Actions(0b1111);

    /// This set and `action`.
    #[must_use]
    pub const fn with(self, action: Action) -> Actions {
        Actions(self.0 | action.bit())
    }

    /// Whether `action` is among them.
    pub const fn has(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn or(self, other: Actions) -> Actions {
        Actions(self.0 | other.0)
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().fold(Actions::default(), Actions::with)
    }
}

/// What a client's credentials themselves permit: the permissions in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub actions: Actions,
    /// Where: a topic filter, with `%u` and `%c` for the user name and the client id.
    pub pattern: String,
}

/// Who a client was found to be. The default is nobody in particular: no user, no credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user name that was proved; a name that nobody has checked does not count.
    pub user: Option<Arc<str>>,
    /// The user's groups.
    pub groups: Arc<[Arc<str>]>,
    /// What a token permits; `None`: there is no token, or it says nothing of permissions, so the rules decide alone.
    pub grants: Option<Arc<[Grant]>>,
    /// For how long the credentials are good, from the moment of the proof.
    pub valid_for: Option<Duration>,
    /// Changes with the credentials that were shown, so that a changed password can be told; 0: there were none.
    pub stamp: u64,
}

/// What authentication has found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Who the client is.
    pub identity: Identity,
    /// What the method of enhanced authentication, if there was one, says last.
    pub last_data: Option<Bytes>,
}

/// A client as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Who it is.
    pub identity: &'a Identity,
    /// Its client id, also if the server has chosen it.
    pub client_id: &'a str,
    /// Where it comes from, or came from last.
    pub address: IpAddr,
}

/// The rules for all clients.
pub trait Access: Send + Sync {
    /// What this client may do. `None`: everything, for there are no rules.
    fn permits(&self, client: Client<'_>) -> Option<Arc<dyn Permits>>;

    /// The identity as it is by now: groups may have changed since.
    ///
    /// # Errors
    /// It is not accepted any more. The sentence is for the log.
    fn recognise(&self, identity: &Identity) -> Result<Identity, String> {
        Ok(identity.clone())
    }
}

/// The rules for one client.
pub trait Permits: Send + Sync {
    /// Whether it may do this at this topic; for [`Action::Subscribe`] at every topic of this filter (without
    /// `$share/GROUP/`).
    fn allows(&self, action: Action, topic: &str) -> bool;

    /// Which rule decides, in words.
    fn because(&self, action: Action, topic: &str) -> String;
}

/// No rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl Access for NoRules {
    fn permits(&self, _client: Client<'_>) -> Option<Arc<dyn Permits>> {
        None
    }
}

/// A session's view of the rules; without any, it may do everything.
#[derive(Default)]
pub(super) struct Rights(Option<Box<Rules>>);

/// The rules for a session, with the answers for the topics that it used lately.
struct Rules {
    permits: Arc<dyn Permits>,
    /// Empty until something is asked.
    remembered: Vec<Remembered>,
    /// What waits for the session was queued under other rules: it is asked for again when it leaves.
    recheck: bool,
    told_at: Option<Time>,
    untold: u64,
}

#[derive(Clone, Default)]
struct Remembered {
    topic: Box<str>,
    /// Bits of [`Action`]: asked, and allowed.
    asked: u8,
    allowed: u8,
}

impl Rights {
    pub(super) fn new(permits: Option<Arc<dyn Permits>>) -> Self {
        Rights(permits.map(|permits| {
            Box::new(Rules { permits, remembered: Vec::new(), recheck: false, told_at: None, untold: 0 })
        }))
    }

    /// Whether there are rules for it at all.
    pub(super) fn are_limited(&self) -> bool {
        self.0.is_some()
    }

    /// What is queued by now was queued under other rules, if there is anything: it must be asked for again.
    pub(super) fn set_recheck(&mut self, recheck: bool) {
        if let Some(rules) = &mut self.0 {
            rules.recheck = recheck;
        }
    }

    /// Which rule decides, in words.
    pub(super) fn because(&self, action: Action, topic: &str) -> String {
        self.0.as_ref().map(|rules| rules.permits.because(action, topic)).unwrap_or_default()
    }

    /// Whether what waits for the session must be asked for again.
    pub(super) fn recheck(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.recheck)
    }

    /// Whether the session may do this. The usual answer is remembered: a hash and a comparison.
    pub(super) fn allow(&mut self, action: Action, topic: &str) -> bool {
        let Some(rules) = &mut self.0 else { return true };
        let permits = &rules.permits;
        if topic.len() > REMEMBERED_BYTES {
            return permits.allows(action, topic);
        }
        if rules.remembered.is_empty() {
            rules.remembered.resize(REMEMBERED, Remembered::default());
        }
        let mut hasher = rustc_hash::FxHasher::default();
        hasher.write(topic.as_bytes());
        let slot = (hasher.finish() >> 32) as usize % REMEMBERED;
        let Some(entry) = rules.remembered.get_mut(slot) else { return permits.allows(action, topic) };
        if *entry.topic != *topic {
            *entry = Remembered { topic: topic.into(), ..Remembered::default() };
        }
        if entry.asked & action.bit() == 0 {
            entry.asked |= action.bit();
            entry.allowed |= if permits.allows(action, topic) { action.bit() } else { 0 };
        }
        entry.allowed & action.bit() != 0
    }

    /// The same for those who only look: nothing is remembered.
    pub(super) fn would_allow(&self, action: Action, topic: &str) -> bool {
        self.0.as_ref().is_none_or(|rules| rules.permits.allows(action, topic))
    }

    /// Whether the console is to be told of a refusal now, and of how many since it was last told.
    pub(super) fn tell(&mut self, now: Time) -> Option<u64> {
        let rules = self.0.as_mut()?;
        if rules.told_at.is_some_and(|at| now < at + TELL_INTERVAL) {
            rules.untold += 1;
            return None;
        }
        rules.told_at = Some(now);
        Some(std::mem::take(&mut rules.untold))
    }
}
