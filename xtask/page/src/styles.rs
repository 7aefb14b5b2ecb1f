//! The style sheet twice: the rules that the first paint needs, and all of them, which come with the rest.
//!
//! The second sheet repeats the first one's rules, so that all rules apply in the order in which they were written. Which
//! ones the first paint needs was recorded (see [`crate::profile`]).

use crate::profile::Later;

/// The first style sheet and the whole one, without comments.
pub(crate) fn divide(source: &str, later: &Later) -> (String, String) {
    let whole = compact(source);
    let first = rules(&whole).into_iter().filter(|rule| !later.contains_rule(rule)).collect();
    (first, whole)
}

/// All rules, each with its number as a variable, by which a page tells which of them apply.
pub(crate) fn count(source: &str) -> String {
    let mut counted = String::new();
    for (number, rule) in numbered(&compact(source)) {
        match (number, rule.split_once('{')) {
            (Some(number), Some((selector, declarations))) => {
                counted.extend([selector, "{\n", RULE, ": ", &number.to_string(), ";", declarations]);
            }
            _ => counted.push_str(rule),
        }
    }
    counted
}

/// The variable's name.
pub(crate) const RULE: &str = "--rule";

/// The rules that are none of these.
pub(crate) fn others(source: &str, numbers: impl Fn(u32) -> bool) -> Vec<String> {
    let others = |(number, rule): (Option<u32>, &str)| {
        number.filter(|number| !numbers(*number)).map(|_| rule.to_owned())
    };
    numbered(&compact(source)).into_iter().filter_map(others).collect()
}

/// The rules. Those with `@` have no numbers: they are needed in any case, as nobody knows what a browser prefers.
fn numbered(css: &str) -> Vec<(Option<u32>, &str)> {
    (0..).zip(rules(css)).map(|(number, rule)| ((!rule.starts_with('@')).then_some(number), rule)).collect()
}

/// The sheet in pieces, each with a rule at its end.
fn rules(css: &str) -> Vec<&str> {
    let (mut rules, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, letter) in css.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '\n' if depth == 0 && css.get(start..at).is_some_and(|rule| rule.ends_with('}')) => {
                rules.extend(css.get(start..=at));
                start = at + 1;
            }
            _ => {}
        }
    }
    rules.extend(css.get(start..).filter(|rest| !rest.is_empty()));
    rules
}

/// Without comments and indentation.
fn compact(css: &str) -> String {
    let mut plain = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain.lines().map(str::trim).filter(|line| !line.is_empty()).fold(String::new(), |mut css, line| {
        css.push_str(line);
        css.push('\n');
        css
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = ":root { --a: 1px; }\n\n/* ---- Tree ---- */\n\n.t,\n.u {\n  top: 0; /* why */\n}\n\
                          @media print {\n  .t {\n    top: 1px;\n  }\n}\n.d {\n}\n";

    #[test]
    fn rules_that_are_not_needed_are_in_the_whole_sheet_alone() {
        let not_needed = others(SOURCE, |number| number == 0);
        assert_eq!(
            not_needed,
            [".t,\n.u {\ntop: 0;\n}\n", ".d {\n}\n"],
            "neither what is needed nor `@media`"
        );
        let later = Later::default().with_rules(&not_needed);
        let (first, whole) = divide(SOURCE, &later);
        let media = "@media print {\n.t {\ntop: 1px;\n}\n}\n";
        assert_eq!(first, format!(":root {{ --a: 1px; }}\n{media}"));
        assert_eq!(whole, format!(":root {{ --a: 1px; }}\n.t,\n.u {{\ntop: 0;\n}}\n{media}.d {{\n}}\n"));
    }

    #[test]
    fn rules_tell_their_numbers() {
        let counted = count(SOURCE);
        assert!(
            counted.starts_with(":root {\n--rule: 0; --a: 1px; }\n.t,\n.u {\n--rule: 1;\ntop: 0;\n}\n@media")
        );
        assert!(counted.ends_with("}\n.d {\n--rule: 3;\n}\n"), "{counted}");
    }
}
