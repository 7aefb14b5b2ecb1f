//! What holds the page together: the connections' states, their clients, and the painter that shows the one and lets
//! it be changed by the other.
//!
//! ```text
//!  components --Action--> workspace.apply --Effect--> clients, browser
//!       ^                 workspace.hear                   |
//!       |                        |                         |
//!       '------ once a frame ----'<---- Action, Event -----'
//! ```

mod clockwork;
mod kept;
mod look;
mod method;
mod outside;

use crate::browser;
use crate::files::Files;
use crate::keeping;
use crate::lazy::Views;
use crate::part::Part;
use crate::state::query;
use crate::state::subscriptions::Row;
use crate::state::tape::TapeAction;
use crate::state::{Action, AppState, ConnectionId, Dialog, Effect, Location, PageAction, View, Workspace};
use clockwork::{Alarm, Painter};
use kept::{CONNECTIONS, LAYOUT, LIMITS, LOOK, PROFILES, RELEASED, SCHEMA, SETTINGS, SHAPES, SUBSCRIPTIONS};
use look::{location, show_look};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tabmq_shared::Time;
use tabmq_shared::client::{Authentication, State};
use tabmq_web_client::client::{Client, Report};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// How long a broker may be silent after the tab has come back, before the connection is taken for dead.
const WAKE_PATIENCE: Duration = Duration::from_secs(3);

/// While the tab is visible, the broker is asked this often, in ticks of a second; that is the round-trip time.
const PROBE_TICKS: u32 = 10;
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// The running page.
pub struct App {
    workspace: Rc<RefCell<Workspace>>,
    clients: RefCell<Vec<(ConnectionId, Client)>>,
    /// Connections that begin when what their method of authentication needs is there.
    awaits_method: RefCell<Vec<ConnectionId>>,
    painter: Painter,
    revision: Cell<u64>,
    ticks: Cell<u32>,
    alarm: Alarm,
    /// When the address bar was last brought to another place.
    stepped: Cell<Time>,
    files: Files,
    stage: Cell<Stage>,
}

/// How far the page has come. `cargo xtask` leaves in the page's first module what the first paint runs, and the rest
/// is fetched after it; so whatever can wait is begun when the page is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is seen yet.
    Starting,
    /// There is something to see: the rest is on its way.
    Shown,
    /// Everything is there.
    Whole,
}

impl App {
    /// Reads what was kept, connects, and begins to watch the clock.
    pub fn start() -> Rc<App> {
        let app = Rc::new(App {
            workspace: Rc::new(RefCell::new(kept::workspace())),
            clients: RefCell::default(),
            awaits_method: RefCell::default(),
            painter: Painter::default(),
            revision: Cell::new(0),
            ticks: Cell::new(0),
            alarm: Alarm::default(),
            stepped: Cell::new(Time::ZERO),
            files: Files::default(),
            stage: Cell::new(Stage::Starting),
        });
        let active = app.workspace.borrow().active_id();
        app.act(active, app.time());
        show_look(app.workspace.borrow().active().ui.look);
        for id in app.ids() {
            app.run(id, Effect::Start);
        }
        let ticking = app.clone();
        gloo_timers::callback::Interval::new(1000, move || ticking.tick()).forget();
        if cfg!(feature = "split") {
            let app = app.clone();
            browser::listen(&browser::window(), "tabmq-whole", move || app.become_whole());
        } else {
            app.become_whole();
        }
        app
    }

    fn ids(&self) -> Vec<ConnectionId> {
        self.workspace.borrow().iter().map(|(id, _)| id).collect()
    }

    /// The rest of the page is there: what could wait until then.
    fn become_whole(self: &Rc<Self>) {
        self.stage.set(Stage::Whole);
        let located = Action::Located(location());
        let active = self.workspace.borrow().active_id();
        for action in kept::for_all() {
            self.act(active, action);
        }
        self.act_now(active, located);
        self.run(active, Effect::KeepConnections);
        self.run(active, Effect::ShowLook);
        self.run(active, Effect::LocateBroker);
        browser::set_fragment(&self.workspace.borrow().location().write(), false);
        for id in self.ids() {
            self.run(id, Effect::KeepSettings);
        }
        self.watch();
        browser::keep_page();
        self.painter.soon();
    }

