//! Variables in what is published: `{{n}}`, `{{time:iso}}`, `{{random:20.0-25.0}}`.
//!
//! ```text
//! variable = "{{" name [ ":" argument ] "}}"        spaces around name and argument do not count
//! ```
//!
//! | variable | stands for |
//! |---|---|
//! | `{{n}}`, `{{n:100}}` | the number of the message in this run: 1, 2, 3 …, or from 100 on |
//! | `{{time}}` | now, in Unix milliseconds; `{{time:s}}` in seconds; `{{time:iso}}` as `2026-11-26T17:07:56.123Z` |
//! | `{{random}}` | a whole number from 0 to 100; `{{random:5-9}}` from 5 to 9; `{{random:-1.00-1.00}}` with two decimals |
//! | `{{pick:on\|off\|auto}}` | one of these, at random |
//! | `{{uuid}}` | a random UUID, version 4 |
//! | `{{client}}` | the client id |
//!
//! They work in topics and in payloads of text. Anything else between `{{` and `}}` is an error that names the nearest
//! variable: a typing error must not reach a device. Payloads that have such braces themselves (templates of other
//! programs) are sent with variables switched off.

use std::fmt::Write;
use tabmq_shared::record;

/// Every name, with an example for the help.
pub const VARIABLES: [(&str, &str); 6] = [
    ("n", "{{n}} {{n:100}}"),
    ("time", "{{time}} {{time:s}} {{time:iso}}"),
    ("random", "{{random}} {{random:5-9}} {{random:20.0-25.0}}"),
    ("pick", "{{pick:on|off}}"),
    ("uuid", "{{uuid}}"),
    ("client", "{{client}}"),
];

/// More decimals than this are no number that a device sends.
const MAX_DECIMALS: usize = 9;

/// What is wrong with a text that has variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The byte at which the variable begins.
    pub at: usize,
    /// What is wrong with it.
    pub kind: TemplateErrorKind,
}

/// See [`TemplateError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// `{{` without its `}}`.
    Open,
    /// There is no such variable.
    Unknown {
        /// As it was written.
        name: String,
        /// The one that was probably meant.
        nearest: Option<&'static str>,
    },
    /// What stands behind the colon is of no use; an example of what is.
    Argument {
        /// The variable.
        name: &'static str,
        /// Examples.
        example: &'static str,
    },
}

/// What variables stand for at one moment.
#[derive(Debug)]
pub struct Values<'a> {
    /// The number of the message, from 1.
    pub n: u64,
    /// In Unix milliseconds.
    pub now_ms: u64,
    /// The client id.
    pub client_id: &'a str,
    /// Where chance comes from.
    pub rng: &'a mut fastrand::Rng,
}

/// A text, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number {
        first: u64,
    },
    TimeMs,
    TimeS,
    TimeIso,
    /// Both bounds belong to it; in units of the last decimal.
    Random {
        low: i64,
        high: i64,
        decimals: usize,
    },
    Pick(Vec<String>),
    Uuid,
    Client,
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// Something between `{{` and `}}` is no variable.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let at = text.len() - after.len() - 2;
            let error = |kind| TemplateError { at, kind };
            let (inner, behind) = after.split_once("}}").ok_or(error(TemplateErrorKind::Open))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(part(inner).map_err(error)?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    /// A text without variables, whatever it looks like.
    pub fn plain(text: &str) -> Template {
        Template(vec![Part::Text(text.to_owned())])
    }

    /// The text with its variables filled in.
    pub fn fill(&self, values: &mut Values<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            part.fill(values, &mut out);
        }
        out
    }

    /// Whether each filling is the same.
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }
}

/// The text with a digit in place of each variable, and spaces up to its length: whether the rest is JSON can be seen
/// so, and where it is not.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push('0');
        out.extend(std::iter::repeat_n(' ', inner.len() + 3));
        rest = behind;
    }
    out + rest
}

