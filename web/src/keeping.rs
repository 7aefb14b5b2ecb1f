//! What the publish form remembers, in the storage that all tabs share.

use crate::browser;
use crate::state::shelf::Shelf;

const SENT: &str = "tabmq.sent";
const TEMPLATES: &str = "tabmq.templates";

/// As it was kept; lines that make no sense are left out.
pub fn read_shelf() -> Shelf {
    let read = |name| browser::read(browser::shared_storage(), name).unwrap_or_default();
    let mut shelf = Shelf::default();
    shelf.read_sent(&read(SENT));
    shelf.import(&read(TEMPLATES));
    shelf
}

/// Keeps it; whether the templates are kept.
pub fn write_shelf(shelf: &Shelf) -> bool {
    browser::keep(browser::shared_storage(), SENT, &shelf.write_sent());
    browser::keep(browser::shared_storage(), TEMPLATES, &shelf.export())
}
