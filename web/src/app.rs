//! What holds the page together: the state, the client, and the painter that shows the one and lets it be changed by
//! the other.
//!
//! ```text
//!  components --Action--> state.apply --Effect--> client, browser
//!       ^                    |                       |
//!       '---- once a frame --'<------- Action -------'
//! ```

use crate::browser;
use crate::client::{Client, Report};
use crate::i18n::Lang;
use crate::state::query;
use crate::state::settings::Settings;
use crate::state::subscriptions::{Row, Subscriptions};
use crate::state::{Action, AppState, Effect, Location, Look, Theme, View};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// How long a broker may be silent after the tab has come back, before the connection is taken for dead.
const WAKE_PATIENCE: Duration = Duration::from_secs(3);

/// While the tab is visible, the broker is asked this often, in ticks of a second; that is the round-trip time.
const PROBE_TICKS: u32 = 10;
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// Names in the tab's storage.
const SETTINGS: &str = "tabmq.settings";
const SUBSCRIPTIONS: &str = "tabmq.subscriptions";
/// There while no page has this tab's storage: see [`settings`].
const RELEASED: &str = "tabmq.released";
/// Name in the storage of all tabs.
const LOOK: &str = "tabmq.look";

/// The running page.
pub struct App {
    state: View,
    client: OnceCell<Client>,
    painter: Painter,
    revision: Cell<u64>,
    ticks: Cell<u32>,
}

impl App {
    /// Reads what was kept, connects, and begins to watch the clock and the browser.
    pub fn start() -> Rc<App> {
        let settings = settings();
        let subscriptions = match browser::read(browser::tab_storage(), SUBSCRIPTIONS) {
            Some(kept) => Subscriptions::read(&kept),
            None => Subscriptions::first_visit(settings.broker.is_empty()),
        };
        let app = Rc::new(App {
            state: View::new(AppState::new(settings, subscriptions, look())),
            client: OnceCell::new(),
            painter: Painter::default(),
            revision: Cell::new(0),
            ticks: Cell::new(0),
        });
        let weak = Rc::downgrade(&app);
        let _ = app.client.set(Client::new(browser::now, move |report| {
            if let Some(app) = weak.upgrade() {
                app.reported(report);
            }
        }));
        app.act([
            Action::Tick(browser::clock(), browser::now()),
            Action::Located(Location::read(&browser::fragment())),
        ]);
        app.run(Effect::KeepSettings);
        app.run(Effect::ShowLook);
        app.run(Effect::Start);
        app.watch();
        app
    }

    /// The state, to look at: equal to the last view as long as nothing has changed.
    pub fn view(&self) -> View {
        self.state.0.borrow_mut().refresh();
        View(self.state.0.clone(), self.revision.get())
    }

    /// Calls `paint` in a frame of its own whenever something has changed.
    pub fn on_paint(&self, paint: impl Fn() + 'static) {
        *self.painter.0.paint.borrow_mut() = Some(Rc::new(paint));
        self.painter.soon();
    }

    /// Something was done by whoever looks at the page: shown in the next frame.
    pub fn dispatch(&self, action: Action) {
        self.act([Action::Tick(browser::clock(), browser::now()), action]);
        self.painter.soon();
    }

    fn act(&self, actions: impl IntoIterator<Item = Action>) {
        self.revision.set(self.revision.get() + 1);
        for action in actions {
            let effects = self.state.0.borrow_mut().apply(action);
            for effect in effects {
                self.run(effect);
            }
        }
    }

    fn reported(&self, report: Report) {
        let tick = Action::Tick(browser::clock(), browser::now());
        let url = self.broker_url();
        let state = report.state.map(|state| Action::Connection { state, url });
        let round_trip = report.round_trip.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let events = report.events.into_iter().map(Action::Event);
        let round_trip = Action::RoundTrip(round_trip);
        self.act([tick].into_iter().chain(state).chain(events).chain([round_trip]));
        self.painter.in_time();
    }

