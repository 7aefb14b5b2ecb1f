//! Hostile inputs. After each of them a fresh client gets a message round within two seconds, who was there before is
//! still there, and the broker's memory stays bounded.
//!
//! - [`framing`]: bytes and packets that broke other brokers, by their CVE numbers, and what resembles them.
//! - [`resources`]: clients that take much, give little, or come in thousands.
//! - [`web`]: the same by way of WebSocket and HTTP.

mod framing;
mod resources;
mod web;

use anyhow::{Context, Result, ensure};
use harness::{Broker, Raw, unique};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a fresh client may take to connect, subscribe, publish and receive.
const ROUND_TRIP: Duration = Duration::from_secs(2);

/// How much memory the broker may have more than before, in bytes.
const SPARE_BYTES: u64 = 96 * 1024 * 1024;

/// Where attackers come from: another address than that of the clients who must not notice.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A broker under attack, and a client that was there before.
struct Siege {
    broker: Broker,
    witness: Raw,
    bytes_before: Option<u64>,
}

impl Siege {
    async fn new(args: &[&str]) -> Result<Siege> {
        // The console is not what is tested here, and it would be long.
        Siege::of(Broker::start_with(&[&["--log", "error"], args].concat()).await?).await
    }

    async fn of(broker: Broker) -> Result<Siege> {
        let mut witness = Raw::tcp(broker.mqtt()).await?;
        witness.connect_v5("witness").await?;
        let mut siege = Siege { broker, witness, bytes_before: None };
        siege.holds("nothing yet").await?;
        siege.bytes_before = siege.memory()?;
        Ok(siege)
    }

    /// Fails unless the broker serves everybody as if nothing had happened.
    async fn holds(&mut self, after: &str) -> Result<()> {
        let round_trip = tokio::time::timeout(ROUND_TRIP, self.round_trip());
        round_trip
            .await
            .with_context(|| format!("{after}: no round trip within {ROUND_TRIP:?}"))?
            .with_context(|| {
                format!("{after}: a fresh client is not served; the console: {}", self.broker.log())
            })?;
        let unasked =
            self.witness.ping().await.with_context(|| format!("{after}: the witness was closed"))?;
        ensure!(unasked.is_empty(), "{after}: the witness got {unasked:02x?}");
        if let (Some(before), Some(now)) = (self.bytes_before, self.memory()?) {
            let more = now.saturating_sub(before);
            ensure!(more < SPARE_BYTES, "{after}: {} MiB more than before", more >> 20);
        }
        Ok(())
    }

    async fn round_trip(&self) -> Result<()> {
        let (id, topic) = (unique("fresh"), unique("round"));
        let mut client = Raw::tcp(self.broker.mqtt()).await?;
        client.connect_v4(&id).await?;
        client.send(&subscribe(1, &[&topic])).await?;
        ensure!(client.packet().await?.first() == Some(&0x90), "no SUBACK");
        client.send(&publish(&topic, b"there and back")).await?;
        let message = client.packet().await?;
        ensure!(message.ends_with(b"there and back"), "another message: {message:02x?}");
        client.send(&[0xE0, 0]).await?;
        client.closed().await?;
        Ok(())
    }

    /// What the broker's process has in memory; `None` where the system does not say so.
    fn memory(&self) -> Result<Option<u64>> {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", self.broker.pid()?)) else {
            return Ok(None);
        };
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(Some(kib * 1024))
    }

    /// A counter in `$SYS/broker/…`, which is updated every second in these tests.
    async fn counted(&self, name: &str) -> Result<()> {
        harness::eventually(&format!("count of {name}"), async || {
            let mut client = Raw::tcp(self.broker.mqtt()).await?;
            client.connect_v4(&unique("counter")).await?;
            client.send(&subscribe(1, &[&format!("$SYS/broker/{name}")])).await?;
            client.packet().await?;
            let message = client.packet().await?;
            // Two bytes of fixed header, two of the topic's length, the topic, and the number in digits.
            let payload = message.get(4 + "$SYS/broker/".len() + name.len()..).context("too short")?;
            Ok((payload != b"0").then_some(()))
        })
        .await
    }
}

/// An attacker's connection over TCP, from [`ELSEWHERE`].
async fn attacker(broker: SocketAddr) -> Result<Raw> {
    Raw::tcp_from(ELSEWHERE, broker).await
}

/// A packet: its first byte and its body, whose length is written as it must be.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let byte = (length & 0x7F) as u8;
        length >>= 7;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}

/// Of 3.1.1, QoS 0.
fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&string(topic), payload].concat())
}

/// Of 3.1.1, QoS 1 or 2.
fn publish_with_id(topic: &str, payload: &[u8], qos: u8, id: u16) -> Vec<u8> {
    packet(0x30 | (qos << 1), &[&string(topic)[..], &id.to_be_bytes(), payload].concat())
}

/// Of 3.1.1, QoS 1.
fn subscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for filter in filters {
        body.extend(string(filter));
        body.push(1);
    }
    packet(0x82, &body)
}

/// A CONNECT of this version with an empty client id, and these properties if it is 5.
fn connect(version: u8, properties: &[u8]) -> Vec<u8> {
    let mut body = [&string("MQTT")[..], &[version, 2, 0, 60]].concat();
    if version == 5 {
        body.extend(&packet(0, properties)[1..]);
    }
    body.extend(string(""));
    packet(0x10, &body)
}
