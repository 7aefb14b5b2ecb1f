//! The style sheet in two: what the first paint shows, and the rest.
//!
//! The source is one file of sections, each with a heading like `/* ---- Topic tree ---- */`. What stands before the first
//! heading are variables and plain elements.

/// What belongs to the first paint.
const FIRST: [&str; 6] =
    ["The frame", "Controls", "Header and notices", "Long lists", "Topic tree", "Messages"];

/// What overrides the sections of both: it must come last in both.
const BOTH: &str = "Narrow screens";

/// The first style sheet and the later one, without comments.
pub(crate) fn divide(source: &str) -> (String, String) {
    let (mut first, mut later) = (String::new(), String::new());
    let mut sections = source.split("/* ---- ");
    first.push_str(&compact(sections.next().unwrap_or_default()));
    for section in sections {
        let (name, rules) = section.split_once(" ---- */").unwrap_or(("", section));
        let rules = compact(rules);
        let is_both = name.starts_with(BOTH);
        let is_first = FIRST.contains(&name);
        if is_both || is_first {
            first.push_str(&rules);
        }
        if is_both || !is_first {
            later.push_str(&rules);
        }
    }
    (first, later)
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

    #[test]
    fn sections_go_where_they_are_seen() {
        let source = ":root { --a: 1px; }\n\n/* ---- Topic tree ---- */\n\n.t {\n  top: 0; /* why */\n}\n\
                      /* ---- Dialog ---- */\n.d {\n}\n/* ---- Narrow screens: one at a time ---- */\n.n {\n}\n";
        let (first, later) = divide(source);
        assert_eq!(first, ":root { --a: 1px; }\n.t {\ntop: 0;\n}\n.n {\n}\n");
        assert_eq!(later, ".d {\n}\n.n {\n}\n");
    }
}
