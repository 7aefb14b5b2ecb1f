//! The console: one structured line for each thing that happened.
//!
//! Topics, client ids and error texts come from strangers. They are only ever passed as string fields, which both
//! formats quote and escape, so a line stays one line and a terminal is not told what to do.

use crate::auth::{Security, SecurityError};
use crate::broker::{DisconnectCause, Event};
use crate::tls::TlsError;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tabmq_shared::packet::{ReasonCode, Version};
use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object in each line.
    Json,
}

/// How [`set_level`] reaches what [`init`] made.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Sends the lines to standard error from now on. A second call in one process changes nothing.
pub fn init(level: LevelFilter, format: LogFormat) {
    let (filter, handle) = reload::Layer::new(level);
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    #[cfg(feature = "rumqttd")]
    let registry = registry.with(quieter_rumqttd(level));
    let initialised = match format {
        LogFormat::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    // An error says that somebody else has set a subscriber: a test, or a program that embeds the broker. Keep theirs.
    if initialised.is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// The broker that may be in this process calls every end of a connection an error: its lines are for those who look for
/// one.
#[cfg(feature = "rumqttd")]
fn quieter_rumqttd<S: tracing::Subscriber>(level: LevelFilter) -> impl tracing_subscriber::Layer<S> {
    let most = match level {
        LevelFilter::TRACE => LevelFilter::DEBUG,
        LevelFilter::DEBUG => LevelFilter::INFO,
        _ => LevelFilter::OFF,
    };
    tracing_subscriber::filter::filter_fn(move |metadata| {
        let theirs = metadata.target() == "rumqttd" || metadata.target().starts_with("rumqttd::");
        !theirs || *metadata.level() <= most
    })
}

/// Writes lines from this level on.
pub(crate) fn set_level(level: LevelFilter) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.reload(level); // it fails only if the subscriber is gone
    }
}

/// A setting or a kind of table that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `max-in-flight`, `[[user]]`.
    pub name: String,
    /// What it was; of tables only how many there were, because secrets may be in them.
    pub from: String,
    /// What it is.
    pub to: String,
    /// Whether the running broker keeps to it; otherwise it will after a restart.
    pub at_once: bool,
}

/// The configuration was read again.
pub(crate) fn reloaded(changes: &[Change]) {
    for Change { name, from, to, at_once } in changes {
        let (setting, from, to) = (name.as_str(), from.as_str(), to.as_str());
        if *at_once {
            info!(setting, from, to, "setting changed");
        } else {
            warn!(setting, from, to, "setting changed in the configuration; it needs a restart");
        }
    }
    info!(changes = changes.len(), "configuration read again");
}

/// There is a bridge that was not there before.
pub(crate) fn bridge_added(bridge: &str) {
    info!(bridge, "bridge added");
}

/// A bridge is no longer what it was; it connects anew.
pub(crate) fn bridge_changed(bridge: &str) {
    info!(bridge, "bridge changed");
}

/// A bridge is no longer there.
pub(crate) fn bridge_removed(bridge: &str) {
    info!(bridge, "bridge removed");
}

/// The configuration was read again, and is not right: the old one stays.
pub(crate) fn not_reloaded(error: &str) {
    warn!(error, "the new configuration is not right; everything stays as it was");
}

/// Certificates, keys or revocation lists have changed and were read again.
pub(crate) fn certificates_changed(result: Result<(), TlsError>) {
    match result {
        Ok(()) => info!("certificates read again; connections that are there stay as they are"),
        Err(error) => {
            let error = error.to_string();
            warn!(error = error.as_str(), "the new certificates cannot be used; the old ones stay");
        }
    }
}

/// A file with users, access rules or keys has changed, and all of them were read again.
pub(crate) fn security_changed(result: Result<(), SecurityError>) {
    match result {
        Ok(()) => info!("users and rules read again; they hold for those who are connected as well"),
        Err(error) => {
            let error = error.to_string();
            warn!(error = error.as_str(), "the new users and rules cannot be used; the old ones stay");
        }
    }
}

/// Writes the line for `event`.
pub fn log(event: &Event) {
    match event {
        Event::Connected { client_id, username, peer, version, session_present, keep_alive_s } => info!(
            client = &**client_id,
            user = username.as_deref(),
            address = %peer.address,
            transport = %peer.transport,
            version = %version,
            session_present,
            keep_alive_s,
            "client connected"
        ),
        Event::Refused { client_id, username, peer, reason, why } => {
            let (client, user) = (client_id.as_deref(), username.as_deref());
            let (address, transport) = (peer.address, peer.transport);
            let why = why.as_str();
            if is_malformed(*reason) {
                warn!(client, user, %address, %transport, %reason, why, "client refused");
            } else {
                info!(client, user, %address, %transport, %reason, why, "client refused");
            }
        }
        Event::Disconnected { client_id, peer, cause } => {
            let (client, address, why) = (&**client_id, peer.address, cause.to_string());
            let why = why.as_str();
            if matches!(cause, DisconnectCause::ProtocolViolation(..)) {
                warn!(client, %address, why, "client disconnected");
            } else {
                info!(client, %address, why, "client disconnected");
            }
        }
        Event::Subscribed { client_id, filter, result } => {
            info!(client = &**client_id, filter = &**filter, result = granted(*result), "subscribed");
        }
        Event::Unsubscribed { client_id, filter, result } => {
            info!(client = &**client_id, filter = &**filter, result = result.text(), "unsubscribed");
        }
        Event::Denied { client_id, user, action, topic, why, untold } => {
            let (client, user, action) = (&**client_id, user.as_deref(), action.name());
            let (topic, why) = (&**topic, why.as_str());
            info!(client, user, action, topic, why, untold, "not allowed");
        }
        // The $SYS topics are written by a clock: nothing has happened.
        Event::Published { client_id: None, topic, .. } if topic.starts_with("$SYS/") => {}
        Event::Published { client_id, topic, qos, payload_bytes, retain, receivers } => {
            let (client, topic, qos) = (client_id.as_deref().unwrap_or("(server)"), &**topic, qos.as_u8());
            if *receivers == 0 {
                debug!(
                    client,
                    topic,
                    qos,
                    bytes = payload_bytes,
                    retain,
                    "published, but nobody is subscribed"
                );
            } else {
                debug!(client, topic, qos, bytes = payload_bytes, retain, receivers, "published");
            }
        }
    }
}

