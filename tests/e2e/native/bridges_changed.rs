//! Bridges that come, go and change while the broker runs.

use crate::bridges::{File, Side, bridge};
use anyhow::{Result, ensure};
use harness::{Broker, ForeignBroker, eventually, http};

/// Waits until these bridges are there and no others, in any order, each of them connected.
async fn until_connected(broker: &Broker, names: &[&str]) -> Result<()> {
    eventually("bridges that are connected", async || {
        let info = http::get(broker.http(), "/api/v1/info", &[]).await?.json()?;
        let Some(bridges) = info["bridges"].as_array() else { return Ok(None) };
        let all = names.iter().all(|name| {
            bridges.iter().any(|bridge| bridge["name"] == *name && bridge["state"] == "connected")
        });
        Ok((all && bridges.len() == names.len()).then_some(()))
    })
    .await
}

async fn reload(broker: &mut Broker) -> Result<()> {
    let is_it = |line: &str| line.contains("configuration read again");
    let before = broker.count_log_lines(is_it);
    broker.signal("HUP").await?;
    eventually("line on the console", async || Ok((broker.count_log_lines(is_it) > before).then_some(())))
        .await
}

#[tokio::test]
async fn only_what_has_changed_connects_anew() -> Result<()> {
    let mut foreign = ForeignBroker::mosquitto().await?;
    let address = format!("mqtt://127.0.0.1:{}", foreign.tcp);
    let table = |name: &str, lines: &str| {
        let lines = format!("{lines}\ntopics = [{{ pattern = '{name}/#', qos = 1 }}]");
        bridge(name, &address, &format!("client-id = 'id-{name}'\n{lines}"))
    };
    let file = File::with(&[table("stays", ""), table("goes", ""), table("changes", "")].concat())?;
    let mut broker = file.broker().await?;
    until_connected(&broker, &["stays", "goes", "changes"]).await?;

    let changed = [table("changes", "keep-alive = 30"), table("stays", ""), table("comes", "")].concat();
    file.set(&changed)?;
    reload(&mut broker).await?;
    until_connected(&broker, &["stays", "changes", "comes"]).await?;
    for (what, name) in [("removed", "goes"), ("changed", "changes"), ("added", "comes")] {
        let line = format!("bridge {what} bridge=\"{name}\"");
        ensure!(broker.count_log_lines(|found| found.contains(&line)) == 1, "{}", broker.log());
    }
    let came = |name: &str| {
        let log = foreign.log();
        log.lines()
            .filter(|line| line.contains("New client connected"))
            .filter(|line| line.contains(&format!(" as id-{name} ")))
            .count()
    };
    let times = ["stays", "goes", "changes", "comes"].map(came);
    ensure!(times == [1, 1, 2, 1], "{times:?}: {}", foreign.log());

    let (here, there) = (Side::of(broker.mqtt().port(), "5"), Side::of(foreign.tcp, "5"));
    let mut states = here.subscribe("$SYS/broker/connection/+/state").await?;
    let mut seen = there.subscribe("#").await?;
    for name in ["goes", "stays", "changes", "comes"] {
        here.publish(&format!("{name}/a"), name, "1").await?;
        if name != "goes" {
            seen.stdout.find("what goes out", |line| line == format!("{name}/a {name}")).await?;
            let state = format!("$SYS/broker/connection/{name}/state 1");
            states.stdout.find("state", |line| line == state).await?;
        }
    }
    ensure!(!seen.stdout.text().contains("goes/a"), "{}", seen.stdout.text());
    ensure!(!states.stdout.text().contains("/goes/"), "{}", states.stdout.text());

    // What waits for a bridge waits for its successor, too.
    foreign.kill().await?;
    here.publish_many("changes/kept", 7..8).await?;
    file.set(&changed.replace("keep-alive = 30", "keep-alive = 31"))?;
    reload(&mut broker).await?;
    foreign.start_again().await?;
    let mut seen = there.subscribe("#").await?;
    seen.stdout.find("what has waited", |line| line == "changes/kept/7 7").await?;
    broker.stop().await?;
    Ok(())
}
