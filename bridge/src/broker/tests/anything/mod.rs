//! Two clients that send any packets in any order, and bytes that are none, to a broker whose access rules change.
//!
//! Each run is a seed. Whatever comes: no panic; what the broker sends can be decoded and keeps each client's limits; what
//! waits is bounded and counted right; a subscription is in force exactly if the rules allow it; and nobody gets a message
//! that he may not have, or that its sender may not have sent.
//!
//! - [`client`]: one connection, what it sends and what it thinks of the answers.
//! - [`packets`]: any packets.
//! - [`rules`]: who may do what at which time.
//!
//! A failing run prints its seed: `TABMQ_SEED=<seed>` runs that one alone, `TABMQ_RUNS=<number>` runs more of them.
//! `tests/fuzz` does the like with inputs that a fuzzer chooses, and without rules.

mod client;
mod packets;
mod rules;

use super::*;
use client::Client;
use rules::{Ledger, Rules};

/// How many runs every `cargo test` makes, and how much happens in each.
const RUNS: u64 = 400;
const STEPS: usize = 120;

/// How many clients there are, and client ids: they take each other's sessions over now and then.
const CLIENTS: usize = 2;

/// The largest packet that is made here, in bytes.
const LARGEST: usize = 4_096;

#[test]
fn whatever_two_clients_send_the_broker_keeps_to_its_rules() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let runs = number("TABMQ_RUNS").unwrap_or(RUNS);
    let seeds = number("TABMQ_SEED").map_or(0..runs, |seed| seed..seed + 1);
    let mut total = Counts::default();
    for seed in seeds.clone() {
        let name = SeedInWords(seed);
        World::new(seed).run(&mut total);
        drop(name);
    }
    // The runs are worth something only if much happened in them.
    let runs = seeds.end - seeds.start;
    let Counts { messages, denied, unreadable, violations, resumed, taken_over } = total;
    let often = [messages, denied, unreadable, violations, resumed, taken_over];
    assert!(runs < RUNS || often.iter().all(|count| *count > runs / 10), "{total:?}");
}

/// Says which run it was, if it fails.
struct SeedInWords(u64);

impl Drop for SeedInWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("anything: run number {0} failed: TABMQ_SEED={0} repeats it", self.0);
        }
    }
}

/// What happened in all runs.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Messages that somebody got.
    messages: u64,
    /// Refusals by a rule.
    denied: u64,
    /// Messages that had waited and were not handed over, by a rule.
    unreadable: u64,
    /// Connections that ended because of what the client sent.
    violations: u64,
    resumed: u64,
    taken_over: u64,
}

