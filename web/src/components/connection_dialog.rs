//! The connection panel: address, version, identity, what CONNECT can say, the will; and profiles. What is typed stays
//! here until "connect".

use super::form::{More, TextField, check_field, select_field};
use super::modal::Modal;
use super::parts::button;
use crate::browser;
use crate::i18n::{Lang, Text};
use crate::state::draft::Form as DataForm;
use crate::state::profiles::{Profile, Profiles};
use crate::state::settings::{AuthKind, DATA_FORMS, Field, Form, Kind, Settings};
use crate::state::subscriptions::Subscriptions;
use crate::state::{Action, PageAction, View};
use tabmq_shared::client::ServerLimits;
use tabmq_shared::client::State;
use tabmq_shared::scram::METHOD;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

/// What only MQTT 5 can say in CONNECT.
const V5: [Field; 7] = [
    Field::SessionExpiry,
    Field::ReceiveMaximum,
    Field::MaximumPacketSize,
    Field::TopicAliasMaximum,
    Field::RequestResponse,
    Field::RequestProblem,
    Field::UserProperties,
];

/// The will, and from the fifth on what only MQTT 5 can say of it.
const WILL: [Field; 11] = [
    Field::WillTopic,
    Field::WillQoS,
    Field::WillPayload,
    Field::WillRetain,
    Field::WillDelay,
    Field::WillExpiry,
    Field::WillContentType,
    Field::WillResponseTopic,
    Field::WillCorrelation,
    Field::WillIsText,
    Field::WillUserProperties,
];
const WILL_BEFORE_V5: usize = 4;

/// See [`ConnectionDialog`].
#[derive(Clone, Properties, PartialEq)]
pub(super) struct ConnectionDialogProps {
    /// The state.
    pub view: View,
    /// Whether it is about another connection, beside those that there are.
    pub is_new: bool,
    /// Makes a client id that nobody has.
    pub new_id: Callback<(), String>,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// What is typed and chosen.
#[derive(Clone, PartialEq)]
struct Draft {
    form: Form,
    /// A profile's, if one was chosen.
    subscriptions: Option<Subscriptions>,
    /// Whether to keep it as a profile, and the password, too.
    keep: bool,
    keep_password: bool,
}

/// Changes the draft.
type Edit = Callback<Box<dyn Fn(&mut Draft)>>;

/// The connection panel.
#[component]
pub(super) fn ConnectionDialog(props: &ConnectionDialogProps) -> Html {
    let state = props.view.read();
    let lang = state.ui.look.lang;
    let draft = use_state_eq(|| {
        let settings = match props.is_new {
            true => Settings::new(props.new_id.emit(())),
            false => state.settings.clone(),
        };
        Draft { form: Form::of(&settings), subscriptions: None, keep: false, keep_password: false }
    });
    let edit: Edit = {
        let draft = draft.clone();
        Callback::from(move |change: Box<dyn Fn(&mut Draft)>| {
            let mut changed = (*draft).clone();
            change(&mut changed);
            draft.set(changed);
        })
    };
    let panel = Panel { lang, props, draft: &draft, edit: &edit };
    let title = if props.is_new { Text::NewConnection } else { Text::Connection };
    let close = props.on.reform(|()| Action::Dialog(None));
    let workspace = props.view.workspace();
    html! {
        <Modal title={lang.t(title)} test="connection-dialog" on_close={close.clone()}>
            <form onsubmit={panel.on_submit(&draft)}>
                { panel.profiles(workspace.profiles()) }
                { panel.basics(&state.connection.url) }
                { panel.v5() }
                { panel.will() }
                { panel.keep(workspace.profiles()) }
                if let (State::Connected { limits, .. }, false) = (&state.connection.state, props.is_new) {
                    { broker_limits(lang, limits) }
                }
                <div class="buttons">
                    if state.connection.state.is_connected() && !props.is_new {
                        { button(lang.t(Text::Disconnect), "disconnect", "quiet danger", props.on.reform(|_| Action::Disconnect)) }
                    }
                    { button(lang.t(Text::Cancel), "connection-cancel", "", close.reform(|_| ())) }
                    <button type="submit" class="button primary" data-test="connect">{ lang.t(Text::Connect) }</button>
                </div>
            </form>
        </Modal>
    }
}

/// What its parts are made from.
struct Panel<'a> {
    lang: Lang,
    props: &'a ConnectionDialogProps,
    draft: &'a Draft,
    edit: &'a Edit,
}

