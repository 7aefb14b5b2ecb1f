//! How the page looks and what it shows at first: what is kept, and what the address bar says on top.

use super::LOOK;
use crate::browser;
use crate::i18n::Lang;
use crate::state::place::Place;
use crate::state::{Location, Look, Theme, query};

/// What the address bar says is looked at; a view may stand before the `#` as well, where people write it.
pub(super) fn location() -> Location {
    let location = Location::read(&browser::fragment());
    let view = query::decode(&browser::query()).into_iter().find(|(name, _)| name == "view");
    match view.and_then(|(_, name)| Place::of_name(&name)) {
        Some(place) if location == Location::default() => Location { place, ..location },
        _ => location,
    }
}

/// What all tabs have kept, with what the address bar says on top.
pub(super) fn look() -> Look {
    let mut look =
        Look { lang: Lang::from_code(&browser::language()).unwrap_or_default(), ..Look::default() };
    if let Some(kept) = browser::read(browser::shared_storage(), LOOK) {
        look.read(&query::decode(&kept));
    }
    look.read(&query::decode(&browser::query()));
    look
}

pub(super) fn show_look(look: Look) {
    let dark = match look.theme {
        Theme::System => browser::matches_media("(prefers-color-scheme: dark)"),
        Theme::Light => false,
        Theme::Dark => true,
    };
    browser::set_root_attribute("data-theme", if dark { "dark" } else { "light" });
    browser::set_root_attribute("lang", if look.lang == Lang::Zh { "zh-Hans" } else { "en" });
}
