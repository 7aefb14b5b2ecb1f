//! Who is connected, as a table, and one of them beside it.

use super::super::lazy_place::PlaceProps;
use super::super::parts::typed;
use super::client::client;
use super::table::{Frame, ROW_PX, TOUCH_ROW_PX, head, hidden_head, number, on_key, on_row};
use super::{account, trouble_above};
use crate::desk::clients::{Clients, ClientsStep, Column, MAX_ROWS};
use crate::desk::{Desk, Step};
use crate::format;
use crate::hooks::{Rows, use_hold, use_rows};
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::payload::visible_line;
use crate::state::{Action, AppState, View};
use tabmq_shared::api::clients::Client;
use yew::prelude::*;

/// The view.
#[component]
pub(super) fn ClientsView(props: &PlaceProps) -> Html {
    let state = props.view.read();
    let workspace = props.view.workspace();
    let on = props.on.reform(|step: ClientsStep| Step::Clients(step).action());
    let hold = use_hold(on.reform(ClientsStep::Hold));
    let desk = Desk::of(workspace.desk().get());
    let (count, find) = desk.map_or((0, ""), |desk| (desk.clients.rows().len(), &*desk.clients.find));
    let rows = use_rows(count, if props.narrow { TOUCH_ROW_PX } else { ROW_PX }, find);
    let Some(desk) = desk else { return Html::default() };
    let (lang, clients) = (state.ui.look.lang, &desk.clients);
    let list = Table { lang, view: &props.view, clients, on: &on, own: own_id(&state) };
    Frame {
        class: "clients",
        label: lang.t(crate::i18n::Text::Clients),
        rows: &rows,
        hold: &hold,
        count: clients.rows().len(),
        shows_list: !props.narrow || clients.selected.is_none(),
        above: html! { <>{ list.tools(desk, &props.on) }{ trouble_above(lang, clients.trouble.as_ref(), &props.on) }</> },
        below: html! { <><div class="bar">{ list.empty() }</div><div class="bar">{ list.foot() }</div></> },
        heads: list.heads(),
        shown: rows.lay(list.rows(&rows).collect()),
        on_key: list.keys(&rows),
        on_row: on_row(on.reform(|id| ClientsStep::Select(Some(id)))),
        beside: client(lang, desk, props.narrow, &props.on),
    }
    .view()
}

/// The client id of this tab at the page's broker, if it is connected to that.
fn own_id(state: &AppState) -> Option<&str> {
    match &state.connection.state {
        tabmq_shared::client::State::Connected { limits, .. } => Some(&limits.client_id),
        _ => None,
    }
}

struct Table<'a> {
    lang: Lang,
    view: &'a View,
    clients: &'a Clients,
    on: &'a Callback<ClientsStep>,
    own: Option<&'a str>,
}

