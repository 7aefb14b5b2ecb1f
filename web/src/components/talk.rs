//! Who has sent the message that the detail pane shows, and who gets what is published there.

use super::lazy_place::use_desk;
use crate::desk::access::Door;
use crate::desk::clients::ClientsStep;
use crate::desk::{Desk, Step};
use crate::format;
use crate::hooks::use_part;
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::lazy::Views;
use crate::payload::visible_line;
use crate::state::place::Place;
use crate::state::{Action, View};
use std::rc::Rc;
use tabmq_shared::api::receivers::{Receiver, ReceiverPage};
use yew::prelude::*;

/// So many receivers are named.
const NAMED: usize = 8;

/// See [`LazyTalk`].
#[derive(Clone, Properties, PartialEq)]
pub struct TalkProps {
    /// The state.
    pub view: View,
    /// The message's topic.
    pub topic: Rc<str>,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// The length of its payload, in bytes.
    pub len: usize,
    /// Whether it was sent from here.
    pub is_own: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// Who talks to whom, as soon as that part of the page is there; nothing where the broker does not tell.
#[component]
pub(super) fn LazyTalk(props: &TalkProps) -> Html {
    let part = use_part::<Views>();
    use_desk(&props.on);
    part.ready().map(|views| (views.talk)(props)).unwrap_or_default()
}

/// For [`Views::talk`], and for nobody else: whoever names it has it in the first module.
pub fn render_talk(props: &TalkProps) -> Html {
    let workspace = props.view.workspace();
    let Some(desk) = Desk::of(workspace.desk().get()) else { return Html::default() };
    let lang = props.view.read().ui.look.lang;
    match desk.access.door() {
        Door::In(_) => html! {
            <dl class="talk" data-test="talk">
                { sent_by(lang, desk, props) }
                { received_by(lang, desk, props) }
            </dl>
        },
        Door::Out(_) => html! {
            <p class="talk hint">
                <button type="button" class="link" data-test="talk-log-in" onclick={props.on.reform(|_| Action::Place(Place::Clients))}>
                    { lang.w(Words::LogInToSee) }
                </button>
            </p>
        },
        Door::Unknown | Door::Asked | Door::Silent(_) => Html::default(),
    }
}

fn sent_by(lang: Lang, desk: &Desk, props: &TalkProps) -> Html {
    // The broker's own figures come from nobody.
    if props.topic.starts_with('$') {
        return Html::default();
    }
    let publication = desk.talk.publication(&props.topic, props.at_ms, props.len);
    let sender = match publication {
        Some(publication) => match &publication.client_id {
            Some(id) => client(id, "sent-by", &props.on),
            None => html! { <span data-test="sent-by">{ lang.w(Words::TheApi) }</span> },
        },
        None if props.is_own => html! { <span data-test="sent-by">{ lang.w(Words::ThisTab) }</span> },
        None => {
            html! { <span class="none" data-test="sent-by-unknown">{ lang.w(Words::SentByUnknown) }</span> }
        }
    };
    html! { <><dt>{ lang.w(Words::SentBy) }</dt><dd>{ sender }</dd></> }
}

fn received_by(lang: Lang, desk: &Desk, props: &TalkProps) -> Html {
    let Some(ReceiverPage { receivers, total, .. }) = desk.talk.receivers(&props.topic) else {
        return match &desk.talk.trouble {
            Some(why) => {
                html! { <><dt>{ lang.w(Words::ReceivedBy) }</dt><dd class="none">{ why.words(lang) }</dd></> }
            }
            None => Html::default(),
        };
    };
    let more = total.saturating_sub(receivers.len().min(NAMED));
    let named = receivers.iter().take(NAMED).map(|receiver| {
        html! {
            <li data-test="received-by" data-key={receiver.client_id.clone()}>
                { client(&receiver.client_id, "receiver", &props.on) }
                <code>{ visible_line(&receiver.filter) }</code>
                <span class="mark">{ "q" }{ receiver.qos }</span>
                { remark(lang, receiver) }
            </li>
        }
    });
    html! {
        <>
            <dt>{ lang.w(Words::ReceivedBy) }<span class="count" data-test="received-by-count">{ format::thousands(*total as u64) }</span></dt>
            <dd>
                if receivers.is_empty() {
                    <span class="none">{ lang.w(Words::ReceivedByNobody) }</span>
                } else {
                    <ul>{ for named }</ul>
                }
                if more > 0 {
                    <span class="hint">{ lang.fill_words(Words::ReceiverMore, &[("n", &format::thousands(more as u64))]) }</span>
                }
            </dd>
        </>
    }
}

fn remark(lang: Lang, receiver: &Receiver) -> Html {
    let words = match receiver {
        Receiver { denied: true, .. } => lang.w(Words::ReceiverDenied).to_owned(),
        Receiver { connected: false, qos: 0, .. } => lang.w(Words::ReceiverMisses).to_owned(),
        Receiver { connected: false, .. } => lang.w(Words::ReceiverWaits).to_owned(),
        Receiver { group: Some(group), .. } => {
            lang.fill_words(Words::ReceiverOneOf, &[("group", &visible_line(group))])
        }
        _ => return Html::default(),
    };
    html! { <span class="hint">{ words }</span> }
}

fn client(id: &str, test: &'static str, on: &Callback<Action>) -> Html {
    let shown = visible_line(id);
    let id = id.to_owned();
    let onclick =
        on.reform(move |_: MouseEvent| Step::Clients(ClientsStep::Select(Some(id.clone()))).action());
    html! { <button type="button" class="link" data-test={test} {onclick}>{ shown }</button> }
}
