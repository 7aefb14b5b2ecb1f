//! Keys that do something wherever the focus is, except in a field and under a dialog. Whoever speaks to the computer
//! or types by accident can switch them off (WCAG 2.1.4).

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
}

/// What is to be done for a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// This.
    Act(Action),
    /// Put the focus on the element with this `data-test`, in this part of the page.
    Focus(Tab, &'static str),
}

const fn shortcut(key: &'static str, what: Text, does: Does) -> Shortcut {
    Shortcut { key, what, does }
}

/// All of them, in the order of the help sheet.
pub const SHORTCUTS: [Shortcut; 15] = [
    shortcut("?", Text::Help, Does::Dialog(Dialog::Help)),
    shortcut("/", Text::KeyFilterMessages, Does::Focus(Tab::Messages, "message-filter")),
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
    Some(Command::Act(match shortcut.does {
        Does::Dialog(dialog) => Action::Dialog(Some(dialog)),
        Does::Focus(tab, test) => return Some(Command::Focus(tab, test)),
        Does::Pause => Action::Pause(!state.ui.paused),
        Does::Step(places) => Action::Page(PageAction::Step(places)),
        Does::CopyLink => Action::CopyLink,
        Does::Theme => Action::Look(Look { theme: look.theme.next(), ..look }),
        Does::Language => Action::Look(Look { lang: look.lang.next(), ..look }),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::super::subscriptions::Subscriptions;
    use super::*;

    fn state() -> AppState {
        AppState::new(Settings::new("tab-1".into()), Subscriptions::default(), Look::default())
    }

    #[test]
    fn every_key_does_one_thing() {
        let state = state();
        for (index, shortcut) in SHORTCUTS.iter().enumerate() {
            assert!(command(&state, shortcut.key).is_some(), "{}", shortcut.key);
            assert!(SHORTCUTS[..index].iter().all(|other| other.key != shortcut.key), "{}", shortcut.key);
        }
        assert_eq!(command(&state, "?"), Some(Command::Act(Action::Dialog(Some(Dialog::Help)))));
        assert_eq!(command(&state, "k"), Some(Command::Act(Action::Pause(true))));
        assert_eq!(command(&state, "x"), None);
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
