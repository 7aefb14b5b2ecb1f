//! `cargo xtask bench growth`: how cost grows, with one thing made ten times as many at each step.
//!
//! The same measurements as the table of scenarios, with the broker's memory beside the time.

use super::measure::{self, Sample};
use super::peers::Peer;
use super::scenarios::{Kind, Scenario, throughput};
use super::{Options, table};
use crate::command::{self, Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// One table: what grows, and its steps.
struct Series {
    title: &'static str,
    /// What the reader must know to read the figures.
    about: &'static str,
    /// The name of each is the step.
    steps: &'static [Scenario],
    /// Whether the broker is also measured on a single core.
    cores: bool,
}

const fn retained(name: &'static str, args: &'static str) -> Scenario {
    Scenario { kind: Kind::Retained, ..throughput(name, args, 0.0) }
}

const fn idle(name: &'static str, args: &'static str) -> Scenario {
    Scenario { kind: Kind::Idle, ..throughput(name, args, 0.0) }
}

/// The steps of subscriptions, with this topic and filter.
macro_rules! subscriptions {
    ($pattern:literal) => {
        &[
            throughput("1", concat!("--topics 1 --lead 20000 ", $pattern), 0.0),
            throughput("100", concat!("--topics 100 --lead 20000 ", $pattern), 0.0),
            throughput("10,000", concat!("--topics 10000 --lead 20000 ", $pattern), 0.0),
            throughput("100,000", concat!("--topics 100000 --lead 20000 ", $pattern), 0.0),
            throughput(
                "1,000,000",
                concat!("--publishers 10 --subscribers 10 --topics 100000 --lead 20000 ", $pattern),
                0.0,
            ),
        ]
    };
}

const SERIES: &[Series] = &[
    Series {
        title: "Subscribers of one topic",
        about: "One publisher, QoS 0, 64 bytes; each subscriber is a connection of its own. CPU time of the broker per \
                delivery, deliveries per second, memory.",
        steps: &[
            throughput("1", "--subscribers 1 --lead 20000", 0.0),
            throughput("10", "--subscribers 10 --lead 50000", 0.0),
            throughput("100", "--subscribers 100 --lead 100000", 0.0),
            throughput("1,000", "--subscribers 1000 --lead 200000", 0.0),
            throughput("9,000", "--subscribers 9000 --lead 200000", 0.0),
        ],
        cores: false,
    },
    Series {
        title: "Subscriptions without wildcards",
        about: "One client subscribes to every topic by its name, and each message goes to the next topic; a million are \
                those of ten clients, because a session may have 100,000. CPU time of the broker per delivery, deliveries \
                per second, memory.",
        steps: subscriptions!("-t t/{i}/{t} -f t/{i}/{t}"),
        cores: false,
    },
    Series {
        title: "Subscriptions with wildcards",
        about: "The same with a filter `t/N/+/#` for each topic `t/N/a/b`.",
        steps: subscriptions!("-t t/{i}/{t}/a/b -f t/{i}/{t}/+/#"),
        cores: false,
    },
    Series {
        title: "Retained messages",
        about: "A new subscriber of `#` gets all of them: the time until the last one is there, and the broker's memory. \
                Messages of 64 bytes.",
        steps: &[
            retained("1", "retained -n 1 --rounds 3 --keep"),
            retained("100", "retained -n 100 --rounds 3 --keep"),
            retained("10,000", "retained -n 10000 --rounds 3 --keep"),
            retained("100,000", "retained -n 100000 --rounds 3 --keep"),
            // Not a million: that is the limit by default, and the broker retains its own $SYS topics.
            retained("990,000", "retained -n 990000 --rounds 3 --keep"),
        ],
        cores: false,
    },
    Series {
        title: "Connections",
        about: "Idle clients with one subscription each: memory of the broker for each of them.",
        steps: &[
            idle("10", "idle --clients 10 -f idle/{i}"),
            idle("100", "idle --clients 100 -f idle/{i}"),
            idle("1,000", "idle --clients 1000 -f idle/{i}"),
            idle("9,000", "idle --clients 9000 -f idle/{i}"),
        ],
        cores: false,
    },
    Series {
        title: "Payload",
        about: "1 to 1, QoS 0. CPU time of the broker per delivery, deliveries per second, memory.",
        steps: &[
            throughput("16 B", "-s 16 --lead 20000", 0.0),
            throughput("256 B", "-s 256 --lead 10000", 0.0),
            throughput("4 kB", "-s 4k --lead 1000", 0.0),
            throughput("64 kB", "-s 64k --lead 60", 0.0),
            throughput("1 MB", "-s 1M --lead 4", 0.0),
        ],
        cores: false,
    },
    Series {
        title: "Cores",
        about: "The broker bound to one core, and free to use two; the load generator uses all there are. CPU time of the \
                broker per delivery, deliveries per second.",
        steps: &[
            throughput("1 to 1, QoS 0", "--lead 20000", 0.0),
            throughput("1 to 1, QoS 1", "-q 1 --lead 20000", 0.0),
            throughput("1 to 100, QoS 0", "--subscribers 100 --lead 100000", 0.0),
            throughput(
                "50 pairs, QoS 1",
                "--publishers 50 --subscribers 50 --topic bench/{i} -q 1 --in-flight 10 --lead 20000",
                0.0,
            ),
            throughput(
                "50 to 50 by shared subscription",
                "--publishers 50 --subscribers 50 -f $share/g/bench --lead 20000",
                0.0,
            ),
        ],
        cores: true,
    },
];

/// Measures what `options` wants, prints the tables, and writes `docs/growth.md` if that was asked for.
pub(super) fn run(options: &Options, peers: &[Peer], generator: &Path) -> Result<()> {
    let mut text = String::new();
    for series in SERIES.iter().filter(|series| options.wants(series.title)) {
        let rows = measure_series(options, series, peers, generator)?;
        let _ = write!(text, "\n## {}\n\n{}\n\n{rows}", series.title, series.about);
    }
    if text.is_empty() {
        let titles: Vec<&str> = SERIES.iter().map(|series| series.title).collect();
        return Err(format!("nothing that grows has such a name: {}", titles.join(", ")).into());
    }
    println!("{text}");
    if options.write {
        let path = command::workspace_root().join("docs/growth.md");
        fs::write(&path, page(options, &text)).context("write docs/growth.md")?;
    }
    Ok(())
}

fn page(options: &Options, tables: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "# How cost grows\n\nWritten by `cargo xtask bench growth --write`; MQTT 3.1.1, medians of {} rounds of {} s, broker and load \
         generator on the same {cores} cores. What follows from it for larger machines is in [scaling.md](scaling.md).\n{tables}",
        options.rounds, options.seconds
    )
}

