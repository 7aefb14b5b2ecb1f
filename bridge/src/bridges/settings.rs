//! `[[bridge]]` in the configuration file. The names are mosquitto's where the meaning is the same.

use super::topics::{Direction, Rule};
use crate::client::{Route, Target, password_in};
use crate::tls::ClientOptions;
use crate::units::Span;
use bytes::Bytes;
use serde::Deserialize;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;
use tabmq_shared::packet::{QoS, Version};
use tabmq_shared::topic::TopicName;

/// A bridge as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BridgeTable {
    /// What it is called in `$SYS`, in the API and on the console: letters, digits, '-', '_' and '.'.
    pub name: Name,
    /// The other broker: `mqtt://HOST[:PORT]`, or `mqtts://…` for TLS.
    pub address: Address,
    /// What to speak: 5 or 3.1.1.
    #[serde(default)]
    pub version: BridgeVersion,
    /// Who the bridge is there; without it the host's name and the bridge's.
    pub client_id: Option<String>,
    /// User name there.
    pub username: Option<String>,
    /// Password there.
    pub password: Option<String>,
    /// A file with the password in its first line, in place of `password`.
    pub password_file: Option<PathBuf>,
    /// TLS: trust servers whose certificate an authority in this file has signed, and no others.
    pub cafile: Option<PathBuf>,
    /// TLS: and those in the files of this directory.
    pub capath: Option<PathBuf>,
    /// TLS: the bridge's certificate, if the other broker asks for one.
    pub cert: Option<PathBuf>,
    /// TLS: its private key.
    pub key: Option<PathBuf>,
    /// TLS: do not check whether the certificate is for the other broker's name; without `cafile`: not at all.
    #[serde(default)]
    pub insecure: bool,
    /// TLS: name the protocol inside, as some services want it.
    pub alpn: Option<String>,
    /// Begin with a new session there after a start, instead of getting what has waited.
    #[serde(default)]
    pub clean_start: bool,
    /// How long the other broker keeps the session while the bridge is away (5.0).
    #[serde(default = "one_day")]
    pub session_expiry: Span,
    /// Seconds between signs of life.
    #[serde(default = "one_minute")]
    pub keep_alive: u16,
    /// 3.1.1: say that this is a bridge, as mosquitto's do, and go without where that is refused.
    #[serde(default = "yes")]
    pub try_private: bool,
    /// 5.0: the other broker keeps to no-local. Where it does not (rumqttd), what comes back is recognised by its content.
    #[serde(default = "yes")]
    pub no_local: bool,
    /// Where to tell the other broker's clients, retained, whether the bridge is there (1) or gone (0).
    pub notification_topic: Option<String>,
    /// The longest pause between two attempts to connect.
    #[serde(default = "half_a_minute")]
    pub max_retry_time: Span,
    /// What passes.
    pub topics: Vec<TopicTable>,
}

/// One rule as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TopicTable {
    /// A topic filter, behind either prefix.
    pub pattern: String,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
    /// The highest QoS on either side.
    #[serde(default)]
    pub qos: u8,
    /// What stands before it here.
    #[serde(default)]
    pub local_prefix: String,
    /// What stands before it there.
    #[serde(default)]
    pub remote_prefix: String,
}

/// A bridge as it runs; valid as a whole. Two are equal if what was written is, also in the files that are named.
#[derive(Clone)]
pub struct BridgeConfig {
    written: BridgeTable,
    /// What the files said: certificates and keys, hashed.
    files: u64,
    pub(super) name: String,
    pub(super) route: Route,
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<Bytes>,
    pub(super) clean_start: bool,
    pub(super) session_expiry_s: u32,
    pub(super) keep_alive_s: u16,
    pub(super) try_private: bool,
    pub(super) no_local: bool,
    pub(super) notification_topic: Option<TopicName>,
    pub(super) max_retry: Duration,
    pub(super) rules: Vec<Rule>,
}

impl PartialEq for BridgeConfig {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.files == other.files && self.password == other.password
    }
}

impl Eq for BridgeConfig {}

