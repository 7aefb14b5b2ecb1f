//! The form that stands in a view's place while the broker wants to know who asks.

use super::super::form::TextField;
use crate::desk::Step;
use crate::desk::ask::Trouble;
use crate::i18n::Lang;
use crate::i18n::words::Words;
use crate::state::Action;
use yew::prelude::*;

/// See [`LogIn`].
#[derive(Properties, PartialEq)]
pub(super) struct LogInProps {
    pub(super) lang: Lang,
    /// Who has connected, if anybody has said.
    pub(super) user: String,
    /// Why what was given does not do.
    pub(super) why: Option<Trouble>,
    pub(super) on: Callback<Action>,
}

/// The form. What is typed is here until it is sent, and then in the desk's memory alone.
#[component]
pub(super) fn LogIn(props: &LogInProps) -> Html {
    let lang = props.lang;
    let user = use_state_eq(|| props.user.clone());
    let password = use_state_eq(String::new);
    let onsubmit = {
        let (on, user, password) = (props.on.clone(), user.clone(), password.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            on.emit(Step::LogIn { user: (*user).clone(), password: (*password).clone() }.action());
        })
    };
    let field = |label: Words, test, kind, value: &UseStateHandle<String>| {
        let set = value.setter();
        TextField {
            label: lang.w(label).into(),
            test,
            kind,
            value: (**value).clone(),
            ..TextField::default()
        }
        .view(Callback::from(move |text| set.set(text)))
    };
    html! {
        <section class="panel log-in" aria-label={lang.w(Words::LogInTitle)}>
            <form class="log-in-form" {onsubmit} data-test="log-in">
                <h2>{ lang.w(Words::LogInTitle) }</h2>
                <p>{ lang.w(Words::LogInWhy) }</p>
                { field(Words::User, "log-in-user", "", &user) }
                { field(Words::Password, "log-in-password", "password", &password) }
                <p class="error" role="alert" data-test="log-in-error">
                    { props.why.as_ref().map(|why| why.words(lang)).unwrap_or_default() }
                </p>
                <div class="buttons">
                    <button type="submit" class="button primary" data-test="log-in-send">{ lang.w(Words::LogIn) }</button>
                </div>
            </form>
        </section>
    }
}
