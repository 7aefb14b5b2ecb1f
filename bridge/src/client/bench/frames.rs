//! WebSocket frames (RFC 6455, section 5) from the client's side, one frame for all that is written at a time.
//!
//! `tabmq pub` and `sub` use tungstenite. Here frames are taken apart and masked where they are in memory, so that the
//! load generator is not slower over WebSocket than it is over TCP.

use crate::mask;

/// The most that a frame's header of a client takes.
pub(super) const MAX_HEADER: usize = 14;

const FIN_AND_BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;

/// What the server's frames bring besides data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// To be answered by [`pong`] with the same payload.
    Ping(Vec<u8>),
    Close,
}

/// Takes the frames of a server apart, in whatever portions they come.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    /// The header that has not come as a whole yet.
    header: Vec<u8>,
    /// Bytes of the current frame's payload that are still to come.
    remaining: u64,
    /// The payload of a control frame so far, and its opcode.
    control: Option<(u8, Vec<u8>)>,
}

impl Deframer {
    /// Moves the payloads in `chunk` to its front and says how many bytes they are.
    pub(super) fn deframe(&mut self, chunk: &mut [u8], notices: &mut Vec<Notice>) -> Result<usize, String> {
        let (mut read, mut kept) = (0, 0);
        while let Some(rest) = chunk.get(read..).filter(|rest| !rest.is_empty()) {
            if self.remaining == 0 {
                self.header.extend(rest.first());
                read += 1;
                if let Some((opcode, length)) = parse_header(&self.header)? {
                    self.header.clear();
                    self.remaining = length;
                    self.control = (opcode >= 8).then(|| (opcode, Vec::new()));
                    self.end_of_control(notices);
                }
                continue;
            }
            let n = rest.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
            match &mut self.control {
                Some((_, payload)) => payload.extend_from_slice(rest.get(..n).unwrap_or_default()),
                None => {
                    chunk.copy_within(read..read + n, kept);
                    kept += n;
                }
            }
            read += n;
            self.remaining -= n as u64;
            self.end_of_control(notices);
        }
        Ok(kept)
    }

    fn end_of_control(&mut self, notices: &mut Vec<Notice>) {
        if self.remaining > 0 {
            return;
        }
        match self.control.take() {
            Some((0x9, payload)) => notices.push(Notice::Ping(payload)),
            Some((0x8, _)) => notices.push(Notice::Close),
            _ => {} // data, or a Pong
        }
    }
}

/// The opcode and the payload's length, once the header is complete.
fn parse_header(header: &[u8]) -> Result<Option<(u8, u64)>, String> {
    let &[first, second, ref rest @ ..] = header else { return Ok(None) };
    let opcode = first & 0x0F;
    if first & 0x70 != 0 || second & MASKED != 0 || !matches!(opcode, 0 | 2 | 8 | 9 | 10) {
        return Err(format!("the server sent a WebSocket frame that is not valid: {first:02X} {second:02X}"));
    }
    Ok(match (second, rest) {
        (126, &[a, b]) => Some((opcode, u64::from(u16::from_be_bytes([a, b])))),
        (127, rest) => rest.try_into().ok().map(|length| (opcode, u64::from_be_bytes(length))),
        (126, _) => None,
        (length, _) => Some((opcode, u64::from(length))),
    })
}

/// Makes `buffer` a binary frame. Its first [`MAX_HEADER`] bytes are room for the header, the rest is the payload. Returns
/// where the frame begins.
pub(super) fn seal(buffer: &mut [u8], mask: [u8; 4]) -> usize {
    let Some((room, payload)) = buffer.split_first_chunk_mut::<MAX_HEADER>() else { return 0 };
    let length = payload.len();
    let mut header = Vec::with_capacity(MAX_HEADER);
    header.push(FIN_AND_BINARY);
    put_length(&mut header, length);
    header.extend(mask);
    mask::apply(payload, mask);
    let start = MAX_HEADER - header.len();
    if let Some(place) = room.get_mut(start..) {
        place.copy_from_slice(&header);
    }
    start
}

/// Appends the answer to a Ping.
pub(super) fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend([0x8A, MASKED | payload.len().min(125) as u8, 0, 0, 0, 0]);
    out.extend(payload.iter().take(125));
}

/// Appends a Close frame with the code for "normal".
pub(super) fn close(out: &mut Vec<u8>) {
    out.extend([0x88, MASKED | 2, 0, 0, 0, 0, 0x03, 0xE8]);
}

fn put_length(header: &mut Vec<u8>, length: usize) {
    match length {
        0..=125 => header.push(MASKED | length as u8),
        126..=0xFFFF => {
            header.push(MASKED | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(MASKED | 127);
            header.extend((length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    /// tungstenite's frames are what ours are compared with.
    #[test]
    fn frames_are_what_tungstenite_reads() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_001] {
            let payload: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            let mut buffer = vec![0; MAX_HEADER];
            buffer.extend(&payload);
            let start = seal(&mut buffer, [1, 2, 3, 250]);
            let mut socket = FrameSocket::new(std::io::Cursor::new(buffer[start..].to_vec()));
            let frame = socket.read(None).unwrap().unwrap();
            assert!(frame.header().is_final);
            assert_eq!(frame.header().opcode, OpCode::Data(Data::Binary));
            // It leaves the mask on.
            let mask = frame.header().mask.unwrap();
            let unmasked = frame.payload().iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
            assert!(unmasked.eq(payload), "{length}");
        }
    }

    #[test]
    fn frames_of_a_server_in_any_portions() {
        let long: Vec<u8> = (0..70_000).map(|i| i as u8).collect();
        let header = |opcode: u8, length: usize| match length {
            n @ 0..=125 => vec![opcode, n as u8],
            n @ 126..=65_535 => [&[opcode, 126], &(n as u16).to_be_bytes()[..]].concat(),
            n => [&[opcode, 127], &(n as u64).to_be_bytes()[..]].concat(),
        };
        let frame = |opcode: u8, payload: &[u8]| [header(opcode, payload.len()), payload.to_vec()].concat();
        let input = [
            frame(0x82, b"one"),
            frame(0x82, b""),
            frame(0x89, b"here?"),
            frame(0x02, b"two"),
            frame(0x80, &long[..300]),
            frame(0x89, b""),
            frame(0x82, &long),
            frame(0x8A, b"x"),
            frame(0x88, &[3, 0xE8]),
        ]
        .concat();
        for portion in [1, 2, 3, 7, 1000, input.len()] {
            let (mut deframer, mut notices, mut data) = (Deframer::default(), Vec::new(), Vec::new());
            for chunk in input.chunks(portion) {
                let mut chunk = chunk.to_vec();
                let kept = deframer.deframe(&mut chunk, &mut notices).unwrap();
                data.extend_from_slice(&chunk[..kept]);
            }
            assert!(data == [b"onetwo", &long[..300], &long].concat(), "portions of {portion}");
            let expected = [Notice::Ping(b"here?".to_vec()), Notice::Ping(vec![]), Notice::Close];
            assert_eq!(notices, expected);
        }
    }

    #[test]
    fn text_masked_and_reserved_are_refused() {
        for bytes in [[0x81, 0], [0x82, 0x80], [0xC2, 0], [0x83, 0]] {
            assert!(
                Deframer::default().deframe(&mut bytes.clone(), &mut Vec::new()).is_err(),
                "{bytes:02X?}"
            );
        }
    }
}
