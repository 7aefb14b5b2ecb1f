//! The broker: everything that the binary `tabmq` can do, as a library.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout))]

pub mod config;
pub mod listener;
pub mod connection;
pub mod hub;
pub mod outbox;
pub mod broker;
pub mod auth;
pub mod events;
