//! The topics of a rule: a topic filter with `%u` and `%c` in it.

use std::fmt;
use tabmq_shared::topic::{self, TopicFilter};

/// Stands for the user name.
const USER: &str = "%u";
/// Stands for the client id.
const CLIENT: &str = "%c";

/// The topics of a rule, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    has_names: bool,
}

/// The topics of a rule for one client, whose names are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topics(Box<str>);

impl Pattern {
    /// Checks the filter. The names are single levels or parts of levels, so that any name does for the check.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn new(text: &str) -> Result<Pattern, String> {
        let filled = text.replace(USER, "u").replace(CLIENT, "c");
        let filter = TopicFilter::new(filled).map_err(|error| format!("the topic {text:?} {error}"))?;
        if filter.share_group().is_some() {
            return Err(format!(
                "the topic {text:?} has a share group: rules are about what stands behind it"
            ));
        }
        Ok(Pattern { text: text.into(), has_names: text.contains(USER) || text.contains(CLIENT) })
    }

    /// A filter in which `%u` and `%c` mean nothing but themselves.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn literal(text: &str) -> Result<Pattern, String> {
        Pattern::new(text).map(|pattern| Pattern { has_names: false, ..pattern })
    }

    /// The topics for this client. A name that is empty, or has a character that means something in topics, cannot be
    /// filled in: somebody who may choose his client id must not choose `#`. Such a client has none of the topics that
    /// are allowed, and all that is before the name of those that are denied.
    pub(crate) fn fill(&self, user: Option<&str>, client_id: &str, denies: bool) -> Option<Topics> {
        if !self.has_names {
            return Some(Topics(self.text.clone()));
        }
        let is_usable = |name: &str| !name.is_empty() && !name.contains(['/', '+', '#']);
        // Left to right, and what was filled in is not looked at again: a user may be called "%c".
        let mut filled = String::with_capacity(self.text.len() + client_id.len());
        let mut rest = &*self.text;
        while let Some((before, name, behind)) = next_name(rest) {
            filled.push_str(before);
            let value = if name == USER { user.unwrap_or_default() } else { client_id };
            if !is_usable(value) {
                // Somebody without a user name has no topics of his own at all, so nothing is denied either.
                let is_nobody = name == USER && user.is_none();
                return (denies && !is_nobody).then(|| Topics(all_below(&filled).into()));
            }
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        Some(Topics(filled.into()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Topics {
    /// Whether `topic`, a topic name, is one of them.
    pub(crate) fn have(&self, topic: &str) -> bool {
        topic::matches(&self.0, topic)
    }

    /// Whether all topics that `filter` matches are among them.
    pub(crate) fn cover(&self, filter: &str) -> bool {
        if filter.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false; // [MQTT-4.7.2-1]
        }
        let (mut ours, mut theirs) = (self.0.split('/'), filter.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), _) | (None, None) => return true,
                // "a/#" is "a" as well, which "a/+" and "a/b" are not
                (Some("+"), Some(level)) if level != "#" => {}
                (Some(our), Some(their)) if our == their => {}
                _ => return false,
            }
        }
    }

    /// Whether there is a topic that `filter` matches among them.
    pub(crate) fn overlap(&self, filter: &str) -> bool {
        let dollar = |text: &str| text.starts_with('$');
        let wild = |text: &str| text.starts_with(['+', '#']);
        if dollar(filter) && wild(&self.0) || dollar(&self.0) && wild(filter) {
            return false; // [MQTT-4.7.2-1]
        }
        let (mut ours, mut theirs) = (self.0.split('/'), filter.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some(our), Some(their)) if our == "+" || their == "+" || our == their => {}
                _ => return false,
            }
        }
    }
}

/// What stands before the first `%u` or `%c`, the name, and what stands behind it.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let at = [USER, CLIENT].iter().filter_map(|name| text.find(name)).min()?;
    let (before, rest) = text.split_at_checked(at)?;
    let (name, behind) = rest.split_at_checked(USER.len())?;
    Some((before, name, behind))
}

