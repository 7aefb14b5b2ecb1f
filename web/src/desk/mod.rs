//! What the page knows of the broker's inside: its clients, what it keeps, what happens in it, how it is. All of that
//! the broker tells by its HTTP API, to whoever may know it.
//!
//! ```text
//!  views --Step--> Desk.apply --Order--> crate::api --Step::Reply, Step::Heard--> Desk.apply
//! ```
//!
//! [`Desk`] is changed by [`Step`]s alone and touches neither browser nor network, so all of it is tested natively. It
//! says as [`Order`]s what is to be fetched; [`Desking::tick`] asks again for what is looked at, and for nothing else.
//!
//! In reading order: [`ask`] (questions and answers), [`access`] (who asks), [`clients`], [`retained`], [`events`] with
//! [`stream`], [`figures`], and [`talk`]: who has sent a message, and who gets it.

pub mod access;
pub mod ask;
pub mod clients;
pub mod events;
pub mod figures;
mod gone;
pub mod retained;
pub mod stream;
mod sweep;
pub mod talk;

use crate::i18n::Phrase;
use crate::state::desk::{Around, Desking, Sealed, Spot};
use crate::state::place::Place;
use crate::state::toasts::Question;
use crate::state::{Action, Effect, PageAction};
use access::Access;
use ask::{Ask, Reply, Trouble, What};
use clients::{Clients, ClientsStep};
use events::{Events, EventsStep};
use figures::Figures;
use retained::{Retained, RetainedStep};
use std::any::Any;
use std::rc::Rc;
use stream::{Listening, News};
use talk::Talk;

/// What can happen to the desk.
#[derive(Debug)]
pub enum Step {
    /// Somebody logs in.
    LogIn {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// Somebody logs out: the password is forgotten.
    LogOut,
    /// Ask again for what could not be had.
    Again,
    /// An answer has come, or none will.
    Reply(Rc<Ask>, Result<Reply, Trouble>),
    /// News of the stream with this number.
    Heard(u32, News),
    /// In the clients' view.
    Clients(ClientsStep),
    /// In the view of what is kept.
    Retained(RetainedStep),
    /// In the events' view.
    Events(EventsStep),
}

impl Step {
    /// As the page's components say it.
    pub fn action(self) -> Action {
        Action::Page(PageAction::Desk(Sealed::new(self)))
    }
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Order {
    /// Fetch this.
    Ask(Rc<Ask>),
    /// Listen to this in place of what was listened to.
    Listen(Rc<Listening>),
    /// Listen no longer.
    Silence,
    /// Ask the broker for what the rest of the page wants to know, with this in the header `Authorization`.
    Introduce(Option<String>),
}

impl Order {
    fn effect(self) -> Effect {
        Effect::Desk(Sealed::new(self))
    }
}

/// All of it.
#[derive(Debug, Default)]
pub struct Desk {
    /// Who asks.
    pub access: Access,
    /// The clients' view.
    pub clients: Clients,
    /// The view of what is kept.
    pub retained: Retained,
    /// The events' view.
    pub events: Events,
    /// The broker's view.
    pub figures: Figures,
    /// Who has sent a message, and who gets it.
    pub talk: Talk,
    stream: stream::Stream,
    era: u32,
}

/// Makes the desk; for [`Views::new_desk`](crate::lazy::Views::new_desk) and for nobody else.
pub fn new() -> Box<dyn Desking> {
    Box::new(Desk::default())
}

impl Desk {
    /// The desk behind a slot.
    pub fn of(desk: Option<&dyn Desking>) -> Option<&Desk> {
        desk?.as_any().downcast_ref()
    }

    /// What is wanted now, asked for by whoever may.
    fn wanted(&mut self, around: &Around<'_>) -> Vec<Effect> {
        let now_ms = around.clock.unix_ms;
        let is_needed = around.place != Place::Explore || around.topic.is_some();
        if let Some(ask) = self.access.wanted(is_needed, around) {
            return vec![self.ask(ask, around)];
        }
        if self.access.me().is_none() {
            return self.listen(None, around).into_iter().collect();
        }
        let mut asks = Vec::new();
        match around.place {
            Place::Explore => asks.extend(self.talk.wanted(around.topic, now_ms)),
            Place::Clients => asks.extend(self.clients.wanted(now_ms)),
            Place::Retained => asks.extend(self.retained.wanted(now_ms)),
            Place::Events => {}
            Place::Broker => asks.extend(self.figures.wanted(around.is_gateway, now_ms)),
        }
        // What was begun is finished, whatever is looked at.
        asks.extend(self.clients.errands());
        asks.extend(self.retained.errands());
        let listening = match around.place {
            Place::Explore => self.talk.listening(around.topic),
            Place::Events => Some(self.events.listening()),
            _ => None,
        };
        let effects: Vec<_> = asks.into_iter().map(|ask| self.ask(ask, around)).collect();
        effects.into_iter().chain(self.listen(listening, around)).collect()
    }

    fn ask(&self, ask: Ask, around: &Around<'_>) -> Effect {
        let login = self.access.login(around);
        Order::Ask(Rc::new(Ask { login, era: self.era, ..ask })).effect()
    }

