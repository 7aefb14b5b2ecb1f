//! The flags of `tabmq pub` and `tabmq sub`, and what they mean together.

use super::properties::{Properties, PropertyArgs};
use super::target::Target;
use super::tls_args::TlsArgs;
use super::transport::Route;
use super::{Driver, Failure};
use crate::auth::scram_client;
use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tabmq_shared::client::{ConnectOptions, Message, Subscription};
use tabmq_shared::packet::{ConnectProperties, QoS, RetainHandling, SubscriptionOptions, Version, Will};
use tabmq_shared::record::FileForm;
use tabmq_shared::replay;
use tabmq_shared::scram;
use tabmq_shared::topic::{TopicFilter, TopicName};
use tabmq_shared::{ByteString, Bytes};

/// The largest packet that a native client accepts: the protocol's own limit.
const MAX_PACKET_SIZE: u32 = 268_435_460;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Flags that both commands have.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// The broker's host name or address [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST")]
    host: Option<String>,

    /// Its port; 8883 means TLS [default: 1883, or 8883 with a flag of TLS]
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,

    /// Everything in one: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC, or ws://HOST[:PORT]/PATH with -t for the topic;
    /// mqtts and wss over TLS
    #[arg(short = 'L', long, value_name = "URL", conflicts_with_all = ["host", "port"])]
    url: Option<String>,

    /// User name
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,

    /// Password. Others on this machine can see it in the list of processes
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD")]
    password: Option<String>,

    /// MQTT 5: how to show that user name and password are right; without it they are sent as they are
    #[arg(long, value_name = "METHOD", ignore_case = true)]
    auth_method: Option<AuthMethod>,

    /// Client id [default: a random one]
    #[arg(short, long, value_name = "ID")]
    id: Option<String>,

    /// Client id: this and the process id
    #[arg(short = 'I', long, value_name = "PREFIX", conflicts_with = "id")]
    id_prefix: Option<String>,

    /// The version of MQTT: 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "5")]
    protocol_version: ProtocolVersion,

    /// Keep-alive in seconds; 0 for none
    #[arg(short, long, value_name = "SECONDS", default_value_t = 60)]
    keepalive: u16,

    /// Continue the session of this client id, and keep it afterwards (needs -i)
    #[arg(short = 'c', long)]
    disable_clean_session: bool,

    /// MQTT 5: seconds that the session is kept afterwards; -1 for ever [default: 0, or for ever with -c]
    #[arg(short = 'x', long, value_name = "SECONDS", allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-1..=i64::from(u32::MAX)))]
    session_expiry_interval: Option<i64>,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    properties: PropertyArgs,

    /// The topic of a message for when this client is gone without a word
    #[arg(long, value_name = "TOPIC", help_heading = "Will")]
    will_topic: Option<String>,

    /// Its payload [default: empty]
    #[arg(
        long,
        value_name = "TEXT",
        help_heading = "Will",
        requires = "will_topic",
        allow_hyphen_values = true
    )]
    will_payload: Option<String>,

    /// Its QoS
    #[arg(long, value_name = "QOS", help_heading = "Will", requires = "will_topic", default_value = "0",
          value_parser = qos)]
    will_qos: QoS,

    /// Retain it
    #[arg(long, help_heading = "Will", requires = "will_topic")]
    will_retain: bool,

    /// Print no errors and warnings
    #[arg(long, help_heading = None)]
    pub(super) quiet: bool,

    /// Print help
    #[arg(long, action = ArgAction::Help, help_heading = None)]
    help: Option<bool>,
}

/// Flags of `tabmq pub`.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
#[command(group(ArgGroup::new("payload").required(true)))]
pub struct PubArgs {
    /// The topic to publish to
    #[arg(short, long)]
    topic: Option<String>,

    /// The message
    #[arg(short, long, value_name = "TEXT", group = "payload", allow_hyphen_values = true)]
    pub(super) message: Option<String>,

    /// The content of this file as the message; with --format, a file of messages to replay
    #[arg(short, long, value_name = "FILE", group = "payload")]
    pub(super) file: Option<PathBuf>,

    /// Each line of standard input as a message: type, and publish with Enter
    #[arg(short = 'l', long, group = "payload")]
    pub(super) stdin_line: bool,

    /// All of standard input as one message; with --format, as messages to replay
    #[arg(short = 's', long, group = "payload")]
    pub(super) stdin_file: bool,

    /// An empty message; with -r it removes the retained one
    #[arg(short, long, group = "payload")]
    null_message: bool,

