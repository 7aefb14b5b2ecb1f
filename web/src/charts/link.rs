//! Charts as text, for the address bar.
//!
//! ```text
//! charts = chart *( ";" chart )        chart  = [ "@" seconds "@" ] source *( "," source )
//! source = topic [ "!~" written ] [ "!" path ]        written = [ packing "+" ] name
//! ```
//!
//! `@0@` shows all that is kept. `~;`, `~,`, `~!`, `~@` and `~~` are the characters themselves inside of topics and paths.

use super::DEFAULT_WINDOW_S;
use crate::state::charts::source::{Source, Written};
use tabmq_decoders::packing::Packing;
use tabmq_decoders::path::Path;

/// A chart: its window in seconds (`None`: all), and its sources.
pub type Entry = (Option<u32>, Vec<Source>);

/// Charts as text.
pub fn write<'a>(charts: impl Iterator<Item = (Option<u32>, impl Iterator<Item = &'a Source>)>) -> String {
    let chart = |(window_s, sources): (Option<u32>, _)| {
        let sources: Vec<String> = Iterator::map(sources, write_source).collect();
        let window = match window_s {
            Some(DEFAULT_WINDOW_S) => String::new(),
            other => format!("@{}@", other.unwrap_or(0)),
        };
        window + &sources.join(",")
    };
    charts.map(chart).collect::<Vec<_>>().join(";")
}

/// The opposite of [`write`]; what makes no sense is left out.
pub fn read(text: &str) -> Vec<Entry> {
    let chart = |text: &str| {
        let (window_s, sources) = match text.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
            Some((seconds, sources)) => (seconds.parse().ok().filter(|seconds| *seconds > 0), sources),
            None => (Some(DEFAULT_WINDOW_S), text),
        };
        (window_s, split(sources, ',').into_iter().filter_map(read_source).collect::<Vec<_>>())
    };
    split(text, ';').into_iter().map(chart).filter(|(_, sources)| !sources.is_empty()).collect()
}

fn write_source(source: &Source) -> String {
    let mut text = escape(&source.topic);
    let packing = source.packing.map(|packing| format!("{}+", packing.name())).unwrap_or_default();
    let written = packing + &source.written.name();
    if !written.is_empty() {
        text += &format!("!~{written}");
    }
    if !source.path.is_root() {
        text += &format!("!{}", escape(&source.path.to_string()));
    }
    text
}

pub(super) fn read_source(text: &str) -> Option<Source> {
    let parts = split(text, '!');
    let mut parts = parts.into_iter();
    let topic = unescape(parts.next()?);
    let mut source =
        Source { topic: topic.into(), packing: None, written: Written::Text, path: Path::default() };
    for part in parts {
        match part.strip_prefix('~').filter(|rest| !rest.starts_with(['~', ';', ',', '!', '@'])) {
            Some(written) => {
                let (packing, name) = match written.split_once('+') {
                    Some((packing, name)) => (Some(packing), name),
                    None => (None, written),
                };
                source.packing = match packing {
                    Some(name) => Some(Packing::ALL.into_iter().find(|packing| packing.name() == name)?),
                    None => None,
                };
                source.written = Written::from_name(name)?;
            }
            None => source.path = Path::parse(&unescape(part))?,
        }
    }
    (!source.topic.is_empty()).then_some(source)
}

/// At every `separator` that does not stand behind a tilde.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.extend(text.get(start..i));
            start = i + c.len_utf8();
        }
        escaped = c == '~' && !escaped;
    }
    parts.extend(text.get(start..));
    parts
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ';' | ',' | '!' | '@' | '~') {
            out.push('~');
        }
        out.push(c);
    }
    out
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '~' { chars.next().unwrap_or('~') } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(charts: &[Entry]) -> String {
        write(charts.iter().map(|(window_s, sources)| (*window_s, sources.iter())))
    }

    #[test]
    fn written_and_read() {
        for text in [
            "a/b",
            "a/b,c;@60@d",
            "@0@a!x.y[0]",
            "a!~u16le",
            "a!~gzip+",
            "a!~gzip+cbor!x",
            "odd~;to~,pic~!~@~~",
            r#"a!["x~!y"]"#,
            "温度!湿度",
        ] {
            assert_eq!(written(&read(text)), text);
        }
        let sources = &read("odd~;to~,pic~!~@~~!x")[0].1;
        assert_eq!((&*sources[0].topic, sources[0].path.to_string().as_str()), ("odd;to,pic!@~", "x"));
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        for text in ["", ";", "@60@", "a!~nonsense", "a![", "!x", "a!~lzma+"] {
            assert_eq!(read(text), [], "{text}");
        }
        assert_eq!(read("a;a![;b").len(), 2);
        assert_eq!(read("@x@a")[0].0, None);
    }
}
