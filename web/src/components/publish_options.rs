//! What is seldom needed in the publish form: properties, repetition, requests, and the variables.

use super::icon::Icon;
use super::parts::{checked, icon_button, typed};
use super::publish_form::PublishFormProps;
use crate::i18n::{Lang, Text};
use crate::state::publish::{Field, Flag, Publishing};
use crate::state::template::{TemplateError, TemplateErrorKind, VARIABLES};
use crate::state::{Action, DraftEdit, Half, line_and_column};
use std::rc::Rc;
use yew::prelude::*;

/// See [`Options`].
#[derive(Properties)]
pub(super) struct OptionsProps {
    pub(super) lang: Lang,
    pub(super) publishing: Rc<Publishing>,
    pub(super) v5: bool,
    pub(super) on: Callback<Action>,
}

impl PartialEq for OptionsProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.publishing, &other.publishing) && (self.lang, self.v5) == (other.lang, other.v5)
    }
}

/// The further options.
#[component]
pub(super) fn Options(props: &OptionsProps) -> Html {
    let (lang, publishing) = (props.lang, &*props.publishing);
    let short = |name, label, hint: &'static str| labelled(props, name, label, hint);
    html! {
        <div class="options" data-test="publish-options-panel">
            <fieldset>
                <legend>{ lang.t(Text::Properties) }</legend>
                if !props.v5 {
                    <p class="hint warn">{ lang.t(Text::PropertiesNeedV5) }</p>
                }
                <div class="grid">
                    { short(Field::ContentType, Text::PropContentType, "application/json") }
                    { short(Field::Expiry, Text::PropExpirySeconds, "3600") }
                    { short(Field::ResponseTopic, Text::PropResponse, "reply/me") }
                    { short(Field::Correlation, Text::PropCorrelationHint, "0x01ff") }
                </div>
                { flag(props, Flag::Utf8, Text::PayloadIsUtf8) }
                { user(props) }
            </fieldset>
            <fieldset>
                <legend>{ flag(props, Flag::Repeat, Text::Repeat) }</legend>
                if publishing.draft.flag(Flag::Repeat) {
                    <div class="grid">
                        { short(Field::Every, Text::RepeatEvery, "1") }
                        { short(Field::Times, Text::RepeatTimes, "∞") }
                    </div>
                }
            </fieldset>
            <fieldset>
                <legend>{ flag(props, Flag::Request, Text::Request) }</legend>
                if publishing.draft.flag(Flag::Request) {
                    <p class="hint">
                        { lang.fill(Text::RequestHint, &[("topic", &publishing.default_response_topic())]) }
                    </p>
                    <div class="grid">{ short(Field::Timeout, Text::RequestTimeout, "10") }</div>
                }
            </fieldset>
            <details>
                <summary>{ lang.t(Text::VariablesHelp) }</summary>
                <dl class="variables">
                    { for VARIABLES.iter().map(|(name, example)| html! {
                        <><dt><code>{ *example }</code></dt><dd>{ lang.t(variable(name)) }</dd></>
                    }) }
                </dl>
            </details>
        </div>
    }
}

/// A text field of the form.
pub(super) fn field(props: &PublishFormProps, field: Field, label: Text, placeholder: &'static str) -> Html {
    input(props.lang, &props.publishing, &props.on, field, label, placeholder)
}

fn labelled(props: &OptionsProps, field: Field, label: Text, placeholder: &'static str) -> Html {
    html! {
        <label class="field">
            <span>{ props.lang.t(label) }</span>
            { input(props.lang, &props.publishing, &props.on, field, label, placeholder) }
        </label>
    }
}

