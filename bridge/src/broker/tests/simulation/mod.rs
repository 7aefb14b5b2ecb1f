//! The real broker and several real clients in one memory, with one clock, over connections that are slow, cut anywhere
//! and lost at any moment.
//!
//! Each run is a seed: it chooses versions, windows, limits, subscriptions and everything that happens. First all
//! subscribe; then they publish while connections come and go; in the end all connections hold, everything settles, and
//! the [`books`] are compared. Last, everybody leaves, and nothing of them may be left in the broker.
//!
//! - [`wire`]: one connection: bytes on their way, and the broker's end of it, driven as `connection` does.
//! - [`peer`]: one client with its wire.
//! - [`books`]: what was published, what arrived, and what must have arrived.
//!
//! A failing run prints its seed: `TABMQ_SEED=<seed>` runs that one alone, `TABMQ_RUNS=<number>` runs more of them.

mod books;
mod peer;
mod wire;

use super::*;
use books::{Books, Kind, Message};
use peer::Peer as SimPeer;
use tabmq_shared::client::Event as ClientEvent;
use wire::Wire;

/// How many runs every `cargo test` makes.
const RUNS: u64 = 2_000;

#[test]
fn nothing_is_lost_nothing_comes_twice_and_nothing_is_left_behind() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let runs = number("TABMQ_RUNS").unwrap_or(RUNS);
    let seeds = number("TABMQ_SEED").map_or(0..runs, |seed| seed..seed + 1);
    let mut total = Counts::default();
    for seed in seeds.clone() {
        let name = SeedInWords(seed);
        World::new(seed).run(&mut total);
        drop(name);
    }
    // The runs are worth something only if much went wrong in them.
    let runs = seeds.end - seeds.start;
    let often = [total.lost, total.resumed, total.repeated, total.taken_over, total.wills, total.timeouts];
    assert!(runs < 1000 || often.iter().all(|count| *count > runs / 10), "{total:?}");
}

/// Says which run it was, if it fails.
struct SeedInWords(u64);

impl Drop for SeedInWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("simulation: run number {0} failed: TABMQ_SEED={0} repeats it", self.0);
        }
    }
}

/// What happened in all runs.
#[derive(Debug, Default)]
struct Counts {
    lost: u64,
    resumed: u64,
    /// Messages that came more than once.
    repeated: u64,
    taken_over: u64,
    wills: u64,
    /// Connections that the broker ended because of their keep-alive.
    timeouts: u64,
}