    /// Quality of service: 0, 1 or 2 [default: 0]
    #[arg(short, long, value_parser = qos)]
    pub(super) qos: Option<QoS>,

    /// Retain the message: who subscribes later gets it at once. In a replay: keep the retain flags
    #[arg(short, long)]
    pub(super) retain: bool,

    /// Publish it so many times [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "stdin_line")]
    pub(super) repeat: Option<u32>,

    /// Seconds between them
    #[arg(long, value_name = "SECONDS", default_value = "0", requires = "repeat", value_parser = seconds)]
    pub(super) repeat_delay: Duration,

    /// Replay a file of messages, of the page or of `tabmq sub --format`: to the topics and at the QoS that are in it.
    /// Goes without saying for a FILE.jsonl or FILE.csv and no topic
    #[arg(long, value_name = "FORM", help_heading = "Replay")]
    pub(super) format: Option<RecordForm>,

    /// So many times as fast, such as 2 or 0.5; 0: as fast as the broker takes it [default: 1]
    #[arg(long, value_name = "FACTOR", help_heading = "Replay", value_parser = speed)]
    pub(super) speed: Option<u32>,

    /// Put this before each topic, as in 'replay/'
    #[arg(long, help_heading = "Replay")]
    pub(super) prefix: Option<String>,

    /// How many messages at QoS 1 and 2 may be unacknowledged
    #[arg(short = 'M', long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: u16,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Flags of `tabmq sub`.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
pub struct SubArgs {
    /// A topic filter to subscribe to; may be repeated
    #[arg(short, long, value_name = "FILTER")]
    topic: Vec<String>,

    /// Quality of service: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = qos)]
    qos: QoS,

    /// Print the topic before each message
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Print messages in this format, such as '%t %q %p': %t topic, %p payload, %x payload in hexadecimal, %l its
    /// length, %q QoS, %r retain, %m packet id, %U Unix time, %C content type, %R response topic, %P user properties,
    /// %S subscription ids, %% a percent sign; \n, \t, \0 and \\ are understood
    #[arg(short = 'F', value_name = "FORMAT", conflicts_with = "verbose", value_parser = super::format::Format::parse)]
    pub(super) format: Option<super::format::Format>,

    /// Print messages as lines of a file that the page opens and `tabmq pub --file` replays
    #[arg(long = "format", value_name = "FORM", conflicts_with_all = ["format", "verbose", "no_newline"])]
    pub(super) file_form: Option<RecordForm>,

    /// Print no newline after each message
    #[arg(short = 'N')]
    pub(super) no_newline: bool,

    /// End after so many messages
    #[arg(short = 'C', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// End after so many seconds, with exit code 27
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,

    /// End as soon as all subscriptions are acknowledged
    #[arg(short = 'E')]
    pub(super) exit_after_subscribe: bool,

    /// Do not print retained messages
    #[arg(short = 'R', conflicts_with = "retained_only")]
    pub(super) no_retained: bool,

    /// Print retained messages only, and end at the first that is not
    #[arg(long)]
    pub(super) retained_only: bool,

    /// MQTT 5: keep the retain flag as it was published
    #[arg(long)]
    retain_as_published: bool,

    /// MQTT 5: when to be sent retained messages
    #[arg(long, value_name = "WHEN", default_value = "always")]
    retain_handling: WhenRetained,

    /// MQTT 5: get no messages of this client itself
    #[arg(long)]
    no_local: bool,

    /// Print no messages to topics that match this filter; may be repeated
    #[arg(short = 'T', long, value_name = "FILTER", value_parser = filter)]
    pub(super) filter_out: Vec<TopicFilter>,

