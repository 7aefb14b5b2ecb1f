//! What the publish form says, and the message that it makes: every field as typed, checked as a whole.

use super::template::{Template, TemplateError, Values, masked};
use crate::payload::json;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use tabmq_shared::client::Message;
use tabmq_shared::packet::{PublishProperties, QoS};
use tabmq_shared::topic::{TopicError, TopicName};

/// A repetition comes no faster than this, in milliseconds: the tab has other things to do.
pub const MIN_EVERY_MS: u64 = 10;

/// How long an answer is waited for if nothing is said, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;

/// How the payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As text.
    #[default]
    Text,
    /// As JSON; what is not JSON is not sent.
    Json,
    /// As bytes in hexadecimal; white space, commas, colons and `0x` do not count.
    Hex,
    /// As bytes in base64.
    Base64,
    /// It is a file's content.
    File,
}

impl Form {
    /// In the order in which they are offered.
    pub const ALL: [Form; 5] = [Form::Text, Form::Json, Form::Hex, Form::Base64, Form::File];

    /// Its name in what is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Json => "json",
            Form::Hex => "hex",
            Form::Base64 => "base64",
            Form::File => "file",
        }
    }

    /// The opposite of [`name`](Form::name).
    pub fn named(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The bytes that a text in this form stands for.
    ///
    /// # Errors
    /// It is not in this form, or the form is that of files.
    #[inline(never)]
    pub fn bytes(self, text: &str) -> Result<Bytes, DraftError> {
        match self {
            Form::Text | Form::Json => Ok(Bytes::copy_from_slice(text.as_bytes())),
            Form::Hex => hex(text).map_err(|at| DraftError::Hex { at }),
            Form::Base64 => base64(text),
            Form::File => Err(DraftError::NoFile),
        }
    }
}

/// A file that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
}

/// The fields that are typed as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The topic; with variables.
    Topic,
    /// The payload, in its form; with variables if it is text.
    Payload,
    /// The message expiry in seconds.
    Expiry,
    /// The content type.
    ContentType,
    /// The response topic.
    ResponseTopic,
    /// The correlation data: text, or bytes in hexadecimal behind `0x`.
    Correlation,
    /// Seconds between repetitions; decimals are welcome.
    Every,
    /// How many messages in all; empty: until somebody stops it.
    Times,
    /// Seconds to wait for an answer.
    Timeout,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 9] = [
        Field::Topic,
        Field::Payload,
        Field::Expiry,
        Field::ContentType,
        Field::ResponseTopic,
        Field::Correlation,
        Field::Every,
        Field::Times,
        Field::Timeout,
    ];

    /// Its name in what is kept and in `data-test`.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Topic => "topic",
            Field::Payload => "payload",
            Field::Expiry => "message_expiry_s",
            Field::ContentType => "content_type",
            Field::ResponseTopic => "response_topic",
            Field::Correlation => "correlation_data",
            Field::Every => "every_s",
            Field::Times => "times",
            Field::Timeout => "timeout_s",
        }
    }
}

/// The fields that are on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// The broker is to keep it.
    Retain,
    /// `{{…}}` are variables.
    Variables,
    /// The payload is declared to be UTF-8 text.
    Utf8,
    /// An answer is expected.
    Request,
    /// It is sent again and again.
    Repeat,
}

impl Flag {
    /// All of them.
    pub const ALL: [Flag; 5] = [Flag::Retain, Flag::Variables, Flag::Utf8, Flag::Request, Flag::Repeat];

    /// Its name in what is kept and in `data-test`.
    pub const fn name(self) -> &'static str {
        match self {
            Flag::Retain => "retain",
            Flag::Variables => "variables",
            Flag::Utf8 => "payload_format_utf8",
            Flag::Request => "request",
            Flag::Repeat => "repeat",
        }
    }
}

/// Which half of a user property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What it is called.
    Name,
    /// What it says.
    Value,
}

