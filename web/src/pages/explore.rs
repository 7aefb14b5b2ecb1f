//! The page. The explorer: topics on the left, messages and the publish form in the middle, details on the right. On a narrow
//! screen the parts are tabs.

use crate::browser;
use crate::components::{
    ConnectionNotice, ExtraDialog, Header, LazyCharts, LazyDetail, LazyDialog, LazyPlace, MessageList,
    PublishForm, SubscriptionList, TopicTree, connection_tabs, hints, next_steps, places, question, quiet,
    tape_strips, toasts,
};
use crate::hooks::{use_keys, use_media, use_part};
use crate::i18n::{Lang, Text};
use crate::lazy::Details;
use crate::state::charts::ChartMaker;
use crate::state::place::Place;
use crate::state::settings::Settings;
use crate::state::{Action, AppState, Dialog, Tab, View};
use yew::prelude::*;

/// See [`Explore`].
#[derive(Properties, PartialEq)]
pub struct ExploreProps {
    /// The state.
    pub view: View,
    /// Makes a client id that nobody has.
    pub new_id: Callback<(), String>,
    /// Where to say that a file of messages was chosen.
    pub on_file: Callback<web_sys::File>,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The explorer. Until the page is whole it has its head, the topic tree and the message list: what is needed to see the
/// first messages.
#[component]
pub fn Explore(props: &ExploreProps) -> Html {
    let narrow = use_media("(max-width: 899px)");
    let state = props.view.read();
    html! {
        <div class={classes!("app", narrow.then_some("narrow"))} data-test="page"
            data-state={if props.view.is_whole() { "whole" } else { "first" }}>
            { header(props, &state, narrow) }
            // Each in an element of its own, which stays: beside an element that is replaced in the same rendering, Yew
            // inserts before the old one, which is gone.
            <div class="bars">{ if_whole(props, || bars(props, &state, narrow)) }</div>
            <main>{ parts(props, &state, narrow) }</main>
            <div class="bars">{ if_whole(props, || below(props, &state, narrow)) }</div>
        </div>
    }
}

/// What is shown once the page is whole.
fn if_whole(props: &ExploreProps, show: impl FnOnce() -> Html) -> Html {
    if props.view.is_whole() { show() } else { Html::default() }
}

/// Below the head.
#[inline(never)]
fn bars(props: &ExploreProps, state: &AppState, narrow: bool) -> Html {
    let lang = state.ui.look.lang;
    html! {
        <>
            <div class="bar">{ connection_tabs(lang, &props.view, &props.on) }</div>
            <div class="bar">{ notice(props, state) }</div>
            <div class="bar">{ tape_strips(state, &props.on) }</div>
            <div class="bar">{ if state.place() == Place::Explore { hints(state, narrow, &props.on) } else { Html::default() } }</div>
            <div class="bar">{ demo(props, state) }</div>
            <div class="bar">{ if narrow { places(state, &props.on) } else { Html::default() } }</div>
        </>
    }
}

/// Below and above all else.
#[inline(never)]
fn below(props: &ExploreProps, state: &AppState, narrow: bool) -> Html {
    let lang = state.ui.look.lang;
    html! {
        <>
            <div class="bar">
                { match (narrow, state.place()) {
                    (true, Place::Explore) => tabs(props, lang, state.ui.tab),
                    (true, _) => Html::default(),
                    (false, _) => places(state, &props.on),
                } }
            </div>
            { toasts(lang, state.ui.toasts.rows(), &props.on) }
            { dialog(props, state) }
            if let Some(asked) = &state.ui.question {
                { question(lang, asked, &props.on) }
            }
            <Attendants view={props.view.clone()} on={props.on.clone()} />
        </>
    }
}

/// See [`Attendants`].
#[derive(Properties, PartialEq)]
struct AttendantsProps {
    view: View,
    on: Callback<Action>,
}

/// Nothing to be seen: what waits for keys, and for the charts' code.
#[component]
fn Attendants(props: &AttendantsProps) -> Html {
    use_charts(&props.on);
    use_keys(&props.view, &props.on);
    Html::default()
}

/// Says that the demo device runs, and ends it.
fn demo(props: &ExploreProps, state: &AppState) -> Html {
    if state.demo.is_none() {
        return Html::default();
    }
    let lang = state.ui.look.lang;
    html! {
        <div class="notice demo" role="status">
            <span class="why">{ lang.t(Text::DemoRuns) }</span>
            <button type="button" class="button" data-test="demo-stop" onclick={props.on.reform(|_| Action::Demo(false))}>
                { lang.t(Text::StopDemo) }
            </button>
        </div>
    }
}

/// Scroll positions and open menus belong to one connection: another connection has other elements.
fn parts(props: &ExploreProps, state: &AppState, narrow: bool) -> Html {
    let key = props.view.id().0;
    if state.place() != Place::Explore {
        return html! { <LazyPlace view={props.view.clone()} {narrow} on={props.on.clone()} /> };
    }
    if narrow {
        return html! { <div class="one" {key}>{ part(props, state, state.ui.tab, true) }</div> };
    }
    html! {
        <div class="three" {key}>
            <div class="column left">{ part(props, state, Tab::Topics, false) }</div>
            <div class="column middle">
                { if_whole(props, || switch(props, state)) }
                { part(props, state, if state.ui.tab == Tab::Charts { Tab::Charts } else { Tab::Messages }, false) }
                { part(props, state, Tab::Publish, false) }
            </div>
            <div class="column right">{ part(props, state, Tab::Details, false) }</div>
        </div>
    }
}

/// Messages or charts, once there are charts.
fn switch(props: &ExploreProps, state: &AppState) -> Html {
    let shows_charts = state.ui.tab == Tab::Charts;
    if state.charts.is_empty() && !shows_charts {
        return Html::default();
    }
    let lang = state.ui.look.lang;
    let tab = |tab: Tab, name: Text, test: &'static str| {
        let active = shows_charts == (tab == Tab::Charts);
        html! {
            <button type="button" aria-current={active.then_some("page")} data-test={test}
                onclick={props.on.reform(move |_| Action::Tab(tab))}>{ lang.t(name) }</button>
        }
    };
    html! {
        <nav class="switch" aria-label={lang.t(Text::MiddleParts)}>
            { tab(Tab::Messages, Text::Messages, "switch-messages") }
            { tab(Tab::Charts, Text::Charts, "switch-charts") }
        </nav>
    }
}