    /// Unsubscribe from this filter, for a session that is continued; may be repeated
    #[arg(short = 'U', long, value_name = "FILTER", value_parser = filter)]
    pub(super) unsubscribe: Vec<TopicFilter>,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolVersion {
    #[value(name = "5", alias = "mqttv5")]
    V5,
    #[value(name = "311", alias = "mqttv311")]
    V311,
    #[value(name = "31", alias = "mqttv31")]
    V31,
}

/// The form of a file of messages: docs/recording.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RecordForm {
    /// JSON lines
    Jsonl,
    /// CSV
    Csv,
}

impl From<RecordForm> for FileForm {
    fn from(form: RecordForm) -> Self {
        match form {
            RecordForm::Jsonl => FileForm::JsonLines,
            RecordForm::Csv => FileForm::Csv,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AuthMethod {
    /// The password does not travel, and the broker shows that it knows it, too
    #[value(name = scram::METHOD)]
    Scram,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhenRetained {
    /// At every subscription
    Always,
    /// At a new subscription
    New,
    /// Not at all
    Never,
}

/// All that a command needs to know before it connects.
pub(super) struct Session {
    pub(super) route: Route,
    pub(super) options: ConnectOptions,
    pub(super) properties: Properties,
    /// The method of enhanced authentication, if there is to be one.
    authentication: Option<scram::Client>,
}

impl Session {
    /// Begins to connect.
    pub(super) fn start(self) -> Driver {
        let mut driver = Driver::start(self.options, self.route);
        if let Some(method) = self.authentication {
            // In time: the first CONNECT is composed when the transport is open.
            driver.machine().0.set_authentication(Box::new(method));
        }
        driver
    }
}

impl PubArgs {
    /// Whom to connect to, and the message but for its payload.
    pub(super) fn session(&self) -> Result<(Session, Message), Failure> {
        let mut session = self.connection.session("pub")?;
        session.options.max_in_flight = self.max_inflight;
        let topic = self.topic.clone().or_else(|| session.route.target.topic.clone());
        let topic = topic.ok_or_else(|| Failure::new("give a topic with -t TOPIC"))?;
        let topic = TopicName::new(topic.as_str())
            .map_err(|error| Failure(format!("the topic '{}' {error}", topic.escape_debug())))?;
        let qos = self.qos.unwrap_or(QoS::AtMostOnce);
        let mut message = Message::new(topic, Bytes::new(), qos, self.retain);
        message.properties =
            (!session.properties.publish.is_empty()).then(|| Box::new(session.properties.publish.clone()));
        Ok((session, message))
    }

    /// Whether it is a file of messages that is published, not a message.
    pub(super) fn replays(&self) -> bool {
        let is_recording = |file: &PathBuf| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("jsonl" | "csv"))
        };
        let without_saying = self.topic.is_none() && self.file.as_ref().is_some_and(is_recording);
        without_saying || self.format.is_some() || self.speed.is_some() || self.prefix.is_some()
    }

    /// Whom to connect to, and how to replay.
    pub(super) fn replay(&self) -> Result<(Session, replay::Options), Failure> {
        let mut session = self.connection.session("pub")?;
        session.options.max_in_flight = self.max_inflight;
        let has_topic = self.topic.is_some() || session.route.target.topic.is_some();
        let not_of_a_replay = [
            (
                self.file.is_none() && !self.stdin_file,
                "a replay reads from -f FILE or from standard input with -s",
            ),
            (
                has_topic,
                "a replay has its own topics: leave the topic out; --prefix PREFIX puts it elsewhere",
            ),
            (self.qos.is_some(), "the messages of a replay have their own QoS: leave -q out"),
            (self.repeat.is_some(), "a replay runs once: leave --repeat out"),
            (
                !session.properties.publish.is_empty(),
                "the messages of a replay have their own properties: leave -D publish out",
            ),
        ];
        if let Some((_, why)) = not_of_a_replay.iter().find(|(is_wrong, _)| *is_wrong) {
            return Err(Failure::new(*why));
        }
        let options = replay::Options {
            speed: self.speed.unwrap_or(100),
            from: String::new(),
            to: self.prefix.clone().unwrap_or_default(),
            retain: self.retain,
        };
        Ok((session, options))
    }
}

impl SubArgs {
    /// Whom to connect to, and what to subscribe to.
    pub(super) fn session(&self) -> Result<(Session, Vec<Subscription>), Failure> {
        let session = self.connection.session("sub")?;
        let options = SubscriptionOptions {
            qos: self.qos,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling: match self.retain_handling {
                WhenRetained::Always => RetainHandling::Send,
                WhenRetained::New => RetainHandling::SendIfNew,
                WhenRetained::Never => RetainHandling::DoNotSend,
            },
        };
        let filters = self.topic.iter().chain(&session.route.target.topic);
        let subscription = |text: &String| {
            let filter = filter(text)
                .map_err(|error| Failure(format!("the filter '{}' {error}", text.escape_debug())))?;
            Ok(Subscription { filter, options, id: session.properties.subscription_id })
        };
        let subscriptions = filters.map(subscription).collect::<Result<Vec<_>, Failure>>()?;
        if subscriptions.is_empty() && self.unsubscribe.is_empty() {
            return Err(Failure::new("give a topic filter with -t FILTER, such as -t 'home/#'"));
        }
        Ok((session, subscriptions))
    }
}

impl ConnectionArgs {
    /// `command` becomes part of the client id, if none is given.
    fn session(&self, command: &str) -> Result<Session, Failure> {
        let target = match &self.url {
            Some(url) => Target::parse(url).map_err(|error| Failure(format!("the URL {url}: {error}")))?,
            None => Target::at(self.host.as_deref().unwrap_or("localhost"), self.port, self.tls.are_given()),
        };
        let properties = Properties::parse(&self.properties.0).map_err(Failure)?;
        let version = match self.protocol_version {
            ProtocolVersion::V5 => Version::V5,
            ProtocolVersion::V311 => Version::V311,
            ProtocolVersion::V31 => Version::V31,
        };
        let mut username = self.username.as_deref().or(target.username.as_deref());
        let mut password = self.password.as_deref().or(target.password.as_deref());
        let authentication = self.authentication(version, username, password)?;
        if authentication.is_some() {
            // They are what the method speaks of.
            (username, password) = (None, None);
        }
        let options = ConnectOptions {
            version,
            client_id: self.client_id(command)?,
            clean_start: !self.disable_clean_session,
            keep_alive_s: self.keepalive,
            username: username.map(ByteString::from),
            password: password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
            will: self.will(&properties)?,
            properties: ConnectProperties {
                session_expiry_s: self.session_expiry_s().or(properties.connect.session_expiry_s),
                ..properties.connect.clone()
            },
            reconnect: None,
            connect_timeout: CONNECT_TIMEOUT,
            max_packet_size: MAX_PACKET_SIZE,
            ..ConnectOptions::default()
        };
        Ok(Session { route: self.tls.route(target)?, options, properties, authentication })
    }

    fn authentication(
        &self,
        version: Version,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<Option<scram::Client>, Failure> {
        let Some(AuthMethod::Scram) = self.auth_method else { return Ok(None) };
        if !version.is_v5() {
            return Err(Failure::new("--auth-method is for MQTT 5: leave -V out"));
        }
        match (username, password) {
            (Some(username), Some(password)) => Ok(Some(scram_client(username, password.as_bytes()))),
            _ => Err(Failure::new(
                "--auth-method needs a user name and a password: give -u NAME and -P PASSWORD",
            )),
        }
    }

    fn client_id(&self, command: &str) -> Result<ByteString, Failure> {
        match (&self.id, &self.id_prefix) {
            (Some(id), _) => Ok(ByteString::from(id.as_str())),
            (None, Some(prefix)) => Ok(ByteString::from(format!("{prefix}{}", std::process::id()))),
            (None, None) if self.disable_clean_session => {
                Err(Failure::new("-c continues the session of a client id: say which with -i ID"))
            }
            // A name that can be recognised in the broker's log, within the 23 characters of MQTT 3.1.
            (None, None) => Ok(ByteString::from(format!("tabmq-{command}-{:08x}", fastrand::u32(..)))),
        }
    }

    fn session_expiry_s(&self) -> Option<u32> {
        match self.session_expiry_interval {
            Some(seconds) => Some(u32::try_from(seconds).unwrap_or(u32::MAX)), // -1
            None => self.disable_clean_session.then_some(u32::MAX),
        }
    }

    fn will(&self, properties: &Properties) -> Result<Option<Will>, Failure> {
        let Some(topic) = &self.will_topic else { return Ok(None) };
        let topic = TopicName::new(topic.as_str())
            .map_err(|error| Failure(format!("the will's topic '{}' {error}", topic.escape_debug())))?;
        let payload = self.will_payload.as_deref().unwrap_or_default();
        Ok(Some(Will {
            topic: topic.into_byte_string(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: self.will_qos,
            retain: self.will_retain,
            properties: properties.will.clone(),
        }))
    }
}

pub(super) fn qos(text: &str) -> Result<QoS, &'static str> {
    text.parse().ok().and_then(QoS::from_u8).ok_or("there are only 0, 1 and 2")
}

pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or("write a number of seconds, such as 10 or 0.5")
}

/// Hundredths of the speed at which it was recorded.
fn speed(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "write how many times as fast, from 0.01 to 1000000, or 0 for as fast as possible";
    let factor: f64 = text.parse().map_err(|_| WRONG)?;
    match factor {
        0.0 => Ok(0),
        0.01..=1_000_000.0 => Ok((factor * 100.0).round() as u32),
        _ => Err(WRONG),
    }
}

fn filter(text: &str) -> Result<TopicFilter, tabmq_shared::topic::TopicError> {
    TopicFilter::new(text)
}

#[cfg(test)]
mod tests;
