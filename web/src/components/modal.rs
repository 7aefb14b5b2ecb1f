//! Over the page: a dialog, a menu, a question.

use super::parts::button;
use crate::hooks::use_modal;
use crate::i18n::{Lang, Text};
use crate::state::Action;
use crate::state::toasts::Question;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// See [`Modal`].
#[derive(Properties, PartialEq)]
pub struct ModalProps {
    /// The heading.
    pub title: AttrValue,
    /// For scripts.
    pub test: &'static str,
    /// For the style sheet.
    #[prop_or_default]
    pub class: Classes,
    /// Its content: usually a form.
    pub children: Html,
    /// Escape was pressed, or the page behind it clicked.
    pub on_close: Callback<()>,
}

/// A dialog: open as long as it is rendered. Everything else waits behind it.
#[component]
pub fn Modal(props: &ModalProps) -> Html {
    let dialog = use_modal(None);
    html! {
        <dialog ref={dialog.clone()} class={classes!("dialog", props.class.clone())} aria-labelledby={props.test}
            data-test={props.test} oncancel={on_cancel(&props.on_close)} onpointerdown={on_outside(&dialog, &props.on_close)}>
            <div class="dialog-body">
                <h2 id={props.test}>{ props.title.clone() }</h2>
                { props.children.clone() }
            </div>
        </dialog>
    }
}

/// A line of a menu.
#[derive(Clone, Debug, PartialEq)]
pub struct MenuItem {
    /// What it does.
    pub label: AttrValue,
    /// The key that does the same, if there is one.
    pub key: &'static str,
    /// For scripts.
    pub test: &'static str,
    /// Whether something is lost by it.
    pub danger: bool,
    /// What is said when it is chosen, in this order. Without any, the item cannot be chosen.
    pub actions: Vec<Action>,
}

impl MenuItem {
    /// An item without a key.
    pub fn new(label: impl Into<AttrValue>, test: &'static str, actions: Vec<Action>) -> Self {
        MenuItem { label: label.into(), key: "", test, danger: false, actions }
    }

    /// The same with the key that does it, too.
    pub fn key(self, key: &'static str) -> Self {
        MenuItem { key, ..self }
    }

    /// The same for something that destroys.
    pub fn danger(self) -> Self {
        MenuItem { danger: true, ..self }
    }
}

/// See [`Menu`].
#[derive(Properties, PartialEq)]
pub struct MenuProps {
    /// What it is about.
    pub label: AttrValue,
    /// Where its corner is to be, in CSS pixels of the window.
    pub at: (i32, i32),
    /// Its lines.
    pub items: Vec<MenuItem>,
    /// Where to say what was chosen.
    pub on: Callback<Action>,
    /// It is to be closed.
    pub on_close: Callback<()>,
}

/// A menu: open as long as it is rendered. Arrows, Home, End, a first letter, Enter, Escape.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let dialog = use_modal(Some(props.at));
    let menu = use_node_ref();
    let items = props.items.iter().map(|item| {
        let (on, on_close, actions) = (props.on.clone(), props.on_close.clone(), item.actions.clone());
        let onclick = move |_: MouseEvent| {
            on_close.emit(());
            actions.iter().for_each(|action| on.emit(action.clone()));
        };
        html! {
            <button type="button" role="menuitem" class={classes!(item.danger.then_some("danger"))} data-test={item.test}
                disabled={item.actions.is_empty()} {onclick}>
                <span>{ item.label.clone() }</span>
                if !item.key.is_empty() {
                    <kbd>{ item.key }</kbd>
                }
            </button>
        }
    });
    html! {
        <dialog ref={dialog.clone()} class="menu" aria-label={props.label.clone()} data-test="menu"
            oncancel={on_cancel(&props.on_close)} onpointerdown={on_outside(&dialog, &props.on_close)}
            oncontextmenu={|event: MouseEvent| event.prevent_default()}>
            <div ref={menu.clone()} role="menu" aria-label={props.label.clone()} onkeydown={on_menu_key(&menu, &props.on_close)}>
                { for items }
            </div>
        </dialog>
    }
}

/// What is asked before something is done.
pub fn question(lang: Lang, question: &Question, on: &Callback<Action>) -> Html {
    let yes = lang.say(&question.yes);
    html! {
        <Modal title={lang.say(&question.words)} test="question" on_close={on.reform(|()| Action::Answer(false))}>
            if !question.lines.is_empty() {
                <ul class="question-lines">{ for question.lines.iter().map(|line| html! { <li>{ line }</li> }) }</ul>
            }
            <div class="buttons">
                { button(lang.t(Text::Cancel), "question-no", "", on.reform(|_| Action::Answer(false))) }
                { button(yes, "question-yes", "primary danger", on.reform(|_| Action::Answer(true))) }
            </div>
        </Modal>
    }
}

fn on_cancel(on_close: &Callback<()>) -> Callback<Event> {
    let on_close = on_close.clone();
    Callback::from(move |event: Event| {
        // Not closed by the browser: it is there as long as the state says so.
        event.prevent_default();
        event.stop_propagation();
        on_close.emit(());
    })
}

/// What is pressed on a modal dialog itself, not on anything in it, was pressed beside it.
fn on_outside(dialog: &NodeRef, on_close: &Callback<()>) -> Callback<PointerEvent> {
    let (dialog, on_close) = (dialog.clone(), on_close.clone());
    Callback::from(move |event: PointerEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some() && target == dialog.cast::<Element>() {
            on_close.emit(());
        }
    })
}

fn on_menu_key(menu: &NodeRef, on_close: &Callback<()>) -> Callback<KeyboardEvent> {
    let (menu, on_close) = (menu.clone(), on_close.clone());
    Callback::from(move |event: KeyboardEvent| {
        let Some(menu) = menu.cast::<Element>() else { return };
        let items = focusable_items(&menu);
        let focused = crate::browser::document().active_element();
        let at = items.iter().position(|item| focused.as_ref() == Some(item.as_ref()));
        let last = items.len().saturating_sub(1);
        let next = match event.key().as_str() {
            "ArrowDown" => at.filter(|at| *at < last).map_or(0, |at| at + 1),
            "ArrowUp" => at.filter(|at| *at > 0).map_or(last, |at| at - 1),
            "Home" => 0,
            "End" => last,
            "Tab" => {
                event.prevent_default();
                return on_close.emit(());
            }
            key if key.chars().count() == 1 && !event.ctrl_key() && !event.meta_key() && key != " " => {
                let begins = |item: &HtmlElement| {
                    let text = item.text_content().unwrap_or_default();
                    text.to_lowercase().starts_with(&key.to_lowercase())
                };
                let from = at.map_or(0, |at| at + 1);
                let around = (from..items.len()).chain(0..from);
                match around.into_iter().find(|i| items.get(*i).is_some_and(begins)) {
                    Some(found) => found,
                    None => return,
                }
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        if let Some(item) = items.get(next) {
            let _ = item.focus();
        }
    })
}

fn focusable_items(menu: &Element) -> Vec<HtmlElement> {
    let children = menu.children();
    let children = (0..children.length()).filter_map(|i| children.item(i)?.dyn_into::<HtmlElement>().ok());
    children.filter(|item| !item.has_attribute("disabled")).collect()
}
