//! One measurement: a fresh broker, one run of the load generator, and what /proc says about the broker.

use super::peers::{Peer, Running};
use super::scenarios::{Kind, Scenario};
use crate::command::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// Ticks per second of the times in /proc/PID/stat: on Linux always 100.
const TICKS_PER_S: f64 = 100.0;

/// What one measurement found.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// The figure that the scenario is about: see [`Kind`].
    pub(super) first: f64,
    /// The other one.
    pub(super) second: f64,
    /// What the broker's memory had grown by at the end of it, in kB.
    pub(super) rss_kb: f64,
    /// Part of the messages that did not arrive, 0 to 1.
    pub(super) lost: f64,
    /// The load generator ended with an error: what it said.
    pub(super) error: Option<String>,
}

/// Starts `peer`, runs the scenario, and ends it.
pub(super) fn measure(peer: &Peer, generator: &Path, scenario: &Scenario, seconds: f64) -> Result<Sample> {
    let broker = peer.start()?;
    let before = Usage::of(broker.pid())?;
    let mut child = command(generator, scenario, &broker, seconds)
        .spawn()
        .context(format!("run {}", generator.display()))?;
    let mut out = BufReader::new(child.stdout.take().ok_or("the load generator has no output")?);
    let mut connected = None;
    let mut line = String::new();
    // `bench idle` says when all are connected: then it is time to look at the broker's memory.
    if scenario.kind == Kind::Idle
        && out.read_line(&mut line).context("read the load generator's output")? > 0
    {
        std::thread::sleep(std::time::Duration::from_millis(500));
        connected = Some(Usage::of(broker.pid())?);
    }
    let mut json = String::new();
    out.read_to_string(&mut json).context("read the load generator's output")?;
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors).context("read the load generator's errors")?;
    }
    let succeeded = child.wait().context("wait for the load generator")?.success();
    let Ok(after) = Usage::of(broker.pid()) else {
        return Ok(Sample { error: Some("the broker died".to_owned()), ..Sample::default() });
    };
    let mut sample = sample(scenario, &json, before, connected.unwrap_or(after), after);
    if !succeeded {
        sample.error = Some(failure(&json, &errors));
    }
    Ok(sample)
}

fn command(generator: &Path, scenario: &Scenario, broker: &Running, seconds: f64) -> Command {
    let url = match scenario.websocket {
        true => broker.websocket_url(),
        false => format!("mqtt://{}", broker.mqtt),
    };
    let mut command = bench(generator, &url, scenario.args);
    match scenario.kind {
        Kind::Retained => {}
        Kind::Idle => _ = command.args(["-d", "1"]),
        _ => _ = command.args(["-d", &seconds.to_string()]),
    }
    command
}

fn bench(generator: &Path, url: &str, args: &str) -> Command {
    let mut command = Command::new(generator);
    command.arg("bench").args(args.split_whitespace());
    if !args.contains("-V ") {
        command.args(["-V", "311"]);
    }
    command.args(["--json", "--quiet", "-L", url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a load on several processes found.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// User and system time of each process, in µs for each delivery.
    pub(super) cpu_us: Vec<f64>,
    pub(super) per_s: f64,
    /// Part of the messages that did not arrive, 0 to 1.
    pub(super) lost: f64,
    /// The load generator ended with an error: what it said.
    pub(super) error: Option<String>,
}

/// Runs the load generator once, and looks at these processes.
pub(super) fn load(generator: &Path, url: &str, args: &str, seconds: f64, pids: &[u32]) -> Result<Load> {
    let used = || pids.iter().map(|pid| Usage::of(*pid)).collect::<Result<Vec<_>>>();
    let before = used()?;
    let mut command = bench(generator, url, args);
    let output = command
        .args(["-d", &seconds.to_string()])
        .output()
        .context(format!("run {}", generator.display()))?;
    let json = String::from_utf8_lossy(&output.stdout);
    let get = |key: &str| number(&json, key).unwrap_or_default();
    let cost = |(after, before): (&Usage, &Usage)| (after.cpu_s - before.cpu_s) * 1e6 / get("received");
    let error = (!output.status.success()).then(|| failure(&json, &String::from_utf8_lossy(&output.stderr)));
    Ok(Load {
        cpu_us: used()?.iter().zip(&before).map(cost).collect(),
        per_s: get("received_per_s"),
        lost: get("lost") / get("expected").max(1.0),
        error,
    })
}

/// What the load generator said is wrong.
fn failure(json: &str, stderr: &str) -> String {
    let first_error = json.split_once("\"errors\":[\"").and_then(|(_, rest)| rest.split('"').next());
    first_error.unwrap_or_else(|| stderr.trim()).to_owned()
}

fn sample(scenario: &Scenario, json: &str, before: Usage, connected: Usage, after: Usage) -> Sample {
    let get = |key: &str| number(json, key).unwrap_or_default();
    let latency = |key: &str| json.split_once("\"latency_us\":").and_then(|(_, rest)| number(rest, key));
    let cpu_us = (after.cpu_s - before.cpu_s) * 1e6;
    let cpu_per = |count: f64| if count > 0.0 { cpu_us / count } else { f64::INFINITY };
    let (first, second) = match scenario.kind {
        Kind::Throughput => (cpu_per(get("received")), get("received_per_s")),
        Kind::Paced => (cpu_per(get("received")), latency("p99").unwrap_or(f64::INFINITY)),
        Kind::Latency => (latency("p50").unwrap_or(f64::INFINITY), latency("p99").unwrap_or(f64::INFINITY)),
        Kind::Idle => ((connected.rss_kb - before.rss_kb) / get("clients").max(1.0), get("connects_per_s")),
        Kind::Connects => (get("connects_per_s"), cpu_per(get("connects"))),
        Kind::Retained => (get("replay_median_ms"), (after.rss_kb - before.rss_kb) / 1000.0),
    };
    let lost = match scenario.kind {
        Kind::Retained => 1.0 - get("received") / get("retained").max(1.0),
        _ => get("lost") / get("expected").max(1.0),
    };
    Sample { first, second, rss_kb: after.rss_kb - before.rss_kb, lost, error: None }
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// User and system time.
    cpu_s: f64,
    rss_kb: f64,
}

impl Usage {
    fn of(pid: u32) -> Result<Usage> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read the broker's CPU time")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read the broker's memory")?;
        Ok(Usage {
            cpu_s: cpu_ticks(&stat).ok_or("/proc has no CPU time")? / TICKS_PER_S,
            rss_kb: rss_kb(&status),
        })
    }
}

/// The 14th and the 15th field. The second one is the program's name in parentheses, in which anything can be.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<f64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn rss_kb(status: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or_default()
}

/// The number behind `"key":` in flat JSON; enough for what we print ourselves.
fn number(json: &str, key: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    rest.split([',', '}', ']']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 125 0 0 20 0 3 0 999 1 2";
        assert_eq!(cpu_ticks(stat), Some(375.0));
        assert_eq!(rss_kb("Name:\tx\nVmRSS:\t   1234 kB\nThreads: 1\n"), 1234.0);
    }

    #[test]
    fn json_numbers() {
        let json = r#"{"sent":5,"latency_us":{"mean":1.5,"p99":7},"lost":null,"last":[1,2]}"#;
        let numbers = ["sent", "p99", "lost", "none"].map(|key| number(json, key));
        assert_eq!(numbers, [Some(5.0), Some(7.0), None, None]);
    }
}
