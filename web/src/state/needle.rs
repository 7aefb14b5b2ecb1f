//! What a filter box says.

use tabmq_shared::topic::{self, TopicFilter};

/// What a filter box says: text to look for, or a topic filter if it has wildcards and is valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needle {
    text: String,
    filter: Option<Box<str>>,
}

impl Needle {
    /// From what was typed.
    pub fn new(typed: &str) -> Self {
        let typed = typed.trim();
        let filter = TopicFilter::new(typed.to_owned()).ok().filter(TopicFilter::has_wildcards);
        Needle { text: typed.to_ascii_lowercase(), filter: filter.map(|filter| filter.filter().into()) }
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it finds this topic. Upper and lower case of ASCII letters are the same to the text.
    pub fn finds(&self, topic: &str) -> bool {
        match &self.filter {
            Some(filter) => topic::matches(filter, topic),
            None => self.finds_in(topic.as_bytes()),
        }
    }

    /// Whether the text (not the filter) occurs in these bytes.
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let needle = self.text.as_bytes();
        let Some(&first) = needle.first() else { return true };
        if self.filter.is_some() {
            return false;
        }
        let last_start = (bytes.len() + 1).saturating_sub(needle.len());
        bytes.iter().take(last_start).enumerate().any(|(i, byte)| {
            byte.to_ascii_lowercase() == first
                && bytes.get(i..i + needle.len()).is_some_and(|part| part.eq_ignore_ascii_case(needle))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds() {
        let cases = [
            ("", "a", true),
            ("TEMP", "home/temp", true),
            ("home/+", "home/temp", true),
            ("home/+", "home/kitchen/temp", false),
            ("a#", "ba#c", true), // no filter, so it is text
            ("x", "", false),
        ];
        for (typed, topic, expected) in cases {
            assert_eq!(Needle::new(typed).finds(topic), expected, "{typed:?} in {topic:?}");
        }
        assert!(!Needle::new("home/+").finds_in(b"home/+"), "a filter is not looked for in payloads");
    }
}
