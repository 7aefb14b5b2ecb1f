//! `-F`: how `tabmq sub` prints a message. The letters are mosquitto_sub's.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};
use tabmq_shared::packet::Publish;

/// A format, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Payload,
    Hex { upper: bool },
    Length,
    QoS,
    Retain,
    PacketId,
    UnixTime,
    ContentType,
    ResponseTopic,
    UserProperties,
    SubscriptionIds,
}

impl Format {
    /// `topic payload`, as `-v` prints.
    pub(super) fn verbose() -> Self {
        Format(vec![Part::Topic, Part::Text(" ".to_owned()), Part::Payload])
    }

    /// The payload alone.
    pub(super) fn payload() -> Self {
        Format(vec![Part::Payload])
    }

    /// Reads a format; the error is a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => match part(chars.next())? {
                    Part::Text(text) => plain.push_str(&text),
                    part => {
                        if !plain.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut plain)));
                        }
                        parts.push(part);
                    }
                },
                '\\' => plain.push(escape(chars.next())?),
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Format(parts))
    }

    /// Appends `message` to `out`.
    pub(super) fn write(&self, message: &Publish, out: &mut Vec<u8>) {
        for part in &self.0 {
            // Writing to a vector does not fail.
            let _ = part.write(message, out);
        }
    }
}

fn part(letter: Option<char>) -> Result<Part, String> {
    match letter {
        Some('%') => Ok(Part::Text("%".to_owned())),
        Some('t') => Ok(Part::Topic),
        Some('p') => Ok(Part::Payload),
        Some('x') => Ok(Part::Hex { upper: false }),
        Some('X') => Ok(Part::Hex { upper: true }),
        Some('l') => Ok(Part::Length),
        Some('q') => Ok(Part::QoS),
        Some('r') => Ok(Part::Retain),
        Some('m') => Ok(Part::PacketId),
        Some('U') => Ok(Part::UnixTime),
        Some('C') => Ok(Part::ContentType),
        Some('R') => Ok(Part::ResponseTopic),
        Some('P') => Ok(Part::UserProperties),
        Some('S') => Ok(Part::SubscriptionIds),
        Some(other) => Err(format!("there is no %{other} here; a percent sign is %%")),
        None => Err("it ends in a single %; a percent sign is %%".to_owned()),
    }
}

fn escape(letter: Option<char>) -> Result<char, String> {
    match letter {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('0') => Ok('\0'),
        Some('\\') => Ok('\\'),
        Some(other) => Err(format!("there is no \\{other} here; a backslash is \\\\")),
        None => Err("it ends in a single \\; a backslash is \\\\".to_owned()),
    }
}

impl Part {
    fn write(&self, message: &Publish, out: &mut Vec<u8>) -> std::io::Result<()> {
        let properties = message.properties.as_deref();
        match self {
            Part::Text(text) => out.write_all(text.as_bytes()),
            Part::Topic => out.write_all(message.topic.as_bytes()),
            Part::Payload => out.write_all(&message.payload),
            Part::Hex { upper } => message.payload.iter().try_for_each(|byte| match upper {
                false => write!(out, "{byte:02x}"),
                true => write!(out, "{byte:02X}"),
            }),
            Part::Length => write!(out, "{}", message.payload.len()),
            Part::QoS => write!(out, "{}", message.qos.as_u8()),
            Part::Retain => write!(out, "{}", u8::from(message.retain)),
            Part::PacketId => write!(out, "{}", message.packet_id.map_or(0, u16::from)),
            Part::UnixTime => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                write!(out, "{}.{:09}", now.as_secs(), now.subsec_nanos())
            }
            Part::ContentType => out.write_all(
                properties.and_then(|p| p.content_type.as_ref()).map_or(b"", |text| text.as_bytes()),
            ),
            Part::ResponseTopic => out.write_all(
                properties.and_then(|p| p.response_topic.as_ref()).map_or(b"", |text| text.as_bytes()),
            ),
            Part::UserProperties => {
                let user = properties.map(|properties| properties.user.as_slice()).unwrap_or_default();
                let pairs: Vec<String> = user.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                out.write_all(pairs.join(" ").as_bytes())
            }
            Part::SubscriptionIds => {
                let ids =
                    properties.map(|properties| properties.subscription_ids.as_slice()).unwrap_or_default();
                let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                out.write_all(ids.join(" ").as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_shared::Bytes;
    use tabmq_shared::packet::{PublishProperties, QoS};

    #[test]
    fn formats() {
        let properties = PublishProperties {
            content_type: Some("text".into()),
            user: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
            subscription_ids: vec![1, 2],
            ..PublishProperties::default()
        };
        let message = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: "a/b".into(),
            packet_id: None,
            topic_alias: None,
            properties: Some(Box::new(properties)),
            payload: Bytes::from_static(b"\x01\xFFp"),
        };
        let cases: [(&str, &[u8]); 9] = [
            ("%t %q%r", b"a/b 11"),
            ("%p", b"\x01\xFFp"),
            ("%x|%X|%l", b"01ff70|01FF70|3"),
            ("100%%", b"100%"),
            ("a\\tb\\\\n\\n", b"a\tb\\n\n"),
            ("%C;%R;", b"text;;"),
            ("%P", b"k:v k:w"),
            ("%S", b"1 2"),
            ("", b""),
        ];
        for (format, expected) in cases {
            let mut out = Vec::new();
            Format::parse(format).unwrap().write(&message, &mut out);
            assert_eq!(out, expected, "{format}");
        }
        for bad in ["%", "%z", "\\", "\\q"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
    }
}
