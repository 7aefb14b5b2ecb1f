//! Who there is: users with their passwords, groups and roles.

use super::crypto::Key;
use super::scram::Keys;
use super::secret::Secret;
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

/// Stamps below this one are not of passwords: 0 for nobody, 1 for tokens, 2 for certificates.
const FIRST_STAMP: u64 = 16;

/// What somebody may do with the HTTP API; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To look.
    Viewer,
    /// To publish messages.
    Publisher,
    /// All of it.
    Admin,
}

impl Role {
    /// As files write it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Publisher => "publisher",
            Role::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        [Role::Viewer, Role::Publisher, Role::Admin].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Arc<str>,
    /// `None`: no password opens this account; a certificate or a token may.
    pub(crate) secret: Option<Secret>,
    /// For SCRAM-SHA-256.
    pub(crate) scram: Option<Keys>,
    pub(crate) groups: Vec<Arc<str>>,
    pub(crate) role: Option<Role>,
}

impl User {
    /// A number that is another one when the password is.
    pub(crate) fn stamp(&self) -> u64 {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let stored = self.secret.as_ref().map(Secret::fingerprint);
        HASHER.hash_one((stored, self.scram.as_ref().map(Keys::stored))).max(FIRST_STAMP)
    }
}

/// Why a name cannot be a user's: it stands in files and in topics.
///
/// # Errors
/// A sentence.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a user name is empty".to_owned());
    }
    match name.chars().find(|c| *c == ':' || c.is_control()) {
        Some(bad) => {
            Err(format!("the user name {name:?} has the character {bad:?}, which no user name may have"))
        }
        None => Ok(()),
    }
}

/// All users, and what is done for those who are none.
#[derive(Debug)]
pub(crate) struct Users {
    by_name: HashMap<Arc<str>, User>,
    /// Checked when there is nothing else to check, so that it takes as long; `None`: nobody has a password.
    decoy: Option<Secret>,
    /// For the salts of users who do not exist.
    decoy_key: Key,
}

impl Users {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new(users: impl IntoIterator<Item = User>) -> Result<Users, String> {
        let by_name: HashMap<Arc<str>, User> =
            users.into_iter().map(|user| (user.name.clone(), user)).collect();
        let dearest =
            by_name.values().filter_map(|user| user.secret.as_ref()).max_by_key(|secret| secret.cost());
        // From what is stored, so that it is the same after a restart: a salt that changes is one that was made up.
        let mut stored: Vec<String> =
            by_name.values().filter_map(|user| Some(user.scram.as_ref()?.stored())).collect();
        stored.sort_unstable();
        let decoy_key = match stored.is_empty() {
            true => Key::random()?,
            false => Key::from_bytes(&Key::from_bytes(b"decoy").sign(&[stored.concat().as_bytes()])),
        };
        Ok(Users { decoy: dearest.map(Secret::decoy).transpose()?, decoy_key, by_name })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// The user, if this is the password. Slow, and as slow for a user who does not exist.
    pub(crate) fn verify(&self, name: &str, password: &[u8]) -> Option<&User> {
        let (secret, decoy) = self.secrets(name);
        if secret.is_some_and(|secret| secret.verify(password)) {
            return self.get(name);
        }
        if let Some(decoy) = decoy {
            std::hint::black_box(decoy.verify(password));
        }
        None
    }

    /// The user's secret, and what is checked behind it, so that each check costs what the dearest does.
    fn secrets(&self, name: &str) -> (Option<&Secret>, Option<&Secret>) {
        let secret = self.get(name).and_then(|user| user.secret.as_ref());
        let is_cheaper = |decoy: &&Secret| secret.is_none_or(|secret| secret.cost() < decoy.cost());
        (secret, self.decoy.as_ref().filter(is_cheaper))
    }

    /// The keys with which to begin SCRAM, also for a user who does not exist.
    pub(crate) fn scram_keys(&self, name: &str) -> Keys {
        let keys = self.get(name).and_then(|user| user.scram.clone());
        keys.unwrap_or_else(|| Keys::decoy(&self.decoy_key, name))
    }

    /// Whether anybody can log in by SCRAM.
    pub(crate) fn know_scram(&self) -> bool {
        self.by_name.values().any(|user| user.scram.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, stored: Option<&str>) -> User {
        let secret = stored.map(|stored| Secret::parse(stored).unwrap());
        User { name: name.into(), secret, scram: None, groups: Vec::new(), role: None }
    }

    /// Nobody can tell by the time who exists: what is checked costs the same for all.
    #[test]
    fn an_unknown_user_is_as_much_work_as_a_wrong_password() {
        let slow = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let fast = "$6$fyWOSBdPVPGquH1C$7hUhVn2tPltFTiztvYXxAl2Lu4deYue06gDEXwCDNjg6jxS83IIT4/iFvV0pZvTuqabpXZ9anPG9ztsvNl\
                    SCJw==";
        let users =
            Users::new([user("slow", Some(slow)), user("fast", Some(fast)), user("none", None)]).unwrap();
        let cost = |name: &str| {
            let (secret, decoy) = users.secrets(name);
            secret.into_iter().chain(decoy).map(Secret::cost).sum::<u64>()
        };
        for name in ["slow", "fast", "none", "nobody"] {
            assert!((512..=513).contains(&cost(name)), "{name}: {}", cost(name));
            assert!(users.verify(name, b"wrong").is_none(), "{name}");
        }
        assert!(users.verify("slow", b"password").is_some() && users.verify("fast", b"123456").is_some());
        let nobody = Users::new([]).unwrap();
        assert!(nobody.verify("x", b"").is_none());
    }

    #[test]
    fn a_stamp_is_that_of_the_password() {
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let (one, same) =
            (user("a", Some(stored)), User { role: Some(Role::Admin), ..user("a", Some(stored)) });
        assert_eq!(one.stamp(), same.stamp());
        assert_ne!(one.stamp(), user("a", None).stamp());
        let plain = |password: &[u8]| User { secret: Secret::plain(password).ok(), ..user("a", None) };
        assert_eq!(plain(b"x").stamp(), plain(b"x").stamp(), "also if the file is read again");
        assert_ne!(plain(b"x").stamp(), plain(b"y").stamp());
    }
}
