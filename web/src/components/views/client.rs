//! One client: its connection, its session, its subscriptions, and what can be done with it.

use super::super::icon::Icon;
use super::super::parts::{button, icon_button};
use super::clients::{short_version, since};
use super::reasons::end_words;
use super::{fact, trouble};
use crate::desk::clients::ClientsStep;
use crate::desk::events::EventsStep;
use crate::desk::{Desk, Step};
use crate::format;
use crate::i18n::words::Words;
use crate::i18n::{Lang, Text};
use crate::payload::visible_line;
use crate::state::Action;
use tabmq_shared::api::clients::{Client, ClientDetail, Connection, Subscription};
use tabmq_shared::api::me::Role;
use yew::prelude::*;

/// The client that is looked into; on a wide screen, a word about what would be here.
pub(super) fn client(lang: Lang, desk: &Desk, narrow: bool, on: &Callback<Action>) -> Html {
    let clients = &desk.clients;
    let Some(id) = &clients.selected else {
        return match narrow {
            true => Html::default(),
            false => html! {
                <section class="panel side"><div class="quiet-box"><p>{ lang.w(Words::PickClient) }</p></div></section>
            },
        };
    };
    let content = match &clients.detail {
        None => html! { <p class="empty" role="status">{ lang.w(Words::Loading) }</p> },
        Some(Err(why)) => trouble(lang, why, on),
        Some(Ok(detail)) => content(lang, detail, desk, on),
    };
    let shown = visible_line(id);
    html! {
        <section class="panel side" aria-label={shown.clone()} data-test="client-detail" data-key={id.clone()}>
            <div class="panel-head detail-head">
                if narrow {
                    { icon_button(Icon::Back, lang.w(Words::Back), "client-back", on.reform(|_| Step::Clients(ClientsStep::Select(None)).action())) }
                }
                <h2 class="topic-title">{ shown }</h2>
                { icon_button(Icon::Copy, lang.t(Text::Copy), "client-copy", { let id = id.clone(); on.reform(move |_| Action::Copy(id.clone())) }) }
                if !narrow {
                    { icon_button(Icon::Close, lang.t(Text::Close), "client-close", on.reform(|_| Step::Clients(ClientsStep::Select(None)).action())) }
                }
            </div>
            <div class="detail-body">{ content }</div>
        </section>
    }
}

fn content(lang: Lang, detail: &ClientDetail, desk: &Desk, on: &Callback<Action>) -> Html {
    let client = &detail.client;
    html! {
        <>
            { head(lang, client) }
            { actions(lang, client, desk.access.may(Role::Admin), on) }
            if let Some(connection) = &client.connection {
                { connection_facts(lang, connection) }
            }
            { session_facts(lang, detail) }
            { subscriptions(lang, detail, on) }
        </>
    }
}

fn head(lang: Lang, client: &Client) -> Html {
    let age = since(client);
    let (class, words) = match (&client.connection, age.is_empty()) {
        (Some(_), _) => ("on", lang.fill_words(Words::ConnectedFor, &[("age", &age)])),
        (None, false) => ("off", lang.fill_words(Words::AbsentFor, &[("age", &age)])),
        (None, true) => ("off", lang.w(Words::Absent).to_owned()),
    };
    html! { <p class={classes!("state-line", class)} data-test="client-state"><span class="dot" />{ words }</p> }
}

fn actions(lang: Lang, client: &Client, may: bool, on: &Callback<Action>) -> Html {
    let id = client.id.clone();
    let ask = |session: bool| {
        let id = id.clone();
        on.reform(move |_: MouseEvent| Step::Clients(ClientsStep::AskRemove(id.clone(), session)).action())
    };
    let events = {
        let id = id.clone();
        on.reform(move |_: MouseEvent| Step::Events(EventsStep::OfClient(id.clone())).action())
    };
    let needs = (!may).then_some(lang.w(Words::NeedsAdmin));
    html! {
        <div class="buttons start">
            { button(lang.w(Words::EventsOfClient), "client-events", "", events) }
            <button type="button" class="button danger" data-test="client-disconnect" disabled={!may || client.connection.is_none()}
                title={needs} onclick={ask(false)}>{ lang.w(Words::Disconnect) }</button>
            <button type="button" class="button danger" data-test="client-remove" disabled={!may} title={needs} onclick={ask(true)}>
                { lang.w(Words::RemoveSession) }
            </button>
        </div>
    }
}