impl Panel<'_> {
    fn on_submit(&self, draft: &UseStateHandle<Draft>) -> Callback<SubmitEvent> {
        let (draft, on, is_new, view) =
            (draft.clone(), self.props.on.clone(), self.props.is_new, self.props.view.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let mut changed = (*draft).clone();
            let Some(mut settings) = changed.form.settings() else { return draft.set(changed) };
            if changed.keep {
                if settings.name.is_empty() {
                    settings.name = profile_name(&settings);
                }
                let own = view.read().subscriptions.clone();
                let subscriptions = changed.subscriptions.as_ref().unwrap_or(&own);
                let profile = Profile::new(settings.clone(), subscriptions, changed.keep_password);
                on.emit(Action::Page(PageAction::SaveProfile(Box::new(profile))));
            }
            let settings = Box::new(settings);
            on.emit(match is_new {
                true => Action::Page(PageAction::Open(settings, changed.subscriptions.map(Box::new))),
                false => Action::Settings(settings),
            });
        })
    }

    fn profiles(&self, profiles: &Profiles) -> Html {
        let on = &self.props.on;
        let name = self.draft.form.get(Field::Name);
        let current = profiles.get(name).map(|profile| profile.name().to_owned());
        let options = profiles.rows().iter().map(|profile| {
            let name = profile.name().to_owned();
            html! { <option value={name.clone()} selected={current.as_ref() == Some(&name)}>{ name }</option> }
        });
        if profiles.rows().is_empty() {
            return Html::default();
        }
        html! {
            <div class="pair grow">
                <label class="field">
                    <span>{ self.lang.t(Text::Profile) }</span>
                    <select data-test="profile" onchange={self.on_profile()}>
                        <option value="" selected={current.is_none()}>{ self.lang.t(Text::NoProfile) }</option>
                        <>{ for options }</>
                    </select>
                </label>
                if let Some(name) = current {
                    { button(self.lang.t(Text::DeleteProfile), "profile-delete", "",
                        on.reform(move |_| Action::Page(PageAction::DeleteProfile(name.clone())))) }
                }
            </div>
        }
    }

    /// Profiles from and to files.
    fn files(&self, profiles: &Profiles) -> Html {
        let on = &self.props.on;
        html! {
            <span class="links">
                <label class="link">
                    { self.lang.t(Text::ImportProfiles) }
                    <input type="file" accept=".json,application/json" data-test="profiles-import" onchange={on_file(on)} />
                </label>
                if !profiles.rows().is_empty() {
                    <button type="button" class="link" data-test="profiles-export"
                        onclick={on.reform(|_| Action::Page(PageAction::ExportProfiles))}>{ self.lang.t(Text::ExportProfiles) }</button>
                }
            </span>
        }
    }

    fn on_profile(&self) -> Callback<Event> {
        let (edit, view, new_id) = (self.edit.clone(), self.props.view.clone(), self.props.new_id.clone());
        Callback::from(move |event: Event| {
            let Some(select) = event.target_dyn_into::<HtmlSelectElement>() else { return };
            let workspace = view.workspace();
            let Some(profile) = workspace.profiles().get(&select.value()) else { return };
            let mut settings = profile.settings.clone();
            if settings.client_id.is_empty() {
                settings.client_id = new_id.emit(());
            }
            let (form, subscriptions) = (Form::of(&settings), profile.subscriptions.clone());
            let keep_password = !settings.password.is_empty() || !settings.v5.auth.data.is_empty();
            drop(workspace);
            edit.emit(Box::new(move |draft| {
                draft.form = form.clone();
                draft.subscriptions = Some(subscriptions.clone());
                draft.keep_password = keep_password;
            }));
        })
    }

    fn basics(&self, url: &str) -> Html {
        let new_id = self.props.new_id.clone();
        let edit = self.edit.clone();
        let on_new_id = Callback::from(move |_: MouseEvent| {
            let id = new_id.emit(());
            edit.emit(Box::new(move |draft| draft.form.set(Field::ClientId, id.clone())));
        });
        html! {
            <>
                { self.input(Field::Broker, url.to_owned().into()) }
                <p class="hint">{ self.lang.t(Text::BrokerAddressHint) }</p>
                <div class="pair">
                    { self.field(Field::Version) }
                    { self.field(Field::KeepAlive) }
                </div>
                <div class="pair grow">
                    { self.input(Field::ClientId, self.lang.t(Text::BrokerChooses).into()) }
                    { button(self.lang.t(Text::NewId), "new-id", "", on_new_id) }
                </div>
                <div class="pair">
                    { self.field(Field::UserName) }
                    { self.field(Field::Password) }
                </div>
                { self.authentication() }
                { self.field(Field::Clean) }
            </>
        }
    }

    /// How user name and password are shown to the broker, or what else.
    fn authentication(&self) -> Html {
        let form = &self.draft.form;
        if form.get(Field::Version) != "5.0" {
            return Html::default();
        }
        let kind = form.get(Field::Auth);
        html! {
            <>
                { self.field(Field::Auth) }
                if kind == AuthKind::Scram.name() {
                    <p class="hint">{ self.lang.t(Text::ScramHint) }</p>
                } else if kind == AuthKind::Other.name() {
                    <p class="hint">{ self.lang.t(Text::AuthOtherHint) }</p>
                    <div class="pair">
                        { self.field(Field::AuthMethod) }
                        { self.field(Field::AuthForm) }
                    </div>
                    { self.field(Field::AuthData) }
                }
            </>
        }
    }

    fn v5(&self) -> Html {
        if self.draft.form.get(Field::Version) != "5.0" {
            return Html::default();
        }
        html! {
            <More summary={self.lang.t(Text::MoreOfV5)} open={self.says_more(&V5)}>
                <div class="pair wrap">{ for V5.map(|field| self.field(field)) }</div>
            </More>
        }
    }

    fn will(&self) -> Html {
        let v5 = self.draft.form.get(Field::Version) == "5.0";
        let fields = WILL.into_iter().take(if v5 { WILL.len() } else { WILL_BEFORE_V5 });
        html! {
            <More summary={self.lang.t(Text::Will)} open={self.says_more(&WILL)}>
                <div class="pair wrap">{ for fields.map(|field| self.field(field)) }</div>
            </More>
        }
    }

    fn keep(&self, profiles: &Profiles) -> Html {
        let (draft, lang) = (self.draft, self.lang);
        let set = |change: fn(&mut Draft, bool)| {
            self.edit.reform(move |on: bool| {
                Box::new(move |draft: &mut Draft| change(draft, on)) as Box<dyn Fn(&mut Draft)>
            })
        };
        html! {
            <>
                <div class="pair grow">
                    { check_field(lang.t(Text::KeepProfile), "profile-keep", draft.keep, set(|draft, on| draft.keep = on)) }
                    { self.files(profiles) }
                </div>
                if draft.keep {
                    <div class="indented">
                        { self.field(Field::Name) }
                        if [Field::Password, Field::AuthData].iter().any(|field| !draft.form.get(*field).is_empty()) {
                            { check_field(lang.t(Text::KeepPassword), "profile-password", draft.keep_password,
                                set(|draft, on| draft.keep_password = on)) }
                            if draft.keep_password {
                                <p class="warning" role="alert">{ lang.t(Text::KeepPasswordWarning) }</p>
                            }
                        }
                    </div>
                }
            </>
        }
    }

    /// Whether some of these fields are not as usual, or wrong.
    fn says_more(&self, fields: &[Field]) -> bool {
        let usual = Form::of(&Settings::new(String::new()));
        let form = &self.draft.form;
        fields.iter().any(|field| form.get(*field) != usual.get(*field) || form.error(*field).is_some())
    }

    fn field(&self, field: Field) -> Html {
        self.input(field, AttrValue::default())
    }

    fn input(&self, field: Field, placeholder: AttrValue) -> Html {
        let (lang, form) = (self.lang, &self.draft.form);
        let edit = self.edit.clone();
        let set = Callback::from(move |value: String| {
            edit.emit(Box::new(move |draft| draft.form.set(field, value.clone())));
        });
        let (label, test, value) = (lang.t(field.label()), test(field), form.get(field).to_owned());
        let error = form.error(field).map(|error| lang.t(error).to_owned());
        let text = |kind| TextField {
            label: label.into(),
            test,
            kind,
            value: value.clone(),
            placeholder,
            error: error.clone(),
        };
        match field.kind() {
            Kind::Text | Kind::Number => text("text").view(set),
            Kind::Password => text("password").view(set),
            Kind::Check => check_field(
                label,
                test,
                value == "1",
                set.reform(|on: bool| if on { "1" } else { "0" }.to_owned()),
            ),
            Kind::Choice => select_field(label, test, &choices(lang, field), &value, set),
            Kind::Pairs => pairs(lang, label, test, value, error, set),
        }
    }
}

