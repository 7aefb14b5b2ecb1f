//! Keys that do something wherever the focus is, except in a field and under a dialog. Whoever speaks to the computer
//! or types by accident can switch them off (WCAG 2.1.4).

use super::place::Place;
use super::{Action, AppState, Dialog, Look, PageAction, Tab};
use crate::i18n::Text;

/// A key and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Shortcut {
    /// As the browser names it.
    pub key: &'static str,
    /// In words.
    pub what: Text,
    does: Does,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Dialog(Dialog),
    Focus(Tab, &'static str),
    Pause,
    Step(isize),
    CopyLink,
    Theme,
    Language,
    Place(Place),
}

/// What is to be done for a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// This.
    Act(Action),
    /// Put the focus on the element with this `data-test`, in this part of the page; `None`: in what is shown.
    Focus(Option<Tab>, &'static str),
}

const fn shortcut(key: &'static str, what: Text, does: Does) -> Shortcut {
    Shortcut { key, what, does }
}

const FIND: &str = "/";

/// All of them, in the order of the help sheet.
pub const SHORTCUTS: [Shortcut; 20] = [
    shortcut("?", Text::Help, Does::Dialog(Dialog::Help)),
    shortcut(FIND, Text::KeyFilterMessages, Does::Focus(Tab::Messages, "message-filter")),
    shortcut("t", Text::KeyFilterTopics, Does::Focus(Tab::Topics, "topic-filter")),
    shortcut("s", Text::KeySubscribe, Does::Focus(Tab::Topics, "subscribe-filter")),
    shortcut("p", Text::KeyPublish, Does::Focus(Tab::Publish, "publish-payload")),
    shortcut("h", Text::Shelf, Does::Dialog(Dialog::Shelf)),
    shortcut("r", Text::Recordings, Does::Dialog(Dialog::Recording)),
    shortcut("k", Text::KeyPause, Does::Pause),
    shortcut("l", Text::CopyLink, Does::CopyLink),
    shortcut("q", Text::Share, Does::Dialog(Dialog::Share)),
    shortcut(",", Text::OpenSettings, Does::Dialog(Dialog::Connection)),
    shortcut("n", Text::NewConnection, Does::Dialog(Dialog::NewConnection)),
    shortcut("]", Text::KeyNextConnection, Does::Step(1)),
    shortcut("d", Text::KeyTheme, Does::Theme),
    shortcut("z", Text::KeyLanguage, Does::Language),
    shortcut("1", Text::Explore, Does::Place(Place::Explore)),
    shortcut("2", Text::Clients, Does::Place(Place::Clients)),
    shortcut("3", Text::RetainedView, Does::Place(Place::Retained)),
    shortcut("4", Text::Events, Does::Place(Place::Events)),
    shortcut("5", Text::Broker, Does::Place(Place::Broker)),
];

/// Keys that belong to a part of the page.
pub const ELSEWHERE: [(&str, Text); 4] = [
    ("Ctrl+Enter", Text::KeySend),
    ("↑ ↓ Home End", Text::KeyList),
    ("← →", Text::KeyTree),
    ("Esc", Text::KeyEscape),
];

/// What is to be done for a key, if anything.
pub fn command(state: &AppState, key: &str) -> Option<Command> {
    if !state.ui.look.keys || state.ui.dialog.is_some() || state.ui.question.is_some() {
        return None;
    }
    let shortcut = SHORTCUTS.iter().find(|shortcut| shortcut.key == key)?;
    let look = state.ui.look;
    // Every view has something to look for.
    if key == FIND && state.place() != Place::Explore {
        return Some(Command::Focus(None, "place-find"));
    }
    Some(Command::Act(match shortcut.does {
        Does::Dialog(dialog) => Action::Dialog(Some(dialog)),
        Does::Focus(tab, test) => return Some(Command::Focus(Some(tab), test)),
        Does::Pause => Action::Pause(!state.ui.paused),
        Does::Step(places) => Action::Page(PageAction::Step(places)),
        Does::CopyLink => Action::CopyLink,
        Does::Theme => Action::Look(Look { theme: look.theme.next(), ..look }),
        Does::Place(place) if state.places().contains(&place) => Action::Place(place),
        Does::Place(_) => return None,
        Does::Language => Action::Look(Look { lang: look.lang.next(), ..look }),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::BrokerInfo;
    use super::super::settings::Settings;
    use super::super::subscriptions::Subscriptions;
    use super::*;

    fn state() -> AppState {
        AppState::new(Settings::new("tab-1".into()), Subscriptions::default(), Look::default())
    }

    #[test]
    fn every_key_does_one_thing() {
        let mut state = state();
        assert_eq!(command(&state, "2"), None, "nobody knows yet whether the broker is one of ours");
        state.apply(Action::Broker(BrokerInfo::default()));
        for (index, shortcut) in SHORTCUTS.iter().enumerate() {
            assert!(command(&state, shortcut.key).is_some(), "{}", shortcut.key);
            assert!(SHORTCUTS[..index].iter().all(|other| other.key != shortcut.key), "{}", shortcut.key);
        }
        assert_eq!(command(&state, "?"), Some(Command::Act(Action::Dialog(Some(Dialog::Help)))));
        assert_eq!(command(&state, "k"), Some(Command::Act(Action::Pause(true))));
        assert_eq!(command(&state, "x"), None);
        state.apply(Action::Place(Place::Clients));
        assert_eq!(command(&state, "/"), Some(Command::Focus(None, "place-find")));
    }

    #[test]
    fn none_under_a_dialog_or_where_they_are_switched_off() {
        let mut under = state();
        under.apply(Action::Dialog(Some(Dialog::Help)));
        assert_eq!(command(&under, "k"), None);
        let mut off = state();
        off.apply(Action::Look(Look { keys: false, ..Look::default() }));
        assert_eq!(command(&off, "?"), None);
    }
}
