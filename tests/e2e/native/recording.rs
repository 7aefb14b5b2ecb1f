//! Files of messages from the command line: `tabmq sub --format` writes them, `tabmq pub --file` replays them.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Device, Message, Program, Version, target_directory, unique};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A file below the target directory with this content.
fn file(name: &str, content: &str) -> Result<PathBuf> {
    let path = target_directory()?.join(format!("{}-{name}", unique("recording")));
    std::fs::write(&path, content)?;
    Ok(path)
}

/// `tabmq VERB` at this broker.
fn tabmq(broker: &Broker, verb: &str, args: &[&str]) -> Result<Program> {
    let (host, port) = (broker.mqtt().ip().to_string(), broker.mqtt().port().to_string());
    Program::spawn(&mut Broker::command([&[verb, "-h", &host, "-p", &port], args].concat())?)
}

fn line(ms: u32, topic: &str, payload: &str) -> String {
    format!("{{\"time\":{ms},\"topic\":\"{topic}\",\"payload\":\"{payload}\",\"qos\":1,\"retain\":true}}\n")
}

fn messages() -> [Message; 3] {
    [
        Message::new("day/text", "zwei\nZeilen, \"\u{e9}\"", 1),
        Message::new("day/bytes", b"\xff\x00\x0a".as_slice(), 0),
        Message::new("day/empty", "", 2),
    ]
}

/// What `sub` prints, and what comes back when `pub` replays that.
async fn there_and_back(form: &str) -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "device", Version::V5).await?;
    device.publish(&Message::retained("marker", "1", 1)).await?;
    let mut subscriber =
        tabmq(&broker, "sub", &["-t", "day/#", "-t", "marker", "-q", "2", "--format", form, "-C", "5"])?;
    subscriber.stdout.find("marker", |line| line.contains("marker")).await?;
    for message in messages() {
        device.publish(&message).await?;
    }
    let properties =
        ["-D", "publish", "content-type", "text/x", "-D", "publish", "user-property", "k", "v, \"w\""];
    tabmq(&broker, "pub", &[&["-t", "day/all", "-m", "1", "-q", "1"], &properties[..]].concat())?
        .success()
        .await?;
    subscriber.success().await?;
    let recorded = file(&format!("day.{form}"), &(subscriber.stdout.text() + "\n"))?;

    device.subscribe("copy/#", 2).await?;
    let path = recorded.to_string_lossy().into_owned();
    tabmq(&broker, "pub", &["--file", &path, "--speed", "0", "--prefix", "copy/"])?.success().await?;
    for message in [Message::new("marker", "1", 1)].into_iter().chain(messages()) {
        let expected = Message { topic: format!("copy/{}", message.topic), ..message };
        let got = device.message().await?;
        ensure!(got == expected, "{got:?} instead of {expected:?}");
    }
    let all = device.properties().await?;
    ensure!(all.content_type.as_deref() == Some("text/x"), "{all:?}");
    ensure!(all.user_properties == [("k".to_owned(), "v, \"w\"".to_owned())], "{all:?}");
    std::fs::remove_file(recorded)?;
    Ok(())
}

#[tokio::test]
async fn json_lines_there_and_back() -> Result<()> {
    there_and_back("jsonl").await
}

#[tokio::test]
async fn csv_there_and_back() -> Result<()> {
    there_and_back("csv").await
}

/// Byte by byte what docs/recording.md says, with the time at which it came.
#[tokio::test]
async fn a_line_is_as_documented() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "device", Version::V311).await?;
    device.publish(&Message::retained("a", "21.5", 1)).await?;
    device.publish(&Message::retained("b", b"\xff".as_slice(), 1)).await?;
    let mut subscriber =
        tabmq(&broker, "sub", &["-t", "a", "-t", "b", "-q", "1", "--format", "jsonl", "-C", "2"])?;
    subscriber.success().await?;
    let text = subscriber.stdout.text();
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |topic: &str| lines.iter().find(|line| line["topic"] == topic).context("it is not there");
    let (a, b) = (of("a")?, of("b")?);
    ensure!(a["payload"] == "21.5" && a["qos"] == 1 && a["retain"] == true, "{text}");
    ensure!(b["payload_base64"] == "/w==" && b["payload"].is_null(), "{text}");
    let time = a["time"].as_str().context("no time")?;
    let minute = |seconds: u64| format!("T{:02}:{:02}:", seconds / 3600 % 24, seconds / 60 % 60);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    ensure!(
        time.ends_with('Z') && [now, now - 60].iter().any(|now| time.contains(&minute(*now))),
        "it is not {now}, {time}"
    );
    Ok(())
}

#[tokio::test]
async fn replayed_with_its_timing_and_from_standard_input() -> Result<()> {
    let broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "device", Version::V5).await?;
    device.subscribe("home/#", 1).await?;
    let mut publisher = tabmq(&broker, "pub", &["-s", "--format", "jsonl", "--speed", "0.5"])?;
    // The second half a second later: a whole one at this speed.
    for text in [line(1000, "home/1", "1"), "no message\n".to_owned(), line(1500, "home/2", "2")] {
        publisher.type_line(text.trim_end()).await?;
    }
    publisher.close_stdin();
    ensure!(device.message().await? == Message::new("home/1", "1", 1), "not the first message, unretained");
    let first = Instant::now();
    ensure!(device.message().await? == Message::new("home/2", "2", 1), "not the second message");
    let distance = first.elapsed().as_millis();
    // Late on a loaded machine, but not early: between broker and test is a little time as well.
    ensure!(distance >= 900, "the second message came after {distance} ms instead of 1000");
    ensure!(!publisher.wait().await?.success(), "a line that is no message is no success");
    let said = publisher.stderr.text();
    ensure!(said.contains("1 lines are no messages; the first is line 2"), "{said}");
    Ok(())
}

/// Far more than is read ahead or is on the way at a time, in order and all of it, over a restart of the broker.
#[tokio::test]
async fn a_long_file_survives_a_restart_of_the_broker() -> Result<()> {
    const COUNT: u32 = 3_000;
    let mut broker = Broker::start().await?;
    let mut device = Device::connect(&broker, "device", Version::V5).await?;
    device.subscribe("long", 1).await?;
    // The last third waits for a second: the restart comes before it.
    let time = |n: u32| if n < COUNT * 2 / 3 { 0 } else { 1_000 };
    let content: String = (0..COUNT).map(|n| line(time(n), "long", &n.to_string())).collect();
    let path = file("long.jsonl", &content)?;
    let mut publisher = tabmq(&broker, "pub", &["--file", &path.to_string_lossy()])?;
    for n in 0..COUNT * 2 / 3 {
        let got = device.message().await?;
        ensure!(got.payload == n.to_string().as_bytes(), "{got:?} instead of {n}");
    }
    broker.stop().await?;
    broker.start_again().await?;
    let mut device = Device::connect(&broker, "device", Version::V5).await?;
    device.subscribe("long", 1).await?;
    publisher.success().await?;
    ensure!(publisher.stderr.text().contains("connected again"), "{}", publisher.stderr.text());
    std::fs::remove_file(path)?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_there() -> Result<()> {
    let broker = Broker::start().await?;
    let mut publisher = tabmq(&broker, "pub", &["--file", "nowhere.jsonl"])?;
    ensure!(!publisher.wait().await?.success(), "there is nothing to replay");
    let said = publisher.stderr.text();
    ensure!(said.contains("cannot read nowhere.jsonl"), "{said}");
    Ok(())
}
