//! What is said for a moment, with a way back where there is one.

use super::icon::Icon;
use super::parts::{button, icon_button};
use crate::i18n::{Lang, Text};
use crate::state::Action;
use crate::state::toasts::Toast;
use yew::prelude::*;

/// All that is being said, the newest at the bottom.
pub fn toasts(lang: Lang, rows: &[Toast], on: &Callback<Action>) -> Html {
    let rows = rows.iter().map(|toast| {
        let id = toast.id;
        html! {
            <li key={id} data-test="toast">
                <span>{ lang.say(&toast.words) }</span>
                if toast.undo.is_some() {
                    { button(lang.t(Text::Undo), "undo", "quiet", on.reform(move |_| Action::Undo(id))) }
                    { icon_button(Icon::Close, lang.t(Text::Close), "toast-close", on.reform(move |_| Action::Dismiss(id))) }
                }
            </li>
        }
    });
    html! { <div role="status"><ul class="toasts">{ for rows }</ul></div> }
}
