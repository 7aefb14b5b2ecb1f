//! A file piece by piece: bytes in, messages out.

use super::{Invalid, Record, csv, line};

/// A line may not be longer: the largest MQTT packet in base64, and some space.
pub const MAX_LINE_BYTES: usize = 360_000_000;

/// A line that is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// Its number, from 1; of a CSV row, the number of the row.
    pub line: u64,
    /// What is wrong with it.
    pub why: Invalid,
}

/// Reads JSON lines or CSV, whichever the first line shows. [`push`](Reader::push) bytes, take messages with
/// [`next`](Reader::next) until there are none, and say [`end`](Reader::end) when no more bytes come.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was pushed and not read.
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that are done with.
    read: usize,
    /// Bytes behind `read` that hold no end of a line.
    seen: usize,
    /// Whether `seen` ends inside quotes, where a line end is part of a cell.
    quoted: bool,
    ended: bool,
    /// A line that is too long is being passed over.
    skipping: bool,
    line: u64,
    form: Form,
}

#[derive(Debug, Default)]
enum Form {
    #[default]
    Unknown,
    Json,
    Csv(Vec<String>),
}

impl Reader {
    /// Adds what comes next in the file.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The file is over: what is left is its last line.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next message, or the next line that is none; `None` if more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "an iterator that goes on after None would surprise")]
    pub fn next(&mut self) -> Option<Result<Record, BadLine>> {
        loop {
            let (start, end) = self.take_line()?;
            self.line += 1;
            let bad = |why| Some(Err(BadLine { line: self.line, why }));
            if self.skipping {
                self.skipping = false;
                return bad(Invalid::TooLong);
            }
            let bytes = self.bytes.get(start..end).unwrap_or_default();
            let Ok(text) = std::str::from_utf8(bytes) else { return bad(Invalid::Utf8) };
            let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
            let text = text.trim_end_matches('\r');
            if text.trim().is_empty() {
                continue;
            }
            if let Form::Unknown = self.form {
                self.form = match text.trim_start().starts_with('{') {
                    true => Form::Json,
                    false => match csv::header(text) {
                        Ok(columns) => {
                            self.form = Form::Csv(columns);
                            continue;
                        }
                        // Said once for the file, then for each line that is no object.
                        Err(why) => {
                            self.form = Form::Json;
                            return bad(why);
                        }
                    },
                };
            }
            let record = match &self.form {
                Form::Csv(columns) => csv::parse(columns, text),
                _ => line::parse(text),
            };
            return Some(record.map_err(|why| BadLine { line: self.line, why }));
        }
    }

    /// Where the next line is, without its line feed.
    fn take_line(&mut self) -> Option<(usize, usize)> {
        let in_csv = matches!(self.form, Form::Csv(_));
        let unseen = self.bytes.get(self.read + self.seen..).unwrap_or_default();
        for (index, byte) in unseen.iter().enumerate() {
            match byte {
                b'"' if in_csv => self.quoted = !self.quoted,
                b'\n' if !self.quoted => {
                    let start = self.read;
                    let end = start + self.seen + index;
                    self.read = end + 1;
                    self.seen = 0;
                    return Some((start, end));
                }
                _ => {}
            }
        }
        self.seen += unseen.len();
        if self.seen > MAX_LINE_BYTES {
            self.skipping = true;
            self.bytes.clear();
            (self.read, self.seen) = (0, 0);
        }
        if !self.ended || (self.seen == 0 && !self.skipping) {
            return None;
        }
        let start = self.read;
        let end = start + self.seen;
        self.read = end;
        self.seen = 0;
        Some((start, end))
    }
}