    /// Asks for the rest as soon as there is something to see: messages, or why there are none.
    fn painted(&self) {
        if self.stage.get() != Stage::Starting {
            return;
        }
        let is_shown = {
            let workspace = self.workspace.borrow();
            let state = workspace.active();
            let is_opening =
                matches!(state.connection.state, State::Opening { .. } | State::Connecting { .. });
            match state.connection.state.is_connected() {
                true => state.counters.received > 0 || self.ticks.get() > 0,
                false => !is_opening || self.ticks.get() > 0,
            }
        };
        if is_shown {
            self.stage.set(Stage::Shown);
            browser::say("tabmq-shown");
        }
    }

    /// What is looked at: equal to the last view as long as nothing has changed.
    pub fn view(&self) -> View {
        self.workspace.borrow_mut().refresh();
        View::new(self.workspace.clone(), self.revision.get(), self.stage.get() == Stage::Whole)
    }

    /// Calls `paint` in a frame of its own whenever something has changed.
    pub fn on_paint(self: &Rc<Self>, paint: impl Fn() + 'static) {
        let app = Rc::downgrade(self);
        let paint = move || {
            paint();
            if let Some(app) = app.upgrade() {
                app.painted();
            }
        };
        *self.painter.0.paint.borrow_mut() = Some(Rc::new(paint));
        self.painter.soon();
    }

    /// Something was done by whoever looks at this connection: shown in the next frame.
    pub fn dispatch(self: &Rc<Self>, id: ConnectionId, action: Action) {
        self.act_now(id, action);
        self.painter.soon();
    }

    /// The same, to the connection that is looked at now.
    fn dispatch_to_active(self: &Rc<Self>, action: Action) {
        let id = self.workspace.borrow().active_id();
        self.dispatch(id, action);
    }

    fn time(&self) -> Action {
        Action::Tick(browser::clock(), browser::now())
    }

    /// The same as [`act`](Self::act), after the state has been told what time it is.
    fn act_now(self: &Rc<Self>, id: ConnectionId, action: Action) {
        self.act(id, self.time());
        self.act(id, action);
    }

    fn act(self: &Rc<Self>, id: ConnectionId, action: Action) {
        let effects = self.workspace.borrow_mut().apply(id, action);
        self.done(effects);
    }

    /// The state has changed: what is to be done now.
    fn done(self: &Rc<Self>, effects: Vec<(ConnectionId, Effect)>) {
        self.revision.set(self.revision.get() + 1);
        for (id, effect) in effects {
            self.run(id, effect);
        }
        self.set_alarm();
    }

    /// Tells the time when a state wants to hear it, sooner than the next second.
    fn set_alarm(self: &Rc<Self>) {
        let due_ms = self.workspace.borrow().iter().filter_map(|(_, state)| state.due_ms()).min();
        let app = self.clone();
        self.alarm.set(due_ms, move || {
            app.alarm.rung();
            let active = app.workspace.borrow().active_id();
            app.act(active, app.time());
            app.painter.in_time();
        });
    }

    fn reported(self: &Rc<Self>, id: ConnectionId, report: Report<'_>) {
        self.act(id, self.time());
        if let Some(state) = report.state {
            self.act(id, Action::Connection { state, url: self.broker_url(id) });
        }
        let round_trip = report.round_trip.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.act(id, Action::RoundTrip(round_trip));
        let effects = self.workspace.borrow_mut().hear(id, report.events);
        self.done(effects);
        match report.is_flood {
            true => self.painter.in_passing(),
            false => self.painter.in_time(),
        }
    }

    fn run(self: &Rc<Self>, id: ConnectionId, effect: Effect) {
        match effect {
            Effect::Start => self.connect(id),
            Effect::Locate => self.locate(),
            other => self.run_rare(id, other),
        }
    }

