//! Frames (RFC 6455, section 5): a decoder that can be given the bytes in any portions, and the server's encoder.

use crate::mask;
use bytes::{BufMut, BytesMut};

/// The most that a frame header of the server takes, for payloads of up to [`MAX_PAYLOAD`].
pub(super) const MAX_HEADER: usize = 4;

/// The largest payload that the server puts into one frame: what a two-byte length can say.
pub(super) const MAX_PAYLOAD: usize = 65_535;

/// The largest payload of a control frame (section 5.5).
const MAX_CONTROL: usize = 125;

/// The largest header of a client: two bytes, eight of length, four of mask.
const MAX_CLIENT_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Why a WebSocket is closed: a code and a text for the Close frame (section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloseReason {
    pub(super) code: u16,
    pub(super) text: &'static str,
}

impl CloseReason {
    /// The end that was meant.
    pub(super) const NORMAL: CloseReason = CloseReason { code: 1000, text: "" };

    const fn protocol_error(text: &'static str) -> Self {
        CloseReason { code: 1002, text }
    }
}

/// What the decoder made of the bytes that it was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This many bytes at the front are payload; they are unmasked where they are.
    Data(usize),
    /// This many bytes at the front are of no further interest.
    Skip(usize),
    /// This many bytes at the front completed a Ping with this payload.
    Ping(usize, Vec<u8>),
    /// A Close frame is complete; the answer to it has this code, or none.
    Close(Option<u16>),
}

/// Reads the frames of a client.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    /// Whether the last data frame announced a continuation.
    in_message: bool,
}

#[derive(Debug)]
enum State {
    /// Inside a header: what was received of it.
    Header { bytes: [u8; MAX_CLIENT_HEADER], len: usize },
    /// Inside the payload of a data frame. The mask is turned so that it fits the next byte.
    Data { remaining: u64, mask: [u8; 4] },
    /// Inside the payload of a control frame, which is kept (unmasked) until it is complete.
    Control { opcode: u8, remaining: usize, mask: [u8; 4], payload: Vec<u8> },
}

impl Default for State {
    fn default() -> Self {
        State::Header { bytes: [0; MAX_CLIENT_HEADER], len: 0 }
    }
}

impl Decoder {
    /// Takes something off the front of `input`, which must not be empty.
    pub(super) fn step(&mut self, input: &mut [u8]) -> Result<Step, CloseReason> {
        match &mut self.state {
            State::Header { .. } => self.header(input),
            State::Data { remaining, mask } => {
                let n = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                unmask(input.get_mut(..n).unwrap_or_default(), mask);
                *remaining = remaining.saturating_sub(n as u64);
                if *remaining == 0 {
                    self.state = State::default();
                }
                Ok(Step::Data(n))
            }
            State::Control { remaining, mask, payload, .. } => {
                let n = (*remaining).min(input.len());
                let part = input.get_mut(..n).unwrap_or_default();
                unmask(part, mask);
                payload.extend_from_slice(part);
                *remaining = remaining.saturating_sub(n);
                if *remaining == 0 { self.control_frame(n) } else { Ok(Step::Skip(n)) }
            }
        }
    }

    /// Reads on in a header.
    fn header(&mut self, input: &[u8]) -> Result<Step, CloseReason> {
        let State::Header { bytes, len } = &mut self.state else {
            return Ok(Step::Skip(0)); // cannot be: the caller has looked
        };
        for (consumed, byte) in (1..).zip(input.iter()) {
            if let Some(slot) = bytes.get_mut(*len) {
                *slot = *byte; // there is always room: 14 bytes are always a whole header
            }
            *len += 1;
            if let Some(header) = parse_header(bytes.get(..*len).unwrap_or_default())? {
                return self.begin(header, consumed);
            }
        }
        Ok(Step::Skip(input.len()))
    }

    /// The header is complete.
    fn begin(&mut self, header: Header, consumed: usize) -> Result<Step, CloseReason> {
        let Header { fin, opcode, length, mask } = header;
        match (opcode, self.in_message) {
            (CONTINUATION, false) => {
                return Err(CloseReason::protocol_error("there is no message to continue"));
            }
            (BINARY, true) => {
                return Err(CloseReason::protocol_error("the message before is not complete"));
            }
            (CONTINUATION | BINARY, _) => {
                self.in_message = !fin;
                self.state =
                    if length == 0 { State::default() } else { State::Data { remaining: length, mask } };
            }
            // `parse_header` lets nothing else through than the three control frames, of at most 125 bytes.
            _ => {
                let remaining = usize::try_from(length).unwrap_or(MAX_CONTROL);
                self.state =
                    State::Control { opcode, remaining, mask, payload: Vec::with_capacity(remaining) };
                if remaining == 0 {
                    return self.control_frame(consumed);
                }
            }
        }
        Ok(Step::Skip(consumed))
    }

