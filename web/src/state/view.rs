//! The state as components see it.

use super::AppState;
use std::cell::{Ref, RefCell};
use std::rc::Rc;

/// The state, to be looked at. Two views are equal if nothing has changed between them; so a component that has one
/// among its properties is rendered again exactly when there may be something new.
#[derive(Clone, Debug)]
pub struct View(pub(crate) Rc<RefCell<AppState>>, pub(crate) u64);

impl View {
    /// The first view of a state.
    pub fn new(state: AppState) -> Self {
        View(Rc::new(RefCell::new(state)), 0)
    }

    /// The state. Not to be held across anything that changes it.
    pub fn read(&self) -> Ref<'_, AppState> {
        self.0.borrow()
    }
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1 && Rc::ptr_eq(&self.0, &other.0)
    }
}