    /// What has no part in the first paint.
    #[inline(never)]
    fn run_rare(self: &Rc<Self>, id: ConnectionId, effect: Effect) {
        match effect {
            Effect::Act(action) => self.act(id, *action),
            Effect::Send(message) => {
                if let Some(client) = self.client(id) {
                    let accepted = client.publish(message.clone());
                    self.act(id, Action::Sent(Box::new(message), accepted.clone()));
                    self.act(id, Action::Accepted(accepted));
                    client.drive();
                }
            }
            Effect::Publish(message) => {
                if let Some(client) = self.client(id) {
                    let _ = client.publish(message);
                    client.drive();
                }
            }
            Effect::Subscribe(filter) => {
                let row = |state: &AppState| {
                    let row = state.subscriptions.rows.iter().find(|row| row.filter == filter);
                    row.map(Row::subscription)
                };
                if let (Some(client), Some(subscription)) = (self.client(id), self.read(id, row).flatten()) {
                    client.subscribe(vec![subscription]);
                }
            }
            Effect::Unsubscribe(filter) => self.with_client(id, |client| client.unsubscribe(filter)),
            Effect::Start | Effect::Locate => {}
            Effect::RetryNow => self.with_client(id, Client::retry_now),
            Effect::Stop => {
                self.awaits_no_method(id);
                self.with_client(id, Client::stop);
            }
            Effect::KeepProfiles => {
                let profiles = self.workspace.borrow().profiles().write();
                self.kept(id, browser::keep(browser::shared_storage(), PROFILES, &profiles));
            }
            Effect::Probe => self.with_client(id, |client| client.probe(WAKE_PATIENCE)),
            Effect::KeepConnections => {
                browser::keep(
                    browser::tab_storage(),
                    CONNECTIONS,
                    &kept::write_connections(&self.workspace.borrow()),
                );
            }
            Effect::Forget => self.forget(id),
            Effect::KeepSettings => self.keep(id, SETTINGS, |state| state.settings.write()),
            Effect::KeepSubscriptions => self.keep(id, SUBSCRIPTIONS, |state| state.subscriptions.write()),
            Effect::KeepLayout => self.keep(id, LAYOUT, |state| state.topics.layout().write()),
            Effect::KeepLimits => {
                let limits = self.workspace.borrow().active().history.limits();
                browser::keep(browser::shared_storage(), LIMITS, &limits.write());
            }
            Effect::Focus(name) => {
                // In the next frame: it may be on a part of the page that is not shown yet.
                let focus = Closure::once_into_js(move || browser::focus(name));
                self.painter.soon();
                let _ = browser::window().request_animation_frame(focus.unchecked_ref());
            }
            Effect::ShowLook => {
                let look = self.workspace.borrow().active().ui.look;
                browser::keep(browser::shared_storage(), LOOK, &look.write());
                show_look(look);
            }
            Effect::KeepShapes => self.keep_for_all(id, SHAPES, |state| state.shapes.write()),
            Effect::KeepSchema => self.keep_for_all(id, SCHEMA, |state| {
                query::encode(state.schema.iter().map(|file| (file.name.as_str(), file.text.as_str())))
            }),
            Effect::Save(file) => browser::save(&file),
            Effect::Copy(text) => self.copy(id, text),
            Effect::CopyLink => self.copy(id, browser::address()),
            Effect::KeepShelf => drop(self.keep_shelf(id)),
            Effect::KeepTemplates => {
                let is_kept = self.keep_shelf(id);
                self.kept(id, is_kept);
            }
            Effect::OpenFile(name) => {
                let report = self.reporter(id);
                self.files.open(id, name, report);
            }
            Effect::WriteFile(text) => self.files.write(id, &text, self.reporter(id)),
            Effect::CloseFile => self.files.close(id, self.reporter(id)),
            Effect::ReadFile { file, from } => self.files.read(file, from, self.reporter(id)),
            Effect::OpenSession(file) => self.act(id, Action::Page(PageAction::OpenSession(file))),
            Effect::Play(message) => {
                if let Some(client) = self.client(id) {
                    let accepted = client.publish(message);
                    self.act(id, Action::Tape(TapeAction::Played(accepted)));
                    client.drive();
                }
            }
            Effect::LocateBroker => browser::set_query(&self.query()),
            Effect::OpenTab => browser::open_tab(&self.query()),
            Effect::Desk(order) => {
                if let Some(views) = Views::loaded() {
                    (views.run)(&order, self.desk());
                }
            }
        }
    }

