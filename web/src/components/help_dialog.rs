//! The keys and what they do.

use super::modal::Modal;
use super::parts::{button, checked};
use crate::i18n::Text;
use crate::state::shortcuts::{ELSEWHERE, SHORTCUTS};
use crate::state::{Action, Look, View};
use yew::prelude::*;

/// See [`HelpDialog`].
#[derive(Properties, PartialEq)]
pub(super) struct HelpProps {
    pub(super) view: View,
    pub(super) on: Callback<Action>,
}

/// The help sheet.
#[component]
pub(super) fn HelpDialog(props: &HelpProps) -> Html {
    let state = props.view.read();
    let (look, on) = (state.ui.look, &props.on);
    let lang = look.lang;
    let line = |keys: &'static str, what: Text| {
        html! {
            <><dt>{ for keys.split(' ').map(|key| html! { <kbd>{ key }</kbd> }) }</dt><dd>{ lang.t(what) }</dd></>
        }
    };
    let switch = on.reform(move |event: Event| Action::Look(Look { keys: checked(&event), ..look }));
    html! {
        <Modal title={lang.t(Text::Help)} test="help" class="wide" on_close={on.reform(|()| Action::Dialog(None))}>
            <label class="check">
                <input type="checkbox" data-test="keys" checked={look.keys} onchange={switch} />
                { lang.t(Text::SingleKeys) }
            </label>
            <dl class="keys">{ for SHORTCUTS.iter().map(|shortcut| line(shortcut.key, shortcut.what)) }</dl>
            <h3>{ lang.t(Text::KeysElsewhere) }</h3>
            <dl class="keys">{ for ELSEWHERE.iter().map(|(keys, what)| line(keys, *what)) }</dl>
            <div class="buttons">
                if !look.hints {
                    { button(lang.t(Text::ShowHints), "hints-again", "", on.reform(move |_| Action::Look(Look { hints: true, ..look }))) }
                }
                { button(lang.t(Text::Close), "help-close", "primary", on.reform(|_| Action::Dialog(None))) }
            </div>
        </Modal>
    }
}
