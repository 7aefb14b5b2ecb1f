//! The page.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)
)]
pub mod state;
pub mod payload;
pub mod format;
pub mod i18n;
/// Start
pub fn start() {}
