//! One connection, from its first packet to its last. Which transport it is makes no difference here.
//!
//! ```text
//! first packet -> authenticate -> let in -> ( read, decode, exchange with the broker, write )* -> farewell -> close
//! ```
//!
//! The loop is one future without tasks or channels of its own. An idle connection holds no buffers: a read buffer is
//! borrowed from its thread when there is something to read, and given back when everything in it is decoded.

use crate::auth::Refusal;
use crate::broker::{ConnId, ConnectError, Event, Output, Peer, Step};
use crate::hub::{Hub, Input};
use crate::listener::Transport;
use crate::outbox::WriteQueue;
use bytes::{Buf, Bytes, BytesMut};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tabmq_shared::ByteString;
use tabmq_shared::codec::{self, DecodeError, Limits};
use tabmq_shared::packet::{Auth, ConnAck, ConnAckProperties, Connect, Packet, ReasonCode, Version};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::io::{poll_read_buf, poll_write_buf};

/// A client must have sent its whole CONNECT within this time (5.0 section 3.1.4: "a reasonable amount of time").
const FIRST_PACKET_TIME: Duration = Duration::from_secs(10);

/// How long the last packets may take to leave.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// The size of a read.
const READ_BYTES: usize = 64 * 1024;

/// How many read buffers a thread keeps for its connections.
const POOLED_READ_BUFFERS: usize = 8;

/// While this many bytes of acknowledgements wait to be written, nothing more is read.
const CONTROL_BACKLOG_BYTES: usize = 64 * 1024;

/// The most that a CONNECT may be long, whatever packets may be later: user name, password and will included.
const CONNECT_BYTES: u32 = 1024 * 1024;

/// Serves one connection to its end. What happens is told as events; nothing is returned.
pub async fn serve(mut transport: Transport, peer: Peer, hub: Arc<Hub>) {
    let mut input = BytesMut::new();
    let first = tokio::time::timeout(FIRST_PACKET_TIME, first_packet(&mut transport, &mut input, &hub)).await;
    let connect = match first {
        Ok(Ok(Some(connect))) => connect,
        Ok(Ok(None)) => return, // it came and went: a port scan, a health check
        Ok(Err(not_mqtt)) => return refuse(transport, peer, &hub, not_mqtt).await,
        Err(_elapsed) => {
            let why = format!("no CONNECT within {} s", FIRST_PACKET_TIME.as_secs());
            return refuse(transport, peer, &hub, NotLetIn::silent(ReasonCode::UnspecifiedError, why)).await;
        }
    };
    let (version, client_id, username) =
        (connect.version, connect.client_id.clone(), connect.username.clone());
    let max_packet_size = connect.properties.maximum_packet_size;
    let about = |not_let_in: NotLetIn| NotLetIn {
        client_id: Some(client_id),
        username,
        max_packet_size,
        ..not_let_in
    };
    let last_data = match authenticate(&mut transport, &mut input, &hub, &connect, &peer).await {
        Ok(last_data) => last_data,
        Err(not_let_in) => return refuse(transport, peer, &hub, about(not_let_in)).await,
    };
    let conn = match hub.connect(*connect, last_data, peer) {
        Ok(conn) => conn,
        Err(ConnectError { reason, why, server_reference }) => {
            let not_let_in = NotLetIn { server_reference, ..NotLetIn::told(version, reason, why) };
            return refuse(transport, peer, &hub, about(not_let_in)).await;
        }
    };
    let limits = Limits { max_packet_size: hub.max_packet_size(), ..Limits::of_server() };
    let mut exchange = Exchange::new(transport, hub, conn, version, limits, input);
    let error = poll_fn(|cx| exchange.poll(cx)).await.err();
    exchange.farewell(error).await;
}

/// The CONNECT, or `None` if the transport ended before a single byte. What came behind it stays in `input`.
async fn first_packet(
    transport: &mut Transport,
    input: &mut BytesMut,
    hub: &Hub,
) -> Result<Option<Box<Connect>>, NotLetIn> {
    match next_packet(transport, input, Version::V5, hub).await? {
        Some(Packet::Connect(connect)) => Ok(Some(connect)),
        None if input.is_empty() => Ok(None),
        None => {
            let why = "the connection was closed within the first packet".to_owned();
            Err(NotLetIn::silent(ReasonCode::MalformedPacket, why))
        }
        // [MQTT-3.1.0-1]
        Some(other) => {
            let why = format!("the first packet is {}, not CONNECT", other.packet_type().name());
            Err(NotLetIn::silent(ReasonCode::ProtocolError, why))
        }
    }
}

