//! The detail pane while nothing is in it, and while its code is on the way.

use super::detail::{Detail, DetailProps};
use super::parts::button;
use super::payload_view::{PayloadView, PayloadViewProps};
use crate::hooks::{Lazy, use_part};
use crate::i18n::{Lang, Text};
use crate::lazy::Details;
use yew::prelude::*;

/// The detail pane. What is shown in it is loaded after the first paint.
#[component]
pub fn LazyDetail(props: &DetailProps) -> Html {
    let lang = props.lang;
    let details = use_part::<Details>();
    let content = match details {
        _ if props.view.read().selection.path.is_none() => props.children.clone(),
        Lazy::Ready(details) => return (details.pane)(props),
        other => waiting(lang, other),
    };
    html! {
        <section class="panel detail" aria-label={lang.t(Text::Details)}>
            <div class="detail-body">{ content }</div>
        </section>
    }
}

/// What is shown in place of a part that is not there yet.
pub(super) fn waiting<T>(lang: Lang, part: Lazy<T>) -> Html {
    match part {
        Lazy::Ready(_) => Html::default(),
        Lazy::Loading => {
            html! { <p class="empty" role="status" data-test="part-loading">{ lang.t(Text::LoadingPart) }</p> }
        }
        Lazy::Failed(retry) => failed(lang, "load-failed", &retry),
    }
}

/// Says that a part could not be fetched, and offers to try it again.
pub(super) fn failed(lang: Lang, class: &'static str, retry: &Callback<()>) -> Html {
    html! {
        <div {class} role="alert" data-test="part-failed">
            <p class="why">{ lang.t(Text::LoadFailed) }</p>
            { button(lang.t(Text::TryAgain), "part-retry", "", retry.reform(|_| ())) }
        </div>
    }
}

/// For [`Details::pane`], and for nobody else: whoever names it has it in the first module.
pub fn render_detail(props: &DetailProps) -> Html {
    html! { <Detail ..props.clone() /> }
}

/// The same for [`Details::payload`].
pub fn render_payload(props: &PayloadViewProps) -> Html {
    html! { <PayloadView ..props.clone() /> }
}
