//! rumqttd in this process: what `--upstream rumqttd` means where it is built in (cargo feature `rumqttd`).
//!
//! It has a thread for its router and one for each version of MQTT, each version at a port of its own, and it cannot be
//! stopped but with the process. The README's table says what it cannot do. What a browser could run into of that, the
//! gateway keeps away: see `settings`.

use super::Credentials;
use super::upstream::{Places, Upstream};
use crate::client::{Route, Target, connect};
use crate::server::{StartError, bind};
use ::rumqttd::meters::MetersLink;
use ::rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use bytes::BytesMut;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Once};
use std::time::Duration;
use tabmq_shared::ByteString;
use tabmq_shared::api;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Connect, ConnectProperties, Disconnect, Packet, ReasonCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

/// How long it may take until it answers.
const START_TIME: Duration = Duration::from_secs(10);

/// Connections beside those of tabs: native devices.
const DEVICES: usize = 10_000;

/// The largest packet that it takes, in bytes.
const MAX_PACKET_SIZE: usize = 16 * 1024 * 1024;

/// How many packets it reads from one connection before it looks at another one.
const MAX_IN_HAND: usize = 1000;

/// For each filter it keeps what was published, whoever has got it: so many segments of so many bytes. Who is slower
/// loses messages.
const SEGMENTS: usize = 4;
const SEGMENT_BYTES: usize = 16 * 1024 * 1024;

/// Messages at QoS 0 that one connection gets at a time; also how many retained ones a new subscription gets.
const AT_A_TIME: u64 = 200;

/// Its listeners' threads begin with this.
const THREAD: &str = "rumqttd";

/// Where it listens, and who may come.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// For 3.1.1.
    pub(super) old: SocketAddr,
    /// For 5.0.
    pub(super) new: SocketAddr,
    /// What every client has to bring; `None`: everybody gets in.
    pub(super) credentials: Option<Credentials>,
}

impl Settings {
    /// What the API and the console say.
    pub(super) fn listeners(&self) -> [api::Listener; 2] {
        [("mqtt-3.1.1", self.old), ("mqtt-5.0", self.new)]
            .map(|(kind, address)| api::Listener { kind: kind.to_owned(), address: address.to_string() })
    }

    /// The way to it.
    pub(super) fn upstream(&self, connect_time: Duration) -> Upstream {
        let route = |address: SocketAddr| {
            let address = reachable(address);
            Route::new(Target::tcp(&address.ip().to_string(), address.port()), None)
        };
        Upstream {
            name: "rumqttd".to_owned(),
            places: Places::ByVersion { old: route(self.old), new: route(self.new) },
            connect_time,
        }
    }

    fn config(&self, tabs: usize) -> Config {
        let server = |name: &str, listen: SocketAddr| {
            let auth = self.credentials.as_ref().map(|Credentials { username, password }| {
                let password = String::from_utf8_lossy(password.as_deref().unwrap_or_default());
                HashMap::from([(username.clone(), password.into_owned())])
            });
            let name = format!("{THREAD} {name}");
            let settings = ServerSettings {
                name: name.clone(),
                listen,
                tls: None,
                next_connection_delay_ms: 0,
                connections: ConnectionSettings {
                    connection_timeout_ms: 10_000,
                    max_payload_size: MAX_PACKET_SIZE,
                    max_inflight_count: MAX_IN_HAND,
                    auth,
                    external_auth: None,
                    dynamic_filters: true,
                },
            };
            Some(HashMap::from([(name, settings)]))
        };
        Config {
            router: RouterConfig {
                max_connections: tabs.saturating_add(DEVICES),
                max_outgoing_packet_count: AT_A_TIME,
                max_segment_size: SEGMENT_BYTES,
                max_segment_count: SEGMENTS,
                ..RouterConfig::default()
            },
            v4: server("3.1.1", self.old),
            v5: server("5.0", self.new),
            ..Config::default()
        }
    }
}

/// It runs.
pub(super) struct Running {
    /// Its end is the router's.
    router: MetersLink,
    /// What has become of its listeners.
    panics: watch::Receiver<Option<String>>,
}

impl Running {
    /// Resolves when it does not work any more, with a sentence.
    pub(super) async fn failed(&self) -> StartError {
        let mut panics = self.panics.clone();
        let ended = async { while self.router.next().await.is_ok() {} };
        tokio::select! {
            () = ended => {}
            _ = panics.wait_for(Option::is_some) => {}
        }
        let why = self.panics.borrow().clone().unwrap_or_else(|| "its router has ended".to_owned());
        StartError::Embedded(format!(
            "rumqttd, the broker inside, has failed: {why}. What it held is lost; start the gateway again. What it \
             cannot bear is in the README: tabmq serve can"
        ))
    }
}

