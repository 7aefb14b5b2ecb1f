//! What is looked at, and how.

use super::desk::Spot;
use super::filter::ListFilter;
use super::history::Message;
use super::place::Place;
use super::query::{self, Pair};
use super::toasts::{Question, Toasts};
use crate::i18n::Lang;
use std::rc::Rc;

/// What is selected.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A topic, or a level above topics.
    pub path: Option<Rc<str>>,
    /// A message of that topic; `None`: always the last one. It is kept here even when the history lets it go.
    pub message: Option<Message>,
}

/// The parts of the page. On a narrow screen, one of them is shown at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Topic tree and subscriptions.
    #[default]
    Topics,
    /// The message list.
    Messages,
    /// The selected topic.
    Details,
    /// The publish form.
    Publish,
    /// The charts; on a wide screen they stand in the messages' place.
    Charts,
}

impl Tab {
    /// In the order in which they are shown.
    pub const ALL: [Tab; 5] = [Tab::Topics, Tab::Messages, Tab::Charts, Tab::Details, Tab::Publish];

    const fn name(self) -> &'static str {
        match self {
            Tab::Topics => "topics",
            Tab::Messages => "messages",
            Tab::Details => "details",
            Tab::Publish => "publish",
            Tab::Charts => "charts",
        }
    }
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// What the switch goes to next.
    pub const fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }

    /// Its name in the address bar, the storage and the style sheet.
    pub const fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// Theme and language: the same in all tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Language.
    pub lang: Lang,
    /// Whether single keys do something.
    pub keys: bool,
    /// Whether first visitors are told what to do.
    pub hints: bool,
}

impl Default for Look {
    fn default() -> Self {
        Look { theme: Theme::default(), lang: Lang::default(), keys: true, hints: true }
    }
}

impl Look {
    /// Takes over what these pairs say.
    pub fn read(&mut self, pairs: &[Pair]) {
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("theme", "system") => self.theme = Theme::System,
                ("theme", "light") => self.theme = Theme::Light,
                ("theme", "dark") => self.theme = Theme::Dark,
                ("keys", on) => self.keys = on != "0",
                ("hints", on) => self.hints = on != "0",
                ("lang", code) => self.lang = Lang::from_code(code).unwrap_or(self.lang),
                _ => {}
            }
        }
    }

    /// For [`read`](Look::read).
    pub fn write(&self) -> String {
        let digit = |on| if on { "1" } else { "0" };
        query::encode([
            ("theme", self.theme.name()),
            ("lang", self.lang.code()),
            ("keys", digit(self.keys)),
            ("hints", digit(self.hints)),
        ])
    }
}

/// What the address bar says behind `#`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The selected topic.
    pub topic: String,
    /// The message list's filter.
    pub list_filter: ListFilter,
    /// The topic tree's filter.
    pub tree_filter: String,
    /// The part that is shown on a narrow screen.
    pub tab: Tab,
    /// The charts; see `crate::charts::link`.
    pub charts: String,
    /// The view.
    pub place: Place,
    /// What is looked for and looked into there.
    pub spot: Spot,
}

impl Location {
    /// Whether it is another place than `before`, and not only the same one with other filters.
    pub fn is_step_from(&self, before: &Location) -> bool {
        let place = |location: &Location| (location.place, location.tab, location.spot.item.clone());
        place(self) != place(before) || self.topic != before.topic
    }

    /// From the fragment, without its `#`.
    pub fn read(fragment: &str) -> Self {
        let mut location = Location::default();
        for pair in query::decode(fragment) {
            location.list_filter.read(&pair);
            let (name, value) = pair;
            match name.as_str() {
                "topic" => location.topic = value,
                "topics" => location.tree_filter = value,
                "charts" => location.charts = value,
                "view" => location.place = Place::of_name(&value).unwrap_or_default(),
                "find" => location.spot.find = value,
                "item" => location.spot.item = value,
                "tab" => {
                    location.tab = Tab::ALL.into_iter().find(|tab| tab.name() == value).unwrap_or_default()
                }
                _ => {}
            }
        }
        location
    }

