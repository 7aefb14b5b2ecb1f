//! Two messages side by side: what has changed from the one to the other.

use super::icon::Icon;
use super::lazy_detail::waiting;
use super::parts::icon_button;
use crate::format;
use crate::hooks::{Lazy, use_part};
use crate::i18n::{Lang, Text};
use crate::payload::decoders::Decoders;
use crate::payload::{readable, visible_line};
use crate::state::history::Message;
use tabmq_decoders::diff::{Diff, Line, MAX_LINES};
use yew::prelude::*;

/// See [`DiffView`].
#[derive(Properties, PartialEq)]
pub(super) struct DiffViewProps {
    pub(super) lang: Lang,
    /// The earlier message, in words: topic and time.
    pub(super) base: AttrValue,
    /// Both payloads, line by line.
    pub(super) old: AttrValue,
    pub(super) new: AttrValue,
    /// Compare no longer.
    pub(super) on_close: Callback<MouseEvent>,
}

/// A difference.
#[component]
pub(super) fn DiffView(props: &DiffViewProps) -> Html {
    let lang = props.lang;
    let decoders = use_part::<Decoders>();
    let diff = use_memo(
        (props.old.clone(), props.new.clone(), matches!(decoders, Lazy::Ready(_))),
        |(old, new, _)| crate::part::Part::loaded().map(|decoders: Decoders| (decoders.diff)(old, new)),
    );
    html! {
        <section class="comparison" data-test="comparison" aria-label={lang.t(Text::Compare)}>
            <p class="compared">
                <span>{ lang.fill(Text::ComparedWith, &[("what", &props.base)]) }</span>
                { icon_button(Icon::Close, lang.t(Text::CompareEnd), "compare-end", props.on_close.clone()) }
            </p>
            { match &*diff {
                None => waiting(lang, decoders),
                Some(diff) => shown(lang, diff),
            } }
        </section>
    }
}

fn shown(lang: Lang, diff: &Diff) -> Html {
    let line = |line: &Line| {
        let (class, mark, text) = match line {
            Line::Same(text) => ("same", " ", readable(text)),
            Line::Gone(text) => ("gone", "\u{2212}", readable(text)),
            Line::New(text) => ("new", "+", readable(text)),
            Line::Skipped(n) => {
                ("skipped", "", lang.fill(Text::EqualLines, &[("n", &format::thousands(*n as u64))]))
            }
        };
        html! { <div class={classes!("diff-line", class)}><span class="mark-of-line">{ mark }</span><span>{ text }</span></div> }
    };
    html! {
        <>
            if diff.is_cut {
                <p class="cut">{ lang.fill(Text::ComparedPart, &[("n", &format::thousands(MAX_LINES as u64))]) }</p>
            }
            if diff.lines.is_empty() {
                <p class="empty" data-test="no-difference">{ lang.t(Text::NoDifference) }</p>
            } else {
                <div class="payload-view diff" data-test="diff" tabindex="0">{ for diff.lines.iter().map(line) }</div>
            }
        </>
    }
}

/// A message in a few words.
pub(super) fn words_for(message: &Message, offset_min: i32) -> AttrValue {
    format!("{} {}", visible_line(&message.topic), format::clock_ms(message.at_ms, offset_min)).into()
}
