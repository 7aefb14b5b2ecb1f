//! What this tab is subscribed to, and the form for more.

use super::icon::Icon;
use super::parts::{icon_button, qos_select, topic_error, typed};
use crate::i18n::{Lang, Text};
use crate::payload::visible_line;
use crate::state::Action;
use crate::state::settings::qos_digit;
use crate::state::subscriptions::{Row, Subscriptions};
use tabmq_shared::packet::QoS;
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
    html! {
        <section class="panel subscriptions" aria-label={lang.t(Text::Subscriptions)}>
            <div class="panel-head">
                <h2>{ lang.t(Text::Subscriptions) }<span class="count">{ rows.len() }</span></h2>
            </div>
            <ul class="subscription-rows">
                { for rows.iter().map(|row| subscription(lang, row, props.connected, &props.on)) }
            </ul>
            if rows.is_empty() {
                <p class="empty">{ lang.t(Text::NoSubscriptions) }</p>
            }
            { form(props) }
        </section>
    }
}

fn subscription(lang: Lang, row: &Row, connected: bool, on: &Callback<Action>) -> Html {
    let asked = qos_digit(row.qos);
    let answer = row.answer.filter(|_| connected);
    let granted = answer.and_then(|code| QoS::from_u8(code.as_u8()));
    let (tone, words) = match (answer, granted) {
        (None, _) => ("pending", lang.t(Text::Pending).to_owned()),
        (Some(_), Some(qos)) if qos == row.qos => ("granted", lang.fill(Text::Granted, &[("qos", asked)])),
        (Some(_), Some(qos)) => {
            ("less", lang.fill(Text::AskedGranted, &[("asked", asked), ("qos", qos_digit(qos))]))
        }
        (Some(reason), None) => ("refused", lang.fill(Text::Refused, &[("reason", &reason.to_string())])),
    };
    let filter = visible_line(row.filter.as_str());
    let remove = lang.fill(Text::Unsubscribe, &[("filter", &filter)]);
    let shown_qos = granted.map_or(asked, qos_digit);
    let removed = row.filter.clone();
    html! {
        <li class={classes!("subscription", tone)} data-test="subscription-row" data-filter={row.filter.as_str().to_owned()}
            data-state={tone}>
            <span class="dot" title={words.clone()} />
            <span class="filter-text" title={filter.clone()}>{ filter }</span>
            if tone == "refused" || tone == "less" {
                <span class="words">{ words }</span>
            }
            <span class="mark">{ "q" }{ shown_qos }</span>
            { icon_button(Icon::Close, remove, "subscription-remove", on.reform(move |_| Action::Unsubscribe(removed.clone()))) }
        </li>
    }
}

fn form(props: &SubscriptionListProps) -> Html {
    let (lang, on, draft) = (props.lang, &props.on, &props.subscriptions.draft);
    let (filter, qos) = (draft.filter.clone(), draft.qos);
    let onsubmit = on.reform(|event: SubmitEvent| {
        event.prevent_default();
        Action::Subscribe
    });
    html! {
        <form class="subscribe" {onsubmit}>
            <input type="text" class="mono" data-test="subscribe-filter" value={filter.clone()} autocomplete="off"
                autocapitalize="off" spellcheck="false" placeholder={lang.t(Text::AddFilter)}
                aria-label={lang.t(Text::AddFilter)} aria-invalid={draft.error.is_some().to_string()}
                oninput={on.reform(move |event: InputEvent| Action::SubscriptionDraft(typed(&event), qos))} />
            { qos_select(lang.t(Text::QoS), "subscribe-qos", qos, on.reform(move |qos| Action::SubscriptionDraft(filter.clone(), qos))) }
            <button type="submit" class="icon-button" data-test="subscribe-add" aria-label={lang.t(Text::Subscribe)}
                title={lang.t(Text::Subscribe)}>{ Icon::Plus.view() }</button>
            if let Some(error) = draft.error {
                <p class="error" role="alert">{ topic_error(lang, error) }</p>
            }
        </form>
    }
}
