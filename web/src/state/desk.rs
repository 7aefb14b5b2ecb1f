//! What the page knows of the broker's inside, as far as the state is concerned: what reads and changes it is loaded
//! later (`crate::desk`), and until then only the address bar's text is kept.
//!
//! There is one desk for all connections of the page, because there is one broker that the page comes from.

use super::place::Place;
use super::{Clock, Effect};
use std::any::Any;
use std::fmt;
use std::rc::Rc;

/// Something of the desk's own that passes through here unread.
#[derive(Clone)]
pub struct Sealed(Rc<dyn Any>);

impl Sealed {
    /// Seals it.
    pub fn new<T: 'static>(content: T) -> Self {
        Sealed(Rc::new(content))
    }

    /// What is in it, for whoever knows what it is.
    pub fn open<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// What the desk has to know of the rest of the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The view that is shown.
    pub place: Place,
    /// The time.
    pub clock: Clock,
    /// Whether the page comes from a gateway, which answers little.
    pub is_gateway: bool,
    /// User name and password of the connection to the page's broker, if it has any.
    pub login: Option<(&'a str, &'a str)>,
    /// The topic that the detail pane shows, if the broker has delivered it.
    pub topic: Option<&'a str>,
    /// In which language things are said.
    pub lang: crate::i18n::Lang,
}

/// What of a view is in the address bar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// What is looked for.
    pub find: String,
    /// What is looked into.
    pub item: String,
}

/// What a desk does; see `crate::desk::Desk`.
pub trait Desking: fmt::Debug {
    /// Somebody has done something there, or an answer has come.
    fn apply(&mut self, step: &Sealed, around: &Around<'_>) -> Vec<Effect>;
    /// Time has passed, or something else is looked at. To be quick where nothing is due.
    fn tick(&mut self, around: &Around<'_>) -> Vec<Effect>;
    /// The address bar says this of a view.
    fn go(&mut self, place: Place, spot: &Spot);
    /// For [`go`](Desking::go).
    fn spot(&self, place: Place) -> Spot;
    /// For the components, which know more.
    fn as_any(&self) -> &dyn Any;
}

/// Makes the desk.
#[derive(Clone, Copy)]
pub struct DeskMaker(pub fn() -> Box<dyn Desking>);

impl fmt::Debug for DeskMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeskMaker")
    }
}

impl PartialEq for DeskMaker {
    /// There is only one.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Where the desk is, or will be.
#[derive(Debug, Default)]
pub struct DeskSlot {
    /// What the address bar said, until the desk is there.
    pending: (Place, Spot),
    desk: Option<Box<dyn Desking>>,
}

impl DeskSlot {
    /// The desk, if it is there.
    pub fn get(&self) -> Option<&dyn Desking> {
        self.desk.as_deref()
    }

    /// Makes it, once.
    pub(super) fn make(&mut self, maker: DeskMaker) {
        let pending = &self.pending;
        self.desk.get_or_insert_with(|| {
            let mut desk = (maker.0)();
            desk.go(pending.0, &pending.1);
            desk
        });
    }

    /// The address bar says something else.
    pub(super) fn go(&mut self, place: Place, spot: &Spot) {
        match &mut self.desk {
            Some(desk) => desk.go(place, spot),
            None => self.pending = (place, spot.clone()),
        }
    }

    /// For the address bar.
    pub(super) fn spot(&self, place: Place) -> Spot {
        match &self.desk {
            Some(desk) => desk.spot(place),
            None if self.pending.0 == place => self.pending.1.clone(),
            None => Spot::default(),
        }
    }

    /// See [`Desking::apply`].
    pub(super) fn apply(&mut self, step: &Sealed, around: &Around<'_>) -> Vec<Effect> {
        self.desk.as_mut().map(|desk| desk.apply(step, around)).unwrap_or_default()
    }

    /// See [`Desking::tick`].
    pub(super) fn tick(&mut self, around: &Around<'_>) -> Vec<Effect> {
        self.desk.as_mut().map(|desk| desk.tick(around)).unwrap_or_default()
    }
}
