//! Messages into files and out of them: record, export, look at, replay.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Device, Hook, Message, Program, Tab, Version, browser_test};

fn named(name: &str) -> Hook {
    Hook::named(name)
}

/// Has the page's downloads kept as text in `window.saved` instead of on the disk.
const KEEP_DOWNLOADS: &str =
    "const make = URL.createObjectURL;
    URL.createObjectURL = blob => { blob.text().then(text => window.saved = text); return make.call(URL, blob) }";

/// Puts a file of the origin's own file system in the place of the one that a user would pick: the same kind of handle,
/// without the browser's dialog.
const PICK_A_FILE: &str = "window.showSaveFilePicker = async options => {
        const directory = await navigator.storage.getDirectory();
        window.picked = await directory.getFileHandle(options.suggestedName, { create: true });
        return window.picked;
    }";

async fn publish(device: &mut Device, messages: &[(&str, &[u8])]) -> Result<()> {
    for (topic, payload) in messages {
        device.publish(&Message::new(topic, *payload, 1)).await?;
    }
    Ok(())
}

async fn start(tab: &Tab<'_>, form: &str) -> Result<()> {
    tab.click(&named("recordings")).await?;
    tab.click(&named(form)).await?;
    tab.click(&named("record-start")).await
}

async fn open_page<'b>(broker: &Broker, browser: &'b harness::Browser) -> Result<Tab<'b>> {
    let tab = browser.open(&broker.page_url()).await?;
    tab.connected().await?;
    Ok(tab)
}