/// Without the password.
impl fmt::Debug for BridgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeConfig")
            .field("name", &self.name)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// A bridge's name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
            return Ok(Name(name));
        }
        let shown = name.escape_debug();
        Err(format!("'{shown}' is no name for a bridge: write up to 64 letters, digits, '-', '_' and '.'"))
    }
}

/// The other broker's address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(Target);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        let target = Target::parse(&url)?;
        if !target.is_plain_address() {
            return Err("write mqtt://HOST:PORT, or mqtts:// for TLS, without a topic".to_owned());
        }
        if target.credentials().0.is_some() {
            return Err(
                "write user name and password as username and password, not into the address".to_owned()
            );
        }
        Ok(Address(target))
    }
}

/// What a bridge can speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum BridgeVersion {
    /// 5.0.
    #[default]
    #[serde(rename = "5", alias = "5.0")]
    V5,
    /// 3.1.1.
    #[serde(rename = "3.1.1", alias = "3")]
    V311,
}

fn one_day() -> Span {
    Span(24 * 60 * 60)
}

fn half_a_minute() -> Span {
    Span(30)
}

fn one_minute() -> u16 {
    60
}

fn yes() -> bool {
    true
}

impl BridgeTable {
    /// Checks what no single value can tell, and reads the files that are named. The error is a sentence.
    pub fn load(&self) -> Result<BridgeConfig, String> {
        let Name(name) = &self.name;
        let bad = |why: String| format!("the bridge '{name}': {why}");
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(bad("give either password or password-file, not both".to_owned()));
            }
            (Some(password), None) => Some(Bytes::from(password.clone())),
            (None, Some(path)) => Some(password_in(path).map_err(bad)?),
            (None, None) => None,
        };
        let version = match self.version {
            BridgeVersion::V5 => Version::V5,
            BridgeVersion::V311 => Version::V311,
        };
        if password.is_some() && self.username.is_none() {
            return Err(bad("a password needs a username".to_owned()));
        }
        if self.topics.is_empty() {
            return Err(bad("it has no topics, so nothing would pass".to_owned()));
        }
        let notification_topic = self.notification_topic.clone().map(|topic| {
            let shown = topic.escape_debug().to_string();
            TopicName::new(topic).map_err(|error| bad(format!("the notification-topic '{shown}' {error}")))
        });
        let rules: Result<Vec<Rule>, String> =
            self.topics.iter().map(|topic| topic.rule().map_err(bad)).collect();
        Ok(BridgeConfig {
            written: self.clone(),
            files: self.hash_files(),
            name: name.clone(),
            route: self.route().map_err(bad)?,
            version,
            client_id: self.client_id.clone().unwrap_or_else(|| default_client_id(name)),
            username: self.username.clone(),
            password,
            clean_start: self.clean_start,
            session_expiry_s: self.session_expiry.0,
            keep_alive_s: self.keep_alive,
            try_private: self.try_private,
            no_local: self.no_local,
            notification_topic: notification_topic.transpose()?,
            max_retry: Duration::from_secs(u64::from(self.max_retry_time.0.max(1))),
            rules: rules?,
        })
    }

    fn route(&self) -> Result<Route, String> {
        let target = self.address.0.clone();
        let options = ClientOptions {
            ca_file: self.cafile.clone(),
            ca_directory: self.capath.clone(),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            version: None,
            alpn: self.alpn.iter().cloned().collect(),
        };
        if !target.secure {
            return match options == ClientOptions::default() {
                true => Ok(Route::new(target, None)),
                false => {
                    Err("it says how to speak TLS, but not that: write mqtts:// in its address".to_owned())
                }
            };
        }
        let tls = options.load().map_err(|error| error.to_string())?;
        Ok(Route::new(target, Some(tls)))
    }

    /// Tells whether what is in the files has changed. What cannot be read was told before.
    fn hash_files(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in [&self.cafile, &self.cert, &self.key].into_iter().flatten() {
            std::fs::read(path).unwrap_or_default().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name.0
    }
}

impl BridgeConfig {
    /// The other broker, as it is called in front of people.
    pub(super) fn address(&self) -> String {
        let target = &self.route.target;
        format!("{}://{target}", if target.secure { "mqtts" } else { "mqtt" })
    }
}

