//! What docs/comparison.md claims is shown by tests that are there.

use super::{Finding, Source};

/// The page of claims; a test is `file::function` in backquotes.
const PAGE: &str = "docs/comparison.md";

/// Where the tests are that it cites.
const TESTS: &str = "tests/e2e/browser";

/// Every test that is cited and is not there.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let page = sources.iter().find(|source| source.path == PAGE);
    let lines = page.into_iter().flat_map(|page| page.text.lines().enumerate());
    lines
        .flat_map(|(index, line)| cited(line).map(move |test| (index + 1, test)))
        .filter(|(_, (file, function))| !is_there(sources, file, function))
        .map(|(line, (file, function))| Finding {
            path: PAGE.to_owned(),
            line,
            what: format!("{TESTS}/{file}.rs has no test {function}"),
        })
        .collect()
}

/// The tests that a line names.
fn cited(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let quoted = line.split('`').skip(1).step_by(2);
    // How tests are cited stands in the page as well.
    let tests = quoted.filter(|text| *text != "file::function").filter_map(|text| text.split_once("::"));
    tests.filter(move |(file, function)| is_name(file) && is_name(function))
}

fn is_there(sources: &[Source], file: &str, function: &str) -> bool {
    let path = format!("{TESTS}/{file}.rs");
    let test = format!("#[tokio::test]\nasync fn {function}(");
    sources.iter().any(|source| source.path == path && source.text.contains(&test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let page = "`file::function`\n| trees | `topics::grows`, `topics::shrinks` | `Type::new` |\n| x | `gone::x` |";
        let tests = "#[tokio::test]\nasync fn grows() {}\nasync fn shrinks() {}";
        let sources = [source(PAGE, page), source("tests/e2e/browser/topics.rs", tests)];
        let found: Vec<(usize, String)> =
            check(&sources).into_iter().map(|finding| (finding.line, finding.what)).collect();
        let expected = [
            (2, "tests/e2e/browser/topics.rs has no test shrinks".to_owned()),
            (3, "tests/e2e/browser/gone.rs has no test x".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