struct World {
    rng: fastrand::Rng,
    now: Time,
    broker: Broker,
    clients: [Option<Client>; CLIENTS],
    rules: Arc<Rules>,
    ledger: Ledger,
    counts: Counts,
    /// For payloads, so that each message can be told from the others.
    next_message: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limits = Limits {
            subscriptions: rng.usize(1..12),
            all_queues_messages: rng.usize(1..40),
            filters_per_packet: rng.usize(1..8),
            ..Limits::default()
        };
        let config = BrokerConfig {
            receive_maximum: NonZeroU16::new(rng.u16(1..6)).unwrap(),
            max_in_flight: NonZeroU16::new(rng.u16(1..6)).unwrap(),
            topic_alias_maximum: rng.u16(0..4),
            queue_messages: rng.usize(0..20),
            queue_bytes: rng.usize(0..8_000),
            all_queues_bytes: rng.usize(1_000..16_000),
            outbox_bytes: [1, 100, 1_000, 1 << 20][rng.usize(0..4)],
            retained_messages: rng.usize(0..6),
            retained_bytes: rng.usize(0..4_000),
            message_events: rng.bool(),
            sys_interval_s: 0,
            limits,
            ..BrokerConfig::default()
        };
        let broker = Broker::new(config, Arc::new(methods::Echo), seed, Time::ZERO);
        let mut world = World {
            rng,
            now: Time::ZERO,
            broker,
            clients: [const { None }; CLIENTS],
            rules: Arc::default(),
            ledger: Ledger::default(),
            counts: Counts::default(),
            next_message: 0,
        };
        world.change_rules();
        world
    }

    fn run(mut self, total: &mut Counts) {
        for _ in 0..STEPS {
            self.step();
            self.after();
            self.check();
        }
        self.counts.unreadable = self.broker.stats().dropped(DropReason::NotReadable);
        self.counts.denied = Action::ALL.iter().map(|action| self.broker.stats().denied(*action)).sum();
        self.leave();
        total.messages += self.counts.messages;
        total.denied += self.counts.denied;
        total.unreadable += self.counts.unreadable;
        total.violations += self.counts.violations;
        total.resumed += self.counts.resumed;
        total.taken_over += self.counts.taken_over;
    }

    /// One thing happens.
    fn step(&mut self) {
        let who = self.rng.usize(0..CLIENTS);
        if self.clients[who].is_none() {
            return self.connect(who);
        }
        match self.rng.u32(0..100) {
            0..60 => self.say(who),
            60..80 => self.read(who),
            80..88 => self.answer(who),
            88..91 => self.pass(),
            91..95 => self.change_rules(),
            95..97 => self.connect(who), // beside the one that is there
            _ => self.lose(who),
        }
    }

    fn connect(&mut self, who: usize) {
        let user = self.rng.choice(rules::USERS).copied().unwrap();
        // Whoever looks at passwords does not know him.
        if self.rules.is_gone(user) {
            return;
        }
        let connect = packets::connect(&mut self.rng);
        let identity = Identity { user: user.map(Arc::from), ..Identity::default() };
        let admitted = Admitted { identity, last_data: None };
        let Ok(conn) = self.broker.connect(&connect, admitted, Rig::peer(), self.now) else { return };
        if let Some(will) = &connect.will {
            assert!(self.rules.allow(user, Action::Publish, &will.topic), "a will that is not allowed");
            assert!(!will.retain || self.rules.allow(user, Action::Retain, &will.topic), "nor retained");
        }
        self.lose(who);
        self.clients[who] = Some(Client::new(conn, &connect, user, self.broker.config()));
        self.read(who);
    }

    /// A client sends some packets, and perhaps they are spoilt on the way.
    fn say(&mut self, who: usize) {
        let Some(client) = &mut self.clients[who] else { return };
        // As the connection does, which does not read from whoever does not read.
        if self.broker.control_bytes(client.conn) > client::MAX_CONTROL_BYTES {
            return;
        }
        for _ in 0..self.rng.usize(1..4) {
            let packet = packets::any(&mut self.rng, client.version, &mut self.next_message);
            client.say(&packet, &mut self.rng);
        }
        self.hand_over(who);
    }

    /// The right answer to everything that a client has received.
    fn answer(&mut self, who: usize) {
        let Some(client) = &mut self.clients[who] else { return };
        for packet in std::mem::take(&mut client.answers) {
            client.say_rightly(&packet);
        }
        self.hand_over(who);
    }

    /// The broker gets what a client has said.
    fn hand_over(&mut self, who: usize) {
        let Some(client) = &mut self.clients[who] else { return };
        let (packets, bytes, error) = client.decoded(&self.broker.config().decoding());
        let conn = client.conn;
        let mut batch = Vec::new();
        for packet in packets {
            // An acknowledgement may fit something that is on its way: to keep count, the client looks first.
            if client::is_ack(&packet) {
                self.broker.handle_packets(conn, &mut batch, 0, self.now);
                self.read(who);
            }
            let Some(client) = &mut self.clients[who] else { return };
            client.note_sent(&packet);
            if let Packet::Publish(publish) = &packet {
                self.ledger.note(publish, client.user, &self.rules);
            }
            batch.push(packet);
        }
        self.broker.handle_packets(conn, &mut batch, bytes, self.now);
        if let Some(error) = error {
            self.broker.handle_decode_error(conn, error, self.now);
        }
        if self.broker.has_ended(conn) {
            self.read(who);
        }
    }

    /// A client reads all that there is.
    fn read(&mut self, who: usize) {
        let Some(client) = &mut self.clients[who] else { return };
        let goes_on = client.read(&mut self.broker, self.now);
        for packet in client.received() {
            match packet {
                Packet::Publish(publish) => {
                    let topic = client.note_message(&publish);
                    self.counts.messages += 1;
                    assert!(
                        self.rules.allow(client.user, Action::Receive, &topic),
                        "{:?} must not get {topic}",
                        client.user
                    );
                    self.ledger.check(&publish, &topic);
                }
                Packet::ConnAck(connack) => self.counts.resumed += u64::from(connack.session_present),
                Packet::SubAck(suback) => client.check_suback(&suback, &self.rules),
                other => client.note(other),
            }
        }
        if !goes_on {
            self.broker.release(client.conn);
            self.clients[who] = None;
        }
    }

    fn lose(&mut self, who: usize) {
        let Some(client) = self.clients[who].take() else { return };
        self.broker.handle_transport_end(client.conn, None, self.now);
        self.broker.release(client.conn);
    }

    fn pass(&mut self) {
        self.now = self.now + Duration::from_millis(self.rng.u64(0..20_000));
        self.broker.handle_timeout(self.now);
    }

    /// Other rules, and perhaps a user less. What has been handed to a connection is on its way, so everybody reads first.
    fn change_rules(&mut self) {
        for who in 0..CLIENTS {
            self.read(who);
        }
        self.rules = Arc::new(Rules::any(&mut self.rng));
        self.broker.set_access(self.rules.clone(), self.now);
    }

    /// What whoever drives the broker does after each visit.
    fn after(&mut self) {
        self.broker.drain_wakes(&mut Vec::new());
        let mut events = Vec::new();
        self.broker.drain_events(&mut events);
        for event in events {
            let Event::Disconnected { cause, .. } = event else { continue };
            match cause {
                DisconnectCause::ProtocolViolation(..) => self.counts.violations += 1,
                DisconnectCause::TakenOver => self.counts.taken_over += 1,
                _ => {}
            }
        }
    }

    /// What must be so at any time.
    fn check(&mut self) {
        let (stats, config) = (self.broker.stats(), self.broker.config());
        assert!(stats.sessions <= CLIENTS && self.broker.connections() <= CLIENTS);
        let clients = &self.broker.clients;
        let sessions = || clients.sessions.iter().map(|(_, session)| session);
        let flows = |of: fn(&session::Flow) -> usize| {
            sessions().filter_map(session::Session::flow).map(of).sum::<usize>()
        };
        assert_eq!(stats.queued_messages, flows(|flow| flow.queue.len()));
        assert_eq!(stats.queued_bytes, flows(|flow| flow.queue.bytes()));
        assert_eq!(stats.in_flight_bytes, flows(|flow| flow.in_flight_bytes));
        assert!(stats.queued_messages <= config.limits.all_queues_messages);
        assert!(stats.queued_bytes <= config.all_queues_bytes);
        assert!(stats.in_flight_bytes <= config.all_queues_bytes + 2 * LARGEST, "{}", stats.in_flight_bytes);
        let mut in_force = 0;
        for (key, session) in &clients.sessions {
            assert!(session.flow().is_none_or(|flow| flow.queue.live() <= config.queue_messages));
            assert!(session.subscriptions.len() <= config.limits.subscriptions);
            let user = session.identity.user.as_deref();
            let rests = |filter: &tabmq_shared::topic::TopicFilter| {
                session.resting.as_ref().is_some_and(|resting| resting.contains_key(filter))
            };
            for filter in session.subscriptions.iter() {
                let allowed = self.rules.allow(user, Action::Subscribe, filter.filter());
                let is_in_force = self.broker.router.subscription(key as u32, &filter).is_some();
                assert_eq!((is_in_force, rests(&filter)), (allowed, !allowed), "{user:?} {filter}");
                in_force += usize::from(is_in_force);
            }
            let mut resting = session.resting.iter().flat_map(|resting| resting.keys());
            assert!(resting.all(|filter| session.subscriptions.contains(filter)));
        }
        assert_eq!(stats.subscriptions, in_force);
        for (_, link) in &clients.links {
            assert!(
                link.outbox.data_bytes() <= config.outbox_bytes + LARGEST,
                "{}",
                link.outbox.data_bytes()
            );
            assert!(link.outbox.control_bytes() <= client::MAX_CONTROL_BYTES + LARGEST);
        }
        let retained: usize = self.broker.retained.iter().map(|kept| kept.message.weight()).sum();
        assert_eq!(stats.retained_bytes, retained);
        assert!(retained <= config.retained_bytes && stats.retained_messages <= config.retained_messages);
    }

    /// Everybody goes for good, and nothing of them is left.
    fn leave(&mut self) {
        for who in 0..CLIENTS {
            self.lose(who);
        }
        self.broker.set_access(Arc::new(NoRules), self.now);
        for client_id in packets::CLIENT_IDS {
            let last = connect(Version::V5, client_id);
            let conn = self.broker.connect(&last, Admitted::default(), Rig::peer(), self.now).unwrap();
            self.broker.handle_transport_end(conn, None, self.now);
            self.broker.release(conn);
        }
        self.after();
        let stats = self.broker.stats();
        let left = (stats.clients_connected, stats.sessions, stats.subscriptions, stats.shared_subscriptions);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!((stats.queued_messages, stats.queued_bytes, stats.in_flight_bytes), (0, 0, 0));
        assert_eq!((self.broker.connections(), self.broker.clients.by_id.len()), (0, 0));
    }
}
