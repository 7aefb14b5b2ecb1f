//! Messages as lines of a file: what the page records, exports and replays, and `tabmq sub --format jsonl` prints.
//!
//! Two forms with the same content, described in `docs/recording.md`: JSON lines and CSV. Payloads are exact: text as
//! text where the bytes are UTF-8, base64 elsewhere. Both are read piece by piece ([`Reader`]), so that a file may be
//! larger than memory.

mod csv;
pub mod json;
mod line;
mod reader;
mod time;

pub use csv::{HEADER as CSV_HEADER, write as write_csv};
pub use line::{parse as parse_json, write as write_json};
pub use reader::{BadLine, MAX_LINE_BYTES, Reader};
pub use time::{parse as parse_time, write as write_time};

use crate::packet::{PublishProperties, QoS};
use bytes::Bytes;
use bytestring::ByteString;

/// A message with the time at which it passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it passed, in Unix milliseconds.
    pub at_ms: u64,
    /// A topic name as it was; not checked again.
    pub topic: ByteString,
    /// The bytes.
    pub payload: Bytes,
    /// The QoS of the hop that was recorded.
    pub qos: QoS,
    /// The retain flag of that hop.
    pub retain: bool,
    /// Whether it may have been a second delivery.
    pub dup: bool,
    /// Whether the recorder itself had sent it; else it had received it.
    pub sent: bool,
    /// The properties that travel with a message (5.0).
    pub properties: Option<Box<PublishProperties>>,
}

impl Record {
    /// A received message without properties.
    pub fn new(at_ms: u64, topic: impl Into<ByteString>, payload: impl Into<Bytes>) -> Self {
        Record {
            at_ms,
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            sent: false,
            properties: None,
        }
    }
}

/// The form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileForm {
    /// JSON lines.
    #[default]
    JsonLines,
    /// CSV.
    Csv,
}

impl FileForm {
    /// The ending of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            FileForm::JsonLines => "jsonl",
            FileForm::Csv => "csv",
        }
    }

    /// Appends a message.
    pub fn write(self, record: &Record, out: &mut String) {
        match self {
            FileForm::JsonLines => write_json(record, out),
            FileForm::Csv => write_csv(record, out),
        }
    }

    /// What a file begins with.
    pub const fn head(self) -> &'static str {
        match self {
            FileForm::JsonLines => "",
            FileForm::Csv => CSV_HEADER,
        }
    }
}

/// Why a line is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not JSON, or not a JSON object; the byte of the line at which that shows.
    #[error("it is not a JSON object: it stops making sense at byte {0}")]
    Json(usize),
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    Utf8,
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("it is longer than {} MB", MAX_LINE_BYTES / 1_000_000)]
    TooLong,
    /// No `topic`.
    #[error("it has no topic")]
    NoTopic,
    /// A field whose value is of another kind than it must be; the field's name.
    #[error("the value of {0} is not what it must be (see docs/recording.md)")]
    Field(&'static str),
    /// The first line of a CSV file names no column `topic`.
    #[error("the first line is neither a JSON object nor a CSV header with a column \"topic\"")]
    Header,
}

#[cfg(test)]
mod tests;
