//! What is to be seen of one payload: unpacked, its format guessed or given, decoded, cut where it is too long.

use super::{Coding, Format, Packed, dump, readable};
use crate::payload::decoders::{Decoders, Schemas};
use crate::state::shapes::Shape;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::rc::Rc;
use tabmq_decoders::guess::{self, Guess};
use tabmq_decoders::packing::Packing;
use tabmq_decoders::problem::{Language, What};
use tabmq_decoders::protobuf::SourceFile;
use tabmq_decoders::{Problem, Tree, json};

/// More than this of a text or a dump is shown on demand only, in bytes.
pub const TEXT_BYTES: usize = 16 * 1024;

/// More than this is decoded on demand only, in bytes.
pub const TREE_BYTES: usize = 256 * 1024;

/// More than this is unpacked on demand only, in bytes.
pub const UNPACKED_BYTES: usize = 1_000_000;

/// More than this is never unpacked, in bytes: what is smaller than a letter may be larger than the memory.
pub const MAX_UNPACKED_BYTES: usize = 32_000_000;

/// Bytes of base64 in a line, before they are encoded.
const BASE64_LINE: usize = 57;

/// What is known beside the bytes.
#[derive(Clone, Copy)]
pub struct Looker<'a> {
    /// The topic.
    pub topic: &'a str,
    /// What the sender says that it is.
    pub content_type: Option<&'a str>,
    /// What somebody has said about the topic.
    pub shape: &'a Shape,
    /// BIRTH messages that explain it.
    pub births: &'a [Bytes],
    /// Whether all of it is to be shown, however long it is.
    pub whole: bool,
    /// The language for what is wrong with it.
    pub language: Language,
    /// The decoders, if they are there.
    pub decoders: Option<Decoders>,
    /// The schema compiler, if it is there.
    pub schemas: Option<Schemas>,
    /// The schema's sources.
    pub files: &'a [SourceFile],
}

/// What is to be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// How it was compressed.
    pub packing: Option<Packing>,
    /// Its bytes, unpacked.
    pub bytes: Bytes,
    /// How it is shown.
    pub format: Format,
    /// Whether that was guessed.
    pub is_guessed: bool,
    /// What must be said beside it.
    pub remarks: Vec<Remark>,
    /// Itself.
    pub body: Body,
    /// What must be loaded before there is more to see.
    pub wants: Option<Wants>,
}

/// Something that must be said beside a payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// Only so many bytes of so many are shown; all of them on demand.
    Cut {
        /// So many are shown.
        shown: usize,
        /// So many there are.
        all: usize,
    },
    /// Not decoded at once, because it is so long.
    Long(usize),
    /// There is more than was unpacked; more on demand, up to [`MAX_UNPACKED_BYTES`].
    UnpackedCut(usize),
    /// The rest of the compressed data is damaged.
    Damaged,
    /// Not UTF-8 from this byte on.
    NotText(usize),
    /// A tree has more nodes than can be shown.
    TreeCut,
    /// It is not what it was taken for; in words.
    Wrong(String),
}

/// The payload as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Text.
    Text(String),
    /// A tree.
    Tree(Rc<Tree>),
    /// A picture of this media type.
    Image(&'static str),
    /// Nothing yet: see [`Look::wants`].
    Nothing,
}

/// A part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// See [`Decoders`].
    Decoders,
    /// See [`Schemas`].
    Schemas,
}

impl Look {
    /// As text, for the clipboard: a text as it came, anything else as it is shown.
    pub fn to_text(&self) -> String {
        match (&self.body, std::str::from_utf8(&self.bytes)) {
            (_, Ok(text)) if matches!(self.format, Format::Text | Format::Json | Format::Xml) => {
                text.to_owned()
            }
            (Body::Text(_), _) if self.format == Format::Base64 => base64(&self.bytes),
            (Body::Tree(tree), _) => tree.pretty(),
            _ => dump(&self.bytes),
        }
    }

