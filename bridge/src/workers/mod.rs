//! The threads that serve connections.
//!
//! A worker is one thread with a runtime of its own, and a connection stays with the worker that it was given to. So
//! most wake-ups cost no system call: a message that reaches a connection of the same thread puts it into that thread's
//! list, and it writes within the same turn. Connections of other threads are woken through [`mailbox`]es: one system
//! call at most for all that gathers while a worker sleeps, none while it is awake.
//!
//! Plain sockets are served by a [`reactor`], which needs little memory for each; TLS and WebSocket are tasks of the
//! thread's runtime. Nothing here knows what a connection is; to the broker's core a worker is a number ([`Wake::place`]).

pub mod mailbox;
#[cfg_attr(not(unix), path = "no_reactor.rs")]
mod reactor;

pub use reactor::{Listener, Socket, Stream};

use crate::broker::Wake;
use mailbox::Mailboxes;
use reactor::Entrance;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

thread_local! {
    /// The worker whose thread this is.
    static HERE: Cell<u32> = const { Cell::new(Wake::NO_PLACE) };
}

/// The number of the worker whose thread this is; [`Wake::NO_PLACE`] on all other threads.
pub fn here() -> u32 {
    HERE.get()
}

/// The threads. Dropping this ends them, and with them all that runs on them.
///
/// `L` is the life of a connection that is a plain socket.
pub struct Workers<L> {
    all: Vec<Worker<L>>,
    mailboxes: Arc<Mailboxes>,
    stop: CancellationToken,
}

struct Worker<L> {
    runtime: Handle,
    /// To the plain sockets.
    entrance: Entrance<L>,
}

impl<L> Workers<L>
where
    L: Future<Output = ()> + Unpin + Send + 'static,
{
    /// Starts `count` threads.
    ///
    /// # Errors
    /// The system gives no more threads or file descriptors.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let mailboxes = Arc::new(Mailboxes::new(count.get()));
        let mut workers = Workers { all: Vec::new(), mailboxes, stop: CancellationToken::new() };
        for place in (0..).take(count.get()) {
            let worker = workers.start_one(place)?; // those that run already end with `workers`
            workers.all.push(worker);
        }
        Ok(workers)
    }

    fn start_one(&self, place: u32) -> io::Result<Worker<L>> {
        let (before, after) = (self.mailboxes.clone(), self.mailboxes.clone());
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || before.before_sleep(place))
            .on_thread_unpark(move || after.open(place))
            .build()?;
        let handle = runtime.handle().clone();
        let entrance = Entrance::open(&handle)?;
        let (mailboxes, stop) = (self.mailboxes.clone(), self.stop.clone());
        thread::Builder::new()
            .name(format!("worker-{place}"))
            .spawn(move || run(&runtime, place, &mailboxes, &stop))?;
        Ok(Worker { runtime: handle, entrance })
    }

    /// How those who are not served here wake those who are.
    pub fn mailboxes(&self) -> &Arc<Mailboxes> {
        &self.mailboxes
    }

    /// The worker that accepts connections, as the runtime to which a listener belongs.
    pub fn acceptor(&self) -> Option<&Handle> {
        self.all.first().map(|worker| &worker.runtime)
    }

    /// Gives a plain socket to the worker that has the fewest connections; `begin` makes its life there.
    pub fn serve(&self, stream: Stream, begin: impl FnOnce(Socket) -> L + Send + 'static) {
        if let Some((_, worker)) = self.least() {
            worker.entrance.enter(stream, begin);
        }
    }

    /// Gives another connection over this socket to the worker that has the fewest, as a task of its runtime.
    pub fn spawn<F>(&self, stream: TcpStream, life: impl FnOnce(TcpStream) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some((place, Worker { runtime, .. })) = self.least() else { return };
        if place == here() {
            runtime.spawn(life(stream));
        } else if let Ok(stream) = moved(stream, runtime) {
            runtime.spawn(life(stream));
        }
    }

    fn least(&self) -> Option<(u32, &Worker<L>)> {
        let load = |worker: &Worker<L>| worker.runtime.metrics().num_alive_tasks() + worker.entrance.lives();
        (0..).zip(&self.all).min_by_key(|(_, worker)| load(worker))
    }
}

impl<L> Workers<L> {
    /// Ends the threads, and what still runs on them.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl<L> Drop for Workers<L> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(runtime: &Runtime, place: u32, mailboxes: &Mailboxes, stop: &CancellationToken) {
    HERE.set(place);
    runtime.block_on(async {
        mailboxes.move_in(place).await;
        stop.cancelled().await;
    });
}

/// Takes a socket from the runtime that it is registered with to another one.
fn moved(stream: TcpStream, to: &Handle) -> io::Result<TcpStream> {
    let stream = stream.into_std()?;
    let _context = to.enter();
    TcpStream::from_std(stream)
}
