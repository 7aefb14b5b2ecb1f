//! What the configuration file says of users and rules: `[[user]]`, `[[rule]]`, `[client-id]`.

use super::names::Names;
use super::rules::{self, Origin, Pattern, Reach, Rule, Who};
use super::secret::Secret;
use super::users::{Role, User, check_name};
use crate::broker::Actions;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;

/// `[[user]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserTable {
    name: UserName,
    /// In plain words.
    password: Option<String>,
    /// As `tabmq passwd hash` prints it, or from mosquitto's password file.
    password_hash: Option<StoredPassword>,
    #[serde(default, alias = "groups")]
    group: Names,
    role: Option<Role>,
}

/// A name that a user can have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct UserName(String);

impl TryFrom<String> for UserName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        check_name(&name).map(|()| UserName(name))
    }
}

/// A hash that can be checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct StoredPassword(Secret);

impl TryFrom<String> for StoredPassword {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Secret::parse(&text).map(StoredPassword)
    }
}

impl UserTable {
    /// What is wrong with the table as a whole.
    pub(crate) fn mistake(&self) -> Option<String> {
        let both = self.password.is_some() && self.password_hash.is_some();
        both.then(|| format!("user {:?} has both password and password-hash: give one", self.name.0))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name.0
    }

    /// Whether its password is in plain words.
    pub(crate) fn is_plain(&self) -> bool {
        self.password.is_some()
    }

    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn user(&self) -> Result<User, String> {
        let plain = self.password.as_ref().map(|password| Secret::plain(password.as_bytes())).transpose()?;
        Ok(User {
            name: Arc::from(self.name.0.as_str()),
            secret: plain.or_else(|| self.password_hash.as_ref().map(|stored| stored.0.clone())),
            scram: None,
            groups: self.group.iter().map(|group| Arc::from(group.as_str())).collect(),
            role: self.role,
        })
    }
}

/// `[[rule]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuleTable {
    #[serde(default)]
    allow: Words,
    #[serde(default)]
    deny: Words,
    #[serde(alias = "topics")]
    topic: Topics,
    #[serde(default, alias = "users")]
    user: Names,
    #[serde(default, alias = "groups")]
    group: Names,
    #[serde(default, alias = "client-ids")]
    client_id: Names,
    #[serde(default, alias = "addresses")]
    address: Networks,
    #[serde(default)]
    anyone: bool,
    #[serde(default)]
    anonymous: bool,
    /// Filled in by those who know the file.
    #[serde(skip)]
    origin: Option<Origin>,
}

/// Words for actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Names")]
struct Words(Option<Actions>);

impl TryFrom<Names> for Words {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        let mut all = Actions::default();
        for name in names.iter() {
            let actions = rules::actions_of(name);
            all = all.or(actions.ok_or_else(|| {
                format!(
                    "{name:?} is nothing that a rule can be about: publish, subscribe, receive, retain, all"
                )
            })?);
        }
        Ok(Words(Some(all)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Names")]
struct Topics(Vec<Pattern>);

impl TryFrom<Names> for Topics {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        names.iter().map(|name| Pattern::new(name)).collect::<Result<_, _>>().map(Topics)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Names")]
struct Networks(Vec<IpNet>);

impl TryFrom<Names> for Networks {
    type Error = String;

    fn try_from(names: Names) -> Result<Self, String> {
        let parse = |name: &String| {
            let net = name.parse::<IpNet>().ok().or_else(|| name.parse::<IpAddr>().ok().map(IpNet::from));
            net.ok_or_else(|| {
                format!("{name:?} is no address and no network, such as 10.0.0.0/8 or 2001:db8::/32")
            })
        };
        names.iter().map(parse).collect::<Result<_, _>>().map(Networks)
    }
}

impl RuleTable {
    /// What is wrong with the table as a whole.
    pub(crate) fn mistake(&self) -> Option<String> {
        let is_named = self.names_somebody();
        match (&self.allow.0, &self.deny.0) {
            (None, None) => {
                return Some("the rule neither allows nor denies anything: give allow or deny".to_owned());
            }
            (Some(_), Some(_)) => {
                return Some(
                    "the rule has both allow and deny: make two, the one that counts first".to_owned(),
                );
            }
            _ => {}
        }
        if !is_named && !self.anyone {
            let what = "the rule does not say for whom: give user, group, client-id, address, anonymous = true, or \
                        anyone = true";
            return Some(what.to_owned());
        }
        if is_named && self.anyone {
            return Some(
                "the rule is for anyone, and names somebody as well: leave one of them out".to_owned(),
            );
        }
        (self.anonymous && !(self.user.is_empty() && self.group.is_empty())).then(|| {
            "the rule is for those who are logged in as no user, and names users or groups: it would be for nobody"
                .to_owned()
        })
    }

    fn names_somebody(&self) -> bool {
        let names = [&self.user, &self.group, &self.client_id];
        self.anonymous || !self.address.0.is_empty() || names.iter().any(|names| !names.is_empty())
    }

    /// Says where the table stands: in this file, at this line, counted from 1.
    pub(crate) fn set_origin(&mut self, file: &Arc<str>, line: usize) {
        self.origin = Some(Origin { file: file.clone(), line });
    }

    pub(crate) fn rule(&self) -> Rule {
        let who = Who {
            users: self.user.given(),
            groups: self.group.given(),
            client_ids: self.client_id.given(),
            addresses: (!self.address.0.is_empty()).then(|| self.address.0.clone()),
            anonymous: self.anonymous,
        };
        let origin = self.origin.clone().unwrap_or(Origin { file: "the configuration".into(), line: 0 });
        let allow = self.allow.0.is_some();
        let actions = self.allow.0.or(self.deny.0).unwrap_or_default();
        Rule { who, allow, actions, reach: Reach::Covering, topics: self.topic.0.clone(), origin }
    }
}
