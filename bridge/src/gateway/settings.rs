//! The flags of `tabmq gateway`, and what they mean together.

use super::Credentials;
use super::upstream::{Places, Upstream};
use crate::client::{Target, TlsArgs, password_in};
use crate::config::{ConfigError, LogFormat, LogLevel};
use crate::units::{Endpoint, Span};
use bytes::Bytes;
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The port of the page, the API and WebSocket, as the broker's.
const HTTP_PORT: u16 = 8083;

/// Tabs that may be connected at a time, if nobody says otherwise.
const MAX_CONNECTIONS: usize = 10_000;

/// `--upstream rumqttd`.
const RUMQTTD: &str = "rumqttd";

/// Of two clients with such an id the second one ends rumqttd's listener for everybody.
const NOT_IN_RUMQTTDS_CLIENT_IDS: &str = "+$#/";

const NOT_BUILT_IN: &str = "--upstream rumqttd: this tabmq is built without rumqttd. `cargo xtask build --rumqttd` builds one \
                            that has it; our own broker is tabmq serve";

/// Flags of `tabmq gateway`.
#[derive(Args, Clone, Debug)]
pub struct GatewaySettings {
    /// The broker: mqtt://[USER[:PASSWORD]@]HOST[:PORT], or mqtts:// for TLS. User and password are the gateway's own;
    /// tabs bring theirs, unless --replace-credentials. 'rumqttd': that broker in this process, where it is built in
    #[arg(long, value_name = "URL")]
    upstream: String,

    /// With --upstream rumqttd: take devices that speak MQTT 3.1.1 over TCP here [default: 127.0.0.1:1883]
    #[cfg(feature = "rumqttd")]
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<Endpoint>,

    /// With --upstream rumqttd: take devices that speak MQTT 5.0 over TCP here [default: 127.0.0.1:1884]
    #[cfg(feature = "rumqttd")]
    #[arg(long, value_name = "ADDR")]
    mqtt_v5: Option<Endpoint>,

    /// Serve the page, the API and MQTT over WebSocket (at /mqtt) here [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR")]
    http: Option<Endpoint>,

    /// Let everybody who reaches the gateway through to the broker, on an address that other machines can reach. The
    /// broker takes all tabs for clients from the gateway's machine
    #[arg(long)]
    allow_anonymous: bool,

    /// Let pages from this origin (such as https://example.org) use the gateway, besides its own page and pages from
    /// this machine; '*' for any; may be repeated
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<String>,

    /// User name for the gateway's own connection, by which HTTP publishes; also for the tabs with
    /// --replace-credentials
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,

    /// A file with its password in the first line
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,

    /// Show the broker the gateway's user name and password in place of those that the tab brings
    #[arg(long)]
    replace_credentials: bool,

    /// Let neither the broker nor the tabs know that the other side takes topic aliases (5.0): for brokers that use them
    /// wrongly, as rumqttd does
    #[arg(long)]
    no_topic_aliases: bool,

    /// Let only client ids through that begin with this; may be repeated
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    client_id_prefix: Vec<String>,

    /// How many tabs may be connected at a time
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS, help_heading = "Limits")]
    max_connections: usize,

    /// Disconnect a tab when nothing has passed in either direction for so long, such as 15m; keep-alive usually sees
    /// to that
    #[arg(long, value_name = "TIME", default_value = "never", help_heading = "Limits")]
    max_idle: Span,

    /// How long a connection to the broker may take to open
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Limits")]
    connect_time: Span,

    #[command(flatten)]
    tls: TlsArgs,

    /// How much to write to standard error [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Log")]
    log: Option<LogLevel>,

    /// How to write it: for people, or a JSON object in each line [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Log")]
    log_format: Option<LogFormat>,
}

/// What the gateway runs with; valid as a whole.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    pub(super) upstream: Upstream,
    /// The broker, if it is one in this process.
    #[cfg(feature = "rumqttd")]
    pub(super) embedded: Option<super::rumqttd::Settings>,
    /// Where the page, the API and WebSocket are served. Port 0: the system chooses one.
    pub http: SocketAddr,
    pub(super) allow_origins: Vec<String>,
    pub(super) credentials: Option<Credentials>,
    pub(super) replace_credentials: bool,
    pub(super) no_topic_aliases: bool,
    pub(super) client_id_prefixes: Vec<String>,
    /// Characters that the broker does not bear.
    pub(super) not_in_client_ids: &'static str,
    pub(super) max_connections: usize,
    pub(super) max_idle: Option<Duration>,
    /// The least important lines that are written.
    pub log: LogLevel,
    /// How they are written.
    pub log_format: LogFormat,
}

