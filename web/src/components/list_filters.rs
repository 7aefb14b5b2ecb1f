//! The message list's filter beyond its text, and how much the list keeps.

use super::form::select;
use super::parts::{button, typed};
use crate::i18n::{Lang, Text};
use crate::state::filter::ListFilter;
use crate::state::history::Limits;
use crate::state::settings::{parse_qos, qos_digit};
use crate::state::{Action, AppState};
use yew::prelude::*;

const MEGABYTE: usize = 1_000_000;

/// So many megabytes are the most that a tab can be asked to keep: beyond it, browsers end it.
const MAX_MEGABYTES: usize = 1_000;

/// One line of choices.
pub(super) fn list_filters(lang: Lang, state: &AppState, on: &Callback<Action>) -> Html {
    let filter = &state.ui.list_filter;
    let change = |set: fn(&mut ListFilter, &str)| {
        let filter = filter.clone();
        on.reform(move |value: String| {
            let mut filter = filter.clone();
            set(&mut filter, &value);
            Action::ListFilter(filter)
        })
    };
    let t = |text| lang.t(text);
    let places = [("", t(Text::InBoth)), ("topic", t(Text::InTopic)), ("payload", t(Text::InPayload))];
    let qos = [("", t(Text::AnyQoS)), ("0", "QoS 0"), ("1", "QoS 1"), ("2", "QoS 2")];
    let retain = [("", t(Text::RetainedOrNot)), ("1", t(Text::OnlyRetained)), ("0", t(Text::NotRetained))];
    let sent = [("", t(Text::BothWays)), ("0", t(Text::OnlyReceived)), ("1", t(Text::OnlySent))];
    html! {
        <div class="filters" role="group" aria-label={t(Text::MoreFilters)}>
            { select(t(Text::WhereText), "filter-place", &places, filter.place_name(),
                change(|filter, value| filter.place = ListFilter::parse_place(value))) }
            { select(t(Text::QoS), "filter-qos", &qos, filter.qos.map_or("", qos_digit),
                change(|filter, value| filter.qos = parse_qos(value))) }
            { select(t(Text::Retained), "filter-retain", &retain, ListFilter::flag_name(filter.retain),
                change(|filter, value| filter.retain = ListFilter::parse_flag(value))) }
            { select(t(Text::Direction), "filter-sent", &sent, ListFilter::flag_name(filter.sent),
                change(|filter, value| filter.sent = ListFilter::parse_flag(value))) }
            if !filter.is_usual() {
                { button(t(Text::ResetFilter), "filter-reset", "quiet", on.reform(|_| Action::ListFilter(ListFilter::default()))) }
            }
            { limits(lang, state.history.limits(), on) }
        </div>
    }
}

fn limits(lang: Lang, limits: Limits, on: &Callback<Action>) -> Html {
    let field = |label, test, value: usize, max: usize, set: fn(&mut Limits, usize)| {
        let on = on.reform(move |value| {
            let mut limits = limits;
            set(&mut limits, value);
            Action::Limits(limits)
        });
        html! { <LimitField label={lang.t(label)} {test} {value} {max} {on} /> }
    };
    html! {
        <span class="limits">
            { lang.t(Text::KeepAtMost) }
            { field(Text::MessagesUnit, "limit-messages", limits.entries, 10_000_000, |limits, n| limits.entries = n) }
            { field(Text::MegabytesUnit, "limit-megabytes", limits.bytes.div_ceil(MEGABYTE), MAX_MEGABYTES,
                |limits, n| limits.bytes = n * MEGABYTE) }
        </span>
    }
}

#[derive(Properties, PartialEq)]
struct LimitFieldProps {
    label: &'static str,
    /// For scripts.
    test: &'static str,
    value: usize,
    /// The most that it can be; 1 is the least.
    max: usize,
    on: Callback<usize>,
}

/// A number that counts once it is complete: half of it would throw messages away. What is typed stays in the field until
/// then, however often the list around it is painted.
#[component]
fn LimitField(props: &LimitFieldProps) -> Html {
    let draft = use_state_eq(|| None::<String>);
    let oninput = {
        let draft = draft.clone();
        move |event: InputEvent| draft.set(Some(typed(&event)))
    };
    let onchange = {
        let (draft, on, max) = (draft.clone(), props.on.clone(), props.max);
        move |event: Event| {
            let input = event.target_dyn_into::<web_sys::HtmlInputElement>();
            if let Some(value) = input.and_then(|input| input.value().trim().parse::<usize>().ok()) {
                on.emit(value.clamp(1, max));
            }
            draft.set(None);
        }
    };
    let shown = (*draft).clone().unwrap_or_else(|| props.value.to_string());
    html! {
        <label class="limit">
            <input type="number" min="1" max={props.max.to_string()} data-test={props.test} value={shown} {oninput} {onchange} />
            { props.label }
        </label>
    }
}

/// The text's own box.
pub(super) fn text_filter(lang: Lang, text: &str, on: &Callback<Action>) -> Html {
    let label = lang.t(Text::FilterMessages);
    html! {
        <input type="search" class="filter" data-test="message-filter" value={text.to_owned()} placeholder={label}
            aria-label={label} oninput={on.reform(|event: InputEvent| Action::ListText(typed(&event)))} />
    }
}
