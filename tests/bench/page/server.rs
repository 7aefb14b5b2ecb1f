//! A server that is all load: it speaks as much of MQTT over WebSocket as a subscriber needs, and sends bytes that were
//! prepared beforehand, so that it is never the limit of what is measured.
//!
//! What it sends stands in the path of the address, see [`Load`]; it begins with the first SUBSCRIBE of a connection.

use anyhow::{Context, Result, bail};
use bytes::{BufMut, BytesMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{Packet, Publish, QoS, ReasonCode, SubAck, Version};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// About so many bytes are prepared, or as many as all topics need, and sent again and again.
const PREPARED_BYTES: usize = 512 * 1024;

/// Handed to the socket at a time, at most: in between, pings are answered.
const CHUNK_BYTES: usize = 64 * 1024;

/// How often a load with a rate is topped up.
const TICK: Duration = Duration::from_millis(1);

/// How many numbers the one message of a [`Kind::Chart`] has: the lines of a chart.
pub(crate) const CHART_LINES: usize = 20;

/// Points of each line, as many as a line keeps.
pub(crate) const CHART_POINTS: u64 = 10_000;

/// Further points of each line, a second.
const CHART_RATE: u64 = 20;

/// What the messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A small number, on so many topics in turn.
    Values { topics: usize },
    /// An array of [`CHART_LINES`] numbers on the topic `load`: [`CHART_POINTS`] times at the load's rate, from then on
    /// [`CHART_RATE`] times a second.
    Chart,
}

/// What a connection is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// Packets in each WebSocket frame.
    pub(crate) per_frame: usize,
    /// Messages a second; 0: as many as the other side takes.
    pub(crate) rate: u64,
    /// Messages in all; 0: until the connection ends.
    pub(crate) count: u64,
}

impl Load {
    /// As the path of an address.
    fn path(self) -> String {
        let topics = match self.kind {
            Kind::Values { topics } => topics,
            Kind::Chart => 0,
        };
        format!("/{topics}/{}/{}/{}", self.per_frame, self.rate, self.count)
    }

    fn from_path(path: &str) -> Option<Load> {
        let mut parts = path.trim_start_matches('/').split('/').map(str::parse::<u64>);
        let mut next = || parts.next()?.ok();
        let topics = usize::try_from(next()?).ok()?;
        let kind = if topics == 0 { Kind::Chart } else { Kind::Values { topics } };
        Some(Load { kind, per_frame: usize::try_from(next()?).ok()?, rate: next()?, count: next()? })
    }

    /// Message `n`.
    fn message(self, n: usize) -> Publish {
        let (topic, payload) = match self.kind {
            Kind::Values { topics } => {
                (format!("plant/line-{}/temperature", n % topics), format!("{}.{:02}", 20 + n % 7, n % 100))
            }
            Kind::Chart => {
                let value = |line: usize| ((n * (line + 3) * 7919) % 1000 + line * 500).to_string();
                let values: Vec<String> = (0..CHART_LINES).map(value).collect();
                ("load".to_owned(), format!("{{\"v\":[{}]}}", values.join(",")))
            }
        };
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: topic.into(),
            packet_id: None,
            topic_alias: None,
            properties: None,
            payload: payload.into(),
        }
    }
}

/// The server; it ends when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    // It ends with the other side, which says so by closing; what else there may be is worth a word.
                    if let Err(error) = serve(stream).await
                        && error.downcast_ref::<std::io::Error>().is_none()
                    {
                        eprintln!("the server of frames: {error:#}");
                    }
                });
            }
        });
        Ok(Server { address, _tasks: tasks })
    }

    /// Where this load is.
    pub(crate) fn url(&self, load: Load) -> String {
        format!("ws://{}{}", self.address, load.path())
    }
}

/// One connection, from the handshake to its end.
async fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let load = upgrade(&mut reader, &mut writer).await?;
    let (sender, replies) = unbounded_channel();
    let sending = tokio::spawn(send(writer, replies, load));
    let outcome = receive(reader, sender).await;
    // Without its reader it ends, too; a socket that takes nothing any more would keep it.
    sending.abort();
    outcome
}

/// Reads the request and answers it.
async fn upgrade(reader: &mut BufReader<OwnedReadHalf>, writer: &mut OwnedWriteHalf) -> Result<Load> {
    let mut request = String::new();
    reader.read_line(&mut request).await?;
    let path = request.split(' ').nth(1).context("no path")?.to_owned();
    let load = Load::from_path(&path).with_context(|| format!("no load: {path}"))?;
    let mut key = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = Some(derive_accept_key(value.trim().as_bytes()));
        }
    }
    let key = key.context("no WebSocket")?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    writer.write_all(answer.as_bytes()).await?;
    Ok(load)
}

/// What the reading half has to say to the writing half.
enum Reply {
    Packet(Packet, Version),
    /// The load may begin.
    Begin(Version),
}

/// Reads frames and answers packets until the other side closes.
async fn receive(mut reader: BufReader<OwnedReadHalf>, replies: UnboundedSender<Reply>) -> Result<()> {
    let mut stream = BytesMut::new();
    let mut version = Version::V5;
    let mut begun = false;
    while let Some(payload) = read_frame(&mut reader).await? {
        stream.extend_from_slice(&payload);
        while let Some(packet) = codec::decode(&mut stream, version, &Limits::of_server())? {
            let reply = match packet {
                Packet::Connect(connect) => {
                    version = connect.version;
                    Packet::ConnAck(Box::new(tabmq_shared::packet::ConnAck {
                        session_present: false,
                        reason: ReasonCode::Success,
                        properties: Default::default(),
                    }))
                }
                Packet::Subscribe(subscribe) => Packet::SubAck(Box::new(SubAck {
                    packet_id: subscribe.packet_id,
                    properties: Default::default(),
                    reasons: vec![ReasonCode::Success; subscribe.filters.len()],
                })),
                Packet::PingReq => Packet::PingResp,
                Packet::Disconnect(_) => return Ok(()),
                other => bail!("a subscriber does not send {other:?}"),
            };
            let begins = matches!(reply, Packet::SubAck(_)) && !std::mem::replace(&mut begun, true);
            // The writing half ends with the connection, as this does.
            let _ = replies.send(Reply::Packet(reply, version));
            if begins {
                let _ = replies.send(Reply::Begin(version));
            }
        }
    }
    Ok(())
}

