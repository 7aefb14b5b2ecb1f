//! Stored passwords, in the forms that are read:
//!
//! - `$argon2id$…` (and `$argon2i$`, `$argon2d$`), the PHC string format: what `tabmq passwd` writes.
//! - `$7$ITERATIONS$SALT$HASH`, PBKDF2 with SHA-512, and `$6$SALT$HASH`, one round of SHA-512: mosquitto's.
//! - a password in plain words, in the configuration file only.
//!
//! Checking a password takes long on purpose: never on a thread that serves connections.

use super::crypto::{self, Key};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;

/// The most memory that one check may need, in KiB: a stored password is not to end the broker.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// The most rounds of PBKDF2: some seconds.
const MAX_ITERATIONS: u32 = 10_000_000;

/// A stored password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Argon2(Box<str>),
    Pbkdf2 {
        iterations: NonZeroU32,
        salt: Box<[u8]>,
        hash: Box<[u8]>,
    },
    Sha512 {
        salt: Box<[u8]>,
        hash: Box<[u8]>,
    },
    /// A keyed hash of the password, so that it is in no memory for longer than it must.
    Plain {
        key: Key,
        tag: Box<[u8]>,
    },
}

impl Secret {
    /// Reads a stored password.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(text: &str) -> Result<Secret, String> {
        if text.starts_with("$argon2") {
            return parse_argon2(text).map(Secret);
        }
        if let Some(rest) = text.strip_prefix("$7$") {
            return parse_pbkdf2(rest).map(Secret).ok_or_else(|| {
                format!("it is not $7$ITERATIONS$SALT$HASH with 1 to {MAX_ITERATIONS} iterations")
            });
        }
        if let Some(rest) = text.strip_prefix("$6$") {
            return parse_sha512(rest).map(Secret).ok_or_else(|| "it is not $6$SALT$HASH".to_owned());
        }
        let form = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
        Err(match form {
            Some(form) => format!("passwords stored as ${}$ are not known", form.escape_debug()),
            None => "it is a password in plain words; `tabmq passwd add` stores it as a hash".to_owned(),
        })
    }

    /// Stores a new password, as argon2id.
    ///
    /// # Errors
    /// The system has no random numbers, or too little memory.
    pub(crate) fn hash(password: &[u8]) -> Result<Secret, String> {
        let salt: [u8; 16] = crypto::random()?;
        let hash = argon2().hash_password_with_salt(password, &salt).map_err(|error| error.to_string())?;
        Ok(Secret(Form::Argon2(hash.to_string().into())))
    }

    /// Keeps a password that is written down in plain words.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn plain(password: &[u8]) -> Result<Secret, String> {
        let key = crypto::process_key()?;
        Ok(Secret(Form::Plain { tag: key.sign(&[password]).into(), key: key.clone() }))
    }

    /// Whether this is the password. Slow; compares in constant time.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        match &self.0 {
            Form::Argon2(phc) => PasswordHash::new(phc)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Form::Pbkdf2 { iterations, salt, hash } => {
                pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA512, *iterations, salt, password, hash).is_ok()
            }
            Form::Sha512 { salt, hash } => {
                let mut context = digest::Context::new(&digest::SHA512);
                context.update(password);
                context.update(salt);
                crypto::are_equal(context.finish().as_ref(), hash)
            }
            Form::Plain { key, tag } => key.is_signed(&[password], tag),
        }
    }

    /// Another text for each password that is stored: for comparing two readings of the same file.
    pub(crate) fn fingerprint(&self) -> String {
        match &self.0 {
            Form::Plain { tag, .. } => STANDARD.encode(tag),
            _ => self.stored().unwrap_or_default(),
        }
    }

    /// How much work a check is, compared with others: for the choice of what is done for users that do not exist.
    pub(crate) fn cost(&self) -> u64 {
        match &self.0 {
            Form::Argon2(phc) => {
                let params = PasswordHash::new(phc).ok().and_then(|hash| Params::try_from(&hash).ok());
                let params = params.unwrap_or_default();
                // A KiB that is filled takes about as long as one round of PBKDF2.
                u64::from(params.m_cost()).saturating_mul(u64::from(params.t_cost()))
            }
            Form::Pbkdf2 { iterations, .. } => u64::from(iterations.get()),
            Form::Sha512 { .. } | Form::Plain { .. } => 1,
        }
    }

    /// A password of the same form and cost that nobody has.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn decoy(&self) -> Result<Secret, String> {
        let random: [u8; 64] = crypto::random()?;
        Ok(match &self.0 {
            Form::Argon2(phc) => {
                let hash = PasswordHash::new(phc).map_err(|error| error.to_string())?;
                let params = Params::try_from(&hash).map_err(|error| error.to_string())?;
                let (salt, password) = random.split_at(16);
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let decoy = argon2.hash_password_with_salt(password, salt);
                Secret(Form::Argon2(decoy.map_err(|error| error.to_string())?.to_string().into()))
            }
            Form::Pbkdf2 { iterations, salt, .. } => {
                let (iterations, salt) = (*iterations, salt.clone());
                Secret(Form::Pbkdf2 { iterations, salt, hash: Box::new(random) })
            }
            Form::Sha512 { salt, .. } => Secret(Form::Sha512 { salt: salt.clone(), hash: Box::new(random) }),
            Form::Plain { .. } => Secret::plain(&random)?,
        })
    }

    /// As it is stored; `None` for one in plain words.
    pub(crate) fn stored(&self) -> Option<String> {
        match &self.0 {
            Form::Argon2(phc) => Some(phc.to_string()),
            Form::Pbkdf2 { iterations, salt, hash } => {
                Some(format!("$7${iterations}${}${}", STANDARD.encode(salt), STANDARD.encode(hash)))
            }
            Form::Sha512 { salt, hash } => {
                Some(format!("$6${}${}", STANDARD.encode(salt), STANDARD.encode(hash)))
            }
            Form::Plain { .. } => None,
        }
    }

    /// A word for the form.
    pub(crate) fn form(&self) -> &'static str {
        match &self.0 {
            Form::Argon2(_) => "argon2",
            Form::Pbkdf2 { .. } => "PBKDF2-SHA512",
            Form::Sha512 { .. } => "SHA512",
            Form::Plain { .. } => "plain",
        }
    }
}

