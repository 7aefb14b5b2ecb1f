//! What every structured payload becomes: nodes in the order in which they are read.

use crate::path::{Path, Step};
use crate::problem::{Problem, What};
use crate::{MAX_DEPTH, MAX_NODES};
use bytes::Bytes;

/// A tree, depth first: each node is followed by all that is below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The nodes; the first one is the root.
    pub nodes: Vec<Node>,
    /// Whether something was left out for its size.
    pub is_cut: bool,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is called.
    pub key: Key,
    /// What it is.
    pub value: Value,
    /// A remark: the type on the wire, a tag, a time in words. Empty where there is none.
    pub note: Box<str>,
    /// 0 for the root.
    pub depth: usize,
    /// The index behind the last node below it.
    pub end: usize,
}

/// What a value is called inside its container.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// The root has no name.
    None,
    /// A name, escaped as in JSON, without the quotes.
    Name(Box<str>),
    /// A place in a list, from 0.
    Index(usize),
    /// A key that is not a text, or the number of a field, in diagnostic notation.
    Other(Box<str>),
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Members with names: so many.
    Object(usize),
    /// Elements in order: so many.
    List(usize),
    /// Text, escaped as in JSON, without the quotes: exactly as it was written, where it was written in JSON.
    Text(Box<str>),
    /// A number, every digit of it.
    Number(Box<str>),
    /// `true`, `false`, `null`, `undefined`, `simple(3)`.
    Word(Box<str>),
    /// Bytes that are not text.
    Bytes(Bytes),
}

impl Value {
    /// `true` or `false`.
    pub fn bool(value: bool) -> Value {
        Value::Word(if value { "true" } else { "false" }.into())
    }

    /// A text, escaped here.
    pub fn text(text: &str) -> Value {
        Value::Text(escape(text).into())
    }

    /// A whole number.
    pub fn int(n: impl Into<i128>) -> Value {
        Value::Number(n.into().to_string().into())
    }

    /// A number with a fraction: 127.0 stays 127.0.
    pub fn float(n: f64) -> Value {
        Value::Number(float(format!("{n:?}")))
    }

    /// A number of single precision, with the digits that it needs and no more.
    pub fn single(n: f32) -> Value {
        Value::Number(float(format!("{n:?}")))
    }

    /// Whether other nodes are below it.
    pub fn is_container(&self) -> bool {
        matches!(self, Value::Object(_) | Value::List(_))
    }
}

/// As JavaScript and diagnostic notation write it.
fn float(digits: String) -> Box<str> {
    match digits.as_str() {
        "inf" => "Infinity".into(),
        "-inf" => "-Infinity".into(),
        _ => digits.into(),
    }
}

impl Tree {
    /// How a node is reached from the root.
    pub fn path(&self, node: usize) -> Path {
        let mut steps = Vec::new();
        let mut depth = usize::MAX;
        for node in self.nodes.iter().take(node + 1).rev() {
            if node.depth >= depth {
                continue;
            }
            depth = node.depth;
            match &node.key {
                Key::None => {}
                Key::Name(name) | Key::Other(name) => steps.push(Step::Name(name.clone())),
                Key::Index(index) => steps.push(Step::Index(*index)),
            }
        }
        steps.reverse();
        Path(steps)
    }

    /// The value that a path leads to.
    pub fn find(&self, path: &Path) -> Option<&Value> {
        let (mut at, mut end) = (0, self.nodes.len());
        for step in &path.0 {
            let mut child = at + 1;
            loop {
                let node = self.nodes.get(child).filter(|_| child < end)?;
                let is_meant = match (step, &node.key) {
                    (Step::Name(name), Key::Name(key) | Key::Other(key)) => name == key,
                    (Step::Index(index), Key::Index(key)) => index == key,
                    _ => false,
                };
                if is_meant {
                    (at, end) = (child, node.end);
                    break;
                }
                child = node.end;
            }
        }
        self.nodes.get(at).map(|node| &node.value)
    }

