//! The keys of the tree: up and down, left to close, right to open, Home and End, Page Up and Page Down, the first
//! letters of a name, and what the menu offers.

use super::topic_menu::topic_key;
use super::topic_tree::OpenMenu;
use crate::hooks::Rows;
use crate::payload::visible_line;
use crate::state::topics::{NodeId, ROOT, Row, Topics};
use crate::state::{Action, AppState, View};
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::Element;
use yew::prelude::*;

/// Letters that follow each other within this time, in milliseconds, are one beginning.
const TYPING_MS: u64 = 700;

/// How many rows a page is.
const PAGE: usize = 10;

/// What was typed, and when the last letter was.
pub(super) type TypedAhead = (String, u64);

/// For the tree's `onkeydown`.
pub(super) fn on_key(
    view: &View,
    on: &Callback<Action>,
    rows: &Rows,
    typed: Rc<RefCell<TypedAhead>>,
    menu: &UseStateHandle<OpenMenu>,
) -> Callback<KeyboardEvent> {
    let (view, on, rows, menu) = (view.clone(), on.clone(), rows.clone(), menu.clone());
    Callback::from(move |event: KeyboardEvent| {
        let key = event.key();
        let (ctrl, alt) = (event.ctrl_key() || event.meta_key(), event.alt_key());
        let action = {
            let state = view.read();
            let keys = Keys::new(&state);
            if key == "ContextMenu" || (key == "F10" && event.shift_key()) {
                event.prevent_default();
                return menu.set(keys.at.map(|_| (keys.id, place(&rows, keys.id))));
            }
            let action = topic_key(&state, keys.id, &key, ctrl, alt).filter(|_| keys.at.is_some());
            let moved = || keys.moved(&key).filter(|_| !ctrl && !alt);
            let found = || keys.typed(&key, &mut typed.borrow_mut()).filter(|_| !ctrl && !alt);
            action.or_else(moved).or_else(found)
        };
        let Some(action) = action else { return };
        event.prevent_default();
        if let Action::Select(path) = &action {
            let state = view.read();
            let row = state.topics.find_path(path).and_then(|id| row_of(&state.topics, id));
            if let Some(row) = row {
                rows.show(row);
            }
        }
        on.emit(action);
    })
}

/// Where the selected row is, and where a key leads from there.
struct Keys<'a> {
    state: &'a AppState,
    id: NodeId,
    at: Option<usize>,
}

impl<'a> Keys<'a> {
    fn new(state: &'a AppState) -> Self {
        let path = state.selection.path.as_deref();
        let id = path.and_then(|path| state.topics.find_path(path)).unwrap_or(ROOT);
        Keys { state, id, at: row_of(&state.topics, id) }
    }

    fn moved(&self, key: &str) -> Option<Action> {
        let topics = &self.state.topics;
        let last = topics.rows().len().checked_sub(1)?;
        let node = topics.node(self.id)?;
        let below = |steps: usize| self.at.map_or(0, |at| (at + steps).min(last));
        let above = |steps: usize| self.at.map_or(0, |at| at.saturating_sub(steps));
        match key {
            "ArrowDown" => self.select(below(1)),
            "ArrowUp" => self.select(above(1)),
            "PageDown" => self.select(below(PAGE)),
            "PageUp" => self.select(above(PAGE)),
            "Home" => self.select(0),
            "End" => self.select(last),
            "ArrowRight" if node.expanded && !node.children.is_empty() => self.select(below(1)),
            "ArrowRight" => Some(Action::Expand(self.id, true)),
            "ArrowLeft" if node.expanded && !node.children.is_empty() => Some(Action::Expand(self.id, false)),
            "ArrowLeft" if node.parent != ROOT => self.select(row_of(topics, node.parent)?),
            "Enter" | " " => Some(Action::Expand(self.id, !node.expanded)),
            _ => None,
        }
    }

    /// The next row whose name begins with what was typed.
    fn typed(&self, key: &str, typed: &mut TypedAhead) -> Option<Action> {
        if key.chars().count() != 1 || key == " " {
            return None;
        }
        let now_ms = crate::browser::now().as_millis();
        let goes_on = now_ms.saturating_sub(typed.1) < TYPING_MS && !typed.0.is_empty();
        if !goes_on {
            typed.0.clear();
        }
        typed.0.push_str(&key.to_lowercase());
        typed.1 = now_ms;
        let rows = self.state.topics.rows();
        // A beginning that goes on may still mean the row where one is.
        let from = self.at.map_or(0, |at| if goes_on { at } else { at + 1 });
        let begins = |row: &Row| {
            let node = self.state.topics.node(row.id);
            node.is_some_and(|node| visible_line(&node.name).to_lowercase().starts_with(&typed.0))
        };
        let around = (from..rows.len()).chain(0..from.min(rows.len()));
        let found = around.into_iter().find(|at| rows.get(*at).is_some_and(begins))?;
        self.select(found)
    }

    fn select(&self, row: usize) -> Option<Action> {
        let row = self.state.topics.rows().get(row)?;
        Some(Action::Select(self.state.topics.path(row.id)))
    }
}

/// The row of a node: its place in the tree rather than that among the pinned ones.
fn row_of(topics: &Topics, id: NodeId) -> Option<usize> {
    let rows = topics.rows();
    let in_tree = rows.iter().position(|row| row.id == id && !row.pinned);
    in_tree.or_else(|| rows.iter().position(|row| row.id == id))
}

/// Where a menu that no pointer has asked for is to be: at the node's row.
fn place(rows: &Rows, id: NodeId) -> (i32, i32) {
    let row = rows
        .block
        .cast::<Element>()
        .and_then(|block| block.query_selector(&format!("[data-node=\"{id}\"]")).ok().flatten());
    row.map_or((40, 80), |row| crate::browser::below(&row))
}
