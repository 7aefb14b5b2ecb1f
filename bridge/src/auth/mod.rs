//! Who gets in.
//!
//! The broker asks an [`Authenticator`] once for each CONNECT, before any session is touched.

use crate::broker::{Methods, NoMethods, Peer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tabmq_shared::packet::{Connect, ReasonCode};

/// Decides whether a client may connect.
pub trait Authenticator: Send + Sync {
    /// Looks at what the client says of itself. May take its time (a password hash does): the connection waits,
    /// others do not.
    fn authenticate<'a>(&'a self, connect: &'a Connect, peer: &'a Peer) -> Verdict<'a>;

    /// The methods of enhanced authentication (5.0 section 4.12). A client that names one of them is not asked for
    /// anything else.
    fn methods(&self) -> Arc<dyn Methods> {
        Arc::new(NoMethods)
    }
}

/// The answer of an [`Authenticator`], when it is there.
pub type Verdict<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Why a client does not get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the client is told.
    pub reason: ReasonCode,
    /// A sentence for the log: it may say more than the client should know.
    pub why: String,
}

/// Lets everybody in. Where that is acceptable is for [`Config`](crate::config::Config) to say: anonymous access is
/// for loopback addresses, unless somebody asks for more.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authenticator for AllowAll {
    fn authenticate<'a>(&'a self, _connect: &'a Connect, _peer: &'a Peer) -> Verdict<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}
