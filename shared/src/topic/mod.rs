//! Topic names and filters (5.0: section 4.7), validated once and carried as types that cannot be wrong.

use bytestring::ByteString;
use std::fmt;

/// The longest topic name or filter, in bytes: what a two-byte length can say [MQTT-4.7.3-3].
pub const MAX_TOPIC_BYTES: usize = 65_535;

/// Why a string is not a topic name or not a topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// [MQTT-4.7.3-1]
    #[error("is empty: it needs at least one character")]
    Empty,
    /// [MQTT-4.7.3-3]
    #[error("is longer than 65,535 bytes")]
    TooLong,
    /// [MQTT-4.7.3-2]
    #[error("contains the character U+0000")]
    Nul,
    /// [MQTT-4.7.1-1]
    #[error("contains '+' or '#': wildcards are for subscribing only")]
    WildcardInName,
    /// [MQTT-4.7.1-1]
    #[error("has a '#' that is not alone in the last level, as in 'a/#'")]
    MisplacedHash,
    /// [MQTT-4.7.1-2]
    #[error("has a '+' that is not alone in its level, as in 'a/+/b'")]
    MisplacedPlus,
    /// [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    #[error("is not '$share/GROUP/FILTER' with a group without '/', '+' and '#'")]
    BadShare,
}

/// A valid topic name: not empty, at most 65,535 bytes, without wildcards and U+0000.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(ByteString);

impl TopicName {
    /// Checks `name` and wraps it.
    pub fn new(name: impl Into<ByteString>) -> Result<Self, TopicError> {
        let name = name.into();
        check_length(&name)?;
        // One pass without branches over the bytes: every PUBLISH comes by here.
        let (mut wildcard, mut nul) = (false, false);
        for &byte in name.as_bytes() {
            wildcard |= byte == b'+' || byte == b'#';
            nul |= byte == 0;
        }
        match (wildcard, nul) {
            (true, _) => Err(TopicError::WildcardInName), // [MQTT-3.3.2-2]
            (false, true) => Err(TopicError::Nul),
            (false, false) => Ok(TopicName(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a shared string.
    pub fn as_byte_string(&self) -> &ByteString {
        &self.0
    }

    /// The shared string inside.
    pub fn into_byte_string(self) -> ByteString {
        self.0
    }

    /// The levels between the slashes; there is at least one, and any may be empty.
    pub fn levels(&self) -> std::str::Split<'_, char> {
        self.0.split('/')
    }

    /// Whether it begins with `$`, so that filters that begin with a wildcard do not match it [MQTT-4.7.2-1].
    pub fn is_dollar(&self) -> bool {
        self.0.as_bytes().first() == Some(&b'$')
    }
}

/// A valid topic filter, with or without `$share/GROUP/` before it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter {
    whole: ByteString,
    /// Where the filter proper begins: 0, or behind `$share/GROUP/`.
    start: usize,
}

impl TopicFilter {
    /// Checks `filter` and wraps it. `$share/GROUP/FILTER` is taken apart.
    pub fn new(filter: impl Into<ByteString>) -> Result<Self, TopicError> {
        let whole: ByteString = filter.into();
        check_length(&whole)?;
        let mut start = 0;
        // "$share" alone or "$shared/a" are ordinary filters; "$share/…" must have all three parts.
        if let Some(rest) = whole.strip_prefix("$share/") {
            let (group, filter) = rest.split_once('/').ok_or(TopicError::BadShare)?;
            // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
            if group.is_empty() || group.contains(['+', '#']) || filter.is_empty() {
                return Err(TopicError::BadShare);
            }
            start = whole.len() - filter.len();
        }
        let filter = TopicFilter { whole, start };
        let mut levels = filter.levels().peekable();
        while let Some(level) = levels.next() {
            if level.contains('\0') {
                return Err(TopicError::Nul);
            }
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(TopicError::MisplacedHash); // [MQTT-4.7.1-1]
            }
            if level.contains('+') && level != "+" {
                return Err(TopicError::MisplacedPlus); // [MQTT-4.7.1-2]
            }
        }
        Ok(filter)
    }

    /// All of it, `$share/GROUP/` included: what SUBSCRIBE said.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// All of it as a shared string.
    pub fn as_byte_string(&self) -> &ByteString {
        &self.whole
    }

    /// The filter proper, without `$share/GROUP/`.
    pub fn filter(&self) -> &str {
        self.whole.get(self.start..).unwrap_or_default()
    }

    /// The group of a shared subscription.
    pub fn share_group(&self) -> Option<&str> {
        let prefix = self.whole.get(..self.start)?;
        prefix.strip_prefix("$share/")?.strip_suffix('/')
    }

    /// The levels of the filter proper.
    pub fn levels(&self) -> std::str::Split<'_, char> {
        self.filter().split('/')
    }

