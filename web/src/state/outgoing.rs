//! What leaves the publish form, as the state sees it: the glue between [`Publishing`] and the rest.

use super::publish::{Outgoing, Publishing};
use super::{AppState, Effect, File, PublishAction};
use std::rc::Rc;

impl AppState {
    /// The publish form, to be changed.
    pub(super) fn publishing_mut(&mut self) -> &mut Publishing {
        Rc::make_mut(&mut self.publishing)
    }

    /// Sends what the form says.
    pub(super) fn send(&mut self) -> Vec<Effect> {
        let at_ms = self.clock.unix_ms;
        let mut effects = vec![Effect::KeepShelf];
        effects.extend(self.publishing_mut().send(at_ms).into_iter().flat_map(|out| self.leaves(out)));
        effects
    }

    /// What is to be done for a message of the form: the answer's topic first, so that the answer is not missed.
    fn leaves(&mut self, outgoing: Outgoing) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(topic) = outgoing.listen.filter(|topic| !self.subscriptions.covers(topic))
            && let Some(filter) = self.subscriptions.add_usual(topic.as_str())
        {
            effects.extend([Effect::Subscribe(filter), Effect::KeepSubscriptions]);
        }
        effects.push(Effect::Send(outgoing.message));
        effects
    }

    /// Whatever else can be done with the form.
    pub(super) fn publish_action(&mut self, action: PublishAction) -> Vec<Effect> {
        let publishing = self.publishing_mut();
        match action {
            PublishAction::Load(draft) => publishing.load(*draft),
            PublishAction::File(name, bytes) => publishing.set_file(name, bytes),
            PublishAction::Stop => publishing.stop(),
            PublishAction::ForgetRequests => publishing.clear_requests(),
            PublishAction::ForgetSent => {
                publishing.shelf_mut().sent.clear();
                return vec![Effect::KeepShelf];
            }
            PublishAction::Save(name) => {
                let draft = publishing.draft.clone();
                publishing.shelf_mut().save(&name, &draft);
                return vec![Effect::KeepTemplates];
            }
            PublishAction::Remove(name) => {
                publishing.shelf_mut().remove(&name);
                return vec![Effect::KeepShelf];
            }
            PublishAction::Import(text) => {
                publishing.imported = Some(publishing.shelf_mut().import(&text));
                return vec![Effect::KeepTemplates];
            }
            PublishAction::Export => {
                let text = publishing.shelf_mut().export();
                return vec![Effect::Save(File {
                    name: "tabmq-templates.jsonl".to_owned(),
                    media_type: "application/jsonl",
                    bytes: text.into(),
                })];
            }
        }
        Vec::new()
    }

    /// What is due by now: the next message of a repetition, of a replay, of an export.
    pub(super) fn due(&mut self) -> Vec<Effect> {
        let now_ms = self.clock.unix_ms;
        let mut effects = self.tape_due();
        if self.publishing.due_ms().is_some_and(|due| due <= now_ms)
            && let Some(outgoing) = self.publishing_mut().due(now_ms)
        {
            effects.extend(self.leaves(outgoing));
        }
        effects
    }

    /// When the state wants to be told the time again, in Unix milliseconds; besides once a second.
    pub fn due_ms(&self) -> Option<u64> {
        self.publishing.due_ms().into_iter().chain(self.tape_due_ms()).min()
    }
}
