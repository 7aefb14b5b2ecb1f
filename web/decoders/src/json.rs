//! JSON as it was written: checked strictly (RFC 8259), indented, never parsed into values.
//!
//! A number is a slice of the original text, so 9007199254740993 stays what it is, and keys keep their order.

use crate::MAX_DEPTH;
use crate::path::{Path, Step};
use crate::tree::{Builder, Key, Tree, Value};

/// What some programs write in front of a text in UTF-8.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a piece of JSON is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Braces, brackets, commas, colons and the white space of the indentation.
    Punctuation,
    /// The name of a member.
    Key,
    /// A string value.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

/// A piece of indented JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
}

/// Not JSON; says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// The byte at which the text stops being JSON.
    pub at: usize,
}

/// Whether `text` is JSON.
pub fn check(text: &str) -> Result<(), NotJson> {
    struct Nobody;
    impl Sink for Nobody {
        fn open(&mut self, _: u8) {}
        fn close(&mut self, _: u8) {}
        fn key(&mut self, _: &str) {}
        fn leaf(&mut self, _: Kind, _: &str) {}
    }
    read(text, &mut Nobody)
}

/// The pieces of `text`, indented by two spaces a level; adjacent punctuation is one piece.
pub fn spans(text: &str) -> Result<Vec<Span>, NotJson> {
    let mut printer = Printer::default();
    read(text, &mut printer)?;
    Ok(printer.out)
}

/// All pieces as one text.
pub fn pretty(text: &str) -> Result<String, NotJson> {
    Ok(spans(text)?.iter().map(|span| span.text.as_str()).collect())
}

/// `text` as a tree.
pub fn tree(text: &str) -> Result<Tree, NotJson> {
    let mut grower = Grower::default();
    read(text, &mut grower)?;
    Ok(grower.tree.finish())
}

/// The number that a path leads to, as it is written; `None` too if there is something else or `text` is not JSON.
/// Nothing is kept on the way, so that each message of a fast topic can be asked.
pub fn number_at<'t>(text: &'t str, path: &Path) -> Option<&'t str> {
    let mut finder = Finder { steps: &path.0, levels: Vec::new(), found: None };
    read(text, &mut finder).ok()?;
    let (start, len) = finder.found?;
    // The sink is handed slices of `text`: their place in it is their address.
    text.get(start.checked_sub(text.as_ptr().addr())?..)?.get(..len)
}

/// What hears of JSON, piece by piece. Strings and keys come with their quotes.
trait Sink {
    /// `{` or `[`.
    fn open(&mut self, bracket: u8);
    /// `}` or `]`.
    fn close(&mut self, bracket: u8);
    fn key(&mut self, text: &str);
    fn leaf(&mut self, kind: Kind, text: &str);
}

fn read(text: &str, sink: &mut dyn Sink) -> Result<(), NotJson> {
    // RFC 8259, section 8.1: nobody may write a byte order mark, and whoever reads may pass over one. Devices do write it.
    let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    Reader { text, at, open: Vec::new(), sink }.document()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The closing bracket of each container that is open.
    open: Vec<u8>,
    sink: &'a mut dyn Sink,
}

impl Reader<'_> {
    /// A loop instead of recursion: a payload of a megabyte of `[` must not end the page.
    fn document(&mut self) -> Result<(), NotJson> {
        self.space();
        loop {
            let opened = self.value()?;
            if opened {
                continue;
            }
            // A value is complete: close what closes here, until a comma asks for the next value.
            loop {
                self.space();
                let Some(&close) = self.open.last() else {
                    return if self.at == self.text.len() { Ok(()) } else { self.fail() };
                };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.member_key(close)?;
                        break;
                    }
                    Some(byte) if byte == close => self.close(),
                    _ => return self.fail(),
                }
            }
        }
    }

    /// One value; true if it opened a container whose first value comes next.
    fn value(&mut self) -> Result<bool, NotJson> {
        self.space();
        match self.peek() {
            Some(byte @ (b'{' | b'[')) => {
                let close = byte + 2; // '{' and '}', '[' and ']' are two apart in ASCII
                if self.open.len() >= MAX_DEPTH {
                    return self.fail();
                }
                self.at += 1;
                self.sink.open(byte);
                self.open.push(close);
                self.space();
                if self.peek() == Some(close) {
                    self.close();
                    return Ok(false);
                }
                self.member_key(close)?;
                Ok(true)
            }
            Some(b'"') => self.string(Kind::String).map(|()| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            _ => self.word().map(|()| false),
        }
    }

    /// The key and colon of the next member, if the innermost container is an object.
    fn member_key(&mut self, close: u8) -> Result<(), NotJson> {
        if close != b'}' {
            return Ok(());
        }
        self.space();
        self.string(Kind::Key)?;
        self.space();
        self.expect(b':')
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(close) = self.open.pop() {
            self.sink.close(close);
        }
    }

    fn string(&mut self, kind: Kind) -> Result<(), NotJson> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') => {
                        for _ in 0..4 {
                            if !self.next().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                return self.fail();
                            }
                        }
                    }
                    _ => return self.fail(),
                },
                Some(0..0x20) | None => return self.fail(),
                Some(_) => {}
            }
        }
        self.push(kind, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail() } else { Ok(()) }
    }

    fn word(&mut self) -> Result<(), NotJson> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(word) = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word)) else {
            return self.fail();
        };
        let start = self.at;
        self.at += word.len();
        self.push(Kind::Word, start);
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.take(byte) { Ok(()) } else { self.fail() }
    }

    fn fail<T>(&self) -> Result<T, NotJson> {
        Err(NotJson { at: self.at })
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let text = self.text.get(start..self.at).unwrap_or_default();
        match kind {
            Kind::Key => self.sink.key(text),
            kind => self.sink.leaf(kind, text),
        }
    }
}

