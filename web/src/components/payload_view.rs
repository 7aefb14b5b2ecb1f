//! A payload, in the form that it seems to have or that was asked for.

use super::format_bar::{SchemaBar, format_bar};
use super::image_view::ImageView;
use super::lazy_detail::waiting;
use super::modal::{Menu, MenuItem};
use super::tree_view::TreeView;
use crate::format;
use crate::hooks::use_part_when;
use crate::i18n::{Lang, Text};
use crate::part::Part;
use crate::payload::Format;
use crate::payload::decoders::{Decoders, Schemas};
use crate::payload::look::{Body, Look, Looker, MAX_UNPACKED_BYTES, Remark, Wants, look};
use crate::state::charts::source::{Source, Written};
use crate::state::charts::{ChartAction, ChartId};
use crate::state::shapes::Shape;
use crate::state::{Action, Tab};
use bytes::Bytes;
use std::rc::Rc;
use tabmq_decoders::problem::Language;
use tabmq_decoders::protobuf::SourceFile;
use yew::prelude::*;

/// See [`PayloadView`].
#[derive(Clone, Properties, PartialEq)]
pub struct PayloadViewProps {
    pub(super) lang: Lang,
    /// Which payload: the message's number.
    pub(super) seq: u64,
    pub(super) topic: Rc<str>,
    /// What the sender says that it is.
    pub(super) content_type: Option<String>,
    pub(super) payload: Bytes,
    /// The length of all of it, in bytes; no more than a part may be kept.
    pub(super) len: usize,
    /// How the topic is looked at.
    pub(super) shape: Shape,
    pub(super) files: Rc<[SourceFile]>,
    /// BIRTH messages of Sparkplug B that explain it.
    pub(super) births: Vec<Bytes>,
    /// The charts that there are, each in a few words.
    pub(super) charts: Vec<(ChartId, String)>,
    pub(super) on: Callback<Action>,
}

impl PayloadViewProps {
    /// What is to be seen of a payload, be it this one or another of the same topic.
    pub(super) fn look_at(&self, payload: &Bytes, whole: bool) -> Look {
        look(
            payload,
            &Looker {
                topic: &self.topic,
                content_type: self.content_type.as_deref(),
                shape: &self.shape,
                births: &self.births,
                whole,
                language: language(self.lang),
                decoders: Decoders::loaded(),
                schemas: Schemas::loaded(),
                files: &self.files,
            },
        )
    }
}

fn language(lang: Lang) -> Language {
    match lang {
        Lang::Zh => Language::Zh,
        Lang::En => Language::En,
    }
}

/// A payload.
#[component]
pub(super) fn PayloadView(props: &PayloadViewProps) -> Html {
    let lang = props.lang;
    // The message whose payload is to be shown whole.
    let whole_seq = use_state_eq(|| None);
    let menu = use_state_eq(|| None::<((i32, i32), Source)>);
    let whole = *whole_seq == Some(props.seq);
    let loaded = (Decoders::loaded().is_some(), Schemas::loaded().is_some());
    let looked =
        use_memo((props.clone(), whole, loaded), |(props, whole, _)| props.look_at(&props.payload, *whole));
    let decoders = use_part_when::<Decoders>(looked.wants == Some(Wants::Decoders));
    let schemas = use_part_when::<Schemas>(looked.wants == Some(Wants::Schemas));
    let load_all = {
        let seq = props.seq;
        Callback::from(move |_: MouseEvent| whole_seq.set(Some(seq)))
    };
    let on_number = {
        let (menu, on, charts) = (menu.clone(), props.on.clone(), props.charts.clone());
        let sources = (props.topic.clone(), looked.clone());
        Callback::from(move |(node, event): (usize, MouseEvent)| {
            let Some(source) = source_of(&sources.0, &sources.1, node) else { return };
            match charts.is_empty() {
                true => chart_actions(None, source).into_iter().for_each(|action| on.emit(action)),
                false => menu.set(Some(((event.client_x(), event.client_y()), source))),
            }
        })
    };
    let is_chartable = written(looked.format).is_some();
    let body = match &looked.body {
        Body::Text(text) => plain(text, looked.format == Format::Hex),
        Body::Image(media_type) => html! { <ImageView {lang} {media_type} bytes={looked.bytes.clone()} /> },
        Body::Tree(tree) => {
            html! { <TreeView {lang} tree={tree.clone()} on_number={is_chartable.then_some(on_number)} /> }
        }
        Body::Nothing => match looked.wants {
            Some(Wants::Schemas) => waiting(lang, schemas),
            _ => waiting(lang, decoders),
        },
    };
    html! {
        <div class="payload-box">
            { format_bar(lang, &props.shape, &looked, &file_name(&props.topic), &props.on) }
            if looked.format == Format::Protobuf {
                <SchemaBar {lang} shape={props.shape.clone()} files={props.files.clone()} on={props.on.clone()} />
            }
            <>{ for looked.remarks.iter().map(|remark| self::remark(lang, remark, whole, &load_all)) }</>
            if props.payload.len() < props.len {
                <p class="cut">{ sizes(lang, Text::CutForGood, props.payload.len(), props.len) }</p>
            }
            { body }
            if let Some((at, source)) = &*menu {
                { chart_menu(props, *at, source, &menu) }
            }
        </div>
    }
}

