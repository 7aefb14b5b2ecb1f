//! One loop around the client state machine of [`tabmq_shared::client`]: it gives it bytes, time and wishes, and does
//! what it asks for.

use crate::transport::{Incoming, Transport};
use crate::turn::{self, Turns};
use bytes::BytesMut;
use gloo_timers::callback::Timeout;
use js_sys::Uint8Array;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::client::{
    Authentication, Client as Machine, Command, ConnectOptions, Event, Message, PublishError, PublishId,
    State, Subscription,
};
use tabmq_shared::packet::ReasonCode;
use tabmq_shared::topic::TopicFilter;

/// Beyond this many bytes in the browser's buffer, messages wait in the machine's bounded queue instead.
const SEND_BUFFER_BYTES: u32 = 1 << 20;

/// A browser does not say when its buffer is empty again: it is asked again after this time.
const SEND_RETRY: Duration = Duration::from_millis(20);

/// One frame at most, unless a single packet is larger.
const FRAME_BYTES: usize = 64 * 1024;

/// So many packets are reported together: few enough to look at the clock in between.
const TURN_PACKETS: usize = 512;

/// An empty buffer larger than this is given back, in bytes; a queue of events in entries.
const KEPT_BYTES: usize = 128 * 1024;
const KEPT_EVENTS: usize = 4 * TURN_PACKETS;

/// What the client reports, together with where it is then.
pub struct Report<'a> {
    /// What has happened, in order. Whoever is told takes it out, or leaves it.
    pub events: &'a mut VecDeque<Event>,
    /// Where the client is, if that has changed.
    pub state: Option<State>,
    /// The round-trip time, if it is known.
    pub round_trip: Option<Duration>,
    /// Whether so much comes that the last turn needed half of its time or more.
    pub is_flood: bool,
}

/// A client in this tab. Clones are the same client.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

