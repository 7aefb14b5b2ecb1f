//! Users and rules as a whole: read from the configuration and the files that it names, and valid.

use super::client_ids::ClientIds;
use super::error::SecurityError;
use super::jwt::{self, Jwt, JwtTable};
use super::password_file::{PasswordFile, is_open_to_others};
use super::rules::{Policy, Rule, mosquitto};
use super::settings::{RuleTable, UserTable};
use super::tokens::{TokenTable, Tokens};
use super::users::{User, Users};
use crate::broker::{Access, Client, Identity, Permits};
use crate::watch::Stamp;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// The stamp of all that have come in by a certificate.
const CERTIFICATE_STAMP: u64 = 2;

/// Where users and rules are to be found: a part of [`Config`](crate::config::Config).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecuritySettings {
    /// `--password-file`
    pub password_file: Option<PathBuf>,
    /// `--acl-file`
    pub acl_file: Option<PathBuf>,
    /// `--allow-anonymous`, if it was said.
    pub allow_anonymous: bool,
    /// `[[user]]`
    pub users: Vec<UserTable>,
    /// `[[rule]]`
    pub rules: Vec<RuleTable>,
    /// `[client-id]`
    pub client_ids: ClientIds,
    /// `[jwt]`
    pub jwt: Option<JwtTable>,
    /// `[[token]]`
    pub tokens: Vec<TokenTable>,
}

/// Users, rules and the rest, valid as a whole. It does not change: a reload makes another one.
#[derive(Debug)]
pub struct Security {
    pub(super) users: Users,
    pub(super) policy: Policy,
    pub(super) client_ids: ClientIds,
    pub(super) jwt: Option<Jwt>,
    /// Those for the API alone.
    pub(super) tokens: Tokens,
    /// Whether there is any way to log in.
    pub(super) knows_users: bool,
    /// Whether clients without credentials get in.
    pub(super) anonymous: bool,
    /// What deserves a second look, in sentences.
    warnings: Vec<String>,
    /// Where all this comes from, and what the files were like when they were read.
    pub(super) settings: SecuritySettings,
    pub(super) stamp: Stamp,
}

impl SecuritySettings {
    /// Whether there is any way to log in: then strangers may reach the broker, and are asked for a password.
    pub fn know_users(&self) -> bool {
        !self.users.is_empty() || self.password_file.is_some() || self.jwt.is_some()
    }

    /// The files that are named here, as they are now.
    pub(super) fn stamp(&self) -> Stamp {
        let files = [&self.password_file, &self.acl_file].into_iter().flatten().map(PathBuf::as_path);
        Stamp::of(files.chain(self.jwt.iter().flat_map(JwtTable::files)))
    }
}

impl Security {
    /// Reads all files.
    pub fn load(settings: &SecuritySettings) -> Result<Security, SecurityError> {
        let stamp = settings.stamp();
        let mut warnings = Vec::new();
        let users = read_users(settings, &mut warnings)?;
        let policy = Policy::new(read_rules(settings)?);
        let knows_users = settings.know_users();
        if !knows_users
            && let Some(rule) =
                policy.rules().find(|rule| rule.who.users.is_some() || rule.who.groups.is_some())
        {
            warnings.push(format!(
                "the rule in {} names users or groups, and there are no users: a name that nobody checks does not count",
                rule.origin
            ));
        }
        Ok(Security {
            users,
            policy,
            client_ids: settings.client_ids.clone(),
            jwt: settings.jwt.as_ref().map(JwtTable::load).transpose()?,
            tokens: Tokens::new(&settings.tokens),
            knows_users,
            anonymous: !knows_users || settings.allow_anonymous,
            warnings,
            settings: settings.clone(),
            stamp,
        })
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// How many access rules there are.
    pub fn rules(&self) -> usize {
        self.policy.len()
    }

    /// What deserves a second look, in sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Who somebody is that has shown a certificate with this user name: groups are those of the user, if there is one.
    pub(super) fn identity_by_certificate(&self, name: &str) -> Identity {
        let groups = self.user(name).map(|user| user.groups.iter().cloned().collect()).unwrap_or_default();
        Identity { user: Some(Arc::from(name)), groups, stamp: CERTIFICATE_STAMP, ..Identity::default() }
    }

    /// A user of the tables or files.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }
}

impl Access for Security {
    fn permits(&self, client: Client<'_>) -> Option<Arc<dyn Permits>> {
        self.policy.permits(client).map(|rules| rules as Arc<dyn Permits>)
    }

    fn recognise(&self, identity: &Identity) -> Result<Identity, String> {
        let Some(name) = &identity.user else {
            return match self.anonymous {
                true => Ok(identity.clone()),
                false => Err("clients without a user name may not be here any more".to_owned()),
            };
        };
        if identity.stamp == jwt::STAMP && self.jwt.is_some() {
            return Ok(identity.clone());
        }
        if identity.stamp == CERTIFICATE_STAMP {
            return Ok(self.identity_by_certificate(name));
        }
        match self.user(name) {
            Some(user) if user.stamp() == identity.stamp => Ok(identity_of(user)),
            _ => Err("its user account has changed: it has to log in again".to_owned()),
        }
    }
}

/// Who somebody is that has shown this user's password.
pub(super) fn identity_of(user: &User) -> Identity {
    Identity {
        user: Some(user.name.clone()),
        groups: user.groups.iter().cloned().collect(),
        grants: None,
        valid_for: None,
        stamp: user.stamp(),
    }
}

fn read_users(settings: &SecuritySettings, warnings: &mut Vec<String>) -> Result<Users, SecurityError> {
    let mut users: Vec<User> = Vec::new();
    for table in &settings.users {
        users.push(table.user().map_err(SecurityError::Other)?);
    }
    if settings.users.iter().any(UserTable::is_plain) {
        let what = "the configuration file has passwords in plain words: `tabmq passwd hash` makes password-hash of them";
        warnings.push(what.to_owned());
    }
    if let Some(path) = &settings.password_file {
        if is_open_to_others(path) {
            warnings
                .push(format!("everybody can read the password file {}: chmod 600 helps", path.display()));
        }
        for user in PasswordFile::read(path)?.users() {
            if users.iter().any(|known| known.name == user.name) {
                let name = &user.name;
                let what = format!("user {name:?} is in the configuration file and in {}", path.display());
                return Err(SecurityError::Other(what));
            }
            users.push(user.clone());
        }
    }
    Users::new(users).map_err(SecurityError::Other)
}

/// Our rules first, in their order, and then those of mosquitto's file.
fn read_rules(settings: &SecuritySettings) -> Result<Vec<Rule>, SecurityError> {
    let mut rules: Vec<_> = settings.rules.iter().map(RuleTable::rule).collect();
    if let Some(path) = &settings.acl_file {
        let text = fs::read_to_string(path).map_err(|source| SecurityError::Unreadable {
            what: "the access rules",
            path: path.clone(),
            source,
        })?;
        let file = Arc::from(path.display().to_string().as_str());
        rules.extend(mosquitto::parse(&text, &file).map_err(|(line, message)| SecurityError::Line {
            path: path.clone(),
            line,
            message,
        })?);
    }
    Ok(rules)
}