    /// For a comparison, line by line.
    pub fn to_lines(&self) -> String {
        match (&self.body, self.format) {
            (Body::Tree(tree), _) => tree.pretty(),
            (Body::Text(text), _) => text.clone(),
            _ => dump(self.bytes.get(..TEXT_BYTES).unwrap_or(&self.bytes)),
        }
    }

    /// What a file with it would be called behind the dot.
    pub fn extension(&self) -> &'static str {
        match (self.format, &self.body) {
            (Format::Text, _) => "txt",
            (Format::Json, _) => "json",
            (Format::Xml, _) => "xml",
            (Format::Coded(Coding::Cbor), _) => "cbor",
            (Format::Coded(Coding::MessagePack), _) => "msgpack",
            (_, Body::Image("image/png")) => "png",
            (_, Body::Image("image/jpeg")) => "jpg",
            (_, Body::Image("image/gif")) => "gif",
            (_, Body::Image("image/webp")) => "webp",
            (_, Body::Image("image/svg+xml")) => "svg",
            _ => "bin",
        }
    }
}

/// Looks at a payload.
pub fn look(payload: &Bytes, with: &Looker<'_>) -> Look {
    let mut look = Look {
        packing: None,
        bytes: payload.clone(),
        format: Format::Hex,
        is_guessed: with.shape.format.is_none(),
        remarks: Vec::new(),
        body: Body::Nothing,
        wants: None,
    };
    unpack(&mut look, with);
    if look.wants.is_some() {
        return look;
    }
    if look.bytes.is_empty() {
        look.format = with.shape.format.unwrap_or(Format::Text);
        look.body = Body::Text(String::new());
        return look;
    }
    look.format = with.shape.format.unwrap_or_else(|| guessed(&mut look, with));
    fill(&mut look, with);
    look
}

/// The bytes inside, if it is compressed.
fn unpack(look: &mut Look, with: &Looker<'_>) {
    let packing = match with.shape.packed {
        Some(Packed::No) => None,
        Some(Packed::In(packing)) => Some(packing),
        None => Packing::guess(&look.bytes),
    };
    let Some(packing) = packing else { return };
    let Some(decoders) = with.decoders else {
        look.wants = Some(Wants::Decoders);
        return;
    };
    let limit = if with.whole { MAX_UNPACKED_BYTES } else { UNPACKED_BYTES };
    match (decoders.unpack)(packing, &look.bytes, limit) {
        Ok(unpacked) => {
            look.packing = Some(packing);
            if unpacked.is_cut {
                look.remarks.push(Remark::UnpackedCut(limit));
            }
            if unpacked.is_damaged {
                look.remarks.push(Remark::Damaged);
            }
            look.bytes = unpacked.bytes.into();
        }
        // It only looked like it.
        Err(_) if with.shape.packed.is_none() => {}
        Err(problem) => look.remarks.push(wrong(&problem, with)),
    }
}

fn guessed(look: &mut Look, with: &Looker<'_>) -> Format {
    // Of a long payload the beginning says enough; a character that the cut has halved is no reason to call it binary.
    let head = match look.bytes.get(..TREE_BYTES) {
        Some(head) if !with.whole && look.bytes.len() > TREE_BYTES => whole_characters(head),
        _ => &look.bytes,
    };
    match (guess::at_first_sight(with.topic, with.content_type, head), with.decoders) {
        (Some(guess), _) => guess.into(),
        (None, Some(decoders)) => (decoders.guess)(&look.bytes).into(),
        (None, None) => {
            look.wants = Some(Wants::Decoders);
            Format::Hex
        }
    }
}

/// Without the beginning of a character at the end.
fn whole_characters(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => head.get(..error.valid_up_to()).unwrap_or(head),
        _ => head,
    }
}

