//! Pictures, as outlines on a grid of sixteen.

use yew::prelude::*;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Icon {
    Back,
    Caret,
    Changed,
    Chart,
    Clear,
    Close,
    Compare,
    Copy,
    Dark,
    Filter,
    History,
    Help,
    Leave,
    Light,
    More,
    NewTab,
    Pause,
    Pin,
    Play,
    Save,
    ZoomOut,
    Settings,
    System,
    Unfold,
    Fold,
    Plus,
    Record,
    Share,
}

impl Icon {
    /// The outlines that the first paint shows; the others come after it.
    fn path(self) -> &'static str {
        match self {
            Icon::Caret => "M6 4l4 4-4 4",
            Icon::Changed => "M2 10.5h2.5l2-6 3 8 2-5H14",
            Icon::Pin => "M6 2.5h4l-.6 4.2 2.1 2H4.5l2.1-2zM8 8.7v5",
            Icon::Clear => "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9M6.8 7v4M9.2 7v4",
            Icon::Filter => "M2.5 3.5h11L9.5 8.5v4l-3 1.5v-5.5z",
            Icon::More => "M3.5 8h.01M8 8h.01M12.5 8h.01",
            Icon::Pause => "M5.5 3.5v9M10.5 3.5v9",
            Icon::Settings => "M2 4.5h6M11 4.5h3M9.5 3v3M2 11.5h3M8 11.5h6M6.5 10v3",
            Icon::Unfold => "M4.5 6L8 2.5 11.5 6M4.5 10L8 13.5l3.5-3.5",
            Icon::Fold => "M4.5 2.5L8 6l3.5-3.5M4.5 13.5L8 10l3.5 3.5",
            other => other.later_path(),
        }
    }

    #[inline(never)]
    const fn later_path(self) -> &'static str {
        match self {
            Icon::Back => "M10 3.5L5.5 8l4.5 4.5",
            Icon::Chart => "M2.5 2.5v11h11M4.5 10.5l3-4 2.5 2 3.5-5",
            Icon::Close => "M4.5 4.5l7 7M11.5 4.5l-7 7",
            Icon::Compare => "M5 3v10M5 13l-2-2M5 13l2-2M11 13V3M11 3L9 5M11 3l2 2",
            Icon::Copy => "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
            Icon::Dark => "M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z",
            Icon::History => "M3 8a5 5 0 1 1 1.6 3.7M3 12.5v-3h3M8 5v3.2l2 1.3",
            Icon::Help => "M5.8 6a2.2 2.2 0 1 1 3.3 1.9c-.8.5-1.1.9-1.1 1.8M8 12.2v.3",
            Icon::Record => "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
            Icon::Share => {
                "M3 3h3.5v3.5H3zM9.5 3H13v3.5H9.5zM3 9.5h3.5V13H3zM9.5 9.5h1.2v1.2H9.5zM12 12h1v1h-1zM12.8 9.5h.2M9.5 13h.2"
            }
            Icon::Leave => "M9 2.5H3.5v11H9M6.5 8h7M11 5.5L13.5 8 11 10.5",
            Icon::Light => {
                "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9"
            }
            Icon::NewTab => "M9 2.5h4.5V7M13.3 2.7L7.5 8.5M11.5 9.5v4h-9v-9h4",
            Icon::Play => "M5 3.5l7.5 4.5L5 12.5z",
            Icon::Save => "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M2.5 10.5v3h11v-3",
            Icon::ZoomOut => "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3l3.2 3.2M5 7h4",
            Icon::System => "M2.5 3.5h11v7h-11zM6 13h4M8 10.5V13",
            Icon::Plus => "M8 3.5v9M3.5 8h9",
            Icon::Caret
            | Icon::Changed
            | Icon::Pin
            | Icon::Clear
            | Icon::Filter
            | Icon::More
            | Icon::Pause
            | Icon::Settings
            | Icon::Unfold
            | Icon::Fold => "",
        }
    }

    /// The picture; it says nothing to a screen reader, whatever holds it must.
    pub(super) fn view(self) -> Html {
        html! { <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d={self.path()} /></svg> }
    }
}
