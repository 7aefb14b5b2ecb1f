//! What happens in the broker, as it happens.

use super::super::icon::Icon;
use super::super::lazy_place::PlaceProps;
use super::super::parts::{icon_button, typed};
use super::account;
use super::reasons::{action_words, code_words, end_words};
use super::table::{ROW_PX, TOUCH_ROW_PX};
use crate::desk::clients::ClientsStep;
use crate::desk::events::{Events, EventsStep, MAX_EVENTS, Row};
use crate::desk::{Desk, Step};
use crate::format;
use crate::hooks::{Rows, use_hold, use_rows};
use crate::i18n::words::Words;
use crate::i18n::{Lang, Text};
use crate::payload::visible_line;
use crate::state::{Action, Clock};
use tabmq_shared::api::events::{Happening, Kind, Publication};
use yew::prelude::*;

/// The view.
#[component]
pub(super) fn EventsView(props: &PlaceProps) -> Html {
    let state = props.view.read();
    let workspace = props.view.workspace();
    let on = props.on.reform(|step: EventsStep| Step::Events(step).action());
    let hold = use_hold(on.reform(EventsStep::Hold));
    let desk = Desk::of(workspace.desk().get());
    let (count, find) = desk.map_or((0, ""), |desk| (desk.events.len(), &*desk.events.find));
    let rows = use_rows(count, if props.narrow { TOUCH_ROW_PX } else { ROW_PX }, find);
    let Some(desk) = desk else { return Html::default() };
    let (lang, events) = (state.ui.look.lang, &desk.events);
    let list = List { lang, events, clock: state.clock, on: &on };
    let shown = rows.range.clone().filter_map(|at| events.row(at)).map(|row| (row.seq, list.row(row)));
    html! {
        <section class="panel" aria-label={lang.t(Text::Events)}>
            { list.tools(desk, &rows, &props.on) }
            { list.kinds() }
            { super::trouble_above(lang, events.trouble.as_ref(), &props.on) }
            <div class="table events" role="table" aria-label={lang.t(Text::Events)} aria-rowcount={count.to_string()}>
                <div class="scroller" role="rowgroup" ref={rows.scroller.clone()} onscroll={rows.on_scroll.clone()} tabindex="0"
                    aria-label={lang.t(Text::Events)}>
                    <div class="spacer" role="presentation" ref={rows.spacer.clone()} onpointermove={hold.on_move.clone()}
                        onpointerdown={hold.on_down.clone()} onpointerup={hold.on_up.clone()} onpointerleave={hold.on_leave.clone()} onclick={on_client(&props.on)}>
                        <div class="rows" role="presentation" ref={rows.block.clone()}>{ rows.lay(shown.collect()) }</div>
                    </div>
                </div>
            </div>
            <div class="bar">{ list.empty() }</div>
            <div class="bar">{ list.foot() }</div>
        </section>
    }
}

/// One listener for the clients of all rows.
fn on_client(on: &Callback<Action>) -> Callback<MouseEvent> {
    use wasm_bindgen::JsCast;
    let on = on.clone();
    Callback::from(move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|target| target.closest("[data-client]").ok().flatten());
        if let Some(id) = link.and_then(|link| link.get_attribute("data-client")) {
            on.emit(Step::Clients(ClientsStep::Select(Some(id))).action());
        }
    })
}

struct List<'a> {
    lang: Lang,
    events: &'a Events,
    clock: Clock,
    on: &'a Callback<EventsStep>,
}

