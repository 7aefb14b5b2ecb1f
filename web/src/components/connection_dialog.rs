//! The connection panel: address, version, identity, will. A copy of the settings is edited; nothing happens until
//! "connect".

use super::modal::Modal;
use super::parts::{checked, qos_select, topic_error, typed};
use crate::i18n::{Lang, Text};
use crate::state::settings::{Settings, parse_version};
use crate::state::{Action, PageAction};
use tabmq_shared::packet::Version;
use tabmq_shared::topic::{TopicError, TopicName};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// See [`ConnectionDialog`].
#[derive(Properties, PartialEq)]
pub struct ConnectionDialogProps {
    /// Language.
    pub lang: Lang,
    /// What to begin with: the settings in use, or those of a new connection.
    pub settings: Settings,
    /// Whether it is about another connection, beside those that there are.
    pub is_new: bool,
    /// The address in use.
    pub url: AttrValue,
    /// A client id that nobody has.
    pub new_id: Callback<(), String>,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

type Draft = UseStateHandle<Settings>;

/// The connection panel.
#[component]
pub fn ConnectionDialog(props: &ConnectionDialogProps) -> Html {
    let lang = props.lang;
    let draft = use_state(|| props.settings.clone());
    let close = props.on.reform(|_: MouseEvent| Action::Dialog(None));
    let on_close = props.on.reform(|()| Action::Dialog(None));
    let title = if props.is_new { Text::NewConnection } else { Text::Connection };
    let onsubmit = {
        let (draft, on, is_new) = (draft.clone(), props.on.clone(), props.is_new);
        move |event: SubmitEvent| {
            event.prevent_default();
            if will_error(&draft).is_none() {
                let settings = Box::new((*draft).clone());
                on.emit(match is_new {
                    true => Action::Page(PageAction::Open(settings)),
                    false => Action::Settings(settings),
                });
            }
        }
    };
    html! {
        <Modal title={lang.t(title)} test="connection-dialog" {on_close}>
            <form {onsubmit}>
                { text(&draft, Field::Broker, lang.t(Text::BrokerAddress), props.url.clone()) }
                <p class="hint">{ lang.t(Text::BrokerAddressHint) }</p>
                <div class="pair">
                    { version(lang, &draft) }
                    { text(&draft, Field::KeepAlive, lang.t(Text::KeepAlive), AttrValue::default()) }
                </div>
                <div class="pair grow">
                    { text(&draft, Field::ClientId, lang.t(Text::ClientId), AttrValue::default()) }
                    { new_id(props, &draft) }
                </div>
                <div class="pair">
                    { text(&draft, Field::UserName, lang.t(Text::UserName), AttrValue::default()) }
                    { text(&draft, Field::Password, lang.t(Text::Password), AttrValue::default()) }
                </div>
                <p class="hint">{ lang.t(Text::PasswordHint) }</p>
                { check(&draft, lang.t(Text::CleanSession), draft.clean, |settings, on| settings.clean = on) }
                { will(lang, &draft) }
                <div class="buttons">
                    <button type="button" class="button" onclick={close}>{ lang.t(Text::Cancel) }</button>
                    <button type="submit" class="button primary" data-test="connect">{ lang.t(Text::Connect) }</button>
                </div>
            </form>
        </Modal>
    }
}

fn will(lang: Lang, draft: &Draft) -> Html {
    html! {
        <fieldset>
            <legend>{ lang.t(Text::Will) }</legend>
            <div class="pair grow">
                { text(draft, Field::WillTopic, lang.t(Text::WillTopic), AttrValue::default()) }
                { qos_select(lang.t(Text::WillQoS), "settings-will-qos", draft.will_qos, edit(draft, |settings, qos| settings.will_qos = qos)) }
            </div>
            if let Some(error) = will_error(draft) {
                <p class="error" role="alert">{ topic_error(lang, error) }</p>
            }
            { text(draft, Field::WillPayload, lang.t(Text::WillPayload), AttrValue::default()) }
            { check(draft, lang.t(Text::WillRetain), draft.will_retain, |settings, on| settings.will_retain = on) }
        </fieldset>
    }
}

fn will_error(settings: &Settings) -> Option<TopicError> {
    match settings.will_topic.as_str() {
        "" => None,
        topic => TopicName::new(topic.to_owned()).err(),
    }
}

/// The fields that are text.
#[derive(Clone, Copy)]
enum Field {
    Broker,
    KeepAlive,
    ClientId,
    UserName,
    Password,
    WillTopic,
    WillPayload,
}

impl Field {
    /// Name for scripts, and the kind of input.
    const fn kind(self) -> (&'static str, &'static str) {
        match self {
            Field::Broker => ("settings-broker", "text"),
            Field::KeepAlive => ("settings-keep-alive", "number"),
            Field::ClientId => ("settings-client-id", "text"),
            Field::UserName => ("settings-username", "text"),
            Field::Password => ("settings-password", "password"),
            Field::WillTopic => ("settings-will-topic", "text"),
            Field::WillPayload => ("settings-will-payload", "text"),
        }
    }

