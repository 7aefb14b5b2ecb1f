//! What the broker keeps, as a table, and one message of it beside it.

use super::super::lazy_place::PlaceProps;
use super::super::parts::typed;
use super::message::message;
use super::table::{Frame, ROW_PX, TOUCH_ROW_PX, head, number, on_key, on_row, plain_head};
use super::{account, trouble_above};
use crate::desk::retained::{Column, MAX_ROWS, Retained, RetainedStep, Row};
use crate::desk::{Desk, Step};
use crate::format;
use crate::hooks::{Rows, use_hold, use_rows};
use crate::i18n::words::Words;
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::{Action, View};
use tabmq_shared::api::me::Role;
use yew::prelude::*;

/// How much of a payload a row shows, in characters.
const PREVIEW_CHARS: usize = 120;

/// The view.
#[component]
pub(super) fn RetainedView(props: &PlaceProps) -> Html {
    let state = props.view.read();
    let workspace = props.view.workspace();
    let on = props.on.reform(|step: RetainedStep| Step::Retained(step).action());
    let hold = use_hold(on.reform(RetainedStep::Hold));
    let desk = Desk::of(workspace.desk().get());
    let (count, find) = desk.map_or((0, ""), |desk| (desk.retained.rows().len(), &*desk.retained.find));
    let rows = use_rows(count, if props.narrow { TOUCH_ROW_PX } else { ROW_PX }, find);
    let Some(desk) = desk else { return Html::default() };
    let (lang, retained) = (state.ui.look.lang, &desk.retained);
    let list = Table { lang, view: &props.view, retained, now_ms: state.clock.unix_ms, on: &on };
    Frame {
        class: "retained",
        label: lang.t(Text::RetainedView),
        rows: &rows,
        hold: &hold,
        count: retained.rows().len(),
        shows_list: !props.narrow || retained.selected.is_none(),
        above: html! { <>{ list.tools(desk, &props.on) }{ trouble_above(lang, retained.trouble.as_ref(), &props.on) }</> },
        below: html! { <><div class="bar">{ list.empty() }</div><div class="bar">{ list.foot() }</div></> },
        heads: list.heads(),
        shown: rows.lay(list.rows(&rows).collect()),
        on_key: list.keys(&rows),
        on_row: on_row(on.reform(|topic| RetainedStep::Select(Some(topic)))),
        beside: message(lang, &state, desk, props.narrow, &props.on),
    }
    .view()
}

struct Table<'a> {
    lang: Lang,
    view: &'a View,
    retained: &'a Retained,
    now_ms: u64,
    on: &'a Callback<RetainedStep>,
}

