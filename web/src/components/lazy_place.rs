//! A view of the broker's inside: its code is loaded when the first of them is looked at.

use super::lazy_detail::waiting;
use super::views::PlacePage;
use crate::hooks::{Lazy, use_part};
use crate::lazy::Views;
use crate::part::Part;
use crate::state::desk::DeskMaker;
use crate::state::{Action, PageAction, View};
use yew::prelude::*;

/// See [`LazyPlace`].
#[derive(Clone, Properties, PartialEq)]
pub struct PlaceProps {
    /// The state.
    pub view: View,
    /// Whether rows are for thumbs.
    pub narrow: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The view, as soon as it is there.
#[component]
pub fn LazyPlace(props: &PlaceProps) -> Html {
    let lang = props.view.read().ui.look.lang;
    let part = use_part::<Views>();
    use_desk(&props.on);
    match part {
        Lazy::Ready(views) => (views.page)(props),
        other => html! { <section class="panel">{ waiting(lang, other) }</section> },
    }
}

/// Makes the desk as soon as its code is there.
#[hook]
pub(super) fn use_desk(on: &Callback<Action>) {
    let maker = Views::loaded().map(|views| DeskMaker(views.new_desk));
    let on = on.clone();
    use_effect_with(maker, move |maker| {
        if let Some(maker) = *maker {
            on.emit(Action::Page(PageAction::DeskReady(maker)));
        }
    });
}

/// For [`Views::page`], and for nobody else: whoever names it has it in the first module.
pub fn render_place(props: &PlaceProps) -> Html {
    html! { <PlacePage ..props.clone() /> }
}
