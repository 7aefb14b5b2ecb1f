//! SCRAM-SHA-256 (RFC 5802, RFC 7677) from the server's side: the client shows that it knows the password, and the server
//! that it knew it once, and neither sends it. What the server keeps does not open the account of whoever steals it. The
//! client's side is [`tabmq_shared::scram`], by another library's hashes, so that each checks the other.
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

use super::crypto;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;
use tabmq_shared::scram::{Client, MIN_ITERATIONS};

/// Rounds for new passwords: RFC 7677 asks for 15,000 at least once hardware allows.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(15_000).unwrap();
/// The most that is read: a client would compute for a minute.
const MAX_ITERATIONS: u32 = 10_000_000;
/// A message longer than this many bytes is none of ours.
const MAX_MESSAGE_BYTES: usize = 4096;
/// What stored keys begin with.
const PREFIX: &str = "$scram-sha-256$";

type Hash = [u8; 32];

/// What the server keeps of a password (RFC 5802 section 3).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    iterations: NonZeroU32,
    salt: Box<[u8]>,
    stored_key: Hash,
    server_key: Hash,
}

impl Keys {
    /// The keys of a new password.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn of_password(password: &[u8]) -> Result<Keys, String> {
        Ok(Keys::with_salt(password, &crypto::random::<16>()?, ITERATIONS))
    }

    fn with_salt(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Keys {
        let salted = salted_password(password, salt, iterations);
        let client_key = sign(&salted, b"Client Key");
        let (stored_key, server_key) = (sha256(&client_key), sign(&salted, b"Server Key"));
        Keys { iterations, salt: salt.into(), stored_key, server_key }
    }

    /// Reads stored keys: `$scram-sha-256$ITERATIONS$SALT$STOREDKEY$SERVERKEY`.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(text: &str) -> Result<Keys, String> {
        let parsed = (|| {
            let mut parts = text.strip_prefix(PREFIX)?.split('$');
            let iterations: NonZeroU32 = parts.next()?.parse().ok()?;
            let mut bytes = || STANDARD.decode(parts.next()?).ok();
            let (salt, stored, server) = (bytes()?, bytes()?, bytes()?);
            let (stored_key, server_key) = (stored.try_into().ok()?, server.try_into().ok()?);
            let is_whole = parts.next().is_none() && !salt.is_empty();
            let is_bounded = (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations.get());
            let keys = Keys { iterations, salt: salt.into(), stored_key, server_key };
            (is_whole && is_bounded).then_some(keys)
        })();
        parsed.ok_or_else(|| format!("it is not {PREFIX}ITERATIONS$SALT$STOREDKEY$SERVERKEY"))
    }

    /// As they are stored.
    pub(crate) fn stored(&self) -> String {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let (salt, stored, server) = (base64(&self.salt), base64(&self.stored_key), base64(&self.server_key));
        format!("{PREFIX}{}${salt}${stored}${server}", self.iterations)
    }

    /// Keys for a user who does not exist: the same salt each time, so that nobody sees that it is made up.
    pub(crate) fn decoy(secret: &crypto::Key, user: &str) -> Keys {
        let hash = |what: &str| secret.sign(&[what.as_bytes(), user.as_bytes()]);
        let salt = hash("salt").iter().copied().take(16).collect();
        Keys { iterations: ITERATIONS, salt, stored_key: hash("stored"), server_key: hash("server") }
    }
}

/// Nobody prints keys by mistake.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// The client's first message.
pub(crate) struct ClientFirst<'a> {
    /// The user that it wants to be.
    pub(crate) user: String,
    nonce: &'a str,
    bare: &'a str,
    header: &'a str,
}

impl<'a> ClientFirst<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, String> {
        let text = text(message)?;
        // The header: no channel binding, or a client that would have used it ("y"); no other authorisation identity.
        let bare = text.strip_prefix("n,,").or_else(|| text.strip_prefix("y,,"));
        let bare = bare.ok_or("it asks for channel binding, or to be taken for somebody else")?;
        let header = text.get(..3).unwrap_or_default();
        let mut attributes = bare.split(',');
        let user = attributes.next().and_then(|a| a.strip_prefix("n=")).and_then(unescape);
        let nonce = attributes.next().and_then(|a| a.strip_prefix("r="));
        match (user, nonce.filter(|nonce| !nonce.is_empty())) {
            (Some(user), Some(nonce)) => Ok(ClientFirst { user, nonce, bare, header }),
            _ => Err("its first message has no user name or no nonce".to_owned()),
        }
    }
}

/// The server's side, between its two messages.
pub(crate) struct Server {
    keys: Keys,
    /// `client-first-message-bare` and `server-first-message`, with commas.
    begin: String,
    nonce: String,
    header: String,
}