    /// The opposite of [`read`](Location::read); what is not set is left out.
    pub fn write(&self) -> String {
        let tab = if self.tab == Tab::default() { "" } else { self.tab.name() };
        let place = if self.place == Place::default() { "" } else { self.place.name() };
        let pairs = [
            ("view", place),
            ("find", self.spot.find.as_str()),
            ("item", self.spot.item.as_str()),
            ("topic", self.topic.as_str()),
            ("topics", self.tree_filter.as_str()),
            ("tab", tab),
            ("charts", self.charts.as_str()),
        ];
        let pairs = pairs.into_iter().chain(self.list_filter.pairs());
        query::encode(pairs.filter(|(_, value)| !value.is_empty()))
    }
}

/// What a TabMQ broker says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerInfo {
    /// Its version.
    pub version: String,
    /// Where native clients connect: host and port of its first plain MQTT listener, as seen from this page.
    pub mqtt: Option<(String, u16)>,
    /// The broker behind it, if it is only a gateway: then nobody answers but for MQTT and publishing.
    pub upstream: Option<String>,
    /// Whether it tells more only to whoever logs in.
    pub locked: bool,
}

/// What lies over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// How this connection is made.
    Connection,
    /// How another one is to be made.
    NewConnection,
    /// A subscription, new or to be changed.
    Subscription,
    /// What was published, and templates.
    Shelf,
    /// A recording, an export, a file to look at or to replay.
    Recording,
    /// The address of what is seen, as text and as a picture.
    Share,
    /// The keys and what they do.
    Help,
}

/// The rest.
#[derive(Clone, Debug)]
pub struct Ui {
    /// Theme and language.
    pub look: Look,
    /// The view that is wanted; see [`AppState::place`](super::AppState::place).
    pub place: Place,
    /// The part that is shown on a narrow screen.
    pub tab: Tab,
    /// What the message list is filtered by.
    pub list_filter: ListFilter,
    /// Whether the filter's rarer parts are shown.
    pub more_filters: bool,
    /// Whether somebody has paused the list.
    pub paused: bool,
    /// Whether the pointer is over it.
    pub list_held: bool,
    /// Whether it is scrolled away from its newest row.
    pub list_away: bool,
    /// What lies over the page.
    pub dialog: Option<Dialog>,
    /// What is asked, over the page and any dialog.
    pub question: Option<Question>,
    /// What is said for a moment.
    pub toasts: Toasts,
}

impl Ui {
    pub(super) fn new(look: Look) -> Self {
        Ui {
            look,
            place: Place::default(),
            tab: Tab::default(),
            list_filter: ListFilter::default(),
            more_filters: false,
            paused: false,
            list_held: false,
            list_away: false,
            dialog: None,
            question: None,
            toasts: Toasts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_bar_is_the_state() {
        let location = Location {
            topic: "home/küche/#1".into(),
            list_filter: ListFilter { text: "home/+".into(), sent: Some(true), ..ListFilter::default() },
            tree_filter: String::new(),
            tab: Tab::Publish,
            charts: "a,b!x;@60@c".into(),
            place: Place::Clients,
            spot: Spot { find: "a b".into(), item: "tab-1".into() },
        };
        assert_eq!(Location::read(&location.write()), location);
        assert_eq!(Location::default().write(), "");
        assert_eq!(Location::read("tab=nonsense&x=y"), Location::default());
    }

    #[test]
    fn looks() {
        let look = Look { theme: Theme::Dark, lang: Lang::Zh, keys: false, hints: false };
        let mut read = Look::default();
        read.read(&query::decode(&look.write()));
        assert_eq!(read, look);
        read.read(&query::decode("theme=pink&lang=xx"));
        assert_eq!(read, look);
    }
}
