//! The bridge's side at this broker: a client like any other, but for the socket.
//!
//! It hands packets in and takes the bytes that would be written to a socket, so that queues, quotas, drops and counters
//! are the broker's, and the same as everybody's. What the other broker has not acknowledged is not acknowledged here
//! either: during an outage it waits in the session of the bridge, within the limits of all sessions.

use crate::broker::{Admitted, ConnId, ConnectError, Output, Peer, ServerMessage, TransportKind};
use crate::hub::{Hub, Input};
use crate::outbox::WriteQueue;
use bytes::{Buf, BytesMut};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::task::{Context, Poll};
use tabmq_shared::ByteString;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Connect, ConnectProperties, Packet, Version};

/// How many messages at QoS 1 and 2 the bridge has in hand; the others wait in its session.
const IN_HAND: NonZeroU16 = match NonZeroU16::new(1000) {
    Some(number) => number,
    None => NonZeroU16::MIN,
};

/// What one packet counts for in the statistics of bytes received: it was never in bytes.
const PACKET_BYTES: usize = 4;

/// A connection to the hub without a socket.
pub(super) struct Local {
    hub: Arc<Hub>,
    conn: ConnId,
    /// To be handed in with the next visit.
    answers: Vec<Packet>,
    queue: WriteQueue,
    /// Taken and not decoded.
    input: BytesMut,
}

impl Local {
    /// Lets the bridge in. Its session lasts as long as the broker; `resume` continues it.
    pub(super) fn connect(hub: &Arc<Hub>, client_id: &str, resume: bool) -> Result<Local, ConnectError> {
        Local::enter(hub, client_id, resume, u32::MAX)
    }

    /// Ends the session.
    pub(super) fn forget(hub: &Arc<Hub>, client_id: &str) {
        // Who is not let in has no session either.
        let _ = Local::enter(hub, client_id, false, 0);
    }

    fn enter(
        hub: &Arc<Hub>,
        client_id: &str,
        resume: bool,
        session_expiry_s: u32,
    ) -> Result<Local, ConnectError> {
        let connect = Connect {
            version: Version::V5,
            is_bridge: false,
            clean_start: !resume,
            keep_alive_s: 0,
            client_id: ByteString::from(client_id),
            will: None,
            username: None,
            password: None,
            properties: ConnectProperties {
                session_expiry_s: Some(session_expiry_s),
                receive_maximum: Some(IN_HAND),
                ..ConnectProperties::default()
            },
        };
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let peer = Peer::new(nowhere, TransportKind::Bridge);
        let conn = hub.connect(&connect, Admitted::default(), peer)?;
        let (answers, queue, input) = (Vec::new(), WriteQueue::default(), BytesMut::new());
        Ok(Local { hub: Arc::clone(hub), conn, answers, queue, input })
    }

    /// Hands a packet in with the next visit.
    pub(super) fn send(&mut self, packet: Packet) {
        self.answers.push(packet);
    }

    /// Publishes what came from the other broker. It does not come back to the bridge.
    pub(super) fn publish(&self, message: ServerMessage) {
        self.hub.publish_from(self.conn, message);
    }

    /// Hands in what was to be sent, and waits for packets. `None`: the broker has ended the connection. May be given up
    /// and called again: nothing is lost.
    pub(super) async fn packets(&mut self) -> Option<Vec<Packet>> {
        poll_fn(|cx| self.poll_packets(cx)).await
    }

    fn poll_packets(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<Packet>>> {
        loop {
            let bytes = self.answers.len().saturating_mul(PACKET_BYTES);
            let input = Input { packets: &mut self.answers, bytes, error: None };
            let visit = self.hub.exchange(self.conn, input, &mut self.queue, cx.waker());
            while self.queue.has_remaining() {
                let chunk = self.queue.chunk();
                let length = chunk.len();
                self.input.extend_from_slice(chunk);
                self.queue.advance(length);
            }
            let packets = self.decode();
            if !packets.is_empty() {
                return Poll::Ready(Some(packets));
            }
            match visit.output {
                Output::Data { .. } => {}
                Output::Idle => return Poll::Pending,
                Output::Close => return Poll::Ready(None),
            }
        }
    }

    fn decode(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let limits = Limits::of_client();
        // The broker's own packets cannot be wrong.
        while let Ok(Some(packet)) = codec::decode(&mut self.input, Version::V5, &limits) {
            packets.push(packet);
        }
        packets
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.hub.end(self.conn, None);
        self.hub.release(self.conn);
    }
}
