//! What the browser does for the page and may refuse to do: the address bar and its history, the clipboard, the storage.

use super::{App, Stage};
use crate::browser;
use crate::i18n::Text;
use crate::keeping;
use crate::state::{Action, ConnectionId, Location};
use std::rc::Rc;
use std::time::Duration;

/// Steps from place to place that follow each other faster than this are one for the browser's Back.
const STEP: Duration = Duration::from_millis(1000);

impl App {
    /// Has the address bar say what is looked at. Another view, topic or part is a step that the browser's Back takes
    /// back; letters in a filter are none, and steps in quick succession, as with arrow keys, are one.
    #[inline(never)]
    pub(super) fn locate(&self) {
        let location = self.workspace.borrow().location();
        let now = browser::now();
        let is_step =
            self.stage.get() == Stage::Whole && location.is_step_from(&Location::read(&browser::fragment()));
        let is_quick = now.since(self.stepped.get()) < STEP;
        if is_step {
            self.stepped.set(now);
        }
        browser::set_fragment(&location.write(), is_step && !is_quick);
    }

    /// Puts text on the clipboard and says whether it is there: a browser may not allow it.
    pub(super) fn copy(self: &Rc<Self>, id: ConnectionId, text: String) {
        let app = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let copied = browser::copy(&text).await;
            let words = if copied { Text::Copied } else { Text::NotCopied };
            app.dispatch(id, Action::Say(words.into(), None));
        });
    }

    /// Keeps what was sent and saved; whether that is there after the tab as well.
    pub(super) fn keep_shelf(self: &Rc<Self>, id: ConnectionId) -> bool {
        let Some(shelf) = self.read(id, |state| state.publishing.shelf.clone()) else { return false };
        let is_kept = keeping::write_shelf(&shelf);
        self.act(id, Action::Shelf(shelf));
        is_kept
    }

    /// Somebody has asked for something to be kept: says so if it is not.
    pub(super) fn kept(self: &Rc<Self>, id: ConnectionId, is_kept: bool) {
        if !is_kept {
            self.act(id, Action::Say(Text::NotKept.into(), None));
        }
    }
}
