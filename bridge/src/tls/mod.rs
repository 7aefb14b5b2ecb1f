//! TLS 1.2 and 1.3 (rustls), for our clients: what the files say, who is trusted, and the sentences for
//! people. Sockets are others' affair.
//!
//! - `pem`: certificates and keys from files.
//! - `client`: the client's side, for `pub`, `sub`, `bench` and whoever else connects to a broker. `verifier`: whom it
//!   trusts.
//! - `explain`: what an error means, and what to do.

mod client;
mod explain;
mod pem;
mod verifier;

#[cfg(test)]
mod tests;

pub use client::{ClientOptions, ClientStream, ClientTls};
pub use explain::refusal;

use std::str::FromStr;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
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

impl FromStr for TlsVersion {
    type Err = &'static str;

    /// `1.2`, or `tlsv1.2` as mosquitto writes it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("tlsv").unwrap_or(text) {
            "1.2" => Ok(TlsVersion::V1_2),
            "1.3" => Ok(TlsVersion::V1_3),
            _ => Err("there are only 1.2 and 1.3"),
        }
    }
}

/// The algorithms, all of them.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
