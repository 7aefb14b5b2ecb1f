//! A session, which outlives its connections, and a link, which is the broker's side of one connection.

use super::access::{Identity, Rights};
use super::authenticate::Authenticated;
use super::event::{DisconnectCause, Peer};
use super::filters::Filters;
use super::message::{Delivery, Message};
use super::router::{SessionKey, Subscription};
use crate::outbox::Outbox;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::task::Waker;
use tabmq_shared::Time;
use tabmq_shared::packet::{QoS, Version};
use tabmq_shared::session::{InboundAliases, Incoming, OutboundAliases, Outgoing};
use tabmq_shared::topic::TopicFilter;

/// A session expiry interval that means "never" (5.0 section 3.1.2.11.2).
pub(super) const NEVER: u32 = u32::MAX;

/// The state of one client id (5.0 section 4.1).
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    /// Whose it is: as the last connection has proved it.
    pub(super) identity: Identity,
    /// Where the last connection came from.
    pub(super) address: IpAddr,
    /// What it may do.
    pub(super) rights: Rights,
    /// The connection that serves it now.
    pub(super) link: Option<LinkKey>,
    /// What must be taken out of the router when the session ends.
    pub(super) subscriptions: Filters,
    /// Those of them that the rules do not allow any more: the router does not know them until they do.
    pub(super) resting: HashMap<TopicFilter, Subscription>,
    /// Sent and not acknowledged.
    pub(super) outgoing: Outgoing<Delivery>,
    /// The weight in bytes of the messages in `outgoing`.
    pub(super) in_flight_bytes: usize,
    /// QoS 2 messages of which the PUBREL has not come.
    pub(super) incoming: Incoming,
    /// Not sent yet.
    pub(super) queue: Queue,
    /// Seconds after the connection's end; 0: with it.
    pub(super) expiry_s: u32,
    /// When the session of an absent client ends.
    pub(super) expires_at: Option<Time>,
    pub(super) will: Option<Box<PendingWill>>,
    /// How the last connection ended.
    pub(super) last_end: Option<Box<Ended>>,
}

impl Session {
    pub(super) fn new(
        client_id: Arc<str>,
        address: IpAddr,
        send_quota: NonZeroU16,
        receive_maximum: NonZeroU16,
    ) -> Self {
        Session {
            client_id,
            identity: Identity::default(),
            address,
            rights: Rights::default(),
            link: None,
            subscriptions: Filters::default(),
            resting: HashMap::new(),
            outgoing: Outgoing::new(send_quota),
            in_flight_bytes: 0,
            incoming: Incoming::new(receive_maximum.get()),
            queue: Queue::default(),
            expiry_s: 0,
            expires_at: None,
            will: None,
            last_end: None,
        }
    }

    /// Whether a message at QoS 1 or 2 may be sent now. Whoever withholds acknowledgements keeps no more bytes than
    /// could wait in the queue.
    pub(super) fn can_send(&self, max_bytes: usize) -> bool {
        self.outgoing.can_send() && self.in_flight_bytes < max_bytes
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

/// Names one connection, and no later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    pub(super) link: LinkKey,
    pub(super) serial: u64,
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
    pub(super) serial: u64,
    /// `None` once the connection is being closed or was taken over.
    pub(super) session: Option<SessionKey>,
    pub(super) peer: Peer,
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
    /// The user name by which the connection is counted.
    pub(super) user: Option<Box<str>>,
    pub(super) wake: Option<Wake>,
    /// The waker has been called since the connection last looked into its outbox.
    pub(super) woken: bool,
    /// The client has said goodbye.
    pub(super) client_left: bool,
    pub(super) inbound_aliases: InboundAliases,
    pub(super) outbound_aliases: Option<Box<OutboundAliases>>,
    /// The largest packet that the client takes, in bytes.
    pub(super) max_packet_size: u32,
    /// Seconds; 0 is off.
    pub(super) keep_alive_s: u16,
    pub(super) last_received: Time,
    /// When the keep-alive is looked at next; it is moved on only then.
    pub(super) keep_alive_at: Option<Time>,
    /// When its credentials are no longer good.
    pub(super) authorised_until: Option<Time>,
    /// By which method of enhanced authentication the client came in.
    pub(super) authenticated: Option<Box<Authenticated>>,
    /// The session expiry of CONNECT was 0, so that DISCONNECT must not raise it (section 3.14.2.2.2).
    pub(super) expiry_was_zero: bool,
}
