//! A session, which outlives its connections, and a link, which is the broker's side of one connection.

use super::access::{Identity, Rights};
use super::authenticate::Authenticated;
use super::event::{ClientCertificate, DisconnectCause, Peer, TransportKind};
use super::filters::Filters;
use super::message::{Delivery, Message};
use super::router::{SessionKey, Subscription};
use crate::outbox::Outbox;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::task::Waker;
use tabmq_shared::Time;
use tabmq_shared::packet::{QoS, Version};
use tabmq_shared::session::{InboundAliases, Incoming, OutboundAliases, Outgoing};
use tabmq_shared::topic::TopicFilter;

/// A session expiry interval that means "never" (5.0 section 3.1.2.11.2).
pub(super) const NEVER: u32 = u32::MAX;

/// The state of one client id (5.0 section 4.1). Small, since most sessions only wait: what few of them need is in boxes.
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    /// Whose it is: as the last connection has proved it. One value for all who are nobody in particular.
    pub(super) identity: Arc<Identity>,
    /// What it may do.
    pub(super) rights: Rights,
    /// The connection that serves it now.
    pub(super) link: Option<LinkKey>,
    /// What must be taken out of the router when the session ends.
    pub(super) subscriptions: Filters,
    /// Those of them that the rules do not allow any more: the router does not know them until they do.
    #[expect(clippy::box_collection, reason = "8 bytes in every session instead of 48; hardly any has one")]
    pub(super) resting: Option<Box<HashMap<TopicFilter, Subscription>>>,
    /// `None` until there is something to keep.
    flow: Option<Box<Flow>>,
    pub(super) will: Option<Box<PendingWill>>,
    /// While there is no connection.
    pub(super) absence: Option<Box<Absence>>,
    /// How the last connection ended.
    pub(super) last_end: Option<Box<Ended>>,
    /// Seconds after the connection's end; 0: with it.
    pub(super) expiry_s: u32,
    /// How many messages may be in flight to the client.
    send_quota: NonZeroU16,
    /// How many QoS 2 messages of the client may be unfinished.
    receive_maximum: NonZeroU16,
}

/// What of a session's messages is not done yet.
pub(super) struct Flow {
    /// Sent and not acknowledged.
    pub(super) outgoing: Outgoing<Delivery>,
    /// The weight in bytes of the messages in `outgoing`.
    pub(super) in_flight_bytes: usize,
    /// QoS 2 messages of which the PUBREL has not come.
    pub(super) incoming: Incoming,
    /// Not sent yet.
    pub(super) queue: Queue,
}

impl Flow {
    /// Whether there is nothing to keep it for.
    pub(super) fn is_empty(&self) -> bool {
        self.outgoing.is_empty() && self.incoming.is_empty() && self.queue.is_empty()
    }
}

/// What is known of a session whose client is away.
pub(super) struct Absence {
    /// Where its last connection came from.
    pub(super) address: IpAddr,
    /// When the session ends; `None`: never.
    pub(super) expires_at: Option<Time>,
}

impl Session {
    pub(super) fn new(client_id: Arc<str>, identity: Arc<Identity>) -> Self {
        Session {
            client_id,
            identity,
            rights: Rights::default(),
            link: None,
            subscriptions: Filters::default(),
            resting: None,
            flow: None,
            will: None,
            absence: None,
            last_end: None,
            expiry_s: 0,
            send_quota: NonZeroU16::MAX,
            receive_maximum: NonZeroU16::MAX,
        }
    }

    /// A connection begins, with these windows: what is in flight is to be sent again on it.
    pub(super) fn resume(&mut self, send_quota: NonZeroU16, receive_maximum: NonZeroU16) {
        (self.send_quota, self.receive_maximum) = (send_quota, receive_maximum);
        if let Some(flow) = &mut self.flow {
            flow.outgoing.resume(send_quota);
            flow.incoming.resume(receive_maximum.get());
        }
    }

    /// A connection has ended: gives back memory that is not in use.
    pub(super) fn rest(&mut self) {
        match &mut self.flow {
            Some(flow) if flow.is_empty() => self.flow = None,
            Some(flow) => flow.outgoing.shrink_to_fit(),
            None => {}
        }
    }

    /// What is not done yet, if there was ever something.
    pub(super) fn flow(&self) -> Option<&Flow> {
        self.flow.as_deref()
    }

    /// The same, to take something out of it.
    pub(super) fn some_flow(&mut self) -> Option<&mut Flow> {
        self.flow.as_deref_mut()
    }

