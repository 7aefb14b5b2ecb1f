//! The tables of the configuration file: what has no flag, because there may be several of a kind.
//!
//! A new kind of table is one line in [`Tables`] and a type of its own, in the room that it is about:
//!
//! - `#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]` and
//!   `#[serde(rename_all = "kebab-case", deny_unknown_fields)]`, so that a misspelt key is an error that offers the
//!   nearest name. Without `flatten` and `untagged`: they lose the line.
//! - Fields are of types that cannot be wrong (`#[serde(try_from = "String")]`, or [`crate::units`]): then an error
//!   names line and column of the value by itself.
//! - An example in [`EXAMPLES`].
//! - What no single value can tell is asked in [`Tables::check`]; a `toml::Spanned` field keeps its place for that.

use crate::auth::{ClientIds, JwtTable, RuleTable, TokenTable, UserTable};
use crate::bridges::BridgeTable;
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;

/// `[table]`s are fields of their type or `Option`s of it, `[[table]]`s are `Vec`s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tables {
    /// `[[user]]`: who may log in, besides those in the password file.
    pub user: Vec<Spanned<UserTable>>,
    /// `[[rule]]`: who may publish, subscribe, receive and retain where; the first that speaks of it decides.
    pub rule: Vec<Spanned<RuleTable>>,
    /// `[client-id]`: which client ids are taken.
    pub client_id: ClientIds,
    /// `[jwt]`: tokens in place of passwords.
    pub jwt: Option<Spanned<JwtTable>>,
    /// `[[token]]`: what opens the API to programs.
    pub token: Vec<Spanned<TokenTable>>,
    /// `[[bridge]]`: other brokers that this one is a client of.
    pub bridge: Vec<Spanned<BridgeTable>>,
}

/// One of each, for `tabmq config example`: lines that begin with `# ` explain, all others are commented out there. A
/// test sees to it that no table is missing.
pub(super) const EXAMPLES: &[&str] = &[
    r##"
# Who may log in, besides those in the password file. `tabmq passwd hash` makes the hash. Where
# nobody else can read this file, password = '...' in plain words will do. Roles are for the HTTP
# API: viewer, publisher, admin.
[[user]]
name = 'admin'
password-hash = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg'
groups = ['staff']
role = 'admin'
"##,
    r##"
# Who may publish, subscribe, receive and retain where. The first rule that speaks of a client, an
# action and a topic decides; as soon as there is any rule, what no rule speaks of is denied.
# `publish` includes `retain`, `subscribe` includes `receive`, `all` is all four. A rule speaks of
# those who are all of the user, group, client-id (with *) and address that it has; of those who
# are not logged in, with anonymous = true; or of everybody, with anyone = true. %u is the user
# name, %c the client id.
[[rule]]
deny = 'publish'
topic = 'plant/stop'
anyone = true
[[rule]]
allow = ['publish', 'subscribe']
topics = ['plant/#', '$SYS/#']
group = 'staff'
[[rule]]
allow = 'publish'
topic = 'devices/%c/#'
client-id = 'sensor-*'
address = '10.0.0.0/8'
"##,
    r##"
# Which client ids are taken: the number of characters, a regular expression for the whole,
# beginnings that are for some users and groups only, and whether it must be the user's name.
[client-id]
min-length = 1
max-length = 64
pattern = '[A-Za-z0-9_.-]+'
must-equal-user = false
[[client-id.reserved]]
prefix = 'ops-'
groups = ['staff']
"##,
    r##"
# Tokens (JWT) in place of passwords. One key or several: a file with a secret of 32 bytes or more
# for HS256, a public key in PEM for RS256 or ES256, a set of keys (JWKS). The claims that are
# read, with their names; permissions are { "publish": ["a/#"], "subscribe": ["b/%u/#"] }. leeway
# is in seconds.
[jwt]
secret-file = 'jwt-secret'
public-key-file = 'jwt.pem'
jwks-file = 'jwks.json'
issuer = 'https://login.example.org'
audience = 'tabmq'
user-claim = 'sub'
groups-claim = 'groups'
role-claim = 'role'
permissions-claim = 'permissions'
leeway = 10
"##,
    r##"
# A token for the HTTP API, for programs that cannot type a password: `curl -H 'Authorization:
# Bearer TOKEN'`. `tabmq token add` makes one and writes this. Once there is one, the API is for
# those alone who have a role; MQTT clients are not concerned. Access rules know it as the user
# token:NAME.
[[token]]
name = 'prometheus'
role = 'viewer'
hash = 'sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
groups = ['staff']
"##,
    r##"
# A bridge: this broker as a client of another one. It may be repeated, and so may its topics.
# There are also client-id, clean-start, session-expiry, keep-alive, max-retry-time; cafile, cert
# and key for TLS; try-private for 3.1.1 and no-local for 5; and notification-topic.
[[bridge]]
name = 'cloud'
address = 'mqtts://broker.example:8883'
version = '5'
username = 'site-7'
password = 'secret'
[[bridge.topics]]
pattern = 'sensors/#'
direction = 'out'
qos = 1
remote-prefix = 'site-7/'
[[bridge.topics]]
pattern = 'commands/#'
direction = 'in'
qos = 1
remote-prefix = 'site-7/'
"##,
];

/// What is wrong in a file, and where.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The place in the text, in bytes; `None`: the file as a whole.
    pub(super) span: Option<Range<usize>>,
    /// A sentence that says what to do.
    pub(super) message: String,
}

impl Tables {
    /// Looks for what no single value can tell.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        let users = self.user.iter().map(|user| (user.span(), user.get_ref().mistake()));
        let rules = self.rule.iter().map(|rule| (rule.span(), rule.get_ref().mistake()));
        let jwt = self.jwt.iter().map(|jwt| (jwt.span(), jwt.get_ref().mistake()));
        for (span, mistake) in users.chain(rules).chain(jwt) {
            if let Some(message) = mistake {
                return Err(Mistake { span: Some(span), message });
            }
        }
        for (position, user) in self.user.iter().enumerate() {
            let name = user.get_ref().name();
            if self.user.iter().take(position).any(|earlier| earlier.get_ref().name() == name) {
                return Err(Mistake {
                    span: Some(user.span()),
                    message: format!("there are two users {name:?}"),
                });
            }
        }
        for (position, token) in self.token.iter().enumerate() {
            let name = token.get_ref().name();
            if self.token.iter().take(position).any(|earlier| earlier.get_ref().name() == name) {
                let message = format!("there are two tokens {name:?}");
                return Err(Mistake { span: Some(token.span()), message });
            }
        }
        for (position, bridge) in self.bridge.iter().enumerate() {
            let name = bridge.get_ref().name();
            if self.bridge.iter().take(position).any(|earlier| earlier.get_ref().name() == name) {
                let message = format!("there are two bridges {name:?}");
                return Err(Mistake { span: Some(bridge.span()), message });
            }
        }
        Ok(())
    }

    /// Tells the tables where they stand in the text of this file.
    pub(super) fn locate(&mut self, path: &Path, text: &str) {
        let file: Arc<str> = Arc::from(path.display().to_string());
        for rule in &mut self.rule {
            let before = text.get(..rule.span().start).unwrap_or_default();
            rule.get_mut().set_origin(&file, before.matches('\n').count() + 1);
        }
    }
}
