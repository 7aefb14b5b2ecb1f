//! Connections that show who they are by SCRAM: what that needs is fetched first.

use super::App;
use crate::i18n::Text;
use crate::lazy::Scram;
use crate::part::{LoadError, Part};
use crate::state::{AppState, ConnectionId};
use std::rc::Rc;
use tabmq_shared::Bytes;
use tabmq_shared::client::Authentication;
use tabmq_shared::scram::METHOD;

impl App {
    /// Connects once what SCRAM needs is there, unless the connection is stopped meanwhile.
    #[inline(never)]
    pub(super) fn connect_by_scram(self: &Rc<Self>, id: ConnectionId) {
        let app = self.clone();
        self.awaits_method.borrow_mut().push(id);
        wasm_bindgen_futures::spawn_local(async move {
            let part = Scram::get().await;
            if app.awaits_no_method(id)
                && let Some(method) = app.read(id, |state| method(part, state))
            {
                app.connect_by(id, Some(method));
            }
        });
    }

    /// The connection waits for no method of authentication any more; whether it did.
    pub(super) fn awaits_no_method(&self, id: ConnectionId) -> bool {
        let mut awaiting = self.awaits_method.borrow_mut();
        let before = awaiting.len();
        awaiting.retain(|known| *known != id);
        awaiting.len() < before
    }
}

fn method(part: Result<Scram, LoadError>, state: &AppState) -> Box<dyn Authentication> {
    match part {
        Ok(part) => (part.client)(&state.settings.username, &state.settings.password, state.ui.look.lang),
        Err(LoadError) => Box::new(NotThere(state.ui.look.lang.t(Text::ScramNotLoaded))),
    }
}

/// In the place of a method that could not be fetched: the connection ends with these words.
#[derive(Debug)]
struct NotThere(&'static str);

impl Authentication for NotThere {
    fn method(&self) -> &str {
        METHOD
    }

    fn begin(&mut self) -> Result<Option<Bytes>, String> {
        Err(self.0.to_owned())
    }

    fn answer(&mut self, _challenge: &[u8]) -> Result<Bytes, String> {
        Err(self.0.to_owned())
    }

    fn finish(&mut self, _last: Option<&Bytes>) -> Result<(), String> {
        Err(self.0.to_owned())
    }
}
