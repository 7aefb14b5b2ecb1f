//! Files of messages: record what comes, export what is listed, look at a file, replay it.

use super::modal::Modal;
use super::parts::{button, checked, chosen_file, topic_error, typed};
use super::replay_parts::speed;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::state::recording::FileForm;
use crate::state::tape::TapeAction;
use crate::state::{Action, AppState, View};
use tabmq_shared::replay::Options;
use yew::prelude::*;

/// See [`RecordingDialog`].
#[derive(Properties, PartialEq)]
pub(super) struct RecordingProps {
    pub(super) view: View,
    pub(super) on: Callback<Action>,
    pub(super) on_file: Callback<web_sys::File>,
}

/// The dialog.
#[component]
pub(super) fn RecordingDialog(props: &RecordingProps) -> Html {
    let form = use_state_eq(FileForm::default);
    let state = props.view.read();
    let (lang, on) = (state.ui.look.lang, &props.on);
    let close = on.reform(|()| Action::Dialog(None));
    html! {
        <Modal title={lang.t(Text::Recordings)} test="recording" class="wide" on_close={close}>
            <div class="segments" role="group" aria-label={lang.t(Text::FileForm)}>
                { for [(FileForm::JsonLines, "JSON Lines", "form-jsonl"), (FileForm::Csv, "CSV", "form-csv")].map(|(this, name, test)| {
                    let set = form.setter();
                    html! {
                        <button type="button" class="segment" aria-pressed={(this == *form).to_string()} data-test={test}
                            onclick={move |_: MouseEvent| set.set(this)}>{ name }</button>
                    }
                }) }
            </div>
            { record(&state, lang, *form, on) }
            { export(&state, lang, *form, on) }
            { open(&state, lang, &props.on_file, on) }
            <div class="buttons">{ button(lang.t(Text::Close), "recording-close", "", on.reform(|_| Action::Dialog(None))) }</div>
        </Modal>
    }
}

fn record(state: &AppState, lang: Lang, form: FileForm, on: &Callback<Action>) -> Html {
    if state.is_session() {
        return Html::default();
    }
    html! {
        <fieldset>
            <legend>{ lang.t(Text::Record) }</legend>
            <p class="hint">{ lang.t(Text::RecordHint) }</p>
            <div class="buttons start">
                { button(lang.t(Text::StartRecording), "record-start", "primary", both(on, TapeAction::Record(form))) }
            </div>
        </fieldset>
    }
}

fn export(state: &AppState, lang: Lang, form: FileForm, on: &Callback<Action>) -> Html {
    let n = state.history.list.len() as u64;
    if n == 0 {
        return Html::default();
    }
    html! {
        <fieldset>
            <legend>{ lang.t(Text::Export) }</legend>
            <p class="hint">{ lang.fill(Text::ExportHint, &[("n", &format::thousands(n))]) }</p>
            <div class="buttons start">
                { button(lang.t(Text::ExportNow), "export", "", both(on, TapeAction::Export(form))) }
            </div>
        </fieldset>
    }
}

/// Does it, and closes the dialog: what goes on is seen in the strip below the head of the page.
fn both(on: &Callback<Action>, action: TapeAction) -> Callback<MouseEvent> {
    let on = on.clone();
    Callback::from(move |_| {
        on.emit(Action::Dialog(None));
        on.emit(Action::Tape(action.clone()));
    })
}

fn open(state: &AppState, lang: Lang, on_file: &Callback<web_sys::File>, on: &Callback<Action>) -> Html {
    let choose = {
        let on_file = on_file.clone();
        move |event: Event| {
            if let Some(file) = chosen_file(&event) {
                on_file.emit(file);
            }
        }
    };
    html! {
        <fieldset>
            <legend>{ lang.t(Text::OpenFile) }</legend>
            <p class="hint">{ lang.t(Text::OpenFileHint) }</p>
            <div class="buttons start">
                <label class="button file-button">
                    { lang.t(Text::ChooseFile) }
                    <input type="file" accept=".jsonl,.ndjson,.json,.csv" data-test="recording-file" onchange={choose} />
                </label>
                if let Some(file) = &state.tape.file {
                    <span class="mono" data-test="recording-file-name">{ &file.name }{ " · " }{ format::bytes(file.size) }</span>
                }
            </div>
            if state.tape.file.is_some() {
                <div class="buttons start">
                    { button(lang.t(Text::LookAtFile), "session-open", "primary", both(on, TapeAction::Look)) }
                </div>
                if !state.is_session() {
                    { replay(lang, &state.tape.options, on) }
                }
            }
        </fieldset>
    }
}

fn replay(lang: Lang, options: &Options, on: &Callback<Action>) -> Html {
    let set = |change: fn(&mut Options, String)| {
        let options = options.clone();
        on.reform(move |event: InputEvent| {
            let mut options = options.clone();
            change(&mut options, typed(&event));
            Action::Tape(TapeAction::Options(options))
        })
    };
    let retain = {
        let options = options.clone();
        on.reform(move |event: Event| {
            Action::Tape(TapeAction::Options(Options { retain: checked(&event), ..options.clone() }))
        })
    };
    let text = |label, test: &'static str, value: &str, oninput: Callback<InputEvent>| {
        html! {
            <label class="field">
                <span>{ lang.t(label) }</span>
                <input type="text" class="mono" data-test={test} value={value.to_owned()} autocomplete="off" autocapitalize="off" spellcheck="false" {oninput} />
            </label>
        }
    };
    html! {
        <>
            <div class="grid">
                { text(Text::ReplayFrom, "replay-from", &options.from, set(|options, text| options.from = text)) }
                { text(Text::ReplayTo, "replay-to", &options.to, set(|options, text| options.to = text)) }
                <label class="field"><span>{ lang.t(Text::Speed) }</span>{ speed(lang, options, on) }</label>
            </div>
            <label class="check">
                <input type="checkbox" data-test="replay-retain" checked={options.retain} onchange={retain} />
                { lang.t(Text::ReplayRetain) }
            </label>
            if let Some(error) = options.problem() {
                <p class="error" role="alert" data-test="replay-problem">{ topic_error(lang, error) }</p>
            } else {
                <div class="buttons start">
                    { button(lang.t(Text::Replay), "replay-start", "", both(on, TapeAction::Replay)) }
                </div>
            }
        </>
    }
}