struct Inner {
    /// Where to hear of it.
    report: Box<dyn Fn(Report<'_>)>,
    now: fn() -> Time,
    link: RefCell<Link>,
    /// Which transport is meant: reports of an earlier one are ignored.
    epoch: Cell<u64>,
    /// Whether the inbox has bytes that nobody has looked at.
    fresh: Cell<bool>,
    /// Whether a turn is asked for.
    due: Cell<bool>,
    /// Whether the last turn needed half of its time or more.
    is_flood: Cell<bool>,
    /// An empty queue, for the events of the next report.
    spare: RefCell<VecDeque<Event>>,
    reported_round_trip: Cell<Option<Duration>>,
}

struct Link {
    machine: Machine,
    url: String,
    transport: Option<Transport>,
    turns: Option<Turns>,
    /// Whether the browser may hold back what was sent. It is asked only then: each question is a call out of the
    /// module, and who only receives has none to ask.
    unsent: bool,
    /// What has come and waits for its turn, or for the rest of its packet.
    inbox: BytesMut,
    timer: Option<(Time, Timeout)>,
}

impl Client {
    /// A client that does nothing yet. `now` is its clock, `report` is told what happens; it may call the client.
    pub fn new(now: fn() -> Time, report: impl Fn(Report<'_>) + 'static) -> Self {
        let link = Link {
            machine: Machine::new(ConnectOptions::default(), 0),
            url: String::new(),
            transport: None,
            turns: None,
            unsent: false,
            inbox: BytesMut::new(),
            timer: None,
        };
        Client(Rc::new(Inner {
            report: Box::new(report),
            now,
            link: RefCell::new(link),
            epoch: Cell::new(0),
            fresh: Cell::new(false),
            due: Cell::new(false),
            is_flood: Cell::new(false),
            spare: RefCell::default(),
            reported_round_trip: Cell::new(None),
        }))
    }

    /// Connects anew: says good-bye to the broker, if there is one, forgets it and begins with these.
    pub fn start(&self, url: String, options: ConnectOptions, subscriptions: Vec<Subscription>, seed: u64) {
        self.start_by(None, url, options, subscriptions, seed);
    }

    /// The same by a method of enhanced authentication.
    pub fn start_by(
        &self,
        method: Option<Box<dyn Authentication>>,
        url: String,
        options: ConnectOptions,
        subscriptions: Vec<Subscription>,
        seed: u64,
    ) {
        // One that was never started has nobody to say good-bye to, and is not "disconnected".
        if !self.is_idle() {
            self.stop();
        }
        self.0.forget_transport();
        {
            let mut link = self.0.link.borrow_mut();
            link.machine = Machine::new(options, seed);
            if let Some(method) = method {
                link.machine.set_authentication(method);
            }
            link.url = url;
        }
        self.act(|machine, now| {
            machine.start(now);
            machine.subscribe(subscriptions, now);
        });
    }

    fn is_idle(&self) -> bool {
        *self.0.link.borrow().machine.state() == State::Idle
    }

    /// Says good-bye to the broker, and stays away until it is started again.
    pub fn stop(&self) {
        self.act(|machine, now| machine.disconnect(ReasonCode::Success, now));
    }

    /// Publishes.
    ///
    /// # Errors
    /// The message was not accepted.
    pub fn publish(&self, message: Message) -> Result<PublishId, PublishError> {
        // Not driven yet: the caller must know the id before it hears what became of it.
        self.0.link.borrow_mut().machine.publish(message, (self.0.now)())
    }

    /// Subscribes.
    pub fn subscribe(&self, subscriptions: Vec<Subscription>) {
        self.act(|machine, now| machine.subscribe(subscriptions, now));
    }

    /// Unsubscribes.
    pub fn unsubscribe(&self, filter: TopicFilter) {
        self.act(|machine, now| machine.unsubscribe(vec![filter], now));
    }

    /// Connects at once, be it that the next attempt was waited for or that the client had stopped.
    pub fn retry_now(&self) {
        self.act(Machine::start);
    }

    /// Sees whether the broker answers within `patience`; tries at once if there is no connection.
    pub fn probe(&self, patience: Duration) {
        self.act(|machine, now| {
            machine.retry_now(now);
            machine.probe(now, patience);
        });
    }

    /// Does what is due and hands out what has happened. To be called after [`publish`](Client::publish).
    pub fn drive(&self) {
        self.0.drive();
    }

    fn act(&self, act: impl FnOnce(&mut Machine, Time)) {
        act(&mut self.0.link.borrow_mut().machine, (self.0.now)());
        self.0.drive();
    }
}

impl Inner {
    fn drive(self: &Rc<Self>) {
        let mut events = self.spare.take();
        loop {
            {
                let link = &mut *self.link.borrow_mut();
                let busy = transmit(link);
                self.set_timer(link, busy);
                match events.is_empty() {
                    true => link.machine.swap_events(&mut events),
                    false => events.extend(std::iter::from_fn(|| link.machine.poll_event())),
                }
            }
            if !self.obey() {
                break;
            }
        }
        let (state, round_trip) = {
            let machine = &self.link.borrow().machine;
            let changed = events.iter().any(|event| matches!(event, Event::StateChanged));
            (changed.then(|| machine.state().clone()), machine.round_trip())
        };
        let measured = self.reported_round_trip.replace(round_trip) != round_trip;
        if measured || !events.is_empty() {
            let is_flood = self.is_flood.get();
            (self.report)(Report { events: &mut events, state, round_trip, is_flood });
        }
        events.clear();
        if events.capacity() <= KEPT_EVENTS {
            self.spare.replace(events);
        }
    }

    /// Obeys the next command; false if there is none.
    fn obey(self: &Rc<Self>) -> bool {
        let command = self.link.borrow_mut().machine.poll_command();
        match command {
            Some(Command::Open) => self.open(),
            Some(Command::Close) => self.forget_transport(),
            None => return false,
        }
        true
    }

    fn open(self: &Rc<Self>) {
        self.forget_transport();
        let epoch = self.epoch.get();
        let weak = Rc::downgrade(self);
        let url = self.link.borrow().url.clone();
        let turning = weak.clone();
        let opened = Transport::open(&url, move |incoming| Inner::incoming(&weak, epoch, incoming));
        let mut link = self.link.borrow_mut();
        match opened {
            Ok(transport) => {
                link.transport = Some(transport);
                link.turns = Turns::new(move || Inner::its_turn(&turning, epoch));
            }
            Err(words) => link.machine.handle_closed(words, (self.now)()),
        }
    }

    fn forget_transport(&self) {
        self.epoch.set(self.epoch.get() + 1);
        self.fresh.set(false);
        self.due.set(false);
        let mut link = self.link.borrow_mut();
        link.inbox.clear();
        link.transport = None;
        link.turns = None;
    }

