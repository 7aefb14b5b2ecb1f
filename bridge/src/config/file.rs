//! The configuration file.

use super::ConfigError;
use super::settings::Layer;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// How alike two names must be (1 is equal) for one to be offered in place of the other.
const ALIKE: f64 = 0.75;

/// Reads and checks the file at `path`.
pub(super) fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    parse(&text).map_err(|(line, message)| ConfigError::File { path: path.to_path_buf(), line, message })
}

/// The error is a line number, counted from 1, and a sentence.
fn parse(text: &str) -> Result<Layer, (usize, String)> {
    let located = |error: toml::de::Error| (line_at(text, error.span()), one_sentence(error.message()));
    let keys: BTreeMap<Spanned<String>, toml::Value> = toml::from_str(text).map_err(located)?;
    let known = Layer::keys();
    for key in keys.keys() {
        if !known.iter().any(|name| name == key.get_ref()) {
            return Err((line_at(text, Some(key.span())), unknown_key(key.get_ref(), &known)));
        }
    }
    Layer::deserialize(toml::Deserializer::parse(text).map_err(located)?).map_err(located)
}

fn unknown_key(key: &str, known: &[String]) -> String {
    let likeness = |name: &String| strsim::jaro_winkler(&key.to_ascii_lowercase().replace('_', "-"), name);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|name| likeness(name) >= ALIKE) {
        Some(name) => format!("there is no setting '{}'; did you mean '{name}'?", key.escape_debug()),
        None => format!("there is no setting '{}'; `tabmq serve --help` lists them", key.escape_debug()),
    }
}

/// The line, counted from 1, in which `span` begins.
fn line_at(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// The parser explains itself in several lines.
fn one_sentence(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line_and_the_remedy() {
        let cases = [
            ("mqtt = [\"127.0.0.1:1\"]\nhtpp = \"127.0.0.1:2\"", 2, "did you mean 'http'?"),
            ("\n\nmax_packet_size = 1", 3, "did you mean 'max-packet-size'?"),
            ("zzz = 1", 1, "`tabmq serve --help` lists them"),
            ("# x\nlog = \"loud\"", 2, "unknown variant `loud`"),
            ("http = \"nowhere\"", 1, "IP:PORT"),
            ("log = \"info\"\nmax-packet-size = \"many\"", 2, "10MiB"),
            ("receive-maximum = 70000", 1, "70000"),
            ("mqtt = 1", 1, "invalid type"),
            ("log = \"info\"\nlog = \"warn\"", 2, "duplicate key"),
            ("log = ", 1, ""),
            ("[table]\nx = 1", 1, "there is no setting 'table'"),
        ];
        for (text, line, part) in cases {
            let (at, message) = parse(text).unwrap_err();
            assert_eq!(at, line, "{text:?}: {message}");
            assert!(message.contains(part), "{text:?}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            mqtt = ["127.0.0.1:1", "[::1]:2"]
            http = "none"
            data = "none"
            allow-anonymous = true
            allow-origin = ["https://example.org"]
            log = "warn"
            log-format = "json"
            max-packet-size = "1MiB"
            receive-maximum = 1
            max-in-flight = 2
            topic-alias-maximum = 3
            max-session-expiry = "7d"
            server-keep-alive = 4
            queue-messages = 5
            queue-bytes = 6
            all-queues-bytes = 7
            outbox-bytes = 8
            retained-messages = 9
            retained-bytes = 10
            sys-interval = 11
        "#;
        parse(text).unwrap();
        for key in Layer::keys() {
            assert!(text.contains(&format!("\n            {key} = ")), "the example has no {key}");
        }
    }
}
