//! What the broker shows of itself: clients, retained messages, and who gets a message.
//!
//! Views borrow from the broker, so they are made under its lock; whoever asks copies what is wanted and asks again for
//! more. Every visit looks at a bounded number of things, which its caller chooses.

use super::access::Action;
use super::event::{DisconnectCause, Peer};
use super::message::Message;
use super::router::{SessionKey, Subscription};
use super::session::{Ended, Link, NEVER, PendingWill, Session, Traffic};
use super::{Broker, Client, ServerMessage};
use bytes::Bytes;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::packet::{PublishProperties, QoS, ReasonCode, Version};
use tabmq_shared::topic::{TopicFilter, TopicName};

/// A client: its session, and the connection if there is one.
#[derive(Clone, Debug)]
pub struct ClientView<'a> {
    /// The client id.
    pub id: &'a str,
    /// The user that it has proved to be, or the name that it gave.
    pub user: Option<&'a str>,
    /// The user's groups.
    pub groups: &'a [Arc<str>],
    /// The connection.
    pub connection: Option<ConnectionView>,
    /// How the connection before ended.
    pub last_disconnect: Option<EndView<'a>>,
    /// Seconds for which the session outlives its connection; `None`: for ever.
    pub session_expiry_s: Option<u32>,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// Messages that wait for it.
    pub queued_messages: usize,
    /// What they weigh, in bytes.
    pub queued_bytes: usize,
    /// Messages that were sent and are not acknowledged.
    pub in_flight: usize,
    /// Messages at QoS 2 that it has begun to send.
    pub unfinished: usize,
    /// Its will.
    pub will: Option<WillView<'a>>,
}

/// A client's connection.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// How long it has been there.
    pub since: Duration,
    /// Where it comes from.
    pub peer: Peer,
    /// What it speaks.
    pub version: Version,
    /// Seconds; 0 is off.
    pub keep_alive_s: u16,
    /// Whether it asked for a session without a past.
    pub clean_start: bool,
    /// What went to and fro.
    pub traffic: Traffic,
    /// Bytes that wait to be written, or are being written.
    pub outbox_bytes: usize,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub struct EndView<'a> {
    /// How long ago.
    pub ago: Duration,
    /// Why.
    pub cause: &'a DisconnectCause,
    /// Where the client came from.
    pub address: SocketAddr,
}

/// A will.
#[derive(Clone, Copy, Debug)]
pub struct WillView<'a> {
    /// Where to.
    pub topic: &'a str,
    /// As it will be published.
    pub qos: QoS,
    /// As it will be published.
    pub retain: bool,
    /// Payload in bytes.
    pub payload_bytes: usize,
    /// Seconds behind the end of the connection.
    pub delay_s: u32,
}

/// One subscription of a client.
#[derive(Clone, Debug)]
pub struct SubscriptionView {
    /// As the client wrote it.
    pub filter: TopicFilter,
    /// The granted QoS.
    pub qos: QoS,
    /// No message of its own.
    pub no_local: bool,
    /// Messages keep their RETAIN flag.
    pub retain_as_published: bool,
    /// What SUBSCRIBE asked for: 0, 1 or 2.
    pub retain_handling: u8,
    /// The subscription identifier.
    pub id: Option<u32>,
    /// The rules do not allow it any more.
    pub resting: bool,
}

/// A retained message.
#[derive(Clone, Copy, Debug)]
pub struct RetainedView<'a> {
    /// Its topic.
    pub topic: &'a TopicName,
    /// Its payload.
    pub payload: &'a Bytes,
    /// As it was published.
    pub qos: QoS,
    /// How long ago it was published.
    pub age: Duration,
    /// How long it is still of use.
    pub expires_in: Option<Duration>,
    /// The client id of its publisher; `None` is the server.
    pub publisher: Option<&'a str>,
    /// Its properties.
    pub properties: Option<&'a PublishProperties>,
}

