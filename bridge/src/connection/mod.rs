//! One connection, from its first packet to its last. Which transport it is makes no difference here.
//!
//! ```text
//! first packet -> authenticate -> let in -> ( read, decode, exchange with the broker, write )* -> farewell -> close
//! '--------- admission ---------'           '------------------ exchange -----------------------------'
//! ```
//!
//! One future ([`Life`]) without tasks or channels of its own. An idle connection holds no buffers: a read buffer is borrowed
//! from its thread when there is something to read, and given back when everything in it is decoded.

mod admission;
mod exchange;
mod read_buffer;
#[cfg(test)]
mod tests;
mod throttle;

use crate::broker::{Limit, Peer};
use crate::gate::Place;
use crate::hub::Hub;
use crate::listener::Transport;
use admission::NotLetIn;
use bytes::BytesMut;
use exchange::Exchange;
use std::borrow::Borrow;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tabmq_shared::packet::ReasonCode;

/// How long a client that is one too many may take for its CONNECT, if it wants to be told.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How long the last packets may take to leave.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// Serves one connection to its end, and keeps its place so long. What happens is told as events; nothing is returned.
pub fn serve<P>(transport: Transport, peer: Peer, hub: Arc<Hub>, place: P) -> Life<P>
where
    P: Borrow<Place> + Unpin,
{
    Life { stage: Stage::LettingIn(Box::pin(let_in(transport, peer, hub))), place }
}

/// A connection from its beginning to its end. Written by hand, and not as an `async` block, for its size: there are as
/// many of them as clients, and most do nothing. A task of the runtime takes 256 bytes as long as this takes 160.
pub struct Life<P> {
    stage: Stage,
    place: P,
}

/// What comes once for each connection is boxed: it is not kept for the time in between.
enum Stage {
    LettingIn(Pin<Box<dyn Future<Output = Option<Exchange>> + Send>>),
    Exchanging(Exchange),
    Leaving(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

impl<P: Borrow<Place> + Unpin> Future for Life<P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Life { stage, place } = self.get_mut();
        loop {
            *stage = match stage {
                Stage::LettingIn(letting_in) => match ready!(letting_in.as_mut().poll(cx)) {
                    Some(exchange) => {
                        (*place).borrow().settle();
                        Stage::Exchanging(exchange)
                    }
                    None => Stage::Over,
                },
                Stage::Exchanging(exchange) => {
                    let error = ready!(exchange.poll(cx)).err();
                    match mem::replace(stage, Stage::Over) {
                        Stage::Exchanging(exchange) => Stage::Leaving(Box::pin(exchange.farewell(error))),
                        other => other,
                    }
                }
                Stage::Leaving(leaving) => {
                    ready!(leaving.as_mut().poll(cx));
                    Stage::Over
                }
                Stage::Over => return Poll::Ready(()),
            };
        }
    }
}

/// Tells a client that it is one too many. It has little time to say in which version.
pub async fn refuse(mut transport: Transport, peer: Peer, hub: Arc<Hub>, limit: Limit) {
    let mut input = BytesMut::new();
    let first = admission::first_packet(&mut transport, &mut input, &hub);
    if let Ok(Ok(Some(connect))) = tokio::time::timeout(REFUSAL_TIME, first).await {
        NotLetIn::beyond(connect.version, limit).tell(transport, peer, Some(&connect), &hub).await;
    }
}

/// From the first packet to CONNACK; `None`: it did not come to that, and the connection is closed.
async fn let_in(mut transport: Transport, peer: Peer, hub: Arc<Hub>) -> Option<Exchange> {
    let mut input = BytesMut::new();
    let first = admission::first_packet(&mut transport, &mut input, &hub);
    let time = connect_timeout(&hub);
    let connect = match tokio::time::timeout(time, first).await {
        Ok(Ok(Some(connect))) => connect,
        Ok(Ok(None)) => return None, // it came and went: a port scan, a health check
        Ok(Err(not_mqtt)) => {
            not_mqtt.tell(transport, peer, None, &hub).await;
            return None;
        }
        Err(_elapsed) => {
            hub.count_limit(Limit::ConnectTimeout);
            let why = format!("no CONNECT within {} s", time.as_secs());
            NotLetIn::silent(ReasonCode::UnspecifiedError, why).tell(transport, peer, None, &hub).await;
            return None;
        }
    };
    let admitted = admission::authenticate(&mut transport, &mut input, &hub, &connect, &peer).await;
    let refused = match admitted.map(|admitted| hub.connect(&connect, admitted, peer.clone())) {
        Ok(Ok(conn)) => return Some(Exchange::new(transport, hub, conn, connect.version, input)),
        Ok(Err(error)) => NotLetIn::refused(connect.version, error),
        Err(stranger) => stranger,
    };
    refused.tell(transport, peer, Some(&connect), &hub).await;
    None
}

/// A client must have sent its whole CONNECT within this time (5.0 section 3.1.4: "a reasonable amount of time").
fn connect_timeout(hub: &Hub) -> Duration {
    Duration::from_secs(hub.config().limits.connect_timeout_s.into())
}
