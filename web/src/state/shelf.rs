//! What the publish form remembers: what was sent, and what somebody has given a name to. Kept in the browser, exported
//! and imported as JSON lines.

use super::draft::{Draft, DraftEdit, Field, Flag, Form};
use super::settings::qos_digit;
use std::collections::VecDeque;
use tabmq_shared::packet::QoS;
use tabmq_shared::record::json::{JsonReader, ObjectWriter, Unexpected, write_pairs};

/// So many sent messages are remembered.
const MAX_SENT: usize = 50;

/// So many templates.
const MAX_TEMPLATES: usize = 1000;

/// A sent message with a longer payload is not remembered: a browser's storage has five megabytes for all.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// A form with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The name; no two are the same.
    pub name: String,
    /// The form.
    pub draft: Draft,
}

/// Both lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    /// Newest first; none twice.
    pub sent: VecDeque<Draft>,
    /// By name.
    pub templates: Vec<Template>,
}

/// What an import has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Templates that were not there before.
    pub added: usize,
    /// Templates that have replaced one with the same name.
    pub replaced: usize,
    /// Lines that were no template.
    pub bad: usize,
    /// The first of them, from 1.
    pub first_bad: Option<usize>,
}

impl Shelf {
    /// Remembers what was sent, in front.
    pub fn remember(&mut self, draft: &Draft) {
        if draft.text(Field::Payload).len() > MAX_PAYLOAD_BYTES {
            return;
        }
        // A file is remembered by nothing but its name: its bytes would fill the browser's storage.
        let mut draft = draft.clone();
        draft.file = None;
        self.sent.retain(|known| *known != draft);
        self.sent.push_front(draft);
        self.sent.truncate(MAX_SENT);
    }

    /// Gives a form a name; what had that name is replaced. False if there are too many.
    pub fn save(&mut self, name: &str, draft: &Draft) -> bool {
        let mut draft = draft.clone();
        draft.file = None;
        let name = name.trim();
        match self.templates.binary_search_by(|known| known.name.as_str().cmp(name)) {
            Ok(place) => {
                if let Some(template) = self.templates.get_mut(place) {
                    template.draft = draft;
                }
            }
            Err(_) if self.templates.len() >= MAX_TEMPLATES => return false,
            Err(place) => self.templates.insert(place, Template { name: name.to_owned(), draft }),
        }
        true
    }

    /// Takes a template away.
    pub fn remove(&mut self, name: &str) {
        self.templates.retain(|template| template.name != name);
    }

    /// The templates, a line each.
    pub fn export(&self) -> String {
        let mut out = String::new();
        for template in &self.templates {
            write(Some(&template.name), &template.draft, &mut out);
        }
        out
    }

    /// Adds templates from lines; those that have no name are no templates.
    pub fn import(&mut self, text: &str) -> Imported {
        let mut imported = Imported::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let before = self.templates.len();
            let saved = match read(line) {
                Ok((Some(name), draft)) if !name.trim().is_empty() => self.save(&name, &draft),
                _ => false,
            };
            match saved {
                true if self.templates.len() > before => imported.added += 1,
                true => imported.replaced += 1,
                false => {
                    imported.bad += 1;
                    imported.first_bad.get_or_insert(index + 1);
                }
            }
        }
        imported
    }

    /// What was sent, a line each, for the browser's storage.
    pub fn write_sent(&self) -> String {
        let mut out = String::new();
        self.sent.iter().for_each(|draft| write(None, draft, &mut out));
        out
    }

    /// The opposite of [`write_sent`](Self::write_sent); lines that make no sense are left out.
    pub fn read_sent(&mut self, text: &str) {
        self.sent = text.lines().filter_map(|line| Some(read(line).ok()?.1)).take(MAX_SENT).collect();
    }
}

fn write(name: Option<&str>, draft: &Draft, out: &mut String) {
    let mut object = ObjectWriter::new(out);
    if let Some(name) = name {
        object.string("name", name);
    }
    for field in Field::ALL {
        let text = draft.text(field);
        if !text.is_empty() {
            object.string(field.name(), text);
        }
    }
    object.string("form", draft.form.name());
    object.plain("qos", qos_digit(draft.qos));
    for flag in Flag::ALL {
        object.plain(flag.name(), draft.flag(flag));
    }
    if !draft.user.is_empty() {
        let pairs = draft.user.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        write_pairs(pairs, object.member("user"));
    }
    object.end();
    out.push('\n');
}

