//! `cargo xtask bench`: this broker beside mosquitto and rumqttd, in the same scenarios, on the same machine.
//!
//! Each measurement gets a broker of its own that has done nothing before, and `tabmq bench` as the load generator. The
//! brokers take turns within a round, and each round begins with another one, so that whatever else the machine does
//! meets all of them; the table has the medians of the rounds. CPU time is the broker's own, user and system, from /proc:
//! it is the figure that noise disturbs least.
//!
//! In reading order: [`scenarios`] (what is measured), [`peers`] (the brokers), [`measure`] (one measurement),
//! [`table`] (the result), [`growth`] (how cost grows), [`gateway`] (what the gateway costs).
//! [`page`] is a benchmark of its own: the page. [`hot`] is none: it finds what the linker puts side by side.

mod gateway;
mod growth;
pub(crate) mod hot;
mod measure;
mod page;
mod peers;
mod scenarios;
mod table;

use crate::build::{self, Profile};
use crate::command::{self, Context, Result, cargo};
use measure::Sample;
use peers::Peer;
use scenarios::{HARD, SCENARIOS, Scenario};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask bench [hard | growth | gateway] [OPTIONS]
       cargo xtask bench page [OPTIONS]

  page               the page in Chromium, beside MQTT.js: see `cargo xtask bench page --help`
  hard               what is hard for brokers: a million subscriptions, deep topics, clients that do not read;
                     --write puts the table into docs/speed.md
  growth             not the table of scenarios, but how cost grows with subscribers, subscriptions, retained messages,
                     connections, payload and cores; --write writes docs/growth.md
  gateway            WebSockets with the gateway in front of the brokers and without; --write writes into README.md

  --only WORDS       only the scenarios whose name contains all of these words, as in --only 'QoS 1'; repeatable
  --brokers LIST     of tabmq,mosquitto,rumqttd those
  --rounds N         so many measurements of each; the table has the medians [default: 3]
  --seconds N        how long one takes [default: 3]
  --quick            one round of one second
  --tabmq PATH       measure this binary, without building; repeatable: to compare two, as `--brokers tabmq --tabmq A --tabmq B`
  --write            put the table into README.md
  --list             print the scenarios' names";

/// What the command line says.
struct Options {
    only: Vec<String>,
    brokers: Vec<String>,
    rounds: u32,
    seconds: f64,
    tabmq: Vec<PathBuf>,
    write: bool,
    list: bool,
    what: What,
}

/// Which measurements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Usual,
    Hard,
    Growth,
    Gateway,
}

/// Runs `cargo xtask bench` with these arguments.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    if let Some(("page", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return page::run(rest);
    }
    if args.iter().any(|arg| arg == "--help") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(args)?;
    let all = if options.what == What::Hard { HARD } else { SCENARIOS };
    let scenarios: Vec<&Scenario> = all.iter().filter(|scenario| options.wants(scenario.name)).collect();
    if options.list {
        scenarios.iter().for_each(|scenario| println!("{}", scenario.name));
        return Ok(ExitCode::SUCCESS);
    }
    if scenarios.is_empty() && !matches!(options.what, What::Growth | What::Gateway) {
        return Err("no scenario has such a name: --list prints them".into());
    }
    if !Path::new("/proc/self/stat").exists() {
        return Err("the broker's CPU time is read from /proc, which only Linux has".into());
    }
    let (peers, generator) = prepare(&options)?;
    if options.what == What::Growth {
        growth::run(&options, &peers, &generator)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.what == What::Gateway {
        gateway::run(&options, &peers, &generator)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = measure_all(&options, &scenarios, &peers, &generator)?;
    let text = table::markdown(&peers, &rows, options.rounds, options.seconds);
    println!("\n{text}");
    if options.write {
        let file = if options.what == What::Hard { "docs/speed.md" } else { "README.md" };
        write_between_markers(file, &text, MARKERS)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|words| words.split_whitespace().all(|word| name.contains(word)))
    }

    fn has(&self, broker: &str) -> bool {
        self.brokers.is_empty() || self.brokers.iter().any(|name| name == broker)
    }
}

fn parse(args: &[String]) -> Result<Options> {
    let (only, brokers, tabmq) = (Vec::new(), Vec::new(), Vec::new());
    let mut options = Options {
        only,
        brokers,
        rounds: 3,
        seconds: 3.0,
        tabmq,
        write: false,
        list: false,
        what: What::Usual,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n\n{HELP}"));
        match arg.as_str() {
            "--only" => options.only.push(value()?.clone()),
            "--brokers" => options.brokers.extend(value()?.split(',').map(str::to_owned)),
            "--rounds" => options.rounds = number(arg, value()?)?,
            "--seconds" => options.seconds = number(arg, value()?)?,
            "--quick" => (options.rounds, options.seconds) = (1, 1.0),
            "--tabmq" => options.tabmq.push(PathBuf::from(value()?)),
            "--write" => options.write = true,
            "--list" => options.list = true,
            "growth" => options.what = What::Growth,
            "hard" => options.what = What::Hard,
            "gateway" => options.what = What::Gateway,
            other => return Err(format!("`bench` knows no argument '{other}'\n\n{HELP}").into()),
        }
    }
    let known = ["tabmq", "mosquitto", "rumqttd"];
    match options.brokers.iter().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(format!("there is no broker '{other}': {}", known.join(", ")).into()),
        None => Ok(options),
    }
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| format!("'{text}' is no number for {flag}").into())
}

