//! The gateway in front of mosquitto, with native clients: every version and QoS, HTTP, tabs that take nothing, and
//! a broker that takes nothing.

use anyhow::{Context, Result, ensure};
use harness::{Broker, ForeignBroker, Gateway, Program, Raw, eventually, http, unique};
use mqttbytes::{QoS, v4};
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

#[tokio::test]
async fn every_version_and_qos_through_the_gateway() -> Result<()> {
    let foreign = ForeignBroker::mosquitto().await?;
    let mut gateway = Gateway::start(foreign.tcp).await?;
    let (url, port) = (gateway.websocket_url(), foreign.tcp.to_string());
    for version in ["31", "311", "5"] {
        let topic = unique("gateway");
        let marker = format!("{topic}/marker");
        let publish =
            async |place: &[&str], topic: &str, payload: &str, qos: &str, more: &[&str]| -> Result<()> {
                let mut command =
                    Broker::command(["pub", "-V", version, "-t", topic, "-m", payload, "-q", qos])?;
                Program::spawn(command.args(place).args(more))?.success().await
            };
        publish(&["-h", "127.0.0.1", "-p", &port], &marker, "1", "1", &["-r"]).await?;
        let filter = format!("{topic}/#");
        let mut command =
            Broker::command(["sub", "-V", version, "-L", &url, "-t", &filter, "-q", "2", "-v"])?;
        let mut subscriber = Program::spawn(&mut command)?;
        ensure!(subscriber.stdout.next().await? == format!("{marker} 1"), "the retained message");
        for qos in ["0", "1", "2"] {
            publish(&["-L", &url], &topic, "up", qos, &[]).await?;
            ensure!(subscriber.stdout.next().await? == format!("{topic} up"), "{version} {qos}");
            publish(&["-h", "127.0.0.1", "-p", &port], &topic, "down", qos, &[]).await?;
            ensure!(subscriber.stdout.next().await? == format!("{topic} down"), "{version} {qos}");
        }
        let body = json!({ "topic": topic, "payload": "http", "qos": 2 });
        let answer = http::post_json(gateway.http(), "/api/v1/publish", &body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(subscriber.stdout.next().await? == format!("{topic} http"), "{version} http");
    }
    let info = http::get(gateway.http(), "/api/v1/info", &[]).await?.json()?;
    ensure!(info["mode"] == "gateway" && info["upstream"]["state"] == "connected", "{info}");
    ensure!(http::get(gateway.http(), "/healthz", &[]).await?.text() == "ok\n", "healthz");
    let status = gateway.stop().await?;
    ensure!(status.success(), "{status}: {}", gateway.log());
    Ok(())
}

#[tokio::test]
async fn credentials_of_the_gateway_in_place_of_the_tabs() -> Result<()> {
    let directory = harness::target_directory()?.join("interop");
    std::fs::create_dir_all(&directory)?;
    let (users, password) = (directory.join(unique("users")), directory.join(unique("password")));
    std::fs::write(&password, "secret\nsecond line\n")?;
    let users_text = users.to_string_lossy().into_owned();
    Program::spawn(tokio::process::Command::new("mosquitto_passwd").args([
        "-b",
        "-c",
        &users_text,
        "gate",
        "secret",
    ]))?
    .success()
    .await?;
    let settings = format!("password_file {users_text}\nallow_anonymous false");
    let foreign = ForeignBroker::mosquitto_with(&[], &settings).await?;
    let upstream = format!("mqtt://127.0.0.1:{}", foreign.tcp);
    let password_text = password.to_string_lossy().into_owned();
    let own = ["--upstream", &upstream, "--username", "gate", "--password-file", &password_text];
    let plain = Gateway::start_with(&own).await?;
    let replacing = Gateway::start_with(&[&own[..], &["--replace-credentials"]].concat()).await?;
    for (gateway, gets_in) in [(&plain, false), (&replacing, true)] {
        let mut command =
            Broker::command(["pub", "-L", &gateway.websocket_url(), "-t", "a", "-m", "1", "-q", "1"])?;
        let mut program = Program::spawn(&mut command)?;
        let status = program.wait().await?;
        ensure!(status.success() == gets_in, "{status} {}", program.stderr.text());
        let answered = async || {
            let body = json!({ "topic": "a", "qos": 1 });
            Ok((http::post_json(gateway.http(), "/api/v1/publish", &body).await?.status == 200).then_some(()))
        };
        eventually("publication by the gateway itself", answered).await?;
    }
    std::fs::remove_file(users)?;
    std::fs::remove_file(password)?;
    Ok(())
}

/// Twenty tabs that read nothing, and far more for each of them than a gateway could keep.
#[tokio::test]
async fn tabs_that_take_nothing_cost_bounded_memory() -> Result<()> {
    const TABS: usize = 20;
    const MESSAGE_BYTES: usize = 100_000;
    const MESSAGES: u64 = 400;
    let foreign = ForeignBroker::mosquitto_with(&[], "max_queued_messages 0\nmax_queued_bytes 0").await?;
    let gateway = Gateway::start(foreign.tcp).await?;
    let topic = unique("flood");
    let mut tabs = Vec::new();
    for n in 0..TABS {
        let mut tab = Raw::websocket(&gateway.websocket_url(), "mqtt").await?;
        tab.connect_v4(&format!("{topic}-{n}")).await?;
        let subscribe = v4::Subscribe { pkid: 1, ..v4::Subscribe::new(&topic, QoS::AtMostOnce) };
        tab.write(|out| subscribe.write(out)).await?;
        ensure!(matches!(tab.packet_v4().await?, v4::Packet::SubAck(_)), "no SUBACK");
        tabs.push(tab);
    }
    let before = gateway.memory_bytes()?;
    let port = foreign.tcp.to_string();
    let payload = "x".repeat(MESSAGE_BYTES - 1);
    let mut publisher = Program::spawn(
        Broker::command(["pub", "-h", "127.0.0.1", "-p", &port, "-t", &topic, "-l", "-q", "1"])?
            .arg("--quiet"),
    )?;
    for _ in 0..MESSAGES {
        publisher.type_line(&payload).await?;
    }
    publisher.close_stdin();
    publisher.success().await?;
    // By now everything is on its way to everybody: 40 MB to each tab.
    let grown = gateway.memory_bytes()?.saturating_sub(before);
    let bound = (TABS * 4 * 65_535) as u64 + (8 << 20);
    ensure!(grown < bound, "{grown} bytes for {TABS} tabs that take nothing; {bound} are allowed");
    // And others are not held up.
    let answer = http::get(gateway.http(), "/api/v1/info", &[]).await?.json()?;
    ensure!(answer["connections"]["now"] == TABS, "{answer}");
    Ok(())
}

/// Five tabs that send far more than a broker takes, which then takes it after all.
#[tokio::test]
async fn a_broker_that_takes_nothing_costs_bounded_memory_and_loses_nothing() -> Result<()> {
    const TABS: usize = 5;
    const FRAME_BYTES: usize = 100_000;
    const FRAMES: usize = 400;
    let upstream = TcpListener::bind("127.0.0.1:0").await?;
    let gateway = Gateway::start(upstream.local_addr()?.port()).await?;
    let (take, may_take) = watch::channel(false);
    let (totals, mut taken) = mpsc::unbounded_channel();
    let broker = tokio::spawn(async move {
        while let Ok((mut connection, _)) = upstream.accept().await {
            let (totals, mut may_take) = (totals.clone(), may_take.clone());
            tokio::spawn(async move {
                let _ = may_take.wait_for(|may| *may).await;
                let (mut scratch, mut total) = (vec![0; 65_536], 0);
                while total < FRAMES * FRAME_BYTES {
                    match connection.read(&mut scratch).await {
                        Ok(0) | Err(_) => break,
                        Ok(bytes) => total += bytes,
                    }
                }
                let _ = totals.send(total);
                connection
            });
        }
    });
    let info = async || http::get(gateway.http(), "/api/v1/info", &[]).await?.json();
    let before = gateway.memory_bytes()?;
    let mut sending = JoinSet::new();
    for _ in 0..TABS {
        let mut tab = Raw::websocket(&gateway.websocket_url(), "mqtt").await?;
        sending.spawn(async move {
            for _ in 0..FRAMES {
                tab.send(&[0x30; FRAME_BYTES]).await?;
            }
            anyhow::Ok(tab) // and it stays open
        });
    }
    // Until nothing passes any more: all that the system holds for sockets is full, and so is the gateway.
    let mut last = 0;
    eventually("standstill", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let passed = info().await?["traffic"]["up_bytes"].as_u64().unwrap_or_default();
        let still = passed > 0 && passed == last;
        last = passed;
        Ok(still.then_some(()))
    })
    .await?;
    ensure!(sending.try_join_next().is_none(), "a tab was not held back");
    take.send_replace(true);
    let mut tabs = Vec::new();
    while let Some(tab) = sending.join_next().await {
        tabs.push(tab??);
    }
    let mut whole = 0;
    while whole < TABS {
        let total = harness::in_time("end of a tab's bytes", taken.recv()).await?.context("no broker")?;
        // The gateway's own connection is one, too: it says little.
        ensure!(total < 1000 || total == FRAMES * FRAME_BYTES, "{total} bytes arrived");
        whole += usize::from(total >= 1000);
    }
    broker.abort();
    let grown = gateway.peak_memory_bytes()?.saturating_sub(before);
    let bound = (TABS * 4 * 65_535) as u64 + (8 << 20);
    ensure!(grown < bound, "{grown} bytes for {TABS} tabs; {bound} are allowed");
    Ok(())
}
