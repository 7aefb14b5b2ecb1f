//! What forms are made of: a label, a control, what is wrong with it.

use super::parts::{checked, typed};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// See [`More`].
#[derive(Properties, PartialEq)]
pub(super) struct MoreProps {
    /// What it is about.
    pub(super) summary: &'static str,
    /// Whether something in it is worth to be seen.
    pub(super) open: bool,
    pub(super) children: Html,
}

/// Fields that are seldom needed. Once they are seen they stay: whoever empties a field is still in it.
#[component]
pub(super) fn More(props: &MoreProps) -> Html {
    let was_open = use_mut_ref(|| false);
    *was_open.borrow_mut() |= props.open;
    let open = *was_open.borrow();
    html! {
        <details {open}>
            <summary>{ props.summary }</summary>
            { props.children.clone() }
        </details>
    }
}

/// What a text field is called, looks like and says.
#[derive(Clone, Default)]
pub(super) struct TextField {
    /// For people.
    pub(super) label: AttrValue,
    /// For scripts.
    pub(super) test: &'static str,
    /// The input's type; empty: text.
    pub(super) kind: &'static str,
    /// What is in it.
    pub(super) value: String,
    /// What counts while it is empty.
    pub(super) placeholder: AttrValue,
    /// What is wrong with it.
    pub(super) error: Option<String>,
}

impl TextField {
    /// The field; `on` hears each change.
    pub(super) fn view(self, on: Callback<String>) -> Html {
        let TextField { label, test, kind, value, placeholder, error } = self;
        let kind = if kind.is_empty() { "text" } else { kind };
        html! {
            <label class="field">
                <span>{ label }</span>
                <input type={kind} data-test={test} {value} {placeholder} aria-invalid={error.is_some().then_some("true")}
                    autocomplete="off" autocapitalize="off" spellcheck="false" oninput={on.reform(|event: InputEvent| typed(&event))} />
                if let Some(error) = error {
                    <em class="error" role="alert">{ error }</em>
                }
            </label>
        }
    }
}

/// A check box with its words.
pub(super) fn check_field(label: &'static str, test: &'static str, on: bool, set: Callback<bool>) -> Html {
    html! {
        <label class="check">
            <input type="checkbox" data-test={test} checked={on} onchange={set.reform(|event: Event| checked(&event))} />
            { label }
        </label>
    }
}

/// A choice: values and what they are called.
pub(super) fn select(
    label: &'static str,
    test: &'static str,
    options: &[(&'static str, &'static str)],
    current: &str,
    on: Callback<String>,
) -> Html {
    let onchange = on.reform(|event: Event| {
        event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default()
    });
    let options = options.iter().map(|(value, name)| {
        html! { <option value={*value} selected={*value == current}>{ *name }</option> }
    });
    html! { <select aria-label={label} title={label} data-test={test} {onchange}>{ for options }</select> }
}

/// The same with its label above.
pub(super) fn select_field(
    label: &'static str,
    test: &'static str,
    options: &[(&'static str, &'static str)],
    current: &str,
    on: Callback<String>,
) -> Html {
    html! { <label class="field"><span>{ label }</span>{ select(label, test, options, current, on) }</label> }
}
