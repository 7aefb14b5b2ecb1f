//! Standing still while somebody reads closely: points at a list, presses a button, or marks a text to copy it.

use super::use_hold::{Hold, use_hold};
use crate::browser;
use std::cell::Cell;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::Node;
use yew::prelude::*;

/// Says `true` when `region` is to stand still, and `false` when it may go on: as [`use_hold`] does for the pointer's
/// events, and as long as some of its text is marked.
#[hook]
pub fn use_reading(region: &NodeRef, on: Callback<bool>) -> Hold {
    // Held by the pointer, marked.
    let reasons = use_memo((), |()| Cell::new((false, false)));
    let say = {
        let reasons = reasons.clone();
        Callback::from(move |now: (bool, bool)| {
            let before = reasons.replace(now);
            if (before.0 || before.1) != (now.0 || now.1) {
                on.emit(now.0 || now.1);
            }
        })
    };
    let (pointing, points) = (reasons.clone(), say.clone());
    let hold = use_hold(Callback::from(move |held| points.emit((held, pointing.get().1))));
    let region = region.clone();
    use_effect_with((), move |()| {
        let marking = reasons.clone();
        let marks = say.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            marks.emit((marking.get().0, is_marked(&region)));
        });
        let document = browser::document();
        let listener = changed.as_ref().unchecked_ref();
        let _ = document.add_event_listener_with_callback("selectionchange", listener);
        move || {
            let listener = changed.as_ref().unchecked_ref();
            let _ = document.remove_event_listener_with_callback("selectionchange", listener);
            say.emit((false, false));
        }
    });
    hold
}

/// Whether some text of the region is marked.
fn is_marked(region: &NodeRef) -> bool {
    let selection = browser::window().get_selection().ok().flatten();
    let selection = selection.filter(|selection| !selection.is_collapsed());
    let node = selection.and_then(|selection| selection.anchor_node());
    region.cast::<Node>().is_some_and(|region| region.contains(node.as_ref()))
}
