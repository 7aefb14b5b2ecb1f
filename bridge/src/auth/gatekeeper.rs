//! The one who looks at passwords: an [`Authenticator`] with users, and what keeps it from being overrun.
//!
//! ```text
//! throttled? -> known lately? -> hash, on a thread of its own -> known, or counted
//! ```
//!
//! Hashing takes some 20 ms and 19 MiB each time, so only a few run at a time and only some hundred may wait. Who has
//! shown the right password lately is known by a keyed hash of it, so that a fleet that reconnects, or a page that asks
//! every second, does not cost a hash each time.

use super::crypto::Key;
use super::error::SecurityError;
use super::jwt::{Jwt, Token};
use super::scram::{self, ClientFirst};
use super::security::{Security, SecuritySettings, identity_of};
use super::throttle::{self, Throttle};
use super::users::{Role, User};
use super::{Authenticator, Refusal, Verdict};
use crate::broker::{Admitted, Exchange, Identity, Methods, Peer, Step};
use crate::watch::{Look, Stamp};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tabmq_shared::ByteString;
use tabmq_shared::packet::{Connect, ReasonCode};
use tokio::sync::Semaphore;

/// How many attempts may wait for their hash.
const MAX_WAITING: usize = 256;
/// How many right passwords are known, and for how long.
const MAX_RECENT: usize = 10_000;
const RECENT_FOR: Duration = Duration::from_secs(600);

/// Who may come in, by users and passwords.
pub struct Gatekeeper {
    me: Weak<Gatekeeper>,
    current: RwLock<Arc<Security>>,
    /// What the files were like when they were last read, well or not. Held as long as they are read and put in force, so
    /// that of two reloads the later one stays.
    read: Mutex<Stamp>,
    throttle: Mutex<Throttle>,
    recent: Mutex<HashMap<[u8; 32], Recent>>,
    hashing: Semaphore,
    waiting: AtomicUsize,
    /// For hashes of what was shown.
    key: Key,
    failures: AtomicU64,
    throttled: AtomicU64,
    overrun: AtomicU64,
}

/// A right password.
struct Recent {
    stamp: u64,
    until: Instant,
}

/// What has happened at the door since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Wrong user names and passwords.
    pub failures: u64,
    /// Attempts that were not looked at, after too many failures.
    pub throttled: u64,
    /// Attempts that were not looked at, because too many others waited.
    pub overrun: u64,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The sentence is for the log.
    Wrong(String),
    /// Too many failures before; for how long.
    Throttled(Duration),
    /// Too many others at a time.
    Overrun,
}

/// Who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    pub(crate) identity: Identity,
    pub(crate) role: Option<Role>,
}

