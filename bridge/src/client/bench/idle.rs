//! Many clients that do nothing: what a connection costs. The broker's memory is to be looked at meanwhile.

use super::super::Failure;
use super::args::IdleArgs;
use super::clock::Clock;
use super::connect::{Client, Connector};
use super::messages::{close_all, explain, version_text};
use super::progress::Progress;
use super::report::{IdleReport, grouped};
use super::subscriber::{Subscriber, Watch};
use super::tally::{Flow, Latencies, SubscriberTally};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;
use tabmq_shared::packet::QoS;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs the measurement. Once all are connected, a line on standard output says so: with `--json`,
/// `{"event":"connected"}`.
pub(super) async fn run(args: &IdleArgs) -> Result<IdleReport, Failure> {
    let connector = Connector::new(&args.common, args.common.target()?)?;
    let filters = |i: usize| {
        let filters: Result<Vec<_>, String> =
            args.filter.iter().map(|f| f.filters(i, args.filters)).collect();
        Ok(filters?.concat())
    };
    let progress = RefCell::new(Progress::new(args.common.quiet));
    let connected = Cell::new(0);
    let done = || {
        connected.set(connected.get() + 1);
        progress.borrow_mut().show(|| format!("connected {} of {}", connected.get(), args.clients));
    };
    let started = Instant::now();
    let clients = connector.connect_all("i", args.clients, filters, QoS::AtMostOnce, done).await;
    let clients = clients.map_err(|error| explain(&connector, &error))?;
    let connect_seconds = started.elapsed().as_secs_f64();
    progress.borrow_mut().clear();
    announce(args, clients.len());

    let started = Instant::now();
    let errors = hold(args, clients).await.map_err(Failure::new)?;
    Ok(IdleReport {
        scenario: format!(
            "{} idle clients, {}",
            grouped(args.clients as u64),
            version_text(connector.version)
        ),
        clients: args.clients,
        connect_seconds,
        connects_per_s: args.clients as f64 / connect_seconds,
        held_seconds: started.elapsed().as_secs_f64(),
        errors,
    })
}

fn announce(args: &IdleArgs, clients: usize) {
    let mut out = io::stdout().lock();
    // Whoever closed standard output does not want to know.
    let _ = match args.common.json {
        true => writeln!(out, "{{\"event\":\"connected\",\"clients\":{clients}}}"),
        false => writeln!(out, "{} clients are connected; Ctrl-C ends it", grouped(clients as u64)),
    };
    let _ = out.flush();
}

/// Keeps the connections alive as long as it was asked for. Returns what was lost meanwhile.
async fn hold(args: &IdleArgs, clients: Vec<Client>) -> Result<Vec<String>, String> {
    let clock = Clock::new();
    let flow = Arc::new(Flow::new(false));
    let now = clock.now();
    let watch = Arc::new(Watch { clock, start_ns: now, measure_from_ns: now, publishers: None, flow });
    let latencies = Arc::new(Latencies::new()?);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for (number, client) in (0..).zip(clients) {
        let tally = Arc::new(SubscriberTally::default());
        let mut subscriber = Subscriber::new(client, number, watch.clone(), tally, latencies.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                error = subscriber.run() => Err(error),
                () = stop.cancelled() => Ok(subscriber.into_client()),
            }
        });
    }
    tokio::select! {
        () = tokio::time::sleep(args.duration) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    stop.cancel();
    let (mut left, mut errors) = (Vec::new(), Vec::new());
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok(Ok(client)) => left.push(client),
            Ok(Err(error)) => errors.push(error),
            Err(panicked) => errors.push(panicked.to_string()),
        }
    }
    close_all(left).await;
    Ok(errors)
}
