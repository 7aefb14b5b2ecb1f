//! How a gateway is, and the broker behind it.

use super::broker::{listeners, uptime};
use super::fact;
use crate::format;
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::payload::visible_line;
use tabmq_shared::api::{GatewayInfo, UpstreamState};
use yew::prelude::*;

pub(super) fn gateway(lang: Lang, info: &GatewayInfo) -> Html {
    let text = |text: String| html! { <>{ text }</> };
    let tabs = &info.connections;
    let values = [
        ("now", &*format::thousands(tabs.now as u64)),
        ("limit", &format::thousands(tabs.limit as u64)),
        ("total", &format::thousands(tabs.total)),
        ("refused", &format::thousands(tabs.refused)),
        ("failed", &format::thousands(tabs.failed)),
    ];
    html! {
        <div class="cards">
            { upstream(lang, info) }
            <section class="card">
                <h3>{ lang.w(Words::Traffic) }</h3>
                <dl class="pairs">
                    { fact(lang.w(Words::Uptime), text(uptime(info.uptime_s))) }
                    { fact(lang.w(Words::Tabs), text(lang.fill_words(Words::TabsWords, &values))) }
                    { fact(lang.w(Words::PassedUp), text(format::bytes(info.traffic.up_bytes))) }
                    { fact(lang.w(Words::PassedDown), text(format::bytes(info.traffic.down_bytes))) }
                </dl>
            </section>
            { listeners(lang, &info.listeners) }
        </div>
    }
}

fn upstream(lang: Lang, info: &GatewayInfo) -> Html {
    let upstream = &info.upstream;
    let (state, tone) = match upstream.state {
        UpstreamState::Connecting => (Words::StateConnecting, "busy"),
        UpstreamState::Connected => (Words::StateConnected, "on"),
        UpstreamState::Unreachable => (Words::StateUnreachable, "bad"),
        UpstreamState::Refused => (Words::StateRefused, "bad"),
    };
    let values = [
        ("state", lang.w(state)),
        ("age", &format::age(upstream.since_s.saturating_mul(1000))),
        ("version", &upstream.protocol_version),
    ];
    html! {
        <section class="card" data-test="gateway-upstream" data-state={tone}>
            <h3>{ lang.w(Words::Upstream) }</h3>
            <p class="mono">{ visible_line(&upstream.address) }</p>
            <p class={classes!("state-line", tone)}><span class="dot" />{ lang.fill_words(Words::UpstreamFor, &values) }</p>
            if let Some(why) = &upstream.why {
                <p class="error">{ visible_line(why) }</p>
            }
            <p class="hint">{ lang.w(Words::GatewayHint) }</p>
        </section>
    }
}
