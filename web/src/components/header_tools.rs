//! The tools at the end of the page's head: as buttons, or in a menu where there is no room for them.

use super::icon::Icon;
use super::modal::{Menu, MenuItem};
use super::parts::icon_button;
use crate::i18n::{Lang, Text};
use crate::state::{Action, Dialog, Look, Theme};
use yew::prelude::*;

/// See [`HeaderTools`].
#[derive(Properties, PartialEq)]
pub(super) struct ToolsProps {
    pub(super) look: Look,
    pub(super) narrow: bool,
    pub(super) on: Callback<Action>,
}

/// What opens a dialog or a tab: picture, words, name for scripts, key.
const TOOLS: [(Icon, Text, &str, &str, Action); 4] = [
    (Icon::Record, Text::Recordings, "recordings", "r", Action::Dialog(Some(Dialog::Recording))),
    (Icon::Share, Text::Share, "share-open", "q", Action::Dialog(Some(Dialog::Share))),
    (Icon::NewTab, Text::SecondTab, "second-tab", "", Action::OpenTab),
    (Icon::Help, Text::Help, "help-open", "?", Action::Dialog(Some(Dialog::Help))),
];

/// The tools.
#[component]
pub(super) fn HeaderTools(props: &ToolsProps) -> Html {
    let menu = use_state_eq(|| None);
    let (lang, on) = (props.look.lang, &props.on);
    if !props.narrow {
        let tool = |(icon, label, test, key, action): (Icon, Text, &'static str, &str, Action)| {
            let label =
                if key.is_empty() { lang.t(label).to_owned() } else { format!("{} ({key})", lang.t(label)) };
            icon_button(icon, label, test, on.reform(move |_| action.clone()))
        };
        return html! {
            <><>{ for TOOLS.map(tool) }</>{ language_button(props) }{ theme_button(props) }</>
        };
    }
    let open = {
        let menu = menu.clone();
        Callback::from(move |event: MouseEvent| menu.set(Some((event.client_x(), event.client_y()))))
    };
    html! {
        <>
            { icon_button(Icon::More, lang.t(Text::More), "more", open) }
            if let Some(at) = *menu {
                <Menu label={lang.t(Text::More)} {at} items={items(props)} on={on.clone()}
                    on_close={let menu = menu.setter(); move |()| menu.set(None)} />
            }
        </>
    }
}

fn items(props: &ToolsProps) -> Vec<MenuItem> {
    let (look, lang) = (props.look, props.look.lang);
    let (theme, theme_name) = theme(look);
    let tools = TOOLS.map(|(_, label, test, _, action)| MenuItem::new(lang.t(label), test, vec![action]));
    let looks = [
        MenuItem::new(lang.t(Text::OtherLanguage), "language", vec![other_language(look)]),
        MenuItem::new(theme_name, "theme-toggle", vec![theme]),
    ];
    tools.into_iter().chain(looks).collect()
}

fn other_language(look: Look) -> Action {
    Action::Look(Look { lang: look.lang.next(), ..look })
}

/// What the switch does, and what it says: which theme there is.
fn theme(look: Look) -> (Action, String) {
    let name = match look.theme {
        Theme::System => Text::ThemeSystem,
        Theme::Light => Text::ThemeLight,
        Theme::Dark => Text::ThemeDark,
    };
    let words = look.lang.fill(Text::Theme, &[("theme", look.lang.t(name))]);
    (Action::Look(Look { theme: look.theme.next(), ..look }), words)
}

fn language_button(props: &ToolsProps) -> Html {
    let look = props.look;
    html! {
        <button type="button" class="icon-button" data-test="language" lang={look.lang.next().code()}
            aria-label={look.lang.t(Text::OtherLanguage)} title={look.lang.t(Text::OtherLanguage)}
            onclick={props.on.reform(move |_| other_language(look))}>
            { if look.lang == Lang::En { "文" } else { "EN" } }
        </button>
    }
}

fn theme_button(props: &ToolsProps) -> Html {
    let icon = match props.look.theme {
        Theme::System => Icon::System,
        Theme::Light => Icon::Light,
        Theme::Dark => Icon::Dark,
    };
    let (action, label) = theme(props.look);
    icon_button(icon, label, "theme-toggle", props.on.reform(move |_| action.clone()))
}