fn part(inner: &str) -> Result<Part, TemplateErrorKind> {
    let (name, argument) = match inner.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (inner.trim(), None),
    };
    let Some((known, example)) = VARIABLES.into_iter().find(|(known, _)| *known == name) else {
        return Err(TemplateErrorKind::Unknown { name: name.to_owned(), nearest: nearest(name) });
    };
    let part = match (known, argument) {
        ("n", None) => Some(Part::Number { first: 1 }),
        ("n", Some(first)) => first.parse().ok().map(|first| Part::Number { first }),
        ("time", None) => Some(Part::TimeMs),
        ("time", Some("s")) => Some(Part::TimeS),
        ("time", Some("iso")) => Some(Part::TimeIso),
        ("random", None) => Some(Part::Random { low: 0, high: 100, decimals: 0 }),
        ("random", Some(range)) => random(range),
        ("pick", Some(choices)) => {
            Some(Part::Pick(choices.split('|').map(|c| c.trim().to_owned()).collect()))
        }
        ("uuid", None) => Some(Part::Uuid),
        ("client", None) => Some(Part::Client),
        _ => None,
    };
    part.ok_or(TemplateErrorKind::Argument { name: known, example })
}

/// `5-9`, `-1.00-1.00`: the decimals of either bound count.
fn random(range: &str) -> Option<Part> {
    // The first `-` may be a sign.
    let dash = range.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
    let (low, high) = range.split_at_checked(dash)?;
    let (low, high) = (low.trim(), high.get(1..)?.trim());
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let places = decimals(low).max(decimals(high));
    if places > MAX_DECIMALS {
        return None;
    }
    let (low, high) = (fixed(low, places)?, fixed(high, places)?);
    (low <= high).then_some(Part::Random { low, high, decimals: places })
}

/// A decimal number in units of its last of `places` decimals.
fn fixed(text: &str, places: usize) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let all = format!("{whole}{fraction:0<places$}");
    all.parse::<i64>().ok().map(|n| sign * n)
}

impl Part {
    fn fill(&self, values: &mut Values<'_>, out: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Part::Text(text) => out.write_str(text),
            Part::Number { first } => write!(out, "{}", first.saturating_add(values.n.saturating_sub(1))),
            Part::TimeMs => write!(out, "{}", values.now_ms),
            Part::TimeS => write!(out, "{}", values.now_ms / 1000),
            Part::TimeIso => {
                record::write_time(values.now_ms, out);
                Ok(())
            }
            Part::Random { low, high, decimals } => {
                let number = values.rng.i64(*low..=*high);
                let (sign, digits) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
                let scale = 10u64.pow(u32::try_from(*decimals).unwrap_or(0));
                match *decimals {
                    0 => write!(out, "{sign}{digits}"),
                    places => write!(out, "{sign}{}.{:0places$}", digits / scale, digits % scale),
                }
            }
            Part::Pick(choices) => {
                let index = values.rng.usize(..choices.len().max(1));
                out.write_str(choices.get(index).map_or("", String::as_str))
            }
            Part::Uuid => uuid(values.rng.u128(..), out),
            Part::Client => out.write_str(values.client_id),
        };
    }
}

/// A version 4 UUID of random bits (RFC 9562).
fn uuid(bits: u128, out: &mut String) -> std::fmt::Result {
    let bits = bits & !(0xF << 76) | 4 << 76;
    let bits = bits & !(3 << 62) | 2 << 62;
    let (a, b, c, d) = (bits >> 96, bits >> 80 & 0xFFFF, bits >> 64 & 0xFFFF, bits >> 48 & 0xFFFF);
    write!(out, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", bits & 0xFFFF_FFFF_FFFF)
}

/// The variable that was probably meant: at most half of it is different.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let distances = VARIABLES.into_iter().map(|(known, _)| (distance(&name, known), known));
    let (distance, known) = distances.min()?;
    let starts = !name.is_empty() && (known.starts_with(&name) || name.starts_with(known) && known.len() > 1);
    (starts || distance <= known.len() / 2 && distance < name.len()).then_some(known)
}

