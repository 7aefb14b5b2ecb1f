//! The broker's binary against native peers: mosquitto's clients, rumqttc, `tabmq pub` and `tabmq sub`, raw bytes.
//!
//! - [`start`]: starting, stopping, and what is refused with a sentence.
//! - [`security`]: users, access rules, client ids, roles.
//! - [`readme`]: every command of its section on security.
//! - [`reload`]: users, rules and certificates change while messages flow.
//! - [`guessing`]: passwords that are tried.
//! - [`config`]: the configuration file, `tabmq config`, and SIGHUP.
//! - [`messages`]: every client to every other, at every QoS.
//! - [`command_line`]: the flags of `tabmq pub` and `tabmq sub`.
//! - [`recording`]: files of messages, written by `tabmq sub` and replayed by `tabmq pub`.
//! - [`sessions`]: retained messages, wills, sessions, take-over.
//! - [`web`]: the page's files, and the HTTP API.
//! - [`api`]: clients, retained messages, events, counters, tokens.
//! - [`hostile`]: what broke other brokers, floods, and clients that take without giving.
//! - [`bridges`]: bridges to and from mosquitto and rumqttd; [`bridges_tls`]: over TLS, and the gateway over TLS, too;
//!   [`bridges_changed`]: read again at SIGHUP.
//! - [`gateway`]: `tabmq gateway` in front of mosquitto.
//! - [`rumqttd`]: the gateway with rumqttd inside, and what rumqttd cannot do.
//! - [`malformed`]: bytes that are not MQTT.
//! - [`tls`]: certificates, handshakes, and what is no TLS.
//! - [`table`]: the codec's own table of packets against the running broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]

mod api;
mod bridges;
mod bridges_changed;
mod bridges_tls;
mod command_line;
mod config;
mod directory;
mod gateway;
mod guessing;
mod hostile;
mod malformed;
mod messages;
mod readme;
mod recording;
mod reload;
mod rumqttd;
mod security;
mod sessions;
mod start;
mod table;
mod tls;
mod web;
