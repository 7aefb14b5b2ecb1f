//! Payloads as people can look into them: bytes in, trees, texts and differences out. No browser, no clock.
//!
//! In reading order:
//!
//! - [`tree`]: what every structured payload becomes. [`path`]: where in a tree a value is.
//! - [`json`]: strict, exact, never parsed into floats. [`number`]: numbers in text and in binary.
//! - [`cbor`], [`msgpack`], [`protobuf`], [`sparkplug`], [`xml`]: one format each.
//! - [`packing`]: gzip, zlib and deflate, bounded.
//! - [`guess`]: which of all these it may be. [`diff`]: what has changed between two texts.
//! - [`problem`]: what is wrong with a payload, as a sentence.
//!
//! Payloads come from strangers. Whatever they hold, a decoder ends, takes memory in proportion to what it was given, and
//! says what it has left out: [`MAX_DEPTH`], [`MAX_NODES`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod cbor;
pub mod diff;
pub mod guess;
mod input;
pub mod json;
pub mod msgpack;
pub mod number;
pub mod packing;
pub mod path;
pub mod problem;
pub mod protobuf;
pub mod sparkplug;
mod time;
pub mod tree;
pub mod xml;

pub use problem::{Language, Problem};
pub use tree::Tree;

/// Deeper than this nobody reads, and a stranger could overrun the stack.
pub const MAX_DEPTH: usize = 128;

/// A tree with more nodes than this is cut, and says so.
pub const MAX_NODES: usize = 250_000;
