//! What a packet from a server means, apart from how it is written.
//!
//! Read by a few lines of its own, not by the codec of the broker: a mistake there must not hide itself here.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt;

/// A packet, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Meaning {
    pub packet_type: u8,
    pub flags: u8,
    /// Chosen by the server in a PUBLISH, by us in an acknowledgement.
    pub packet_id: Option<u16>,
    /// Reason codes or return codes; the session flag of a CONNACK comes first.
    pub codes: Vec<u8>,
    pub topic: Vec<u8>,
    pub payload: Vec<u8>,
    /// The values of each property, by identifier, in order.
    pub properties: BTreeMap<u8, Vec<Vec<u8>>>,
}

pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBREL: u8 = 6;
pub const PUBCOMP: u8 = 7;
pub const SUBACK: u8 = 9;
pub const UNSUBACK: u8 = 11;
pub const PINGRESP: u8 = 13;
pub const DISCONNECT: u8 = 14;

const NAMES: [&str; 16] = [
    "(type 0)",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

const MESSAGE_EXPIRY: u8 = 0x02;
const REASON_STRING: u8 = 0x1F;
const USER_PROPERTY: u8 = 0x26;

impl Meaning {
    /// Takes one whole packet of a connection of protocol `level` apart.
    pub fn of(packet: &[u8], level: u8) -> Result<Meaning> {
        let mut rest = packet;
        let first = byte(&mut rest)?;
        let length = var_int(&mut rest)?;
        if length != rest.len() {
            bail!("the remaining length is {length}, not {}", rest.len());
        }
        let mut meaning = Meaning {
            packet_type: first >> 4,
            flags: first & 0x0F,
            packet_id: None,
            codes: Vec::new(),
            topic: Vec::new(),
            payload: Vec::new(),
            properties: BTreeMap::new(),
        };
        meaning.read_body(&mut rest, level).with_context(|| format!("in {packet:02x?}"))?;
        Ok(meaning)
    }

    /// Whether a server that was expected to send `self` may send `actual`.
    pub fn allows(&self, actual: &Meaning) -> bool {
        let (mut expected, mut actual) = (self.normalized(), actual.normalized());
        if expected.packet_type == PUBLISH {
            expected.packet_id = None;
            actual.packet_id = None;
        }
        expected == actual
    }

    /// Without what the specification leaves to the server.
    fn normalized(&self) -> Meaning {
        let mut meaning = self.clone();
        match self.packet_type {
            // Limits are the server's own.
            CONNACK if self.codes.get(1) == Some(&0) => meaning.properties.clear(),
            // 3.4.2.1: "no matching subscribers" MAY be said instead of success.
            PUBACK | PUBREC => meaning.codes.retain(|code| *code != 0x10 && *code != 0),
            // 3.6.2.1: an identifier that is not known may be called so or be answered like others.
            PUBREL | PUBCOMP => meaning.codes.retain(|code| *code != 0x92 && *code != 0),
            PUBLISH => {
                // [MQTT-3.3.2-6]: it counts down.
                meaning.properties.entry(MESSAGE_EXPIRY).and_modify(|values| values.clear());
                return meaning;
            }
            _ => {}
        }
        // For people, where they are not part of a message.
        meaning.properties.remove(&REASON_STRING);
        meaning.properties.remove(&USER_PROPERTY);
        meaning
    }

    fn read_body(&mut self, rest: &mut &[u8], level: u8) -> Result<()> {
        let v5 = level == 5;
        match self.packet_type {
            CONNACK => {
                self.codes = take(rest, 2)?.to_vec();
                // A refusal may be of another version than was asked for: it shows in the length.
                if !rest.is_empty() {
                    self.read_properties(rest)?;
                }
            }
            PUBLISH => {
                self.topic = string(rest)?;
                if self.flags & 0b0110 != 0 {
                    self.packet_id = Some(u16(rest)?);
                }
                if v5 {
                    self.read_properties(rest)?;
                }
                self.payload = std::mem::take(rest).to_vec();
            }
            PUBACK | PUBREC | PUBREL | PUBCOMP => {
                self.packet_id = Some(u16(rest)?);
                self.read_code_and_properties(rest)?;
            }
            SUBACK | UNSUBACK => {
                self.packet_id = Some(u16(rest)?);
                if v5 {
                    self.read_properties(rest)?;
                }
                self.codes = std::mem::take(rest).to_vec();
            }
            DISCONNECT => self.read_code_and_properties(rest)?,
            _ => {}
        }
        if !rest.is_empty() {
            bail!("{} bytes are left over", rest.len());
        }
        Ok(())
    }

    fn read_code_and_properties(&mut self, rest: &mut &[u8]) -> Result<()> {
        if !rest.is_empty() {
            self.codes.push(byte(rest)?);
        }
        if !rest.is_empty() {
            self.read_properties(rest)?;
        }
        Ok(())
    }

    fn read_properties(&mut self, rest: &mut &[u8]) -> Result<()> {
        let length = var_int(rest)?;
        let mut section = take(rest, length)?;
        while !section.is_empty() {
            let id = byte(&mut section)?;
            let before = section;
            match id {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => drop(take(&mut section, 1)?),
                0x13 | 0x21..=0x23 => drop(take(&mut section, 2)?),
                0x02 | 0x11 | 0x18 | 0x27 => drop(take(&mut section, 4)?),
                0x0B => drop(var_int(&mut section)?),
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => drop(string(&mut section)?),
                0x26 => {
                    string(&mut section)?;
                    string(&mut section)?;
                }
                _ => bail!("0x{id:02x} is not a property"),
            }
            let value = before[..before.len() - section.len()].to_vec();
            self.properties.entry(id).or_default().push(value);
        }
        Ok(())
    }
}

/// One line: `PUBLISH 4 id 7 topic "a" payload "b" {03: "text"}`.
impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", NAMES[usize::from(self.packet_type)], self.flags)?;
        if let Some(id) = self.packet_id {
            write!(f, " id {id}")?;
        }
        if !self.codes.is_empty() {
            write!(f, " codes {:02x?}", self.codes)?;
        }
        if self.packet_type == PUBLISH {
            let text = String::from_utf8_lossy;
            write!(f, " topic {:?} payload {:?}", text(&self.topic), text(&self.payload))?;
        }
        for (id, values) in &self.properties {
            for value in values {
                write!(f, " {id:02x}: {:?}", String::from_utf8_lossy(value))?;
            }
        }
        Ok(())
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count).context("the packet ends too early")?;
    *rest = after;
    Ok(taken)
}

fn byte(rest: &mut &[u8]) -> Result<u8> {
    Ok(take(rest, 1)?[0])
}

fn u16(rest: &mut &[u8]) -> Result<u16> {
    let bytes = take(rest, 2)?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn string(rest: &mut &[u8]) -> Result<Vec<u8>> {
    let length = u16(rest)?;
    Ok(take(rest, usize::from(length))?.to_vec())
}

fn var_int(rest: &mut &[u8]) -> Result<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = byte(rest)?;
        value |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    bail!("a variable byte integer of more than four bytes")
}
