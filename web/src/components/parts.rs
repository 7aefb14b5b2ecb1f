//! Small things that many components are made of.

use super::icon::Icon;
use crate::i18n::{Lang, Text};
use crate::state::Action;
use crate::state::history::Direction;
use crate::state::settings::{parse_qos, qos_digit};
use tabmq_shared::client::Outcome;
use tabmq_shared::packet::{QoS, ReasonCode};
use tabmq_shared::topic::TopicError;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

/// A button that is a picture; `label` says what it does.
pub(super) fn icon_button(
    icon: Icon,
    label: impl Into<AttrValue>,
    test: &'static str,
    on: Callback<MouseEvent>,
) -> Html {
    let label = label.into();
    html! {
        <button type="button" class="icon-button" aria-label={label.clone()} title={label} data-test={test} onclick={on}>
            { icon.view() }
        </button>
    }
}

/// A button with words; `class` may be `primary`, `quiet`, `danger`.
pub(super) fn button(
    label: impl Into<AttrValue>,
    test: &'static str,
    class: &'static str,
    on: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" class={classes!("button", class)} data-test={test} onclick={on}>{ label.into() }</button>
    }
}

/// In place of a list in which nothing passes the filter, with the way out.
#[inline(never)]
pub(super) fn nothing_found(words: String, lang: Lang, reset: Callback<MouseEvent>) -> Html {
    html! {
        <p class="empty">
            { words }{ " " }
            <button type="button" class="link" data-test="nothing-reset" onclick={reset}>{ lang.t(Text::ResetFilter) }</button>
        </p>
    }
}

/// The role of a list of rows: without one, it has none of a list's parts.
pub(super) fn list_role(is_empty: bool, role: &'static str) -> &'static str {
    if is_empty { "group" } else { role }
}

/// A choice of QoS.
pub(super) fn qos_select(label: &'static str, test: &'static str, value: QoS, on: Callback<QoS>) -> Html {
    let onchange = move |event: Event| {
        if let Some(qos) =
            event.target_dyn_into::<HtmlSelectElement>().and_then(|select| parse_qos(&select.value()))
        {
            on.emit(qos);
        }
    };
    let options = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].map(|qos| {
        let digit = qos_digit(qos);
        html! { <option value={digit} selected={qos == value}>{ "QoS " }{ digit }</option> }
    });
    html! { <select class="qos-select" aria-label={label} data-test={test} {onchange}>{ for options }</select> }
}

/// A callback that says something only if there is something to say.
pub(super) fn if_some<E: 'static>(
    on: &Callback<Action>,
    f: impl Fn(E) -> Option<Action> + 'static,
) -> Callback<E> {
    let on = on.clone();
    Callback::from(move |event| {
        if let Some(action) = f(event) {
            on.emit(action);
        }
    })
}

/// What was typed into an input.
pub(super) fn typed(event: &InputEvent) -> String {
    event.target_dyn_into::<HtmlInputElement>().map(|input| input.value()).unwrap_or_default()
}

/// What was typed into a text area.
pub(super) fn area_text(event: &InputEvent) -> Option<String> {
    event.target_dyn_into::<HtmlTextAreaElement>().map(|area| area.value())
}

/// The file that was chosen in an input. The input is emptied, so that the same file can be chosen again.
pub(super) fn chosen_file(event: &Event) -> Option<web_sys::File> {
    let input = event.target_dyn_into::<HtmlInputElement>()?;
    let file = input.files()?.get(0);
    input.set_value("");
    file
}

/// Whether a check box is on.
pub(super) fn checked(event: &Event) -> bool {
    event.target_dyn_into::<HtmlInputElement>().is_some_and(|input| input.checked())
}

/// What is wrong with a topic or filter.
pub(super) fn topic_error(lang: Lang, error: TopicError) -> &'static str {
    lang.t(match error {
        TopicError::Empty => Text::TopicEmpty,
        TopicError::TooLong => Text::TopicTooLong,
        TopicError::Nul => Text::TopicNul,
        TopicError::WildcardInName => Text::TopicWildcard,
        TopicError::MisplacedHash => Text::TopicHash,
        TopicError::MisplacedPlus => Text::TopicPlus,
        TopicError::BadShare => Text::TopicShare,
    })
}

/// A reason code in words, with the remedy where there is one.
pub(super) fn reason_words(lang: Lang, reason: ReasonCode) -> String {
    let text = match reason {
        ReasonCode::NotAuthorized => Text::ReasonNotAuthorized,
        ReasonCode::QuotaExceeded => Text::ReasonQuota,
        ReasonCode::TopicFilterInvalid => Text::ReasonFilter,
        ReasonCode::TopicNameInvalid => Text::ReasonTopic,
        ReasonCode::PayloadFormatInvalid => Text::ReasonFormat,
        ReasonCode::PacketTooLarge => Text::ReasonTooLarge,
        ReasonCode::SharedSubscriptionsNotSupported => Text::ReasonNoShared,
        ReasonCode::SubscriptionIdentifiersNotSupported => Text::ReasonNoIds,
        ReasonCode::WildcardSubscriptionsNotSupported => Text::ReasonNoWildcards,
        // All that 3.1.1 can say of a subscription.
        ReasonCode::UnspecifiedError => Text::ReasonUnspecified,
        other => return other.to_string(),
    };
    lang.t(text).to_owned()
}

/// Where a message that was sent is, and in which tone.
pub(super) fn delivery_words(lang: Lang, direction: &Direction) -> (&'static str, String) {
    let plain = |text| lang.t(text).to_owned();
    let outcome = match direction {
        Direction::Received => return ("received", String::new()),
        Direction::Sent(None) => return ("sending", plain(Text::Sending)),
        Direction::Abandoned => return ("failed", plain(Text::Abandoned)),
        Direction::Sent(Some(outcome)) => outcome,
    };
    match &**outcome {
        Outcome::Sent => ("sent", plain(Text::SentQ0)),
        Outcome::Acknowledged(ReasonCode::NoMatchingSubscribers) => {
            ("acknowledged", plain(Text::NobodyListens))
        }
        Outcome::Acknowledged(reason) if reason.is_error() => {
            ("failed", lang.fill(Text::AckRefused, &[("reason", &reason_words(lang, *reason))]))
        }
        Outcome::Acknowledged(_) => ("acknowledged", plain(Text::Acknowledged)),
        Outcome::Failed(error) => ("failed", lang.fill(Text::SendFailed, &[("reason", &error.to_string())])),
    }
}

/// QoS and flags of a message, as marks.
pub(super) fn marks(lang: Lang, qos: QoS, retain: bool) -> Html {
    html! {
        <>
            if retain {
                <span class="mark retained" title={lang.t(Text::Retained)}>{ "R" }</span>
            }
            <span class={classes!("mark", (qos == QoS::AtMostOnce).then_some("faint"))} title="QoS">
                { "q" }{ qos_digit(qos) }
            </span>
        </>
    }
}

/// A topic with its last level apart, because that is what tells neighbours apart.
pub(super) fn topic_text(topic: &str) -> Html {
    let visible = crate::payload::visible_line(topic);
    let (above, last) = match visible.rsplit_once('/') {
        Some((above, last)) => (format!("{above}/"), last.to_owned()),
        None => (String::new(), visible),
    };
    html! { <><span class="above">{ above }</span>{ last }</> }
}
