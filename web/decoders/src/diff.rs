//! What has changed between two texts, line by line.

use similar::{ChangeTag, TextDiff};

/// A difference between more lines than this would keep the page waiting.
pub const MAX_LINES: usize = 5_000;

/// Lines that are shown around a change.
const CONTEXT: usize = 3;

/// A line, or a place where equal ones are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// In both.
    Same(String),
    /// Only in the first.
    Gone(String),
    /// Only in the second.
    New(String),
    /// So many equal lines are not shown.
    Skipped(usize),
}

/// A difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// What to show; empty if there is no difference.
    pub lines: Vec<Line>,
    /// Whether only the first [`MAX_LINES`] of each were compared.
    pub is_cut: bool,
}

/// How `new` differs from `old`.
pub fn diff(old: &str, new: &str) -> Diff {
    let (old, old_cut) = head(old);
    let (new, new_cut) = head(new);
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    let mut shown = 0; // lines of `old` so far
    for group in diff.grouped_ops(CONTEXT) {
        let first = group.first().map_or(0, |op| op.old_range().start);
        if first > shown {
            lines.push(Line::Skipped(first - shown));
        }
        for op in &group {
            shown = op.old_range().end;
            for change in diff.iter_changes(op) {
                let text = change.value().trim_end_matches(['\r', '\n']).to_owned();
                lines.push(match change.tag() {
                    ChangeTag::Equal => Line::Same(text),
                    ChangeTag::Delete => Line::Gone(text),
                    ChangeTag::Insert => Line::New(text),
                });
            }
        }
    }
    if !lines.is_empty() && diff.old_len() > shown {
        lines.push(Line::Skipped(diff.old_len() - shown));
    }
    Diff { lines, is_cut: old_cut || new_cut }
}

/// The first [`MAX_LINES`], and whether there are more.
fn head(text: &str) -> (&str, bool) {
    match text.match_indices('\n').nth(MAX_LINES - 1) {
        Some((end, _)) if end + 1 < text.len() => (text.get(..=end).unwrap_or(text), true),
        _ => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(diff: &Diff) -> String {
        let line = |line: &Line| match line {
            Line::Same(text) => format!(" {text}"),
            Line::Gone(text) => format!("-{text}"),
            Line::New(text) => format!("+{text}"),
            Line::Skipped(n) => format!("…{n}"),
        };
        diff.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn differences() {
        for (old, new, expected) in [
            ("a", "a", ""),
            ("a", "b", "-a\n+b"),
            ("1\n2\n3", "1\n3", " 1\n-2\n 3"),
            ("", "x", "+x"),
            ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\nX\n", "…5\n 6\n 7\n 8\n-9\n+X"),
            ("a\n2\n3\n4\n5\n6\n7\n", "b\n2\n3\n4\n5\n6\n7\n", "-a\n+b\n 2\n 3\n 4\n…3"),
        ] {
            assert_eq!(written(&diff(old, new)), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn bounded() {
        let long = "x\n".repeat(MAX_LINES + 1);
        let result = diff(&long, "x\n");
        assert!(result.is_cut);
        assert!(!diff(&"x\n".repeat(MAX_LINES), "").is_cut);
    }
}