fn connection_facts(lang: Lang, connection: &Connection) -> Html {
    let text = |text: String| html! { <>{ text }</> };
    let passed = |messages: u64, bytes: u64| {
        let values = [("n", &*format::thousands(messages)), ("bytes", &format::bytes(bytes))];
        text(lang.fill_words(Words::MessagesBytes, &values))
    };
    let keep_alive = match connection.keep_alive_s {
        0 => lang.w(Words::NoKeepAlive).to_owned(),
        s => format!("{s} s"),
    };
    let protocol = format!("MQTT {}, {}", short_version(&connection.protocol_version), connection.transport);
    html! {
        <section class="properties">
            <h3>{ lang.w(Words::Connection) }</h3>
            <dl>
                { fact(lang.w(Words::ColumnAddress), text(connection.address.clone())) }
                { fact(lang.w(Words::ColumnProtocol), text(protocol)) }
                { fact(lang.w(Words::KeepAliveRow), text(keep_alive)) }
                { fact(lang.w(Words::CleanStart), text(lang.t(if connection.clean_start { Text::Yes } else { Text::No }).to_owned())) }
                { fact(lang.w(Words::Certificate), connection.certificate.as_deref().map(|it| text(visible_line(it)))) }
                { fact(lang.w(Words::FromClient), passed(connection.messages_received, connection.bytes_received)) }
                { fact(lang.w(Words::ToClient), passed(connection.messages_sent, connection.bytes_sent)) }
                { fact(lang.w(Words::Outbox), (connection.outbox_bytes > 0).then(|| text(format::bytes(connection.outbox_bytes as u64)))) }
            </dl>
        </section>
    }
}

fn session_facts(lang: Lang, detail: &ClientDetail) -> Html {
    let client = &detail.client;
    let text = |text: String| html! { <>{ text }</> };
    let expiry = match client.session_expiry_s {
        None => lang.w(Words::ExpiryNever).to_owned(),
        Some(0) => lang.w(Words::ExpiryNone).to_owned(),
        Some(s) => format::age(u64::from(s).saturating_mul(1000)),
    };
    let waiting = [
        ("n", &*format::thousands(client.queued_messages as u64)),
        ("bytes", &format::bytes(client.queued_bytes as u64)),
    ];
    let last = client.last_disconnect.as_ref().map(|last| {
        let age = format::age(last.ago_s.saturating_mul(1000));
        text(lang.fill_words(
            Words::LastEndWords,
            &[("age", &age), ("reason", &end_words(lang, last.how, last.code, &last.reason))],
        ))
    });
    let will = detail.will.as_ref().map(|will| {
        let (topic, bytes) = (visible_line(&will.topic), format::bytes(will.payload_bytes as u64));
        let values = [
            ("topic", &*topic),
            ("qos", &will.qos.to_string()),
            ("bytes", &bytes),
            ("delay", &will.delay_s.to_string()),
        ];
        text(lang.fill_words(Words::WillWords, &values))
    });
    html! {
        <section class="properties">
            <h3>{ lang.w(Words::Session) }</h3>
            <dl>
                { fact(lang.w(Words::ColumnUser), client.user.as_deref().map(|user| text(visible_line(user)))) }
                { fact(lang.w(Words::Groups), (!detail.groups.is_empty()).then(|| text(detail.groups.join(", ")))) }
                { fact(lang.w(Words::Expiry), text(expiry)) }
                { fact(lang.w(Words::Waiting), text(lang.fill_words(Words::MessagesBytes, &waiting))) }
                { fact(lang.w(Words::InFlight), text(format::thousands(client.in_flight as u64))) }
                { fact(lang.w(Words::Unfinished), (detail.unfinished > 0).then(|| text(format::thousands(detail.unfinished as u64)))) }
                { fact(lang.w(Words::WillRow), will) }
                { fact(lang.w(Words::LastEnd), last) }
            </dl>
        </section>
    }
}

fn subscriptions(lang: Lang, detail: &ClientDetail, on: &Callback<Action>) -> Html {
    let (list, all) = (&detail.subscription_list, detail.client.subscriptions);
    let more = all.saturating_sub(list.len());
    html! {
        <section class="properties">
            <h3>{ lang.w(Words::SubscriptionsTitle) }<span class="count">{ format::thousands(all as u64) }</span></h3>
            if list.is_empty() {
                <p class="hint">{ lang.w(Words::NoSubscriptions) }</p>
            } else {
                <ul class="lines" data-test="client-subscriptions">{ for list.iter().map(|it| subscription(lang, it, on)) }</ul>
            }
            if more > 0 {
                <p class="hint">{ lang.fill_words(Words::MoreSubscriptions, &[("n", &format::thousands(more as u64))]) }</p>
            }
        </section>
    }
}

fn subscription(lang: Lang, subscription: &Subscription, on: &Callback<Action>) -> Html {
    let filter = visible_line(&subscription.filter);
    let list = {
        let filter = subscription.filter.clone();
        on.reform(move |_| Action::Copy(filter.clone()))
    };
    html! {
        <li data-test="client-subscription" data-filter={subscription.filter.clone()}>
            <code>{ filter }</code>
            <span class="mark">{ "q" }{ subscription.qos }</span>
            if subscription.no_local {
                <span class="mark">{ lang.w(Words::NoLocal) }</span>
            }
            if subscription.retain_as_published {
                <span class="mark">{ lang.w(Words::AsPublished) }</span>
            }
            if let Some(id) = subscription.id {
                <span class="mark">{ "id " }{ id }</span>
            }
            if subscription.resting {
                <span class="mark retained">{ lang.w(Words::Resting) }</span>
            }
            <span class="spacer" />
            { icon_button(Icon::Copy, lang.t(Text::Copy), "filter-copy", list) }
        </li>
    }
}
