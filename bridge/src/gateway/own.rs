//! The gateway's own connection to the broker: it carries what the API publishes, and by it the gateway knows how the
//! broker is.

use super::Credentials;
use super::upstream::Upstream;
use crate::broker::ServerMessage;
use crate::client::Driver;
use crate::http::gateway::PublishFailure;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmq_shared::ByteString;
use tabmq_shared::api::{self, UpstreamState};
use tabmq_shared::client::{
    Backoff, ConnectOptions, Event, Message, Outcome, PublishError, PublishId, State, Why,
};
use tabmq_shared::packet::{ReasonCode, Version};
use tokio::sync::{mpsc, oneshot};

/// How many messages of the API may be on their way at a time; further requests wait.
const IN_HAND: usize = 256;

/// How long the API waits for the broker's word.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// When the broker is asked again after it said no for good: somebody may have given the gateway a password meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// When 5.0 is tried again after neither version would do: it may be another broker by then.
const OTHER_VERSION: Duration = Duration::from_secs(5);

/// The connection's side that others see.
pub(super) struct Own {
    requests: mpsc::Sender<Request>,
    status: Arc<Mutex<Status>>,
}

/// A message of the API.
struct Request {
    message: Message,
    done: oneshot::Sender<Result<(), PublishFailure>>,
}

/// How the connection is.
#[derive(Clone, Debug)]
struct Status {
    state: UpstreamState,
    why: Option<String>,
    since: Instant,
    version: Version,
}

impl Own {
    /// Begins to connect, in a task that runs until it is dropped. Must be called inside a tokio runtime.
    pub(super) fn start(
        upstream: Arc<Upstream>,
        credentials: Option<Credentials>,
    ) -> (Own, impl Future<Output = ()>) {
        let (requests, inbox) = mpsc::channel(IN_HAND);
        let status = Arc::new(Mutex::new(Status {
            state: UpstreamState::Connecting,
            why: None,
            since: Instant::now(),
            version: upstream.first_version(),
        }));
        let own = Own { requests, status: Arc::clone(&status) };
        let driver = driver(&upstream, upstream.first_version(), credentials.as_ref());
        let task = Task { upstream, credentials, status, driver, anew_at: None, waiting: HashMap::new() };
        (own, task.run(inbox))
    }

    /// For `GET /api/v1/info`.
    pub(super) fn describe(&self, address: &str) -> api::Upstream {
        let Status { state, why, since, version } = self.status.lock().clone();
        api::Upstream {
            address: address.to_owned(),
            state,
            since_s: since.elapsed().as_secs(),
            protocol_version: version.to_string(),
            why,
        }
    }

    /// Publishes, and waits until the broker has the message.
    pub(super) async fn publish(&self, message: ServerMessage) -> Result<(), PublishFailure> {
        let Status { state, why, version, .. } = self.status.lock().clone();
        if state != UpstreamState::Connected {
            let why = why.unwrap_or_else(|| "the gateway is connecting to its broker".to_owned());
            return Err(PublishFailure::Unavailable(why));
        }
        if message.properties.is_some() && !version.is_v5() {
            let why = format!("the broker speaks MQTT {version}, in which messages have no properties");
            return Err(PublishFailure::Impossible(why));
        }
        let ServerMessage { topic, payload, qos, retain, properties } = message;
        let message = Message { topic, payload, qos, retain, properties };
        let (done, answer) = oneshot::channel();
        let lost = || PublishFailure::Unavailable("the connection to the broker was given up".to_owned());
        let asked = async {
            self.requests.send(Request { message, done }).await.map_err(|_| lost())?;
            answer.await.map_err(|_| lost())?
        };
        tokio::time::timeout(ANSWER_TIME, asked).await.unwrap_or_else(|_elapsed| {
            let seconds = ANSWER_TIME.as_secs();
            let words = format!("no answer from the broker within {seconds} s: the message may still arrive");
            Err(PublishFailure::Unavailable(words))
        })
    }
}

