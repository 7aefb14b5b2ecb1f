//! What goes on with files, in a strip below the head of the page: a recording, a replay, the session that is shown.

use super::parts::button;
use super::replay_parts::{sink_words, speed};
use crate::format;
use crate::i18n::{Lang, Text};
use crate::state::recording::{Recording, Sink};
use crate::state::tape::{Session, TapeAction};
use crate::state::{Action, AppState, Dialog, PageAction};
use tabmq_shared::record::BadLine;
use tabmq_shared::replay::{Phase, Replay};
use yew::prelude::*;

/// The strips, as many as there is something to say.
pub fn tape_strips(state: &AppState, on: &Callback<Action>) -> Html {
    let (lang, tape) = (state.ui.look.lang, &state.tape);
    html! {
        <>
            if let Some(session) = &tape.session { { session_strip(lang, session, on) } }
            if let Some(recording) = tape.recording.as_ref().filter(|recording| is_news(recording, state)) {
                { recording_strip(lang, recording, tape.exporting, on) }
            }
            if let Some(replay) = &tape.replay { { replay_strip(lang, replay, on) } }
            if tape.unreadable { <div class="notice" role="alert">{ lang.t(Text::FileUnreadable) }</div> }
        </>
    }
}

/// A recording that has ended well is spoken of for a moment only.
fn is_news(recording: &Recording, state: &AppState) -> bool {
    const MOMENT_MS: u64 = 10_000;
    let failed = recording.sink == Sink::Failed || recording.dropped > 0;
    !recording.ended || failed || recording.ended_ms + MOMENT_MS > state.clock.unix_ms
}

fn recording_strip(lang: Lang, recording: &Recording, export: bool, on: &Callback<Action>) -> Html {
    let title = match (export, recording.ended) {
        (false, false) => Text::Recording,
        (false, true) => Text::Recorded,
        (true, false) => Text::Exporting,
        (true, true) => Text::Exported,
    };
    let state = if recording.ended { "ended" } else { "running" };
    let sink = match recording.sink {
        Sink::Opening => "opening",
        Sink::File => "file",
        Sink::Blob => "blob",
        Sink::Failed => "failed",
    };
    html! {
        <div class={classes!("notice", "tape", (recording.sink == Sink::Failed).then_some("failed"))} role="status"
            data-test="recording-strip" data-state={state} data-sink={sink} data-count={recording.messages.to_string()}>
            <b class={classes!((!recording.ended).then_some("live"))}>{ lang.t(title) }</b>
            <span>{ lang.fill(Text::InFile, &[("n", &format::thousands(recording.messages)), ("size", &format::bytes(recording.bytes))]) }</span>
            <span class="why">{ sink_words(lang, recording.sink) }</span>
            if recording.dropped > 0 {
                <span class="error" data-test="recording-dropped">{ lang.fill(Text::RecordingDropped, &[("n", &format::thousands(recording.dropped))]) }</span>
            }
            if !recording.ended {
                { button(lang.t(Text::Stop), "record-stop", "", on.reform(|_| Action::Tape(TapeAction::StopRecording))) }
            }
        </div>
    }
}

fn replay_strip(lang: Lang, replay: &Replay, on: &Callback<Action>) -> Html {
    let (state, title) = match replay.phase {
        Phase::Running => ("running", Text::Replaying),
        Phase::Done => ("done", Text::Replayed),
        Phase::Stopped => ("stopped", Text::ReplayStopped),
    };
    let percent = (replay.progress() / 10).to_string();
    let counts = [(replay.failed, Text::RunFailed), (replay.left_out, Text::ReplayLeftOut)];
    html! {
        <div class="notice tape" role="status" data-test="replay-strip" data-state={state} data-count={replay.sent.to_string()}>
            <b>{ lang.t(title) }</b>
            <progress max="1000" value={replay.progress().to_string()} aria-label={lang.t(title)}>{ percent.clone() }{ " %" }</progress>
            <span>{ percent }{ " % · " }{ lang.fill(Text::RunSent, &[("n", &format::thousands(replay.sent))]) }</span>
            <>{ for counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, text)| html! {
                <span class="error">{ lang.fill(text, &[("n", &format::thousands(n))]) }</span>
            }) }</>
            { bad_lines(lang, replay.bad, replay.first_bad) }
            <span class="spacer" />
            if replay.phase == Phase::Running {
                { speed(lang, &replay.options, on) }
                { button(lang.t(Text::Stop), "replay-stop", "", on.reform(|_| Action::Tape(TapeAction::StopReplay))) }
            } else {
                { button(lang.t(Text::Close), "replay-close", "", on.reform(|_| Action::Tape(TapeAction::ForgetReplay))) }
            }
        </div>
    }
}

fn session_strip(lang: Lang, session: &Session, on: &Callback<Action>) -> Html {
    let file = session.file.clone();
    let state = if session.complete { "complete" } else { "reading" };
    html! {
        <div class="notice tape" role="status" data-test="session-strip" data-state={state} data-count={session.messages.to_string()}>
            <b>{ lang.t(Text::SessionTitle) }</b>
            <span class="mono">{ &session.file.name }</span>
            if !session.complete {
                <progress max={session.file.size.max(1).to_string()} value={session.read_bytes.to_string()} aria-label={lang.t(Text::SessionReading)} />
            }
            <span>{ lang.fill(Text::InFile, &[("n", &format::thousands(session.messages)), ("size", &format::bytes(session.file.size))]) }</span>
            { bad_lines(lang, session.bad, session.first_bad) }
            <span class="why">{ lang.t(Text::SessionHint) }</span>
            { button(lang.t(Text::Replay), "session-replay", "", on.reform(move |_| Action::Page(PageAction::Replay(file.clone())))) }
            { button(lang.t(Text::OpenFile), "session-other", "quiet", on.reform(|_| Action::Dialog(Some(Dialog::Recording)))) }
        </div>
    }
}

fn bad_lines(lang: Lang, bad: u64, first: Option<BadLine>) -> Html {
    let Some(first) = first else { return Html::default() };
    html! {
        <span class="error" data-test="bad-lines">
            { lang.fill(Text::BadLines, &[("n", &format::thousands(bad)), ("line", &first.line.to_string()), ("why", &invalid_words(lang, first.why))]) }
        </span>
    }
}

/// Why a line is no message.
fn invalid_words(lang: Lang, why: tabmq_shared::record::Invalid) -> String {
    use tabmq_shared::record::Invalid;
    match why {
        Invalid::Json(at) => lang.fill(Text::LineNotJson, &[("at", &at.to_string())]),
        Invalid::Utf8 => lang.t(Text::LineNotUtf8).to_owned(),
        Invalid::TooLong => lang.t(Text::LineTooLong).to_owned(),
        Invalid::NoTopic => lang.t(Text::LineNoTopic).to_owned(),
        Invalid::Field(name) => lang.fill(Text::LineField, &[("name", name)]),
        Invalid::Header => lang.t(Text::LineHeader).to_owned(),
    }
}
