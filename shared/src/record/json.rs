//! JSON for one-line objects: enough to write and read what this project keeps, and no more.
//!
//! serde_json would be a seventh of the page's module. The tests hold this reader and writer against it.

use std::fmt::Write;

/// Where a text stops being JSON, as a byte of it; or where a value is of another kind than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpected(pub usize);

/// Deeper than this nothing is read: a line of a million `[` must not end the program.
const MAX_DEPTH: usize = 64;

/// Appends a string with its quotes.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // U+2028 and U+2029 end a line for some readers of "JSON lines".
            '\0'..='\x1f' | '\x7f' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Writes `{…}`, member by member.
pub struct ObjectWriter<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens an object at the end of `out`.
    pub fn new(out: &'a mut String) -> Self {
        out.push('{');
        ObjectWriter { out, empty: true }
    }

    /// Begins a member: its value is to be appended to what this returns.
    pub fn member(&mut self, name: &str) -> &mut String {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
        write_string(name, self.out);
        self.out.push(':');
        self.out
    }

    /// A member with a string.
    pub fn string(&mut self, name: &str, value: &str) {
        write_string(value, self.member(name));
    }

    /// A member whose value is JSON as it stands: a number, `true`, `false`.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.member(name), "{value}");
    }

    /// Closes the object.
    pub fn end(self) {
        self.out.push('}');
    }
}

/// Appends pairs as a list of lists of two strings: order counts, and names may repeat.
pub fn write_pairs<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>, out: &mut String) {
    out.push('[');
    for (index, (name, value)) in pairs.enumerate() {
        out.push_str(if index == 0 { "[" } else { ",[" });
        write_string(name, out);
        out.push(',');
        write_string(value, out);
        out.push(']');
    }
    out.push(']');
}

/// Reads JSON from the front of a text, value by value.
#[derive(Clone, Copy, Debug)]
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> JsonReader<'a> {
    /// At the beginning of `text`.
    pub const fn new(text: &'a str) -> Self {
        JsonReader { text, at: 0, depth: 0 }
    }

    /// Reads an object; `member` is called with each name and must read or [`skip`](Self::skip) its value.
    pub fn object<E: From<Unexpected>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.list(b'{', b'}', |reader| {
            let name = reader.string()?;
            reader.expect(b':')?;
            member(reader, &name)
        })
    }

    /// Reads an array; `item` is called for each item and must read or [`skip`](Self::skip) it.
    pub fn array<E: From<Unexpected>>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.list(b'[', b']', item)
    }

    /// Reads what [`write_pairs`] writes.
    pub fn pairs(&mut self) -> Result<Vec<(String, String)>, Unexpected> {
        let mut pairs = Vec::new();
        self.array(|reader| {
            let start = reader.at;
            let mut words = Vec::new();
            reader.array(|reader| {
                words.push(reader.string()?);
                Ok::<_, Unexpected>(())
            })?;
            let [name, value] = <[String; 2]>::try_from(words).map_err(|_| Unexpected(start))?;
            pairs.push((name, value));
            Ok::<_, Unexpected>(())
        })?;
        Ok(pairs)
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<String, Unexpected> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').ok_or(self.unexpected())?;
            out.push_str(rest.get(..end).unwrap_or_default());
            self.at += end;
            match self.next() {
                Some(b'"') => return Ok(out),
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(Unexpected(self.at - 1)),
            }
        }
    }

    /// Reads a whole number that is not negative.
    pub fn number(&mut self) -> Result<u64, Unexpected> {
        let start = self.space();
        let word = self.word();
        word.parse().map_err(|_| Unexpected(start))
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Unexpected> {
        let start = self.space();
        match self.word() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Unexpected(start)),
        }
    }

    /// Reads `null`; false if something else comes, which is left to be read.
    pub fn null(&mut self) -> bool {
        self.space();
        let before = self.at;
        let found = self.word() == "null";
        if !found {
            self.at = before;
        }
        found
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads any value and forgets it.
    pub fn skip(&mut self) -> Result<(), Unexpected> {
        match self.peek() {
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.string().map(drop),
            _ => {
                let start = self.at;
                let word = self.word();
                // Lenient (`1-2` passes): it is not read, and parsing floats would weigh too much in the page.
                let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
                    && word.contains(|c: char| c.is_ascii_digit())
                    && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
                match matches!(word, "true" | "false" | "null") || is_number {
                    true => Ok(()),
                    false => Err(Unexpected(start)),
                }
            }
        }
    }

    /// Wants that nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Unexpected> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn list<E: From<Unexpected>>(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected().into());
        }
        if self.peek() != Some(close) {
            loop {
                item(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == close => break,
                    _ => return Err(self.unexpected().into()),
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<char, Unexpected> {
        let at = self.at;
        let bad = Unexpected(at);
        Ok(match self.next().ok_or(bad)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex().ok_or(bad)?;
                let code = match unit {
                    0xD800..0xDC00 => {
                        let low = (self.next() == Some(b'\\') && self.next() == Some(b'u'))
                            .then(|| self.hex())
                            .flatten()
                            .filter(|low| (0xDC00..0xE000).contains(low))
                            .ok_or(bad)?;
                        0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                    }
                    unit => unit,
                };
                char::from_u32(code).ok_or(bad)?
            }
            _ => return Err(bad),
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let value =
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        value?
    }

    /// Letters, digits and what numbers have; empty if something else comes.
    fn word(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let word = rest.get(..rest.find(|c| !is_word(c)).unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unexpected> {
        match self.peek() == Some(byte) {
            true => self.at += 1,
            false => return Err(self.unexpected()),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) -> usize {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.at
    }

    const fn unexpected(&self) -> Unexpected {
        Unexpected(self.at)
    }
}
