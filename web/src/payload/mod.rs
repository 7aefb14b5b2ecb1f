//! Payloads as people read them. The raw bytes are always kept; a format is only a way of looking at them.
//!
//! Nothing here is lossy in silence: numbers are never parsed, so integers stay exact and `127.0` stays `127.0`; what
//! cannot be shown as it is (control characters, characters that reorder text) is replaced by something visible.

pub mod decoders;
mod hex;
pub mod look;
mod text;

pub use hex::dump;
pub use tabmq_decoders::json;
pub use text::{preview, readable, visible_line};

use tabmq_decoders::guess::Guess;
use tabmq_decoders::number::Binary;
use tabmq_decoders::packing::Packing;

/// A way of looking at a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As UTF-8 text.
    Text,
    /// As JSON, as a tree.
    Json,
    /// As XML, indented.
    Xml,
    /// As what the decoders read into a tree.
    Coded(Coding),
    /// As Protobuf.
    Protobuf,
    /// As a picture.
    Image,
    /// As one number in binary, or several.
    Number(Binary),
    /// As bytes, sixteen to a line.
    Hex,
    /// As bytes in base64.
    Base64,
}

/// What the decoders read into a tree without further help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 8949.
    Cbor,
    /// msgpack.org.
    MessagePack,
    /// Sparkplug B.
    Sparkplug,
}

impl Coding {
    /// All of them.
    pub const ALL: [Coding; 3] = [Coding::Cbor, Coding::MessagePack, Coding::Sparkplug];

    /// Its name in links and in the storage.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Cbor => "cbor",
            Coding::MessagePack => "msgpack",
            Coding::Sparkplug => "sparkplug",
        }
    }

    /// The opposite of [`name`](Coding::name).
    pub fn from_name(name: &str) -> Option<Coding> {
        Coding::ALL.into_iter().find(|coding| coding.name() == name)
    }
}

impl Format {
    /// In the order in which they are offered; numbers in binary are a list of their own.
    pub const NAMED: [Format; 10] = [
        Format::Text,
        Format::Json,
        Format::Coded(Coding::Cbor),
        Format::Coded(Coding::MessagePack),
        Format::Protobuf,
        Format::Coded(Coding::Sparkplug),
        Format::Xml,
        Format::Image,
        Format::Hex,
        Format::Base64,
    ];

    /// Its name in links, in the storage and for scripts.
    pub fn name(self) -> String {
        match self {
            Format::Text => "text".into(),
            Format::Json => "json".into(),
            Format::Xml => "xml".into(),
            Format::Coded(coding) => coding.name().into(),
            Format::Protobuf => "protobuf".into(),
            Format::Image => "image".into(),
            Format::Number(binary) => binary.name(),
            Format::Hex => "hex".into(),
            Format::Base64 => "base64".into(),
        }
    }

    /// The opposite of [`name`](Format::name).
    pub fn from_name(name: &str) -> Option<Format> {
        let named = Format::NAMED.into_iter().find(|format| format.name() == name);
        named.or_else(|| Binary::from_name(name).map(Format::Number))
    }
}

impl From<Guess> for Format {
    fn from(guess: Guess) -> Self {
        match guess {
            Guess::Text => Format::Text,
            Guess::Json => Format::Json,
            Guess::Xml => Format::Xml,
            Guess::Image(_) => Format::Image,
            Guess::Cbor => Format::Coded(Coding::Cbor),
            Guess::MessagePack => Format::Coded(Coding::MessagePack),
            Guess::Sparkplug => Format::Coded(Coding::Sparkplug),
            Guess::Protobuf => Format::Protobuf,
            Guess::Bytes => Format::Hex,
        }
    }
}

/// Whether and how payloads are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// They are not, whatever they look like.
    No,
    /// Like this.
    In(Packing),
}

impl Packed {
    /// In the order in which they are offered.
    pub const ALL: [Packed; 4] =
        [Packed::No, Packed::In(Packing::Gzip), Packed::In(Packing::Zlib), Packed::In(Packing::Deflate)];

    /// Its name in the storage and for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Packed::No => "none",
            Packed::In(packing) => packing.name(),
        }
    }

    /// The opposite of [`name`](Packed::name).
    pub fn from_name(name: &str) -> Option<Packed> {
        Packed::ALL.into_iter().find(|packed| packed.name() == name)
    }
}

/// The number that `payload` is the text of, roughly: for drawing it, never for showing it.
pub fn number(payload: &[u8]) -> Option<f64> {
    // Longer than any number: the rest need not be looked at.
    if payload.len() > 40 {
        return None;
    }
    tabmq_decoders::number::parse(std::str::from_utf8(payload).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for format in Format::NAMED.into_iter().chain(Binary::all().map(Format::Number)) {
            assert_eq!(Format::from_name(&format.name()), Some(format));
        }
        for packed in Packed::ALL {
            assert_eq!(Packed::from_name(packed.name()), Some(packed));
        }
        assert_eq!((Format::from_name("x"), Packed::from_name("x")), (None, None));
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b" 21.5\n"), Some(21.5));
        assert_eq!(number(b"\xff"), None);
        assert_eq!(number(&[b'1'; 41]), None);
    }
}
