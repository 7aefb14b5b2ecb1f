//! The flags of `tabmq bench`.

use super::super::Failure;
use super::super::args::{qos, seconds};
use super::super::target::Target;
use super::super::tls_args::TlsArgs;
use super::super::transport::Route;
use super::topics::Pattern;
use clap::{ArgAction, Args, Subcommand};
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;
use tabmq_shared::packet::{QoS, Version};

/// Flags of `tabmq bench`.
#[derive(Args, Clone, Debug)]
#[command(
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Other measurements",
    after_help = "\
In topics and filters {i} is the client's number, {t} counts through --topics or --filters; both begin with 0.

  tabmq bench                                            one to one, QoS 0, as fast as it goes
  tabmq bench --publishers 50                            50 to 1
  tabmq bench --subscribers 100 --rate 1000              1 to 100, 1000 messages/s
  tabmq bench --publishers 50 --subscribers 50 --topic 'bench/{i}' -q 1    50 pairs, QoS 1
  tabmq bench -L ws://localhost:8083/mqtt --size 16k     over WebSocket, 16 kB
  tabmq bench --topics 100000 --topic 't/{t}' --filter 't/#'               100,000 topics

What is sent but has not arrived is reported as lost, whatever the reason: at QoS 0 a broker drops what a client is too \
slow to take. --lead keeps publishers from running ahead."
)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(super) other: Option<Other>,

    #[command(flatten)]
    pub(super) messages: MessagesArgs,
}

/// What else can be measured.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Other {
    /// Connect and disconnect, again and again
    Connect(ConnectArgs),
    /// Connect many clients that then do nothing, and hold them
    Idle(IdleArgs),
    /// Retain many messages, and see how fast a subscriber gets them
    Retained(RetainedArgs),
}

/// Flags that all measurements have.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(super) struct CommonArgs {
    /// The broker's host name or address [default: 127.0.0.1]
    #[arg(short = 'h', long, value_name = "HOST")]
    host: Option<String>,

    /// Its port; 8883 means TLS [default: 1883, or 8883 with a flag of TLS]
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,

    /// In place of host and port: mqtt://[USER[:PASSWORD]@]HOST[:PORT] or ws://HOST[:PORT]/PATH; mqtts and wss over TLS
    #[arg(short = 'L', long, value_name = "URL", value_parser = Target::parse, conflicts_with_all = ["host", "port"])]
    url: Option<Target>,

    /// User name
    #[arg(short, long, value_name = "NAME")]
    pub(super) username: Option<String>,

    /// Password. Others on this machine can see it in the list of processes
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD")]
    pub(super) password: Option<String>,

    /// Client ids are this and a number [default: a random one]
    #[arg(short = 'I', long, value_name = "PREFIX")]
    pub(super) id_prefix: Option<String>,

    /// The version of MQTT: 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "5", value_parser = version)]
    pub(super) protocol_version: Version,

    /// Keep-alive in seconds; 0 for none
    #[arg(short, long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) keepalive: u16,

    /// Connect from this address of this machine; may be repeated, and connections take turns: one address has ports for
    /// about 28,000 connections [default: the system chooses; to 127.0.0.1 on Linux, 1,000 addresses of 127.0.0.0/8]
    #[arg(long, value_name = "ADDR")]
    pub(super) source: Vec<IpAddr>,

    #[command(flatten)]
    tls: TlsArgs,

    /// Threads of the load generator [default: one for each processor core]
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(super) threads: Option<NonZeroUsize>,

    /// Print the result as JSON, on one line
    #[arg(long, help_heading = "Output")]
    pub(super) json: bool,

    /// No progress on standard error
    #[arg(long, help_heading = "Output")]
    pub(super) quiet: bool,

    /// Print help
    #[arg(long, action = ArgAction::Help, help_heading = "Output")]
    help: Option<bool>,
}

