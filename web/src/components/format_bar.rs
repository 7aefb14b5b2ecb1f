//! How a payload is looked at: format, compression, schema; and what can be done with it.

use super::icon::Icon;
use super::parts::icon_button;
use crate::browser;
use crate::format;
use crate::hooks::{Lazy, use_part_when};
use crate::i18n::{Lang, Text};
use crate::payload::decoders::Schemas;
use crate::payload::look::Look;
use crate::payload::{Coding, Format, Packed};
use crate::state::shapes::Shape;
use crate::state::{Action, File};
use std::rc::Rc;
use tabmq_decoders::number::{Binary, Kind};
use tabmq_decoders::problem::Language;
use tabmq_decoders::protobuf::SourceFile;
use web_sys::{FileList, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// A larger schema is not taken, in bytes: it is kept in the browser's storage, which is small.
const MAX_SCHEMA_BYTES: usize = 512 * 1024;

/// The bar above a payload. `name` is what a file with it is called, without its extension.
pub(super) fn format_bar(lang: Lang, shape: &Shape, look: &Look, name: &str, on: &Callback<Action>) -> Html {
    let text = look.to_text();
    let file = File {
        name: format!("{name}.{}", look.extension()),
        media_type: "application/octet-stream",
        bytes: look.bytes.clone(),
    };
    html! {
        <div class="format-bar">
            { format_select(lang, shape, look, on) }
            { packing_select(lang, shape, look, on) }
            <span class="size">{ format::bytes(look.bytes.len() as u64) }</span>
            <span class="spacer" />
            { icon_button(Icon::Copy, lang.t(Text::CopyPayload), "copy-payload", on.reform(move |_| Action::Copy(text.clone()))) }
            { icon_button(Icon::Save, lang.t(Text::SavePayload), "save-payload", on.reform(move |_| Action::Save(file.clone()))) }
        </div>
    }
}

fn format_select(lang: Lang, shape: &Shape, look: &Look, on: &Callback<Action>) -> Html {
    let guess = match look.is_guessed {
        true => lang.fill(Text::GuessedAs, &[("format", &format_name(lang, look.format))]),
        false => lang.t(Text::Guess).to_owned(),
    };
    let option = |format: Format| {
        let selected = shape.format == Some(format);
        html! { <option value={format.name()} {selected}>{ format_name(lang, format) }</option> }
    };
    let numbers = Binary::all().map(|binary| option(Format::Number(binary)));
    let onchange = choose(shape, on, |shape, value| shape.format = Format::from_name(value));
    html! {
        <select class="format-select" data-test="format" aria-label={lang.t(Text::FormatLabel)} {onchange}
            data-state={look.format.name()}>
            <option value="" selected={shape.format.is_none()}>{ guess }</option>
            <>{ for Format::NAMED.map(option) }</>
            <optgroup label={lang.t(Text::NumbersInBinary)}>{ for numbers }</optgroup>
        </select>
    }
}

fn packing_select(lang: Lang, shape: &Shape, look: &Look, on: &Callback<Action>) -> Html {
    let guess = match (look.packing, shape.packed) {
        (Some(packing), None) => lang.fill(Text::UnpackedFrom, &[("packing", packing.name())]),
        _ => lang.t(Text::Guess).to_owned(),
    };
    let option = |packed: Packed| {
        let name = match packed {
            Packed::No => lang.t(Text::NotPacked),
            Packed::In(packing) => packing.name(),
        };
        html! { <option value={packed.name()} selected={shape.packed == Some(packed)}>{ name }</option> }
    };
    // Nobody has to see this who has nothing compressed: it is a word until then.
    let quiet = look.packing.is_none() && shape.packed.is_none();
    let onchange = choose(shape, on, |shape, value| shape.packed = Packed::from_name(value));
    html! {
        <select class={classes!("packing-select", quiet.then_some("quiet"))} data-test="packing"
            aria-label={lang.t(Text::PackingLabel)} title={lang.t(Text::PackingLabel)} {onchange}>
            <option value="" selected={shape.packed.is_none()}>{ if quiet { lang.t(Text::PackingShort).to_owned() } else { guess } }</option>
            <>{ for Packed::ALL.map(option) }</>
        </select>
    }
}

/// Says how the topic is looked at from now on.
fn choose(
    shape: &Shape,
    on: &Callback<Action>,
    change: impl Fn(&mut Shape, &str) + 'static,
) -> Callback<Event> {
    let (shape, on) = (shape.clone(), on.clone());
    Callback::from(move |event: Event| {
        if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
            let mut shape = shape.clone();
            change(&mut shape, &select.value());
            on.emit(Action::Shape(Box::new(shape)));
        }
    })
}

