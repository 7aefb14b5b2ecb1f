//! What is fetched before the first message is seen, and what the page runs until then.

use anyhow::{Context, Result, ensure};
use harness::{Device, Hook, Message, Tab, Version, browser_test};
use serde_json::json;
use std::collections::BTreeSet;

/// Names of files without their hashes.
const NEEDED: [&str; 4] = ["tabmq.js", "tabmq.wasm", "styles.css", "favicon.svg"];

/// A page that the machine keeps waiting may take a path that is not usual, and then waits for the rest: so it is opened
/// up to five times. A list that is out of date shows each time.
#[tokio::test]
async fn the_first_messages_need_only_the_first_files() -> Result<()> {
    browser_test("first-paint", async |broker, browser| {
        let mut device = Device::connect(broker, "device", Version::V5).await?;
        device.publish(&Message::retained("home/kitchen/temperature", "21.5", 1)).await?;
        let mut found = Ok(());
        for _ in 0..5 {
            let tab = browser.open(&broker.page_url()).await?;
            tab.shows("home/kitchen/temperature", "21.5").await?;
            found = needs_only_the_first_files(&tab).await;
            let Err(error) = &found else { break };
            println!("{error}");
            tab.close().await?;
        }
        found
    })
    .await
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
