//! `tabmq pub`.

use super::Failure;
use super::args::PubArgs;
use super::driver::{Driver, INTERRUPTED, Watch, interrupted};
use super::replay::replay;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use tabmq_shared::Bytes;
use tabmq_shared::client::{Backoff, Event, Message, Outcome};
use tokio::sync::mpsc::{Receiver, channel};

/// While this many messages wait to be sent, no more are taken from the input.
const ENOUGH_MESSAGES: usize = 1000;

/// While this many bytes wait to be sent, no more are taken from the input.
const ENOUGH_BYTES: usize = 4 << 20;

/// How many lines are handed over at a time, if there are as many.
const BATCH_LINES: usize = 256;

/// Publishes what `args` say, and waits until the broker has it.
pub async fn publish(args: PubArgs) -> Result<ExitCode, Failure> {
    if args.replays() {
        return replay(&args).await;
    }
    let (mut session, message) = args.session()?;
    let input = payloads(&args)?;
    if args.stdin_line {
        // A pipe may live for long; a single message is better reported as not sent.
        session.options.reconnect = Some(Backoff::default());
    }
    let driver = session.start();
    let watch = Watch::new("pub", args.connection.quiet);
    Publisher { driver, watch, message, outstanding: 0, failed: false }.run(input).await
}

struct Publisher {
    driver: Driver,
    watch: Watch,
    /// What all messages have in common.
    message: Message,
    /// Messages whose end is not known.
    outstanding: u64,
    /// Whether one of them was refused.
    failed: bool,
}

impl Publisher {
    async fn run(mut self, mut input: Receiver<Vec<Bytes>>) -> Result<ExitCode, Failure> {
        let mut interrupted = pin!(interrupted());
        let mut ended = false;
        while !(ended && self.outstanding == 0) {
            let wants_more = !ended && self.has_room();
            tokio::select! {
                biased;
                event = self.driver.event() => self.handle(event)?,
                batch = input.recv(), if wants_more => match batch {
                    Some(payloads) => self.publish(payloads)?,
                    None => ended = true,
                },
                () = &mut interrupted => {
                    self.driver.finish().await;
                    return Ok(ExitCode::from(INTERRUPTED));
                }
            }
        }
        self.driver.finish().await;
        Ok(if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Whether the broker keeps up with what there is already.
    fn has_room(&mut self) -> bool {
        let (machine, _) = self.driver.machine();
        let pending = machine.pending();
        machine.state().is_connected()
            && pending.queued_messages < ENOUGH_MESSAGES
            && pending.queued_bytes < ENOUGH_BYTES
    }

    fn publish(&mut self, payloads: Vec<Bytes>) -> Result<(), Failure> {
        for payload in payloads {
            let message = Message { payload, ..self.message.clone() };
            let (machine, now) = self.driver.machine();
            match machine.publish(message, now) {
                Ok(_id) => self.outstanding += 1,
                Err(error) => return Err(Failure(error.to_string())),
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::StateChanged => {
                let (state, now) = self.driver.state();
                self.watch.state_changed(&state, now)?;
            }
            Event::Published { outcome, .. } => {
                self.outstanding = self.outstanding.saturating_sub(1);
                let why = match outcome {
                    Outcome::Acknowledged(reason) if reason.is_error() => reason.to_string(),
                    Outcome::Failed(error) => error.to_string(),
                    Outcome::Sent | Outcome::Acknowledged(_) => return Ok(()),
                };
                self.failed = true;
                self.watch.warn(&format!("the message was not published: {why}"));
            }
            // Nothing is subscribed, and the ends of connections are told by the state.
            _ => {}
        }
        Ok(())
    }
}

/// Where the payloads come from. An error of a file is told before anything is sent.
fn payloads(args: &PubArgs) -> Result<Receiver<Vec<Bytes>>, Failure> {
    let payload = if args.stdin_line {
        return Ok(lines_of_stdin());
    } else if let Some(text) = &args.message {
        Bytes::from(text.clone())
    } else if let Some(path) = &args.file {
        read_file(path)?
    } else if args.stdin_file {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Failure(format!("cannot read standard input: {error}")))?;
        Bytes::from(bytes)
    } else {
        Bytes::new()
    };
    let (sender, receiver) = channel(1);
    let (repeat, delay) = (args.repeat.unwrap_or(1), args.repeat_delay);
    tokio::spawn(async move {
        for n in 0..repeat {
            if n > 0 {
                tokio::time::sleep(delay).await;
            }
            if sender.send(vec![payload.clone()]).await.is_err() {
                return; // the command has ended
            }
        }
    });
    Ok(receiver)
}

fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let content = std::fs::read(path);
    content.map(Bytes::from).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

/// Reads lines on a thread of its own: a read of a terminal cannot be given up, and must not keep the process alive.
fn lines_of_stdin() -> Receiver<Vec<Bytes>> {
    let (sender, receiver) = channel(4);
    std::thread::spawn(move || {
        let mut stdin = BufReader::with_capacity(64 * 1024, io::stdin().lock());
        while let Some(batch) = next_lines(&mut stdin) {
            if sender.blocking_send(batch).is_err() {
                return; // the command has ended
            }
        }
    });
    receiver
}

/// The next line, and those behind it that are there already. `None`: there is none, or none can be read.
fn next_lines<R: Read>(reader: &mut BufReader<R>) -> Option<Vec<Bytes>> {
    let mut batch = Vec::new();
    loop {
        let mut line = Vec::new();
        let read = reader.read_until(b'\n', &mut line);
        if !line.is_empty() {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            batch.push(Bytes::from(line));
        }
        let more = read.is_ok_and(|n| n > 0) && reader.buffer().contains(&b'\n');
        if !more || batch.len() >= BATCH_LINES {
            return (!batch.is_empty()).then_some(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let cases: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"a", &[b"a"]),
            (b"a\nb\n", &[b"a", b"b"]),
            (b"\n\na", &[b"", b"", b"a"]),
            (b"\xFF\r\n\0\n", &[b"\xFF\r", b"\0"]),
            (b"a b\nlonger than the buffer is\nc", &[b"a b", b"longer than the buffer is", b"c"]),
        ];
        for (input, expected) in cases {
            for capacity in [1, 4, 1000] {
                let mut reader = BufReader::with_capacity(capacity, input);
                let lines: Vec<Bytes> = std::iter::from_fn(|| next_lines(&mut reader)).flatten().collect();
                assert_eq!(lines, expected, "{input:?} {capacity}");
            }
        }
    }

    #[test]
    fn lines_that_are_there_come_together() {
        let input = "x\n".repeat(BATCH_LINES + 1);
        let mut reader = BufReader::with_capacity(64 * 1024, input.as_bytes());
        let sizes: Vec<usize> =
            std::iter::from_fn(|| next_lines(&mut reader)).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [BATCH_LINES, 1]);
    }
}