    fn listen(&mut self, listening: Option<Listening>, around: &Around<'_>) -> Option<Effect> {
        let login = self.access.login(around);
        self.stream.wanted(listening, login, around.clock.unix_ms).map(Order::effect)
    }

    fn reply(&mut self, ask: &Ask, reply: &Result<Reply, Trouble>, around: &Around<'_>) -> Vec<Effect> {
        if ask.era != self.era {
            return Vec::new();
        }
        let now_ms = around.clock.unix_ms;
        if self.access.refused(ask, reply) {
            // Whoever asked for it asks again as soon as somebody is logged in.
            self.forget_questions();
            return Vec::new();
        }
        match &ask.what {
            What::Me => self.access.answered(ask, reply, now_ms).into_iter().map(Order::effect).collect(),
            What::Info | What::Stats => self.figures.answered(&ask.what, reply, now_ms),
            What::ClientPage(_) | What::Client(_) | What::RemoveClient { .. } => {
                self.clients.answered(&ask.what, reply, around)
            }
            What::RetainedPage(_)
            | What::RetainedOne(_)
            | What::Keep(_)
            | What::Clear { .. }
            | What::Restore => self.retained.answered(&ask.what, reply, around),
            What::Receivers(topic) => {
                self.talk.answered(topic, reply, now_ms);
                Vec::new()
            }
        }
    }

    fn heard(&mut self, serial: u32, news: &News, around: &Around<'_>) {
        let now_ms = around.clock.unix_ms;
        let Some((now, heard)) = self.stream.heard(serial, news, now_ms) else { return };
        if let Some(trouble) = &heard.ended {
            self.access.stream_ended(now.login.as_deref(), trouble);
        }
        match &now.purpose {
            stream::Purpose::Events => self.events.heard(heard),
            stream::Purpose::Talk(topic) => self.talk.heard(topic, heard, now_ms),
        }
    }

    /// No answer is waited for any more.
    fn forget_questions(&mut self) {
        self.clients.forget_questions();
        self.retained.forget_questions();
        self.figures.forget_questions();
        self.talk.forget_questions();
    }

    /// Nothing is known any more: somebody else asks now.
    fn forget(&mut self) {
        let (clients, retained, events) =
            (self.clients.emptied(), self.retained.emptied(), self.events.emptied());
        let (access, stream) = (std::mem::take(&mut self.access), std::mem::take(&mut self.stream));
        let era = self.era.wrapping_add(1);
        *self = Desk { access, stream, era, clients, retained, events, ..Desk::default() };
    }
}

impl Desking for Desk {
    fn apply(&mut self, step: &Sealed, around: &Around<'_>) -> Vec<Effect> {
        let Some(step) = step.open::<Step>() else { return Vec::new() };
        let now_ms = around.clock.unix_ms;
        let mut effects = match step {
            Step::LogIn { user, password } => {
                self.forget();
                self.access.log_in(user, password);
                Vec::new()
            }
            Step::LogOut => {
                self.forget();
                self.access.log_out();
                Vec::new()
            }
            Step::Again => {
                self.access.again();
                self.stream.again();
                self.forget_questions();
                Vec::new()
            }
            Step::Reply(ask, reply) => self.reply(ask, reply, around),
            Step::Heard(serial, news) => {
                self.heard(*serial, news, around);
                Vec::new()
            }
            Step::Clients(step) => self.clients.apply(step, around),
            Step::Retained(step) => self.retained.apply(step, around),
            Step::Events(step) => self.events.apply(step, now_ms),
        };
        effects.extend(self.wanted(around));
        effects
    }

    fn tick(&mut self, around: &Around<'_>) -> Vec<Effect> {
        self.retained.give_back();
        self.wanted(around)
    }

    fn go(&mut self, place: Place, spot: &Spot) {
        match place {
            Place::Clients => self.clients.go(spot),
            Place::Retained => self.retained.go(spot),
            Place::Events => self.events.go(spot),
            Place::Explore | Place::Broker => {}
        }
    }

    fn spot(&self, place: Place) -> Spot {
        match place {
            Place::Clients => self.clients.spot(),
            Place::Retained => self.retained.spot(),
            Place::Events => self.events.spot(),
            Place::Explore | Place::Broker => Spot::default(),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Goes to a view.
fn visit(place: Place) -> Effect {
    Effect::Act(Box::new(Action::Place(place)))
}

/// Says something for a moment, with a way back if there is one.
fn say(words: String, undo: Option<Step>) -> Effect {
    let words = Phrase::from(crate::i18n::Text::Plain).with("words", words);
    Effect::Act(Box::new(Action::Say(words, undo.map(|step| Box::new(step.action())))))
}

/// Asks before something is done.
fn question(words: String, lines: Vec<String>, yes: String, then: Step) -> Effect {
    let plain = |words: String| Phrase::from(crate::i18n::Text::Plain).with("words", words);
    let question = Question { words: plain(words), lines, yes: plain(yes), then: Box::new(then.action()) };
    Effect::Act(Box::new(Action::Ask(Box::new(question))))
}

#[cfg(test)]
mod tests;
