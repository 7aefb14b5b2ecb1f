//! `tabmq gateway`: the page and MQTT over WebSocket in front of a broker that has neither.
//!
//! ```text
//!  browser --HTTP, WebSocket--> gateway --TCP or TLS, one connection for each tab--> any MQTT broker
//! ```
//!
//! Each tab gets a connection of its own to the broker, and what it sends and receives passes as it is: every version of
//! MQTT, sessions, wills, user names. The WebSocket's frames are those of [`listener::ws`](crate::listener::ws), as in the
//! broker itself, and not tungstenite's: bytes are unmasked where they were read and go from there to the broker, so that
//! a tab costs one buffer in each direction while something is on its way, and none while nothing is. The page, the origin
//! check and `/healthz` are [`http`]'s.
//!
//! - [`settings`]: the flags. `upstream`: where the broker is.
//! - `tab`: one tab from its beginning to its end. `first`: its CONNECT, where something depends on it. `pump`: the bytes.
//! - `own`: the gateway's own connection, for the API.
//! - `rumqttd`: a broker in this process, with the cargo feature of that name.

mod first;
mod own;
mod pump;
#[cfg(feature = "rumqttd")]
mod rumqttd;
pub mod settings;
mod tab;
mod upstream;

pub use settings::{GatewayConfig, GatewaySettings};

use crate::broker::ServerMessage;
use crate::gate::Entry;
use crate::http;
use crate::http::gateway::Publishing;
use crate::http::origin::OriginPolicy;
use crate::listener::accept::Entrance;
use crate::listener::{accept, ws};
use crate::server::{StartError, bind};
use bytes::Bytes;
use first::Rules;
use own::Own;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tabmq_shared::api::{self, GatewayInfo, Mode, WEBSOCKET_PATH};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use upstream::Upstream;

/// The largest packet that `POST /api/v1/publish` makes, in bytes. The broker may take less, and says so.
const MAX_PACKET_SIZE: u32 = 16 * 1024 * 1024;

/// How long a tab may take nothing of an answer of HTTP, the page's files among them.
const WRITE_TIME: Duration = Duration::from_secs(60);

/// How long [`Gateway::stop`] waits for tabs to go.
const STOP_TIME: Duration = Duration::from_secs(3);

/// User name and password for the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password, if there is one.
    pub password: Option<Bytes>,
}

/// Without the password.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A running gateway. Dropping it ends its listener at once; [`Gateway::stop`] also says goodbye to its tabs.
pub struct Gateway {
    http: SocketAddr,
    shared: Arc<Shared>,
    /// The accept loop and the gateway's own connection.
    tasks: JoinSet<()>,
    /// Ends HTTP connections after the answer that they are at.
    stop_http: CancellationToken,
    /// The broker, if it runs in this process.
    #[cfg(feature = "rumqttd")]
    embedded: Option<rumqttd::Running>,
}

/// What all tabs and the API share.
struct Shared {
    upstream: Arc<Upstream>,
    own: Own,
    rules: Rules,
    listeners: Vec<api::Listener>,
    started: Instant,
    stop: CancellationToken,
    max_idle: Option<Duration>,
    /// Tabs that may be connected at a time.
    limit: usize,
    now: AtomicUsize,
    /// Told whenever a tab has gone.
    left: Notify,
    total: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
}

