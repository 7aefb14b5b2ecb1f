//! The publish form. What is done in it leaves as actions; what became of it comes back as a property.

use super::icon::Icon;
use super::parts::{area_text, chosen_file, if_some, qos_select, topic_error};
use super::publish_options::{Options, check, field, template_error};
use super::publish_result::{outcome, requests, run};
use crate::i18n::{Lang, Text};
use crate::state::publish::{DraftError, Field, Flag, Form, Publishing};
use crate::state::{Action, Dialog, DraftEdit, PublishAction, line_and_column};
use crate::{browser, format};
use std::rc::Rc;
use yew::prelude::*;

/// See [`PublishForm`].
#[derive(Properties)]
pub struct PublishFormProps {
    /// Language.
    pub lang: Lang,
    /// The form and what became of its messages.
    pub publishing: Rc<Publishing>,
    /// Whether messages leave at once.
    pub connected: bool,
    /// Whether the connection speaks MQTT 5, which alone has properties.
    pub v5: bool,
    /// The zone's distance from UTC in minutes.
    pub offset_min: i32,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

impl PartialEq for PublishFormProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.publishing, &other.publishing)
            && (self.lang, self.connected, self.v5, self.offset_min)
                == (other.lang, other.connected, other.v5, other.offset_min)
            && self.on == other.on
    }
}

/// The publish form.
#[component]
pub fn PublishForm(props: &PublishFormProps) -> Html {
    let (lang, on, publishing) = (props.lang, &props.on, &*props.publishing);
    let open = use_state_eq(|| false);
    let draft = &publishing.draft;
    let onsubmit = on.reform(|event: SubmitEvent| {
        event.prevent_default();
        Action::Send
    });
    let onkeydown = if_some(on, |event: KeyboardEvent| {
        (event.key() == "Enter" && (event.ctrl_key() || event.meta_key())).then(|| {
            event.prevent_default();
            Action::Send
        })
    });
    let toggle = {
        let open = open.clone();
        move |_: MouseEvent| open.set(!*open)
    };
    let extras = [draft.has_properties(), draft.flag(Flag::Repeat), draft.flag(Flag::Request)];
    let extras = extras.into_iter().filter(|on| *on).count();
    html! {
        <section class="panel publish" aria-label={lang.t(Text::Publish)}>
            <form {onsubmit} {onkeydown}>
                <div class="line">
                    <label class="topic-field">
                        <span>{ lang.t(Text::Publish) }</span>
                        { field(props, Field::Topic, Text::Topic, lang.t(Text::TopicPlaceholder)) }
                    </label>
                    { qos_select(lang.t(Text::QoS), "publish-qos", draft.qos, on.reform(|qos| Action::Draft(DraftEdit::QoS(qos)))) }
                    { check(props, Flag::Retain, Text::Retain, Some(Text::RetainHint)) }
                    <button type="button" class="toggle" aria-expanded={open.to_string()} aria-pressed={open.to_string()}
                        data-test="publish-options" onclick={toggle}>
                        { lang.t(Text::PublishOptions) }
                        if extras > 0 { <span class="badge">{ extras }</span> }
                    </button>
                </div>
                if *open {
                    <Options lang={lang} publishing={props.publishing.clone()} v5={props.v5} on={on.clone()} />
                }
                <div class="line forms">
                    { forms(props) }
                    { json_state(lang, publishing) }
                    <span class="spacer" />
                    { check(props, Flag::Variables, Text::Variables, Some(Text::VariablesHint)) }
                    <button type="button" class="toggle" data-test="publish-shelf" onclick={on.reform(|_| Action::Dialog(Some(Dialog::Shelf)))}>
                        { Icon::History.view() }{ lang.t(Text::Shelf) }
                    </button>
                </div>
                <div class="line">
                    { payload(props) }
                    <button type="submit" class="button primary" data-test="publish-send">
                        { lang.t(if draft.flag(Flag::Repeat) { Text::StartRun } else { Text::Send }) }<kbd>{ lang.t(Text::SendHint) }</kbd>
                    </button>
                </div>
                { problem(lang, publishing) }
                { outcome(lang, publishing, props.connected) }
                { run(lang, publishing, on) }
                { requests(lang, publishing, props.offset_min, on) }
            </form>
        </section>
    }
}

