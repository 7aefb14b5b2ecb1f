//! Bytes over a real connection. What comes back is read by mqttbytes, so that our encoder is never checked by our own
//! decoder.

use crate::in_time;
use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use mqttbytes::{v4, v5};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The largest packet that is read back, in bytes.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// One connection.
pub struct Raw {
    wire: Wire,
    received: BytesMut,
}

enum Wire {
    Tcp(TcpStream),
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
}

impl Raw {
    /// A TCP connection, nothing sent yet.
    pub async fn tcp(address: SocketAddr) -> Result<Raw> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Raw { wire: Wire::Tcp(stream), received: BytesMut::new() })
    }

    /// The same, from this address of the machine.
    pub async fn tcp_from(from: Ipv4Addr, address: SocketAddr) -> Result<Raw> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Raw { wire: Wire::Tcp(stream), received: BytesMut::new() })
    }

    /// A WebSocket connection with this subprotocol, nothing sent in it yet.
    pub async fn websocket(url: &str, subprotocol: &str) -> Result<Raw> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse()?);
        let (stream, response) = tokio_tungstenite::connect_async(request).await?;
        let echoed = response.headers().get("Sec-WebSocket-Protocol").and_then(|value| value.to_str().ok());
        ensure!(echoed == Some(subprotocol), "asked for {subprotocol}, got {echoed:?}");
        Ok(Raw { wire: Wire::WebSocket(Box::new(stream)), received: BytesMut::new() })
    }

    /// The other side of a WebSocket connection: takes the next one that somebody opens here.
    pub async fn accept(listener: &TcpListener) -> Result<Raw> {
        let (stream, _) = in_time("connection", listener.accept()).await??;
        // What was asked for is what is spoken.
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let answer = |request: &Request, mut response: Response| {
            if let Some(asked) = request.headers().get("Sec-WebSocket-Protocol") {
                response.headers_mut().insert("Sec-WebSocket-Protocol", asked.clone());
            }
            Ok(response)
        };
        let stream = tokio_tungstenite::accept_hdr_async(MaybeTlsStream::Plain(stream), answer).await?;
        Ok(Raw { wire: Wire::WebSocket(Box::new(stream)), received: BytesMut::new() })
    }

    /// Sends bytes as they are; over WebSocket as one binary frame.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.wire {
            Wire::Tcp(stream) => stream.write_all(bytes).await?,
            Wire::WebSocket(stream) => stream.send(Frame::binary(bytes.to_vec())).await?,
        }
        Ok(())
    }

    /// Sends a frame that MQTT forbids: text.
    pub async fn send_text(&mut self, text: &str) -> Result<()> {
        match &mut self.wire {
            Wire::Tcp(_) => bail!("TCP has no frames"),
            Wire::WebSocket(stream) => Ok(stream.send(Frame::text(text)).await?),
        }
    }

    /// Sends what one of mqttbytes' packets writes.
    pub async fn write<E: std::fmt::Debug>(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<usize, E>,
    ) -> Result<()> {
        let mut bytes = BytesMut::new();
        write(&mut bytes).map_err(|error| anyhow::anyhow!("mqttbytes cannot write it: {error:?}"))?;
        self.send(&bytes).await
    }

    /// The next whole packet, as bytes.
    pub async fn packet(&mut self) -> Result<Vec<u8>> {
        in_time("packet from the broker", async {
            loop {
                if let Some(length) = whole_packet(&self.received)? {
                    return Ok(self.received.split_to(length).to_vec());
                }
                ensure!(self.receive().await?, "the broker closed the connection");
            }
        })
        .await?
    }

    /// The next packet of a 3.1 or 3.1.1 connection.
    pub async fn packet_v4(&mut self) -> Result<v4::Packet> {
        let bytes = self.packet().await?;
        v4::read(&mut BytesMut::from(&bytes[..]), MAX_PACKET_BYTES)
            .map_err(|error| anyhow::anyhow!("mqttbytes cannot read {bytes:02x?}: {error:?}"))
    }

    /// The next packet of a 5.0 connection.
    pub async fn packet_v5(&mut self) -> Result<v5::Packet> {
        let bytes = self.packet().await?;
        v5::read(&mut BytesMut::from(&bytes[..]), MAX_PACKET_BYTES)
            .map_err(|error| anyhow::anyhow!("mqttbytes cannot read {bytes:02x?}: {error:?}"))
    }

    /// Waits until the broker closes the connection; returns what it sent before.
    pub async fn closed(&mut self) -> Result<Vec<u8>> {
        in_time("end of the connection", async {
            while self.receive().await? {}
            anyhow::Ok(())
        })
        .await??;
        Ok(self.received.split().to_vec())
    }

    /// The next whole packet, or what there is when the broker closes the connection before.
    pub async fn answer_or_end(&mut self) -> Result<Vec<u8>> {
        in_time("answer or end of the connection", async {
            loop {
                if let Some(length) = whole_packet(&self.received)? {
                    return Ok(self.received.split_to(length).to_vec());
                }
                if !self.receive().await? {
                    return Ok(self.received.split().to_vec());
                }
            }
        })
        .await?
    }

    /// Connects as a client of 3.1.1 with a clean session, and wants to be accepted.
    pub async fn connect_v4(&mut self, id: &str) -> Result<()> {
        let connect = v4::Connect::new(id);
        self.write(|buffer| connect.write(buffer)).await?;
        match self.packet_v4().await? {
            v4::Packet::ConnAck(ack) if ack.code == v4::ConnectReturnCode::Success => Ok(()),
            other => bail!("not accepted: {other:?}"),
        }
    }

    /// Connects as a client of 5.0 with a clean start, and wants to be accepted. Returns CONNACK as bytes: mqttbytes
    /// cannot read every property.
    pub async fn connect_v5(&mut self, id: &str) -> Result<Vec<u8>> {
        let mut bytes =
            vec![0x10, 0, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, u8::try_from(id.len())?];
        bytes.extend_from_slice(id.as_bytes());
        bytes[1] = u8::try_from(bytes.len() - 2)?;
        self.send(&bytes).await?;
        let ack = self.packet().await?;
        let reason = ack.get(3).copied();
        ensure!(ack.first() == Some(&0x20) && reason == Some(0), "not accepted: {ack:02x?}");
        Ok(ack)
    }

    /// Sends PINGREQ and waits for PINGRESP: the connection is alive, and what was sent before has been handled.
    /// Returns the packets that came before it.
    pub async fn ping(&mut self) -> Result<Vec<Vec<u8>>> {
        self.send(&[0xC0, 0]).await?;
        let mut before = Vec::new();
        loop {
            match self.packet().await? {
                packet if packet == [0xD0, 0] => return Ok(before),
                packet => before.push(packet),
            }
        }
    }

    /// Reads once. False at the end of the connection, however it came: a reset is an end too.
    async fn receive(&mut self) -> Result<bool> {
        match &mut self.wire {
            Wire::Tcp(stream) => match stream.read_buf(&mut self.received).await {
                Ok(n) => Ok(n > 0),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(false),
                Err(error) => Err(error.into()),
            },
            Wire::WebSocket(stream) => match stream.next().await {
                Some(Ok(Frame::Binary(bytes))) => {
                    self.received.extend_from_slice(&bytes);
                    Ok(true)
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => Ok(true),
                Some(
                    Ok(Frame::Close(_))
                    | Err(WsError::ConnectionClosed | WsError::Protocol(_) | WsError::Io(_)),
                )
                | None => Ok(false),
                Some(Ok(other)) => bail!("MQTT is in binary frames only, this is {other:?}"),
                Some(Err(error)) => Err(error.into()),
            },
        }
    }
}

/// How long the first packet in `bytes` is, if all of it is there.
fn whole_packet(bytes: &[u8]) -> Result<Option<usize>> {
    let mut rest = bytes.get(1..).unwrap_or_default();
    let (mut length, mut shift) = (0_usize, 0);
    while rest.has_remaining() {
        let byte = rest.get_u8();
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let header = bytes.len() - rest.len();
            return Ok((rest.len() >= length).then_some(header + length));
        }
        ensure!(shift < 28, "a remaining length of more than four bytes");
    }
    Ok(None)
}