fn read(line: &str) -> Result<(Option<String>, Draft), Unexpected> {
    let mut template = None;
    let mut draft = Draft::default();
    let mut reader = JsonReader::new(line);
    reader.object(|reader, name| {
        let field = Field::ALL.into_iter().find(|field| field.name() == name);
        let flag = Flag::ALL.into_iter().find(|flag| flag.name() == name);
        match (name, field, flag) {
            (_, Some(field), _) => draft.edit(DraftEdit::Text(field, reader.string()?)),
            (_, _, Some(flag)) => draft.edit(DraftEdit::Flag(flag, reader.boolean()?)),
            ("name", ..) => template = Some(reader.string()?),
            ("form", ..) => draft.form = Form::named(&reader.string()?).unwrap_or_default(),
            ("qos", ..) => {
                let qos = u8::try_from(reader.number()?).ok().and_then(QoS::from_u8);
                draft.qos = qos.unwrap_or_default();
            }
            ("user", ..) => draft.user = reader.pairs()?,
            _ => reader.skip()?,
        }
        Ok::<_, Unexpected>(())
    })?;
    reader.end()?;
    Ok((template, draft))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::draft::File;

    fn rich() -> Draft {
        let mut draft = Draft::text_message("a/\"b\"", "line\nline {{n}}");
        draft.qos = QoS::ExactlyOnce;
        draft.form = Form::Json;
        draft.user = vec![("k".into(), "v".into())];
        for flag in Flag::ALL {
            draft.edit(DraftEdit::Flag(flag, flag != Flag::Variables));
        }
        for field in [Field::Expiry, Field::ContentType, Field::Every, Field::Times, Field::Timeout] {
            draft.edit(DraftEdit::Text(field, "7".into()));
        }
        draft
    }

    #[test]
    fn templates_go_out_and_come_back() {
        let mut shelf = Shelf::default();
        assert!(shelf.save(" lamp on ", &rich()));
        assert!(shelf.save("a", &Draft::default()));
        let mut other = Shelf::default();
        let imported = other.import(&shelf.export());
        assert_eq!(imported, Imported { added: 2, ..Imported::default() });
        assert_eq!(other.templates, shelf.templates);
        assert_eq!(other.templates[1].name, "lamp on");
        let again = other.import(&format!("{}nonsense\n\n{{\"topic\":\"nameless\"}}", shelf.export()));
        assert_eq!(again, Imported { added: 0, replaced: 2, bad: 2, first_bad: Some(3) });
        other.remove("a");
        assert_eq!(other.templates.len(), 1);
    }

    #[test]
    fn sent_messages_newest_first_and_bounded() {
        let mut shelf = Shelf::default();
        for n in 0..60 {
            shelf.remember(&Draft::text_message("a", &n.to_string()));
        }
        shelf.remember(&Draft::text_message("a", "30"));
        assert_eq!(shelf.sent.len(), MAX_SENT);
        assert_eq!(shelf.sent[0].text(Field::Payload), "30");
        assert_eq!(shelf.sent[1].text(Field::Payload), "59");
        shelf.remember(&Draft::text_message("a", &"x".repeat(MAX_PAYLOAD_BYTES + 1)));
        assert_eq!(shelf.sent[0].text(Field::Payload), "30");
        let mut file = rich();
        file.edit(DraftEdit::File(File { name: "f".into(), bytes: bytes::Bytes::from_static(b"x") }));
        shelf.remember(&file);
        assert!(shelf.sent[0].file.is_none() && shelf.sent[0].form == Form::File);
        let mut other = Shelf::default();
        other.read_sent(&(shelf.write_sent() + "broken\n"));
        assert_eq!(other.sent, shelf.sent);
    }

    #[test]
    fn a_template_of_a_later_version_is_read_as_far_as_it_is_known() {
        let mut shelf = Shelf::default();
        let line = r#"{"name":"x","topic":"t","form":"cbor","qos":9,"later":[1,{"a":null}]}"#;
        assert_eq!(shelf.import(line).added, 1);
        assert_eq!(shelf.templates[0].draft, Draft::text_message("t", ""));
    }
}