    fn incoming(weak: &Weak<Self>, epoch: u64, incoming: Incoming) {
        let Some(inner) = weak.upgrade().filter(|inner| inner.epoch.get() == epoch) else { return };
        match incoming {
            Incoming::Opened => inner.link.borrow_mut().machine.handle_opened((inner.now)()),
            Incoming::Data(data) => return inner.arrived(&data),
            Incoming::Closed(words) => {
                // What came before the end counts, and may be the broker's reason for it.
                while inner.fresh.get() && inner.look() {}
                if inner.epoch.get() != epoch {
                    return;
                }
                inner.forget_transport();
                inner.link.borrow_mut().machine.handle_closed(words, (inner.now)());
            }
        }
        inner.drive();
    }

    /// A frame has come. The first one is looked at at once; those that follow before the next turn gather and are looked at
    /// together, because a frame by itself costs more than most messages.
    fn arrived(self: &Rc<Self>, data: &Uint8Array) {
        let waiting_bytes = {
            let inbox = &mut self.link.borrow_mut().inbox;
            let from = inbox.len();
            inbox.resize(from + data.length() as usize, 0);
            data.copy_to(inbox.get_mut(from..).unwrap_or_default());
            inbox.len()
        };
        self.fresh.set(true);
        if turn::is_at_once(self.due.get(), waiting_bytes) {
            self.turn();
        }
    }

    fn its_turn(weak: &Weak<Self>, epoch: u64) {
        let Some(inner) = weak.upgrade().filter(|inner| inner.epoch.get() == epoch) else { return };
        inner.due.set(false);
        if inner.fresh.get() {
            inner.turn();
        }
    }

    /// Looks at what has come, for as long as a turn may be, and asks for the next one.
    fn turn(self: &Rc<Self>) {
        self.is_flood.set(turn::spend(self.now, || self.look()));
        {
            let link = &mut *self.link.borrow_mut();
            if link.inbox.is_empty() && link.inbox.capacity() > KEPT_BYTES {
                link.inbox = BytesMut::new();
            }
            if !self.due.get() {
                self.due.set(link.turns.as_ref().is_some_and(Turns::ask));
            }
        }
        // In a browser without turns nobody else would look at the rest.
        while !self.due.get() && self.fresh.get() && self.look() {}
    }

    /// Looks at some packets and reports them; whether there may be more.
    fn look(self: &Rc<Self>) -> bool {
        {
            let link = &mut *self.link.borrow_mut();
            let more = link.machine.handle_some(&mut link.inbox, TURN_PACKETS, (self.now)());
            self.fresh.set(more);
        }
        self.drive();
        self.fresh.get()
    }

    /// Wakes up when the machine has something to do, or when the browser may take bytes again.
    fn set_timer(self: &Rc<Self>, link: &mut Link, busy: bool) {
        let retry = busy.then(|| (self.now)() + SEND_RETRY);
        let Some(due) = link.machine.poll_timeout().into_iter().chain(retry).min() else {
            link.timer = None;
            return;
        };
        // Most deadlines move on with every frame. One that is set too early is set again when it has come; that is
        // once, and not once a frame.
        if link.timer.as_ref().is_some_and(|(set_to, _)| *set_to <= due) {
            return;
        }
        let now = (self.now)();
        let weak = Rc::downgrade(self);
        let wait_ms = u32::try_from((due - now).as_millis()).unwrap_or(u32::MAX).min(i32::MAX as u32);
        let timeout = Timeout::new(wait_ms, move || {
            let Some(inner) = weak.upgrade() else { return };
            {
                let link = &mut *inner.link.borrow_mut();
                link.timer = None;
                link.machine.handle_timeout((inner.now)());
            }
            inner.drive();
        });
        link.timer = Some((due, timeout));
    }
}

/// Sends what there is; true if the browser takes no more for now.
fn transmit(link: &mut Link) -> bool {
    let Some(transport) = &link.transport else { return false };
    loop {
        if link.unsent {
            let waiting_bytes = transport.waiting_bytes();
            if waiting_bytes > SEND_BUFFER_BYTES {
                return true;
            }
            link.unsent = waiting_bytes > 0;
        }
        let Some(bytes) = link.machine.poll_transmit(FRAME_BYTES) else { return false };
        transport.send(&bytes);
        link.unsent = true;
    }
}