/// The task that drives the connection.
struct Task {
    upstream: Arc<Upstream>,
    credentials: Option<Credentials>,
    status: Arc<Mutex<Status>>,
    driver: Driver,
    /// When to begin anew, though the driver has stopped or tries in vain.
    anew_at: Option<tokio::time::Instant>,
    waiting: HashMap<PublishId, oneshot::Sender<Result<(), PublishFailure>>>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        loop {
            let (machine, _) = self.driver.machine();
            let takes_more = machine.state().is_connected() && self.waiting.len() < IN_HAND;
            let anew_at = self.anew_at.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                event = self.driver.event() => self.handle(event),
                request = inbox.recv(), if takes_more => match request {
                    Some(request) => self.publish(request),
                    None => return,
                },
                () = tokio::time::sleep_until(anew_at), if self.anew_at.is_some() => {
                    self.start(self.upstream.first_version());
                }
            }
        }
    }

    /// Begins to connect, in place of what was tried before.
    fn start(&mut self, version: Version) {
        self.anew_at = None;
        self.waiting.clear();
        self.driver = driver(&self.upstream, version, self.credentials.as_ref());
    }

    fn publish(&mut self, Request { message, done }: Request) {
        if done.is_closed() {
            return; // nobody waits for it any more, and its sender was told that it failed
        }
        let (machine, now) = self.driver.machine();
        match machine.publish(message, now) {
            Ok(id) => _ = self.waiting.insert(id, done),
            Err(error) => _ = done.send(Err(failure(&error))),
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::StateChanged => self.state_changed(),
            Event::Published { id, outcome } => {
                let Some(done) = self.waiting.remove(&id) else { return };
                let result = match outcome {
                    Outcome::Acknowledged(reason) if reason.is_error() => {
                        Err(PublishFailure::Refused(format!("the broker refused the message: {reason}")))
                    }
                    Outcome::Failed(error) => Err(failure(&error)),
                    Outcome::Sent | Outcome::Acknowledged(_) => Ok(()),
                };
                let _ = done.send(result); // nobody may be waiting any more
            }
            _ => {}
        }
    }

    fn state_changed(&mut self) {
        let (machine, _) = self.driver.machine();
        let version = machine.options().version;
        let (state, why) = match machine.state() {
            State::Idle | State::Opening { .. } | State::Connecting { .. } => return,
            State::Connected { .. } => (UpstreamState::Connected, None),
            State::Waiting { why, .. } | State::Stopped { why } => (state_for(why), Some(why.clone())),
        };
        let stopped = matches!(machine.state(), State::Stopped { .. });
        {
            let mut status = self.status.lock();
            if status.state != state {
                status.since = Instant::now();
            }
            (status.state, status.version) = (state, version);
            status.why = why.as_ref().map(Why::to_string);
        }
        // 5.0 can say more, but not every broker speaks it.
        let other_version = why.as_ref().is_some_and(is_about_the_version);
        match why {
            None => self.anew_at = None,
            Some(_) if other_version && version.is_v5() => self.start(Version::V311),
            Some(_) if other_version || stopped => {
                let pause = if stopped { ASK_AGAIN } else { OTHER_VERSION };
                self.anew_at.get_or_insert_with(|| tokio::time::Instant::now() + pause);
            }
            Some(_) => {}
        }
    }
}

fn driver(upstream: &Upstream, version: Version, credentials: Option<&Credentials>) -> Driver {
    Driver::start(options(version, credentials), upstream.place(version).clone())
}

fn options(version: Version, credentials: Option<&Credentials>) -> ConnectOptions {
    ConnectOptions {
        version,
        client_id: ByteString::from(format!("tabmq-gateway-{:08x}", fastrand::u32(..))),
        username: credentials.map(|credentials| ByteString::from(credentials.username.as_str())),
        password: credentials.and_then(|credentials| credentials.password.clone()),
        reconnect: Some(Backoff { min: Duration::from_millis(250), max: Duration::from_secs(5) }),
        ..ConnectOptions::default()
    }
}

fn state_for(why: &Why) -> UpstreamState {
    match why {
        Why::Refused { .. }
        | Why::AuthenticationUnsupported { .. }
        | Why::AuthenticationFailed(_)
        | Why::BadOptions(_) => UpstreamState::Refused,
        _ => UpstreamState::Unreachable,
    }
}

/// Whether a broker of another version of MQTT would have ended the connection like this.
fn is_about_the_version(why: &Why) -> bool {
    match why {
        Why::ClosedBeforeConnAck { .. } | Why::ProtocolError(_) => true,
        Why::Refused { reason, .. } => *reason == ReasonCode::UnsupportedProtocolVersion,
        _ => false,
    }
}

fn failure(error: &PublishError) -> PublishFailure {
    match error {
        PublishError::QueueFull { .. } => PublishFailure::Unavailable(error.to_string()),
        _ => PublishFailure::Impossible(error.to_string()),
    }
}
