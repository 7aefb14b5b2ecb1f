//! One topic, and one message of it: the one that was chosen, or always the last.

use super::diff_view::{DiffView, words_for};
use super::icon::Icon;
use super::parts::{icon_button, marks, topic_text};
use super::payload_view::{PayloadView, PayloadViewProps, chart_actions, written};
use super::properties::properties;
use super::talk::LazyTalk;
use crate::charts::Charts;
use crate::format;
use crate::hooks::{Hold, use_part_when, use_reading};
use crate::i18n::{Lang, Text};
use crate::payload::decoders::Decoders;
use crate::payload::{Format, preview};
use crate::state::charts::source::Source;
use crate::state::charts::{Births, ChartId};
use crate::state::history::Message;
use crate::state::place::Place;
use crate::state::{Action, AppState, View};
use std::rc::Rc;
use tabmq_decoders::path::Path;
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

/// What the shown message is compared with.
#[derive(Clone, Debug)]
enum Compared {
    /// The message of the topic before it.
    Previous,
    /// This one, of whatever topic.
    With(Message),
}

/// The detail pane.
#[component]
pub fn Detail(props: &DetailProps) -> Html {
    let compared = use_state(|| None::<Compared>);
    let body = use_node_ref();
    let hold = use_reading(&body, props.on.reform(Action::DetailHold));
    let _ = use_part_when::<Decoders>(compared.is_some());
    let state = props.view.read();
    let lang = props.lang;
    let Some(path) = state.selection.path.clone() else { return Html::default() };
    let content = match state.shown_message() {
        Some((message, len)) => shown(props, &state, &message, len, &compared, &hold),
        None => level(lang, &state, &path),
    };
    html! {
        <section class="panel detail" aria-label={lang.t(Text::Details)}>
            { head(props, &path) }
            <div class="detail-body" ref={body} onpointerdown={hold.on_down} onpointerup={hold.on_up} onpointerleave={hold.on_leave}>
                { content }
            </div>
        </section>
    }
}

fn shown(
    props: &DetailProps,
    state: &AppState,
    message: &Message,
    len: usize,
    compared: &UseStateHandle<Option<Compared>>,
    hold: &Hold,
) -> Html {
    let view = payload_props(props, state, message, len);
    let source = whole_payload(&view);
    html! {
        <>
            { facts(props, state, message, compared, source.as_ref()) }
            { comparison(props, state, message, &view, compared) }
            <PayloadView ..view />
            if let Some(shown) = &message.properties {
                { properties(props.lang, shown) }
            }
            // Comes later than the message itself, and moves nothing that is read first.
            <div class="bar">{ talk(props, state, message, len) }</div>
            { history(props, state, message.seq, source.as_ref(), compared, hold) }
        </>
    }
}

/// Who has sent it and who gets it: what only the page's own broker can tell.
fn talk(props: &DetailProps, state: &AppState, message: &Message, len: usize) -> Html {
    if !state.places().contains(&Place::Clients) {
        return Html::default();
    }
    let (view, on) = (props.view.clone(), props.on.clone());
    let is_own = message.direction.is_sent();
    html! { <LazyTalk {view} topic={message.topic.clone()} at_ms={message.at_ms} {len} {is_own} {on} /> }
}

fn payload_props(props: &DetailProps, state: &AppState, message: &Message, len: usize) -> PayloadViewProps {
    let content_type = message.properties.as_ref().and_then(|properties| properties.content_type.as_deref());
    PayloadViewProps {
        lang: props.lang,
        seq: message.seq,
        topic: message.topic.clone(),
        content_type: content_type.map(str::to_owned),
        payload: message.payload.clone(),
        len,
        shape: state.shapes.of(&message.topic),
        files: state.schema.clone(),
        births: state.births.of(&message.topic),
        charts: chart_names(state),
        on: props.on.clone(),
    }
}

/// The charts that there are, each by its first line.
fn chart_names(state: &AppState) -> Vec<(ChartId, String)> {
    let charts = Charts::of(state.charts.get()).map(Charts::rows).unwrap_or_default();
    let name = |chart: &crate::charts::Chart| {
        let first = chart.series.first().map(|series| series.source().label()).unwrap_or_default();
        match chart.series.len() {
            0 | 1 => first,
            n => format!("{first} +{}", n - 1),
        }
    };
    charts.iter().map(|chart| (chart.id, name(chart))).collect()
}

/// The payload as one number, if payloads of this topic are shown as one.
fn whole_payload(view: &PayloadViewProps) -> Option<Source> {
    let written = written(view.shape.format.unwrap_or(Format::Text))?;
    Some(Source { topic: view.topic.clone(), packing: None, written, path: Path::default() })
}

