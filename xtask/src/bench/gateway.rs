//! `cargo xtask bench gateway`: what the gateway costs, beside WebSockets without one.
//!
//! The same load each time, in at one WebSocket and out at another one; what differs is what stands behind them.

use super::measure::{self, Load};
use super::peers::{Peer, Running};
use super::table::{count, digits, median};
use super::{Markers, Options, write_between_markers};
use crate::command::Result;
use std::fmt::Write;
use std::path::Path;

/// The load: a name, and arguments of `tabmq bench`.
const LOADS: [(&str, &str); 4] = [
    ("QoS 0, 64 B", "--lead 20000"),
    ("QoS 1, 64 B", "-q 1 --lead 20000"),
    ("QoS 0, 16 kB", "-s 16k --lead 250"),
    ("QoS 1, 16 kB", "-s 16k -q 1 --lead 250"),
];

/// The place in the README.
const MARKERS: Markers = Markers { begin: "<!-- bench-gateway:begin -->", end: "<!-- bench-gateway:end -->" };

/// What stands behind the WebSockets.
struct Way {
    name: String,
    broker: Peer,
    /// The program of the gateway in front of it, if there is one.
    gateway: Option<Peer>,
}

/// Measures all ways, prints the table, and writes it into the README if that was asked for.
pub(super) fn run(options: &Options, peers: &[Peer], generator: &Path) -> Result<()> {
    let gateway = Peer::gateway(generator);
    let mut ways = Vec::new();
    for broker in peers {
        let own = Way { name: format!("{}'s own", broker.name), broker: broker.clone(), gateway: None };
        let name = format!("gateway to {}", broker.name);
        ways.extend([own, Way { name, broker: broker.clone(), gateway: Some(gateway.clone()) }]);
    }
    let loads: Vec<_> = LOADS.iter().filter(|(name, _)| options.wants(name)).collect();
    let mut samples = vec![vec![Vec::new(); ways.len()]; loads.len()];
    for round in 1..=options.rounds {
        for ((name, args), row) in loads.iter().zip(&mut samples) {
            for (way, samples) in ways.iter().zip(row) {
                let load = way.measure(generator, args, options.seconds)?;
                println!("round {round}  {name:<14} {:<32} {}", way.name, cell(std::slice::from_ref(&load)));
                samples.push(load);
            }
        }
    }
    let mut text = format!("| WebSocket, 1 to 1 | {} |\n", loads_of(&loads));
    let _ = writeln!(text, "|---|{}", "---|".repeat(loads.len()));
    for (index, way) in ways.iter().enumerate() {
        let cells: Vec<String> =
            samples.iter().filter_map(|row| row.get(index)).map(|samples| cell(samples)).collect();
        let _ = writeln!(text, "| {} | {} |", way.name, cells.join(" | "));
    }
    let _ = writeln!(text, "\n{}", about(options));
    println!("\n{text}");
    if options.write { write_between_markers("README.md", &text, MARKERS) } else { Ok(()) }
}

fn loads_of(loads: &[&(&str, &str)]) -> String {
    let names: Vec<&str> = loads.iter().map(|(name, _)| *name).collect();
    names.join(" | ")
}

fn about(options: &Options) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "MQTT 3.1.1, TCP between gateway and broker; QoS 1 with 100 messages in flight. Deliveries per second; then the CPU time for each of them, of the \
         broker + of the gateway. All of it, the load generator too, shares {cores} cores, so whoever costs more is also \
         slower. Medians of {} rounds of {} s{}. `cargo xtask bench gateway --write` puts this table here.",
        options.rounds,
        options.seconds,
        // Whoever names a binary knows how it was built; readers do not.
        if options.tabmq.is_empty() { "" } else { ", of the binary that `--tabmq` named" }
    )
}

impl Way {
    fn measure(&self, generator: &Path, args: &str, seconds: f64) -> Result<Load> {
        let broker = self.broker.start()?;
        let gateway = self.gateway.as_ref().map(|gateway| gateway.start_before(broker.mqtt)).transpose()?;
        let url = gateway.as_ref().unwrap_or(&broker).websocket_url();
        let pids: Vec<u32> =
            [Some(&broker), gateway.as_ref()].into_iter().flatten().map(Running::pid).collect();
        measure::load(generator, &url, args, seconds, &pids)
    }
}

/// The medians, as text.
fn cell(samples: &[Load]) -> String {
    let cpu = |process: usize| median(samples, |load| load.cpu_us.get(process).copied().unwrap_or(f64::NAN));
    let mut text = format!("{}/s, {}", count(median(samples, |load| load.per_s)), digits(cpu(0)));
    if samples.iter().any(|load| load.cpu_us.len() > 1) {
        let _ = write!(text, " + {}", digits(cpu(1)));
    }
    text.push_str(" µs");
    let lost = median(samples, |load| load.lost);
    if lost > 0.0005 {
        let _ = write!(text, ", {:.1} % lost", lost * 100.0);
    }
    if let Some(error) = samples.iter().find_map(|load| load.error.as_deref()) {
        let _ = write!(text, " ({})", error.replace(['|', '\n'], " "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_processes_that_there_are() {
        let load = |cpu_us: &[f64]| Load { cpu_us: cpu_us.to_vec(), per_s: 12_345.0, lost: 0.0, error: None };
        assert_eq!(cell(&[load(&[1.234])]), "12.3 k/s, 1.23 µs");
        assert_eq!(cell(&[load(&[1.0, 0.5])]), "12.3 k/s, 1.00 + 0.50 µs");
        let failed = Load { lost: 0.5, error: Some("a|b".to_owned()), ..load(&[1.0]) };
        assert_eq!(cell(&[failed]), "12.3 k/s, 1.00 µs, 50.0 % lost (a b)");
    }
}
