//! Who asks. A password is kept in memory, and nowhere else: not in the address bar, not in the browser's storage.
//!
//! Whoever is connected to the page's broker with a user name and a password is not asked for them again.

use super::Order;
use super::ask::{Ask, Login, Reply, Trouble, What, read, trouble};
use crate::state::desk::Around;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::rc::Rc;
use tabmq_shared::api::me::{ME_PATH, Me, Role};

/// Whether somebody is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Not known yet.
    #[default]
    Unknown,
    /// Asked.
    Asked,
    /// This one is.
    In(Me),
    /// A user name and a password are wanted; why those that were given do not do.
    Out(Option<Trouble>),
    /// There is no answer.
    Silent(Trouble),
}

/// Who asks, and whether the broker answers.
#[derive(Debug, Default)]
pub struct Access {
    door: Door,
    /// Whoever has logged in.
    login: Option<Rc<Login>>,
    /// Somebody has logged out: the connection's own name and password are not to be used.
    logged_out: bool,
    /// The connection's own name and password that the API has not taken.
    tried: Option<Login>,
    /// When it is tried again, in Unix milliseconds, after there was no answer.
    again_ms: u64,
}

impl Access {
    /// Whether somebody is let in.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Who is let in.
    pub fn me(&self) -> Option<&Me> {
        match &self.door {
            Door::In(me) => Some(me),
            _ => None,
        }
    }

    /// Whether whoever is let in has at least this role.
    pub fn may(&self, role: Role) -> bool {
        self.me().is_some_and(|me| me.role >= role)
    }

    /// With whose name it is asked.
    pub(super) fn login(&self, around: &Around<'_>) -> Option<Rc<Login>> {
        self.login.clone().or_else(|| self.own(around).map(Rc::new))
    }

    /// The name and password of the connection, unless they are of no use.
    fn own(&self, around: &Around<'_>) -> Option<Login> {
        let (user, password) = around.login.filter(|_| !self.logged_out)?;
        let own = Login { user: user.to_owned(), password: password.to_owned() };
        Some(own).filter(|own| self.tried.as_ref() != Some(own))
    }

    /// The question that comes before all others.
    pub(super) fn wanted(&mut self, is_needed: bool, around: &Around<'_>) -> Option<Ask> {
        if around.is_gateway {
            // It lets everybody look, and asks nobody who it is.
            self.door = Door::In(Me { user: None, role: Role::Viewer, login: false });
        }
        let is_time = match self.door {
            Door::Unknown => is_needed,
            // The connection has another password now.
            Door::Out(_) if self.login.is_none() && self.own(around).is_some() => {
                self.door = Door::Unknown;
                is_needed
            }
            Door::Silent(_) => is_needed && around.clock.unix_ms >= self.again_ms,
            _ => false,
        };
        is_time.then(|| {
            if self.door == Door::Unknown {
                self.door = Door::Asked;
            } else {
                self.again_ms = u64::MAX;
            }
            Ask::get(What::Me, ME_PATH, &[])
        })
    }

    /// Whether the answer is that somebody has to log in; then nothing more is to be read from it.
    pub(super) fn refused(&mut self, ask: &Ask, reply: &Result<Reply, Trouble>) -> bool {
        let why = match reply.as_ref().ok().and_then(trouble) {
            Some(why @ (Trouble::LogIn | Trouble::Later(_))) => why,
            _ => return false,
        };
        self.shut(ask.login.as_deref(), why);
        true
    }

    /// The same of a stream.
    pub(super) fn stream_ended(&mut self, login: Option<&Login>, why: &Trouble) {
        if *why == Trouble::LogIn {
            self.shut(login, why.clone());
        }
    }

    fn shut(&mut self, used: Option<&Login>, why: Trouble) {
        let was_typed = used.is_some() && used == self.login.as_deref();
        if was_typed {
            self.login = None;
        } else if used.is_some() {
            self.tried = used.cloned();
        }
        self.door = Door::Out(match why {
            Trouble::LogIn => was_typed.then_some(Trouble::LogIn),
            other => Some(other),
        });
    }

    /// Who it is, is known now.
    pub(super) fn answered(
        &mut self,
        ask: &Ask,
        reply: &Result<Reply, Trouble>,
        now_ms: u64,
    ) -> Option<Order> {
        match read::<Me>(reply) {
            Ok(me) => {
                let header = ask.login.as_deref().map(authorization);
                let introduce =
                    (me.login && !matches!(self.door, Door::In(_))).then_some(Order::Introduce(header));
                self.door = Door::In(me);
                introduce
            }
            Err(why) => {
                self.door = Door::Silent(why);
                self.again_ms = now_ms.saturating_add(3_000);
                None
            }
        }
    }

    pub(super) fn log_in(&mut self, user: &str, password: &str) {
        self.login = Some(Rc::new(Login { user: user.to_owned(), password: password.to_owned() }));
        self.door = Door::Unknown;
    }

    pub(super) fn log_out(&mut self) {
        *self = Access { logged_out: true, ..Access::default() };
    }

    /// Asks again, if there was no answer.
    pub(super) fn again(&mut self) {
        if matches!(self.door, Door::Silent(_)) {
            self.again_ms = 0;
        }
    }
}

/// The header `Authorization` (RFC 7617).
pub fn authorization(login: &Login) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", login.user, login.password)))
}
