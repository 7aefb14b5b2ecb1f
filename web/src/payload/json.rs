//! JSON as it was written: checked strictly (RFC 8259), indented, never parsed into values.
//!
//! A number is a slice of the original text, so 9007199254740993 stays what it is, and keys keep their order.

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

/// Deeper than this nobody reads, and the indentation would outgrow the text by far.
const MAX_DEPTH: usize = 128;

/// The pieces of `text`, indented by two spaces a level; adjacent punctuation is one piece.
pub fn spans(text: &str) -> Result<Vec<Span>, NotJson> {
    let mut printer = Printer { text, at: 0, out: Vec::new(), open: Vec::new() };
    printer.document()?;
    Ok(printer.out)
}

/// All pieces as one text.
pub fn pretty(text: &str) -> Result<String, NotJson> {
    Ok(spans(text)?.iter().map(|span| span.text.as_str()).collect())
}

struct Printer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<Span>,
    /// The closing bracket of each container that is open.
    open: Vec<u8>,
}

impl Printer<'_> {
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
                        self.punctuate(",");
                        self.new_line();
                        self.member_key(close)?;
                        break;
                    }
                    Some(byte) if byte == close => self.close(true),
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
                self.punctuate(if byte == b'{' { "{" } else { "[" });
                self.open.push(close);
                self.space();
                if self.peek() == Some(close) {
                    self.close(false);
                    return Ok(false);
                }
                self.new_line();
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
        self.expect(b':')?;
        self.punctuate(": ");
        Ok(())
    }

    fn close(&mut self, on_new_line: bool) {
        self.at += 1;
        let close = self.open.pop();
        if on_new_line {
            self.new_line();
        }
        self.punctuate(if close == Some(b'}') { "}" } else { "]" });
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
        let text = self.text.get(start..self.at).unwrap_or_default().to_owned();
        self.out.push(Span { kind, text });
    }

    fn punctuate(&mut self, text: &str) {
        match self.out.last_mut() {
            Some(Span { kind: Kind::Punctuation, text: last }) => last.push_str(text),
            _ => self.out.push(Span { kind: Kind::Punctuation, text: text.to_owned() }),
        }
    }

    fn new_line(&mut self) {
        self.punctuate("\n");
        for _ in 0..self.open.len() {
            self.punctuate("  ");
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
}
