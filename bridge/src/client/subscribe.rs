//! `tabmq sub`.

use super::Failure;
use super::args::SubArgs;
use super::driver::{Driver, Watch, interrupted};
use super::output::{Closed, Output};
use super::print::Print;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use tabmq_shared::client::{Backoff, Event};
use tabmq_shared::packet::{Publish, ReasonCode};
use tabmq_shared::topic::{TopicFilter, TopicName};

/// The exit code of `-W`, as mosquitto_sub has it.
const TIMED_OUT: u8 = 27;

/// Prints the messages that `args` ask for, until something that they name ends it.
pub async fn subscribe(args: SubArgs) -> Result<ExitCode, Failure> {
    let (mut session, subscriptions) = args.session()?;
    session.options.reconnect = Some(Backoff::default());
    let mut driver = session.start();
    let (machine, now) = driver.machine();
    let unanswered = subscriptions.len();
    if !args.unsubscribe.is_empty() {
        machine.unsubscribe(args.unsubscribe.clone(), now);
    }
    if !subscriptions.is_empty() {
        machine.subscribe(subscriptions, now);
    }
    let print = Print::new(&args);
    let mut output = Output::to(io::stdout());
    output.buffer().extend_from_slice(print.head());
    let subscriber = Subscriber {
        driver,
        watch: Watch::new("sub", args.connection.quiet),
        output,
        print,
        printed: 0,
        unanswered,
        granted: 0,
        args,
    };
    subscriber.run().await
}

struct Subscriber {
    driver: Driver,
    watch: Watch,
    output: Output,
    print: Print,
    args: SubArgs,
    /// Messages.
    printed: u64,
    /// Subscriptions that the broker has not answered.
    unanswered: usize,
    /// Subscriptions that it has granted.
    granted: usize,
}

/// Whether to go on.
type Flow = std::ops::ControlFlow<ExitCode>;

const GO_ON: Flow = Flow::Continue(());
const DONE: Flow = Flow::Break(ExitCode::SUCCESS);

impl Subscriber {
    async fn run(mut self) -> Result<ExitCode, Failure> {
        let result = self.receive().await;
        // Good-bye first: what is still coming in is not wanted.
        self.driver.finish().await;
        let written = self.output.finish().await;
        written.map_err(|error| Failure(format!("cannot write to standard output: {error}")))?;
        result
    }

    async fn receive(&mut self) -> Result<ExitCode, Failure> {
        let mut interrupted = pin!(interrupted());
        let timeout = self.args.timeout;
        let mut timed_out = pin!(async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        });
        loop {
            self.driver.set_reading(!self.output.is_full());
            let flow = tokio::select! {
                biased;
                () = &mut interrupted => DONE,
                () = &mut timed_out => Flow::Break(ExitCode::from(TIMED_OUT)),
                // Before the output: what comes at once is written at once.
                event = self.driver.event() => self.handle(event)?,
                // Also ends when nobody reads any more: `tabmq sub … | head -1` need not wait for another message.
                flushed = self.output.flush() => flushed.map_or_else(|Closed| DONE, |()| GO_ON),
            };
            if let Flow::Break(code) = flow {
                return Ok(code);
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<Flow, Failure> {
        match event {
            Event::StateChanged => {
                let (state, now) = self.driver.state();
                self.watch.state_changed(&state, now)?;
                Ok(GO_ON)
            }
            Event::Message(message) => Ok(self.message(&message)),
            Event::Subscribed { filter, result } => self.subscribed(&filter, result),
            Event::ProtocolError { message, .. } => {
                self.watch.warn(&format!("the server does not keep to the protocol: {message}"));
                Ok(GO_ON)
            }
            _ => Ok(GO_ON),
        }
    }

    fn message(&mut self, message: &Publish) -> Flow {
        if self.args.retained_only && !message.retain {
            return DONE; // retained messages come first
        }
        if (self.args.no_retained && message.retain) || self.is_filtered_out(message) {
            return GO_ON;
        }
        self.print.write(message, self.output.buffer());
        if self.output.flush_if_large().is_err() {
            return DONE;
        }
        self.printed += 1;
        if self.args.count.is_some_and(|count| self.printed >= count) { DONE } else { GO_ON }
    }

    fn is_filtered_out(&self, message: &Publish) -> bool {
        let filters = &self.args.filter_out;
        if filters.is_empty() {
            return false;
        }
        let topic = TopicName::new(message.topic.clone());
        topic.is_ok_and(|topic| filters.iter().any(|filter| filter.matches(&topic)))
    }

    fn subscribed(&mut self, filter: &TopicFilter, result: ReasonCode) -> Result<Flow, Failure> {
        self.unanswered = self.unanswered.saturating_sub(1);
        if result.is_error() {
            let refused =
                format!("the subscription to '{}' was refused: {result}", filter.as_str().escape_debug());
            if self.unanswered == 0 && self.granted == 0 {
                return Err(Failure(refused));
            }
            self.watch.warn(&refused);
        } else {
            self.granted += 1;
        }
        Ok(if self.args.exit_after_subscribe && self.unanswered == 0 { DONE } else { GO_ON })
    }
}