    /// For what the broker answers to the desk's questions, or the browser in its place.
    fn desk(self: &Rc<Self>) -> Rc<dyn Fn(Action)> {
        let app = self.clone();
        Rc::new(move |action| {
            let active = app.workspace.borrow().active_id();
            app.act_now(active, action);
            app.painter.in_time();
        })
    }

    /// For what the browser does in its own time with a connection's files.
    fn reporter(self: &Rc<Self>, id: ConnectionId) -> impl Fn(TapeAction) + Clone + 'static {
        let app = self.clone();
        move |action| {
            app.act_now(id, Action::Tape(action));
            app.painter.in_time();
        }
    }

    /// A file was chosen, or dropped on the page.
    pub fn chosen(self: &Rc<Self>, id: ConnectionId, file: web_sys::File) {
        let info = self.files.choose(file);
        self.dispatch(id, Action::Dialog(Some(Dialog::Recording)));
        self.dispatch(id, Action::Tape(TapeAction::Chosen(info)));
    }

    /// The query for an address that others can use.
    fn query(&self) -> String {
        self.workspace.borrow().active().settings.query(&query::decode(&browser::query()))
    }

    fn read<T>(&self, id: ConnectionId, read: impl FnOnce(&AppState) -> T) -> Option<T> {
        self.workspace.borrow().get(id).map(read)
    }

    fn keep(&self, id: ConnectionId, name: &str, write: impl FnOnce(&AppState) -> String) {
        if let Some(text) = self.read(id, write) {
            browser::keep(browser::tab_storage(), &kept::numbered(name, id), &text);
        }
    }

    fn keep_for_all(&self, id: ConnectionId, name: &str, write: impl FnOnce(&AppState) -> String) {
        if let Some(text) = self.read(id, write) {
            browser::keep(browser::shared_storage(), name, &text);
        }
    }

    fn client(&self, id: ConnectionId) -> Option<Client> {
        let clients = self.clients.borrow();
        clients.iter().find(|(known, _)| *known == id).map(|(_, client)| client.clone())
    }

    fn with_client(&self, id: ConnectionId, act: impl FnOnce(&Client)) {
        if let Some(client) = self.client(id) {
            act(&client);
        }
    }

    fn connect(self: &Rc<Self>, id: ConnectionId) {
        if !self.awaits_method.borrow().is_empty() {
            self.awaits_no_method(id);
        }
        match self.read(id, |state| state.settings.uses_scram()) {
            Some(true) => self.connect_by_scram(id),
            _ => self.connect_by(id, None),
        }
    }

    fn connect_by(self: &Rc<Self>, id: ConnectionId, method: Option<Box<dyn Authentication>>) {
        let parts = self.read(id, |state| (state.settings.options(), state.subscriptions.wanted()));
        let Some((options, subscriptions)) = parts else { return };
        let client = self.client(id).unwrap_or_else(|| {
            let weak = Rc::downgrade(self);
            let client = Client::new(browser::now, move |report| {
                if let Some(app) = weak.upgrade() {
                    app.reported(id, report);
                }
            });
            self.clients.borrow_mut().push((id, client.clone()));
            client
        });
        client.start_by(method, self.broker_url(id), options, subscriptions, browser::random());
    }

    /// Says good-bye to a connection's broker and removes what was kept of it.
    fn forget(&self, id: ConnectionId) {
        self.with_client(id, Client::stop);
        self.clients.borrow_mut().retain(|(known, _)| *known != id);
        for name in [SETTINGS, SUBSCRIPTIONS, LAYOUT] {
            browser::take(browser::tab_storage(), &kept::numbered(name, id));
        }
    }

    /// The broker's address: the one that was asked for, or the one that the page comes from.
    fn broker_url(&self, id: ConnectionId) -> String {
        match self.read(id, |state| state.settings.broker.clone()) {
            Some(url) if !url.is_empty() => url,
            _ => {
                let (protocol, host, port) = browser::origin();
                default_broker(&protocol, &host, &port, cfg!(feature = "split"))
            }
        }
    }

    fn watch(self: &Rc<Self>) {
        let window = browser::window();
        let app = self.clone();
        browser::listen(&window, "online", move || app.dispatch_to_active(Action::Wake));
        let app = self.clone();
        browser::listen(&browser::document(), "visibilitychange", move || {
            if browser::is_visible() {
                app.dispatch_to_active(Action::Wake);
            }
        });
        let app = self.clone();
        browser::listen(&window, "hashchange", move || {
            app.dispatch_to_active(Action::Located(Location::read(&browser::fragment())));
        });
        let app = self.clone();
        browser::listen(&window, "storage", move || app.dispatch_to_active(kept::profiles()));
        browser::listen(&window, "pagehide", || {
            browser::keep(browser::tab_storage(), RELEASED, "1");
        });
        // A page that was frozen and comes back has this tab's storage again.
        browser::listen(&window, "pageshow", || {
            browser::take(browser::tab_storage(), RELEASED);
        });
        if let Ok(Some(dark)) = window.match_media("(prefers-color-scheme: dark)") {
            let app = self.clone();
            browser::listen(&dark, "change", move || show_look(app.workspace.borrow().active().ui.look));
        }
        self.watch_drops(&window);
        let app = self.clone();
        browser::listen(&window, "storage", move || {
            app.dispatch_to_active(Action::Shelf(Rc::new(keeping::read_shelf())));
        });
        let app = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            if let Some(info) = browser::broker_info(None).await {
                app.dispatch_to_active(Action::Broker(info));
            }
        });
    }

    /// A recording that is dropped on the page is opened; no file that is dropped beside what takes it may replace the
    /// page.
    fn watch_drops(self: &Rc<Self>, window: &web_sys::Window) {
        browser::listen_to(window, "dragover", |event: web_sys::DragEvent| event.prevent_default());
        let app = self.clone();
        browser::listen_to(window, "drop", move |event: web_sys::DragEvent| {
            if event.default_prevented() {
                return;
            }
            event.prevent_default();
            let file = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0));
            let is_recording = |file: &web_sys::File| is_recording(&file.name());
            if let Some(file) = file.filter(is_recording) {
                let id = app.workspace.borrow().active_id();
                app.chosen(id, file);
            }
        });
    }

    fn tick(self: &Rc<Self>) {
        let active = self.workspace.borrow().active_id();
        self.act(active, self.time());
        self.painter.in_time();
        self.ticks.set(self.ticks.get().wrapping_add(1));
        if !self.ticks.get().is_multiple_of(PROBE_TICKS) || !browser::is_visible() {
            return;
        }
        let clients = self.clients.borrow().clone();
        for (id, client) in clients {
            if self.read(id, |state| state.connection.state.is_connected()) == Some(true) {
                client.probe(PROBE_PATIENCE);
            }
        }
    }
}

