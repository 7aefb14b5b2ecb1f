//! What was published, and what has a name: to be sent again.

use super::icon::Icon;
use super::modal::Modal;
use super::parts::{button, chosen_file, icon_button, typed};
use crate::browser;
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::publish::{Draft, Field, Form, Publishing};
use crate::state::shelf::Imported;
use crate::state::{Action, PublishAction, View};
use std::rc::Rc;
use yew::prelude::*;

/// See [`ShelfDialog`].
#[derive(Properties, PartialEq)]
pub(super) struct ShelfProps {
    pub(super) view: View,
    pub(super) on: Callback<Action>,
}

/// Templates, and what was sent.
#[component]
pub(super) fn ShelfDialog(props: &ShelfProps) -> Html {
    let (lang, publishing) = {
        let state = props.view.read();
        (state.ui.look.lang, Rc::clone(&state.publishing))
    };
    let on = &props.on;
    let shelf = &publishing.shelf;
    let load = |draft: &Draft| {
        let draft = draft.clone();
        on_both(on, move || PublishAction::Load(Box::new(draft.clone())))
    };
    let templates = shelf.templates.iter().map(|template| {
        let name = template.name.clone();
        let remove = on.reform(move |_| Action::Publish(PublishAction::Remove(name.clone())));
        html! {
            <li key={template.name.clone()} data-test="template" data-name={template.name.clone()}>
                { row(lang, Some(&template.name), &template.draft, "template-load", load(&template.draft)) }
                { icon_button(Icon::Clear, lang.fill(Text::RemoveTemplate, &[("name", &template.name)]), "template-remove", remove) }
            </li>
        }
    });
    let sent = shelf.sent.iter().map(|draft| {
        html! {
            <li data-test="sent-again">{ row(lang, None, draft, "sent-load", load(draft)) }</li>
        }
    });
    html! {
        <Modal title={lang.t(Text::Shelf)} test="shelf" class="wide" on_close={on.reform(|()| Action::Dialog(None))}>
            <SaveTemplate {lang} on={on.clone()} />
            <h3>{ lang.t(Text::Templates) }</h3>
            if shelf.templates.is_empty() {
                <p class="hint">{ lang.t(Text::NoTemplates) }</p>
            }
            <ul class="shelf">{ for templates }</ul>
            <div class="buttons start">
                { import(lang, on) }
                if !shelf.templates.is_empty() {
                    { button(lang.t(Text::ExportTemplates), "templates-export", "", on.reform(|_| Action::Publish(PublishAction::Export))) }
                }
            </div>
            { imported(lang, &publishing) }
            <div class="requests-head">
                <h3>{ lang.t(Text::SentBefore) }</h3>
                if !shelf.sent.is_empty() {
                    { icon_button(Icon::Clear, lang.t(Text::ForgetSent), "sent-clear", on.reform(|_| Action::Publish(PublishAction::ForgetSent))) }
                }
            </div>
            if shelf.sent.is_empty() {
                <p class="hint">{ lang.t(Text::NothingSent) }</p>
            }
            <ol class="shelf">{ for sent }</ol>
            <div class="buttons">{ button(lang.t(Text::Close), "shelf-close", "primary", on.reform(|_| Action::Dialog(None))) }</div>
        </Modal>
    }
}

/// Does something with the form, and shows it.
fn on_both(on: &Callback<Action>, action: impl Fn() -> PublishAction + 'static) -> Callback<MouseEvent> {
    let on = on.clone();
    Callback::from(move |_| {
        on.emit(Action::Publish(action()));
        on.emit(Action::Dialog(None));
    })
}

fn row(
    lang: Lang,
    name: Option<&str>,
    draft: &Draft,
    test: &'static str,
    load: Callback<MouseEvent>,
) -> Html {
    const SHOWN_CHARS: usize = 120;
    let payload = match draft.form {
        Form::File => lang.t(Text::AsFile).to_owned(),
        _ if draft.text(Field::Payload).is_empty() => lang.t(Text::EmptyPayload).to_owned(),
        _ => preview(draft.text(Field::Payload).as_bytes(), SHOWN_CHARS),
    };
    html! {
        <button type="button" class="shelf-row" data-test={test} onclick={load}>
            if let Some(name) = name { <b>{ visible_line(name) }</b> }
            <span class="topic">{ visible_line(draft.text(Field::Topic)) }</span>
            <code>{ payload }</code>
        </button>
    }
}

#[derive(Properties, PartialEq)]
struct SaveProps {
    lang: Lang,
    on: Callback<Action>,
}

/// Gives the form a name.
#[component]
fn SaveTemplate(props: &SaveProps) -> Html {
    let lang = props.lang;
    let name = use_state(String::new);
    let oninput = {
        let name = name.clone();
        move |event: InputEvent| name.set(typed(&event))
    };
    let onsubmit = {
        let (name, on) = (name.clone(), props.on.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            if !name.trim().is_empty() {
                on.emit(Action::Publish(PublishAction::Save((*name).clone())));
                name.set(String::new());
            }
        }
    };
    html! {
        <form class="pair grow" {onsubmit}>
            <label class="field">
                <span>{ lang.t(Text::TemplateName) }</span>
                <input type="text" data-test="template-name" value={(*name).clone()} autocomplete="off" {oninput} />
            </label>
            <button type="submit" class="button" data-test="template-save" disabled={name.trim().is_empty()}>{ lang.t(Text::SaveTemplate) }</button>
        </form>
    }
}

fn import(lang: Lang, on: &Callback<Action>) -> Html {
    let on = on.clone();
    let onchange = move |event: Event| {
        let Some(file) = chosen_file(&event) else { return };
        let on = on.clone();
        browser::read_file(file, move |_, bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            on.emit(Action::Publish(PublishAction::Import(text)));
        });
    };
    html! {
        <label class="button file-button">
            { lang.t(Text::ImportTemplates) }
            <input type="file" accept=".jsonl,.json,.txt" data-test="templates-import" {onchange} />
        </label>
    }
}

fn imported(lang: Lang, publishing: &Publishing) -> Html {
    let Some(Imported { added, replaced, bad, first_bad }) = publishing.imported else {
        return Html::default();
    };
    let mut words = lang.fill(Text::Imported, &[("n", &added.to_string()), ("m", &replaced.to_string())]);
    if let Some(line) = first_bad {
        words += &lang.fill(Text::ImportBad, &[("n", &bad.to_string()), ("line", &line.to_string())]);
    }
    html! { <p class="hint" role="status" data-test="imported">{ words }</p> }
}