    /// A control frame is complete; its last `consumed` bytes came just now.
    fn control_frame(&mut self, consumed: usize) -> Result<Step, CloseReason> {
        match std::mem::take(&mut self.state) {
            State::Control { opcode: PING, payload, .. } => Ok(Step::Ping(consumed, payload)),
            State::Control { opcode: CLOSE, payload, .. } => Ok(Step::Close(close_code(&payload)?)),
            _ => Ok(Step::Skip(consumed)), // a Pong
        }
    }
}

struct Header {
    fin: bool,
    opcode: u8,
    length: u64,
    mask: [u8; 4],
}

/// Reads a header; `Ok(None)` if it is not complete. Objects as early as it can.
fn parse_header(bytes: &[u8]) -> Result<Option<Header>, CloseReason> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (fin, opcode) = (first & FIN != 0, first & 0x0F);
    if first & RESERVED_BITS != 0 {
        return Err(CloseReason::protocol_error("no extension was negotiated, but a reserved bit is set"));
    }
    match opcode {
        CONTINUATION | BINARY => {}
        CLOSE | PING | PONG if fin => {}
        CLOSE | PING | PONG => return Err(CloseReason::protocol_error("a control frame is fragmented")),
        // [MQTT-6.0.0-1]
        TEXT => return Err(CloseReason { code: 1003, text: "MQTT over WebSocket uses binary frames" }),
        _ => return Err(CloseReason::protocol_error("unknown opcode")),
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & MASKED == 0 {
        return Err(CloseReason::protocol_error("a frame of a client must be masked"));
    }
    if opcode >= CLOSE && second & 0x7F > 125 {
        return Err(CloseReason::protocol_error("a control frame has more than 125 bytes"));
    }
    let rest = bytes.get(2..).unwrap_or_default();
    let (length, mask) = match (second & 0x7F, rest) {
        (126, &[a, b, m0, m1, m2, m3]) => (u64::from(u16::from_be_bytes([a, b])), [m0, m1, m2, m3]),
        (127, &[a, b, c, d, e, f, g, h, m0, m1, m2, m3]) => {
            (u64::from_be_bytes([a, b, c, d, e, f, g, h]), [m0, m1, m2, m3])
        }
        (126 | 127, _) => return Ok(None),
        (length, &[m0, m1, m2, m3]) => (u64::from(length), [m0, m1, m2, m3]),
        _ => return Ok(None),
    };
    if length > i64::MAX as u64 {
        return Err(CloseReason::protocol_error("the length of a frame has its highest bit set"));
    }
    Ok(Some(Header { fin, opcode, length, mask }))
}

/// The code to answer a Close frame with: its own if it is one that may be sent (section 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseReason> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(CloseReason::protocol_error("a Close frame has a code that must not be sent"));
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(CloseReason { code: 1007, text: "the reason of a Close frame is not UTF-8" });
            }
            Ok(Some(code))
        }
        [_] => Err(CloseReason::protocol_error("a Close frame has half a code")),
    }
}

/// Removes the mask from `data` (section 5.3) and turns it so that it fits what follows.
fn unmask(data: &mut [u8], mask: &mut [u8; 4]) {
    let turned = data.len() % 4;
    mask::apply(data, *mask);
    mask.rotate_left(turned);
}

/// The header of a binary frame of `length` bytes, at most [`MAX_PAYLOAD`], and how long the header is.
pub(super) fn binary_header(length: usize) -> ([u8; MAX_HEADER], usize) {
    match u8::try_from(length) {
        Ok(short) if short <= 125 => ([FIN | BINARY, short, 0, 0], 2),
        _ => {
            let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            ([FIN | BINARY, 126, high, low], 4)
        }
    }
}

/// Appends the answer to a Ping; `payload` is at most 125 bytes.
pub(super) fn put_pong(out: &mut BytesMut, payload: &[u8]) {
    put_control(out, PONG, payload);
}

