//! Dialogs that are seldom needed: their code is loaded when the first of them is opened.

use super::help_dialog::HelpDialog;
use super::lazy_detail::failed;
use super::recording_dialog::RecordingDialog;
use super::share_dialog::ShareDialog;
use super::shelf_dialog::ShelfDialog;
use crate::hooks::{Lazy, use_part};
use crate::lazy::Extras;
use crate::state::{Action, Dialog, View};
use yew::prelude::*;

/// See [`ExtraDialog`].
#[derive(Clone, Properties, PartialEq)]
pub struct ExtraProps {
    /// Which of them.
    pub dialog: Dialog,
    /// The state.
    pub view: View,
    /// Where to say what is done.
    pub on: Callback<Action>,
    /// Where to say that a file of messages was chosen.
    pub on_file: Callback<web_sys::File>,
}

/// One of the dialogs, as soon as it is there.
#[component]
pub fn ExtraDialog(props: &ExtraProps) -> Html {
    let lang = props.view.read().ui.look.lang;
    match use_part::<Extras>() {
        Lazy::Ready(extras) => (extras.dialog)(props),
        Lazy::Loading => Html::default(),
        Lazy::Failed(retry) => failed(lang, "notice", &retry),
    }
}

/// For [`Extras::dialog`], and for nobody else: whoever names it has it in the first module.
pub fn render_extra(props: &ExtraProps) -> Html {
    let ExtraProps { dialog, view, on, on_file } = props.clone();
    match dialog {
        Dialog::Shelf => html! { <ShelfDialog {view} {on} /> },
        Dialog::Recording => html! { <RecordingDialog {view} {on} {on_file} /> },
        Dialog::Share => html! { <ShareDialog {view} {on} /> },
        Dialog::Help => html! { <HelpDialog {view} {on} /> },
        _ => Html::default(),
    }
}