    /// The whole tree as text, indented: JSON, and diagnostic notation (RFC 8949, section 8) for what JSON does not have.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        // For each open container: where it ends, and its bracket.
        let mut open: Vec<(usize, char)> = Vec::new();
        for (i, node) in self.nodes.iter().enumerate() {
            self.close_until(&mut out, &mut open, i);
            if i > 0 {
                out.push_str(if out.ends_with(['{', '[']) { "\n" } else { ",\n" });
                indent(&mut out, open.len());
            }
            match &node.key {
                Key::Name(name) => out.extend(["\"", name, "\": "]),
                Key::Other(key) => out.extend([key, ": "]),
                Key::None | Key::Index(_) => {}
            }
            match &node.value {
                Value::Object(_) => {
                    out.push('{');
                    open.push((node.end, '}'));
                }
                Value::List(_) => {
                    out.push('[');
                    open.push((node.end, ']'));
                }
                leaf => out.push_str(&literal(leaf)),
            }
        }
        self.close_until(&mut out, &mut open, usize::MAX);
        out
    }

    fn close_until(&self, out: &mut String, open: &mut Vec<(usize, char)>, at: usize) {
        while let Some((_, bracket)) = open.pop_if(|(end, _)| *end <= at) {
            if !out.ends_with(['{', '[']) {
                out.push('\n');
                indent(out, open.len());
            }
            out.push(bracket);
        }
    }
}

fn indent(out: &mut String, levels: usize) {
    for _ in 0..levels {
        out.push_str("  ");
    }
}

/// A value without others below it, as it is written.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("\"{text}\""),
        Value::Number(text) | Value::Word(text) => text.to_string(),
        Value::Bytes(bytes) => {
            let mut out = String::with_capacity(bytes.len() * 2 + 3);
            out.push_str("h'");
            for byte in bytes {
                out.extend([hex(byte >> 4), hex(*byte)]);
            }
            out.push('\'');
            out
        }
        Value::Object(_) => "{}".into(),
        Value::List(_) => "[]".into(),
    }
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble & 15), 16).unwrap_or('0')
}

/// As it stands between the quotes of a JSON string.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The opposite of [`escape`]; half a surrogate pair becomes U+FFFD.
pub fn unescape(escaped: &str) -> String {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = behind.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
                let first = unit(chars.as_str());
                let second = chars.as_str().get(4..).and_then(|rest| unit(rest.strip_prefix("\\u")?));
                let units = [first.unwrap_or(0xfffd), second.unwrap_or(0)];
                let is_pair = (0xd800..0xdc00).contains(&units[0]) && (0xdc00..0xe000).contains(&units[1]);
                let taken = if is_pair { &units[..] } else { &units[..1] };
                out.extend(char::decode_utf16(taken.iter().copied()).map(|c| c.unwrap_or('\u{fffd}')));
                rest = chars.as_str().get(if is_pair { 10 } else { 4 }..).unwrap_or_default();
                continue;
            }
            Some(c) => out.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    out + rest
}

/// Makes a tree.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    /// The containers that are open.
    open: Vec<usize>,
    is_cut: bool,
}