/// Starts it for so many tabs, and waits until it answers in both versions.
pub(super) async fn start(settings: &Settings, tabs: usize) -> Result<Running, StartError> {
    // It only logs that it cannot listen; so that is tried before.
    for (address, flag) in [(settings.old, "--mqtt"), (settings.new, "--mqtt-v5")] {
        drop(bind(address, flag)?);
    }
    let panics = watch_panics();
    let failed = |why: String| StartError::Embedded(format!("rumqttd does not start: {why}"));
    let mut broker = Broker::new(settings.config(tabs));
    let router = broker.meters().map_err(|error| failed(error.to_string()))?;
    let serve = move || {
        if let Err(error) = broker.start() {
            error!(error = error.to_string().as_str(), "rumqttd has ended");
        }
    };
    // Not a thread of the runtime: it would wait for it at the end, and this one never ends.
    std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(serve)
        .map_err(|error| failed(error.to_string()))?;
    let upstream = settings.upstream(START_TIME);
    for version in [Version::V311, Version::V5] {
        until_it_answers(&upstream, version, settings.credentials.as_ref()).await.map_err(failed)?;
    }
    Ok(Running { router, panics })
}

/// Connects and disconnects, as a client would.
async fn until_it_answers(
    upstream: &Upstream,
    version: Version,
    credentials: Option<&Credentials>,
) -> Result<(), String> {
    let deadline = Instant::now() + START_TIME;
    loop {
        let why = match connect(upstream.place(version).clone(), version).await {
            Ok(stream) => match ask(stream, version, credentials).await {
                Ok(()) => return Ok(()),
                Err(error) => error.to_string(),
            },
            Err(why) => why,
        };
        if Instant::now() > deadline {
            return Err(format!("it does not answer in MQTT {version}: {why}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn ask(
    mut stream: crate::client::Transport,
    version: Version,
    credentials: Option<&Credentials>,
) -> std::io::Result<()> {
    let connect = Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 10,
        client_id: ByteString::from(format!("tabmq-gateway-{:08x}", fastrand::u32(..))),
        will: None,
        username: credentials.map(|credentials| ByteString::from(credentials.username.as_str())),
        password: credentials.and_then(|credentials| credentials.password.clone()),
        properties: ConnectProperties::default(),
    };
    let mut bytes = BytesMut::new();
    codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes).map_err(std::io::Error::other)?;
    stream.write_all(&bytes).await?;
    bytes.clear();
    let limits = Limits::of_client();
    while codec::decode(&mut bytes, version, &limits).map_err(std::io::Error::other)?.is_none() {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.clear();
    let goodbye = Packet::Disconnect(Box::new(Disconnect::new(ReasonCode::Success)));
    codec::encode(&goodbye, version, &mut bytes).map_err(std::io::Error::other)?;
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// Writes panics to the log, in place of standard error, and tells of those that rumqttd does not survive.
fn watch_panics() -> watch::Receiver<Option<String>> {
    static HOOK: Once = Once::new();
    let (sender, receiver) = watch::channel(None);
    let sender = Arc::new(sender);
    HOOK.call_once(move || {
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let thread = std::thread::current();
            let (thread, what) =
                (thread.name().unwrap_or_default(), info.payload_as_str().unwrap_or_default());
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            error!(thread, what, place = place.as_str(), "a thread panicked");
            if is_fatal(thread, what) {
                sender.send_replace(Some(what.escape_debug().to_string()));
            }
        }));
    });
    receiver
}

/// Its router's end is everybody's. A listener's tasks may end one by one, until one of them ends while it holds what they
/// share: from then on each of them ends like that.
fn is_fatal(thread: &str, what: &str) -> bool {
    thread.starts_with("router-") || (thread.starts_with(THREAD) && what.contains("PoisonError"))
}

/// An address of this machine at which that one is reached.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ends_it_for_everybody_is_fatal() {
        let poisoned = "called `Result::unwrap()` on an `Err` value: PoisonError { .. }";
        assert!(is_fatal("router-0", "byte index 1 is not a char boundary"));
        assert!(is_fatal("rumqttd 5.0", poisoned));
        assert!(!is_fatal("rumqttd 5.0", "internal error: entered unreachable code"));
        assert!(!is_fatal("tokio-runtime-worker", poisoned));
    }
}
