//! One loop around [`tabmq_shared::client`]: a socket, a clock, and the sentences for people.

use super::Failure;
use super::transport::{Route, Transport, connect};
use crate::tls;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tabmq_shared::client::{Client, Command, ConnectOptions, Event, State, Why};
use tabmq_shared::packet::ReasonCode;
use tabmq_shared::{Bytes, BytesMut, Time};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;

/// How many bytes are asked of the state machine at a time, and read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long the last bytes may take to leave, and the server to close.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The exit code of a program that SIGINT ended.
pub(super) const INTERRUPTED: u8 = 130;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A client with its socket. [`Driver::event`] is the one place where it waits.
pub(crate) struct Driver {
    machine: Client,
    route: Route,
    started: Instant,
    link: Link,
    /// Received, but not a whole packet yet.
    input: BytesMut,
    /// Handed out by the state machine, not taken by the socket yet.
    unsent: Bytes,
    reading: bool,
    timer: Pin<Box<Sleep>>,
    /// Why the server's TLS ended the connection: more than the state machine can know.
    refusal: Option<String>,
}

enum Link {
    None,
    Opening(Boxed<Result<Transport, String>>),
    Open(Transport),
    Closing(Boxed<()>),
}

impl Driver {
    /// Begins to connect.
    pub(crate) fn start(options: ConnectOptions, route: Route) -> Self {
        let started = Instant::now();
        let mut machine = Client::new(options, fastrand::u64(..));
        machine.start(Time::ZERO);
        Driver {
            machine,
            route,
            started,
            link: Link::None,
            input: BytesMut::new(),
            unsent: Bytes::new(),
            reading: true,
            timer: Box::pin(tokio::time::sleep_until(started)),
            refusal: None,
        }
    }

    /// What happens next. May be given up and called again: nothing is lost.
    pub(crate) async fn event(&mut self) -> Event {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Says good-bye, and waits until all that was sent has left.
    pub(crate) async fn finish(mut self) {
        self.machine.disconnect(ReasonCode::Success, self.now());
        poll_fn(|cx| {
            self.obey();
            match &mut self.link {
                Link::Closing(closing) => closing.as_mut().poll(cx),
                Link::None | Link::Opening(_) | Link::Open(_) => Poll::Ready(()),
            }
        })
        .await;
    }

    /// Whether to read from the socket. While not, the server is held back, but it is still told that we are there.
    pub(super) fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
    }

    /// The state machine, and what time it is for it.
    pub(crate) fn machine(&mut self) -> (&mut Client, Time) {
        let now = self.now();
        (&mut self.machine, now)
    }

    /// The state after [`Event::StateChanged`], and what time it is.
    pub(super) fn state(&mut self) -> (State, Time) {
        let mut state = self.machine.state().clone();
        if let State::Waiting { why, .. } | State::Stopped { why } = &mut state
            && let Some(refusal) = self.refusal.take()
        {
            *why = Why::Unreachable(refusal);
        }
        (state, self.now())
    }

    fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            self.write(cx);
            self.obey();
            if let Some(event) = self.machine.poll_event() {
                return Poll::Ready(event);
            }
            if self.poll_link(cx).is_pending() && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Hands the socket as much as it takes.
    fn write(&mut self, cx: &mut Context<'_>) {
        let Link::Open(transport) = &mut self.link else { return };
        loop {
            if self.unsent.is_empty() {
                match self.machine.poll_transmit(CHUNK_BYTES) {
                    Some(bytes) => self.unsent = bytes,
                    None => break,
                }
            }
            match Pin::new(&mut *transport).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(n)) => drop(self.unsent.split_to(n)),
                Poll::Ready(Err(error)) => return self.broken(&error),
                Poll::Pending => return,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(transport).poll_flush(cx) {
            self.broken(&error);
        }
    }

    /// Does what the state machine wants of the socket.
    fn obey(&mut self) {
        // A connection that is being closed is closed before the next is opened.
        while !matches!(self.link, Link::Closing(_)) {
            match self.machine.poll_command() {
                Some(Command::Open) => {
                    self.input.clear();
                    self.unsent.clear();
                    let version = self.machine.options().version;
                    self.link = Link::Opening(Box::pin(connect(self.route.clone(), version)));
                }
                Some(Command::Close) => {
                    let mut rest = vec![std::mem::take(&mut self.unsent)];
                    rest.extend(std::iter::from_fn(|| self.machine.poll_transmit(CHUNK_BYTES)));
                    self.link = match std::mem::replace(&mut self.link, Link::None) {
                        Link::Open(transport) => Link::Closing(Box::pin(close(transport, rest))),
                        _ => Link::None,
                    };
                }
                None => return,
            }
        }
    }

