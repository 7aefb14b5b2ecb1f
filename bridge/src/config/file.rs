//! The configuration file: settings, which are flags too, and tables, which are not.

use super::ConfigError;
use super::settings::Layer;
use super::tables::{Mistake, Tables};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How alike two names must be (1 is equal) for one to be offered in place of the other.
const ALIKE: f64 = 0.75;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File<T = Tables> {
    /// Its settings.
    pub(super) layer: Layer,
    /// Its tables.
    pub(super) tables: T,
    /// The tables as they were written, to tell which have changed.
    pub(super) written: toml::Table,
}

/// Reads and checks the file at `path`.
pub(super) fn read(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    check(path, &text)
}

/// What the file at `path` says if it has this text.
pub(super) fn check(path: &Path, text: &str) -> Result<File, ConfigError> {
    let mut file = parse_file(text).map_err(|Mistake { span, message }| {
        let (line, column) = position(text, span);
        let excerpt = excerpt(text, line, column);
        ConfigError::File { path: path.to_path_buf(), line, column, message, excerpt }
    })?;
    file.tables.locate(path, text);
    Ok(file)
}

pub(super) fn parse_file(text: &str) -> Result<File, Mistake> {
    let file: File = parse(text)?;
    file.tables.check()?;
    Ok(file)
}

/// Keys that are settings go to [`Layer`], all others to the tables `T`; both keep their places in the text.
fn parse<T: DeserializeOwned>(text: &str) -> Result<File<T>, Mistake> {
    let syntax =
        |error: toml::de::Error| Mistake { span: error.span(), message: one_sentence(error.message()) };
    let document = DeTable::parse(text).map_err(syntax)?;
    let span = document.span();
    let settings = Layer::keys();
    let (mut layer, mut tables) = (DeTable::new(), DeTable::new());
    for (key, value) in document.get_ref() {
        let is_setting = settings.iter().any(|name| name == key.get_ref());
        let part = if is_setting { &mut layer } else { &mut tables };
        part.insert(key.clone(), value.clone());
    }
    let explain = |error: toml::de::Error| explain(&error, document.get_ref(), &settings);
    Ok(File {
        layer: deserialize(Spanned::new(span.clone(), layer)).map_err(explain)?,
        written: deserialize(Spanned::new(span.clone(), tables.clone())).map_err(explain)?,
        tables: deserialize(Spanned::new(span, tables)).map_err(explain)?,
    })
}

fn deserialize<'de, T: Deserialize<'de>>(table: Spanned<DeTable<'de>>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::de::Deserializer::from(table))
}

/// Makes of serde's "unknown field `x`, expected one of `a`, `b`" what helps the one who typed `x`.
fn explain(error: &toml::de::Error, document: &DeTable<'_>, settings: &[String]) -> Mistake {
    let span = error.span();
    let header = span.as_ref().and_then(|span| header_of(document, &Header::default(), span.start));
    let message = match error.message().strip_prefix("unknown field `") {
        Some(rest) => {
            let (key, expected) = rest.split_once('`').unwrap_or((rest, ""));
            let mut known: Vec<&str> = quoted(expected).collect();
            if header.is_none() {
                known.extend(settings.iter().map(String::as_str));
            }
            unknown_key(key, header.as_deref(), &known)
        }
        None => one_sentence(error.message()),
    };
    Mistake { span, message }
}

/// What serde puts between backticks.
fn quoted(expected: &str) -> impl Iterator<Item = &str> {
    expected.split('`').skip(1).step_by(2)
}

/// The names of all tables.
#[cfg(test)]
pub(super) fn known_tables() -> Vec<String> {
    let error = toml::from_str::<Tables>("no-table-is-called-this = 1").unwrap_err();
    quoted(error.message()).skip(1).map(str::to_owned).collect()
}

fn unknown_key(key: &str, header: Option<&str>, known: &[&str]) -> String {
    let place = header.map(|header| format!(" in {header}")).unwrap_or_default();
    let likeness = |name: &str| strsim::jaro_winkler(&key.to_ascii_lowercase().replace('_', "-"), name);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let advice = match (nearest.filter(|name| likeness(name) >= ALIKE), header) {
        (Some(name), _) => format!("did you mean '{name}'?"),
        (None, Some(_)) => format!("it knows {}", known.join(", ")),
        (None, None) => "`tabmq config example` shows them all".to_owned(),
    };
    format!("there is no setting '{}'{place}; {advice}", key.escape_debug())
}

/// What stands above a table's keys: `[jwt]`, `[[user]]`, `[[bridge.topic]]`.
#[derive(Clone, Default)]
struct Header {
    path: String,
    in_array: bool,
}

impl Header {
    fn below(&self, key: &str, in_array: bool) -> Header {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Header { path, in_array }
    }

    /// `None` at the top of the file.
    fn text(&self) -> Option<String> {
        match (self.path.is_empty(), self.in_array) {
            (true, _) => None,
            (false, false) => Some(format!("[{}]", self.path)),
            (false, true) => Some(format!("[[{}]]", self.path)),
        }
    }
}

