//! What can be set: flags, environment and file as they are typed become one validated [`Config`].
//!
//! - [`settings`]: the list of settings, each of them a flag, a variable and a key of the file at once.
//! - [`tables`]: what only the file can have, because there may be several of a kind.
//! - `limits`: what of the settings becomes which limit.
//! - `file`: both of them in one file; errors that name line and column.
//! - [`reload`]: what differs between two of them, and what of it takes effect at once.
//! - [`command`]: `tabmq config`; `example` and `mosquitto` are what it prints.

pub mod command;
mod example;
mod file;
mod limits;
mod mosquitto;
pub mod reload;
pub mod settings;
pub mod tables;
pub mod tls;

pub use crate::events::LogFormat;
pub use reload::Loaded;
pub use settings::{LogLevel, Settings};
pub use tables::Tables;

use crate::auth::SecuritySettings;
use crate::bridges::BridgeConfig;
use crate::broker::BrokerConfig;
use crate::gate::GateConfig;
use crate::units::{self, Endpoint, MAX_PACKET_SIZE};
use settings::Layer;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::thread;
use tls::{Secure, TlsSettings};

/// The port of MQTT over TCP.
const MQTT_PORT: u16 = 1883;

/// The port of the page, the API and WebSocket.
const HTTP_PORT: u16 = 8083;

/// The smallest `max-packet-size` that is accepted, in bytes: below it a CONNECT with a will does not fit.
const MIN_PACKET_SIZE: u32 = 1024;

/// What the broker runs with; valid as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where MQTT over TCP is accepted. Port 0: the system chooses one.
    pub mqtt: Vec<SocketAddr>,
    /// Where the page, the API and WebSocket are served.
    pub http: Option<SocketAddr>,
    /// How many threads serve connections.
    pub threads: NonZeroUsize,
    /// Where MQTT over TLS is accepted.
    pub mqtts: Vec<SocketAddr>,
    /// Where the page, the API and WebSocket are served over TLS.
    pub https: Option<SocketAddr>,
    /// How TLS is spoken there; `None` if nothing listens with it.
    pub tls: Option<TlsSettings>,
    /// Origins besides its own whose pages may use the broker, as `scheme://host:port`; `*` is any.
    pub allow_origins: Vec<String>,
    /// The least important lines that are written.
    pub log: LogLevel,
    /// How they are written.
    pub log_format: LogFormat,
    /// Where users and access rules are to be found.
    pub security: SecuritySettings,
    /// Limits of clients.
    pub broker: BrokerConfig,
    /// Limits of connections.
    pub gate: GateConfig,
    /// Bridges to other brokers.
    pub bridges: Vec<BridgeConfig>,
    /// What only the file can say.
    pub tables: Tables,
}

/// Why there is no [`Config`]. `Display` is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not right.
    #[error("{}:{line}:{column}: {message}", path.display())]
    File {
        /// As it was given.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// A sentence.
        message: String,
        /// The line itself, and a second line that points to the column.
        excerpt: String,
    },
    /// A variable of the environment is not right.
    #[error("the environment variable {name}: {message}")]
    Environment {
        /// Its name.
        name: String,
        /// A sentence.
        message: String,
    },
    /// The settings are not right together.
    #[error("{0}")]
    Invalid(String),
}

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Config {
            mqtt: vec![SocketAddr::new(loopback, MQTT_PORT)],
            http: Some(SocketAddr::new(loopback, HTTP_PORT)),
            threads: half_of_the_processors(),
            mqtts: Vec::new(),
            https: None,
            tls: None,
            allow_origins: Vec::new(),
            log: LogLevel::default(),
            log_format: LogFormat::default(),
            security: SecuritySettings::default(),
            broker: BrokerConfig::default(),
            gate: GateConfig::default(),
            bridges: Vec::new(),
            tables: Tables::default(),
        }
    }
}

impl Config {
    /// Fills in the defaults and checks what no single value can tell.
    fn validate(layer: Layer, tables: Tables) -> Result<Config, ConfigError> {
        let defaults = Config::default();
        if let Some(units::Data::Directory(path)) = &layer.data {
            return Err(ConfigError::Invalid(format!(
                "--data {}: this version keeps everything in memory; say --data none, or leave it out",
                path.display()
            )));
        }
        let Secure { mqtts, https, tls } = Secure::of(&layer)?;
        let config = Config {
            mqtts,
            https,
            tls,
            mqtt: match layer.mqtt.clone() {
                Some(endpoints) => endpoints.into_iter().filter_map(Endpoint::address).collect(),
                None => defaults.mqtt,
            },
            http: layer.http.map_or(defaults.http, Endpoint::address),
            threads: layer.threads.map_or(defaults.threads, NonZeroUsize::from),
            allow_origins: check_origins(layer.allow_origin.clone().unwrap_or_default())?,
            log: layer.log.unwrap_or_default(),
            log_format: layer.log_format.unwrap_or_default(),
            security: security(&layer, &tables),
            broker: broker_config(&layer)?,
            gate: limits::gate(&layer),
            bridges: tables
                .bridge
                .iter()
                .map(|bridge| bridge.get_ref().load())
                .collect::<Result<_, _>>()
                .map_err(ConfigError::Invalid)?,
            tables,
        };
        if config.addresses().next().is_none() {
            return Err(ConfigError::Invalid(
                "nothing to listen on: give --mqtt, --http, --mqtts or --https an address".to_owned(),
            ));
        }
        if !layer.allow_anonymous.unwrap_or(false) && !config.security.know_users() {
            config.refuse_strangers()?;
        }
        Ok(config)
    }

