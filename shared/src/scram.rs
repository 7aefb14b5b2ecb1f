//! SCRAM-SHA-256 (RFC 5802, RFC 7677) from the client's side: it shows that it knows the password, and the server that it
//! knew it once, and neither sends it.
//!
//! ```text
//! client                                server
//! n,,n=user,r=NONCE            ->
//!                              <-       r=NONCE+MORE,s=SALT,i=ITERATIONS
//! c=biws,r=NONCE+MORE,p=PROOF  ->
//!                              <-       v=SIGNATURE
//! ```
//!
//! Without channel binding (`SCRAM-SHA-256-PLUS`), and without SASLprep: user names and passwords are taken as they are.

use crate::client::Authentication;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// The method's name in CONNECT and AUTH.
pub const METHOD: &str = "SCRAM-SHA-256";

/// The least number of rounds that is computed with: RFC 5802 section 5.1 has 4,096 as its least.
pub const MIN_ITERATIONS: u32 = 4096;

/// A message longer than this many bytes is none of ours.
const MAX_MESSAGE_BYTES: usize = 4096;

type Hash = [u8; 32];

/// Why the client goes no further. `Display` says it in English.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are no random numbers.
    #[error("{0}")]
    NoRandom(String),
    /// The challenge lacks what the method asks of it.
    #[error("the server's challenge has no nonce, salt or number of iterations")]
    Challenge,
    /// The challenge answers another client, or an earlier connection.
    #[error("the server's nonce does not begin with ours")]
    Nonce,
    /// The salt cannot be read.
    #[error("the server's salt is not base64")]
    Salt,
    /// Too few rounds to be safe, or more than the client wants to compute.
    #[error("the server wants {asked} rounds of hashing, and {min} to {max} are accepted")]
    Rounds {
        /// As the server has written it.
        asked: String,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// The server does not know the password, or somebody stands in between.
    #[error("the server did not show that it knows the password")]
    NotShown,
    /// Not a message of the method.
    #[error("a message that is not text, or longer than {MAX_MESSAGE_BYTES} bytes")]
    NotText,
}

/// Unguessable bytes for a nonce.
///
/// # Errors
/// There are no random numbers.
pub type Nonce = fn() -> Result<[u8; 18], String>;

/// The client's side, for one user. It serves one connection after the other.
pub struct Client {
    user: String,
    password: Vec<u8>,
    nonce_bytes: Nonce,
    max_iterations: u32,
    /// `client-first-message-bare` of this connection.
    first_bare: String,
    nonce: String,
    /// What the server has to say last, keyed and fed.
    server_signature: Option<Hmac<Sha256>>,
    /// The password hashed with this salt, so often: a server rarely has another one the next time.
    salted: Option<(Vec<u8>, u32, Hash)>,
    /// How a fault is told.
    words: fn(&Fault) -> String,
}

impl Client {
    /// Somebody with a password. A server that asks for more than `max_iterations` rounds of hashing is refused: it could
    /// keep the client busy for minutes.
    pub fn new(user: &str, password: &[u8], nonce: Nonce, max_iterations: u32) -> Client {
        Client {
            user: user.to_owned(),
            password: password.to_vec(),
            nonce_bytes: nonce,
            max_iterations,
            first_bare: String::new(),
            nonce: String::new(),
            server_signature: None,
            salted: None,
            words: Fault::to_string,
        }
    }

    /// The same, which tells what goes wrong in other words than English ones.
    #[must_use]
    pub fn saying(self, words: fn(&Fault) -> String) -> Client {
        Client { words, ..self }
    }

    fn first(&mut self) -> Result<String, Fault> {
        let nonce = STANDARD.encode((self.nonce_bytes)().map_err(Fault::NoRandom)?);
        Ok(self.first_with(nonce))
    }

    fn first_with(&mut self, nonce: String) -> String {
        self.first_bare = format!("n={},r={nonce}", self.user.replace('=', "=3D").replace(',', "=2C"));
        self.nonce = nonce;
        self.server_signature = None;
        format!("n,,{}", self.first_bare)
    }

    /// The last message, with the proof.
    fn last(&mut self, challenge: &[u8]) -> Result<String, Fault> {
        let challenge = text(challenge)?;
        let mut attributes = challenge.split(',');
        let mut next = |name: &str| attributes.next().and_then(|a| a.strip_prefix(name)).map(str::to_owned);
        let (Some(nonce), Some(salt), Some(iterations)) = (next("r="), next("s="), next("i=")) else {
            return Err(Fault::Challenge);
        };
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Fault::Nonce);
        }
        let salt = STANDARD.decode(salt).map_err(|_| Fault::Salt)?;
        let salted = self.salted_password(salt, &iterations)?;
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{challenge},{without_proof}", self.first_bare);
        let client_key = sign(&salted, b"Client Key")?;
        let stored_key: Hash = Sha256::digest(client_key).into();
        let mut proof = sign(&stored_key, auth_message.as_bytes())?;
        proof.iter_mut().zip(client_key).for_each(|(byte, key)| *byte ^= key);
        self.server_signature = Some(fed(&sign(&salted, b"Server Key")?, auth_message.as_bytes())?);
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    /// Slow, unless it was the same salt the last time.
    fn salted_password(&mut self, salt: Vec<u8>, iterations: &str) -> Result<Hash, Fault> {
        let (min, max) = (MIN_ITERATIONS, self.max_iterations);
        let iterations = iterations.parse().ok().filter(|n| (min..=max).contains(n)).ok_or_else(|| {
            // What a server writes there may be anything; a number has ten digits at most.
            Fault::Rounds { asked: iterations.chars().take(20).collect(), min, max }
        })?;
        if let Some((known, rounds, hash)) = &self.salted
            && (known, *rounds) == (&salt, iterations)
        {
            return Ok(*hash);
        }
        let mut hash = Hash::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(&self.password, &salt, iterations, &mut hash);
        self.salted = Some((salt, iterations, hash));
        Ok(hash)
    }

    /// Whether the server knows the password as well.
    fn check(&mut self, last: &[u8]) -> Result<(), Fault> {
        let signature = text(last)?.strip_prefix("v=").and_then(|v| STANDARD.decode(v).ok());
        match (self.server_signature.take(), signature) {
            // In constant time.
            (Some(expected), Some(signature)) if expected.clone().verify_slice(&signature).is_ok() => Ok(()),
            _ => Err(Fault::NotShown),
        }
    }
}

