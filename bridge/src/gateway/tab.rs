//! One tab: from its WebSocket to the broker, and to its end.

use super::Shared;
use super::first::Turned;
use super::pump::{self, Begun, End, Moved, Patience, Traffic};
use crate::client::Transport as Broker;
use crate::listener::Transport;
use crate::listener::ws::ByteStream;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tabmq_shared::packet::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::{debug, info, warn};

/// A tab must have sent its CONNECT within this time.
const FIRST_TIME: Duration = Duration::from_secs(10);

/// How long the last bytes may take to leave to the broker, and the broker to close.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// How a tab's WebSocket is closed (RFC 6455, section 7.4, and IANA's registry of close codes).
#[derive(Debug, PartialEq, Eq)]
struct Farewell {
    code: u16,
    words: String,
}

impl Farewell {
    /// "Normal closure".
    fn normal(words: impl Into<String>) -> Farewell {
        Farewell { code: 1000, words: words.into() }
    }

    /// "Going away": try again, this time somewhere that runs.
    fn going_away(words: impl Into<String>) -> Farewell {
        Farewell { code: 1001, words: words.into() }
    }

    /// "Policy violation".
    fn not_allowed(words: impl Into<String>) -> Farewell {
        Farewell { code: 1008, words: words.into() }
    }

    /// "Internal error": here the broker is gone.
    fn lost(words: impl Into<String>) -> Farewell {
        Farewell { code: 1011, words: words.into() }
    }

    /// "Try again later". 1014, "bad gateway", is what it is, but Chromium does not take that code.
    fn try_again(words: impl Into<String>) -> Farewell {
        Farewell { code: 1013, words: words.into() }
    }
}

/// Serves a tab to its end.
pub(super) async fn serve(mut tab: ByteStream, address: SocketAddr, shared: Arc<Shared>) {
    let place = shared.enter();
    let farewell = match &place {
        None => {
            let words = format!("the gateway has {} connections, as many as it may have", shared.limit);
            warn!(%address, "tab turned away: too many connections");
            Some(Farewell::try_again(words))
        }
        Some(_) => tokio::select! {
            farewell = carry(&mut tab, address, &shared) => farewell,
            () = shared.stop.cancelled() => Some(Farewell::going_away("the gateway stops")),
        },
    };
    if let Some(Farewell { code, words }) = farewell {
        tab.close_with(code, words);
    }
    Transport::WebSocket(Box::new(tab)).close(false).await;
    drop(place);
}

/// Connects to the broker and carries bytes. `None`: the tab has ended it.
async fn carry(tab: &mut ByteStream, address: SocketAddr, shared: &Shared) -> Option<Farewell> {
    let (version, first) = match first(tab, address, shared).await {
        Ok(first) => first,
        Err(farewell) => return farewell,
    };
    let mut broker = match shared.upstream.connect(version).await {
        Ok(broker) => broker,
        Err(words) => {
            warn!(%address, why = words.as_str(), "the broker cannot be reached");
            shared.failed.fetch_add(1, Ordering::Relaxed);
            return Some(Farewell::try_again(words));
        }
    };
    info!(%address, "tab connected");
    let begun = match begin(&mut broker, version, first, shared).await {
        Ok(begun) => begun,
        Err(end) => return farewell(&end, Moved::default(), shared),
    };
    let patience = Patience { first: FIRST_TIME, idle: shared.max_idle };
    let (end, moved) = pump::run(tab, &mut broker, begun, patience, shared).await;
    let farewell = farewell(&end, moved, shared);
    let why = words(&end);
    info!(%address, up_bytes = moved.up, down_bytes = moved.down, why = why.as_str(), "tab disconnected");
    if matches!(end, End::TabClosed) {
        close(broker).await;
    }
    farewell
}

