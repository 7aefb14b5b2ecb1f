//! What is measured.

/// One scenario.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Arguments of `tabmq bench`, without address and duration.
    pub(super) args: &'static str,
    pub(super) websocket: bool,
    pub(super) kind: Kind,
    /// What this broker is meant to reach, in the unit of the kind's first figure; 0: nothing in particular.
    pub(super) goal: f64,
}

/// What counts in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As fast as it goes: the broker's CPU µs per delivery, and deliveries per second.
    Throughput,
    /// A fixed rate: the broker's CPU µs per delivery, and the 99th percentile of latency.
    Paced,
    /// A message now and then: the median latency in µs, and the 99th percentile.
    Latency,
    /// Idle connections: kB for each.
    Idle,
    /// The broker's CPU µs for one connection that comes and goes, and how many per second.
    Connects,
    /// Milliseconds for all retained messages to arrive, and MB.
    Retained,
}

/// The least time for a scenario of [`Kind::Latency`], in seconds: at a hundred messages a second, a shorter one has too few
/// for a 99th percentile to be more than the one or two that something else of the machine has delayed.
pub(super) const LATENCY_S: f64 = 10.0;

impl Scenario {
    /// How long it takes, if all are meant to take `seconds`.
    pub(super) fn seconds(&self, seconds: f64) -> f64 {
        if self.kind == Kind::Latency { seconds.max(LATENCY_S) } else { seconds }
    }
}

pub(super) const fn throughput(name: &'static str, args: &'static str, goal: f64) -> Scenario {
    Scenario { name, args, websocket: false, kind: Kind::Throughput, goal }
}

/// The scenarios. `--lead` bounds what is on its way, to a few megabytes: without it a publisher at QoS 0 measures how
/// brokers drop and queue.
pub(super) const SCENARIOS: &[Scenario] = &[
    throughput("1 to 1, QoS 0", "--lead 20000", 0.6),
    throughput("1 to 1, QoS 1, 100 in flight", "-q 1 --lead 20000", 1.3),
    throughput("1 to 1, QoS 2, 100 in flight", "-q 2 --lead 20000", 2.2),
    throughput("1 to 100, QoS 0", "--subscribers 100 --lead 100000", 0.2),
    throughput("1 to 100, QoS 1", "--subscribers 100 -q 1 --lead 100000", 0.35),
    throughput("50 to 1, QoS 0", "--publishers 50 --lead 20000", 1.0),
    throughput(
        "50 pairs, QoS 1, 10 in flight",
        "--publishers 50 --subscribers 50 --topic bench/{i} -q 1 --in-flight 10 --lead 20000",
        2.0,
    ),
    throughput("1 to 1, 16 kB, QoS 0", "-s 16k --lead 250", 5.0),
    Scenario { websocket: true, ..throughput("WebSocket, 1 to 1, QoS 0", "--lead 20000", 0.8) },
    Scenario {
        websocket: true,
        ..throughput("WebSocket, 1 to 50, QoS 0", "--subscribers 50 --lead 50000", 0.25)
    },
    Scenario {
        kind: Kind::Paced,
        ..throughput("1 to 10, QoS 1, 1,000/s", "--subscribers 10 -q 1 --rate 1000", 3.0)
    },
    Scenario { kind: Kind::Latency, ..throughput("latency, 100/s, QoS 0", "--rate 100", 0.0) },
    Scenario {
        kind: Kind::Latency,
        websocket: true,
        ..throughput("latency, WebSocket, 100/s, QoS 0", "--rate 100", 0.0)
    },
    Scenario {
        kind: Kind::Idle,
        ..throughput("idle connection, 1 subscription", "idle --clients 5000 -f idle/{i}", 3.0)
    },
    Scenario {
        kind: Kind::Connects,
        ..throughput("connects and disconnects", "connect --clients 50", 20_000.0)
    },
    Scenario {
        kind: Kind::Retained,
        ..throughput("20,000 retained to one #", "retained --rounds 5 --keep", 50.0)
    },
];

/// What must not be worse for the speed of the others: where brokers are known to break down. `--write` puts this table
/// into docs/speed.md.
pub(super) const HARD: &[Scenario] = &[
    // Ten clients, because a session may have 100,000 subscriptions by default.
    throughput(
        "1,000,000 subscriptions with wildcards",
        "--publishers 10 --subscribers 10 --topics 100000 -t t/{i}/{t}/a/b -f t/{i}/{t}/+/# --lead 20000",
        0.0,
    ),
    throughput("100,000 topics to one #", "--topics 100000 -t t/{t} -f # --lead 20000", 0.0),
    throughput("1,000 filters of 100 levels, half of them +", DEEP, 0.0),
    // Not 10,000: half of 20,000 descriptors is what one address gets.
    throughput("1 to 9,900 subscribers", "--subscribers 9900 --lead 200000", 0.0),
    throughput("1 to 20, QoS 0, of whom 10 never read", "--subscribers 20 --stalled 10 --lead 20000", 0.0),
    throughput(
        "1 to 20, QoS 1, of whom 10 never read",
        "--subscribers 20 --stalled 10 -q 1 --lead 20000",
        0.0,
    ),
    throughput(
        "1 to 5, sizes 16 B, 64 B and 256 kB in turn",
        "--subscribers 5 -s 16,64,256k --lead 100",
        0.0,
    ),
];

macro_rules! ten_times {
    ($text:literal) => {
        concat!($text, $text, $text, $text, $text, $text, $text, $text, $text, $text)
    };
}

const DEEP: &str = concat!(
    "--topics 1000 --lead 20000 -t {t}",
    ten_times!("/a/a/a/a/a/a/a/a/a/a"),
    " -f {t}",
    ten_times!("/a/+/a/+/a/+/a/+/a/+")
);