/// Makes the charts as soon as their code is there: they draw what comes from then on, shown or not.
#[hook]
fn use_charts(on: &Callback<Action>) {
    let maker = use_part::<Details>().ready().map(|details| ChartMaker(details.new_charts));
    let on = on.clone();
    use_effect_with(maker, move |maker| {
        if let Some(maker) = *maker {
            on.emit(Action::ChartsReady(maker));
        }
    });
}

fn dialog(props: &ExploreProps, state: &AppState) -> Html {
    let (view, on) = (props.view.clone(), props.on.clone());
    match state.ui.dialog {
        None => Html::default(),
        Some(dialog @ (Dialog::Connection | Dialog::NewConnection | Dialog::Subscription)) => {
            html! { <LazyDialog {dialog} {view} new_id={props.new_id.clone()} {on} /> }
        }
        Some(dialog) => html! { <ExtraDialog {dialog} {view} {on} on_file={props.on_file.clone()} /> },
    }
}

fn header(props: &ExploreProps, state: &AppState, narrow: bool) -> Html {
    let connection = &state.connection;
    html! {
        <Header look={state.ui.look} state={connection.state.clone()} url={connection.url.clone()}
            upstream={state.broker_of_the_page().and_then(|broker| broker.upstream.clone()).map(AttrValue::from)}
            version={state.settings.version} round_trip_ms={connection.round_trip_ms}
            received={state.counters.received} rate={state.counters.rate} alone={props.view.workspace().len() == 1} session={state.is_session()}
            whole={props.view.is_whole()} {narrow} on={props.on.clone()} />
    }
}

