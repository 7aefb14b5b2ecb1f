//! Rules for every text file.

use super::{Finding, Source};

/// Beyond this a file holds more than one thing.
const MAX_LINES: usize = 600;

/// Directories of machines on which this was written or tested, without the slash before them.
const MACHINE_DIRECTORIES: &[&str] = &["work", "root", "tmp"];

/// Files that are too long, and lines that name a machine's directories.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        findings.extend(too_long(source));
        findings.extend(machine_paths(source));
    }
    findings
}

fn too_long(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    (source.path.ends_with(".rs") && lines > MAX_LINES).then(|| Finding {
        path: source.path.clone(),
        line: MAX_LINES + 1,
        what: format!("{lines} lines: a file beyond {MAX_LINES} holds more than one thing"),
    })
}

fn machine_paths(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for directory in MACHINE_DIRECTORIES {
            if names_directory(line, directory) {
                let what = format!("names a directory of one machine: /{directory}/");
                findings.push(Finding { path: source.path.clone(), line: index + 1, what });
            }
        }
    }
    findings
}

/// Whether `line` holds `/directory/` as the beginning of a path, not in the middle of one (or of a topic).
fn names_directory(line: &str, directory: &str) -> bool {
    let needle = format!("/{directory}/");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=:".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_are_found() {
        let check = |line: &str, expected: bool| {
            assert_eq!(names_directory(&line.replace('~', "/root"), "root"), expected, "{line}");
        };
        check("see ~/notes", true);
        check("\"~/notes\"", true);
        check("FILE=~/x", true);
        check("a~/b is a topic", false);
        check("~ alone", false);
    }

    #[test]
    fn long_files_are_found() {
        let file = |path: &str, lines| Source { path: path.into(), text: "\n".repeat(lines) };
        assert_eq!(too_long(&file("a.rs", MAX_LINES)), None);
        assert!(too_long(&file("a.rs", MAX_LINES + 1)).is_some());
        assert_eq!(too_long(&file("a.md", MAX_LINES + 1)), None);
    }
}
