//! What components share in behaviour.

mod slots;
mod use_frames;
mod use_hold;
mod use_keys;
mod use_media;
mod use_modal;
mod use_part;
mod use_reading;
mod use_rows;

pub use use_frames::use_frames;
pub use use_hold::{Hold, use_hold, use_let_go};
pub use use_keys::use_keys;
pub use use_media::use_media;
pub use use_modal::use_modal;
pub use use_part::{Lazy, use_part, use_part_when};
pub use use_reading::use_reading;
pub use use_rows::{Rows, use_rows};
