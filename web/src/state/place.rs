//! The views of the page, one of which is shown.

use super::AppState;
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

impl AppState {
    /// The views that there are something to show in: what a broker tells of its inside, it tells on its own page alone.
    pub fn places(&self) -> &'static [Place] {
        match self.broker_of_the_page() {
            Some(_) if self.is_session() => &[],
            Some(broker) if broker.upstream.is_some() => &Place::OF_A_GATEWAY,
            Some(_) => &Place::ALL,
            None => &[],
        }
    }

    /// The view that is shown.
    pub fn place(&self) -> Place {
        if self.places().contains(&self.ui.place) { self.ui.place } else { Place::Explore }
    }

    /// The topic whose messages the detail pane shows, if somebody looks at it.
    pub fn talked_about(&self) -> Option<&str> {
        let path = self.selection.path.as_deref().filter(|_| self.place() == Place::Explore)?;
        self.topics.find(path).and_then(|id| self.topics.node(id))?.topic.as_ref().map(|_| path)
    }
}
