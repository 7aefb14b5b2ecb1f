//! Keys that work wherever the focus is.

use crate::browser;
use crate::state::shortcuts::{Command, command};
use crate::state::{Action, View};
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use yew::prelude::*;

/// Obeys the keys of the help sheet, as long as the component is there.
#[hook]
pub fn use_keys(view: &View, on: &Callback<Action>) {
    // The listener is made once and looks at the latest of both.
    let latest = use_memo((), |()| RefCell::new((view.clone(), on.clone())));
    *latest.borrow_mut() = (view.clone(), on.clone());
    use_effect_with((), move |()| {
        browser::listen_to(&browser::document(), "keydown", move |event: KeyboardEvent| {
            if event.ctrl_key()
                || event.meta_key()
                || event.alt_key()
                || event.default_prevented()
                || is_typing(&event)
            {
                return;
            }
            let (view, on) = latest.borrow().clone();
            let command = command(&view.read(), &event.key());
            match command {
                None => return,
                Some(Command::Act(action)) => on.emit(action),
                Some(Command::Focus(tab, test)) => {
                    if let Some(tab) = tab {
                        on.emit(Action::Tab(tab));
                    }
                    // On a narrow screen that part is painted first.
                    browser::after_paint(move || focus(test));
                }
            }
            event.prevent_default();
        });
    });
}

/// Whether the key goes into a field, or to an open dialog.
fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| {
        target.closest("input:not([type=checkbox]), textarea, select, dialog").ok().flatten().is_some()
    })
}

fn focus(test: &str) {
    let found = browser::document().query_selector(&format!("[data-test=\"{test}\"]")).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}
