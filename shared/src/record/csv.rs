//! A message as a row of CSV (RFC 4180), for spreadsheets: one column for each thing that a message can have.

use super::json::{JsonReader, write_pairs};
use super::{Invalid, Record, line, time};
use crate::packet::PublishProperties;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// The first line of a file, with its line end.
pub const HEADER: &str = "time,topic,qos,retain,dup,direction,encoding,payload,payload_format_utf8,message_expiry_s,\
                          content_type,response_topic,correlation_data_base64,user\r\n";

/// Appends a message as a row, with its line end. `encoding` says whether `payload` is text (`utf8`) or `base64`.
pub fn write(record: &Record, out: &mut String) {
    let properties = record.properties.as_deref();
    time::write(record.at_ms, out);
    cell(&record.topic, out);
    let direction = if record.sent { "sent" } else { "received" };
    let _ = write!(out, ",{},{},{},{direction}", record.qos.as_u8(), record.retain, record.dup);
    match std::str::from_utf8(&record.payload) {
        Ok(text) => {
            out.push_str(",utf8");
            cell(text, out);
        }
        Err(_) => {
            out.push_str(",base64,");
            STANDARD.encode_string(&record.payload, out);
        }
    }
    let plain = |value: Option<String>, out: &mut String| {
        out.push(',');
        out.push_str(&value.unwrap_or_default());
    };
    plain(properties.and_then(|p| p.payload_format_utf8).map(|utf8| utf8.to_string()), out);
    plain(properties.and_then(|p| p.message_expiry_s).map(|seconds| seconds.to_string()), out);
    cell(properties.and_then(|p| p.content_type.as_deref()).unwrap_or_default(), out);
    cell(properties.and_then(|p| p.response_topic.as_deref()).unwrap_or_default(), out);
    plain(properties.and_then(|p| p.correlation_data.as_ref()).map(|data| STANDARD.encode(data)), out);
    let mut user = String::new();
    if let Some(properties) = properties.filter(|properties| !properties.user.is_empty()) {
        write_pairs(properties.user.iter().map(|(name, value)| (&**name, &**value)), &mut user);
    }
    cell(&user, out);
    out.push_str("\r\n");
}

/// A comma and a text, in quotes where it must be.
fn cell(text: &str, out: &mut String) {
    out.push(',');
    // Spaces at the ends: spreadsheets would drop them.
    if !text.contains([',', '"', '\r', '\n']) && text.trim().len() == text.len() {
        return out.push_str(text);
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

/// The names of the columns, from the first line; an error if `topic` is not among them.
pub(super) fn header(line: &str) -> Result<Vec<String>, Invalid> {
    let names: Vec<String> =
        cells(line).ok_or(Invalid::Header)?.iter().map(|name| name.trim().to_lowercase()).collect();
    if names.iter().any(|name| name == "topic") { Ok(names) } else { Err(Invalid::Header) }
}

/// Reads a row; columns that are not known are passed over.
pub(super) fn parse(columns: &[String], row: &str) -> Result<Record, Invalid> {
    let cells = cells(row).ok_or(Invalid::Field("a quoted cell"))?;
    let mut record = Record::new(0, "", Vec::new());
    let mut properties = PublishProperties::default();
    let mut base64 = false;
    let mut payload = None;
    let mut topic = false;
    for (name, value) in columns.iter().zip(cells) {
        match name.as_str() {
            "topic" => {
                record.topic = value.into();
                topic = true;
            }
            "payload" => payload = Some(value),
            _ if value.is_empty() => {}
            "time" => {
                let at = value.parse().ok().or_else(|| time::parse(&value));
                record.at_ms = at.ok_or(Invalid::Field("time"))?;
            }
            "qos" => {
                let qos = value.parse().ok().and_then(line::qos_of);
                record.qos = qos.ok_or(Invalid::Field("qos"))?;
            }
            "retain" => record.retain = boolean("retain", &value)?,
            "dup" => record.dup = boolean("dup", &value)?,
            "direction" => record.sent = value == "sent",
            "encoding" => base64 = value == "base64",
            "payload_format_utf8" => {
                properties.payload_format_utf8 = Some(boolean("payload_format_utf8", &value)?);
            }
            "message_expiry_s" => {
                properties.message_expiry_s =
                    Some(value.parse().map_err(|_| Invalid::Field("message_expiry_s"))?);
            }
            "content_type" => properties.content_type = Some(value.into()),
            "response_topic" => properties.response_topic = Some(value.into()),
            "correlation_data_base64" => {
                let data = STANDARD.decode(value).map_err(|_| Invalid::Field("correlation_data_base64"))?;
                properties.correlation_data = Some(data.into());
            }
            "user" => {
                let pairs = JsonReader::new(&value).pairs().map_err(|_| Invalid::Field("user"))?;
                properties.user =
                    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            }
            _ => {}
        }
    }
    let payload = payload.unwrap_or_default();
    record.payload = match base64 {
        true => STANDARD.decode(payload).map_err(|_| Invalid::Field("payload"))?.into(),
        false => payload.into(),
    };
    record.properties = (!properties.is_empty()).then(|| Box::new(properties));
    if topic { Ok(record) } else { Err(Invalid::NoTopic) }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, Invalid> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Invalid::Field(name)),
    }
}

/// The cells of a row; `None` if a quote is left open or something follows a closing one.
fn cells(row: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = row;
    loop {
        match rest.strip_prefix('"') {
            None => {
                let (cell, behind) =
                    rest.split_once(',').map_or((rest, None), |(cell, behind)| (cell, Some(behind)));
                cells.push(cell.to_owned());
                match behind {
                    Some(behind) => rest = behind,
                    None => return Some(cells),
                }
            }
            Some(quoted) => {
                let mut cell = String::new();
                rest = quoted;
                loop {
                    let (part, behind) = rest.split_once('"')?;
                    cell.push_str(part);
                    match behind.strip_prefix('"') {
                        Some(behind) => {
                            cell.push('"');
                            rest = behind;
                        }
                        None => {
                            rest = behind;
                            break;
                        }
                    }
                }
                cells.push(cell);
                match rest.strip_prefix(',') {
                    Some(behind) => rest = behind,
                    None => return rest.is_empty().then_some(cells),
                }
            }
        }
    }
}