/// How the payload is written.
fn forms(props: &PublishFormProps) -> Html {
    let (lang, current) = (props.lang, props.publishing.draft.form);
    let button = |form: Form| {
        let (name, test) = match form {
            Form::Text => (lang.t(Text::AsText), "form-text"),
            Form::Json => ("JSON", "form-json"),
            Form::Hex => (lang.t(Text::AsHex), "form-hex"),
            Form::Base64 => ("Base64", "form-base64"),
            Form::File => (lang.t(Text::AsFile), "form-file"),
        };
        html! {
            <button type="button" class="segment" aria-pressed={(form == current).to_string()} data-test={test}
                onclick={props.on.reform(move |_| Action::Draft(DraftEdit::Form(form)))}>{ name }</button>
        }
    };
    html! { <div class="segments" role="group" aria-label={lang.t(Text::PayloadForm)}>{ for Form::ALL.map(button) }</div> }
}

/// Whether the payload is JSON, while it is typed.
fn json_state(lang: Lang, publishing: &Publishing) -> Html {
    let (state, words) = match publishing.json {
        None => return Html::default(),
        Some(Ok(())) => ("valid", lang.t(Text::ValidJson).to_owned()),
        Some(Err(at)) => {
            ("invalid", place(lang, Text::InvalidJson, publishing.draft.text(Field::Payload), at))
        }
    };
    html! { <span class={classes!("json-state", state)} role="status" data-test="json-state" data-state={state} title={words.clone()}>{ words }</span> }
}

fn place(lang: Lang, text: Text, source: &str, at: usize) -> String {
    let (line, column) = line_and_column(source, at);
    lang.fill(text, &[("line", &line.to_string()), ("column", &column.to_string())])
}

fn payload(props: &PublishFormProps) -> Html {
    let (lang, on, draft) = (props.lang, &props.on, &props.publishing.draft);
    if draft.form == Form::File {
        let choose = {
            let on = on.clone();
            move |event: Event| {
                let Some(file) = chosen_file(&event) else { return };
                let on = on.clone();
                browser::read_file(file, move |name, bytes| {
                    on.emit(Action::Publish(PublishAction::File(name, bytes)))
                });
            }
        };
        let words = match &draft.file {
            Some(file) => format!("{} · {}", file.name, format::bytes(file.bytes.len() as u64)),
            None => lang.t(Text::NoFile).to_owned(),
        };
        return html! {
            <label class="file">
                <input type="file" data-test="publish-file" onchange={choose} />
                <span data-test="publish-file-name">{ words }</span>
            </label>
        };
    }
    let bad = props.publishing.problem.as_ref().is_some_and(|problem| problem.field() == Field::Payload);
    let oninput = if_some(on, |event: InputEvent| {
        Some(Action::Draft(DraftEdit::Text(Field::Payload, area_text(&event)?)))
    });
    let placeholder = match draft.form {
        Form::Hex => "68 65 6c 6c 6f",
        Form::Base64 => "aGVsbG8=",
        Form::Json => "{\"on\": true}",
        _ => lang.t(Text::PayloadPlaceholder),
    };
    html! {
        <textarea class="mono" rows="3" data-test="publish-payload" value={draft.text(Field::Payload).to_owned()}
            spellcheck="false" aria-label={lang.t(Text::Payload)} aria-invalid={bad.then_some("true")} {placeholder} {oninput} />
    }
}

/// What is wrong, while it is typed.
fn problem(lang: Lang, publishing: &Publishing) -> Html {
    match &publishing.problem {
        // Said beside the form already.
        None | Some(DraftError::Json { .. }) => Html::default(),
        Some(problem) => {
            html! { <p class="error" role="status" data-test="publish-problem">{ problem_words(lang, problem, publishing) }</p> }
        }
    }
}

/// A problem in words that say what to do.
pub(super) fn problem_words(lang: Lang, problem: &DraftError, publishing: &Publishing) -> String {
    let text = |field| publishing.draft.text(field);
    match problem {
        DraftError::Topic(Field::ResponseTopic, error) => {
            format!("{}: {}", lang.t(Text::PropResponse), topic_error(lang, *error))
        }
        DraftError::Topic(_, error) => topic_error(lang, *error).to_owned(),
        DraftError::Template(field, error) => template_error(lang, error, text(*field)),
        DraftError::Json { at } => place(lang, Text::InvalidJson, text(Field::Payload), *at),
        DraftError::Hex { at } => place(lang, Text::InvalidHex, text(Field::Payload), *at),
        DraftError::Base64 { at } => place(lang, Text::InvalidBase64, text(Field::Payload), *at),
        DraftError::NoFile => lang.t(Text::NoFile).to_owned(),
        DraftError::Number(Field::Every) => lang.t(Text::BadEvery).to_owned(),
        DraftError::Number(Field::Times) => lang.t(Text::BadTimes).to_owned(),
        DraftError::Number(Field::Timeout) => lang.t(Text::BadTimeout).to_owned(),
        DraftError::Number(_) => lang.t(Text::BadExpiry).to_owned(),
    }
}