/// The header of the table that has a key at this place in the text; `None`: the top, or nowhere.
fn header_of(table: &DeTable<'_>, header: &Header, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let below = |in_array| header.below(&key.get_ref().escape_debug().to_string(), in_array);
        if key.span().contains(&at) {
            return header.text();
        }
        match value.get_ref() {
            DeValue::Table(inner) => header_of(inner, &below(false), at),
            DeValue::Array(items) => items.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(inner) => header_of(inner, &below(true), at),
                _ => None,
            }),
            _ => None,
        }
    })
}

/// Line and column in which `span` begins, counted from 1; columns in characters.
fn position(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The line, and a mark below the column.
fn excerpt(text: &str, line: usize, column: usize) -> String {
    let shown: String = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().replace('\t', " ");
    // A terminal is not told what to do by a file.
    let shown: String = shown.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("{shown}\n{:>column$}", '^')
}

/// The parser explains itself in several lines.
fn one_sentence(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables as other rooms have them.
    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
    struct Examples {
        animal: Vec<Animal>,
        zoo: Option<Zoo>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Animal {
        name: String,
        #[serde(default)]
        legs: u8,
        #[serde(default)]
        food: Vec<Food>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Food {
        kind: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Zoo {
        opening_hours: String,
    }

    #[test]
    fn tables_stand_beside_settings() {
        let text = r#"
            log = "warn"
            [[animal]]
            name = "cat"
            legs = 4
            [[animal.food]]
            kind = "fish"
            [[animal]]
            name = "snake"
            [zoo]
            opening-hours = "all"
        "#;
        let file: File<Examples> = parse(text).unwrap();
        assert_eq!(file.layer.log, Some(crate::config::LogLevel::Warn));
        let food = vec![Food { kind: "fish".to_owned() }];
        let expected = Examples {
            animal: vec![
                Animal { name: "cat".to_owned(), legs: 4, food },
                Animal { name: "snake".to_owned(), legs: 0, food: Vec::new() },
            ],
            zoo: Some(Zoo { opening_hours: "all".to_owned() }),
        };
        assert_eq!(file.tables, expected);
        assert_eq!(file.written.keys().collect::<Vec<_>>(), ["animal", "zoo"]);
    }

    #[test]
    fn errors_in_tables_name_their_place_and_the_remedy() {
        let cases = [
            ("animl = 1", (1, 1), "there is no setting 'animl'; did you mean 'animal'?"),
            ("[zooo]\nx = 1", (1, 2), "there is no setting 'zooo'; did you mean 'zoo'?"),
            (
                "[zoo]\nopening_hours = 'all'",
                (2, 1),
                "there is no setting 'opening_hours' in [zoo]; did you mean 'opening-hours'?",
            ),
            (
                "[[animal]]\nname = 'cat'\n\n[[animal]]\n  nmae = 'dog'",
                (5, 3),
                "there is no setting 'nmae' in [[animal]]; did you mean 'name'?",
            ),
            (
                "animal = [{ name = 'ä', xyzxyz = 4 }]",
                (1, 25),
                "there is no setting 'xyzxyz' in [[animal]]; it knows name, legs, food",
            ),
            (
                "[[animal]]\nname = 'cat'\n[[animal.food]]\nkind = 'x'\nkindd = 'x'",
                (5, 1),
                "there is no setting 'kindd' in [[animal.food]]; did you mean 'kind'?",
            ),
            ("[[animal]]\nname = 'cat'\nlegs = 'four'", (3, 8), "invalid type: string \"four\", expected u8"),
            ("[[animal]]\nlegs = 300\nname = 'x'", (2, 8), "300"),
            ("log = 'info'\n[[animal]]\nlegs = 3", (2, 1), "missing field `name`"),
            ("[animal]\nname = 'cat'", (1, 1), "expected a sequence"),
            ("[[animal]]\nname = 'cat'\nlog = 'loud'", (3, 1), "there is no setting 'log' in [[animal]]"),
        ];
        for (text, place, part) in cases {
            let Mistake { span, message } = parse::<Examples>(text).unwrap_err();
            assert_eq!(position(text, span), place, "{text:?}: {message}");
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }

    #[test]
    fn errors_name_the_line_and_the_remedy() {
        let cases = [
            ("mqtt = [\"127.0.0.1:1\"]\nhtpp = \"127.0.0.1:2\"", (2, 1), "did you mean 'http'?"),
            ("\n\nmax_packet_size = 1", (3, 1), "did you mean 'max-packet-size'?"),
            ("zzz = 1", (1, 1), "`tabmq config example` shows them all"),
            ("# x\nlog = \"loud\"", (2, 7), "unknown variant `loud`"),
            ("http = \"nowhere\"", (1, 8), "IP:PORT"),
            ("log = \"info\"\nmax-packet-size = \"many\"", (2, 19), "10MiB"),
            ("receive-maximum = 70000", (1, 19), "70000"),
            ("mqtt = 1", (1, 8), "invalid type"),
            ("log = \"info\"\nlog = \"warn\"", (2, 1), "duplicate key"),
            ("log = ", (1, 7), ""),
            ("[table]\nx = 1", (1, 2), "there is no setting 'table'"),
        ];
        for (text, place, part) in cases {
            let Mistake { span, message } = parse_file(text).unwrap_err();
            assert_eq!(position(text, span), place, "{text:?}: {message}");
            assert!(message.contains(part), "{text:?}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
        assert_eq!(excerpt("a\n\tb = \u{1b}x", 2, 6), " b = ?x\n     ^");
    }
}
