//! The table of properties (5.0: section 2.2.2.2): each property in each packet, once, twice, cut off, and with
//! values that it must not have.

use crate::support::wire;
use tabmq_shared::BytesMut;
use tabmq_shared::codec::{Limits, Sender, decode};
use tabmq_shared::packet::Version;

/// The packets with properties: sender, the bytes around the properties, the code for one that does not belong.
const PACKETS: &[(&str, Sender, &str, &str, u8)] = &[
    ("CONNECT", Sender::Client, "\"MQTT\" 05 02 k10", "\"p\"", 0x82),
    ("will", Sender::Client, "\"MQTT\" 05 06 k10 {} \"p\"", "\"w\" \"x\"", 0x82),
    ("CONNACK", Sender::Server, "00 00", "", 0x82),
    ("PUBLISH", Sender::Client, "\"t\" m1", "'x'", 0x82),
    ("PUBLISH down", Sender::Server, "\"t\" m1", "'x'", 0x82),
    ("PUBACK", Sender::Client, "m1 00", "", 0x82),
    ("PUBREC", Sender::Client, "m1 00", "", 0x82),
    ("PUBREL", Sender::Client, "m1 00", "", 0x82),
    ("PUBCOMP", Sender::Client, "m1 00", "", 0x82),
    ("SUBSCRIBE", Sender::Client, "m1", "\"a\" 00", 0x81),
    ("SUBACK", Sender::Server, "m1", "00", 0x82),
    ("UNSUBSCRIBE", Sender::Client, "m1", "\"a\"", 0x81),
    ("UNSUBACK", Sender::Server, "m1", "00", 0x82),
    ("DISCONNECT", Sender::Client, "00", "", 0x82),
    ("DISCONNECT down", Sender::Server, "00", "", 0x82),
    ("AUTH", Sender::Client, "18", "", 0x82),
];

const ACKS: &[&str] = &["PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK"];

struct Row {
    /// The property with a valid value.
    valid: &'static str,
    /// The packets that may carry it.
    packets: &'static [&'static str],
    /// Whether all acknowledgements, DISCONNECT and AUTH may, too.
    everywhere: bool,
    /// The property with values that it must not have, all protocol errors but for a topic alias of 0.
    invalid: &'static [&'static str],
}