/// One subscription that matches a topic.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverView<'a> {
    /// Whose it is.
    pub client_id: &'a str,
    /// Its filter, without the group.
    pub filter: &'a str,
    /// The group of a shared subscription.
    pub group: Option<&'a str>,
    /// The granted QoS.
    pub qos: QoS,
    /// No message of its own.
    pub no_local: bool,
    /// Whether there is a connection.
    pub connected: bool,
    /// The rules do not let it have the topic's messages.
    pub denied: bool,
}

/// What became of a client that was sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentAway {
    /// There was a connection.
    pub disconnected: bool,
    /// There is no session any more.
    pub session_removed: bool,
}

/// A retained message as the store has it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) message: Arc<Message>,
    pub(super) at: Time,
    pub(super) publisher: Option<Arc<str>>,
}

impl Broker {
    /// Visits the clients from this number on, at most `budget` numbers, until `visit` breaks. Where to go on; `None`:
    /// there are no more.
    pub fn inspect_clients(
        &self,
        from: u32,
        budget: u32,
        now: Time,
        mut visit: impl FnMut(ClientView<'_>) -> ControlFlow<()>,
    ) -> Option<u32> {
        let end = u32::try_from(self.clients.sessions.capacity()).unwrap_or(u32::MAX);
        let until = from.saturating_add(budget).min(end);
        for key in from..until {
            let Some(session) = self.clients.session(key) else { continue };
            if visit(self.client_view(session, now)).is_break() {
                return Some(key + 1).filter(|next| *next < end);
            }
        }
        Some(until).filter(|next| *next < end)
    }

    /// One client, and its subscriptions.
    pub fn inspect_client(
        &self,
        client_id: &str,
        now: Time,
    ) -> Option<(ClientView<'_>, impl Iterator<Item = SubscriptionView>)> {
        let key = self.clients.find(client_id)?;
        let session = self.clients.session(key)?;
        let subscriptions = session
            .subscriptions
            .iter()
            .filter_map(move |filter| self.subscription_view(key, session, filter));
        Some((self.client_view(session, now), subscriptions))
    }

    fn client_view<'a>(&'a self, session: &'a Session, now: Time) -> ClientView<'a> {
        let link = session.link.and_then(|link| self.clients.links.get(link as usize));
        let name = link.and_then(Link::user);
        let flow = session.flow();
        ClientView {
            id: &session.client_id,
            user: session.identity.user.as_deref().or(name),
            groups: &session.identity.groups,
            connection: link.map(|link| connection_view(link, now)),
            last_disconnect: session.last_end.as_deref().map(|ended| end_view(ended, now)),
            session_expiry_s: Some(session.expiry_s).filter(|expiry_s| *expiry_s != NEVER),
            subscriptions: session.subscriptions.len(),
            queued_messages: flow.map_or(0, |flow| flow.queue.len()),
            queued_bytes: flow.map_or(0, |flow| flow.queue.bytes()),
            in_flight: flow.map_or(0, |flow| flow.outgoing.len()),
            unfinished: flow.map_or(0, |flow| flow.incoming.len()),
            will: session.will.as_deref().map(will_view),
        }
    }

    fn subscription_view(
        &self,
        key: SessionKey,
        session: &Session,
        filter: TopicFilter,
    ) -> Option<SubscriptionView> {
        let resting = session.resting.as_ref().and_then(|resting| resting.get(&filter).copied());
        let subscription = resting.or_else(|| self.router.subscription(key, &filter))?;
        let Subscription { options, id } = subscription;
        Some(SubscriptionView {
            filter,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            retain_handling: options.retain_handling as u8,
            id: id.map(u32::from),
            resting: resting.is_some(),
        })
    }

    /// Visits the retained messages whose topics match and come behind `after`, until `visit` breaks or `budget` topics
    /// were looked at. Behind which topic to go on; `None`: there are no more.
    pub fn inspect_retained(
        &self,
        filter: &TopicFilter,
        after: Option<&str>,
        budget: usize,
        now: Time,
        mut visit: impl FnMut(RetainedView<'_>) -> ControlFlow<()>,
    ) -> Option<String> {
        self.retained.scan(filter, after, budget, |Kept { message, at, publisher }| {
            if message.is_expired(now) {
                return ControlFlow::Continue(());
            }
            visit(RetainedView {
                topic: &message.topic,
                payload: &message.payload,
                qos: message.qos,
                age: now.since(*at),
                expires_in: message.expires_at.map(|expires_at| expires_at.since(now)),
                publisher: publisher.as_deref(),
                properties: message.properties.as_deref(),
            })
        })
    }

    /// Visits the subscriptions that match `topic`, without the first `skip` of them, `limit` at the most. How many there
    /// are in all.
    pub fn inspect_receivers(
        &self,
        topic: &TopicName,
        skip: usize,
        limit: usize,
        mut visit: impl FnMut(ReceiverView<'_>),
    ) -> usize {
        self.router.for_each_subscription(topic, skip, limit, |filter, group, session, subscription| {
            let Some(session) = self.clients.session(session) else { return };
            visit(ReceiverView {
                client_id: &session.client_id,
                filter,
                group,
                qos: subscription.options.qos,
                no_local: subscription.options.no_local,
                connected: session.link.is_some(),
                denied: !session.rights.would_allow(Action::Receive, topic.as_str()),
            });
        })
    }

    /// Whether this client, who need not have a session, may get messages of these topics: asked once for many of them.
    pub fn may_read<'a>(&self, client: Client<'a>) -> impl Fn(&str) -> bool + use<'a> {
        let permits = self.access.permits(client);
        move |topic| permits.as_ref().is_none_or(|permits| permits.allows(Action::Receive, topic))
    }

    /// Whether something is retained there.
    pub fn retains(&self, topic: &TopicName) -> bool {
        self.retained.get(topic).is_some()
    }

    /// Removes the topic's retained message as an empty one would: subscribers get that. Whether there was one.
    pub fn clear_retained(&mut self, topic: TopicName, now: Time) -> bool {
        let existed = self.retains(&topic);
        if existed {
            let (payload, qos) = (Bytes::new(), QoS::AtMostOnce);
            self.publish(ServerMessage { topic, payload, qos, retain: true, properties: None }, now);
        }
        existed
    }

    /// Ends a client's connection [MQTT-4.13.1-1], and its session if that is wished. `None`: there is no such client.
    pub fn send_away(&mut self, client_id: &str, and_session: bool, now: Time) -> Option<SentAway> {
        let key = self.clients.find(client_id)?;
        let conn = self.conn_of(key);
        if let Some(conn) = conn {
            let why = "an administrator has ended the connection".to_owned();
            self.end_connection(conn, DisconnectCause::Server(ReasonCode::AdministrativeAction, why), now);
        }
        // That may have been the session's end; then the key may be somebody else's one day.
        if and_session && self.clients.find(client_id).is_some() {
            self.end_session(key, now);
        }
        let session_removed = self.clients.find(client_id).is_none();
        Some(SentAway { disconnected: conn.is_some(), session_removed })
    }

    /// Connections by transport, in the order of [`TransportKind::ALL`](super::TransportKind::ALL).
    pub fn connected_by_transport(&self) -> [usize; super::TransportKind::ALL.len()] {
        self.clients.by_transport
    }
}

fn connection_view(link: &Link, now: Time) -> ConnectionView {
    ConnectionView {
        since: now.since(link.since),
        peer: link.peer(),
        version: link.version,
        keep_alive_s: link.keep_alive_s,
        clean_start: link.clean_start,
        traffic: link.traffic,
        outbox_bytes: link.outbox.data_bytes() + link.outbox.control_bytes() + link.handed_bytes,
    }
}

fn end_view(ended: &Ended, now: Time) -> EndView<'_> {
    EndView { ago: now.since(ended.at), cause: &ended.cause, address: ended.address }
}

fn will_view(will: &PendingWill) -> WillView<'_> {
    let message = &will.message;
    WillView {
        topic: message.topic.as_str(),
        qos: message.qos,
        retain: message.retain,
        payload_bytes: message.payload.len(),
        delay_s: will.delay_s,
    }
}
