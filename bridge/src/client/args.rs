//! The flags of `tabmq pub` and `tabmq sub`, and what they mean together.

use super::Failure;
use super::properties::{Properties, PropertyArgs};
use super::target::Target;
use super::tls_args::TlsArgs;
use super::transport::Route;
use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tabmq_shared::client::{ConnectOptions, Message, Subscription};
use tabmq_shared::packet::{ConnectProperties, QoS, RetainHandling, SubscriptionOptions, Version, Will};
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

    /// The content of this file as the message
    #[arg(short, long, value_name = "FILE", group = "payload")]
    pub(super) file: Option<PathBuf>,

    /// Each line of standard input as a message: type, and publish with Enter
    #[arg(short = 'l', long, group = "payload")]
    pub(super) stdin_line: bool,

    /// All of standard input as one message
    #[arg(short = 's', long, group = "payload")]
    pub(super) stdin_file: bool,

    /// An empty message; with -r it removes the retained one
    #[arg(short, long, group = "payload")]
    null_message: bool,

    /// Quality of service: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = qos)]
    qos: QoS,

    /// Retain the message: who subscribes later gets it at once
    #[arg(short, long)]
    retain: bool,

    /// Publish it so many times
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "stdin_line")]
    pub(super) repeat: u32,

    /// Seconds between them
    #[arg(long, value_name = "SECONDS", default_value = "0", requires = "repeat", value_parser = seconds)]
    pub(super) repeat_delay: Duration,

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
        let mut message = Message::new(topic, Bytes::new(), self.qos, self.retain);
        message.properties =
            (!session.properties.publish.is_empty()).then(|| Box::new(session.properties.publish.clone()));
        Ok((session, message))
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
        let username = self.username.as_deref().or(target.username.as_deref());
        let password = self.password.as_deref().or(target.password.as_deref());
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
        Ok(Session { route: self.tls.route(target)?, options, properties })
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

fn filter(text: &str) -> Result<TopicFilter, tabmq_shared::topic::TopicError> {
    TopicFilter::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Pub {
        #[command(flatten)]
        args: PubArgs,
    }

    #[derive(Debug, Parser)]
    struct Sub {
        #[command(flatten)]
        args: SubArgs,
    }

    fn words(line: &str) -> impl Iterator<Item = String> {
        format!("tabmq {line}").split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    fn publish(line: &str) -> Result<(Session, Message), String> {
        let args = Pub::try_parse_from(words(line)).map_err(|error| error.to_string())?.args;
        args.session().map_err(|failure| failure.to_string())
    }

    fn subscribe(line: &str) -> Result<(Session, Vec<Subscription>), String> {
        let args = Sub::try_parse_from(words(line)).map_err(|error| error.to_string())?.args;
        args.session().map_err(|failure| failure.to_string())
    }

    #[test]
    fn flags_of_mosquitto_mean_the_same() {
        let line = "-h ::1 -p 7 -t a/b -m x -q 2 -r -i me -u user -P pw -V mqttv311 -k 5 -c -M 3 --will-topic w \
                    --will-payload gone --will-qos 1 --will-retain";
        let (session, message) = publish(line).unwrap();
        assert_eq!(session.route.target, Target::tcp("::1", 7));
        assert_eq!((message.topic.as_str(), message.qos, message.retain), ("a/b", QoS::ExactlyOnce, true));
        let options = session.options;
        assert_eq!((&*options.client_id, options.version, options.keep_alive_s), ("me", Version::V311, 5));
        assert_eq!((options.clean_start, options.max_in_flight), (false, 3));
        assert_eq!(options.username.as_deref(), Some("user"));
        assert_eq!(options.password.as_deref(), Some(&b"pw"[..]));
        assert_eq!(options.properties.session_expiry_s, Some(u32::MAX));
        let will = options.will.unwrap();
        assert_eq!(
            (&*will.topic, &*will.payload, will.qos, will.retain),
            ("w", &b"gone"[..], QoS::AtLeastOnce, true)
        );

        let (session, subscriptions) = subscribe("-t a/# -t b/+ -q 1 -v -C 3 -W 2.5 -x 60 -T c").unwrap();
        assert_eq!(session.route.target, Target::tcp("localhost", 1883));
        let filters: Vec<_> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
        assert_eq!(filters, ["a/#", "b/+"]);
        assert!(session.options.clean_start && session.options.client_id.starts_with("tabmq-sub-"));
        assert!(session.options.client_id.len() <= 23);
        assert_eq!(session.options.properties.session_expiry_s, Some(60));
    }

    #[test]
    fn urls_give_address_user_and_topic() {
        let (session, message) = publish("-L mqtt://u:p@h:7/a/b -n").unwrap();
        assert_eq!((session.route.target.to_string(), message.topic.as_str()), ("h:7".into(), "a/b"));
        assert_eq!(session.options.username.as_deref(), Some("u"));
        let (session, message) = publish("-L ws://h:8083/x -t t -m 1 -u other").unwrap();
        assert_eq!((session.route.target.to_string(), message.topic.as_str()), ("h:8083".into(), "t"));
        assert_eq!(session.options.username.as_deref(), Some("other"));
        assert_eq!(subscribe("-L mqtt://h/a/# -t b").unwrap().1.len(), 2);
    }

    #[test]
    fn values_may_look_like_flags() {
        assert_eq!(Pub::try_parse_from(words("-t a -m -5")).unwrap().args.message.as_deref(), Some("-5"));
        assert_eq!(publish("-t a -n -x -1").unwrap().0.options.properties.session_expiry_s, Some(u32::MAX));
        let line = "-D publish user-property k v -D publish content-type c -t a -n";
        let properties = publish(line).unwrap().1.properties.unwrap();
        assert_eq!(properties.user, [("k".into(), "v".into())]);
        assert_eq!(properties.content_type.as_deref(), Some("c"));
    }

    #[test]
    fn errors_say_what_to_do() {
        let cases = [
            (publish("-m x").err(), "-t TOPIC"),
            (publish("-t a").err(), "required"),
            (publish("-t a -m x -n").err(), "cannot be used with"),
            (publish("-t a/# -n").err(), "wildcards are for subscribing only"),
            (publish("-t a -n -q 3").err(), "only 0, 1 and 2"),
            (publish("-t a -n -c").err(), "-i ID"),
            (publish("-t a -n --will-topic #").err(), "the will's topic '#'"),
            (publish("-t a -n -L mqtt://h --insecure").err(), "write mqtts://"),
            (publish("-t a -n -L ws://h --cert x --key y").err(), "write wss://"),
            (publish("-t a -n --cert x").err(), "--key"),
            (publish("-t a -n --tls-version 1.1").err(), "possible values: 1.2, 1.3"),
            (publish("-t a -n --cafile /nowhere").err(), "--cafile /nowhere: cannot be read"),
            (publish("-t a -n -L mqtt://h -h x").err(), "cannot be used with"),
            (publish("-t a -n -D publish colour red").err(), "colour"),
            (subscribe("").err(), "-t FILTER"),
            (subscribe("-t a#").err(), "the filter 'a#' has a '#'"),
            (subscribe("-t a -F %z").err(), "%z"),
        ];
        for (error, part) in cases {
            let error = error.unwrap();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
