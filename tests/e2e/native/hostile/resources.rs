//! Clients that take much, give little, or come in thousands.

use super::*;

/// A 3.1.1 client from elsewhere that has been let in.
async fn intruder(siege: &Siege, id: &str) -> Result<Raw> {
    let mut raw = attacker(siege.broker.mqtt()).await?;
    raw.connect_v4(id).await?;
    Ok(raw)
}

#[tokio::test]
async fn a_reader_that_never_reads() -> Result<()> {
    let mut siege = Siege::new(&["--write-timeout", "2s", "--sys-interval", "1"]).await?;
    let mut readers = Vec::new();
    for number in 0..3 {
        let mut reader = intruder(&siege, &format!("sleeper-{number}")).await?;
        reader.send(&subscribe(1, &["flood"])).await?;
        reader.packet().await?;
        readers.push(reader);
    }
    let mut writer = intruder(&siege, "writer").await?;
    let batch = publish("flood", &[b'x'; 10_000]).repeat(100);
    for _ in 0..200 {
        writer.send(&batch).await?;
    }
    writer.ping().await?;
    siege.holds("200 MB for three who do not read").await?;
    siege.counted("limits/write-timeout").await?;
    siege.counted("publish/messages/dropped/outbox_full").await?;
    // They are closed, so what waited for them is gone.
    siege.holds("their end").await
}

#[tokio::test]
async fn acknowledgements_withheld() -> Result<()> {
    let mut siege = Siege::new(&["--queue-bytes", "8MiB", "--sys-interval", "1"]).await?;
    let mut reader = intruder(&siege, "taker").await?;
    reader.send(&subscribe(1, &["flood"])).await?;
    reader.packet().await?;
    let mut writer = intruder(&siege, "writer").await?;
    for id in 1..=200 {
        writer.send(&publish_with_id("flood", &vec![b'x'; 1 << 20], 1, id)).await?;
        writer.packet().await?;
        if id <= 8 {
            reader.packet().await?;
        }
    }
    siege.holds("200 MiB for one who does not acknowledge").await?;
    siege.counted("publish/messages/dropped/queue_full").await
}

#[tokio::test]
async fn connections_that_never_say_connect() -> Result<()> {
    let args = ["--max-pending", "100", "--connect-timeout", "2s", "--sys-interval", "1"];
    let mut siege = Siege::new(&args).await?;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(attacker(siege.broker.mqtt()).await?);
    }
    siege.holds("300 half-open connections").await?;
    siege.counted("limits/max-pending").await?;
    for half_open in &mut flood {
        half_open.closed().await?;
    }
    siege.counted("limits/connect-timeout").await?;
    // The broker gives up their places a moment after it has closed them.
    drop(flood);
    harness::eventually("place for a late client", async || Ok(intruder(&siege, "late").await.ok())).await?;
    Ok(())
}

