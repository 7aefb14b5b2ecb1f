//! What the broker answers for its page and for programs: clients, retained messages, receivers, events, counters, and
//! the tokens that open all that.

use anyhow::{Context, Result, ensure};
use harness::http::{self, Response};
use harness::{Broker, Device, DeviceOptions, Message, Program, Version, eventually, in_time};
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn get(broker: &Broker, path: &str) -> Result<Value> {
    let answer = http::get(broker.http(), path, &[]).await?;
    ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
    answer.json()
}

async fn delete(broker: &Broker, path: &str) -> Result<Response> {
    http::request(broker.http(), "DELETE", path, &[], b"").await
}

#[tokio::test]
async fn clients_are_shown_and_sent_away() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "kitchen/1", Version::V5).await?;
    device.subscribe("home/#", 1).await?;
    device.publish(&Message::new("home/a", "x", 1)).await?;
    device.message().await?;
    let found = get(&broker, "/api/v1/clients?search=KITCHEN").await?;
    let client = &found["clients"][0];
    ensure!(client["id"] == "kitchen/1" && client["subscriptions"] == 1, "{found}");
    let connection = &client["connection"];
    ensure!(connection["transport"] == "tcp" && connection["protocol_version"] == "5.0", "{found}");
    ensure!(connection["messages_received"] == 1 && connection["messages_sent"] == 1, "{found}");
    let detail = get(&broker, "/api/v1/clients/kitchen%2F1").await?;
    ensure!(detail["subscription_list"][0]["filter"] == "home/#", "{detail}");
    let receivers = get(&broker, "/api/v1/subscriptions?topic=home/b").await?;
    ensure!(receivers["receivers"][0]["client_id"] == "kitchen/1", "{receivers}");
    let answer = delete(&broker, "/api/v1/clients/kitchen%2F1").await?;
    ensure!(answer.json()? == json!({"disconnected": true, "session_removed": true}), "{}", answer.text());
    device.ended().await?;
    ensure!(delete(&broker, "/api/v1/clients/kitchen%2F1").await?.status == 404);
    Ok(())
}

#[tokio::test]
async fn retained_messages_are_shown_and_removed() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "sensor", Version::V311).await?;
    for topic in ["home/a", "home/b", "yard"] {
        device.publish(&Message::retained(topic, "21.5", 1)).await?;
    }
    let page = get(&broker, "/api/v1/retained?filter=home/%23").await?;
    let first = &page["messages"][0];
    ensure!(page["messages"].as_array().map(Vec::len) == Some(2), "{page}");
    ensure!(first["payload_base64"] == "MjEuNQ==" && first["publisher"] == "sensor", "{page}");
    let answer = delete(&broker, "/api/v1/retained?filter=home/%23").await?;
    ensure!(answer.json()? == json!({"removed": 2, "denied": 0}), "{}", answer.text());
    // Nothing is left for those who come later.
    let mut late = Device::connect(&broker, "late", Version::V5).await?;
    late.subscribe("#", 1).await?;
    ensure!(late.message().await?.topic == "yard");
    late.nothing().await
}