impl Gateway {
    /// Binds the address, and begins to accept; before that, starts the broker, if it is one in this process. Must be
    /// called inside a tokio runtime.
    pub async fn start(config: &GatewayConfig) -> Result<Gateway, StartError> {
        let (listener, http) = bind(config.http, "--http")?;
        #[cfg_attr(
            not(feature = "rumqttd"),
            expect(unused_mut, reason = "only a broker in this process adds some")
        )]
        let mut listeners = vec![api::Listener { kind: "http".to_owned(), address: http.to_string() }];
        #[cfg(feature = "rumqttd")]
        let embedded = match &config.embedded {
            None => None,
            Some(settings) => {
                let embedded = rumqttd::start(settings, config.max_connections).await?;
                listeners.extend(settings.listeners());
                Some(embedded)
            }
        };
        let upstream = Arc::new(config.upstream.clone());
        let (own, own_connection) = Own::start(Arc::clone(&upstream), config.credentials.clone());
        let shared = Arc::new(Shared {
            rules: Rules {
                client_id_prefixes: config.client_id_prefixes.clone(),
                credentials: config.credentials.clone().filter(|_| config.replace_credentials),
                by_version: matches!(upstream.places, upstream::Places::ByVersion { .. }),
                no_topic_aliases: config.no_topic_aliases,
                not_in_client_ids: config.not_in_client_ids,
            },
            upstream,
            own,
            listeners,
            started: Instant::now(),
            stop: CancellationToken::new(),
            max_idle: config.max_idle,
            limit: config.max_connections,
            now: AtomicUsize::new(0),
            left: Notify::new(),
            total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            up_bytes: AtomicU64::new(0),
            down_bytes: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(own_connection);
        let stop_http = CancellationToken::new();
        let service = http::connection::Service {
            router: router(&shared, config),
            patience: Arc::new(WRITE_TIME),
            stop: stop_http.clone(),
        };
        tasks.spawn(accept::run(listener, Entrance::open(), move |stream, address, entry| {
            if let Entry::Admitted(place) = entry {
                tokio::spawn(http::connection::serve(stream, address, place, service.clone()));
            }
        }));
        Ok(Gateway {
            http,
            shared,
            tasks,
            stop_http,
            #[cfg(feature = "rumqttd")]
            embedded,
        })
    }

    /// All that listens, as (kind, address).
    pub(crate) fn listeners(&self) -> &[api::Listener] {
        &self.shared.listeners
    }

    /// Resolves when the broker in this process has failed, with a sentence; never, if there is none.
    pub async fn broker_failed(&self) -> StartError {
        #[cfg(feature = "rumqttd")]
        if let Some(embedded) = &self.embedded {
            return embedded.failed().await;
        }
        std::future::pending().await
    }

    /// Where the page, the API and WebSocket are served.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// The broker's address as it is called in front of people.
    pub fn upstream(&self) -> &str {
        &self.shared.upstream.name
    }

    /// Accepts nobody any more, tells all tabs, and waits up to three seconds for them to go.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.stop_http.cancel();
        self.shared.stop.cancel();
        let all_ended = tokio::time::timeout(STOP_TIME, self.shared.empty()).await.is_ok();
        crate::events::stopped(all_ended);
    }
}

fn router(shared: &Arc<Shared>, config: &GatewayConfig) -> axum::Router {
    let tabs = Arc::clone(shared);
    let websocket = ws::route(move |stream, read_ahead, address, _place| {
        let stream = ws::ByteStream::new(stream, read_ahead);
        tokio::spawn(tab::serve(stream, address, Arc::clone(&tabs)));
    });
    let origins = OriginPolicy::new(config.allow_origins.clone()).into();
    http::gateway::router(Arc::clone(shared) as _, MAX_PACKET_SIZE, origins, websocket)
}

/// A tab's place among those that may be connected; dropping it makes room for another.
struct Place<'a>(&'a Shared);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_waiters();
    }
}

impl Shared {
    /// A place for one more tab, if there is one.
    fn enter(&self) -> Option<Place<'_>> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let taken = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            (now < self.limit).then_some(now.saturating_add(1))
        });
        if taken.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(self))
    }

    /// Resolves once no tab is connected.
    async fn empty(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.now.load(Ordering::Relaxed) == 0 {
                return;
            }
            left.await;
        }
    }
}

impl pump::Traffic for Shared {
    fn up(&self, bytes: usize) {
        self.up_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn down(&self, bytes: usize) {
        self.down_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl http::gateway::Gateway for Shared {
    fn info(&self) -> GatewayInfo {
        GatewayInfo {
            mode: Mode::Gateway,
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            listeners: self.listeners.clone(),
            websocket_path: WEBSOCKET_PATH.to_owned(),
            upstream: self.own.describe(&self.upstream.name),
            connections: api::Connections {
                now: self.now.load(Ordering::Relaxed),
                limit: self.limit,
                total: self.total.load(Ordering::Relaxed),
                refused: self.refused.load(Ordering::Relaxed),
                failed: self.failed.load(Ordering::Relaxed),
            },
            traffic: api::Traffic {
                up_bytes: self.up_bytes.load(Ordering::Relaxed),
                down_bytes: self.down_bytes.load(Ordering::Relaxed),
            },
        }
    }

    fn publish(&self, message: ServerMessage) -> Publishing<'_> {
        Box::pin(self.own.publish(message))
    }
}
