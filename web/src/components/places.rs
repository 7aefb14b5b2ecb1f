//! The views to choose from.

use crate::i18n::Text;
use crate::state::place::Place;
use crate::state::{Action, AppState};
use yew::prelude::*;

/// The views, where there is more than one.
pub fn places(state: &AppState, on: &Callback<Action>) -> Html {
    let (lang, shown, places) = (state.ui.look.lang, state.place(), state.places());
    if places.is_empty() {
        return Html::default();
    }
    let place = |place: &Place| {
        let place = *place;
        html! {
            <button type="button" aria-current={(place == shown).then_some("page")} data-test={format!("place-{}", place.name())}
                onclick={on.reform(move |_| Action::Place(place))}>{ lang.t(place.text()) }</button>
        }
    };
    html! { <nav class="places" aria-label={lang.t(Text::Views)}>{ for places.iter().map(place) }</nav> }
}