/// The payload of the next binary frame; `None` at the end. Browsers do not split what is small.
async fn read_frame(reader: &mut BufReader<OwnedReadHalf>) -> Result<Option<Vec<u8>>> {
    const CLOSE: u8 = 8;
    loop {
        let head = reader.read_u16().await?;
        let (opcode, length) = ((head >> 8) as u8 & 0x0F, head & 0x7F);
        let length = match length {
            126 => usize::from(reader.read_u16().await?),
            127 => bail!("a subscriber has nothing to say that is so long"),
            short => usize::from(short),
        };
        let mut mask = [0; 4];
        reader.read_exact(&mut mask).await?;
        let mut payload = vec![0; length];
        reader.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match opcode {
            CLOSE => return Ok(None),
            2 => return Ok(Some(payload)),
            _ => {} // a pong that nobody has asked for
        }
    }
}

/// Writes replies and, from the first subscription on, the load.
async fn send(mut writer: OwnedWriteHalf, mut replies: UnboundedReceiver<Reply>, load: Load) -> Result<()> {
    let mut running: Option<Running> = None;
    loop {
        // Replies first: the client must not take the server for dead.
        let reply = match &mut running {
            Some(running) if !running.is_over() => {
                tokio::select! {
                    biased;
                    reply = replies.recv() => reply,
                    chunk = running.next() => {
                        writer.write_all(chunk).await?;
                        continue;
                    }
                }
            }
            _ => replies.recv().await,
        };
        match reply {
            Some(Reply::Packet(packet, version)) => {
                let mut bytes = BytesMut::new();
                codec::encode(&packet, version, &mut bytes)?;
                writer.write_all(&frame(&bytes)).await?;
            }
            Some(Reply::Begin(version)) => running = Some(Running::new(load, prepare(load, version)?)),
            None => return Ok(()),
        }
    }
}

/// The frames of a load, one behind the other, and where each ends.
struct Prepared {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

fn prepare(load: Load, version: Version) -> Result<Arc<Prepared>> {
    let mut prepared = Prepared { bytes: Vec::new(), ends: Vec::new() };
    let mut n = 0;
    let topics = if let Kind::Values { topics } = load.kind { topics } else { 0 };
    while prepared.bytes.len() < PREPARED_BYTES || n < topics {
        let mut packets = BytesMut::new();
        for _ in 0..load.per_frame.max(1) {
            codec::encode(&Packet::Publish(load.message(n)), version, &mut packets)?;
            n += 1;
        }
        prepared.bytes.extend_from_slice(&frame(&packets));
        prepared.ends.push(prepared.bytes.len());
    }
    Ok(Arc::new(prepared))
}

/// A binary frame of a server.
fn frame(payload: &[u8]) -> BytesMut {
    const BINARY_AND_LAST: u8 = 0x82;
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(BINARY_AND_LAST);
    match payload.len() {
        short @ 0..126 => frame.put_u8(short as u8),
        medium @ 126..0x1_0000 => {
            frame.put_u8(126);
            frame.put_u16(medium as u16);
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// A load that goes out.
struct Running {
    load: Load,
    prepared: Arc<Prepared>,
    /// The next frame.
    next: usize,
    /// Messages that were handed out.
    sent: u64,
    /// Since when the rate holds, and what was sent before.
    since: Instant,
    before: u64,
    ticks: tokio::time::Interval,
}

impl Running {
    fn new(load: Load, prepared: Arc<Prepared>) -> Running {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Running { load, prepared, next: 0, sent: 0, since: Instant::now(), before: 0, ticks }
    }

    fn is_over(&self) -> bool {
        self.load.count > 0 && self.sent >= self.load.count
    }

    /// The next frames, as many as are due. May be given up while it waits.
    async fn next(&mut self) -> &[u8] {
        let per_frame = self.load.per_frame.max(1) as u64;
        let mut due = u64::MAX;
        if self.load.kind == Kind::Chart && self.sent == CHART_POINTS {
            (self.since, self.before, self.load.rate) = (Instant::now(), self.sent, CHART_RATE);
        }
        if self.load.rate > 0 {
            loop {
                let elapsed_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
                let by_now = self.before + elapsed_us.saturating_mul(self.load.rate) / 1_000_000;
                due = by_now.saturating_sub(self.sent);
                if due >= per_frame {
                    break;
                }
                self.ticks.tick().await;
            }
        }
        if self.load.kind == Kind::Chart {
            due = 1;
        }
        if self.load.count > 0 {
            due = due.min(self.load.count - self.sent).max(per_frame);
        }
        let begin = self.next.checked_sub(1).map_or(0, |last| self.prepared.ends[last]);
        let (first, mut end) = (self.next, begin);
        while self.next < self.prepared.ends.len()
            && due >= per_frame
            && (end - begin < CHUNK_BYTES || self.next == first)
        {
            end = self.prepared.ends[self.next];
            self.next += 1;
            self.sent += per_frame;
            due -= per_frame;
        }
        if self.next == self.prepared.ends.len() {
            self.next = 0;
        }
        &self.prepared.bytes[begin..end]
    }
}