/// What the tab sends first, as far as somebody wants to know, and the version that it speaks.
async fn first(
    tab: &mut ByteStream,
    address: SocketAddr,
    shared: &Shared,
) -> Result<(Version, Vec<u8>), Option<Farewell>> {
    if !shared.rules.need_it() {
        return Ok((Version::V5, Vec::new()));
    }
    let refused = |why: &str| {
        info!(%address, why, "tab turned away");
        shared.refused.fetch_add(1, Ordering::Relaxed);
    };
    match tokio::time::timeout(FIRST_TIME, shared.rules.read(tab)).await {
        Ok(Ok(first)) => {
            shared.up(first.bytes.len());
            Ok((first.version, first.bytes))
        }
        Ok(Err(Turned::Away { connack, why })) => {
            refused(&why);
            // The tab may be gone: then there is nobody to tell.
            let _ = tab.write_all(&connack).await;
            Err(Some(Farewell::normal(why)))
        }
        Ok(Err(Turned::NotMqtt(why))) => {
            refused(&why);
            Err(Some(Farewell::not_allowed(why)))
        }
        Ok(Err(Turned::Left)) => Err(None),
        Err(_elapsed) => Err(Some(silent())),
    }
}

/// What is to be done before bytes pass as they are: the broker's answer is looked at, if somebody wants to know it.
async fn begin(broker: &mut Broker, version: Version, up: Vec<u8>, shared: &Shared) -> Result<Begun, End> {
    if !shared.rules.look_at_answers(version) {
        return Ok(Begun { up, ..Begun::default() });
    }
    let answer = async {
        broker.write_all(&up).await?;
        broker.flush().await?;
        shared.rules.answer(broker, version).await
    };
    match tokio::time::timeout(FIRST_TIME, answer).await {
        Ok(Ok(down)) => {
            shared.down(down.len());
            Ok(Begun { written: up.len(), up: Vec::new(), down })
        }
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Err(End::BrokerClosed),
        Ok(Err(error)) => Err(End::BrokerLost(error)),
        Err(_elapsed) => Err(End::BrokerLost(ErrorKind::TimedOut.into())),
    }
}

fn farewell(end: &End, moved: Moved, shared: &Shared) -> Option<Farewell> {
    match end {
        End::TabClosed | End::TabLost(_) => None,
        // What a broker does to a client whose version it does not speak: the page knows what to advise.
        End::BrokerClosed if moved.down == 0 => Some(Farewell::normal("")),
        End::BrokerClosed => Some(Farewell::normal("the broker closed the connection")),
        End::BrokerLost(error) => {
            shared.failed.fetch_add(1, Ordering::Relaxed);
            Some(Farewell::lost(format!("the gateway has lost its connection to the broker: {error}")))
        }
        End::Silent => Some(silent()),
        End::Idle => Some(Farewell::going_away("nothing has passed for too long")),
    }
}

fn silent() -> Farewell {
    Farewell::not_allowed(format!("no CONNECT within {} s", FIRST_TIME.as_secs()))
}

/// For the console.
fn words(end: &End) -> String {
    match end {
        End::TabClosed => "the tab closed".to_owned(),
        End::TabLost(error) => format!("the tab is gone: {error}"),
        End::BrokerClosed => "the broker closed".to_owned(),
        End::BrokerLost(error) => format!("the broker is gone: {error}"),
        End::Silent => "the tab sent nothing".to_owned(),
        End::Idle => "nothing passed".to_owned(),
    }
}

/// Ends a connection so that what was written last still arrives: a socket that is dropped while unread bytes wait in it
/// sends a reset, and the broker would miss the DISCONNECT and publish the will.
async fn close(mut broker: Broker) {
    let goodbye = async {
        broker.shutdown().await?;
        let mut scratch = [0; 4096];
        while broker.read(&mut scratch).await? > 0 {}
        std::io::Result::Ok(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(CLOSE_TIME, goodbye).await {
        debug!(error = error.to_string().as_str(), "the broker did not close in order");
    }
}