impl Authentication for Client {
    fn method(&self) -> &str {
        METHOD
    }

    fn begin(&mut self) -> Result<Option<Bytes>, String> {
        let first = self.first().map_err(|fault| (self.words)(&fault))?;
        Ok(Some(first.into()))
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Bytes, String> {
        self.last(challenge).map(Bytes::from).map_err(|fault| (self.words)(&fault))
    }

    fn finish(&mut self, last: Option<&Bytes>) -> Result<(), String> {
        let checked = self.check(last.map(|last| &**last).unwrap_or_default());
        checked.map_err(|fault| (self.words)(&fault))
    }
}

/// Nobody prints passwords by mistake.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("user", &self.user).finish_non_exhaustive()
    }
}

fn text(message: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(message).ok().filter(|text| text.len() <= MAX_MESSAGE_BYTES);
    text.ok_or(Fault::NotText)
}

fn sign(key: &Hash, message: &[u8]) -> Result<Hash, Fault> {
    Ok(fed(key, message)?.finalize().into_bytes().into())
}

/// A keyed hash that has been given its message.
fn fed(key: &Hash, message: &[u8]) -> Result<Hmac<Sha256>, Fault> {
    // Every length of a key is one for HMAC.
    let mut mac = Hmac::new_from_slice(key).map_err(|_| Fault::NotText)?;
    mac.update(message);
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn client() -> Client {
        Client::new("user", b"pencil", || Ok([7; 18]), 100_000)
    }

    /// One that has begun as in RFC 7677 section 3.
    fn begun() -> Client {
        let mut client = client();
        assert_eq!(client.first_with("rOprNGfwEbeRWgbNEkqO".to_owned()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        client
    }

    #[test]
    fn the_standards_example() {
        let mut client = begun();
        let challenge = format!("r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        // The second time with the hash that it has kept.
        for _ in 0..2 {
            assert_eq!(client.last(challenge.as_bytes()).unwrap(), format!("c=biws,r={NONCE},p={proof}"));
            client.check(last).unwrap();
            assert!(client.check(last).is_err(), "an answer counts once");
        }
        client.last(challenge.as_bytes()).unwrap();
        for wrong in ["", "v=", "v=AAAA", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="] {
            assert!(client.check(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_salt_or_number_is_another_hash() {
        let mut client = begun();
        let mut answer =
            |salt: &str, n: u32| client.last(format!("r={NONCE},s={salt},i={n}").as_bytes()).unwrap();
        let answers =
            [answer("AAAA", 4096), answer("AAAA", 4097), answer("AAAB", 4096), answer("AAAA", 4096)];
        assert_eq!(answers[0], answers[3]);
        assert!(answers[0] != answers[1] && answers[0] != answers[2] && answers[1] != answers[2]);
    }

    #[test]
    fn what_a_server_may_not_say() {
        for (challenge, why) in [
            ("".to_owned(), "no nonce"),
            (format!("r={NONCE},i=4096,s=AAAA"), "no nonce, salt or number"),
            ("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096".to_owned(), "does not begin with ours"),
            ("r=other,s=AAAA,i=4096".to_owned(), "does not begin with ours"),
            (format!("r={NONCE},s=?,i=4096"), "not base64"),
            (
                format!("r={NONCE},s=AAAA,i=4095"),
                "wants 4095 rounds of hashing, and 4096 to 100000 are accepted",
            ),
            (format!("r={NONCE},s=AAAA,i=100001"), "wants 100001 rounds"),
            (format!("r={NONCE},s=AAAA,i=many"), "wants many rounds"),
            (format!("r={NONCE},s=AAAA,i=4096,{}", "x".repeat(5000)), "longer than 4096 bytes"),
        ] {
            let said = begun().last(challenge.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(why), "{challenge}: {said}");
        }
        assert!(begun().last(b"\xff").is_err());
    }

    #[test]
    fn faults_are_told_in_the_words_of_whoever_asks() {
        let mut client = client().saying(|fault| format!("{fault:?}!"));
        Authentication::begin(&mut client).unwrap();
        assert_eq!(Authentication::answer(&mut client, b"r=x,s=AAAA,i=1").unwrap_err(), "Nonce!");
        assert_eq!(Authentication::finish(&mut client, None).unwrap_err(), "NotShown!");
    }

    #[test]
    fn names_are_escaped_and_secrets_are_not_printed() {
        let mut client = Client::new("a=b,c", b"secret", || Ok([0; 18]), 100_000);
        let first = Authentication::begin(&mut client).unwrap().unwrap();
        assert_eq!(first, "n,,n=a=3Db=2Cc,r=AAAAAAAAAAAAAAAAAAAAAAAA");
        assert!(!format!("{client:?}").contains("secret"));
        let mut client = Client::new("a", b"", || Err("no random numbers".to_owned()), 100_000);
        assert_eq!(Authentication::begin(&mut client).unwrap_err(), "no random numbers");
    }
}
