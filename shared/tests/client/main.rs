//! The client as a state machine: tables with a clock of their own against a server of packets, and a simulation
//! against a model of a broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authenticating;
mod connecting;
mod harness;
mod keep_alive;
mod publishing;
mod receiving;
mod simulation;
mod subscribing;
