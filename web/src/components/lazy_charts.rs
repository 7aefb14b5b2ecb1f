//! The charts while their code is on the way.

use super::charts::{ChartPanel, ChartPanelProps};
use super::lazy_detail::waiting;
use crate::hooks::{Lazy, use_part};
use crate::i18n::Text;
use crate::lazy::Details;
use yew::prelude::*;

/// The charts.
#[component]
pub fn LazyCharts(props: &ChartPanelProps) -> Html {
    match use_part::<Details>() {
        Lazy::Ready(details) => (details.charts)(props),
        other => html! {
            <section class="panel charts" aria-label={props.lang.t(Text::Charts)}>{ waiting(props.lang, other) }</section>
        },
    }
}

/// For [`Details::charts`], and for nobody else: whoever names it has it in the first module.
pub fn render_charts(props: &ChartPanelProps) -> Html {
    html! { <ChartPanel ..props.clone() /> }
}