impl Gatekeeper {
    /// With these users and rules.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(security: Security) -> Result<Arc<Gatekeeper>, SecurityError> {
        let key = Key::random().map_err(SecurityError::Other)?;
        // Half of the processors hash, the others serve.
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().div_ceil(2));
        Ok(Arc::new_cyclic(|me| Gatekeeper {
            me: me.clone(),
            read: Mutex::new(security.stamp.clone()),
            current: RwLock::new(Arc::new(security)),
            throttle: Mutex::default(),
            recent: Mutex::default(),
            hashing: Semaphore::new(threads),
            waiting: AtomicUsize::new(0),
            key,
            failures: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            overrun: AtomicU64::new(0),
        }))
    }

    /// Users and rules as they are now.
    pub fn security(&self) -> Arc<Security> {
        self.current.read().clone()
    }

    /// Reads users and rules again. `then` hands them to [`Hub::set_access`](crate::hub::Hub::set_access), so that they
    /// hold for those who are there.
    ///
    /// # Errors
    /// Something is not right: then all stays as it was.
    pub fn reload(
        &self,
        settings: &SecuritySettings,
        then: impl FnOnce(Arc<Security>),
    ) -> Result<(), SecurityError> {
        self.load(settings, &mut self.read.lock(), then)
    }

    /// The same if one of the files has changed.
    pub(crate) fn look(
        &self,
        last_seen: Option<&Stamp>,
        then: impl FnOnce(Arc<Security>),
    ) -> Look<Result<(), SecurityError>> {
        let mut read = self.read.lock();
        let settings = self.security().settings.clone();
        match settings.stamp().compare(&read, last_seen) {
            Look::AsBefore => Look::AsBefore,
            Look::Changing(stamp) => Look::Changing(stamp),
            Look::Changed(stamp) => {
                // Also if it fails: it is not tried again before something changes again.
                *read = stamp;
                Look::Changed(self.load(&settings, &mut read, then))
            }
        }
    }

    fn load(
        &self,
        settings: &SecuritySettings,
        read: &mut Stamp,
        then: impl FnOnce(Arc<Security>),
    ) -> Result<(), SecurityError> {
        let security = Arc::new(Security::load(settings)?);
        read.clone_from(&security.stamp);
        *self.current.write() = security.clone();
        self.throttle.lock().forget_attempts();
        then(security);
        Ok(())
    }

    /// What has happened.
    pub fn counters(&self) -> Counters {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            failures: count(&self.failures),
            throttled: count(&self.throttled),
            overrun: count(&self.overrun),
        }
    }

    /// Whether this is the user's password.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: &[u8],
        address: IpAddr,
    ) -> Result<LoggedIn, Failure> {
        let tag = self.key.sign(&[name.as_bytes(), password]);
        self.ask(name, address, &tag)?;
        let security = self.security();
        if let Some(user) = security.user(name)
            && self.is_recent(&tag, user)
        {
            return Ok(logged_in(user));
        }
        match self.verify(&security, name, password).await? {
            true => {
                self.throttle.lock().succeeded(name, address, Instant::now());
                let user = security.user(name).ok_or(Failure::Overrun)?;
                self.remember(tag, user);
                Ok(logged_in(user))
            }
            false => Err(self.failed(&security, name, address, &tag)),
        }
    }

    /// Whether the token (JWT) is good.
    pub(crate) fn log_in_by_token(
        &self,
        jwt: &Jwt,
        token: &[u8],
        address: IpAddr,
    ) -> Result<LoggedIn, Failure> {
        self.look_at_token(token, address, || {
            jwt.verify(token).map(|Token { identity, role }| LoggedIn { identity, role })
        })
    }

    /// The same for a bearer token of the API, which may be one of `[[token]]` as well.
    pub(crate) fn log_in_by_bearer(&self, token: &[u8], address: IpAddr) -> Result<LoggedIn, Failure> {
        let security = self.security();
        self.look_at_token(token, address, || match (security.tokens.find(token), &security.jwt) {
            (Some((identity, role)), _) => Ok(LoggedIn { identity, role: Some(role) }),
            (None, Some(jwt)) => {
                jwt.verify(token).map(|Token { identity, role }| LoggedIn { identity, role })
            }
            (None, None) => Err("a token that nobody has".to_owned()),
        })
    }

    /// Looks at a token, unless its address has shown too many wrong ones.
    fn look_at_token(
        &self,
        token: &[u8],
        address: IpAddr,
        look: impl FnOnce() -> Result<LoggedIn, String>,
    ) -> Result<LoggedIn, Failure> {
        let tag = self.key.sign(&[b"token", token]);
        let verdict = self.throttle.lock().ask("", address, number(&tag), Instant::now());
        if let throttle::Verdict::Wait(time) = verdict {
            self.throttled.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::Throttled(time));
        }
        look().map_err(|why| {
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.throttle.lock().failed("", address, number(&tag), Instant::now());
            Failure::Wrong(why)
        })
    }

    /// Whether the API is for those alone who have a role: there are users, or tokens for it.
    pub(crate) fn guards_api(&self) -> bool {
        let security = self.security();
        security.knows_users || !security.tokens.is_empty()
    }

    /// Hashes, when it is this one's turn.
    async fn verify(&self, security: &Arc<Security>, name: &str, password: &[u8]) -> Result<bool, Failure> {
        let waiting = Waiting::new(&self.waiting);
        if waiting.before > MAX_WAITING {
            self.overrun.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::Overrun);
        }
        let turn = self.hashing.acquire().await.map_err(|_closed| Failure::Overrun)?;
        let (security, name, password) = (security.clone(), name.to_owned(), password.to_vec());
        let verified = tokio::task::spawn_blocking(move || security.users.verify(&name, &password).is_some());
        let verified = verified.await;
        drop(turn);
        // The runtime is being shut down.
        verified.map_err(|_| Failure::Overrun)
    }

    /// Whether to look at an attempt.
    fn ask(&self, name: &str, address: IpAddr, tag: &[u8; 32]) -> Result<(), Failure> {
        let verdict = self.throttle.lock().ask(name, address, number(tag), Instant::now());
        match verdict {
            throttle::Verdict::Look => Ok(()),
            throttle::Verdict::KnownToFail => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(wrong(&self.security(), name))
            }
            throttle::Verdict::Wait(time) => {
                self.throttled.fetch_add(1, Ordering::Relaxed);
                Err(Failure::Throttled(time))
            }
        }
    }

    fn failed(&self, security: &Security, name: &str, address: IpAddr, tag: &[u8; 32]) -> Failure {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.throttle.lock().failed(name, address, number(tag), Instant::now());
        wrong(security, name)
    }

    fn is_recent(&self, tag: &[u8; 32], user: &User) -> bool {
        let recent = self.recent.lock();
        recent.get(tag).is_some_and(|known| known.stamp == user.stamp() && Instant::now() < known.until)
    }

    fn remember(&self, tag: [u8; 32], user: &User) {
        let now = Instant::now();
        let mut recent = self.recent.lock();
        if recent.len() >= MAX_RECENT {
            recent.retain(|_, known| now < known.until);
        }
        if recent.len() < MAX_RECENT {
            recent.insert(tag, Recent { stamp: user.stamp(), until: now + RECENT_FOR });
        }
    }

    async fn admit(&self, connect: &Connect, peer: &Peer) -> Result<Identity, Refusal> {
        let security = self.security();
        let refuse = |reason, why: &str| Err(Refusal { reason, why: why.to_owned() });
        if let (Some(jwt), Some(token)) = (&security.jwt, &connect.password)
            && Jwt::is_token(token)
        {
            let logged_in = self.log_in_by_token(jwt, token, peer.address.ip());
            return logged_in.map(|logged_in| logged_in.identity).map_err(Refusal::from);
        }
        if let Some(name) = peer.certificate.as_ref().and_then(|certificate| certificate.user.as_ref())
            && connect.password.is_none()
        {
            return by_certificate(&security, name, connect.username.as_ref());
        }
        let (name, password) = match (&connect.username, &connect.password) {
            _ if !security.knows_users => return Ok(Identity::default()),
            (None, None) if security.anonymous => return Ok(Identity::default()),
            (None, None) => return refuse(ReasonCode::NotAuthorized, "no user name and no password"),
            (Some(_), None) => {
                return refuse(ReasonCode::BadUserNameOrPassword, "a user name without password");
            }
            (None, Some(_)) => {
                return refuse(ReasonCode::BadUserNameOrPassword, "a password without user name");
            }
            (Some(name), Some(password)) => (name, password),
        };
        let logged_in = self.log_in(name, password, peer.address.ip()).await;
        logged_in.map(|logged_in| logged_in.identity).map_err(Refusal::from)
    }
}