#[tokio::test]
async fn recorded_into_a_file_and_exact() -> Result<()> {
    browser_test("record_file", async |broker, browser| {
        let tab = open_page(broker, browser).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        tab.script(PICK_A_FILE, vec![]).await?;
        start(&tab, "form-jsonl").await?;
        tab.wait_for(&named("recording-strip").with("data-sink", "file")).await?;
        publish(&mut device, &[("rec/text", "é\n\"".as_bytes()), ("rec/bytes", b"\xff\x00")]).await?;
        tab.wait_for(&named("message-row").with("data-topic", "rec/bytes")).await?;
        tab.click(&named("record-stop")).await?;
        tab.wait_for(&named("recording-strip").with("data-state", "ended")).await?;
        let read = "return window.picked.getFile().then(file => file.text())";
        let text = tab
            .script_when(read, |text| text.as_str().is_some_and(|text| text.contains("rec/bytes")))
            .await?;
        let text = text.as_str().context("no text")?;
        let lines: Vec<serde_json::Value> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let of = |topic: &str| lines.iter().find(|line| line["topic"] == topic).context("not recorded");
        ensure!(of("rec/text")?["payload"] == "é\n\"", "{text}");
        ensure!(of("rec/bytes")?["payload_base64"] == "/wA=", "{text}");
        ensure!(of("rec/bytes")?["qos"] == 0, "the page subscribes at QoS 0: {text}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn recorded_without_file_access_and_looked_at() -> Result<()> {
    browser_test("record_blob", async |broker, browser| {
        let tab = open_page(broker, browser).await?;
        let mut device = Device::connect(broker, "device", Version::V311).await?;
        tab.script("delete window.showSaveFilePicker; window.showSaveFilePicker = undefined", vec![]).await?;
        tab.script(KEEP_DOWNLOADS, vec![]).await?;
        start(&tab, "form-csv").await?;
        tab.wait_for(&named("recording-strip").with("data-sink", "blob")).await?;
        publish(&mut device, &[("rec/a", b"1,\"2\""), ("rec/b", b"\xff")]).await?;
        tab.wait_for(&named("message-row").with("data-topic", "rec/b")).await?;
        tab.click(&named("record-stop")).await?;
        let saved = tab.script_when("return window.saved", serde_json::Value::is_string).await?;
        let saved = saved.as_str().context("no text")?;
        ensure!(saved.starts_with("time,topic,"), "{saved}");

        // Opened again, in a tab without a connection, with the same views.
        tab.click(&named("recordings")).await?;
        tab.choose_file(&named("recording-file"), "mine.csv", saved.as_bytes()).await?;
        tab.click(&named("session-open")).await?;
        let strip = named("session-strip").with("data-state", "complete");
        tab.text_when(&strip, |text| text.contains("mine.csv")).await?;
        tab.shows("rec/a", "1,\"2\"").await?;
        tab.shows("rec/b", "ff").await?;
        tab.wait_for(&harness::topic_node("rec/a")).await?;
        // It is gone after a reload, and the connection is there.
        tab.reload().await?;
        tab.connected().await?;
        ensure!(tab.count(&named("connection-tab")).await? == 0, "the session has become a connection");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_listed_is_exported() -> Result<()> {
    browser_test("export", async |broker, browser| {
        let tab = open_page(broker, browser).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        publish(&mut device, &[("one/a", b"1"), ("two/b", b"2"), ("one/c", b"3")]).await?;
        tab.wait_for(&named("message-row").with("data-topic", "one/c")).await?;
        tab.fill(&named("message-filter"), "one/#").await?;
        tab.wait_until_gone(&named("message-row").with("data-topic", "two/b")).await?;
        tab.script("window.showSaveFilePicker = undefined", vec![]).await?;
        tab.script(KEEP_DOWNLOADS, vec![]).await?;
        tab.click(&named("recordings")).await?;
        tab.click(&named("export")).await?;
        let saved = tab.script_when("return window.saved", serde_json::Value::is_string).await?;
        let topics: Vec<String> = saved
            .as_str()
            .context("no text")?
            .lines()
            .map(|line| Ok(serde_json::from_str::<serde_json::Value>(line)?["topic"].to_string()))
            .collect::<Result<_>>()?;
        ensure!(topics == ["\"one/a\"", "\"one/c\""], "oldest first, and only these: {topics:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn replayed_with_its_timing_to_another_prefix() -> Result<()> {
    browser_test("replay", async |broker, browser| {
        let tab = open_page(broker, browser).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("copy/#", 1).await?;
        let line = |ms: u32, n: u32| {
            format!(
                "{{\"time\":{ms},\"topic\":\"home/{n}\",\"payload\":\"{n}\",\"qos\":1,\"retain\":true}}\n"
            )
        };
        // At once, then 400 ms later; at half the speed, 800.
        let file = line(1000, 1) + "no message\n" + &line(1400, 2);
        tab.click(&named("recordings")).await?;
        tab.choose_file(&named("recording-file"), "session.jsonl", file.as_bytes()).await?;
        tab.fill(&named("replay-from"), "home/").await?;
        tab.fill(&named("replay-to"), "copy/").await?;
        tab.select(&named("replay-speed"), "50").await?;
        tab.click(&named("replay-start")).await?;
        ensure!(device.message().await? == Message::new("copy/1", "1", 1), "not the first message");
        let first = std::time::Instant::now();
        ensure!(device.message().await? == Message::new("copy/2", "2", 1), "not the second message");
        let distance = first.elapsed().as_millis();
        // Late on a loaded machine, but not early: a tick of the browser's timers is allowed for.
        ensure!(distance >= 700, "the second message came after {distance} ms instead of 800");
        let strip = named("replay-strip").with("data-state", "done").with("data-count", "2");
        tab.wait_for(&strip).await?;
        tab.text_when(&named("bad-lines"), |text| text.contains("line 2")).await.map(drop)
    })
    .await
}

/// The command line writes the same files.
#[tokio::test]
async fn what_tabmq_sub_has_written_is_opened() -> Result<()> {
    browser_test("recording_of_sub", async |broker, browser| {
        let (host, port) = (broker.mqtt().ip().to_string(), broker.mqtt().port().to_string());
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("sub/text", "é, \"1\"", 1)).await?;
        device.publish(&Message::retained("sub/bytes", b"\xff\x00".as_slice(), 1)).await?;
        let args = ["sub", "-h", &host, "-p", &port, "-t", "sub/#", "--format", "jsonl", "-C", "2"];
        let mut subscriber = Program::spawn(&mut Broker::command(args)?)?;
        subscriber.success().await?;

        let tab = open_page(broker, browser).await?;
        tab.click(&named("recordings")).await?;
        tab.choose_file(&named("recording-file"), "sub.jsonl", subscriber.stdout.text().as_bytes()).await?;
        tab.click(&named("session-open")).await?;
        let strip = named("session-strip").with("data-state", "complete").with("data-count", "2");
        tab.wait_for(&strip).await?;
        tab.shows("sub/text", "é, \"1\"").await?;
        tab.shows("sub/bytes", "ff").await
    })
    .await
}

#[tokio::test]
async fn replayed_faster_to_the_same_topics_and_retained() -> Result<()> {
    browser_test("replay_fast", async |broker, browser| {
        let tab = open_page(broker, browser).await?;
        // A minute of it, at a hundred times its speed.
        let file: String = (0..4)
            .map(|n| {
                let time = n * 20_000;
                format!("{{\"time\":{time},\"topic\":\"fast/{n}\",\"payload\":\"{n}\",\"qos\":1,\"retain\":true}}\n")
            })
            .collect();
        tab.click(&named("recordings")).await?;
        tab.choose_file(&named("recording-file"), "session.jsonl", file.as_bytes()).await?;
        // By default to `replay/…`, and not retained: nothing is written over by mistake.
        tab.fill(&named("replay-to"), "").await?;
        tab.select(&named("replay-speed"), "10000").await?;
        tab.click(&named("replay-retain")).await?;
        tab.click(&named("replay-start")).await?;
        let strip = named("replay-strip").with("data-state", "done").with("data-count", "4");
        tab.wait_for(&strip).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.subscribe("fast/#", 1).await?;
        for _ in 0..4 {
            let got = device.message().await?;
            ensure!(got.retain && got.topic == format!("fast/{}", String::from_utf8_lossy(&got.payload)), "{got:?}");
        }
        Ok(())
    })
    .await
}
