//! The console: one structured line for each thing that happened.
//!
//! Topics, client ids and error texts come from strangers. They are only ever passed as string fields, which both
//! formats quote and escape, so a line stays one line and a terminal is not told what to do.

use crate::broker::{DisconnectCause, Event};
use crate::config::LogFormat;
use std::io::IsTerminal;
use tabmq_shared::packet::{ReasonCode, Version};
use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;

/// Sends the lines to standard error from now on. A second call in one process changes nothing.
pub fn init(level: LevelFilter, format: LogFormat) {
    let builder =
        tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // An error says that somebody else has set a subscriber: a test, or a program that embeds the broker. Keep theirs.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
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
fn granted(result: ReasonCode) -> &'static str {
    match result {
        ReasonCode::Success => "granted QoS 0",
        other => other.text(),
    }
}