    /// Whether it can match more than one topic.
    pub fn has_wildcards(&self) -> bool {
        self.filter().contains(['+', '#'])
    }

    /// Whether a message to `topic` is for this filter.
    pub fn matches(&self, topic: &TopicName) -> bool {
        matches(self.filter(), topic.as_str())
    }
}

/// Whether the valid filter `filter` (without `$share/`) matches the valid topic name `topic`.
pub fn matches(filter: &str, topic: &str) -> bool {
    // [MQTT-4.7.2-1] a filter that begins with a wildcard does not match topics that begin with '$'
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true; // also the parent level: "sport/#" matches "sport" (section 4.7.1.2)
        }
        match topic_levels.next() {
            Some(name) if level == "+" || level == name => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

fn check_length(s: &str) -> Result<(), TopicError> {
    match s.len() {
        0 => Err(TopicError::Empty),
        n if n > MAX_TOPIC_BYTES => Err(TopicError::TooLong),
        _ => Ok(()),
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]
    #[test]
    fn names() {
        for good in ["a", "/", "a/b", "a//b", " ", "$SYS/x", "é", "日本/語"] {
            assert!(TopicName::new(good).is_ok(), "{good:?}");
        }
        let cases = [
            ("", TopicError::Empty),
            ("a/+", TopicError::WildcardInName),
            ("#", TopicError::WildcardInName),
            ("a\0b", TopicError::Nul),
        ];
        for (bad, error) in cases {
            assert_eq!(TopicName::new(bad), Err(error), "{bad:?}");
        }
        assert!(TopicName::new("x".repeat(65_535)).is_ok());
        assert_eq!(TopicName::new("x".repeat(65_536)), Err(TopicError::TooLong));
    }

    // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    #[test]
    fn filters() {
        for good in ["#", "+", "a/#", "+/+/#", "/", "a/+/b", "$share", "$shared/a", "$SYS/#", "é/#"] {
            let filter = TopicFilter::new(good).unwrap();
            assert_eq!((filter.filter(), filter.share_group()), (good, None));
        }
        let cases = [
            ("", TopicError::Empty),
            ("a#", TopicError::MisplacedHash),
            ("a/#/b", TopicError::MisplacedHash),
            ("#/", TopicError::MisplacedHash),
            ("a+/b", TopicError::MisplacedPlus),
            ("++", TopicError::MisplacedPlus),
            ("$share/", TopicError::BadShare),
            ("$share/g", TopicError::BadShare),
            ("$share/g/", TopicError::BadShare),
            ("$share//a", TopicError::BadShare),
            ("$share/g+/a", TopicError::BadShare),
            ("$share/g/a#", TopicError::MisplacedHash),
        ];
        for (bad, error) in cases {
            assert_eq!(TopicFilter::new(bad), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn shares() {
        let filter = TopicFilter::new("$share/group/a/+/#").unwrap();
        assert_eq!(filter.share_group(), Some("group"));
        assert_eq!(filter.filter(), "a/+/#");
        assert_eq!(filter.as_str(), "$share/group/a/+/#");
    }

    // [MQTT-4.7.2-1]
    #[test]
    fn matching() {
        let cases = [
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("#", "a/b/c", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("$SYS/+", "$SYS/a", true),
            ("a/#", "a", true),
            ("a/#", "ab", false),
            ("a/+/c", "a/b/c", true),
            ("é/+", "é/ü", true),
        ];
        for (filter, topic, expected) in cases {
            assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
        }
    }
}