fn fill(look: &mut Look, with: &Looker<'_>) {
    let limit = match look.format {
        Format::Text | Format::Hex | Format::Base64 => return fill_text(look, with),
        Format::Image => return fill_image(look, with),
        _ => TREE_BYTES,
    };
    if look.bytes.len() > limit && !with.whole {
        look.remarks.push(Remark::Long(look.bytes.len()));
        let shown = shown_text(look, TEXT_BYTES);
        look.body = Body::Text(shown);
        return;
    }
    let decoded = match look.format {
        Format::Json => tree_of_json(&look.bytes).map(Body::Tree),
        Format::Number(binary) => Ok(Body::Tree(Rc::new(binary.list(&look.bytes)))),
        Format::Xml => match with.decoders {
            Some(decoders) => text(&look.bytes).and_then(|text| (decoders.xml)(text)).map(Body::Text),
            None => return want(look, Wants::Decoders),
        },
        Format::Coded(coding) => match with.decoders {
            Some(decoders) => {
                let births: Vec<&[u8]> = with.births.iter().map(|birth| &birth[..]).collect();
                (decoders.decode)(coding, &look.bytes, &births).map(|tree| Body::Tree(Rc::new(tree)))
            }
            None => return want(look, Wants::Decoders),
        },
        _ => match protobuf(look, with) {
            Ok(decoded) => decoded.map(|tree| Body::Tree(Rc::new(tree))),
            Err(wants) => return want(look, wants),
        },
    };
    match decoded {
        Ok(body) => {
            if matches!(&body, Body::Tree(tree) if tree.is_cut) {
                look.remarks.push(Remark::TreeCut);
            }
            look.body = body;
        }
        Err(problem) => {
            look.remarks.push(wrong(&problem, with));
            fill_text(look, with);
        }
    }
}

fn want(look: &mut Look, wants: Wants) {
    look.wants = Some(wants);
}

fn protobuf(look: &Look, with: &Looker<'_>) -> Result<Result<Tree, Problem>, Wants> {
    if let (Some(message), false) = (&with.shape.message, with.files.is_empty()) {
        let schemas = with.schemas.ok_or(Wants::Schemas)?;
        return Ok((schemas.decode)(with.files, message, &look.bytes));
    }
    let decoders = with.decoders.ok_or(Wants::Decoders)?;
    Ok((decoders.protobuf)(&look.bytes))
}

fn tree_of_json(bytes: &[u8]) -> Result<Rc<Tree>, Problem> {
    let tree = json::tree(text(bytes)?);
    tree.map(Rc::new).map_err(|error| Problem { at: error.at, what: What::Invalid })
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| Problem { at: error.valid_up_to(), what: What::NotText })
}

fn wrong(problem: &Problem, with: &Looker<'_>) -> Remark {
    Remark::Wrong(problem.sentence(with.language))
}

/// As text where it is text, else as a dump; the beginning of it, unless all of it is wanted.
fn fill_text(look: &mut Look, with: &Looker<'_>) {
    let all = look.bytes.len();
    let shown = if with.whole { all } else { all.min(TEXT_BYTES) };
    if shown < all {
        look.remarks.push(Remark::Cut { shown, all });
    }
    look.body = Body::Text(shown_text(look, shown));
}

fn shown_text(look: &mut Look, shown: usize) -> String {
    let head = look.bytes.get(..shown).unwrap_or(&look.bytes);
    match (look.format, std::str::from_utf8(head)) {
        (Format::Hex | Format::Image, _) => dump(head),
        (Format::Base64, _) => base64(head),
        (_, Ok(text)) => readable(text),
        (Format::Text | Format::Json | Format::Xml, Err(error)) => {
            // A character that the cut has halved is no reason to complain.
            if error.error_len().is_some() {
                look.remarks.push(Remark::NotText(error.valid_up_to()));
            }
            let valid = head.get(..error.valid_up_to()).unwrap_or_default();
            readable(std::str::from_utf8(valid).unwrap_or_default())
        }
        _ => dump(head),
    }
}

