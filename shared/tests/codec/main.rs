//! The codec against a table of packets, against itself, against garbage, against the field's vectors and against
//! another codec.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub)]
#![allow(
    clippy::disallowed_methods,
    reason = "no I/O is the library's rule; the test reads Mosquitto's vectors"
)]

#[path = "../support/mod.rs"]
mod support;

mod encode_errors;
mod mosquitto_vectors;
mod mqttbytes_peer;
mod property_table;
mod round_trip;
mod table;