fn notice(props: &ExploreProps, state: &AppState) -> Html {
    let connection = &state.connection;
    let (view, new_id, on) = (props.view.clone(), props.new_id.clone(), props.on.clone());
    let on_new_id = Callback::from(move |()| {
        let settings = Settings { client_id: new_id.emit(()), ..view.read().settings.clone() };
        on.emit(Action::Settings(Box::new(settings)));
    });
    html! {
        <ConnectionNotice lang={state.ui.look.lang} state={connection.state.clone()} url={connection.url.clone()}
            foreign_to={foreign_to(state)} scram={state.settings.uses_scram()}
            retry_in_ms={connection.retry_in_ms} on={props.on.clone()} {on_new_id} />
    }
}

/// The page's origin, for a broker that is not the page's own: it may want to know it.
fn foreign_to(state: &AppState) -> Option<AttrValue> {
    let is_foreign = !state.settings.broker.is_empty() && !state.connection.state.is_connected();
    is_foreign.then(|| browser::origin_text().into())
}

fn part(props: &ExploreProps, state: &AppState, tab: Tab, narrow: bool) -> Html {
    let (lang, on, view) = (state.ui.look.lang, props.on.clone(), props.view.clone());
    let connected = state.connection.state.is_connected();
    match tab {
        Tab::Topics => html! {
            <>
                <TopicTree {view} {lang} {narrow} on={on.clone()} />
                { if_whole(props, || html! { <SubscriptionList {lang} {connected} subscriptions={state.subscriptions.clone()} {on} /> }) }
            </>
        },
        Tab::Messages => {
            html! {
                <MessageList {view} {lang} {narrow} on={on.clone()}>
                    { if_whole(props, || quiet(lang, connected, state.demo.is_some(), state.topics.has_messages(), &on)) }
                </MessageList>
            }
        }
        // Empty until the page is whole: so nothing moves when they come.
        Tab::Details if !props.view.is_whole() => html! { <section class="panel detail" /> },
        Tab::Charts if !props.view.is_whole() => html! { <section class="panel charts" /> },
        Tab::Publish if !props.view.is_whole() => html! { <section class="panel publish" /> },
        _ => later_part(props, state, tab),
    }
}

/// The parts that the first paint does without.
#[inline(never)]
fn later_part(props: &ExploreProps, state: &AppState, tab: Tab) -> Html {
    let (lang, on, view) = (state.ui.look.lang, props.on.clone(), props.view.clone());
    let connected = state.connection.state.is_connected();
    match tab {
        Tab::Topics | Tab::Messages => Html::default(),
        Tab::Details => html! {
            <LazyDetail {view} {lang} on={on.clone()}>{ next_steps(lang, state.broker_of_the_page(), &on) }</LazyDetail>
        },
        Tab::Charts => html! { <LazyCharts {view} {lang} {on} /> },
        Tab::Publish => {
            html! { <PublishForm {lang} publishing={state.publishing.clone()} {connected} v5={state.settings.version.is_v5()} offset_min={state.clock.offset_min} {on} /> }
        }
    }
}

fn tabs(props: &ExploreProps, lang: Lang, active: Tab) -> Html {
    let tab = |tab: Tab| {
        let (name, test) = match tab {
            Tab::Topics => (Text::Topics, "tab-topics"),
            Tab::Messages => (Text::Messages, "tab-messages"),
            Tab::Details => (Text::Details, "tab-details"),
            Tab::Publish => (Text::Publish, "tab-publish"),
            Tab::Charts => (Text::Charts, "tab-charts"),
        };
        html! {
            <button type="button" aria-current={(tab == active).then_some("page")} data-test={test}
                onclick={props.on.reform(move |_| Action::Tab(tab))}>{ lang.t(name) }</button>
        }
    };
    html! { <nav class="tabs">{ for Tab::ALL.map(tab) }</nav> }
}
