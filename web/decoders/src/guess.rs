//! What bytes may be, from what they look like. A guess is only where looking begins: it can always be changed.

use crate::{cbor, json, msgpack};

/// A way of looking at a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// UTF-8 text.
    Text,
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// A picture of this media type.
    Image(&'static str),
    /// CBOR.
    Cbor,
    /// MessagePack.
    MessagePack,
    /// Sparkplug B.
    Sparkplug,
    /// Protobuf.
    Protobuf,
    /// None of these.
    Bytes,
}

/// What the first bytes say at once; `None` if only a decoder can say.
pub fn at_first_sight(topic: &str, content_type: Option<&str>, payload: &[u8]) -> Option<Guess> {
    if let Some(guess) = content_type.and_then(|name| from_content_type(name, payload)) {
        return Some(guess);
    }
    if topic.starts_with("spBv1.0/") && !topic.starts_with("spBv1.0/STATE/") {
        return Some(Guess::Sparkplug);
    }
    if let Some(media_type) = image(payload) {
        return Some(Guess::Image(media_type));
    }
    let text = std::str::from_utf8(payload).ok()?;
    let begins = text.strip_prefix(json::BYTE_ORDER_MARK).unwrap_or(text).trim_start();
    if begins.starts_with(['{', '[']) && json::check(text).is_ok() {
        return Some(Guess::Json);
    }
    if begins.starts_with('<') && begins.trim_end().ends_with('>') {
        return Some(if begins.contains("<svg") { Guess::Image("image/svg+xml") } else { Guess::Xml });
    }
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{1b}');
    text.chars().all(is_text).then_some(Guess::Text)
}

/// What binary bytes can be read as, whole. Only containers count: nearly any single byte is a number in both.
pub fn on_closer_look(payload: &[u8]) -> Guess {
    let is_container = |tree: Result<crate::Tree, crate::Problem>| {
        tree.is_ok_and(|tree| {
            tree.nodes.len() > 1 && tree.nodes.first().is_some_and(|root| &*root.note != "sequence")
        })
    };
    // The first byte of a map or list differs between the two, except for indefinite lengths; those are tried first.
    if is_container(msgpack::decode(payload))
        && payload.first().is_some_and(|byte| matches!(byte, 0x81..=0x9f | 0xdc..=0xdf))
    {
        return Guess::MessagePack;
    }
    if is_container(cbor::decode(payload)) {
        return Guess::Cbor;
    }
    Guess::Bytes
}

fn from_content_type(name: &str, payload: &[u8]) -> Option<Guess> {
    let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let essence = name.rsplit('/').next().unwrap_or_default();
    match essence {
        "json" => Some(Guess::Json),
        "cbor" | "senml+cbor" | "cose" => Some(Guess::Cbor),
        "msgpack" | "x-msgpack" | "vnd.msgpack" => Some(Guess::MessagePack),
        "protobuf" | "x-protobuf" | "x-google-protobuf" | "vnd.google.protobuf" => Some(Guess::Protobuf),
        "xml" => Some(Guess::Xml),
        "svg+xml" => Some(Guess::Image("image/svg+xml")),
        _ if name.starts_with("image/") => image(payload).map(Guess::Image),
        _ if name.ends_with("+json") => Some(Guess::Json),
        _ if name.ends_with("+cbor") => Some(Guess::Cbor),
        _ if name.ends_with("+xml") => Some(Guess::Xml),
        _ => None,
    }
}

fn image(payload: &[u8]) -> Option<&'static str> {
    match payload {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once() {
        let cases: [(&[u8], Option<Guess>); 18] = [
            (b"", Some(Guess::Text)),
            (b"21.5", Some(Guess::Text)),
            (b"line\r\nline\t2", Some(Guess::Text)),
            ("r\u{e9}sum\u{e9}".as_bytes(), Some(Guess::Text)),
            (b" {\"a\": 1}", Some(Guess::Json)),
            (b"[1, 2]", Some(Guess::Json)),
            (b"\xef\xbb\xbf{\"a\": 1}", Some(Guess::Json)),
            (b"\xef\xbb\xbf<a/>", Some(Guess::Xml)),
            (b"{not json}", Some(Guess::Text)),
            (b"<a>1</a>\n", Some(Guess::Xml)),
            (b"<?xml version='1.0'?><svg xmlns='x'/>", Some(Guess::Image("image/svg+xml"))),
            (b"< 5", Some(Guess::Text)),
            (b"\xff\xfe", None),
            (b"a\0b", None),
            (b"\x89PNG\r\n\x1a\n...", Some(Guess::Image("image/png"))),
            (b"\xff\xd8\xff\xe0", Some(Guess::Image("image/jpeg"))),
            (b"GIF89a", Some(Guess::Image("image/gif"))),
            (b"RIFF\x01\0\0\0WEBPVP8 ", Some(Guess::Image("image/webp"))),
        ];
        for (payload, expected) in cases {
            assert_eq!(at_first_sight("a", None, payload), expected, "{payload:?}");
        }
    }

    #[test]
    fn topics_and_content_types() {
        for (topic, content_type, expected) in [
            ("spBv1.0/g/NDATA/n", None, Some(Guess::Sparkplug)),
            ("spBv1.0/STATE/host", None, Some(Guess::Text)),
            ("a", Some("application/CBOR; x=1"), Some(Guess::Cbor)),
            ("a", Some("application/senml+json"), Some(Guess::Json)),
            ("a", Some("application/x-protobuf"), Some(Guess::Protobuf)),
            ("a", Some("text/xml"), Some(Guess::Xml)),
            ("a", Some("image/png"), Some(Guess::Text)),
            ("a", Some("application/octet-stream"), Some(Guess::Text)),
        ] {
            assert_eq!(at_first_sight(topic, content_type, b"x"), expected, "{topic} {content_type:?}");
        }
    }

    #[test]
    fn on_a_closer_look() {
        let cases: [(&[u8], Guess); 6] = [
            (b"\x82\xa1a\x01\xa1b\x02", Guess::MessagePack),
            (b"\xa2\x61a\x01\x61b\x02", Guess::Cbor),
            (b"\xbf\x61a\x01\xff", Guess::Cbor),
            (b"\x00\x01", Guess::Bytes),
            (b"\xff\xfe", Guess::Bytes),
            (b"\x92\x01", Guess::Bytes),
        ];
        for (payload, expected) in cases {
            assert_eq!(on_closer_look(payload), expected, "{payload:?}");
        }
    }
}