impl Server {
    /// Answers the client's first message.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn begin(first: &ClientFirst<'_>, keys: Keys) -> Result<(Server, String), String> {
        let ours = STANDARD.encode(crypto::random::<18>()?);
        Ok(Server::begin_with(first, keys, &ours))
    }

    fn begin_with(first: &ClientFirst<'_>, keys: Keys, ours: &str) -> (Server, String) {
        let nonce = format!("{}{ours}", first.nonce);
        let answer = format!("r={nonce},s={},i={}", STANDARD.encode(&keys.salt), keys.iterations);
        let begin = format!("{},{answer}", first.bare);
        (Server { keys, begin, nonce, header: first.header.to_owned() }, answer)
    }

    /// Checks the client's proof; the server's own, in return.
    ///
    /// # Errors
    /// The client does not know the password, or did not keep to the protocol.
    pub(crate) fn finish(&self, message: &[u8]) -> Result<String, String> {
        let text = text(message)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or("its last message has no proof")?;
        let mut attributes = without_proof.split(',');
        let header =
            attributes.next().and_then(|a| a.strip_prefix("c=")).and_then(|c| STANDARD.decode(c).ok());
        if header.as_deref() != Some(self.header.as_bytes()) {
            return Err("its last message has another header than its first".to_owned());
        }
        if attributes.next().and_then(|a| a.strip_prefix("r=")) != Some(&self.nonce) {
            return Err("its last message has another nonce".to_owned());
        }
        let proof = STANDARD.decode(proof).ok().and_then(|proof| Hash::try_from(proof).ok());
        let proof = proof.ok_or("its proof is not 32 bytes of base64")?;
        let auth_message = format!("{},{without_proof}", self.begin);
        let client_signature = sign(&self.keys.stored_key, auth_message.as_bytes());
        let client_key = xor(&proof, &client_signature);
        if !crypto::are_equal(&sha256(&client_key), &self.keys.stored_key) {
            return Err("wrong password".to_owned());
        }
        Ok(format!("v={}", STANDARD.encode(sign(&self.keys.server_key, auth_message.as_bytes()))))
    }
}

/// The client's side, for `tabmq pub` and `tabmq sub`.
pub(crate) fn client(user: &str, password: &[u8]) -> Client {
    Client::new(user, password, crypto::random, MAX_ITERATIONS)
}

fn text(message: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(message).ok().filter(|text| text.len() <= MAX_MESSAGE_BYTES);
    text.ok_or_else(|| format!("a message that is not text, or longer than {MAX_MESSAGE_BYTES} bytes"))
}

/// A user name, in which ',' and '=' are "=2C" and "=3D".
fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut unescaped = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        unescaped.push(character);
        unescaped.push_str(rest);
    }
    (!unescaped.is_empty()).then_some(unescaped)
}

fn salted_password(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Hash {
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, &mut salted);
    salted
}

fn sign(key: &[u8], message: &[u8]) -> Hash {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

fn sha256(bytes: &[u8]) -> Hash {
    digest::digest(&digest::SHA256, bytes).as_ref().first_chunk().copied().unwrap_or_default()
}

fn xor(a: &Hash, b: &Hash) -> Hash {
    let mut result = *a;
    result.iter_mut().zip(b).for_each(|(byte, other)| *byte ^= other);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tabmq_shared::client::Authentication;

    /// RFC 7677 section 3.
    #[test]
    fn the_standards_example() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Keys::with_salt(b"pencil", &salt, NonZeroU32::new(4096).unwrap());
        let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(first.user, "user");
        let (server, challenge) = Server::begin_with(&first, keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        assert_eq!(challenge, format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        let answer = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let last = server.finish(answer.as_bytes()).unwrap();
        assert_eq!(last, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    fn exchange(user: &str, password: &str, keys: Keys) -> Result<(), String> {
        let mut client = client(user, password.as_bytes());
        let first = client.begin()?.unwrap();
        let first = ClientFirst::parse(&first)?;
        assert_eq!(first.user, user);
        let (server, challenge) = Server::begin(&first, keys)?;
        let last = server.finish(&client.answer(challenge.as_bytes())?)?;
        client.finish(Some(&Bytes::from(last)))
    }

    #[test]
    fn only_the_password_opens() {
        let keys = Keys::of_password(b"123456").unwrap();
        assert_eq!(Keys::parse(&keys.stored()).as_ref(), Ok(&keys));
        assert_eq!(exchange("a=b,c", "123456", keys.clone()), Ok(()));
        assert_eq!(exchange("admin", "1234567", keys).unwrap_err(), "wrong password");
        let secret = crypto::Key::random().unwrap();
        let decoy = Keys::decoy(&secret, "nobody");
        assert!(decoy == Keys::decoy(&secret, "nobody") && decoy != Keys::decoy(&secret, "somebody"));
        assert_eq!(exchange("nobody", "123456", decoy).unwrap_err(), "wrong password");
    }

    #[test]
    fn what_is_out_of_turn_is_refused() {
        for first in [
            "",
            "n,,",
            "n,,n=,r=x",
            "n,,n=u",
            "n,,n=u,r=",
            "p=tls-unique,,n=u,r=x",
            "n,a=x,n=u,r=x",
            "n,,n=a=zz,r=x",
        ] {
            assert!(ClientFirst::parse(first.as_bytes()).is_err(), "{first}");
        }
        let first = ClientFirst::parse(b"n,,n=u,r=x").unwrap();
        let keys = Keys::with_salt(b"p", b"salt", NonZeroU32::new(4096).unwrap());
        let (server, _) = Server::begin_with(&first, keys, "y");
        for last in
            ["", "c=biws,r=xy", "c=biws,r=xz,p=AAAA", "c=eSws,r=xy,p=AAAA", "c=biws,r=xy,p=AAAA", "\u{0},p="]
        {
            assert!(server.finish(last.as_bytes()).is_err(), "{last}");
        }
        for bad in ["", "$scram-sha-256$1$c2FsdA==$AAAA$AAAA", "$scram-sha-256$4096$$$", "x"] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
    }
}
