//! What lies over the page and takes the keyboard: dialogs and menus.

use crate::browser;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};
use yew::prelude::*;

/// For the `ref` of a `<dialog>` that is open as long as its component is there. The browser keeps the focus inside and
/// says `oncancel` on Escape; afterwards the focus is back where it was.
///
/// With `at`, a point of the window in CSS pixels, its corner is put there, or as near as it fits.
#[hook]
pub fn use_modal(at: Option<(i32, i32)>) -> NodeRef {
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with((), move |()| {
            let before = browser::document().active_element();
            let dialog = node.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                let _ = dialog.show_modal();
                if let Some(at) = at {
                    place(dialog, at);
                }
            }
            move || {
                if let Some(dialog) = dialog {
                    dialog.close();
                }
                if let Some(before) = before.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
                    let _ = before.focus();
                }
            }
        });
    }
    node
}

fn place(dialog: &HtmlDialogElement, (x, y): (i32, i32)) {
    let room = browser::window_size();
    let fit = |at: i32, size: i32, room: i32| at.min(room - size - 8).max(8);
    let left = fit(x, dialog.offset_width(), room.0);
    let top = fit(y, dialog.offset_height(), room.1);
    browser::set_style(dialog, "left", &format!("{left}px"));
    browser::set_style(dialog, "top", &format!("{top}px"));
}
