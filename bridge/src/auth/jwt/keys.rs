//! `[jwt]` of the configuration file, and the keys that it names.

use super::super::error::SecurityError;
use super::super::names::Names;
use super::{Jwt, signatures};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The least length of a secret for HS256, in bytes (RFC 7518 section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// `[jwt]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct JwtTable {
    /// A file with the secret of HS256, as it is but for a line's end behind it.
    pub secret_file: Option<PathBuf>,
    /// A file with a public key for RS256 or ES256, in PEM.
    pub public_key_file: Option<PathBuf>,
    /// A file with a set of keys (RFC 7517).
    pub jwks_file: Option<PathBuf>,
    /// Who must have made the token: its claim `iss`.
    pub issuer: Option<Names>,
    /// For whom it must be: its claim `aud`.
    pub audience: Option<Names>,
    /// The claim that is the user's name.
    pub user_claim: String,
    /// The claim with the user's groups.
    pub groups_claim: String,
    /// The claim with the role for the API.
    pub role_claim: String,
    /// The claim with what the client may do.
    pub permissions_claim: String,
    /// How far clocks may differ, in seconds.
    #[serde(rename = "leeway")]
    pub leeway_s: u64,
}

impl Default for JwtTable {
    fn default() -> Self {
        JwtTable {
            secret_file: None,
            public_key_file: None,
            jwks_file: None,
            issuer: None,
            audience: None,
            user_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            role_claim: "role".to_owned(),
            permissions_claim: "permissions".to_owned(),
            leeway_s: 10,
        }
    }
}

/// A key for one algorithm.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) id: Option<String>,
    pub(super) key: DecodingKey,
}

/// Nobody prints a key by mistake.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.algorithm)
    }
}

impl JwtTable {
    /// What is wrong with the table as a whole.
    pub(crate) fn mistake(&self) -> Option<String> {
        let files = [&self.secret_file, &self.public_key_file, &self.jwks_file];
        files.iter().all(|file| file.is_none()).then(|| {
            "tokens need a key: give secret-file (HS256), public-key-file (RS256 or ES256, PEM) or jwks-file".to_owned()
        })
    }

    /// The files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.secret_file, &self.public_key_file, &self.jwks_file]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }

    /// Reads the keys.
    pub(crate) fn load(&self) -> Result<Jwt, SecurityError> {
        signatures::install();
        let mut keys = Vec::new();
        if let Some(path) = &self.secret_file {
            keys.push(secret(path)?);
        }
        if let Some(path) = &self.public_key_file {
            keys.push(public_key(path)?);
        }
        if let Some(path) = &self.jwks_file {
            keys.extend(key_set(path)?);
        }
        Ok(Jwt { table: self.clone(), keys })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SecurityError> {
    let what = "the tokens' key";
    fs::read(path).map_err(|source| SecurityError::Unreadable { what, path: path.to_path_buf(), source })
}

fn bad(path: &Path, why: impl fmt::Display) -> SecurityError {
    SecurityError::Other(format!("the tokens' key {}: {why}", path.display()))
}

fn secret(path: &Path) -> Result<Key, SecurityError> {
    let bytes = read(path)?;
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.len() < MIN_SECRET_BYTES {
        return Err(bad(path, format!("a secret for HS256 has {MIN_SECRET_BYTES} bytes at least")));
    }
    Ok(Key { algorithm: Algorithm::HS256, id: None, key: DecodingKey::from_secret(secret) })
}

fn public_key(path: &Path) -> Result<Key, SecurityError> {
    let pem = read(path)?;
    let rsa = DecodingKey::from_rsa_pem(&pem).map(|key| (Algorithm::RS256, key));
    let (algorithm, key) = rsa
        .or_else(|_| DecodingKey::from_ec_pem(&pem).map(|key| (Algorithm::ES256, key)))
        .map_err(|_| bad(path, "it is no public key of RSA or P-256 in PEM"))?;
    Ok(Key { algorithm, id: None, key })
}

/// Keys that are for something else are left out; a set without any for tokens is a mistake.
fn key_set(path: &Path) -> Result<Vec<Key>, SecurityError> {
    let set: JwkSet = serde_json::from_slice(&read(path)?).map_err(|error| bad(path, error))?;
    let keys: Vec<Key> = set.keys.iter().filter_map(key_of).collect();
    if keys.is_empty() {
        return Err(bad(path, "the set has no key for RS256, ES256 or HS256"));
    }
    Ok(keys)
}

fn key_of(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        _ => return None,
    };
    let said = jwk.common.key_algorithm.map(|said| said.to_string());
    let fits = said.is_none_or(|said| said == format!("{algorithm:?}"));
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| fits)?;
    Some(Key { algorithm, id: jwk.common.key_id.clone(), key })
}