/// A change to the form.
#[derive(Clone, Debug, PartialEq)]
pub enum DraftEdit {
    /// Another text.
    Text(Field, String),
    /// On or off.
    Flag(Flag, bool),
    /// Another QoS.
    QoS(QoS),
    /// Another form of the payload.
    Form(Form),
    /// Another file.
    File(File),
    /// A half of the user property in this place; behind the last one: a new one.
    User(usize, Half, String),
    /// Without the user property in this place.
    RemoveUser(usize),
}

/// What the form says.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    texts: [String; Field::ALL.len()],
    flags: [bool; Flag::ALL.len()],
    /// The QoS to send with.
    pub qos: QoS,
    /// How the payload is written.
    pub form: Form,
    /// The file that is the payload, if that is its form.
    pub file: Option<File>,
    /// User properties, in order.
    pub user: Vec<(String, String)>,
}

impl Default for Draft {
    fn default() -> Self {
        let mut draft = Draft {
            texts: Default::default(),
            flags: Default::default(),
            qos: QoS::AtMostOnce,
            form: Form::Text,
            file: None,
            user: Vec::new(),
        };
        draft.edit(DraftEdit::Flag(Flag::Variables, true));
        draft.edit(DraftEdit::Text(Field::Every, "1".into()));
        draft
    }
}

impl Draft {
    /// A message of text.
    pub fn text_message(topic: &str, payload: &str) -> Self {
        let mut draft = Draft::default();
        draft.edit(DraftEdit::Text(Field::Topic, topic.to_owned()));
        draft.edit(DraftEdit::Text(Field::Payload, payload.to_owned()));
        draft
    }

    /// What is typed in a field.
    pub fn text(&self, field: Field) -> &str {
        let index = Field::ALL.iter().position(|known| *known == field).unwrap_or(0);
        self.texts.get(index).map_or("", String::as_str)
    }

    /// Whether a flag is on.
    pub fn flag(&self, flag: Flag) -> bool {
        let index = Flag::ALL.iter().position(|known| *known == flag).unwrap_or(0);
        self.flags.get(index).copied().unwrap_or_default()
    }

    /// Changes it.
    pub fn edit(&mut self, edit: DraftEdit) {
        match edit {
            DraftEdit::Text(field, text) => {
                for (known, place) in Field::ALL.into_iter().zip(&mut self.texts) {
                    if known == field {
                        place.clone_from(&text);
                    }
                }
            }
            DraftEdit::Flag(flag, on) => {
                for (known, place) in Flag::ALL.into_iter().zip(&mut self.flags) {
                    if known == flag {
                        *place = on;
                    }
                }
            }
            DraftEdit::QoS(qos) => self.qos = qos,
            DraftEdit::Form(form) => self.form = form,
            DraftEdit::File(file) => {
                self.form = Form::File;
                self.file = Some(file);
            }
            DraftEdit::User(index, half, text) => {
                let place = index.min(self.user.len());
                if place == self.user.len() {
                    self.user.push(Default::default());
                }
                if let Some((name, value)) = self.user.get_mut(place) {
                    match half {
                        Half::Name => *name = text,
                        Half::Value => *value = text,
                    }
                }
            }
            DraftEdit::RemoveUser(index) => {
                if index < self.user.len() {
                    self.user.remove(index);
                }
            }
        }
    }

    /// Whether any property is set, of which a broker before 5.0 would hear nothing.
    pub fn has_properties(&self) -> bool {
        self.flag(Flag::Utf8)
            || !self.user.is_empty()
            || [Field::Expiry, Field::ContentType, Field::ResponseTopic, Field::Correlation]
                .into_iter()
                .any(|field| !self.text(field).is_empty())
    }

    /// Whether the payload is JSON; `None` if it is neither meant to be nor looks like it. Variables count as values.
    pub fn json(&self) -> Option<Result<(), usize>> {
        let text = self.text(Field::Payload);
        if self.form != Form::Json && !(self.form == Form::Text && looks_like_json(text)) {
            return None;
        }
        let masked = self.flag(Flag::Variables).then(|| masked(text));
        let text = masked.as_deref().unwrap_or(text);
        // A variable begins with a brace, too.
        if self.form == Form::Text && !looks_like_json(text) {
            return None;
        }
        Some(json::spans(text).map(drop).map_err(|error| error.at))
    }

