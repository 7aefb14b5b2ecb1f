//! The plain sockets of one thread and what serves them, in one task of its runtime.
//!
//! A task of the runtime and its record of a socket's readiness take 768 bytes with what the allocator cannot use between
//! them, and most connections do nothing. Here a connection is a slot: its life in a box, its waker, and one byte for what
//! its socket is ready for. Timers and all other sockets stay with the runtime, which also watches over this poller: an
//! event of any socket here is one event there.
//!
//! ```text
//!  runtime ──wakes──> Reactor::turn ──┬─ look: events of sockets  ─┐
//!                                     ├─ arrivals: new connections ├─> ring ─> lives that are rung for are polled
//!  wakers of lives (broker, timers) ──┴────────────────────────────┘
//! ```

mod slots;
mod socket;
#[cfg(test)]
mod tests;

pub use socket::{Listener, Socket, Stream};

use mio::{Events, Poll as Poller, Registry};
use slab::Slab;
use slots::{Bell, READ_CLOSED, READABLE, SLOTS, Shared, Slots, WRITABLE, WRITE_CLOSED};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;

/// How many events one look at the sockets brings at the most.
const EVENTS: usize = 512;

/// After so many lives were polled the runtime's other tasks have their turn, and the sockets are looked at again.
const TURN: usize = 64;

/// What makes the life of a connection from its socket, on the thread where it is to be served.
type Begin<L> = Box<dyn FnOnce(Socket) -> L + Send>;

/// The way into a reactor, from any thread.
pub(super) struct Entrance<L> {
    arrivals: mpsc::UnboundedSender<(Stream, Begin<L>)>,
    lives: Arc<AtomicUsize>,
}

impl<L> Entrance<L>
where
    L: Future<Output = ()> + Unpin + Send + 'static,
{
    /// Starts a reactor on this runtime, which must be one of a single thread.
    ///
    /// # Errors
    /// The system gives no more file descriptors.
    pub(super) fn open(runtime: &Handle) -> io::Result<Self> {
        let _context = runtime.enter();
        let (sender, arrivals) = mpsc::unbounded_channel();
        let lives = Arc::new(AtomicUsize::new(0));
        let poller = Poller::new()?;
        let reactor = Reactor {
            registry: Some(poller.registry().try_clone()?),
            poller: socket::watched(poller)?,
            events: Events::with_capacity(EVENTS),
            lives: Slab::new(),
            arrivals,
            shared: Arc::default(),
            count: Arc::clone(&lives),
            since_look: 0,
        };
        // The runtime's budget for one task is not meant for all connections of a thread: what is beyond it would look as
        // if its socket were not ready. Each life bounds itself, and a turn bounds their number.
        runtime.spawn(unconstrained(reactor));
        Ok(Entrance { arrivals: sender, lives })
    }

    /// Has a connection served. It is closed at once if the thread has ended.
    pub(super) fn enter(&self, stream: Stream, begin: impl FnOnce(Socket) -> L + Send + 'static) {
        self.lives.fetch_add(1, Ordering::Relaxed);
        // How many wait here is bounded by who lets connections in.
        let _ = self.arrivals.send((stream, Box::new(begin)));
    }

    /// How many connections are served, or wait for it.
    pub(super) fn lives(&self) -> usize {
        self.lives.load(Ordering::Relaxed)
    }
}

struct Reactor<L> {
    /// For the sockets of the thread, until its first turn.
    registry: Option<Registry>,
    poller: AsyncFd<Poller>,
    events: Events,
    lives: Slab<Slot<L>>,
    arrivals: mpsc::UnboundedReceiver<(Stream, Begin<L>)>,
    shared: Arc<Shared>,
    count: Arc<AtomicUsize>,
    /// How many lives were polled since the sockets were looked at.
    since_look: usize,
}

struct Slot<L> {
    life: Box<L>,
    waker: Waker,
}