impl Table<'_> {
    fn tools(&self, desk: &Desk, page: &Callback<Action>) -> Html {
        let (lang, retained) = (self.lang, self.retained);
        let found = format::thousands(retained.rows().len() as u64);
        let count = match retained.find.trim().is_empty() {
            false => lang.fill_words(Words::RetainedFound, &[("n", &found)]),
            true => {
                let values = [("n", &*found), ("bytes", &format::bytes(retained.rows_bytes))];
                lang.fill_words(Words::RetainedCount, &values)
            }
        };
        html! {
            <div class="panel-head">
                <h2>{ lang.t(Text::RetainedView) }<span class="count" data-test="retained-count" data-count={retained.rows().len().to_string()}>{ count }</span></h2>
                <input type="search" class="filter" data-test="place-find" value={retained.find.clone()} placeholder={lang.w(Words::FindRetained)}
                    aria-label={lang.w(Words::FindRetained)} autocomplete="off" spellcheck="false"
                    oninput={self.on.reform(|event: InputEvent| RetainedStep::Find(typed(&event)))} />
                { self.clear_button(desk) }
                { account(lang, desk, page) }
            </div>
        }
    }

    fn clear_button(&self, desk: &Desk) -> Html {
        let (lang, retained) = (self.lang, self.retained);
        let may = desk.access.may(Role::Publisher);
        let filter =
            retained.clearable().filter(|_| may && !retained.is_busy() && !retained.rows().is_empty());
        let hint = match (may, retained.clearable().is_some()) {
            (false, _) => Some(Words::NeedsPublisher),
            (true, false) => Some(Words::ClearManyHint),
            (true, true) => None,
        };
        let words = match (retained.is_busy(), retained.find.trim().is_empty()) {
            (true, _) => Words::Counting,
            (false, true) => Words::ClearAll,
            (false, false) => Words::ClearMany,
        };
        let disabled = filter.is_none();
        let onclick = {
            let on = self.on.clone();
            move |_: MouseEvent| {
                if let Some(filter) = &filter {
                    on.emit(RetainedStep::AskClear(filter.clone()));
                }
            }
        };
        html! {
            <button type="button" class="button danger" data-test="retained-clear" {disabled} title={hint.map(|hint| lang.w(hint))} {onclick}>
                { lang.w(words) }
            </button>
        }
    }

    fn heads(&self) -> Html {
        let sort = self.on.reform(RetainedStep::Sort);
        let head = |name, column| head(self.lang, name, column, self.retained.sort, &sort);
        html! {
            <div class="table-row table-head" role="row" aria-rowindex="1">
                { head(Words::ColumnTopic, Column::Topic) }
                { plain_head(self.lang.w(Words::ColumnValue)) }
                { head(Words::ColumnSize, Column::Size) }
                { plain_head("QoS") }
                { head(Words::ColumnAge, Column::Age) }
                { head(Words::ColumnPublisher, Column::Publisher) }
            </div>
        }
    }

    fn rows(&self, rows: &Rows) -> impl Iterator<Item = (u64, Html)> {
        let first = rows.range.start;
        let shown = self.retained.rows().get(rows.range.clone()).unwrap_or_default();
        shown.iter().enumerate().map(move |(i, row)| (number(&row.message.topic), self.row(row, first + i)))
    }

    fn row(&self, row: &Row, at: usize) -> Html {
        let lang = self.lang;
        let message = &row.message;
        let is_selected = self.retained.selected.as_ref() == Some(&message.topic);
        let value = match &row.payload {
            None => {
                html! { <span role="gridcell" class="payload none">{ lang.w(Words::NotReadable) }</span> }
            }
            Some(bytes) if bytes.is_empty() => {
                html! { <span role="gridcell" class="payload none">{ lang.t(Text::EmptyPayload) }</span> }
            }
            Some(bytes) => {
                html! { <span role="gridcell" class="payload">{ preview(bytes, PREVIEW_CHARS) }</span> }
            }
        };
        let publisher = message.publisher.as_deref().map(visible_line).unwrap_or_default();
        html! {
            <div class={classes!("table-row", is_selected.then_some("selected"))} role="row" aria-selected={is_selected.to_string()}
                aria-rowindex={(at + 2).to_string()} data-test="retained-row" data-key={message.topic.clone()}>
                <span role="gridcell" class="topic" title={visible_line(&message.topic)}>{ super::super::parts::topic_text(&message.topic) }</span>
                { value }
                <span role="gridcell" class="number">{ format::bytes(message.payload_bytes as u64) }</span>
                <span role="gridcell" class="number"><span class="mark">{ "q" }{ message.qos }</span></span>
                <span role="gridcell" class="number since">{ format::age(self.now_ms.saturating_sub(row.at_ms)) }</span>
                <span role="gridcell" class="publisher" title={publisher.clone()}>{ publisher }</span>
            </div>
        }
    }

    fn keys(&self, rows: &Rows) -> Callback<KeyboardEvent> {
        let on = self.on.clone();
        on_key(self.view, rows, move |desk, step| {
            let (retained, shown) = (&desk.retained, desk.retained.rows());
            let selected = retained.selected.as_ref();
            let at =
                selected.and_then(|selected| shown.iter().position(|row| row.message.topic == *selected));
            let row = step(at, shown.len())?;
            let select = RetainedStep::Select(shown.get(row).map(|row| row.message.topic.clone()));
            let on = on.clone();
            Some((row, Box::new(move || on.emit(select))))
        })
    }

    fn empty(&self) -> Html {
        let retained = self.retained;
        let words =
            match (retained.rows().is_empty(), retained.is_complete(), retained.find.trim().is_empty()) {
                (false, ..) => return Html::default(),
                (_, false, _) => Words::Loading,
                (_, _, false) => Words::NoRetainedFound,
                (_, _, true) => Words::NothingRetained,
            };
        html! { <p class="empty over" role="status">{ self.lang.w(words) }</p> }
    }

    fn foot(&self) -> Html {
        if !self.retained.is_cut {
            return Html::default();
        }
        let n = format::thousands(MAX_ROWS as u64);
        html! { <p class="foot">{ self.lang.fill_words(Words::TooManyRows, &[("n", &n)]) }</p> }
    }
}
