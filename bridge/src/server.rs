//! The broker as a whole: listeners, connections, HTTP and timers wired together, started and stopped.

use crate::auth::{Gatekeeper, Security, SecurityError, SecuritySettings};
use crate::bridges::Bridges;
use crate::broker::{BrokerConfig, Peer, TransportKind};
use crate::config::Config;
use crate::connection::Life;
use crate::gate::{Entry, Gate, Place};
use crate::http::origin::OriginPolicy;
use crate::http::{self, DoorStats, Doors, ServerInfo};
use crate::hub::Hub;
use crate::listener::accept::Entrance;
use crate::listener::{Transport, accept, ws};
use crate::tls::TlsError;
use crate::watch::{self, Stamp};
use crate::workers::{self, Workers};
use crate::{connection, events};
use axum::routing::MethodRouter;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::api;
use tabmq_shared::api::stats::TlsStats;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod secure;

use secure::Secure;

/// How long [`Server::stop`] waits for connections to end.
const STOP_TIME: Duration = Duration::from_secs(3);

/// A running broker. Dropping it ends its listeners at once; [`Server::stop`] also says goodbye to its clients.
pub struct Server {
    mqtt: Vec<SocketAddr>,
    http: Option<SocketAddr>,
    secure: Option<Secure>,
    hub: Arc<Hub>,
    origins: Arc<OriginPolicy>,
    workers: Arc<Workers<Life<Place>>>,
    gatekeeper: Arc<Gatekeeper>,
    entrance: Entrance,
    bridges: Bridges,
    /// Accept loops and timers.
    tasks: JoinSet<()>,
    /// Ends HTTP connections after the answer that they are at.
    stop_http: CancellationToken,
}

