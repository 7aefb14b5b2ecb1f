//! What this tab is subscribed to, and the form for more.

use super::icon::Icon;
use super::parts::{icon_button, qos_select, reason_words, topic_error, typed};
use crate::i18n::{Lang, Text};
use crate::payload::visible_line;
use crate::state::settings::qos_digit;
use crate::state::subscriptions::{Draft, DraftError, Row, Subscriptions};
use crate::state::{Action, Dialog};
use tabmq_shared::packet::{QoS, ReasonCode, RetainHandling};
use web_sys::Element;
use yew::prelude::*;

/// See [`SubscriptionList`].
#[derive(Properties, PartialEq)]
pub struct SubscriptionListProps {
    /// Language.
    pub lang: Lang,
    /// All of them, and the form.
    pub subscriptions: Subscriptions,
    /// Whether there is a connection: without one, what was granted is not in force.
    pub connected: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The subscriptions of this tab.
#[component]
pub fn SubscriptionList(props: &SubscriptionListProps) -> Html {
    let lang = props.lang;
    let rows = &props.subscriptions.rows;
    let list = use_grown(rows.len());
    html! {
        <section class="panel subscriptions" aria-label={lang.t(Text::Subscriptions)}>
            <div class="panel-head">
                <h2>{ lang.t(Text::Subscriptions) }<span class="count">{ rows.len() }</span></h2>
            </div>
            <ul class="subscription-rows" ref={list}>
                { for rows.iter().map(|row| subscription(lang, row, props.connected, &props.on)) }
            </ul>
            if rows.is_empty() {
                <p class="empty">{ lang.t(Text::NoSubscriptions) }</p>
            }
            { form(props) }
        </section>
    }
}

/// Shows the last row whenever there is one more: it is the one that was asked for.
#[hook]
fn use_grown(rows: usize) -> NodeRef {
    let list = use_node_ref();
    let before = use_mut_ref(|| rows);
    let shown = list.clone();
    use_effect_with(rows, move |rows| {
        if before.replace(*rows) < *rows
            && let Some(list) = shown.cast::<Element>()
        {
            list.set_scroll_top(list.scroll_height());
        }
    });
    list
}

fn subscription(lang: Lang, row: &Row, connected: bool, on: &Callback<Action>) -> Html {
    let answer = row.answer.filter(|_| connected);
    let (tone, words) = state_words(lang, row, answer);
    let granted = answer.and_then(|code| QoS::from_u8(code.as_u8()));
    let filter = visible_line(row.filter.as_str());
    let with_filter = |text| lang.fill(text, &[("filter", &filter)]);
    let (removed, edited, paused) = (row.filter.clone(), row.filter.clone(), row.filter.clone());
    let is_paused = row.paused;
    let (icon, pause) = match is_paused {
        true => (Icon::Play, Text::ResumeSubscription),
        false => (Icon::Pause, Text::PauseSubscription),
    };
    html! {
        <li key={row.filter.as_str()} class={classes!("subscription", tone)} data-test="subscription-row" data-filter={row.filter.as_str().to_owned()}
            data-state={tone}>
            <span class={classes!("dot", format!("c{}", row.colour))} title={words.clone()} />
            <span class="filter-text" title={format!("{filter}: {words}")}>{ filter.clone() }</span>
            if tone != "granted" && tone != "pending" {
                <span class="words" data-test="subscription-words">{ words }</span>
            }
            <>{ for options(lang, row).into_iter().map(|(mark, hint)| html! { <span class="mark" title={hint}>{ mark }</span> }) }</>
            <span class="mark" title="QoS">{ "q" }{ qos_digit(granted.unwrap_or(row.options.qos)) }</span>
            <span class="actions">
                { icon_button(icon, with_filter(pause), "subscription-pause",
                    on.reform(move |_| Action::PauseSubscription(paused.clone(), !is_paused))) }
                { icon_button(Icon::Settings, with_filter(Text::ChangeSubscription), "subscription-edit",
                    on.reform(move |_| Action::EditSubscription(edited.clone()))) }
                { icon_button(Icon::Close, with_filter(Text::Unsubscribe), "subscription-remove",
                    on.reform(move |_| Action::Unsubscribe(removed.clone()))) }
            </span>
        </li>
    }
}

/// What the broker said, and in which tone.
fn state_words(lang: Lang, row: &Row, answer: Option<ReasonCode>) -> (&'static str, String) {
    let asked = qos_digit(row.options.qos);
    if row.paused {
        return ("paused", lang.t(Text::SubscriptionPaused).to_owned());
    }
    let Some(reason) = answer else { return ("pending", lang.t(Text::Pending).to_owned()) };
    match QoS::from_u8(reason.as_u8()) {
        Some(qos) if qos == row.options.qos => ("granted", lang.fill(Text::Granted, &[("qos", asked)])),
        Some(qos) => ("less", lang.fill(Text::AskedGranted, &[("asked", asked), ("qos", qos_digit(qos))])),
        None => ("refused", lang.fill(Text::Refused, &[("reason", &reason_words(lang, reason))])),
    }
}

/// The options that are not the usual ones, as marks.
fn options(lang: Lang, row: &Row) -> Vec<(String, &'static str)> {
    let mut marks = Vec::new();
    if row.options.no_local {
        marks.push(("NL".to_owned(), lang.t(Text::NoLocal)));
    }
    match row.options.retain_handling {
        RetainHandling::Send => {}
        RetainHandling::SendIfNew => marks.push(("RH1".to_owned(), lang.t(Text::RetainIfNew))),
        RetainHandling::DoNotSend => marks.push(("RH2".to_owned(), lang.t(Text::RetainNever))),
    }
    if !row.options.retain_as_published {
        marks.push(("RAP0".to_owned(), lang.t(Text::RetainOnlyKept)));
    }
    if let Some(id) = row.id {
        marks.push((format!("#{id}"), lang.t(Text::SubscriptionId)));
    }
    marks
}

fn form(props: &SubscriptionListProps) -> Html {
    let (lang, on) = (props.lang, &props.on);
    // While one is changed in the dialog, the form below the list is for a new one.
    let draft = match props.subscriptions.draft.editing {
        Some(_) => Draft::default(),
        None => props.subscriptions.draft.clone(),
    };
    let qos = draft.options.qos;
    let error = draft.error.map(|error| draft_error(lang, error));
    let onsubmit = on.reform(|event: SubmitEvent| {
        event.prevent_default();
        Action::Subscribe
    });
    let (typing, choosing, opening) = (draft.clone(), draft.clone(), draft.clone());
    let on_qos = on.reform(move |qos| {
        let mut draft = choosing.clone();
        draft.options.qos = qos;
        Action::SubscriptionDraft(Box::new(draft))
    });
    let on_more = {
        let on = on.clone();
        move |_: MouseEvent| {
            on.emit(Action::SubscriptionDraft(Box::new(opening.clone())));
            on.emit(Action::Dialog(Some(Dialog::Subscription)));
        }
    };
    html! {
        <form class="subscribe" {onsubmit}>
            <input type="text" class="mono" data-test="subscribe-filter" value={draft.filter.clone()} autocomplete="off"
                autocapitalize="off" spellcheck="false" placeholder={lang.t(Text::AddFilter)}
                aria-label={lang.t(Text::AddFilter)} aria-invalid={error.is_some().to_string()}
                oninput={on.reform(move |event: InputEvent| {
                    let draft = Draft { filter: typed(&event), error: None, ..typing.clone() };
                    Action::SubscriptionDraft(Box::new(draft))
                })} />
            { qos_select(lang.t(Text::QoS), "subscribe-qos", qos, on_qos) }
            { icon_button(Icon::Settings, lang.t(Text::SubscriptionOptions), "subscribe-options", on_more.into()) }
            <button type="submit" class="icon-button" data-test="subscribe-add" aria-label={lang.t(Text::Subscribe)}
                title={lang.t(Text::Subscribe)}>{ Icon::Plus.view() }</button>
            if let Some(error) = error {
                <p class="error" role="alert">{ error }</p>
            }
        </form>
    }
}

/// What is wrong with the form.
pub(super) fn draft_error(lang: Lang, error: DraftError) -> &'static str {
    match error {
        DraftError::Filter(error) => topic_error(lang, error),
        DraftError::Id => lang.t(Text::BadSubscriptionId),
        DraftError::SharedNoLocal => lang.t(Text::SharedNoLocal),
    }
}