/// Makes spans.
#[derive(Default)]
struct Printer {
    out: Vec<Span>,
    depth: usize,
    /// Whether the innermost container has no entry yet.
    is_fresh: bool,
    is_behind_key: bool,
}

impl Printer {
    fn begin_value(&mut self) {
        if std::mem::take(&mut self.is_behind_key) || self.depth == 0 {
            return;
        }
        if !std::mem::take(&mut self.is_fresh) {
            self.punctuate(",");
        }
        self.new_line();
    }

    fn punctuate(&mut self, text: &str) {
        match self.out.last_mut() {
            Some(Span { kind: Kind::Punctuation, text: last }) => last.push_str(text),
            _ => self.out.push(Span { kind: Kind::Punctuation, text: text.to_owned() }),
        }
    }

    fn new_line(&mut self) {
        self.punctuate("\n");
        for _ in 0..self.depth {
            self.punctuate("  ");
        }
    }
}

impl Sink for Printer {
    fn open(&mut self, bracket: u8) {
        self.begin_value();
        self.punctuate(if bracket == b'{' { "{" } else { "[" });
        self.depth += 1;
        self.is_fresh = true;
    }

    fn close(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !std::mem::take(&mut self.is_fresh) {
            self.new_line();
        }
        self.punctuate(if bracket == b'}' { "}" } else { "]" });
    }

    fn key(&mut self, text: &str) {
        self.begin_value();
        self.out.push(Span { kind: Kind::Key, text: text.to_owned() });
        self.punctuate(": ");
        self.is_behind_key = true;
    }

    fn leaf(&mut self, kind: Kind, text: &str) {
        self.begin_value();
        self.out.push(Span { kind, text: text.to_owned() });
    }
}

/// Makes a tree.
#[derive(Default)]
struct Grower {
    tree: Builder,
    name: Option<Box<str>>,
    /// For each open container the number of its entries so far.
    counts: Vec<usize>,
}

impl Grower {
    fn next_key(&mut self) -> Key {
        let index = self.counts.last_mut().map(|count| std::mem::replace(count, *count + 1));
        match (self.name.take(), index) {
            (Some(name), _) => Key::Name(name),
            (None, Some(index)) => Key::Index(index),
            (None, None) => Key::None,
        }
    }
}

impl Sink for Grower {
    fn open(&mut self, bracket: u8) {
        let key = self.next_key();
        let value = if bracket == b'{' { Value::Object(0) } else { Value::List(0) };
        // The reader is not deeper than the builder allows.
        let _ = self.tree.open(key, value, "", 0);
        self.counts.push(0);
    }

    fn close(&mut self, _: u8) {
        self.tree.close();
        self.counts.pop();
    }

    fn key(&mut self, text: &str) {
        self.name = Some(unquoted(text).into());
    }

    fn leaf(&mut self, kind: Kind, text: &str) {
        let key = self.next_key();
        let value = match kind {
            Kind::String => Value::Text(unquoted(text).into()),
            Kind::Number => Value::Number(text.into()),
            _ => Value::Word(text.into()),
        };
        self.tree.leaf(key, value, "");
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Finds the number at the end of a path.
struct Finder<'p> {
    steps: &'p [Step],
    levels: Vec<Level>,
    /// Its address and length.
    found: Option<(usize, usize)>,
}

/// A container that is open.
struct Level {
    /// Whether the path leads here.
    is_on_path: bool,
    /// Whether the path leads to the entry that comes next, or is open.
    leads_on: bool,
    /// How many entries there were, in a list.
    count: Option<usize>,
}

impl Finder<'_> {
    /// Whether the path leads to the value that comes now.
    fn is_on_path(&mut self) -> bool {
        let step = self.levels.len().checked_sub(1).and_then(|step| self.steps.get(step));
        let Some(level) = self.levels.last_mut() else { return true };
        if let Some(count) = &mut level.count {
            level.leads_on = level.is_on_path && step == Some(&Step::Index(*count));
            *count += 1;
        }
        std::mem::take(&mut level.leads_on)
    }
}