#[tokio::test]
async fn a_storm_of_connections() -> Result<()> {
    let mut siege = Siege::new(&[]).await?;
    for round in 0..5 {
        let storm = (0..400).map(|number| {
            let broker = siege.broker.mqtt();
            async move {
                let mut raw = attacker(broker).await?;
                raw.connect_v4(&format!("storm-{number}")).await
            }
        });
        for outcome in futures_util::future::join_all(storm).await {
            outcome?;
        }
        siege.holds(&format!("storm {round}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn subscribe_bombs() -> Result<()> {
    let mut siege = Siege::new(&["--max-subscriptions", "5000", "--sys-interval", "1"]).await?;
    // Four million filters of one byte in one packet.
    let filter = [0, 1, b'a', 0];
    let bomb = packet(0x82, &[&[0, 1, 0][..], &filter.repeat((16 << 20) / 4 - 16)].concat());
    let mut raw = attacker(siege.broker.mqtt()).await?;
    raw.send(&connect(5, &[])).await?;
    raw.packet().await?;
    let _ = raw.send(&bomb).await;
    let goodbye = raw.closed().await?;
    ensure!(goodbye.first() == Some(&0xE0) && goodbye.get(2) == Some(&0x97), "{goodbye:02x?}");
    siege.holds("four million filters").await?;
    siege.counted("limits/max-filters").await?;

    let mut raw = intruder(&siege, "collector").await?;
    let mut refused = 0;
    for first in (0..10_000).step_by(500) {
        let filters: Vec<String> = (first..first + 500).map(|number| format!("{number}/+/#")).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        raw.send(&subscribe(1, &filters)).await?;
        refused += raw.packet().await?.iter().rev().take(500).filter(|code| **code == 0x80).count();
    }
    ensure!(refused == 5000, "{refused} of 10,000 subscriptions were refused");
    siege.holds("10,000 subscriptions").await?;
    siege.counted("limits/max-subscriptions").await
}

#[tokio::test]
async fn sessions_without_an_end() -> Result<()> {
    let mut siege = Siege::new(&["--max-sessions", "200"]).await?;
    let mut refusals = 0;
    for number in 0..300 {
        let mut raw = attacker(siege.broker.mqtt()).await?;
        let id = string(format!("for-ever-{number}"));
        let body = [&string("MQTT")[..], &[5, 0, 0, 60, 5, 0x11, 0xFF, 0xFF, 0xFF, 0xFF], &id].concat();
        raw.send(&packet(0x10, &body)).await?;
        let connack = raw.answer_or_end().await?;
        match connack.get(3) {
            Some(0) => {}
            Some(0x97) => refusals += 1,
            _ => anyhow::bail!("{connack:02x?}"),
        }
    }
    ensure!((100..=102).contains(&refusals), "{refusals} of 300 were refused");
    let pinged = siege.witness.ping().await?;
    ensure!(pinged.is_empty());
    Ok(())
}

#[tokio::test]
async fn more_connections_than_there_may_be() -> Result<()> {
    let args = ["--max-connections", "20", "--max-connections-per-address", "5", "--sys-interval", "1"];
    let mut siege = Siege::new(&args).await?;
    let mut inside = Vec::new();
    for number in 0..5 {
        inside.push(intruder(&siege, &format!("inside-{number}")).await?);
    }
    let mut told = attacker(siege.broker.mqtt()).await?;
    told.send(&connect(5, &[])).await?;
    let connack = told.answer_or_end().await?;
    ensure!(connack.first() == Some(&0x20) && connack.get(3) == Some(&0x97), "{connack:02x?}");
    let mut told = attacker(siege.broker.mqtt()).await?;
    told.send(&connect(4, &[])).await?;
    ensure!(told.answer_or_end().await? == [0x20, 2, 0, 3], "not 'server unavailable'");
    // The page too.
    let mut page = Raw::tcp_from(ELSEWHERE, siege.broker.http()).await?;
    let _ = page.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    ensure!(page.closed().await?.is_empty(), "the page was served");
    siege.holds("five connections of one address").await?;
    siege.counted("limits/max-connections-per-address").await?;
    drop(inside);
    harness::eventually("place for another", async || Ok(intruder(&siege, "again").await.ok().map(drop)))
        .await
}

#[tokio::test]
async fn descriptors_used_up() -> Result<()> {
    let mut siege = Siege::of(Broker::start_with_descriptors(160, &[]).await?).await?;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(attacker(siege.broker.mqtt()).await?);
    }
    siege.holds("300 connections to a process that may have 160 files").await?;
    drop(flood);
    siege.holds("their end").await
}

#[tokio::test]
async fn who_is_too_fast_is_slowed_down_and_loses_nothing() -> Result<()> {
    let mut siege = Siege::new(&["--message-rate", "200", "--sys-interval", "1"]).await?;
    let mut reader = intruder(&siege, "reader").await?;
    reader.send(&subscribe(1, &["fast"])).await?;
    reader.packet().await?;
    let mut writer = intruder(&siege, "writer").await?;
    let start = tokio::time::Instant::now();
    let bytes: Vec<u8> = (0..600_u32).flat_map(|number| publish("fast", &number.to_be_bytes())).collect();
    writer.send(&bytes).await?;
    siege.holds("600 messages at once").await?;
    for number in 0..600_u32 {
        let message = reader.packet().await?;
        ensure!(message.ends_with(&number.to_be_bytes()), "{message:02x?} in place of {number}");
    }
    let elapsed = start.elapsed();
    ensure!(elapsed > Duration::from_millis(1500), "600 messages at 200 a second took {elapsed:?}");
    writer.ping().await?;
    siege.counted("limits/message-rate").await
}

#[tokio::test]
async fn a_long_keep_alive_is_no_way_to_stay() -> Result<()> {
    // CVE-2020-13849: who comes with a keep-alive of 18 hours and says nothing takes a place and no more than that.
    let mut siege = Siege::new(&["--max-connections", "40"]).await?;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut raw = attacker(siege.broker.mqtt()).await?;
        let body = [&string("MQTT")[..], &[4, 2, 0xFF, 0xFF], &string("")].concat();
        let _ = raw.send(&packet(0x10, &body)).await;
        idle.push(raw);
    }
    siege.holds("40 clients that say nothing").await
}
