//! One connection, from its first packet to its last. Which transport it is makes no difference here.
//!
//! ```text
//! first packet -> authenticate -> let in -> ( read, decode, exchange with the broker, write )* -> farewell -> close
//! '--------- admission ---------'           '------------------ exchange -----------------------------'
//! ```
//!
//! One future without tasks or channels of its own. An idle connection holds no buffers: a read buffer is borrowed
//! from its thread when there is something to read, and given back when everything in it is decoded.

mod admission;
mod exchange;
#[cfg(test)]
mod tests;

use crate::broker::Peer;
use crate::hub::Hub;
use crate::listener::Transport;
use admission::NotLetIn;
use bytes::BytesMut;
use exchange::Exchange;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::packet::ReasonCode;

/// A client must have sent its whole CONNECT within this time (5.0 section 3.1.4: "a reasonable amount of time").
const FIRST_PACKET_TIME: Duration = Duration::from_secs(10);

/// How long the last packets may take to leave.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// Serves one connection to its end. What happens is told as events; nothing is returned.
pub async fn serve(mut transport: Transport, peer: Peer, hub: Arc<Hub>) {
    let mut input = BytesMut::new();
    let first = admission::first_packet(&mut transport, &mut input, &hub);
    let connect = match tokio::time::timeout(FIRST_PACKET_TIME, first).await {
        Ok(Ok(Some(connect))) => connect,
        Ok(Ok(None)) => return, // it came and went: a port scan, a health check
        Ok(Err(not_mqtt)) => return not_mqtt.tell(transport, peer, None, &hub).await,
        Err(_elapsed) => {
            let why = format!("no CONNECT within {} s", FIRST_PACKET_TIME.as_secs());
            let too_slow = NotLetIn::silent(ReasonCode::UnspecifiedError, why);
            return too_slow.tell(transport, peer, None, &hub).await;
        }
    };
    let last_data = match admission::authenticate(&mut transport, &mut input, &hub, &connect, &peer).await {
        Ok(last_data) => last_data,
        Err(stranger) => return stranger.tell(transport, peer, Some(&connect), &hub).await,
    };
    let conn = match hub.connect(&connect, last_data, peer) {
        Ok(conn) => conn,
        Err(error) => {
            let refused = NotLetIn::refused(connect.version, error);
            return refused.tell(transport, peer, Some(&connect), &hub).await;
        }
    };
    let mut exchange = Exchange::new(transport, hub, conn, connect.version, input);
    drop(connect);
    let error = poll_fn(|cx| exchange.poll(cx)).await.err();
    exchange.farewell(error).await;
}
