//! A short byte string that owns its bytes.

use std::fmt;

/// Bytes that one of them holds without an allocation.
const INLINE: usize = 22;

/// Topic text: a level, some levels, a whole topic or filter. 24 bytes; up to 22 bytes of text lie inside, which is
/// most of what a broker sees. It never shares the buffer that the text came from.
#[derive(Clone)]
pub(super) enum Label {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl Label {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Label::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Label::Heap(bytes) => bytes,
        }
    }

    /// `first/second`.
    pub(super) fn joined(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(first.len() + 1 + second.len());
        bytes.extend_from_slice(first);
        bytes.push(b'/');
        bytes.extend_from_slice(second);
        Label::from(bytes.as_slice())
    }
}

impl From<&[u8]> for Label {
    fn from(text: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(front), Ok(len)) => {
                front.copy_from_slice(text);
                Label::Inline { len, bytes }
            }
            _ => Label::Heap(text.into()),
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
    }
}
