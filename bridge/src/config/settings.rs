//! The settings as they are typed. Each is a flag (`--max-packet-size`), a variable of the environment
//! (`TABMQ_MAX_PACKET_SIZE`) and a key of the configuration file (`max-packet-size`): one list, so that they cannot
//! differ.

use super::ConfigError;
use crate::events::LogFormat;
use crate::tls::{TlsVersion, UserFrom};
use crate::units::{Data, Endpoint, Size, Span};
use clap::{Args, FromArgMatches, ValueEnum};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use std::path::PathBuf;

/// What every variable begins with.
const PREFIX: &str = "TABMQ_";

/// Flags, or variables, of `tabmq serve`.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Read settings from this file (TOML). A flag beats the environment (TABMQ_… in capitals, such as
    /// TABMQ_MAX_PACKET_SIZE), which beats the file; the keys of the file are the flags without their dashes
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What can also be set in the file.
    #[command(flatten)]
    pub layer: Layer,
}

/// One layer of settings: what is not set is left to the layers below.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Layer {
    /// Accept MQTT over TCP here; may be repeated; 'none' for not at all [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub mqtt: Option<Vec<Endpoint>>,

    /// Serve the page, the API and MQTT over WebSocket (at /mqtt) here; 'none' for not at all
    /// [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR")]
    pub http: Option<Endpoint>,

    /// Accept MQTT over TLS here, such as 0.0.0.0:8883; may be repeated; 'none' for not at all. Needs --cert and --key
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub mqtts: Option<Vec<Endpoint>>,

    /// Serve the page, the API and MQTT over secure WebSocket (at /mqtt) here, such as 0.0.0.0:8084. Needs --cert and
    /// --key
    #[arg(long, value_name = "ADDR")]
    pub https: Option<Endpoint>,

    /// Where to keep sessions and retained messages. This version keeps them in memory only, so a restart forgets
    /// them: 'none' is the one value that it takes
    #[arg(long, value_name = "DIR|none")]
    pub data: Option<Data>,

    /// Let clients in without a password although there are users, or on addresses that other machines can reach; without
    /// users, on loopback addresses, they always get in
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_anonymous: Option<bool>,

    /// Users and their passwords: a file that `tabmq passwd` writes, or mosquitto's
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Access rules in mosquitto's format, behind those of the configuration file
    #[arg(long, value_name = "FILE")]
    pub acl_file: Option<PathBuf>,

    /// Let pages from this origin (such as https://example.org) use the broker, besides its own page and pages from
    /// this machine; '*' for any; may be repeated
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Option<Vec<String>>,

    /// How many threads serve connections; if it is not set, one for every two processors
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU16>,

    /// The broker's certificate and those that lead to its authority, as PEM. It is read again when it changes
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub key: Option<PathBuf>,

    /// Let in clients that have a certificate of an authority in this file
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub client_ca: Option<PathBuf>,

    /// With --client-ca: whether nobody gets in without a certificate [default: required]
    #[arg(long, value_name = "WHEN", help_heading = "TLS")]
    pub client_certificates: Option<ClientCertificates>,

    /// Refuse the clients' certificates in this revocation list of their authority
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub crl: Option<PathBuf>,

    /// What in a client's certificate is its user name: the common name, or the first DNS name, e-mail address or URI
    /// of the subject alternative names [default: cn]
    #[arg(long, value_name = "WHAT", help_heading = "TLS")]
    pub certificate_user: Option<UserFrom>,

    /// The oldest version of TLS that is spoken [default: 1.2]
    #[arg(long, value_name = "VERSION", help_heading = "TLS")]
    pub tls_min_version: Option<TlsVersion>,

    /// How many TLS handshakes may be unfinished; beyond that the oldest of them is given up [default: 1000]
    #[arg(long, value_name = "N", help_heading = "TLS")]
    pub tls_handshakes: Option<usize>,

    /// How long a TLS handshake may take [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "TLS")]
    pub tls_handshake_time: Option<Span>,

    /// How much to write to standard error. 'info' has a line for each client that comes, goes, subscribes or is
    /// refused; 'debug' adds one for each message [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Log")]
    pub log: Option<LogLevel>,

    /// How to write it: for people, or a JSON object in each line [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Log")]
    pub log_format: Option<LogFormat>,

    /// How many connections there may be at all listeners together; one more is closed at once. 0: as many as the system
    /// lets this process have, less a few [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub max_connections: Option<usize>,

    /// How many connections one address may have (of IPv6: one /64 network). 0: half of all [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub max_connections_per_address: Option<usize>,

    /// How many connections one user may have; one more is told 'quota exceeded'. 0: no limit [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub max_connections_per_user: Option<usize>,

    /// How many connections may be on their way: accepted, but their client not let in yet. One address may have half of
    /// them [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub max_pending: Option<usize>,

    /// How many connections are accepted in a second; the others wait. 0: no limit [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub connect_rate: Option<u32>,

    /// How many connections of one address are accepted in a second; the others are closed. 0: no limit [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub connect_rate_per_address: Option<u32>,

    /// How long a client may take to send its CONNECT, and each further step until it is let in [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Connections")]
    pub connect_timeout: Option<Span>,

    /// How long a client may take nothing of what waits for it before it is closed [default: 1m]
    #[arg(long, value_name = "TIME", help_heading = "Connections")]
    pub write_timeout: Option<Span>,

    /// How many messages (and requests) a client may send in a second; beyond that it is not read from for a while. 0: no
    /// limit [default: 0]
    #[arg(long, value_name = "N", help_heading = "Connections")]
    pub message_rate: Option<u32>,

    /// How many bytes a client may send in a second; beyond that it is not read from for a while. 0: no limit
    /// [default: 0]
    #[arg(long, value_name = "SIZE", help_heading = "Connections")]
    pub byte_rate: Option<Size>,

    /// The largest packet that a client may send [default: 16MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_packet_size: Option<Size>,

    /// How many publications at QoS 2 a client may have unfinished [default: 65535]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub receive_maximum: Option<u16>,

    /// How many publications at QoS 1 and 2 are on their way to a client at a time, if it does not ask for fewer
    /// [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_in_flight: Option<u16>,

    /// How many topic aliases a client may use; 0 for none [default: 32]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub topic_alias_maximum: Option<u16>,

    /// The longest time that the session of an absent client is kept, such as 30s, 12h, 7d or never
    /// [default: never]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub max_session_expiry: Option<Span>,

    /// Tell MQTT 5 clients to be heard of at least this often, in seconds; 0 to leave it to them [default: 0]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub server_keep_alive: Option<u16>,

    /// How many messages wait for an absent or slow client [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub queue_messages: Option<usize>,

    /// How many bytes of messages wait for an absent or slow client [default: 64MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub queue_bytes: Option<Size>,

    /// How many bytes of messages wait for all clients together [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub all_queues_bytes: Option<Size>,

    /// How many bytes wait for a slow connection before messages at QoS 0 are dropped [default: 8MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub outbox_bytes: Option<Size>,

    /// How many messages are retained [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub retained_messages: Option<usize>,

    /// How many bytes of messages are retained [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub retained_bytes: Option<Size>,

    /// How many messages wait for all clients together [default: 10000000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub all_queues_messages: Option<usize>,

    /// How many bytes wait for all connections together before each of them may have only a little [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub all_outboxes_bytes: Option<Size>,

    /// How many sessions there may be, of connected and absent clients [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_sessions: Option<usize>,

    /// How many subscriptions one client may have [default: 100000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_subscriptions: Option<usize>,

    /// How many subscriptions all clients may have together [default: 5000000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub all_subscriptions: Option<usize>,

    /// How many topic filters may be in one packet [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_filters: Option<usize>,

    /// How many user properties may be in one packet [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_user_properties: Option<usize>,

    /// How many bytes a topic or filter may have [default: 65535]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_topic_length: Option<usize>,

    /// How many levels a topic or filter may have [default: 200]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_topic_levels: Option<usize>,

    /// Seconds between two updates of the $SYS topics; 0 for none [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub sys_interval: Option<u32>,
}

