//! `tabmq config example`: a file with every setting at its default, and an example of every table.
//!
//! It is made of the flags' own help, so it cannot lag behind them. `# ` begins an explanation, `#` without a space
//! something that takes effect once the `#` is taken away.

use super::settings::Layer;
use super::tables;
use std::fmt::Write;

/// The longest line, in characters.
const WIDTH: usize = 100;

/// What a setting without a default may look like.
const SAMPLES: &[(&str, &str)] = &[
    ("allow-origin", "['https://example.org']"),
    ("allow-anonymous", "false"),
    ("data", "'none'"),
    ("threads", "2"),
    ("mqtts", "['0.0.0.0:8883']"),
    ("https", "'0.0.0.0:8084'"),
    ("cert", "'server.pem'"),
    ("key", "'server-key.pem'"),
    ("client-ca", "'ca.pem'"),
    ("crl", "'revoked.pem'"),
];

/// The whole file.
pub(super) fn text() -> String {
    let mut text = String::new();
    explain(
        &mut text,
        "TabMQ's configuration. Everything is shown with its default; take the '#' away in front of what you change. A \
         flag (--max-packet-size) beats the environment (TABMQ_MAX_PACKET_SIZE), which beats this file. `tabmq config \
         check FILE` tells what is wrong with it, and a running broker reads it again on SIGHUP.",
    );
    let defaults = toml::Table::try_from(Layer::defaults()).unwrap_or_default();
    let mut heading = None;
    for flag in Layer::flags().get_arguments() {
        let Some(name) = flag.get_long() else { continue };
        if flag.get_help_heading() != heading {
            heading = flag.get_help_heading();
            let _ = write!(text, "\n# ==== {} ====\n", heading.unwrap_or("Further settings"));
        }
        text.push('\n');
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.split_once("[default: ").map_or(help.as_str(), |(help, _)| help);
        explain(&mut text, help.trim_end().trim_end_matches(['.', ';']));
        let sample = SAMPLES.iter().find(|(sample, _)| *sample == name).map(|(_, value)| (*value).to_owned());
        let value = defaults.get(name).map(ToString::to_string).or(sample);
        // Writing to a String does not fail.
        let _ = writeln!(text, "#{name} = {}", value.unwrap_or_else(|| "''".to_owned()));
    }
    for example in tables::EXAMPLES {
        text.push('\n');
        for line in example.trim().lines() {
            let is_text = line.is_empty() || line.starts_with("# ");
            let _ = writeln!(text, "{}{line}", if is_text { "" } else { "#" });
        }
    }
    text
}

/// Appends a paragraph as a comment.
fn explain(text: &mut String, paragraph: &str) {
    let mut line = String::from("#");
    for word in paragraph.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::file::{known_tables, parse_file};
    use super::super::{Config, Tables};
    use super::*;

    /// The example with all that is commented out switched on.
    fn switched_on() -> String {
        let on = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => format!("{rest}\n"),
            _ => format!("{line}\n"),
        };
        text().lines().map(on).collect()
    }

    #[test]
    fn it_changes_nothing_as_it_is() {
        assert!(toml::from_str::<toml::Table>(&text()).unwrap().is_empty());
    }

    #[test]
    fn it_shows_every_setting_with_its_true_default() {
        let file = parse_file(&switched_on()).unwrap();
        for key in Layer::keys() {
            assert!(
                switched_on().contains(&format!("\n{key} = ")),
                "no {key}: it needs a default or a sample"
            );
        }
        let defaults = Layer::defaults();
        let samples =
            Layer { allow_origin: None, threads: None, mqtts: None, https: None, ..file.layer.clone() };
        let Layer {
            client_certificates,
            certificate_user,
            tls_min_version,
            tls_handshakes,
            tls_handshake_time,
            ..
        } = file.layer;
        assert_eq!(
            (client_certificates, certificate_user),
            (defaults.client_certificates, defaults.certificate_user)
        );
        assert_eq!((tls_min_version, tls_handshakes), (defaults.tls_min_version, defaults.tls_handshakes));
        assert_eq!(tls_handshake_time, defaults.tls_handshake_time);
        assert_eq!(Config::validate(samples, Tables::default()).unwrap(), Config::default());
    }

    #[test]
    fn it_shows_every_table_and_no_table_takes_unknown_keys() {
        let text = switched_on();
        let lines: Vec<&str> = text.lines().collect();
        for table in known_tables() {
            let header = |line: &&str| line.trim_matches(['[', ']']) == table && line.starts_with('[');
            assert!(lines.iter().any(header), "tables::EXAMPLES has no {table}");
        }
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('[')) {
            let mut lines = lines.clone();
            lines.insert(index + 1, "zzz-unknown = 1");
            let mistake = parse_file(&lines.join("\n")).unwrap_err();
            assert!(mistake.message.contains("zzz-unknown"), "{}: {}", lines[index], mistake.message);
        }
    }

    #[test]
    fn lines_are_not_too_long() {
        for line in text().lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