/// How many characters must be changed, added or taken away (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut left = i + 1;
        for (b, above) in other.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(a != *b);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, n: u64) -> String {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut values = Values { n, now_ms: 1_700_000_000_114, client_id: "tab-1", rng: &mut rng };
        Template::parse(text).unwrap().fill(&mut values)
    }

    #[test]
    fn fills() {
        for (text, expected) in [
            ("", ""),
            ("plain } } { {", "plain } } { {"),
            ("{{n}}/{{ n : 100 }}", "3/102"),
            ("{{time}} {{time:s}} {{time:iso}}", "1700000000114 1700000000 2023-11-14T22:13:20.114Z"),
            ("{\"a\":{\"by\":\"{{client}}\"}}", "{\"a\":{\"by\":\"tab-1\"}}"),
            ("{{random:7-7}} {{random:-5--5}} {{random:1.50-1.5}} {{random:-0.25--0.25}}", "7 -5 1.50 -0.25"),
            ("{{pick:on}}", "on"),
        ] {
            assert_eq!(fill(text, 3), expected, "{text}");
        }
    }

    #[test]
    fn chance_stays_within_its_bounds() {
        let template = Template::parse("{{random}} {{random:-1.0-2.0}} {{pick:on|off}} {{uuid}}").unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..1000 {
            let filled = template.fill(&mut Values { n, now_ms: 0, client_id: "", rng: &mut rng });
            let words: Vec<&str> = filled.split(' ').collect();
            assert!((0..=100).contains(&words[0].parse::<i32>().unwrap()));
            assert!((-1.0..=2.0).contains(&words[1].parse::<f64>().unwrap()) && words[1].contains('.'));
            seen.insert(words[2].to_owned());
            assert!(
                words[3].len() == 36 && words[3].as_bytes()[14] == b'4' && "89ab".contains(&words[3][19..20])
            );
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn errors_name_the_nearest_variable() {
        let check = |text: &str, at: usize, expected: TemplateErrorKind| {
            assert_eq!(Template::parse(text), Err(TemplateError { at, kind: expected }), "{text}");
        };
        let unknown = |name: &str, nearest| TemplateErrorKind::Unknown { name: name.into(), nearest };
        check("a {{randm}}", 2, unknown("randm", Some("random")));
        check("{{rand}}", 0, unknown("rand", Some("random")));
        check("{{timestamp}}", 0, unknown("timestamp", Some("time")));
        check("{{Time}}", 0, unknown("Time", Some("time")));
        check("{{value_json.temperature}}", 0, unknown("value_json.temperature", None));
        check("{{}}", 0, unknown("", None));
        check("ok {{n}} {{n", 9, TemplateErrorKind::Open);
        for text in [
            "{{n:x}}",
            "{{time:utc}}",
            "{{random:5}}",
            "{{random:9-5}}",
            "{{random:a-b}}",
            "{{pick}}",
            "{{uuid:1}}",
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(matches!(error.kind, TemplateErrorKind::Argument { .. }), "{text}");
        }
        // A number that no i64 holds is an error, not a panic.
        assert!(Template::parse("{{random:0.5-99999999999999999999}}").is_err());
    }

    #[test]
    fn examples_are_variables() {
        for (name, example) in VARIABLES {
            assert!(!Template::parse(example).unwrap().is_plain(), "{name}");
        }
    }

    #[test]
    fn masked_for_the_json_check() {
        let text = r#"{"n": {{n}}, "t": "{{time:iso}}"}"#;
        assert_eq!(masked(text).len(), text.len());
        assert!(crate::payload::json::spans(&masked(text)).is_ok());
        assert_eq!(masked("{{open"), "{{open");
    }
}