fn choices(lang: Lang, field: Field) -> Vec<(&'static str, &'static str)> {
    match field {
        Field::Version => vec![("5.0", "5.0"), ("3.1.1", "3.1.1"), ("3.1", "3.1")],
        Field::Auth => {
            let words = |kind| match kind {
                AuthKind::Plain => lang.t(Text::AuthPlain),
                AuthKind::Scram => METHOD,
                AuthKind::Other => lang.t(Text::AuthOther),
            };
            AuthKind::ALL.map(|kind| (kind.name(), words(kind))).to_vec()
        }
        Field::AuthForm => {
            let words = |form| match form {
                DataForm::Hex => lang.t(Text::AsHex),
                DataForm::Base64 => "Base64",
                _ => lang.t(Text::AsText),
            };
            DATA_FORMS.map(|form| (form.name(), words(form))).to_vec()
        }
        _ => vec![("0", "QoS 0"), ("1", "QoS 1"), ("2", "QoS 2")],
    }
}

fn pairs(
    lang: Lang,
    label: &'static str,
    test: &'static str,
    value: String,
    error: Option<String>,
    set: Callback<String>,
) -> Html {
    let oninput = set.reform(|event: InputEvent| {
        event.target_dyn_into::<HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default()
    });
    html! {
        <label class="field wide">
            <span>{ label }</span>
            <textarea rows="2" class="mono" data-test={test} {value} placeholder={lang.t(Text::PairsHint)} spellcheck="false"
                aria-invalid={error.is_some().then_some("true")} {oninput} />
            if let Some(error) = error {
                <em class="error" role="alert">{ error }</em>
            }
        </label>
    }
}

