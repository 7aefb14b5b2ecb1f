//! Several connections at once, as tabs of the page: each has a state of its own, one of them is looked at.
//!
//! What concerns all of them (time, theme, what the page's broker says of itself) reaches each state; what concerns the
//! page alone is a [`PageAction`] and done here; everything else goes to one state.

use super::desk::{Around, DeskMaker, DeskSlot, Sealed};
use super::place::Place;
use super::profiles::{Profile, Profiles};
use super::query::Pair;
use super::settings::Settings;
use super::subscriptions::Subscriptions;
use super::tape::{FileInfo, Session};
use super::{Action, AppState, Dialog, Effect, File, Location};
use crate::i18n::{Phrase, Text};
use std::collections::VecDeque;
use tabmq_shared::client::Event;

/// More connections than this nobody overlooks, and each keeps its own messages in memory.
pub const MAX_CONNECTIONS: usize = 16;

/// A connection of this page: valid as long as the page lives, never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u32);

/// What concerns the page as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum PageAction {
    /// Connect once more, beside the others, and look at that. Without subscriptions: the usual ones.
    Open(Box<Settings>, Option<Box<Subscriptions>>),
    /// Look at a recorded session, in a tab of its own.
    OpenSession(FileInfo),
    /// Replay a file into a connection: the first that is one.
    Replay(FileInfo),
    /// Look at another connection.
    Show(ConnectionId),
    /// Look at the connection so many places to the right, from the last one on at the first again.
    Step(isize),
    /// End a connection and forget it. The last one stays.
    Close(ConnectionId),
    /// These profiles are kept in the browser: at first, and whenever another tab has changed them.
    Profiles(Box<Profiles>),
    /// Keep this profile.
    SaveProfile(Box<Profile>),
    /// Do not keep the profile of this name any more.
    DeleteProfile(String),
    /// Take over the profiles of a file.
    ImportProfiles(Vec<Vec<Pair>>),
    /// Save all profiles as a file, without passwords.
    ExportProfiles,
    /// The desk's code is there.
    DeskReady(DeskMaker),
    /// Something for the desk.
    Desk(Sealed),
}

/// One connection and all that is known of it.
#[derive(Debug)]
struct Entry {
    id: ConnectionId,
    state: AppState,
}

/// The connections in the order of their tabs.
#[derive(Debug)]
pub struct Workspace {
    before: Vec<Entry>,
    active: Entry,
    after: VecDeque<Entry>,
    next: u32,
    profiles: Profiles,
    desk: DeskSlot,
}

impl Workspace {
    /// With one connection.
    pub fn new(id: ConnectionId, state: AppState) -> Self {
        Workspace {
            before: Vec::new(),
            active: Entry { id, state },
            after: VecDeque::new(),
            next: id.0.saturating_add(1),
            profiles: Profiles::default(),
            desk: DeskSlot::default(),
        }
    }

    /// Adds a connection behind the others, as the tab has kept it; the active one stays.
    pub fn push(&mut self, id: ConnectionId, state: AppState) {
        if self.len() < MAX_CONNECTIONS && self.get(id).is_none() {
            self.next = self.next.max(id.0.saturating_add(1));
            self.after.push_back(Entry { id, state });
        }
    }

    /// Looks at another connection, without anything being done outside: for the start.
    pub fn start_with(&mut self, id: ConnectionId) {
        self.activate(id);
    }

    /// What is kept in this browser for all tabs.
    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// What is known of the broker's inside.
    pub fn desk(&self) -> &DeskSlot {
        &self.desk
    }

    /// What the address bar says.
    pub fn location(&self) -> Location {
        let location = self.active.state.location();
        Location { spot: self.desk.spot(location.place), ..location }
    }

    /// Which connection is looked at.
    pub fn active_id(&self) -> ConnectionId {
        self.active.id
    }

    /// The state that is looked at.
    pub fn active(&self) -> &AppState {
        &self.active.state
    }

