//! What a first visitor is told, until it was done or is not wanted.

use super::icon::Icon;
use super::parts::icon_button;
use crate::i18n::Text;
use crate::state::{Action, AppState, Look};
use yew::prelude::*;

/// The hints: each goes away once it was followed.
pub fn hints(state: &AppState, on: &Callback<Action>) -> Html {
    let look = state.ui.look;
    let lang = look.lang;
    let steps = [
        (state.selection.path.is_none() && state.counters.received > 0, Text::HintSelect),
        (state.publishing.sent.is_none(), Text::HintPublish),
        (true, Text::HintKeys),
    ];
    let connected = state.connection.state.is_connected();
    if !look.hints || !connected {
        return Html::default();
    }
    html! {
        <div class="notice hints" role="region" aria-label={lang.t(Text::HintsTitle)} data-test="hints">
            <b>{ lang.t(Text::HintsTitle) }</b>
            <ul>{ for steps.into_iter().filter(|(open, _)| *open).map(|(_, text)| html! { <li>{ lang.t(text) }</li> }) }</ul>
            { icon_button(Icon::Close, lang.t(Text::HintsClose), "hints-close", on.reform(move |_| Action::Look(Look { hints: false, ..look }))) }
        </div>
    }
}
