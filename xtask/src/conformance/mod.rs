//! The conformance page: every numbered statement of MQTT 5.0 and 3.1.1, where the code obeys it and which test proves
//! that, or the reason why none does.
//!
//! - [`statements`]: the statements and the reasons, from `tests/conformance/`.
//! - [`citations`]: where the sources cite them: `[MQTT-3.1.4-2]` is of 5.0, `[MQTT-3.1.4-2 of 3.1.1]` of 3.1.1.
//! - [`page`]: the file `docs/conformance.md`.
//!
//! `cargo xtask conformance` writes the page. A test here fails if the page is not what would be written, if a
//! citation names no statement, or if a statement has neither a test nor a reason.

mod citations;
mod page;
mod statements;

use crate::build::files_below;
use crate::command::{Context, Result};
use citations::Citations;
use statements::{Id, Statements};
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/conformance.md";

/// Where statements are cited.
const DIRECTORIES: [&str; 6] = ["shared", "bridge", "web", "tests/e2e", "tests/vectors", "tests/interop"];

/// Writes the page, and says what is wrong.
pub(crate) fn write(root: &Path) -> Result<()> {
    let (text, faults) = generate(root)?;
    let path = root.join(PAGE);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).context(format!("create {}", directory.display()))?;
    }
    fs::write(&path, text).context(format!("write {}", path.display()))?;
    println!("{}", path.display());
    complain(&faults)
}

/// The page, and a sentence for everything that is wrong.
fn generate(root: &Path) -> Result<(String, Vec<String>)> {
    let read = |name: &str| {
        let path = root.join("tests/conformance").join(name);
        fs::read_to_string(&path).context(format!("read {}", path.display()))
    };
    let statements = Statements::parse(
        &read("statements-5.0.txt")?,
        &read("statements-3.1.1.txt")?,
        &read("reasons.txt")?,
    )?;
    let mut citations = Citations::default();
    for directory in DIRECTORIES {
        let directory = root.join(directory);
        if !directory.exists() {
            continue;
        }
        for path in files_below(&directory)?.iter().filter(|path| path.extension().is_some_and(|e| e == "rs"))
        {
            let text = fs::read_to_string(path).context(format!("read {}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
            citations.collect(&relative, &text);
        }
    }
    let faults = faults(&statements, &citations);
    Ok((page::render(&statements, &citations), faults))
}

fn faults(statements: &Statements, citations: &Citations) -> Vec<String> {
    let mut faults = citations.unreadable().to_vec();
    for (id, places) in citations.iter() {
        if !statements.contains(id) {
            let places: Vec<String> = places.iter().map(ToString::to_string).collect();
            faults.push(format!("{id} is no statement: {}", places.join(", ")));
        }
    }
    for statement in statements.iter() {
        let tested = is_tested(statements, citations, &statement.id);
        match (tested, statements.reason(&statement.id)) {
            (false, None) => {
                faults.push(format!("{} has neither a test nor a reason: {}", statement.id, statement.text));
            }
            (true, Some(_)) => {
                faults.push(format!("{} has a test and a reason for having none", statement.id))
            }
            _ => {}
        }
    }
    faults
}

/// Whether a test cites the statement, or the one of 5.0 that asks for the same.
fn is_tested(statements: &Statements, citations: &Citations, id: &Id) -> bool {
    let ids = [Some(id), statements.same_as(id)];
    ids.into_iter().flatten().any(|id| citations.places(id).iter().any(|place| place.is_test))
}

fn complain(faults: &[String]) -> Result<()> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_has_a_test_or_a_reason_and_the_page_says_so() {
        let root = crate::command::workspace_root();
        let (text, faults) = generate(&root).unwrap();
        if let Err(faults) = complain(&faults) {
            panic!("{faults}");
        }
        let written = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
        assert!(written == text, "{PAGE} is not up to date: `cargo xtask conformance` writes it");
    }
}