/// Where the broker is, from where the page is.
///
/// `trunk serve` has the page on its own port, and its proxy drops the subprotocol: the broker is at its usual port then.
/// A page `of_broker` is one that trunk cannot have made.
fn default_broker(protocol: &str, host: &str, port: &str, of_broker: bool) -> String {
    const TRUNK_PORT: &str = "8080";
    const BROKER_PORT: &str = "8083";
    let scheme = if protocol == "https:" { "wss" } else { "ws" };
    match port {
        "" => format!("{scheme}://{host}/mqtt"),
        TRUNK_PORT if !of_broker => format!("{scheme}://{host}:{BROKER_PORT}/mqtt"),
        port => format!("{scheme}://{host}:{port}/mqtt"),
    }
}

fn is_recording(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    matches!(extension.as_str(), "jsonl" | "ndjson" | "csv")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_where_the_page_is() {
        let cases = [
            (("http:", "127.0.0.1", "8083"), "ws://127.0.0.1:8083/mqtt"),
            (("https:", "example.org", ""), "wss://example.org/mqtt"),
            (("http:", "127.0.0.1", "8080"), "ws://127.0.0.1:8080/mqtt"),
            (("https:", "[::1]", "8084"), "wss://[::1]:8084/mqtt"),
        ];
        for ((protocol, host, port), expected) in cases {
            assert_eq!(default_broker(protocol, host, port, true), expected);
        }
        assert_eq!(default_broker("http:", "127.0.0.1", "8080", false), "ws://127.0.0.1:8083/mqtt");
    }
}
