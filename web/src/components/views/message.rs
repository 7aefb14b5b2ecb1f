//! One kept message: its payload in the same decoders as everywhere, and what can be done with it.

use super::super::icon::Icon;
use super::super::lazy_detail::waiting;
use super::super::parts::{button, icon_button, marks, topic_text};
use super::super::payload_view::PayloadViewProps;
use super::super::properties::properties;
use super::trouble;
use crate::desk::Desk;
use crate::desk::Step;
use crate::desk::retained::{RetainedStep, Row};
use crate::format;
use crate::hooks::{Lazy, use_part};
use crate::i18n::words::Words;
use crate::i18n::{Lang, Text};
use crate::lazy::Details;
use crate::payload::visible_line;
use crate::state::place::Place;
use crate::state::settings::parse_qos;
use crate::state::{Action, AppState};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tabmq_shared::api::Properties;
use tabmq_shared::api::me::Role;
use tabmq_shared::packet::{PublishProperties, QoS};
use yew::prelude::*;

/// The message that is looked into; on a wide screen, a word about what would be here.
pub(super) fn message(
    lang: Lang,
    state: &AppState,
    desk: &Desk,
    narrow: bool,
    on: &Callback<Action>,
) -> Html {
    let retained = &desk.retained;
    let Some(topic) = &retained.selected else {
        return match narrow {
            true => Html::default(),
            false => html! {
                <section class="panel side"><div class="quiet-box"><p>{ lang.w(Words::PickRetained) }</p></div></section>
            },
        };
    };
    let content = match &retained.detail {
        None => html! { <p class="empty" role="status">{ lang.w(Words::Loading) }</p> },
        Some(Err(why)) => trouble(lang, why, on),
        Some(Ok(row)) => {
            content(lang, state, row, desk.access.may(Role::Publisher) && !retained.is_busy(), on)
        }
    };
    let close = on.reform(|_: MouseEvent| Step::Retained(RetainedStep::Select(None)).action());
    let copied = topic.clone();
    html! {
        <section class="panel side" aria-label={visible_line(topic)} data-test="retained-detail" data-key={topic.clone()}>
            <div class="panel-head detail-head">
                if narrow {
                    { icon_button(Icon::Back, lang.w(Words::Back), "retained-back", close.clone()) }
                }
                <h2 class="topic-title">{ topic_text(topic) }</h2>
                { icon_button(Icon::Copy, lang.t(Text::CopyTopic), "retained-copy", on.reform(move |_| Action::Copy(copied.clone()))) }
                if !narrow {
                    { icon_button(Icon::Close, lang.t(Text::Close), "retained-close", close) }
                }
            </div>
            <div class="detail-body">{ content }</div>
        </section>
    }
}

fn content(lang: Lang, state: &AppState, row: &Row, may: bool, on: &Callback<Action>) -> Html {
    let message = &row.message;
    let age = format::age(state.clock.unix_ms.saturating_sub(row.at_ms));
    let by = match &message.publisher {
        Some(id) => visible_line(id),
        None => lang.w(Words::ByBroker).to_owned(),
    };
    let expires = message.expires_in_s.map(|s| {
        let age = format::age(s.saturating_mul(1000));
        lang.fill_words(Words::ExpiresIn, &[("age", &age)])
    });
    html! {
        <>
            <p class="facts" data-test="retained-facts">
                <span>{ lang.fill_words(Words::PublishedAgo, &[("age", &age)]) }{ " " }{ lang.fill_words(Words::PublishedBy, &[("id", &by)]) }</span>
                { marks(lang, parse_qos(&message.qos.to_string()).unwrap_or(QoS::AtMostOnce), true) }
                if let Some(expires) = expires {
                    <span class="count">{ expires }</span>
                }
            </p>
            { actions(lang, &message.topic, may, on) }
            { payload(lang, state, row, on) }
            if let Some(shown) = message.properties.as_ref().map(packet_properties) {
                { properties(lang, &shown) }
            }
        </>
    }
}

fn actions(lang: Lang, topic: &str, may: bool, on: &Callback<Action>) -> Html {
    let show = {
        let (on, topic) = (on.clone(), topic.to_owned());
        Callback::from(move |_: MouseEvent| {
            on.emit(Action::Select(topic.clone()));
            on.emit(Action::Place(Place::Explore));
        })
    };
    let is_own = topic.starts_with("$SYS/");
    let clear = {
        let topic = topic.to_owned();
        on.reform(move |_: MouseEvent| Step::Retained(RetainedStep::AskClear(topic.clone())).action())
    };
    html! {
        <div class="buttons start">
            { button(lang.w(Words::ShowInExplore), "retained-show", "", show) }
            <button type="button" class="button danger" data-test="retained-clear-one" disabled={!may || is_own}
                title={(!may).then_some(lang.w(Words::NeedsPublisher))} onclick={clear}>{ lang.w(Words::ClearOne) }</button>
        </div>
    }
}

fn payload(lang: Lang, state: &AppState, row: &Row, on: &Callback<Action>) -> Html {
    let Some(payload) = row.payload.clone() else {
        return html! { <p class="empty">{ lang.w(Words::NotReadable) }</p> };
    };
    let topic = row.message.topic.as_str();
    let props = PayloadViewProps {
        lang,
        seq: row.at_ms,
        topic: topic.into(),
        content_type: row.message.properties.as_ref().and_then(|properties| properties.content_type.clone()),
        len: row.message.payload_bytes,
        payload,
        shape: state.shapes.of(topic),
        files: state.schema.clone(),
        births: state.births.of(topic),
        charts: Vec::new(),
        on: on.clone(),
    };
    html! { <Payload {props} /> }
}

/// See [`Payload`].
#[derive(Properties, PartialEq)]
struct PayloadProps {
    props: PayloadViewProps,
}

/// The payload, once that part of the page is there which the explorer shows payloads with.
#[component]
fn Payload(props: &PayloadProps) -> Html {
    match use_part::<Details>() {
        Lazy::Ready(details) => (details.payload)(&props.props),
        other => waiting(props.props.lang, other),
    }
}

fn packet_properties(properties: &Properties) -> PublishProperties {
    let correlation =
        properties.correlation_data_base64.as_deref().and_then(|text| STANDARD.decode(text).ok());
    PublishProperties {
        payload_format_utf8: properties.payload_format_utf8,
        message_expiry_s: properties.message_expiry_s,
        content_type: properties.content_type.as_deref().map(Into::into),
        response_topic: properties.response_topic.as_deref().map(Into::into),
        correlation_data: correlation.map(Into::into),
        user: properties
            .user
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
        ..PublishProperties::default()
    }
}
