//! How the broker is: figures, the last minutes as lines, what went wrong, where it listens, its bridges.

use super::super::lazy_place::PlaceProps;
use super::super::quiet::commands;
use super::gateway::gateway;
use super::{account, fact, trouble_above};
use crate::desk::Desk;
use crate::desk::figures::{Figures, Point};
use crate::format;
use crate::i18n::words::Words;
use crate::i18n::{Lang, Text};
use crate::payload::visible_line;
use crate::state::{Action, AppState};
use std::collections::BTreeMap;
use tabmq_shared::api::stats::Stats;
use tabmq_shared::api::{Bridge, BridgeLosses, BridgeState, Info, Listener};
use yew::prelude::*;

/// The view.
#[component]
pub(super) fn BrokerView(props: &PlaceProps) -> Html {
    let state = props.view.read();
    let workspace = props.view.workspace();
    let Some(desk) = Desk::of(workspace.desk().get()) else { return Html::default() };
    let lang = state.ui.look.lang;
    let figures = &desk.figures;
    let title = if figures.gateway.is_some() { Words::GatewayTitle } else { Words::BrokerTitle };
    let (name, version) = match (&figures.info, &figures.gateway) {
        (Some(info), _) => (info.name.as_str(), info.version.as_str()),
        (_, Some(info)) => (info.name.as_str(), info.version.as_str()),
        _ => ("", ""),
    };
    let content = match (&figures.info, &figures.gateway) {
        (Some(info), _) => broker(lang, info, figures),
        (_, Some(info)) => gateway(lang, info),
        _ if figures.trouble.is_some() => Html::default(),
        _ => html! { <p class="empty" role="status">{ lang.w(Words::Loading) }</p> },
    };
    html! {
        <section class="panel" aria-label={lang.w(title)}>
            <div class="panel-head">
                <h2>{ lang.w(title) }<span class="count" data-test="broker-version">{ name }{ " " }{ version }</span></h2>
                <span class="spacer" />
                { account(lang, desk, &props.on) }
            </div>
            { trouble_above(lang, figures.trouble.as_ref(), &props.on) }
            <div class="figures" tabindex="0">
                { content }
                { terminal(lang, &state, &props.on) }
            </div>
        </section>
    }
}

fn broker(lang: Lang, info: &Info, figures: &Figures) -> Html {
    let stats = figures.stats.as_deref();
    html! {
        <>
            <div class="tiles">
                { tiles(lang, info, figures) }
            </div>
            if let Some(stats) = stats {
                <div class="cards">
                    { counted(lang.w(Words::Drops), lang.w(Words::NoDrops), "broker-drops", &named(&stats.dropped)) }
                    { counted(lang.w(Words::LimitsMet), lang.w(Words::NoLimits), "broker-limits", &named(&stats.limits)) }
                    { counted(lang.w(Words::Denials), "0", "broker-denied", &named(&stats.denied)) }
                    { counted(lang.w(Words::Logins), "0", "broker-logins", &logins(lang, stats)) }
                </div>
            }
            <div class="cards">
                { about(lang, info) }
                { listeners(lang, &info.listeners) }
                { bridges(lang, &info.bridges) }
            </div>
        </>
    }
}

fn tiles(lang: Lang, info: &Info, figures: &Figures) -> Html {
    let points = &figures.points;
    let last = points.back().copied().unwrap_or_default();
    let rate = |n: u64| lang.fill_words(Words::EverySecond, &[("n", &format::short(n))]);
    let byte_rate = |n: u64| lang.fill_words(Words::EverySecond, &[("n", &format::bytes(n))]);
    let all = |n: String| lang.fill_words(Words::InAll, &[("n", &n)]);
    let tile = |name: Words, test: &'static str, value: String, hint: String, read: fn(&Point) -> u64| {
        html! {
            <div class="tile" data-test={test}>
                <h3>{ lang.w(name) }</h3>
                <p class="big">{ value }</p>
                <p class="hint">{ hint }</p>
                { line(lang, lang.w(name), points.iter().map(read)) }
            </div>
        }
    };
    let (messages, clients) = (&info.messages, &info.clients);
    let n = |n: usize| format::thousands(n as u64);
    let clients_hint = [
        ("max", &*n(clients.maximum)),
        ("sessions", &n(clients.sessions)),
        ("subscriptions", &n(clients.subscriptions)),
    ];
    let stats = figures.stats.as_deref();
    let memory = stats.and_then(|stats| stats.memory_bytes);
    let kept = stats.map(|stats| stats.kept).unwrap_or_default();
    let kept_hint = [
        ("bytes", &*format::bytes(kept.retained_bytes)),
        ("queued", &format::thousands(kept.queued_messages)),
        ("queued_bytes", &format::bytes(kept.queued_bytes)),
    ];
    html! {
        <>
            { tile(Words::MessagesIn, "tile-in", rate(last.messages_received), all(format::thousands(messages.received)), |it| it.messages_received) }
            { tile(Words::MessagesOut, "tile-out", rate(last.messages_sent), all(format::thousands(messages.sent)), |it| it.messages_sent) }
            { tile(Words::BytesIn, "tile-bytes-in", byte_rate(last.bytes_received), all(format::bytes(messages.bytes_received)), |it| it.bytes_received) }
            { tile(Words::BytesOut, "tile-bytes-out", byte_rate(last.bytes_sent), all(format::bytes(messages.bytes_sent)), |it| it.bytes_sent) }
            { tile(Words::ClientsNow, "tile-clients", n(clients.connected), lang.fill_words(Words::ClientsNowHint, &clients_hint), |it| it.clients) }
            if let Some(memory) = memory {
                { tile(Words::Memory, "tile-memory", format::bytes(memory), processor(lang, last), |it| it.memory) }
            }
            { plain_tile(lang.w(Words::KeptRetained), "tile-kept", format::thousands(kept.retained_messages), lang.fill_words(Words::KeptHint, &kept_hint)) }
            { plain_tile(lang.w(Words::Uptime), "tile-uptime", uptime(info.uptime_s), format!("{} {}", info.name, info.version)) }
        </>
    }
}