impl List<'_> {
    fn tools(&self, desk: &Desk, rows: &Rows, page: &Callback<Action>) -> Html {
        let (lang, events) = (self.lang, self.events);
        let n = |n: usize| format::thousands(n as u64);
        let count = match events.len() == events.kept() {
            true => lang.fill_words(Words::EventsKept, &[("n", &n(events.kept()))]),
            false => {
                lang.fill_words(Words::EventsShown, &[("n", &n(events.len())), ("all", &n(events.kept()))])
            }
        };
        let (live, class) = if events.live { (Words::Live, "live") } else { (Words::NotLive, "live off") };
        let paused = events.paused;
        let (icon, label) = if paused { (Icon::Play, Words::Resume) } else { (Icon::Pause, Words::Pause) };
        html! {
            <div class="panel-head">
                <h2>{ lang.t(Text::Events) }<span class="count" data-test="events-count" data-count={events.len().to_string()}>{ count }</span></h2>
                <span {class} data-test="events-live" data-state={if events.live { "live" } else { "off" }} role="status">{ lang.w(live) }</span>
                { self.newer(rows) }
                <input type="search" class="filter" data-test="place-find" value={events.find.clone()} placeholder={lang.w(Words::FindEvents)}
                    aria-label={lang.w(Words::FindEvents)} autocomplete="off" spellcheck="false"
                    oninput={self.on.reform(|event: InputEvent| EventsStep::Find(typed(&event)))} />
                { icon_button(icon, lang.w(label), "events-pause", self.on.reform(move |_| EventsStep::Pause(!paused))) }
                { icon_button(Icon::Clear, lang.w(Words::ClearEvents), "events-clear", self.on.reform(|_| EventsStep::Clear)) }
                { account(lang, desk, page) }
            </div>
        }
    }

    /// How many came since the list stands still; a click goes there.
    fn newer(&self, rows: &Rows) -> Html {
        let events = self.events;
        if !events.is_frozen() || (events.newer == 0 && !events.paused) {
            return Html::default();
        }
        let (on, rows) = (self.on.clone(), rows.clone());
        let onclick = move |_: MouseEvent| {
            rows.to_top();
            on.emit(EventsStep::Pause(false));
        };
        html! {
            <button type="button" class="newer" data-test="events-newer" data-count={events.newer.to_string()} {onclick}>
                { self.lang.fill_words(Words::NewEvents, &[("n", &format::thousands(events.newer as u64))]) }
            </button>
        }
    }

    fn kinds(&self) -> Html {
        let toggle = |kind: Kind| {
            let on = self.events.kinds.contains(&kind);
            html! {
                <button type="button" class={classes!("toggle", "kind", tone(kind))} aria-pressed={on.to_string()} data-test={format!("kind-{}", kind.name())}
                    onclick={self.on.reform(move |_| EventsStep::Kind(kind, !on))}>{ self.lang.w(words(kind)) }</button>
            }
        };
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Lost);
        html! { <div class="filters kinds" role="group" aria-label={self.lang.w(Words::Kinds)}>{ for kinds.map(toggle) }</div> }
    }

    fn row(&self, row: &Row) -> Html {
        let (lang, event) = (self.lang, &row.event);
        let kind = event.what.kind();
        let client = match event.what.client_id() {
            Some(id) if !id.starts_with('(') => html! {
                <button type="button" class="link" data-test="event-client" data-client={id.to_owned()}>{ visible_line(id) }</button>
            },
            Some(id) => html! { <span>{ visible_line(id) }</span> },
            None if kind.is_of_messages() => html! { <span class="none">{ lang.w(Words::TheApi) }</span> },
            None if kind == Kind::Lost => Html::default(),
            None => html! { <span class="none">{ lang.w(Words::Nobody) }</span> },
        };
        let what = sentence(lang, &event.what);
        html! {
            <div class={classes!("table-row", tone(kind))} role="row" data-test="event-row" data-kind={kind.name()}
                data-key={event.what.client_id().map(str::to_owned)}>
                <time role="cell">{ format::clock_ms(event.time_ms, self.clock.offset_min) }</time>
                <span role="cell"><span class={classes!("kind-mark", tone(kind))}>{ lang.w(words(kind)) }</span></span>
                <span role="cell" class="name">{ client }</span>
                <span role="cell" class="what" title={what.clone()}>{ what }</span>
            </div>
        }
    }

    fn empty(&self) -> Html {
        let words = match (self.events.is_empty(), self.events.kept() > 0) {
            (false, _) => return Html::default(),
            (true, true) => Words::NoEventFound,
            (true, false) => Words::NoEvents,
        };
        html! { <p class="empty over" role="status">{ self.lang.w(words) }</p> }
    }

    fn foot(&self) -> Html {
        if self.events.gone == 0 {
            return Html::default();
        }
        let (n, max) = (format::thousands(self.events.gone), format::thousands(MAX_EVENTS as u64));
        html! { <p class="foot">{ self.lang.fill_words(Words::EventsGone, &[("n", &n), ("max", &max)]) }</p> }
    }
}

