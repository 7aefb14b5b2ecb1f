//! What components share in behaviour.

mod use_media;
mod use_rows;

pub use use_media::use_media;
pub use use_rows::{Rows, use_rows};