struct World {
    rng: fastrand::Rng,
    now: Time,
    broker: Broker,
    peers: Vec<SimPeer>,
    /// Connections of which the client knows nothing any more.
    orphans: Vec<Wire>,
    books: Books,
    counts: Counts,
    /// The connections may be lost.
    stormy: bool,
    to_publish: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let config = BrokerConfig {
            receive_maximum: NonZeroU16::new(rng.u16(1..10)).unwrap(),
            max_in_flight: NonZeroU16::new(rng.u16(1..10)).unwrap(),
            topic_alias_maximum: rng.u16(0..4),
            server_keep_alive_s: (rng.u8(0..4) == 0).then_some(5),
            outbox_bytes: [1, 100, 1_000, 1 << 20][rng.usize(0..4)],
            message_events: rng.bool(),
            sys_interval_s: 0,
            ..BrokerConfig::default()
        };
        let broker = Broker::new(config, Arc::new(NoMethods), seed, Time::ZERO);
        let count = rng.usize(2..5);
        let peers: Vec<SimPeer> = (0..count).map(|n| SimPeer::new(n, count, &mut rng)).collect();
        let books = Books::new(peers.iter().map(|peer| peer.about.clone()).collect());
        let to_publish = rng.usize(10..60);
        World {
            rng,
            now: Time::ZERO,
            broker,
            peers,
            orphans: Vec::new(),
            books,
            counts: Counts::default(),
            stormy: false,
            to_publish,
        }
    }

    fn run(mut self, total: &mut Counts) {
        for n in 0..self.peers.len() {
            self.peers[n].client.start(self.now);
            self.poll(n);
        }
        self.settle();
        self.stormy = true;
        while self.to_publish > 0 {
            self.step();
        }
        self.stormy = false;
        self.settle();
        self.books.check();
        self.leave();
        total.lost += self.counts.lost;
        total.resumed += self.counts.resumed;
        total.repeated += self.books.repeated();
        total.taken_over += self.counts.taken_over;
        total.wills += self.books.wills();
        total.timeouts += self.counts.timeouts;
    }

    /// One thing happens.
    fn step(&mut self) {
        let n = self.rng.usize(0..self.peers.len());
        match self.rng.u32(0..200) {
            0..40 => self.publish(n),
            40..80 => self.peers[n].write(&mut self.rng),
            80..175 => self.exchange(n),
            175..178 => self.pass(3_000),
            178..180 => self.pass(100),
            180..184 => {
                self.counts.lost += u64::from(self.peers[n].wire.is_some());
                let orphan = self.peers[n].lose(&mut self.broker, &mut self.rng, self.now);
                self.orphans.extend(orphan);
            }
            184..186 => self.peers[n].client.disconnect(ReasonCode::Success, self.now),
            186..190 => self.peers[n].client.start(self.now), // also while it waits to try again
            190..193 => self.peers[n].subscribe_anew(&mut self.rng, self.now),
            _ => self.serve_orphans(),
        }
        self.poll(n);
        self.after();
    }

    /// Everything that can happen does, and nothing is lost, until there is nothing more to do.
    fn settle(&mut self) {
        for _ in 0..5_000 {
            self.pass(50);
            for n in 0..self.peers.len() {
                if !self.peers[n].client.state().is_connected() {
                    self.peers[n].client.start(self.now);
                }
                self.poll(n);
                self.peers[n].write(&mut self.rng);
                self.exchange(n);
                self.poll(n);
            }
            self.orphans.iter_mut().for_each(|wire| wire.up_ended = true);
            self.serve_orphans();
            self.after();
            if self.is_settled() {
                return;
            }
        }
        let peers: Vec<_> = self.peers.iter().map(|p| (p.client.state(), p.client.pending())).collect();
        panic!("never settles: {peers:?}, {:?}", self.broker.stats());
    }

    fn is_settled(&self) -> bool {
        let sessions_idle = self
            .broker
            .clients
            .sessions
            .iter()
            .all(|(_, session)| session.flow().is_none_or(|flow| flow.is_empty()));
        sessions_idle
            && self.orphans.is_empty()
            && self.peers.iter().all(|peer| {
                peer.client.state().is_connected()
                    && peer.client.pending().is_empty()
                    && peer.wire.as_ref().is_some_and(Wire::is_quiet)
            })
    }

    fn publish(&mut self, n: usize) {
        let (kind, qos, message) = self.peers[n].message(self.books.messages.len(), &mut self.rng);
        self.books.messages.push(Message { publisher: n, kind, qos });
        self.peers[n].client.publish(message, self.now).unwrap();
        self.to_publish -= 1;
    }

    /// Bytes travel between a client and the broker, and the broker's end of the connection is served.
    fn exchange(&mut self, n: usize) {
        let peer = &mut self.peers[n];
        let Some(wire) = &mut peer.wire else { return };
        wire.serve(&mut self.broker, &mut self.rng, self.now);
        peer.hear(&mut self.rng, self.now);
    }

    fn serve_orphans(&mut self) {
        let World { orphans, broker, rng, now, .. } = self;
        orphans.retain_mut(|wire| {
            wire.serve(broker, rng, *now);
            wire.down.clear();
            !wire.down_ended
        });
    }

    fn pass(&mut self, most_ms: u64) {
        self.now = self.now + Duration::from_millis(self.rng.u64(0..=most_ms));
        if self.broker.next_timeout().is_some_and(|at| at <= self.now) {
            self.broker.handle_timeout(self.now);
        }
        for n in 0..self.peers.len() {
            self.peers[n].client.handle_timeout(self.now);
            self.poll(n);
        }
        self.after();
    }

    /// Looks at what a client says.
    fn poll(&mut self, n: usize) {
        let orphan = self.peers[n].obey(&mut self.rng, self.now, self.stormy);
        self.orphans.extend(orphan);
        while let Some(event) = self.peers[n].client.poll_event() {
            match event {
                ClientEvent::Message(publish) => self.books.received(n, &publish),
                ClientEvent::Published { id, outcome } => self.books.outcome(n, id, outcome),
                ClientEvent::Connected { session_present: true, .. } => self.counts.resumed += 1,
                ClientEvent::ProtocolError { message, .. } => panic!("peer {n}: {message}"),
                ClientEvent::Subscribed { result, .. } => assert!(!result.is_error(), "peer {n}: {result}"),
                _ => {}
            }
        }
    }

    /// What whoever drives the broker does after each visit.
    fn after(&mut self) {
        let mut wakes = Vec::new();
        self.broker.drain_wakes(&mut wakes);
        wakes.into_iter().for_each(|wake| wake.waker.wake());
        let mut events = Vec::new();
        self.broker.drain_events(&mut events);
        for event in events {
            let Event::Disconnected { client_id, cause, .. } = event else { continue };
            match &cause {
                DisconnectCause::ProtocolViolation(_, what) => panic!("{client_id}: {what}"),
                DisconnectCause::TakenOver => self.counts.taken_over += 1,
                DisconnectCause::KeepAlive { .. } => self.counts.timeouts += 1,
                _ => {}
            }
            let n: usize = client_id.parse().unwrap();
            self.books.disconnected(n, cause == DisconnectCause::Client(ReasonCode::Success));
        }
        let stats = self.broker.stats();
        assert!(stats.clients_connected <= self.peers.len() && stats.sessions <= self.peers.len());
    }

    /// Everybody goes for good, and the broker is as it was at the beginning.
    fn leave(&mut self) {
        self.check_retained();
        let stats = self.broker.stats();
        assert_eq!(
            (stats.clients_connected, self.broker.connections()),
            (self.peers.len(), self.peers.len())
        );
        assert_eq!((stats.queued_messages, stats.queued_bytes), (0, 0));
        if self.rng.bool() {
            self.broker.shut_down(self.now);
            self.broker.shutting_down = false;
        }
        for n in 0..self.peers.len() {
            // Clean, and without expiry: the end of the session, whoever began it.
            let last = connect(Version::V5, &n.to_string());
            let conn = self.broker.connect(&last, Admitted::default(), Rig::peer(), self.now).unwrap();
            self.broker.handle_transport_end(conn, None, self.now);
            self.broker.release(conn);
        }
        for peer in &mut self.peers {
            let mut wire = peer.wire.take().unwrap();
            wire.up_ended = true;
            wire.up.clear();
            while !wire.down_ended {
                wire.serve(&mut self.broker, &mut self.rng, self.now);
            }
        }
        let stats = self.broker.stats();
        let left = (stats.clients_connected, stats.sessions, stats.subscriptions, stats.shared_subscriptions);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!((stats.queued_messages, stats.queued_bytes), (0, 0));
        assert_eq!((self.broker.connections(), self.broker.clients.by_id.len()), (0, 0));
        assert_eq!(
            self.broker.timers.len(),
            1,
            "the sweep of retained messages alone: {:?}",
            self.broker.timers
        );
    }

    /// The newest of each topic is retained, and accounted for.
    fn check_retained(&self) {
        let newest = self.books.newest_retained();
        let found: Vec<(String, usize)> = (self.broker.retained.iter())
            .map(|m| (m.message.topic.as_str().to_owned(), books::number(&m.message.payload)))
            .collect();
        assert_eq!(found, newest);
        let bytes: usize = self.broker.retained.iter().map(|message| message.message.weight()).sum();
        let stats = self.broker.stats();
        assert_eq!((stats.retained_messages, stats.retained_bytes), (newest.len(), bytes));
    }
}

/// The topic of a publisher's messages of one kind.
fn topic(kind: Kind, publisher: usize) -> String {
    match kind {
        Kind::Plain(n) => format!("topic/{publisher}/{n}"),
        Kind::Work(group) => format!("work{group}/{publisher}"),
        Kind::Retained => format!("retained/{publisher}"),
        Kind::Passing => format!("passing/{publisher}"),
    }
}
