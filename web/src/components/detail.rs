//! One topic, and one message of it: the one that was chosen, or always the last.

use super::icon::Icon;
use super::parts::{icon_button, marks, topic_text};
use super::payload_view::{PayloadView, PayloadViewProps};
use super::properties::properties;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::payload::{number, preview};
use crate::state::history::Message;
use crate::state::{Action, AppState, View};
use std::rc::Rc;
use yew::prelude::*;

/// How many messages of the topic are listed.
const HISTORY_ROWS: usize = 50;

/// How many values the line is drawn from.
const LINE_POINTS: usize = 200;

/// See [`Detail`].
#[derive(Clone, Properties, PartialEq)]
pub struct DetailProps {
    /// The state.
    pub view: View,
    /// Language.
    pub lang: Lang,
    /// What is shown while nothing is selected.
    pub children: Html,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The detail pane.
#[component]
pub fn Detail(props: &DetailProps) -> Html {
    let state = props.view.read();
    let lang = props.lang;
    let Some(path) = state.selection.path.clone() else { return Html::default() };
    html! {
        <section class="panel detail" aria-label={lang.t(Text::Details)}>
            { head(props, &path) }
            <div class="detail-body">
                if let Some((message, len)) = state.shown_message() {
                    { facts(props, &state, &message) }
                    <PayloadView ..PayloadViewProps::new(lang, &message, len, state.format(&path), props.on.clone()) />
                    if let Some(shown) = &message.properties {
                        { properties(lang, shown) }
                    }
                    { history(props, &state, message.seq) }
                } else {
                    { level(lang, &state, &path) }
                }
            </div>
        </section>
    }
}

fn head(props: &DetailProps, path: &Rc<str>) -> Html {
    let lang = props.lang;
    // The filter finds the topic itself, too (section 4.7.1.2).
    let (copied, only) = (path.to_string(), format!("{path}/#"));
    html! {
        <div class="panel-head detail-head">
            <h2 class="topic-title" data-test="detail-topic">{ topic_text(path) }</h2>
            { icon_button(Icon::Filter, lang.t(Text::OnlyThis), "only-this", props.on.reform(move |_| Action::ListText(only.clone()))) }
            { icon_button(Icon::Copy, lang.t(Text::CopyTopic), "copy-topic", props.on.reform(move |_| Action::Copy(copied.clone()))) }
        </div>
    }
}

fn facts(props: &DetailProps, state: &AppState, message: &Message) -> Html {
    let lang = props.lang;
    let pinned = state.selection.message.is_some();
    html! {
        <p class="facts">
            <time>{ format::clock_ms(message.at_ms, state.clock.offset_min) }</time>
            { marks(lang, message.qos, message.retain) }
            if message.dup {
                <span class="mark" title={lang.t(Text::Duplicate)}>{ "DUP" }</span>
            }
            if pinned {
                <button type="button" class="button quiet" data-test="show-latest"
                    onclick={props.on.reform(|_| Action::SelectLatest)}>{ lang.t(Text::ShowLatest) }</button>
            } else {
                <span class="live">{ lang.t(Text::Latest) }</span>
            }
        </p>
    }
}

fn level(lang: Lang, state: &AppState, path: &str) -> Html {
    let node = state.topics.find_path(path).and_then(|id| state.topics.node(id));
    let Some(node) = node else { return html! { <p class="empty">{ lang.t(Text::NoneKept) }</p> } };
    let (topics, messages) =
        (format::thousands(node.topics_below as u64), format::thousands(node.messages_below));
    html! {
        <>
            <p class="big">{ lang.fill(Text::TopicsBelow, &[("topics", &topics), ("messages", &messages)]) }</p>
            <p class="empty">{ lang.t(Text::LevelOnly) }</p>
        </>
    }
}

fn history(props: &DetailProps, state: &AppState, shown: u64) -> Html {
    let (lang, listing) = (props.lang, &state.history.topic);
    let path = state.selection.path.as_deref().unwrap_or_default();
    let node = state.topics.find(path).and_then(|id| state.topics.node(id));
    let all = format::thousands(node.map_or(0, |node| node.messages));
    let kept = format::thousands(listing.len() as u64);
    let newest =
        (0..listing.len().min(LINE_POINTS)).filter_map(|row| state.history.message(listing.seq(row)?));
    let messages: Vec<&Message> = newest.collect();
    let rows = messages.iter().take(HISTORY_ROWS).map(|message| {
        let seq = message.seq;
        let value = match message.payload.is_empty() {
            true => lang.t(Text::EmptyPayload).to_owned(),
            false => preview(&message.payload, 80),
        };
        html! {
            <li>
                <button type="button" class={classes!("history-row", (seq == shown).then_some("selected"))}
                    data-test="history-row" onclick={props.on.reform(move |_| Action::SelectMessage(seq))}>
                    <time>{ format::clock_ms(message.at_ms, state.clock.offset_min) }</time>
                    <span class="payload">{ value }</span>
                </button>
            </li>
        }
    });
    html! {
        <section class="history">
            <h3>{ lang.t(Text::History) }
                <span class="count" data-test="history-count">{ lang.fill(Text::HistoryCount, &[("n", &all), ("kept", &kept)]) }</span>
            </h3>
            { line(lang, &messages) }
            <ol>{ for rows }</ol>
        </section>
    }
}

/// The values as a line, if they are numbers.
fn line(lang: Lang, newest_first: &[&Message]) -> Html {
    let Some(points) = points(newest_first) else { return Html::default() };
    html! {
        <svg class="line" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={lang.t(Text::Sparkline)}>
            <polyline {points} />
        </svg>
    }
}

/// The corners of a line in a box of 100 by 32, from hundredths of it; `None` if there are not three numbers.
fn points(newest_first: &[&Message]) -> Option<String> {
    let values: Vec<f64> = newest_first.iter().rev().map_while(|message| number(&message.payload)).collect();
    if values.len() < 3 || values.len() < newest_first.len() {
        return None;
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    let step = 10_000 / (values.len() - 1);
    let mut points = String::new();
    for (i, value) in values.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "between 100 and 3100, whatever the values are")]
        let y = 3100 - ((value - low) / span * 3000.0) as i64;
        for n in [(i * step) as i64, y] {
            points.push_str(&format!("{}.{:02} ", n / 100, n % 100));
        }
    }
    Some(points)
}