/// Flags of the usual measurement: messages from publishers to subscribers.
#[derive(Args, Clone, Debug)]
pub(super) struct MessagesArgs {
    /// How many clients publish
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(super) publishers: usize,

    /// How many clients subscribe
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(super) subscribers: usize,

    /// The topic to publish to; may contain {i} and {t}
    #[arg(short, long, default_value = "bench", help_heading = "Load")]
    pub(super) topic: Pattern,

    /// How many topics each publisher goes round, where the topic contains {t}
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Load")]
    pub(super) topics: usize,

    /// A filter to subscribe to; may contain {i} and {t}, and be given several times [default: the topic]
    #[arg(short, long = "filter", value_name = "FILTER", help_heading = "Load")]
    pub(super) filter: Vec<Pattern>,

    /// How many filters each subscriber makes of a filter that contains {t} [default: --topics]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(super) filters: Option<usize>,

    /// Payload in bytes, such as 64, 16k or 1M; several are used in turn. 16 and more can hold what latency is measured
    /// with
    #[arg(short, long, value_name = "BYTES", default_value = "64", value_delimiter = ',', value_parser = bytes,
          help_heading = "Load")]
    pub(super) size: Vec<usize>,

    /// Quality of service of publishers and subscribers: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = qos, help_heading = "Load")]
    pub(super) qos: QoS,

    /// Publish with the retain flag
    #[arg(short, long, help_heading = "Load")]
    pub(super) retain: bool,

    /// QoS 1 and 2: how many messages a publisher has in flight at a time
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Load")]
    pub(super) in_flight: NonZeroU16,

    /// Messages per second of each publisher, at fixed times, however the broker does [default: as fast as it goes]
    #[arg(long, value_name = "N", value_parser = rate, help_heading = "Load")]
    pub(super) rate: Option<f64>,

    /// Publishers wait while more than so many messages are on their way to subscribers
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(super) lead: Option<u64>,

    /// The last N subscribers never read: what they do to the others
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Load")]
    pub(super) stalled: usize,

    /// Messages of each publisher [default: as many as --duration allows]
    #[arg(short = 'n', long, value_name = "N", help_heading = "Length")]
    pub(super) count: Option<u64>,

    /// How long to publish, in seconds [default: 10, or with --count no limit but 600]
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, help_heading = "Length")]
    pub(super) duration: Option<Duration>,

    /// Seconds at the beginning that are not counted in rates and latency
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds, help_heading = "Length")]
    pub(super) warm_up: Duration,

    /// How long subscribers wait when nothing more arrives, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, help_heading = "Length")]
    pub(super) patience: Duration,

    /// Subscribers connect there, publishers to the other address: as -L
    #[arg(long, value_name = "URL", value_parser = Target::parse, help_heading = "Connection")]
    pub(super) subscriber_url: Option<Target>,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Flags of `tabmq bench connect`.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct ConnectArgs {
    /// How many clients connect at a time
    #[arg(long, value_name = "N", default_value_t = 50, help_heading = "Load")]
    pub(super) clients: usize,

    /// All in all so many connections [default: as many as --duration allows]
    #[arg(short = 'n', long, value_name = "N", help_heading = "Length")]
    pub(super) count: Option<u64>,

    /// How long, in seconds
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Length")]
    pub(super) duration: Duration,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Flags of `tabmq bench idle`.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct IdleArgs {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Load")]
    pub(super) clients: usize,

    /// A filter that each subscribes to; may contain {i} and {t}, and be given several times [default: none]
    #[arg(short, long = "filter", value_name = "FILTER", help_heading = "Load")]
    pub(super) filter: Vec<Pattern>,

    /// How many filters each client makes of a filter that contains {t}
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Load")]
    pub(super) filters: usize,

    /// How long to hold the connections, in seconds; Ctrl-C ends it sooner
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Length")]
    pub(super) duration: Duration,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Flags of `tabmq bench retained`.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct RetainedArgs {
    /// How many messages are retained
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20_000, help_heading = "Load")]
    pub(super) count: usize,

    /// Their topics, with {t}
    #[arg(short, long, default_value = "bench/retained/{t}", help_heading = "Load")]
    pub(super) topic: Pattern,

    /// What to subscribe to
    #[arg(short, long, default_value = "#", help_heading = "Load")]
    pub(super) filter: String,

    /// Payload in bytes, such as 64, 16k or 1M
    #[arg(short, long, value_name = "BYTES", default_value = "64", value_parser = bytes, help_heading = "Load")]
    pub(super) size: usize,

    /// Quality of service of the subscription: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = qos, help_heading = "Load")]
    pub(super) qos: QoS,

    /// How many times to subscribe, one after the other
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Length")]
    pub(super) rounds: u32,

    /// Leave the messages retained in the broker
    #[arg(long, help_heading = "Load")]
    pub(super) keep: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

impl CommonArgs {
    /// Where to connect to.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        let target = match &self.url {
            Some(url) => url.clone(),
            None => Target::at(self.host.as_deref().unwrap_or("127.0.0.1"), self.port, self.tls.are_given()),
        };
        match target.topic {
            None => Ok(target),
            Some(topic) => Err(Failure::new(format!(
                "'{topic}' in the URL is a topic: write the URL without it, and -t '{topic}'"
            ))),
        }
    }

    /// And how to get there.
    pub(super) fn route(&self, target: Target) -> Result<Route, Failure> {
        self.tls.route(target)
    }
}

