//! The codec against a table of packets, against itself, against garbage, against the field's vectors and against
//! another codec.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod table;
mod round_trip;
mod property_table;
mod encode_errors;
mod mosquitto_vectors;
mod mqttbytes;
