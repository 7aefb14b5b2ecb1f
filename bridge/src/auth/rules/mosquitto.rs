//! mosquitto's `acl_file`, read as it is (mosquitto.conf(5), `acl_file`).
//!
//! ```text
//! topic [read|write|readwrite|deny] TOPIC      before the first `user`: for those without a user name
//! user NAME                                    the topics that follow are this user's
//! pattern [read|write|readwrite|deny] TOPIC    for everybody, with %u and %c
//! ```
//!
//! mosquitto looks at a user's own lines before the patterns, and among each of them at those that deny first. It lets
//! everybody subscribe to everything, and looks at what is sent: here a subscription that could bring nothing is refused,
//! so that the client knows.

use super::{Origin, Pattern, Reach, Rule, Who, actions_of};
use std::sync::Arc;

/// What can be wrong with a file: the line, counted from 1, and a sentence.
pub(crate) type LineError = (usize, String);

/// The rules of a file, in the order in which mosquitto asks them.
///
/// # Errors
/// The first line that is not understood.
pub(crate) fn parse(text: &str, file: &Arc<str>) -> Result<Vec<Rule>, LineError> {
    let mut rules = Vec::new();
    let mut user: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim_end_matches('\r').trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (keyword, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let origin = Origin { file: file.clone(), line: number };
        match keyword {
            "user" if rest.is_empty() => return Err((number, "user without a name".to_owned())),
            "user" => user = Some(rest.to_owned()),
            "topic" => {
                let who = match &user {
                    Some(user) => Who { users: Some(vec![user.clone()]), ..Who::default() },
                    None => Who { anonymous: true, ..Who::default() },
                };
                rules.push(rule(rest, Pattern::literal, who, origin).map_err(|why| (number, why))?);
            }
            "pattern" => {
                rules.push(rule(rest, Pattern::new, Who::anyone(), origin).map_err(|e| (number, e))?)
            }
            other => {
                let why = format!("{other:?} is not a word of an acl_file: it has user, topic and pattern");
                return Err((number, why));
            }
        }
    }
    // Stable: within these four classes the order stays, though it makes no difference.
    rules.sort_by_key(|rule: &Rule| (rule.who == Who::anyone(), rule.allow));
    Ok(rules)
}

/// `[read|write|readwrite|deny] TOPIC`; the topic may have spaces.
fn rule(
    text: &str,
    pattern: fn(&str) -> Result<Pattern, String>,
    who: Who,
    origin: Origin,
) -> Result<Rule, String> {
    let (first, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let (words, allow, topic) = match first {
        _ if rest.is_empty() => (&["all"][..], true, text),
        "read" => (&["subscribe"][..], true, rest),
        "write" => (&["publish"][..], true, rest),
        "readwrite" => (&["all"][..], true, rest),
        "deny" => (&["publish", "receive"][..], false, rest),
        // A topic with a space in it, and no word before it.
        _ => (&["all"][..], true, text),
    };
    let topic = topic.trim_end();
    if topic.is_empty() {
        return Err("a topic is missing".to_owned());
    }
    let actions =
        words.iter().filter_map(|word| actions_of(word)).fold(Default::default(), super::Actions::or);
    Ok(Rule { who, allow, actions, reach: Reach::Touching, topics: vec![pattern(topic)?], origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        let cases = [
            ("topic read a\n\nuser", 3, "without a name"),
            ("# x\nallow a", 2, "user, topic and pattern"),
            ("topic", 1, "missing"),
            ("topic read a/#/b", 1, "'#'"),
        ];
        for (text, line, part) in cases {
            let (at, why) = parse(text, &"acl".into()).unwrap_err();
            assert_eq!(at, line, "{text}: {why}");
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
