//! JSON web tokens (RFC 7519) in place of a password, or as a bearer token of the API. Somebody else has checked who the
//! client is and has signed what it may do; we check the signature and until when it is good.
//!
//! Each key is for one algorithm, so that nobody can take a public key for a secret. The signatures are checked by ring,
//! which TLS uses as well, behind jsonwebtoken's interface.

mod keys;
mod signatures;

pub use keys::JwtTable;

use super::rules::actions_of;
use super::users::Role;
use crate::broker::{Grant, Identity};
use jsonwebtoken::{Validation, decode, decode_header, get_current_timestamp};
use keys::Key;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// The stamp of all that have come in by a token.
pub(super) const STAMP: u64 = 1;

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) identity: Identity,
    pub(crate) role: Option<Role>,
}

/// What tokens are good, and what their claims mean.
#[derive(Debug)]
pub(crate) struct Jwt {
    table: JwtTable,
    keys: Vec<Key>,
}

impl Jwt {
    /// Whether a password looks like a token: three parts, of which the first is a JSON object.
    pub(crate) fn is_token(password: &[u8]) -> bool {
        password.starts_with(b"ey") && password.iter().filter(|byte| **byte == b'.').count() == 2
    }

    /// Checks a token.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) fn verify(&self, token: &[u8]) -> Result<Token, String> {
        let header = decode_header(token).map_err(|error| format!("not a token: {error}"))?;
        let fits = |key: &&Key| {
            let is_named = match (&header.kid, &key.id) {
                (Some(wanted), Some(id)) => wanted == id,
                _ => true,
            };
            key.algorithm == header.alg && is_named
        };
        let mut why = format!("there is no key for its algorithm, {:?}, and key id", header.alg);
        for key in self.keys.iter().filter(fits) {
            match decode::<Map<String, Value>>(token, &key.key, &self.validation(key)) {
                Ok(data) => return self.read(&data.claims),
                Err(error) => why = error.to_string(),
            }
        }
        Err(format!("a token that is not good: {why}"))
    }

    fn validation(&self, key: &Key) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.table.leeway_s;
        validation.validate_nbf = true;
        validation.validate_aud = self.table.audience.is_some();
        if let Some(audience) = &self.table.audience {
            validation.set_audience(audience);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &self.table.issuer {
            validation.set_issuer(issuer);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        validation
    }

    /// Reads the claims of a token whose signature is right.
    fn read(&self, claims: &Map<String, Value>) -> Result<Token, String> {
        let claim = |name: &str| claims.get(name).filter(|value| !value.is_null());
        let user = claim(&self.table.user_claim).and_then(Value::as_str).filter(|user| !user.is_empty());
        let user =
            user.ok_or_else(|| format!("a token without the claim {:?}, its user", self.table.user_claim))?;
        let role = match claim(&self.table.role_claim) {
            None => None,
            Some(role) => Some(role.as_str().and_then(Role::from_name).ok_or_else(|| {
                format!("a token with the role {role}: there are viewer, publisher and admin")
            })?),
        };
        let until =
            claims.get("exp").and_then(Value::as_u64).ok_or("a token without a whole number in exp")?;
        let seconds = until.saturating_add(self.table.leeway_s).saturating_sub(get_current_timestamp());
        let identity = Identity {
            user: Some(Arc::from(user)),
            groups: claim(&self.table.groups_claim).map(strings).transpose()?.unwrap_or_default().into(),
            grants: claim(&self.table.permissions_claim).map(grants).transpose()?.map(Arc::from),
            valid_for: Some(Duration::from_secs(seconds)),
            stamp: STAMP,
        };
        Ok(Token { identity, role })
    }
}

/// A list of strings, or one string.
fn strings(value: &Value) -> Result<Vec<Arc<str>>, String> {
    let text = |value: &Value| value.as_str().map(Arc::from);
    let list = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    };
    list.ok_or_else(|| format!("a token with {value}, where strings should be"))
}

/// `{"publish": ["a/#"], "subscribe": ["b/%u/#"]}`; `pub` and `sub` are understood as well.
fn grants(value: &Value) -> Result<Vec<Grant>, String> {
    let words =
        value.as_object().ok_or_else(|| format!("a token with the permissions {value}: not an object"))?;
    let mut grants = Vec::new();
    for (word, topics) in words {
        let known = match word.as_str() {
            "pub" => "publish",
            "sub" => "subscribe",
            word => word,
        };
        // What is not understood might be there to deny something.
        let actions = actions_of(known)
            .ok_or_else(|| format!("a token with the permission {word:?}, which is none"))?;
        let topics = strings(topics)?;
        grants.extend(topics.iter().map(|topic| Grant { actions, pattern: topic.to_string() }));
    }
    Ok(grants)
}

#[cfg(test)]
mod tests;
