//! The rules about the sources that neither the compiler nor clippy knows.
//!
//! - [`claims`]: tests that docs/comparison.md cites are there.
//! - [`imports`]: which room of the house never imports which other; arrows point one way.
//! - [`lists`]: lists of the page are children of their own.
//! - [`manifests`]: which crate never depends on which other; lints are inherited; README.md names every dependency.
//! - [`texts`]: no file too long to read, no path of somebody's machine.
//!
//! Each rule is a function from file contents to findings, so that its tests break it with made-up sources.

mod claims;
mod imports;
mod lexer;
mod lists;
mod manifests;
mod texts;

use crate::build::files_below;
use crate::command::{Context, Result};
use std::fmt;
use std::fs;
use std::path::Path;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// Relative to the workspace's root, with `/`.
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A text file of the workspace.
struct Source {
    /// Relative to the workspace's root, with `/`.
    path: String,
    text: String,
}

/// Checks every rule on the sources below `root`.
pub(crate) fn check_workspace(root: &Path) -> Result<()> {
    let sources = read_sources(root)?;
    let mut findings = imports::check(&sources);
    findings.extend(manifests::check(&sources));
    findings.extend(texts::check(&sources));
    findings.extend(claims::check(&sources));
    findings.extend(lists::check(&sources));
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    Err(format!("{} rules are broken:\n{}", list.len(), list.join("\n")).into())
}

/// Our own text files: everything but what is built, stored or generated.
fn read_sources(root: &Path) -> Result<Vec<Source>> {
    const DIRECTORIES: &[&str] = &[".cargo", ".ci", "bridge", "docs", "shared", "tests", "web", "xtask"];
    const EXTENSIONS: &[&str] = &["rs", "toml", "md", "html", "css", "json", "sh"];

    let mut paths = Vec::new();
    for entry in fs::read_dir(root).context(format!("read {}", root.display()))? {
        let path = entry.context(format!("read {}", root.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() {
            paths.push(path);
        } else if DIRECTORIES.contains(&name.as_str()) {
            paths.extend(files_below(&path)?);
        }
    }
    let is_ours = |path: &Path| {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        EXTENSIONS.contains(&extension.as_ref()) || path.ends_with(".ci/run")
    };
    let mut sources = Vec::new();
    for path in paths.into_iter().filter(|path| is_ours(path)) {
        let text = fs::read_to_string(&path).context(format!("read {}", path.display()))?;
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        sources.push(Source { path: relative, text });
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        if let Err(broken) = check_workspace(&crate::command::workspace_root()) {
            panic!("{broken}");
        }
    }
}
