//! Reads the number that a line shows out of a message.

use crate::part::Part;
use crate::payload::decoders::Decoders;
use crate::state::charts::Births;
use crate::state::charts::source::{Source, Written};
use crate::state::history::Message;
use std::borrow::Cow;
use tabmq_decoders::json;
use tabmq_decoders::number;
use tabmq_decoders::tree::Value;

/// More than this is not unpacked to find a number.
const MAX_UNPACKED_BYTES: usize = 1_000_000;

impl Source {
    /// The number in this message, and how it is written; `None` if there is none, or it is of another topic.
    pub fn number(&self, message: &Message, births: &Births) -> Option<(f64, Box<str>)> {
        if *self.topic != *message.topic {
            return None;
        }
        let payload: Cow<'_, [u8]> = match self.packing {
            None => Cow::Borrowed(&message.payload),
            Some(packing) => {
                let unpacked = (Decoders::loaded()?.unpack)(packing, &message.payload, MAX_UNPACKED_BYTES);
                Cow::Owned(unpacked.ok()?.bytes)
            }
        };
        match self.written {
            Written::Text => {
                let text = std::str::from_utf8(&payload).ok()?;
                let digits = match self.path.is_root() {
                    true => text.trim(),
                    false => json::number_at(text, &self.path)?,
                };
                Some((number::parse(digits)?, digits.into()))
            }
            Written::Binary(binary) => {
                let value = binary.read_roughly(&payload)?;
                let written = tabmq_decoders::tree::literal(&binary.read(&payload)?);
                Some((value, written.into()))
            }
            Written::Coded(coding) => {
                let births = births.of(&message.topic);
                let births: Vec<&[u8]> = births.iter().map(|birth| &birth[..]).collect();
                let tree = (Decoders::loaded()?.decode)(coding, &payload, &births).ok()?;
                match tree.find(&self.path)? {
                    Value::Number(digits) => Some((number::parse(digits)?, digits.clone())),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tabmq_shared::packet::QoS;

    /// As links have it.
    pub(in crate::charts) fn source(text: &str) -> Source {
        super::super::link::read_source(text).unwrap()
    }

    pub(in crate::charts) fn message(seq: u64, at_ms: u64, topic: &str, payload: &'static [u8]) -> Message {
        Message::received(seq, at_ms, topic.into(), bytes::Bytes::from_static(payload), QoS::AtMostOnce)
    }

    #[test]
    fn numbers() {
        type Case = (&'static str, &'static [u8], Option<(f64, &'static str)>);
        let cases: [Case; 9] = [
            ("t", b" 21.50\n", Some((21.5, "21.50"))),
            ("t", b"on", None),
            ("t!a.b", br#"{"a":{"b":127.0}}"#, Some((127.0, "127.0"))),
            ("t!a.b", br#"{"a":{"b":"7"}}"#, None),
            ("t!~u16be", b"\x01\x00", Some((256.0, "256"))),
            ("t!~f32le", b"\0\0", None),
            ("other", b"1", None),
            ("t!~cbor!a", b"\xa1\x61a\x18\x2a", Some((42.0, "42"))),
            ("t!~cbor!b", b"\xa1\x61a\x18\x2a", None),
        ];
        crate::lazy::load_now::<Decoders>();
        for (text, payload, expected) in cases {
            let found = source(text).number(&message(0, 0, "t", payload), &Births::default());
            assert_eq!(found, expected.map(|(value, written)| (value, written.into())), "{text} {payload:?}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(source("a/b").label(), "a/b");
        assert_eq!(source("a/b!x[1]").label(), "a/b · x[1]");
    }
}
