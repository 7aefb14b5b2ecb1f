//! `tabmq pub` with a file of messages: a recorded session on its way out again, with its timing.

use super::Failure;
use super::args::PubArgs;
use super::driver::{Driver, INTERRUPTED, Watch, interrupted};
use std::fs::File;
use std::io::{self, Read};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tabmq_shared::client::{Backoff, Event, Message};
use tabmq_shared::replay::{Phase, Replay};
use tokio::sync::mpsc::{Receiver, channel};

/// How much of the file is read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// So many messages are handed to the client at a time.
const BATCH: usize = 100;

/// Replays what `args` say, and waits until the broker has all of it.
pub(super) async fn replay(args: &PubArgs) -> Result<ExitCode, Failure> {
    let (mut session, options) = args.replay()?;
    let input = open(args)?;
    session.options.reconnect = Some(Backoff::default());
    let driver = Driver::start(session.options, session.route);
    let watch = Watch::new("pub", args.connection.quiet);
    let player = Player { driver, watch, replay: Replay::new(options, 0), was_lost: false };
    player.run(input).await
}

struct Player {
    driver: Driver,
    watch: Watch,
    replay: Replay,
    /// Whether there was a connection and there is none.
    was_lost: bool,
}

impl Player {
    async fn run(mut self, mut input: Receiver<io::Result<Vec<u8>>>) -> Result<ExitCode, Failure> {
        let mut interrupted = pin!(interrupted());
        while self.replay.phase == Phase::Running || self.replay.on_the_way() > 0 {
            let wants_more = self.replay.wants_more();
            let wait = self.wait();
            tokio::select! {
                biased;
                event = self.driver.event() => self.handle(event)?,
                piece = input.recv(), if wants_more => self.feed(piece)?,
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => self.publish(),
                () = &mut interrupted => {
                    self.driver.finish().await;
                    return Ok(ExitCode::from(INTERRUPTED));
                }
            }
        }
        self.driver.finish().await;
        let Replay { failed, bad, left_out, first_bad, .. } = self.replay;
        if failed > 0 {
            self.watch.warn(&format!("{failed} messages were refused"));
        }
        if left_out > 0 {
            self.watch
                .warn(&format!("{left_out} messages were left out: nobody can publish to their topics"));
        }
        if let Some(first) = first_bad {
            let (line, why) = (first.line, first.why);
            self.watch.warn(&format!("{bad} lines are no messages; the first is line {line}: {why}"));
        }
        Ok(if failed + bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// How long until the next message; `None` while the file or the broker comes first.
    fn wait(&mut self) -> Option<Duration> {
        let (machine, now) = self.driver.machine();
        let due_ms = self.replay.due_ms().filter(|_| machine.state().is_connected())?;
        Some(Duration::from_millis(due_ms.saturating_sub(now.as_millis())))
    }

    fn publish(&mut self) {
        let (machine, now) = self.driver.machine();
        let due: Vec<Message> = self.replay.due(now.as_millis(), BATCH);
        for message in due {
            self.replay.accepted(machine.publish(message, now));
        }
    }

    fn feed(&mut self, piece: Option<io::Result<Vec<u8>>>) -> Result<(), Failure> {
        match piece.transpose() {
            // Without a piece it is the file's end.
            Ok(piece) => self.replay.feed(&piece.unwrap_or_default()),
            Err(error) => return Err(Failure(format!("cannot read on: {error}"))),
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::StateChanged => {
                let (state, now) = self.driver.state();
                self.watch.state_changed(&state, now)?;
                if !state.is_connected() {
                    self.was_lost = self.watch.was_connected;
                } else if std::mem::take(&mut self.was_lost) {
                    self.replay.hold(now.as_millis());
                }
            }
            Event::Published { id, outcome } => self.replay.outcome(id, &outcome),
            // Nothing is subscribed, and the ends of connections are told by the state.
            _ => {}
        }
        Ok(())
    }
}

/// Not at all, if it is due: a timer would make a millisecond of nothing.
async fn sleep(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The pieces of the file, read on a thread of its own as they are wanted. That it is not there is told before anything
/// is sent.
fn open(args: &PubArgs) -> Result<Receiver<io::Result<Vec<u8>>>, Failure> {
    let source: Box<dyn Read + Send> = match &args.file {
        Some(path) => Box::new(
            File::open(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))?,
        ),
        None => Box::new(io::stdin()),
    };
    let (sender, receiver) = channel(2);
    std::thread::spawn(move || {
        let mut source = source;
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let piece = match source.read(&mut piece) {
                Ok(0) => return,
                Ok(n) => {
                    piece.truncate(n);
                    Ok(piece)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_end = piece.is_err();
            if sender.blocking_send(piece).is_err() || is_end {
                return; // the command has ended, or the file has
            }
        }
    });
    Ok(receiver)
}
