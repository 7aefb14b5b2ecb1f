//! Dialogs about connection and subscriptions: their code is loaded when the first of them is opened.

use super::connection_dialog::{ConnectionDialog, ConnectionDialogProps};
use super::lazy_detail::failed;
use super::subscription_dialog::subscription_dialog;
use crate::hooks::{Lazy, use_part};
use crate::lazy::Dialogs;
use crate::state::{Action, Dialog, View};
use tabmq_shared::packet::Version;
use yew::prelude::*;

/// See [`LazyDialog`].
#[derive(Clone, Properties, PartialEq)]
pub struct LazyDialogProps {
    /// Which of them.
    pub dialog: Dialog,
    /// The state.
    pub view: View,
    /// Makes a client id that nobody has.
    pub new_id: Callback<(), String>,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// A dialog, as soon as it is there.
#[component]
pub fn LazyDialog(props: &LazyDialogProps) -> Html {
    let lang = props.view.read().ui.look.lang;
    match use_part::<Dialogs>() {
        Lazy::Ready(dialogs) => (dialogs.dialog)(props),
        Lazy::Loading => Html::default(),
        Lazy::Failed(retry) => failed(lang, "notice", &retry),
    }
}

/// For [`Dialogs::dialog`], and for nobody else: whoever names it has it in the first module.
pub fn render_dialog(props: &LazyDialogProps) -> Html {
    let LazyDialogProps { dialog, view, new_id, on } = props.clone();
    let is_new = match dialog {
        Dialog::Connection => false,
        Dialog::NewConnection => true,
        Dialog::Subscription => {
            let state = view.read();
            let v5 = state.settings.version == Version::V5;
            return subscription_dialog(state.ui.look.lang, &state.subscriptions.draft, v5, &on);
        }
        _ => return Html::default(),
    };
    html! { <ConnectionDialog ..ConnectionDialogProps { view, is_new, new_id, on } /> }
}