/// A figure without a line.
fn plain_tile(name: &'static str, test: &'static str, value: String, hint: String) -> Html {
    html! {
        <div class="tile" data-test={test}>
            <h3>{ name }</h3>
            <p class="big">{ value }</p>
            <p class="hint">{ hint }</p>
        </div>
    }
}

fn processor(lang: Lang, last: Point) -> String {
    format!("{} {}.{} %", lang.w(Words::Processor), last.cpu_milli / 10, last.cpu_milli % 10)
}

/// `3 d 4 h`, `4 h 5 min`, `5 min 6 s`, `6 s`.
pub(super) fn uptime(s: u64) -> String {
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3600 % 24),
    }
}

/// The last minutes as a line from 0 to the highest value.
fn line(lang: Lang, name: &str, values: impl Iterator<Item = u64>) -> Html {
    let values: Vec<u64> = values.collect();
    let high = values.iter().copied().max().unwrap_or(0).max(1);
    let points = corners(&values, high);
    let area = format!("{points}{} 32 100 32", hundredths(x(&values, values.len().saturating_sub(1))));
    let span = format::age((values.len() as u64).saturating_mul(2_000));
    let label = format!("{name}: {}", lang.fill_words(Words::LastMinutes, &[("n", &span)]));
    html! {
        <svg class="line" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={label}>
            if values.len() > 1 {
                <polygon class="area" points={area} />
                <polyline {points} />
            }
        </svg>
    }
}

/// In a box of 100 by 32, the newest at the right; a point is as far from the next as if all of the time were there.
fn corners(values: &[u64], high: u64) -> String {
    let mut points = String::new();
    for (i, value) in values.iter().rev().enumerate() {
        let y = 3_100 - u64::try_from(u128::from(*value) * 3_000 / u128::from(high)).unwrap_or(3_000);
        for n in [x(values, i), y] {
            points.push_str(&hundredths(n));
            points.push(' ');
        }
    }
    points
}

/// Where the value is that is the newest but `i`, in hundredths.
fn x(values: &[u64], i: usize) -> u64 {
    let step = 10_000 / (values.len().saturating_sub(1)).max(29) as u64;
    10_000u64.saturating_sub(step.saturating_mul(i as u64))
}

fn hundredths(n: u64) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

/// Those that are not 0, the largest first.
fn named(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut rows: Vec<_> =
        counts.iter().filter(|(_, n)| **n > 0).map(|(name, n)| (name.clone(), *n)).collect();
    rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    rows
}

fn logins(lang: Lang, stats: &Stats) -> Vec<(String, u64)> {
    let rows = [
        (Words::LoginFailures, stats.logins.failures),
        (Words::LoginThrottled, stats.logins.throttled),
        (Words::LoginOverrun, stats.logins.overrun),
        (Words::ConnectsRefused, stats.clients.refused),
        (Words::TlsRefused, stats.tls.refused),
        (Words::TlsLate, stats.tls.out_of_time.saturating_add(stats.tls.pushed_out)),
    ];
    rows.into_iter().filter(|(_, n)| *n > 0).map(|(words, n)| (lang.w(words).to_owned(), n)).collect()
}