    /// Everything checked and taken apart.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn plan(&self) -> Result<Plan, DraftError> {
        let topic = self.template(Field::Topic)?;
        if topic.is_plain() {
            TopicName::new(self.text(Field::Topic).to_owned())
                .map_err(|e| DraftError::Topic(Field::Topic, e))?;
        }
        let payload = match self.form {
            Form::Text => Payload::Text(self.template(Field::Payload)?),
            Form::Json => {
                let template = self.template(Field::Payload)?;
                if let Some(Err(at)) = self.json() {
                    return Err(DraftError::Json { at });
                }
                Payload::Text(template)
            }
            Form::Hex | Form::Base64 => Payload::Bytes(self.form.bytes(self.text(Field::Payload))?),
            Form::File => Payload::Bytes(self.file.as_ref().ok_or(DraftError::NoFile)?.bytes.clone()),
        };
        let repeat = match self.flag(Flag::Repeat) {
            true => Some(Repeat {
                every_ms: self
                    .seconds(Field::Every)?
                    .ok_or(DraftError::Number(Field::Every))?
                    .max(MIN_EVERY_MS),
                times: self.number(Field::Times)?,
            }),
            false => None,
        };
        let answer_within_ms = match self.flag(Flag::Request) {
            true => Some(self.seconds(Field::Timeout)?.unwrap_or(TIMEOUT_MS)),
            false => None,
        };
        Ok(Plan {
            topic,
            payload,
            qos: self.qos,
            retain: self.flag(Flag::Retain),
            properties: self.properties()?,
            repeat,
            answer_within_ms,
        })
    }

    fn properties(&self) -> Result<PublishProperties, DraftError> {
        let some = |field| Some(self.text(field)).filter(|text| !text.is_empty()).map(Into::into);
        let expiry = self.number(Field::Expiry)?.map(u32::try_from).transpose();
        let response_topic = self.text(Field::ResponseTopic);
        if !response_topic.is_empty() {
            let name = TopicName::new(response_topic.to_owned());
            name.map_err(|error| DraftError::Topic(Field::ResponseTopic, error))?;
        }
        let correlation = self.text(Field::Correlation);
        let correlation_data = match correlation.strip_prefix("0x") {
            _ if correlation.is_empty() => None,
            Some(digits) => Some(hex(digits).map_err(|at| DraftError::Hex { at: at + 2 })?),
            None => Some(Bytes::copy_from_slice(correlation.as_bytes())),
        };
        let named = self.user.iter().filter(|(name, value)| !(name.is_empty() && value.is_empty()));
        Ok(PublishProperties {
            payload_format_utf8: self.flag(Flag::Utf8).then_some(true),
            message_expiry_s: expiry.map_err(|_| DraftError::Number(Field::Expiry))?,
            content_type: some(Field::ContentType),
            response_topic: some(Field::ResponseTopic),
            correlation_data,
            subscription_ids: Vec::new(),
            user: named.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect(),
        })
    }

    fn template(&self, field: Field) -> Result<Template, DraftError> {
        let text = self.text(field);
        match self.flag(Flag::Variables) {
            true => Template::parse(text).map_err(|error| DraftError::Template(field, error)),
            false => Ok(Template::plain(text)),
        }
    }

    /// Nothing, or a whole number from 1 on.
    fn number(&self, field: Field) -> Result<Option<u64>, DraftError> {
        match self.text(field).trim() {
            "" => Ok(None),
            text => text.parse().ok().filter(|n| *n > 0).map(Some).ok_or(DraftError::Number(field)),
        }
    }

    /// Nothing, or seconds with up to three decimals, in milliseconds.
    fn seconds(&self, field: Field) -> Result<Option<u64>, DraftError> {
        let text = self.text(field).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = || {
            let ms = format!("{whole}{fraction:0<3}").parse::<u64>().ok()?;
            (fraction.len() <= 3 && digits(whole) && digits(fraction) && ms > 0).then_some(ms)
        };
        parsed().map(Some).ok_or(DraftError::Number(field))
    }
}