/// A dump keeps its columns; any other text is broken where there is no more room.
fn plain(text: &str, is_dump: bool) -> Html {
    html! { <pre class={classes!("payload-view", is_dump.then_some("dump"))} data-test="payload-view" tabindex="0">{ text }</pre> }
}

fn sizes(lang: Lang, text: Text, shown: usize, all: usize) -> String {
    lang.fill(text, &[("shown", &format::bytes(shown as u64)), ("all", &format::bytes(all as u64))])
}

fn remark(lang: Lang, remark: &Remark, whole: bool, load_all: &Callback<MouseEvent>) -> Html {
    let bytes = |n: &usize| format::bytes(*n as u64);
    let (words, more) = match remark {
        Remark::Cut { shown, all } => (sizes(lang, Text::CutAt, *shown, *all), true),
        Remark::Long(all) => (lang.fill(Text::LongPayload, &[("all", &bytes(all))]), true),
        Remark::UnpackedCut(limit) => {
            (lang.fill(Text::UnpackedCut, &[("limit", &bytes(limit))]), *limit < MAX_UNPACKED_BYTES && !whole)
        }
        Remark::Damaged => (lang.t(Text::Damaged).to_owned(), false),
        Remark::NotText(at) => (lang.fill(Text::NotText, &[("at", &at.to_string())]), false),
        Remark::TreeCut => (lang.t(Text::TreeCut).to_owned(), false),
        Remark::Wrong(words) => (words.clone(), false),
    };
    html! {
        <p class="cut" data-test="remark">
            <span>{ words }</span>
            if more {
                <button type="button" class="button" data-test="load-all" onclick={load_all}>{ lang.t(Text::LoadAll) }</button>
            }
        </p>
    }
}

/// What a file with a payload of this topic is called.
fn file_name(topic: &str) -> String {
    let last = topic.rsplit('/').find(|level| !level.is_empty()).unwrap_or("payload");
    last.chars()
        .take(60)
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .collect()
}

/// What a chart needs to know to read numbers that are shown like this; `None` if it cannot.
pub(super) fn written(format: Format) -> Option<Written> {
    match format {
        Format::Text | Format::Json => Some(Written::Text),
        Format::Number(binary) => Some(Written::Binary(binary)),
        Format::Coded(coding) => Some(Written::Coded(coding)),
        _ => None,
    }
}

fn source_of(topic: &Rc<str>, look: &Look, node: usize) -> Option<Source> {
    let Body::Tree(tree) = &look.body else { return None };
    let (written, path) = (written(look.format)?, tree.path(node));
    Some(Source { topic: topic.clone(), packing: look.packing, written, path })
}

/// Draws a number and shows the charts.
pub(super) fn chart_actions(chart: Option<ChartId>, source: Source) -> Vec<Action> {
    vec![Action::Chart(ChartAction::Add { chart, source: Box::new(source) }), Action::Tab(Tab::Charts)]
}

/// Where to draw a number.
fn chart_menu(
    props: &PayloadViewProps,
    at: (i32, i32),
    source: &Source,
    menu: &UseStateHandle<Option<((i32, i32), Source)>>,
) -> Html {
    let lang = props.lang;
    let mut items =
        vec![MenuItem::new(lang.t(Text::NewChart), "chart-new", chart_actions(None, source.clone()))];
    items.extend(props.charts.iter().map(|(id, words)| {
        let label = lang.fill(Text::AddToChart, &[("chart", words)]);
        MenuItem::new(label, "chart-add", chart_actions(Some(*id), source.clone()))
    }));
    let on_close = {
        let menu = menu.setter();
        Callback::from(move |()| menu.set(None))
    };
    html! { <Menu label={source.label()} {at} {items} on={props.on.clone()} {on_close} /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_harmless_names() {
        for (topic, expected) in [
            ("home/kitchen/temp", "temp"),
            ("a/b//", "b"),
            ("///", "payload"),
            ("a/..\\x:y*", "..-x-y-"),
            ("温度", "温度"),
        ] {
            assert_eq!(file_name(topic), expected);
        }
    }
}
