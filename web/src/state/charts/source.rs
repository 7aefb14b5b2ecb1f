//! Which number of which topic a line shows.

use crate::payload::Coding;
use std::rc::Rc;
use tabmq_decoders::number::Binary;
use tabmq_decoders::packing::Packing;
use tabmq_decoders::path::Path;

/// A number that can be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The topic.
    pub topic: Rc<str>,
    /// How its payloads are compressed.
    pub packing: Option<Packing>,
    /// What they are written in.
    pub written: Written,
    /// Where in the payload the number is.
    pub path: Path,
}

/// What payloads are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A number in text, or JSON.
    Text,
    /// A number in binary.
    Binary(Binary),
    /// Something that the decoders read into a tree.
    Coded(Coding),
}

impl Written {
    /// Its name in links; empty for text.
    pub fn name(self) -> String {
        match self {
            Written::Text => String::new(),
            Written::Binary(binary) => binary.name(),
            Written::Coded(coding) => coding.name().to_owned(),
        }
    }

    /// The opposite of [`name`](Written::name).
    pub fn from_name(name: &str) -> Option<Written> {
        match name {
            "" => Some(Written::Text),
            name => Binary::from_name(name)
                .map(Written::Binary)
                .or_else(|| Coding::from_name(name).map(Written::Coded)),
        }
    }
}

impl Source {
    /// What it is called: the topic, and where in its payload.
    pub fn label(&self) -> String {
        let topic = crate::payload::visible_line(&self.topic);
        match self.path.is_root() {
            true => topic,
            false => format!("{topic} · {}", crate::payload::visible_line(&self.path.to_string())),
        }
    }

    /// Whether its numbers can be read only once the decoders are there.
    pub fn needs_decoders(&self) -> bool {
        self.packing.is_some() || matches!(self.written, Written::Coded(_))
    }
}