    /// The same, to put something into it.
    pub(super) fn flow_mut(&mut self) -> &mut Flow {
        self.flow.get_or_insert_with(|| {
            Box::new(Flow {
                outgoing: Outgoing::new(self.send_quota),
                in_flight_bytes: 0,
                incoming: Incoming::new(self.receive_maximum.get()),
                queue: Queue::default(),
            })
        })
    }

    /// Whether nothing waits in the queue.
    pub(super) fn has_empty_queue(&self) -> bool {
        self.flow().is_none_or(|flow| flow.queue.is_empty())
    }

    /// Whether a message at QoS 1 or 2 may be sent now. Whoever withholds acknowledgements keeps no more bytes than
    /// could wait in the queue.
    pub(super) fn can_send(&self, max_bytes: usize) -> bool {
        self.flow().is_none_or(|flow| flow.outgoing.can_send() && flow.in_flight_bytes < max_bytes)
    }

    /// Takes a subscription out of those that rest.
    pub(super) fn wake_filter(&mut self, filter: &TopicFilter) -> Option<Subscription> {
        let resting = self.resting.as_mut()?;
        let subscription = resting.remove(filter);
        if resting.is_empty() {
            self.resting = None;
        }
        subscription
    }

    /// When the session of an absent client ends.
    pub(super) fn expires_at(&self) -> Option<Time> {
        self.absence.as_ref()?.expires_at
    }
}

/// How a connection ended.
pub(super) struct Ended {
    pub(super) at: Time,
    pub(super) cause: DisconnectCause,
    pub(super) address: SocketAddr,
}

/// A will that may still have to be published.
pub(super) struct PendingWill {
    pub(super) message: Message,
    pub(super) delay_s: u32,
    /// Seconds from the moment of publishing.
    pub(super) expiry_s: Option<u32>,
    /// Set once the connection is gone.
    pub(super) due_at: Option<Time>,
}

/// Messages that wait for a session, first in, first out.
#[derive(Default)]
pub(super) struct Queue {
    deliveries: VecDeque<Delivery>,
    live: usize,
    qos_0: usize,
    bytes: usize,
}

impl Queue {
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.live += usize::from(!delivery.replayed);
        self.qos_0 += usize::from(delivery.qos == QoS::AtMostOnce);
        self.bytes += delivery.message.weight();
        self.deliveries.push_back(delivery);
    }

    pub(super) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.pop_front()?;
        self.live -= usize::from(!delivery.replayed);
        self.qos_0 -= usize::from(delivery.qos == QoS::AtMostOnce);
        self.bytes -= delivery.message.weight();
        if self.deliveries.is_empty() && self.deliveries.capacity() > 64 {
            self.deliveries = VecDeque::new();
        }
        Some(delivery)
    }

    pub(super) fn front(&self) -> Option<&Delivery> {
        self.deliveries.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Messages that were published while they could not be sent: what the limit counts.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Retained messages that answer a SUBSCRIBE.
    pub(super) fn replayed(&self) -> usize {
        self.deliveries.len() - self.live
    }

    /// Whether a QoS 0 message must not be sent at once. Retained messages must not be overtaken, so that a client does
    /// not see a topic's old value after its new one; nor other QoS 0 messages that had to wait for that.
    pub(super) fn holds_up_qos_0(&self) -> bool {
        self.replayed() > 0 || self.qos_0 > 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// How a connection is told that something waits for it.
#[derive(Clone, Debug)]
pub struct Wake {
    /// To be called, without the lock.
    pub waker: Waker,
    /// Where: a number that means something to whoever drives the broker.
    pub place: u32,
}

impl Wake {
    /// The waker may be called anywhere.
    pub const NO_PLACE: u32 = u32::MAX;

    /// For whoever looks without being woken.
    pub fn noop() -> Self {
        Wake::anywhere(Waker::noop().clone())
    }

    /// A waker that may be called anywhere.
    pub fn anywhere(waker: Waker) -> Self {
        Wake { waker, place: Wake::NO_PLACE }
    }
}

/// Index of a link in the broker's slab.
pub(super) type LinkKey = u32;

/// Names one connection, and none of the next four billion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    pub(super) link: LinkKey,
    pub(super) serial: u32,
}

/// What one connection has brought and taken since its client was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// PUBLISH packets from the client.
    pub messages_received: u64,
    /// PUBLISH packets to the client.
    pub messages_sent: u64,
    /// Bytes from the client.
    pub bytes_received: u64,
    /// Bytes that the connection was handed for the client.
    pub bytes_sent: u64,
}