fn format_name(lang: Lang, format: Format) -> String {
    let name = match format {
        Format::Text => lang.t(Text::AsText),
        Format::Json => "JSON",
        Format::Xml => "XML",
        Format::Coded(Coding::Cbor) => "CBOR",
        Format::Coded(Coding::MessagePack) => "MessagePack",
        Format::Coded(Coding::Sparkplug) => "Sparkplug B",
        Format::Protobuf => "Protobuf",
        Format::Image => lang.t(Text::AsImage),
        Format::Hex => lang.t(Text::AsHex),
        Format::Base64 => "Base64",
        Format::Number(binary) => {
            let bits = (u32::from(binary.bytes) * 8).to_string();
            let kind = match binary.kind {
                Kind::Unsigned => Text::UnsignedBits,
                Kind::Signed => Text::SignedBits,
                Kind::Float => Text::FloatBits,
            };
            let order = match (binary.bytes, binary.little) {
                (1, _) => "",
                (_, true) => lang.t(Text::LittleEndian),
                (_, false) => lang.t(Text::BigEndian),
            };
            return format!("{} {order}", lang.fill(kind, &[("n", &bits)])).trim_end().to_owned();
        }
    };
    name.to_owned()
}

/// See [`SchemaBar`].
#[derive(Properties, PartialEq)]
pub(super) struct SchemaBarProps {
    pub(super) lang: Lang,
    pub(super) shape: Shape,
    pub(super) files: Rc<[SourceFile]>,
    pub(super) on: Callback<Action>,
}

/// Which schema Protobuf is read with, and which of its messages it is.
#[component]
pub(super) fn SchemaBar(props: &SchemaBarProps) -> Html {
    let lang = props.lang;
    let schemas = use_part_when::<Schemas>(!props.files.is_empty());
    let too_large = use_state_eq(|| false);
    let take = {
        let (files, on, too_large) = (props.files.clone(), props.on.clone(), too_large.setter());
        Callback::from(move |list: FileList| read_files(list, files.clone(), on.clone(), too_large.clone()))
    };
    let onchange = {
        let take = take.clone();
        move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                if let Some(list) = input.files() {
                    take.emit(list);
                }
                input.set_value(""); // the same file may be chosen again
            }
        }
    };
    let ondrop = move |event: DragEvent| {
        event.prevent_default();
        if let Some(list) = event.data_transfer().and_then(|data| data.files()) {
            take.emit(list);
        }
    };
    let messages = match (&schemas, props.files.is_empty()) {
        (Lazy::Ready(schemas), false) => Some((schemas.messages)(&props.files)),
        _ => None,
    };
    let language = if lang == Lang::Zh { Language::Zh } else { Language::En };
    html! {
        <div class="schema-bar" data-test="schema" {ondrop} ondragover={|event: DragEvent| event.prevent_default()}>
            { match messages {
                None if props.files.is_empty() => html! { <span class="hint">{ lang.t(Text::SchemaHint) }</span> },
                None => super::lazy_detail::waiting(lang, schemas),
                Some(Err(problem)) => html! { <p class="error" role="alert" data-test="schema-error">{ problem.sentence(language) }</p> },
                Some(Ok(messages)) => message_select(props, &messages),
            } }
            <label class="button file-button">
                { lang.t(Text::AddSchema) }
                <input type="file" accept=".proto" multiple=true data-test="schema-files" {onchange} />
            </label>
            if !props.files.is_empty() {
                { icon_button(Icon::Clear, lang.t(Text::RemoveSchema), "schema-remove", props.on.reform(|_| Action::Schema(Vec::new()))) }
            }
            if *too_large {
                <p class="error" role="alert">{ lang.fill(Text::SchemaTooLarge, &[("limit", &format::bytes(MAX_SCHEMA_BYTES as u64))]) }</p>
            }
        </div>
    }
}

fn message_select(props: &SchemaBarProps, messages: &[String]) -> Html {
    let shape = &props.shape;
    let option = |name: &String| {
        let selected = shape.message.as_deref() == Some(name);
        html! { <option value={name.clone()} {selected}>{ name }</option> }
    };
    let change = |shape: &mut Shape, value: &str| {
        shape.message = (!value.is_empty()).then(|| value.into());
        shape.format = Some(Format::Protobuf);
    };
    let lang = props.lang;
    html! {
        <select data-test="schema-message" aria-label={lang.t(Text::SchemaMessage)} onchange={choose(shape, &props.on, change)}>
            <option value="" selected={shape.message.is_none()}>{ lang.t(Text::RawFields) }</option>
            <>{ for messages.iter().map(option) }</>
        </select>
    }
}

/// Adds the files to the schema; one of the same name takes the place of the other.
fn read_files(
    list: FileList,
    known: Rc<[SourceFile]>,
    on: Callback<Action>,
    too_large: UseStateSetter<bool>,
) {
    wasm_bindgen_futures::spawn_local(async move {
        let mut files = known.to_vec();
        for i in 0..list.length() {
            let Some(file) = list.item(i) else { continue };
            if file.size() > MAX_SCHEMA_BYTES as f64 {
                return too_large.set(true);
            }
            let Some(text) = browser::text_of(&file).await else { continue };
            files.retain(|other| other.name != file.name());
            files.push(SourceFile { name: file.name(), text });
        }
        let bytes: usize = files.iter().map(|file| file.text.len()).sum();
        too_large.set(bytes > MAX_SCHEMA_BYTES);
        if bytes <= MAX_SCHEMA_BYTES {
            on.emit(Action::Schema(files));
        }
    });
}