/// The filter of everything below the last whole level of `beginning`.
fn all_below(beginning: &str) -> String {
    let levels = beginning.rfind('/').and_then(|at| beginning.get(..=at)).unwrap_or_default();
    format!("{levels}#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topics(pattern: &str) -> Topics {
        Pattern::new(pattern).unwrap().fill(Some("u"), "c", false).unwrap()
    }

    #[test]
    fn names_are_filled_in_once() {
        let cases = [
            ("a/%u/%c/#", Some("me"), "dev", false, Some("a/me/dev/#")),
            ("%u-%c", Some("me"), "dev", false, Some("me-dev")),
            ("%u/%c", Some("%c"), "dev", false, Some("%c/dev")),
            ("100%/a", None, "", false, Some("100%/a")),
            ("a/%u", None, "dev", false, None),
            ("a/%c", None, "", false, None),
            ("a/%c", None, "#", false, None),
            ("a/%c", None, "x/y", false, None),
            ("a/%u/b", Some("+"), "dev", false, None),
            // what is denied is denied all the more
            ("a/b/%c/d", None, "#", true, Some("a/b/#")),
            ("a/b-%c/d", None, "x/y", true, Some("a/#")),
            ("%u/a", Some("x/y"), "", true, Some("#")),
            ("%u/a", None, "", true, None),
        ];
        for (pattern, user, client, denies, expected) in cases {
            let filled = Pattern::new(pattern).unwrap().fill(user, client, denies);
            let filled = filled.as_ref().map(|topics| &*topics.0);
            assert_eq!(filled, expected, "{pattern} for {user:?}, {client:?}");
        }
        let literal = Pattern::literal("a/%u").unwrap().fill(Some("me"), "c", false).unwrap();
        assert!(literal.have("a/%u") && !literal.have("a/me"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["", "a/#/b", "a+", "$share/g/a", "%u#"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn covering() {
        let cases = [
            ("#", "#", true),
            ("#", "a/+", true),
            ("#", "$SYS/#", false),
            ("+/#", "$SYS/#", false),
            ("$SYS/#", "$SYS/#", true),
            ("a/#", "a", true),
            ("a/#", "a/#", true),
            ("a/#", "a/+/b", true),
            ("a/#", "#", false),
            ("a/#", "+/b", false),
            ("a/+", "a/#", false),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/b", "a/+", false),
            ("a/+/c", "a/b/c", true),
            ("a/+", "a", false),
            ("+", "#", false),
        ];
        for (pattern, filter, expected) in cases {
            assert_eq!(topics(pattern).cover(filter), expected, "{pattern} over {filter}");
        }
    }

    proptest! {
        /// Against every topic of up to three levels over a small alphabet.
        #[test]
        fn cover_and_overlap_agree_with_matching(
            pattern in "([+]|[ab$]{0,2})(/([+]|[ab]?)){0,2}(/#)?|#",
            filter in "([+]|[ab$]{0,2})(/([+]|[ab]?)){0,2}(/#)?|#",
        ) {
            prop_assume!(!pattern.is_empty() && !filter.is_empty());
            let ours = topics(&pattern);
            let levels = ["", "a", "b", "aa", "ab", "ba", "bb", "$", "$a", "$b", "a$", "b$", "$$", "x"];
            let (mut all, mut any) = (true, false);
            let mut look = |topic: &str| {
                if !topic.is_empty() && topic::matches(&filter, topic) {
                    all &= ours.have(topic);
                    any |= ours.have(topic);
                }
            };
            for one in levels {
                look(one);
                for two in levels {
                    look(&format!("{one}/{two}"));
                    for three in levels {
                        look(&format!("{one}/{two}/{three}"));
                        look(&format!("{one}/{two}/{three}/x"));
                    }
                }
            }
            // Covering may be refused where the alphabet is too small to tell; never granted wrongly.
            prop_assert!(!ours.cover(&filter) || all, "{} covers {}", pattern, filter);
            // What is above "/#" is the empty topic, which nobody can publish to.
            let overlaps = ours.overlap(&filter);
            let is_exact = pattern != "/#" && filter != "/#";
            prop_assert!(overlaps == any || overlaps && !is_exact, "{} overlaps {}", pattern, filter);
        }
    }
}