fn fill_image(look: &mut Look, with: &Looker<'_>) {
    match guess::at_first_sight(with.topic, with.content_type, &look.bytes) {
        Some(Guess::Image(media_type)) => look.body = Body::Image(media_type),
        _ => {
            look.remarks.push(wrong(&Problem { at: 0, what: What::NotAPicture }, with));
            fill_text(look, with);
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    bytes.chunks(BASE64_LINE).map(|line| STANDARD.encode(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lazy::load_now;
    use std::io::Write;

    fn looked(payload: &[u8], shape: &Shape, whole: bool, loaded: bool) -> Look {
        let decoders = loaded.then(load_now::<Decoders>);
        let schemas = loaded.then(load_now::<Schemas>);
        let with = Looker {
            topic: "t",
            content_type: None,
            shape,
            births: &[],
            whole,
            language: Language::En,
            decoders,
            schemas,
            files: &[],
        };
        look(&Bytes::copy_from_slice(payload), &with)
    }

    fn shape(format: &str) -> Shape {
        Shape { format: Format::from_name(format), ..Shape::default() }
    }

    fn written(look: &Look) -> String {
        match &look.body {
            Body::Text(text) => text.clone(),
            Body::Tree(tree) => tree.pretty(),
            Body::Image(media_type) => format!("<{media_type}>"),
            Body::Nothing => String::new(),
        }
    }

    #[test]
    fn guessed_and_given() {
        let cases: [(&[u8], &str, &str, &str); 12] = [
            (b"21.5", "", "text", "21.5"),
            (b"", "", "text", ""),
            (br#"{"a":127.0}"#, "", "json", "{\n  \"a\": 127.0\n}"),
            (b"\x81\xa1a\x01", "", "msgpack", "{\n  \"a\": 1\n}"),
            (b"\xa1\x61a\x01", "", "cbor", "{\n  \"a\": 1\n}"),
            (b"<a><b/></a>", "", "xml", "<a>\n  <b/>\n</a>"),
            (b"\x89PNG\r\n\x1a\n", "", "image", "<image/png>"),
            (b"\xff\xfe", "", "hex", "00000000  ff fe                    \u{b7}\u{b7}"),
            (b"abc", "base64", "base64", "YWJj"),
            (b"\x01\x00", "u16be", "u16be", "256"),
            (b"\x08\x96\x01", "protobuf", "protobuf", "{\n  1: 150\n}"),
            (b"21.5", "hex", "hex", "00000000  32 31 2e 35              21.5"),
        ];
        for (payload, asked, format, expected) in cases {
            let look = looked(payload, &shape(asked), false, true);
            assert_eq!(
                (look.format.name().as_str(), look.is_guessed),
                (format, asked.is_empty()),
                "{payload:?}"
            );
            assert_eq!(written(&look), expected, "{payload:?}");
            assert_eq!((look.wants, look.remarks), (None, vec![]), "{payload:?}");
        }
    }

    #[test]
    fn what_is_not_loaded_is_wanted() {
        for (payload, asked, shown) in [
            (&b"\xff\xfe"[..], "", true), // shown as bytes while the decoders are on the way
            (b"\xa1\x61a\x01", "cbor", false),
            (b"<a/>", "", false),
            (b"\x1f\x8b\x08\x00", "", false),
        ] {
            let look = looked(payload, &shape(asked), false, false);
            assert_eq!(look.wants, Some(Wants::Decoders), "{payload:?}");
            assert_eq!(look.body != Body::Nothing, shown, "{payload:?}");
        }
        assert_eq!(looked(b"[1]", &shape(""), false, false).wants, None, "JSON needs nothing");
    }

    #[test]
    fn wrong_formats_say_so_and_show_what_is_there() {
        for (payload, asked, expected) in [
            (&b"{oops}"[..], "json", "{oops}"),
            (b"abc", "cbor", "abc"),
            (b"\xc1", "msgpack", "00000000  c1                       \u{b7}"),
            (b"hello", "image", "00000000  68 65 6c 6c 6f           hello"),
        ] {
            let look = looked(payload, &shape(asked), false, true);
            assert!(matches!(&look.remarks[..], [Remark::Wrong(_)]), "{payload:?}: {:?}", look.remarks);
            assert_eq!(written(&look), expected, "{payload:?}");
        }
        let look = looked(b"ab\xffcd", &shape("text"), false, true);
        assert_eq!((look.remarks.as_slice(), written(&look).as_str()), (&[Remark::NotText(2)][..], "ab"));
    }

    #[test]
    fn long_ones_are_cut_and_say_so() {
        let text = "x".repeat(TEXT_BYTES + 1);
        let look = looked(text.as_bytes(), &Shape::default(), false, true);
        assert_eq!(look.remarks, [Remark::Cut { shown: TEXT_BYTES, all: TEXT_BYTES + 1 }]);
        assert_eq!(written(&look).len(), TEXT_BYTES);
        let look = looked(text.as_bytes(), &Shape::default(), true, true);
        assert_eq!((look.remarks.len(), written(&look).len()), (0, TEXT_BYTES + 1));

        let json = format!("[{}1]", "1,".repeat(TREE_BYTES));
        let cut = looked(json.as_bytes(), &shape("json"), false, true);
        assert_eq!(cut.remarks, [Remark::Long(json.len())]);
        assert!(matches!(&cut.body, Body::Text(text) if text.len() == TEXT_BYTES));
        assert!(matches!(looked(json.as_bytes(), &shape("json"), true, true).body, Body::Tree(_)));

        let halved = format!("{}é", "x".repeat(TEXT_BYTES - 1));
        let look = looked(halved.as_bytes(), &Shape::default(), false, true);
        assert!(matches!(look.remarks[..], [Remark::Cut { .. }]), "{:?}", look.remarks);
    }

    #[test]
    fn unpacked_and_bombs() {
        let pack = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let look = looked(&pack(b"{\"a\":1}"), &Shape::default(), false, true);
        assert_eq!((look.packing, look.format), (Some(Packing::Gzip), Format::Json));
        let bomb = pack(&vec![b'0'; 3_000_000]);
        let look = looked(&bomb, &Shape::default(), false, true);
        assert!(look.remarks.contains(&Remark::UnpackedCut(UNPACKED_BYTES)));
        assert!(looked(&bomb, &Shape::default(), true, true).remarks.is_empty());
        // "x\x9c" begins zlib, but also a text.
        let look = looked(b"x\x9chello", &Shape::default(), false, true);
        assert_eq!((look.packing, look.format), (None, Format::Hex));
        let as_it_is = Shape { packed: Some(Packed::No), ..Shape::default() };
        assert_eq!(looked(&pack(b"1"), &as_it_is, false, true).packing, None);
        let forced = Shape { packed: Some(Packed::In(Packing::Deflate)), ..Shape::default() };
        assert!(matches!(looked(b"\xff\xff", &forced, false, true).remarks[..], [Remark::Wrong(_)]));
    }

    #[test]
    fn for_the_clipboard_and_for_files() {
        let text = |payload: &[u8], asked: &str| looked(payload, &shape(asked), false, true).to_text();
        assert_eq!(text(b"{\"a\":1}", ""), "{\"a\":1}", "as it came");
        assert_eq!(text(b"\xa1\x61a\x01", ""), "{\n  \"a\": 1\n}");
        assert_eq!(text(b"abc", "base64"), "YWJj");
        assert!(text(b"\xff", "").starts_with("00000000  ff"));
        assert_eq!(looked(b"[1]", &shape(""), false, true).extension(), "json");
        assert_eq!(looked(b"\xff", &shape(""), false, true).extension(), "bin");
    }
}
