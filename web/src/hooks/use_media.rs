//! Media queries.

use crate::browser;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use yew::prelude::*;

/// Whether this media query holds; rendered again when that changes.
#[hook]
pub fn use_media(query: &'static str) -> bool {
    let holds = use_state_eq(|| browser::matches_media(query));
    {
        let holds = holds.clone();
        use_effect_with((), move |()| {
            let list = browser::window().match_media(query).ok().flatten();
            let changed = Closure::<dyn FnMut()>::new(move || holds.set(browser::matches_media(query)));
            if let Some(list) = &list {
                let _ = list.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref());
            }
            move || {
                if let Some(list) = list {
                    let _ =
                        list.remove_event_listener_with_callback("change", changed.as_ref().unchecked_ref());
                }
            }
        });
    }
    *holds
}
