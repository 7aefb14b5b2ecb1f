//! Who may come in: the first packet, authentication, and what is said to those who may not.

use super::FAREWELL_TIME;
use crate::auth::Refusal;
use crate::broker::{Admitted, ConnectError, Event, Limit, Peer, Step};
use crate::hub::Hub;
use crate::listener::Transport;
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use tabmq_shared::ByteString;
use tabmq_shared::codec::{self, DecodeError, Limits};
use tabmq_shared::packet::{Auth, ConnAck, ConnAckProperties, Connect, Packet, ReasonCode, Version};
use tokio::io::AsyncWriteExt;
use tokio_util::io::poll_read_buf;

/// The most that a CONNECT may be long, whatever packets may be later: user name, password and will included.
const CONNECT_BYTES: u32 = 1024 * 1024;

/// The CONNECT, or `None` if the transport ended before a single byte. What came behind it stays in `input`.
pub(super) async fn first_packet(
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
    let decoding = hub.config().decoding();
    let limits = Limits { max_packet_size: decoding.max_packet_size.min(CONNECT_BYTES), ..decoding };
    loop {
        let beginning = input.first_chunk().copied();
        let decoded = codec::decode(input, version, &limits);
        if let Some(packet) = decoded.map_err(|error| NotLetIn::no_packet(beginning, error))? {
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

/// Asks whether the client may come in, and by which client id.
pub(super) async fn authenticate(
    transport: &mut Transport,
    input: &mut BytesMut,
    hub: &Hub,
    connect: &Connect,
    peer: &Peer,
) -> Result<Admitted, NotLetIn> {
    let admitted = recognise(transport, input, hub, connect, peer).await?;
    let verdict = hub.authenticator().check_client_id(&connect.client_id, &admitted.identity);
    verdict.map_err(|Refusal { reason, why }| NotLetIn::denied(connect.version, reason, why))?;
    Ok(admitted)
}

/// Asks who the client is: by user name and password, or by the method that it names.
async fn recognise(
    transport: &mut Transport,
    input: &mut BytesMut,
    hub: &Hub,
    connect: &Connect,
    peer: &Peer,
) -> Result<Admitted, NotLetIn> {
    let told = |reason, why| NotLetIn::told(connect.version, reason, why);
    let Some(method) = &connect.properties.authentication_method else {
        let verdict = hub.authenticator().authenticate(connect, peer).await;
        return verdict
            .map(|identity| Admitted { identity, last_data: None })
            .map_err(|Refusal { reason, why }| NotLetIn::denied(connect.version, reason, why));
    };
    let Some(mut exchange) = hub.authenticator().methods().begin(method, peer) else {
        let why = format!("authentication method {method:?} is not known"); // [MQTT-4.12.0-1]
        return Err(told(ReasonCode::BadAuthenticationMethod, why));
    };
    let mut data = connect.properties.authentication_data.clone();
    loop {
        match exchange.step(data.as_ref()) {
            Ok(Step::Done(admitted)) => return Ok(admitted),
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
    let time = super::connect_timeout(hub);
    let next = tokio::time::timeout(time, next_packet(transport, input, Version::V5, hub)).await;
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
        Err(_elapsed) => {
            hub.count_limit(Limit::ConnectTimeout);
            told(ReasonCode::NotAuthorized, "no answer within the authentication")
        }
    }
}

/// Why somebody is not let in.
pub(super) struct NotLetIn {
    reason: ReasonCode,
    why: String,
    /// What the CONNACK is to be written in; `None`: there is none.
    version: Option<Version>,
    server_reference: Option<String>,
    /// Whether the client may read `why`. Why it was not recognised is nobody's affair but the console's.
    for_the_client: bool,
}

impl NotLetIn {
    /// What came was no CONNECT, so no CONNACK answers it.
    pub(super) fn silent(reason: ReasonCode, why: String) -> Self {
        NotLetIn { reason, why, version: None, server_reference: None, for_the_client: true }
    }

    /// The broker does not do what CONNECT asks for.
    pub(super) fn refused(version: Version, error: ConnectError) -> Self {
        let ConnectError { reason, why, server_reference } = error;
        // Which rule says no is for the console.
        let for_the_client = reason != ReasonCode::NotAuthorized;
        NotLetIn { server_reference, for_the_client, ..NotLetIn::told(version, reason, why) }
    }

    /// There are too many connections already, or they come too fast.
    pub(super) fn beyond(version: Version, limit: Limit) -> Self {
        let reason = match limit {
            Limit::ConnectRatePerAddress => ReasonCode::ConnectionRateExceeded,
            _ => ReasonCode::QuotaExceeded,
        };
        NotLetIn::told(version, reason, format!("the limit {} is reached", limit.name()))
    }

    /// The client is told by CONNACK.
    fn told(version: Version, reason: ReasonCode, why: String) -> Self {
        NotLetIn { version: Some(version), ..NotLetIn::silent(reason, why) }
    }

    /// The client is told that it may not come in, but not why.
    fn denied(version: Version, reason: ReasonCode, why: String) -> Self {
        NotLetIn { for_the_client: false, ..NotLetIn::told(version, reason, why) }
    }

    /// What came is no packet. Two mistakes are frequent, and deserve more than what the decoder can say.
    fn no_packet(beginning: Option<[u8; 3]>, error: DecodeError) -> Self {
        let why = match beginning.as_ref().map(<[u8; 3]>::as_slice) {
            Some([0x16, 0x03, _]) => {
                "TLS on a port without it: the client must use a port of --mqtts, or connect without TLS (mqtt://)"
            }
            Some(b"GET" | b"HEA" | b"POS" | b"PUT" | b"OPT") => {
                "HTTP on the MQTT port: the page and WebSocket are at the address of --http"
            }
            _ => return NotLetIn::malformed(error),
        };
        NotLetIn::silent(error.reason, why.to_owned())
    }

    fn malformed(error: DecodeError) -> Self {
        NotLetIn { version: error.version, ..NotLetIn::silent(error.reason, error.message) }
    }

    /// Tells the console, and the client if that is possible, and closes.
    pub(super) async fn tell(
        self,
        mut transport: Transport,
        peer: Peer,
        connect: Option<&Connect>,
        hub: &Hub,
    ) {
        hub.count_refused();
        let bytes = self.connack(connect.and_then(|connect| connect.properties.maximum_packet_size));
        hub.tell(&Event::Refused {
            client_id: connect.map(|connect| connect.client_id.clone()),
            username: connect.and_then(|connect| connect.username.clone()),
            peer,
            reason: self.reason,
            why: self.why,
        });
        let farewell = async {
            if !bytes.is_empty() {
                transport.write_all(&bytes).await?;
            }
            transport.flush().await
        };
        // The client may be gone: then there is nobody to tell.
        if matches!(tokio::time::timeout(FAREWELL_TIME, farewell).await, Ok(Ok(()))) {
            transport.close(false).await;
        }
    }

    /// The CONNACK that says so; empty where there is none, or where it is larger than the client takes.
    fn connack(&self, max_packet_size: Option<u32>) -> BytesMut {
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
            if encoded.is_ok() && max_packet_size.is_none_or(|max| bytes.len() <= max as usize) {
                return bytes;
            }
        }
        BytesMut::new() // [MQTT-3.1.2-24]
    }
}