/// Appends a Close frame. A text that is too long for it is cut where a character ends.
pub(super) fn put_close(out: &mut BytesMut, code: Option<u16>, text: &str) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.put_u16(code);
        let room = MAX_CONTROL - payload.len();
        payload.extend_from_slice(text.get(..text.floor_char_boundary(room)).unwrap_or_default().as_bytes());
    }
    put_control(out, CLOSE, &payload);
}

fn put_control(out: &mut BytesMut, opcode: u8, payload: &[u8]) {
    let payload = payload.get(..MAX_CONTROL).unwrap_or(payload);
    out.put_u8(FIN | opcode);
    out.put_u8(u8::try_from(payload.len()).unwrap_or_default()); // at most 125
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame as a client writes it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(MASKED | n as u8),
            n @ 126..=65_535 => {
                out.push(MASKED | 126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(MASKED | 127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
        out
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Seen {
        data: Vec<u8>,
        pings: Vec<Vec<u8>>,
        close: Option<Option<u16>>,
    }

    /// Decodes `input` in portions of `portion` bytes.
    fn decode(input: &[u8], portion: usize) -> Result<Seen, CloseReason> {
        let (mut decoder, mut seen) = (Decoder::default(), Seen::default());
        for part in input.chunks(portion) {
            let mut part = part.to_vec();
            let mut part = part.as_mut_slice();
            while !part.is_empty() {
                let n = match decoder.step(part)? {
                    Step::Data(n) => {
                        seen.data.extend_from_slice(&part[..n]);
                        n
                    }
                    Step::Skip(n) => n,
                    Step::Ping(n, payload) => {
                        seen.pings.push(payload);
                        n
                    }
                    Step::Close(code) => {
                        seen.close = Some(code);
                        return Ok(seen);
                    }
                };
                part = part.split_at_mut(n).1;
            }
        }
        Ok(seen)
    }

    #[test]
    fn frames_in_any_portions() {
        let long: Vec<u8> = (0..70_000).map(|i| i as u8).collect();
        let middle = &long[..200];
        let input = [
            frame(FIN | BINARY, b"one"),
            frame(BINARY, b""),
            frame(CONTINUATION, b"two"),
            frame(FIN | PING, b"are you there"),
            frame(FIN | CONTINUATION, middle),
            frame(FIN | PONG, b""),
            frame(FIN | BINARY, &long),
            frame(FIN | PING, b""),
            frame(FIN | CLOSE, &[0x03, 0xE9, b'o', b'k']),
            frame(FIN | BINARY, b"ignored"),
        ]
        .concat();
        let expected = Seen {
            data: [b"onetwo", middle, &long].concat(),
            pings: vec![b"are you there".to_vec(), vec![]],
            close: Some(Some(1001)),
        };
        for portion in [1, 2, 3, 5, 7, 64, 1000, input.len()] {
            assert_eq!(decode(&input, portion).unwrap(), expected, "portions of {portion}");
        }
    }

    #[test]
    fn violations() {
        let big_control = [FIN | PING, MASKED | 126];
        let huge = [&[FIN | BINARY, MASKED | 127][..], &[0xFF; 8], &[0; 4]].concat();
        let cases: [(Vec<u8>, u16); 12] = [
            (frame(FIN | TEXT, b"text"), 1003),
            (frame(FIN | 0x40 | BINARY, b""), 1002),
            (frame(FIN | 0x3, b""), 1002),
            (frame(PING, b""), 1002),
            (frame(FIN | CONTINUATION, b""), 1002),
            ([frame(BINARY, b""), frame(FIN | BINARY, b"")].concat(), 1002),
            (vec![FIN | BINARY, 1], 1002),
            (big_control.to_vec(), 1002),
            (huge, 1002),
            (frame(FIN | CLOSE, &[3]), 1002),
            (frame(FIN | CLOSE, &1006u16.to_be_bytes()), 1002),
            (frame(FIN | CLOSE, &[0x03, 0xE8, 0xFF]), 1007),
        ];
        for (input, code) in cases {
            for portion in [1, input.len()] {
                assert_eq!(decode(&input, portion).unwrap_err().code, code, "{input:02X?}");
            }
        }
    }

    #[test]
    fn headers_of_the_server() {
        let cases: [(usize, &[u8]); 5] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (256, &[0x82, 126, 1, 0]),
            (MAX_PAYLOAD, &[0x82, 126, 0xFF, 0xFF]),
        ];
        for (length, expected) in cases {
            let (header, n) = binary_header(length);
            assert_eq!(&header[..n], expected, "{length}");
        }
    }
}