impl Table<'_> {
    fn tools(&self, desk: &Desk, page: &Callback<Action>) -> Html {
        let (lang, clients) = (self.lang, self.clients);
        let count = match clients.is_filtered() {
            true => lang
                .fill_words(Words::ClientsFound, &[("n", &format::thousands(clients.rows().len() as u64))]),
            false => {
                let values = [
                    ("connected", &*format::thousands(clients.connected_rows as u64)),
                    ("n", &format::thousands(clients.total as u64)),
                ];
                lang.fill_words(Words::ClientsCount, &values)
            }
        };
        let segment = |value: Option<bool>, words: Words, test: &'static str| {
            html! {
                <button type="button" class="segment" aria-pressed={(clients.connected == value).to_string()} data-test={test}
                    onclick={self.on.reform(move |_| ClientsStep::Connected(value))}>{ lang.w(words) }</button>
            }
        };
        html! {
            <div class="panel-head">
                <h2>{ lang.t(crate::i18n::Text::Clients) }<span class="count" data-test="clients-count" data-count={clients.rows().len().to_string()}>{ count }</span></h2>
                <input type="search" class="filter" data-test="place-find" value={clients.find.clone()} placeholder={lang.w(Words::FindClients)}
                    aria-label={lang.w(Words::FindClients)} autocomplete="off" spellcheck="false"
                    oninput={self.on.reform(|event: InputEvent| ClientsStep::Find(typed(&event)))} />
                <span class="segments" role="group" aria-label={lang.w(Words::StateFilter)}>
                    { segment(None, Words::EveryState, "clients-all") }
                    { segment(Some(true), Words::OnlyConnected, "clients-connected") }
                    { segment(Some(false), Words::OnlyAbsent, "clients-absent") }
                </span>
                { account(lang, desk, page) }
            </div>
        }
    }

    fn heads(&self) -> Html {
        let sort = self.on.reform(ClientsStep::Sort);
        let head = |name, column| head(self.lang, name, column, self.clients.sort, &sort);
        html! {
            <div class="table-row table-head" role="row" aria-rowindex="1">
                { hidden_head(self.lang.w(Words::StateFilter)) }
                { head(Words::ColumnClient, Column::Id) }
                { head(Words::ColumnUser, Column::User) }
                { head(Words::ColumnAddress, Column::Address) }
                { head(Words::ColumnProtocol, Column::Protocol) }
                { head(Words::ColumnSince, Column::Since) }
                { head(Words::ColumnSubscriptions, Column::Subscriptions) }
                { head(Words::ColumnQueued, Column::Queued) }
                { head(Words::ColumnReceived, Column::Received) }
                { head(Words::ColumnSent, Column::Sent) }
            </div>
        }
    }

    fn rows(&self, rows: &Rows) -> impl Iterator<Item = (u64, Html)> {
        let first = rows.range.start;
        let ids = self.clients.rows().get(rows.range.clone()).unwrap_or_default();
        ids.iter().enumerate().map(move |(i, id)| (number(id), self.row(id, first + i)))
    }

    fn row(&self, id: &str, at: usize) -> Html {
        let is_selected = self.clients.selected.as_deref() == Some(id);
        let client = self.clients.get(id);
        let state = match client {
            None => "gone",
            Some(client) if client.connection.is_some() => "connected",
            Some(_) => "absent",
        };
        html! {
            <div class={classes!("table-row", state, is_selected.then_some("selected"))} role="row" aria-selected={is_selected.to_string()}
                aria-rowindex={(at + 2).to_string()} data-test="client-row" data-key={id.to_owned()} data-state={state}>
                { self.cells(id, client) }
            </div>
        }
    }

    fn cells(&self, id: &str, client: Option<&Client>) -> Html {
        let lang = self.lang;
        let name = html! {
            <span role="gridcell" class="name" title={visible_line(id)}>
                { visible_line(id) }
                if self.own == Some(id) {
                    <span class="mark own">{ lang.w(Words::ThisTab) }</span>
                }
            </span>
        };
        let Some(client) = client else {
            return html! { <><span role="gridcell" class="dot" />{ name }<span role="gridcell" class="none">{ lang.w(Words::Gone) }</span></> };
        };
        let dot = lang.w(if client.connection.is_some() { Words::OnlyConnected } else { Words::OnlyAbsent });
        let cell = |class: &'static str, text: String| html! { <span role="gridcell" {class} title={text.clone()}>{ text }</span> };
        let count = |n: usize| if n == 0 { String::from("0") } else { format::short(n as u64) };
        let connection = client.connection.as_ref();
        let user = client.user.as_deref().map(visible_line).unwrap_or_default();
        let absent = || lang.w(Words::OnlyAbsent).to_owned();
        let address = connection.map_or_else(absent, |it| it.address.clone());
        html! {
            <>
                <span role="gridcell"><span class="dot" role="img" aria-label={dot} title={dot} /></span>
                { name }
                { cell("user", user) }
                { cell("address", address) }
                { cell("protocol", connection.map(|it| format!("{} {}", short_version(&it.protocol_version), it.transport)).unwrap_or_default()) }
                { cell("number since", since(client)) }
                { cell("number", count(client.subscriptions)) }
                <span role="gridcell" class={if client.queued_messages > 0 { "number waiting" } else { "number" }} data-label={lang.w(Words::ColumnQueued)}>
                    { count(client.queued_messages) }
                </span>
                { cell("number", connection.map(|it| format::short(it.messages_received)).unwrap_or_default()) }
                { cell("number", connection.map(|it| format::short(it.messages_sent)).unwrap_or_default()) }
            </>
        }
    }

    fn keys(&self, rows: &Rows) -> Callback<KeyboardEvent> {
        let on = self.on.clone();
        on_key(self.view, rows, move |desk, step| {
            let (clients, ids) = (&desk.clients, desk.clients.rows());
            let selected = clients.selected.as_deref();
            let at = selected.and_then(|selected| ids.iter().position(|id| &**id == selected));
            let row = step(at, ids.len())?;
            let select = ClientsStep::Select(ids.get(row).map(|id| id.to_string()));
            let on = on.clone();
            Some((row, Box::new(move || on.emit(select))))
        })
    }

    fn empty(&self) -> Html {
        let words =
            match (self.clients.rows().is_empty(), self.clients.is_complete(), self.clients.is_filtered()) {
                (false, ..) => return Html::default(),
                (_, false, _) => Words::Loading,
                (_, _, true) => Words::NoClientFound,
                (_, _, false) => Words::NoClients,
            };
        html! { <p class="empty over" role="status">{ self.lang.w(words) }</p> }
    }

    fn foot(&self) -> Html {
        if !self.clients.is_cut {
            return Html::default();
        }
        let n = format::thousands(MAX_ROWS as u64);
        html! { <p class="foot">{ self.lang.fill_words(Words::TooManyRows, &[("n", &n)]) }</p> }
    }
}

/// `5.0` as `5`, as people say it.
pub(super) fn short_version(version: &str) -> &str {
    version.strip_suffix(".0").unwrap_or(version)
}

/// How long the connection is there, or is not.
pub(super) fn since(client: &Client) -> String {
    match (&client.connection, &client.last_disconnect) {
        (Some(connection), _) => format::age(connection.since_s.saturating_mul(1000)),
        (None, Some(last)) => format::age(last.ago_s.saturating_mul(1000)),
        (None, None) => String::new(),
    }
}