/// For scripts.
const fn test(field: Field) -> &'static str {
    match field {
        Field::Broker => "settings-broker",
        Field::Version => "settings-version",
        Field::KeepAlive => "settings-keep-alive",
        Field::ClientId => "settings-client-id",
        Field::UserName => "settings-username",
        Field::Password => "settings-password",
        Field::WillTopic => "settings-will-topic",
        Field::WillPayload => "settings-will-payload",
        Field::WillQoS => "settings-will-qos",
        other => other.name(),
    }
}

/// A profile that has no name is called after its broker.
fn profile_name(settings: &Settings) -> String {
    let address = settings.broker.split_once("://").map_or("", |(_, rest)| rest);
    match address.split('/').next().unwrap_or_default() {
        "" => "TabMQ".to_owned(),
        host => host.to_owned(),
    }
}

/// Reads a file of profiles.
fn on_file(on: &Callback<Action>) -> Callback<Event> {
    let on = on.clone();
    Callback::from(move |event: Event| {
        let input = event.target_dyn_into::<HtmlInputElement>();
        let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) else { return };
        let on = on.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let profiles = browser::read_json_objects(&file).await.unwrap_or_default();
            on.emit(Action::Page(PageAction::ImportProfiles(profiles)));
        });
    })
}

/// What the broker allows, in its own figures.
fn broker_limits(lang: Lang, limits: &ServerLimits) -> Html {
    let seconds = |s: u32| if s == u32::MAX { "\u{221e}".to_owned() } else { format!("{s} s") };
    let yes_no = |yes: bool| lang.t(if yes { Text::Yes } else { Text::No }).to_owned();
    let packet = match limits.maximum_packet_size {
        u32::MAX => "\u{221e}".to_owned(),
        bytes => crate::format::bytes(bytes.into()),
    };
    let rows = [
        (Text::ClientId, limits.client_id.to_string()),
        (Text::KeepAlive, limits.keep_alive_s.to_string()),
        (Text::SessionExpiry, seconds(limits.session_expiry_s)),
        (Text::HighestQoS, limits.maximum_qos.as_u8().to_string()),
        (Text::ReceiveMaximum, limits.receive_maximum.to_string()),
        (Text::MaximumPacketSize, packet),
        (Text::TopicAliasMaximum, limits.topic_alias_maximum.to_string()),
        (Text::RetainAvailable, yes_no(limits.retain_available)),
        (Text::WildcardsAvailable, yes_no(limits.wildcard_subscription_available)),
        (Text::SharedAvailable, yes_no(limits.shared_subscription_available)),
        (Text::IdsAvailable, yes_no(limits.subscription_ids_available)),
    ];
    html! {
        <details class="properties" data-test="broker-limits">
            <summary>{ lang.t(Text::BrokerAllows) }</summary>
            <dl>{ for rows.into_iter().map(|(name, value)| html! { <><dt>{ lang.t(name) }</dt><dd>{ value }</dd></> }) }</dl>
        </details>
    }
}
