//! One subscription with all its options: a new one, or one that is changed.

use super::form::{TextField, check_field, select_field};
use super::modal::Modal;
use super::parts::button;
use super::subscriptions::draft_error;
use crate::i18n::{Lang, Text};
use crate::state::Action;
use crate::state::settings::{parse_qos, qos_digit};
use crate::state::subscriptions::{Draft, DraftError};
use tabmq_shared::packet::RetainHandling;
use yew::prelude::*;

/// The dialog. `v5` says whether there is more to say than filter and QoS.
pub(super) fn subscription_dialog(lang: Lang, draft: &Draft, v5: bool, on: &Callback<Action>) -> Html {
    let onsubmit = on.reform(|event: SubmitEvent| {
        event.prevent_default();
        Action::Subscribe
    });
    let title = if draft.editing.is_some() { Text::EditSubscription } else { Text::NewSubscription };
    html! {
        <Modal title={lang.t(title)} test="subscription-dialog" on_close={close(on)}>
            <form {onsubmit}>
                { filter(lang, draft, on) }
                if v5 {
                    { rarer(lang, draft, on) }
                } else {
                    <p class="hint">{ lang.t(Text::OptionsNeedV5) }</p>
                }
                <div class="buttons">
                    { button(lang.t(Text::Cancel), "subscription-cancel", "", close(on).reform(|_| ())) }
                    <button type="submit" class="button primary" data-test="subscription-save">{ lang.t(Text::Subscribe) }</button>
                </div>
            </form>
        </Modal>
    }
}

/// Without a word about what was typed: the form below the list is empty again.
fn close(on: &Callback<Action>) -> Callback<()> {
    let on = on.clone();
    Callback::from(move |()| {
        on.emit(Action::SubscriptionDraft(Box::default()));
        on.emit(Action::Dialog(None));
    })
}

fn filter(lang: Lang, draft: &Draft, on: &Callback<Action>) -> Html {
    let error = |wanted: fn(DraftError) -> bool| {
        draft.error.filter(|error| wanted(*error)).map(|error| draft_error(lang, error).to_owned())
    };
    let qos = [("0", "QoS 0"), ("1", "QoS 1"), ("2", "QoS 2")];
    html! {
        <>
            <div class="pair grow">
                { TextField {
                    label: lang.t(Text::TopicFilter).into(),
                    test: "subscription-filter",
                    value: draft.filter.clone(),
                    placeholder: "home/#".into(),
                    error: error(|error| matches!(error, DraftError::Filter(_))),
                    ..TextField::default()
                }.view(edit(draft, on, |draft, text| draft.filter = text)) }
                { select_field(lang.t(Text::QoS), "subscription-qos", &qos, qos_digit(draft.options.qos),
                    edit(draft, on, |draft, qos: String| draft.options.qos = parse_qos(&qos).unwrap_or_default())) }
            </div>
            <div class="pair">
                { TextField {
                    label: lang.t(Text::ShareGroup).into(),
                    test: "subscription-group",
                    value: draft.group.clone(),
                    placeholder: lang.t(Text::NotShared).into(),
                    error: error(|error| error == DraftError::SharedNoLocal),
                    ..TextField::default()
                }.view(edit(draft, on, |draft, text| draft.group = text)) }
                { TextField {
                    label: lang.t(Text::SubscriptionId).into(),
                    test: "subscription-id",
                    value: draft.id.clone(),
                    error: error(|error| error == DraftError::Id),
                    ..TextField::default()
                }.view(edit(draft, on, |draft, text| draft.id = text)) }
            </div>
        </>
    }
}

fn rarer(lang: Lang, draft: &Draft, on: &Callback<Action>) -> Html {
    let handling = [
        ("0", lang.t(Text::RetainAlways)),
        ("1", lang.t(Text::RetainIfNew)),
        ("2", lang.t(Text::RetainNever)),
    ];
    let current = match draft.options.retain_handling {
        RetainHandling::Send => "0",
        RetainHandling::SendIfNew => "1",
        RetainHandling::DoNotSend => "2",
    };
    html! {
        <>
            { select_field(lang.t(Text::RetainHandling), "subscription-retain-handling", &handling, current,
                edit(draft, on, |draft, value: String| {
                    draft.options.retain_handling = match value.as_str() {
                        "1" => RetainHandling::SendIfNew,
                        "2" => RetainHandling::DoNotSend,
                        _ => RetainHandling::Send,
                    };
                })) }
            { check_field(lang.t(Text::NoLocal), "subscription-no-local", draft.options.no_local,
                edit(draft, on, |draft, on| draft.options.no_local = on)) }
            { check_field(lang.t(Text::RetainAsPublished), "subscription-rap", draft.options.retain_as_published,
                edit(draft, on, |draft, on| draft.options.retain_as_published = on)) }
        </>
    }
}

/// A callback that changes the form.
fn edit<T: 'static>(draft: &Draft, on: &Callback<Action>, change: fn(&mut Draft, T)) -> Callback<T> {
    let draft = draft.clone();
    on.reform(move |value| {
        let mut draft = Draft { error: None, ..draft.clone() };
        change(&mut draft, value);
        Action::SubscriptionDraft(Box::new(draft))
    })
}
