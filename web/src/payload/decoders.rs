//! What decodes payloads that are neither text nor JSON, as far as it is known before it is loaded: see
//! [`lazy`](crate::lazy).

use super::Coding;
use tabmq_decoders::diff::Diff;
use tabmq_decoders::guess::Guess;
use tabmq_decoders::packing::{Packing, Unpacked};
use tabmq_decoders::protobuf::SourceFile;
use tabmq_decoders::{Problem, Tree};

/// A payload that was decoded, or not.
pub type Decoded = Result<Tree, Problem>;

/// What reads payloads that are neither text nor JSON.
#[derive(Clone, Copy, Debug)]
pub struct Decoders {
    /// See [`Packing::unpack`].
    pub unpack: fn(Packing, &[u8], usize) -> Result<Unpacked, Problem>,
    /// See [`on_closer_look`](tabmq_decoders::guess::on_closer_look).
    pub guess: fn(&[u8]) -> Guess,
    /// A payload as a tree; for Sparkplug B with the BIRTH messages that explain it.
    pub decode: fn(Coding, &[u8], &[&[u8]]) -> Decoded,
    /// Protobuf without its schema.
    pub protobuf: fn(&[u8]) -> Decoded,
    /// XML, indented.
    pub xml: fn(&str) -> Result<String, Problem>,
    /// See [`diff`](tabmq_decoders::diff::diff).
    pub diff: fn(&str, &str) -> Diff,
}

/// What compiles schemas of Protobuf: a compiler is large, and few have one.
#[derive(Clone, Copy, Debug)]
pub struct Schemas {
    /// The full names of a schema's messages.
    pub messages: fn(&[SourceFile]) -> Result<Vec<String>, Problem>,
    /// A payload as a message of a schema.
    pub decode: fn(&[SourceFile], &str, &[u8]) -> Decoded,
}