    /// Where it listens.
    fn addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        self.mqtt.iter().chain(&self.http).chain(&self.mqtts).chain(&self.https)
    }

    /// Everybody who reaches the broker gets in, so only this machine may reach it unless somebody says otherwise.
    fn refuse_strangers(&self) -> Result<(), ConfigError> {
        // Where a certificate is asked for, nobody gets in by reaching it.
        let asks = self.tls.as_ref().is_some_and(TlsSettings::asks_for_certificates);
        let with_tls = self.mqtts.iter().chain(&self.https).filter(|_| !asks);
        let mut open = self.mqtt.iter().chain(&self.http).chain(with_tls);
        match open.find(|address| !address.ip().to_canonical().is_loopback()) {
            None => Ok(()),
            Some(address) => Err(ConfigError::Invalid(format!(
                "{address} can be reached from other machines, and everybody who reaches it gets in without a \
                 password: give it users (--password-file), add --allow-anonymous if that is meant, or listen on \
                 127.0.0.1:{}",
                address.port()
            ))),
        }
    }
}

/// The other half is busy with the same packets: the system's network code takes more time than the broker. Measured with
/// the clients on the same two processors, one thread was faster than two in every scenario (docs/speed.md).
fn half_of_the_processors() -> NonZeroUsize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN)
}

fn security(layer: &Layer, tables: &Tables) -> SecuritySettings {
    let file = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    SecuritySettings {
        password_file: file(&layer.password_file),
        acl_file: file(&layer.acl_file),
        allow_anonymous: layer.allow_anonymous.unwrap_or(false),
        users: tables.user.iter().map(|user| user.get_ref().clone()).collect(),
        rules: tables.rule.iter().map(|rule| rule.get_ref().clone()).collect(),
        client_ids: tables.client_id.clone(),
        jwt: tables.jwt.as_ref().map(|jwt| jwt.get_ref().clone()),
        tokens: tables.token.iter().map(|token| token.get_ref().clone()).collect(),
    }
}

fn broker_config(layer: &Layer) -> Result<BrokerConfig, ConfigError> {
    let defaults = BrokerConfig::default();
    let bytes = |size: Option<units::Size>, default: usize| {
        size.map_or(default, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
    };
    let max_packet_size = match layer.max_packet_size {
        None => defaults.max_packet_size,
        Some(size) => u32::try_from(size.0)
            .ok()
            .filter(|size| (MIN_PACKET_SIZE..=MAX_PACKET_SIZE).contains(size))
            .ok_or_else(|| {
                ConfigError::Invalid(format!(
                    "max-packet-size is {} bytes: it must be between {MIN_PACKET_SIZE} and {MAX_PACKET_SIZE}, the \
                     largest packet that MQTT has",
                    size.0
                ))
            })?,
    };
    let at_least_1 = |name: &str, value: Option<u16>, default: NonZeroU16| match value.map(NonZeroU16::new) {
        None => Ok(default),
        Some(Some(value)) => Ok(value),
        Some(None) => Err(ConfigError::Invalid(format!("{name} is 0: it must be at least 1"))),
    };
    Ok(BrokerConfig {
        max_packet_size,
        receive_maximum: at_least_1("receive-maximum", layer.receive_maximum, defaults.receive_maximum)?,
        max_in_flight: at_least_1("max-in-flight", layer.max_in_flight, defaults.max_in_flight)?,
        topic_alias_maximum: layer.topic_alias_maximum.unwrap_or(defaults.topic_alias_maximum),
        max_session_expiry_s: layer.max_session_expiry.map_or(defaults.max_session_expiry_s, |span| span.0),
        server_keep_alive_s: layer
            .server_keep_alive
            .filter(|seconds| *seconds > 0)
            .or(defaults.server_keep_alive_s),
        queue_messages: layer.queue_messages.unwrap_or(defaults.queue_messages),
        queue_bytes: bytes(layer.queue_bytes, defaults.queue_bytes),
        all_queues_bytes: bytes(layer.all_queues_bytes, defaults.all_queues_bytes),
        outbox_bytes: bytes(layer.outbox_bytes, defaults.outbox_bytes),
        retained_messages: layer.retained_messages.unwrap_or(defaults.retained_messages),
        retained_bytes: bytes(layer.retained_bytes, defaults.retained_bytes),
        limits: limits::clients(layer)?,
        message_events: layer.log.unwrap_or_default() >= LogLevel::Debug,
        sys_interval_s: layer.sys_interval.unwrap_or(defaults.sys_interval_s),
        features: defaults.features,
    })
}

/// An origin is `scheme://host` or `scheme://host:port`, as browsers send it.
pub(crate) fn check_origins(origins: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let check = |origin: String| {
        let origin = origin.trim_end_matches('/').to_ascii_lowercase();
        let host = origin.split_once("://").map(|(_, host)| host);
        if origin == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains('/')) {
            return Ok(origin);
        }
        Err(ConfigError::Invalid(format!(
            "--allow-origin {origin}: write an origin as browsers do, such as https://example.org or \
             http://localhost:3000, or * for any"
        )))
    };
    origins.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests;