fn counted(title: &'static str, none: &'static str, test: &'static str, rows: &[(String, u64)]) -> Html {
    let row = |(name, n): &(String, u64)| {
        html! { <><dt class="mono">{ name.clone() }</dt><dd class="number">{ format::thousands(*n) }</dd></> }
    };
    html! {
        <section class="card" data-test={test}>
            <h3>{ title }</h3>
            if rows.is_empty() {
                <p class="hint">{ none }</p>
            } else {
                <dl class="pairs">{ for rows.iter().map(row) }</dl>
            }
        </section>
    }
}

fn about(lang: Lang, info: &Info) -> Html {
    let text = |text: String| html! { <>{ text }</> };
    let limits = &info.limits;
    html! {
        <section class="card">
            <h3>{ lang.w(Words::About) }</h3>
            <dl class="pairs">
                { fact(lang.w(Words::Version), text(format!("{} {}", info.name, info.version))) }
                { fact(lang.w(Words::Speaks), text(format!("MQTT {}", info.protocol_versions.join(", ")))) }
                { fact(lang.t(Text::MaximumPacketSize), text(format::thousands(limits.max_packet_size.into()))) }
                { fact(lang.t(Text::ReceiveMaximum), text(format::thousands(limits.receive_maximum.into()))) }
                { fact(lang.t(Text::TopicAliasMaximum), text(format::thousands(limits.topic_alias_maximum.into()))) }
            </dl>
        </section>
    }
}

pub(super) fn listeners(lang: Lang, listeners: &[Listener]) -> Html {
    let row = |listener: &Listener| {
        html! { <><dt>{ listener.kind.clone() }</dt><dd class="mono">{ listener.address.clone() }</dd></> }
    };
    html! {
        <section class="card" data-test="broker-listeners">
            <h3>{ lang.w(Words::Listeners) }</h3>
            <dl class="pairs">{ for listeners.iter().map(row) }</dl>
        </section>
    }
}

fn bridges(lang: Lang, bridges: &[Bridge]) -> Html {
    if bridges.is_empty() {
        return Html::default();
    }
    html! {
        <section class="card wide" data-test="broker-bridges">
            <h3>{ lang.w(Words::Bridges) }</h3>
            <ul class="lines">{ for bridges.iter().map(|it| bridge(lang, it)) }</ul>
        </section>
    }
}

fn bridge(lang: Lang, bridge: &Bridge) -> Html {
    let (state, tone) = match bridge.state {
        BridgeState::Connecting => (Words::StateConnecting, "busy"),
        BridgeState::Connected => (Words::StateConnected, "on"),
        BridgeState::Disconnected => (Words::StateDisconnected, "bad"),
    };
    let BridgeLosses { refused, too_large, expired, queue_full, impossible, no_such_topic } = bridge.lost;
    let lost = [refused, too_large, expired, queue_full, impossible, no_such_topic];
    let lost = lost.into_iter().fold(0u64, u64::saturating_add);
    let values = [
        ("state", lang.w(state)),
        ("age", &format::age(bridge.since_s.saturating_mul(1000))),
        ("sent", &format::thousands(bridge.sent)),
        ("received", &format::thousands(bridge.received)),
    ];
    html! {
        <li class={classes!("state-line", tone)} data-test="bridge" data-key={bridge.name.clone()} data-state={tone}>
            <span class="dot" />
            <b>{ visible_line(&bridge.name) }</b>
            <code>{ visible_line(&bridge.address) }</code>
            <span>{ lang.fill_words(Words::BridgeFor, &values) }</span>
            if lost > 0 {
                <span class="error">{ lang.fill_words(Words::BridgeLost, &[("n", &format::thousands(lost))]) }</span>
            }
            if let Some(why) = &bridge.why {
                <span class="why">{ visible_line(why) }</span>
            }
        </li>
    }
}

/// What to type elsewhere, with the real host and port.
fn terminal(lang: Lang, state: &AppState, on: &Callback<Action>) -> Html {
    let commands = commands(lang, state.broker_of_the_page(), on);
    if commands.is_empty() {
        return Html::default();
    }
    html! {
        <section class="card terminal" data-test="broker-commands">
            <h3>{ lang.w(Words::InTerminal) }</h3>
            <>{ for commands }</>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases = [(5, "5 s"), (65, "1 min 5 s"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")];
        for (s, expected) in cases {
            assert_eq!(uptime(s), expected);
        }
    }

    #[test]
    fn the_newest_is_at_the_right_and_the_highest_at_the_top() {
        assert_eq!(corners(&[0, 10], 10), "100.00 1.00 96.56 31.00 ");
        let many = vec![u64::MAX; 101];
        assert!(corners(&many, u64::MAX).ends_with("0.00 1.00 "));
    }
}
