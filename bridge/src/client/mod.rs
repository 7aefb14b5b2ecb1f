//! The native clients: `tabmq pub`, `tabmq sub` and `tabmq bench`.
//!
//! Flags are those of mosquitto_pub and mosquitto_sub where the meaning is the same. The protocol is
//! [`tabmq_shared::client`]; here are sockets, standard input and output, and the sentences for people.
//!
//! - `args`, `tls_args`: the flags. `target`: URLs. `properties`: `-D`.
//! - `publish`, `subscribe`: the two commands. `replay`: a file of messages, published. `print`, `format`: what `sub`
//!   prints; `output`: where.
//! - `driver`: one loop around the state machine. `transport`: TCP and WebSocket, TLS.
//! - `bench`: the load generator.

mod args;
mod bench;
mod driver;
mod format;
mod output;
mod print;
mod properties;
mod publish;
mod replay;
mod subscribe;
mod target;
mod tls_args;
mod transport;

pub(crate) use driver::Driver;
pub(crate) use target::{Target, password_in};
pub(crate) use tls_args::TlsArgs;
pub(crate) use transport::{Route, Transport, connect};

pub use args::{PubArgs, SubArgs};
pub use bench::{BenchArgs, bench};
pub use publish::publish;
pub use subscribe::subscribe;

/// Why a command did not do what it was asked to. `Display` is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn new(sentence: impl Into<String>) -> Self {
        Failure(sentence.into())
    }
}
