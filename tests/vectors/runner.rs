//! Runs cases against brokers.

use crate::case::{Case, Group, Step};
use crate::meaning::{CONNACK, DISCONNECT, Meaning, PINGRESP, PUBLISH, PUBREL};
use crate::rulings::{Ruling, ruling};
use crate::wire;
use anyhow::{Context, Result, bail, ensure};
use harness::Raw;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::timeout;

/// How long a broker may take for one answer or for closing. Only a case that fails waits so long.
const ANSWER: Duration = Duration::from_secs(5);

/// A broker, and the way to it.
#[derive(Clone)]
pub enum Target {
    Tcp(SocketAddr),
    WebSocket(String),
}

/// What came of it.
#[derive(Default)]
pub struct Report {
    pub passed: usize,
    /// Name and statement.
    pub left_out: Vec<(String, &'static str)>,
    /// Name and what was wrong.
    pub failures: Vec<(String, String)>,
}

/// Runs all cases: the targets share the groups, each target runs one case at a time.
pub async fn run_all(groups: Vec<Group>, targets: &[Target]) -> Report {
    let queue = Mutex::new(VecDeque::from(groups));
    let report = Mutex::new(Report::default());
    let next = || queue.lock().unwrap().pop_front();
    let lane = async |target: &Target| {
        while let Some(group) = next() {
            for case in &group.cases {
                let name = format!("{} ({})", case.name, case.level);
                let ruling = ruling(&case.name, case.level);
                if let Some((Ruling::LeftOut, statement)) = ruling {
                    report.lock().unwrap().left_out.push((name, statement));
                    continue;
                }
                let result = run(case, ruling.map(|(ruling, _)| ruling), target).await;
                let mut report = report.lock().unwrap();
                match result {
                    Ok(()) => report.passed += 1,
                    Err(error) => report.failures.push((name, format!("{error:#}"))),
                }
            }
        }
    };
    futures_util::future::join_all(targets.iter().map(lane)).await;
    report.into_inner().unwrap()
}

async fn run(case: &Case, ruling: Option<Ruling>, target: &Target) -> Result<()> {
    let mut session = Session { raw: target.open(case.level).await?, level: case.level, ids: HashMap::new() };
    if case.connect {
        session.connect().await?;
    }
    let mut expected = case.expectations()?;
    if let (Some(Ruling::Code(code)), Some(last)) = (ruling, expected.back_mut()) {
        last.codes = vec![code];
    }
    let mut early = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        let step_name = || format!("step {}", index + 1);
        match step {
            Step::Send(bytes) => session.send(bytes).await,
            Step::Receive(_) => {
                let wanted = expected.pop_front().context("an expectation")?;
                session.receive(&wanted, &expected, &mut early).await.with_context(step_name)?;
            }
            Step::Publish { topic, qos, payload } => {
                publish(target, topic, *qos, payload).await.with_context(step_name)?;
            }
        }
    }
    ensure!(early.is_empty(), "came too often: {early:?}");
    if case.expect_disconnect { session.expect_close().await } else { session.expect_life().await }
}

impl Case {
    fn expectations(&self) -> Result<VecDeque<Meaning>> {
        let packets = self.steps.iter().filter_map(|step| match step {
            Step::Receive(bytes) => Some(Meaning::of(bytes, self.level)),
            _ => None,
        });
        packets.collect()
    }
}

impl Target {
    async fn open(&self, level: u8) -> Result<Raw> {
        match self {
            Target::Tcp(address) => Raw::tcp(*address).await,
            Target::WebSocket(url) => Raw::websocket(url, if level == 3 { "mqttv3.1" } else { "mqtt" }).await,
        }
    }
}

/// The connection of one case.
struct Session {
    raw: Raw,
    level: u8,
    /// The packet identifiers of the server's PUBLISHes: as the case has them, and as they are.
    ids: HashMap<u16, u16>,
}

impl Session {
    async fn connect(&mut self) -> Result<()> {
        self.send(&wire::bytes(match self.level {
            3 => "10 r* \"MQIsdp\" 03 02 k60 \"packet-vectors\"",
            4 => "10 r* \"MQTT\" 04 02 k60 \"packet-vectors\"",
            _ => "10 r* \"MQTT\" 05 02 k60 {} \"packet-vectors\"",
        }))
        .await;
        let answer = self.packet().await?;
        ensure!(answer.packet_type == CONNACK && answer.codes == [0, 0], "not let in: {answer:?}");
        Ok(())
    }

    /// Sends a packet; an acknowledgement gets the identifier that the server chose. That a broker has closed
    /// already is seen when it is listened to.
    async fn send(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        if let [0x40 | 0x50 | 0x70, _, high, low, ..] = &mut bytes[..]
            && let Some(actual) = self.ids.get(&u16::from_be_bytes([*high, *low]))
        {
            [*high, *low] = actual.to_be_bytes();
        }
        let _ = self.raw.send(&bytes).await;
    }