impl TopicTable {
    fn rule(&self) -> Result<Rule, String> {
        let qos = QoS::from_u8(self.qos)
            .ok_or_else(|| format!("qos is {}: there are only 0, 1 and 2", self.qos))?;
        Rule::new(&self.pattern, self.direction, qos, &self.local_prefix, &self.remote_prefix)
            .map_err(|error| error.to_string())
    }
}

/// Two bridges must not have the same id at one broker, and two machines often have bridges of the same name.
fn default_client_id(name: &str) -> String {
    match host_name() {
        Some(host) => format!("{host}.{name}"),
        None => format!("tabmq.{name}"),
    }
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    let uname = rustix::system::uname();
    uname.nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<BridgeConfig, String> {
        let table: BridgeTable = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        table.load()
    }

    const GOOD: &str = "name = 'hub'\naddress = 'mqtt://h:1884'\n";

    #[test]
    fn defaults_and_values() {
        let short = load(&format!("{GOOD}topics = [{{ pattern = '#' }}]")).unwrap();
        assert_eq!((short.name.as_str(), short.route.target.to_string().as_str()), ("hub", "h:1884"));
        assert!(short.client_id.ends_with(".hub") && short.version == Version::V5 && !short.clean_start);
        assert!(short.rules[0].goes_out() && !short.rules[0].comes_in());

        let long = load(&format!(
            "{GOOD}version = '3.1.1'\nclient-id = 'me'\nusername = 'u'\npassword = 'p'\nclean-start = true\n\
             session-expiry = '1h'\nkeep-alive = 5\ntry-private = false\nnotification-topic = 'state'\n\
             max-retry-time = '2s'\n\
             [[topics]]\npattern = 'a/#'\ndirection = 'both'\nqos = 2\nlocal-prefix = 'l/'\nremote-prefix = 'r/'"
        ));
        let long = long.unwrap();
        assert_eq!(
            (long.version, long.client_id.as_str(), long.session_expiry_s),
            (Version::V311, "me", 3600)
        );
        let rule = &long.rules[0];
        assert_eq!((rule.local().as_str(), rule.remote().as_str()), ("l/a/#", "r/a/#"));
        assert!(rule.goes_out() && rule.comes_in() && rule.qos() == QoS::ExactlyOnce);
    }

    #[test]
    fn errors_say_what_to_do() {
        let topics = "topics = [{ pattern = '#' }]";
        let cases = [
            (format!("name = 'a b'\naddress = 'mqtt://h'\n{topics}"), "letters, digits"),
            (format!("name = 'a'\naddress = 'h'\n{topics}"), "mqtt://HOST"),
            (format!("{GOOD}cafile = 'x'\n{topics}"), "write mqtts://"),
            (format!("name = 'a'\naddress = 'mqtts://h'\ncafile = '/nonexistent'\n{topics}"), "/nonexistent"),
            (format!("name = 'a'\naddress = 'mqtt://h/t'\n{topics}"), "without a topic"),
            (format!("name = 'a'\naddress = 'mqtt://u:p@h'\n{topics}"), "not into the address"),
            (format!("{GOOD}topics = []"), "nothing would pass"),
            (format!("{GOOD}topics = [{{ pattern = 'a/#/b' }}]"), "'a/#/b'"),
            (format!("{GOOD}topics = [{{ pattern = '#', qos = 3 }}]"), "only 0, 1 and 2"),
            (format!("{GOOD}topics = [{{ pattern = '#', direction = 'up' }}]"), "unknown variant `up`"),
            (format!("{GOOD}password = 'p'\n{topics}"), "needs a username"),
            (format!("{GOOD}password-file = '/nonexistent'\nusername = 'u'\n{topics}"), "/nonexistent"),
            (format!("{GOOD}version = '4'\n{topics}"), "unknown variant `4`"),
            (format!("{GOOD}notification-topic = '#'\n{topics}"), "notification-topic"),
        ];
        for (text, part) in cases {
            let error = load(&text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
