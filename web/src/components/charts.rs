//! All charts: the dashboard that the address bar keeps.

use super::chart::ChartView;
use super::parts::button;
use crate::browser::{self, BY_TOUCH};
use crate::charts::Charts;
use crate::i18n::{Lang, Text};
use crate::state::{Action, Tab, View};
use yew::prelude::*;

/// See [`ChartPanel`].
#[derive(Clone, Properties, PartialEq)]
pub struct ChartPanelProps {
    /// The state.
    pub view: View,
    /// Language.
    pub lang: Lang,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The charts.
#[component]
pub fn ChartPanel(props: &ChartPanelProps) -> Html {
    let lang = props.lang;
    let state = props.view.read();
    let charts = Charts::of(state.charts.get()).map(Charts::rows).unwrap_or_default();
    let views = charts.iter().map(|chart| {
        html! {
            <ChartView key={chart.id.0} view={props.view.clone()} {lang} id={chart.id.0} on={props.on.clone()} />
        }
    });
    // Fingers have no wheel.
    let hint = if browser::matches_media(BY_TOUCH) { Text::ChartHintTouch } else { Text::ChartHint };
    html! {
        <section class="panel charts" aria-label={lang.t(Text::Charts)} data-test="charts" data-count={charts.len().to_string()}>
            <div class="chart-list">
                <>{ for views }</>
                if charts.is_empty() {
                    <div class="quiet-box">
                        <h2>{ lang.t(Text::NoCharts) }</h2>
                        <p>{ lang.t(Text::NoChartsHint) }</p>
                        <p class="buttons">
                            { button(lang.t(Text::Topics), "to-topics", "", props.on.reform(|_| Action::Tab(Tab::Topics))) }
                        </p>
                    </div>
                } else {
                    <p class="hint chart-hint" data-test="chart-hint">{ lang.t(hint) }</p>
                }
            </div>
        </section>
    }
}
