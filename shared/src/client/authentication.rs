//! Enhanced authentication (5.0 section 4.12), from the client's side.

use bytes::Bytes;
use std::fmt;

/// A method of enhanced authentication. The client asks it for what is said, once for each connection and in this order:
///
/// ```text
/// CONNECT  begin      answer, for each AUTH of the server      finish  CONNACK
/// ```
///
/// An error ends the connection, and no other is tried. It is a sentence for people.
pub trait Authentication: fmt::Debug + Send {
    /// The method's name in CONNECT and AUTH.
    fn method(&self) -> &str;

    /// The data in CONNECT.
    ///
    /// # Errors
    /// It cannot begin, for instance because there are no random numbers.
    fn begin(&mut self) -> Result<Option<Bytes>, String>;

    /// The answer to the server's challenge. May take its time: a password is hashed.
    ///
    /// # Errors
    /// The server does not keep to the method.
    fn answer(&mut self, challenge: &[u8]) -> Result<Bytes, String>;

    /// Looks at the data in CONNACK, before anything else is sent.
    ///
    /// # Errors
    /// The server has not shown what the method asks of it.
    fn finish(&mut self, last: Option<&Bytes>) -> Result<(), String>;
}
