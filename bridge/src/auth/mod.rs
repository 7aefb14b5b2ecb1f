//! Who gets in, and what they may do.
//!
//! The connection asks an [`Authenticator`] once for each CONNECT, before any session is touched; the core asks
//! [`Access`](crate::broker::Access) what a session may do. [`Gatekeeper`] and [`Security`] are the answers from users and
//! rules. In reading order:
//!
//! - `gatekeeper`: passwords are looked at, and nobody gets to try too many; `throttle`.
//! - `security`: users and rules as a whole, read from `settings` (the tables of the configuration file),
//!   `password_file`, and mosquitto's files.
//! - `users`, `secret` (stored passwords), `scram`, `jwt` (tokens), `client_ids`.
//! - `rules`: who may publish, subscribe, receive and retain where.
//! - `tokens`: what opens the API to programs.
//! - `command`: `tabmq passwd`, `tabmq token`, `tabmq acl`.
//! - `crypto`: random numbers and keyed hashes.

mod client_ids;
mod command;
mod crypto;
mod error;
mod gatekeeper;
mod jwt;
mod names;
mod password_file;
mod rules;
mod scram;
mod secret;
mod security;
mod settings;
mod throttle;
mod tokens;
mod users;

pub use client_ids::ClientIds;
pub use command::{AclArgs, PasswdArgs, TokenArgs, acl, passwd, token};
pub use error::SecurityError;
pub(crate) use gatekeeper::Failure;
pub use gatekeeper::{Counters, Gatekeeper};
pub use jwt::JwtTable;
pub use password_file::PasswordFileError;
pub(crate) use scram::client as scram_client;
pub use security::{Security, SecuritySettings};
pub use settings::{RuleTable, UserTable};
pub use tokens::TokenTable;
#[cfg(test)]
pub(crate) use tokens::hash_text as token_hash;
pub use users::Role;

use crate::broker::{Identity, Methods, NoMethods, Peer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tabmq_shared::packet::{Connect, ReasonCode};

/// Decides whether a client may connect.
pub trait Authenticator: Send + Sync {
    /// Looks at what the client says of itself. May take its time (a password hash does): the connection waits,
    /// others do not.
    fn authenticate<'a>(&'a self, connect: &'a Connect, peer: &'a Peer) -> Verdict<'a>;

    /// Whether a client that was recognised may have this client id; an empty one asks the server to choose.
    fn check_client_id(&self, _client_id: &str, _identity: &Identity) -> Result<(), Refusal> {
        Ok(())
    }

    /// The methods of enhanced authentication (5.0 section 4.12). A client that names one of them is not asked for
    /// anything else.
    fn methods(&self) -> Arc<dyn Methods> {
        Arc::new(NoMethods)
    }
}

/// The answer of an [`Authenticator`], when it is there: who the client is.
pub type Verdict<'a> = Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send + 'a>>;

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
        Box::pin(std::future::ready(Ok(Identity::default())))
    }
}