/// The next packet of a client that has not been let in yet; `None`: the end, perhaps within a packet.
async fn next_packet(
    transport: &mut Transport,
    input: &mut BytesMut,
    version: Version,
    hub: &Hub,
) -> Result<Option<Packet>, NotLetIn> {
    let limits = Limits { max_packet_size: hub.max_packet_size().min(CONNECT_BYTES), ..Limits::of_server() };
    loop {
        if let Some(packet) = codec::decode(input, version, &limits).map_err(NotLetIn::malformed)? {
            return Ok(Some(packet));
        }
        input.reserve(1024);
        match poll_fn(|cx| poll_read_buf(Pin::new(&mut *transport), cx, input)).await {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(_) if input.is_empty() => return Ok(None),
            Err(error) => {
                let why = format!("the connection was lost within a packet: {error}");
                return Err(NotLetIn::silent(ReasonCode::UnspecifiedError, why));
            }
        }
    }
}

/// Asks whether the client may come in: by user name and password, or by the method that it names.
async fn authenticate(
    transport: &mut Transport,
    input: &mut BytesMut,
    hub: &Hub,
    connect: &Connect,
    peer: &Peer,
) -> Result<Option<Bytes>, NotLetIn> {
    let told = |reason, why| NotLetIn::told(connect.version, reason, why);
    let Some(method) = &connect.properties.authentication_method else {
        let verdict = hub.authenticator().authenticate(connect, peer).await;
        return verdict
            .map(|()| None)
            .map_err(|Refusal { reason, why }| NotLetIn::denied(connect.version, reason, why));
    };
    let Some(mut exchange) = hub.authenticator().methods().begin(method) else {
        let why = format!("authentication method {method:?} is not known"); // [MQTT-4.12.0-1]
        return Err(told(ReasonCode::BadAuthenticationMethod, why));
    };
    let mut data = connect.properties.authentication_data.clone();
    loop {
        match exchange.step(data.as_ref()) {
            Ok(Step::Done(last_data)) => return Ok(last_data),
            Ok(Step::Continue(challenge)) => {
                data = challenged(transport, input, hub, method, challenge).await?;
            }
            // [MQTT-4.12.0-4]
            Err(why) => return Err(NotLetIn::denied(connect.version, ReasonCode::NotAuthorized, why)),
        }
    }
}

/// Sends AUTH and waits for the client's.
async fn challenged(
    transport: &mut Transport,
    input: &mut BytesMut,
    hub: &Hub,
    method: &ByteString,
    challenge: Bytes,
) -> Result<Option<Bytes>, NotLetIn> {
    let lost = |error: io::Error| NotLetIn::silent(ReasonCode::UnspecifiedError, error.to_string());
    let auth = Auth {
        reason: ReasonCode::ContinueAuthentication, // [MQTT-4.12.0-2]
        method: Some(method.clone()),               // [MQTT-4.12.0-5]
        data: Some(challenge),
        reason_string: None,
        user: Vec::new(),
    };
    let mut bytes = BytesMut::new();
    if codec::encode(&Packet::Auth(Box::new(auth)), Version::V5, &mut bytes).is_ok() {
        transport.write_all(&bytes).await.map_err(lost)?;
        transport.flush().await.map_err(lost)?;
    }
    let next = tokio::time::timeout(FIRST_PACKET_TIME, next_packet(transport, input, Version::V5, hub)).await;
    let told = |reason, why: &str| Err(NotLetIn::told(Version::V5, reason, why.to_owned()));
    match next {
        Ok(Ok(Some(Packet::Auth(auth)))) => {
            if auth.method.as_ref() != Some(method) {
                return told(ReasonCode::ProtocolError, "AUTH with another method than that of CONNECT");
            }
            if auth.reason != ReasonCode::ContinueAuthentication {
                return told(ReasonCode::ProtocolError, "AUTH out of turn"); // [MQTT-4.12.0-3]
            }
            Ok(auth.data)
        }
        Ok(Ok(Some(_))) => {
            told(ReasonCode::ProtocolError, "a packet other than AUTH within the authentication") // [MQTT-3.1.2-30]
        }
        Ok(Ok(None)) => {
            let why = "the client left within the authentication".to_owned();
            Err(NotLetIn::silent(ReasonCode::UnspecifiedError, why))
        }
        Ok(Err(not_let_in)) => Err(not_let_in),
        Err(_elapsed) => told(ReasonCode::NotAuthorized, "no answer within the authentication"),
    }
}

