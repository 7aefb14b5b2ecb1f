//! MQTT 3.1, 3.1.1 and 5.0 without I/O: what the broker and the page have in common.
//!
//! Nothing here knows a socket, a clock or a random source. Bytes come in, packets come out; time is an
//! argument ([`Time`]), randomness a seed. So everything builds for `wasm32-unknown-unknown` as it does natively,
//! and every rule with a timer in it is tested without waiting.
//!
//! In reading order:
//!
//! - [`packet`]: one [`Packet`](packet::Packet) enum for all versions; property and reason-code tables.
//! - [`codec`]: bytes to packets and back, strict by the specifications.
//! - [`topic`]: validated topic names and filters, and matching.
//! - [`session`]: QoS 1 and 2 in both directions, receive windows, topic aliases. Used by broker and client alike.
//! - [`client`]: the client as a state machine. `scram`: an authentication in which the password does not travel.
//! - [`api`]: the types of the HTTP API. [`record`]: messages as lines of a file; [`replay`]: out of it again.

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

pub mod api;
pub mod client;
pub mod codec;
pub mod packet;
pub mod record;
pub mod replay;
#[cfg(feature = "scram")]
pub mod scram;
pub mod session;
mod time;
pub mod topic;

pub use bytes::{Bytes, BytesMut};
pub use bytestring::ByteString;
pub use time::Time;