    /// Waits for `wanted`. What is wanted `later` may come before it: the order of a PUBLISH and of the
    /// acknowledgement of another is the server's.
    async fn receive(
        &mut self,
        wanted: &Meaning,
        later: &VecDeque<Meaning>,
        early: &mut Vec<Meaning>,
    ) -> Result<()> {
        let wanted = self.translated(wanted);
        if let Some(at) = early.iter().position(|packet| wanted.allows(packet)) {
            let actual = early.remove(at);
            self.remember(&wanted, &actual);
            return Ok(());
        }
        loop {
            let actual = self.packet().await.with_context(|| format!("instead of {wanted:?}"))?;
            if wanted.allows(&actual) {
                self.remember(&wanted, &actual);
                return Ok(());
            }
            if !later.iter().any(|other| other.allows(&actual)) {
                bail!("got {actual:?} instead of {wanted:?}");
            }
            early.push(actual);
        }
    }

    /// The server must close. Before that it may say why.
    async fn expect_close(&mut self) -> Result<()> {
        loop {
            match timeout(ANSWER, self.raw.packet()).await {
                Err(_) => bail!("the connection is still open"),
                Ok(Err(_)) => return Ok(()),
                Ok(Ok(bytes)) => {
                    let packet = Meaning::of(&bytes, self.level)?;
                    let refusal = packet.packet_type == CONNACK && packet.codes.get(1) != Some(&0);
                    let farewell = packet.packet_type == DISCONNECT && self.level == 5;
                    ensure!(refusal || farewell, "expected no more, got {packet:?}");
                }
            }
        }
    }

    /// The server must still answer, and have nothing else to say. Then the session is ended, so that the next case
    /// finds nothing of it.
    async fn expect_life(&mut self) -> Result<()> {
        self.send(&[0xC0, 0]).await;
        let answer = self.packet().await.context("instead of PINGRESP")?;
        ensure!(answer.packet_type == PINGRESP, "instead of PINGRESP: {answer:?}");
        self.send(&[0xE0, 0]).await;
        let rest = timeout(ANSWER, self.raw.closed()).await.context("open after DISCONNECT")??;
        ensure!(rest.is_empty(), "after DISCONNECT: {rest:02x?}");
        Ok(())
    }

    async fn packet(&mut self) -> Result<Meaning> {
        let bytes = timeout(ANSWER, self.raw.packet()).await.context("no answer")??;
        Meaning::of(&bytes, self.level)
    }

    /// `wanted` with the identifier that the server chose: a PUBREL carries that of its PUBLISH.
    fn translated(&self, wanted: &Meaning) -> Meaning {
        let mut wanted = wanted.clone();
        if wanted.packet_type == PUBREL {
            wanted.packet_id = wanted.packet_id.map(|id| self.ids.get(&id).copied().unwrap_or(id));
        }
        wanted
    }

    fn remember(&mut self, wanted: &Meaning, actual: &Meaning) {
        if let (PUBLISH, Some(expected), Some(actual)) =
            (wanted.packet_type, wanted.packet_id, actual.packet_id)
        {
            self.ids.insert(expected, actual);
        }
    }
}

/// Publishes as another client would, and leaves.
async fn publish(target: &Target, topic: &str, qos: u8, payload: &[u8]) -> Result<()> {
    let mut raw = target.open(4).await?;
    raw.connect_v4("packet-vectors-2").await?;
    let id = if qos > 0 { "m1" } else { "" };
    let mut body = wire::bytes(&format!("\"{topic}\" {id}"));
    body.extend_from_slice(payload);
    let mut packet = vec![0x30 | qos << 1];
    packet.extend(wire::var_int(body.len()));
    packet.extend(body);
    raw.send(&packet).await?;
    if qos == 2 {
        ensure!(raw.packet().await? == [0x50, 2, 0, 1], "no PUBREC");
        raw.send(&[0x62, 2, 0, 1]).await?;
    }
    let last: Option<&[u8]> = [None, Some(&[0x40, 2, 0, 1][..]), Some(&[0x70, 2, 0, 1])][usize::from(qos)];
    if let Some(last) = last {
        ensure!(raw.packet().await? == last, "not acknowledged");
    }
    raw.send(&[0xE0, 0]).await?;
    raw.closed().await?;
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, statement) in &self.left_out {
            writeln!(f, "left out: {name}: {statement}")?;
        }
        for (name, error) in &self.failures {
            writeln!(f, "FAILED: {name}: {error}")?;
        }
        let all = self.passed + self.left_out.len() + self.failures.len();
        let (out, failed) = (self.left_out.len(), self.failures.len());
        write!(f, "{all} cases: {} passed, {failed} failed, {out} left out", self.passed)
    }
}