    fn run(&self, effect: Effect) {
        let Some(client) = self.client.get() else { return };
        match effect {
            Effect::Send(message) => {
                let accepted = client.publish(message);
                self.act([Action::Accepted(accepted)]);
                client.drive();
            }
            Effect::Publish(message) => {
                let _ = client.publish(message);
                client.drive();
            }
            Effect::Subscribe(filter) => {
                let state = self.state.read();
                let row = state.subscriptions.rows.iter().find(|row| row.filter == filter);
                let subscription = row.map(Row::subscription);
                drop(state);
                client.subscribe(subscription.into_iter().collect());
            }
            Effect::Unsubscribe(filter) => client.unsubscribe(filter),
            Effect::Start => self.connect(client),
            Effect::RetryNow => client.retry_now(),
            Effect::Probe => client.probe(WAKE_PATIENCE),
            Effect::KeepSettings => {
                browser::keep(browser::tab_storage(), SETTINGS, &self.state.read().settings.write());
            }
            Effect::KeepSubscriptions => {
                browser::keep(
                    browser::tab_storage(),
                    SUBSCRIPTIONS,
                    &self.state.read().subscriptions.write(),
                );
            }
            Effect::ShowLook => {
                let look = self.state.read().ui.look;
                browser::keep(browser::shared_storage(), LOOK, &look.write());
                show_look(look);
            }
            Effect::Locate => browser::set_fragment(&self.state.read().location().write()),
            Effect::Copy(text) => browser::copy(&text),
            Effect::LocateBroker => browser::set_query(&self.query()),
            Effect::OpenTab => browser::open_tab(&self.query()),
        }
    }

    /// The query for an address that others can use.
    fn query(&self) -> String {
        self.state.read().settings.query(&query::decode(&browser::query()))
    }

    fn connect(&self, client: &Client) {
        let url = self.broker_url();
        let (options, subscriptions) = {
            let state = self.state.read();
            (state.settings.options(), state.subscriptions.rows.iter().map(Row::subscription).collect())
        };
        client.start(url, options, subscriptions, browser::random());
    }

    /// The broker's address: the one that was asked for, or the one that the page comes from.
    fn broker_url(&self) -> String {
        let state = self.state.read();
        match state.settings.broker.as_str() {
            "" => {
                let (protocol, host, port) = browser::origin();
                default_broker(&protocol, &host, &port)
            }
            url => url.to_owned(),
        }
    }

    fn watch(self: &Rc<Self>) {
        let window = browser::window();
        let wake = |app: Rc<App>| move || app.dispatch(Action::Wake);
        browser::listen(&window, "online", wake(self.clone()));
        let app = self.clone();
        browser::listen(&browser::document(), "visibilitychange", move || {
            if browser::is_visible() {
                app.dispatch(Action::Wake);
            }
        });
        let app = self.clone();
        browser::listen(&window, "hashchange", move || {
            app.dispatch(Action::Located(Location::read(&browser::fragment())));
        });
        browser::listen(&window, "pagehide", || browser::keep(browser::tab_storage(), RELEASED, "1"));
        // A page that was frozen and comes back has this tab's storage again.
        browser::listen(&window, "pageshow", || {
            browser::take(browser::tab_storage(), RELEASED);
        });
        if let Ok(Some(dark)) = window.match_media("(prefers-color-scheme: dark)") {
            let app = self.clone();
            browser::listen(&dark, "change", move || show_look(app.state.read().ui.look));
        }
        let app = self.clone();
        gloo_timers::callback::Interval::new(1000, move || app.tick()).forget();
        let app = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            if let Some(info) = browser::broker_info().await {
                app.dispatch(Action::Broker(info));
            }
        });
    }

    fn tick(&self) {
        self.act([Action::Tick(browser::clock(), browser::now())]);
        self.painter.in_time();
        self.ticks.set(self.ticks.get().wrapping_add(1));
        if self.ticks.get().is_multiple_of(PROBE_TICKS)
            && browser::is_visible()
            && self.state.read().connection.state.is_connected()
            && let Some(client) = self.client.get()
        {
            client.probe(PROBE_PATIENCE);
        }
    }
}

/// Where the broker is, from where the page is.
///
/// `trunk serve` has the page on its own port, and its proxy drops the subprotocol: the broker is at its usual port then.
fn default_broker(protocol: &str, host: &str, port: &str) -> String {
    const TRUNK_PORT: &str = "8080";
    const BROKER_PORT: &str = "8083";
    let scheme = if protocol == "https:" { "wss" } else { "ws" };
    match port {
        "" => format!("{scheme}://{host}/mqtt"),
        TRUNK_PORT => format!("{scheme}://{host}:{BROKER_PORT}/mqtt"),
        port => format!("{scheme}://{host}:{port}/mqtt"),
    }
}