/// The rows of one table. A broker that fails at a step is told of there, and the others go on.
fn measure_series(options: &Options, series: &Series, peers: &[Peer], generator: &Path) -> Result<String> {
    let variants: Vec<Peer> = match series.cores {
        true => peers.iter().flat_map(|peer| [peer.on_cores("0"), peer.on_cores("0,1")]).collect(),
        false => peers.to_vec(),
    };
    let names: Vec<&str> = variants.iter().map(|peer| peer.name.as_str()).collect();
    let mut rows = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for step in series.steps {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); variants.len()];
        for round in 1..=options.rounds {
            for (peer, samples) in variants.iter().zip(&mut samples) {
                let sample = measure::measure(peer, generator, step, options.seconds)?;
                let outcome = table::cell(step, std::slice::from_ref(&sample));
                println!("round {round}  {}: {:<12} {:<16} {outcome}", series.title, step.name, peer.name);
                samples.push(sample);
            }
        }
        let cells: Vec<String> = samples.iter().map(|samples| cell(step, samples)).collect();
        let _ = writeln!(rows, "| {} | {} |", step.name, cells.join(" | "));
    }
    Ok(rows)
}

/// The figures of the kind, and memory where they do not tell it already.
fn cell(step: &Scenario, samples: &[Sample]) -> String {
    let figures = table::cell(step, samples);
    match step.kind {
        Kind::Throughput => format!("{figures}, {} MB", table::megabytes(samples)),
        _ => figures,
    }
}
