//! The views of the page, one of which is shown.

use crate::i18n::Text;

/// A view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Topics, messages, one message: the client.
    #[default]
    Explore,
    /// Who is connected to the broker.
    Clients,
    /// What the broker keeps.
    Retained,
    /// What happens in it.
    Events,
    /// How it is.
    Broker,
}

impl Place {
    /// In the order in which they are offered.
    pub const ALL: [Place; 5] =
        [Place::Explore, Place::Clients, Place::Retained, Place::Events, Place::Broker];

    /// What a gateway has an answer for.
    pub(super) const OF_A_GATEWAY: [Place; 2] = [Place::Explore, Place::Broker];

    /// Its name in the address bar and for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Place::Explore => "explore",
            Place::Clients => "clients",
            Place::Retained => "retained",
            Place::Events => "events",
            Place::Broker => "broker",
        }
    }

    /// The opposite of [`name`](Place::name).
    pub fn of_name(name: &str) -> Option<Place> {
        Place::ALL.into_iter().find(|place| place.name() == name)
    }

    /// Its name for people.
    pub const fn text(self) -> Text {
        match self {
            Place::Explore => Text::Explore,
            Place::Clients => Text::Clients,
            Place::Retained => Text::RetainedView,
            Place::Events => Text::Events,
            Place::Broker => Text::Broker,
        }
    }
}
