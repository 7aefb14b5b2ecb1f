//! What strings may contain (5.0: sections 1.5.4 and 4.7).

use super::{DecodeError, Limits};
use crate::packet::Version;
use crate::topic::{TopicError, TopicFilter};
use bytes::Bytes;
use bytestring::ByteString;

/// Makes a string of `bytes`: UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2]. A byte order mark is a character
/// like others [MQTT-1.5.4-3].
pub(super) fn string(bytes: Bytes, what: &'static str) -> Result<ByteString, DecodeError> {
    let string = utf8(bytes, what)?;
    refuse_nul(&string, what)?;
    Ok(string)
}

/// Makes a topic name of `bytes`: a string without wildcards [MQTT-3.3.2-2] and, unless the limits allow them, without
/// control characters. It may be empty.
pub(super) fn topic_name(
    bytes: Bytes,
    what: &'static str,
    limits: &Limits,
) -> Result<ByteString, DecodeError> {
    let name = utf8(bytes, what)?;
    // One pass without branches over the bytes, because every PUBLISH comes by here.
    let (mut wildcard, mut unusual) = (false, false);
    for &byte in name.as_bytes() {
        wildcard |= byte == b'+' || byte == b'#';
        unusual |= !(0x20..0x7F).contains(&byte);
    }
    if wildcard {
        return Err(DecodeError::malformed(format!("the {what} contains a wildcard")));
    }
    if unusual {
        refuse_nul(&name, what)?;
        check_identifier(&name, what, limits)?;
    }
    Ok(name)
}

/// Refuses control characters and non-characters, unless the limits allow them. For strings that name things: a
/// client id with a line feed in it would forge lines of logs.
pub(super) fn check_identifier(s: &str, what: &'static str, limits: &Limits) -> Result<(), DecodeError> {
    if !limits.allow_control_characters && has_discouraged(s) {
        return Err(DecodeError::malformed(format!(
            "the {what} contains a control character or a non-character"
        )));
    }
    Ok(())
}

/// Refuses what is no filter at all: the empty string [MQTT-4.7.3-1] and, before 5.0, misplaced wildcards
/// [MQTT-4.7.1-1] [MQTT-4.7.1-2]. A 5.0 server answers those with a code (0x8F), and the other filters count.
pub(super) fn check_filter(s: &ByteString, version: Version, limits: &Limits) -> Result<(), DecodeError> {
    if s.is_empty() {
        return Err(DecodeError::malformed("a topic filter is empty"));
    }
    if !version.is_v5()
        && let Err(error @ (TopicError::MisplacedHash | TopicError::MisplacedPlus)) =
            TopicFilter::new(s.clone())
    {
        return Err(DecodeError::malformed(format!("the topic filter {error}")));
    }
    check_identifier(s, "topic filter", limits)
}

fn utf8(bytes: Bytes, what: &'static str) -> Result<ByteString, DecodeError> {
    ByteString::try_from(bytes).map_err(|_| DecodeError::malformed(format!("the {what} is not valid UTF-8")))
}

/// [MQTT-1.5.4-2] [MQTT-1.5.3-2 of 3.1.1]
fn refuse_nul(s: &str, what: &'static str) -> Result<(), DecodeError> {
    if s.as_bytes().contains(&0) {
        return Err(DecodeError::malformed(format!("the {what} contains U+0000")));
    }
    Ok(())
}

/// Whether the receiver may refuse it: U+0001 to U+001F, U+007F to U+009F, and the non-characters.
fn has_discouraged(s: &str) -> bool {
    let is_noncharacter = |c: u32| (0xFDD0..=0xFDEF).contains(&c) || c & 0xFFFE == 0xFFFE;
    s.chars().any(|c| c.is_control() || is_noncharacter(u32::from(c)))
}
