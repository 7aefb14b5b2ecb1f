//! The broker, and all else that the binary `tabmq` can do, as a library.
//!
//! In reading order:
//!
//! - [`config`]: flags, environment and file, validated; [`units`]: sizes, times and addresses as people write them.
//! - [`server`]: the broker as a whole, started and stopped; [`serve()`] adds the console and signals, `reload` SIGHUP.
//! - [`listener`]: TCP and WebSocket, each of which yields a byte stream; `mask`: what hides a WebSocket's bytes.
//! - [`workers`]: the threads that serve connections.
//! - [`gate`]: how many connections there may be; `descriptors`: how many the system allows; [`limit`]: what all limits are called.
//! - [`connection`]: one connection, from its first packet to its last.
//! - [`hub`]: the broker behind one lock; [`outbox`]: what waits for a connection.
//! - [`broker`]: the core: sessions, routing, retained messages, wills. Pure and synchronous.
//! - [`bridges`]: this broker as a client of others.
//! - [`auth`]: who gets in.
//! - [`http`]: the page and the API.
//! - [`patience`]: how long somebody may read nothing of an answer.
//! - [`events`]: the console; `history`: what has happened lately, for those who look on.
//! - [`client`]: `tabmq pub` and `tabmq sub`.
//! - [`gateway`]: the page in front of another broker.
//! - `watch`: files that are read again when they change.
//! - [`tls`]: certificates, and TLS with them. [`cert`]: `tabmq cert`, which makes them.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout
    )
)]

pub mod auth;
pub mod bridges;
pub mod broker;
pub mod cert;
pub mod cli;
pub mod client;
pub mod config;
pub mod connection;
mod descriptors;
pub mod events;
pub mod gate;
pub mod gateway;
mod history;
pub mod http;
pub mod hub;
pub mod limit;
pub mod listener;
mod mask;
pub mod outbox;
pub mod patience;
mod reload;
mod serve;
pub mod server;
pub mod tls;
pub mod units;
mod watch;
pub mod workers;

pub use serve::{gateway as serve_gateway, serve};
pub use server::{Server, StartError};