/// These users and rules hold from now on.
pub(crate) fn secured(security: &Security) {
    for warning in security.warnings() {
        warn!(what = warning.as_str(), "look at this");
    }
    if security.users() > 0 || security.rules() > 0 {
        info!(users = security.users(), rules = security.rules(), "users and access rules are in force");
    }
}

/// The broker accepts connections.
pub(crate) fn started(listeners: usize) {
    let versions = [Version::V31, Version::V311, Version::V5].map(|version| version.to_string()).join(", ");
    info!(version = env!("CARGO_PKG_VERSION"), mqtt = versions.as_str(), listeners, "started");
}

/// The broker accepts no more connections and says goodbye to those that it has.
pub(crate) fn stopping(why: &str) {
    info!(why, "stopping");
}

/// The broker is gone.
pub(crate) fn stopped(all_ended: bool) {
    if all_ended {
        info!("stopped");
    } else {
        warn!("stopped, although some connections had not ended");
    }
}

/// Whether the peer sent what is no MQTT at all, which is worth a second look.
fn is_malformed(reason: ReasonCode) -> bool {
    matches!(reason, ReasonCode::MalformedPacket | ReasonCode::ProtocolError)
}

/// The answer to a subscription in words: 0x00 is called "success" elsewhere.
pub(crate) fn granted(result: ReasonCode) -> &'static str {
    match result {
        ReasonCode::Success => "granted QoS 0",
        other => other.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Action, Peer, TransportKind};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tabmq_shared::packet::QoS;

    /// Everything that is written to it.
    #[derive(Clone, Default)]
    struct Console(Arc<Mutex<Vec<u8>>>);

    impl Write for Console {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines for `event` in both formats, without the time.
    fn lines(event: &Event) -> [String; 2] {
        let (text, json) = (Console::default(), Console::default());
        let writer = text.clone();
        let builder =
            tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).with_target(false).without_time();
        let subscriber = builder.with_ansi(true).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || log(event));
        let writer = json.clone();
        let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).without_time().json();
        let subscriber = builder.flatten_event(true).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || log(event));
        [text, json].map(|console| String::from_utf8(console.0.lock().unwrap().clone()).unwrap())
    }

    #[test]
    fn what_strangers_send_stays_within_its_line() {
        let hostile = "x\ny\u{1b}[31m\"\u{202e}";
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), TransportKind::Tcp);
        let (client_id, why) = (Arc::<str>::from(hostile), hostile.to_owned());
        let events = [
            Event::Connected {
                client_id: client_id.clone(),
                username: Some(hostile.into()),
                peer: peer.clone(),
                version: Version::V5,
                session_present: false,
                keep_alive_s: 0,
            },
            Event::Refused {
                client_id: Some(hostile.into()),
                username: Some(hostile.into()),
                peer: peer.clone(),
                reason: ReasonCode::MalformedPacket,
                why: why.clone(),
            },
            Event::Disconnected {
                client_id: client_id.clone(),
                peer,
                cause: DisconnectCause::TransportClosed(Some(why)),
            },
            Event::Subscribed {
                client_id: client_id.clone(),
                filter: hostile.into(),
                result: ReasonCode::Success,
            },
            Event::Unsubscribed {
                client_id: client_id.clone(),
                filter: hostile.into(),
                result: ReasonCode::Success,
            },
            Event::Denied {
                client_id: client_id.clone(),
                user: Some(hostile.into()),
                action: Action::Publish,
                topic: hostile.into(),
                why: hostile.to_owned(),
                untold: 0,
            },
            Event::Published {
                client_id: Some(client_id),
                topic: hostile.into(),
                qos: QoS::AtMostOnce,
                payload_bytes: 1,
                retain: false,
                receivers: 0,
            },
        ];
        for event in events {
            let [text, json] = lines(&event);
            assert_eq!((text.matches('\n').count(), json.matches('\n').count()), (1, 1), "{text}{json}");
            assert!(!text.contains("\u{1b}[31m\"") && !text.contains('\u{202e}'), "{text:?}");
            assert!(text.contains("x\\ny"), "{text}");
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert!(
                json.as_object()
                    .unwrap()
                    .values()
                    .any(|value| value.as_str().is_some_and(|s| s.contains(hostile)))
            );
        }
    }

    #[test]
    fn the_clock_is_not_an_event() {
        let event = Event::Published {
            client_id: None,
            topic: "$SYS/broker/uptime".into(),
            qos: QoS::AtMostOnce,
            payload_bytes: 1,
            retain: true,
            receivers: 0,
        };
        assert_eq!(lines(&event), ["", ""]);
    }
}