/// The difference to another message, if one was asked for.
fn comparison(
    props: &DetailProps,
    state: &AppState,
    message: &Message,
    view: &PayloadViewProps,
    compared: &UseStateHandle<Option<Compared>>,
) -> Html {
    let listing = &state.history.topic;
    let previous = || {
        let row = listing.row(message.seq).map_or(0, |row| row + 1);
        listing.seq(row).and_then(|seq| state.history.message(seq)).cloned()
    };
    let base = match &**compared {
        None => return Html::default(),
        Some(Compared::With(base)) => Some(base.clone()),
        Some(Compared::Previous) => previous(),
    };
    let on_close = {
        let compared = compared.setter();
        Callback::from(move |_: MouseEvent| compared.set(None))
    };
    let Some(base) = base else {
        return html! { <p class="cut" data-test="nothing-before">{ props.lang.t(Text::NothingBefore) }</p> };
    };
    let other = payload_props(props, state, &base, base.payload.len());
    let old = other.look_at(&base.payload, false).to_lines();
    let new = view.look_at(&message.payload, false).to_lines();
    html! { <DiffView lang={props.lang} base={words_for(&base, state.clock.offset_min)} {old} {new} {on_close} /> }
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

fn facts(
    props: &DetailProps,
    state: &AppState,
    message: &Message,
    compared: &UseStateHandle<Option<Compared>>,
    source: Option<&Source>,
) -> Html {
    let lang = props.lang;
    let pinned = state.selection.message.is_some();
    let compares = compared.is_some();
    let compare = {
        let compared = compared.setter();
        Callback::from(move |_: MouseEvent| compared.set((!compares).then_some(Compared::Previous)))
    };
    let source = source.filter(|source| source.number(message, &Births::default()).is_some()).cloned();
    html! {
        <p class="facts">
            <time>{ format::clock_ms(message.at_ms, state.clock.offset_min) }</time>
            { marks(lang, message.qos, message.retain) }
            if message.dup {
                <span class="mark" title={lang.t(Text::Duplicate)}>{ "DUP" }</span>
            }
            <span class="spacer" />
            if pinned {
                <button type="button" class="button quiet" data-test="show-latest"
                    onclick={props.on.reform(|_| Action::SelectLatest)}>{ lang.t(Text::ShowLatest) }</button>
            } else if state.history.topic.newer() > 0 {
                <span class="held" data-test="detail-held" title={lang.t(Text::ReadingHint)}>
                    { lang.fill(Text::HeldNew, &[("n", &format::thousands(state.history.topic.newer() as u64))]) }
                </span>
            } else {
                <span class="live">{ lang.t(Text::Latest) }</span>
            }
            if let Some(source) = source {
                { chart_button(props, source) }
            }
            <button type="button" class="toggle" aria-pressed={compares.to_string()} data-test="compare" onclick={compare}
                title={lang.t(Text::CompareHint)}>{ lang.t(Text::Compare) }</button>
        </p>
    }
}

/// Draws the topic's values in a chart of their own.
fn chart_button(props: &DetailProps, source: Source) -> Html {
    let on = props.on.clone();
    let onclick = Callback::from(move |_: MouseEvent| {
        chart_actions(None, source.clone()).into_iter().for_each(|action| on.emit(action));
    });
    icon_button(Icon::Chart, props.lang.t(Text::ChartThis), "chart-this", onclick)
}

fn level(lang: Lang, state: &AppState, path: &str) -> Html {
    let node = state.topics.find_path(path).and_then(|id| state.topics.node(id));
    let Some(node) = node else { return html! { <p class="empty">{ lang.t(Text::NothingYet) }</p> } };
    let (topics, messages) =
        (format::thousands(node.topics_below as u64), format::thousands(node.messages_below));
    html! {
        <>
            <p class="big">{ lang.fill(Text::TopicsBelow, &[("topics", &topics), ("messages", &messages)]) }</p>
            <p class="empty">{ lang.t(Text::LevelOnly) }</p>
        </>
    }
}

fn history(
    props: &DetailProps,
    state: &AppState,
    shown: u64,
    source: Option<&Source>,
    compared: &UseStateHandle<Option<Compared>>,
    hold: &Hold,
) -> Html {
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
        let compare = {
            let (compared, message) = (compared.setter(), (*message).clone());
            Callback::from(move |_: MouseEvent| compared.set(Some(Compared::With(message.clone()))))
        };
        html! {
            <li key={seq} class="history-item">
                <button type="button" class={classes!("history-row", (seq == shown).then_some("selected"))}
                    data-test="history-row" onclick={props.on.reform(move |_| Action::SelectMessage(seq))}>
                    <time>{ format::clock_ms(message.at_ms, state.clock.offset_min) }</time>
                    <span class="payload">{ value }</span>
                </button>
                { icon_button(Icon::Compare, lang.t(Text::CompareWithThis), "compare-with", compare) }
            </li>
        }
    });
    html! {
        <section class="history" onpointermove={hold.on_move.clone()} onpointerleave={hold.on_leave.clone()}>
            <h3>{ lang.t(Text::History) }
                <span class="count" data-test="history-count">{ lang.fill(Text::HistoryCount, &[("n", &all), ("kept", &kept)]) }</span>
            </h3>
            { line(lang, &messages, source) }
            <ol>{ for rows }</ol>
        </section>
    }
}

/// The values as a line, if they are numbers.
fn line(lang: Lang, newest_first: &[&Message], source: Option<&Source>) -> Html {
    let Some(points) = source.and_then(|source| points(newest_first, source)) else { return Html::default() };
    html! {
        <svg class="line" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={lang.t(Text::Sparkline)}>
            <polygon class="area" points={format!("0 32 {points}100 32")} />
            <polyline {points} />
        </svg>
    }
}

/// The corners of a line in a box of 100 by 32, from hundredths of it; `None` if there are not three numbers.
fn points(newest_first: &[&Message], source: &Source) -> Option<String> {
    let number = |message: &&Message| source.number(message, &Births::default()).map(|(value, _)| value);
    let values: Vec<f64> = newest_first.iter().rev().map_while(number).collect();
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