impl Builder {
    /// A value without others below it.
    pub(crate) fn leaf(&mut self, key: Key, value: Value, note: impl Into<Box<str>>) {
        if self.nodes.len() >= MAX_NODES {
            self.is_cut = true;
            return;
        }
        let depth = self.open.len();
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { key, value, note: note.into(), depth, end });
        if let Some(parent) = self.open.last().and_then(|&parent| self.nodes.get_mut(parent))
            && let Value::Object(count) | Value::List(count) = &mut parent.value
        {
            *count += 1;
        }
    }

    /// Opens `Value::Object(0)` or `Value::List(0)`; what follows is below it until [`close`](Builder::close).
    ///
    /// # Errors
    /// Too deep.
    pub(crate) fn open(
        &mut self,
        key: Key,
        value: Value,
        note: impl Into<Box<str>>,
        at: usize,
    ) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Problem { at, what: What::TooDeep });
        }
        let index = self.nodes.len();
        self.leaf(key, value, note);
        self.open.push(index);
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        let end = self.nodes.len();
        if let Some(node) = self.open.pop().and_then(|open| self.nodes.get_mut(open)) {
            node.end = end;
        }
    }

    /// Whether nothing more fits in.
    pub(crate) fn is_full(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn finish(mut self) -> Tree {
        while !self.open.is_empty() {
            self.close();
        }
        Tree { nodes: self.nodes, is_cut: self.is_cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut b = Builder::default();
        b.open(Key::None, Value::Object(0), "", 0).unwrap();
        b.leaf(Key::Name("a".into()), Value::int(1), "");
        b.open(Key::Name("list".into()), Value::List(0), "", 0).unwrap();
        b.open(Key::Index(0), Value::Object(0), "", 0).unwrap();
        b.leaf(Key::Name("x y".into()), Value::float(127.0), "");
        b.close();
        b.leaf(Key::Index(1), Value::Bytes(Bytes::from_static(b"\x01\xff")), "");
        b.close();
        b.open(Key::Other("2".into()), Value::List(0), "", 0).unwrap();
        b.finish()
    }

    #[test]
    fn counts_and_ends() {
        let tree = tree();
        let shape: Vec<_> = tree.nodes.iter().map(|node| (node.depth, node.end)).collect();
        assert_eq!(shape, [(0, 7), (1, 2), (1, 6), (2, 5), (3, 5), (2, 6), (1, 7)]);
        assert_eq!(tree.nodes[0].value, Value::Object(3));
        assert_eq!(tree.nodes[2].value, Value::List(2));
    }

    #[test]
    fn paths_lead_back() {
        let tree = tree();
        for node in 0..tree.nodes.len() {
            let path = tree.path(node);
            assert_eq!(tree.find(&path), Some(&tree.nodes[node].value), "{path:?}");
        }
        assert_eq!(tree.path(4).to_string(), r#"list[0]["x y"]"#);
        assert_eq!(tree.find(&Path::parse("list[2]").unwrap()), None);
    }

    #[test]
    fn as_text() {
        let expected = "{\n  \"a\": 1,\n  \"list\": [\n    {\n      \"x y\": 127.0\n    },\n    h'01ff'\n  ],\n  2: []\n}";
        assert_eq!(tree().pretty(), expected);
        assert_eq!(Tree::default().pretty(), "");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let mut b = Builder::default();
        for i in 0..MAX_DEPTH {
            b.open(Key::Index(0), Value::List(0), "", i).unwrap();
        }
        assert!(b.open(Key::Index(0), Value::List(0), "", 7).is_err());
        for _ in 0..MAX_NODES {
            b.leaf(Key::Index(0), Value::bool(true), "");
        }
        assert!(b.is_full());
        let tree = b.finish();
        assert_eq!((tree.nodes.len(), tree.is_cut), (MAX_NODES, true));
        assert_eq!(tree.nodes[0].end, MAX_NODES);
    }

    #[test]
    fn escapes() {
        for text in ["plain", "a\"b\\c\n\r\t\u{1}", "é \u{1f600} 温度"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape(r"\ud83d\ude00\u00e9\/\b\f"), "\u{1f600}é/\u{8}\u{c}");
        assert_eq!(unescape(r"\ud83dx"), "\u{fffd}x");
        assert_eq!(unescape("\\"), "");
    }

    #[test]
    fn floats_are_written_with_what_they_need() {
        for (value, expected) in [
            (Value::float(127.0), "127.0"),
            (Value::single(0.1), "0.1"),
            (Value::float(f64::NAN), "NaN"),
            (Value::float(f64::NEG_INFINITY), "-Infinity"),
            (Value::float(1e300), "1e300"),
        ] {
            assert_eq!(literal(&value), expected);
        }
    }
}