    /// The state of a connection.
    pub fn get(&self, id: ConnectionId) -> Option<&AppState> {
        self.iter().find(|(known, _)| *known == id).map(|(_, state)| state)
    }

    /// All of them, in the order of their tabs.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, &AppState)> {
        let entries = self.before.iter().chain(std::iter::once(&self.active)).chain(&self.after);
        entries.map(|entry| (entry.id, &entry.state))
    }

    /// How many there are: at least one.
    pub fn len(&self) -> usize {
        self.before.len() + 1 + self.after.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Brings what is derived up to date; to be called before painting.
    pub fn refresh(&mut self) {
        self.active.state.refresh();
    }

    /// Changes whom the action concerns and says what is to be done, and for which connection. Of a connection that is
    /// closed, nothing is heard any more.
    pub fn apply(&mut self, id: ConnectionId, action: Action) -> Vec<(ConnectionId, Effect)> {
        match action {
            Action::Page(action) => self.page(action),
            action if action.is_for_all() => {
                let is_tick = matches!(action, Action::Tick(..));
                // All but the one that is looked at get a copy: usually there is no other.
                let mut effects = Vec::new();
                for entry in self.before.iter_mut().chain(&mut self.after) {
                    effects.extend(with_id(entry.id, entry.state.apply(action.clone())));
                }
                let Entry { id, state } = &mut self.active;
                effects.extend(with_id(*id, state.apply(action)));
                if is_tick {
                    effects.extend(self.at_the_desk(DeskSlot::tick));
                }
                effects
            }
            Action::Located(location) => {
                self.desk.go(location.place, &location.spot);
                self.get_mut(id)
                    .map(|state| with_id(id, state.apply(Action::Located(location))).collect())
                    .unwrap_or_default()
            }
            action => {
                let is_elsewhere = matches!(
                    action,
                    Action::Place(_) | Action::Tab(_) | Action::Select(_) | Action::SelectMessage(_)
                );
                let effects = self.get_mut(id).map(|state| state.apply(action)).unwrap_or_default();
                let at_the_desk = is_elsewhere.then(|| self.at_the_desk(DeskSlot::tick));
                with_id(id, effects).chain(at_the_desk.into_iter().flatten()).collect()
            }
        }
    }

    /// What a connection's client reports, in order; says what is to be done, and for which connection.
    pub fn hear(&mut self, id: ConnectionId, events: &mut VecDeque<Event>) -> Vec<(ConnectionId, Effect)> {
        let effects = self.get_mut(id).map(|state| state.hear(events.drain(..))).unwrap_or_default();
        with_id(id, effects).collect()
    }

    fn page(&mut self, action: PageAction) -> Vec<(ConnectionId, Effect)> {
        match action {
            PageAction::Open(settings, subscriptions) => self.open(*settings, subscriptions),
            PageAction::OpenSession(file) => self.open_session(file),
            PageAction::Replay(file) => self.replay(file),
            PageAction::Show(id) => {
                self.activate(id);
                self.shown()
            }
            PageAction::Step(places) => {
                let ids: Vec<_> = self.iter().map(|(id, _)| id).collect();
                let places = places.rem_euclid(ids.len().try_into().unwrap_or(1));
                let target = (self.before.len() + places.unsigned_abs()) % ids.len();
                if let Some(id) = ids.get(target) {
                    self.activate(*id);
                }
                self.shown()
            }
            PageAction::Close(id) => self.close(id),
            PageAction::Profiles(profiles) => {
                self.profiles = *profiles;
                Vec::new()
            }
            PageAction::SaveProfile(profile) => match self.profiles.put(*profile) {
                true => self.with_active(Effect::KeepProfiles),
                false => {
                    self.active.state.say(Text::TooManyProfiles);
                    Vec::new()
                }
            },
            PageAction::DeleteProfile(name) => {
                if let Some(profile) = self.profiles.remove(&name) {
                    let undo = Action::Page(PageAction::SaveProfile(Box::new(profile)));
                    self.active
                        .state
                        .say_with_undo(Phrase::from(Text::ProfileDeleted).with("name", name), undo);
                }
                self.with_active(Effect::KeepProfiles)
            }
            PageAction::ImportProfiles(file) => {
                let words = match self.profiles.import(&file) {
                    0 => Phrase::from(Text::NothingImported),
                    n => Phrase::from(Text::ProfilesImported).with("n", n.to_string()),
                };
                self.active.state.say(words);
                self.with_active(Effect::KeepProfiles)
            }
            PageAction::DeskReady(maker) => {
                self.desk.make(maker);
                self.at_the_desk(DeskSlot::tick)
            }
            PageAction::Desk(step) => self.at_the_desk(|desk, around| desk.apply(&step, around)),
            PageAction::ExportProfiles => {
                let bytes = self.profiles.to_json(false).into();
                let name = "tabmq-profiles.json".to_owned();
                self.with_active(Effect::Save(File { name, media_type: "application/json", bytes }))
            }
        }
    }

    /// What is done at the desk, for the connection that is looked at.
    fn at_the_desk(
        &mut self,
        act: impl FnOnce(&mut DeskSlot, &Around<'_>) -> Vec<Effect>,
    ) -> Vec<(ConnectionId, Effect)> {
        let state = &self.active.state;
        let settings = &state.settings;
        let login = (settings.broker.is_empty() && !settings.username.is_empty())
            .then_some((settings.username.as_str(), settings.password.as_str()));
        let around = Around {
            place: state.place(),
            clock: state.clock,
            is_gateway: state.broker.as_ref().is_some_and(|broker| broker.upstream.is_some()),
            login,
            topic: state.talked_about().filter(|_| state.places().contains(&Place::Clients)),
            lang: state.ui.look.lang,
        };
        with_id(self.active.id, act(&mut self.desk, &around)).collect()
    }

    fn with_active(&self, effect: Effect) -> Vec<(ConnectionId, Effect)> {
        vec![(self.active.id, effect)]
    }

    fn open(
        &mut self,
        settings: Settings,
        subscriptions: Option<Box<Subscriptions>>,
    ) -> Vec<(ConnectionId, Effect)> {
        self.active.state.ui.dialog = None;
        if self.is_full() {
            return Vec::new();
        }
        let id = ConnectionId(self.next);
        let own_broker = self.active.state.broker.as_ref().is_some_and(|broker| broker.upstream.is_none());
        let usual = || Subscriptions::first_visit(own_broker && settings.broker.is_empty());
        let subscriptions = subscriptions.map_or_else(usual, |subscriptions| *subscriptions);
        let state = self.active.state.beside(settings, subscriptions);
        self.push(id, state);
        self.activate(id);
        let mut effects = self.shown();
        effects.extend(with_id(id, vec![Effect::KeepSettings, Effect::KeepSubscriptions, Effect::Start]));
        effects
    }

    /// Whether there is no room for one more; says so.
    fn is_full(&mut self) -> bool {
        let is_full = self.len() >= MAX_CONNECTIONS;
        if is_full {
            self.active
                .state
                .say(Phrase::from(Text::TooManyConnections).with("n", MAX_CONNECTIONS.to_string()));
        }
        is_full
    }

    fn open_session(&mut self, file: FileInfo) -> Vec<(ConnectionId, Effect)> {
        self.active.state.ui.dialog = None;
        if self.is_full() {
            return Vec::new();
        }
        let id = ConnectionId(self.next);
        let settings = self.active.state.settings.clone();
        let mut state = self.active.state.beside(settings, Subscriptions::default());
        let read = Effect::ReadFile { file: file.id, from: 0 };
        state.tape.session = Some(Box::new(Session::new(file)));
        self.push(id, state);
        self.activate(id);
        self.shown().into_iter().chain([(id, read)]).collect()
    }

    fn replay(&mut self, file: FileInfo) -> Vec<(ConnectionId, Effect)> {
        let connection = self.iter().find(|(_, state)| !state.is_session()).map(|(id, _)| id);
        match connection {
            Some(id) => {
                self.activate(id);
                self.active.state.tape.file = Some(file);
                self.active.state.ui.dialog = Some(Dialog::Recording);
            }
            None => self.active.state.ui.dialog = Some(Dialog::NewConnection),
        }
        self.shown()
    }

    fn close(&mut self, id: ConnectionId) -> Vec<(ConnectionId, Effect)> {
        if self.len() < 2 {
            return Vec::new();
        }
        if self.active.id == id {
            // The neighbour takes its place: the right one, if there is one.
            let _ = self.step_right() || self.step_left();
        }
        self.before.retain(|entry| entry.id != id);
        self.after.retain(|entry| entry.id != id);
        let mut effects = self.shown();
        effects.push((id, Effect::Forget));
        effects
    }

    /// What is to be done after another connection came into view.
    fn shown(&self) -> Vec<(ConnectionId, Effect)> {
        let effects = vec![Effect::KeepConnections, Effect::LocateBroker, Effect::Locate];
        with_id(self.active.id, effects).collect()
    }

    fn activate(&mut self, id: ConnectionId) {
        while self.before.iter().any(|entry| entry.id == id) && self.step_left() {}
        while self.after.iter().any(|entry| entry.id == id) && self.step_right() {}
    }

    fn step_left(&mut self) -> bool {
        let Some(next) = self.before.pop() else { return false };
        self.after.push_front(std::mem::replace(&mut self.active, next));
        true
    }

    fn step_right(&mut self) -> bool {
        let Some(next) = self.after.pop_front() else { return false };
        self.before.push(std::mem::replace(&mut self.active, next));
        true
    }

    fn states_mut(&mut self) -> impl Iterator<Item = (ConnectionId, &mut AppState)> {
        let Workspace { before, active, after, .. } = self;
        let entries = before.iter_mut().chain(std::iter::once(active)).chain(after);
        entries.map(|entry| (entry.id, &mut entry.state))
    }

    fn get_mut(&mut self, id: ConnectionId) -> Option<&mut AppState> {
        self.states_mut().find(|(known, _)| *known == id).map(|(_, state)| state)
    }
}

fn with_id(id: ConnectionId, effects: Vec<Effect>) -> impl Iterator<Item = (ConnectionId, Effect)> {
    effects.into_iter().map(move |effect| (id, effect))
}

#[cfg(test)]
mod tests {
    use super::super::{Clock, Look, Theme};
    use super::*;
    use tabmq_shared::Time;

    fn state(client_id: &str) -> AppState {
        AppState::new(Settings::new(client_id.into()), Subscriptions::default(), Look::default())
    }

    fn workspace(n: u32) -> Workspace {
        let mut workspace = Workspace::new(ConnectionId(0), state("c0"));
        for i in 1..n {
            workspace.push(ConnectionId(i), state(&format!("c{i}")));
        }
        workspace
    }

    fn page(workspace: &mut Workspace, action: PageAction) -> Vec<(ConnectionId, Effect)> {
        workspace.apply(workspace.active_id(), Action::Page(action))
    }

    fn ids(workspace: &Workspace) -> (Vec<u32>, u32) {
        (workspace.iter().map(|(id, _)| id.0).collect(), workspace.active_id().0)
    }

    #[test]
    fn switching_keeps_the_order() {
        let mut workspace = workspace(4);
        for (action, expected) in [
            (PageAction::Show(ConnectionId(2)), 2),
            (PageAction::Show(ConnectionId(9)), 2),
            (PageAction::Step(1), 3),
            (PageAction::Step(1), 0),
            (PageAction::Step(-1), 3),
            (PageAction::Step(-7), 0),
            (PageAction::Show(ConnectionId(1)), 1),
        ] {
            let effects = page(&mut workspace, action.clone());
            assert_eq!(ids(&workspace), (vec![0, 1, 2, 3], expected), "{action:?}");
            assert!(effects.contains(&(ConnectionId(expected), Effect::LocateBroker)), "{action:?}");
        }
    }

    #[test]
    fn an_action_reaches_its_connection_even_from_behind() {
        let mut workspace = workspace(2);
        workspace.apply(ConnectionId(1), Action::ListText("x".into()));
        assert_eq!(workspace.active().ui.list_filter.text, "");
        assert_eq!(workspace.get(ConnectionId(1)).unwrap().ui.list_filter.text, "x");
        assert_eq!(workspace.apply(ConnectionId(7), Action::ListText("x".into())), []);
    }

    #[test]
    fn time_and_looks_are_the_same_for_all() {
        let mut workspace = workspace(2);
        let clock = Clock { unix_ms: 5000, offset_min: 0 };
        workspace.apply(ConnectionId(0), Action::Tick(clock, Time::from_millis(5000)));
        workspace.apply(ConnectionId(0), Action::Look(Look { theme: Theme::Dark, ..Look::default() }));
        for (_, state) in workspace.iter() {
            assert_eq!((state.clock, state.ui.look.theme), (clock, Theme::Dark));
        }
    }

    #[test]
    fn opening_and_closing() {
        let mut workspace = workspace(2);
        workspace.apply(ConnectionId(0), Action::Look(Look { theme: Theme::Dark, ..Look::default() }));
        let effects = page(&mut workspace, PageAction::Open(Box::new(Settings::new("new".into())), None));
        assert_eq!(ids(&workspace), (vec![0, 1, 2], 2));
        assert!(effects.contains(&(ConnectionId(2), Effect::Start)));
        assert_eq!(workspace.active().ui.look.theme, Theme::Dark, "looks are taken along");

        let effects = page(&mut workspace, PageAction::Close(ConnectionId(2)));
        assert_eq!(ids(&workspace), (vec![0, 1], 1));
        assert!(effects.contains(&(ConnectionId(2), Effect::Forget)));
        page(&mut workspace, PageAction::Close(ConnectionId(0)));
        assert_eq!(page(&mut workspace, PageAction::Close(ConnectionId(1))), [], "the last one stays");
        assert_eq!(ids(&workspace), (vec![1], 1));

        page(&mut workspace, PageAction::Open(Box::new(Settings::new("again".into())), None));
        assert_eq!(ids(&workspace), (vec![1, 3], 3), "a number is not used twice");
    }

    #[test]
    fn profiles_are_kept_deleted_and_brought_back() {
        let mut workspace = workspace(1);
        let mut settings = Settings::new("tab-x".into());
        settings.name = "home".into();
        let profile = Profile::new(settings, &Subscriptions::first_visit(false), false);
        let save = PageAction::SaveProfile(Box::new(profile.clone()));
        assert_eq!(page(&mut workspace, save.clone()), [(ConnectionId(0), Effect::KeepProfiles)]);
        page(&mut workspace, PageAction::DeleteProfile("home".into()));
        assert_eq!(workspace.profiles().rows(), []);
        let toast = workspace.active().ui.toasts.rows()[0].clone();
        assert_eq!(toast.undo.as_deref(), Some(&Action::Page(save.clone())));
        page(&mut workspace, save);
        let effects = page(&mut workspace, PageAction::ExportProfiles);
        let [(_, Effect::Save(file))] = &effects[..] else { panic!("no file: {effects:?}") };
        let text = str::from_utf8(&file.bytes).unwrap();
        assert!(text.contains(r#""name": "home""#), "{text}");
        page(&mut workspace, PageAction::ImportProfiles(vec![]));
        let said = workspace.active().ui.toasts.rows().last().unwrap().words.text;
        assert_eq!(said, Text::NothingImported);
    }

    #[test]
    fn bounded() {
        let mut workspace = workspace(40);
        assert_eq!(workspace.len(), MAX_CONNECTIONS);
        let effects =
            page(&mut workspace, PageAction::Open(Box::new(Settings::new("one too many".into())), None));
        assert_eq!((effects, workspace.len()), (vec![], MAX_CONNECTIONS));
        let said = workspace.active().ui.toasts.rows().last().map(|toast| toast.words.text);
        assert_eq!(said, Some(Text::TooManyConnections));
    }
}
