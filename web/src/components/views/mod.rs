//! The views of the broker's inside: part of a module of their own, loaded when the first of them is looked at.
//!
//! [`table`] is what long tables have in common; [`login`] stands in a view's place while the broker wants to know who
//! asks.

mod broker;
mod client;
mod clients;
mod events;
mod gateway;
mod login;
mod message;
mod reasons;
mod retained;
mod table;

use super::icon::Icon;
use super::lazy_place::PlaceProps;
use super::parts::{button, icon_button};
use crate::desk::access::Door;
use crate::desk::ask::Trouble;
use crate::desk::{Desk, Step};
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::state::Action;
use crate::state::place::Place;
use broker::BrokerView;
use clients::ClientsView;
use events::EventsView;
use login::LogIn;
use retained::RetainedView;
use tabmq_shared::api::me::Role;
use yew::prelude::*;

/// A view; in its place what has to be done before it can be seen.
#[component]
pub fn PlacePage(props: &PlaceProps) -> Html {
    let state = props.view.read();
    let workspace = props.view.workspace();
    let lang = state.ui.look.lang;
    let Some(desk) = Desk::of(workspace.desk().get()) else { return Html::default() };
    let place = state.place();
    let content = match desk.access.door() {
        Door::Unknown | Door::Asked => {
            html! { <p class="empty" role="status">{ lang.w(Words::Loading) }</p> }
        }
        Door::Out(why) => {
            html! { <LogIn {lang} user={state.settings.username.clone()} why={why.clone()} on={props.on.clone()} /> }
        }
        Door::Silent(why) => trouble(lang, why, &props.on),
        Door::In(_) => match place {
            Place::Clients => html! { <ClientsView ..props.clone() /> },
            Place::Retained => html! { <RetainedView ..props.clone() /> },
            Place::Events => html! { <EventsView ..props.clone() /> },
            Place::Broker | Place::Explore => html! { <BrokerView ..props.clone() /> },
        },
    };
    html! { <div class="place" data-test={format!("view-{}", place.name())}>{ content }</div> }
}

/// Why there is nothing, or nothing new, and what helps.
fn trouble(lang: Lang, trouble: &Trouble, on: &Callback<Action>) -> Html {
    html! {
        <div class="notice" role="alert" data-test="view-trouble">
            <span class="why">{ trouble.words(lang) }</span>
            { button(lang.w(Words::TryAgain), "view-again", "", on.reform(|_| Step::Again.action())) }
            if matches!(trouble, Trouble::Denied(_)) {
                { button(lang.w(Words::LogIn), "log-in-as-other", "", on.reform(|_| Step::LogOut.action())) }
            }
        </div>
    }
}

/// The same above what is there.
fn trouble_above(lang: Lang, why: Option<&Trouble>, on: &Callback<Action>) -> Html {
    html! { <div class="bar">{ why.map(|why| trouble(lang, why, on)).unwrap_or_default() }</div> }
}

/// Who is logged in, and the way out.
fn account(lang: Lang, desk: &Desk, on: &Callback<Action>) -> Html {
    let Some(me) = desk.access.me().filter(|me| me.login) else { return Html::default() };
    let role = lang.w(match me.role {
        Role::Viewer => Words::RoleViewer,
        Role::Publisher => Words::RolePublisher,
        Role::Admin => Words::RoleAdmin,
    });
    let user = crate::payload::visible_line(me.user.as_deref().unwrap_or_default());
    html! {
        <span class="account" data-test="account">
            <span class="words">{ lang.fill_words(Words::LoggedInAs, &[("user", &user), ("role", role)]) }</span>
            { icon_button(Icon::Leave, lang.w(Words::LogOut), "log-out", on.reform(|_| Step::LogOut.action())) }
        </span>
    }
}

/// A line of a list of facts; nothing where there is nothing to tell.
fn fact(name: &'static str, value: impl Into<Option<Html>>) -> Html {
    match value.into() {
        Some(value) => html! { <><dt>{ name }</dt><dd>{ value }</dd></> },
        None => Html::default(),
    }
}
