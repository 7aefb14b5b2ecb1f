//! The publish form. A message leaves as an action; what became of it comes back as a property.

use super::parts::{checked, if_some, qos_select, topic_error, typed};
use crate::i18n::{Lang, Text};
use crate::state::publish::{Progress, Publishing, Sent};
use crate::state::{Action, DraftEdit};
use tabmq_shared::packet::ReasonCode;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// See [`PublishForm`].
#[derive(Properties, PartialEq)]
pub struct PublishFormProps {
    /// Language.
    pub lang: Lang,
    /// The form and what became of its last message.
    pub publishing: Publishing,
    /// Whether messages leave at once.
    pub connected: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The publish form.
#[component]
pub fn PublishForm(props: &PublishFormProps) -> Html {
    let (lang, on, draft) = (props.lang, &props.on, &props.publishing.draft);
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
    let on_payload = if_some(on, |event: InputEvent| {
        let area = event.target_dyn_into::<HtmlTextAreaElement>()?;
        Some(Action::Draft(DraftEdit::Payload(area.value())))
    });
    html! {
        <section class="panel publish" aria-label={lang.t(Text::Publish)}>
            <form {onsubmit} {onkeydown}>
                <div class="line">
                    <label class="topic-field">
                        <span>{ lang.t(Text::Publish) }</span>
                        <input type="text" class="mono" data-test="publish-topic" value={draft.topic.clone()}
                            autocomplete="off" autocapitalize="off" spellcheck="false" aria-label={lang.t(Text::Topic)}
                            placeholder={lang.t(Text::TopicPlaceholder)}
                            oninput={on.reform(|event: InputEvent| Action::Draft(DraftEdit::Topic(typed(&event))))} />
                    </label>
                    { qos_select(lang.t(Text::QoS), "publish-qos", draft.qos, on.reform(|qos| Action::Draft(DraftEdit::QoS(qos)))) }
                    <label class="check" title={lang.t(Text::RetainHint)}>
                        <input type="checkbox" data-test="publish-retain" checked={draft.retain}
                            onchange={on.reform(|event: Event| Action::Draft(DraftEdit::Retain(checked(&event))))} />
                        { lang.t(Text::Retain) }
                    </label>
                </div>
                <div class="line">
                    <textarea class="mono" rows="3" data-test="publish-payload" value={draft.payload.clone()}
                        spellcheck="false" aria-label={lang.t(Text::Payload)}
                        placeholder={lang.t(Text::PayloadPlaceholder)} oninput={on_payload} />
                    <button type="submit" class="button primary" data-test="publish-send">
                        { lang.t(Text::Send) }<kbd>{ lang.t(Text::SendHint) }</kbd>
                    </button>
                </div>
                { outcome(lang, props.publishing.sent.as_ref(), props.connected) }
            </form>
        </section>
    }
}

fn outcome(lang: Lang, sent: Option<&Sent>, connected: bool) -> Html {
    let (state, words) = match sent {
        None => ("none", String::new()),
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
            ("failed", lang.fill(Text::AckRefused, &[("reason", &reason.to_string())]))
        }
        Progress::Acknowledged(_) => ("acknowledged", plain(Text::Acknowledged)),
        Progress::Failed(error) => ("failed", lang.fill(Text::SendFailed, &[("reason", &error.to_string())])),
        Progress::BadTopic(error) => ("failed", topic_error(lang, *error).to_owned()),
    }
}
