//! The page in Chromium, with devices beside it.
//!
//! - [`messages`]: between tabs and devices, both ways, at every QoS.
//! - [`console`]: a test fails when the page has an error.
//! - [`foreign`]: the page as the client of mosquitto and of rumqttd.
//! - [`life`]: reload, restart, an absent broker, a second tab.
//! - [`load`]: large payloads and floods.
//! - [`looks`]: pictures of the page.
//! - [`npm`]: the client for JavaScript, in a page of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]
#![allow(clippy::print_stdout, reason = "figures for whoever reads along")]

mod console;
mod foreign;
mod life;
mod load;
mod looks;
mod messages;
mod npm;
