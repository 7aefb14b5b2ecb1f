//! The connections of this page, as tabs. With one there is nothing to choose, and nothing is shown.

use super::icon::Icon;
use super::parts::icon_button;
use crate::i18n::{Lang, Text};
use crate::state::{Action, AppState, ConnectionId, Dialog, PageAction, View};
use tabmq_shared::client::State;
use web_sys::Element;
use yew::prelude::*;

/// The tabs. Arrows go from one to the next.
pub fn connection_tabs(lang: Lang, view: &View, on: &Callback<Action>) -> Html {
    let workspace = view.workspace();
    if workspace.len() < 2 {
        return Html::default();
    }
    let tabs = workspace.iter().map(|(id, state)| tab(lang, id, state, id == view.id(), on));
    let onkeydown = super::parts::if_some(on, |event: KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => -1,
            _ => return None,
        };
        event.prevent_default();
        Some(Action::Page(PageAction::Step(step)))
    });
    html! {
        <nav class="connections" aria-label={lang.t(Text::Connections)} {onkeydown}>
            <TabList active={view.id()}>{ for tabs }</TabList>
            { new_connection(lang, on) }
        </nav>
    }
}

#[derive(Properties, PartialEq)]
struct TabListProps {
    active: ConnectionId,
    children: Html,
}

/// The tabs in a row, scrolled to where the active one is seen.
#[component]
fn TabList(props: &TabListProps) -> Html {
    let list = use_node_ref();
    let shown = list.clone();
    use_effect_with(props.active, move |_| {
        let list = shown.cast::<Element>();
        if let Some(tab) = list.and_then(|list| list.query_selector(".active").ok().flatten()) {
            tab.scroll_into_view_with_bool(false);
        }
    });
    html! { <ul class="connection-tabs" ref={list}>{ props.children.clone() }</ul> }
}

/// The button for one more.
pub(super) fn new_connection(lang: Lang, on: &Callback<Action>) -> Html {
    let open = on.reform(|_| Action::Dialog(Some(Dialog::NewConnection)));
    icon_button(Icon::Plus, lang.t(Text::NewConnection), "new-connection", open)
}

fn tab(lang: Lang, id: ConnectionId, state: &AppState, active: bool, on: &Callback<Action>) -> Html {
    let name = connection_name(lang, state);
    let close = lang.fill(Text::CloseConnection, &[("name", &name)]);
    html! {
        <li key={id.0} class={classes!("connection-tab", tone(&state.connection.state), active.then_some("active"))}
            data-test="connection-tab" data-state={tone(&state.connection.state)}>
            <button type="button" aria-current={active.to_string()}
                title={state.connection.url.clone()} onclick={on.reform(move |_| Action::Page(PageAction::Show(id)))}>
                <span class="dot" />
                <span class="words">{ name }</span>
                <span class="detail">{ state.settings.client_id.clone() }</span>
            </button>
            { icon_button(Icon::Close, close, "connection-close", on.reform(move |_| Action::Page(PageAction::Close(id)))) }
        </li>
    }
}

/// The colour that goes with a state.
pub(super) const fn tone(state: &State) -> &'static str {
    match state {
        State::Idle => "off",
        State::Opening { .. } | State::Connecting { .. } => "busy",
        State::Connected { .. } => "on",
        State::Waiting { .. } | State::Stopped { .. } => "bad",
    }
}

/// What a connection is called, or its broker's address, short.
fn connection_name(lang: Lang, state: &AppState) -> String {
    let (name, url) = (state.settings.name.as_str(), state.settings.broker.as_str());
    if !name.is_empty() {
        return name.to_owned();
    }
    if url.is_empty() {
        return lang.t(Text::ThisBroker).to_owned();
    }
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    host.split('/').next().unwrap_or(host).to_owned()
}