fn version(text: &str) -> Result<Version, &'static str> {
    match text {
        "5" | "mqttv5" => Ok(Version::V5),
        "311" | "mqttv311" => Ok(Version::V311),
        "31" | "mqttv31" => Ok(Version::V31),
        _ => Err("there are only 5, 311 and 31"),
    }
}

/// 64, 16k (16,000) or 16Ki (16,384), and the same with M.
fn bytes(text: &str) -> Result<usize, &'static str> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => 1,
        "k" | "kB" => 1000,
        "Ki" | "KiB" => 1024,
        "M" | "MB" => 1_000_000,
        "Mi" | "MiB" => 1024 * 1024,
        _ => return Err("write a number of bytes, such as 64, 16k or 1M"),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes <= 256_000_000).ok_or("write a number of bytes up to 256M")
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1e8);
    rate.ok_or("write messages per second, such as 1000 or 0.5")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn parse(line: &str) -> Result<BenchArgs, clap::Error> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args)
    }

    #[test]
    fn without_flags_it_is_one_to_one() {
        let messages = parse("").unwrap().messages;
        assert_eq!((messages.publishers, messages.subscribers, messages.qos), (1, 1, QoS::AtMostOnce));
        assert_eq!(messages.size, [64]);
        assert_eq!(messages.common.target().unwrap(), Target::tcp("127.0.0.1", 1883));
    }

    #[test]
    fn values() {
        let messages = parse("-s 64,16k,1Mi -q 1 --rate 0.5 -V 311 -h ::1 -p 7 -n 3").unwrap().messages;
        assert_eq!(messages.size, [64, 16_000, 1_048_576]);
        assert_eq!((messages.rate, messages.count), (Some(0.5), Some(3)));
        assert_eq!(messages.common.protocol_version, Version::V311);
        assert_eq!(messages.common.target().unwrap(), Target::tcp("::1", 7));
        assert!(matches!(parse("connect --clients 9").unwrap().other, Some(Other::Connect(_))));
    }

    #[test]
    fn errors() {
        for line in
            ["-s x", "-s 300M", "-q 3", "--rate 0", "--rate nan", "-V 4", "-L mqtt://h -h h", "--in-flight 0"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
        let with_topic = parse("-L mqtt://h/a/b").unwrap().messages.common.target().unwrap_err();
        assert!(with_topic.to_string().contains("-t 'a/b'"));
    }
}
