//! TLS 1.2 and 1.3 (rustls), for our clients and for the broker: what the files say, who is trusted, and the sentences for
//! people. Sockets are others' affair.
//!
//! - `pem`: certificates, keys and revocation lists from files.
//! - `client`: the client's side, for `pub`, `sub`, `bench` and whoever else connects to a broker. `verifier`: whom it
//!   trusts.
//! - `server`: the broker's side; the files are read again when they change. `identity`: who a client is.
//! - `explain`: what an error means, and what to do.

mod client;
mod explain;
mod identity;
mod pem;
mod server;
mod verifier;

#[cfg(test)]
mod tests;

pub use client::{ClientOptions, ClientStream, ClientTls};
pub use explain::{refusal, refused_client};
pub use identity::{UserFrom, identity};
pub use server::{Inside, LoadedTls, ServerOptions, ServerTls};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{SupportedProtocolVersion, version};

/// Why TLS cannot be set up. `Display` is a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    fn new(sentence: impl Into<String>) -> Self {
        TlsError(sentence.into())
    }
}

/// A version of the protocol. Older ones have known weaknesses and are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246)
    #[serde(rename = "1.2")]
    #[value(name = "1.2", alias = "tlsv1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446)
    #[serde(rename = "1.3")]
    #[value(name = "1.3", alias = "tlsv1.3")]
    V1_3,
}

impl TlsVersion {
    fn as_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            TlsVersion::V1_2 => &version::TLS12,
            TlsVersion::V1_3 => &version::TLS13,
        }
    }
}

/// The algorithms, all of them.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
