//! Static tokens for the API: `[[token]]`. For programs that look or publish, such as Prometheus, which cannot type a
//! password.
//!
//! A token has 256 random bits, so its SHA-256 says nothing about it and needs no slow hash; what is stored opens nothing.
//! A token is for the API alone: no MQTT client logs in with one.

use super::crypto;
use super::names::Names;
use super::users::{Role, check_name};
use crate::broker::Identity;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;

/// The stamp of all that have come in by a token.
const STAMP: u64 = 3;

/// What every token begins with, so that it is known for one where it should not be.
const PREFIX: &str = "tabmq_";

/// What a stored hash begins with.
const HASH_PREFIX: &str = "sha256:";

/// `[[token]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TokenTable {
    name: TokenName,
    role: Role,
    hash: TokenHash,
    #[serde(default, alias = "groups")]
    group: Names,
}

/// What rules and the log call it, behind `token:`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct TokenName(String);

impl TryFrom<String> for TokenName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        check_name(&name).map(|()| TokenName(name))
    }
}

/// The hash of a token.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TokenHash([u8; 32]);

impl TryFrom<String> for TokenHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hash = text.strip_prefix(HASH_PREFIX).and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok());
        let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
        hash.map(TokenHash).ok_or_else(|| {
            "it is no hash of a token: `tabmq token add` and `tabmq token hash` make one, and it begins with sha256:"
                .to_owned()
        })
    }
}

impl TokenHash {
    pub(super) fn of(token: &str) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        TokenHash(hash)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

impl TokenTable {
    pub(crate) fn name(&self) -> &str {
        &self.name.0
    }
}

/// What to write down of a token.
#[cfg(test)]
pub(crate) fn hash_text(token: &str) -> String {
    TokenHash::of(token).to_string()
}

/// A new token, which nobody knows yet.
///
/// # Errors
/// The system has no random numbers.
pub(super) fn new_token() -> Result<String, String> {
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(crypto::random::<32>()?)))
}

/// The tokens that are taken.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    hash: TokenHash,
    role: Role,
    identity: Identity,
}

impl Tokens {
    pub(super) fn new(tables: &[TokenTable]) -> Tokens {
        let token = |table: &TokenTable| Token {
            hash: table.hash.clone(),
            role: table.role,
            identity: Identity {
                // No user has a name with ':' in it, so no rule takes one for the other.
                user: Some(Arc::from(format!("token:{}", table.name()))),
                groups: table.group.iter().map(|group| Arc::from(group.as_str())).collect(),
                stamp: STAMP,
                ..Identity::default()
            },
        };
        Tokens(tables.iter().map(token).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token it is, and what it may do. Compares hashes in constant time.
    pub(super) fn find(&self, token: &[u8]) -> Option<(Identity, Role)> {
        let token = std::str::from_utf8(token).ok().filter(|token| token.starts_with(PREFIX))?;
        let hash = TokenHash::of(token);
        let mut found = self.0.iter().filter(|known| crypto::are_equal(&known.hash.0, &hash.0));
        found.next().map(|known| (known.identity.clone(), known.role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash() {
        let (token, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(token.starts_with("tabmq_") && token.len() == 49 && token != other);
        let hash = TokenHash::of(&token).to_string();
        let table = format!("name = 'grafana'\nrole = 'viewer'\nhash = '{hash}'\ngroups = ['staff']");
        let tokens = Tokens::new(&[toml::from_str(&table).unwrap()]);
        let (identity, role) = tokens.find(token.as_bytes()).unwrap();
        assert_eq!((identity.user.as_deref(), role), (Some("token:grafana"), Role::Viewer));
        assert_eq!(identity.groups.as_ref(), [Arc::<str>::from("staff")]);
        for wrong in [other.as_bytes(), hash.as_bytes(), b"", b"tabmq_", &[0xFF], &token.as_bytes()[..48]] {
            assert!(tokens.find(wrong).is_none(), "{wrong:?}");
        }
        assert!(!format!("{tokens:?}").contains(&hash), "{tokens:?}");
    }

    #[test]
    fn mistakes_in_tables() {
        let hash = TokenHash::of("x").to_string();
        for (table, part) in [
            ("role = 'viewer'\nhash = 'sha256:x'".to_owned(), "no hash of a token"),
            ("name = 'a:b'".to_owned(), "no user name may have"),
            (format!("name = 'a'\nhash = '{hash}'"), "role"),
            (format!("name = 'a'\nhash = '{hash}'\nrole = 'boss'"), "boss"),
            (format!("name = 'a'\nhash = '{hash}'\nrole = 'admin'\nuser = 'x'"), "user"),
        ] {
            let error = toml::from_str::<TokenTable>(&table).unwrap_err().to_string();
            assert!(error.contains(part), "{table}: {error}");
        }
    }
}