fn input(
    lang: Lang,
    publishing: &Publishing,
    on: &Callback<Action>,
    field: Field,
    label: Text,
    placeholder: &'static str,
) -> Html {
    let bad = publishing.problem.as_ref().is_some_and(|problem| problem.field() == field);
    html! {
        <input type="text" class="mono" data-test={format!("publish-{}", field.name())}
            value={publishing.draft.text(field).to_owned()} autocomplete="off" autocapitalize="off" spellcheck="false"
            aria-label={lang.t(label)} aria-invalid={bad.then_some("true")} {placeholder}
            oninput={on.reform(move |event: InputEvent| Action::Draft(DraftEdit::Text(field, typed(&event))))} />
    }
}

/// A check box of the form.
pub(super) fn check(props: &PublishFormProps, flag: Flag, label: Text, hint: Option<Text>) -> Html {
    check_box(props.lang, &props.publishing, &props.on, flag, label, hint)
}

fn flag(props: &OptionsProps, flag: Flag, label: Text) -> Html {
    check_box(props.lang, &props.publishing, &props.on, flag, label, None)
}

fn check_box(
    lang: Lang,
    publishing: &Publishing,
    on: &Callback<Action>,
    flag: Flag,
    label: Text,
    hint: Option<Text>,
) -> Html {
    html! {
        <label class="check" title={hint.map(|hint| lang.t(hint))}>
            <input type="checkbox" data-test={format!("publish-{}", flag.name())} checked={publishing.draft.flag(flag)}
                onchange={on.reform(move |event: Event| Action::Draft(DraftEdit::Flag(flag, checked(&event))))} />
            { lang.t(label) }
        </label>
    }
}

/// User properties: a line each, and an empty one to go on.
fn user(props: &OptionsProps) -> Html {
    let (lang, on, pairs) = (props.lang, &props.on, &props.publishing.draft.user);
    let blank = (String::new(), String::new());
    let line = |(index, (name, value)): (usize, &(String, String))| {
        let edit = |test: &'static str, label, shown: &str, half: Half| {
            let oninput = on
                .reform(move |event: InputEvent| Action::Draft(DraftEdit::User(index, half, typed(&event))));
            html! {
                <input type="text" class="mono" data-test={test} value={shown.to_owned()} aria-label={lang.t(label)}
                    placeholder={lang.t(label)} autocomplete="off" {oninput} />
            }
        };
        html! {
            <div class="user-line" key={index}>
                { edit("user-name", Text::UserPropName, name, Half::Name) }
                { edit("user-value", Text::UserPropValue, value, Half::Value) }
                if index < pairs.len() {
                    { icon_button(Icon::Close, lang.t(Text::RemoveUser), "user-remove", on.reform(move |_| Action::Draft(DraftEdit::RemoveUser(index)))) }
                }
            </div>
        }
    };
    html! {
        <div class="user">
            <span class="hint">{ lang.t(Text::PropUser) }</span>
            <>{ for pairs.iter().chain([&blank]).enumerate().map(line) }</>
        </div>
    }
}

fn variable(name: &str) -> Text {
    match name {
        "n" => Text::VariableN,
        "time" => Text::VariableTime,
        "random" => Text::VariableRandom,
        "pick" => Text::VariablePick,
        "uuid" => Text::VariableUuid,
        _ => Text::VariableClient,
    }
}

/// What is wrong with a variable, in words.
pub(super) fn template_error(lang: Lang, error: &TemplateError, source: &str) -> String {
    let words = match &error.kind {
        TemplateErrorKind::Open => lang.t(Text::VariableOpen).to_owned(),
        TemplateErrorKind::Unknown { name, nearest: Some(nearest) } => {
            lang.fill(Text::VariableNearest, &[("name", name), ("nearest", nearest)])
        }
        TemplateErrorKind::Unknown { name, nearest: None } => {
            lang.fill(Text::VariableUnknown, &[("name", name)])
        }
        TemplateErrorKind::Argument { example, .. } => {
            lang.fill(Text::VariableArgument, &[("example", example)])
        }
    };
    let (line, column) = line_and_column(source, error.at);
    let place = [("line", line.to_string()), ("column", column.to_string())];
    lang.fill(Text::At, &[("words", &words), (place[0].0, &place[0].1), (place[1].0, &place[1].1)])
}
