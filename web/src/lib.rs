//! The page: an MQTT client in a browser tab.
//!
//! In reading order:
//!
//! - [`state`]: what the page knows, and the one function that changes it. Pure, tested natively.
//! - [`payload`], [`charts`], [`mod@format`], [`i18n`]: bytes, numbers and words as people read them. Pure, too.
//! - The crate `tabmq-web-client` (`web/client`): the WebSocket, and one loop around the state machine of
//!   `tabmq_shared::client`.
//! - [`keeping`], [`files`]: what outlives the page: in the browser's storage, and on the disk.
//! - [`browser`]: storage, clock, address bar, clipboard. [`app`]: what holds state, client and browser together.
//! - [`desk`]: what is known of the broker's inside, pure; [`api`]: the one place that asks for it.
//! - [`lazy`]: parts that are loaded when they are first needed; [`part`]: how the others use one. [`scram`] is one of them.
//! - [`pages`], [`components`], [`hooks`]: what is seen. Properties in, actions out.
//!
//! # The address bar
//!
//! `?` says how to connect, and is read when the page is loaded: `broker` (`ws://host:port/path`; without it, the host
//! that the page comes from), `version` (`3.1`, `3.1.1`, `5`), `client_id`, `username`, `keep_alive` (seconds), `clean`
//! (`1`: no session outlives a connection), and the other names of [`Field`](state::settings::Field); and how to look:
//! `theme` (`light`, `dark`, `system`) and `lang` (`en`, `zh`). A password is never in it.
//!
//! `#` says what is looked at and changes with it: `view` (`clients`, `retained`, `events`, `broker`; `?view=` will do to
//! begin with), in a view `find` and `item`; in the explorer `topic`, `topics` (the tree's filter), `tab`, `charts` (see
//! [`charts::link`]); of the message list `filter`, `in` (`topic`, `payload`), `qos`, `retain` and `sent` (`1` or `0`),
//! `system` (`1`: with `$` topics).
//!
//! # Scripts
//!
//! What a test looks for has an attribute `data-test`; what the broker sent is in `data-topic` beside it, numbers in
//! `data-count`, states in `data-state`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout
    )
)]

pub mod api;
pub mod app;
pub mod browser;
pub mod charts;
pub mod components;
pub mod desk;
pub mod files;
pub mod format;
pub mod hooks;
pub mod i18n;
pub mod keeping;
pub mod lazy;
pub mod pages;
pub mod part;
pub mod payload;
pub mod scram;
pub mod state;

use app::App;
use pages::Explore;
use std::rc::Rc;
use yew::prelude::*;

/// Shows the page in the document's body and connects.
pub fn start() {
    std::panic::set_hook(Box::new(browser::show_panic));
    yew::Renderer::<Root>::new().render();
}

/// The page, rendered again whenever the painter says so.
#[component]
fn Root() -> Html {
    let app: Rc<App> = (*use_memo((), |()| App::start())).clone();
    let view = use_state_eq(|| app.view());
    {
        let (app, view) = (app.clone(), view.setter());
        use_effect_with((), move |()| {
            let shown = app.clone();
            app.on_paint(move || view.set(shown.view()));
        });
    }
    // What is still said when another connection comes into view is meant for the one before.
    let files = app.clone();
    let on = use_callback(view.id(), move |action, id| app.dispatch(*id, action));
    let new_id = use_callback((), |(), ()| app::new_client_id());
    let on_file = use_callback(view.id(), move |file, id| files.chosen(*id, file));
    html! { <Explore view={(*view).clone()} {new_id} {on_file} {on} /> }
}
