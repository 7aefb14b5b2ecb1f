//! The page in Chromium, with devices beside it.
//!
//! - [`access`]: the accessibility check of every view.
//! - [`authenticating`]: SCRAM and other methods of enhanced authentication.
//! - [`away`]: outages, tabs in the background, frozen and copied, filters that are refused.
//! - [`publish`], [`recordings`], [`everywhere`]: what the page can do, part by part.
//! - [`messages`]: between tabs and devices, both ways, at every QoS.
//! - [`charts`]: numbers over time.
//! - [`connecting`]: what is said on the wire at first, and after a sleep.
//! - [`connections`]: several connections, profiles, the connection panel.
//! - [`topics`]: the topic tree.
//! - [`listing`]: subscriptions and the message list.
//! - [`console`]: a test fails when the page has an error.
//! - [`fields`]: what is typed arrives, in every view.
//! - [`first_paint`]: what is fetched before the first message is seen.
//! - [`foreign`]: the page as the client of mosquitto and of rumqttd.
//! - [`gateway`]: the page through the gateway to mosquitto and to rumqttd.
//! - [`peers`]: what the page's client can do, with this broker and with mosquitto.
//! - [`life`]: reload, restart, an absent broker, a second tab.
//! - [`load`]: large payloads and floods.
//! - [`looks`]: pictures of the page.
//! - [`npm`]: the client for JavaScript, in a page of its own.
//! - [`scenes`]: every view, one after the other, for pictures and checks.
//! - [`secure`]: TLS with an imported authority, users, rules; topics and payloads that would be scripts.
//! - [`views`]: clients, retained messages, events, the broker; logging in.
//! - [`many`]: ten thousand clients, a hundred thousand retained messages.
//! - [`payloads`]: every format, comparisons, files, parts that are loaded when they are needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]
#![allow(clippy::print_stdout, reason = "figures for whoever reads along")]

mod access;
mod authenticating;
mod away;
mod charts;
mod connecting;
mod connections;
mod console;
mod everywhere;
mod fields;
mod first_paint;
mod foreign;
mod gateway;
mod life;
mod listing;
mod load;
mod looks;
mod many;
mod messages;
mod npm;
mod payloads;
mod peers;
mod publish;
mod recordings;
mod scenes;
mod secure;
mod topics;
mod views;
