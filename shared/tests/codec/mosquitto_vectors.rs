//! Mosquitto's packet vectors, as far as a decoder alone can answer them: of what a case sends last, either it is
//! refused with the code that the case expects, or it is among the cases that need a broker's judgement.
//!
//! The vectors are not part of this repository: TABMQ_VECTORS names their directory, or they lie in
//! `shared/vectors` beside the checkout. Absent, the test says so and passes.

use crate::support::wire;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tabmq_shared::BytesMut;
use tabmq_shared::codec::{Limits, decode};
use tabmq_shared::packet::{Packet, ReasonCode, Version};

/// Cases whose code a decoder cannot know, or for which the specification gives another.
const NOT_THE_DECODERS: &[(&str, &str)] = &[
    ("CONNECT/10 empty client", "[MQTT-3.1.3-8 of 3.1.1]: the broker's"),
    ("CONNECT/unsupported authentication method", "3.1.2.11.9: the broker's"),
    ("PUBLISH/34 QoS 2 Dup flow*3", "Mosquitto's own rule"),
    ("PUBLISH/topic alias > max topic alias", "[MQTT-3.3.2-9]: the broker's"),
    ("PUBLISH/topic-alias (two byte integer) no topic", "3.3.2.3.4: the broker's"),
    ("DISCONNECT/E0 non-zero session expiry", "3.14.2.2.2: the broker's"),
    ("FLOW/", "the session's"),
    ("AUTH/F0 long", "4.12: the broker's"),
    ("AUTH/F", "[MQTT-3.15.1-1] malformed, 0x81"),
    ("DISCONNECT/E1", "[MQTT-3.14.1-1] malformed, 0x81"),
    ("DISCONNECT/E2", "[MQTT-3.14.1-1] malformed, 0x81"),
    ("DISCONNECT/E4", "[MQTT-3.14.1-1] malformed, 0x81"),
    ("DISCONNECT/E8", "[MQTT-3.14.1-1] malformed, 0x81"),
    ("PUBREL/63 unsolicited", "[MQTT-3.6.1-1] malformed, 0x81"),
    ("PUBREL/64 unsolicited", "[MQTT-3.6.1-1] malformed, 0x81"),
    ("PUBREL/66 unsolicited", "[MQTT-3.6.1-1] malformed, 0x81"),
    ("PUBREL/6A unsolicited", "[MQTT-3.6.1-1] malformed, 0x81"),
];

#[test]
fn codes_are_those_of_the_vectors() {
    let Some(directory) = directory() else {
        println!("skipped: no packet vectors (set TABMQ_VECTORS)");
        return;
    };
    let mut counts = (0, 0, 0);
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let family = path.file_stem().unwrap().to_string_lossy().into_owned();
        let groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in groups.as_array().unwrap() {
            for case in group["tests"].as_array().unwrap() {
                let name = format!("{family}/{}", case["name"].as_str().unwrap());
                let level = case["ver"].as_u64().or(group["ver"].as_u64()).unwrap();
                if NOT_THE_DECODERS.iter().any(|(prefix, _)| name.starts_with(prefix)) {
                    counts.2 += 1;
                    continue;
                }
                match judge(case, level) {
                    Ok(true) => counts.0 += 1,
                    Ok(false) => counts.1 += 1,
                    Err(why) => wrong.push(format!("{name} ({level}): {why}")),
                }
            }
        }
    }
    println!(
        "{} refused as expected, {} accepted as expected, {} not a decoder's",
        counts.0, counts.1, counts.2
    );
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether the case is a refusal; an error if the decoder disagrees.
fn judge(case: &Value, level: u64) -> Result<bool, String> {
    let mut version = match level {
        3 => Version::V31,
        4 => Version::V311,
        _ => Version::V5,
    };
    let messages = case["msgs"].as_array().unwrap();
    let expected = messages.iter().rev().find(|m| m["type"] == "recv").and_then(expected_code);
    let stays_open = case["expect_disconnect"] == Value::Bool(false);
    for message in messages.iter().filter(|m| m["type"] == "send") {
        let mut buffer = BytesMut::from(&wire::bytes(message["payload"].as_str().unwrap())[..]);
        while !buffer.is_empty() {
            match decode(&mut buffer, version, &Limits::of_server()) {
                Ok(Some(Packet::Connect(connect))) => version = connect.version,
                Ok(Some(_)) => {}
                Ok(None) if stays_open => return Err("incomplete".into()),
                Ok(None) => return Ok(true), // the stream ends, nothing can be said
                Err(error) if stays_open => return Err(format!("refused: {error}")),
                Err(error) => {
                    return match expected {
                        Some(code) if code != error.reason => {
                            Err(format!("{code}, not: {error} ({})", error.reason))
                        }
                        _ => Ok(true),
                    };
                }
            }
        }
    }
    match expected {
        Some(code) => Err(format!("accepted, not {code}")),
        None => Ok(false),
    }
}

/// The code of a DISCONNECT or a refusing CONNACK.
fn expected_code(message: &Value) -> Option<ReasonCode> {
    let bytes = wire::bytes(message["payload"].as_str().unwrap());
    match bytes[..] {
        [0xE0, 1, code] => ReasonCode::from_u8(code),
        [0x20, 3, 0, code, 0] if code != 0 => ReasonCode::from_u8(code),
        [0x20, 2, 0, 1] => Some(ReasonCode::UnsupportedProtocolVersion),
        [0x20, 2, 0, 2] => Some(ReasonCode::ClientIdentifierNotValid),
        _ => None,
    }
}

fn directory() -> Option<PathBuf> {
    let root = std::env::var_os("TABMQ_VECTORS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"));
    let directory = root.join("mosquitto");
    directory.is_dir().then_some(directory)
}