/// Builds what is missing. Returns the brokers, and the binary whose `bench` is the load generator.
fn prepare(options: &Options) -> Result<(Vec<Peer>, PathBuf)> {
    let built = match options.tabmq.first() {
        Some(first) => first.clone(),
        None => build::broker_with_page(Profile::Release)?,
    };
    let binaries = if options.tabmq.is_empty() { std::slice::from_ref(&built) } else { &options.tabmq };
    let mut peers = Vec::new();
    if options.has("tabmq") {
        for (index, binary) in binaries.iter().enumerate() {
            let name = if binaries.len() == 1 { "TabMQ".to_owned() } else { format!("TabMQ {}", index + 1) };
            peers.push(Peer::tabmq(name, binary));
        }
    }
    if options.has("mosquitto") {
        peers.push(Peer::mosquitto()?);
    }
    // The gateway speaks to one port, and this one has a port for each version: it would only be left out of the table.
    if options.has("rumqttd") && options.what != What::Gateway {
        peers.push(Peer::rumqttd(&build_rumqttd()?));
    }
    Ok((peers, built))
}

/// rumqttd is a program outside of the workspace: only this builds it.
fn build_rumqttd() -> Result<PathBuf> {
    eprintln!("==> rumqttd");
    let target = build::target_directory()?.join("peers");
    let manifest = command::workspace_root().join("tests/peers/rumqttd/Cargo.toml");
    let mut build = cargo(["build", "--release", "--locked"]);
    command::run(build.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join("peer-rumqttd"))
}

/// One row of the table: for each broker the samples of all rounds.
struct Row<'a> {
    scenario: &'a Scenario,
    samples: Vec<Vec<Sample>>,
}

fn measure_all<'a>(
    options: &Options,
    scenarios: &[&'a Scenario],
    peers: &[Peer],
    generator: &Path,
) -> Result<Vec<Row<'a>>> {
    let empty = || peers.iter().map(|_| Vec::new()).collect();
    let mut rows: Vec<Row<'a>> =
        scenarios.iter().map(|scenario| Row { scenario, samples: empty() }).collect();
    for round in 1..=options.rounds {
        for row in &mut rows {
            let seconds = row.scenario.seconds(options.seconds);
            let mut turns: Vec<_> = peers.iter().zip(&mut row.samples).collect();
            // Nobody is always the first after another scenario.
            turns.rotate_left(round as usize % peers.len().max(1));
            for (peer, samples) in turns {
                let sample = measure::measure(peer, generator, row.scenario, seconds)?;
                let outcome = table::cell(row.scenario, std::slice::from_ref(&sample));
                println!("round {round}  {:<34} {:<10} {outcome}", row.scenario.name, peer.name);
                samples.push(sample);
            }
        }
    }
    Ok(rows)
}

/// Between which lines of a file a benchmark's tables stand.
#[derive(Clone, Copy)]
struct Markers {
    begin: &'static str,
    end: &'static str,
}

const MARKERS: Markers = Markers { begin: "<!-- bench:begin -->", end: "<!-- bench:end -->" };

fn write_between_markers(file: &str, text: &str, markers: Markers) -> Result<()> {
    let path = command::workspace_root().join(file);
    let old = fs::read_to_string(&path).context(format!("read {file}"))?;
    fs::write(&path, between_markers(&old, text, markers)?).context(format!("write {file}"))
}

/// `old` with `text` between the markers.
fn between_markers(old: &str, text: &str, Markers { begin, end }: Markers) -> Result<String> {
    let parts = old.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("there is no place for the table: {begin} {end}"))?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let args = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let options =
            parse(&args("--only 50 --brokers tabmq,rumqttd --rounds 5 --tabmq a --tabmq b")).unwrap();
        assert_eq!((options.rounds, options.tabmq.len()), (5, 2));
        assert!(options.has("rumqttd") && !options.has("mosquitto"));
        assert!(SCENARIOS.iter().any(|scenario| options.wants(scenario.name)));
        assert!(!SCENARIOS.iter().all(|scenario| options.wants(scenario.name)));
        for wrong in ["--rounds", "--rounds x", "--brokers emqx", "what"] {
            assert!(parse(&args(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_table_replaces_the_last_one() {
        let Markers { begin, end } = MARKERS;
        let readme = format!("a\n{begin}\nold\n{end}\nz\n");
        let expected = format!("a\n{begin}\nnew\n{end}\nz\n");
        assert_eq!(between_markers(&readme, "new\n", MARKERS).unwrap(), expected);
        assert!(between_markers("nothing", "new", MARKERS).is_err());
    }
}
