//! The messages, newest first. Only the rows in sight are in the document, and none moves while it is pointed at.

use super::icon::Icon;
use super::list_filters::{list_filters, text_filter};
use super::parts::{delivery_words, icon_button, marks, nothing_found, topic_text};
use crate::format;
use crate::hooks::{Hold, Rows, use_hold, use_let_go, use_rows};
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::filter::ListFilter;
use crate::state::history::{Direction, Entry, Listing, Message};
use crate::state::subscriptions::COLOURS;
use crate::state::{Action, AppState, Clock, Counters, Tab, Ui, View};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// Rows as high as in the style sheet.
const ROW_PX: usize = 26;
const TOUCH_ROW_PX: usize = 54;

/// How much of a payload a row shows, in characters.
const PREVIEW_CHARS: usize = 200;

/// At so many messages a second, a reader has no chance to see each.
const TOO_FAST: u64 = 100;

/// Scrolled further than this, in pixels, the reader is somewhere else than at the newest message.
const AWAY_PX: i32 = 4;

/// See [`MessageList`].
#[derive(Properties, PartialEq)]
pub struct MessageListProps {
    /// The state.
    pub view: View,
    /// Language.
    pub lang: Lang,
    /// Whether rows are for thumbs, and details on a tab of their own.
    pub narrow: bool,
    /// What stands in the list's place while it is empty.
    pub children: Html,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The message list with its filter.
#[component]
pub fn MessageList(props: &MessageListProps) -> Html {
    let state = props.view.read();
    let lang = props.lang;
    let list = &state.history.list;
    let rows =
        use_rows(list.len(), if props.narrow { TOUCH_ROW_PX } else { ROW_PX }, &state.ui.list_filter.text);
    let hold = use_hold(props.on.reform(Action::ListHold));
    let on_scroll = use_away(&props.on, &rows);
    let seen = use_memo((), |()| RefCell::new(Seen::default()));
    let mut seen = seen.borrow_mut();
    let entries = seen.update(&state, rows.range.clone());
    let selected = state.selection.message.as_ref().map(|message| message.seq);
    let items = entries.iter().map(|entry| row(lang, entry.as_ref(), selected, state.clock));
    let is_whole = props.view.is_whole();
    let items = match is_whole {
        true => lay(&rows, list, items),
        false => html! { <>{ for items }</> },
    };
    html! {
        <section class="panel messages" aria-label={lang.t(Text::Messages)}>
            { head(props, &state, &rows) }
            if state.ui.more_filters {
                { list_filters(lang, &state, &props.on) }
            }
            <div class="scroller" ref={rows.scroller.clone()} onscroll={on_scroll} tabindex="0" role={super::parts::list_role(list.is_empty(), "listbox")}
                aria-label={lang.t(Text::Messages)} aria-activedescendant={selected.map(|seq| format!("message-{seq}"))}
                onkeydown={on_key(props, &rows, &hold)} onblur={hold.set.reform(|_| false)}>
                <div class="spacer" ref={rows.spacer.clone()} onclick={on_click(props)} onpointermove={hold.on_move.clone()} onpointerdown={is_whole.then(|| hold.on_down.clone())} onpointerup={is_whole.then(|| hold.on_up.clone())} onpointerleave={hold.on_leave.clone()}>
                    <div class="rows" ref={rows.block.clone()}>{ items }</div>
                </div>
                if list.is_empty() {
                    { empty(props, &state) }
                }
            </div>
            { foot(lang, &state) }
        </section>
    }
}

/// Not for the first paint, which does without.
#[inline(never)]
fn lay(rows: &Rows, list: &Listing, items: impl Iterator<Item = Html>) -> Html {
    let numbers = rows.range.clone().map(|at| list.seq(at).unwrap_or(u64::MAX));
    rows.lay(numbers.zip(items).collect())
}

/// Which messages have gone, and how far back the others reach.
fn foot(lang: Lang, state: &AppState) -> Html {
    let history = &state.history;
    let Some(oldest_ms) = history.oldest_ms().filter(|_| history.dropped() > 0) else {
        return Html::default();
    };
    let limits = history.limits();
    let values = [
        ("n", format::thousands(history.dropped())),
        ("entries", format::thousands(limits.entries as u64)),
        ("bytes", format::bytes(limits.bytes as u64)),
        ("age", format::age(state.clock.unix_ms.saturating_sub(oldest_ms))),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    html! { <p class="foot" data-test="dropped">{ lang.fill(Text::DroppedLine, &values) }</p> }
}

/// Reports when the list is scrolled away from its first row, and when it is back.
#[hook]
fn use_away(on: &Callback<Action>, rows: &Rows) -> Callback<Event> {
    let was_away = use_memo((), |()| Cell::new(false));
    use_let_go(was_away.clone(), on.reform(Action::ListAway));
    let (on, rows) = (on.clone(), rows.clone());
    Callback::from(move |event: Event| {
        let away = rows.scroller.cast::<Element>().is_some_and(|scroller| scroller.scroll_top() > AWAY_PX);
        if was_away.replace(away) != away {
            on.emit(Action::ListAway(away));
        }
        rows.on_scroll.emit(event);
    })
}

/// The rows that were rendered last. While the list stands still, a row stays readable even when the history has let
/// its message go.
#[derive(Default)]
struct Seen {
    first: usize,
    rows: Vec<Option<Entry>>,
}

impl Seen {
    fn update(&mut self, state: &AppState, range: Range<usize>) -> &[Option<Entry>] {
        let list = &state.history.list;
        let first = range.start;
        let rows = range.map(|row| {
            let kept = list.seq(row).and_then(|seq| state.history.get(seq));
            let seen = || self.rows.get(row.checked_sub(self.first)?)?.as_ref();
            let seen = if list.is_frozen() { seen() } else { None };
            kept.or(seen).cloned()
        });
        self.rows = rows.collect();
        self.first = first;
        &self.rows
    }
}

fn head(props: &MessageListProps, state: &AppState, rows: &Rows) -> Html {
    let (lang, on, ui) = (props.lang, &props.on, &state.ui);
    let kept = format::thousands(state.history.len() as u64);
    let shown = format::thousands(state.history.list.len() as u64);
    let count = match shown == kept {
        true => lang.fill(Text::Kept, &[("n", &kept)]),
        false => lang.fill(Text::Shown, &[("n", &shown), ("all", &kept)]),
    };
    html! {
        <div class="panel-head">
            <h2>{ lang.t(Text::Messages) }<span class="count" data-test="kept-count">{ count }</span></h2>
            { newer(props, state, rows) }
            { text_filter(lang, &ui.list_filter.text, on) }
            if props.view.is_whole() {
                { head_tools(lang, ui, on) }
            }
        </div>
    }
}

#[inline(never)]
fn head_tools(lang: Lang, ui: &Ui, on: &Callback<Action>) -> Html {
    let (paused, more, filter) = (ui.paused, ui.more_filters, &ui.list_filter);
    let mut system = filter.clone();
    system.hide_system = !filter.hide_system;
    let (icon, label) = if paused { (Icon::Play, Text::Resume) } else { (Icon::Pause, Text::Pause) };
    html! {
        <>
            <button type="button" class="icon-button" aria-pressed={more.to_string()} data-test="more-filters"
                aria-label={lang.t(Text::MoreFilters)} title={lang.t(Text::MoreFilters)}
                onclick={on.reform(move |_| Action::MoreFilters(!more))}>
                { Icon::Filter.view() }
                if filter.narrowed_by() > 0 {
                    <b class="badge">{ filter.narrowed_by() }</b>
                }
            </button>
            <button type="button" class="toggle" aria-pressed={(!filter.hide_system).to_string()} data-test="show-system"
                title={lang.t(Text::ShowSystemHint)} onclick={on.reform(move |_| Action::ListFilter(system.clone()))}>
                { lang.t(Text::ShowSystem) }
            </button>
            { icon_button(icon, lang.t(label), "pause", on.reform(move |_| Action::Pause(!paused))) }
            { icon_button(Icon::Clear, lang.t(Text::Clear), "clear", on.reform(|_| Action::Clear)) }
        </>
    }
}

/// How many came since the list stands still; a click goes there.
fn newer(props: &MessageListProps, state: &AppState, rows: &Rows) -> Html {
    let list = &state.history.list;
    if !list.is_frozen() {
        return too_fast(props.lang, state.counters, rows);
    }
    if list.newer() == 0 && !state.ui.paused {
        return Html::default();
    }
    let text = match (state.ui.paused, state.ui.list_held) {
        (true, _) => Text::PausedNew,
        (false, true) => Text::HeldNew,
        (false, false) => Text::NewMessages,
    };
    let (on, rows) = (props.on.clone(), rows.clone());
    let onclick = move |_: MouseEvent| {
        rows.to_top();
        on.emit(Action::Pause(false));
        on.emit(Action::ListAway(false));
    };
    html! {
        <button type="button" class="newer" data-test="newer" title={props.lang.t(Text::HeldHint)} {onclick}>
            { props.lang.fill(text, &[("n", &format::thousands(list.newer() as u64))]) }
        </button>
    }
}

/// Nothing is left out of the list, but nobody sees each of these pass.
fn too_fast(lang: Lang, counters: Counters, rows: &Rows) -> Html {
    if counters.rate < TOO_FAST {
        return Html::default();
    }
    let one_in = counters.one_in(rows.in_sight());
    let text = if one_in > 1 { Text::OneIn } else { Text::TooFast };
    let values = [("n", &*format::short(counters.rate)), ("one", &format::short(one_in))];
    html! {
        <span class="too-fast" data-test="too-fast" data-count={one_in.to_string()} title={lang.t(Text::TooFastHint)}>
            { lang.fill(text, &values) }
        </span>
    }
}

fn empty(props: &MessageListProps, state: &AppState) -> Html {
    let filter = &state.ui.list_filter;
    let words = match filter.text.as_str() {
        "" if filter.is_usual() => return props.children.clone(),
        "" => props.lang.t(Text::NothingPasses).to_owned(),
        text => props.lang.fill(Text::NothingMatches, &[("text", text)]),
    };
    nothing_found(words, props.lang, props.on.reform(|_| Action::ListFilter(ListFilter::default())))
}

#[inline(never)]
fn row(lang: Lang, entry: Option<&Entry>, selected: Option<u64>, clock: Clock) -> Html {
    match entry {
        Some(Entry::Message(message)) => message_row(lang, message, selected == Some(message.seq), clock),
        Some(Entry::Gap { from_ms, to_ms, resumed }) => {
            let time = |ms| format::clock(ms, clock.offset_min);
            let words = lang.fill(Text::Gap, &[("from", &time(*from_ms)), ("to", &time(*to_ms))]);
            let hint = lang.t(if *resumed { Text::GapResumed } else { Text::GapLost });
            html! { <div class="message-row gap" role="option" aria-disabled="true" data-test="gap-row" title={hint}><span>{ words }</span></div> }
        }
        None => {
            html! { <div class="message-row gone" role="option" aria-disabled="true"><span>{ lang.t(Text::GoneRow) }</span></div> }
        }
    }
}

fn message_row(lang: Lang, message: &Message, is_selected: bool, clock: Clock) -> Html {
    let topic = message.topic.to_string();
    let payload = match message.payload.is_empty() {
        true => html! { <span class="payload none">{ lang.t(Text::EmptyPayload) }</span> },
        false => html! { <span class="payload">{ preview(&message.payload, PREVIEW_CHARS) }</span> },
    };
    let sent = message.direction.is_sent();
    html! {
        <div class={classes!("message-row", is_selected.then_some("selected"), sent.then_some("sent"))} role="option"
            aria-selected={is_selected.to_string()} id={format!("message-{}", message.seq)}
            data-test="message-row" data-seq={message.seq.to_string()} data-topic={topic}>
            <span class="colours">{ for colours(message.colours) }</span>
            <time>{ format::clock_ms(message.at_ms, clock.offset_min) }</time>
            <span class="topic" title={visible_line(&message.topic)}>{ topic_text(&message.topic) }</span>
            { payload }
            <span class="marks">
                if sent {
                    { delivery(lang, &message.direction) }
                }
                { marks(lang, message.qos, message.retain) }
            </span>
        </div>
    }
}

/// The colours of the subscriptions that a message came for.
fn colours(colours: u8) -> impl Iterator<Item = Html> {
    (0..COLOURS)
        .filter(move |colour| colours >> colour & 1 == 1)
        .map(|colour| html! { <i class={format!("c{colour}")} /> })
}

/// Where a message is that was sent from here: a sign while all is well, words if not.
fn delivery(lang: Lang, direction: &Direction) -> Html {
    let (tone, words) = delivery_words(lang, direction);
    let sign = match tone {
        "sending" => "\u{2191} \u{2026}",
        "sent" => "\u{2191}",
        "acknowledged" => "\u{2191} \u{2713}",
        _ => "\u{2191} \u{2717}",
    };
    html! {
        <span class={classes!("mark", "delivery", tone)} data-test="delivery" data-state={tone} title={words.clone()} aria-label={words.clone()}>
            { sign }
            if tone == "failed" {
                { " " }{ words }
            }
        </span>
    }
}

/// One listener for all rows.
fn on_click(props: &MessageListProps) -> Callback<MouseEvent> {
    let (on, narrow) = (props.on.clone(), props.narrow);
    Callback::from(move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let row = target.and_then(|target| target.closest("[data-seq]").ok().flatten());
        let seq = row.and_then(|row| row.get_attribute("data-seq")?.parse().ok());
        if let Some(seq) = seq {
            on.emit(Action::SelectMessage(seq));
            if narrow {
                on.emit(Action::Tab(Tab::Details));
            }
        }
    })
}

/// Up and down go from message to message; the list stands still meanwhile.
fn on_key(props: &MessageListProps, rows: &Rows, hold: &Hold) -> Callback<KeyboardEvent> {
    let (view, on, rows, hold) = (props.view.clone(), props.on.clone(), rows.clone(), hold.set.clone());
    Callback::from(move |event: KeyboardEvent| {
        let step: isize = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            "PageDown" => 10,
            "PageUp" => -10,
            "End" => isize::MAX,
            "Home" => isize::MIN,
            _ => return,
        };
        event.prevent_default();
        hold.emit(true);
        let seq = {
            let state = view.read();
            let list = &state.history.list;
            let at = state.selection.message.as_ref().and_then(|message| list.row(message.seq));
            let last = list.len().saturating_sub(1);
            let row = at.map_or(0, |row| row.saturating_add_signed(step).min(last));
            rows.show(row);
            list.seq(row)
        };
        if let Some(seq) = seq {
            on.emit(Action::SelectMessage(seq));
        }
    })
}
