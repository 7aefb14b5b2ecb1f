//! The state as components see it.

use super::AppState;
use super::workspace::{ConnectionId, Workspace};
use std::cell::{Ref, RefCell};
use std::rc::Rc;

/// The state, to be looked at. Two views are equal if nothing has changed between them; so a component that has one
/// among its properties is rendered again exactly when there may be something new.
#[derive(Clone, Debug)]
pub struct View {
    workspace: Rc<RefCell<Workspace>>,
    id: ConnectionId,
    revision: u64,
    is_whole: bool,
}

impl View {
    /// A view of the connection that is looked at, as it is at this revision. `is_whole`: see [`View::is_whole`].
    pub fn new(workspace: Rc<RefCell<Workspace>>, revision: u64, is_whole: bool) -> Self {
        let id = workspace.borrow().active_id();
        View { workspace, id, revision, is_whole }
    }

    /// Which connection it shows.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether all of the page is there, or only what shows the first messages: header, tree and message list.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The connection's state. Not to be held across anything that changes it.
    pub fn read(&self) -> Ref<'_, AppState> {
        Ref::map(self.workspace.borrow(), |all| all.get(self.id).unwrap_or_else(|| all.active()))
    }

    /// All connections. Not to be held across anything that changes them.
    pub fn workspace(&self) -> Ref<'_, Workspace> {
        self.workspace.borrow()
    }
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        (self.revision, self.id, self.is_whole) == (other.revision, other.id, other.is_whole)
            && Rc::ptr_eq(&self.workspace, &other.workspace)
    }
}
