//! `[[bridge]]` between the real broker and mosquitto or rumqttd, whose life is not always long; and mosquitto's own
//! bridges to us.

use anyhow::{Context, Result, ensure};
use harness::{Broker, ForeignBroker, Program, eventually, http, target_directory, unique};
use std::collections::HashSet;
use std::path::PathBuf;

/// A configuration file with bridges. It goes with its value.
pub(crate) struct File(PathBuf);

impl File {
    fn bridge_to(port: u16, lines: &str) -> Result<File> {
        File::with(&bridge("other", &format!("mqtt://127.0.0.1:{port}"), lines))
    }

    pub(crate) fn with(tables: &str) -> Result<File> {
        let directory = target_directory()?.join("interop");
        std::fs::create_dir_all(&directory)?;
        let file = File(directory.join(unique("bridge.toml")));
        file.set(tables)?;
        Ok(file)
    }

    /// Writes it anew.
    pub(crate) fn set(&self, tables: &str) -> Result<()> {
        Ok(std::fs::write(&self.0, tables)?)
    }

    pub(crate) async fn broker(&self) -> Result<Broker> {
        Broker::start_with(&["--config", &self.0.to_string_lossy()]).await
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `[[bridge]]` with further lines.
pub(crate) fn bridge(name: &str, address: &str, lines: &str) -> String {
    format!("[[bridge]]\nname = '{name}'\naddress = '{address}'\nmax-retry-time = 1\n{lines}\n")
}

/// One of the two sides, for `tabmq pub` and `sub`.
#[derive(Clone)]
pub(crate) struct Side {
    port: String,
    version: &'static str,
}

impl Side {
    pub(crate) fn of(port: u16, version: &'static str) -> Side {
        Side { port: port.to_string(), version }
    }

    fn command(&self, verb: &str, args: &[&str]) -> Result<Program> {
        let mut command = Broker::command([verb, "-h", "127.0.0.1", "-p", &self.port, "-V", self.version])?;
        Program::spawn(command.args(args))
    }

    pub(crate) async fn publish(&self, topic: &str, payload: &str, qos: &str) -> Result<()> {
        self.command("pub", &["-t", topic, "-m", payload, "-q", qos])?.success().await
    }

    /// Publishes as many retained messages at QoS 1 as there are numbers, to topics of their own.
    pub(crate) async fn publish_many(&self, prefix: &str, numbers: std::ops::Range<u32>) -> Result<()> {
        for n in numbers {
            self.command("pub", &["-t", &format!("{prefix}/{n}"), "-m", &n.to_string(), "-q", "1", "-r"])?
                .success()
                .await?;
        }
        Ok(())
    }

    /// `sub -v`; returns when it is subscribed, which a retained message tells.
    pub(crate) async fn subscribe(&self, filter: &str) -> Result<Program> {
        let marker = unique("subscribed");
        self.command("pub", &["-t", &marker, "-m", "1", "-q", "1", "-r"])?.success().await?;
        let mut program = self.command("sub", &["-v", "-q", "2", "-t", filter, "-t", &marker])?;
        let line = format!("{marker} 1");
        let found = program.stdout.find("marker", |found| found == line).await;
        found.with_context(|| program.stderr.text())?;
        Ok(program)
    }
}

pub(crate) async fn until_bridge_is(broker: &Broker, state: &str) -> Result<serde_json::Value> {
    eventually(&format!("bridge that is {state}"), async || {
        let info = http::get(broker.http(), "/api/v1/info", &[]).await?.json()?;
        Ok((info["bridges"][0]["state"] == state).then(|| info["bridges"][0].clone()))
    })
    .await
}

const TOPICS: &str = "topics = [
    { pattern = 'up/#', direction = 'out', qos = 2, remote-prefix = 'site/' },
    { pattern = 'down/#', direction = 'in', qos = 2, remote-prefix = 'site/' },
    { pattern = 'both/#', direction = 'both', qos = 2 },
]";

#[tokio::test]
async fn to_mosquitto() -> Result<()> {
    for version in ["version = '5'", "version = '3.1.1'", "version = '3.1.1'\ntry-private = false"] {
        let foreign = ForeignBroker::mosquitto().await?;
        let port = foreign.tcp;
        both_ways_and_an_outage(foreign, port, "5", version).await.with_context(|| version.to_owned())?;
    }
    Ok(())
}

/// It refuses the mark of a bridge, ignores no-local, and has a port for each version.
#[tokio::test]
async fn to_rumqttd() -> Result<()> {
    for (version, spoken) in [("version = '3.1.1'", "311"), ("version = '5'\nno-local = false", "5")] {
        let foreign = ForeignBroker::rumqttd().await?;
        let port = if spoken == "5" { foreign.tcp_v5 } else { foreign.tcp };
        both_ways_and_an_outage(foreign, port, spoken, version).await.with_context(|| version.to_owned())?;
    }
    Ok(())
}

async fn both_ways_and_an_outage(
    mut foreign: ForeignBroker,
    port: u16,
    spoken: &'static str,
    lines: &str,
) -> Result<()> {
    let file = File::bridge_to(port, &format!("{lines}\n{TOPICS}"))?;
    let mut broker = file.broker().await?;
    until_bridge_is(&broker, "connected").await?;
    let (here, there) = (Side::of(broker.mqtt().port(), "5"), Side::of(port, spoken));
    let mut seen_here = here.subscribe("#").await?;
    let mut seen_there = there.subscribe("#").await?;
    for qos in ["0", "1", "2"] {
        here.publish("up/a", qos, qos).await?;
        seen_there.stdout.find("what goes out", |line| line == format!("site/up/a {qos}")).await?;
        there.publish("site/down/a", qos, qos).await?;
        seen_here.stdout.find("what comes in", |line| line == format!("down/a {qos}")).await?;
        here.publish("both/here", qos, qos).await?;
        there.publish("both/there", qos, qos).await?;
        for seen in [&mut seen_here, &mut seen_there] {
            seen.stdout.find("both, from here", |line| line == format!("both/here {qos}")).await?;
            seen.stdout.find("both, from there", |line| line == format!("both/there {qos}")).await?;
        }
    }
    // An end on both sides: whatever came back would have come before it.
    here.publish("both/end", "end", "1").await?;
    there.publish("both/end2", "end", "1").await?;
    for seen in [&mut seen_here, &mut seen_there] {
        for end in ["both/end end", "both/end2 end"] {
            seen.stdout.find("the end", |line| line == end).await?;
        }
        for line in ["both/here 2", "both/there 2", "both/here 0", "both/there 0"] {
            let times = seen.stdout.lines().iter().filter(|seen| *seen == line).count();
            ensure!(times == 1, "{line:?} came {times} times");
        }
    }

    foreign.kill().await?;
    until_bridge_is(&broker, "disconnected").await?;
    here.publish_many("up/kept", 0..40).await?;
    foreign.start_again().await?;
    until_bridge_is(&broker, "connected").await?;
    let mut all: HashSet<String> = (0..40).map(|n| format!("site/up/kept/{n} {n}")).collect();
    let mut late = there.command("sub", &["-v", "-q", "1", "-t", "site/up/kept/#"])?;
    while !all.is_empty() {
        let line = late.stdout.next().await.with_context(|| format!("{} are missing", all.len()))?;
        ensure!(all.remove(&line) || line.starts_with("site/up/kept/"), "{line}");
    }
    there.publish("site/down/again", "x", "1").await?;
    seen_here.stdout.find("what comes in again", |line| line == "down/again x").await?;

    // And this side: what comes meanwhile waits in the session there.
    let lost = until_bridge_is(&broker, "connected").await?["lost"].clone();
    ensure!(lost.as_object().is_some_and(|lost| lost.values().all(|n| n == 0)), "{lost}");
    broker.stop().await?;
    Ok(())
}

/// Mosquitto as the one that has the bridge: with its mark of a bridge, without it, and in 5.0.
#[tokio::test]
async fn from_mosquitto() -> Result<()> {
    let cases =
        ["", "try_private false", "bridge_protocol_version mqttv50", "bridge_protocol_version mqttv31"];
    for lines in cases {
        let broker = Broker::start().await?;
        let port = broker.mqtt().port();
        let bridge = format!(
            "connection to-tabmq\naddress 127.0.0.1:{port}\ntopic both/# both 2\ntopic up/# out 1 \"\" site/\n\
             topic down/# in 1 \"\" site/\nrestart_timeout 1 1\nremote_clientid mosquitto-bridge\n{lines}\n"
        );
        let foreign = ForeignBroker::mosquitto_with(&[], &bridge).await?;
        from_mosquitto_with(&broker, &foreign, lines).await.with_context(|| {
            format!("{lines}\n--- mosquitto\n{}\n--- tabmq\n{}", foreign.log(), broker.log())
        })?;
    }
    Ok(())
}

async fn from_mosquitto_with(broker: &Broker, foreign: &ForeignBroker, lines: &str) -> Result<()> {
    let (here, there) = (Side::of(broker.mqtt().port(), "5"), Side::of(foreign.tcp, "5"));
    let mut seen_here = here.subscribe("#").await?;
    let mut seen_there = there.subscribe("#").await?;
    eventually("bridge of mosquitto", async || {
        there.publish("up/probe", "?", "1").await?;
        Ok(seen_here.stdout.lines().iter().any(|line| line == "site/up/probe ?").then_some(()))
    })
    .await?;
    for qos in ["0", "1", "2"] {
        here.publish("both/here", qos, qos).await?;
        there.publish("both/there", qos, qos).await?;
        here.publish("site/down/a", qos, qos).await?;
        seen_there.stdout.find("what goes to mosquitto", |line| line == format!("down/a {qos}")).await?;
        for seen in [&mut seen_here, &mut seen_there] {
            seen.stdout.find("both, from here", |line| line == format!("both/here {qos}")).await?;
            seen.stdout.find("both, from there", |line| line == format!("both/there {qos}")).await?;
        }
    }
    here.publish("both/end", "end", "1").await?;
    there.publish("both/end2", "end", "1").await?;
    for seen in [&mut seen_here, &mut seen_there] {
        for end in ["both/end end", "both/end2 end"] {
            seen.stdout.find("the end", |line| line == end).await?;
        }
    }
    // Nothing comes back to where it was published, where the bridge can say that it is one.
    if !lines.contains("try_private false") {
        for line in ["both/there 0", "both/there 2"] {
            let times = seen_there.stdout.lines().iter().filter(|seen| *seen == line).count();
            ensure!(times == 1, "{line:?} came {times} times");
        }
    }
    Ok(())
}
