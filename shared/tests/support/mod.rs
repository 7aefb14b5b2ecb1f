//! What the tests of this package share.

pub mod cases;
pub mod packets;
pub mod wire;
