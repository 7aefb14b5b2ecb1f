//! What a first visitor is told, until it was done or is not wanted.

use super::icon::Icon;
use super::parts::icon_button;
use crate::browser::{self, BY_TOUCH};
use crate::i18n::Text;
use crate::state::{Action, AppState, Look};
use yew::prelude::*;

/// The hints: each goes away once it was followed.
pub fn hints(state: &AppState, narrow: bool, on: &Callback<Action>) -> Html {
    let look = state.ui.look;
    let lang = look.lang;
    // Fingers have no keys.
    let by_touch = browser::matches_media(BY_TOUCH);
    let button = [("tab", lang.t(Text::Publish)), ("button", lang.t(Text::Send))];
    let publish = match (narrow, by_touch) {
        (true, _) => lang.fill(Text::HintPublishTab, &button),
        (false, true) => lang.fill(Text::HintPublishTouch, &button),
        (false, false) => lang.t(Text::HintPublish).to_owned(),
    };
    let steps = [
        (state.selection.path.is_none() && state.counters.received > 0, lang.t(Text::HintSelect).to_owned()),
        (state.publishing.sent.is_none(), publish),
        (!by_touch, lang.t(Text::HintKeys).to_owned()),
    ];
    let open: Vec<_> = steps.into_iter().filter(|(open, _)| *open).collect();
    let connected = state.connection.state.is_connected();
    if !look.hints || !connected || open.is_empty() {
        return Html::default();
    }
    html! {
        <div class="notice hints" role="region" aria-label={lang.t(Text::HintsTitle)} data-test="hints">
            <b>{ lang.t(Text::HintsTitle) }</b>
            <ul>{ for open.into_iter().map(|(_, text)| html! { <li>{ text }</li> }) }</ul>
            { icon_button(Icon::Close, lang.t(Text::HintsClose), "hints-close", on.reform(move |_| Action::Look(Look { hints: false, ..look }))) }
        </div>
    }
}
