//! What clients may do, applied: when they come, when the rules change, and at each message.

use super::Broker;
use super::access::{Access, Action, Client, Permits, Rights};
use super::clients::Clients;
use super::connect::{BRIDGE_CLIENT_IDS, address_of};
use super::event::{DisconnectCause, Event};
use super::message::ServerMessage;
use super::router::{Matches, SessionKey, Target};
use super::session::{ConnId, Session};
use super::timers::Timer;
use std::net::IpAddr;
use std::sync::Arc;
use tabmq_shared::Time;
use tabmq_shared::packet::ReasonCode;
use tabmq_shared::topic::TopicFilter;

impl Broker {
    /// Puts other rules in place of those before, for everybody who is there: identities are looked at again, and
    /// subscriptions that are not allowed any more rest until they are. What is queued is checked when it leaves.
    pub fn set_access(&mut self, access: Arc<dyn Access>, now: Time) {
        self.access = access;
        let keys: Vec<SessionKey> = self.clients.sessions.iter().map(|(key, _)| key as SessionKey).collect();
        for key in keys {
            let Some(session) = self.clients.session_mut(key) else { continue };
            match self.access.recognise(&session.identity) {
                Ok(identity) if identity == *session.identity => {}
                Ok(identity) => session.identity = Arc::new(identity),
                Err(why) => {
                    if let Some(conn) = self.conn_of(key) {
                        let cause = DisconnectCause::Server(ReasonCode::NotAuthorized, why);
                        self.end_connection(conn, cause, now);
                    }
                }
            }
            self.renew_rights(key); // if that was not the session's end
        }
    }

    /// Gives a session the rights of its new connection.
    pub(super) fn set_rights(&mut self, key: SessionKey, rights: Rights, session_present: bool) {
        let Some(session) = self.clients.session_mut(key) else { return };
        let was_limited = session.rights.are_limited();
        session.rights = rights;
        if session.rights.are_limited() || was_limited {
            session.rights.set_recheck(session_present);
            self.clients.limited = true;
            self.sort_subscriptions(key);
        }
    }

    /// Asks for the rights of a session that may have others by now: by other rules, another identity or address.
    pub(super) fn renew_rights(&mut self, key: SessionKey) {
        let Some(session) = self.clients.session(key) else { return };
        let Some(address) = self.address_of(session) else { return };
        let client = Client { identity: &session.identity, client_id: &session.client_id, address };
        let rights = Rights::new(self.permits(client));
        self.set_rights(key, rights, true);
    }

    /// Where the session's client is, or was last.
    fn address_of(&self, session: &Session) -> Option<IpAddr> {
        match session.link {
            Some(link) => self.clients.links.get(link as usize).map(|link| address_of(&link.peer())),
            None => session.absence.as_ref().map(|absence| absence.address),
        }
    }

    /// What this client may do. The broker's own bridges do what their configuration says, and no rule speaks of them.
    pub(super) fn permits(&self, client: Client<'_>) -> Option<Arc<dyn Permits>> {
        if client.client_id.starts_with(BRIDGE_CLIENT_IDS) { None } else { self.access.permits(client) }
    }

    /// Sees to it that the connection ends when its credentials are no longer good.
    pub(super) fn set_authorisation(&mut self, conn: ConnId, key: SessionKey, now: Time) {
        let valid_for = self.clients.session(key).and_then(|session| session.identity.valid_for);
        let Some(link) = self.clients.link_mut(conn) else { return };
        let until = valid_for.map(|time| now + time);
        let before = match until {
            Some(_) => std::mem::replace(&mut link.credentials_mut().good_until, until),
            None => link.credentials.as_mut().and_then(|credentials| credentials.good_until.take()),
        };
        if let Some(before) = before {
            self.timers.cancel(before, Timer::Authorisation(key));
        }
        if let Some(until) = until {
            self.timers.set(until, Timer::Authorisation(key));
        }
    }

    /// The credentials of a connected client are no longer good.
    pub(super) fn end_authorisation(&mut self, key: SessionKey, now: Time) {
        let Some(conn) = self.conn_of(key) else { return };
        let why = "its token has expired".to_owned();
        self.end_connection(conn, DisconnectCause::Server(ReasonCode::MaximumConnectTime, why), now);
    }

    /// Lets subscriptions rest that are not allowed any more, and wakes those that are again.
    fn sort_subscriptions(&mut self, key: SessionKey) {
        let Some(session) = self.clients.session_mut(key) else { return };
        let filters: Vec<TopicFilter> = session.subscriptions.iter().collect();
        for filter in filters {
            let Some(session) = self.clients.session_mut(key) else { return };
            match (session.rights.allow(Action::Subscribe, filter.filter()), session.wake_filter(&filter)) {
                (true, Some(subscription)) => {
                    self.router.subscribe(key, &filter, subscription);
                }
                // The same subscription, but perhaps with other topics.
                (true, None) => self.router.forget_matches_of(&filter),
                (false, Some(resting)) => {
                    session.resting.get_or_insert_default().insert(filter, resting);
                }
                (false, None) => {
                    if let Some(subscription) = self.router.subscription(key, &filter) {
                        session.resting.get_or_insert_default().insert(filter.clone(), subscription);
                        self.router.unsubscribe(key, &filter);
                    }
                }
            }
        }
    }

    /// Whether somebody without a session may publish this.
    ///
    /// # Errors
    /// What is denied, and which rule says so.
    pub fn may_publish_from(
        &mut self,
        client: Client<'_>,
        message: &ServerMessage,
    ) -> Result<(), (Action, String)> {
        let Some(permits) = self.access.permits(client) else { return Ok(()) };
        let topic = message.topic.as_str();
        for action in [Action::Publish, Action::Retain] {
            let is_asked = action == Action::Publish || message.retain;
            if is_asked && !permits.allows(action, topic) {
                self.clients.stats.count_denied(action, 1);
                return Err((action, permits.because(action, topic)));
            }
        }
        Ok(())
    }

    /// Whether the session may do this; if not, that is counted and told.
    pub(super) fn authorise(&mut self, key: SessionKey, action: Action, topic: &str, now: Time) -> bool {
        let Some(session) = self.clients.session_mut(key) else { return false };
        if session.rights.allow(action, topic) {
            return true;
        }
        self.clients.stats.count_denied(action, 1);
        let Some(session) = self.clients.session_mut(key) else { return false };
        if let Some(untold) = session.rights.tell(now) {
            let event = Event::Denied {
                client_id: session.client_id.clone(),
                user: session.identity.user.clone(),
                action,
                topic: topic.into(),
                why: session.rights.because(action, topic),
                untold,
            };
            self.events.push(event);
        }
        false
    }
}

/// Takes those out of `matches` who may not receive messages to `topic`. The router keeps the result with the topic.
pub(super) fn readable(clients: &mut Clients, topic: &str, mut matches: Arc<Matches>) -> Arc<Matches> {
    let mut may = |target: &Target| {
        clients.session_mut(target.session).is_some_and(|s| s.rights.allow(Action::Receive, topic))
    };
    if !matches.targets.iter().all(&mut may) {
        let matches = Arc::make_mut(&mut matches);
        let before = matches.targets.len();
        matches.targets.retain(may);
        matches.unreadable = before - matches.targets.len();
    }
    matches
}
