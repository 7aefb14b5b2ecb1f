//! What components share in behaviour.

mod use_hold;
mod use_media;
mod use_modal;
mod use_part;
mod use_rows;

pub use use_hold::{Hold, use_hold, use_let_go};
pub use use_media::use_media;
pub use use_modal::use_modal;
pub use use_part::{Lazy, use_part};
pub use use_rows::{Rows, use_rows};
