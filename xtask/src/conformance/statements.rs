//! The statements, and the reasons why some have no test.

use crate::command::Result;
use std::collections::BTreeMap;
use std::fmt;

/// A specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spec {
    V5,
    V311,
}

/// The name of a statement. The same numbers mean different things in the two specifications.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) spec: Spec,
    /// Without `MQTT-`.
    pub(super) number: String,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) id: Id,
    /// `client`, `server` or `both`.
    pub(super) binds: String,
    /// In our own words.
    pub(super) text: String,
}

/// All statements, in the order of the specifications.
#[derive(Debug)]
pub(super) struct Statements {
    list: Vec<Statement>,
    reasons: BTreeMap<Id, String>,
    same_as: BTreeMap<Id, Id>,
}

impl Statements {
    /// Reads the three files: fields are separated by `|`, lines that begin with `#` are comments.
    pub(super) fn parse(v5: &str, v311: &str, reasons: &str) -> Result<Statements> {
        let mut all = Statements { list: Vec::new(), reasons: BTreeMap::new(), same_as: BTreeMap::new() };
        for (spec, text) in [(Spec::V5, v5), (Spec::V311, v311)] {
            for [number, binds, text] in fields(text)? {
                all.add(Id { spec, number }, binds, text)?;
            }
        }
        for [spec, number, reason] in fields(reasons)? {
            let spec = if spec == "3.1.1" { Spec::V311 } else { Spec::V5 };
            let id = Id { spec, number };
            if !all.contains(&id) {
                return Err(format!("a reason for {id}, which is no statement").into());
            }
            all.reasons.insert(id, reason);
        }
        Ok(all)
    }

    fn add(&mut self, id: Id, binds: String, mut text: String) -> Result<()> {
        if !["client", "server", "both"].contains(&binds.as_str()) {
            return Err(format!("{id} binds {binds:?}").into());
        }
        if self.contains(&id) {
            return Err(format!("{id} is there twice").into());
        }
        if let Some(number) = text.strip_prefix("= ") {
            let same = Id { spec: Spec::V5, number: number.to_owned() };
            let Some(other) = self.list.iter().find(|statement| statement.id == same) else {
                return Err(format!("{id} is said to be {same}, which is no statement").into());
            };
            text = other.text.clone();
            self.same_as.insert(id.clone(), same);
        }
        self.list.push(Statement { id, binds, text });
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Statement> {
        self.list.iter()
    }

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.list.iter().any(|statement| statement.id == *id)
    }

    /// Why no test covers it. The reason for a statement of 5.0 is one for its twin as well.
    pub(super) fn reason(&self, id: &Id) -> Option<&str> {
        let ids = [Some(id), self.same_as(id)];
        ids.into_iter().flatten().find_map(|id| self.reasons.get(id)).map(String::as_str)
    }

    /// The statement of 5.0 that asks for the same.
    pub(super) fn same_as(&self, id: &Id) -> Option<&Id> {
        self.same_as.get(id)
    }
}

fn fields(text: &str) -> Result<Vec<[String; 3]>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<String> = line.splitn(3, '|').map(|part| part.trim().to_owned()).collect();
            parts.try_into().map_err(|_| format!("not three fields: {line}").into())
        })
        .collect()
}

impl Id {
    /// From what stands in a citation behind `MQTT-`, and from what follows it.
    pub(super) fn parse(inside: &str, behind: &str) -> Option<Id> {
        const OLD: &str = "of 3.1.1";
        let (number, qualifier) = inside.split_once(' ').unwrap_or((inside, ""));
        let spec = match qualifier {
            "" if behind.trim_start().starts_with(OLD) => Spec::V311,
            "" => Spec::V5,
            OLD => Spec::V311,
            _ => return None,
        };
        Some(Id { spec, number: number.to_owned() })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.spec == Spec::V311 { " of 3.1.1" } else { "" };
        write!(f, "MQTT-{}{of}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_name_their_specification() {
        let check = |inside, behind, expected: Option<&str>| {
            let id = Id::parse(inside, behind).map(|id| id.to_string());
            assert_eq!(id.as_deref(), expected, "{inside}]{behind}");
        };
        check("3.1.2-22", ": closed", Some("MQTT-3.1.2-22"));
        check("3.1.2-22 of 3.1.1", "", Some("MQTT-3.1.2-22 of 3.1.1"));
        check("3.1.2-22", " of 3.1.1", Some("MQTT-3.1.2-22 of 3.1.1"));
        check("3.1.2-22 and more", "", None);
    }

    #[test]
    fn twins_share_text_and_reason() {
        let v5 = "# comment\n1.5.4-1 | both | Strings.\n";
        let statements =
            Statements::parse(v5, "1.4.0-1 | both | = 1.5.4-1\n", "5.0 | 1.5.4-1 | Because.\n").unwrap();
        let twin = Id { spec: Spec::V311, number: "1.4.0-1".to_owned() };
        assert_eq!(statements.reason(&twin), Some("Because."));
        assert!(statements.iter().all(|statement| statement.text == "Strings."));
        for broken in ["1.5.4-1 | both\n", "1.5.4-1 | nobody | Strings.\n"] {
            assert!(Statements::parse(broken, "", "").is_err(), "{broken}");
        }
    }
}
