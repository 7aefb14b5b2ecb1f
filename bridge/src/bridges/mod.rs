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

use crate::events;
use crate::hub::Hub;
use parking_lot::Mutex;
use run::{Before, Run};
use status::Status;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::api;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long [`Bridges::stop`] waits for the last messages to leave.
const STOP_TIME: Duration = Duration::from_secs(2);

/// The bridges that run.
pub struct Bridges {
    hub: Arc<Hub>,
    statuses: Statuses,
    /// One for each bridge, and for each that has ended and says good-bye.
    tasks: Mutex<JoinSet<()>>,
    stop: CancellationToken,
}

/// How the bridges are; clones show the same.
#[derive(Clone, Default)]
pub struct Statuses(Arc<Mutex<Vec<Running>>>);

/// A bridge that runs.
struct Running {
    config: BridgeConfig,
    status: Arc<Mutex<Status>>,
    stop: CancellationToken,
    /// Cancelled when it has ended.
    ended: CancellationToken,
}

impl Bridges {
    /// No bridges as yet.
    pub fn new(hub: Arc<Hub>) -> Bridges {
        let (statuses, tasks) = (Statuses::default(), Mutex::default());
        Bridges { hub, statuses, tasks, stop: CancellationToken::new() }
    }

    /// From now on there are these bridges and no others. Who stays as it was stays connected. Must be called inside a
    /// tokio runtime.
    ///
    /// A bridge that has changed says good-bye first, and its successor goes on with what has waited; only with other
    /// topics it begins with nothing, because what has waited was meant for those.
    pub fn set(&self, configs: &[BridgeConfig]) {
        let mut running = self.statuses.0.lock();
        let mut old = std::mem::take(&mut *running);
        for config in configs {
            let known = old.iter().position(|bridge| bridge.config.name == config.name);
            match known.map(|index| old.swap_remove(index)) {
                Some(same) if same.config == *config => running.push(same),
                Some(other) => {
                    events::bridge_changed(&config.name);
                    running.push(self.begin(config, Some(other)));
                }
                None => {
                    events::bridge_added(&config.name);
                    running.push(self.begin(config, None));
                }
            }
        }
        for bridge in old {
            events::bridge_removed(&bridge.config.name);
            self.end(bridge);
        }
    }

    /// How they are.
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Says good-bye to the other brokers.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        let ended = async { while tasks.join_next().await.is_some() {} };
        // A broker that does not answer must not hold this one up.
        let _ = tokio::time::timeout(STOP_TIME, ended).await;
        tasks.shutdown().await;
    }

    fn begin(&self, config: &BridgeConfig, predecessor: Option<Running>) -> Running {
        let status = Arc::new(Mutex::new(Status::new(config.version)));
        let (stop, ended) = (self.stop.child_token(), CancellationToken::new());
        let before = match &predecessor {
            None => Before::Nothing,
            Some(bridge) if bridge.config.rules == config.rules => Before::Session,
            Some(_) => Before::OtherTopics,
        };
        let (hub, config_of_run) = (Arc::clone(&self.hub), config.clone());
        let (shown, stopped, guard) = (Arc::clone(&status), stop.clone(), ended.clone().drop_guard());
        self.spawn(async move {
            let _guard = guard;
            if let Some(bridge) = predecessor {
                bridge.stop.cancel();
                bridge.ended.cancelled().await; // both of them have the same name on both sides
            }
            if !stopped.is_cancelled() {
                Run::new(config_of_run, hub, shown, before).run(stopped).await;
            }
        });
        Running { config: config.clone(), status, stop, ended }
    }

    fn end(&self, bridge: Running) {
        bridge.stop.cancel();
        let hub = Arc::clone(&self.hub);
        self.spawn(async move {
            bridge.ended.cancelled().await;
            run::forget(&hub, &bridge.config.name);
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {} // so that those that have ended are not kept
        tasks.spawn(task);
    }
}

impl Statuses {
    /// For `GET /api/v1/info`.
    pub fn describe(&self) -> Vec<api::Bridge> {
        let running = self.0.lock();
        let describe =
            |bridge: &Running| bridge.status.lock().describe(&bridge.config.name, &bridge.config.address());
        running.iter().map(describe).collect()
    }
}