/// The broker's side of one connection that has been let in.
pub(super) struct Link {
    pub(super) serial: u32,
    /// `None` once the connection is being closed or was taken over.
    pub(super) session: Option<SessionKey>,
    address: Address,
    transport: TransportKind,
    pub(super) version: Version,
    /// When it was let in.
    pub(super) since: Time,
    /// It asked for a session without a past.
    pub(super) clean_start: bool,
    pub(super) traffic: Traffic,
    /// Of another broker: its subscriptions have no-local and retain-as-published, which 3.1.1 cannot say.
    pub(super) is_bridge: bool,
    pub(super) outbox: Outbox,
    /// Bytes that the connection was handed last, and writes now.
    pub(super) handed_bytes: usize,
    pub(super) wake: Option<Wake>,
    /// The waker has been called since the connection last looked into its outbox.
    pub(super) woken: bool,
    /// The client has said goodbye.
    pub(super) client_left: bool,
    /// The highest topic alias that the client may use.
    pub(super) alias_maximum: u16,
    /// `None` until it uses one.
    pub(super) inbound_aliases: Option<Box<InboundAliases>>,
    pub(super) outbound_aliases: Option<Box<OutboundAliases>>,
    /// The largest packet that the client takes, in bytes.
    pub(super) max_packet_size: u32,
    /// Seconds; 0 is off.
    pub(super) keep_alive_s: u16,
    pub(super) last_received: Time,
    /// When the keep-alive is looked at next, if there is one; it is moved on only then.
    pub(super) keep_alive_at: Time,
    /// The session expiry of CONNECT was 0, so that DISCONNECT must not raise it (section 3.14.2.2.2).
    pub(super) expiry_was_zero: bool,
    /// `None`: nothing of it.
    pub(super) credentials: Option<Box<Credentials>>,
}

impl Link {
    /// For a connection that begins.
    pub(super) fn new(serial: u32, session: SessionKey, peer: Peer, version: Version, now: Time) -> Self {
        let Peer { address, transport, certificate } = peer;
        let credentials = certificate.map(|certificate| {
            Box::new(Credentials { certificate: Some(certificate), ..Credentials::default() })
        });
        Link {
            serial,
            session: Some(session),
            address: address.into(),
            transport,
            version,
            since: now,
            clean_start: false,
            traffic: Traffic::default(),
            is_bridge: false,
            outbox: Outbox::default(),
            handed_bytes: 0,
            wake: None,
            woken: false,
            client_left: false,
            alias_maximum: 0,
            inbound_aliases: None,
            outbound_aliases: None,
            max_packet_size: u32::MAX,
            keep_alive_s: 0,
            last_received: now,
            keep_alive_at: now,
            expiry_was_zero: true,
            credentials,
        }
    }

    /// The other end.
    pub(super) fn peer(&self) -> Peer {
        let certificate = self.credentials.as_ref().and_then(|credentials| credentials.certificate.clone());
        Peer { address: (&self.address).into(), transport: self.transport, certificate }
    }

    /// The user name by which the connection is counted.
    pub(super) fn user(&self) -> Option<&str> {
        self.credentials.as_ref()?.user.as_deref()
    }

    pub(super) fn credentials_mut(&mut self) -> &mut Credentials {
        self.credentials.get_or_insert_default()
    }
}

/// What a client has shown of itself beyond its client id.
#[derive(Default)]
pub(super) struct Credentials {
    /// The user name by which the connection is counted.
    pub(super) user: Option<Box<str>>,
    /// When they are no longer good.
    pub(super) good_until: Option<Time>,
    /// By which method of enhanced authentication the client came in.
    pub(super) authenticated: Option<Authenticated>,
    certificate: Option<Arc<ClientCertificate>>,
}

/// A socket's address in half the memory, for the version of IP that most have.
enum Address {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Address::V4(address),
            SocketAddr::V6(address) => Address::V6(Box::new(address)),
        }
    }
}

impl From<&Address> for SocketAddr {
    fn from(address: &Address) -> Self {
        match address {
            Address::V4(address) => SocketAddr::V4(*address),
            Address::V6(address) => SocketAddr::V6(**address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle connection costs; docs/speed.md adds it up.
    #[test]
    fn sizes() {
        assert!(size_of::<Session>() <= 104, "{}", size_of::<Session>());
        assert!(size_of::<Link>() <= 176, "{}", size_of::<Link>());
    }

    #[test]
    fn addresses_stay_what_they_are() {
        for address in ["10.0.0.1:80", "[2001:db8::1]:1883", "[fe80::1%3]:9"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(SocketAddr::from(&Address::from(address)), address);
        }
    }
}
