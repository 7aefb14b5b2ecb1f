//! What the others here need of cryptography: random bytes, keyed hashes, comparison in constant time. All of it ring's.

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Unguessable bytes.
///
/// # Errors
/// The system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(bytes)
}

/// Whether two hashes are equal, in a time that does not depend on where they differ.
pub(crate) fn are_equal(a: &[u8], b: &[u8]) -> bool {
    // Comparing keyed hashes tells nothing about what was hashed, and ring compares tags in constant time.
    let Ok(key) = Key::random() else { return false };
    key.is_signed(&[a], &key.sign(&[b]))
}

/// A key for as long as this process runs.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn process_key() -> Result<&'static Key, String> {
    static KEY: OnceLock<Key> = OnceLock::new();
    match KEY.get() {
        Some(key) => Ok(key),
        None => {
            let key = Key::random()?;
            Ok(KEY.get_or_init(|| key))
        }
    }
}

/// A key for HMAC-SHA-256.
#[derive(Clone)]
pub(crate) struct Key {
    key: Arc<hmac::Key>,
    id: u64,
}

impl Key {
    /// A key that this process alone knows.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn random() -> Result<Key, String> {
        let bytes: [u8; 40] = random()?;
        let (key, id) = bytes.split_at(32);
        let id = id.first_chunk().map_or(0, |id| u64::from_le_bytes(*id));
        Ok(Key { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)), id })
    }

    /// The key that these bytes are.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Key {
        Key { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)), id: 0 }
    }

    /// The keyed hash of all parts. Their lengths count, so that `["ab", "c"]` is not `["a", "bc"]`.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let tag = self.context(parts).sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// Whether `tag` is the keyed hash, in constant time.
    pub(crate) fn is_signed(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut message = Vec::new();
        for part in parts {
            message.extend_from_slice(&(part.len() as u64).to_le_bytes());
            message.extend_from_slice(part);
        }
        hmac::verify(&self.key, &message, tag).is_ok()
    }

    fn context(&self, parts: &[&[u8]]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key) || self.id == other.id && self.id != 0
    }
}

impl Eq for Key {}

/// Nobody prints a key by mistake.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}