/// How much is written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What went wrong for the broker itself.
    Error,
    /// And what went wrong for one client, or may go wrong.
    Warn,
    /// And who comes and goes.
    #[default]
    Info,
    /// And every message.
    Debug,
    /// And more than anybody wants to know.
    Trace,
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Nobody gets in without.
    #[default]
    Required,
    /// Who has one is known by it.
    Optional,
}

impl Settings {
    /// Reads the variables that begin with `TABMQ_`; an empty one counts as not set.
    ///
    /// Those that are no setting are ignored: container systems make variables of their own, such as
    /// `TABMQ_SERVICE_HOST` for a service with this name.
    pub(super) fn from_environment(
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Settings, ConfigError> {
        let command = Settings::augment_args(clap::Command::new("tabmq").no_binary_name(true));
        let flags: Vec<String> =
            command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect();
        let mut arguments = Vec::new();
        for (name, value) in variables {
            let Some(flag) =
                name.strip_prefix(PREFIX).map(|rest| rest.to_ascii_lowercase().replace('_', "-"))
            else {
                continue;
            };
            if value.is_empty() || !flags.contains(&flag) {
                continue;
            }
            let argument = format!("--{flag}={value}");
            // One at a time, so that an error can be laid at the right variable's door.
            if let Err(error) = command.clone().try_get_matches_from([&argument]) {
                return Err(ConfigError::Environment { name, message: sentence(&error) });
            }
            arguments.push(argument);
        }
        command
            .try_get_matches_from(arguments)
            .and_then(|matches| Settings::from_arg_matches(&matches))
            .map_err(|error| ConfigError::Invalid(sentence(&error)))
    }
}

/// What clap says in its first paragraph, without what it says to somebody who typed a flag.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

impl Layer {
    /// Takes from `lower` what is not set here.
    pub(super) fn or(self, lower: Layer) -> Layer {
        Layer {
            mqtt: self.mqtt.or(lower.mqtt),
            http: self.http.or(lower.http),
            mqtts: self.mqtts.or(lower.mqtts),
            https: self.https.or(lower.https),
            cert: self.cert.or(lower.cert),
            key: self.key.or(lower.key),
            client_ca: self.client_ca.or(lower.client_ca),
            client_certificates: self.client_certificates.or(lower.client_certificates),
            crl: self.crl.or(lower.crl),
            certificate_user: self.certificate_user.or(lower.certificate_user),
            tls_min_version: self.tls_min_version.or(lower.tls_min_version),
            tls_handshakes: self.tls_handshakes.or(lower.tls_handshakes),
            tls_handshake_time: self.tls_handshake_time.or(lower.tls_handshake_time),
            data: self.data.or(lower.data),
            allow_anonymous: self.allow_anonymous.or(lower.allow_anonymous),
            password_file: self.password_file.or(lower.password_file),
            acl_file: self.acl_file.or(lower.acl_file),
            allow_origin: self.allow_origin.or(lower.allow_origin),
            threads: self.threads.or(lower.threads),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
            max_connections: self.max_connections.or(lower.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .or(lower.max_connections_per_address),
            max_connections_per_user: self.max_connections_per_user.or(lower.max_connections_per_user),
            max_pending: self.max_pending.or(lower.max_pending),
            connect_rate: self.connect_rate.or(lower.connect_rate),
            connect_rate_per_address: self.connect_rate_per_address.or(lower.connect_rate_per_address),
            connect_timeout: self.connect_timeout.or(lower.connect_timeout),
            write_timeout: self.write_timeout.or(lower.write_timeout),
            message_rate: self.message_rate.or(lower.message_rate),
            byte_rate: self.byte_rate.or(lower.byte_rate),
            all_queues_messages: self.all_queues_messages.or(lower.all_queues_messages),
            all_outboxes_bytes: self.all_outboxes_bytes.or(lower.all_outboxes_bytes),
            max_sessions: self.max_sessions.or(lower.max_sessions),
            max_subscriptions: self.max_subscriptions.or(lower.max_subscriptions),
            all_subscriptions: self.all_subscriptions.or(lower.all_subscriptions),
            max_filters: self.max_filters.or(lower.max_filters),
            max_user_properties: self.max_user_properties.or(lower.max_user_properties),
            max_topic_length: self.max_topic_length.or(lower.max_topic_length),
            max_topic_levels: self.max_topic_levels.or(lower.max_topic_levels),
            max_packet_size: self.max_packet_size.or(lower.max_packet_size),
            receive_maximum: self.receive_maximum.or(lower.receive_maximum),
            max_in_flight: self.max_in_flight.or(lower.max_in_flight),
            topic_alias_maximum: self.topic_alias_maximum.or(lower.topic_alias_maximum),
            max_session_expiry: self.max_session_expiry.or(lower.max_session_expiry),
            server_keep_alive: self.server_keep_alive.or(lower.server_keep_alive),
            queue_messages: self.queue_messages.or(lower.queue_messages),
            queue_bytes: self.queue_bytes.or(lower.queue_bytes),
            all_queues_bytes: self.all_queues_bytes.or(lower.all_queues_bytes),
            outbox_bytes: self.outbox_bytes.or(lower.outbox_bytes),
            retained_messages: self.retained_messages.or(lower.retained_messages),
            retained_bytes: self.retained_bytes.or(lower.retained_bytes),
            sys_interval: self.sys_interval.or(lower.sys_interval),
        }
    }

    /// All that can be set: the flags with their help, from which example and defaults are made as well.
    pub(super) fn flags() -> clap::Command {
        Layer::augment_args(clap::Command::new("tabmq").no_binary_name(true))
    }

    /// The keys of the configuration file.
    pub(super) fn keys() -> Vec<String> {
        Layer::flags().get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect()
    }

    /// The defaults as the help says them: `[default: 16MiB]`. A test holds them against [`Config`](super::Config)'s.
    pub(super) fn defaults() -> Layer {
        let command = Layer::flags();
        let argument = |arg: &clap::Arg| {
            let help = arg.get_help()?.to_string();
            let (default, _) = help.split_once("[default: ")?.1.split_once(']')?;
            Some(format!("--{}={default}", arg.get_long()?))
        };
        let arguments: Vec<String> = command.get_arguments().filter_map(argument).collect();
        let matches = command.try_get_matches_from(arguments);
        matches.and_then(|matches| Layer::from_arg_matches(&matches)).unwrap_or_default()
    }
}

impl From<LogLevel> for tracing_subscriber::filter::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
