//! What Cargo.toml files may say.

use super::{Finding, Source};

/// Crate, and what it never depends on outside its tests.
const NEVER: &[(&str, &[&str])] = &[
    ("shared", &["tokio", "futures-util", "yew", "web-sys", "js-sys", "wasm-bindgen", "tabmq", "tabmq-web"]),
    ("bridge", &["yew", "web-sys", "js-sys", "wasm-bindgen", "tabmq-web", "mqttbytes", "rumqttc"]),
    ("web", &["tokio", "axum", "tabmq", "mqttbytes", "rumqttc"]),
    ("xtask", &["wasm-bindgen-cli-support", "tokio", "clap"]),
];

/// Every manifest's rules.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let Some(directory) = source.path.strip_suffix("Cargo.toml") else { continue };
        let directory = directory.trim_end_matches('/');
        if directory.is_empty() {
            let readme = sources.iter().find(|other| other.path == "README.md");
            findings.extend(unexplained_dependencies(source, readme.map_or("", |readme| &readme.text)));
        } else if directory != "tests/fuzz" && !directory.starts_with("tests/peers/") {
            findings.extend(forbidden_dependencies(directory, source));
            findings.extend(own_lints(source));
        }
    }
    findings
}

/// Dependencies that the table above forbids.
fn forbidden_dependencies(directory: &str, source: &Source) -> Vec<Finding> {
    let never = NEVER.iter().find(|(name, _)| *name == directory).map_or(&[][..], |(_, never)| *never);
    dependencies(&source.text, "dependencies")
        .filter(|(name, _)| never.contains(name))
        .map(|(name, line)| finding(source, line, format!("{directory} never depends on {name}")))
        .collect()
}

/// A package that does not inherit the workspace's lints.
fn own_lints(source: &Source) -> Option<Finding> {
    let inherits =
        source.text.contains("[lints]\nworkspace = true") || source.text.contains("lints.workspace = true");
    (!inherits).then(|| finding(source, 1, "a package inherits the lints: `[lints] workspace = true`".into()))
}

/// README.md says of each dependency of the workspace what it is there for: `name` in backquotes.
fn unexplained_dependencies(manifest: &Source, readme: &str) -> Vec<Finding> {
    dependencies(&manifest.text, "workspace.dependencies")
        .filter(|(name, _)| !readme.contains(&format!("`{name}`")))
        .map(|(name, line)| finding(manifest, line, format!("README.md does not say what `{name}` is for")))
        .collect()
}

/// Names and lines in the table `table`, in `[table.NAME]`, and in those of `[target.….table]`.
fn dependencies<'a>(text: &'a str, table: &'a str) -> impl Iterator<Item = (&'a str, usize)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside =
                header == table || (header.starts_with("target.") && header.ends_with(&format!(".{table}")));
            let (parent, name) = header.rsplit_once('.')?;
            return (parent == table).then_some((name, index + 1));
        }
        if !inside || line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (key, _) = line.split_once('=')?;
        let name = key.split('.').next()?.trim(); // `name.workspace = true`
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        is_name.then_some((name, index + 1))
    })
}

fn finding(source: &Source, line: usize, what: String) -> Finding {
    Finding { path: source.path.clone(), line, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn forbidden_dependencies_are_found_however_they_are_written() {
        let check = |text: &str, lines: &[usize]| {
            let source = source("shared/Cargo.toml", text);
            let found: Vec<usize> =
                forbidden_dependencies("shared", &source).iter().map(|f| f.line).collect();
            assert_eq!(found, lines, "{text}");
        };
        check("[dependencies]\nbytes = \"1\"\ntokio = \"1\"", &[3]);
        check("[dependencies]\ntokio.workspace = true\n", &[2]);
        check("[dependencies.web-sys]\nfeatures = []", &[1]);
        check("[target.'cfg(unix)'.dependencies]\ntokio = \"1\"", &[2]);
        check("[dev-dependencies]\ntokio = \"1\"", &[]);
        check("[dependencies]\ntokio-like = \"1\"\n# tokio = \"1\"", &[]);
    }

    #[test]
    fn lints_are_inherited() {
        assert!(own_lints(&source("x/Cargo.toml", "[package]\nname = \"x\"\n")).is_some());
        assert!(own_lints(&source("x/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n")).is_none());
    }

    #[test]
    fn dependencies_are_explained() {
        let manifest =
            source("Cargo.toml", "[workspace.dependencies]\nbytes = \"1\"\nyew = \"1\"\n[other]\nx = 1");
        let found = unexplained_dependencies(&manifest, "- `bytes`: buffers. yew without backquotes");
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [3]);
    }
}