/// Why somebody is not let in.
struct NotLetIn {
    reason: ReasonCode,
    why: String,
    /// What the CONNACK is to be written in; `None`: there is none.
    version: Option<Version>,
    client_id: Option<ByteString>,
    username: Option<ByteString>,
    server_reference: Option<String>,
    /// The largest packet that the client takes, in bytes, if it said so.
    max_packet_size: Option<u32>,
    /// Whether the client may read `why`. Why it was not recognised is nobody's affair but the console's.
    for_the_client: bool,
}

impl NotLetIn {
    /// The CONNACK that says so; empty where there is none, or where the client would not take it.
    fn connack(&self) -> BytesMut {
        let mut bytes = BytesMut::new();
        let Some(version) = self.version else { return bytes };
        let reason_string = self.for_the_client.then(|| ByteString::from(self.why.as_str()));
        let server_reference = self.server_reference.as_deref().map(ByteString::from);
        let full = ConnAckProperties { reason_string, server_reference, ..ConnAckProperties::default() };
        // [MQTT-3.2.2-19] the reason string is left out where it would be too much
        for properties in [full, ConnAckProperties::default()] {
            let properties = if version.is_v5() { properties } else { ConnAckProperties::default() };
            let connack = ConnAck { session_present: false, reason: self.reason, properties };
            bytes.clear();
            let encoded = codec::encode(&Packet::ConnAck(Box::new(connack)), version, &mut bytes);
            if encoded.is_ok() && self.max_packet_size.is_none_or(|max| bytes.len() <= max as usize) {
                return bytes;
            }
        }
        BytesMut::new() // [MQTT-3.1.2-24]
    }

    /// What came was no CONNECT, so no CONNACK answers it.
    fn silent(reason: ReasonCode, why: String) -> Self {
        NotLetIn {
            reason,
            why,
            version: None,
            client_id: None,
            username: None,
            server_reference: None,
            max_packet_size: None,
            for_the_client: true,
        }
    }

    /// The client is told by CONNACK.
    fn told(version: Version, reason: ReasonCode, why: String) -> Self {
        NotLetIn { version: Some(version), ..NotLetIn::silent(reason, why) }
    }

    /// The client is told that it may not come in, but not why.
    fn denied(version: Version, reason: ReasonCode, why: String) -> Self {
        NotLetIn { for_the_client: false, ..NotLetIn::told(version, reason, why) }
    }

    fn malformed(error: DecodeError) -> Self {
        NotLetIn { version: error.version, ..NotLetIn::silent(error.reason, error.message) }
    }
}

/// Answers CONNACK if that is possible, and closes.
async fn refuse(mut transport: Transport, peer: Peer, hub: &Hub, not_let_in: NotLetIn) {
    hub.count_refused();
    let bytes = not_let_in.connack();
    let NotLetIn { reason, why, client_id, username, .. } = not_let_in;
    hub.tell(&Event::Refused { client_id, username, peer, reason, why });
    let farewell = async {
        if !bytes.is_empty() {
            transport.write_all(&bytes).await?;
        }
        transport.flush().await
    };
    // The client may be gone: then there is nobody to tell.
    if matches!(tokio::time::timeout(FAREWELL_TIME, farewell).await, Ok(Ok(()))) {
        transport.close().await;
    }
}

/// What a read brought.
enum Read {
    Bytes,
    /// The client closed its side.
    End,
}

/// A connection that has been let in.
struct Exchange {
    transport: Transport,
    hub: Arc<Hub>,
    conn: ConnId,
    version: Version,
    limits: Limits,
    /// Bytes of a packet that is not all there yet; without capacity if there are none.
    input: BytesMut,
    queue: WriteQueue,
    control_backlog: bool,
    /// The broker may have more to write than `queue`, and does not tell.
    more_output: bool,
    /// The broker has ended the connection: only what it has left for it is still written.
    ended: bool,
    /// CONNECT brought more than itself.
    decode_first: bool,
}

thread_local! {
    static READ_BUFFERS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static PACKETS: RefCell<Vec<Packet>> = const { RefCell::new(Vec::new()) };
}

impl Exchange {
    fn new(
        transport: Transport,
        hub: Arc<Hub>,
        conn: ConnId,
        version: Version,
        limits: Limits,
        input: BytesMut,
    ) -> Self {
        let decode_first = !input.is_empty();
        let input = if decode_first { input } else { BytesMut::new() };
        let queue = WriteQueue::default();
        Exchange {
            transport,
            hub,
            conn,
            version,
            limits,
            input,
            queue,
            control_backlog: false,
            more_output: true,
            ended: false,
            decode_first,
        }
    }

