//! What is fetched before the first message is seen, and what the page runs until then.

use anyhow::{Context, Result, ensure};
use harness::{Broker, Browser, Device, Hook, Message, Tab, Version, browser_test};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Names of files without their hashes.
const NEEDED: [&str; 4] = ["tabmq.js", "tabmq.wasm", "styles.css", "favicon.svg"];

/// A page that the machine keeps waiting may take a path that is not usual, and then waits for the rest: so it is opened
/// up to five times. A list that is out of date shows each time.
#[tokio::test]
async fn the_first_messages_need_only_the_first_files() -> Result<()> {
    browser_test("first-paint", async |broker, browser| {
        // Nobody has said anything: the messages are the broker's own.
        opens_with_the_first_files(broker, browser).await?;
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("home/kitchen/temperature", "21.5", 1)).await?;
        opens_with_the_first_files(broker, browser).await?;
        // Others than those that were recorded.
        for (seed, topics) in [(100, 1), (101, 4), (102, 30), (103, 200)] {
            let mut other = Broker::start().await?;
            household(&other, seed, topics).await?;
            opens_with_the_first_files(&other, browser)
                .await
                .with_context(|| format!("{topics} topics of household {seed}"))?;
            other.stop().await?;
        }
        Ok(())
    })
    .await
}

async fn opens_with_the_first_files(broker: &Broker, browser: &Browser) -> Result<()> {
    let mut found = Ok(());
    for _ in 0..5 {
        let tab = browser.open(&broker.page_url()).await?;
        tab.script_when(COUNT, |count| count.as_u64() > Some(0)).await?;
        found = needs_only_the_first_files(&tab).await;
        tab.close().await?;
        let Err(error) = &found else { break };
        println!("{error}");
    }
    found
}

/// Retains messages on so many topics, whose names and payloads are made of `seed`, and are as different as those of devices.
async fn household(broker: &Broker, seed: u64, topics: u32) -> Result<()> {
    const WORDS: [&str; 12] = [
        "a",
        "home",
        "living room",
        "Küche",
        "sensor-7",
        "0",
        "temperature",
        "温度",
        "zigbee2mqtt",
        "state",
        "+1",
        "a_rather_long_name_of_a_device_in_the_cellar",
    ];
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    // Marsaglia's xorshift: the same household for each seed.
    let mut below = |most: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) % most
    };
    let mut device = Device::connect(broker, &format!("household-{seed}"), Version::V5).await?;
    for _ in 0..topics {
        let levels = 1 + below(5);
        let topic: Vec<String> = (0..levels)
            .map(|_| match below(3) {
                0 => format!("{:x}", below(1 << 24)),
                _ => WORDS[below(WORDS.len() as u64) as usize].replace('+', "plus"),
            })
            .collect();
        let n = below(1 << 40);
        let payload: Vec<u8> = match below(10) {
            0 => format!("{}", n % 100).into_bytes(),
            1 => format!("-{}.{}", n % 1000, n % 7).into_bytes(),
            2 => format!("{n}e-3").into_bytes(),
            3 => b"on".to_vec(),
            4 => format!("{} °C, 开", n % 40).into_bytes(),
            5 => format!("{{\"temperature\":{}.5,\"ok\":true,\"in\":[1,null,\"x\"]}}", n % 40).into_bytes(),
            6 => format!("[{n},{n}]").into_bytes(),
            7 => n.to_be_bytes().to_vec(),
            8 => "a text that is longer than a row, in words ".repeat(1 + (n % 40) as usize).into_bytes(),
            _ => b"2026-11-27T10:27:09Z".to_vec(),
        };
        device.publish(&Message::retained(&topic.join("/"), payload, below(3) as u8)).await?;
    }
    device.disconnect().await
}

async fn needs_only_the_first_files(tab: &Tab<'_>) -> Result<()> {
    // What was asked for before the page said that something is shown; the rest comes after it.
    let script = "const [shown] = performance.getEntriesByName('tabmq-shown');
        const files = performance.getEntriesByType('resource').filter((file) => file.startTime < shown.startTime);
        return files.map((file) => file.name.split('/').pop().replace(/-[0-9a-f]{16}/, ''))";
    let files = tab.script(script, vec![]).await?;
    let files = files.as_array().context("no list of files")?;
    ensure!(files.contains(&json!("tabmq.wasm")), "the list is not complete: {files:?}");
    let others: Vec<_> = files.iter().filter(|file| !NEEDED.iter().any(|known| *file == known)).collect();
    let waits = "return performance.getEntriesByName('tabmq-waits').map((mark) => mark.detail)";
    ensure!(
        others.is_empty(),
        "the first paint fetches {others:?}, too, for {}: `cargo xtask profile` records anew what it runs",
        tab.script(waits, vec![]).await?
    );
    Ok(())
}

/// What is not there yet when it is needed is waited for, and then it works.
#[tokio::test]
async fn a_function_of_the_rest_is_waited_for() -> Result<()> {
    browser_test("first-paint-early", async |broker, browser| {
        // Nobody answers there: what says so is not part of the first paint's usual course.
        let tab = browser.open_early(&format!("{}?broker=ws://127.0.0.1:9/mqtt", broker.page_url())).await?;
        tab.wait_for(&Hook::named("connection-notice")).await?;
        let waited = tab.script("return performance.getEntriesByName('tabmq-waits').length", vec![]).await?;
        ensure!(waited.as_u64() >= Some(1), "waited {waited} times for the rest");
        Ok(())
    })
    .await
}

