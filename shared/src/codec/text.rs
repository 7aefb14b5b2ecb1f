//! What strings may contain (5.0: sections 1.5.4 and 4.7).

use super::{DecodeError, Limits};
use crate::packet::Version;
use crate::topic::{TopicError, TopicFilter};
use bytes::Bytes;
use bytestring::ByteString;

/// Makes a string of `bytes`: UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2]. A byte order mark is a character
/// like others [MQTT-1.5.4-3].
pub(super) fn utf8(bytes: Bytes, what: &'static str) -> Result<ByteString, DecodeError> {
    let string = ByteString::try_from(bytes)
        .map_err(|_| DecodeError::malformed(format!("the {what} is not valid UTF-8")))?;
    if string.as_bytes().contains(&0) {
        return Err(DecodeError::malformed(format!("the {what} contains U+0000")));
    }
    Ok(string)
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

/// Refuses wildcards [MQTT-3.3.2-2]. The name may be empty; U+0000 has been looked for.
pub(super) fn check_topic_name(s: &str, what: &'static str, limits: &Limits) -> Result<(), DecodeError> {
    // One pass without branches over the bytes, because every PUBLISH comes by here.
    let (mut wildcard, mut unusual) = (false, false);
    for &byte in s.as_bytes() {
        wildcard |= byte == b'+' || byte == b'#';
        unusual |= !(0x20..0x7F).contains(&byte);
    }
    if wildcard {
        return Err(DecodeError::malformed(format!("the {what} contains a wildcard")));
    }
    if unusual {
        check_identifier(s, what, limits)?;
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

/// Whether the receiver may refuse it: U+0001 to U+001F, U+007F to U+009F, and the non-characters.
fn has_discouraged(s: &str) -> bool {
    let is_noncharacter = |c: u32| (0xFDD0..=0xFDEF).contains(&c) || c & 0xFFFE == 0xFFFE;
    s.chars().any(|c| c.is_control() || is_noncharacter(u32::from(c)))
}