    /// Ready once there is nothing more to be read: the client is gone, or the broker has ended the connection.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.more_output = true; // perhaps it is the broker who woke us
        let mut nothing_to_read = false;
        loop {
            let writing = self.poll_write(cx)?.is_pending();
            // A client that does not take its acknowledgements is not read from: that bounds them.
            if !nothing_to_read && !(self.control_backlog && writing) {
                match self.poll_read(cx)? {
                    Poll::Ready(Read::End) => return Poll::Ready(Ok(())),
                    Poll::Ready(Read::Bytes) if self.ended => return Poll::Ready(Ok(())),
                    Poll::Ready(Read::Bytes) => continue,
                    Poll::Pending => nothing_to_read = true,
                }
            }
            if self.more_output {
                self.visit(cx.waker(), 0, None);
                if self.ended {
                    return Poll::Ready(Ok(()));
                }
                if !writing && self.queue.has_remaining() {
                    continue;
                }
            }
            if !writing {
                self.queue.recycle();
            }
            return Poll::Pending;
        }
    }

    /// Pending while there is something that the transport does not take.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wrote = false;
        while self.queue.has_remaining() {
            let written = ready!(poll_write_buf(Pin::new(&mut self.transport), cx, &mut self.queue))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            wrote = true;
        }
        if wrote {
            // Nothing for TCP; a WebSocket or TLS may still hold some of it. If so, it goes on by itself.
            let _ = Pin::new(&mut self.transport).poll_flush(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, decodes all that it brought and visits the broker.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        if std::mem::take(&mut self.decode_first) {
            self.decode_and_visit(cx, self.input.len());
            return Poll::Ready(Ok(Read::Bytes));
        }
        ready!(self.transport.poll_read_ready(cx))?;
        if self.input.capacity() == 0 {
            self.input = READ_BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        self.input.reserve(READ_BYTES);
        let read = poll_read_buf(Pin::new(&mut self.transport), cx, &mut self.input);
        let result = match read {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(Read::End)),
            Poll::Ready(Ok(bytes)) => {
                self.decode_and_visit(cx, bytes);
                Poll::Ready(Ok(Read::Bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        if self.input.is_empty() {
            let buffer = std::mem::take(&mut self.input);
            READ_BUFFERS.with_borrow_mut(|pool| {
                if pool.len() < POOLED_READ_BUFFERS {
                    pool.push(buffer);
                }
            });
        }
        result
    }

    fn decode_and_visit(&mut self, cx: &Context<'_>, bytes: usize) {
        PACKETS.with_borrow_mut(|packets| {
            let error = loop {
                match codec::decode(&mut self.input, self.version, &self.limits) {
                    Ok(Some(packet)) => packets.push(packet),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            self.visit(cx.waker(), bytes, Some((&mut *packets, error)));
            packets.clear();
        });
    }

    /// Brings what was read to the broker, and takes what waits if everything before it is written.
    fn visit(
        &mut self,
        waker: &Waker,
        bytes: usize,
        input: Option<(&mut Vec<Packet>, Option<DecodeError>)>,
    ) -> Output {
        let mut nothing = Vec::new();
        let (packets, error) = input.unwrap_or((&mut nothing, None));
        let input = Input { packets, bytes, error };
        let exchanged = self.hub.exchange(self.conn, input, &mut self.queue, waker);
        self.control_backlog = exchanged.control_bytes > CONTROL_BACKLOG_BYTES;
        self.ended = exchanged.ended;
        self.more_output = matches!(exchanged.output, Output::Data { more: true });
        exchanged.output
    }

    /// Writes what is left, if the transport still takes it, and frees everything.
    async fn farewell(mut self, error: Option<io::Error>) {
        let broken = error.is_some();
        if broken || !self.ended {
            self.hub.end(self.conn, error.map(|error| error.to_string()));
        }
        if !broken {
            let last_words = poll_fn(|cx| {
                loop {
                    ready!(self.poll_write(cx))?;
                    if self.visit(cx.waker(), 0, None) == Output::Close {
                        return Poll::Ready(io::Result::Ok(()));
                    }
                }
            });
            let said = tokio::time::timeout(FAREWELL_TIME, last_words).await;
            self.hub.release(self.conn);
            if matches!(said, Ok(Ok(()))) {
                self.transport.close().await;
            }
        } else {
            self.hub.release(self.conn);
        }
    }
}

#[cfg(test)]
mod tests;