const fn words(kind: Kind) -> Words {
    match kind {
        Kind::Connected => Words::KindConnected,
        Kind::Refused => Words::KindRefused,
        Kind::Disconnected => Words::KindDisconnected,
        Kind::Subscribed => Words::KindSubscribed,
        Kind::Unsubscribed => Words::KindUnsubscribed,
        Kind::Denied => Words::KindDenied,
        Kind::Published => Words::KindPublished,
        Kind::Unconsumed => Words::KindUnconsumed,
        Kind::Lost => Words::KindLost,
    }
}

/// The colour that goes with a kind.
const fn tone(kind: Kind) -> &'static str {
    match kind {
        Kind::Connected => "good",
        Kind::Refused | Kind::Denied => "bad",
        Kind::Lost => "gap",
        Kind::Unconsumed => "warn",
        Kind::Disconnected | Kind::Subscribed | Kind::Unsubscribed | Kind::Published => "plain",
    }
}

fn sentence(lang: Lang, what: &Happening) -> String {
    match what {
        Happening::Connected { address, transport, protocol_version, session_present, .. } => {
            let words = if *session_present { Words::WhatResumed } else { Words::WhatConnected };
            let version = super::clients::short_version(protocol_version);
            lang.fill_words(words, &[("address", address), ("version", version), ("transport", transport)])
        }
        Happening::Refused { address, code, reason, why, .. } => {
            let reason = code_words(lang, *code, reason);
            lang.fill_words(Words::WhatRefused, &[("address", address), ("reason", &reason), ("why", why)])
        }
        Happening::Disconnected { how, code, reason, .. } => end_words(lang, *how, *code, reason),
        Happening::Subscribed { filter, code, .. } if *code < 0x80 => lang.fill_words(
            Words::WhatSubscribed,
            &[("filter", &visible_line(filter)), ("qos", &code.to_string())],
        ),
        Happening::Unsubscribed { filter, code: 0, .. } => visible_line(filter),
        Happening::Subscribed { filter, code, reason, .. }
        | Happening::Unsubscribed { filter, code, reason, .. } => {
            let (filter, reason) = (visible_line(filter), code_words(lang, *code, reason));
            lang.fill_words(Words::WhatNotSubscribed, &[("filter", &filter), ("reason", &reason)])
        }
        Happening::Denied { action, topic, why, untold, .. } => {
            let words = if *untold > 0 { Words::WhatDeniedMore } else { Words::WhatDenied };
            let n = format::thousands(*untold);
            lang.fill_words(
                words,
                &[
                    ("action", action_words(lang, action)),
                    ("topic", &visible_line(topic)),
                    ("why", why),
                    ("n", &n),
                ],
            )
        }
        Happening::Published(message) | Happening::Unconsumed(message) => published(lang, message),
        Happening::Lost { events: Some(n) } => {
            lang.fill_words(Words::WhatLost, &[("n", &format::thousands(*n))])
        }
        Happening::Lost { events: None } => lang.w(Words::WhatRestarted).to_owned(),
    }
}

fn published(lang: Lang, message: &Publication) -> String {
    let values = [
        ("topic", &*visible_line(&message.topic)),
        ("bytes", &format::bytes(message.payload_bytes as u64)),
        ("qos", &message.qos.to_string()),
        ("n", &format::thousands(message.receivers as u64)),
    ];
    lang.fill_words(Words::WhatPublished, &values)
}
