//! Where in a tree a value is: `a.b[3]["odd name"]`.

use std::fmt;

/// Steps from the root; none of them: the whole payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the member of this name, escaped as in JSON.
    Name(Box<str>),
    /// To the element in this place, from 0.
    Index(usize),
}

impl Path {
    /// Whether it is the whole payload.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The opposite of `to_string`.
    pub fn parse(text: &str) -> Option<Path> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix("[\"") {
                let end = closing_quote(inside)?;
                steps.push(Step::Name(inside.get(..end)?.into()));
                rest = inside.get(end..)?.strip_prefix("\"]")?;
            } else if let Some(inside) = rest.strip_prefix('[') {
                let (index, behind) = inside.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = behind;
            } else {
                let name = if steps.is_empty() { rest } else { rest.strip_prefix('.')? };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let name_itself = name.get(..end).filter(|name| is_plain(name))?;
                steps.push(Step::Name(name_itself.into()));
                rest = name.get(end..)?;
            }
        }
        Some(Path(steps))
    }
}

/// A name that needs no quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@'))
}

/// Where the quote is that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if is_plain(name) && i == 0 => f.write_str(name)?,
                Step::Name(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Name(name) => write!(f, "[\"{name}\"]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let names = |names: &[&str]| Path(names.iter().map(|name| Step::Name((*name).into())).collect());
        for (path, text) in [
            (Path::default(), ""),
            (names(&["a", "b"]), "a.b"),
            (names(&["a.b", "", "x\\\"]y"]), r#"["a.b"][""]["x\"]y"]"#),
            (names(&["温度"]), "温度"),
            (Path(vec![Step::Index(0), Step::Name("a".into()), Step::Index(12)]), "[0].a[12]"),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(Path::parse(text), Some(path), "{text}");
        }
        for wrong in ["a..b", "[", "[x]", "[\"a", "[\"a\"", "a b", ".a", "[0]a"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }
}
