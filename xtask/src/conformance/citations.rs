//! Where the sources cite a statement.

use super::statements::Id;
use std::collections::BTreeMap;
use std::fmt;

/// A place in the sources: a file, and the function in it if there is one. No line: the page would change with every
/// edit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Relative to the workspace's root, with `/`.
    pub(super) path: String,
    pub(super) function: Option<String>,
    pub(super) is_test: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match &self.function {
            Some(function) => write!(f, " ({function})"),
            None => Ok(()),
        }
    }
}

/// All places by statement.
#[derive(Debug, Default)]
pub(super) struct Citations {
    by_id: BTreeMap<Id, Vec<Place>>,
    unreadable: Vec<String>,
}

impl Citations {
    /// Adds what one Rust file cites.
    pub(super) fn collect(&mut self, path: &str, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let tests_from = if is_test_file(path) { Some(0) } else { test_module(&lines) };
        for (index, line) in lines.iter().enumerate() {
            for (inside, behind) in citations_in(line) {
                let Some(id) = Id::parse(inside, behind) else {
                    self.unreadable.push(format!("{path}:{}: not readable: {}", index + 1, line.trim()));
                    continue;
                };
                let is_test = tests_from.is_some_and(|from| index >= from);
                let place = Place { path: path.to_owned(), function: function_at(&lines, index), is_test };
                let places = self.by_id.entry(id).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }

    pub(super) fn places(&self, id: &Id) -> &[Place] {
        self.by_id.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Id, &Vec<Place>)> {
        self.by_id.iter()
    }

    /// What looks like a citation and cannot be read.
    pub(super) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }
}

/// What stands behind `MQTT-` in each citation, and what follows: `[MQTT-…]`, or in a table of tests the beginning of a
/// string, `"MQTT-…"` or `"MQTT-…: more"`.
fn citations_in(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let opened_by = |opening: &'static str, closing: &'static [char]| {
        line.match_indices(opening).filter_map(move |(position, _)| {
            let rest = line.get(position + opening.len()..)?;
            rest.split_once(closing).filter(|_| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    opened_by("[MQTT-", &[']']).chain(opened_by("\"MQTT-", &['"', ':']))
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Where the tests at a file's end begin.
fn test_module(lines: &[&str]) -> Option<usize> {
    let module = |pair: &[&str]| matches!(pair, [attribute, module] if *attribute == "#[cfg(test)]" && module.ends_with("mod tests {"));
    lines.windows(2).position(module)
}

/// The name of the function that a line is in, or that it describes.
fn function_at(lines: &[&str], index: usize) -> Option<String> {
    let is_prose = |line: &str| line.starts_with("//") || line.starts_with("#[");
    let line = lines.get(index)?;
    if is_prose(line.trim_start()) {
        let below = lines.iter().skip(index).find(|line| !is_prose(line.trim_start()))?;
        if let Some(name) = function_name(below) {
            return Some(name);
        }
    }
    // The nearest function above that is not deeper, unless its end is in between.
    let mut depth = indentation(line);
    for above in lines.iter().take(index + 1).rev().filter(|line| !line.trim().is_empty()) {
        if let Some(name) = function_name(above).filter(|_| indentation(above) <= depth) {
            return Some(name);
        }
        if above.trim_start().starts_with('}') && indentation(above) < depth {
            depth = indentation(above).checked_sub(1)?;
        }
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn function_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let (before, rest) = line.split_once("fn ")?;
    let is_declaration = before.split_whitespace().all(|word| {
        matches!(word, "pub" | "pub(crate)" | "pub(super)" | "const" | "async" | "unsafe" | "extern")
    });
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (is_declaration && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::statements::Spec;

    #[test]
    fn places_are_found_with_their_functions() {
        let source = "\
/// A field [MQTT-1.0.0-1].
struct S;
impl S {
    /// Does it [MQTT-1.0.0-2].
    fn one(&self) {
        let x = 1; // [MQTT-1.0.0-3 of 3.1.1] [MQTT-1.0.0-4]
    }
}
const C: u8 = 1; // [MQTT-1.0.0-5]
#[cfg(test)]
mod tests {
    #[test]
    fn proves() {
        assert!(true); // [MQTT-1.0.0-2]
    }
}
";
        let mut citations = Citations::default();
        citations.collect("a/src/x.rs", source);
        let places = |citations: &Citations, spec, number: &str| {
            let id = Id { spec, number: number.to_owned() };
            let places = citations.places(&id).iter();
            places.map(|p| (p.function.clone().unwrap_or_default(), p.is_test)).collect::<Vec<_>>()
        };
        assert_eq!(places(&citations, Spec::V5, "1.0.0-1"), [(String::new(), false)]);
        assert_eq!(
            places(&citations, Spec::V5, "1.0.0-2"),
            [("one".to_owned(), false), ("proves".to_owned(), true)]
        );
        assert_eq!(places(&citations, Spec::V311, "1.0.0-3"), [("one".to_owned(), false)]);
        assert_eq!(places(&citations, Spec::V5, "1.0.0-4"), [("one".to_owned(), false)]);
        assert_eq!(places(&citations, Spec::V5, "1.0.0-5"), [(String::new(), false)]);
        citations.collect("tests/t.rs", "const T: &[&str] = &[\"MQTT-2.0.0-1: why\", \"MQTT-2.0.0-2\"];");
        assert_eq!(places(&citations, Spec::V5, "2.0.0-1"), [(String::new(), true)]);
        assert_eq!(places(&citations, Spec::V5, "2.0.0-2"), [(String::new(), true)]);
        citations.collect("b.rs", "// [MQTT-1.0.0-1 and so on]");
        assert_eq!(citations.unreadable().len(), 1);
    }
}
