//! `tabmq bench`: a load generator for any MQTT broker.
//!
//! It must not be what is measured, so it does less than a client: no state machine, no reconnects, packets looked at
//! where they were received, one clock reading for what one read brought, 64 KiB in one write. What it says about a
//! broker is nevertheless exact: each payload carries who sent it, which one it is and when it was due, so that loss,
//! duplicates, order and latency are seen for every single message. Latency counts from when a message was *due*, not
//! from when it could be sent: a broker that makes publishers wait does not look faster for it.
//!
//! - `args`: the flags.
//! - `messages`: publishers to subscribers, the usual case; `connects`, `idle`, `retained`: the other measurements.
//! - `publisher`, `subscriber`: one client each. `connect`: how they get there; `sources`: from which address.
//! - `link`: a connection with its buffers. `packets`, `frames`: MQTT and WebSocket where they are in memory.
//! - `stamp`, `order`, `topics`, `tally`, `clock`: what a payload says, what is missing or doubled, what should arrive,
//!   what is counted, and when.
//! - `progress`, `report`: what is shown.

mod args;
mod clock;
mod connect;
mod connects;
mod frames;
mod idle;
mod link;
mod messages;
mod order;
mod packets;
mod progress;
mod publisher;
mod report;
mod retained;
mod sources;
mod stamp;
mod subscriber;
mod tally;
mod topics;

#[cfg(test)]
mod tests;

pub use args::BenchArgs;

use super::Failure;
use args::{CommonArgs, Other};
use report::Report;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Runs `tabmq bench` on a runtime of its own. The exit code is not 0 if a connection was lost or something is missing
/// that must not be.
pub fn bench(args: &BenchArgs) -> Result<ExitCode, Failure> {
    // Each connection is a file descriptor. Without permission, the first one too many says so.
    let _ = crate::descriptors::raise();
    match &args.other {
        None => block_on(&args.messages.common, messages::run(&args.messages)),
        Some(Other::Connect(args)) => block_on(&args.common, connects::run(args)),
        Some(Other::Idle(args)) => block_on(&args.common, idle::run(args)),
        Some(Other::Retained(args)) => block_on(&args.common, retained::run(args)),
    }
}

fn block_on<R: Report>(
    args: &CommonArgs,
    measurement: impl Future<Output = Result<R, Failure>>,
) -> Result<ExitCode, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = args.threads {
        builder.worker_threads(NonZeroUsize::get(threads));
    }
    let runtime = builder.enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("there are no threads to run on: {error}")))?;
    let report = runtime.block_on(measurement)?;
    print(args, &report).map_err(|error| Failure::new(format!("the result cannot be written: {error}")))?;
    Ok(if report.errors().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(args: &CommonArgs, report: &impl Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(report)?)?,
        false => write!(out, "{report}")?,
    }
    out.flush()
}
