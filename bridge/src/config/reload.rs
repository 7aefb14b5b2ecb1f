//! What a configuration came from, so that it can be read again, and what has changed when it is.

use super::settings::{Layer, Settings};
use super::{Config, ConfigError, Tables, file};
use crate::events::Change;

/// Settings that are used once, at the start. All others, and all tables, take effect at once.
const AT_START: &[&str] = &[
    "mqtt",
    "http",
    "mqtts",
    "https",
    "certificate-user",
    "tls-handshakes",
    "tls-handshake-time",
    "data",
    "threads",
    "log-format",
];

/// A configuration, with what was said to get it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What the broker runs with.
    pub config: Config,
    /// All settings, those that nobody set at their default.
    settings: toml::Table,
    /// The tables of the file.
    tables: toml::Table,
}

impl Loaded {
    /// Puts the layers together: a flag beats the environment, which beats the file.
    pub fn load(flags: Settings) -> Result<Loaded, ConfigError> {
        Loaded::from_sources(
            flags,
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    pub(super) fn from_sources(
        flags: Settings,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let environment = Settings::from_environment(variables)?;
        let layers = flags.layer.or(environment.layer);
        let file = flags.config.or(environment.config).map(|path| file::read(&path)).transpose()?;
        Loaded::new(layers, file.unwrap_or_default())
    }

    /// Puts what was said elsewhere above what the file says.
    pub(super) fn new(layers: Layer, file: file::File<Tables>) -> Result<Loaded, ConfigError> {
        let layers = layers.or(file.layer);
        // It can fail only for types that TOML does not have, and the settings have none of those.
        let settings = toml::Table::try_from(layers.clone().or(Layer::defaults())).unwrap_or_default();
        Ok(Loaded { config: Config::validate(layers, file.tables)?, settings, tables: file.written })
    }

    /// What is different in `new`, by name.
    pub fn changes(&self, new: &Loaded) -> Vec<Change> {
        let settings = differences(&self.settings, &new.settings).map(|(name, from, to)| Change {
            name: name.to_owned(),
            from: from.map_or_else(|| "not set".to_owned(), ToString::to_string),
            to: to.map_or_else(|| "not set".to_owned(), ToString::to_string),
            at_once: !AT_START.contains(&name),
        });
        let tables = differences(&self.tables, &new.tables).map(|(name, from, to)| Change {
            name: match from.or(to) {
                Some(toml::Value::Array(_)) => format!("[[{name}]]"),
                _ => format!("[{name}]"),
            },
            from: count(from),
            to: count(to),
            at_once: true,
        });
        settings.chain(tables).collect()
    }
}

type Difference<'a> = (&'a str, Option<&'a toml::Value>, Option<&'a toml::Value>);

/// The names whose values are not the same in both.
fn differences<'a>(old: &'a toml::Table, new: &'a toml::Table) -> impl Iterator<Item = Difference<'a>> {
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let gone = gone.map(|(name, value)| (name.as_str(), Some(value), None));
    let there = new.iter().map(|(name, value)| (name.as_str(), old.get(name), Some(value)));
    gone.chain(there).filter(|(_, from, to)| from != to)
}

fn count(tables: Option<&toml::Value>) -> String {
    match tables {
        None => "none".to_owned(),
        Some(toml::Value::Array(tables)) => tables.len().to_string(),
        Some(_) => "1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Loaded {
        let file =
            file::File { layer: file::parse_file(text).unwrap().layer, ..file::File::<Tables>::default() };
        Loaded::new(Layer::default(), file).unwrap()
    }

    #[test]
    fn changes_are_named_with_what_they_were() {
        let (old, new) = (
            loaded("max-in-flight = 5\nlog = 'debug'"),
            loaded("queue-bytes = '1MiB'\nmqtt = ['127.0.0.1:1']\nlog = 'debug'"),
        );
        let shown: Vec<String> = old
            .changes(&new)
            .iter()
            .map(|Change { name, from, to, at_once }| format!("{name}: {from} -> {to} {at_once}"))
            .collect();
        let expected = [
            "max-in-flight: 5 -> 1000 true",
            "mqtt: [\"127.0.0.1:1883\"] -> [\"127.0.0.1:1\"] false",
            "queue-bytes: \"64MiB\" -> \"1MiB\" true",
        ];
        assert_eq!(shown, expected);
        assert_eq!(old.changes(&old), []);
    }

    #[test]
    fn tables_are_counted_and_not_shown() {
        let tables = |text: &str| Loaded { tables: toml::from_str(text).unwrap(), ..loaded("") };
        let old = tables("[[user]]\npassword = 'secret'\n[jwt]\nkey = 'x'");
        let new = tables("[[user]]\npassword = 'other'\n[[user]]\nname = 'b'");
        let shown: Vec<String> =
            old.changes(&new).into_iter().map(|c| format!("{} {} {}", c.name, c.from, c.to)).collect();
        assert_eq!(shown, ["[jwt] 1 none", "[[user]] 1 2"]);
    }

    #[test]
    fn what_is_used_at_the_start_exists() {
        for name in AT_START {
            assert!(Layer::keys().iter().any(|key| key == name), "{name}");
        }
    }
}
