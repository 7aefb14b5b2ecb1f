//! Bridges: this broker as a client of others, `[[bridge]]` in the configuration.
//!
//! - [`settings`]: what can be written. `topics`: what passes, and what it is called on the other side.
//! - `run`: the life of one bridge. `local`: its side here; the other side is [`client`](crate::client)'s.
//! - `echoes`: what comes back from brokers that have no no-local. `status`: how a bridge is.
//!
//! What goes round in a ring of brokers is nobody's to stop: of two brokers only one may have a bridge to the other.

mod echoes;
mod local;
mod run;
pub mod settings;
mod status;
mod topics;

pub use settings::{BridgeConfig, BridgeTable};

use crate::hub::Hub;
use parking_lot::Mutex;
use run::Run;
use status::Status;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::api;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long [`Bridges::stop`] waits for the last messages to leave.
const STOP_TIME: Duration = Duration::from_secs(2);

/// The bridges that run.
#[derive(Default)]
pub struct Bridges {
    statuses: Statuses,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// How the bridges are; clones show the same.
#[derive(Clone, Default)]
pub struct Statuses(Arc<[Shown]>);

struct Shown {
    name: String,
    address: String,
    status: Arc<Mutex<Status>>,
}

impl Bridges {
    /// Begins to connect. Must be called inside a tokio runtime.
    pub fn start(configs: &[BridgeConfig], hub: &Arc<Hub>) -> Bridges {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let start = |config: &BridgeConfig| {
            let status = Arc::new(Mutex::new(Status::new(config.version)));
            let run = Run::new(config.clone(), Arc::clone(hub), Arc::clone(&status));
            tasks.spawn(run.run(stop.clone()));
            Shown { name: config.name.clone(), address: config.address(), status }
        };
        let statuses = Statuses(configs.iter().map(start).collect());
        Bridges { statuses, tasks, stop }
    }

    /// How they are.
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Says good-bye to the other brokers.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // A broker that does not answer must not hold this one up.
        let _ = tokio::time::timeout(STOP_TIME, ended).await;
        self.tasks.shutdown().await;
    }
}

impl Statuses {
    /// For `GET /api/v1/info`.
    pub fn describe(&self) -> Vec<api::Bridge> {
        self.0.iter().map(|shown| shown.status.lock().describe(&shown.name, &shown.address)).collect()
    }
}