    fn get(self, settings: &Settings) -> String {
        match self {
            Field::Broker => settings.broker.clone(),
            Field::KeepAlive => settings.keep_alive_s.to_string(),
            Field::ClientId => settings.client_id.clone(),
            Field::UserName => settings.username.clone(),
            Field::Password => settings.password.clone(),
            Field::WillTopic => settings.will_topic.clone(),
            Field::WillPayload => settings.will_payload.clone(),
        }
    }

    fn set(self, settings: &mut Settings, value: String) {
        match self {
            Field::Broker => settings.broker = value.trim().to_owned(),
            Field::KeepAlive => settings.keep_alive_s = value.parse().unwrap_or(settings.keep_alive_s),
            Field::ClientId => settings.client_id = value,
            Field::UserName => settings.username = value,
            Field::Password => settings.password = value,
            Field::WillTopic => settings.will_topic = value,
            Field::WillPayload => settings.will_payload = value,
        }
    }
}

fn text(draft: &Draft, field: Field, label: &'static str, placeholder: AttrValue) -> Html {
    let (test, kind) = field.kind();
    let oninput = edit(draft, move |settings, event: InputEvent| field.set(settings, typed(&event)));
    html! {
        <label class="field">
            <span>{ label }</span>
            <input type={kind} data-test={test} value={field.get(draft)} {placeholder} min="0" max="65535"
                autocomplete="off" autocapitalize="off" spellcheck="false" {oninput} />
        </label>
    }
}

fn version(lang: Lang, draft: &Draft) -> Html {
    let onchange = edit(draft, |settings, event: Event| {
        let select = event.target_dyn_into::<HtmlSelectElement>();
        settings.version =
            select.and_then(|select| parse_version(&select.value())).unwrap_or(settings.version);
    });
    let options = [Version::V5, Version::V311, Version::V31].map(|version| {
        let name = version.to_string();
        html! { <option value={name.clone()} selected={version == draft.version}>{ name }</option> }
    });
    html! {
        <label class="field">
            <span>{ lang.t(Text::Version) }</span>
            <select data-test="settings-version" {onchange}>{ for options }</select>
        </label>
    }
}

fn new_id(props: &ConnectionDialogProps, draft: &Draft) -> Html {
    let make = props.new_id.clone();
    let onclick = edit(draft, move |settings, _: MouseEvent| settings.client_id = make.emit(()));
    html! { <button type="button" class="button" {onclick}>{ props.lang.t(Text::NewId) }</button> }
}

fn check(draft: &Draft, label: &'static str, on: bool, set: fn(&mut Settings, bool)) -> Html {
    let onchange = edit(draft, move |settings, event: Event| set(settings, checked(&event)));
    html! { <label class="check"><input type="checkbox" checked={on} {onchange} />{ label }</label> }
}

/// A callback that changes the copy.
fn edit<T: 'static>(draft: &Draft, change: impl Fn(&mut Settings, T) + 'static) -> Callback<T> {
    let draft = draft.clone();
    Callback::from(move |value: T| {
        let mut settings = (*draft).clone();
        change(&mut settings, value);
        draft.set(settings);
    })
}
