//! The head of the page: where the connection is, how much comes, and the tools.

use super::connections::{new_connection, tone};
use super::header_tools::HeaderTools;
use super::icon::Icon;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::state::{Action, Dialog, Look};
use tabmq_shared::client::State;
use tabmq_shared::packet::Version;
use yew::prelude::*;

/// See [`Header`].
#[derive(Properties, PartialEq)]
pub struct HeaderProps {
    /// Theme and language.
    pub look: Look,
    /// Where the connection is.
    pub state: State,
    /// The broker's address.
    pub url: AttrValue,
    /// The broker behind the gateway that the page comes from, if it is one.
    pub upstream: Option<AttrValue>,
    /// The version in use.
    pub version: Version,
    /// In milliseconds.
    pub round_trip_ms: Option<u64>,
    /// Messages in all.
    pub received: u64,
    /// Messages in the last second.
    pub rate: u64,
    /// Whether there is no other connection.
    pub alone: bool,
    /// Whether it is a recorded session, and no connection.
    pub session: bool,
    /// Whether all of the page is there: tools, too.
    pub whole: bool,
    /// Whether there is little room.
    pub narrow: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The head of the page.
#[component]
pub fn Header(props: &HeaderProps) -> Html {
    let lang = props.look.lang;
    let words = match props.session {
        true => lang.t(Text::SessionShort).to_owned(),
        false => connection_words(lang, &props.state, &props.url),
    };
    let version = props.version.to_string();
    let received = lang.fill(Text::MessagesTotal, &[("n", &format::thousands(props.received))]);
    html! {
        <header class="header">
            <span class="brand">{ logo() }<h1>{ "TabMQ" }</h1></span>
            <button type="button" class={classes!("connection", tone(&props.state))} data-test="connection-state" aria-live="polite"
                title={lang.t(Text::OpenSettings)} onclick={props.on.reform(|_| Action::Dialog(Some(Dialog::Connection)))}>
                <span class="dot" />
                <span class="words">{ words }</span>
                if props.state.is_connected() {
                    <span class="detail">{ "MQTT " }{ version.strip_suffix(".0").unwrap_or(&version) }</span>
                    if let Some(upstream) = &props.upstream {
                        <span class="detail" data-test="upstream" title={lang.fill(Text::ThroughGateway, &[("url", upstream)])}>
                            { "→ " }{ upstream }
                        </span>
                    }
                    if let Some(ms) = props.round_trip_ms {
                        <span class="detail" title={lang.t(Text::RoundTrip)}>{ ms }{ " ms" }</span>
                    }
                }
                { Icon::Settings.view() }
            </button>
            if props.alone && props.whole {
                { new_connection(lang, &props.on) }
            }
            <span class="spacer" />
            <span class="traffic" data-test="message-count" data-count={props.received.to_string()}
                title={received.clone()} aria-label={received}>
                <span class="total">{ lang.fill(Text::MessagesShort, &[("n", &format::thousands(props.received))]) }</span>
                <span class="rate">{ lang.fill(Text::PerSecond, &[("n", &format::short(props.rate))]) }</span>
            </span>
            if props.whole {
                <HeaderTools look={props.look} narrow={props.narrow} on={props.on.clone()} />
            }
        </header>
    }
}

fn connection_words(lang: Lang, state: &State, url: &str) -> String {
    match state {
        State::Idle => lang.t(Text::NotConnected).to_owned(),
        State::Opening { attempt: 1 } | State::Connecting { attempt: 1 } => {
            lang.fill(Text::ConnectingTo, &[("url", url)])
        }
        State::Opening { attempt } | State::Connecting { attempt } => {
            lang.fill(Text::ConnectingAgain, &[("n", &attempt.to_string())])
        }
        State::Connected { limits, .. } => lang.fill(Text::ConnectedAs, &[("id", &limits.client_id)]),
        State::Waiting { .. } => lang.t(Text::WaitingShort).to_owned(),
        State::Stopped { .. } => lang.t(Text::StoppedShort).to_owned(),
    }
}

/// A tab with a signal in it.
fn logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 20 20" aria-hidden="true">
            <path class="tab" d="M1 17V6a3 3 0 0 1 3-3h5a3 3 0 0 1 3 3h4a3 3 0 0 1 3 3v8z" />
            <path class="wave" d="M5 13a2 2 0 0 1 2 2M5 9.5a5.5 5.5 0 0 1 5.5 5.5" />
        </svg>
    }
}