/// Reads a stream of events until it has this text.
async fn read_until(stream: &mut TcpStream, read: &mut String, part: &str) -> Result<()> {
    in_time(&format!("{part} in the stream of events"), async {
        let mut buffer = [0; 4096];
        while !read.contains(part) {
            let count = stream.read(&mut buffer).await?;
            ensure!(count > 0, "the stream has ended:\n{read}");
            read.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        Ok(())
    })
    .await?
}

async fn open_events(broker: &Broker, query: &str, headers: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(broker.http()).await?;
    let request = format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", broker.http());
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

#[tokio::test]
async fn events_come_as_they_happen_and_nothing_is_missed() -> Result<()> {
    let broker = Broker::start().await?;
    let (mut stream, mut read) = (open_events(&broker, "", "").await?, String::new());
    read_until(&mut stream, &mut read, "\r\n\r\n").await?;
    ensure!(read.to_lowercase().contains("content-type: text/event-stream"), "{read}");
    let mut device = Device::connect(&broker, "dev", Version::V5).await?;
    read_until(&mut stream, &mut read, "event: connected").await?;
    let id = read.split("id: ").nth(1).and_then(|rest| rest.lines().next()).context("no id")?.to_owned();
    drop(stream);
    device.subscribe("a", 0).await?;
    device.disconnect().await?;
    let headers = format!("Last-Event-ID: {id}\r\n");
    let (mut stream, mut read) = (open_events(&broker, "", &headers).await?, String::new());
    read_until(&mut stream, &mut read, "event: disconnected").await?;
    ensure!(read.contains("event: subscribed") && !read.contains("event: connected"), "{read}");
    Ok(())
}

#[tokio::test]
async fn who_sent_a_message_and_how_many_got_it() -> Result<()> {
    let broker = Broker::start().await?;
    let (mut stream, mut read) =
        (open_events(&broker, "?kinds=published,unconsumed&topic=a/%23", "").await?, String::new());
    read_until(&mut stream, &mut read, "\r\n\r\n").await?;
    let mut device = Device::connect(&broker, "dev", Version::V311).await?;
    device.subscribe("a/1", 0).await?;
    for topic in ["b", "a/2", "a/1"] {
        device.publish(&Message::new(topic, "xyz", 1)).await?;
    }
    read_until(&mut stream, &mut read, "event: published").await?;
    read_until(&mut stream, &mut read, r#""receivers":1}"#).await?;
    ensure!(
        read.contains("event: unconsumed") && read.contains(r#""client_id":"dev","topic":"a/2""#),
        "{read}"
    );
    ensure!(!read.contains(r#""topic":"b""#), "{read}");
    Ok(())
}

#[tokio::test]
async fn a_broker_that_stops_ends_its_streams() -> Result<()> {
    let mut broker = Broker::start().await?;
    let (mut stream, mut read) = (open_events(&broker, "", "").await?, String::new());
    read_until(&mut stream, &mut read, "\r\n\r\n").await?;
    ensure!(broker.stop().await?.success());
    in_time("the end of the stream", stream.read_to_end(&mut Vec::new())).await??;
    Ok(())
}

#[tokio::test]
async fn the_page_finds_counters_and_prometheus_too() -> Result<()> {
    let broker = Broker::start().await?;
    let _device = Device::connect(&broker, "dev", Version::V5).await?;
    let stats = get(&broker, "/api/v1/stats").await?;
    ensure!(stats["clients"]["connected"]["tcp"] == 1, "{stats}");
    ensure!(stats["clients"]["connections"].as_u64() >= Some(2), "{stats}");
    ensure!(stats["memory_bytes"].as_u64() > Some(1_000_000), "{stats}");
    let metrics = http::get(broker.http(), "/metrics", &[]).await?.text();
    ensure!(metrics.contains("tabmq_clients_connected{transport=\"tcp\"} 1\n"), "{metrics}");
    ensure!(metrics.ends_with("# EOF\n"), "{metrics}");
    let description = get(&broker, "/api/v1/openapi.json").await?;
    ensure!(description["paths"]["/api/v1/clients"]["get"].is_object(), "{description}");
    ensure!(get(&broker, "/api/v1/me").await? == json!({"role": "admin", "login": false}));
    Ok(())
}

/// A configuration file that goes with its test.
struct File(PathBuf);

impl File {
    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Makes a token with this role in the file.
async fn add_token(file: &File, name: &str, role: &str) -> Result<String> {
    let args = ["token", "add", file.path(), name, "--role", role];
    let mut program = Program::spawn(&mut Broker::command(args)?)?;
    let status = program.wait().await?;
    ensure!(status.success(), "{}", program.stderr.text());
    Ok(program.stdout.text().trim().to_owned())
}

#[tokio::test]
async fn tokens_are_made_taken_and_taken_away() -> Result<()> {
    let name = format!("tabmq-{}-{}.toml", std::process::id(), harness::unique("tokens"));
    let file = File(std::env::temp_dir().join(name));
    std::fs::write(&file.0, "log = 'info'")?;
    let before = std::fs::read_to_string(&file.0)?;
    let broker = Broker::start_with(&["--config", file.path()]).await?;
    let status = async |token: &str, method: &str, path: &str| -> Result<u16> {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = br#"{"topic":"a"}"#;
        Ok(http::request(broker.http(), method, path, &headers, body).await?.status)
    };
    let viewer = add_token(&file, "prometheus", "viewer").await?;
    let publisher = add_token(&file, "sender", "publisher").await?;
    let args = ["token", "add", file.path(), "sender", "--role", "admin"];
    let mut again = Program::spawn(&mut Broker::command(args)?)?;
    ensure!(
        !again.wait().await?.success() && again.stderr.text().contains("two tokens"),
        "{}",
        again.stderr.text()
    );
    ensure!(!std::fs::read_to_string(&file.0)?.contains(&viewer), "the file has the token itself");
    broker.signal("HUP").await?;
    eventually("the tokens hold", async || {
        Ok((http::get(broker.http(), "/api/v1/info", &[]).await?.status == 401).then_some(()))
    })
    .await?;
    ensure!(status(&viewer, "GET", "/metrics").await? == 200);
    ensure!(status(&viewer, "POST", "/api/v1/publish").await? == 403);
    ensure!(status(&publisher, "POST", "/api/v1/publish").await? == 200);
    ensure!(status("tabmq_wrong", "GET", "/metrics").await? == 401);
    // They are for the API alone: MQTT is as open as before.
    Device::connect_with(&broker, DeviceOptions::new("dev", Version::V5)).await?;
    std::fs::write(&file.0, before)?;
    broker.signal("HUP").await?;
    eventually("the tokens are gone", async || {
        Ok((http::get(broker.http(), "/api/v1/info", &[]).await?.status == 200).then_some(()))
    })
    .await
}
