//! What the tests of this package share.

pub mod packets;
pub mod wire;