/// Why a broker does not start. `Display` is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens there.
    #[error(
        "{address} is already in use: stop the other program (often another broker), or choose another address with \
         {flag} ADDR"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// What chooses it.
        flag: &'static str,
    },
    /// The system says no.
    #[error(
        "this user may not listen on {address}: ports below 1024 usually need an administrator; choose another address \
         with {flag} ADDR"
    )]
    NotPermitted {
        /// Where.
        address: SocketAddr,
        /// What chooses it.
        flag: &'static str,
    },
    /// No interface has this address.
    #[error("{address} is not an address of this machine: choose another one with {flag} ADDR")]
    NotHere {
        /// Where.
        address: SocketAddr,
        /// What chooses it.
        flag: &'static str,
    },
    /// Too many threads.
    #[error("cannot start {threads} threads: {source}; start fewer with --threads N")]
    Threads {
        /// How many were to be started.
        threads: NonZeroUsize,
        /// What the system says.
        source: io::Error,
    },
    /// Users or access rules are not right.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// A file of TLS is not right.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The broker inside of a gateway does not start, or does not work any more.
    #[error("{0}")]
    Embedded(String),
    /// Something else.
    #[error("cannot listen on {address} ({flag}): {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What chooses it.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Server {
    /// Binds all addresses, and only then begins to accept. Must be called inside a tokio runtime.
    pub fn start(config: &Config) -> Result<Server, StartError> {
        let security = Security::load(&config.security)?;
        events::secured(&security);
        let gatekeeper = Gatekeeper::new(security)?;
        let threads = config.threads;
        let workers = Workers::start(threads).map_err(|source| StartError::Threads { threads, source })?;
        let mqtt = {
            let _context = workers.acceptor().map(Handle::enter);
            config.mqtt.iter().map(|address| bind(*address, "--mqtt")).collect::<Result<Vec<_>, _>>()?
        };
        let http = config.http.map(|address| bind(address, "--http")).transpose()?;
        let (secure, with_tls) = Secure::bind(config)?.unzip();
        let hub = Hub::with_mailboxes(
            config.broker.clone(),
            gatekeeper.clone(),
            Box::new(events::log),
            workers.mailboxes().clone(),
        );
        let count = Arc::clone(&hub);
        let mut server = Server {
            mqtt: mqtt.iter().map(|(_, address)| *address).collect(),
            http: http.as_ref().map(|(_, address)| *address),
            secure,
            bridges: Bridges::new(Arc::clone(&hub)),
            hub,
            workers: Arc::new(workers),
            gatekeeper,
            entrance: Entrance {
                gate: Gate::new(config.gate.clone(), crate::descriptors::limit()),
                count: Arc::new(move |limit| count.count_limit(limit)),
            },
            origins: Arc::new(OriginPolicy::new(config.allow_origins.clone())),
            tasks: JoinSet::new(),
            stop_http: CancellationToken::new(),
        };
        server.hub.set_access(server.gatekeeper.security());
        server.bridges.set(&config.bridges);
        for (listener, address) in mqtt {
            let failed = |source| StartError::Other { address, flag: "--mqtt", source };
            server.accept_mqtt(listener).map_err(failed)?;
        }
        if let Some((listener, _)) = http {
            server.accept_http(listener, config);
        }
        server.accept_tls(with_tls.unwrap_or_default(), config);
        let watching = server.watch_security();
        server.tasks.spawn(watching);
        server.tasks.spawn(Arc::clone(&server.hub).run_timers());
        events::started(server.listeners().len());
        Ok(server)
    }

    /// Where MQTT over TCP is accepted, with the ports that the system chose.
    pub fn mqtt_addresses(&self) -> &[SocketAddr] {
        &self.mqtt
    }

    /// Where the page, the API and WebSocket are served.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The broker.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Its bridges to other brokers.
    pub(crate) fn bridges(&self) -> &Bridges {
        &self.bridges
    }

    /// Which web pages may use it.
    pub(crate) fn origins(&self) -> &OriginPolicy {
        &self.origins
    }

    /// Puts these users and access rules in place of those before, also for those who are connected. Reads files.
    ///
    /// # Errors
    /// Something is not right: then all stays as it was.
    pub fn reload_security(&self, settings: &SecuritySettings) -> Result<(), SecurityError> {
        self.gatekeeper.reload(settings, |security| put_in_force(&self.hub, security))
    }

    /// Looks whether a file with users, rules or keys has changed, and reads all of them again then. Runs for ever.
    fn watch_security(&self) -> impl Future<Output = ()> + Send + use<> {
        let (gatekeeper, hub) = (Arc::clone(&self.gatekeeper), Arc::clone(&self.hub));
        let look = move |last_seen: Option<&Stamp>| {
            gatekeeper.look(last_seen, |security| put_in_force(&hub, security))
        };
        watch::forever(look, events::security_changed)
    }

    /// Where connections are counted.
    pub(crate) fn gate(&self) -> &Gate {
        &self.entrance.gate
    }

    /// Accepts nobody any more, tells all clients, and waits up to three seconds for them to go.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.stop_http.cancel();
        self.bridges.stop().await;
        self.hub.shut_down();
        let all_ended = tokio::time::timeout(STOP_TIME, self.hub.drained()).await.is_ok();
        events::stopped(all_ended);
        self.workers.stop();
    }

    fn accept_mqtt(&mut self, listener: TcpListener) -> io::Result<()> {
        let acceptor = self.workers.acceptor().cloned().unwrap_or_else(Handle::current);
        let listener = {
            let _context = acceptor.enter();
            workers::Listener::new(listener)?
        };
        let (hub, workers) = (Arc::clone(&self.hub), Arc::clone(&self.workers));
        let accepting = accept::run(listener, self.entrance.clone(), move |stream, address, entry| {
            let (peer, hub) = (Peer::new(address, TransportKind::Tcp), Arc::clone(&hub));
            match entry {
                Entry::Admitted(place) => workers
                    .serve(stream, |socket| connection::serve(Transport::Socket(socket), peer, hub, place)),
                Entry::Refused(limit, farewell) => {
                    let Ok(stream) = stream.into_tokio() else { return }; // one that is refused, and cannot be told
                    workers.spawn(stream, |stream| async move {
                        connection::refuse(Transport::Tcp(stream), peer, hub, limit).await;
                        drop(farewell);
                    });
                }
            }
        });
        self.tasks.spawn_on(accepting, &acceptor);
        Ok(())
    }

    fn accept_http(&mut self, listener: TcpListener, config: &Config) {
        let (hub, workers) = (Arc::clone(&self.hub), Arc::clone(&self.workers));
        let websocket = ws::route(move |stream, read_ahead, address, place| {
            let peer = Peer::new(address, TransportKind::WebSocket);
            workers.spawn(stream, |stream| {
                let stream = Box::new(ws::ByteStream::new(stream, read_ahead));
                connection::serve(Transport::WebSocket(stream), peer, Arc::clone(&hub), place)
            });
        });
        let service = self.http_service(config, websocket);
        self.tasks.spawn(accept::run(listener, self.entrance.clone(), move |stream, address, entry| {
            if let Entry::Admitted(place) = entry {
                tokio::spawn(http::connection::serve(stream, address, place, service.clone()));
            }
        }));
    }

    /// All that listens, as (kind, address).
    pub(crate) fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        let mqtt = self.mqtt.iter().map(|address| ("mqtt", *address));
        let mqtts = self.mqtts_addresses().iter().map(|address| ("mqtts", *address));
        let http = self.http.map(|address| ("http", address));
        let https = self.https_address().map(|address| ("https", address));
        mqtt.chain(mqtts).chain(http).chain(https).collect()
    }

    /// What the listeners count, for the API.
    fn doors(&self) -> Doors {
        let gate = Arc::clone(&self.entrance.gate);
        let handshakes = self.secure.as_ref().map(|secure| Arc::clone(secure.handshakes()));
        Arc::new(move || {
            let tls = handshakes.as_ref().map(|handshakes| handshakes.stats()).unwrap_or_default();
            DoorStats {
                connections: gate.connections(),
                tls: TlsStats {
                    pending: tls.pending,
                    done: tls.done,
                    refused: tls.refused,
                    out_of_time: tls.out_of_time,
                    pushed_out: tls.pushed_out,
                },
            }
        })
    }

    fn http_service(&self, config: &Config, websocket: MethodRouter) -> http::connection::Service {
        let listener = |(kind, address): (&str, SocketAddr)| api::Listener {
            kind: kind.to_owned(),
            address: address.to_string(),
        };
        let listeners = self.listeners().into_iter().map(listener).collect();
        let (limits, bridges) = (limits(&config.broker), self.bridges.statuses());
        let info = ServerInfo { listeners, limits, bridges, doors: self.doors() };
        let hub = Arc::clone(&self.hub);
        http::connection::Service {
            router: http::router(hub, info, &self.gatekeeper, Arc::clone(&self.origins), websocket),
            patience: Arc::clone(&self.hub) as _,
            stop: self.stop_http.clone(),
        }
    }
}

/// These users and rules hold from now on, also for those who are connected.
fn put_in_force(hub: &Hub, security: Arc<Security>) {
    events::secured(&security);
    hub.set_access(security);
}

/// Listens, and says where: with port 0 the system chooses.
pub(crate) fn bind(address: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound =
        accept::bind(address).and_then(|listener| listener.local_addr().map(|address| (listener, address)));
    bound.map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::InUse { address, flag },
        ErrorKind::PermissionDenied => StartError::NotPermitted { address, flag },
        ErrorKind::AddrNotAvailable => StartError::NotHere { address, flag },
        _ => StartError::Other { address, flag, source },
    })
}

fn limits(config: &BrokerConfig) -> api::Limits {
    api::Limits {
        max_packet_size: config.max_packet_size,
        receive_maximum: config.receive_maximum.get(),
        topic_alias_maximum: config.topic_alias_maximum,
        max_session_expiry_s: Some(config.max_session_expiry_s).filter(|seconds| *seconds != u32::MAX),
    }
}
