//! A session of messages on its way into a file: what passes is written as lines, and handed out in pieces that a file
//! takes. Nothing but the piece that is not written yet is held.

use super::history::{Direction, Message};
use bytestring::ByteString;
use tabmq_shared::record::{self, Record};

pub use tabmq_shared::record::FileForm;

/// Handed out when there is this much, in bytes.
const PIECE_BYTES: usize = 128 * 1024;

/// While a slow disk has this much to write, in bytes, messages are left out and counted.
const MAX_WAITING_BYTES: u64 = 64_000_000;

/// Where a recording goes; the browser decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Nobody has said yet: a dialog is open, or messages wait for it.
    Opening,
    /// Into a file, piece by piece: not limited by memory.
    File,
    /// Into the browser's own keeping, and into a file at the end: browsers without file access, or pages without TLS.
    Blob,
    /// It cannot be written any more.
    Failed,
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The form of the file.
    pub form: FileForm,
    /// Where it goes.
    pub sink: Sink,
    /// When it began, in Unix milliseconds.
    pub since_ms: u64,
    /// Messages in it.
    pub messages: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Messages that were left out because the file took no more.
    pub dropped: u64,
    /// Whether it has ended.
    pub ended: bool,
    /// When, in Unix milliseconds.
    pub ended_ms: u64,
    text: String,
    /// Bytes that were handed out and are not written.
    waiting: u64,
}

impl Recording {
    /// Begins one.
    pub fn new(form: FileForm, now_ms: u64) -> Self {
        let text = beginning(form);
        Recording {
            form,
            sink: Sink::Opening,
            since_ms: now_ms,
            messages: 0,
            bytes: text.len() as u64,
            dropped: 0,
            ended: false,
            ended_ms: 0,
            text,
            waiting: 0,
        }
    }

    /// Adds a message.
    pub fn push(&mut self, record: &Record) {
        if self.ended
            || self.sink == Sink::Failed
            || self.waiting + self.text.len() as u64 > MAX_WAITING_BYTES
        {
            self.dropped += u64::from(!self.ended);
            return;
        }
        let before = self.text.len();
        self.form.write(record, &mut self.text);
        self.messages += 1;
        self.bytes += (self.text.len() - before) as u64;
    }

    /// A piece for the file, if it is large enough or `all` is wanted.
    pub fn take(&mut self, all: bool) -> Option<String> {
        let enough = self.text.len() >= PIECE_BYTES || (all && !self.text.is_empty());
        if !enough || !matches!(self.sink, Sink::File | Sink::Blob) {
            return None;
        }
        self.waiting += self.text.len() as u64;
        Some(std::mem::take(&mut self.text))
    }

    /// The file has taken so many bytes.
    pub fn written(&mut self, bytes: u64) {
        self.waiting = self.waiting.saturating_sub(bytes);
    }
}

/// What a file begins with. Spreadsheets take CSV for text in the encoding of their country, unless it begins with a byte
/// order mark.
fn beginning(form: FileForm) -> String {
    let mark = if form == FileForm::Csv { "\u{feff}" } else { "" };
    format!("{mark}{}", form.head())
}

/// The name of a file that is made now: `tabmq-2026-11-26-170756.jsonl`.
pub fn file_name(form: FileForm, now_ms: u64, offset_min: i32) -> String {
    let mut time = String::new();
    record::write_time(now_ms.saturating_add_signed(i64::from(offset_min) * 60_000), &mut time);
    let stamp: String = time.chars().take(19).filter(|c| *c != ':').collect();
    format!("tabmq-{}.{}", stamp.replace('T', "-"), form.extension())
}

/// A message of the history, as it is written.
pub fn record_of(message: &Message) -> Record {
    Record {
        qos: message.qos,
        retain: message.retain,
        dup: message.dup,
        sent: message.direction != Direction::Received,
        properties: message.properties.as_deref().map(|properties| Box::new(properties.clone())),
        ..Record::new(message.at_ms, ByteString::from(&*message.topic), message.payload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u64) -> Record {
        Record::new(n, "a/b", "x".repeat(1000))
    }

    fn read(text: &str) -> usize {
        let mut reader = record::Reader::default();
        reader.push(text.as_bytes());
        reader.end();
        std::iter::from_fn(|| reader.next()).map(Result::unwrap).count()
    }

    #[test]
    fn pieces_make_the_file() {
        for form in [FileForm::JsonLines, FileForm::Csv] {
            let mut recording = Recording::new(form, 0);
            recording.push(&message(1));
            assert_eq!(recording.take(true), None, "nobody has said where to");
            recording.sink = Sink::File;
            let mut file = String::new();
            for n in 0..500 {
                recording.push(&message(n));
                if let Some(piece) = recording.take(false) {
                    assert!(piece.len() >= PIECE_BYTES && piece.len() < PIECE_BYTES + 2000);
                    file += &piece;
                }
            }
            file += &recording.take(true).unwrap();
            recording.ended = true;
            recording.push(&message(9));
            assert_eq!((read(&file), recording.messages, recording.dropped), (501, 501, 0));
            assert_eq!(file.len() as u64, recording.bytes);
            assert_eq!(file.starts_with('\u{feff}'), form == FileForm::Csv);
        }
    }

    #[test]
    fn a_slow_disk_is_said_and_memory_is_bounded() {
        let mut recording = Recording::new(FileForm::JsonLines, 0);
        recording.sink = Sink::File;
        let large = Record::new(0, "a", "x".repeat(1_000_000));
        let mut pieces = Vec::new();
        for _ in 0..100 {
            recording.push(&large);
            pieces.extend(recording.take(false));
        }
        assert_eq!((recording.messages, recording.dropped), (64, 36));
        recording.written(pieces.first().unwrap().len() as u64 * 2);
        recording.push(&large);
        assert_eq!(recording.messages, 65);
        recording.sink = Sink::Failed;
        recording.push(&large);
        assert_eq!((recording.messages, recording.dropped), (65, 37));
    }

    #[test]
    fn names() {
        assert_eq!(file_name(FileForm::Csv, 1_700_000_000_114, 60), "tabmq-2023-11-14-231320.csv");
        assert_eq!(file_name(FileForm::JsonLines, 0, -60), "tabmq-1970-01-01-000000.jsonl");
    }
}