/// How many messages the page has counted, in whatever language.
const COUNT: &str = "return Number(document.querySelector('[data-test=message-count]')?.dataset.count ?? 0)";

/// Not a test: `cargo xtask profile` runs it, with a page that tells which of its code runs and stays at its first
/// paint. What it does is what counts as the first paint's usual course.
#[tokio::test]
#[ignore = "a recording, for `cargo xtask profile`"]
async fn what_the_first_paint_runs() -> Result<()> {
    let out = std::env::var("TABMQ_RAN").context("this is for `cargo xtask profile`")?;
    browser_test("first-paint-runs", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        let mut ran = BTreeSet::new();
        for (at, (width, query)) in
            [(1280, ""), (412, ""), (1280, "?lang=zh&theme=dark"), (1280, "?version=3.1.1")]
                .into_iter()
                .enumerate()
        {
            // The first time little is retained, then more and more.
            for topic in 0..20 * at {
                device
                    .publish(&Message::retained(&format!("hall/{}/lamp{topic}", topic % 4), "on", 1))
                    .await?;
            }
            for qos in 0..=2 {
                device.publish(&Message::retained("home/kitchen/temperature", "21.5", qos)).await?;
            }
            let tab = browser.open_early(&format!("{}{query}", broker.page_url())).await?;
            tab.resize(width, 800).await?;
            ran.extend(what_a_visit_runs(&tab, &mut device).await?);
            // The same tab once more: the page begins with what it has kept.
            tab.script(KEPT, vec![]).await?;
            tab.reload_early().await?;
            ran.extend(what_a_visit_runs(&tab, &mut device).await?);
            tab.close().await?;
        }
        for (seed, topics) in (0..).zip([0, 1, 2, 5, 20, 60, 300]) {
            let mut other = Broker::start().await?;
            household(&other, seed, topics).await?;
            let mut device = Device::connect(&other, "device", Version::V5).await?;
            let tab = browser.open_early(&other.page_url()).await?;
            if topics == 0 {
                tab.connected().await?;
                // Where nobody says anything, the page counts as shown at its first tick, after a second.
                tokio::time::sleep(Duration::from_secs(2)).await;
                device.publish(&Message::new("the/first", "1", 0)).await?;
            }
            ran.extend(what_a_visit_runs(&tab, &mut device).await?);
            tab.close().await?;
            other.stop().await?;
        }
        let lines: String = ran.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&out, lines).with_context(|| format!("cannot write {out}"))
    })
    .await
}

/// Leaves in the tab's storage what the page keeps there when something is set in it.
const KEPT: &str = "
    sessionStorage['tabmq.connections'] = 'id=0&active=0';
    sessionStorage['tabmq.settings.0'] = 'client_id=tab-abcdef&keep_alive=30';
    sessionStorage['tabmq.subscriptions.0'] = '1.p=home%2F%23&0.p=plant%2F%2B%2Fnew&0.p=%23';
    sessionStorage['tabmq.layout.0'] = 'open=home&close=plant&pin=home%2Fkitchen';
    localStorage['tabmq.look'] = 'theme=light&lang=en&keys=1&hints=1'";

/// Waits until the page shows messages of all kinds; returns the blocks of instructions that have run, and
/// the rules of the style sheet that applied, as `cargo xtask profile` reads them.
async fn what_a_visit_runs(tab: &Tab<'_>, device: &mut Device) -> Result<BTreeSet<String>> {
    tab.script_when(COUNT, |count| count.as_u64() > Some(0)).await?;
    what_devices_say(device).await?;
    tab.script_when(COUNT, |count| count.as_u64() > Some(80)).await?;
    let lines = tab
        .script(
            "return Object.keys(tabmqRan).concat(Object.keys(tabmqRules).map((rule) => `rule ${rule}`))",
            vec![],
        )
        .await?;
    let lines = lines.as_array().context("this page does not tell what runs")?;
    Ok(lines.iter().filter_map(|line| Some(line.as_str()?.to_owned())).collect())
}

/// Numbers, JSON, texts short and long, bytes, nothing: on known topics and new ones, at every QoS.
async fn what_devices_say(device: &mut Device) -> Result<()> {
    for round in 0..20 {
        for (at, topic) in ["home/kitchen/temperature", "home/door", "plant/1/state"].into_iter().enumerate()
        {
            let payload = format!("{{\"value\": {round}.5, \"at\": {at}}}");
            device.publish(&Message::new(topic, payload, round % 3)).await?;
        }
        let payload: Vec<u8> = match round % 5 {
            0 => format!("{round}").into_bytes(),
            1 => "a longer text, in words ".repeat(20).into_bytes(),
            2 => vec![0xff, 0x00, round, 0x80],
            3 => Vec::new(),
            _ => "开".into(),
        };
        device.publish(&Message::new(&format!("plant/{round}/new"), payload, round % 3)).await?;
    }
    Ok(())
}
