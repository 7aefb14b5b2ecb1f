//! The broker behind one lock, with the clock, the authenticator and the console around it.
//!
//! One lock, and short work under it: a connection takes it once for all that one read brought, and once for all that
//! it is about to write. Wakers are called and events are told after it has been released.

use crate::auth::Authenticator;
use crate::broker::{
    Access, Action, Admitted, Broker, BrokerConfig, Client, ConnId, ConnectError, Event, Identity, Limit,
    Output, Peer, PublishOutcome, SentAway, ServerMessage, Stats, Wake,
};
use crate::history::{Begin, History, Reader};
use crate::outbox::WriteQueue;
use crate::patience::Patience;
use crate::workers;
use crate::workers::mailbox::{Mailboxes, Sorter};
use parking_lot::{Mutex, RwLock};
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};
use tabmq_shared::Time;
use tabmq_shared::codec::DecodeError;
use tabmq_shared::packet::{Connect, Packet};
use tabmq_shared::topic::TopicName;
use tokio::sync::Notify;

/// What is told of an event: usually a line on the console.
pub type EventSink = Box<dyn Fn(&Event) + Send + Sync>;

/// The running broker, shared by all connections, the HTTP API and the timers.
pub struct Hub {
    broker: Mutex<Broker>,
    started: Instant,
    authenticator: Arc<dyn Authenticator>,
    sink: EventSink,
    history: Arc<History>,
    /// When [`Hub::run_timers`] wakes up, in milliseconds; `u64::MAX`: when it is told to.
    armed_ms: AtomicU64,
    rearm: Notify,
    /// Told whenever a connection has been closed.
    closed: Notify,
    /// What connections that begin now keep to.
    config: RwLock<Arc<BrokerConfig>>,
    /// The way to connections that other threads serve.
    mailboxes: Arc<Mailboxes>,
}

/// Scratch space of one thread for what is carried out of the lock; its capacity is kept.
#[derive(Default)]
struct Carried {
    wakes: Vec<Wake>,
    sorter: Sorter,
    events: Vec<Event>,
}

thread_local! {
    static CARRIED: RefCell<Carried> = RefCell::default();
}

/// Who reads nothing of what HTTP answers is given up as a client of MQTT is.
impl Patience for Hub {
    fn time(&self) -> Duration {
        Duration::from_secs(self.config().limits.write_timeout_s.into())
    }

    fn lost(&self) {
        self.count_limit(Limit::WriteTimeout);
    }
}

impl Hub {
    /// A broker without clients, whose connections may be anywhere. `sink` is called for every event, on the thread
    /// that caused it, without the lock.
    pub fn new(config: BrokerConfig, authenticator: Arc<dyn Authenticator>, sink: EventSink) -> Arc<Hub> {
        Hub::with_mailboxes(config, authenticator, sink, Arc::default())
    }

    /// A broker whose connections are served by the workers that these mailboxes belong to.
    pub fn with_mailboxes(
        config: BrokerConfig,
        authenticator: Arc<dyn Authenticator>,
        sink: EventSink,
        mailboxes: Arc<Mailboxes>,
    ) -> Arc<Hub> {
        let shared = RwLock::new(Arc::new(config.clone()));
        Arc::new(Hub {
            broker: Mutex::new(Broker::new(config, authenticator.methods(), fastrand::u64(..), Time::ZERO)),
            started: Instant::now(),
            authenticator,
            sink,
            history: History::new(),
            armed_ms: AtomicU64::new(u64::MAX),
            rearm: Notify::new(),
            closed: Notify::new(),
            config: shared,
            mailboxes,
        })
    }

