//! Mosquitto's packet vectors against the running broker, over TCP and over WebSocket.
//!
//! The vectors are data of another project and not part of this repository. TABMQ_VECTORS names the directory that
//! has `mosquitto/*.json` in it; without it they are looked for in `shared/vectors` beside the checkout. If they are
//! not there, the tests say so and pass.
//!
//! To prove the runner itself, it can be turned on a foreign broker, where nearly all must pass too:
//! `TABMQ_VECTORS_TCP=127.0.0.1:1883` and `TABMQ_VECTORS_WS=ws://127.0.0.1:9001/mqtt`. `TABMQ_VECTORS_ONLY=PUBLISH/30`
//! runs the cases with this in their names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub)]

#[path = "../../shared/tests/support/wire.rs"]
mod wire;

mod case;
mod meaning;
mod rulings;
mod runner;

use anyhow::Result;
use harness::Broker;
use runner::Target;
use std::path::{Path, PathBuf};

/// Cases run one after the other on one broker, because they share topics and client ids; so several brokers make
/// it fast.
const BROKERS: usize = 4;

/// What the vectors suppose of the server.
const SETTINGS: &[&str] = &["--topic-alias-maximum", "10", "--sys-interval", "0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp() -> Result<()> {
    run("TABMQ_VECTORS_TCP", |broker| Target::Tcp(broker.mqtt()), |address| Ok(Target::Tcp(address.parse()?)))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_websocket() -> Result<()> {
    let ours = |broker: &Broker| Target::WebSocket(broker.websocket_url());
    run("TABMQ_VECTORS_WS", ours, |url| Ok(Target::WebSocket(url.to_owned()))).await
}

/// Runs all cases against brokers of ours, or against the one that the variable `foreign` names.
async fn run(
    foreign: &str,
    ours: impl Fn(&Broker) -> Target,
    theirs: impl Fn(&str) -> Result<Target>,
) -> Result<()> {
    let Some(directory) = directory() else {
        println!("skipped: there are no packet vectors (TABMQ_VECTORS names their directory)");
        return Ok(());
    };
    let groups = case::load(&directory)?;
    let mut brokers = Vec::new();
    let targets = if let Ok(address) = std::env::var(foreign) {
        vec![theirs(&address)?]
    } else {
        for _ in 0..BROKERS {
            brokers.push(Broker::start_with(SETTINGS).await?);
        }
        brokers.iter().map(ours).collect()
    };
    let report = runner::run_all(groups, &targets).await;
    println!("{report}");
    assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
    for broker in &mut brokers {
        broker.stop().await?;
    }
    Ok(())
}

fn directory() -> Option<PathBuf> {
    let root = std::env::var_os("TABMQ_VECTORS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"));
    let directory = root.join("mosquitto");
    directory.is_dir().then_some(directory)
}
