//! A payload, in the form that it seems to have or that was asked for.

use super::icon::Icon;
use super::parts::icon_button;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::payload::json::{self, Kind, Span};
use crate::payload::{Format, dump, readable};
use crate::state::Action;
use crate::state::history::Message;
use yew::prelude::*;

/// More than this is shown on demand only, in bytes.
const SHOWN_BYTES: usize = 16 * 1024;

/// More pieces than this are not coloured: each is an element of its own.
const MAX_SPANS: usize = 2_000;

/// See [`PayloadView`].
#[derive(Properties, PartialEq)]
pub(super) struct PayloadViewProps {
    pub(super) lang: Lang,
    /// Which payload: the message's number.
    pub(super) seq: u64,
    pub(super) payload: bytes::Bytes,
    /// The length of all of it, in bytes.
    pub(super) len: usize,
    /// The form that was asked for.
    pub(super) format: Option<Format>,
    pub(super) on: Callback<Action>,
}

impl PayloadViewProps {
    pub(super) fn new(
        lang: Lang,
        message: &Message,
        len: usize,
        format: Option<Format>,
        on: Callback<Action>,
    ) -> Self {
        PayloadViewProps { lang, seq: message.seq, payload: message.payload.clone(), len, format, on }
    }
}

/// A payload.
#[component]
pub(super) fn PayloadView(props: &PayloadViewProps) -> Html {
    let lang = props.lang;
    // The message whose payload is to be shown whole.
    let whole = use_state_eq(|| None);
    let is_cut = props.payload.len() > SHOWN_BYTES && *whole != Some(props.seq);
    let shown = if is_cut { props.payload.get(..SHOWN_BYTES).unwrap_or_default() } else { &props.payload };
    let guessed = props.format.is_none();
    let format = props.format.unwrap_or_else(|| Format::guess(shown));
    let load = {
        let seq = props.seq;
        move |_: MouseEvent| whole.set(Some(seq))
    };
    let sizes =
        |part: usize| [("shown", format::bytes(part as u64)), ("all", format::bytes(props.len as u64))];
    let fill = |text, part| {
        let [shown, all] = sizes(part);
        lang.fill(text, &[(shown.0, &shown.1), (all.0, &all.1)])
    };
    html! {
        <div class="payload-box">
            <div class="format-bar">
                { tabs(props, format, guessed) }
                <span class="spacer" />
                <span class="size">{ format::bytes(props.len as u64) }</span>
                { copy(props) }
            </div>
            if is_cut {
                <p class="cut">
                    { fill(Text::CutAt, SHOWN_BYTES) }
                    <button type="button" class="button" data-test="load-all" onclick={load}>{ lang.t(Text::LoadAll) }</button>
                </p>
            }
            if props.payload.len() < props.len {
                <p class="cut">{ fill(Text::CutForGood, props.payload.len()) }</p>
            }
            { body(lang, format, shown) }
        </div>
    }
}

fn tabs(props: &PayloadViewProps, format: Format, guessed: bool) -> Html {
    let lang = props.lang;
    let tab = |this: Format| {
        let (name, test) = match this {
            Format::Text => (Text::AsText, "format-text"),
            Format::Json => (Text::AsJson, "format-json"),
            Format::Hex => (Text::AsHex, "format-hex"),
        };
        let active = this == format;
        html! {
            <button type="button" class="segment" aria-pressed={active.to_string()} data-test={test}
                title={(active && guessed).then(|| lang.t(Text::Guessed))} onclick={props.on.reform(move |_| Action::Format(this))}>
                { lang.t(name) }
            </button>
        }
    };
    html! { <div class="segments" role="group">{ for Format::ALL.map(tab) }</div> }
}

fn copy(props: &PayloadViewProps) -> Html {
    let payload = props.payload.clone();
    let on = props.on.reform(move |_| {
        let text = std::str::from_utf8(&payload).map_or_else(|_| dump(&payload), str::to_owned);
        Action::Copy(text)
    });
    icon_button(Icon::Copy, props.lang.t(Text::CopyPayload), "copy-payload", on)
}

fn body(lang: Lang, format: Format, bytes: &[u8]) -> Html {
    let plain = |text: String| html! { <pre class="payload-view" data-test="payload-view" tabindex="0">{ text }</pre> };
    let text = match (std::str::from_utf8(bytes), format) {
        (_, Format::Hex) => return plain(dump(bytes)),
        (Ok(text), _) => text,
        (Err(error), _) => {
            // A character that the cut has halved is no reason to complain.
            let halved = error.error_len().is_none();
            let valid = bytes
                .get(..error.valid_up_to())
                .and_then(|head| std::str::from_utf8(head).ok())
                .unwrap_or_default();
            let at = error.valid_up_to().to_string();
            return html! {
                <>
                    if !halved {
                        <p class="cut">{ lang.fill(Text::NotText, &[("at", &at)]) }</p>
                    }
                    { plain(readable(valid)) }
                </>
            };
        }
    };
    match format {
        Format::Json => match json::spans(text) {
            Ok(spans) if spans.len() <= MAX_SPANS => {
                html! { <pre class="payload-view json" data-test="payload-view" tabindex="0">{ for spans.iter().map(span) }</pre> }
            }
            Ok(spans) => plain(spans.iter().map(|span| readable(&span.text)).collect()),
            Err(error) => html! {
                <>
                    <p class="cut">{ lang.fill(Text::NotJson, &[("at", &error.at.to_string())]) }</p>
                    { plain(readable(text)) }
                </>
            },
        },
        _ => plain(readable(text)),
    }
}

fn span(span: &Span) -> Html {
    let class = match span.kind {
        Kind::Punctuation => return html! { { span.text.clone() } },
        Kind::Key => "key",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Word => "word",
    };
    html! { <span {class}>{ readable(&span.text) }</span> }
}
