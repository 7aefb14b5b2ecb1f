//! Which connections of a thread have something to do, and what their sockets are ready for.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

/// A read will bring something, be it the end.
pub(super) const READABLE: u8 = 1;
/// A write will be taken, or fail.
pub(super) const WRITABLE: u8 = 1 << 1;
/// The other side sends nothing more: `READABLE` stays.
pub(super) const READ_CLOSED: u8 = 1 << 2;
/// The other side takes nothing more: `WRITABLE` stays.
pub(super) const WRITE_CLOSED: u8 = 1 << 3;
/// It is in the row of those that are polled next.
const RUNG: u8 = 1 << 4;

thread_local! {
    /// Those of this thread's reactor.
    pub(super) static SLOTS: Slots = const { Slots::new() };
}

/// The slots of the connections that this thread serves.
pub(super) struct Slots {
    /// The address of the [`Shared`] of the thread's reactor; 0: it has none.
    owner: Cell<usize>,
    states: RefCell<Vec<u8>>,
    rung: RefCell<VecDeque<u32>>,
    /// The reactor's task is awake: it finds what rings without being told.
    awake: Cell<bool>,
    /// The reactor's poller.
    registry: RefCell<Option<Registry>>,
}

impl Slots {
    const fn new() -> Self {
        Slots {
            owner: Cell::new(0),
            states: RefCell::new(Vec::new()),
            rung: RefCell::new(VecDeque::new()),
            awake: Cell::new(false),
            registry: RefCell::new(None),
        }
    }

    /// This thread has a reactor from now on, with this poller.
    pub(super) fn open(&self, registry: Registry) {
        *self.registry.borrow_mut() = Some(registry);
    }

    /// Watches over the socket of the connection in this slot.
    pub(super) fn watch(&self, stream: &mut TcpStream, slot: u32) -> io::Result<()> {
        let registry = self.registry.borrow();
        let registry = registry.as_ref().ok_or(ErrorKind::NotConnected)?;
        self.begin(slot);
        registry.register(stream, Token(slot as usize), Interest::READABLE | Interest::WRITABLE)
    }

    /// Does not watch over it any more.
    pub(super) fn leave(&self, stream: &mut TcpStream) -> io::Result<()> {
        let registry = self.registry.borrow();
        registry.as_ref().ok_or(ErrorKind::NotConnected)?.deregister(stream)
    }

    /// There is probably room for what is written; events tell of what can be read.
    fn begin(&self, slot: u32) {
        let mut states = self.states.borrow_mut();
        let index = slot as usize;
        if states.len() <= index {
            states.resize(index + 1, 0);
        }
        if let Some(state) = states.get_mut(index) {
            *state = *state & RUNG | WRITABLE;
        }
    }

    /// Whether the socket is ready for one of these.
    pub(super) fn is(&self, slot: u32, what: u8) -> bool {
        self.states.borrow().get(slot as usize).is_some_and(|state| state & what != 0)
    }

    /// Nothing more is to be expected now, unless the other side has closed: then that is still to be told.
    pub(super) fn spent(&self, slot: u32, what: u8) {
        let closed = if what == READABLE { READ_CLOSED } else { WRITE_CLOSED };
        if !self.is(slot, closed) {
            self.blocked(slot, what);
        }
    }

    /// The system says that the socket is not ready for this now.
    pub(super) fn blocked(&self, slot: u32, what: u8) {
        if let Some(state) = self.states.borrow_mut().get_mut(slot as usize) {
            *state &= !what;
        }
    }

    /// An event: the socket is ready for this. The connection is rung for if that is news.
    pub(super) fn ready(&self, slot: u32, what: u8) {
        let mut states = self.states.borrow_mut();
        let Some(state) = states.get_mut(slot as usize) else { return };
        if what & !*state == 0 {
            return;
        }
        *state |= what;
        if *state & RUNG == 0 {
            *state |= RUNG;
            self.rung.borrow_mut().push_back(slot);
        }
    }

    /// The connection is to be polled. True if the reactor's task must be woken for it.
    pub(super) fn ring(&self, slot: u32) -> bool {
        let mut states = self.states.borrow_mut();
        let Some(state) = states.get_mut(slot as usize) else { return false };
        if *state & RUNG == 0 {
            *state |= RUNG;
            self.rung.borrow_mut().push_back(slot);
        }
        !self.awake.replace(true)
    }

    /// The next connection to be polled.
    pub(super) fn next_rung(&self) -> Option<u32> {
        let slot = self.rung.borrow_mut().pop_front()?;
        if let Some(state) = self.states.borrow_mut().get_mut(slot as usize) {
            *state &= !RUNG;
        }
        Some(slot)
    }

    /// Whether there is more to do. If not, the reactor's task must be woken for the next.
    pub(super) fn end_turn(&self) -> bool {
        let more = !self.rung.borrow().is_empty();
        self.awake.set(more);
        more
    }
}

/// How other threads ring.
#[derive(Default)]
pub(super) struct Shared {
    /// The reactor's task.
    task: OnceLock<Waker>,
    has_far: AtomicBool,
    /// Those for whom another thread has rung.
    far: Mutex<Vec<u32>>,
}

impl Shared {
    /// The reactor's task begins a turn: what rings from now on is seen by it.
    pub(super) fn begin_turn(self: &Arc<Self>, task: &Waker) {
        self.task.get_or_init(|| task.clone());
        SLOTS.with(|slots| {
            slots.owner.set(Arc::as_ptr(self).addr());
            slots.awake.set(true);
            if self.has_far.swap(false, Ordering::Acquire) {
                let far = mem::take(&mut *self.far.lock());
                far.into_iter().for_each(|slot| _ = slots.ring(slot));
            }
        });
    }

    fn ring(self: &Arc<Self>, slot: u32) {
        let owner = Arc::as_ptr(self).addr();
        let here = SLOTS.try_with(|slots| (slots.owner.get() == owner).then(|| slots.ring(slot)));
        let wake = match here {
            Ok(Some(must_wake)) => must_wake,
            // Another thread, or one that ends.
            Ok(None) | Err(_) => {
                self.far.lock().push(slot);
                !self.has_far.swap(true, Ordering::Release)
            }
        };
        if wake && let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }
}

/// What wakes the connection in a slot. If another one has the slot by then, that one looks once in vain.
pub(super) struct Bell {
    pub(super) shared: Arc<Shared>,
    pub(super) slot: u32,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.ring(self.slot);
    }
}