/// What the tab has kept, with what the address bar says on top.
///
/// A browser copies a tab's storage when the tab is duplicated, and two clients with one id would throw each other out
/// for ever. So a page takes the client id only if the page before it has let go of it: the note `RELEASED` is written
/// when a page goes away and taken by the next one. A copy made while the page lives has no such note.
fn settings() -> Settings {
    let storage = browser::tab_storage();
    let released = browser::take(storage.clone(), RELEASED).is_some();
    let id = new_client_id();
    let mut settings = Settings::new(id.clone());
    if let Some(kept) = browser::read(storage, SETTINGS) {
        settings.read(&query::decode(&kept));
        if !released {
            settings.client_id = id;
        }
    }
    settings.read(&query::decode(&browser::query()));
    settings
}

/// An id that no other tab has, short enough to be read out.
pub fn new_client_id() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = browser::random();
    let letter = |i: u32| {
        let index = usize::try_from(random >> (i * 5) & 31).unwrap_or(0);
        char::from(LETTERS.get(index).copied().unwrap_or(b'a'))
    };
    "tab-".chars().chain((0..6).map(letter)).collect()
}

/// What all tabs have kept, with what the address bar says on top.
fn look() -> Look {
    let mut look =
        Look { theme: Theme::System, lang: Lang::from_code(&browser::language()).unwrap_or_default() };
    if let Some(kept) = browser::read(browser::shared_storage(), LOOK) {
        look.read(&query::decode(&kept));
    }
    look.read(&query::decode(&browser::query()));
    look
}

fn show_look(look: Look) {
    let dark = match look.theme {
        Theme::System => browser::matches_media("(prefers-color-scheme: dark)"),
        Theme::Light => false,
        Theme::Dark => true,
    };
    browser::set_root_attribute("data-theme", if dark { "dark" } else { "light" });
    browser::set_root_attribute("lang", if look.lang == Lang::Zh { "zh-Hans" } else { "en" });
}

/// Paints at most once a frame, and leaves the browser at least as much time as painting takes: messages in any
/// number must not keep a click waiting.
#[derive(Clone, Default)]
struct Painter(Rc<PainterInner>);

#[derive(Default)]
struct PainterInner {
    paint: RefCell<Option<Rc<dyn Fn()>>>,
    /// A frame was asked for.
    scheduled: Cell<bool>,
    /// A frame will be asked for.
    delayed: RefCell<Option<gloo_timers::callback::Timeout>>,
    /// When painting was done, and how long it took, in milliseconds of the client's clock.
    done_ms: Cell<u64>,
    cost_ms: Cell<u64>,
}

impl Painter {
    /// In the next frame: something was done that wants an answer.
    fn soon(&self) {
        *self.0.delayed.borrow_mut() = None;
        if self.0.scheduled.replace(true) {
            return;
        }
        let painter = self.clone();
        let frame = Closure::once_into_js(move || painter.frame());
        let _ = browser::window().request_animation_frame(frame.unchecked_ref());
    }

    /// In a frame that is not too early: messages have come.
    fn in_time(&self) {
        if self.0.scheduled.get() || self.0.delayed.borrow().is_some() {
            return;
        }
        let earliest = self.0.done_ms.get() + self.0.cost_ms.get();
        let wait_ms = earliest.saturating_sub(browser::now().as_millis());
        if wait_ms == 0 {
            return self.soon();
        }
        let painter = self.clone();
        let wait_ms = u32::try_from(wait_ms).unwrap_or(u32::MAX).min(500);
        let timeout = gloo_timers::callback::Timeout::new(wait_ms, move || painter.soon());
        *self.0.delayed.borrow_mut() = Some(timeout);
    }

    fn frame(&self) {
        self.0.scheduled.set(false);
        let begun_ms = browser::now().as_millis();
        let paint = self.0.paint.borrow().clone();
        if let Some(paint) = paint {
            paint();
        }
        // Rendering, layout and painting follow this call; the next task comes after them.
        let painter = self.0.clone();
        gloo_timers::callback::Timeout::new(0, move || {
            let now_ms = browser::now().as_millis();
            painter.done_ms.set(now_ms);
            painter.cost_ms.set(now_ms.saturating_sub(begun_ms));
        })
        .forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_where_the_page_is() {
        let cases = [
            (("http:", "127.0.0.1", "8083"), "ws://127.0.0.1:8083/mqtt"),
            (("https:", "example.org", ""), "wss://example.org/mqtt"),
            (("http:", "127.0.0.1", "8080"), "ws://127.0.0.1:8083/mqtt"),
            (("https:", "[::1]", "8084"), "wss://[::1]:8084/mqtt"),
        ];
        for ((protocol, host, port), expected) in cases {
            assert_eq!(default_broker(protocol, host, port), expected);
        }
    }
}