/// A client whose certificate an authority of `--client-ca` has signed needs no password. If there is a user of that name,
/// it has this user's groups.
fn by_certificate(
    security: &Security,
    name: &ByteString,
    claimed: Option<&ByteString>,
) -> Result<Identity, Refusal> {
    if claimed.is_some_and(|claimed| claimed != name) {
        let why = format!("the certificate is {name:?}'s, and another user name came without a password");
        return Err(Refusal { reason: ReasonCode::BadUserNameOrPassword, why });
    }
    Ok(security.identity_by_certificate(name))
}

impl Authenticator for Gatekeeper {
    fn authenticate<'a>(&'a self, connect: &'a Connect, peer: &'a Peer) -> Verdict<'a> {
        Box::pin(self.admit(connect, peer))
    }

    fn check_client_id(&self, client_id: &str, identity: &Identity) -> Result<(), Refusal> {
        let reason = ReasonCode::ClientIdentifierNotValid;
        self.security().client_ids.check(client_id, identity).map_err(|why| Refusal { reason, why })
    }

    fn methods(&self) -> Arc<dyn Methods> {
        Arc::new(Scram(self.me.clone()))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Wrong(why) => Refusal { reason: ReasonCode::BadUserNameOrPassword, why },
            Failure::Throttled(time) => Refusal {
                reason: ReasonCode::ConnectionRateExceeded,
                why: format!(
                    "too many wrong passwords before: not looked at for another {} s",
                    time.as_secs() + 1
                ),
            },
            Failure::Overrun => Refusal {
                reason: ReasonCode::ServerBusy,
                why: "too many others wait for their passwords to be looked at".to_owned(),
            },
        }
    }
}

