//! How fast clients can come and go.

use super::super::Failure;
use super::args::ConnectArgs;
use super::clock::Clock;
use super::connect::Connector;
use super::messages::version_text;
use super::progress::Progress;
use super::report::{ConnectReport, Percentiles, grouped};
use super::tally::Latencies;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// After so many failures a client gives up.
const MAX_FAILURES: u64 = 10;

/// What all clients count together.
struct Storm {
    connector: Connector,
    clock: Clock,
    latencies: Latencies,
    started: Instant,
    end: Instant,
    /// How many may still begin; `None`: as many as there is time for.
    left: Option<AtomicU64>,
    connects: AtomicU64,
    failed: AtomicU64,
    errors: Mutex<Vec<String>>,
}

/// Runs the measurement.
pub(super) async fn run(args: &ConnectArgs) -> Result<ConnectReport, Failure> {
    let started = Instant::now();
    let storm = Arc::new(Storm {
        connector: Connector::new(&args.common, args.common.target()?)?,
        clock: Clock::new(),
        latencies: Latencies::new().map_err(Failure::new)?,
        started,
        end: started + args.duration,
        left: args.count.map(AtomicU64::new),
        connects: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        errors: Mutex::default(),
    });
    let mut clients = JoinSet::new();
    for number in 0..u32::try_from(args.clients).unwrap_or(u32::MAX) {
        let storm = storm.clone();
        clients.spawn(async move { storm.client(number).await });
    }
    let mut progress = Progress::new(args.common.quiet);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    while !clients.is_empty() {
        tokio::select! {
            _ = clients.join_next() => {}
            _ = ticks.tick() => progress.show(|| format!("connected {}", grouped(storm.connects.load(Relaxed)))),
            _ = &mut interrupted => {
                storm.errors.lock().push("interrupted".to_owned());
                clients.shutdown().await;
            }
        }
    }
    progress.clear();
    Ok(storm.report(args))
}

impl Storm {
    /// One client, again and again.
    async fn client(&self, number: u32) {
        let mut failures = 0;
        for turn in 0u64.. {
            if Instant::now() >= self.end || !self.may_begin() {
                return;
            }
            let started_ns = self.clock.now();
            match self.connector.connect(&format!("{number:x}-{turn:x}")).await {
                Ok(client) => {
                    self.latencies.lock(number).add(self.clock.now(), started_ns);
                    self.connects.fetch_add(1, Relaxed);
                    client.link.close().await;
                }
                Err(error) => {
                    self.failed.fetch_add(1, Relaxed);
                    self.errors.lock().push(error);
                    failures += 1;
                    if failures >= MAX_FAILURES {
                        return;
                    }
                }
            }
        }
    }

    fn may_begin(&self) -> bool {
        let Some(left) = &self.left else { return true };
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn report(&self, args: &ConnectArgs) -> ConnectReport {
        let seconds = self.started.elapsed().as_secs_f64();
        let connects = self.connects.load(Relaxed);
        let version = version_text(args.common.protocol_version);
        ConnectReport {
            scenario: format!("{} clients connect and disconnect, {version}", grouped(args.clients as u64)),
            seconds,
            connects,
            connects_per_s: connects as f64 / seconds,
            connect_us: Percentiles::of(&self.latencies),
            failed: self.failed.load(Relaxed),
            errors: self.errors.lock().clone(),
        }
    }
}