impl Sink for Finder<'_> {
    fn open(&mut self, bracket: u8) {
        let is_on_path = self.is_on_path();
        self.levels.push(Level { is_on_path, leads_on: false, count: (bracket == b'[').then_some(0) });
    }

    fn close(&mut self, _: u8) {
        self.levels.pop();
    }

    fn key(&mut self, text: &str) {
        let step = self.levels.len().checked_sub(1).and_then(|step| self.steps.get(step));
        if let Some(level) = self.levels.last_mut() {
            level.leads_on =
                level.is_on_path && matches!(step, Some(Step::Name(name)) if **name == *unquoted(text));
        }
    }

    fn leaf(&mut self, kind: Kind, text: &str) {
        if self.is_on_path()
            && self.levels.len() == self.steps.len()
            && kind == Kind::Number
            && self.found.is_none()
        {
            self.found = Some((text.as_ptr().addr(), text.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_and_exact() {
        let cases = [
            ("{}", "{}"),
            (" [ ] ", "[]"),
            ("[1,2]", "[\n  1,\n  2\n]"),
            (r#"{"a":{"b":[]},"c":null}"#, "{\n  \"a\": {\n    \"b\": []\n  },\n  \"c\": null\n}"),
            ("9007199254740993", "9007199254740993"),
            ("127.0", "127.0"),
            ("-1.50e+10", "-1.50e+10"),
            (r#""\u00e9\n é""#, r#""\u00e9\n é""#),
            (r#"{"z":1,"a":2,"z":3}"#, "{\n  \"z\": 1,\n  \"a\": 2,\n  \"z\": 3\n}"),
            ("\u{feff} [1]", "[\n  1\n]"),
        ];
        for (text, expected) in cases {
            assert_eq!(pretty(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn strict() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\":1,}", 7),
            ("{a:1}", 1),
            ("01", 1),
            ("1.", 2),
            ("+1", 0),
            ("nul", 0),
            ("[1 2]", 3),
            ("[1}", 2),
            ("{} x", 3),
            ("\"a\nb\"", 3),
            ("\"\\x\"", 3),
            ("\"\\u12g4\"", 6),
            ("'a'", 0),
            ("\u{feff}", 3),
            ("\u{feff}\u{feff}1", 3),
            (" \u{feff}1", 1),
        ] {
            assert_eq!(spans(text), Err(NotJson { at }), "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(spans(&deep), Err(NotJson { at: MAX_DEPTH }));
        let fine = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(spans(&fine).is_ok());
    }

    #[test]
    fn kinds() {
        let kinds: Vec<_> =
            spans(r#"{"a":"b","c":[1,true]}"#).unwrap().iter().map(|span| span.kind).collect();
        use Kind::{Key, Number, Punctuation as P, String, Word};
        assert_eq!(kinds, [P, Key, P, String, P, Key, P, Number, P, Word, P]);
    }

    #[test]
    fn trees_keep_what_was_written() {
        let text = r#"{"z":[1,{"a\u0062":-1.50e+10}],"s":"x\ty","e":{},"z":null}"#;
        let tree = tree(text).unwrap();
        assert_eq!(tree.pretty(), pretty(text).unwrap());
        assert_eq!(tree.nodes.len(), 8);
        assert!(super::tree("[1,").is_err());
        assert_eq!(super::tree("9007199254740993").unwrap().pretty(), "9007199254740993");
    }

    #[test]
    fn numbers_at_paths() {
        let text = r#"{"a":{"b":[10,{"c":2.50}]},"b":7,"list":[[1,2],[3,4]],"t":"5","a":{"b":[99]}}"#;
        for (path, expected) in [
            ("a.b[0]", Some("10")),
            ("a.b[1].c", Some("2.50")),
            ("b", Some("7")),
            ("list[1][0]", Some("3")),
            ("list[2][0]", None),
            ("a", None),
            ("a.b", None),
            ("t", None),
            ("c", None),
            ("", None),
        ] {
            assert_eq!(number_at(text, &Path::parse(path).unwrap()), expected, "{path}");
        }
        assert_eq!(number_at(" 21.5\n", &Path::default()), Some("21.5"));
        assert_eq!(number_at("\u{feff}21.5", &Path::default()), Some("21.5"));
        assert_eq!(number_at("[1,2", &Path::parse("[0]").unwrap()), None, "not JSON");
    }

    #[test]
    fn checks() {
        assert_eq!(check("{\"a\":[1,2]}"), Ok(()));
        assert_eq!(check("{\"a\":[1,2}"), Err(NotJson { at: 9 }));
    }
}
