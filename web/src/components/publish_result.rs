//! What became of what the form has sent: the last message, the repetition, the requests with their answers.

use super::icon::Icon;
use super::parts::{icon_button, reason_words};
use super::publish_form::problem_words;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::publish::{Progress, Publishing, Sent};
use crate::state::request::{Answer, Request};
use crate::state::{Action, PublishAction};
use tabmq_shared::packet::ReasonCode;
use yew::prelude::*;

/// Of an answer, so many characters are shown.
const ANSWER_CHARS: usize = 400;

/// The last message.
pub(super) fn outcome(lang: Lang, publishing: &Publishing, connected: bool) -> Html {
    let sent = publishing.sent.as_ref();
    let (state, words) = match sent {
        None => ("none", String::new()),
        Some(Sent { progress: Progress::Bad(problem), .. }) => {
            ("failed", problem_words(lang, problem, publishing))
        }
        Some(sent) => progress(lang, &sent.progress, connected),
    };
    let number = sent.map(|sent| sent.number.to_string());
    html! {
        <p class={classes!("outcome", state)} role="status" data-test="publish-result" data-state={state} data-number={number.clone()}>
            if let Some(number) = number {
                <span class="number">{ "#" }{ number }</span>
            }
            { words }
        </p>
    }
}

fn progress(lang: Lang, progress: &Progress, connected: bool) -> (&'static str, String) {
    let plain = |text| lang.t(text).to_owned();
    match progress {
        Progress::Sending(_) if connected => ("sending", plain(Text::Sending)),
        Progress::Sending(_) => ("sending", plain(Text::SendingOffline)),
        Progress::Sent => ("sent", plain(Text::SentQ0)),
        Progress::Acknowledged(ReasonCode::NoMatchingSubscribers) => {
            ("acknowledged", plain(Text::NobodyListens))
        }
        Progress::Acknowledged(reason) if reason.is_error() => {
            ("failed", lang.fill(Text::AckRefused, &[("reason", &reason_words(lang, *reason))]))
        }
        Progress::Acknowledged(_) => ("acknowledged", plain(Text::Acknowledged)),
        Progress::Failed(error) => ("failed", lang.fill(Text::SendFailed, &[("reason", &error.to_string())])),
        Progress::Bad(_) => ("failed", String::new()),
    }
}

/// The repetition, with its counters and a way to stop it.
pub(super) fn run(lang: Lang, publishing: &Publishing, on: &Callback<Action>) -> Html {
    let Some(run) = &publishing.run else { return Html::default() };
    let n = |n: u64| format::thousands(n);
    let sent = match run.times {
        Some(times) => lang.fill(Text::RunOf, &[("n", &n(run.sent)), ("all", &n(times))]),
        None => lang.fill(Text::RunSent, &[("n", &n(run.sent))]),
    };
    let (state, title) =
        if run.is_running() { ("running", Text::RunRuns) } else { ("ended", Text::RunEnded) };
    let parts = [
        (run.arrived, Text::RunArrived, ""),
        (run.outstanding() as u64, Text::RunOutstanding, ""),
        (run.failed, Text::RunFailed, "error"),
        (run.held_back, Text::RunHeldBack, "error"),
    ];
    html! {
        <p class="run" role="status" data-test="run" data-state={state} data-count={run.sent.to_string()}>
            <b>{ lang.t(title) }</b>
            <span>{ sent }</span>
            <>{ for parts.into_iter().filter(|(count, ..)| *count > 0).map(|(count, text, class)| html! {
                <span {class}>{ lang.fill(text, &[("n", &n(count))]) }</span>
            }) }</>
            if run.is_running() {
                <button type="button" class="button" data-test="run-stop" onclick={on.reform(|_| Action::Publish(PublishAction::Stop))}>
                    { lang.t(Text::Stop) }
                </button>
            }
        </p>
    }
}

/// The requests, newest first, each beside its answer.
pub(super) fn requests(lang: Lang, publishing: &Publishing, offset_min: i32, on: &Callback<Action>) -> Html {
    let mut requests = publishing.requests.iter().peekable();
    if requests.peek().is_none() {
        return Html::default();
    }
    html! {
        <div class="requests">
            <div class="requests-head">
                <h2>{ lang.t(Text::Requests) }</h2>
                { icon_button(Icon::Clear, lang.t(Text::ForgetRequests), "requests-clear", on.reform(|_| Action::Publish(PublishAction::ForgetRequests))) }
            </div>
            <ol>{ for requests.map(|request| request_row(lang, request, offset_min)) }</ol>
        </div>
    }
}

fn request_row(lang: Lang, request: &Request, offset_min: i32) -> Html {
    let (state, words) = answer(lang, request);
    html! {
        <li key={request.number} class={classes!("request", state)} data-test="request" data-state={state} data-number={request.number.to_string()}>
            <time>{ format::clock_ms(request.at_ms, offset_min) }</time>
            <span class="topic">{ visible_line(&request.topic) }</span>
            <span class="words">{ words }</span>
            if let Answer::Came { payload, len, .. } = &request.answer {
                <code class="answer" data-test="answer">{ if *len == 0 { lang.t(Text::EmptyPayload).to_owned() } else { preview(payload, ANSWER_CHARS) } }</code>
            }
        </li>
    }
}

fn answer(lang: Lang, request: &Request) -> (&'static str, String) {
    let seconds = format::seconds(request.within_ms);
    match &request.answer {
        Answer::Waiting => {
            ("waiting", lang.fill(Text::AnswerWaiting, &[("topic", &visible_line(&request.response_topic))]))
        }
        Answer::TimedOut if request.unheard => {
            ("timeout", lang.fill(Text::AnswerUnheard, &[("n", &seconds)]))
        }
        Answer::TimedOut => ("timeout", lang.fill(Text::AnswerTimedOut, &[("n", &seconds)])),
        Answer::Came { after_ms, certain, more, .. } => {
            let mut words = lang.fill(Text::AnswerAfter, &[("time", &format::duration(*after_ms))]);
            if *after_ms > request.within_ms {
                words += lang.t(Text::AnswerLate);
            }
            if !certain {
                words += lang.t(Text::AnswerUncertain);
            }
            if *more > 0 {
                words += &lang.fill(Text::AnswerMore, &[("n", &format::thousands(*more))]);
            }
            ("answered", words)
        }
        Answer::NotSent(error) => ("failed", lang.fill(Text::SendFailed, &[("reason", &error.to_string())])),
        Answer::Refused(reason) => {
            ("failed", lang.fill(Text::AckRefused, &[("reason", &reason_words(lang, *reason))]))
        }
        Answer::Unsubscribed(reason) => {
            ("failed", lang.fill(Text::AnswerNoSubscription, &[("reason", &reason_words(lang, *reason))]))
        }
    }
}
