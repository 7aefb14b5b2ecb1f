//! What the end-to-end tests are made of: the real broker as a process, and real peers.
//!
//! - [`Broker`]: the binary `tabmq`, on ports of the system's choice.
//! - [`Raw`]: bytes over TCP or WebSocket, read by a codec that is not ours.
//! - [`Device`]: a client of the independent library rumqttc, 3.1.1 or 5.
//! - [`command`]: mosquitto's clients and `tabmq pub`, `tabmq sub`.
//! - [`ForeignBroker`]: mosquitto and rumqttd, for our clients and the page.
//! - [`FileServer`]: a directory over HTTP.
//! - [`Gateway`]: `tabmq gateway` in front of one of those.
//! - [`http`]: one request, one answer.
//! - [`Browser`] and [`Tab`]: the page in Chromium.
//!
//! Nothing here sleeps for a guessed time: whatever is waited for is an event, or a condition that is asked for again
//! until [`PATIENCE`] is over.

#![allow(missing_docs, reason = "a test's helpers: names say it, docs where they do not")]
#![allow(clippy::print_stdout, reason = "what a failing test saw")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]

mod broker;
mod browser;
mod certificates;
pub mod command;
mod device;
mod files;
mod foreign;
mod gateway;
pub mod http;
pub mod npm;
mod program;
mod raw;
mod tab;

pub use broker::Broker;
pub use browser::{Browser, browser_test, browser_test_with};
pub use certificates::Certificates;
pub use device::{Device, DeviceOptions, Listens, Message, Properties, Version};
pub use files::FileServer;
pub use foreign::{ForeignBroker, free_ports};
pub use gateway::Gateway;
pub use program::{Program, Stream};
pub use raw::Raw;
pub use tab::{Hook, Tab, last_toast, subscription, topic_node};

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long a test waits for what normally comes at once. Long, because a loaded machine is not a defect.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a test looks for something that must not come.
pub const QUIET: Duration = Duration::from_millis(300);

/// Waits for `future`, at most [`PATIENCE`]; `what` completes "no … in time".
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(PATIENCE, future).await.with_context(|| format!("no {what} within {PATIENCE:?}"))
}

/// Asks `question` until it has an answer. For what gives no event to wait for: another program's screen.
pub async fn eventually<T>(what: &str, mut question: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = question().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("no {what} within {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A name that no other test of this run uses: `prefix-NUMBER`.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The target directory: a test runs from `<target>/<profile>/deps`.
pub fn target_directory() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("a test that is not in a target directory")?;
    Ok(target.to_path_buf())
}
