//! What the browser keeps from one visit to the next, and what the page makes of it when it starts.

use super::look::look;
use super::new_client_id;
use crate::browser;
use crate::keeping;
use crate::state::history::Limits;
use crate::state::layout::Layout;
use crate::state::profiles::Profiles;
use crate::state::query;
use crate::state::settings::{AuthKind, Settings};
use crate::state::shapes::Shapes;
use crate::state::subscriptions::Subscriptions;
use crate::state::{Action, AppState, ConnectionId, PageAction, Workspace};
use std::rc::Rc;
use tabmq_decoders::protobuf::SourceFile;

/// Names in the tab's storage; behind the first three stands the connection's number.
pub(super) const SETTINGS: &str = "tabmq.settings";
pub(super) const SUBSCRIPTIONS: &str = "tabmq.subscriptions";
pub(super) const LAYOUT: &str = "tabmq.layout";
/// The connections' numbers in the order of their tabs, and the one that is looked at.
pub(super) const CONNECTIONS: &str = "tabmq.connections";
/// There while no page has this tab's storage: see [`connections`].
pub(super) const RELEASED: &str = "tabmq.released";
/// Names in the storage of all tabs.
pub(super) const LOOK: &str = "tabmq.look";
pub(super) const LIMITS: &str = "tabmq.limits";
/// How payloads are looked at, by topic.
pub(super) const SHAPES: &str = "tabmq.shapes";
/// Schemas of Protobuf.
pub(super) const SCHEMA: &str = "tabmq.schema";
pub(super) const PROFILES: &str = "tabmq.profiles";

/// The connections that the tab has kept, or the first one, with what the address bar says on top of the one that is
/// looked at.
///
/// A browser copies a tab's storage when the tab is duplicated, and two clients with one id would throw each other out
/// for ever. So a page takes the client ids only if the page before it has let go of them: the note `RELEASED` is
/// written when a page goes away and taken by the next one. A copy made while the page lives has no such note.
pub(super) fn workspace() -> Workspace {
    let storage = browser::tab_storage();
    let released = browser::take(storage.clone(), RELEASED).is_some();
    let kept = browser::read(storage, CONNECTIONS).unwrap_or_default();
    let (ids, active) = read_connections(&kept);
    let mut states = ids.into_iter().map(|id| (id, state(id, released, id == active)));
    let (first, state) = states.next().unwrap_or_else(|| (active, state(active, released, true)));
    let mut workspace = Workspace::new(first, state);
    for (id, state) in states {
        workspace.push(id, state);
    }
    workspace.start_with(active);
    workspace
}

/// What is not needed at first.
pub(super) fn for_all() -> [Action; 4] {
    let shared = |name| browser::read(browser::shared_storage(), name).unwrap_or_default();
    let files = query::decode(&shared(SCHEMA)).into_iter();
    let schema = files.map(|(name, text)| SourceFile { name, text }).collect();
    [
        profiles(),
        Action::Shelf(Rc::new(keeping::read_shelf())),
        Action::Schema(schema),
        Action::Shapes(Rc::new(Shapes::read(&shared(SHAPES)))),
    ]
}

/// The profiles, as the browser keeps them for all tabs.
pub(super) fn profiles() -> Action {
    let kept = browser::read(browser::shared_storage(), PROFILES).unwrap_or_default();
    Action::Page(PageAction::Profiles(Box::new(Profiles::read(&kept))))
}

/// One connection, as the tab has kept it.
fn state(id: ConnectionId, released: bool, is_active: bool) -> AppState {
    let kept = |name| browser::read(browser::tab_storage(), &numbered(name, id));
    let new_id = new_client_id();
    let mut settings = Settings::new(new_id.clone());
    if let Some(kept) = kept(SETTINGS) {
        settings.read(&query::decode(&kept));
        if !released {
            settings.client_id = new_id;
        }
    }
    if is_active {
        settings.read(&query::decode(&browser::query()));
    }
    // A password is kept by a profile, if at all.
    let has_secrets = !settings.username.is_empty() || settings.v5.auth.kind == AuthKind::Other;
    if has_secrets
        && let Action::Page(PageAction::Profiles(profiles)) = profiles()
        && let Some(profile) = profiles.get(&settings.name)
        && profile.settings.username == settings.username
    {
        settings.password.clone_from(&profile.settings.password);
        settings.v5.auth.data.clone_from(&profile.settings.v5.auth.data);
    }
    let subscriptions = match kept(SUBSCRIPTIONS) {
        Some(kept) => Subscriptions::read(&kept),
        None if settings.broker.is_empty() => Subscriptions::first_visit_of_the_page(),
        None => Subscriptions::first_visit(false),
    };
    let layout = Layout::read(&kept(LAYOUT).unwrap_or_default());
    let limits = browser::read(browser::shared_storage(), LIMITS).unwrap_or_default();
    AppState::new(settings, subscriptions, look()).with(layout, Limits::read(&limits))
}

pub(super) fn numbered(name: &str, id: ConnectionId) -> String {
    format!("{name}.{}", id.0)
}

/// From what [`write_connections`] wrote: the connections, and the one that is looked at.
fn read_connections(text: &str) -> (Vec<ConnectionId>, ConnectionId) {
    let pairs = query::decode(text);
    let numbers = |wanted: &'static str| {
        let values = pairs.iter().filter(move |(name, _)| name == wanted);
        values.filter_map(|(_, value)| value.parse().ok().map(ConnectionId))
    };
    let ids: Vec<_> = numbers("id").collect();
    let active = numbers("active").find(|id| ids.contains(id)).or_else(|| ids.first().copied());
    (ids, active.unwrap_or_default())
}

pub(super) fn write_connections(workspace: &Workspace) -> String {
    // A recorded session ends with the page: a file cannot be opened again without being chosen.
    let connections = || workspace.iter().filter(|(_, state)| !state.is_session()).map(|(id, _)| id);
    let active = connections().find(|id| *id == workspace.active_id()).or_else(|| connections().next());
    let ids: Vec<_> = connections().map(|id| id.0.to_string()).collect();
    let active = active.unwrap_or_default().0.to_string();
    let pairs = ids.iter().map(|id| ("id", id.as_str()));
    query::encode(pairs.chain([("active", active.as_str())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Look;

    #[test]
    fn connections_are_kept() {
        let state = || AppState::new(Settings::new("c".into()), Subscriptions::default(), Look::default());
        let mut workspace = Workspace::new(ConnectionId(3), state());
        workspace.push(ConnectionId(1), state());
        workspace.apply(ConnectionId(3), Action::Page(PageAction::Show(ConnectionId(1))));
        let expected = (vec![ConnectionId(3), ConnectionId(1)], ConnectionId(1));
        assert_eq!(read_connections(&write_connections(&workspace)), expected);
        assert_eq!(read_connections("").1, ConnectionId(0));
        assert_eq!(read_connections("id=x&id=4&active=9"), (vec![ConnectionId(4)], ConnectionId(4)));
    }
}
