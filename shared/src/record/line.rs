//! A message as a line of JSON. The names are those of the HTTP API, so that a line is also almost a publish request.

use super::json::{JsonReader, ObjectWriter, Unexpected, write_pairs};
use super::{Invalid, Record, time};
use crate::packet::{PublishProperties, QoS};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

impl From<Unexpected> for Invalid {
    fn from(Unexpected(at): Unexpected) -> Self {
        Invalid::Json(at)
    }
}

/// Appends a message and a line feed.
pub fn write(record: &Record, out: &mut String) {
    let mut object = ObjectWriter::new(out);
    let text = object.member("time");
    text.push('"');
    time::write(record.at_ms, text);
    text.push('"');
    object.string("topic", &record.topic);
    match std::str::from_utf8(&record.payload) {
        Ok(text) => object.string("payload", text),
        Err(_) => object.string("payload_base64", &STANDARD.encode(&record.payload)),
    }
    object.plain("qos", record.qos.as_u8());
    object.plain("retain", record.retain);
    if record.dup {
        object.plain("dup", true);
    }
    if record.sent {
        object.string("direction", "sent");
    }
    if let Some(properties) = record.properties.as_deref().filter(|properties| !properties.is_empty()) {
        write_properties(properties, object.member("properties"));
    }
    object.end();
    out.push('\n');
}

fn write_properties(properties: &PublishProperties, out: &mut String) {
    let mut object = ObjectWriter::new(out);
    if let Some(utf8) = properties.payload_format_utf8 {
        object.plain("payload_format_utf8", utf8);
    }
    if let Some(seconds) = properties.message_expiry_s {
        object.plain("message_expiry_s", seconds);
    }
    if let Some(text) = &properties.content_type {
        object.string("content_type", text);
    }
    if let Some(topic) = &properties.response_topic {
        object.string("response_topic", topic);
    }
    if let Some(data) = &properties.correlation_data {
        object.string("correlation_data_base64", &STANDARD.encode(data));
    }
    if !properties.subscription_ids.is_empty() {
        let ids: Vec<String> = properties.subscription_ids.iter().map(u32::to_string).collect();
        object.plain("subscription_ids", format_args!("[{}]", ids.join(",")));
    }
    if !properties.user.is_empty() {
        let pairs = properties.user.iter().map(|(name, value)| (&**name, &**value));
        write_pairs(pairs, object.member("user"));
    }
    object.end();
}

/// Reads what [`write`] writes, without its line feed. Only `topic` must be there; names that are not known are passed
/// over; `time` may also be a number of Unix milliseconds.
///
/// # Errors
/// The line is not a JSON object, or a value is not what its name wants.
pub fn parse(line: &str) -> Result<Record, Invalid> {
    let mut record = Record::new(0, "", Bytes::new());
    let mut topic = false;
    let mut reader = JsonReader::new(line);
    reader.object(|reader, name| {
        match name {
            "time" => record.at_ms = read_time(reader)?,
            "topic" => {
                record.topic = field("topic", reader.string())?.into();
                topic = true;
            }
            "payload" => record.payload = field("payload", reader.string())?.into(),
            "payload_base64" => record.payload = base64_field("payload_base64", reader)?,
            "qos" => {
                let qos = field("qos", reader.number())?;
                record.qos = qos_of(qos).ok_or(Invalid::Field("qos"))?;
            }
            "retain" => record.retain = field("retain", reader.boolean())?,
            "dup" => record.dup = field("dup", reader.boolean())?,
            "direction" => record.sent = field("direction", reader.string())? == "sent",
            "properties" => record.properties = read_properties(reader)?,
            _ => reader.skip()?,
        }
        Ok::<_, Invalid>(())
    })?;
    reader.end()?;
    if topic { Ok(record) } else { Err(Invalid::NoTopic) }
}

pub(super) fn qos_of(n: u64) -> Option<QoS> {
    u8::try_from(n).ok().and_then(QoS::from_u8)
}

fn read_time(reader: &mut JsonReader<'_>) -> Result<u64, Invalid> {
    match reader.peek() {
        Some(b'"') => time::parse(&reader.string()?).ok_or(Invalid::Field("time")),
        _ => field("time", reader.number()),
    }
}

fn read_properties(reader: &mut JsonReader<'_>) -> Result<Option<Box<PublishProperties>>, Invalid> {
    let mut properties = PublishProperties::default();
    if reader.null() {
        return Ok(None);
    }
    reader.object(|reader, name| {
        match name {
            "payload_format_utf8" => {
                properties.payload_format_utf8 = Some(field("payload_format_utf8", reader.boolean())?);
            }
            "message_expiry_s" => {
                let seconds = field("message_expiry_s", reader.number())?;
                let seconds = u32::try_from(seconds).map_err(|_| Invalid::Field("message_expiry_s"))?;
                properties.message_expiry_s = Some(seconds);
            }
            "content_type" => properties.content_type = Some(field("content_type", reader.string())?.into()),
            "response_topic" => {
                properties.response_topic = Some(field("response_topic", reader.string())?.into());
            }
            "correlation_data_base64" => {
                properties.correlation_data = Some(base64_field("correlation_data_base64", reader)?);
            }
            "subscription_ids" => reader.array(|reader| {
                let id = field("subscription_ids", reader.number())?;
                properties
                    .subscription_ids
                    .push(u32::try_from(id).map_err(|_| Invalid::Field("subscription_ids"))?);
                Ok::<_, Invalid>(())
            })?,
            "user" => {
                let pairs = field("user", reader.pairs())?;
                properties.user =
                    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            }
            _ => reader.skip()?,
        }
        Ok::<_, Invalid>(())
    })?;
    Ok((!properties.is_empty()).then(|| Box::new(properties)))
}

/// Says which field it was.
fn field<T>(name: &'static str, value: Result<T, Unexpected>) -> Result<T, Invalid> {
    value.map_err(|_| Invalid::Field(name))
}

fn base64_field(name: &'static str, reader: &mut JsonReader<'_>) -> Result<Bytes, Invalid> {
    let text = field(name, reader.string())?;
    STANDARD.decode(text.trim()).map(Bytes::from).map_err(|_| Invalid::Field(name))
}