/// The methods of enhanced authentication.
struct Scram(Weak<Gatekeeper>);

impl Methods for Scram {
    fn begin(&self, method: &str, peer: &Peer) -> Option<Box<dyn Exchange>> {
        let gatekeeper = self.0.upgrade()?;
        let is_known = method == tabmq_shared::scram::METHOD && gatekeeper.security().users.know_scram();
        let address = peer.address.ip();
        is_known.then(|| Box::new(ScramExchange { gatekeeper, address, going_on: None }) as Box<dyn Exchange>)
    }
}

/// SCRAM with one client. The hard part is the client's: what is done here is some hashes, so it needs no thread.
struct ScramExchange {
    gatekeeper: Arc<Gatekeeper>,
    address: IpAddr,
    /// Who it wants to be, and what has been said.
    going_on: Option<(String, scram::Server)>,
}

impl Exchange for ScramExchange {
    fn step(&mut self, data: Option<&Bytes>) -> Result<Step, String> {
        let data = data.ok_or("it said nothing")?;
        let security = self.gatekeeper.security();
        match self.going_on.take() {
            None => {
                let first = ClientFirst::parse(data)?;
                let keys = security.users.scram_keys(&first.user);
                let (server, challenge) = scram::Server::begin(&first, keys)?;
                self.going_on = Some((first.user.clone(), server));
                Ok(Step::Continue(challenge.into()))
            }
            Some((name, server)) => {
                let tag = self.gatekeeper.key.sign(&[b"scram", name.as_bytes(), data]);
                self.gatekeeper
                    .ask(&name, self.address, &tag)
                    .map_err(|failure| Refusal::from(failure).why)?;
                match (server.finish(data), security.user(&name)) {
                    (Ok(last), Some(user)) => {
                        self.gatekeeper.throttle.lock().succeeded(&name, self.address, Instant::now());
                        let (identity, last_data) = (identity_of(user), Some(last.into()));
                        Ok(Step::Done(Admitted { identity, last_data }))
                    }
                    (outcome, _) => {
                        let failure = self.gatekeeper.failed(&security, &name, self.address, &tag);
                        let why = outcome.err().unwrap_or_default();
                        Err(format!("{} ({why})", Refusal::from(failure).why))
                    }
                }
            }
        }
    }
}

/// One that waits for its turn.
struct Waiting<'a> {
    all: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn new(all: &'a AtomicUsize) -> Self {
        Waiting { before: all.fetch_add(1, Ordering::Relaxed), all }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

fn logged_in(user: &User) -> LoggedIn {
    LoggedIn { identity: identity_of(user), role: user.role }
}

/// For the log: the client is told the same in both cases.
fn wrong(security: &Security, name: &str) -> Failure {
    Failure::Wrong(match security.user(name) {
        None => format!("there is no user {name:?}"),
        Some(user) if user.secret.is_none() && user.scram.is_none() => {
            format!("user {name:?} has no password")
        }
        Some(_) => format!("wrong password for user {name:?}"),
    })
}

fn number(tag: &[u8; 32]) -> u64 {
    // 0 stands for an empty place.
    tag.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes)).max(1)
}

#[cfg(test)]
mod tests;