impl GatewaySettings {
    /// Checks what no single flag can tell, and reads the files that are named.
    pub fn load(self) -> Result<GatewayConfig, ConfigError> {
        let invalid = |sentence: String| ConfigError::Invalid(sentence);
        let inside = self.upstream == RUMQTTD;
        let target = if inside { None } else { Some(self.target()?) };
        let credentials = self.credentials(target.as_ref())?;
        if self.replace_credentials && credentials.is_none() {
            let sentence =
                "--replace-credentials needs what to replace them by: --username NAME --password-file FILE";
            return Err(invalid(sentence.to_owned()));
        }
        let http = self.http_address()?;
        let connect_time = seconds(self.connect_time);
        #[cfg(feature = "rumqttd")]
        let embedded = self.embedded(inside, credentials.clone())?;
        #[cfg(feature = "rumqttd")]
        let embedded_upstream = embedded.as_ref().map(|embedded| embedded.upstream(connect_time));
        #[cfg(not(feature = "rumqttd"))]
        let embedded_upstream = None;
        let upstream = match (target, embedded_upstream) {
            (Some(target), _) => Upstream {
                name: format!("{}://{target}", if target.secure { "mqtts" } else { "mqtt" }),
                places: Places::One(self.tls.route(target).map_err(|failure| invalid(failure.to_string()))?),
                connect_time,
            },
            (None, Some(upstream)) => upstream,
            (None, None) => return Err(invalid(NOT_BUILT_IN.to_owned())),
        };
        Ok(GatewayConfig {
            upstream,
            #[cfg(feature = "rumqttd")]
            embedded,
            no_topic_aliases: inside || self.no_topic_aliases,
            not_in_client_ids: if inside { NOT_IN_RUMQTTDS_CLIENT_IDS } else { "" },
            http,
            allow_origins: crate::config::check_origins(self.allow_origin)?,
            credentials,
            replace_credentials: self.replace_credentials,
            client_id_prefixes: self.client_id_prefix,
            max_connections: self.max_connections,
            max_idle: (self.max_idle.0 != u32::MAX && self.max_idle.0 > 0).then(|| seconds(self.max_idle)),
            log: self.log.unwrap_or_default(),
            log_format: self.log_format.unwrap_or_default(),
        })
    }

    /// Where the page is, if everybody who gets there may be let in.
    fn http_address(&self) -> Result<SocketAddr, ConfigError> {
        let invalid = |sentence: String| ConfigError::Invalid(sentence);
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT));
        let http = match self.http {
            None => loopback,
            Some(endpoint) => endpoint
                .address()
                .ok_or_else(|| invalid("--http none: a gateway is nothing without it".to_owned()))?,
        };
        if !self.allow_anonymous && !http.ip().to_canonical().is_loopback() {
            return Err(invalid(format!(
                "{http} can be reached from other machines, and to the broker everybody who comes through the gateway \
                 comes from this one: add --allow-anonymous if that is meant, or listen on 127.0.0.1:{}",
                http.port()
            )));
        }
        Ok(http)
    }

    /// The broker elsewhere.
    fn target(&self) -> Result<Target, ConfigError> {
        let target = Target::parse(&self.upstream).and_then(|target| match target.is_plain_address() {
            true => Ok(target),
            false => Err("write mqtt://HOST or mqtt://HOST:PORT, without a topic".to_owned()),
        });
        target.map_err(|error| {
            ConfigError::Invalid(format!("--upstream {}: {error}", without_password(&self.upstream)))
        })
    }

    /// The broker in this process.
    #[cfg(feature = "rumqttd")]
    fn embedded(
        &self,
        inside: bool,
        credentials: Option<Credentials>,
    ) -> Result<Option<super::rumqttd::Settings>, ConfigError> {
        let invalid = |sentence: String| Err(ConfigError::Invalid(sentence));
        let flags = [("--mqtt", self.mqtt, 1883), ("--mqtt-v5", self.mqtt_v5, 1884)];
        if !inside {
            return match flags.iter().find(|(_, endpoint, _)| endpoint.is_some()) {
                Some((flag, ..)) => {
                    invalid(format!("{flag} is for --upstream rumqttd: this one listens itself"))
                }
                None => Ok(None),
            };
        }
        if self.tls.are_given() {
            return invalid(
                "--upstream rumqttd: it is in this process, so there is no TLS on the way".to_owned(),
            );
        }
        let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2];
        for (address, (flag, endpoint, port)) in addresses.iter_mut().zip(flags) {
            let default = Endpoint::At(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            match endpoint.unwrap_or(default).address().filter(|address| address.port() > 0) {
                Some(given) => *address = given,
                None => {
                    return invalid(format!("{flag}: rumqttd needs an address with a port for each version"));
                }
            }
            if !self.allow_anonymous && credentials.is_none() && !address.ip().to_canonical().is_loopback() {
                return invalid(format!(
                    "{flag} {address} can be reached from other machines: give everybody a name and a password to \
                     show with --username NAME --password-file FILE, or add --allow-anonymous if that is meant"
                ));
            }
        }
        let [old, new] = addresses;
        Ok(Some(super::rumqttd::Settings { old, new, credentials }))
    }

    fn credentials(&self, target: Option<&Target>) -> Result<Option<Credentials>, ConfigError> {
        if let Some(username) = &self.username {
            let password =
                self.password_file.as_deref().map(password_in).transpose().map_err(ConfigError::Invalid)?;
            return Ok(Some(Credentials { username: username.clone(), password }));
        }
        let (username, password) = target.map(Target::credentials).unwrap_or_default();
        Ok(username.map(|username| Credentials {
            username: username.to_owned(),
            password: password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
        }))
    }
}

fn seconds(span: Span) -> Duration {
    Duration::from_secs(u64::from(span.0))
}

/// A URL as it may be shown: without what stands before its '@'.
fn without_password(url: &str) -> String {
    let shown = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    };
    shown.escape_debug().to_string()
}
