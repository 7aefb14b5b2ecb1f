//! What the page says while nothing comes: what it waits for, and how to make something move.

use super::icon::Icon;
use super::parts::icon_button;
use crate::i18n::{Lang, Text};
use crate::state::{Action, BrokerInfo};
use yew::prelude::*;

/// In place of the messages while there are none. `demo` says whether the demo device runs, `cleared` whether there were some.
pub fn quiet(lang: Lang, connected: bool, demo: bool, cleared: bool, on: &Callback<Action>) -> Html {
    if !connected {
        return html! { <div class="quiet-box"><p>{ lang.t(Text::OfflineText) }</p></div> };
    }
    html! {
        <div class="quiet-box">
            <h3>{ lang.t(Text::QuietTitle) }</h3>
            <p>{ lang.t(if cleared { Text::QuietCleared } else { Text::QuietText }) }</p>
            <p class="buttons">
                if !demo && !cleared {
                    <button type="button" class="button primary" data-test="demo-start" onclick={on.reform(|_| Action::Demo(true))}>
                        { lang.t(Text::StartDemo) }
                    </button>
                }
                <button type="button" class="button" onclick={on.reform(|_| Action::OpenTab)}>{ lang.t(Text::SecondTab) }</button>
            </p>
        </div>
    }
}

/// In place of the details while nothing is selected: what to do next, here and in a terminal.
pub fn next_steps(lang: Lang, broker: Option<&BrokerInfo>, on: &Callback<Action>) -> Html {
    let commands = commands(lang, broker, on);
    html! {
        <div class="quiet-box">
            <h2>{ lang.t(Text::PickTitle) }</h2>
            <p>{ lang.t(Text::PickText) }</p>
            if !commands.is_empty() {
                <h3>{ lang.t(Text::FromTerminal) }</h3>
                <>{ for commands }</>
            }
        </div>
    }
}

/// What to type in a terminal, with the real host and port, if they are known.
pub(super) fn commands(lang: Lang, broker: Option<&BrokerInfo>, on: &Callback<Action>) -> Vec<Html> {
    let address = broker.and_then(|broker| broker.mqtt.as_ref());
    let lines = address.into_iter().flat_map(|(host, port)| lines(host, *port));
    lines.map(|line| command(lang, line, on)).collect()
}

fn lines(host: &str, port: u16) -> [String; 4] {
    let at = format!("-h {host} -p {port}");
    [
        format!("tabmq sub {at} -t '#' -v"),
        format!("tabmq pub {at} -t home/door -m open"),
        format!("mosquitto_sub {at} -t '#' -v"),
        format!("mosquitto_pub {at} -t home/door -m open"),
    ]
}

fn command(lang: Lang, line: String, on: &Callback<Action>) -> Html {
    let copied = line.clone();
    html! {
        <div class="command">
            <code>{ line }</code>
            { icon_button(Icon::Copy, lang.t(Text::Copy), "copy-command", on.reform(move |_| Action::Copy(copied.clone()))) }
        </div>
    }
}