/// Nobody prints a secret by mistake.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.form())
    }
}

/// 19 MiB, 2 passes, 1 lane: the first choice of OWASP's Password Storage Cheat Sheet.
fn argon2() -> Argon2<'static> {
    Argon2::default()
}

fn parse_argon2(text: &str) -> Result<Form, String> {
    let hash = PasswordHash::new(text).map_err(|error| format!("it is not a PHC string: {error}"))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("it is a PHC string without salt or hash".to_owned());
    }
    Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| format!("{} is not known", hash.algorithm))?;
    let params = Params::try_from(&hash).map_err(|error| format!("its parameters: {error}"))?;
    if params.m_cost() > MAX_MEMORY_KIB {
        return Err(format!("it needs {} KiB for each check; the most is {MAX_MEMORY_KIB}", params.m_cost()));
    }
    Ok(Form::Argon2(text.into()))
}

fn parse_pbkdf2(rest: &str) -> Option<Form> {
    let mut parts = rest.split('$');
    let iterations = parts.next()?.parse().ok().filter(|n: &NonZeroU32| n.get() <= MAX_ITERATIONS)?;
    let (salt, hash) = (base64(parts.next()?)?, base64(parts.next()?)?);
    (parts.next().is_none() && hash.len() == 64).then_some(Form::Pbkdf2 { iterations, salt, hash })
}

fn parse_sha512(rest: &str) -> Option<Form> {
    let (salt, hash) = rest.split_once('$')?;
    let (salt, hash) = (base64(salt)?, base64(hash)?);
    (hash.len() == 64).then_some(Form::Sha512 { salt, hash })
}

fn base64(text: &str) -> Option<Box<[u8]>> {
    STANDARD.decode(text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_checked() {
        // "password" by the reference implementation of argon2, "123456" by mosquitto_passwd 2.0.11, with and without
        // `-H sha512`.
        let foreign = [
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            ),
            (
                "123456",
                "$7$101$tu1CTi853ZcolkTn$Ine/KWrFQmJ3qcCQm1o26QzTTRGOF3tefhZpY5Vjl/HuhyIImJJk8mcGcXglgbGOGiXlZ9neVGGNdQ\
                 u8GE8Yhw==",
            ),
            (
                "123456",
                "$6$fyWOSBdPVPGquH1C$7hUhVn2tPltFTiztvYXxAl2Lu4deYue06gDEXwCDNjg6jxS83IIT4/iFvV0pZvTuqabpXZ9anPG9ztsvNl\
                 SCJw==",
            ),
        ];
        for (password, stored) in foreign {
            let secret = Secret::parse(stored).unwrap();
            assert!(secret.verify(password.as_bytes()) && !secret.verify(b"1234567"), "{stored}");
            assert!(!secret.decoy().unwrap().verify(password.as_bytes()));
        }
        let secrets = [Secret::hash(b"123456").unwrap(), Secret::plain(b"123456").unwrap()];
        for secret in secrets {
            assert!(secret.verify(b"123456"), "{secret:?}");
            assert!(!secret.verify(b"1234567") && !secret.verify(b""), "{secret:?}");
            let decoy = secret.decoy().unwrap();
            assert!(!decoy.verify(b"123456"), "{secret:?}");
            assert_eq!((decoy.form(), decoy.cost()), (secret.form(), secret.cost()));
            if let Some(stored) = secret.stored() {
                assert_eq!(Secret::parse(&stored), Ok(secret));
            }
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        let cases = [
            ("123456", "plain words"),
            ("$1$a$b", "$1$ are not known"),
            ("$7$0$AAAA$AAAA", "ITERATIONS"),
            ("$7$99999999999$AAAA$AAAA", "ITERATIONS"),
            ("$6$!$", "SALT"),
            ("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "the most is"),
            ("$argon2id$v=19$m=64,t=1,p=1", "without salt"),
            ("$argon2x$v=19$m=64,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "not known"),
        ];
        for (text, part) in cases {
            let why = Secret::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