const fn row(valid: &'static str, packets: &'static [&'static str], invalid: &'static [&'static str]) -> Row {
    Row { valid, packets, everywhere: false, invalid }
}

const TABLE: &[Row] = &[
    row("01 i1", &["PUBLISH", "PUBLISH down", "will"], &["01 i2"]),
    row("02 L0", &["PUBLISH", "PUBLISH down", "will"], &[]),
    row("03 \"text\"", &["PUBLISH", "PUBLISH down", "will"], &[]),
    row("08 \"a/b\"", &["PUBLISH", "PUBLISH down", "will"], &["08 s0", "08 \"a/+\"", "08 \"#\""]),
    row("09 s2 00FF", &["PUBLISH", "PUBLISH down", "will"], &[]),
    row("0B v268435455", &["PUBLISH down", "SUBSCRIBE"], &["0B v0"]),
    row("11 L4294967295", &["CONNECT", "CONNACK", "DISCONNECT"], &[]),
    row("12 \"id\"", &["CONNACK"], &[]),
    row("13 H60", &["CONNACK"], &[]),
    row("15 \"m\"", &["CONNECT", "CONNACK", "AUTH"], &[]),
    row("16 s2 00FF", &["CONNECT", "CONNACK", "AUTH"], &[]),
    row("17 i0", &["CONNECT"], &["17 i2"]),
    row("18 L5", &["will"], &[]),
    row("19 i1", &["CONNECT"], &["19 i2"]),
    row("1A \"r\"", &["CONNACK"], &[]),
    row("1C \"s\"", &["CONNACK", "DISCONNECT", "DISCONNECT down"], &[]),
    Row { valid: "1F \"why\"", packets: &["CONNACK"], everywhere: true, invalid: &[] },
    row("21 H1", &["CONNECT", "CONNACK"], &["21 H0"]),
    row("22 H0", &["CONNECT", "CONNACK"], &[]),
    row("23 H1", &["PUBLISH", "PUBLISH down"], &["23 H0"]),
    row("24 i1", &["CONNACK"], &["24 i2", "24 i3"]),
    row("25 i0", &["CONNACK"], &["25 i2"]),
    Row {
        valid: "26 \"k\" s0",
        packets: &["CONNECT", "will", "CONNACK", "PUBLISH", "PUBLISH down", "SUBSCRIBE", "UNSUBSCRIBE"],
        everywhere: true,
        invalid: &[],
    },
    row("27 L1", &["CONNECT", "CONNACK"], &["27 L0"]),
    row("28 i0", &["CONNACK"], &["28 i2"]),
    row("29 i1", &["CONNACK"], &["29 i255"]),
    row("2A i1", &["CONNACK"], &["2A i2"]),
];

/// Strings in properties: not UTF-8, and with U+0000.
const BAD_STRINGS: &[(&str, &str)] = &[
    ("PUBLISH", "03 s1 FF"),
    ("PUBLISH", "03 s1 00"),
    ("PUBLISH", "08 s1 00"),
    ("PUBLISH", "26 s1 00 \"v\""),
    ("PUBLISH", "26 \"k\" s1 FF"),
    ("CONNECT", "15 s1 00"),
    ("PUBACK", "1F s1 00"),
    ("DISCONNECT", "1C s1 C0"),
];

const UNKNOWN: &[&str] = &[
    "00 01",
    "04 01",
    "05 01",
    "06 01",
    "07 01",
    "0A 01",
    "0C 01",
    "0D 01",
    "0E 01",
    "0F 01",
    "10 01",
    "14 01",
    "1B 01",
    "1D 01",
    "1E 01",
    "20 01",
    "2B 01",
    "7F 01",
    "8000 01",
    "8001 01",
    "FF7F 01",
    "FFFFFF7F 01",
    "8080808001 01",
];

// [MQTT-3.3.2-14]
#[test]
fn each_property_in_each_packet() {
    for row in TABLE {
        let repeatable = |packet: &str| {
            row.valid.starts_with("26") || row.valid.starts_with("0B") && packet == "PUBLISH down"
        };
        for &(packet, .., wrong_place) in PACKETS {
            let general = ACKS.contains(&packet) || packet.starts_with("DISCONNECT") || packet == "AUTH";
            let allowed = row.packets.contains(&packet) || row.everywhere && general;
            let judge = |code: u8| if allowed { code } else { wrong_place };
            check(packet, row.valid, judge(0));
            check(
                packet,
                &format!("{0} {0}", row.valid),
                if repeatable(packet) { judge(0) } else { judge(0x82) },
            );
            for invalid in row.invalid {
                check(packet, invalid, judge(if invalid.starts_with("23") { 0x94 } else { 0x82 }));
            }
            let id = row.valid.split_once(' ').unwrap().0;
            check(packet, id, 0x81);
        }
    }
}

// [MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19]
#[test]
fn unknown_properties_and_bad_strings_are_malformed() {
    for &(packet, ..) in PACKETS {
        for unknown in UNKNOWN {
            check(packet, unknown, 0x81);
        }
    }
    for (packet, property) in BAD_STRINGS {
        check(packet, property, 0x81);
    }
}

/// Section 1.5.4 leaves them to the receiver. Only names are kept clean.
#[test]
fn control_characters_are_accepted_in_free_text() {
    for property in ["26 s1 01 s1 7F", "1F s2 C29F"] {
        check("PUBACK", property, 0);
    }
    check("PUBLISH", "03 s1 0A", 0);
}

/// Decodes `packet` with these properties; `code` 0 means that it is accepted.
fn check(packet: &str, properties: &str, code: u8) {
    let &(_, sender, before, after, _) = PACKETS.iter().find(|(name, ..)| *name == packet).unwrap();
    let first = match packet.split(' ').next().unwrap() {
        "CONNECT" | "will" => "10",
        "CONNACK" => "20",
        "PUBLISH" => "32",
        "PUBACK" => "40",
        "PUBREC" => "50",
        "PUBREL" => "62",
        "PUBCOMP" => "70",
        "SUBSCRIBE" => "82",
        "SUBACK" => "90",
        "UNSUBSCRIBE" => "A2",
        "UNSUBACK" => "B0",
        "DISCONNECT" => "E0",
        _ => "F0",
    };
    // AUTH is nothing without its method, nor is authentication data.
    let needs_method = packet == "AUTH" && !properties.starts_with("15")
        || packet == "CONNECT" && properties.starts_with("16");
    let method = if needs_method { "15 \"m\"" } else { "" };
    let text = format!("{first} r* {before} {{ {method} {properties} }} {after}");
    let limits = Limits { sender: Some(sender), ..Limits::default() };
    let result = decode(&mut BytesMut::from(&wire::bytes(&text)[..]), Version::V5, &limits);
    let found = match &result {
        Ok(Some(_)) => 0,
        Ok(None) => panic!("incomplete: {text}"),
        Err(error) => error.reason.as_u8(),
    };
    assert_eq!(found, code, "{packet}: {text}: {result:?}");
}