impl<L: Future<Output = ()> + Unpin> Future for Reactor<L> {
    type Output = ();

    /// One turn. Ready when nobody can come any more and all have gone.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some(registry) = this.registry.take() {
            SLOTS.with(|slots| slots.open(registry));
        }
        this.shared.begin_turn(cx.waker());
        let nobody_comes = this.let_in(cx);
        this.look(cx);
        for _ in 0..TURN {
            let Some(slot) = SLOTS.with(Slots::next_rung) else { break };
            this.poll_life(slot);
            this.since_look += 1;
        }
        if SLOTS.with(Slots::end_turn) {
            if this.since_look >= TURN {
                this.gather();
            }
            cx.waker().wake_by_ref();
        }
        if nobody_comes && this.lives.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<L: Future<Output = ()> + Unpin> Reactor<L> {
    /// Begins the lives of those who have arrived. True if nobody can come any more.
    fn let_in(&mut self, cx: &mut Context<'_>) -> bool {
        let mut some = false;
        while let Poll::Ready(arrival) = self.arrivals.poll_recv(cx) {
            let Some((stream, begin)) = arrival else { return true };
            some = true;
            if self.begin(stream, begin).is_none() {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if some {
            self.gather(); // a packet that is there already needs no timer for its coming
        }
        false
    }

    /// `None` if the system does not watch over this socket; then it is closed.
    fn begin(&mut self, stream: Stream, begin: Begin<L>) -> Option<()> {
        let entry = self.lives.vacant_entry();
        let slot = u32::try_from(entry.key()).ok()?;
        let socket = stream.into_socket(slot).ok()?;
        let waker = Waker::from(Arc::new(Bell { shared: Arc::clone(&self.shared), slot }));
        SLOTS.with(|slots| slots.ring(slot));
        entry.insert(Slot { life: Box::new(begin(socket)), waker });
        Some(())
    }

    /// Takes the events that the runtime tells of, until there are none: it tells of the next.
    fn look(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Ok(mut guard)) = self.poller.poll_read_ready_mut(cx) {
            if gather(guard.get_inner_mut(), &mut self.events) {
                guard.clear_ready();
            } else {
                guard.retain_ready();
                cx.waker().wake_by_ref(); // the rest in the next turn
                break;
            }
            self.since_look = 0;
        }
    }

    /// Takes the events that there are while the runtime has no time to tell of them.
    fn gather(&mut self) {
        gather(self.poller.get_mut(), &mut self.events);
        self.since_look = 0;
    }

    fn poll_life(&mut self, slot: u32) {
        let index = slot as usize;
        let Some(Slot { life, waker }) = self.lives.get_mut(index) else { return };
        let life = AssertUnwindSafe(Pin::new(&mut **life));
        let mut cx = AssertUnwindSafe(Context::from_waker(waker));
        // As in a task of the runtime: what goes wrong in one connection ends that one.
        let over = catch_unwind(move || { life }.0.poll(&mut cx).is_ready());
        if over.unwrap_or(true) {
            let ended = self.lives.remove(index);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(ended)));
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Asks for events, and rings. True if these were all.
fn gather(poller: &mut Poller, events: &mut Events) -> bool {
    if let Err(error) = poller.poll(events, Some(Duration::ZERO)) {
        return error.kind() != io::ErrorKind::Interrupted;
    }
    let mut count = 0;
    SLOTS.with(|slots| {
        for event in &*events {
            count += 1;
            let mut ready = 0;
            if event.is_readable() || event.is_error() {
                ready |= READABLE;
            }
            if event.is_writable() || event.is_error() {
                ready |= WRITABLE;
            }
            if event.is_read_closed() {
                ready |= READABLE | READ_CLOSED;
            }
            if event.is_write_closed() {
                ready |= WRITABLE | WRITE_CLOSED;
            }
            if let Ok(slot) = u32::try_from(event.token().0) {
                slots.ready(slot, ready);
            }
        }
    });
    count < EVENTS
}