    /// Calls the broker's timers when they are due. Runs for ever.
    pub async fn run_timers(self: Arc<Self>) {
        loop {
            let next = self.broker.lock().next_timeout();
            self.armed_ms.store(next.map_or(u64::MAX, Time::as_millis), Ordering::Relaxed);
            let now = self.now();
            match next {
                Some(at) if at <= now => self.with(|broker| broker.handle_timeout(now)),
                Some(at) => {
                    // Whole milliseconds are rounded down, so wait one more.
                    let wait = at.since(now) + Duration::from_millis(1);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.rearm.notified() => {}
                    }
                }
                None => self.rearm.notified().await,
            }
        }
    }

    /// Who may come in.
    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.authenticator
    }

    /// The largest packet that clients may send, in bytes.
    pub fn max_packet_size(&self) -> u32 {
        self.config.read().max_packet_size
    }

    /// What the broker keeps to now.
    pub fn config(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.config.read())
    }

    /// Counts that somebody met this limit.
    pub fn count_limit(&self, limit: Limit) {
        self.broker.lock().count_limit(limit);
    }

    /// Keeps to `config` from now on: in connections that are there already as far as nothing else was agreed with their
    /// clients.
    pub fn reconfigure(&self, config: BrokerConfig) {
        *self.config.write() = Arc::new(config.clone());
        let now = self.now();
        self.with(|broker| broker.reconfigure(config, now));
    }

    /// Whether somebody who is not an MQTT client may publish this.
    ///
    /// # Errors
    /// Which rule says no.
    pub(crate) fn may_publish(
        &self,
        identity: &Identity,
        address: IpAddr,
        message: &ServerMessage,
    ) -> Result<(), (Action, String)> {
        self.broker.lock().may_publish_from(Client { identity, client_id: "", address }, message)
    }

    /// Tells the console of a refusal by [`Hub::may_publish`].
    pub(crate) fn tell_denied(&self, identity: &Identity, message: &ServerMessage, why: (Action, String)) {
        let (action, why) = why;
        self.tell(&Event::Denied {
            client_id: Arc::from("(HTTP)"),
            user: identity.user.clone(),
            action,
            topic: message.topic.as_byte_string().clone(),
            why,
            untold: 0,
        });
    }

    /// Publishes a message of which the server is the sender.
    pub fn publish(&self, message: ServerMessage) -> PublishOutcome {
        let now = self.now();
        self.with(|broker| broker.publish(message, now))
    }

    /// Publishes what a bridge has brought, as if its client had: no-local counts, access rules do not.
    pub(crate) fn publish_from(&self, conn: ConnId, message: ServerMessage) -> PublishOutcome {
        let now = self.now();
        self.with(|broker| broker.publish_from(conn, message, now))
    }

    /// Looks at the broker, which waits meanwhile: `look` must be short.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Broker, Time) -> R) -> R {
        let now = self.now();
        look(&self.broker.lock(), now)
    }

    /// Removes the topic's retained message; subscribers get an empty one. Whether there was one.
    pub(crate) fn clear_retained(&self, topic: TopicName) -> bool {
        let now = self.now();
        self.with(|broker| broker.clear_retained(topic, now))
    }

    /// Ends a client's connection, and its session if that is wished. `None`: there is no such client.
    pub(crate) fn send_away(&self, client_id: &str, and_session: bool) -> Option<SentAway> {
        let now = self.now();
        self.with(|broker| broker.send_away(client_id, and_session, now))
    }

    /// The counters as they are now.
    pub fn stats(&self) -> Stats {
        self.broker.lock().stats()
    }

    /// How long the broker has been running.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Puts other access rules in place of those before, for everybody who is there.
    pub fn set_access(&self, access: Arc<dyn Access>) {
        let now = self.now();
        self.with(|broker| broker.set_access(access, now));
        self.history.end_readers(); // they come again, and are asked who they are
    }

    /// Tells all clients that the server stops. Their connections end by themselves; see [`Hub::drained`].
    pub fn shut_down(&self) {
        let now = self.now();
        self.with(|broker| broker.shut_down(now));
        self.history.end_readers();
    }

    /// Resolves once there is no connection left.
    pub async fn drained(&self) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.broker.lock().connections() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// Listens to what happens from this place on; to messages as well if that is wanted. `None`: too many others do.
    pub(crate) fn listen(self: &Arc<Self>, begin: &Begin, to_messages: bool) -> Option<Listening> {
        let reader = self.history.read(begin, to_messages)?;
        if to_messages {
            self.broker.lock().listen_to_messages(1);
        }
        Some(Listening { hub: Arc::clone(self), reader, to_messages })
    }

    /// How many listen, and how many events were lost to them.
    pub(crate) fn event_readers(&self) -> (usize, u64) {
        self.history.counts()
    }

    /// Tells of an event that did not come from the broker.
    pub(crate) fn tell(&self, event: &Event) {
        (self.sink)(event);
        self.history.record([event]);
    }

    pub(crate) fn connect(
        &self,
        connect: &Connect,
        admitted: Admitted,
        peer: Peer,
    ) -> Result<ConnId, ConnectError> {
        let now = self.now();
        self.with(|broker| broker.connect(connect, admitted, peer, now))
    }

    pub(crate) fn count_refused(&self) {
        self.broker.lock().count_refused();
    }

    /// Hands over what one read brought, and takes what waits to be written if `queue` is empty, in one visit.
    pub(crate) fn exchange(
        &self,
        conn: ConnId,
        input: Input<'_>,
        queue: &mut WriteQueue,
        waker: &Waker,
    ) -> Exchanged {
        let now = self.now();
        let wake = Wake { waker: waker.clone(), place: workers::here() };
        self.with(|broker| {
            let deliveries = broker.deliveries();
            if input.bytes > 0 || !input.packets.is_empty() {
                broker.handle_packets(conn, input.packets, input.bytes, now);
            }
            if let Some(error) = input.error {
                broker.handle_decode_error(conn, error, now);
            }
            let output = match bytes::Buf::has_remaining(queue) {
                true => Output::Data { more: true },
                false => broker.take_output(conn, queue, &wake, now),
            };
            Exchanged {
                output,
                deliveries: broker.deliveries() - deliveries,
                control_bytes: broker.control_bytes(conn),
                ended: broker.has_ended(conn),
                client_left: broker.has_left(conn),
            }
        })
    }

    /// The client is gone, or its transport is broken.
    pub(crate) fn end(&self, conn: ConnId, error: Option<String>) {
        let now = self.now();
        self.with(|broker| broker.handle_transport_end(conn, error, now));
    }

    /// The connection has taken its last output.
    pub(crate) fn release(&self, conn: ConnId) {
        self.broker.lock().release(conn);
        self.closed.notify_waiters();
    }

    fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Visits the broker, and does afterwards what it left to do.
    fn with<R>(&self, visit: impl FnOnce(&mut Broker) -> R) -> R {
        CARRIED.with_borrow_mut(|carried| {
            let (result, next) = {
                let mut broker = self.broker.lock();
                let result = visit(&mut broker);
                broker.drain_wakes(&mut carried.wakes);
                broker.drain_events(&mut carried.events);
                (result, broker.next_timeout())
            };
            if next.is_some_and(|at| at.as_millis() < self.armed_ms.load(Ordering::Relaxed)) {
                self.rearm.notify_one();
            }
            self.mailboxes.deliver(&mut carried.wakes, &mut carried.sorter);
            if !carried.events.is_empty() {
                carried.events.iter().for_each(&self.sink);
                self.history.record(&carried.events);
                carried.events.clear();
            }
            result
        })
    }
}

/// Somebody who listens to what happens. The broker makes events of messages only while one wants them.
pub(crate) struct Listening {
    hub: Arc<Hub>,
    reader: Reader,
    to_messages: bool,
}

impl Listening {
    pub(crate) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.to_messages {
            self.hub.broker.lock().listen_to_messages(-1);
        }
    }
}

/// What a connection brings to the broker.
pub(crate) struct Input<'a> {
    /// Whole packets, in order; they are taken out.
    pub(crate) packets: &'a mut Vec<Packet>,
    /// The size of the read that brought them; 0: it was counted before, or there was none.
    pub(crate) bytes: usize,
    /// What came behind the packets was not MQTT.
    pub(crate) error: Option<DecodeError>,
}

/// What a connection takes away.
pub(crate) struct Exchanged {
    pub(crate) output: Output,
    /// How many receivers the packets had, all in all: how much work they were.
    pub(crate) deliveries: u64,
    /// What has come into the control lane meanwhile: while it is much, nothing more is read.
    pub(crate) control_bytes: usize,
    /// The broker has ended the connection.
    pub(crate) ended: bool,
    /// It did so because the client said goodbye.
    pub(crate) client_left: bool,
}