    /// Goes on with the socket. Ready when the state machine has heard something.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        match &mut self.link {
            Link::None => Poll::Pending,
            Link::Opening(opening) => {
                match ready!(opening.as_mut().poll(cx)) {
                    Ok(transport) => {
                        self.link = Link::Open(transport);
                        self.machine.handle_opened(now);
                    }
                    Err(sentence) => self.lost(&sentence),
                }
                Poll::Ready(())
            }
            Link::Open(_) if !self.reading => Poll::Pending,
            Link::Open(transport) => {
                self.input.reserve(CHUNK_BYTES);
                match ready!(poll_read_buf(Pin::new(transport), cx, &mut self.input)) {
                    Ok(0) => self.lost("the server closed it"),
                    Ok(_) => self.machine.handle_data(&mut self.input, now),
                    Err(error) => self.broken(&error),
                }
                Poll::Ready(())
            }
            Link::Closing(closing) => {
                ready!(closing.as_mut().poll(cx));
                self.link = Link::None;
                Poll::Ready(())
            }
        }
    }

    /// Ready when something was due.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.machine.poll_timeout() else { return Poll::Pending };
        if at > self.now() {
            let deadline = self.started + Duration::from_millis(at.as_millis());
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
        }
        self.machine.handle_timeout(self.now());
        Poll::Ready(())
    }

    fn broken(&mut self, error: &io::Error) {
        self.refusal = tls::refusal(error);
        self.lost(&error.to_string());
    }

    fn lost(&mut self, words: &str) {
        self.link = Link::None;
        self.machine.handle_closed(words, self.now());
    }
}

/// Writes what is left and closes, within a time. Waits for the server to close, too: then it has got everything.
async fn close(mut transport: Transport, rest: Vec<Bytes>) {
    let goodbye = async {
        for bytes in rest {
            transport.write_all(&bytes).await?;
        }
        transport.flush().await?;
        transport.shutdown().await?;
        let mut scratch = [0; 4096];
        while transport.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether it worked makes no difference any more.
    let _ = tokio::time::timeout(CLOSE_TIME, goodbye).await;
}

/// Follows the connection, for both commands: says when it is lost and comes back, and when to give up.
pub(super) struct Watch {
    command: &'static str,
    quiet: bool,
    /// Whether there ever was a connection.
    pub(super) was_connected: bool,
    /// Whether the last that was said is that it is lost.
    said_lost: bool,
}

impl Watch {
    pub(super) fn new(command: &'static str, quiet: bool) -> Self {
        Watch { command, quiet, was_connected: false, said_lost: false }
    }

    /// To be called at [`Event::StateChanged`]. An error ends the command.
    pub(super) fn state_changed(&mut self, state: &State, now: Time) -> Result<(), Failure> {
        match state {
            State::Connected { .. } => {
                self.was_connected = true;
                if std::mem::take(&mut self.said_lost) {
                    self.warn("connected again");
                }
            }
            // It may be no broker at all.
            State::Waiting { why: why @ Why::ProtocolError(_), .. }
            | State::Stopped { why: why @ Why::ProtocolError(_) }
                if !self.was_connected =>
            {
                return Err(Failure(format!("{why}: is this an MQTT port?")));
            }
            // The first time, somebody is waiting at the keyboard: better say at once what is wrong.
            State::Waiting { why, .. } if !self.was_connected => return Err(Failure(explain(why))),
            State::Waiting { why, until, .. } => {
                self.said_lost = true;
                self.warn(&format!(
                    "{}; trying again in {:.1} s",
                    explain(why),
                    (*until - now).as_secs_f32()
                ));
            }
            State::Stopped { why } => return Err(Failure(explain(why))),
            State::Idle | State::Opening { .. } | State::Connecting { .. } => {}
        }
        Ok(())
    }

    /// Writes a line to standard error, unless that is not wanted.
    pub(super) fn warn(&self, sentence: &str) {
        if !self.quiet {
            eprintln!("tabmq {}: {sentence}", self.command);
        }
    }
}

fn explain(why: &Why) -> String {
    match why {
        // The transport's words are a sentence already.
        Why::Unreachable(sentence) if !sentence.is_empty() => sentence.clone(),
        why => why.to_string(),
    }
}

/// Resolves when somebody wants the process to end.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