/// What is wrong with the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// Not a topic name.
    Topic(Field, TopicError),
    /// A variable is wrong.
    Template(Field, TemplateError),
    /// Not JSON; the byte at which that shows.
    Json {
        /// Of the payload.
        at: usize,
    },
    /// Not pairs of hexadecimal digits; the character at which that shows.
    Hex {
        /// Of the payload or the correlation data.
        at: usize,
    },
    /// Not base64; the byte at which that shows.
    Base64 {
        /// Of the payload.
        at: usize,
    },
    /// No file was chosen.
    NoFile,
    /// Not a number, or out of range.
    Number(Field),
}

impl DraftError {
    /// The field to which it belongs.
    pub const fn field(&self) -> Field {
        match self {
            DraftError::Topic(field, _) | DraftError::Template(field, _) | DraftError::Number(field) => {
                *field
            }
            _ => Field::Payload,
        }
    }
}

/// A form that can be sent, once or often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    topic: Template,
    payload: Payload,
    qos: QoS,
    retain: bool,
    /// As they are sent; a request adds to them.
    pub properties: PublishProperties,
    /// How often.
    pub repeat: Option<Repeat>,
    /// How long an answer is waited for, if one is expected.
    pub answer_within_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Payload {
    Text(Template),
    Bytes(Bytes),
}

/// How often, and in which distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Milliseconds from one to the next.
    pub every_ms: u64,
    /// How many in all; `None`: until it is stopped.
    pub times: Option<u64>,
}

impl Plan {
    /// The message at this moment.
    ///
    /// # Errors
    /// With its variables filled in, the topic is no topic name.
    pub fn message(&self, values: &mut Values<'_>) -> Result<Message, DraftError> {
        let topic = TopicName::new(self.topic.fill(values));
        let topic = topic.map_err(|error| DraftError::Topic(Field::Topic, error))?;
        let payload = match &self.payload {
            Payload::Text(template) => Bytes::from(template.fill(values)),
            Payload::Bytes(bytes) => bytes.clone(),
        };
        let properties = (!self.properties.is_empty()).then(|| Box::new(self.properties.clone()));
        Ok(Message { properties, ..Message::new(topic, payload, self.qos, self.retain) })
    }
}

/// Line and column, both from 1, of a byte of a text: columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

/// Bytes in hexadecimal; the error is the byte of the text at which it stops being that.
fn hex(text: &str) -> Result<Bytes, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()), high) {
            (Some(0), None) if chars.next_if(|(_, next)| matches!(next, 'x' | 'X')).is_some() => {}
            (Some(digit), None) => high = Some(digit),
            (Some(digit), Some(first)) => {
                bytes.push(first << 4 | digit);
                high = None;
            }
            (None, None) if c.is_whitespace() || matches!(c, ',' | ':' | '-') => {}
            (None, _) => return Err(at),
        }
    }
    if high.is_some() { Err(text.len()) } else { Ok(bytes.into()) }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// With `+` and `/` or, as in addresses, with `-` and `_`; the `=` at the end may be left out.
fn base64(text: &str) -> Result<Bytes, DraftError> {
    const EITHER: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let usual = |c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    };
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).map(usual).collect();
    GeneralPurpose::new(&alphabet::STANDARD, EITHER).decode(&packed).map(Bytes::from).map_err(|error| {
        let in_packed = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            base64::DecodeError::InvalidLastSymbol { offset, .. } => offset,
            _ => packed.len(),
        };
        let place = text.char_indices().filter(|(_, c)| !c.is_whitespace()).nth(in_packed);
        DraftError::Base64 { at: place.map_or(text.len(), |(at, _)| at) }
    })
}

#[cfg(test)]
mod tests;
